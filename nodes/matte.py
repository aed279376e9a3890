"""Which pixels the sound moved, as MASK."""

from typing import Any

import torch
from comfy_api.latest import io

from ..sgvg_core.errors import ConfigError
from ..sgvg_core.generation import (
    AGAINST,
    MatteSettings,
    RenderSettings,
    ShapedWalk,
    draw_mattes,
    driven_render,
    final_size,
    light_layer,
    size_of_image,
)
from ..sgvg_core.latents import WalksSideBySide
from ..sgvg_core.synthesis import ENLARGEMENTS, Panorama
from . import host
from .adapters import check_latents, drawing_model, naming, pose_of, walk_of
from .sockets import FROM_ANY_MODEL, ModelWire, WalkWire, pose_input

_RIGHT = (2, 3, 4)


class MotionMatte(io.ComfyNode):
    """A mask a frame."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_MotionMatte",
            display_name="Motion Matte",
            category="SGVG/motion",
            description="Which pixels the sound moved, a mask a frame: white where the picture isn't the one that silence would show.",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_ANY_MODEL),
                WalkWire.Input("walk", tooltip="From Recurrent Walker, or a node that changes its walk."),
                io.Combo.Input("against", options=list(AGAINST), default="silence",
                               tooltip="What frames are held against: the same film of silence, the first frame, or the frame before."),
                io.Float.Input("gain", default=4.0, min=0.01, max=1000.0, step=0.1, tooltip="How soon it's white: 4 at a quarter of the range."),
                io.Float.Input("soften", default=0.01, min=0.0, max=0.5, step=0.005, tooltip="Blur, as a share of the picture's height."),
                io.Int.Input("size", default=0, min=0, max=4096, step=8, tooltip="Longer side in pixels, as in synthesis; 0 is the generator's own."),
                io.Int.Input("batch_size", display_name="batch size", default=4, min=1, max=256, tooltip="Frames that are computed at once."),
                pose_input(),
            ],
            outputs=[io.Mask.Output("mask", display_name="mask", tooltip="White where the sound moved something, one for each frame.")],
        )

    @classmethod
    def execute(
        cls, model: Any, walk: Any, against: str = "silence", gain: float = 4.0, soften: float = 0.01, size: int = 0, batch_size: int = 4,
        pose: Any = None,
    ) -> io.NodeOutput:
        handle, walked = drawing_model(model), walk_of(walk)
        check_latents(handle, walked)
        settings = MatteSettings(against, gain, soften)
        generator = handle.ready_generator(batch=batch_size)
        render = driven_render(RenderSettings(size=size or None, batch=batch_size, dtype="auto"), walked)
        progress, done = host.HostProgress(), 0
        mask = host.to_host(torch.zeros(walked.num_frames, *final_size(generator, render)))
        with naming("walk"):
            for some in draw_mattes(generator, walked, render, settings, pose=pose_of(pose)):
                mask[done : done + len(some)] = some.to(mask.device)
                done += len(some)
                progress(done, walked.num_frames, "frames")
        return io.NodeOutput(mask)


class PictureShape(io.ComfyNode):
    """Wider than square, larger than trained."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_PictureShape",
            display_name="Picture Shape",
            category="SGVG/motion",
            description="Paints a walk wider or higher than the generator was trained for: StyleGAN2 by a larger constant and noise or by several "
            "walks side by side, StyleGAN3 by windows of its plane.",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_ANY_MODEL),
                WalkWire.Input("walk", tooltip="From Recurrent Walker, or a node that changes its walk."),
                io.Int.Input("width", default=512, min=16, max=16384, step=2, tooltip="In the generator's pixels: what it was trained for, or more."),
                io.Int.Input("height", default=256, min=16, max=16384, step=2, tooltip="In the generator's pixels; synthesis resamples them."),
                io.Combo.Input("enlargement", options=list(ENLARGEMENTS), default="mirror",
                               tooltip="StyleGAN2: how the rest is filled. mirror: mirror images in turn; tile: over and over; stretch: drawn out; "
                               "panorama: the walks below lie to the right, and each picture fades into the next."),
                *(WalkWire.Input(f"walk_{number}", display_name=f"walk {number}", optional=True,
                                 tooltip="For panorama: another walk of the same sound, from another start.") for number in _RIGHT),
                io.Boolean.Input("one_light", display_name="one light", default=True, optional=True,
                                 tooltip="For panorama: all pictures have the light and colours of the first walk. Off: each keeps its own."),
            ],
            outputs=[WalkWire.Output("shaped_walk", display_name="walk", tooltip="For synthesis: nothing else changes.")],
        )

    @classmethod
    def execute(
        cls, model: Any, walk: Any, width: int = 512, height: int = 256, enlargement: str = "mirror", walk_2: Any = None, walk_3: Any = None,
        walk_4: Any = None, one_light: bool = True,
    ) -> io.NodeOutput:
        handle, walked = drawing_model(model), walk_of(walk)
        right = tuple(walk_of(other) for other in (walk_2, walk_3, walk_4) if other is not None)
        for each in (walked, *right):
            check_latents(handle, each)
        final_size(handle.generator, RenderSettings(shape=(height, width), enlargement=enlargement))
        if bool(right) != (enlargement == "panorama"):
            said = "connect another walk of the same sound" if not right else "choose panorama, or take that wire off"
            raise ConfigError(f"walk 2: got {'a walk' if right else 'nothing'}, but enlargement is {enlargement}; {said}")
        if right:
            Panorama(size_of_image(handle.generator)[1], width, 1 + len(right))
            walked = WalksSideBySide(walked, right, light_layer(handle.generator.num_ws) if one_light else None)
        return io.NodeOutput(ShapedWalk(walked, (height, width), enlargement))


NODES = [MotionMatte, PictureShape]
