"""tasks.py: what it says before it touches anything, and that a half-made environment is made again."""

import json
import os
import subprocess
import sys
from collections import namedtuple
from collections.abc import Sequence
from pathlib import Path

import pytest

import tasks


def have_free(megabytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every disk have so much room."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(tasks.shutil, "disk_usage", lambda folder: usage(10**12, 10**12 - megabytes * 10**6, megabytes * 10**6))


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that set-up reads, on a disk with room for everything."""
    have_free(10**6, monkeypatch)
    root = tmp_path / "pack"
    root.mkdir()
    for name in ("requirements.txt", "requirements-test.txt", "constraints.txt"):
        (root / name).write_bytes((tasks.ROOT / name).read_bytes())
    return root


class OfflineSetup(tasks.Setup):
    """The real set-up with real environments, but without pip in them: it's replaced by a note of what it was asked."""

    def __init__(self, root: Path, fail_at: str = "", comfyuis: Sequence[Path] = ()) -> None:
        super().__init__(root / ".venv", root, comfyuis)
        self.asked: list[tuple[str, ...]] = []
        self.fail_at = fail_at

    def pip(self, what: str, *arguments: str, constraints: str = "", quiet: bool = False, python: Path | None = None) -> None:
        self.asked.append(arguments)
        if self.fail_at and self.fail_at in arguments:
            raise KeyboardInterrupt

    def install(self, part: str) -> None:
        if part in self.hosts:
            self.make_host(self.venv / "hosts" / part)
        self.pip(part, part)

    def works(self) -> bool:
        return self.python.exists() and subprocess.run([str(self.python), "-c", ""]).returncode == 0


@pytest.fixture
def without_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """New environments are made without pip, which takes a tenth of the time."""
    real = tasks.run_or_stop
    monkeypatch.setattr(tasks, "run_or_stop", lambda command, problem: real([*command[:3], "--without-pip", *command[3:]], problem))


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="not run from an environment")
def test_an_environment_is_known_to_work_or_not(tmp_path: Path) -> None:
    assert tasks.Setup(Path(sys.prefix)).works()
    assert not tasks.Setup(tmp_path).works()


@pytest.mark.parametrize(
    ("version", "kind", "bits", "words"),
    [
        ((3, 9, 1), "linux x86_64", 64, "Python 3.10 to 3.13 is needed, this is 3.9"),
        ((3, 14, 0), "linux x86_64", 64, "this is 3.14"),
        ((3, 11, 0), "windows x86_64", 32, "32-bit"),
        ((3, 11, 0), "macos x86_64", 64, "Intel Macs"),
    ],
)
def test_a_wrong_python_gets_one_line(version: tuple, kind: str, bits: int, words: str) -> None:
    with pytest.raises(tasks.Stop, match=words) as stop:
        tasks.check_python(version, kind, bits)
    assert "\n" not in str(stop.value)


def test_the_running_python_is_accepted() -> None:
    tasks.check_python()
    tasks.check_venv_tools()


@pytest.mark.parametrize(
    ("release", "words"),
    [
        ('NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n', f"sudo apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv"),
        ("ID=debian\n", "-venv"),
        ("ID=fedora\n", "sudo dnf install python3-pip"),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', "sudo zypper install"),
        ("", "https://www.python.org/downloads/"),
    ],
)
def test_a_python_without_venv_names_the_package(release: str, words: str) -> None:
    with pytest.raises(tasks.Stop) as stop:
        tasks.check_venv_tools(has=lambda name: None if name == "ensurepip" else object(), release=release)
    assert words in str(stop.value)
    assert "ensurepip" in str(stop.value)
    assert "\n" not in str(stop.value)


def make_comfyui(folder: Path, version: str = "") -> Path:
    folder.mkdir(parents=True)
    (folder / "main.py").touch()
    (folder / "requirements.txt").touch()
    (folder / "comfyui_version.py").write_text(f'# made by a build\n__version__ = "{version}"\n' if version else "")
    return folder


def test_comfyui_is_found_by_name_then_above_the_pack_then_at_home(tmp_path: Path) -> None:
    pack = tmp_path / "host" / "custom_nodes" / "sgvg"
    home = tmp_path / "home"
    assert tasks.find_comfyuis({}, pack, home) == []
    at_home = [make_comfyui(home / name) for name in ("ComfyUI", "ComfyUI-0.33", "ComfyUI-old")]
    (home / "ComfyUI-Manager").mkdir()
    assert tasks.find_comfyuis({}, pack, home) == at_home
    above = make_comfyui(tmp_path / "host")
    assert tasks.find_comfyuis({}, pack, home) == [above]
    named = [make_comfyui(tmp_path / name) for name in ("one", "other")]
    assert tasks.find_comfyuis({"COMFYUI_DIR": str(named[0])}, pack, home) == named[:1]
    assert tasks.find_comfyuis({"COMFYUI_DIR": os.pathsep.join(map(str, [*named, named[0]]))}, pack, home) == named


def test_a_wrong_comfyui_dir_is_said(tmp_path: Path) -> None:
    good = make_comfyui(tmp_path / "good")
    with pytest.raises(tasks.Stop, match=r"COMFYUI_DIR is .* in .*wrong"):
        tasks.find_comfyuis({"COMFYUI_DIR": f"{good}{os.pathsep}{tmp_path / 'wrong'}"})


def test_a_comfyui_says_its_version(tmp_path: Path) -> None:
    assert tasks.comfyui_version(make_comfyui(tmp_path / "a", "0.33.0")) == "0.33.0"
    assert tasks.comfyui_version(make_comfyui(tmp_path / "b")) == "?"


def test_each_comfyui_has_an_environment_of_its_own(tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "ComfyUI", tmp_path / "b" / "ComfyUI", tmp_path / "b" / "Comfy UI \u00fc"]
    folders = [tasks.host_folder(path, tmp_path / ".venv") for path in paths]
    assert len(set(folders)) == 3
    assert all(folder.parent == tmp_path / ".venv" / "hosts" and folder.name.isascii() and " " not in folder.name for folder in folders)


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="not run from an environment")
def test_a_comfyuis_environment_falls_back_on_the_clones(tmp_path: Path) -> None:
    """A real one, behind the environment of these tests: it has torch and pip without a copy, and what is its own comes first."""
    setup = tasks.Setup(Path(sys.prefix), comfyuis=[make_comfyui(tmp_path / "ComfyUI")])
    folder = tmp_path / "hosts" / "ComfyUI"
    setup.make_host(folder)
    own = tasks.site_packages(tasks.interpreter(folder))
    (own / "tqdm.py").write_text("own = True\n")
    code = "import importlib.util as i, pip, tqdm; print(tqdm.own, i.find_spec('torch').origin)"
    said = subprocess.run([str(tasks.interpreter(folder)), "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert said[0] == "True"
    assert not Path(said[1]).is_relative_to(folder)
    assert {path.name for path in own.iterdir()} <= {"sgvg.pth", "tqdm.py", "__pycache__"}


def test_a_full_disk_is_refused_before_anything_is_made(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    have_free(50, monkeypatch)
    setup = OfflineSetup(clone)
    with pytest.raises(tasks.Stop, match="50 MB free"):
        setup.bring("run")
    assert not setup.venv.exists()
    assert not setup.asked


def test_sizes_are_said_first(clone: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "machine", lambda: "windows x86_64")
    tasks.announce(["run", "test"], clone)
    said = capsys.readouterr().out
    assert "PyTorch 2.11.0" in said
    assert "190 MB to download" in said
    assert "MB free" in said


def test_the_disk_is_counted_at_the_fullest_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_CACHE_DIR", raising=False)
    cache = tmp_path / "not" / "yet"
    two, last_small = [(100, 50), (800, 400)], [(800, 400), (1, 1)]
    # While the second part is installed: both on disk, its own downloads unpacked, those of both in the cache.
    assert tasks.disk_needs(tmp_path, two, False, cache) == {str(tmp_path): (50 + 400) + 800 + (100 + 800)}
    assert tasks.disk_needs(tmp_path, two, True, cache) == {str(tmp_path): (50 + 400) + tasks.PIECE_MB}
    assert tasks.disk_needs(tmp_path, last_small, False, cache) == {str(tmp_path): 400 + 800 + 800}
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    assert tasks.disk_needs(tmp_path, last_small, False, cache) == {str(tmp_path): 400 + 800}


def test_a_tight_disk_is_told_from_a_roomy_and_from_a_full_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("PIP_NO_CACHE_DIR", raising=False)

    def is_tight(free: int) -> bool:
        have_free(free, monkeypatch)
        return tasks.is_tight(tmp_path, [(2800, 5200), (130, 850)])

    assert not is_tight(10_800)
    assert is_tight(10_799)
    assert "6180 MB needed" in capsys.readouterr().out.splitlines()[-1]
    assert is_tight(6180)
    with pytest.raises(tasks.Stop, match="6179 MB free and 6180 MB are needed"):
        is_tight(6179)


def test_on_a_tight_disk_torch_comes_in_pieces_and_nothing_is_kept(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    class Answer:
        returncode = 0
        stdout = 'filelock\nlibrary==1.2; platform_system == "Linux"\n'

    monkeypatch.setattr(tasks.subprocess, "run", lambda command, **how: calls.append(command) or Answer())
    (clone / ".venv").mkdir()
    setup = tasks.Setup(clone / ".venv", clone)
    setup.install("run")
    roomy, calls[:] = list(calls), []
    setup.tight = True
    setup.install("run")
    piece = ["torch==2.11.0"], ["filelock"], ['library==1.2; platform_system == "Linux"'], [*tasks.TORCH, "-r", "requirements.txt"]
    installs = [command for command in calls if "pip" in command]
    assert [set(asked) <= set(command) for asked, command in zip(piece, installs, strict=True)] == [True] * 4
    assert all("--no-cache-dir" in command for command in installs)
    assert not any("--no-cache-dir" in command for command in roomy)


@pytest.mark.usefixtures("without_pip")
def test_the_room_that_a_broken_environment_takes_is_free_for_the_new_one(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = OfflineSetup(clone, fail_at="run")
    with pytest.raises(KeyboardInterrupt):
        broken.bring("run")
    there = []
    monkeypatch.setattr(tasks, "is_tight", lambda root, sizes: there.append(broken.venv.exists()) or True)
    setup = OfflineSetup(clone)
    setup.bring("run")
    assert there == [False]
    assert setup.tight


@pytest.mark.slow
@pytest.mark.usefixtures("without_pip")
def test_setup_is_made_once_resumed_after_a_break_and_renewed_on_change(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = OfflineSetup(clone, fail_at="run")
    with pytest.raises(KeyboardInterrupt):
        broken.bring("run")
    assert broken.python.exists()
    assert json.loads((broken.venv / tasks.STATE).read_text())["busy"] is True
    leftover = broken.venv / "half-written"
    leftover.touch()

    setup = OfflineSetup(clone)
    assert setup.missing(["run", "test"]) == ["run", "test"]
    setup.bring("run")
    assert not leftover.exists()
    assert "making it again" in capsys.readouterr().out
    assert ("run",) in setup.asked

    again = OfflineSetup(clone)
    again.bring("run")
    assert again.asked == []
    again.bring("run", "test")
    assert again.asked == [("test",)]

    (clone / "requirements.txt").write_text("av\n")
    renewed = OfflineSetup(clone)
    renewed.bring("run", "test")
    assert renewed.asked == [("run",)]

    renewed.python.unlink()
    mended = OfflineSetup(clone)
    mended.bring("run")
    assert mended.works()


@pytest.mark.slow
@pytest.mark.usefixtures("without_pip")
def test_a_break_in_one_comfyuis_set_up_costs_that_one_alone(clone: Path, tmp_path: Path) -> None:
    comfyuis = [make_comfyui(tmp_path / name) for name in ("one", "other")]
    first, second = (tasks.host_folder(path, clone / ".venv").name for path in comfyuis)
    broken = OfflineSetup(clone, fail_at=second, comfyuis=comfyuis)
    with pytest.raises(KeyboardInterrupt):
        broken.bring("run", *broken.hosts)
    leftover = broken.venv / "hosts" / second / "half-written"
    leftover.touch()

    again = OfflineSetup(clone, comfyuis=comfyuis)
    again.bring("run", *again.hosts)
    assert again.asked == [(second,)]
    assert not leftover.exists()

    (comfyuis[0] / "requirements.txt").write_text("another\n")
    renewed = OfflineSetup(clone, comfyuis=comfyuis)
    renewed.bring("run", *renewed.hosts)
    assert renewed.asked == [(first,)]

    tasks.interpreter(renewed.venv / "hosts" / second).unlink()
    mended = OfflineSetup(clone, comfyuis=comfyuis)
    mended.bring("run", *mended.hosts)
    assert mended.asked == [(second,)]


def test_the_disk_is_counted_for_each_comfyui(clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setup = tasks.Setup(clone / ".venv", clone, [make_comfyui(tmp_path / "old", "0.3.64"), make_comfyui(tmp_path / "new", "0.33.0")])
    tasks.announce([*setup.hosts], clone, setup.hosts)
    old, new = capsys.readouterr().out.splitlines()[1:3]
    assert str(tmp_path / "old") in old
    assert f"{tasks.OLDER_HOST_MB[1]} MB on disk" in old
    assert f"{tasks.HOST_MB[1]} MB on disk" in new


def test_a_comfyui_that_does_not_fit_the_tested_set_gets_its_own_with_torch_held(clone: Path) -> None:
    class Conflict(tasks.Setup):
        held = ""

        def pip(self, what: str, *arguments: str, constraints: str = "constraints.txt", quiet: bool = False, python: Path | None = None) -> None:
            if constraints == "constraints.txt":
                raise tasks.Stop("conflict")
            self.held = Path(constraints).read_text()

    (clone / ".venv").mkdir()
    setup = Conflict(clone / ".venv", clone)
    setup.install_host(clone)
    assert setup.held.split() == ["torch==2.11.0", "torchvision==0.26.0", "torchaudio==2.11.0"]


def test_line_endings_of_a_checkout_do_not_matter(clone: Path) -> None:
    setup = tasks.Setup(clone / ".venv", clone)
    before = setup.wanted("run")
    path = clone / "requirements.txt"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert setup.wanted("run") == before


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_something_else_named_venv_is_left_alone(clone: Path, kind: str) -> None:
    if kind == "file":
        (clone / ".venv").write_text("mine")
    else:
        (clone / ".venv").mkdir()
        (clone / ".venv" / "mine.txt").write_text("mine")
    with pytest.raises(tasks.Stop, match="in the way"):
        OfflineSetup(clone).bring("run")
    assert (clone / ".venv").exists()


def test_two_setups_at_once_are_refused(clone: Path) -> None:
    with tasks.locked(clone / ".venv.lock"), pytest.raises(tasks.Stop, match="Another set-up"):
        OfflineSetup(clone).bring("run")
    with tasks.locked(clone / ".venv.lock"):
        pass


def test_what_leads_astray_is_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    environment = tasks.clean_environment()
    assert "PYTHONPATH" not in environment
    assert "PIP_TARGET" not in environment
    assert environment["PIP_USER"] == "0"


def test_the_many_processes_of_the_tests_keep_what_they_compile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    asked = [sys.executable, "-c", "import sys; sys.exit(sys.dont_write_bytecode)"]
    assert tasks.call([*asked, "pytest"], tmp_path) == 0
    assert tasks.call(asked, tmp_path) == 1


def test_what_runs_while_the_tests_do_is_told_afterwards(tmp_path: Path) -> None:
    code, seconds, said = tasks.said_by([sys.executable, "-c", "import os, sys; print(os.getcwd()); sys.exit('an error')"], tmp_path)
    assert (code, said.split("\n")[:2]) == (1, [str(tmp_path.resolve()), "an error"])
    assert seconds > 0


def test_the_typing_tree_is_the_pack_as_a_package(tmp_path: Path) -> None:
    (tmp_path / "sgvg_pack").mkdir()
    (tmp_path / "sgvg_pack" / "gone.py").touch()
    tree = tasks.typing_tree(tmp_path) / "sgvg_pack"
    assert (tree / "__init__.py").is_file()
    assert (tree / "sgvg_core" / "errors.py").is_file()
    assert not (tree / "gone.py").exists()


def test_options_go_on_to_pytest() -> None:
    setup = tasks.Setup()
    command = tasks.step_command("pytest", setup, True, ["tests/house", "-x"], Path("report"))
    assert command[-2:] == ["tests/house", "-x"]
    assert "not host and not slow" in command
    assert tasks.step_command("pytest", setup, False, ["-x"], Path("report"))[-2:] == ["tests", "-x"]
    assert tasks.step_command("pytest", setup, False, ["-k", "walk or start"], Path("report"))[-3:] == ["tests", "-k", "walk or start"]
    one = "tests/house/test_house_tasks.py::test_what_is_run"
    assert tasks.step_command("pytest", setup, False, ["-k", "walk", one], Path("report"))[-3:] == ["-k", "walk", one]
    assert "tests" not in tasks.step_command("pytest", setup, False, ["-k", "walk", one], Path("report"))


def run_tasks(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, os.fspath(tasks.ROOT / "tasks.py"), *arguments], capture_output=True, text=True, timeout=900)


def test_a_missing_sound_is_said_before_any_setup() -> None:
    done = run_tasks("demo", "no-such-sound.wav")
    assert done.returncode == 2
    assert done.stderr.strip() == "error: There is no sound file no-such-sound.wav"
    assert not done.stdout


def test_help_names_the_tasks() -> None:
    done = run_tasks()
    assert done.returncode == 2
    for task in ("demo", "test", "setup", "resolve"):
        assert task in done.stdout
