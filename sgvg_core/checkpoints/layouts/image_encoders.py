"""Encoders from pictures to W+ as their authors save them: pSp, e4e and ReStyle, ``{state_dict, latent_avg, opts}``.

``state_dict`` holds the encoder under ``encoder.`` and, mostly, the generator it was trained with under ``decoder.``. pSp and e4e files
have the same keys and shapes; ``opts`` tells them apart.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch

from ...errors import CheckpointError
from . import converted, stylegan3
from .pyramids import BackboneShape, bounds_of_heads, convs_of_heads, read_backbone, rename, under, without_parallel
from .recognised import Recognised, is_state
from .stylegan2 import shaped

DELTA_ENCODERS = ("Encoder4Editing", "ProgressiveBackboneEncoder", "ResNetProgressiveBackboneEncoder")
"""Encoders that answer offsets from their first latent."""
LATENT_ENCODERS = (
    "GradualStyleEncoder",
    "ResNetGradualStyleEncoder",
    "BackboneEncoder",
    "ResNetBackboneEncoder",
    "BackboneEncoderUsingLastLayerIntoW",
    "BackboneEncoderUsingLastLayerIntoWPlus",
    "SingleStyleCodeEncoder",
)
"""Encoders that answer each latent for itself."""
MAX_LATENTS = 64
_TOLD = ("encoder_type", "dataset_type", "output_size", "stylegan_size", "n_iters_per_batch", "start_from_latent_avg", "learn_in_w")


def image_encoder(data: Any) -> Recognised | None:
    """A whole file of pSp, e4e or ReStyle, or its bare ``state_dict`` with encoder and decoder."""
    if not isinstance(data, Mapping):
        return None
    inner = data.get("state_dict")
    found: Any = inner if is_state(inner) else data
    if not is_state(found):
        return None
    whole = without_parallel(found)
    if inner is None and not any(name.startswith("decoder.") for name in whole):
        return None  # a flat table without a generator is another rule's
    state = under(whole, "encoder.")
    shape = read_backbone(state) if state else None
    if shape is None:
        return None
    latent_avg = data.get("latent_avg")
    decoder, notes = _decoder(under(whole, "decoder."), latent_avg)
    recognised = _read(state, shape, _settings(data.get("opts")), latent_avg, notes)
    return dataclasses.replace(recognised, parts={"decoder": decoder}) if decoder is not None else recognised


def _decoder(state: dict[str, torch.Tensor], latent_avg: Any) -> tuple[Recognised | None, tuple[str, ...]]:
    """The generator in an encoder's file, if it can be read, and what to say of it. What's wrong with it is no fault of the encoder's."""
    if not state:
        return None, ()
    rows = _rows(latent_avg)
    mean = rows[0] if rows is not None and bool((rows == rows[0]).all()) else None  # one mean, repeated for each latent
    try:
        found = converted.network(state, mean) or stylegan3.generator(state)
        why = "its layout isn't known here"
    except CheckpointError as error:
        found, why = None, str(error)
    if found is None:
        return None, (f"the generator next to it ({len(state)} tensors) was left out: {why}",)
    return found, ()


def _read(
    state: dict[str, torch.Tensor], shape: BackboneShape, opts: Mapping[str, Any], latent_avg: Any, notes: tuple[str, ...]
) -> Recognised:
    named = str(opts.get("encoder_type", ""))
    if named and named not in DELTA_ENCODERS + LATENT_ENCODERS:
        raise CheckpointError(f"an image encoder of type {named[:80]!r}; read are {', '.join(LATENT_ENCODERS + DELTA_ENCODERS)}")
    if not named:
        notes += ("which encoder it is isn't in the file (opts.encoder_type): taken as pSp's, whose latents stand each for itself",)
    heads = "styles" if "styles.0.convs.0.weight" in state else "w_plus" if "output_layer_2.3.weight" in state else "w"
    mean = _rows(latent_avg)
    convs = convs_of_heads(state)
    num_ws, said = _num_ws(state, heads, convs, opts, mean)
    adds_mean = bool(mean is not None and (shape.in_channels > 3 or opts.get("start_from_latent_avg", True)))
    if mean is None and (shape.in_channels > 3 or opts.get("start_from_latent_avg")):
        said += ("its answers are offsets from a mean latent that isn't in the file: give it the generator's w_avg",)
        adds_mean = True
    config: dict[str, Any] = {
        "unit": shape.unit,
        "heads": heads,
        "pyramid": "latlayer1.weight" in state,
        "deltas": named in DELTA_ENCODERS,
        "in_channels": shape.in_channels,
        "num_ws": num_ws,
        "w_dim": shape.widths[3],
        "depths": list(shape.depths),
        "widths": list(shape.widths),
        "squeeze": shape.squeeze,
        "bounds": list(bounds_of_heads(convs)) if "latlayer1.weight" in state else [3, 7],
        "adds_mean": adds_mean,
    }
    if heads == "styles":
        config["image_size"] = 16 << min(convs[0], 10)
    own = rename(state)
    if mean is not None:
        own["latent_avg"] = _mean_of_all(mean, num_ws, shape.widths[3])
    extra = {name: opts[name] for name in _TOLD if isinstance(opts.get(name), str | int | float | bool)}
    return Recognised("image_encoder", named or "pSp", config, state=own, extra=extra, notes=notes + said)


def _settings(opts: Any) -> dict[str, Any]:
    """What `opts` says in texts, numbers and None; whatever else is in it (a tensor, a list) says nothing."""
    return {name: value for name, value in opts.items() if isinstance(value, str | int | float | bool | None)} if isinstance(opts, Mapping) else {}


def _num_ws(
    state: dict[str, torch.Tensor], heads: str, convs: list[int], opts: Mapping[str, Any], mean: torch.Tensor | None
) -> tuple[int, tuple[str, ...]]:
    """How many latents it answers, and what was assumed for that."""
    if heads == "styles":
        return len(convs), ()
    if heads == "w_plus":
        num_out, num_in = shaped(state, "linear.weight", 2)
        return num_out // num_in, ()
    size = opts.get("output_size", opts.get("stylegan_size"))
    if isinstance(size, int) and 4 <= size <= 8192:
        return 2 * size.bit_length() - 4, ()
    if mean is not None and len(mean) > 1:
        return len(mean), ()
    return 18, ("how many latents its generator has isn't in the file: taken as 18",)


def _rows(latent_avg: Any) -> torch.Tensor | None:
    """The stored mean latent [D], [L, D] or [1, L, D] as rows; None where there's none."""
    if not isinstance(latent_avg, torch.Tensor) or latent_avg.ndim == 0 or latent_avg.numel() == 0:
        return None
    return latent_avg.float().reshape(-1, latent_avg.shape[-1])


def _mean_of_all(mean: torch.Tensor, num_ws: int, w_dim: int) -> torch.Tensor:
    """The stored mean latent [1, D] or [L, D] for all latents, [L, D]."""
    if num_ws > MAX_LATENTS:
        raise CheckpointError(f"an encoder that answers {num_ws} latents, expected up to {MAX_LATENTS}")
    if mean.shape not in ((1, w_dim), (num_ws, w_dim)):
        raise CheckpointError(f"latent_avg: got shape {list(mean.shape)}, expected [1, {w_dim}] or [{num_ws}, {w_dim}], that of its encoder")
    return mean.expand(num_ws, -1).clone()
