"""The parts that hear and walk, ours or the released ones, around any generator."""

from pathlib import Path
from typing import Any

import torch
from comfy_api.latest import io

from ..sgvg_core.assembly import SoundModel, adapt_sound_encoder, adapt_walker, load_sound_encoder, load_walker
from ..sgvg_core.config import check_choice
from ..sgvg_core.errors import ConfigError
from ..sgvg_core.latents import LatentAxis
from . import host
from .adapters import drawing_model, naming
from .described import advice_for_walker, part_in_words
from .loaders import shared
from .sockets import SHOWS, ModelWire

_BESIDE, _NO_BLOCK = "auto", "(none)"
_MADE_FOR = ("auto", "StyleGAN2", "StyleGAN3 256 px")
_RELEASED_STYLEGAN3_SIZE = 256


def _block_input(name: str) -> io.Input:
    """The file of a released block."""
    return io.Combo.Input(
        f"{name}_block",
        display_name=f"{name} block",
        options=[_BESIDE, _NO_BLOCK, *host.weight_files(host.MODEL_CATEGORY)],
        default=_BESIDE,
        tooltip=f"The {name} block of the released code. auto: the file next to the walker with {name} where its name has coarse. "
        "Not used for a walker of ours.",
    )


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
                    default=host.likely(files, "sound_encoder", "audio_inversion"),
                    tooltip="A file in ComfyUI/models/sgvg: sound_encoder.safetensors of ours, or audio_inversion_.pth of the released code.",
                ),
                io.Combo.Input(
                    "walker",
                    options=files,
                    default=host.likely(files, "walker", "coarse"),
                    tooltip="A file in ComfyUI/models/sgvg: walker.safetensors of ours, or the coarse block of the released code "
                    "(coarseformer_.pth).",
                ),
                _block_input("mid"),
                _block_input("fine"),
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
            **SHOWS,
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
        keys = " ".join([handle.key, *(host.file_content_key(path) for path in (encoder_path, *walker_paths)), made_for])
        whole = shared(
            f"parts {keys}",
            lambda progress: _with_sound(handle, keys, encoder_path, walker_paths=walker_paths, made_for=made_for, progress=progress),
        )
        return io.NodeOutput(whole, whole.info, ui=host.page(whole.info, cls.hidden.unique_id))


def _sound_file(name: str, wire: str) -> Path:
    return host.weight_file(host.MODEL_CATEGORY, name, wire)


def _walker_files(walker: str, mid_block: str, fine_block: str) -> list[Path]:
    """The one file of a walker of ours, or the three of the released blocks. Raises ConfigError."""
    first = _sound_file(walker, "walker")
    chosen: list[Path] = []
    for name, block in (("mid", mid_block), ("fine", fine_block)):
        if block == _BESIDE and "coarse" in first.name.lower():
            start = first.name.lower().index("coarse")
            other = first.with_name(f"{first.name[:start]}{name}{first.name[start + len('coarse') :]}")
            if not other.is_file():
                raise ConfigError(f"{name} block: there's no {other.name} next to {first.name}; choose the {name} block itself")
            chosen.append(other)
        elif block not in (_BESIDE, _NO_BLOCK):
            chosen.append(_sound_file(block, f"{name} block"))
    if len(chosen) == 1:
        missing = "mid" if mid_block in (_BESIDE, _NO_BLOCK) else "fine"
        raise ConfigError(f"{missing} block: got none, but the other one is chosen; a walk of the released code needs coarse, mid and fine")
    return [first, *chosen]


def _with_sound(
    handle: host.HostGenerator, key: str, encoder_path: Path, walker_paths: list[Path], made_for: str, progress: host.HostProgress
) -> host.HostModel:
    """The generator of `handle` with these parts around it; the weights of the generator are shared."""
    whole = handle if isinstance(handle, host.HostModel) else None
    with torch.inference_mode(False):
        with naming("sound encoder"):
            encoder, mel = load_sound_encoder(encoder_path)
            hearing = adapt_sound_encoder(encoder, handle.generator, _axis(made_for, encoder.num_ws))
        progress(0.5, 1)
        with naming("walker"):
            blocks = load_walker(walker_paths[0] if len(walker_paths) == 1 else walker_paths)
            walking = adapt_walker(blocks, handle.generator, _axis(made_for, blocks.num_ws))
        space = None if whole is None else whole.model.joint_space
        model = SoundModel(handle.name, handle.generator, hearing, walker=walking, mel=mel, joint_space=space, device=handle.generator.w_avg.device)
    walker_files = ", ".join(path.name for path in walker_paths)
    parts = (("sound encoder", encoder_path.name, encoder.num_ws, hearing), ("walker", walker_files, blocks.num_ws, walking))
    info = "\n".join([*(part_in_words(*part) for part in parts), *advice_for_walker(walking)])
    judging = None if whole is None else whole.judging
    return host.HostModel(handle.name, key, handle.generator, drawing=handle.drawing, info=info, model=model.checked(), judging=judging)


def _axis(made_for: str, num_ws: int) -> LatentAxis | None:
    """What the latents of a part stand for, if the user says it. Raises ConfigError."""
    if made_for == "auto":
        return None
    with naming("made for"):
        return LatentAxis.of_stylegan2(num_ws) if made_for == "StyleGAN2" else LatentAxis("stylegan3", _RELEASED_STYLEGAN3_SIZE, num_ws)


NODES = [LoadSoundParts]
