"""Loops close: curves, sounds and walks go round without a jump."""

from fractions import Fraction

import pytest
import torch

from sgvg_core.curves.curve import Curve
from sgvg_core.errors import ConfigError
from sgvg_core.latents import StoredWalk
from sgvg_core.motion import BeatGrid, LoopSpan, LoopWalk, bars_span, closed_curve, closed_list, closed_sound, rolled, seconds_span

FPS = Fraction(25)


def seam(values: torch.Tensor) -> tuple[float, float]:
    """The step from the last to the first, and the largest step within."""
    steps = (values[1:] - values[:-1]).flatten(1).norm(dim=1) if values.ndim > 1 else values.diff().abs()
    last = (values[:1] - values[-1:]).norm()
    return float(last), float(steps.max())


@pytest.mark.parametrize("start", [0.0, 0.1, 3.0])
def test_a_curve_closes_wherever_the_loop_begins(start: float) -> None:
    ramp = Curve(torch.arange(500) / 25, FPS)
    span = LoopSpan(start, 100, FPS)
    closed = closed_curve(ramp, span)
    step, largest = seam(closed.values)
    assert len(closed) == 100
    assert step <= largest
    assert step < 0.3, "of 4 by which the ramp rises"
    own = ramp.at(FPS, 100, start=Fraction(start))
    assert torch.equal(closed.values[30:70], own.values[30:70])
    assert rolled(closed, 3).values.tolist() == closed.tolist() * 3


def test_a_list_of_numbers_closes() -> None:
    closed = closed_list(Curve(torch.linspace(0, 1, 50), FPS), LoopSpan(0.0, 50, FPS))
    step, largest = seam(closed.values)
    assert step <= largest
    assert closed.values[:30].tolist() == pytest.approx(torch.linspace(0, 1, 50)[:30].tolist())


def test_a_sound_is_as_long_as_its_frames_and_fades_into_its_beginning() -> None:
    rate = 1000
    time = torch.arange(10 * rate) / rate
    sound = torch.stack([torch.sin(2 * torch.pi * 3.3 * time), time / 10])
    for start in (2.0, 0.0):
        span = LoopSpan(start, 61, FPS)
        cut, faded = closed_sound(sound, rate, span), closed_sound(sound, rate, span, 0.2)
        assert cut.shape == faded.shape == (2, 2440)
        assert torch.equal(cut, sound[:, int(start * rate) : int(start * rate) + 2440])
        assert abs(faded[0, 0] - faded[0, -1]) < 0.05 < abs(cut[0, 0] - cut[0, -1])
        middle = slice(300, 2000)
        assert torch.equal(faded[:, middle], cut[:, middle])
    noise = torch.randn(1, 20_000, generator=torch.Generator().manual_seed(0))
    power = closed_sound(noise, rate, LoopSpan(5.0, 250, FPS), 2.0).square().mean(0)
    assert power[-2000:].mean() == pytest.approx(1, abs=0.12), "the fade is of equal power"
    short = closed_sound(sound[:, :1500], rate, LoopSpan(0.0, 50, FPS))
    assert short.shape == (2, 2000)
    assert float(short[:, 1500:].abs().max()) == 0


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_a_walk_goes_round(batch: int) -> None:
    """A walk that never comes back by itself: it drifts, and swings with the loop."""
    span, passes = LoopSpan(0.0, 40, FPS), 3
    frame = torch.arange((passes + 1) * 40)
    ws = (0.01 * frame + torch.sin(2 * torch.pi * frame / 40))[:, None, None].expand(-1, 2, 3)

    class Batched(StoredWalk):
        def __iter__(self):  # type: ignore[no-untyped-def]
            return iter(self.ws.split(batch))

    walk = LoopWalk(Batched(ws, FPS), span, passes)
    made = torch.cat(list(walk))
    assert walk.num_frames == len(made) == 40
    assert torch.equal(made[:29], ws[80:109]), "outside the fade it's the last pass itself"
    step, largest = seam(made)
    assert step <= largest
    assert torch.equal(torch.cat(list(walk)), made)


def test_bars_are_found_and_counted() -> None:
    grid = BeatGrid(tuple(0.3 + 0.5 * k for k in range(20)), beats_a_bar=4, first=2)
    span = bars_span(grid, 2, FPS, 10.0)
    assert (span.start, span.num_frames, span.num_bars) == (pytest.approx(1.3), 100, 2)
    assert float(span.duration) == 4.0
    with pytest.raises(ConfigError, match=r"loop: 8 bars from 1.30 s end at 17.30 s, but the sound has 10.00 s; 4 would fit"):
        bars_span(grid, 8, FPS, 10.0)
    odd = bars_span(BeatGrid(tuple(60 / 97 * k for k in range(40))), 4, FPS, 24.0)
    assert abs(float(odd.duration) - 16 * 60 / 97) <= 0.02, "a pass is rounded to whole frames"
    assert seconds_span(2.0, FPS, 10.0).num_frames == 50
    with pytest.raises(ConfigError, match=r"loop: got 12 s, expected above 0 and at most the sound's 10.00 s"):
        seconds_span(12.0, FPS, 10.0)
