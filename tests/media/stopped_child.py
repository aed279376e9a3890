"""Replaces folders of frames and is stopped between the renames: `stopped_child.py DIR`, of which DIR/SIGNAL-AT is what is left each time.

Each stop is that of a fork. They're forks of this process, since one of a process with torch's threads may wait for them for ever.
"""

import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from media_samples import image  # noqa: E402

from sgvg_core.media import FrameFolderWriter  # noqa: E402


def write(folder: Path, num: int) -> None:
    """A folder of `num` frames."""
    with FrameFolderWriter(folder) as writer:
        writer.write(image(num))


def replace_and_stop(folder: Path, number: int, at: int) -> None:
    """Write three frames, and get a signal when the `at`-th renaming is done."""
    moves, rename = [], os.rename

    def stopped_after(source: object, target: object, **more: object) -> None:
        rename(source, target, **more)  # type: ignore[call-overload]
        moves.append(target)
        if len(moves) == at:
            os.kill(os.getpid(), number)

    with FrameFolderWriter(folder) as writer:
        writer.write(image(3))
        os.rename = stopped_after  # type: ignore[assignment]


def main(root: Path) -> None:
    """Every stop once."""
    for number in (signal.SIGINT, signal.SIGKILL):
        for at in (1, 2):
            folder = root / f"{number.name}-{at}" / "frames"
            folder.parent.mkdir()
            write(folder, 2)
            child = os.fork()
            if not child:
                try:
                    signal.signal(signal.SIGINT, signal.default_int_handler)
                    replace_and_stop(folder, number, at)
                finally:
                    os._exit(1)
            os.waitpid(child, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
