"""One clock: exact frame rates, and as many frames as cover the sound."""

import math
import random
from fractions import Fraction

import pytest

from sgvg_core.clock import frame_seconds, num_frames, to_fps
from sgvg_core.errors import ConfigError

NTSC = {"23.976": 24, "29.97": 30, "47.952": 48, "59.94": 60, "119.88": 120}


@pytest.mark.parametrize(("name", "whole"), NTSC.items())
def test_ntsc_rates_snap_however_they_are_written(name: str, whole: int) -> None:
    exact = Fraction(whole * 1000, 1001)
    for value in (float(name), name, f" {name} ", float(exact), exact, f"{whole * 1000}/1001", f"{whole * 1000} / 1001", round(float(exact), 2),
                  round(float(exact), 3), round(float(exact), 6), Fraction(name)):
        assert to_fps(value) == exact


@pytest.mark.parametrize("value", [24, 25, 30, 50, 60, 12, 120, 1, 1000, 24.0, "25", "25.0", "50/2", 12.5, "0.1", Fraction(1, 3)])
def test_other_rates_are_themselves(value: object) -> None:
    assert to_fps(value) == Fraction(value)  # type: ignore[arg-type, call-overload]


@pytest.mark.slow
def test_the_rate_of_a_rate_is_itself() -> None:
    rng = random.Random(0)
    for _ in range(2000):
        fps = to_fps(Fraction(rng.randint(100, 999_999), rng.randint(1000, 1001)) if rng.random() < 0.5 else rng.uniform(0.1, 1000))
        assert to_fps(fps) == fps
        assert to_fps(str(fps)) == fps
        assert Fraction(1, 10) <= fps <= 1000


def test_a_float_rate_is_kept_within_a_five_thousandth() -> None:
    rng = random.Random(1)
    for _ in range(2000):
        value = rng.uniform(0.1, 1000)
        assert abs(to_fps(value) / Fraction(value) - 1) <= Fraction(1, 4999)


@pytest.mark.parametrize("value", ["", "abc", "24,976", "1/0", "30/1001/2", "-25", -25, 0, 0.05, 1001, float("nan"), float("inf"), "1e3", "١٢x", None,
                                   [25], "nan"])
def test_what_is_no_rate_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="fps: got"):
        to_fps(value)  # type: ignore[arg-type]


def test_frames_cover_the_sound_and_no_more() -> None:
    rng = random.Random(2)
    for _ in range(5000):
        fps = rng.choice([Fraction(n * 1000, 1001) for n in (24, 30, 60)] + [Fraction(n) for n in (12, 24, 25, 30, 60)])
        duration = Fraction(rng.randint(1, 10**8), rng.choice((8000, 22_050, 44_100, 48_000)))
        frames = num_frames(duration, fps)
        assert frames == max(1, math.ceil(duration * fps - Fraction(1, 10**6)))
        assert frames / fps >= duration - Fraction(1, 10**6) / fps
        assert frames == 1 or (frames - 1) / fps < duration


def test_whole_durations_given_as_floats_get_no_surplus_frame() -> None:
    for frames in range(1, 3000, 7):
        for fps in (Fraction(24_000, 1001), Fraction(25), Fraction(30_000, 1001), Fraction(60)):
            assert num_frames(frames / fps, fps) == frames
            assert num_frames(float(frames / fps), fps) == frames


def test_the_shortest_sound_has_a_frame() -> None:
    assert num_frames(Fraction(3, 48_000), Fraction(24)) == 1
    assert num_frames(0, Fraction(24)) == 1


def test_frames_stand_at_k_over_fps_after_hours_too() -> None:
    fps = to_fps(23.976)
    for frame in (0, 1, 14_371, 10**6):
        assert frame_seconds(frame, fps) == pytest.approx(frame * 1001 / 24_000, rel=1e-15)
    assert num_frames(600, fps) == 14_386
