"""Directions in latent space, and a look along one."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from comfy_api.latest import io, ui

from ..sgvg_core.config import check_choice, check_range
from ..sgvg_core.editing import (
    Direction,
    LinearShift,
    ResolvedEdit,
    direction_between,
    direction_by_name,
    direction_to,
    load_direction,
    place_edits,
    resolve_edits,
    save_direction,
    synthesize_edited,
)
from ..sgvg_core.errors import ConfigError
from ..sgvg_core.generation import to_uint8
from ..sgvg_core.media import contact_sheet
from . import host
from .adapters import drawing_model, expect, hearing_model, images_from_uint8, naming, one_number
from .editing import edits_of
from .sockets import FROM_ANY_MODEL, SHOWS, DirectionWire, EditsWire, LatentWire, ModelWire

_SOURCES = ("pca", "sefa", "two latents", "target", "file")
_NO_FILE = "(none yet: Direction saves some)"
_files = host.MadeFiles("source", "number", "file", "save_as")


class DirectionNode(io.ComfyNode):
    """A direction by what the generator itself knows, by two latents, or from a file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_Direction",
            display_name="Direction",
            category="SGVG/editing",
            description="Gives a direction in latent space: one that the generator's own latents vary most along (pca), one that its weights answer "
            "most to (sefa), the way from one latent to another, the straight way to a target, or one from a file. Look at it with Direction "
            "Strip before you use it.",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_ANY_MODEL),
                io.Combo.Input(
                    "source",
                    options=list(_SOURCES),
                    default="pca",
                    tooltip="pca: principal components of the generator's latents; sefa: of its weights, in closed form; two latents: from the "
                    "first to the second; target: the straight way to what an edit wants; file: one that was saved.",
                ),
                io.Int.Input(
                    "number",
                    default=0,
                    min=0,
                    max=4095,
                    tooltip="Which of pca or sefa, strongest first, counted from 0.",
                ),
                io.Combo.Input(
                    "file", options=host.latent_choices() or [_NO_FILE], optional=True, tooltip="A direction that was saved, if the source is file."
                ),
                LatentWire.Input("from_latent", display_name="from latent", optional=True, tooltip="Where the way of two latents begins."),
                LatentWire.Input("to_latent", display_name="to latent", optional=True, tooltip="Where the way of two latents leads."),
                EditsWire.Input("edits", optional=True, tooltip="From Edit Target, if the source is target: the first one counts."),
                io.String.Input(
                    "save_as",
                    display_name="save as",
                    default="",
                    optional=True,
                    placeholder="empty: not saved",
                    tooltip="A name, such as directions/dusk, under which it's saved in ComfyUI's output folder; empty: it isn't.",
                ),
            ],
            outputs=[DirectionWire.Output("found", display_name="direction", tooltip="For Direction Strip and Edit Target.")],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt],
            **SHOWS,
        )

    @classmethod
    def validate_inputs(cls, source: str | None = None, file: str | None = None) -> bool | str:
        return file is None or source != "file" or host.checked_name(host.latent_file, file)

    @classmethod
    def fingerprint_inputs(cls, source: Any = None, file: str | None = None, **inputs: Any) -> str:
        lost = _files.fingerprint({"source": source, "file": file, **inputs})
        return f"{lost} {host.file_key(host.latent_file, file) if source == 'file' else ''}"

    @classmethod
    def execute(
        cls,
        model: Any,
        source: str = "pca",
        number: int = 0,
        file: str = "",
        from_latent: Any = None,
        to_latent: Any = None,
        edits: Any = None,
        save_as: str = "",
    ) -> io.NodeOutput:
        handle = drawing_model(model)
        check_choice("source", source, _SOURCES)
        with torch.inference_mode(False):
            found = _to_target(model, edits) if source == "target" else _found(handle, source, number, file, (from_latent, to_latent))
        words = f"{found.name}: one step is {found.sigma:.3g}"
        if save_as.strip():
            path, name = host.output_file(save_as, ".safetensors")
            save_direction(path, found.named(path.stem))
            _files.add(cls.hidden, {"source": source, "number": number, "file": file, "save_as": save_as}, path)
            words = f"{words}\nsaved as {name}"
        return io.NodeOutput(found, ui=host.page(words, cls.hidden.unique_id))


def _found(handle: host.HostGenerator, source: str, number: int, file: str, ends: tuple[Any, Any]) -> Direction:
    generator = handle.generator
    if source == "file":
        with naming("file"):
            return load_direction(host.latent_file(file), generator.num_ws, generator.w_dim)
    if source == "two latents":
        first, second = (expect(ws, torch.Tensor, wire, "Invert Picture or Start Latent") for ws, wire in zip(ends, ("from latent", "to latent"),
                                                                                                              strict=True))
        with naming("two latents"):
            return direction_between("from one to another", first.cpu().clone(), second.cpu().clone())
    with naming("number"):
        return direction_by_name(handle.ready_generator(), f"{source}:{number}")


def _to_target(model: Any, edits: Any) -> Direction:
    asked = edits_of(edits, "edits")
    if not asked or asked[0].target is None:
        raise ConfigError("edits: got no target; connect an Edit Target with a text, a sound or a picture")
    return direction_to(hearing_model(model).ready(4), asked[0].target, progress=host.HostProgress())


class DirectionStrip(io.ComfyNode):
    """Pictures along a direction or an edit."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        place = {"min": -10.0, "max": 10.0, "step": 0.1}
        return io.Schema(
            node_id="SGVG_DirectionStrip",
            display_name="Direction Strip",
            category="SGVG/editing",
            description="Shows what a direction or an edit does to a picture, from weak to strong, in one row: look before you use it.",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_ANY_MODEL),
                LatentWire.Input("start_latent", display_name="start latent", tooltip="From Invert Picture, Start Latent or Load Latents."),
                DirectionWire.Input("direction", optional=True, tooltip="From Direction: a step is a standard deviation of the generator's latents."),
                EditsWire.Input("edits", optional=True, tooltip="From Edit Target, instead of a direction: a step is the edits' own strength."),
                io.Float.Input("lowest", default=-3.0, tooltip="Steps of the first picture. 0 is the picture itself.", **place),
                io.Float.Input("highest", default=3.0, tooltip="Steps of the last picture.", **place),
                io.Int.Input("num_pictures", display_name="num pictures", default=7, min=2, max=64, tooltip="How many pictures the row has."),
            ],
            outputs=[
                io.Image.Output("strip", display_name="strip", tooltip="The pictures in one row."),
                io.Image.Output("pictures", display_name="pictures", tooltip="The same one by one."),
            ],
            is_output_node=True,
            **SHOWS,
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        start_latent: Any,
        direction: Any = None,
        edits: Any = None,
        lowest: float = -3.0,
        highest: float = 3.0,
        num_pictures: int = 7,
    ) -> io.NodeOutput:
        if (direction is None) == (edits is None):
            raise ConfigError("direction: connect a direction or edits, and not both")
        low, high = one_number(lowest, "lowest"), one_number(highest, "highest")
        check_range("highest", high, low, 10)
        with torch.inference_mode(False):
            start_ws = expect(start_latent, torch.Tensor, "start latent", "Invert Picture or Start Latent")[:1].cpu().clone()
            handle, found = _along(model, start_ws, direction, edits)
            steps = torch.linspace(low, high, num_pictures).tolist()
            progress, frames = host.HostProgress(), []
            for frame in _drawn(handle, start_ws, found, steps):
                frames.append(frame)
                progress(len(frames), len(steps), "pictures", frame[0])
        pictures = torch.cat(frames)
        strip = host.to_host(images_from_uint8(contact_sheet(pictures, num_pictures)))
        return io.NodeOutput(strip, host.to_host(images_from_uint8(pictures)), ui=ui.PreviewImage(strip, cls=cls))


def _along(model: Any, start_ws: torch.Tensor, direction: Any, edits: Any) -> tuple[host.HostGenerator, tuple[ResolvedEdit, ...]]:
    """The generator, and what one step adds to the start. Raises ConfigError."""
    handle = drawing_model(model)
    wanted = handle.generator.num_ws, handle.generator.w_dim
    if tuple(start_ws.shape[1:]) != wanted:
        raise ConfigError(f"start latent: got shape {list(start_ws.shape)}, but {handle.name} takes {wanted[0]} of {wanted[1]}; use one model")
    if direction is not None:
        led = expect(direction, Direction, "direction", "Direction").fits(*wanted)
        return handle, (ResolvedEdit(led.name, (LinearShift(led.offset(1.0)),), torch.ones(1, 1)),)
    hearing = hearing_model(model)
    return hearing, resolve_edits(hearing.ready(4), edits_of(edits, "edits"), start_ws, progress=host.HostProgress())


def _drawn(handle: host.HostGenerator, start_ws: torch.Tensor, found: tuple[ResolvedEdit, ...], steps: list[float]) -> Iterator[torch.Tensor]:
    """A picture a step, uint8 [1, H, W, 3]."""
    generator = handle.ready_generator(4)
    for step in steps:
        scaled = [dataclasses.replace(edit, amounts=edit.amounts * step) for edit in found]
        for image in synthesize_edited(generator, [start_ws], place_edits(scaled)):
            yield to_uint8(image)


NODES = [DirectionNode, DirectionStrip]
