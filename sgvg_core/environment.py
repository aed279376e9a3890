"""Whether the packages that the pack needs fit together, asked at the doors before anything heavy is imported.

torch and torchvision are built in one piece: a pair of different builds fails with a message about a missing symbol or operator, far
from its cause. Here it becomes one error with the command that mends it. torch belongs to the host (ComfyUI), so the command never
touches it. torchaudio isn't used: one of another build, which other packs may stumble over, is worth a word and no more.
"""

import importlib
import importlib.metadata
import importlib.util
import logging
import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from .errors import DeviceError

TORCH_FLOOR = (2, 6)
"""The oldest torch that is supported: since 2.6 `torch.load` refuses code by default."""

_NEEDED = {"av": "av", "numpy": "numpy", "open_clip": "open_clip_torch", "PIL": "pillow", "safetensors": "safetensors", "tqdm": "tqdm"}
"""Module name -> package name of what requirements.txt installs."""

_REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements.txt"

BARE = ("numpy", "safetensors")
"""All that training on the procedural world needs besides torch, where no CLIP's towers are built and no files are decoded."""

_BARE_STAGES, _CLIP_STAGES = ("", "card", "generator", "judge", "sharpen", "walk"), ("all", "export", "finetune", "joint-space")
"""Stages of `train` on the procedural world: those that need no more than `BARE`, and those that hold CLIP's towers."""


def packages_for(arguments: Sequence[str]) -> tuple[str, ...]:
    """The packages that a command needs by its words, by their modules' names.

    `train --data` and `--recordings` decode pictures and sounds, so they need all. What other words let a stage read (a checkpoint of a joint
    space, say) is named when it's read.
    """
    command, stage = [*(word for word in arguments if not word.startswith("-")), "", ""][:2]
    decodes = any(word.partition("=")[0] in ("--data", "--recordings") for word in arguments)
    if command != "train" or decodes or stage not in _BARE_STAGES + _CLIP_STAGES:
        return tuple(_NEEDED)
    return BARE if stage in _BARE_STAGES else (*BARE, "open_clip")


def check_environment(needed: Collection[str] | None = None) -> None:
    """Raise DeviceError, with the command that mends it, if torch is missing, too old, or doesn't fit torchvision, or a requirement is missing.

    Reads version numbers only (milliseconds, nothing imported) as long as they fit; a torchvision whose number doesn't fit is imported,
    and only a failing import is an error. `needed` are names of modules; None: all of requirements.txt.
    A torchaudio may be missing; if it's of another build, a warning is logged.
    """
    needed = tuple(_NEEDED) if needed is None else needed
    torch_version = _version("torch")
    if torch_version is None:
        raise DeviceError(f"torch isn't installed in {sys.executable}; install it with: {_pip('torch torchvision')}")
    if _release(torch_version) < TORCH_FLOOR:
        floor = ".".join(map(str, TORCH_FLOOR))
        command = _pip("--upgrade torch torchvision")
        raise DeviceError(f"torch: got {torch_version}, expected {floor} or newer; update ComfyUI (its torch with it), or run: {command}")
    if "open_clip" in needed:
        _check_torchvision(torch_version)
    _speak_of_torchaudio(torch_version)
    missing = sorted(package for module, package in _NEEDED.items() if module in needed and importlib.util.find_spec(module) is None)
    if missing:
        wanted = f"-r {_quoted(str(_REQUIREMENTS))}" if set(_NEEDED) <= set(needed) else " ".join(missing)
        raise DeviceError(f"not installed: {', '.join(missing)}; install with: {_pip(wanted)}")


def missing_package(error: ImportError) -> str | None:
    """One line on a package of requirements.txt that isn't there, with the command that installs it; None for any other failure."""
    module = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or module not in _NEEDED:
        return None
    return f"{_NEEDED[module]} isn't installed, which this needs; install with: {_pip(_NEEDED[module])}"


def companion_version(package: str, torch_version: str) -> str:
    """The release of torchaudio or torchvision that is built with `torch_version`: 2.11.0 -> torchaudio 2.11.0, torchvision 0.26.0.

    `package` is "torchaudio" or "torchvision".
    """
    major, minor, patch = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", torch_version).groups("0")  # type: ignore[union-attr]
    return f"{major}.{minor}.{patch}" if package == "torchaudio" else f"0.{int(minor) + 15}.{patch}"


def _check_torchvision(torch_version: str) -> None:
    """Raise DeviceError if torchvision is missing though open_clip needs it, or can't be imported with this torch."""
    seen = _version("torchvision")
    command = _mend("torchvision", torch_version)
    if seen is None:
        if _open_clip_needs("torchvision"):
            raise DeviceError(f"torchvision, which open_clip needs, isn't installed with torch {torch_version}; install it with: {command}")
        return
    if _fits("torchvision", seen, torch_version):
        return
    try:
        importlib.import_module("torchvision")
    except (ImportError, OSError, RuntimeError, AttributeError) as error:  # what a foreign build raises, from loader to operator table
        reason = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')[:200]}"
        raise DeviceError(f"torchvision {seen} doesn't fit torch {torch_version} ({reason}); mend it with: {command}") from error


def _speak_of_torchaudio(torch_version: str) -> None:
    """Log a warning if there's a torchaudio that wasn't built with this torch. It isn't imported."""
    seen = _version("torchaudio")
    if seen is not None and not _fits("torchaudio", seen, torch_version):
        logging.getLogger(__name__).warning(
            "torchaudio %s wasn't built with torch %s. This pack doesn't use it; if others fail with it, mend it with: %s",
            seen, torch_version, _mend("torchaudio", torch_version),
        )  # fmt: skip


def _fits(package: str, seen: str, torch_version: str) -> bool:
    """Whether version `seen` of torchaudio or torchvision is the one that was built with this torch."""
    return _release(seen) == _release(companion_version(package, torch_version)) and _label(seen) == _label(torch_version)


def _open_clip_needs(package: str) -> bool:
    """Whether the installed open_clip asks for a package itself, not for one of its extras."""
    try:
        asked = importlib.metadata.requires("open_clip_torch") or []
    except importlib.metadata.PackageNotFoundError:
        return False
    return any(re.match(rf"{package}\b", line) and "extra ==" not in line for line in asked)


def _mend(package: str, torch_version: str) -> str:
    """The command that installs the build of `package` that fits, leaving torch alone."""
    label = _label(torch_version)
    index = f" --index-url (the index that torch {torch_version} came from)" if label else ""
    return _pip(f"--force-reinstall --no-deps {package}=={companion_version(package, torch_version)}{index}")


def _pip(arguments: str) -> str:
    return f"{_quoted(sys.executable)} -m pip install {arguments}"


def _quoted(path: str) -> str:
    return f'"{path}"' if " " in path else path


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _release(version: str) -> tuple[int, ...]:
    """Major and minor number; (0, 0) for a version that has none."""
    match = re.match(r"(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _label(version: str) -> str:
    """The build behind the plus sign ("cpu", "cu130"), or "" for the one from PyPI."""
    return version.partition("+")[2]
