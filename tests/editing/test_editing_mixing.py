"""Style mixing: which latents come from where, at which frame; nothing else changes."""

from fractions import Fraction

import pytest
import torch

from sgvg_core.editing import MixedWalk, StillWalk, layer_weights, mix_ws
from sgvg_core.errors import ConfigError, ShapeError
from sgvg_core.latents import group_slices

SLICES = group_slices((2, 4), 6)


def some(num_items: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(num_items, 6, 3, generator=torch.Generator().manual_seed(seed))


def gathered(walk: object) -> torch.Tensor:
    return torch.cat(list(walk))  # type: ignore[call-overload]


def test_layers_of_weight_0_and_1_are_those_of_content_and_style_bit_by_bit() -> None:
    content, style = some(5), some(5, seed=1)
    mixed = mix_ws(content, style, layer_weights({"fine": 1.0}, SLICES, 6))
    assert torch.equal(mixed[:, :4], content[:, :4])
    assert torch.equal(mixed[:, 4:], style[:, 4:])


def test_a_weight_a_frame_goes_with_its_frame_and_the_last_one_holds() -> None:
    weights = layer_weights({"coarse": [0.0, 0.5, 1.0], "mid": 0.25}, SLICES, 6)
    assert weights.tolist() == [[c, c, 0.25, 0.25, 0, 0] for c in (0.0, 0.5, 1.0)]
    content, style = StillWalk(some(1), 7, Fraction(10), batch=2), some(1, seed=1)
    mixed = gathered(MixedWalk(content, style, weights))
    assert len(mixed) == 7
    for frame, share in enumerate((0.0, 0.5, 1, 1, 1, 1, 1)):
        torch.testing.assert_close(mixed[frame, :2], torch.lerp(some(1)[0, :2], style[0, :2], share))


def test_a_style_film_of_another_rate_and_length_is_brought_to_the_contents() -> None:
    track = torch.arange(4.0)[:, None, None].expand(4, 6, 3)  # at 5 a second: 0, 1, 2, 3 at 0, 0.2, 0.4, 0.6 s
    content = StillWalk(torch.zeros(1, 6, 3), 12, Fraction(10), batch=5)
    mixed = gathered(MixedWalk(content, StillWalk(track, 4, Fraction(5), batch=3), layer_weights({"coarse": 1, "mid": 1, "fine": 1}, SLICES, 6)))
    assert mixed[:, 0, 0].tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3, 3, 3, 3, 3]


def test_a_longer_style_film_ends_with_the_content_and_walks_can_be_mixed_twice() -> None:
    content, style = StillWalk(some(9), 9, Fraction(25), batch=4), StillWalk(some(20, seed=1), 20, Fraction(25), batch=7)
    once = MixedWalk(content, style, layer_weights({"fine": 1.0}, SLICES, 6))
    twice = MixedWalk(once, style, layer_weights({"coarse": 1.0}, SLICES, 6))
    assert (twice.num_frames, twice.fps) == (9, Fraction(25))
    assert torch.equal(gathered(twice), torch.cat([some(20, 1)[:9, :2], some(9)[:, 2:4], some(20, 1)[:9, 4:]], 1))
    assert torch.equal(gathered(twice), gathered(twice))


@pytest.mark.parametrize(
    ("weights", "words"),
    [({"soft": 1.0}, "soft, expected some of coarse"), ({"fine": []}, "empty"), ({"fine": 9.0}, "9 to 9"), ({"mid": [0.0, float("nan")]}, "nan")],
)
def test_weights_that_make_no_sense_are_named(weights: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        layer_weights(weights, SLICES, 6)


def test_latents_of_another_generator_are_refused() -> None:
    with pytest.raises(ShapeError, match="style"):
        mix_ws(some(2), torch.zeros(1, 8, 3), torch.zeros(1, 6))
    with pytest.raises(ShapeError, match="got 3 for 2 latents"):
        mix_ws(some(2), some(3), torch.zeros(1, 6))
