"""From a walk to pictures (paper Eq. 6): frames for other nodes, or a video file with the sound."""

from collections.abc import Iterator
from typing import Any

import torch
from comfy_api.latest import InputImpl, io, ui

from ..sgvg_core.config import check_choice
from ..sgvg_core.errors import ConfigError
from ..sgvg_core.generation import (
    NOISE_MODES,
    RenderSettings,
    driven_render,
    final_size,
    images_of,
    sound_of_walk,
    to_uint8,
)
from ..sgvg_core.media import SOUND_CODECS, VideoWriter
from ..sgvg_core.synthesis import Generator
from . import host
from .adapters import check_latents, cut, drawing_model, images_from_frames, naming, pose_of, to_sound, walk_of
from .sockets import FROM_ANY_MODEL, AnyWalk, ModelWire, WalkWire, pose_input

_DTYPES = ("auto", "float32", "float16", "bfloat16")
_films = host.MadeFiles("size", "noise", "noise_seed", "batch_size", "dtype", "sound_codec", "crf")


def _common_inputs() -> list[io.Input]:
    """What both ways of synthesis ask for."""
    return [
        io.Int.Input(
            "size",
            default=0,
            min=0,
            max=4096,
            step=8,
            tooltip="Side of the picture in pixels (its longer one), resampled from the generator's; 0 keeps the generator's.",
        ),
        io.Combo.Input(
            "noise",
            options=list(NOISE_MODES),
            default="const",
            tooltip="The generator's noise inputs, which draw fine texture. const: those it was trained with; random: new ones for every frame; "
            "none: no noise; seeded: one set from the noise seed for all frames; smooth: sets of the noise seed that flow into one another.",
        ),
        io.Int.Input(
            "noise_seed",
            display_name="noise seed",
            default=0,
            min=0,
            max=0xFFFFFFFFFFFFFFFF,
            control_after_generate=True,
            tooltip="Seed of the noise; only random and seeded noise use it.",
        ),
        io.Int.Input(
            "batch_size",
            display_name="batch size",
            default=4,
            min=1,
            max=256,
            tooltip="Frames that are computed at once. The pictures don't depend on it.",
        ),
        io.Combo.Input(
            "dtype", options=list(_DTYPES), default="auto", tooltip="Number type of the large layers. auto: float16 on a CUDA card, else float32."
        ),
    ]


class Synthesis(io.ComfyNode):
    """Frames as IMAGE."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_Synthesis",
            display_name="StyleGAN Synthesis",
            category="SGVG/synthesis",
            description="Turns a walk into frames for other image nodes. They're all kept in memory; for a whole film use Synthesis to Video.",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_ANY_MODEL),
                WalkWire.Input("walk", tooltip="From Recurrent Walker, Load Latents or Image to Latent."),
                io.Int.Input(
                    "first_frame", display_name="first frame", default=0, min=0, max=10_000_000, tooltip="Frames before this one are left out."
                ),
                io.Int.Input(
                    "max_frames",
                    display_name="max frames",
                    default=0,
                    min=0,
                    max=1_000_000,
                    tooltip="The most frames; 0 takes all. A second of 25 frames at 1024 pixels takes 315 MB of memory, at 128 pixels 5 MB.",
                ),
                *_common_inputs(),
                pose_input(),
            ],
            outputs=[io.Image.Output("images", display_name="images", tooltip="The frames in their order.")],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        walk: Any,
        first_frame: int = 0,
        max_frames: int = 0,
        size: int = 0,
        noise: str = "const",
        noise_seed: int = 0,
        batch_size: int = 4,
        dtype: str = "auto",
        pose: Any = None,
    ) -> io.NodeOutput:
        core_walk = walk_of(walk)
        num_left = core_walk.num_frames - first_frame
        if num_left <= 0:
            raise ConfigError(f"first_frame: got {first_frame}, but the walk has {core_walk.num_frames} frames, counted from 0")
        num_images = min(num_left, max_frames or num_left)
        settings = render_settings(size, noise, noise_seed, batch_size, dtype)
        frames = Frames(model, core_walk, settings, pose, range(first_frame, first_frame + num_images))
        images: torch.Tensor | None = None
        done = 0
        for shown in frames:
            some = images_from_frames(shown)
            if images is None:
                images = host.to_host(torch.empty(num_images, *some.shape[1:]))
            images[done : done + len(some)] = some.to(images.device)
            done += len(some)
        return io.NodeOutput(images)


class SynthesisToVideo(io.ComfyNode):
    """A video file with the sound, frame by frame."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_SynthesisToVideo",
            display_name="Synthesis to Video",
            category="SGVG/synthesis",
            description="Turns a walk into a video with its sound, straight into a file in ComfyUI's temp folder: memory doesn't grow with its "
            "duration. Connect Save Video to keep it.",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_ANY_MODEL),
                WalkWire.Input("walk", tooltip="From Recurrent Walker, which knows its sound; or from Load Latents or Image to Latent, silent."),
                *_common_inputs(),
                io.Combo.Input(
                    "sound_codec",
                    display_name="sound codec",
                    options=list(SOUND_CODECS),
                    default="auto",
                    tooltip="auto: whole AAC and MP3 files are copied unchanged, other sounds become AAC at 256 kb/s; flac keeps every sample; "
                    "none: silent.",
                ),
                io.Int.Input("crf", default=18, min=0, max=51, tooltip="H.264 quality: 0 is lossless and large, 18 looks like it, 28 is small."),
                io.Audio.Input(
                    "audio",
                    optional=True,
                    tooltip="Another sound for the file, such as the full mix when the walk follows one track of it. Usually left open.",
                ),
                pose_input(),
            ],
            outputs=[io.Video.Output("video", display_name="video", tooltip="The finished video, for Save Video or Get Video Components.")],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo, io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: Any) -> int:
        return _films.fingerprint(inputs)

    @classmethod
    def execute(
        cls,
        model: Any,
        walk: Any,
        size: int = 0,
        noise: str = "const",
        noise_seed: int = 0,
        batch_size: int = 4,
        dtype: str = "auto",
        sound_codec: str = "auto",
        crf: int = 18,
        audio: Any = None,
        pose: Any = None,
    ) -> io.NodeOutput:
        core_walk = walk_of(walk)
        check_choice("sound_codec", sound_codec, SOUND_CODECS)
        sound = to_sound(audio, "audio") if audio is not None else sound_of_walk(core_walk)
        frames = Frames(model, core_walk, render_settings(size, noise, noise_seed, batch_size, dtype), pose)
        path = host.temporary_video()
        metadata = host.graph_metadata(cls.hidden)
        with naming("audio" if audio is not None else "walk"):
            track = None if sound is None else sound.track()
            height, width = frames.size_of_image
            writer = VideoWriter(
                path, fps=core_walk.fps, width=width, height=height, sound=track, sound_codec=sound_codec, crf=crf, metadata=metadata
            )
            with writer:
                for shown in frames:
                    writer.write(to_uint8(shown))
        settings = {"size": size, "noise": noise, "noise_seed": noise_seed, "batch_size": batch_size, "dtype": dtype}
        _films.add(cls.hidden, {**settings, "sound_codec": sound_codec, "crf": crf}, path)
        shown = ui.PreviewVideo([ui.SavedResult(path.name, "", io.FolderType.temp)])
        return io.NodeOutput(InputImpl.VideoFromFile(str(path)), ui=shown)


def render_settings(size: int, noise: str, noise_seed: int, batch_size: int, dtype: str) -> RenderSettings:
    """What the inputs that both ways of synthesis have say; size 0 is the generator's own. Raises ConfigError.

    `noise` is the mode and `noise_seed` its seed; `batch_size` frames are painted at once.
    """
    check_choice("dtype", dtype, _DTYPES)
    return RenderSettings(size=size or None, noise_mode=noise, seed=noise_seed, batch=batch_size, dtype=dtype)


class Frames:
    """The pictures of a walk, [n, 3, H, W] in -1..1, batch after batch, with progress, preview and cancel; `chosen` are its frames (None: all).

    `model` and `pose` are what the wires carry. Raises ConfigError for latents of another generator.
    """

    def __init__(self, model: Any, walk: AnyWalk, settings: RenderSettings, pose: Any, chosen: range | None = None) -> None:
        self.handle = drawing_model(model)
        check_latents(self.handle, walk)
        self.pose = pose_of(pose)
        self.walk, self.settings = walk, driven_render(settings, walk)
        self.chosen = range(walk.num_frames) if chosen is None else chosen
        self.size_of_image = final_size(self.handle.generator, self.settings)
        """Height and width."""

    def __iter__(self) -> Any:
        generator = self.handle.ready_generator(batch=self.settings.batch)
        progress, done, num_frames = host.HostProgress(), 0, len(self.chosen)
        progress(0, num_frames)
        for shown in self._drawn(generator):
            done += len(shown)
            yield shown
            progress(done, num_frames, "frames", to_uint8(shown[-1:])[0])

    def _drawn(self, generator: Generator) -> Iterator[torch.Tensor]:
        first = self.chosen.start
        return images_of(generator, cut(self.walk, first, len(self.chosen)), self.settings, pose=self.pose, first=first)


NODES = [Synthesis, SynthesisToVideo]
