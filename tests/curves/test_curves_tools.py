"""Tools on curves do the same at every frame rate."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from sgvg_core.curves import tools
from sgvg_core.curves.curve import Curve
from sgvg_core.errors import ConfigError


def wave(fps: int, seconds: float = 4.0) -> Curve:
    """A slow wave with a knock in it."""
    time = np.arange(int(seconds * fps)) / fps
    return Curve(torch.from_numpy(0.5 + 0.3 * np.sin(2 * np.pi * 0.5 * time) + 0.2 * np.exp(-((time - 2) / 0.15) ** 2)), Fraction(fps))


TIMED = {
    "smooth": lambda curve: tools.smooth(curve, 0.2),
    "envelope": lambda curve: tools.envelope(curve, 0.05, 0.1, 0.4),
    "delay": lambda curve: tools.delay(curve, 0.25),
    "quantise": lambda curve: tools.quantise(curve, [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]),
}


@pytest.mark.parametrize("name", list(TIMED))
def test_a_tool_does_the_same_at_24_and_60_frames_a_second(name: str) -> None:
    slow, fast = TIMED[name](wave(24)), TIMED[name](wave(60))
    common = fast.at(12).values - slow.at(12).values
    assert common.abs()[1:-1].max() < 0.02
    assert (slow.values - wave(24).values).abs().max() > 0.05, "it did something"


def test_smoothing_has_its_closed_form_and_keeps_constants_up_to_the_ends() -> None:
    assert torch.allclose(tools.smooth(Curve.constant(0.3, Fraction(25), 50), 0.5).values, torch.tensor(0.3), atol=1e-6)
    time = np.arange(2500) / 250
    smooth = tools.smooth(Curve(torch.from_numpy(np.sin(2 * np.pi * time)), Fraction(250)), 0.1)
    expected = np.exp(-0.5 * (2 * np.pi * 0.1) ** 2) * np.sin(2 * np.pi * time)
    assert np.abs(smooth.values.numpy() - expected)[500:-500].max() < 1e-3
    assert tools.smooth(smooth, 0.0) is smooth


def test_a_step_rises_falls_and_is_held_as_the_time_constants_say() -> None:
    values = torch.zeros(300)
    values[50:150] = 1
    made = tools.envelope(Curve(values, Fraction(100)), attack=0.1, hold=0.2, release=0.3).values
    assert made[60] == pytest.approx(1 - np.exp(-1), abs=0.04)
    assert made[168] == made[149]
    assert made[199] == pytest.approx(np.exp(-1), abs=0.02)
    assert torch.equal(tools.envelope(Curve(values, Fraction(100))).values, values)


def test_a_gate_opens_shuts_and_holds() -> None:
    curve = Curve([0.1, 0.6, 0.4, 0.4, 0.2, 0.2, 0.2, 0.6], Fraction(10))
    assert tools.gate(curve, 0.5, low=0.3).tolist() == pytest.approx([0, 0.6, 0.4, 0.4, 0, 0, 0, 0.6])
    assert tools.gate(curve, 0.5, low=0.3, hold=0.25, closed=-1).tolist() == pytest.approx([-1, 0.6, 0.4, 0.4, 0.2, 0.2, -1, 0.6])
    with pytest.raises(ConfigError, match="at most the threshold"):
        tools.gate(curve, 0.5, low=0.6)


def test_remap_invert_gain_and_mix() -> None:
    curve = Curve([0.0, 0.5, 1.0, 2.0], Fraction(10))
    assert tools.remap(curve, 0, 1, 10, 20).tolist() == [10, 15, 20, 20]
    assert tools.remap(curve, 0, 1, shape="square").tolist() == [0, 0.25, 1, 1]
    assert tools.remap(curve, 0, 2, 1, 0).tolist() == [1, 0.75, 0.5, 0]
    assert tools.invert(curve).tolist() == [1, 0.5, 0, -1]
    assert tools.gain(curve, 2).tolist() == [0, 1, 2, 4]
    assert tools.mix([curve, curve * 3]).tolist() == [0, 1, 2, 4]
    assert tools.mix([curve, curve], [1, -0.5]).tolist() == [0, 0.25, 0.5, 1]
    assert tools.through_points(curve, [0, 1, 0]).tolist() == [0, 1, 0, 0]
    for wrong in (lambda: tools.remap(curve, 1, 1), lambda: tools.mix([]), lambda: tools.through_points(curve, [1]),
                  lambda: tools.smooth(curve, -1), lambda: tools.delay(curve, float("nan"))):
        with pytest.raises(ConfigError):
            wrong()


def test_a_delay_between_frames_is_exact() -> None:
    line = Curve(torch.arange(100.0), Fraction(25))
    assert np.allclose(tools.delay(line, 0.1).values.numpy()[5:], np.arange(5, 100) - 2.5)
    assert np.allclose(tools.delay(line, -0.1).values.numpy()[:-5], np.arange(95) + 2.5)


def test_a_wander_is_seeded_smooth_and_the_same_at_every_rate() -> None:
    slow, fast = tools.wander(Fraction(24), 240, seed=3), tools.wander(Fraction(60), 600, seed=3)
    assert torch.allclose(slow.at(12).values, fast.at(12).values, atol=1e-5)
    assert 0 <= slow.values.min() < slow.values.max() <= 1
    assert slow.values.diff().abs().max() < 0.05
    assert not torch.allclose(slow.values, tools.wander(Fraction(24), 240, seed=4).values)
