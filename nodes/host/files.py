"""Sounds, videos, latents and curves in ComfyUI's input, output and temp folders."""

import contextlib
import functools
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ...sgvg_core.errors import ConfigError
from ...sgvg_core.media import SOUND_ENDINGS, VIDEO_ENDINGS
from .names import can_be_named, shown

LATENT_ENDINGS = (".npy", ".npz", ".pt", ".safetensors")
_CURVE_ENDINGS = (".json", ".csv")
_EXAMPLES = Path(__file__).resolve().parents[2] / "workflows" / "assets"
_EXAMPLES_FOLDER = "sgvg"


def sound_choices() -> list[str]:
    """What Load Sound offers: sounds and videos in ComfyUI's input folder, and the examples of this pack."""
    import folder_paths

    folder = folder_paths.get_input_directory()
    _bring_examples(folder)
    names = [entry.name for entry in os.scandir(folder) if entry.is_file()] if os.path.isdir(folder) else []
    return sorted(filter(_may_sound, names)) + _example_sounds(folder)


def _may_sound(name: str) -> bool:
    """Whether a file's name is that of a sound or a video; ComfyUI's own filter knows fewer, and takes playlists for sounds."""
    return Path(name).suffix.lower() in (*SOUND_ENDINGS, *VIDEO_ENDINGS)


@functools.lru_cache(maxsize=4)
def _bring_examples(folder: str) -> None:
    """Copy the examples into ComfyUI's input folder: sounds into a folder of their own, where its player can play them.

    Pictures and videos go next to the user's, as `sgvg_NAME`: ComfyUI's own loaders offer no others, and its pages call them missing. Files that
    are there stay.
    """
    target = Path(folder) / _EXAMPLES_FOLDER
    with contextlib.suppress(OSError):  # a read-only input folder does without examples
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(_EXAMPLES.glob("*.*")):
            place = target / path.name if path.suffix == ".opus" else target.with_name(f"{_EXAMPLES_FOLDER}_{path.name}")
            if not place.exists():
                shutil.copyfile(path, place)


def _example_sounds(folder: str) -> list[str]:
    examples = Path(folder) / _EXAMPLES_FOLDER
    names = [path.name for path in examples.iterdir() if path.is_file()] if examples.is_dir() else []
    return [f"{_EXAMPLES_FOLDER}/{name}" for name in sorted(filter(_may_sound, names))]


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

    `seconds` None means to its end. What's in memory goes into ComfyUI's temp folder first. Raises ConfigError.
    """
    path, _ = _stored(video)
    before, length = getattr(video, "get_active_trim_window", lambda: (0.0, 0.0))()
    left = max(length - start, 0.001) if length else None
    wanted = left if seconds is None else seconds if left is None else min(left, seconds)
    return path, before + start, wanted


def _stored(video: Any) -> tuple[Path, bool]:
    """The file of a VIDEO, and whether it was made for this, in ComfyUI's temp folder. Raises ConfigError."""
    if isinstance(video, str | os.PathLike) and Path(video).is_file():
        return Path(video), False
    if not hasattr(video, "get_stream_source"):
        raise ConfigError(f"got {'nothing' if video is None else type(video).__name__}; connect a VIDEO output, such as that of Load Video")
    source = video.get_stream_source()
    if isinstance(source, str | os.PathLike):
        return Path(source), False
    path = temporary_video()
    path.write_bytes(source.getvalue() if hasattr(source, "getvalue") else source.read())
    return path, True


@contextlib.contextmanager
def whole_video(video: Any) -> Iterator[Path]:
    """A file with all that a VIDEO means and nothing else. What's made for that in ComfyUI's temp folder is removed afterwards.

    Raises ConfigError.
    """
    path, is_made = _stored(video)
    made = [path] if is_made else []
    try:
        if any(getattr(video, "get_active_trim_window", lambda: (0.0, 0.0))()):
            path = temporary_video()
            made.append(path)
            video.save_to(str(path))
        yield path
    finally:
        for each in made:
            each.unlink(missing_ok=True)


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
    """An unused file name in ComfyUI's output folder, and what file widgets call it. Raises ConfigError for a prefix that leads outside.

    `ending` follows the number, such as ".safetensors".
    """
    import folder_paths

    root = output_folder()
    named = prefix.strip() and all(map(can_be_named, prefix.replace("\\", "/").split("/")))
    if not named or not (root / prefix).resolve().is_relative_to(root):
        raise ConfigError(f"filename_prefix: got {shown(prefix)}, expected a name such as latents/SGVG, inside ComfyUI's output folder")
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(prefix, str(root))
    path = Path(folder) / f"{name}_{counter:05}_{ending}"
    return path, f"{Path(subfolder, path.name).as_posix()} [output]"


def temporary_video() -> Path:
    """An unused name for a video in ComfyUI's temp folder, which is emptied at each start."""
    import folder_paths

    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"SGVG_{uuid.uuid4().hex[:12]}.mp4"
