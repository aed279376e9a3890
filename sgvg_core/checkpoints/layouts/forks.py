"""Relatives of StyleGAN whose files look like its own: named, so that nobody looks for a form of them that would be read."""

from collections.abc import Mapping, Sequence

import torch

from ...config.stylegan3_schedule import sampling_bands
from ...errors import CheckpointError

_ELSE = "no other form of its file is read either; choose a generator of StyleGAN2 or StyleGAN3"
XL = (
    "a StyleGAN-XL generator: its labels go through a table of embeddings of its own, and its layers are those of several generators, grown one "
    f"on another; {_ELSE}"
)
FASTGAN = f"a FastGAN generator (also Projected GAN's): it has no latents that a style enters by at each layer; {_ELSE}"
HUMAN = (
    "a StyleGAN3 generator of pictures twice as high as wide (StyleGAN-Human's): only square StyleGAN3 networks are served, of StyleGAN-Human "
    f"its StyleGAN2 networks; {_ELSE}"
)


def check_table(state: Mapping[str, torch.Tensor]) -> None:
    """Raise CheckpointError that names the relative whose tensors these are; nothing happens to others."""
    if is_xl(state):
        raise CheckpointError(XL)
    if is_fastgan(state):
        raise CheckpointError(FASTGAN)


def is_xl(state: Mapping[str, torch.Tensor]) -> bool:
    """StyleGAN-XL (and Projected GAN's StyleGAN2): an embedding of labels without a bias, which a layer of its own projects."""
    table, first, mean = (state.get(f"mapping.{name}") for name in ("embed.weight", "fc0.weight", "w_avg"))
    by_itself = table is not None and first is not None and "mapping.embed.bias" not in state and first.shape[-1:] <= table.shape[:1]
    return "mapping.embed_proj.weight" in state or by_itself or (mean is not None and mean.ndim == 2 and "synthesis.input.freqs" in state)


def is_fastgan(state: Mapping[str, torch.Tensor]) -> bool:
    """FastGAN: a stem that begins with a transposed convolution under spectral normalisation."""
    return any(name.endswith(("init.init.0.weight_orig", "init.init.0.weight", "init.init.0.parametrizations.weight.original")) for name in state)


def is_tall(sizes: Sequence[int]) -> bool:
    """Whether layers of these widths are those of square pictures of twice the size, each half as wide as high."""
    twice = [2 * size for size in sizes]
    for critical in range(len(sizes) - 1):
        bands = sampling_bands(twice[-1], len(sizes) - 1, num_critical=critical, margin_size=0)
        margin = twice[0] - bands[0].rate
        if margin > 0 and twice == [band.rate + margin * (index < len(sizes) - 2) for index, band in enumerate(bands)]:
            return True
    return False
