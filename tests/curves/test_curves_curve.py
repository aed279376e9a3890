"""A curve keeps its numbers exact when it's cut, re-timed and reckoned with."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from sgvg_core.curves.curve import Curve, as_curve
from sgvg_core.errors import ConfigError, ShapeError

NTSC = Fraction(30000, 1001)


def test_frames_that_coincide_keep_their_values_to_the_bit() -> None:
    curve = Curve(torch.rand(600), Fraction(60))
    half = curve.at(30, 300)
    assert torch.equal(half.values, curve.values[::2])
    assert torch.equal(curve.at(60).values, curve.values)
    assert torch.equal(curve.cut(Fraction(2), 3).values, curve.values[120:300])


def test_a_straight_line_stays_one_at_every_rate_without_drift() -> None:
    rate = Fraction(22050, 512)
    line = Curve(torch.arange(30000, dtype=torch.float64) / float(rate), rate, "seconds")
    for fps in (Fraction(24), NTSC, Fraction(60)):
        retimed = line.at(fps, 10000, start=Fraction(7, 3))
        expected = 7 / 3 + np.arange(10000) / float(fps)
        assert np.abs(retimed.values.numpy() - expected).max() < 5e-5  # float32 of 300 s


def test_odd_fractions_fall_back_on_whole_numbers_of_any_size() -> None:
    curve = Curve(torch.arange(100.0), Fraction(25))
    odd = curve.at(Fraction(10**12 + 1, 10**11), 20, start=Fraction(1, 10**13 + 7))
    assert np.allclose(odd.values.numpy(), np.arange(20) * 2.5, atol=1e-5)


def test_a_cut_is_held_beyond_the_ends() -> None:
    curve = Curve([1.0, 2.0, 3.0], Fraction(10))
    assert curve.at(10, 6, start=-0.1).tolist() == [1, 1, 2, 3, 3, 3]


def test_peaks_survive_a_lower_rate_and_means_keep_a_constant() -> None:
    values = torch.zeros(430)
    values[[13, 200, 377]] = 1
    peaks = Curve(values, Fraction(43)).at(12, how="peak").values
    assert int((peaks == 1).sum()) == 3
    steady = Curve.constant(0.7, Fraction(43), 430).at(12, how="mean").values
    assert torch.allclose(steady, torch.tensor(0.7), atol=1e-6)


def test_arithmetic_of_curves_and_numbers() -> None:
    left, right = Curve([1.0, 2.0, 4.0], Fraction(10), "left", "dB"), Curve([2.0, 2.0, 2.0], Fraction(10))
    assert (left + right).tolist() == [3, 4, 6]
    assert (1 - left).tolist() == [0, -1, -3]
    assert (2 / left).tolist() == [2, 1, 0.5]
    assert (left ** 2).tolist() == [1, 4, 16]
    assert (-left).tolist() == [-1, -2, -4]
    assert left.clip(1.5, 3).tolist() == [1.5, 2, 3]
    assert left.minimum(right).tolist() == [1, 2, 2]
    assert (left * right).name == "left"
    assert (left * right).unit == "dB"
    slow = Curve([0.0, 10.0], Fraction(5))
    assert (left * 0 + slow).tolist() == [0, 5, 10]


def test_what_is_no_curve_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="frame 1 is inf"):
        Curve([1.0, 1.0], Fraction(25)) / Curve([1.0, 0.0], Fraction(25))
    with pytest.raises(ShapeError, match="at least one"):
        Curve(torch.zeros(0), Fraction(25))
    with pytest.raises(ConfigError, match="above 0"):
        Curve(torch.zeros(3), Fraction(-1))
    with pytest.raises(TypeError):
        Curve([1.0], Fraction(25)) + "1"  # type: ignore[operator]


def test_numbers_lists_and_curves_become_a_curve_of_the_film() -> None:
    assert as_curve(2, Fraction(25), 3).tolist() == [2, 2, 2]
    assert as_curve([1, 2], Fraction(25), 3).tolist() == [1, 2, 2]
    assert as_curve(np.array([1.0, 2.0, 3.0, 4.0]), Fraction(25), 3).tolist() == [1, 2, 3]
    assert as_curve(Curve([0.0, 1.0], Fraction(5)), Fraction(10), 3).tolist() == [0, 0.5, 1]
    with pytest.raises(ConfigError, match="expected a number, a list of numbers or a curve"):
        as_curve(["a"], Fraction(25), 3)  # type: ignore[list-item]
