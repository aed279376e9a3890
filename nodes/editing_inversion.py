"""Pictures and videos of one's own as latents, by descent through the generator."""

from typing import Any

import torch
from comfy_api.latest import io, ui

from ..sgvg_core.config import check_choice
from ..sgvg_core.editing import (
    FrameInverter,
    InversionLog,
    VideoEditSettings,
    delta_generator,
    gaussian_kernel,
    invert_with_model,
    inverted_frames,
    named_distance,
    noise_generator,
    perceptual_of,
    smoothed,
)
from ..sgvg_core.generation import Sound, to_uint8
from ..sgvg_core.image_inversion import (
    FITS,
    PERCEPTUAL,
    SPACES,
    InversionSettings,
    Inverted,
    TuningSettings,
    check_same_latents,
    encoded_start,
    invert_image,
    load_delta,
    tune_pivot,
)
from ..sgvg_core.media import ShownVideo, probe_sound
from ..sgvg_core.perceptual import PerceptualDistance
from ..sgvg_core.synthesis import rgb_images
from . import host
from .adapters import drawing_model, expect, file_audio, frames_from_images, images_from_uint8, naming, one_number, with_generator
from .sockets import FROM_ANY_MODEL, SHOWS, ImageEncoderWire, LatentWire, MadeWalk, ModelWire, StoredWalk, WalkWire

_BATCH = 4
_NO_FILES = "(none yet: put files into ComfyUI's input folder)"


def fit_input(what: str) -> io.Input:
    """How pictures are brought to the generator's shape."""
    said = f"How {what} of another shape is brought to the generator's: crop takes the middle, pad repeats its edges, stretch distorts it."
    return io.Combo.Input("fit", options=list(FITS), default="crop", tooltip=said)


def seed_input() -> io.Input:
    """The seed of an inversion."""
    said = "Of the latents among which the start is looked for. The same picture and seed give the same latents."
    return io.Int.Input("seed", default=0, min=0, max=0xFFFFFFFFFFFFFFFF, control_after_generate=True, tooltip=said)


class InvertPicture(io.ComfyNode):
    """IMAGE -> latents, by descent."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_InvertPicture",
            display_name="Invert Picture",
            category="SGVG/editing",
            description="Finds the latents that show your own picture, for any generator. An encoder isn't needed: it begins at the most alike of "
            "the generator's own pictures and comes nearer step by step, held to what the generator knows, so that edits of it stay clean.",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_ANY_MODEL),
                io.Image.Input("image", tooltip="Your picture, of any size; of several the first."),
                io.Combo.Input(
                    "space",
                    options=["w+", "w", "w+noise"],
                    default="w+",
                    tooltip="w+: a latent for each layer, nearer to the picture; w: one for all layers, further from it and easier to edit; "
                    "w+noise: w+ and then the generator's noise maps (StyleGAN2), which the model output draws.",
                ),
                io.Int.Input(
                    "num_steps",
                    display_name="steps",
                    default=0,
                    min=0,
                    max=10_000,
                    tooltip="How many steps it takes at the most; it stops earlier when nothing is gained. 0: as many as the space wants.",
                ),
                fit_input("a picture"),
                seed_input(),
                io.Int.Input(
                    "tuning_steps",
                    display_name="tuning steps",
                    default=0,
                    min=0,
                    max=10_000,
                    optional=True,
                    tooltip="Steps by which the generator's finest layers are then changed too, until they show the picture (pivot tuning): 60 are "
                    "usual. Only the model output draws that; what you connected isn't changed. 0: not at all.",
                ),
                ImageEncoderWire.Input(
                    "encoder",
                    display_name="image encoder",
                    optional=True,
                    tooltip="From Load Image Encoder, for this generator (pSp, e4e, ReStyle): it begins at the encoder's answer.",
                ),
                io.Combo.Input(
                    "perceptual",
                    options=list(PERCEPTUAL),
                    default="joint-space",
                    optional=True,
                    tooltip="By which distance it shall look alike. joint-space: by the eyes of the model's own joint space (none for a generator "
                    "without one). st-lpips: by ST-LPIPS, for any generator; pip install --no-deps stlpips-pytorch brings its weights.",
                ),
            ],
            outputs=[
                LatentWire.Output("start_latent", display_name="start latent", tooltip="For Apply Edit, Style Mix, Recurrent Walker."),
                io.Image.Output("picture", display_name="picture", tooltip="What the generator makes of it."),
                ModelWire.Output("tuned_model", display_name="model", tooltip="The model, with the noise maps and the tuned weights if there are "
                                 "some: connect it wherever this picture is edited or drawn."),
            ],
            hidden=[io.Hidden.unique_id],
            **SHOWS,
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        image: Any,
        space: str = "w+",
        num_steps: int = 0,
        fit: str = "crop",
        seed: int = 0,
        tuning_steps: int = 0,
        encoder: Any = None,
        perceptual: str = "joint-space",
    ) -> io.NodeOutput:
        handle = drawing_model(model)
        check_choice("space", space, SPACES)
        check_choice("perceptual", perceptual, PERCEPTUAL)
        pictures = frames_from_images(image, "image")
        settings = InversionSettings(space=space, num_steps=num_steps or None, fit=fit, seed=seed, perceptual=perceptual)
        with naming("image"), torch.inference_mode(False):
            picture = pictures[:1].cpu().clone()
            found = _invert(handle, picture, settings, _encoded(handle, encoder, picture, fit))
            made = handle if found.noise is None else with_generator(handle, noise_generator(handle.generator, found.noise), "noise of a picture")
            made = made if not tuning_steps else _tuned(made, picture, found, TuningSettings(tuning_steps, seed=seed), settings)
            seen = found.image if not tuning_steps else to_uint8(rgb_images(made.ready_generator(), _there(made, found.ws), noise_mode="const"))[0]
        shown = host.to_host(images_from_uint8(seen))
        page = host.page(_in_words(found), cls.hidden.unique_id, ui.PreviewImage(shown, cls=cls))
        return io.NodeOutput(found.ws, shown, made, ui=page)


def _there(handle: host.HostGenerator, ws: torch.Tensor) -> torch.Tensor:
    """Latents where the generator is."""
    return ws.to(handle.generator.w_avg.device)


def _tuned(
    handle: host.HostGenerator, image: torch.Tensor, found: Inverted, settings: TuningSettings, inversion: InversionSettings
) -> host.HostGenerator:
    """The model with the generator tuned to a picture [1, 3, H, W], which was inverted as `inversion` says."""
    generator = handle.ready_generator(_BATCH)
    perceptual = _perceptual(handle, inversion)
    delta = tune_pivot(generator, image, found.ws, settings, perceptual=perceptual, fit=inversion.fit, progress=host.HostProgress())
    return with_generator(handle, delta_generator(generator, delta), f"tuned to a picture by {settings.num_steps} steps")


def _encoded(handle: host.HostGenerator, encoder: Any, image: torch.Tensor, fit: str) -> torch.Tensor | None:
    """An encoder's answer [1, L, D] to one picture [1, 3, H, W]; None where no encoder is connected. `fit` is one of `FITS`."""
    if encoder is None:
        return None
    looker = expect(encoder, host.HostImageEncoder, "image encoder", "Load Image Encoder")
    check_same_latents(looker.encoder, handle.generator, looker.name, handle.name)
    host.bring([looker.looking, handle.drawing], handle.room(_BATCH))
    return encoded_start(looker.encoder, handle.generator, image, fit, host.HostProgress())


def _invert(handle: host.HostGenerator, image: torch.Tensor, settings: InversionSettings, start_ws: torch.Tensor | None) -> Inverted:
    """One picture [1, 3, H, W], with whatever the model knows, from `start_ws` [1, L, D] on (None: it's looked for)."""
    if isinstance(handle, host.HostModel):
        return invert_with_model(handle.ready(_BATCH), image, settings, start_ws=start_ws, progress=host.HostProgress())
    generator, perceptual = handle.ready_generator(_BATCH), _perceptual(handle, settings)
    return invert_image(generator, image, settings, start_ws=start_ws, perceptual=perceptual, progress=host.HostProgress())


def _perceptual(handle: host.HostGenerator, settings: InversionSettings) -> PerceptualDistance | None:
    """The distance that the settings name, where the generator is; None where the joint space is meant and there's none."""
    if isinstance(handle, host.HostModel):
        return perceptual_of(handle.ready(_BATCH), settings.perceptual)
    return named_distance(settings.perceptual, None, handle.generator.w_avg.device)


def _in_words(found: Inverted) -> str:
    """How near it came, and whether edits will work."""
    near = "on the generator's ground" if found.distance <= found.limit else "beyond the generator's ground: edits may look odd, try space w"
    return f"{found.psnr:.1f} dB after {found.num_steps} steps\ndistance {found.distance:.1f} of {found.limit:.1f}: {near}"


class InvertVideo(io.ComfyNode):
    """VIDEO -> a walk of latents, a frame each."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_InvertVideo",
            display_name="Invert Video",
            category="SGVG/editing",
            description="Finds the latents of every frame of your own video: each begins where the frame before it ended, and all are smoothed over "
            "time without coming late. The walk keeps the video's sound and frame rate.",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_ANY_MODEL),
                io.Video.Input("video", tooltip="Your video, from Load Video: any frame rate, any size, turned or not."),
                *video_inputs(),
                fit_input("a frame"),
                seed_input(),
            ],
            outputs=[
                WalkWire.Output("walk", display_name="walk", tooltip="A latent a frame, with the video's sound: for Apply Edit, Synthesis to Video."),
                LatentWire.Output("start_latent", display_name="start latent", tooltip="The first frame's, for the Recurrent Walker."),
                io.Audio.Output("audio", display_name="audio", tooltip="The video's sound, for Edit Target and others; nothing for a silent video."),
                io.Int.Output("num_frames", display_name="frames", tooltip="How many frames there are."),
            ],
            hidden=[io.Hidden.unique_id],
            **SHOWS,
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        video: Any,
        warm_steps: int = 16,
        smoothing: float = 0.06,
        start_seconds: float = 0.0,
        length_seconds: float = 0.0,
        fit: str = "crop",
        seed: int = 0,
    ) -> io.NodeOutput:
        handle = drawing_model(model)
        with naming("video"), torch.inference_mode(False):
            path, start, seconds = host.video_file(video, start_seconds, length_seconds or None)
            shown = ShownVideo.open(path, start=start, seconds=seconds)
            settings = VideoEditSettings(warm_steps=warm_steps, smoothing=one_number(smoothing, "smoothing"), fit=fit, seed=seed)
            log = InversionLog()
            frames = inverted_frames(_inverter(handle), shown, settings, log, host.HostProgress())
            ws = torch.stack([each for each, _ in smoothed(frames, gaussian_kernel(settings.smoothing, shown.fps))])
            sound = Sound.from_file(path, start, seconds) if shown.has_sound else None
            audio = None if sound is None else file_audio(path, start, seconds, probe_sound(path).sample_rate)
        walk = MadeWalk(StoredWalk(ws, shown.fps), sound)
        told = log.report()
        page = host.page(f"{len(ws)} frames at {float(shown.fps):g} a second\n{told['psnr']:.1f} dB, distance {told['distance']:.1f}",
                         cls.hidden.unique_id)
        return io.NodeOutput(walk, ws[:1].clone(), audio, len(ws), ui=page)


def _inverter(handle: host.HostGenerator) -> FrameInverter:
    if isinstance(handle, host.HostModel):
        return FrameInverter.of_model(handle.ready(_BATCH), host.HostProgress())
    return FrameInverter.of_generator(handle.ready_generator(_BATCH))


def video_inputs() -> list[io.Input]:
    """What nodes ask for that invert a video."""
    seconds = {"default": 0.0, "min": 0.0, "max": 86_400.0, "step": 0.01}
    return [
        io.Int.Input(
            "warm_steps",
            display_name="steps a frame",
            default=16,
            min=0,
            max=1000,
            tooltip="Steps of every frame after the first, which takes more. More follow the video closer and take longer.",
        ),
        io.Float.Input(
            "smoothing",
            default=0.06,
            min=0.0,
            max=2.0,
            step=0.01,
            tooltip="Seconds over which latents are smoothed (a standard deviation): takes flicker away; too much blurs fast movements. No lag.",
        ),
        io.Float.Input("start_seconds", display_name="start seconds", tooltip="Where the cut begins, in seconds.", **seconds),
        io.Float.Input("length_seconds", display_name="length seconds", tooltip="How many seconds are taken; 0 takes all up to the end.", **seconds),
    ]


class LoadTunedWeights(io.ComfyNode):
    """Tuned weights of a file around a model."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_LoadTunedWeights",
            display_name="Load Tuned Weights",
            category="SGVG/editing",
            description="Puts the differences of `invert --tune` into a copy of the generator, which then draws the picture that they were made "
            "for. Other pictures stay nearly as they were.",
            inputs=[
                ModelWire.Input("model", tooltip="The model that they were made from, from Load SGVG Model or Load StyleGAN."),
                io.Combo.Input(
                    "file",
                    options=[name for name in host.latent_choices() if ".safetensors" in name] or [_NO_FILES],
                    tooltip="A file of `invert --tune` in ComfyUI's input or output folder. Press R after adding one.",
                ),
            ],
            outputs=[ModelWire.Output("tuned_model", display_name="model", tooltip="The model with the tuned generator.")],
            hidden=[io.Hidden.unique_id],
            **SHOWS,
        )

    @classmethod
    def validate_inputs(cls, file: str | None = None) -> bool | str:
        return file is None or host.checked_name(host.latent_file, file)

    @classmethod
    def fingerprint_inputs(cls, file: str | None = None, model: Any = None) -> str:
        return host.file_key(host.latent_file, file)

    @classmethod
    def execute(cls, model: Any, file: str) -> io.NodeOutput:
        handle, path = drawing_model(model), host.latent_file(file)
        with naming("file"), torch.inference_mode(False):
            made = with_generator(handle, delta_generator(handle.generator, load_delta(path)), f"tuned by {path.name}")
        return io.NodeOutput(made, ui=host.page(made.info, cls.hidden.unique_id))


NODES = [InvertPicture, InvertVideo, LoadTunedWeights]
