"""A folder of frames: ours is replaced as one, the user's never."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import av
import pytest
from media_samples import image, write_and_raise

from sgvg_core.atomic_files import sweep
from sgvg_core.errors import MediaError
from sgvg_core.media import FrameFolderWriter
from sgvg_core.media.images import MARKER


def test_a_folder_of_frames(tmp_path: Path) -> None:
    frames = image(12)
    for _ in range(2):  # the second run replaces the first
        with FrameFolderWriter(tmp_path / "frames") as writer:
            writer.write(frames[:5])
            writer.write(frames[5:])
    names = sorted(file.name for file in (tmp_path / "frames").glob("*"))
    assert names == [MARKER, *(f"frame_{index:06d}.png" for index in range(12))]
    names.remove(MARKER)
    with av.open(str(tmp_path / "frames" / names[7])) as container:
        assert (next(container.decode(video=0)).to_ndarray(format="rgb24") == frames[7].numpy()).all()
    with pytest.raises(KeyboardInterrupt):
        write_and_raise(FrameFolderWriter(tmp_path / "other"), KeyboardInterrupt)
    assert [file.name for file in tmp_path.iterdir()] == ["frames"]


USERS = {
    "other files": {"thesis.txt": b"years of work"},
    "frames of the user's own": {"frame_000000.png": b"painted", "frame_000001.png": b"painted"},
    "the user's frames beside a marker from elsewhere": {"frame_000000.png": b"painted", MARKER: b"{}"},
    "a folder in it": {"frame_000000.png/deep.txt": b"deep"},
}


@pytest.mark.parametrize("files", USERS.values(), ids=USERS)
def test_a_folder_with_files_of_the_users_is_never_replaced(tmp_path: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_bytes(content)
    with pytest.raises(MediaError, match="holds other files than frames that this program wrote"):
        FrameFolderWriter(tmp_path / "mine")
    assert {name: (tmp_path / "mine" / name).read_bytes() for name in files} == files
    assert list(tmp_path.iterdir()) == [tmp_path / "mine"]


def frames_of(path: Path, num: int) -> Path:
    with FrameFolderWriter(path) as writer:
        writer.write(image(num))
    return path


@pytest.mark.parametrize("change", ["painted over", "one more", "one less", "renamed"])
def test_a_folder_of_frames_that_the_user_changed_is_the_users(tmp_path: Path, change: str) -> None:
    folder = frames_of(tmp_path / "frames", 4)
    last = folder / "frame_000003.png"
    {
        "painted over": lambda: last.write_bytes(b"painted over"),
        "one more": lambda: (folder / "frame_000004.png").write_bytes(last.read_bytes()),
        "one less": last.unlink,
        "renamed": lambda: last.rename(folder / "frame_000009.png"),
    }[change]()
    names = sorted(file.name for file in folder.iterdir())
    with pytest.raises(MediaError, match="holds other files"):
        FrameFolderWriter(folder)
    assert sorted(file.name for file in folder.iterdir()) == names


def test_a_file_that_comes_while_the_film_is_made_is_kept(tmp_path: Path) -> None:
    folder = frames_of(tmp_path / "frames", 2)
    writer = FrameFolderWriter(folder)
    with pytest.raises(MediaError, match="holds other files"), writer:  # noqa: PT012
        writer.write(image(3))
        (folder / "notes.txt").write_text("mine")
    assert (folder / "notes.txt").read_text() == "mine"
    assert list(tmp_path.iterdir()) == [folder]


def test_file_managers_leave_no_trace_that_matters(tmp_path: Path) -> None:
    folder = frames_of(tmp_path / "frames", 2)
    (folder / ".DS_Store").write_bytes(b"view")
    frames_of(folder, 3)
    assert len(list(folder.glob("frame_*.png"))) == 3


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What replacements left that were stopped, a folder a stop."""
    root = tmp_path_factory.mktemp("stopped")
    command = [sys.executable, str(Path(__file__).with_name("stopped_child.py")), str(root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False)
    assert done.returncode == 0, done.stderr
    return root


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("at", [1, 2])
def test_a_stop_between_two_renames_loses_nothing(stopped: Path, number: signal.Signals, at: int) -> None:
    """Stopped when the old folder is aside, and when the new one has its place: afterwards one of them is there, whole."""
    folder = stopped / f"{number.name}-{at}" / "frames"
    sweep(folder.parent)  # as the next run that writes here does
    assert list(folder.parent.iterdir()) == [folder]
    assert len(list(folder.glob("frame_*.png"))) == (2 if at == 1 else 3)
    frames_of(folder, 4)
    assert len(list(folder.glob("frame_*.png"))) == 4
