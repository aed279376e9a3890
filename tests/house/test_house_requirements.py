"""The requirement files agree with each other and with what is installed."""

import importlib.metadata
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
SYSTEMS = ("linux", "darwin", "win32")


def read(path: Path) -> list[Requirement]:
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_pyproject_and_requirements_say_the_same(pack_root: Path) -> None:
    project = tomllib.loads((pack_root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(map(Requirement, project["dependencies"])) == set(read(pack_root / "requirements.txt"))


def test_the_version_is_the_same_everywhere(pack_root: Path) -> None:
    import sgvg_core

    version = tomllib.loads((pack_root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert sgvg_core.__version__ == version
    assert f"## {version}" in (pack_root / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_oldest_comfyui_is_the_same_everywhere(pack_root: Path) -> None:
    floor = tomllib.loads((pack_root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["comfy"]["requires-comfyui"].removeprefix(">=")
    for name in ("README.md", "CHANGELOG.md"):
        said = re.findall(r"ComfyUI (\d+\.\d+\.\d+) or newer", (pack_root / name).read_text(encoding="utf-8"))
        assert set(said) == {floor}, name


def test_torch_is_left_to_the_host(pack_root: Path) -> None:
    names = {requirement.name.lower() for name in ("requirements.txt", "requirements-test.txt") for requirement in read(pack_root / name)}
    assert not names & {"torch", "torchvision", "torchaudio", "xformers"}


def test_fragile_sound_packages_stay_out(pack_root: Path) -> None:
    names = {requirement.name.lower() for requirement in read(pack_root / "requirements.txt")}
    assert not names & {"librosa", "numba", "madmom", "torchcodec", "opencv-python", "moviepy", "soundfile"}


def test_every_requirement_is_a_range_with_a_reason(pack_root: Path) -> None:
    lines = (pack_root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if line and not line.startswith("#"):
            assert before.startswith("# "), f"{line}: no reason above it"
            assert re.search(r">=.*,<", line), f"{line}: not a range"


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_tested_set_lies_in_the_ranges(pack_root: Path, python: str, system: str) -> None:
    place = {"python_version": python, "python_full_version": python + ".0", "sys_platform": system}
    pins = [pin for pin in read(pack_root / "constraints.txt") if pin.marker is None or pin.marker.evaluate(place)]
    by_name = {pin.name.lower(): next(iter(pin.specifier)).version for pin in pins}
    assert len(by_name) == len(pins), "two pins of one package at once"
    for name in ("requirements.txt", "requirements-test.txt"):
        for wanted in read(pack_root / name):
            if wanted.name.lower() in by_name:
                assert wanted.specifier.contains(by_name[wanted.name.lower()]), f"{wanted} on Python {python}, {system}"


def test_what_is_installed_lies_in_the_ranges(pack_root: Path) -> None:
    for wanted in read(pack_root / "requirements.txt"):
        assert wanted.specifier.contains(importlib.metadata.version(wanted.name)), wanted


def test_the_torch_packages_of_the_tested_set_belong_together(pack_root: Path) -> None:
    from sgvg_core.environment import TORCH_FLOOR, companion_version

    pins = {pin.name: next(iter(pin.specifier)).version for pin in read(pack_root / "constraints.txt") if pin.name.startswith("torch")}
    assert tuple(map(int, pins["torch"].split(".")[:2])) >= TORCH_FLOOR
    for package in ("torchaudio", "torchvision"):
        assert pins[package] == companion_version(package, pins["torch"])
