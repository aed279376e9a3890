"""From pictures to latents, by an encoder of pSp, e4e or ReStyle."""

from typing import Any

import torch
from comfy_api.latest import io, ui

from ..sgvg_core.image_inversion import check_same_latents, invert
from ..sgvg_core.synthesis import rgb_images
from . import host
from .adapters import drawing_model, expect, frames_from_images, image_of, naming
from .latent_files import fps_input, item_input, start_and_walk
from .sockets import SHOWS, ImageEncoderWire, LatentWire, ModelWire, WalkWire

_BATCH = 4
_PASSES = 5


class ImageToLatent(io.ComfyNode):
    """IMAGE -> W+."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_ImageToLatent",
            display_name="Image to Latent",
            category="SGVG/latents",
            description="Finds the latents whose picture comes nearest to your own, so that a walk can start from it. Several pictures, such as the "
            "frames of a video, become a walk.",
            inputs=[
                ModelWire.Input("model", tooltip="The generator that the encoder was trained with, from Load StyleGAN or Load SGVG Model."),
                ImageEncoderWire.Input("encoder", display_name="image encoder", tooltip="From Load Image Encoder."),
                io.Image.Input("image", tooltip="One picture or several, cut as the encoder was trained with (such as aligned faces)."),
                io.Int.Input("passes", default=_PASSES, min=1, max=100, tooltip="How often a ReStyle encoder refines its answer; others take one."),
                item_input("Which picture"),
                fps_input(" of the walk. One picture is one frame."),
            ],
            outputs=[
                LatentWire.Output("start_latent", display_name="start latent", tooltip="The latent of one picture, for the Recurrent Walker."),
                WalkWire.Output("walk", display_name="walk", tooltip="The latents of all pictures, a frame each. It has no sound."),
                io.Image.Output("picture", display_name="picture", tooltip="What the generator makes of the start latent."),
            ],
            **SHOWS,
        )

    @classmethod
    def execute(cls, model: Any, encoder: Any, image: Any, passes: int = _PASSES, item: int = 0, fps: float = 25.0) -> io.NodeOutput:
        handle = drawing_model(model)
        looker = expect(encoder, host.HostImageEncoder, "image encoder", "Load Image Encoder")
        check_same_latents(looker.encoder, handle.generator, looker.name, handle.name)
        images = frames_from_images(image, "image")
        host.bring([looker.looking, handle.drawing], handle.room(_BATCH))
        with naming("image"):
            ws = _inverted(looker, handle, images, passes)
        start, walk = start_and_walk(ws, item, fps, "image")
        shown = image_of(handle, start)
        return io.NodeOutput(start, walk, shown, ui=ui.PreviewImage(shown, cls=cls))


def _drawn(handle: host.HostGenerator, ws: torch.Tensor) -> torch.Tensor:
    return rgb_images(handle.generator, ws.to(handle.generator.w_avg.device), noise_mode="const")


def _inverted(looker: host.HostImageEncoder, handle: host.HostGenerator, images: torch.Tensor, passes: int) -> torch.Tensor:
    """Latents [N, L, D] on the CPU, a few pictures at a time."""
    shown, before, found = host.HostProgress(), 0, []

    def progress(done: float, total: float | None, note: str = "", preview: torch.Tensor | None = None) -> None:
        shown(before + done / (total or 1) * len(some), len(images))

    for some in images.split(_BATCH):
        found.append(invert(looker.encoder, some, lambda ws: _drawn(handle, ws), num_passes=passes, progress=progress).float().cpu())
        before += len(some)
    return torch.cat(found)


NODES = [ImageToLatent]
