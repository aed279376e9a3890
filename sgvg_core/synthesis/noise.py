"""The noise maps of the synthesis network: which numbers each layer adds to its features."""

from collections.abc import Sequence

import torch

from ..errors import ConfigError
from ..randomness import normal
from ..shapes import check_shape

NOISE_MODES = ("const", "random", "none", "seeded", "given")


def noise_maps(
    mode: str,
    consts: Sequence[torch.Tensor],
    num_items: int,
    *,
    strength: float | torch.Tensor = 1.0,
    seed: int = 0,
    first: int = 0,
    given: Sequence[torch.Tensor] | None = None,
) -> list[torch.Tensor | None]:
    """One noise map a layer, [H, W] for all items or [N, 1, H, W], or None where there's no noise.

    "const" takes the network's own maps `consts`. "random" draws new ones for each item: item k gets those of `first` + k, alone
    or in a batch. "seeded" draws one set from `seed` for all items. "given" takes `given`: one map a layer, [H, W] or
    [N, 1, H, W]. "none" adds nothing. All are multiplied by `strength`, one number or one an item, [N].

    `mode` is one of the words above; `num_items` is N. Raises ConfigError for another mode, and ShapeError where `given` or `strength` don't fit.
    """
    if mode not in NOISE_MODES:
        raise ConfigError(f"noise_mode: got {mode!r}, expected {', '.join(NOISE_MODES)}")
    if isinstance(strength, torch.Tensor):
        check_shape("noise_strength", strength, "N", N=num_items)
    if mode == "none" or (not isinstance(strength, torch.Tensor) and strength == 0):
        return [None] * len(consts)
    maps: list[torch.Tensor]
    if mode == "const":
        maps = list(consts)
    elif mode == "seeded":
        maps = [_draw(seed, "seeded noise", layer, 0, const) for layer, const in enumerate(consts)]
    elif mode == "random":
        items = range(first, first + num_items)
        maps = [torch.stack([_draw(seed, "noise", layer, item, const)[None] for item in items]) for layer, const in enumerate(consts)]
    else:
        maps = _given(given, consts, num_items)
    if isinstance(strength, torch.Tensor):
        return [each * strength.to(each)[:, None, None, None] for each in maps]
    return [each if strength == 1 else each * strength for each in maps]


def _draw(seed: int, stream: str, layer: int, item: int, like: torch.Tensor) -> torch.Tensor:
    return normal(seed, f"{stream} {layer}", item, *like.shape).to(like.device)


def _given(given: Sequence[torch.Tensor] | None, consts: Sequence[torch.Tensor], num_items: int) -> list[torch.Tensor]:
    if given is None or len(given) != len(consts):
        raise ConfigError(f"noise: got {'nothing' if given is None else f'{len(given)} maps'}, expected {len(consts)}, one for each layer")
    for layer, (each, const) in enumerate(zip(given, consts, strict=True)):
        if each.ndim == 2:
            check_shape(f"noise[{layer}]", each, "H W", H=const.shape[0], W=const.shape[1])
        else:
            check_shape(f"noise[{layer}]", each, "N 1 H W", N=num_items, H=const.shape[0], W=const.shape[1])
    return [each.to(const) for each, const in zip(given, consts, strict=True)]
