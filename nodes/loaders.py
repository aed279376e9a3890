"""Models from ComfyUI's folders: whole ones, and generators, sound encoders, walkers and image encoders of any known layout."""

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from comfy_api.latest import io

from ..sgvg_core.assembly import (
    SoundModel,
    build_recognised_generator,
    find_generator,
    fit_sound_encoder,
    fit_walker,
    load_image_encoder,
    load_sound_encoder,
    load_walker,
)
from ..sgvg_core.checkpoints.layouts import Recognised
from ..sgvg_core.config import check_choice
from ..sgvg_core.errors import ConfigError
from ..sgvg_core.image_inversion import ImageEncoder
from ..sgvg_core.layer_map import LatentAxis
from ..sgvg_core.sound_inversion import AnySoundEncoder, FittedSoundEncoder
from ..sgvg_core.synthesis import Generator, StyleGAN3Generator
from ..sgvg_core.walker import AnyWalker, FittedWalker
from . import host
from .adapters import drawing_model, naming
from .sockets import ImageEncoderWire, ModelWire

H = TypeVar("H")

_loaded: "weakref.WeakValueDictionary[str, Any]" = weakref.WeakValueDictionary()
"""What is in use, by its content: two nodes that load the same weights share them."""

_BESIDE, _NO_BLOCK = "auto", "(none)"
_MADE_FOR = ("auto", "StyleGAN2", "StyleGAN3 256 px")
_RELEASED_STYLEGAN3_SIZE = 256
_WHICH_ENCODER = {"auto": None, "pSp or ReStyle (pSp)": False, "e4e or ReStyle (e4e)": True}


def _shared(key: str, load: Callable[[], H]) -> H:
    """What was loaded for `key` and is still in use, else what `load` gives."""
    found: H = _loaded.get(key) or load()
    _loaded[key] = found
    return found


class LoadModel(io.ComfyNode):
    """A sound-to-video model."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_LoadModel",
            display_name="Load SGVG Model",
            category="SGVG/loaders",
            description="Loads a sound-to-video model: StyleGAN generator, sound inversion encoder, recurrent walker and joint space of sound, "
            "picture "
            "and text. One comes with the pack; others are folders in ComfyUI/models/sgvg.",
            inputs=[
                io.Combo.Input(
                    "model_name",
                    display_name="model name",
                    options=list(host.models()),
                    default=host.BUNDLED_NAME,
                    tooltip="The bundled model, or a sub-folder of ComfyUI/models/sgvg that holds a generator, a sound encoder and a walker: "
                    "generator.safetensors, sound_encoder.safetensors and walker.safetensors (and joint_space.safetensors for text), or the "
                    "files of the paper's released code beside a generator of any kind. Press R after adding one.",
                ),
            ],
            outputs=[ModelWire.Output("model", display_name="model", tooltip="The parts of the model, for all other nodes of this pack.")],
        )

    @classmethod
    def fingerprint_inputs(cls, model_name: str) -> str:
        return host.content_key(host.model_folder(model_name))

    @classmethod
    def execute(cls, model_name: str) -> io.NodeOutput:
        folder = host.model_folder(model_name)
        key = host.content_key(folder)
        with naming("model_name"):
            return io.NodeOutput(_shared(f"model {key}", lambda: host.load_host_model(folder, key)))


class LoadStyleGAN(io.ComfyNode):
    """A generator of any known layout."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_LoadStyleGAN",
            display_name="Load StyleGAN",
            category="SGVG/loaders",
            description="Loads a StyleGAN2 or StyleGAN3 generator that you own: NVIDIA's pickles (StyleGAN2, -ADA, StyleGAN3, TensorFlow-era), "
            "converted .pt files, bare state dicts, our safetensors. Files are read as data; nothing in them is executed.",
            inputs=[
                io.Combo.Input(
                    "generator_name",
                    display_name="generator",
                    options=host.weight_choices(host.GENERATOR_CATEGORY),
                    tooltip="A file in ComfyUI/models/stylegan (.pkl, .pt, .pth, .safetensors). Press R after adding one.",
                ),
            ],
            outputs=[
                ModelWire.Output(
                    "model",
                    display_name="model",
                    tooltip="A model that draws but doesn't hear: for Start Latent, Load Latents, Image to Latent and synthesis; for the rest put "
                    "Load Sound Encoder and Walker behind it.",
                ),
                io.String.Output("info", display_name="info", tooltip="What was loaded: kind, size, latents, and what was assumed or left out."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def fingerprint_inputs(cls, generator_name: str) -> str:
        return host.file_content_key(_generator_file(generator_name))

    @classmethod
    def execute(cls, generator_name: str) -> io.NodeOutput:
        path = _generator_file(generator_name)
        key = host.file_content_key(path)
        with naming("generator"):
            loaded = _shared(f"generator {key}", lambda: _load_generator(path, key))
        host.show_text(loaded.info, cls.hidden.unique_id)
        return io.NodeOutput(loaded, loaded.info)


def _generator_file(name: str) -> Path:
    return host.weight_file(host.GENERATOR_CATEGORY, name, "generator")


def _load_generator(path: Path, key: str) -> host.HostGenerator:
    with torch.inference_mode(False):
        found = find_generator(path)
        generator = build_recognised_generator(found, path, host.resting_device())
    return host.HostGenerator(path.name, key, generator, host.HostModule(generator), describe_generator(found, generator))


def describe_generator(found: Recognised, generator: Generator) -> str:
    """A generator in a few lines: kind, size, latents, where it comes from, and what was assumed or left out."""
    kind = "StyleGAN2"
    if isinstance(generator, StyleGAN3Generator):
        kind = "StyleGAN3-R" if found.config.get("use_radial_filters") else "StyleGAN3-T"
    height, width = generator.img_size if not isinstance(generator, StyleGAN3Generator) else (generator.img_resolution,) * 2
    colours = {1: ", grey", 4: ", with alpha"}.get(generator.img_channels, "")
    labels = f", {generator.c_dim} labels" if generator.c_dim else ""
    num_parameters = sum(parameter.numel() for parameter in generator.parameters())
    lines = [
        f"{kind}, {width} x {height}{colours}",
        f"{generator.num_ws} latents of {generator.w_dim} (num_ws {generator.num_ws}){labels}",
        f"{num_parameters:,} parameters",
        "file of this program" if found.layout == "own" else f"layout {found.layout}",
    ]
    return "\n".join([*lines, *(f"note: {note}" for note in found.notes)])


class LoadSoundParts(io.ComfyNode):
    """E_a and the recurrent blocks, ours or the released ones, for any generator."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        files = host.weight_choices(host.MODEL_CATEGORY)
        return io.Schema(
            node_id="SGVG_LoadSoundParts",
            display_name="Load Sound Encoder and Walker",
            category="SGVG/loaders",
            description="Gives a generator the parts that hear and walk: ours, or those of the paper's released code (audio_inversion_.pth and the "
            "blocks coarse, mid, fine). Parts made for another number of latents are fitted layer by layer, coarse to coarse and fine to fine.",
            inputs=[
                ModelWire.Input("model", tooltip="From Load StyleGAN: the generator to be moved. Or a whole model whose parts are exchanged."),
                io.Combo.Input(
                    "sound_encoder",
                    display_name="sound encoder",
                    options=files,
                    tooltip="A file in ComfyUI/models/sgvg: sound_encoder.safetensors of ours, or audio_inversion_.pth of the released code.",
                ),
                io.Combo.Input(
                    "walker",
                    options=files,
                    tooltip="A file in ComfyUI/models/sgvg: walker.safetensors of ours, or the coarse block of the released code "
                    "(coarseformer_.pth).",
                ),
                io.Combo.Input(
                    "mid_block",
                    display_name="mid block",
                    options=[_BESIDE, _NO_BLOCK, *host.weight_files(host.MODEL_CATEGORY)],
                    default=_BESIDE,
                    tooltip="The mid block of the released code. auto: the file beside the walker that has mid where that one has coarse in its "
                    "name. Not used for a walker of ours.",
                ),
                io.Combo.Input(
                    "fine_block",
                    display_name="fine block",
                    options=[_BESIDE, _NO_BLOCK, *host.weight_files(host.MODEL_CATEGORY)],
                    default=_BESIDE,
                    tooltip="The fine block of the released code. auto: the file beside the walker that has fine where that one has coarse in its "
                    "name. Not used for a walker of ours.",
                ),
                io.Combo.Input(
                    "made_for",
                    display_name="made for",
                    options=list(_MADE_FOR),
                    default="auto",
                    tooltip="The kind of generator that these parts were trained with. auto: what the files say; those of the released code say "
                    "nothing and are taken as StyleGAN3's: this generator's, or one of 256 px.",
                ),
            ],
            outputs=[
                ModelWire.Output("whole", display_name="model", tooltip="A model that hears, walks and draws, for all nodes of this pack."),
                io.String.Output("info", display_name="info", tooltip="What was loaded, and whether it was fitted to the generator's latents."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def fingerprint_inputs(
        cls, sound_encoder: str, walker: str, mid_block: str = _BESIDE, fine_block: str = _BESIDE, made_for: str = "auto", model: Any = None
    ) -> str:
        paths = [_sound_file(sound_encoder, "sound encoder"), *_walker_files(walker, mid_block, fine_block)]
        return " ".join(host.file_content_key(path) for path in paths)

    @classmethod
    def execute(
        cls, model: Any, sound_encoder: str, walker: str, mid_block: str = _BESIDE, fine_block: str = _BESIDE, made_for: str = "auto"
    ) -> io.NodeOutput:
        handle = drawing_model(model)
        check_choice("made for", made_for, _MADE_FOR)
        encoder_path = _sound_file(sound_encoder, "sound encoder")
        walker_paths = _walker_files(walker, mid_block, fine_block)
        keys = [handle.key, *(host.file_content_key(path) for path in (encoder_path, *walker_paths))]
        whole = _shared(f"parts {' '.join(keys)} {made_for}", lambda: _with_sound(handle, " ".join(keys), encoder_path, walker_paths, made_for))
        host.show_text(whole.info, cls.hidden.unique_id)
        return io.NodeOutput(whole, whole.info)


def _sound_file(name: str, wire: str) -> Path:
    return host.weight_file(host.MODEL_CATEGORY, name, wire)


def _walker_files(walker: str, mid_block: str, fine_block: str) -> list[Path]:
    """The one file of a walker of ours, or the three of the released blocks. Raises ConfigError."""
    first = _sound_file(walker, "walker")
    chosen: list[Path] = []
    for name, block in (("mid", mid_block), ("fine", fine_block)):
        if block == _BESIDE and "coarse" in first.name.lower():
            start = first.name.lower().index("coarse")
            beside = first.with_name(f"{first.name[:start]}{name}{first.name[start + len('coarse') :]}")
            if not beside.is_file():
                raise ConfigError(f"{name} block: there's no {beside.name} beside {first.name}; choose the {name} block itself")
            chosen.append(beside)
        elif block not in (_BESIDE, _NO_BLOCK):
            chosen.append(_sound_file(block, f"{name} block"))
    if len(chosen) == 1:
        missing = "mid" if mid_block in (_BESIDE, _NO_BLOCK) else "fine"
        raise ConfigError(f"{missing} block: got none, but the other one is chosen; a walk of the released code needs coarse, mid and fine")
    return [first, *chosen]


def _with_sound(handle: host.HostGenerator, key: str, encoder_path: Path, walker_paths: list[Path], made_for: str) -> host.HostModel:
    """The generator of `handle` with these parts around it; the weights of the generator are shared."""
    whole = handle if isinstance(handle, host.HostModel) else None
    with torch.inference_mode(False):
        with naming("sound encoder"):
            encoder, mel = load_sound_encoder(encoder_path)
            hearing = fit_sound_encoder(encoder, handle.generator, _axis(made_for, encoder.num_ws))
        with naming("walker"):
            blocks = load_walker(walker_paths[0] if len(walker_paths) == 1 else walker_paths)
            walking = fit_walker(blocks, handle.generator, _axis(made_for, blocks.num_ws))
        space = None if whole is None else whole.model.joint_space
        model = SoundModel(handle.name, handle.generator, hearing, walking, mel, space, handle.generator.w_avg.device)
    info = "\n".join([_fitting("sound encoder", encoder_path.name, encoder.num_ws, hearing),
                      _fitting("walker", ", ".join(path.name for path in walker_paths), blocks.num_ws, walking)])  # fmt: skip
    return host.HostModel(handle.name, key, handle.generator, handle.drawing, info, model.checked(), None if whole is None else whole.judging)


def _axis(made_for: str, num_ws: int) -> LatentAxis | None:
    """What the latents of a part stand for, if the user says it. Raises ConfigError."""
    if made_for == "auto":
        return None
    with naming("made for"):
        return LatentAxis.of_stylegan2(num_ws) if made_for == "StyleGAN2" else LatentAxis("stylegan3", _RELEASED_STYLEGAN3_SIZE, num_ws)


def _fitting(part: str, files: str, num_ws: int, fitted: AnySoundEncoder | AnyWalker) -> str:
    inner = fitted.encoder if isinstance(fitted, FittedSoundEncoder) else fitted.walker if isinstance(fitted, FittedWalker) else fitted
    origin = "released code" if type(inner).__name__.startswith("Released") else "ours"
    said = "" if num_ws == fitted.num_ws else f", fitted by layer to {fitted.num_ws}"
    return f"{part}: {files} ({origin}), {num_ws} latents of {fitted.w_dim}{said}"


class LoadImageEncoder(io.ComfyNode):
    """An encoder of pSp, e4e or ReStyle."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_LoadImageEncoder",
            display_name="Load Image Encoder",
            category="SGVG/loaders",
            description="Loads an encoder that turns a picture into latents of its generator: pSp, e4e, or ReStyle for StyleGAN2 or StyleGAN3. "
            "Files are read as data; nothing in them is executed.",
            inputs=[
                io.Combo.Input(
                    "encoder_name",
                    display_name="encoder",
                    options=host.weight_choices(host.MODEL_CATEGORY),
                    tooltip="A file in ComfyUI/models/sgvg, such as psp_ffhq_encode.pt or e4e_ffhq_encode.pt.",
                ),
                io.Combo.Input(
                    "which",
                    options=list(_WHICH_ENCODER),
                    default="auto",
                    tooltip="Which encoder it is, for files that don't say it. e4e's latents are offsets from the first one, pSp's stand each for "
                    "itself.",
                ),
                ModelWire.Input(
                    "model",
                    optional=True,
                    tooltip="The generator it was trained with, from Load StyleGAN: lends its mean latent to files that lack it. Usually left open.",
                ),
            ],
            outputs=[
                ImageEncoderWire.Output("encoder", display_name="image encoder", tooltip="For Image to Latent."),
                io.String.Output("info", display_name="info", tooltip="What was loaded."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def fingerprint_inputs(cls, encoder_name: str, which: str = "auto", model: Any = None) -> str:
        return host.file_content_key(_sound_file(encoder_name, "encoder"))

    @classmethod
    def execute(cls, encoder_name: str, which: str = "auto", model: Any = None) -> io.NodeOutput:
        path = _sound_file(encoder_name, "encoder")
        check_choice("which", which, tuple(_WHICH_ENCODER))
        lender = None if model is None else drawing_model(model)
        key = f"{host.file_content_key(path)} {which} {'' if lender is None else lender.key}"
        with naming("encoder"):
            loaded = _shared(f"image encoder {key}", lambda: _load_image_encoder(path, which, lender))
        host.show_text(loaded.info, cls.hidden.unique_id)
        return io.NodeOutput(loaded, loaded.info)


def _load_image_encoder(path: Path, which: str, lender: host.HostGenerator | None) -> host.HostImageEncoder:
    with torch.inference_mode(False):
        w_avg = None if lender is None else lender.generator.w_avg
        encoder = load_image_encoder(path, host.resting_device(), w_avg=w_avg, deltas=_WHICH_ENCODER[which])
    return host.HostImageEncoder(path.name, encoder, host.HostModule(encoder), describe_encoder(encoder))


def describe_encoder(encoder: ImageEncoder) -> str:
    """An image encoder in a few words."""
    kind = f"{'ReStyle, ' if encoder.refines else ''}{'offsets from the first latent (e4e)' if encoder.deltas else 'each latent for itself (pSp)'}"
    return f"{kind}\npictures of {encoder.picture_size} x {encoder.picture_size}, {encoder.num_ws} latents of {encoder.w_dim}"


NODES = [LoadModel, LoadStyleGAN, LoadSoundParts, LoadImageEncoder]
