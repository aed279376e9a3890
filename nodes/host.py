"""The one place that touches ComfyUI's internals: folders, memory, progress, cancel. Each function imports what it needs."""

import collections
import contextlib
import dataclasses
import functools
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ..sgvg_core.assembly import BUNDLED, SoundModel
from ..sgvg_core.errors import CheckpointError, ConfigError
from ..sgvg_core.image_inversion import ImageEncoder
from ..sgvg_core.media import SOUND_ENDINGS, VIDEO_ENDINGS
from ..sgvg_core.synthesis import Generator, StyleGAN3Generator

MODEL_CATEGORY = "sgvg"
GENERATOR_CATEGORY = "stylegan"
WEIGHT_ENDINGS = (".pkl", ".pt", ".pth", ".safetensors")
LATENT_ENDINGS = (".npy", ".npz", ".pt", ".safetensors")
BUNDLED_NAME = "landscapes (bundled)"
_EXAMPLES = Path(__file__).resolve().parent.parent / "workflows" / "assets"
_EXAMPLES_FOLDER = "sgvg"
_BAR_SECONDS, _PREVIEW_SECONDS = 0.1, 0.3
_PREVIEW_PIXELS = 512
_CURVE_ENDINGS = (".json", ".csv")
_LONGEST_QUOTE, _LONGEST_NAME = 90, 200
_BYTES_A_PIXEL, _BYTES_A_PIXEL_OF_STYLEGAN3 = 1024, 8192
"""What a synthesis network needs for one pixel of the picture: its largest layer's features and copies of them, generously. StyleGAN3's
layers are wide at all sizes, have a margin, and are filtered at twice their rate."""


# ---- models


def model_folders(category: str = MODEL_CATEGORY) -> list[Path]:
    """ComfyUI's folders for weights (``models/sgvg`` or ``models/stylegan``, and what extra_model_paths.yaml adds), made known if they aren't."""
    import folder_paths

    own = os.path.join(folder_paths.models_dir, category)
    folder_paths.add_model_folder_path(category, own)
    folder_paths.folder_names_and_paths[category][1].update(WEIGHT_ENDINGS)
    with contextlib.suppress(OSError):  # a read-only models folder may hold none of ours
        os.makedirs(own, exist_ok=True)
    return [Path(folder) for folder in folder_paths.get_folder_paths(category)]


def weight_files(category: str) -> list[str]:
    """Files of weights in ComfyUI's folders of a category, sub-folders included."""
    import folder_paths

    model_folders(category)
    return list(folder_paths.get_filename_list(category))


def weight_choices(category: str) -> list[str]:
    """What a loader offers: the files, or a line that says where they go."""
    return weight_files(category) or [f"(none yet: put files into models/{category})"]


def likely(files: list[str], *words: str) -> str:
    """The first of `files` with one of `words` in its name, for a loader to begin with; the first of all if none has."""
    return next((file for word in words for file in files if word in Path(file).name.lower()), files[0])


def weight_file(category: str, name: str, wire: str) -> Path:
    """The file that is offered under `name` in the input `wire`. Raises ConfigError."""
    import folder_paths

    found = weight_files(category)
    path = folder_paths.get_full_path(category, name) if name in found else None
    if path is None:
        held = f"only {', '.join(found[:12])}{', ...' if len(found) > 12 else ''}" if found else "nor any other"
        raise ConfigError(
            f"{wire}: there's no file {shown(name)} in models/{category}, {held}; put {' '.join(WEIGHT_ENDINGS)} files into "
            f"{model_folders(category)[0]} and press R"
        )
    return Path(path)


def models() -> dict[str, Path]:
    """Model folders by the name under which they're offered: the bundled one, and each sub-folder that holds a generator."""
    found = {BUNDLED_NAME: BUNDLED}
    for root in model_folders():
        for folder in sorted(root.iterdir()) if root.is_dir() else ():
            if _holds_model(folder):
                found.setdefault(folder.name, folder)
    return found


def _holds_model(folder: Path) -> bool:
    """Whether a folder has a generator of any kind in it, by the names that `load_model` looks for."""
    return any(path.suffix in WEIGHT_ENDINGS for pattern in ("generator.*", "*.pkl") for path in folder.glob(pattern))


def model_folder(name: str) -> Path:
    """The folder of a model that is offered under `name`. Raises ConfigError or CheckpointError."""
    found = models()
    if name not in list(found):
        raise ConfigError(
            f"model_name: there's no model {shown(name)}, only {', '.join(found)}; put its folder (with a generator) into "
            f"{model_folders()[0]} and press R"
        )
    if not _holds_model(found[name]):
        raise CheckpointError(f"model_name: {found[name]} holds no generator; download the pack again, or choose another model")
    return found[name]


def new_model_folder(name: str) -> Path:
    """A new, empty folder called `name` among the models; with a number behind it if there's one already. Raises ConfigError."""
    import folder_paths

    model_folders()  # makes ours known, and there
    root = Path(folder_paths.models_dir, MODEL_CATEGORY).resolve()
    wanted = name.strip()
    if not wanted or wanted.startswith(".") or set(wanted) & set("/\\:") or not _can_be_named(wanted):
        raise ConfigError(f"name: got {shown(name)}, expected the name of one folder, such as my sounds; it's made in {root}")
    for candidate in (wanted, *(f"{wanted} {number}" for number in range(2, 10_000))):
        with contextlib.suppress(FileExistsError):
            (root / candidate).mkdir(parents=True)
            return root / candidate
    raise ConfigError(f"name: there are {shown(wanted)} and {shown(wanted)} with 9998 numbers already; choose another name")


def _can_be_named(name: str) -> bool:
    """Whether a file or folder can be called so, with a number and an ending behind it: no control characters, not too long."""
    return name.replace("\xa0", " ").isprintable() and len(os.fsencode(name)) <= _LONGEST_NAME


def content_key(folder: Path) -> str:
    """A hash of all weights in a model folder: the same for the same contents, wherever they lie."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.suffix in WEIGHT_ENDINGS):
        digest.update(path.name.encode() + bytes.fromhex(file_content_key(path)))
    return digest.hexdigest()


def file_content_key(path: Path) -> str:
    """A hash of a file of weights, kept until its size or time changes."""
    state = path.stat()
    return _file_hash(str(path), state.st_size, state.st_mtime_ns).hex()


@functools.lru_cache(maxsize=64)
def _file_hash(path: str, size: int, changed: int) -> bytes:
    """The hash of a file; size and time of change are there to notice another content."""
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.digest()


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
    """A generator: enough for nodes that only draw. `key` stands for its content."""

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


# ---- files


def sound_choices() -> list[str]:
    """What Load Sound offers: sounds and videos in ComfyUI's input folder, and the examples of this pack."""
    import folder_paths

    folder = folder_paths.get_input_directory()
    names = [entry.name for entry in os.scandir(folder) if entry.is_file()] if os.path.isdir(folder) else []
    return sorted(filter(_may_sound, names)) + _example_sounds(folder)


def _may_sound(name: str) -> bool:
    """Whether a file's name is that of a sound or a video; ComfyUI's own filter knows fewer, and takes playlists for sounds."""
    return Path(name).suffix.lower() in (*SOUND_ENDINGS, *VIDEO_ENDINGS)


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

    _bring_examples(folder)
    examples = Path(folder) / _EXAMPLES_FOLDER
    names = [path.name for path in examples.iterdir() if path.is_file()] if examples.is_dir() else []
    return [f"{_EXAMPLES_FOLDER}/{name}" for name in sorted(filter(_may_sound, names))]


def shown(name: Any) -> str:
    """A name as an error quotes it: in one line, without control characters, and not longer than a line."""
    text = repr(name)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 3]}..."


def offered_file(name: Any, offered: Sequence[str], wire: str, advice: str) -> Path:
    """The file that the input `wire` means by `name`, which must be one of the names `offered` there. Raises ConfigError, with `advice`.

    Names are those of ComfyUI's file widgets: "x.wav", "folder/x.wav", "x.wav [output]". "x.wav [input]" counts as "x.wav".
    """
    import folder_paths

    plain = name.removesuffix(" [input]") if isinstance(name, str) else None
    if plain is None or plain not in offered:
        raise ConfigError(f"{wire}: there's no file {shown(name)} among those that are offered; {advice}")
    return Path(folder_paths.get_annotated_filepath(plain))


def sound_file(name: Any) -> Path:
    """The file that Load Sound offers under `name`. Raises ConfigError."""
    return offered_file(name, sound_choices(), "audio", "choose or upload one, or put it into ComfyUI's input folder and press R")


def latent_file(name: Any) -> Path:
    """The file that Load Latents offers under `name`. Raises ConfigError."""
    return offered_file(name, latent_choices(), "file", "choose one, or put it into ComfyUI's input folder and press R")


def curve_file(name: Any) -> Path:
    """The file that Load Curves offers under `name`. Raises ConfigError."""
    return offered_file(name, curve_choices(), "file", "choose one, or put it into ComfyUI's input folder and press R")


def checked_name(lookup: Callable[[Any], Path], name: Any) -> bool | str:
    """What `validate_inputs` answers for a file's name: True, or the error of `lookup`."""
    try:
        lookup(name)
    except ConfigError as error:
        return str(error)
    return True


def file_key(lookup: Callable[[Any], Path], name: Any) -> str:
    """Changes when the file does that `lookup` finds under `name`."""
    try:
        path = lookup(name)
        state = path.stat()
    except (ConfigError, OSError):
        return f"{shown(name)}: missing"
    return f"{path}:{state.st_size}:{state.st_mtime_ns}"


def video_file(video: Any, start: float = 0.0, seconds: float | None = None) -> tuple[Path, float, float | None]:
    """The file of a VIDEO, and the cut of it that's meant: start and length in seconds, inside the cut that the wire itself makes.

    What's in memory goes into ComfyUI's temp folder first. Raises ConfigError.
    """
    if not hasattr(video, "get_stream_source"):
        raise ConfigError(f"got {'nothing' if video is None else type(video).__name__}; connect a VIDEO output, such as that of Load Video")
    source = video.get_stream_source()
    before, length = getattr(video, "get_active_trim_window", lambda: (0.0, 0.0))()
    if not isinstance(source, str | os.PathLike):
        path = temporary_video()
        path.write_bytes(source.getvalue() if hasattr(source, "getvalue") else source.read())
        source = path
    left = max(length - start, 0.001) if length else None
    wanted = left if seconds is None else seconds if left is None else min(left, seconds)
    return Path(source), before + start, wanted


def latent_choices() -> list[str]:
    """Files that may hold latents in ComfyUI's input and output folders and the folders in them; those of the output folder say so."""
    return _named_files(LATENT_ENDINGS)


def curve_choices() -> list[str]:
    """Files that may hold curves, as `latent_choices`."""
    return _named_files(_CURVE_ENDINGS)


def _named_files(endings: Sequence[str]) -> list[str]:
    import folder_paths

    named = []
    for folder, mark in ((folder_paths.get_input_directory(), ""), (folder_paths.get_output_directory(), " [output]")):
        root = Path(folder)
        files = (path for pattern in ("*", "*/*") for path in root.glob(pattern) if path.suffix in endings and path.is_file())
        named += [f"{path.relative_to(root).as_posix()}{mark}" for path in sorted(files)]
    return named


def output_folder() -> Path:
    """ComfyUI's output folder."""
    import folder_paths

    return Path(folder_paths.get_output_directory()).resolve()


def output_file(prefix: str, ending: str) -> tuple[Path, str]:
    """An unused file name in ComfyUI's output folder, and what file widgets call it. Raises ConfigError for a prefix that leads outside."""
    import folder_paths

    root = output_folder()
    named = prefix.strip() and all(map(_can_be_named, prefix.replace("\\", "/").split("/")))
    if not named or not (root / prefix).resolve().is_relative_to(root):
        raise ConfigError(f"filename_prefix: got {shown(prefix)}, expected a name such as latents/SGVG, inside ComfyUI's output folder")
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(prefix, str(root))
    path = Path(folder) / f"{name}_{counter:05}_{ending}"
    return path, f"{Path(subfolder, path.name).as_posix()} [output]"


class MadeFiles:
    """The files that a kind of node made, by its settings: ComfyUI's cache keeps what stands for them, whether they're there or not.

    A node's fingerprint has the number of files that were lost, so that it runs again when one is gone.
    """

    def __init__(self, *settings: str) -> None:
        self._settings = settings
        self._made: dict[str, set[Path]] = {}
        self._lost: collections.Counter[str] = collections.Counter()

    def add(self, hidden: Any, inputs: Mapping[str, Any], *paths: Path) -> None:
        """Note files of the node that runs: `hidden` has its graph and its number; `inputs`, what it was given, counts where that fails."""
        graph = getattr(hidden, "prompt", None) or {}
        node = graph.get(getattr(hidden, "unique_id", None), {}) if isinstance(graph, Mapping) else {}
        self._made.setdefault(self._key(node.get("inputs", inputs) if isinstance(node, Mapping) else inputs), set()).update(paths)

    def fingerprint(self, inputs: Mapping[str, Any]) -> int:
        """How many files of a node with these settings were lost so far; wires have no say."""
        key = self._key(inputs)
        gone = {path for path in self._made.get(key, ()) if not path.exists()}
        if gone:
            self._made[key] -= gone
            self._lost[key] += len(gone)
        return self._lost[key]

    def _key(self, inputs: Mapping[str, Any]) -> str:
        """The settings as one text: a wire, in the graph a list, has no value yet when ComfyUI asks for a fingerprint."""
        values = (inputs.get(name) for name in self._settings)
        return repr([None if isinstance(value, list | tuple) else value for value in values])


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


def clip_vision_output(example: Any, image_embeds: torch.Tensor) -> Any:
    """ComfyUI's output of a CLIP vision model, with other image embeddings [1, D] and all else as `example` has it."""
    from comfy.clip_vision import Output

    made = Output()
    for name, value in vars(example).items():
        made[name] = value
    made["image_embeds"] = image_embeds
    return made


def stop_if_cancelled() -> None:
    """Raise ComfyUI's own interrupt if the user pressed Cancel."""
    import comfy.model_management as management

    management.throw_exception_if_processing_interrupted()


def show_text(text: str, node_id: str | None) -> None:
    """Write a text into a node on the page, where there is a page."""
    from server import PromptServer

    server = getattr(PromptServer, "instance", None)
    if text and server is not None and node_id is not None:
        server.send_progress_text(text, node_id)


def page(text: str, node_id: str | None, preview: Any = None) -> dict[str, Any]:
    """What a node leaves on the page when it's done, its `ui`: a text, and the picture or film of `preview`.

    The text is shown at once. It's kept with the result too, for web/node_pages.js: an empty one takes back what an earlier run said, and
    ComfyUI sends the results of its cache again.
    """
    show_text(text, node_id)
    return {**({} if preview is None else preview.as_dict()), "sgvg_text": [text]}


class HostProgress:
    """The core's progress as ComfyUI's bar: cancel at every call, ten updates and three preview pictures a second at the most."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._bar_at = self._preview_at = float("-inf")

    def check(self) -> None:
        """Stop if the user pressed Cancel: for work that can't say how far it is."""
        stop_if_cancelled()

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


def _as_preview(image: torch.Tensor) -> tuple[str, Any, int]:
    from PIL import Image

    return "JPEG", Image.fromarray(image.cpu().numpy()), _PREVIEW_PIXELS
