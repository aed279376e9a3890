"""Larger networks that begin as smaller ones: the same pictures and the same steps, with room to learn more.

A generator is widened and given further resolutions without a change of what it paints ("Net2Net", Chen et al. 2016): new features
join with outgoing weights of zero, new resolutions with a picture of zero on the enlarged one ("Progressive Growing of GANs", Karras
et al. 2018). The latents of new layers begin as copies of the last.
"""

import torch

from ...assembly import build_generator
from ...config import GeneratorConfig
from ...errors import ConfigError
from ...latents import GROUPS
from ...sound_inversion import SoundInversionEncoder
from ...synthesis import StyleGAN2Generator
from ...synthesis.layers import EqualisedLinear, ModulatedConv, ToRGB
from ...walker import RecurrentWalker


@torch.no_grad()
def grow_generator(smaller: StyleGAN2Generator, config: GeneratorConfig, seed: int = 1) -> StyleGAN2Generator:
    """A generator of `config` that paints what `smaller` paints, enlarged by its own doubling filter where `config` is of a larger size.

    The mapping is taken over as it is, so that latents keep their meaning; one of the same sizes is `smaller` itself. `seed` draws the new
    weights. Raises ConfigError where `config` has another mapping, constant or number of image channels, is smaller somewhere, or where the
    architecture of either isn't "skip".
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        grown = build_generator(config)
    old, own = smaller.state_dict(), grown.state_dict()
    if _shapes(old) == _shapes(own):
        return smaller
    _check_growth(smaller, grown, config)
    grown.load_state_dict({**own, **{name: value for name, value in old.items() if not name.startswith("synthesis.")}})
    before, after = smaller.synthesis.blocks, grown.synthesis.blocks
    after[0].const[: before[0].const.shape[0]] = before[0].const
    for block, old_block in zip(after, before, strict=False):
        for conv, old_conv in zip(block.convs, old_block.convs, strict=True):
            _copy_conv(conv, old_conv)
        _copy_torgb(block.torgb, old_block.torgb)
    for block in after[len(before) :]:
        block.torgb.weight.zero_()
    return grown


def first_blocks(generator: StyleGAN2Generator, config: GeneratorConfig, size: int) -> StyleGAN2Generator:
    """What paints the pictures of `size` pixels inside `generator`, which is of `config`, with a copy of its weights; itself at its own size.

    Raises ConfigError for a size that no block has, and where the architecture isn't "skip".
    """
    if size == config.img_resolution:
        return generator
    if config.architecture != "skip" or size not in generator.synthesis.block_resolutions:
        sizes = ", ".join(map(str, generator.synthesis.block_resolutions))
        raise ConfigError(f"sharpen size: got {size}, expected one of {sizes}, and a generator of architecture skip (it is {config.architecture})")
    smaller = build_generator(config.up_to(size))
    weights = generator.state_dict()
    smaller.load_state_dict({name: weights[name] for name in smaller.state_dict()})
    return smaller


def _shapes(state: dict[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in state.items()}


def _check_growth(smaller: StyleGAN2Generator, grown: StyleGAN2Generator, config: GeneratorConfig) -> None:
    """Raise ConfigError unless the one can become the other by adding features and resolutions alone."""
    before, after = smaller.synthesis.blocks, grown.synthesis.blocks
    if {config.architecture, before[0].architecture} != {"skip"}:
        both = f"its architecture is {before[0].architecture}, the new one's {config.architecture}"
        raise ConfigError(f"generator to begin with: {both}; only skip can grow")
    mappings = ({name: shape for name, shape in _shapes(net.state_dict()).items() if not name.startswith("synthesis.")} for net in (smaller, grown))
    if len({str(sorted(shapes.items())) for shapes in mappings}) > 1:
        raise ConfigError("generator to begin with: its mapping isn't that of the new one; z_dim, w_dim and mapping_layers must be the same")
    wider = all(block.torgb.weight.shape[1] >= old.torgb.weight.shape[1] for block, old in zip(after, before, strict=False))
    same = before[0].const.shape[1:] == after[0].const.shape[1:] and smaller.img_channels == grown.img_channels
    if not (len(before) <= len(after) and wider and same):
        raise ConfigError("generator to begin with: it is larger than the new one in size, channels or constant, or has other image channels")


def _copy_affine(own: EqualisedLinear, old: EqualisedLinear) -> None:
    """The styles of the old features; those of new ones stay as they are built."""
    num_old = len(old.bias)
    own.weight[:num_old], own.bias[:num_old] = old.weight, old.bias


def _copy_conv(own: ModulatedConv, old: ModulatedConv) -> None:
    """New features come out of it, and none of what goes in anew reaches the old ones; demodulation makes the gain of more inputs even."""
    _copy_affine(own.affine, old.affine)
    num_out, num_in = old.weight.shape[:2]
    own.weight[:num_out] = 0
    own.weight[:num_out, :num_in] = old.weight
    own.bias[:num_out] = old.bias
    own.noise_strength.copy_(old.noise_strength)
    own.noise_const.copy_(old.noise_const)


def _copy_torgb(own: ToRGB, old: ToRGB) -> None:
    """The old features' share of the picture; there's no demodulation, so the gain of more inputs is made even here."""
    _copy_affine(own.affine, old.affine)
    num_in = old.weight.shape[1]
    own.weight.zero_()
    own.weight[:, :num_in] = old.weight * (old.weight_gain / own.weight_gain)
    own.bias.copy_(old.bias)


def grow_encoder_weights(encoder: torch.nn.Module, num_ws: int) -> dict[str, torch.Tensor]:
    """The weights of E_a for `num_ws` latents: the head of each new one begins as a copy of the last.

    As they are where no more are wanted, and those of an encoder of the released code, which can't grow.
    """
    weights = encoder.state_dict()
    if not isinstance(encoder, SoundInversionEncoder):
        return weights
    last = f"heads.{encoder.num_ws - 1}."
    grown = dict(weights)
    for latent in range(encoder.num_ws, num_ws):
        grown.update({f"heads.{latent}.{name.removeprefix(last)}": value.clone() for name, value in weights.items() if name.startswith(last)})
    return grown


def grow_walker_weights(walker: torch.nn.Module, larger: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The weights of a walker for `larger`, which may have more latents, and a clock.

    New fine latents step as the last one does, and aren't read by themselves. All blocks also read the mean over the latents, in which the new
    ones count too. A new clock is the one that `larger` was built with, and isn't read yet. As they are where nothing is added, and those of
    a walker of the released code, which can't grow.
    """
    weights = walker.state_dict()
    if not (isinstance(walker, RecurrentWalker) and isinstance(larger, RecurrentWalker)):
        return weights
    grown, num_new, w_dim = dict(weights), max(0, larger.num_ws - walker.num_ws), walker.w_dim
    into, out = "blocks.fine.enter.0.weight", "blocks.fine.leave.2."
    num_own = walker.blocks["fine"].num_group * w_dim  # type: ignore[operator]
    own, shared = weights[into].split([num_own, weights[into].shape[1] - num_own], 1)  # [hidden, latents of the group, then what all blocks read]
    grown[into] = torch.cat([own, own.new_zeros(len(own), num_new * w_dim), shared], 1)
    for name in (out + "weight", out + "bias"):
        grown[name] = torch.cat([weights[name], *[weights[name][-w_dim:]] * num_new])
    if larger.clock is not None and walker.clock is None:
        grown.update({f"clock.{name}": value for name, value in larger.clock.state_dict().items()})
        for into in (f"blocks.{name}.enter.0.weight" for name in GROUPS):
            grown[into] = torch.nn.functional.pad(grown[into], (0, 2))
    return grown
