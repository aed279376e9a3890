"""Files of the paper's released code: sound inversion encoder, recurrent blocks, sound tower. Told from keys and shapes alone.

- ``audio_inversion_.pth``: 593 tensors with map heads (``encoder.styles.0.convs``), 839 with transformer heads.
- ``coarseformer_.pth``, ``midformer_.pth``, ``fineformer_.pth``: a GRU ``rnn``, ``fc`` and, in 44 of 42 + 2 tensors, ``audio_noise_fc``.
- ``resnet18_57.pth``: F_a of Lee et al., ``conv`` and ``feature_extractor``.

Each may have ``module.`` in front of every name.
"""

import re
from typing import Any

import torch

from ...errors import CheckpointError
from .pyramids import State, bounds_of_heads, convs_of_heads, count, read_backbone, rename, under, without_parallel
from .recognised import Recognised, is_state
from .stylegan2 import shaped

_LAYOUT = "released"
_KEPT_POSITIONS = 32


def sound_encoder(data: Any) -> Recognised | None:
    """E_a: every name under ``encoder.``, three channels in, a pyramid, a head a latent. None where it's something else.

    Raises CheckpointError for an E_a that is incomplete.
    """
    if not is_state(data):
        return None
    whole = without_parallel(data)
    state = under(whole, "encoder.")
    has_heads = "styles.0.linear.weight" in state or _has_transformer(state)
    if len(state) != len(whole) or "latlayer1.weight" not in state or not has_heads:
        return None
    shape = read_backbone(state)
    if shape is None or shape.unit != "irse" or shape.in_channels != 3:
        return None
    convs = convs_of_heads(state) or [0] * count(state, "styles.")
    config: dict[str, Any] = {
        "heads": "transformer" if _has_transformer(state) else "map",
        "num_ws": count(state, "styles."),
        "w_dim": shaped(state, "latlayer1.weight", 4)[0],
        "depths": list(shape.depths),
        "widths": list(shape.widths),
        "squeeze": shape.squeeze,
        "bounds": list(bounds_of_heads(convs)),
    }
    if not _has_transformer(state):
        config["log_mel_size"] = 16 << min(convs[0], 10)
        return Recognised("released_sound_encoder", _LAYOUT, config, rename(state), notes=("its answers are latents",))
    layers = "styles.0.transformer_encoder.layers."
    first = state.get(f"{layers}0.linear1.weight")
    if first is None or first.ndim != 2:
        raise CheckpointError("a sound encoder with transformer heads of another make; expected styles.0.transformer_encoder.layers.0.linear1.weight")
    config |= {"transformer_layers": count(state, layers), "transformer_width": int(first.shape[0])}
    notes = (
        "its answers are offsets from the generator's mean latent, which isn't in the file",
        f"of each head's table of positions the first {_KEPT_POSITIONS} rows were kept: it's indexed by clip",
        "that its pictures have 256 x 256 points, its first 3 latents read the coarsest map and its attention has 8 heads isn't in the file: "
        "taken from the released code",
    )
    return Recognised("released_sound_encoder", _LAYOUT, config, _transformer_state(state), notes=notes)


def _has_transformer(state: State) -> bool:
    return any(name.startswith("styles.0.transformer_encoder.") for name in state)


def _transformer_state(state: State) -> dict[str, torch.Tensor]:
    renamed = {}
    for name, tensor in rename(state).items():
        if name.endswith(".positional_encoding.pe") and tensor.ndim > 1:
            name, tensor = name.replace(".positional_encoding.pe", ".positions"), tensor[:_KEPT_POSITIONS].flatten(1).clone()
        renamed[name.replace(".transformer_encoder.", ".encoder.")] = tensor
    return renamed


def walker_block(data: Any) -> Recognised | None:
    """One recurrent block. That its latents have as many numbers as its hidden state is the released code's; no shape tells it.

    None where it's something else. Raises CheckpointError for a block whose sizes don't fit each other.
    """
    if not is_state(data):
        return None
    state = without_parallel(data)
    first, hidden_weight, out = (state.get(name) for name in ("rnn.weight_ih_l0", "rnn.weight_hh_l0", "fc.weight"))
    if first is None or hidden_weight is None or out is None or "rnn.weight_ih_l0_reverse" not in state:
        return None
    if any(name.split(".")[0] not in ("rnn", "fc", "audio_noise_fc") for name in state) or not first.ndim == hidden_weight.ndim == out.ndim == 2:
        return None
    inputs, hidden = int(first.shape[1]), int(hidden_weight.shape[1])
    if hidden == 0 or inputs == 0 or inputs % hidden or tuple(out.shape) != (inputs, 2 * hidden):
        raise CheckpointError(
            f"a recurrent block with {inputs} inputs, a hidden state of {hidden} and an output {list(out.shape)}; expected inputs of whole latents "
            "as large as the hidden state, and an output of the size of its inputs"
        )
    num_layers = sum(1 for name in state if re.fullmatch(r"rnn\.weight_ih_l\d{1,2}", name))
    noise_fc = "audio_noise_fc.weight" in state
    config = {"num_group": inputs // hidden, "w_dim": hidden, "hidden": hidden, "num_layers": num_layers, "noise_fc": noise_fc}
    return Recognised("released_walker_block", _LAYOUT, config, state)


def sound_tower(data: Any) -> Recognised | None:
    """F_a of Lee et al.: ``conv`` to three channels, then timm's ResNet under ``feature_extractor.``. None where it's something else.

    Raises CheckpointError for a deeper or an incomplete one.
    """
    if not is_state(data):
        return None
    state = without_parallel(data)
    net = under(state, "feature_extractor.")
    conv = state.get("conv.weight")
    if conv is None or tuple(conv.shape) != (3, 1, 3, 3) or not {"conv1.weight", "layer1.0.conv2.weight", "fc.weight"} <= set(net):
        return None
    if any("conv3" in name for name in net):
        raise CheckpointError("a sound tower of bottleneck blocks (ResNet-50 or deeper); expected the basic blocks of ResNet-18 or -34")
    layers = [f"layer{stage}." for stage in range(1, 5)]
    lasts = [net.get(f"{layer}0.conv2.weight") for layer in layers]
    if any(last is None or last.ndim != 4 for last in lasts):
        raise CheckpointError("a sound tower without four stages, expected feature_extractor.layer1 to layer4 of a ResNet-18")
    config = {
        "embed_dim": shaped(net, "fc.weight", 2)[0],
        "depths": [count(net, layer) for layer in layers],
        "widths": [int(last.shape[0]) for last in lasts if last is not None],
    }
    renamed = {re.sub(r"^layer([1-4])\.", lambda found: f"stages.{int(found[1]) - 1}.", name): tensor for name, tensor in net.items()}
    own = {name: tensor for name, tensor in state.items() if not name.startswith("feature_extractor.")}
    return Recognised("released_sound_tower", _LAYOUT, config, {**own, **renamed})
