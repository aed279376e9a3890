"""Whether the packages that the pack stands on fit together, asked at the doors before anything heavy is imported.

torch, torchaudio and torchvision are built in one piece: a pair of different builds fails with a message about a missing symbol
or operator, far from its cause. Here it becomes one error with the command that mends it. torch belongs to the host (ComfyUI), so
the command never touches it.
"""

import importlib
import importlib.metadata
import importlib.util
import re
import sys
from pathlib import Path

from .errors import DeviceError

TORCH_FLOOR = (2, 6)
"""The oldest torch that is supported: since 2.6 `torch.load` refuses code by default."""

_COMPANIONS = ("torchaudio", "torchvision")
_NEEDED = {"av": "av", "numpy": "numpy", "open_clip": "open_clip_torch", "PIL": "pillow", "safetensors": "safetensors", "tqdm": "tqdm"}
"""Module name -> package name of what requirements.txt installs."""

_REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements.txt"


def check_environment() -> None:
    """Raise DeviceError, with the command that mends it, if torch is missing, too old, or doesn't fit torchaudio or torchvision.

    Reads version numbers only (milliseconds, nothing imported) as long as they fit; a package whose number doesn't fit is
    imported, and only a failing import is an error.
    """
    torch_version = _version("torch")
    if torch_version is None:
        raise DeviceError(f"torch isn't installed in {sys.executable}; install it with: {_pip('torch torchvision torchaudio')}")
    if _release(torch_version) < TORCH_FLOOR:
        floor = ".".join(map(str, TORCH_FLOOR))
        command = _pip("--upgrade torch torchvision torchaudio")
        raise DeviceError(f"torch: got {torch_version}, expected {floor} or newer; update ComfyUI (its torch with it), or run: {command}")
    for package in _COMPANIONS:
        _check_companion(package, torch_version)
    missing = sorted(package for module, package in _NEEDED.items() if importlib.util.find_spec(module) is None)
    if missing:
        raise DeviceError(f"not installed: {', '.join(missing)}; install with: {_pip(f'-r {_quoted(str(_REQUIREMENTS))}')}")


def companion_version(package: str, torch_version: str) -> str:
    """The release of torchaudio or torchvision that is built with `torch_version`: 2.11.0 -> torchaudio 2.11.0, torchvision 0.26.0."""
    major, minor, patch = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", torch_version).groups("0")  # type: ignore[union-attr]
    return f"{major}.{minor}.{patch}" if package == "torchaudio" else f"0.{int(minor) + 15}.{patch}"


def _check_companion(package: str, torch_version: str) -> None:
    seen = _version(package)
    if seen is None:
        raise DeviceError(f"{package} isn't installed beside torch {torch_version}; install it with: {_mend(package, torch_version)}")
    if _release(seen) == _release(companion_version(package, torch_version)) and _label(seen) == _label(torch_version):
        return
    try:
        importlib.import_module(package)
    except (ImportError, OSError, RuntimeError, AttributeError) as error:  # what a foreign build raises, from loader to operator table
        reason = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')[:200]}"
        command = _mend(package, torch_version)
        raise DeviceError(f"{package} {seen} doesn't fit torch {torch_version} ({reason}); mend it with: {command}") from error


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
