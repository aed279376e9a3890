"""Files as the paper's released code and the image encoders' authors write them, of any size, with numbers that a formula makes.

Names and shapes stand here as plain rules, apart from the core's own; the parity runs hold them against the authors' modules.
"""

import math
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch

Shapes = dict[str, tuple[int, ...]]

RELEASED_DEPTHS = (3, 4, 14, 3)
RELEASED_WIDTHS = (64, 128, 256, 512)
SMALL_WIDTHS = (16, 32, 48, 24)
"""Widths of the small files; the last one is their w_dim."""


def numbers(name: str, *shape: int) -> torch.Tensor:
    """Numbers of mean 0 and variance 1 that depend on `name` alone, float32."""
    index = np.arange(1, math.prod(shape) + 1, dtype=np.float64)
    waves = np.sin(index * 12.9898 + zlib.crc32(name.encode()) % 9973) * 43758.5453
    return torch.from_numpy(((waves - np.floor(waves) - 0.5) * math.sqrt(12)).astype(np.float32)).reshape(shape)


def filled(shapes: Mapping[str, Sequence[int]], seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights for these names and shapes: nothing is zero or one, so that nothing can hide; signals neither fade nor explode."""
    return {name: _filled(name, tuple(shape), seed) for name, shape in shapes.items()}


def _filled(name: str, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.tensor(7)
    if name.endswith("positional_encoding.pe"):
        return position_table(shape[0], shape[2])
    own = numbers(f"{seed} {name.removeprefix('module.')}", *shape)
    if name.endswith("running_var"):
        return 1 + 0.25 * own
    if name.endswith(("running_mean", "bias")) or "bias_" in name:
        return 0.2 * own
    if len(shape) < 2:
        return 0.6 + 0.25 * own
    return own * math.sqrt(1.5 / math.prod(shape[1:]))


def position_table(num_rows: int, width: int) -> torch.Tensor:
    """Sines and cosines of "Attention Is All You Need", [rows, 1, width]."""
    angles = torch.arange(num_rows)[:, None] * torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    return torch.stack([angles.sin(), angles.cos()], 2).reshape(num_rows, 1, width)


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.{part}": (width,) for part in ("weight", "bias", "running_mean", "running_var")} | {f"{name}.num_batches_tracked": ()}


def irse_shapes(in_channels: int = 3, depths: Sequence[int] = RELEASED_DEPTHS, widths: Sequence[int] = RELEASED_WIDTHS) -> Shapes:
    shapes: Shapes = {"input_layer.0.weight": (widths[0], in_channels, 3, 3), "input_layer.2.weight": (widths[0],)}
    shapes |= _norm("input_layer.1", widths[0])
    before, unit = widths[0], 0
    for depth, width in zip(depths, widths, strict=True):
        for _ in range(depth):
            at = f"body.{unit}"
            if before != width:
                shapes |= {f"{at}.shortcut_layer.0.weight": (width, before, 1, 1), **_norm(f"{at}.shortcut_layer.1", width)}
            shapes |= _norm(f"{at}.res_layer.0", before) | {f"{at}.res_layer.1.weight": (width, before, 3, 3), f"{at}.res_layer.2.weight": (width,)}
            shapes |= {f"{at}.res_layer.3.weight": (width, width, 3, 3)} | _norm(f"{at}.res_layer.4", width)
            inner = width // 16
            shapes |= {f"{at}.res_layer.5.fc1.weight": (inner, width, 1, 1), f"{at}.res_layer.5.fc2.weight": (width, inner, 1, 1)}
            before, unit = width, unit + 1
    return shapes


def resnet_shapes(in_channels: int = 6, depths: Sequence[int] = (3, 4, 6, 3), widths: Sequence[int] = RELEASED_WIDTHS) -> Shapes:
    """ReStyle's ResNet-34: torchvision's blocks in one row behind a stem of its own."""
    shapes: Shapes = {"conv1.weight": (widths[0], in_channels, 7, 7), **_norm("bn1", widths[0]), "relu.weight": (widths[0],)}
    before, unit = widths[0], 0
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        for index in range(depth):
            shapes |= _basic_block(f"body.{unit}", before, width, stage > 0 and index == 0)
            before, unit = width, unit + 1
    return shapes


def _basic_block(at: str, before: int, width: int, strides: bool) -> Shapes:
    shapes: Shapes = {f"{at}.conv1.weight": (width, before, 3, 3), **_norm(f"{at}.bn1", width)}
    shapes |= {f"{at}.conv2.weight": (width, width, 3, 3), **_norm(f"{at}.bn2", width)}
    if strides or before != width:
        shapes |= {f"{at}.downsample.0.weight": (width, before, 1, 1), **_norm(f"{at}.downsample.1", width)}
    return shapes


def _linear(name: str, num_in: int, num_out: int) -> Shapes:
    return {f"{name}.weight": (num_out, num_in), f"{name}.bias": (num_out,)}


def style_shapes(num_ws: int, w_dim: int, halvings: int, bounds: tuple[int, int] | None) -> Shapes:
    """Map-to-style heads; `bounds` None: all read the coarsest map."""
    shapes: Shapes = {}
    for head in range(num_ws):
        finer = 0 if bounds is None else (head >= bounds[0]) + (head >= bounds[1])
        for conv in range(halvings + finer):
            shapes |= {f"styles.{head}.convs.{2 * conv}.weight": (w_dim, w_dim, 3, 3), f"styles.{head}.convs.{2 * conv}.bias": (w_dim,)}
        shapes |= _linear(f"styles.{head}.linear", w_dim, w_dim)
    return shapes


def lateral_shapes(widths: Sequence[int], w_dim: int) -> Shapes:
    shapes: Shapes = {}
    for which in (1, 2):
        shapes |= {f"latlayer{which}.weight": (w_dim, widths[3 - which], 1, 1), f"latlayer{which}.bias": (w_dim,)}
    return shapes


def _transformer_shapes(num_ws: int, w_dim: int, bounds: tuple[int, int], num_layers: int, inner: int) -> Shapes:
    shapes: Shapes = {}
    for head in range(num_ws):
        at = f"styles.{head}"
        if head >= bounds[1]:
            shapes |= {f"{at}.convs.0.weight": (w_dim, w_dim, 3, 3), f"{at}.convs.0.bias": (w_dim,)}
        shapes[f"{at}.positional_encoding.pe"] = (5000, 1, w_dim)
        for layer in range(num_layers):
            inside = f"{at}.transformer_encoder.layers.{layer}"
            shapes |= {f"{inside}.self_attn.in_proj_weight": (3 * w_dim, w_dim), f"{inside}.self_attn.in_proj_bias": (3 * w_dim,)}
            shapes |= _linear(f"{inside}.self_attn.out_proj", w_dim, w_dim)
            shapes |= _linear(f"{inside}.linear1", w_dim, inner) | _linear(f"{inside}.linear2", inner, w_dim)
            shapes |= {f"{inside}.{norm}.{part}": (w_dim,) for norm in ("norm1", "norm2") for part in ("weight", "bias")}
        shapes |= {f"{at}.transformer_encoder.norm.{part}": (w_dim,) for part in ("weight", "bias")}
    return shapes


def sound_encoder_shapes(
    heads: str = "map",
    num_ws: int = 16,
    widths: Sequence[int] = RELEASED_WIDTHS,
    depths: Sequence[int] = RELEASED_DEPTHS,
    halvings: int = 4,
    bounds: tuple[int, int] = (3, 7),
    inner: int = 2048,
    prefix: str = "module.",
) -> Shapes:
    """`audio_inversion_.pth`. `halvings` is 4 for pictures of 256 points, 1 for 32."""
    w_dim = widths[3]
    own = style_shapes(num_ws, w_dim, halvings, bounds) if heads == "map" else _transformer_shapes(num_ws, w_dim, bounds, 2, inner)
    whole = irse_shapes(3, depths, widths) | own | lateral_shapes(widths, w_dim)
    return {f"{prefix}encoder.{name}": shape for name, shape in whole.items()}


def block_shapes(num_group: int = 4, hidden: int = 512, noise_fc: bool = True, num_layers: int = 5, prefix: str = "module.") -> Shapes:
    """`coarseformer_.pth`, `midformer_.pth`, `fineformer_.pth`."""
    size, shapes = num_group * hidden, {}
    for layer in range(num_layers):
        for way in ("", "_reverse"):
            num_in = size if layer == 0 else 2 * hidden
            shapes |= {f"rnn.weight_ih_l{layer}{way}": (3 * hidden, num_in), f"rnn.weight_hh_l{layer}{way}": (3 * hidden, hidden)}
            shapes |= {f"rnn.bias_ih_l{layer}{way}": (3 * hidden,), f"rnn.bias_hh_l{layer}{way}": (3 * hidden,)}
    shapes |= _linear("fc", 2 * hidden, size)
    if noise_fc:
        shapes |= _linear("audio_noise_fc", 2 * num_layers * hidden, 2 * num_layers * hidden)
    return {f"{prefix}{name}": shape for name, shape in shapes.items()}


def sound_tower_shapes(widths: Sequence[int] = RELEASED_WIDTHS, embed_dim: int = 512, prefix: str = "") -> Shapes:
    """`resnet18_57.pth`."""
    shapes: Shapes = {"conv1.weight": (widths[0], 3, 7, 7), **_norm("bn1", widths[0])}
    before = widths[0]
    for stage, width in enumerate(widths):
        for index in range(2):
            shapes |= _basic_block(f"layer{stage + 1}.{index}", before, width, stage > 0 and index == 0)
            before = width
    shapes |= _linear("fc", before, embed_dim)
    whole = {"conv.weight": (3, 1, 3, 3), "conv.bias": (3,)} | {f"feature_extractor.{name}": shape for name, shape in shapes.items()}
    return {f"{prefix}{name}": shape for name, shape in whole.items()}


IMAGE_ENCODERS = {
    "GradualStyleEncoder": ("irse", "pyramid", 3),
    "Encoder4Editing": ("irse", "pyramid", 3),
    "BackboneEncoder": ("irse", "flat", 6),
    "ProgressiveBackboneEncoder": ("irse", "flat", 6),
    "ResNetBackboneEncoder": ("resnet", "flat", 6),
    "ResNetProgressiveBackboneEncoder": ("resnet", "flat", 6),
    "BackboneEncoderUsingLastLayerIntoW": ("irse", "w", 3),
    "BackboneEncoderUsingLastLayerIntoWPlus": ("irse", "w_plus", 3),
}
"""Backbone, heads and channels of each encoder."""


def image_encoder_shapes(
    kind: str,
    num_ws: int = 18,
    widths: Sequence[int] = RELEASED_WIDTHS,
    halvings: int = 4,
    in_channels: int | None = None,
    depths: Sequence[int] | None = None,
) -> Shapes:
    """The `encoder.` part of a file's `state_dict`."""
    unit, heads, channels = IMAGE_ENCODERS[kind]
    w_dim, channels = widths[3], in_channels or channels
    default = RELEASED_DEPTHS if unit == "irse" else (3, 4, 6, 3)
    shapes = (irse_shapes if unit == "irse" else resnet_shapes)(channels, depths or default, widths)
    if heads == "pyramid":
        shapes |= style_shapes(num_ws, w_dim, halvings, (3, 7)) | lateral_shapes(widths, w_dim)
    elif heads == "flat":
        shapes |= style_shapes(num_ws, w_dim, halvings, None)
    else:
        shapes |= _linear("linear", w_dim, w_dim * (num_ws if heads == "w_plus" else 1))
    if heads == "w_plus":
        shapes |= _norm("output_layer_2.0", w_dim) | _linear("output_layer_2.3", 49 * w_dim, w_dim)
    return {f"encoder.{name}": shape for name, shape in shapes.items()}


def image_encoder_file(kind: str, num_ws: int = 18, widths: Sequence[int] = RELEASED_WIDTHS, halvings: int = 4, **shape: object) -> dict[str, object]:
    """{state_dict, latent_avg, opts}."""
    state = filled(image_encoder_shapes(kind, num_ws, widths, halvings, **shape))  # type: ignore[arg-type]
    opts = {"encoder_type": kind, "start_from_latent_avg": True, "output_size": 2 ** ((num_ws + 2) // 2), "learn_in_w": False}
    return {"state_dict": state, "latent_avg": 0.5 * numbers("latent_avg", num_ws, widths[3]), "opts": opts}
