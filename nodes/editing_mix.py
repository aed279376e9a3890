"""Style mixing: content from one latent or film, style from another."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import torch
from comfy_api.latest import io, ui

from ..sgvg_core.editing import MixedWalk, layer_weights
from ..sgvg_core.errors import ConfigError
from ..sgvg_core.generation import sound_of_walk, to_uint8
from ..sgvg_core.latents import GROUPS, group_slices, held_rows
from ..sgvg_core.media import contact_sheet
from ..sgvg_core.synthesis import rgb_images
from . import host
from .adapters import drawing_model, images_from_uint8, latents_shape, track_of, walk_of
from .sockets import FROM_ANY_MODEL, SHOWS, AnyWalk, LatentWire, MadeWalk, ModelWire, StoredWalk, WalkWire
from .walk import evenly

_WEIGHT = {"min": -2.0, "max": 2.0, "step": 0.05}
_SHOWN_FRAMES = 6
_STILL_FPS = Fraction(25)


class StyleMix(io.ComfyNode):
    """Layers of one latent or film with those of another."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        a_frame = "0 keeps the content's, 1 takes the style's. One number, or a list of FLOATs with one a frame."
        either = "a start latent or a walk"
        return io.Schema(
            node_id="SGVG_StyleMix",
            display_name="Style Mix",
            category="SGVG/editing",
            description="Takes some layers of one picture or film, and the others of another: what is shown from the content, in the light and "
            "colours of the style; frame by frame if you like.",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_ANY_MODEL),
                io.MultiType.Input("content", types=[LatentWire, WalkWire], tooltip=f"What is shown: {either}. A film is as long as this one."),
                io.MultiType.Input("style", types=[LatentWire, WalkWire], tooltip=f"How it looks: {either}. A film is held at its end."),
                io.Float.Input("coarse", default=0.0, tooltip=f"Layout. {a_frame}", **_WEIGHT),
                io.Float.Input("mid", default=0.0, tooltip=f"Shapes. {a_frame}", **_WEIGHT),
                io.Float.Input("fine", default=1.0, tooltip=f"Light and colour. {a_frame}", **_WEIGHT),
            ],
            outputs=[
                LatentWire.Output("mixed_latent", display_name="start latent", tooltip="The mixed picture, or the first frame of a mixed film."),
                WalkWire.Output("walk", display_name="walk", tooltip="The mixed film, with the content's sound (or else the style's)."),
                io.Image.Output("picture", display_name="picture", tooltip="Content, style and mix, side by side or some frames of each in rows."),
            ],
            hidden=[io.Hidden.unique_id],
            is_input_list=True,
            **SHOWS,
        )

    @classmethod
    def execute(
        cls, model: Any = (None,), content: Any = (None,), style: Any = (None,), coarse: Any = (0.0,), mid: Any = (0.0,), fine: Any = (1.0,)
    ) -> io.NodeOutput:
        handle = drawing_model(model[0])
        shown, styled = _walk(handle, content[0], "content"), _walk(handle, style[0], "style")
        tracks = {name: track_of(values, name) for name, values in zip(GROUPS, (coarse, mid, fine), strict=True)}
        weights = layer_weights(tracks, _slices(handle), handle.generator.num_ws)
        if isinstance(content[0], torch.Tensor) and not isinstance(style[0], torch.Tensor):
            shown = StoredWalk(shown.ws.expand(styled.num_frames, -1, -1), styled.fps)  # a still content lasts as long as the style's film
        mixed = MixedWalk(shown, style[0][:1].cpu() if isinstance(style[0], torch.Tensor) else styled, weights)
        sounds = [None if isinstance(each[0], torch.Tensor) else sound_of_walk(walk_of(each[0])) for each in (content, style)]
        walk = MadeWalk(mixed, sounds[0] or sounds[1])
        first = next(iter(mixed))[:1].clone()
        sheet = _sheet(handle, [shown, styled, mixed])
        return io.NodeOutput(first, walk, sheet, ui=ui.PreviewImage(sheet, cls=cls))


def _slices(handle: host.HostGenerator) -> dict[str, slice]:
    """The latents of each group: those of the model's walker, else the paper's."""
    if isinstance(handle, host.HostModel):
        return dict(handle.model.walker.slices)
    num_ws = handle.generator.num_ws
    return group_slices((3, 6) if num_ws > 6 else (1, 2), num_ws)


def _sheet(handle: host.HostGenerator, walks: Sequence[AnyWalk]) -> torch.Tensor:
    """Content, style and mix, one below the other, some frames of each: an IMAGE of one picture."""
    count = min(_SHOWN_FRAMES, max(walk.num_frames for walk in walks))
    generator, rows = handle.ready_generator(_SHOWN_FRAMES), []
    for walk in walks:
        ws = held_rows(evenly(walk, count)[1], 0, count)
        rows += [to_uint8(rgb_images(generator, each.to(generator.w_avg.device), noise_mode="const")) for each in ws.split(1)]
    columns = count if count > 1 else len(walks)
    return host.to_host(images_from_uint8(contact_sheet(torch.cat(rows), columns)))


def _walk(handle: host.HostGenerator, value: Any, wire: str) -> Any:
    """A latent or a walk as a walk. Raises ConfigError."""
    wanted = handle.generator.num_ws, handle.generator.w_dim
    if isinstance(value, torch.Tensor) and value.ndim == 3:
        walk: AnyWalk = StoredWalk(value[:1].cpu(), _STILL_FPS)
    else:
        walk = walk_of(value)
    if latents_shape(walk) != wanted:
        seen = latents_shape(walk)
        raise ConfigError(f"{wire}: got {seen[0]} latents of {seen[1]}, but {handle.name} takes {wanted[0]} of {wanted[1]}; use one model for all")
    return walk


NODES = [StyleMix]
