"""Writes one file of each kind on a disk that is full early, half-way and at the end, and says as JSON what came of it: `full_disk_child.py DIR`.

A limit on the size of files stands for the disk: every write behind it fails. It can't be taken back in this process by those that are tested.
"""

import json
import resource
import signal
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from sgvg_core.assembly.files import save_latents  # noqa: E402
from sgvg_core.errors import SGVGError  # noqa: E402
from sgvg_core.media import SoundTrack, VideoWriter, save_image  # noqa: E402
from sgvg_core.media.images import FrameFolderWriter  # noqa: E402

NOISE = torch.randint(0, 256, (24, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
SOUND = SoundTrack.from_waveform(torch.rand(2, 44_100, generator=torch.Generator().manual_seed(1)) - 0.5, 44_100)
SHARES = (0.995, 0.4, 0.001)


def film(path: Path) -> None:
    """A second of noise, with its sound where the kind of file has one."""
    sound = None if path.suffix == ".gif" else SOUND
    with VideoWriter(path, fps=Fraction(25), width=64, height=64, sound=sound) as writer:
        writer.write(NOISE)


def frames(path: Path) -> None:
    """A folder of pictures."""
    with FrameFolderWriter(path) as writer:
        writer.write(NOISE[:3])


def image(path: Path) -> None:
    """A picture."""
    save_image(path, NOISE[0])


def latents(path: Path) -> None:
    """A walk of latents."""
    save_latents(path, torch.rand(20, 8, 32, generator=torch.Generator().manual_seed(2)))


WRITERS: dict[str, Callable[[Path], None]] = {
    **{f"film.{kind}": film for kind in ("mp4", "mov", "mkv", "webm", "gif")},
    "frames": frames,
    **{f"image.{kind}": image for kind in ("png", "jpg", "webp")},
    **{f"latents.{kind}": latents for kind in ("safetensors", "npy", "npz")},
}


def size_of(path: Path) -> int:
    """Bytes of a file, or of the largest in a folder."""
    return max(each.stat().st_size for each in ([path] if path.is_file() else path.iterdir()))


def limited(num_bytes: int) -> None:
    """From now on a file can have so many bytes; -1: any number."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, resource.RLIM_INFINITY))


def main(folder: Path) -> None:
    """One line: for each kind a list of (the error's class, its words, the names in the folder, whether the old file is as it was)."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    found: dict[str, list[tuple[str, str, list[str], bool]]] = {}
    for name, write in WRITERS.items():
        place = folder / name.replace(".", "_")
        place.mkdir()
        path = place / name
        write(path)
        size, before = size_of(path), {each: each.read_bytes() for each in place.rglob("*") if each.is_file()}
        for share in SHARES:
            limited(int(size * share))
            try:
                write(path)
                said = ("nothing", "")
            except SGVGError as error:
                said = (type(error).__name__, str(error))
            except Exception as error:  # noqa: BLE001
                said = (f"raw {type(error).__name__}", str(error))
            limited(-1)
            now = {each: each.read_bytes() for each in place.rglob("*") if each.is_file()}
            found.setdefault(name, []).append((*said, [each.name for each in place.iterdir()], now == before))
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
