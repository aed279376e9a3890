"""The walk through latent space (paper Eq. 4 and 5), and a look at it."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from comfy_api.latest import io, ui

from ..sgvg_core.clock import to_fps
from ..sgvg_core.curves import Curve
from ..sgvg_core.errors import ConfigError
from ..sgvg_core.generation import UNSURE, Pose, RenderSettings, film_numbers, frames, heard_walk, overlays_of, shape_render
from ..sgvg_core.media import contact_sheet
from ..sgvg_core.synthesis import Generator
from ..sgvg_core.walker import DEFAULT_PULL, WalkSettings
from . import host
from .adapters import check_latents, drawing_model, expect, hearing_model, images_from_uint8, naming, one_number, pose_of, track_of, walk_of
from .latent_files import fps_input
from .sockets import (
    FROM_ANY_MODEL,
    FROM_HEARING_MODEL,
    AnyWalk,
    LatentWire,
    ModelWire,
    SoundLatents,
    SoundLatentsWire,
    WalkWire,
    pose_input,
)

_STRENGTH = {"default": 1.0, "min": -4.0, "max": 4.0, "step": 0.05}


class RecurrentWalkerNode(io.ComfyNode):
    """The recurrent blocks of the paper."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_RecurrentWalker",
            display_name="Recurrent Walker",
            category="SGVG/walk",
            description="Walks through the generator's latent space from the start latent on, moved by the sound at every step: one latent for "
            "each frame. Three recurrent blocks move coarse (layout), mid (shapes) and fine (light, colour) layers.",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_HEARING_MODEL),
                SoundLatentsWire.Input("sound_latents", display_name="sound latents", tooltip="From Sound Inversion Encoder."),
                LatentWire.Input(
                    "start_latent", display_name="start latent", tooltip="From Start Latent, Text Constraint, Load Latents or Image to Latent."
                ),
                fps_input(". 23.976, 29.97 and 59.94 mean their exact n/1001 rates. The motion is the same at every rate."),
                io.Float.Input("coarse", tooltip="Strength of the coarse block: 0 holds the layout still, 2 doubles its steps.", **_STRENGTH),
                io.Float.Input("mid", tooltip="Strength of the mid block: shapes.", **_STRENGTH),
                io.Float.Input("fine", tooltip="Strength of the fine block: light and colour.", **_STRENGTH),
                io.Float.Input(
                    "beta",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Share of each new latent that is taken: 1 moves most, smaller values keep more of the picture's identity.",
                ),
                io.Float.Input(
                    "pull",
                    default=DEFAULT_PULL,
                    min=0.0,
                    max=100.0,
                    step=0.01,
                    tooltip="How fast the latent is drawn back to the start, per second; keeps long films near their first picture. 0: not at all.",
                ),
                io.Boolean.Input(
                    "causal", default=False, tooltip="Each frame hears only what came before it, as in a live use, instead of what is around it."
                ),
                io.Boolean.Input(
                    "sound_once",
                    display_name="sound once",
                    default=False,
                    tooltip="The way of the paper's released code: the sound enters once, before the first frame, instead of at every step.",
                ),
                io.Combo.Input(
                    "unsure",
                    options=list(UNSURE),
                    default="stay",
                    optional=True,
                    tooltip="What a sound does that is none of the model's scenes. stay: the walk stays where it starts, as in silence; follow: it "
                    "goes where the sound encoder leads.",
                ),
            ],
            outputs=[
                WalkWire.Output("walk", display_name="walk", tooltip="One latent for each frame. Lazy: computed while the frames are."),
                io.Float.Output("exact_fps", display_name="fps", tooltip="Frames a second, for Create Video."),
                io.Int.Output("num_frames", display_name="frames", tooltip="How many frames cover the sound."),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        sound_latents: Any,
        start_latent: Any,
        fps: float,
        coarse: float = 1.0,
        mid: float = 1.0,
        fine: float = 1.0,
        beta: float = 1.0,
        pull: float = DEFAULT_PULL,
        causal: bool = False,
        sound_once: bool = False,
        unsure: str = "stay",
    ) -> io.NodeOutput:
        handle = hearing_model(model)
        core = handle.model
        analysed = expect(sound_latents, SoundLatents, "sound latents", "Sound Inversion Encoder")
        start_ws = expect(start_latent, torch.Tensor, "start latent", "Start Latent or Text Constraint")
        wanted = (1, core.generator.num_ws, core.generator.w_dim)
        if tuple(start_ws.shape) != wanted:
            raise ConfigError(
                f"start latent: got shape {list(start_ws.shape)}, expected {list(wanted)}, that of {core.name}; use one model for both nodes"
            )
        if (analysed.encoder.num_ws, analysed.encoder.w_dim) != wanted[1:]:
            raise ConfigError(
                f"sound latents: {analysed.model_name} hears {analysed.encoder.num_ws} latents of {analysed.encoder.w_dim}, but {core.name} takes "
                f"{wanted[1]} of {wanted[2]}; use one model for both nodes"
            )
        fps = one_number(fps, "fps")
        with naming("fps"):
            exact = to_fps(fps)
        strengths = {"coarse": coarse, "mid": mid, "fine": fine, "beta": beta, "pull": pull}
        tracks = {name: track_of(value, name) for name, value in strengths.items()}
        settings = WalkSettings(**{name: track for name, track in tracks.items() if isinstance(track, float)}, sound_once=sound_once)
        lists = {name: track for name, track in tracks.items() if isinstance(track, list)}
        ears = dataclasses.replace(handle.ready(), sound_encoder=analysed.encoder)
        walk = heard_walk(
            ears, analysed.analysed, start_ws, exact, unsure=unsure, progress=host.HostProgress(), settings=settings, causal=causal
        )
        if lists:
            found = film_numbers(lists, _no_curve, exact, walk.num_frames)
            walk = dataclasses.replace(walk, numbers=found)
        return io.NodeOutput(walk, float(walk.fps), walk.num_frames)


class WalkSheet(io.ComfyNode):
    """Some pictures of a walk at once."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_WalkSheet",
            display_name="Walk Contact Sheet",
            category="SGVG/walk",
            description="Looks at a walk before it's rendered: some of its frames, evenly over the whole sound, in one picture.",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_ANY_MODEL),
                WalkWire.Input("walk", tooltip="From Recurrent Walker, Load Latents or Image to Latent."),
                io.Int.Input("num_pictures", display_name="num pictures", default=18, min=1, max=256, tooltip="How many frames are shown."),
                io.Int.Input("columns", default=6, min=1, max=64, tooltip="Images a row."),
                pose_input(),
            ],
            outputs=[io.Image.Output("sheet", display_name="sheet", tooltip="The frames in rows, from left to right.")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, model: Any, walk: Any, num_pictures: int = 18, columns: int = 6, pose: Any = None) -> io.NodeOutput:
        handle, walked, moved = drawing_model(model), walk_of(walk), pose_of(pose)
        check_latents(handle, walked)
        numbers, chosen = evenly(walked, num_pictures)
        generator = handle.ready_generator(batch=4)
        progress, kept = host.HostProgress(), []
        with naming("walk"):
            render = shape_render(RenderSettings(overlays=overlays_of(walked)), walked)
            for some in drawn(generator, numbers, chosen, render, moved):
                kept.append(some)
                progress(sum(map(len, kept)), len(chosen), "frames", some[-1])
        sheet = host.to_host(images_from_uint8(contact_sheet(torch.cat(kept), columns)))
        return io.NodeOutput(sheet, ui=ui.PreviewImage(sheet, cls=cls))


def _no_curve(name: str) -> Curve:
    raise ConfigError(f"{name}: isn't a curve here")


def drawn(
    generator: Generator, numbers: list[int], chosen: torch.Tensor, render: RenderSettings, pose: Pose | None = None
) -> Iterator[torch.Tensor]:
    """Some frames of a walk by their numbers and latents (`chosen` [n, L, D]), uint8 [1, H, W, 3] one after another; `pose` None: it stays."""
    for number, ws in zip(numbers, chosen.split(1), strict=True):
        yield from frames(generator, [ws], render, pose=pose, first=number)


def evenly(walk: AnyWalk, num_pictures: int) -> tuple[list[int], torch.Tensor]:
    """`num_pictures` frames of a walk by their numbers and latents [n, L, D], the first and the last among them; fewer if it has fewer."""
    wanted = sorted({round(k) for k in torch.linspace(0, walk.num_frames - 1, min(num_pictures, walk.num_frames)).tolist()})
    progress, kept, index = host.HostProgress(), [], 0
    for batch in walk:
        kept += [batch[k - index] for k in wanted if index <= k < index + len(batch)]
        index += len(batch)
        progress(index, walk.num_frames, "walk")
    return wanted, torch.stack(kept)


NODES = [RecurrentWalkerNode, WalkSheet]
