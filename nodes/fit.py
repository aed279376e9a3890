"""A fit of minutes: the sound encoder learns a handful of labelled sounds, for any generator, through text; and files of the result."""

import hashlib
from typing import Any

import torch
from comfy_api.latest import io, ui

from ..sgvg_core.assembly import SoundModel, load_model, save_sound_encoder, save_walker
from ..sgvg_core.config import MelConfig, SoundInversionConfig, WalkerConfig, check_choice
from ..sgvg_core.embedding import JointSpace, OpenClipSpace, load_open_clip
from ..sgvg_core.errors import ConfigError
from ..sgvg_core.guidance import LabelledSound, LabelSearch, SoundFit, SoundFitSettings, fit_sounds
from ..sgvg_core.sound_inversion import SoundInversionEncoder, config_of_encoder
from ..sgvg_core.walker import RecurrentWalker, config_of_walker
from . import host
from .adapters import drawing_model, expect, hearing_model, images_from_uint8, naming, one_number, to_sounds
from .sockets import SHOWS, LabelledSoundsWire, ModelWire

_AUTO, _BUNDLED, _OPEN_CLIP = "auto", "landscapes (bundled)", "open_clip"
_KEEP, _FOLLOW = "keep", "follow"
_NO_WEIGHTS = "(none)"
_ROOM_FOR_GRADIENTS = 4
"""An image with gradients takes about this many times the memory of one without."""

LabelledSounds = tuple[LabelledSound, ...]
_files = host.MadeFiles("name")


class LabelSounds(io.ComfyNode):
    """A sound with its label, added to others."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_LabelSound",
            display_name="Label Sound",
            category="SGVG/fit",
            description="Says in words what a sound is. Chain several of these: each adds its sound to those before it, for Fit Sound Encoder.",
            inputs=[
                io.Audio.Input("audio", tooltip="Any sound: Load Sound, or any other node that gives AUDIO. All sounds of a batch get the label."),
                io.String.Input(
                    "label",
                    default="",
                    placeholder="fire crackling",
                    tooltip="What the sound is, as one would name a picture of it: rain, fire crackling, a waterfall. Sounds of one label belong "
                    "together.",
                ),
                LabelledSoundsWire.Input("others", optional=True, tooltip="The sounds before this one, from another Label Sound."),
            ],
            outputs=[LabelledSoundsWire.Output("sounds", display_name="sounds", tooltip="All sounds so far, for Fit Sound Encoder.")],
        )

    @classmethod
    def execute(cls, audio: Any, label: str, others: LabelledSounds | None = None) -> io.NodeOutput:
        name = label.strip()
        if not name:
            raise ConfigError("label: got no words; write what the sound is, such as 'fire crackling'")
        return io.NodeOutput((*(others or ()), *(LabelledSound(name, sound) for sound in to_sounds(audio, "audio"))))


class FitSoundEncoder(io.ComfyNode):
    """E_a taught by labelled sounds."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_FitSoundEncoder",
            display_name="Fit Sound Encoder",
            category="SGVG/fit",
            description="Teaches the sound encoder what your sounds mean to your generator, in minutes and without any video: for each label it "
            "looks for pictures that fit the words, then the encoder learns to lead there, further where the sound is louder.",
            inputs=[
                ModelWire.Input("model", tooltip="From Load StyleGAN, Load SGVG Model, or Load Sound Encoder and Walker. It isn't changed."),
                LabelledSoundsWire.Input("sounds", tooltip="From Label Sound: one or more sounds of each label, two labels or more if possible."),
                io.Combo.Input(
                    "space",
                    options=[_AUTO, _BUNDLED, _OPEN_CLIP],
                    default=_AUTO,
                    tooltip="Who judges whether a picture fits the words. auto: the model's own joint space, else the bundled one; landscapes "
                    "(bundled): the bundled one, which knows landscapes alone; open_clip: the CLIP model below, which knows nearly everything.",
                ),
                io.String.Input(
                    "clip_model",
                    display_name="clip model",
                    default="ViT-B-32",
                    tooltip="For open_clip: the name of the model, such as ViT-B-32 or ViT-L-14.",
                ),
                io.Combo.Input(
                    "clip_weights",
                    display_name="clip weights",
                    options=[_NO_WEIGHTS, *host.weight_files(host.MODEL_CATEGORY)],
                    default=_NO_WEIGHTS,
                    tooltip="For open_clip: its file of weights in ComfyUI/models/sgvg. Nothing is fetched from the network.",
                ),
                io.Combo.Input(
                    "walker",
                    options=[_AUTO, _KEEP, _FOLLOW],
                    default=_AUTO,
                    tooltip="Who walks. keep: the model's own walker; follow: one that goes straight where the sound leads; auto: the model's own if "
                    "it has one.",
                ),
                io.Int.Input(
                    "num_codes",
                    display_name="num codes",
                    default=256,
                    min=8,
                    max=100_000,
                    tooltip="How many pictures are looked at for each label's place. More fit better and take longer.",
                ),
                io.Int.Input(
                    "refine_steps",
                    display_name="refine steps",
                    default=60,
                    min=0,
                    max=10_000,
                    tooltip="How many steps each label's place is refined through the generator; 0: not at all, which is quick.",
                ),
                io.Int.Input(
                    "num_steps", display_name="num steps", default=300, min=1, max=100_000, tooltip="How many steps the sound encoder learns for."
                ),
                io.Int.Input(
                    "variants",
                    default=4,
                    min=1,
                    max=64,
                    tooltip="Variants of each sound: the original, then as other rooms, microphones and codecs would have it.",
                ),
                io.Float.Input(
                    "quiet",
                    default=0.7,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How much of the label's look the quietest moment of a sound shows; the loudest shows all of it. 1: loudness says "
                    "nothing.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=True,
                    tooltip="The same seed gives the same fit on the same machine.",
                ),
            ],
            outputs=[
                ModelWire.Output("fitted", display_name="model", tooltip="The same generator with the fitted sound encoder, for all nodes."),
                io.Image.Output("pictures", display_name="pictures", tooltip="One start with each label's offset, in the order of the labels."),
                io.String.Output("info", display_name="info", tooltip="How well each label was found, and how many sounds are told apart."),
            ],
            hidden=[io.Hidden.unique_id],
            **SHOWS,
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        sounds: Any,
        space: str = _AUTO,
        clip_model: str = "ViT-B-32",
        clip_weights: str = _NO_WEIGHTS,
        walker: str = _AUTO,
        num_codes: int = 256,
        refine_steps: int = 60,
        num_steps: int = 300,
        variants: int = 4,
        quiet: float = 0.7,
        seed: int = 0,
    ) -> io.NodeOutput:
        handle = drawing_model(model)
        analysed = expect(sounds, tuple, "sounds", "Label Sound")
        check_choice("space", space, (_AUTO, _BUNDLED, _OPEN_CLIP))
        check_choice("walker", walker, (_AUTO, _KEEP, _FOLLOW))
        whole = handle if isinstance(handle, host.HostModel) else None
        if walker == _KEEP and whole is None:
            raise ConfigError(f"walker: {handle.name} is a generator alone and has none to keep; choose auto or follow")
        search = LabelSearch(num_codes=num_codes, num_steps=refine_steps, seed=seed)
        settings = SoundFitSettings(search=search, num_steps=num_steps, variants=variants, quiet=one_number(quiet, "quiet"), seed=seed)
        fit = _fit(handle, analysed, _judging(handle, space, clip_model, clip_weights), settings)
        fitted = _with_fit(handle, fit, keep=whole is not None and walker != _FOLLOW)
        host.show_text(fitted.info, cls.hidden.unique_id)
        images = host.to_host(images_from_uint8(fit.found.images))
        return io.NodeOutput(fitted, images, fitted.info, ui=ui.PreviewImage(images, cls=cls))


def _judging(handle: host.HostGenerator, space: str, clip_model: str, clip_weights: str) -> host.HostModule:
    """The space that judges pictures by words, under ComfyUI's memory manager. Raises ConfigError, CheckpointError."""
    if space == _OPEN_CLIP:
        if clip_weights == _NO_WEIGHTS:
            raise ConfigError("clip weights: got none; choose the file of the CLIP model's weights, in ComfyUI/models/sgvg")
        path = host.weight_file(host.MODEL_CATEGORY, clip_weights, "clip weights")
        with naming("clip model"), torch.inference_mode(False):
            return host.HostModule(load_open_clip(clip_model.strip(), path).requires_grad_(False))
    own = handle.judging if isinstance(handle, host.HostModel) and space == _AUTO else None
    if own is not None:
        return own
    with torch.inference_mode(False):
        bundled = load_model(device=host.resting_device()).joint_space
    if bundled is None:
        raise ConfigError("space: the bundled model has no joint space; download the pack again, or choose open_clip")
    return host.HostModule(bundled)


def _fit(handle: host.HostGenerator, sounds: tuple[LabelledSound, ...], judging: host.HostModule, settings: SoundFitSettings) -> SoundFit:
    """The fit itself, on ComfyUI's device, with its bar, pictures and cancel."""
    host.bring([handle.drawing, judging], _ROOM_FOR_GRADIENTS * handle.room(settings.search.batch))
    init_from, mel = _ears(handle)
    space: JointSpace | OpenClipSpace = judging.module  # type: ignore[assignment]
    with naming("sounds"):
        return fit_sounds(
            handle.generator, space, sounds, init_from=init_from, mel=mel, settings=settings, progress=host.HostProgress()
        )


def _ears(handle: host.HostGenerator) -> tuple[SoundInversionEncoder | None, MelConfig | None]:
    """An encoder whose ears a fit begins with: the model's own, else the bundled one; and the sound pictures it hears."""
    if isinstance(handle, host.HostModel):
        own = handle.model.sound_encoder
        return (own, handle.model.mel) if isinstance(own, SoundInversionEncoder) else (None, None)
    with torch.inference_mode(False):
        bundled = load_model(device="cpu")
    ears = bundled.sound_encoder
    return (ears, bundled.mel) if isinstance(ears, SoundInversionEncoder) else (None, None)


def _with_fit(handle: host.HostGenerator, fit: SoundFit, keep: bool) -> host.HostModel:
    """The generator of `handle` with the fitted encoder around it, and its own walker (`keep`) or the one that follows."""
    whole = handle if isinstance(handle, host.HostModel) else None
    walker = whole.model.walker if whole is not None and keep else fit.walker
    space = whole.model.joint_space if whole is not None and whole.model.mel == fit.mel else None
    device = handle.generator.w_avg.device
    model = SoundModel(handle.name, handle.generator, fit.encoder, walker=walker, mel=fit.mel, joint_space=space, device=device, doubts=False)
    digest = hashlib.sha256(handle.key.encode())
    for part in (fit.encoder, walker):
        for tensor in part.state_dict().values():
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    judging = None if whole is None or space is None else whole.judging
    return host.HostModel(
        handle.name, digest.hexdigest(), handle.generator,
        drawing=handle.drawing, info=_in_words(fit, keep), model=model.checked(), judging=judging,
    )  # fmt: skip


def _in_words(fit: SoundFit, keep: bool) -> str:
    """How well the fit went, a line a label."""
    found = fit.found
    lines = [
        f"{label}: {after:.0%} of starts show it (without the offset {before:.0%})"
        for label, before, after in zip(found.labels, found.before.tolist(), found.after.tolist(), strict=True)
    ]
    walking = "the model's own" if keep else "follows the sound"
    return "\n".join([*lines, f"sounds told apart: {fit.agreement:.0%}", f"error: {fit.loss:.3f} standard deviations", f"walker: {walking}"])


class SaveSoundEncoder(io.ComfyNode):
    """The parts that hear and walk, to files."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_SaveSoundEncoder",
            display_name="Save Sound Encoder",
            category="SGVG/fit",
            description="Writes the sound encoder of a model, and its walker, into ComfyUI/models/sgvg, where Load Sound Encoder and Walker finds "
            "them (press R).",
            inputs=[
                ModelWire.Input("model", tooltip="From Fit Sound Encoder."),
                io.String.Input(
                    "name",
                    default="my sounds",
                    tooltip="The folder in ComfyUI/models/sgvg. If there's one already, a number is put behind the name; nothing is overwritten.",
                ),
            ],
            outputs=[
                io.String.Output("sound_encoder", display_name="sound encoder", tooltip="The file as Load Sound Encoder and Walker names it."),
                io.String.Output("walker", display_name="walker", tooltip="The walker's file as Load Sound Encoder and Walker names it."),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt],
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: Any) -> int:
        return _files.fingerprint(inputs)

    @classmethod
    def execute(cls, model: Any, name: str = "my sounds") -> io.NodeOutput:
        core = hearing_model(model).model
        encoder, encoder_config = _own_encoder(core)
        walker, walker_config = _own_walker(core)
        folder = host.new_model_folder(name)
        with naming("name"):
            save_sound_encoder(folder / "sound_encoder.safetensors", encoder, encoder_config, core.mel, half=False)
            save_walker(folder / "walker.safetensors", walker, walker_config, half=False)
        _files.add(cls.hidden, {"name": name}, *folder.glob("*.safetensors"))
        names = [f"{folder.name}/{part}.safetensors" for part in ("sound_encoder", "walker")]
        host.show_text("\n".join(names), cls.hidden.unique_id)
        return io.NodeOutput(*names)


def _own_encoder(model: SoundModel) -> tuple[SoundInversionEncoder, SoundInversionConfig]:
    if not isinstance(model.sound_encoder, SoundInversionEncoder):
        raise ConfigError(f"model: the sound encoder of {model.name} is {type(model.sound_encoder).__name__}, of a file that's there already; "
                          "connect the output of Fit Sound Encoder")
    return model.sound_encoder, config_of_encoder(model.sound_encoder)


def _own_walker(model: SoundModel) -> tuple[RecurrentWalker, WalkerConfig]:
    if not isinstance(model.walker, RecurrentWalker):
        raise ConfigError(f"model: the walker of {model.name} is {type(model.walker).__name__}, of a file that's there already; choose follow in "
                          "Fit Sound Encoder to get one of its own")
    return model.walker, config_of_walker(model.walker)


NODES = [LabelSounds, FitSoundEncoder, SaveSoundEncoder]
