"""Latents in files: read as a start or as a walk, written to ComfyUI's output folder."""

from typing import Any

import torch
from comfy_api.latest import io

from ..sgvg_core.assembly import load_latents, save_latents
from ..sgvg_core.clock import to_fps
from ..sgvg_core.config import check_choice
from ..sgvg_core.editing import load_noise, noise_generator
from ..sgvg_core.errors import ConfigError
from ..sgvg_core.latents import LatentWalk
from . import host
from .adapters import drawing_model, naming, one_number, watched, with_generator
from .sockets import SHOWS, AnyWalk, CentresWire, LatentWire, ModelWire, StoredWalk, WalkWire, prefix_input

FORMATS = ("safetensors", "npy", "npz")
_files = host.MadeFiles("filename_prefix", "format")


def item_input(tooltip: str) -> io.Input:
    """Which of several becomes the start latent."""
    return io.Int.Input("item", default=0, min=0, max=10_000_000, tooltip=f"{tooltip} becomes the start latent; 0 is the first.")


def fps_input(tooltip: str) -> io.Input:
    """Frames a second."""
    return io.Float.Input("fps", default=25.0, min=0.1, max=240.0, step=0.001, round=0.000001, tooltip=f"Frames a second{tooltip}")


def start_and_walk(ws: torch.Tensor, item: int, fps: float, what: str) -> tuple[torch.Tensor, StoredWalk]:
    """Latent `item` of `ws` [T, L, D] as a start latent [1, L, D], and all of them as a walk. Raises ConfigError. `what` names the file in it."""
    if not 0 <= item < len(ws):
        raise ConfigError(f"item: got {item}, but {what} holds {len(ws)} latents, counted from 0")
    fps = one_number(fps, "fps")
    with naming("fps"):
        return ws[item : item + 1].clone(), StoredWalk(ws, to_fps(fps))


class LoadLatents(io.ComfyNode):
    """Latents of a file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_LoadLatents",
            display_name="Load Latents",
            category="SGVG/latents",
            description="Reads latents from a file (.npy, .npz, .pt, .safetensors; projected_w.npz too): one of them to start a walk from, and all "
            "of them as a walk of its own, a frame each, or as centres for truncation.",
            inputs=[
                ModelWire.Input("model", tooltip="The generator that the latents belong to, from Load StyleGAN or Load SGVG Model."),
                io.Combo.Input(
                    "file",
                    options=host.latent_choices() or ["(none yet: put files into ComfyUI's input folder)"],
                    tooltip="A file in ComfyUI's input folder, or one that Save Latents left in the output folder. Press R after adding one.",
                ),
                item_input("Which latent of the file"),
                fps_input(" of the walk. One latent is one frame."),
            ],
            outputs=[
                LatentWire.Output("start_latent", display_name="start latent", tooltip="One latent, for the Recurrent Walker."),
                WalkWire.Output("walk", display_name="walk", tooltip="All latents, a frame each, for synthesis. It has no sound."),
                io.Int.Output("num_frames", display_name="frames", tooltip="How many latents the file holds."),
                CentresWire.Output("centres", display_name="centres", tooltip="All latents as the centres that truncation draws to."),
                ModelWire.Output("model_of_file", display_name="model", tooltip="The model, with the noise maps of the file if it has some "
                                 "(w+noise): draw with it what starts here."),
            ],
            hidden=[io.Hidden.unique_id],
            **SHOWS,
        )

    @classmethod
    def validate_inputs(cls, file: str | None = None) -> bool | str:
        return file is None or host.checked_name(host.latent_file, file)

    @classmethod
    def fingerprint_inputs(cls, file: str | None = None, item: Any = 0, fps: Any = 0, model: Any = None) -> str:
        return host.file_key(host.latent_file, file)

    @classmethod
    def execute(cls, model: Any, file: str, item: int = 0, fps: float = 25.0) -> io.NodeOutput:
        handle = drawing_model(model)
        path = host.latent_file(file)
        with naming("file"), torch.inference_mode(False):
            ws = load_latents(path, handle.generator.num_ws, handle.generator.w_dim)
            noise = load_noise(path)
            own = handle if noise is None else with_generator(handle, noise_generator(handle.generator, noise), f"noise maps of {path.name}")
        start, walk = start_and_walk(ws, item, fps, path.name)
        told = f"{path.name}: {len(ws)} x {ws.shape[1]} latents of {ws.shape[2]}{'' if noise is None else ', with noise maps'}"
        return io.NodeOutput(start, walk, len(ws), ws, own, ui=host.page(told, cls.hidden.unique_id))


class SaveLatents(io.ComfyNode):
    """Latents to a file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_SaveLatents",
            display_name="Save Latents",
            category="SGVG/latents",
            description="Writes a start latent, the latents of a whole walk, or centres for truncation into ComfyUI's output folder.",
            inputs=[
                io.MultiType.Input(
                    "latents",
                    types=[LatentWire, WalkWire, CentresWire],
                    tooltip="A start latent (Start Latent, Text Constraint, Image to Latent), a walk (Recurrent Walker), which is saved frame by "
                    "frame, or centres (Truncation Centres).",
                ),
                prefix_input("latents/SGVG"),
                io.Combo.Input(
                    "format",
                    options=list(FORMATS),
                    default="safetensors",
                    tooltip="safetensors: with its sizes in the header; npy: one numpy array; npz: as StyleGAN's projector writes it, under the "
                    "name w.",
                ),
            ],
            outputs=[io.String.Output("file", display_name="file", tooltip="The file as Load Latents names it.")],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt],
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: Any) -> int:
        return _files.fingerprint(inputs)

    @classmethod
    def execute(cls, latents: Any, filename_prefix: str = "latents/SGVG", format: str = "safetensors") -> io.NodeOutput:
        check_choice("format", format, FORMATS)
        ws = _latents_of(latents)
        path, name = host.output_file(filename_prefix, f".{format}")
        with naming("latents"):
            save_latents(path, ws)
        _files.add(cls.hidden, {"filename_prefix": filename_prefix, "format": format}, path)
        page = host.page(f"{name}: {len(ws)} x {ws.shape[1]} latents of {ws.shape[2]}", cls.hidden.unique_id)
        shown = {"filename": path.name, "subfolder": path.parent.relative_to(host.output_folder()).as_posix(), "type": "output"}
        return io.NodeOutput(name, ui={**page, "latents": [shown]})


def _latents_of(value: Any) -> torch.Tensor:
    """Latents [T, L, D] of a start latent, centres or a walk. Raises ConfigError."""
    if isinstance(value, torch.Tensor) and value.ndim == 3:
        return value
    if isinstance(value, StoredWalk):
        return value.ws
    if not isinstance(value, LatentWalk):
        seen = "nothing" if value is None else type(value).__name__
        raise ConfigError(f"latents: got {seen}; connect a start latent (Start Latent) or a walk (Recurrent Walker)")
    return _walked(value)


def _walked(walk: AnyWalk) -> torch.Tensor:
    progress, batches, done = host.HostProgress(), [], 0
    for batch in watched(walk, host.stop_if_cancelled):
        batches.append(batch)
        done += len(batch)
        progress(done, walk.num_frames, "frames")
    return torch.cat(batches)


NODES = [LoadLatents, SaveLatents]
