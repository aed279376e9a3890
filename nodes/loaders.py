"""Models from ComfyUI's folders: whole ones, generators of any known layout, encoders of pictures."""

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from comfy_api.latest import io

from ..sgvg_core.assembly import build_recognised_generator, find_generator, load_image_encoder, load_model
from ..sgvg_core.config import check_choice
from . import host
from .adapters import drawing_model, naming
from .described import encoder_in_words, generator_in_words, model_in_words, notes_in_words
from .sockets import SHOWS, ImageEncoderWire, ModelWire

H = TypeVar("H")

_loaded: "weakref.WeakValueDictionary[str, Any]" = weakref.WeakValueDictionary()
"""What is in use, by its content: two nodes that load the same weights share them."""

_WHICH_ENCODER = {"auto": None, "pSp or ReStyle (pSp)": False, "e4e or ReStyle (e4e)": True}


def shared(key: str, load: Callable[[host.HostProgress], H]) -> H:
    """What was loaded for `key` and is still in use, else what `load` gives, under a progress bar that runs from 0 to 1."""
    progress = host.HostProgress()
    progress(0, 1)
    found: H = _loaded.get(key) or load(progress)
    _loaded[key] = found
    progress(1, 1)
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
            "picture and text. One comes with the pack; others are folders in ComfyUI/models/sgvg.",
            inputs=[
                io.Combo.Input(
                    "model_name",
                    display_name="model name",
                    options=list(host.models()),
                    default=host.BUNDLED_NAME,
                    tooltip="The bundled model, or a sub-folder of ComfyUI/models/sgvg that holds a generator, a sound encoder and a walker: "
                    "generator.safetensors, sound_encoder.safetensors and walker.safetensors (and joint_space.safetensors for text), or the "
                    "files of the paper's released code with a generator of any kind. Press R after adding one.",
                ),
            ],
            outputs=[
                ModelWire.Output("model", display_name="model", tooltip="The parts of the model, for all other nodes of this pack."),
                io.String.Output("info", display_name="info", tooltip="What was loaded: the generator, its latents, what the model can hear."),
            ],
            hidden=[io.Hidden.unique_id],
            **SHOWS,
        )

    @classmethod
    def fingerprint_inputs(cls, model_name: str) -> str:
        return host.content_key(host.model_folder(model_name))

    @classmethod
    def execute(cls, model_name: str) -> io.NodeOutput:
        folder = host.model_folder(model_name)
        key = host.content_key(folder)
        with naming("model_name"):
            loaded = shared(f"model {key}", lambda progress: _load_model(folder, key))
        return io.NodeOutput(loaded, loaded.info, ui=host.page(loaded.info, cls.hidden.unique_id))


def _load_model(folder: Path, key: str) -> host.HostModel:
    with torch.inference_mode(False):
        model = load_model(folder, host.resting_device())
    space = None if model.joint_space is None else host.HostModule(model.joint_space)
    drawing = host.HostModule(model.generator)
    return host.HostModel(model.name, key, model.generator, drawing=drawing, info=model_in_words(model), model=model, judging=space)


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
            **SHOWS,
        )

    @classmethod
    def fingerprint_inputs(cls, generator_name: str) -> str:
        return host.file_content_key(_generator_file(generator_name))

    @classmethod
    def execute(cls, generator_name: str) -> io.NodeOutput:
        path = _generator_file(generator_name)
        key = host.file_content_key(path)
        with naming("generator"):
            loaded = shared(f"generator {key}", lambda progress: _load_generator(path, key, progress))
        return io.NodeOutput(loaded, loaded.info, ui=host.page(loaded.info, cls.hidden.unique_id))


def _generator_file(name: str) -> Path:
    return host.weight_file(host.GENERATOR_CATEGORY, name, "generator")


def _load_generator(path: Path, key: str, progress: host.HostProgress) -> host.HostGenerator:
    with torch.inference_mode(False):
        found = find_generator(path)
        progress(0.5, 1)
        generator = build_recognised_generator(found, path, host.resting_device())
    info = "\n".join([*generator_in_words(generator), *notes_in_words(found)])
    return host.HostGenerator(path.name, key, generator, host.HostModule(generator), info)


class LoadImageEncoder(io.ComfyNode):
    """An encoder of pSp, e4e or ReStyle."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        files = host.weight_choices(host.MODEL_CATEGORY)
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
                    options=files,
                    default=host.likely(files, "psp", "e4e", "restyle", "encode"),
                    tooltip="A file in ComfyUI/models/sgvg, such as psp_ffhq_encode.pt or e4e_ffhq_encode.pt.",
                ),
                io.Combo.Input(
                    "which",
                    options=list(_WHICH_ENCODER),
                    default="auto",
                    tooltip="Which encoder it is, for files that don't say it. e4e's latents are offsets from the first one, pSp's are "
                    "each complete.",
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
            **SHOWS,
        )

    @classmethod
    def fingerprint_inputs(cls, encoder_name: str, which: str = "auto", model: Any = None) -> str:
        return host.file_content_key(host.weight_file(host.MODEL_CATEGORY, encoder_name, "encoder"))

    @classmethod
    def execute(cls, encoder_name: str, which: str = "auto", model: Any = None) -> io.NodeOutput:
        path = host.weight_file(host.MODEL_CATEGORY, encoder_name, "encoder")
        check_choice("which", which, tuple(_WHICH_ENCODER))
        lender = None if model is None else drawing_model(model)
        key = f"{host.file_content_key(path)} {which} {'' if lender is None else lender.key}"
        with naming("encoder"):
            loaded = shared(f"image encoder {key}", lambda progress: _load_image_encoder(path, which, lender))
        return io.NodeOutput(loaded, loaded.info, ui=host.page(loaded.info, cls.hidden.unique_id))


def _load_image_encoder(path: Path, which: str, lender: host.HostGenerator | None) -> host.HostImageEncoder:
    with torch.inference_mode(False):
        w_avg = None if lender is None else lender.generator.w_avg
        encoder = load_image_encoder(path, host.resting_device(), w_avg=w_avg, deltas=_WHICH_ENCODER[which])
    return host.HostImageEncoder(path.name, encoder, host.HostModule(encoder), encoder_in_words(encoder))


NODES = [LoadModel, LoadStyleGAN, LoadImageEncoder]
