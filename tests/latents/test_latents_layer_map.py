"""The layer adapter: what each latent draws, and that coarse stays coarse from one generator to another."""

import itertools

import pytest
import torch

from sgvg_core.errors import ConfigError, ShapeError
from sgvg_core.latents import LatentAxis, group_slices, layer_map, map_latents, map_slices

LHQ = LatentAxis("stylegan3", 256, 16)
AXES = [LHQ, LatentAxis("stylegan3", 1024, 16), *(LatentAxis.of_stylegan2(num_ws) for num_ws in (14, 16, 18))]
PAIRS = list(itertools.permutations(AXES, 2))


def names(pair: tuple[LatentAxis, LatentAxis]) -> str:
    return " to ".join(f"{axis.family[-1]}@{axis.img_resolution}" for axis in pair)


def test_what_the_latents_of_a_stylegan2_draw() -> None:
    axis = LatentAxis.of_stylegan2(14)
    assert axis.img_resolution == 256
    assert axis.resolutions[0::2] == (4, 8, 16, 32, 64, 128, 256)
    assert axis.resolutions[-1] == 256
    assert all(low < high for low, high in itertools.pairwise(axis.octaves[:-1]))


def test_what_the_latents_of_a_stylegan3_draw() -> None:
    assert [round(resolution, 3) for resolution in LHQ.resolutions[1:15:2]] == [4, 8, 16, 32, 64, 128, 256]
    assert LHQ.octaves[14] == LHQ.octaves[15] == 8
    assert LHQ.octaves[0] < LHQ.octaves[1]


@pytest.mark.parametrize("axis", AXES, ids=lambda axis: names((axis,)))
def test_the_same_generator_is_left_alone(axis: LatentAxis) -> None:
    assert torch.equal(layer_map(axis, axis), torch.eye(axis.num_ws))


@pytest.mark.parametrize("pair", PAIRS, ids=names)
def test_coarse_stays_coarse_and_fine_stays_fine(pair: tuple[LatentAxis, LatentAxis]) -> None:
    """An offset of latents that draw up to 16 px moves those that draw up to 16 px, and none beyond the next source latent."""
    source, target = pair
    matrix = layer_map(source, target)
    assert torch.allclose(matrix.sum(1), torch.ones(target.num_ws))
    assert bool((matrix >= 0).all())
    last_coarse = max(latent for latent in range(source.num_ws - 1) if source.octaves[latent] <= 4)
    offset = torch.zeros(1, source.num_ws, 3)
    offset[:, : last_coarse + 1] = 1
    moved = map_latents(offset, matrix)[0, :, 0]
    next_octave = source.octaves[last_coarse + 1]
    for latent, octave in enumerate(target.octaves[:-1]):
        if octave <= source.octaves[last_coarse]:
            assert moved[latent] == pytest.approx(1, abs=1e-3)
        elif octave > next_octave + 1e-3:
            assert moved[latent] == 0
    assert moved[-1] == 0


def test_cutting_off_the_tail_would_not_do() -> None:
    """The first 14 of 16 latents of a StyleGAN3 aren't those of a StyleGAN2: the finest layers would hear nothing of their own."""
    matrix = layer_map(LHQ, LatentAxis.of_stylegan2(14))
    origin = matrix.argmax(1).tolist()
    assert origin == [*range(1, 14), 15]


def test_eighteen_from_sixteen_and_back() -> None:
    up, down = (layer_map(a, b) for a, b in ((LHQ, LatentAxis.of_stylegan2(18)), (LatentAxis.of_stylegan2(18), LHQ)))
    ramp = torch.arange(16.0)[None, :, None]
    back = map_latents(map_latents(ramp, up), down)[0, 1:14, 0]
    torch.testing.assert_close(back, torch.arange(1.0, 14.0), atol=1e-3, rtol=0)


def test_groups_follow_the_latents() -> None:
    slices = group_slices((4, 8), 16)
    assert map_slices(slices, layer_map(LHQ, LatentAxis.of_stylegan2(14))) == {"coarse": slice(0, 3), "mid": slice(3, 7), "fine": slice(7, 14)}
    assert map_slices(slices, torch.eye(16)) == slices
    with pytest.raises(ConfigError, match=r"no latent of a generator with 2 belongs to group mid"):
        map_slices(slices, layer_map(LHQ, LatentAxis.of_stylegan2(2)))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("stylegan1", 256, 14), "got family 'stylegan1'"),
        (("stylegan2", 300, 14), "got 300 px, expected a power of two"),
        (("stylegan2", 256, 16), "got 16 latents, expected 14"),
        (("stylegan3", 256, 3), "got 3 latents of a StyleGAN3"),
    ],
)
def test_what_cannot_be_is_refused(given: tuple[str, int, int], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        LatentAxis(*given)


def test_odd_numbers_and_wrong_latents_are_refused() -> None:
    with pytest.raises(ConfigError, match="got 15 latents, expected an even number"):
        LatentAxis.of_stylegan2(15)
    with pytest.raises(ShapeError, match=r"got shape \[1, 14, 3\], expected \[N, L=16, D\]"):
        map_latents(torch.zeros(1, 14, 3), layer_map(LHQ, LatentAxis.of_stylegan2(14)))
