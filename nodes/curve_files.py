"""Curves to and from files, and how well a film moves with its sound."""

from typing import Any

from comfy_api.latest import io

from ..sgvg_core.config import check_choice
from ..sgvg_core.curves import load_curves, save_curves, score_sync
from . import host
from .adapters import naming, one_number
from .curve_wires import CurvesWire, alone, curve_input, fps_of, in_words, set_of
from .latent_files import fps_input
from .sockets import SHOWS, prefix_input

_FORMATS = {
    "JSON": ".json",
    "CSV": ".csv",
    "MIDI controllers": ".mid",
    "After Effects script": ".jsx",
    "After Effects text": ".txt",
    "Blender": ".py",
}
_files = host.MadeFiles("filename_prefix", "format")


class SaveCurves(io.ComfyNode):
    """For other programs."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_SaveCurves",
            display_name="Save Curves",
            category="SGVG/curves",
            description="Writes curves into ComfyUI's output folder: JSON or CSV, MIDI controllers, keyframes for After Effects or Blender.",
            inputs=[
                curve_input("curves", "All curves of Sound Curves, or one curve."),
                fps_input(" of lists; curves of this pack know their own."),
                prefix_input("curves/SGVG"),
                io.Combo.Input(
                    "format",
                    options=list(_FORMATS),
                    default="JSON",
                    tooltip="MIDI: a controller a curve, 0..127 from its lowest to its highest. After Effects: a script that makes sliders, or a "
                    "text to paste. Blender: a script that keyframes properties.",
                ),
            ],
            outputs=[io.String.Output("file", display_name="file", tooltip="The file's name, as Load Curves names it.")],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt],
            is_input_list=True,
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: Any) -> int:
        return _files.fingerprint(inputs)

    @classmethod
    def execute(cls, curves: Any, fps: Any = 25.0, filename_prefix: Any = "curves/SGVG", format: Any = "JSON") -> io.NodeOutput:
        kind, prefix = alone(format), alone(filename_prefix)
        check_choice("format", kind, tuple(_FORMATS))
        made = set_of(curves, fps_of(fps), "curves")
        path, name = host.output_file(prefix, _FORMATS[kind])
        with naming("curves"):
            save_curves(made, path)
        _files.add(cls.hidden, {"filename_prefix": prefix, "format": kind}, path)
        return io.NodeOutput(name, ui=host.page(f"{name}: {in_words(made)}", cls.hidden.unique_id))


class LoadCurves(io.ComfyNode):
    """Of this or another program."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_LoadCurves",
            display_name="Load Curves",
            category="SGVG/curves",
            description="Reads curves from a JSON file of this pack, or a CSV file with a column a curve and a row a frame.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=host.curve_choices() or ["(none yet: put files into ComfyUI's input folder)"],
                    tooltip="A .json or .csv file in ComfyUI's input folder, or one that Save Curves left in the output folder. Press R after "
                    "adding one.",
                ),
                io.Float.Input(
                    "fps",
                    default=0.0,
                    min=0.0,
                    max=240.0,
                    step=0.001,
                    tooltip="Frames a second that the curves are read at; 0: as the file has them. A CSV file without a column seconds needs it.",
                ),
            ],
            outputs=[CurvesWire.Output("curves", display_name="curves", tooltip="All curves of the file: for Pick Curve, Curve Plot, Curve Tools.")],
            hidden=[io.Hidden.unique_id],
            **SHOWS,
        )

    @classmethod
    def validate_inputs(cls, file: str | None = None) -> bool | str:
        return file is None or host.checked_name(host.curve_file, file)

    @classmethod
    def fingerprint_inputs(cls, file: str | None = None, fps: Any = 0) -> str:
        return host.file_key(host.curve_file, file)

    @classmethod
    def execute(cls, file: str, fps: float = 0.0) -> io.NodeOutput:
        path = host.curve_file(file)
        with naming("file"):
            made = load_curves(path, one_number(fps, "fps") or None)
        return io.NodeOutput(made, ui=host.page(f"{path.name}: {in_words(made)}", cls.hidden.unique_id))


class SyncScoreNode(io.ComfyNode):
    """Lag and correlation."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_SyncScore",
            display_name="Sync Score",
            category="SGVG/curves",
            description="How well any film moves with its sound: by how much the picture lags, and the correlation of motion and sound then.",
            inputs=[
                io.Video.Input("video", tooltip="Any film with sound: Synthesis to Video, Load Video, Create Video."),
                io.Float.Input("max_lag", display_name="max lag", default=1.0, min=0.01, max=30.0, step=0.01, tooltip="Seconds tried either way."),
            ],
            outputs=[
                io.Float.Output("lag", display_name="lag seconds", tooltip="By how much the picture is later than the sound; negative: earlier."),
                io.Float.Output("correlation", display_name="correlation", tooltip="Of motion and sound at that lag; unrelated ones reach 0.3."),
            ],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, video: Any, max_lag: float = 1.0) -> io.NodeOutput:
        with naming("video"), host.whole_video(video) as path:
            score = score_sync(path, max_lag=one_number(max_lag, "max_lag"), progress=host.HostProgress())
        words = f"lag {score.lag_seconds:+.3f} s, correlation {score.correlation:.2f} with the sound's {score.against}"
        return io.NodeOutput(score.lag_seconds, score.correlation, ui=host.page(words, cls.hidden.unique_id))


NODES = [SaveCurves, LoadCurves, SyncScoreNode]
