"""Networks under ComfyUI's memory manager, and what travels on the wires of models."""

import dataclasses
from collections.abc import Sequence

import torch

from ...sgvg_core.assembly import SoundModel
from ...sgvg_core.image_inversion import ImageEncoder
from ...sgvg_core.synthesis import Generator, StyleGAN3Generator

_BYTES_A_PIXEL, _BYTES_A_PIXEL_OF_STYLEGAN3 = 1024, 8192
"""What a synthesis network needs for one pixel of the picture: its largest layer's features and copies of them, generously. StyleGAN3's
layers are wide at all sizes, have a margin, and are filtered at twice their rate."""


class HostModule:
    """A network under ComfyUI's memory manager, which takes its weights to the graphics card and back as it sees fit."""

    def __init__(self, module: torch.nn.Module) -> None:
        import comfy.model_management as management
        import comfy.model_patcher

        self.module = module
        self.patcher = comfy.model_patcher.ModelPatcher(
            module, load_device=management.get_torch_device(), offload_device=management.unet_offload_device()
        )


def resting_device() -> torch.device:
    """Where weights lie that aren't in use, and so where networks are built."""
    import comfy.model_management as management

    return management.unet_offload_device()


def bring(parts: Sequence[HostModule], room: int) -> torch.device:
    """Weights of `parts` on the device that ComfyUI computes on, with `room` bytes left for the work. Call it before each use.

    ComfyUI may have taken the weights, or a part of them, back at any time.
    """
    import comfy.model_management as management

    patchers = [part.patcher for part in parts]
    # Weights that are moved in inference mode could never take part in a gradient again. A load that isn't full moves leaf modules
    # only, and a network of ours has weights elsewhere too.
    with torch.inference_mode(False):
        management.load_models_gpu(patchers, memory_required=room, force_full_load=True)
        for patcher in patchers:
            patcher.model.to(patcher.load_device)  # no copy where the load was full; with --novram it never is
    return patchers[0].load_device


@dataclasses.dataclass(eq=False)
class HostGenerator:
    """A generator: enough for nodes that only draw. `key` identifies its content."""

    name: str
    key: str
    generator: Generator
    drawing: HostModule
    info: str
    """What was loaded, in a few lines."""

    def room(self, batch: int) -> int:
        """Bytes that `batch` pictures take while they're synthesized."""
        each = _BYTES_A_PIXEL_OF_STYLEGAN3 if isinstance(self.generator, StyleGAN3Generator) else _BYTES_A_PIXEL
        return batch * self.generator.img_resolution**2 * each

    def ready_generator(self, batch: int = 1) -> Generator:
        """The generator on ComfyUI's device, with room for `batch` pictures. Call it before each use."""
        bring([self.drawing], self.room(batch))
        return self.generator


@dataclasses.dataclass(eq=False)
class HostModel(HostGenerator):
    """A generator with the parts that hear and walk. These stay on the CPU: a walk is the same on every machine."""

    model: SoundModel
    judging: HostModule | None
    """The joint space."""

    def ready(self, batch: int = 1) -> SoundModel:
        """The model on ComfyUI's device, with room for `batch` pictures. Call it before each use."""
        parts = [self.drawing, *([] if self.judging is None else [self.judging])]
        return dataclasses.replace(self.model, device=bring(parts, self.room(batch)))


@dataclasses.dataclass(eq=False)
class HostImageEncoder:
    """An encoder of pictures."""

    name: str
    encoder: ImageEncoder
    looking: HostModule
    info: str
