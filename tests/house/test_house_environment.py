"""A broken torch / torchaudio / torchvision pair: one clear error with the command that mends it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sgvg_core import environment
from sgvg_core.environment import check_environment, companion_version
from sgvg_core.errors import DeviceError

GOOD = {"torch": "2.11.0", "torchaudio": "2.11.0", "torchvision": "0.26.0"}


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The versions that the check sees; the test changes them."""
    seen = dict(GOOD)
    monkeypatch.setattr(environment, "_version", seen.get)
    return seen


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The packages that the check imported; each raises what a foreign build raises."""
    names: list[str] = []

    def foreign(name: str) -> None:
        names.append(name)
        raise OSError(f"{name}.so: undefined symbol: _ZN3c10\nmore lines")

    monkeypatch.setattr(environment.importlib, "import_module", foreign)
    return names


def test_this_environment_is_good() -> None:
    check_environment()


def test_a_good_pair_is_known_by_its_numbers(versions: dict[str, str], imported: list[str]) -> None:
    check_environment()
    versions.update(torch="2.8.0+cu128", torchaudio="2.8.0+cu128", torchvision="0.23.0+cu128")
    check_environment()
    assert imported == []


@pytest.mark.parametrize(
    ("changed", "command"),
    [
        ({"torchaudio": "2.9.1"}, "torchaudio==2.11.0"),
        ({"torchvision": "0.24.0"}, "torchvision==0.26.0"),
        ({"torch": "2.11.0+cu130"}, "torchaudio==2.11.0 --index-url (the index that torch 2.11.0+cu130 came from)"),
        ({"torch": "2.11.0+cpu", "torchaudio": "2.11.0+cpu"}, "torchvision==0.26.0 --index-url (the index that torch 2.11.0+cpu came from)"),
    ],
)
def test_a_foreign_build_is_named_with_its_mending(versions: dict[str, str], imported: list[str], changed: dict[str, str], command: str) -> None:
    versions.update(changed)
    with pytest.raises(DeviceError) as caught:
        check_environment()
    message = str(caught.value)
    assert "\n" not in message
    assert "undefined symbol" in message
    assert message.endswith(f"-m pip install --force-reinstall --no-deps {command}")


def test_an_odd_number_that_works_is_no_error(versions: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    versions.update(torch="2.12.0a0+vendor", torchaudio="2.11.0", torchvision="0.99")
    monkeypatch.setattr(environment.importlib, "import_module", lambda name: None)
    check_environment()


@pytest.mark.parametrize(
    ("package", "words"),
    [("torch", "torch isn't installed in"), ("torchaudio", "torchaudio isn't installed beside torch 2.11.0"), ("torchvision", "torchvision isn't")],
)
def test_a_missing_package_is_named(versions: dict[str, str], package: str, words: str) -> None:
    del versions[package]
    with pytest.raises(DeviceError, match=words) as caught:
        check_environment()
    assert "-m pip install" in str(caught.value)


def test_an_old_torch_is_refused(versions: dict[str, str]) -> None:
    versions.update(torch="2.5.1", torchaudio="2.5.1", torchvision="0.20.1")
    with pytest.raises(DeviceError, match=r"torch: got 2\.5\.1, expected 2\.6 or newer"):
        check_environment()


def test_a_missing_requirement_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(environment._NEEDED, "no_such_module", "no-such-package")
    with pytest.raises(DeviceError, match=r"not installed: no-such-package; install with: .*requirements\.txt"):
        check_environment()


@pytest.mark.parametrize(
    ("torch", "torchaudio", "torchvision"),
    [("2.6.0", "2.6.0", "0.21.0"), ("2.7.1", "2.7.1", "0.22.1"), ("2.9.1+cu128", "2.9.1", "0.24.1"), ("2.11.0", "2.11.0", "0.26.0")],
)
def test_companions_as_they_were_released(torch: str, torchaudio: str, torchvision: str) -> None:
    assert companion_version("torchaudio", torch) == torchaudio
    assert companion_version("torchvision", torch) == torchvision


def test_the_command_line_stops_with_one_line(pack_root: Path, tmp_path: Path) -> None:
    """A real foreign torchaudio on the path: no traceback, exit code 2, the command to mend it."""
    (tmp_path / "torchaudio").mkdir()
    (tmp_path / "torchaudio" / "__init__.py").write_text('raise OSError("libtorchaudio.so: undefined symbol: _ZNK5torch8autograd4Node4nameEv")\n')
    (tmp_path / "torchaudio-2.9.1.dist-info").mkdir()
    (tmp_path / "torchaudio-2.9.1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: torchaudio\nVersion: 2.9.1\n")
    environment_ = dict(os.environ, PYTHONPATH=str(tmp_path))
    done = subprocess.run([sys.executable, "-m", "sgvg_core", "--help"], cwd=pack_root, env=environment_, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: torchaudio 2.9.1 doesn't fit torch ")
    assert "pip install --force-reinstall --no-deps torchaudio==" in lines[0]
