"""Sound into other image models: conditionings and example pictures mixed by what is heard, schedules."""

from typing import Any

import torch
from comfy_api.latest import io

from ..sgvg_core.chaining import (
    MAX_EXAMPLES,
    mix_examples,
    mix_vectors,
    mixing_weights,
    nearest_example,
    prompt_schedule,
    read_labelled_lines,
    winners,
)
from ..sgvg_core.curves import Curve, CurveSet, tools
from ..sgvg_core.errors import ConfigError, ShapeError
from . import host
from .adapters import naming, one_number, read_labels
from .curve_wires import CurvesWire, alone, curve_input, curve_of, curve_outputs, curves_of, forms, rate_of
from .latent_files import fps_input

_EmbedsWire = io.Custom("EMBEDS")
_NUMBERS = range(1, MAX_EXAMPLES + 1)


def _curves_input() -> io.Input:
    return CurvesWire.Input("curves", tooltip="From Sound Curves: a curve for each label, such as its words, or bass, mid and treble.")


def _labels_input() -> io.Input:
    return io.String.Input(
        "labels",
        default="",
        multiline=True,
        placeholder="rain, a campfire, wind",
        tooltip="Which curve drives which example, in the order of the sockets: names of curves, parted by commas or new lines.",
    )


def _sharpness_input() -> io.Input:
    return io.Float.Input(
        "sharpness", default=1.0, min=0.01, max=100.0, step=0.01, tooltip="1: weights go as the curves go; larger: the strongest wins."
    )


class SoundToConditioning(io.ComfyNode):
    """Prompts mixed by the sound."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_SoundToConditioning",
            display_name="Sound to Conditioning",
            category="SGVG/chaining",
            description="Mixes conditionings of any model and any text encoder by what the sound does: one CONDITIONING with a row a frame, for a "
            "latent batch of as many frames.",
            inputs=[
                _curves_input(),
                _labels_input(),
                _sharpness_input(),
                *[
                    io.Conditioning.Input(f"conditioning_{number}", optional=number > 1, tooltip=f"What label {number} means to the image model.")
                    for number in _NUMBERS
                ],
            ],
            outputs=[
                io.Conditioning.Output("conditioning", display_name="conditioning", tooltip="A row a frame [T, tokens, D]; pooled likewise."),
                io.Int.Output("num_frames", display_name="frames", tooltip="T: the batch that the latents must have."),
            ],
        )

    @classmethod
    def execute(cls, curves: Any, labels: str = "", sharpness: float = 1.0, **given: Any) -> io.NodeOutput:
        examples = _examples(given, "conditioning")
        weights = _weights(curves_of(curves), labels, list(examples), sharpness)
        parts = {wire: _one_conditioning(value, wire) for wire, value in examples.items()}
        tokens = mix_examples([tokens for tokens, _ in parts.values()], weights, what="conditioning")
        return io.NodeOutput([[tokens, _extras({wire: extras for wire, (_, extras) in parts.items()}, weights)]], len(weights))


def _examples(given: dict[str, Any], kind: str) -> dict[str, Any]:
    """The connected example sockets, in order. Raises ConfigError where one is left out between others."""
    found = {f"{kind}_{number}": given.get(f"{kind}_{number}") for number in _NUMBERS}
    used = {wire: value for wire, value in found.items() if value is not None}
    if list(used) != list(found)[: len(used)] or not used:
        raise ConfigError(f"{kind}_1 ...: got {', '.join(used) or 'nothing'}, expected the sockets filled from the first on, without a gap")
    return used


def _weights(curves: CurveSet, labels: str, wires: list[str], sharpness: float) -> torch.Tensor:
    """Weights [T, K] of the examples by the curves that the labels name. Raises ConfigError."""
    return mixing_weights(_scores(curves, read_labels(labels), wires), sharpness=one_number(sharpness, "sharpness"))


def _scores(curves: CurveSet, names: tuple[str, ...], wires: list[str]) -> list[Curve]:
    if not names and len(curves.curves) == len(wires):
        names = tuple(curves.curves)
    if len(names) != len(wires):
        raise ConfigError(f"labels: got {len(names)} for {len(wires)} connected examples ({wires[0]} to {wires[-1]}), expected a label for each")
    missing = [name for name in names if name not in curves.curves]
    if missing:
        known = ", ".join(curves.curves)
        raise ConfigError(f"labels: there's no curve {host.shown(missing[0])} among {known}; write it into the words of Sound Curves")
    return [curves.curves[name] for name in names]


def _one_conditioning(value: Any, wire: str) -> tuple[torch.Tensor, dict[str, Any]]:
    """Tokens [1, N, D] and what else a conditioning says. Raises ConfigError."""
    parts = value if isinstance(value, list | tuple) else []
    if len(parts) != 1 or len(parts[0]) != 2 or not isinstance(parts[0][0], torch.Tensor):
        raise ConfigError(f"{wire}: got {len(parts)} parts, expected one; conditionings that were combined or set to areas can't be mixed")
    return parts[0][0], dict(parts[0][1])


def _extras(extras: dict[str, dict[str, Any]], weights: torch.Tensor) -> dict[str, Any]:
    """What the mixed conditioning says besides its tokens: pooled outputs mixed, all else only where every example says the same."""
    first_wire, first = next(iter(extras.items()))
    for wire, each in extras.items():
        unlike = [key for key in {**first, **each} if not _same(first, each, key)]
        if unlike:
            raise ConfigError(f"{wire}: its {unlike[0]} isn't that of {first_wire}; give all conditionings the same, or set it behind this node")
    made = dict(first)
    if isinstance(first.get("pooled_output"), torch.Tensor):
        made["pooled_output"] = mix_examples([each["pooled_output"] for each in extras.values()], weights, what="pooled output of conditioning")
    return made


def _same(first: dict[str, Any], other: dict[str, Any], key: str) -> bool:
    """Whether two conditionings say the same under a key; pooled outputs need only both be there."""
    left, right = first.get(key), other.get(key)
    if key == "pooled_output":
        return isinstance(left, torch.Tensor) == isinstance(right, torch.Tensor)
    if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
        return left.shape == right.shape and bool((left == right).all())
    return left is right or (type(left) is type(right) and isinstance(left, int | float | str | tuple | None) and bool(left == right))


class SoundToCLIPVision(io.ComfyNode):
    """Example pictures mixed by the sound."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_SoundToCLIPVision",
            display_name="Sound to CLIP Vision",
            category="SGVG/chaining",
            description="Mixes example pictures, as your own CLIP vision model sees them, by what the sound does: an output of one moment for "
            "unCLIP and style models, and embeddings of all frames for IPAdapter's batch nodes.",
            inputs=[
                _curves_input(),
                _labels_input(),
                _sharpness_input(),
                io.Int.Input("frame", default=0, min=0, max=10_000_000, tooltip="The moment of the first output, as a frame of the curves."),
                *[
                    io.ClipVisionOutput.Input(
                        f"picture_{number}", optional=number > 1, tooltip=f"What label {number} looks like: from CLIP Vision Encode."
                    )
                    for number in _NUMBERS
                ],
            ],
            outputs=[
                io.ClipVisionOutput.Output(
                    "moment",
                    display_name="moment",
                    tooltip="One frame: the mixed embedding, norms kept; fields of tokens are those of the nearest example.",
                ),
                _EmbedsWire.Output("embeds", display_name="embeds", tooltip="All frames [T, D], for IPAdapter's batch nodes."),
                io.Int.Output("num_frames", display_name="frames", tooltip="T."),
            ],
        )

    @classmethod
    def execute(cls, curves: Any, labels: str = "", sharpness: float = 1.0, frame: int = 0, **given: Any) -> io.NodeOutput:
        examples = _examples(given, "picture")
        weights = _weights(curves_of(curves), labels, list(examples), sharpness)
        if not 0 <= frame < len(weights):
            raise ConfigError(f"frame: got {frame}, but the curves have {len(weights)} frames, counted from 0")
        embeds = mix_vectors([_embeds(value, wire) for wire, value in examples.items()], weights, what="picture")
        nearest = list(examples.values())[int(nearest_example(weights)[frame])]
        return io.NodeOutput(host.clip_vision_output(nearest, embeds[frame : frame + 1]), embeds, len(weights))


def _embeds(value: Any, wire: str) -> torch.Tensor:
    """The image embedding [1, D] of a CLIP vision output. Raises ConfigError."""
    found = getattr(value, "image_embeds", None)
    if not isinstance(found, torch.Tensor) or found.ndim != 2:
        raise ConfigError(f"{wire}: got {type(value).__name__} without image embeddings; connect CLIP Vision Encode, of a CLIP model")
    if len(found) != 1:
        raise ShapeError(f"{wire}: got {len(found)} pictures at once, expected one for a label; encode them one by one")
    return found


class SoundSchedule(io.ComfyNode):
    """A curve for a setting, and prompts over time."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_SoundSchedule",
            display_name="Sound Schedule",
            category="SGVG/chaining",
            description="A curve brought into the range of a setting (denoise, strength, weight), as lists and as masks a frame; and the prompt "
            "of each frame by the strongest curve, as the text that prompt schedules of other packs read.",
            inputs=[
                curve_input("curve", "What drives the setting.", optional=True),
                io.Float.Input("low", default=0.3, min=-100.0, max=100.0, step=0.01, tooltip="What 0 of the curve becomes."),
                io.Float.Input("high", default=0.8, min=-100.0, max=100.0, step=0.01, tooltip="What 1 of the curve becomes."),
                fps_input(" of lists; curves of this pack know their own."),
                CurvesWire.Input("curves", optional=True, tooltip="From Sound Curves: a curve for each label of the prompts."),
                io.String.Input(
                    "prompts",
                    default="",
                    multiline=True,
                    optional=True,
                    placeholder="rain: a street in the rain\nfire: a burning forest",
                    tooltip="A line for each label: the name of its curve, a colon, the prompt while that curve is the strongest.",
                ),
                io.Float.Input(
                    "hold_seconds",
                    display_name="hold seconds",
                    default=0.5,
                    min=0.0,
                    max=60.0,
                    step=0.01,
                    optional=True,
                    tooltip="A prompt takes over only if its curve stays the strongest for so long.",
                ),
            ],
            outputs=[
                *curve_outputs(),
                io.String.Output("schedule", display_name="prompt schedule", tooltip='Lines "frame": "prompt", one where the prompt changes.'),
                io.Int.Output("num_frames", display_name="frames", tooltip="How many frames."),
            ],
            is_input_list=True,
        )

    @classmethod
    def execute(
        cls,
        low: Any = 0.3,
        high: Any = 0.8,
        fps: Any = 25.0,
        curve: Any = None,
        curves: Any = None,
        prompts: Any = "",
        hold_seconds: Any = 0.5,
    ) -> io.NodeOutput:
        whole = None if alone(curves) is None else curves_of(curves)
        if whole is None and alone(curve) is None:
            raise ConfigError("curve, curves: got nothing; connect a curve for a setting, or curves for prompts, or both")
        rate = rate_of(curve, fps) if whole is None else whole.fps
        count = None if whole is None else whole.num_frames
        driven = Curve.constant(1.0, rate, count or 1) if alone(curve) is None else curve_of(curve, rate, "curve", count)
        made = tools.remap(driven, 0, 1, float(alone(low)), float(alone(high)))
        schedule = _schedule(whole, str(alone(prompts) or ""), float(alone(hold_seconds)))
        return io.NodeOutput(*forms(made), schedule, len(made))


def _schedule(curves: CurveSet | None, prompts: str, hold_seconds: float) -> str:
    lines = read_labelled_lines(prompts)
    if not lines:
        return ""
    if curves is None:
        raise ConfigError("prompts: they need curves that choose among them; connect the curves of Sound Curves")
    with naming("prompts"):
        scores = _scores(curves, tuple(lines), [f"prompt {number}" for number in range(1, len(lines) + 1)])
        return prompt_schedule(winners(scores, hold_seconds).tolist(), list(lines.values()))


NODES = [SoundToConditioning, SoundToCLIPVision, SoundSchedule]
