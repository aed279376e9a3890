"""Files that appear whole or not at all: what may be written where, and what killed processes leave behind."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from sgvg_core.atomic_files import (
    aside_path,
    atomic_write,
    check_folder_name,
    check_no_input,
    checked_target,
    process_began,
    sweep,
    temporary_folder,
    temporary_path,
)
from sgvg_core.errors import ConfigError

CHILD = """
import os, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from sgvg_core.atomic_files import aside_path, temporary_folder, temporary_path
folder = Path({folder!r})
temporary_path(folder / "film.mp4").write_bytes(b"half")
made = temporary_folder(folder / "frames")
(made.__enter__() / "frame_000000.png").write_bytes(b"half")
(folder / "before").rename(aside_path(folder / "before"))
print(len(list(folder.iterdir())), flush=True)
sys.stdin.read(1)
"""


def start_child(folder: Path, root: Path) -> "subprocess.Popen[str]":
    """A process in the middle of writing two things, with a third moved aside."""
    (folder / "before").mkdir()
    (folder / "before" / "frame_000000.png").write_bytes(b"old")
    code = CHILD.format(root=str(root), folder=str(folder))
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline().strip() == "3"
    return child


def test_what_a_killed_process_left_is_swept_and_what_it_moved_aside_comes_back(tmp_path: Path, pack_root: Path) -> None:
    child = start_child(tmp_path, pack_root)
    try:
        sweep(tmp_path)
        assert len(list(tmp_path.iterdir())) == 3, "the process is alive: nothing of its is touched"
    finally:
        child.kill()
        child.communicate()
    with atomic_write(tmp_path / "new.txt", ConfigError) as part:
        part.write_text("new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["before", "new.txt"]
    assert (tmp_path / "before" / "frame_000000.png").read_bytes() == b"old"


def test_a_temporary_folder_is_gone_afterwards_whatever_happened(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), temporary_folder(tmp_path / "model") as folder:  # noqa: PT012
        (folder / "walker.safetensors").write_bytes(b"half")
        assert [path.name for path in tmp_path.iterdir()] == [folder.name]
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_what_was_moved_aside_goes_when_its_successor_stands(tmp_path: Path, pack_root: Path) -> None:
    child = start_child(tmp_path, pack_root)
    child.kill()
    child.communicate()
    (tmp_path / "before").mkdir()
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "before"]
    assert not list((tmp_path / "before").iterdir())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the beginning of a process is known on Linux and Windows")
def test_a_number_that_another_process_has_now_is_no_sign_of_life(tmp_path: Path) -> None:
    began = process_began(os.getpid())
    assert began
    name = temporary_path(tmp_path / "film.mp4").name
    (tmp_path / name).write_bytes(b"mine")
    (tmp_path / name.replace(f"-{began}-", f"-{began - 1}-")).write_bytes(b"of one before me")
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_another_machines_files_are_given_a_day(tmp_path: Path) -> None:
    names = [f".film.0badcafe-{pid}-7-0123abcd.part.mp4" for pid in (1, 2)]
    for name in names:
        (tmp_path / name).write_bytes(b"half")
    os.utime(tmp_path / names[0], (0, time.time() - 2 * 24 * 3600))
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [names[1]]


OTHERS = [".film.part.mp4", ".film.0123abcd.part.mp4", "film.part", ".part", ".x.0badcafe-1-7-0123abcd.tmp", "a.old", ".a.old"]


@pytest.mark.parametrize("name", OTHERS)
def test_files_of_others_are_never_swept(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"somebody's")
    os.utime(tmp_path / name, (0, 0))
    sweep(tmp_path)
    assert (tmp_path / name).read_bytes() == b"somebody's"


def test_processes_that_are_not_there_have_no_beginning() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    assert process_began(child.pid) is None
    assert process_began(10**9) is None
    assert process_began(os.getpid()) is not None


def test_an_input_is_known_by_any_of_its_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = tmp_path / "x.wav"
    sound.write_bytes(b"sound")
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.mp4").symlink_to(sound)
    os.link(sound, tmp_path / "second.mp4")
    monkeypatch.chdir(tmp_path)
    for name in ("x.wav", "./x.wav", "sub/../x.wav", str(sound), "link.mp4", "second.mp4"):
        with pytest.raises(ConfigError, match=r"what is read .*choose another name"):
            check_no_input(name, [None, "absent.wav", sound], ConfigError)
    check_no_input("y.wav", [sound], ConfigError)


@pytest.mark.parametrize("name", ["", ".", "/", "..", "folder", "file/x.mp4", "absent/x.mp4", "x" * 300 + ".mp4", "a\0b.mp4", "pipe.mp4"])
def test_places_where_no_file_can_be_written(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.mp4")
    else:
        (tmp_path / "pipe.mp4").mkdir()
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ConfigError, match=r"folder|can't be written") as raised:
        checked_target(name, ConfigError)
    assert str(raised.value).isprintable()
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["", ".", "/", "..", "a/..", "file", "file/frames", "link", "dangling", "x" * 300, "a\0b"])
def test_places_where_no_folder_can_be_made(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "dangling").symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ConfigError, match=r"folder|link|file"):
        check_folder_name(name, ConfigError)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="takes on another user's rights, which root alone can")
def test_a_folder_without_rights_is_one_error(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path, into which no other user can look
        os.chmod(folder, 0o755)
        os.seteuid(65534)
        try:
            with pytest.raises(ConfigError, match="Permission denied"):
                checked_target(Path(folder) / "x.mp4", ConfigError)
            with pytest.raises(ConfigError, match="Permission denied"):
                check_folder_name(Path(folder) / "frames", ConfigError)
        finally:
            os.seteuid(0)
        assert not list(Path(folder).iterdir())


def test_temporary_names_fit_whatever_the_name_is(tmp_path: Path) -> None:
    for stem in ("x" * 240, "ü" * 120, os.fsdecode(b"caf\xe9"), "a.b.c", "with\nbreak"):
        part = temporary_path(tmp_path / f"{stem}.mp4")
        part.write_bytes(b"")
        part.unlink()
        assert part.suffix == ".mp4"
    assert aside_path(tmp_path / "frames").name.startswith(".frames.")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such rights")
def test_others_may_read_what_the_user_lets_them(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.touch()
    with atomic_write(tmp_path / "x.safetensors", ConfigError) as part:
        part.touch(mode=0o600)
    assert (tmp_path / "x.safetensors").stat().st_mode == usual.stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["usual", "x.safetensors"]
