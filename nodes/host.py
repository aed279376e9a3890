"""The one place that touches ComfyUI's internals: folders, memory, progress, cancel. Each function imports what it needs."""

import contextlib
import dataclasses
import functools
import hashlib
import os
import shutil
import time
import uuid
from pathlib import Path
from typing import Any

import torch

from ..sgvg_core.assembly import BUNDLED, SoundModel, load_model
from ..sgvg_core.errors import CheckpointError, ConfigError

MODEL_CATEGORY = "sgvg"
BUNDLED_NAME = "landscapes (bundled)"
_EXAMPLES = Path(__file__).resolve().parent.parent / "workflows" / "assets"
_EXAMPLES_FOLDER = "sgvg"
_BAR_SECONDS, _PREVIEW_SECONDS = 0.1, 0.3
_PREVIEW_PIXELS = 512
_BYTES_A_PIXEL = 1024
"""What a synthesis network needs for one pixel of its largest layers, features and copies together, generously."""


# ---- models


def model_folders() -> list[Path]:
    """ComfyUI's folders for models of this pack (``models/sgvg`` and what extra_model_paths.yaml adds), made known if they aren't."""
    import folder_paths

    own = os.path.join(folder_paths.models_dir, MODEL_CATEGORY)
    folder_paths.add_model_folder_path(MODEL_CATEGORY, own)
    folder_paths.folder_names_and_paths[MODEL_CATEGORY][1].add(".safetensors")
    with contextlib.suppress(OSError):  # a read-only models folder may hold none of ours
        os.makedirs(own, exist_ok=True)
    return [Path(folder) for folder in folder_paths.get_folder_paths(MODEL_CATEGORY)]


def models() -> dict[str, Path]:
    """Model folders by the name under which they're offered: the bundled one, and each sub-folder that holds a generator."""
    found = {BUNDLED_NAME: BUNDLED}
    for root in model_folders():
        for folder in sorted(root.iterdir()) if root.is_dir() else ():
            if (folder / "generator.safetensors").is_file():
                found.setdefault(folder.name, folder)
    return found


def model_folder(name: str) -> Path:
    """The folder of a model that is offered under `name`. Raises ConfigError or CheckpointError."""
    found = models()
    if name not in found:
        raise ConfigError(
            f"model_name: there's no model {name!r}, only {', '.join(found)}; put its folder (with generator.safetensors) into "
            f"{model_folders()[0]} and press R"
        )
    if not (found[name] / "generator.safetensors").is_file():
        raise CheckpointError(f"model_name: {found[name]} holds no generator.safetensors; download the pack again, or choose another model")
    return found[name]


def content_key(folder: Path) -> str:
    """A hash of all weights in a model folder: the same for the same contents, wherever they lie."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        state = path.stat()
        digest.update(path.name.encode() + _file_hash(str(path), state.st_size, state.st_mtime_ns))
    return digest.hexdigest()


@functools.lru_cache(maxsize=64)
def _file_hash(path: str, size: int, changed: int) -> bytes:
    """The hash of a file; size and time of change are there to notice another content."""
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.digest()


@dataclasses.dataclass(eq=False)
class HostModel:
    """A model whose generator and joint space live under ComfyUI's memory manager. The walk's parts stay on the CPU."""

    model: SoundModel
    patchers: list[Any]

    @property
    def name(self) -> str:
        return self.model.name

    def ready(self, batch: int = 1) -> SoundModel:
        """The model on the device that ComfyUI computes on, with room for `batch` pictures. Call it before each use.

        ComfyUI may have taken the weights, or a part of them, back at any time.
        """
        import comfy.model_management as management

        device = self.patchers[0].load_device
        room = batch * self.model.generator.img_resolution**2 * _BYTES_A_PIXEL
        # Weights that are moved in inference mode could never take part in a gradient again. A load that isn't full moves leaf modules
        # only, and a network of ours has weights elsewhere too.
        with torch.inference_mode(False):
            management.load_models_gpu(self.patchers, memory_required=room, force_full_load=True)
            for patcher in self.patchers:
                patcher.model.to(device)  # no copy where the load was full; with --novram it never is
        return dataclasses.replace(self.model, device=device)


def load_host_model(folder: Path) -> HostModel:
    """The model in a folder, handed to ComfyUI's memory manager."""
    import comfy.model_management as management
    import comfy.model_patcher

    resting = management.unet_offload_device()
    with torch.inference_mode(False):
        model = load_model(folder, resting)
    parts = [part for part in (model.generator, model.joint_space) if part is not None]
    device = management.get_torch_device()
    return HostModel(model, [comfy.model_patcher.ModelPatcher(part, load_device=device, offload_device=resting) for part in parts])


# ---- files


def sound_choices() -> list[str]:
    """What Load Sound offers: sounds and videos in ComfyUI's input folder, and the examples of this pack."""
    import folder_paths

    folder = folder_paths.get_input_directory()
    names = [entry.name for entry in os.scandir(folder) if entry.is_file()] if os.path.isdir(folder) else []
    return sorted(folder_paths.filter_files_content_types(names, ["audio", "video"])) + _example_sounds(folder)


@functools.lru_cache(maxsize=4)
def _bring_examples(folder: str) -> None:
    """Copy the example sounds into ComfyUI's input folder, where its player can play them; files that are there stay."""
    target = Path(folder) / _EXAMPLES_FOLDER
    with contextlib.suppress(OSError):  # a read-only input folder does without examples
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(_EXAMPLES.glob("*.*")):
            if not (target / path.name).exists():
                shutil.copyfile(path, target / path.name)


def _example_sounds(folder: str) -> list[str]:
    import folder_paths

    _bring_examples(folder)
    examples = Path(folder) / _EXAMPLES_FOLDER
    names = [path.name for path in examples.iterdir() if path.is_file()] if examples.is_dir() else []
    return [f"{_EXAMPLES_FOLDER}/{name}" for name in sorted(folder_paths.filter_files_content_types(names, ["audio", "video"]))]


def input_file(name: str) -> Path | None:
    """The file that a file widget means ("x.wav", "folder/x.wav", "x.wav [output]"), or None if there's none."""
    import folder_paths

    return Path(folder_paths.get_annotated_filepath(name)) if name and folder_paths.exists_annotated_filepath(name) else None


def file_key(name: str) -> str:
    """Changes when the file does."""
    path = input_file(name)
    if path is None:
        return f"{name}: missing"
    state = path.stat()
    return f"{path}:{state.st_size}:{state.st_mtime_ns}"


def temporary_video() -> Path:
    """An unused name for a video in ComfyUI's temp folder, which is emptied at each start."""
    import folder_paths

    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"SGVG_{uuid.uuid4().hex[:12]}.mp4"


def graph_metadata(hidden: Any) -> dict[str, Any]:
    """What a video file keeps of its graph, so that dropping the file on ComfyUI opens it; nothing with --disable-metadata."""
    from comfy.cli_args import args

    if args.disable_metadata or hidden is None:
        return {}
    found = {"prompt": getattr(hidden, "prompt", None), **(getattr(hidden, "extra_pnginfo", None) or {})}
    return {key: value for key, value in found.items() if value is not None}


# ---- pictures, progress, cancel


def to_host(images: torch.Tensor) -> torch.Tensor:
    """Pictures where ComfyUI keeps them between nodes."""
    import comfy.model_management as management

    return images.to(management.intermediate_device())


def stop_if_cancelled() -> None:
    """Raise ComfyUI's own interrupt if the user pressed Cancel."""
    import comfy.model_management as management

    management.throw_exception_if_processing_interrupted()


def show_text(text: str, node_id: str | None) -> None:
    """Write a text into a node on the page, where there is a page."""
    from server import PromptServer

    server = getattr(PromptServer, "instance", None)
    if server is not None and node_id is not None:
        server.send_progress_text(text, node_id)


class HostProgress:
    """The core's progress as ComfyUI's bar: cancel at every call, ten updates and three preview pictures a second at the most."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._bar_at = self._preview_at = float("-inf")

    def __call__(self, done: float, total: float | None, note: str = "", preview: torch.Tensor | None = None) -> None:
        stop_if_cancelled()
        now = time.monotonic()
        if total is None or (now - self._bar_at < _BAR_SECONDS and done < total):
            return
        import comfy.utils

        self._bar = self._bar or comfy.utils.ProgressBar(total)
        shown = None
        if preview is not None and (now - self._preview_at >= _PREVIEW_SECONDS or done >= total):
            shown, self._preview_at = _as_preview(preview), now
        self._bar.update_absolute(done, total, shown)
        self._bar_at = now


def _as_preview(picture: torch.Tensor) -> tuple[str, Any, int]:
    from PIL import Image

    return "JPEG", Image.fromarray(picture.cpu().numpy()), _PREVIEW_PIXELS
