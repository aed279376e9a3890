"""Model folders and single files of weights in ComfyUI's folders: what a loader offers, and a key for what is in them."""

import contextlib
import functools
import hashlib
import os
from pathlib import Path

from ...sgvg_core.assembly import BUNDLED
from ...sgvg_core.errors import CheckpointError, ConfigError
from .names import can_be_named, shown

MODEL_CATEGORY = "sgvg"
GENERATOR_CATEGORY = "stylegan"
WEIGHT_ENDINGS = (".pkl", ".pt", ".pth", ".safetensors")
BUNDLED_NAME = "landscapes (bundled)"


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
    """The file that is offered under `name` in the input `wire`, of a `category` of model folders. Raises ConfigError."""
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
    if not wanted or wanted.startswith(".") or set(wanted) & set("/\\:") or not can_be_named(wanted):
        raise ConfigError(f"name: got {shown(name)}, expected the name of one folder, such as my sounds; it's made in {root}")
    for candidate in (wanted, *(f"{wanted} {number}" for number in range(2, 10_000))):
        with contextlib.suppress(FileExistsError):
            (root / candidate).mkdir(parents=True)
            return root / candidate
    raise ConfigError(f"name: there are {shown(wanted)} and {shown(wanted)} with 9998 numbers already; choose another name")


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
