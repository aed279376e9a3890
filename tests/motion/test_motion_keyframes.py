"""Keyframes: where they stand, how the way between them is passed, and the grid of beats that they stand on."""

import itertools
import math

import pytest
import torch

from sgvg_core.curves.curve import Curve
from sgvg_core.errors import ConfigError, ShapeError
from sgvg_core.motion import EASINGS, BeatGrid, Keyframe, Keyframes, measure_swing, read_moment, slerp

TIMES = (0.0, 1.0, 2.5, 3.0)
WS = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(1))


def keyframes(interpolation: str = "linear", easing: str = "linear", **more: object) -> Keyframes:
    return Keyframes(tuple(Keyframe(time, ws[None], easing) for time, ws in zip(TIMES, WS, strict=True)), interpolation, **more)


def at(keys: Keyframes, *seconds: float) -> torch.Tensor:
    return keys.at(torch.tensor(seconds, dtype=torch.float64))


@pytest.mark.parametrize(("interpolation", "easing"), [*itertools.product(("linear", "slerp"), EASINGS), ("cubic", "linear"), ("cubic", "hold")])
def test_every_way_passes_every_keyframe_and_holds_beyond_the_ends(interpolation: str, easing: str) -> None:
    keys = keyframes(interpolation, easing)
    torch.testing.assert_close(at(keys, *TIMES), WS, atol=1e-5, rtol=0)
    torch.testing.assert_close(at(keys, -5.0, 99.0), WS[[0, 3]], atol=1e-5, rtol=0)


def test_straight_ways_are_even_and_easings_are_not() -> None:
    torch.testing.assert_close(at(keyframes(), 0.25), torch.lerp(WS[:1], WS[1:2], 0.25))
    for easing, share in (("smooth", 0.15625), ("in", 0.0625), ("out", 0.4375), ("hold", 0.0)):
        torch.testing.assert_close(at(keyframes(easing=easing), 0.25), torch.lerp(WS[:1], WS[1:2], share), atol=1e-6, rtol=0)


def test_a_cubic_keeps_its_velocity_and_a_straight_way_does_not() -> None:
    step = 1e-4

    def jump(keys: Keyframes, time: float) -> float:
        before, middle, after = at(keys, time - step, time, time + step).double()
        return float(((after - middle) - (middle - before)).norm() / step)

    for time in TIMES[1:-1]:
        assert jump(keyframes("cubic"), time) < 0.02
        assert jump(keyframes(), time) > 0.5
        assert jump(keyframes(easing="smooth"), time) < 0.02, "softly at both ends: the velocity is 0 there"
    line = Keyframes(tuple(Keyframe(time, WS[:1] * time) for time in (0.0, 1.0, 3.0, 4.0)), "cubic")
    torch.testing.assert_close(at(line, 1.7), WS[:1] * 1.7, atol=1e-5, rtol=0)


def test_a_slerp_turns_evenly_about_its_centre() -> None:
    centre = torch.tensor([1.0, 2.0])
    one, other = torch.tensor([[[2.0, 0.0]]]) + centre, torch.tensor([[[0.0, 4.0]]]) + centre
    for share in (0.0, 0.25, 0.5, 1.0):
        angle, length = share * math.pi / 2, 2 + 2 * share
        wanted = torch.tensor([[[length * math.cos(angle), length * math.sin(angle)]]]) + centre
        torch.testing.assert_close(slerp(one, other, torch.tensor(share), centre), wanted, atol=1e-5, rtol=0)
    opposite = slerp(one, 2 * centre - one, torch.tensor(0.5), centre)
    torch.testing.assert_close(opposite, centre.expand(1, 1, 2), atol=1e-5, rtol=0)


@pytest.mark.parametrize("interpolation", ["linear", "slerp", "cubic"])
def test_a_closed_way_leads_from_the_last_keyframe_to_the_first(interpolation: str) -> None:
    keys = keyframes(interpolation, period=4.0)
    torch.testing.assert_close(at(keys, 4.0, 5.0, -1.0), WS[[0, 1, 3]], atol=1e-5, rtol=0)
    seam, inside = at(keys, 3.999, 4.001), at(keys, 1.999, 2.001)
    assert (seam[1] - seam[0]).norm() < 2 * (inside[1] - inside[0]).norm() + 0.02
    if interpolation == "linear":
        torch.testing.assert_close(at(keys, 3.5), (WS[3:] + WS[:1]) / 2)
    alone = Keyframes((Keyframe(0.0, WS[:1]),), interpolation, period=2.0)
    torch.testing.assert_close(at(alone, 0.0, 1.3, 7.0), WS[:1].expand(3, -1, -1), atol=1e-5, rtol=0)


def test_keyframes_that_make_no_way_are_refused() -> None:
    key = Keyframe(1.0, WS[:1])
    for keys, said in (((), r"got the times \(none\)"), ((key, key), "each later than the one before")):
        with pytest.raises(ConfigError, match=said):
            Keyframes(keys)
    with pytest.raises(ConfigError, match="cubic keeps the velocity continuous, which an easing would break"):
        keyframes("cubic", "smooth")
    with pytest.raises(ConfigError, match="they cover 3 s of a loop of 3 s; leave out the last one"):
        keyframes(period=3.0)
    with pytest.raises(ConfigError, match="easing: got 'bounce'"):
        Keyframe(0.0, WS[:1], "bounce")
    with pytest.raises(ShapeError, match="latents of shape"):
        Keyframe(0.0, WS)
    with pytest.raises(ConfigError, match="interpolation"):
        keyframes("round")


# ---- the grid


def test_moments_on_a_grid() -> None:
    grid = BeatGrid((0.5, 1.0, 1.5, 2.1, 2.7), beats_a_bar=4, first=1)
    assert [grid.seconds(beat) for beat in (-1, 0, 1, 2, 3)] == pytest.approx([0.5, 1.0, 1.5, 2.1, 2.7])
    assert (grid.seconds(4), grid.seconds(-2)) == pytest.approx((3.3, 0.0)), "beyond the beats it goes on evenly"
    assert grid.seconds(1.5) == pytest.approx(1.8)
    assert read_moment("1 bar", grid) == pytest.approx(grid.seconds(4))
    assert [read_moment(said, grid) for said in (2, 2.5, "2.5", "2.5 s", " 1 beat ", "0.5 bars")] == pytest.approx([2, 2.5, 2.5, 2.5, 1.5, 2.1])
    assert [grid.nearest(moment) for moment in (1.05, 1.3, 2.45, 9.1)] == pytest.approx([1.0, 1.5, 2.7, 9.3])
    assert grid.nearest(1.8, 0.5) == pytest.approx(1.8)
    for said in ("two beats", "1 beet", True, None):
        with pytest.raises(ConfigError, match="at: got"):
            read_moment(said, grid)
    with pytest.raises(ConfigError, match="no beats were found in the sound"):
        read_moment("1 beat", None)


def test_a_grid_swings() -> None:
    grid = BeatGrid((0.0, 1.0, 2.0, 3.0), swing=2 / 3)
    assert [grid.seconds(beat) for beat in (0.25, 0.5, 0.75, 1, 1.5)] == pytest.approx([1 / 3, 2 / 3, 5 / 6, 1, 1 + 2 / 3])
    assert grid.nearest(0.6, 0.5) == pytest.approx(2 / 3)
    for wrong in ({"beats": (1.0,)}, {"beats": (1.0, 0.5)}, {"beats": (0.0, 1.0), "swing": 1.0}, {"beats": (0.0, 1.0), "first": 2}):
        with pytest.raises(ConfigError):
            BeatGrid(**wrong)


@pytest.mark.parametrize("swing", [0.5, 0.58, 2 / 3, 0.75])
def test_swing_is_measured(swing: float) -> None:
    beats = [0.55 * k for k in range(16)]
    values = torch.zeros(200 * 9)
    for beat in beats[:-1]:
        values[round(beat * 200)] = 1.0
        values[round((beat + swing * 0.55) * 200)] = 0.6
    found, sure = measure_swing(Curve(values, 200), beats)
    assert found == pytest.approx(swing, abs=0.015)
    assert sure > 0.5
    plain = Curve(torch.rand(1800, generator=torch.Generator().manual_seed(0)) * 0.1 + (torch.arange(1800) % 110 == 0), 200)
    assert measure_swing(plain, beats)[1] < 0.5, "nothing is played between the beats"
    assert measure_swing(plain, [0.0, 1.0]) == (0.5, 0.0)
