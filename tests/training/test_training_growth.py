"""Larger networks begin as the smaller ones they are made of."""

import dataclasses

import pytest
import torch

from sgvg_core.assembly import build_generator, build_released_sound_encoder, build_released_walker, build_sound_encoder, build_walker
from sgvg_core.config import ReleasedBlockConfig, ReleasedSoundConfig, ReleasedWalkerConfig
from sgvg_core.errors import ConfigError
from sgvg_core.kernels.upfirdn2d import upsample2d
from sgvg_core.presets import TINY_WORLD
from sgvg_core.training.world.growth import first_blocks, grow_encoder_weights, grow_generator, grow_walker_weights

SMALL = TINY_WORLD.generator
LARGE = dataclasses.replace(SMALL, img_resolution=64, channels=(24, 20, 16, 12, 6))


@pytest.fixture
def small():
    torch.manual_seed(3)
    generator = build_generator(SMALL).eval().requires_grad_(False)
    for parameter in generator.parameters():
        parameter.add_(0.2 * torch.randn(parameter.shape))
    return generator


def test_a_grown_generator_paints_the_same_pictures_at_twice_the_size(small):
    grown = grow_generator(small, LARGE).eval().requires_grad_(False)
    z = torch.randn(3, SMALL.z_dim, generator=torch.Generator().manual_seed(1))
    wanted = upsample2d(small.synthesis(small.mapping(z)))
    torch.testing.assert_close(grown.synthesis(grown.mapping(z)), wanted, atol=1e-4, rtol=1e-4)
    assert torch.equal(grown.mapping(z)[:, 0], small.mapping(z)[:, 0])


def test_every_new_weight_can_learn(small):
    grown = grow_generator(small, LARGE).requires_grad_(True)
    optimiser = torch.optim.Adam(grown.synthesis.parameters(), 0.01)
    start = {name: value.clone() for name, value in grown.synthesis.named_parameters()}
    for _ in range(2):  # what begins at nothing is reached by the second step
        image = grown.synthesis(grown.mapping(torch.ones(2, SMALL.z_dim)), noise_mode="const")
        optimiser.zero_grad()
        (image - 0.1).square().mean().backward()
        optimiser.step()
    still = [name for name, value in grown.synthesis.named_parameters() if torch.equal(value, start[name])]
    assert still == []


def test_growing_draws_nothing_from_the_global_generator(small):
    before = torch.get_rng_state()
    first, second = grow_generator(small, LARGE), grow_generator(small, LARGE)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first.state_dict()[name], value) for name, value in second.state_dict().items())


@pytest.mark.parametrize("size", [8, 16])
def test_the_first_blocks_paint_what_the_whole_adds_to(small, size):
    """The picture of the blocks of 4 px up to `size`, by their own layers; the last has one latent more, for its colours."""
    first = first_blocks(small, SMALL, size)
    assert first.img_size == (size, size)
    ws = small.mapping(torch.randn(2, SMALL.z_dim, generator=torch.Generator().manual_seed(1)))
    x = image = None
    for block, start in zip(small.synthesis.blocks[: len(first.synthesis.blocks)], (0, 1, 3, 5), strict=False):
        x, image = block(x, image, ws[:, start : start + len(block.convs) + 1], [None] * len(block.convs), torch.float32)
    torch.testing.assert_close(first.synthesis(ws[:, : first.num_ws], noise_mode="none"), image, atol=1e-5, rtol=1e-5)


def test_the_first_blocks_at_the_own_size_are_the_generator_itself(small):
    assert first_blocks(small, SMALL, SMALL.img_resolution) is small


@pytest.mark.parametrize(("size", "architecture"), [(12, "skip"), (64, "skip"), (16, "resnet")])
def test_a_size_that_no_block_paints_is_refused(size, architecture):
    config = dataclasses.replace(SMALL, architecture=architecture)
    with pytest.raises(ConfigError, match=f"sharpen size: got {size}, expected one of 4, 8, 16, 32"):
        first_blocks(build_generator(config), config, size)


@pytest.mark.parametrize(
    "other",
    [{"channels": (24, 20, 16, 4, 4)}, {"w_dim": 32}, {"const_size": (4, 8)}, {"img_channels": 4}, {"architecture": "resnet"}],
)
def test_what_cannot_grow_is_refused(small, other):
    with pytest.raises(ConfigError, match="generator to begin with"):
        grow_generator(small, dataclasses.replace(LARGE, **other))


def test_a_generator_of_the_same_sizes_is_itself_whatever_its_architecture(small):
    assert grow_generator(small, SMALL) is small
    resnet = dataclasses.replace(SMALL, architecture="resnet")
    generator = build_generator(resnet)
    assert grow_generator(generator, resnet) is generator


def test_parts_of_the_released_code_stay_as_they_are():
    encoder = build_released_sound_encoder(ReleasedSoundConfig(w_dim=16, log_mel_size=32, depths=(1, 1, 1, 1), widths=(16, 16, 16, 16)))
    walker = build_released_walker(ReleasedWalkerConfig(*(ReleasedBlockConfig(num_group, 16, 16, 1) for num_group in (4, 4, 8))))
    assert grow_encoder_weights(encoder, 10).keys() == encoder.state_dict().keys()
    assert grow_walker_weights(walker, build_walker(TINY_WORLD.walker)).keys() == walker.state_dict().keys()


def test_a_grown_sound_encoder_hears_the_same_and_its_new_latents_are_the_last_one():
    encoder = build_sound_encoder(TINY_WORLD.sound_encoder).eval()
    grown = build_sound_encoder(dataclasses.replace(TINY_WORLD.sound_encoder, num_ws=10)).eval()
    grown.load_state_dict(grow_encoder_weights(encoder, 10))
    log_mel = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before, after = encoder(log_mel), grown(log_mel)
    assert torch.equal(after[:, :8], before)
    assert torch.equal(after[:, 8], before[:, 7])
    assert torch.equal(after[:, 9], before[:, 7])


def test_a_grown_walker_takes_the_same_steps_where_the_means_are_the_same():
    walker = build_walker(TINY_WORLD.walker).eval()
    grown = build_walker(dataclasses.replace(TINY_WORLD.walker, num_ws=10)).eval()
    grown.load_state_dict(grow_walker_weights(walker, grown))
    w, sound = (torch.randn(2, 1, 24, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))  # every latent is the same: so are the means
    with torch.no_grad():
        step, hidden = walker(w.expand(-1, 8, -1), sound.expand(-1, 8, -1), {})
        grown_step, grown_hidden = grown(w.expand(-1, 10, -1), sound.expand(-1, 10, -1), {})
    torch.testing.assert_close(grown_step[:, :8], step)
    assert torch.equal(grown_step[:, 8], grown_step[:, 7])
    assert torch.equal(grown_step[:, 9], grown_step[:, 7])
    torch.testing.assert_close(grown_hidden, hidden)


def test_a_walker_that_gets_a_clock_takes_the_same_steps_until_it_has_learned_to_read_it():
    walker = build_walker(dataclasses.replace(TINY_WORLD.walker, clock=False)).eval()
    grown = build_walker(dataclasses.replace(TINY_WORLD.walker, num_ws=10)).eval()
    grown.load_state_dict(grow_walker_weights(walker, grown))
    w, sound = (torch.randn(2, 1, 24, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    with torch.no_grad():
        step, hidden = walker(w.expand(-1, 8, -1), sound.expand(-1, 8, -1), {})
        grown_step, grown_hidden = grown(w.expand(-1, 10, -1), sound.expand(-1, 10, -1), {})
    torch.testing.assert_close(grown_step[:, :8], step)
    assert set(grown_hidden) == {*hidden, "clock"}


def test_weights_that_need_not_grow_are_as_they_were():
    encoder, walker = build_sound_encoder(TINY_WORLD.sound_encoder), build_walker(TINY_WORLD.walker)
    for before, after in (
        (encoder.state_dict(), grow_encoder_weights(encoder, encoder.num_ws)),
        (walker.state_dict(), grow_walker_weights(walker, walker)),
    ):
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before)
