"""Parts made for one generator, adapted to another with other latents."""

from ..errors import ConfigError
from ..latents import LatentAxis, layer_map
from ..sound_inversion import AdaptedSoundEncoder, AnySoundEncoder, ReleasedSoundEncoder, SoundInversionEncoder
from ..synthesis import Generator, StyleGAN2Generator
from ..walker import AdaptedWalker, AnyWalker, RecurrentWalker, ReleasedWalker


def latent_axis(generator: Generator) -> LatentAxis:
    """What the latents of a generator stand for."""
    family = "stylegan2" if isinstance(generator, StyleGAN2Generator) else "stylegan3"
    return LatentAxis(family, generator.img_resolution, generator.num_ws)


def _axis_of_part(part: SoundInversionEncoder | ReleasedSoundEncoder | RecurrentWalker | ReleasedWalker, target: LatentAxis) -> LatentAxis:
    """The latents that an encoder or walker was made for: those of the generator itself, if it could have been that one."""
    family = getattr(part, "family", "stylegan2")
    if (family, part.num_ws) == (target.family, target.num_ws):
        return target
    if isinstance(part, ReleasedSoundEncoder | ReleasedWalker) and part.family == "stylegan3":
        return LatentAxis("stylegan3", part.img_resolution, part.num_ws)
    return LatentAxis.of_stylegan2(part.num_ws)


def _check_w_dim(name: str, part: AnySoundEncoder | AnyWalker, generator: Generator) -> None:
    if part.w_dim != generator.w_dim:
        raise ConfigError(f"{name}: made for latents of {part.w_dim} numbers, but the generator takes {generator.w_dim}; use parts that go together")


def adapt_sound_encoder(
    encoder: SoundInversionEncoder | ReleasedSoundEncoder, generator: Generator, made_for: LatentAxis | None = None
) -> AnySoundEncoder:
    """A sound encoder for `generator`: itself if it's made for its latents, else with the layer adapter around it (see `layer_map`).

    Encoders that answer latents get the generator's mean latent, so that they answer offsets too. `made_for` overrides what is known of
    the generator it was trained with; None leaves that (files of the released code don't say: StyleGAN3 of 256 px is assumed, or of any size if
    the generator at hand is one). Raises ConfigError.
    """
    _check_w_dim("sound encoder", encoder, generator)
    target = latent_axis(generator)
    source = made_for or _axis_of_part(encoder, target)
    if source == target and not getattr(encoder, "absolute", False):
        return encoder
    return AdaptedSoundEncoder(encoder, layer_map(source, target), generator.w_avg).eval()


def adapt_walker(walker: RecurrentWalker | ReleasedWalker, generator: Generator, made_for: LatentAxis | None = None) -> AnyWalker:
    """A walker for `generator`: itself, or with the layer adapter around it. `made_for` as in `adapt_sound_encoder`; None: what the walker says."""
    _check_w_dim("walker", walker, generator)
    target = latent_axis(generator)
    source = made_for or _axis_of_part(walker, target)
    return walker if source == target else AdaptedWalker(walker, layer_map(target, source), layer_map(source, target)).eval()
