"""A broken torch / torchvision pair: one clear error with the command that mends it. torchaudio: not needed, at most a word."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

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
        ({"torchvision": "0.24.0"}, "torchvision==0.26.0"),
        ({"torch": "2.11.0+cu130"}, "torchvision==0.26.0 --index-url (the index that torch 2.11.0+cu130 came from)"),
        ({"torch": "2.11.0+cpu"}, "torchvision==0.26.0 --index-url (the index that torch 2.11.0+cpu came from)"),
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
    [("torch", "torch isn't installed in"), ("torchvision", "torchvision, which open_clip needs, isn't installed with torch 2.11.0")],
)
def test_a_missing_package_is_named(versions: dict[str, str], package: str, words: str) -> None:
    del versions[package]
    with pytest.raises(DeviceError, match=words) as caught:
        check_environment()
    assert "-m pip install" in str(caught.value)


def test_a_missing_torchvision_is_fine_for_an_open_clip_that_does_without(versions: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    del versions["torchvision"]
    monkeypatch.setattr(environment.importlib.metadata, "requires", lambda package: ["torch>=2.0", 'torchvision; extra == "training"'])
    check_environment()


@pytest.mark.parametrize(
    ("seen", "torch", "words"),
    [
        (None, "2.11.0", ""),
        ("2.11.0", "2.11.0", ""),
        ("2.9.1", "2.11.0", "torchaudio 2.9.1 wasn't built with torch 2.11.0. This pack doesn't use it"),
        ("2.11.0", "2.11.0+cu130", "torchaudio==2.11.0 --index-url (the index that torch 2.11.0+cu130 came from)"),
    ],
)
def test_torchaudio_may_be_missing_and_one_of_another_build_is_worth_a_word(
    versions: dict[str, str], imported: list[str], caplog: pytest.LogCaptureFixture, seen: str | None, torch: str, words: str
) -> None:
    versions.update(torch=torch, torchvision=torch.replace("2.11", "0.26"))
    versions.pop("torchaudio") if seen is None else versions.update(torchaudio=seen)
    check_environment()
    assert imported == [], "it's never imported"
    assert words in caplog.text if words else not caplog.text


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


def broken_package(folder: Path, name: str, version: str) -> dict[str, str]:
    """Writes a foreign build of a package and gives the environment that puts it in front."""
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(f'raise OSError("lib{name}.so: undefined symbol: _ZNK5torch8autograd4Node4nameEv")\n')
    (folder / f"{name}-{version}.dist-info").mkdir()
    (folder / f"{name}-{version}.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return dict(os.environ, PYTHONPATH=str(folder))


def ask_for_help(pack_root: Path, environment_: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "sgvg_core", "--help"]
    return subprocess.run(command, cwd=pack_root, env=environment_, capture_output=True, text=True, timeout=900)


def test_the_command_line_stops_with_one_line(pack_root: Path, tmp_path: Path) -> None:
    """A real foreign torchvision on the path: no traceback, exit code 2, the command to mend it."""
    done = ask_for_help(pack_root, broken_package(tmp_path, "torchvision", "0.24.1"))
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: torchvision 0.24.1 doesn't fit torch ")
    assert "pip install --force-reinstall --no-deps torchvision==" in lines[0]


@pytest.mark.slow
def test_the_command_line_goes_on_beside_a_broken_torchaudio(pack_root: Path, tmp_path: Path) -> None:
    done = ask_for_help(pack_root, broken_package(tmp_path, "torchaudio", "2.9.1"))
    assert done.returncode == 0
    assert "usage" in done.stdout
    assert done.stderr.startswith("torchaudio 2.9.1 wasn't built with torch ")


WITHOUT_TORCHAUDIO = """
import importlib.abc, importlib.metadata, sys

class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torchaudio":
            raise ModuleNotFoundError("No module named 'torchaudio'", name=name)

version = importlib.metadata.version

def hidden(name):
    if name == "torchaudio":
        raise importlib.metadata.PackageNotFoundError(name)
    return version(name)

sys.meta_path.insert(0, Hidden())
importlib.metadata.version = hidden
"""


@pytest.mark.slow
def test_import_and_generate_do_without_torchaudio(pack_root: Path, tiny_model_folder: Path, tmp_path: Path) -> None:
    from sgvg_core.media import probe_sound, write_wav

    write_wav(tmp_path / "x.wav", 0.1 * torch.randn(1, 8000, generator=torch.Generator().manual_seed(0)), 16_000)
    arguments = ["generate", str(tmp_path / "x.wav"), "-o", str(tmp_path / "x.mp4"), "--model", str(tiny_model_folder), "--fps", "12"]
    code = f"{WITHOUT_TORCHAUDIO}\nimport sgvg_core\nfrom sgvg_core.cli.main import main\nsys.exit(main({arguments!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=pack_root, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert "torchaudio" not in done.stderr
    assert probe_sound(tmp_path / "x.mp4").fps == 12


NODE_WITHOUT_TORCHAUDIO = """
import importlib.util
from pathlib import Path
from stand_in import StandIn

host = StandIn(Path(sys.argv[2]))
sys.modules.update(host.modules())
spec = importlib.util.spec_from_file_location("sgvg_pack", sys.argv[1] + "/__init__.py", submodule_search_locations=[sys.argv[1]])
sys.modules["sgvg_pack"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
node = next(node for node in module.NODES if node.__name__ == "LoadSound")
sound = node.execute(audio="x.wav", start_seconds=0.0, length_seconds=0.0)[0]
print(tuple(sound["waveform"].shape), "torchaudio" in sys.modules)
"""


@pytest.mark.slow
def test_a_node_does_without_torchaudio(pack_root: Path, tmp_path: Path) -> None:
    from sgvg_core.media import write_wav

    (tmp_path / "input").mkdir()
    write_wav(tmp_path / "input" / "x.wav", torch.zeros(1, 800), 8_000)
    code = f"{WITHOUT_TORCHAUDIO}{NODE_WITHOUT_TORCHAUDIO}"
    environment_ = dict(os.environ, PYTHONPATH=str(pack_root / "tests" / "pack"))
    command = [sys.executable, "-c", code, str(pack_root), str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=environment_, capture_output=True, text=True, timeout=900)
    assert done.stdout.split() == ["(1,", "1,", "800)", "False"], done.stderr
