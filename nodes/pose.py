"""Where the picture of a StyleGAN3 lies, frame by frame."""

import math
from typing import Any

from comfy_api.latest import io

from ..sgvg_core.config import check_choice
from ..sgvg_core.generation import ANCHORS, Pose, pose_transforms
from .adapters import track_of
from .sockets import PoseWire

_CURVES = ("linear", "smooth", "there and back")
_A_FRAME = "One number, or a list of FLOATs with one a frame (such as Ramp gives)."


class StyleGAN3Pose(io.ComfyNode):
    """Shift, turn and zoom."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_StyleGAN3Pose",
            display_name="StyleGAN3 Pose",
            category="SGVG/synthesis",
            description="Shifts, turns and zooms what a StyleGAN3 generator paints, inside the network, so that new content comes in from the sides. "
            "Each input is one number, or has a number a frame; the last one holds.",
            inputs=[
                io.Float.Input("x", default=0.0, min=-8, max=8, step=0.01, tooltip=f"Shift to the right, in picture widths. {_A_FRAME}"),
                io.Float.Input("y", default=0.0, min=-8, max=8, step=0.01, tooltip=f"Shift downwards, in picture widths. {_A_FRAME}"),
                io.Float.Input("rotate", default=0.0, min=-3600, max=3600, step=0.5, tooltip=f"Turn in degrees, counter-clockwise. {_A_FRAME}"),
                io.Float.Input("zoom", default=1.0, min=0.05, max=20, step=0.01, tooltip=f"Enlargement about the picture's centre. {_A_FRAME}"),
                io.Combo.Input(
                    "anchor",
                    options=list(ANCHORS),
                    default="none",
                    tooltip="StyleGAN3's first latent also places the picture, so it may slide during a walk. exact: placed as the mean latent "
                    "would place it; released: as the paper's released code does; none: each latent places its own picture.",
                ),
            ],
            outputs=[PoseWire.Output("pose", display_name="pose", tooltip="For StyleGAN Synthesis, Synthesis to Video and Walk Contact Sheet.")],
            is_input_list=True,
        )

    @classmethod
    def execute(cls, x: Any = (0.0,), y: Any = (0.0,), rotate: Any = (0.0,), zoom: Any = (1.0,), anchor: Any = ("none",)) -> io.NodeOutput:
        tracks: dict[str, Any] = {name: track_of(values, name) for name, values in (("x", x), ("y", y), ("rotate", rotate), ("zoom", zoom))}
        check_choice("anchor", anchor[0], ANCHORS)
        return io.NodeOutput(Pose(pose_transforms(**tracks), anchor[0]))


class Ramp(io.ComfyNode):
    """A number for each frame."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        number = {"default": 0.0, "min": -10_000, "max": 10_000, "step": 0.01}
        return io.Schema(
            node_id="SGVG_Ramp",
            display_name="Ramp",
            category="SGVG/synthesis",
            description="A list of FLOATs, one a frame, from one value to another: for StyleGAN3 Pose, and for any node that takes such a list. The "
            "list travels as one value, so what follows runs once.",
            inputs=[
                io.Float.Input("start", tooltip="The value of the first frame.", **number),
                io.Float.Input("end", tooltip="The value of the last frame; of the middle one with there and back.", **{**number, "default": 1.0}),
                io.Int.Input(
                    "num_frames",
                    display_name="frames",
                    default=100,
                    min=1,
                    max=1_000_000,
                    tooltip="How many numbers, one a frame: connect frames of the Recurrent Walker.",
                ),
                io.Combo.Input(
                    "curve",
                    options=list(_CURVES),
                    default="linear",
                    tooltip="linear: evenly; smooth: softly at both ends; there and back: to the end in the middle of the film, and home again.",
                ),
            ],
            outputs=[io.Float.Output("values", display_name="values", tooltip="One list, with a number a frame.")],
        )

    @classmethod
    def execute(cls, start: float = 0.0, end: float = 1.0, num_frames: int = 100, curve: str = "linear") -> io.NodeOutput:
        check_choice("curve", curve, _CURVES)
        return io.NodeOutput([start + (end - start) * _share(index / max(num_frames - 1, 1), curve) for index in range(num_frames)])


def _share(time: float, curve: str) -> float:
    """How much of the way is made at `time`, 0..1."""
    return time if curve == "linear" else (1 - math.cos(math.pi * time * (1 if curve == "smooth" else 2))) / 2


NODES = [StyleGAN3Pose, Ramp]
