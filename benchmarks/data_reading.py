"""How fast a prepared data set is read, and that memory doesn't grow with it.

    python benchmarks/data_reading.py [DATA] [--clips N]

Without DATA it prepares clips of the procedural world (10 s, 128 px, 12 frames a second) into a temporary folder. Read one after another
and in random order; whole clips, and what training takes: six frames out of the middle and the sound. For comparison, the same six frames out
of an H.264 video of the same clip, which must be decoded from its beginning. One thread, files in the system's cache.
"""

import argparse
import itertools
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sgvg_core.datasets import ClipData, ClipInfo, PrepareOptions, prepare
from sgvg_core.media import VideoWriter, read_video_frames

SECONDS = 6.0
"""Time for each row, at most."""
NUM_FRAMES = 6


def main() -> None:
    """Prepare or open, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=None, metavar="DATA")
    parser.add_argument("--clips", type=int, default=36, metavar="N", help="clips of the world, without DATA (default: 36)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = ClipData.open(options.data) if options.data is not None else _world(Path(folder) / "world", options.clips)
        _report(data, Path(folder))


def _world(folder: Path, num_clips: int) -> ClipData:
    began, cpu = time.perf_counter(), time.process_time()
    data = prepare("world:", folder, PrepareOptions(size=128, num_clips=num_clips))
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"prepared {num_clips} clips of the world in {wall:.1f} s ({cpu:.1f} s of processor time), one process")
    return data


def _report(data: ClipData, scratch: Path) -> None:
    began = time.perf_counter()
    data = ClipData.open(data.folder)
    clips = data.clips()
    stored = sum(_all_bytes(clip) for clip in clips)
    opened = 1000 * (time.perf_counter() - began)
    print(f"{len(clips)} clips, {sum(clip.seconds for clip in clips):.0f} s, {stored / 1e6:.1f} MB, opened in {opened:.1f} ms")
    print(f"{'what is read':<44} {'clips/s':>8} {'frames/s':>9} {'stored MB/s':>12}")
    shuffled = random.Random(0).sample(clips, len(clips))
    _row("sound", clips, lambda clip: (data.waveform(clip), 0)[1], lambda clip: clip.flac.num_bytes)
    if data.size is not None:
        _row("whole clips, one after another", clips, lambda clip: _whole(data, clip), _all_bytes)
        _row("whole clips, random order", shuffled, lambda clip: _whole(data, clip), _all_bytes)
        _row(f"{NUM_FRAMES} frames and the sound, random order", shuffled, lambda clip: _window(data, clip, None), _window_bytes)
        _row(f"{NUM_FRAMES} frames at half size and the sound", shuffled, lambda clip: _window(data, clip, data.size // 2), _window_bytes)
        _row(f"{NUM_FRAMES} frames alone", shuffled, lambda clip: len(data.frames(clip, clip.num_frames // 2, NUM_FRAMES)), _window_bytes)
        video = _as_video(data, clips[0], scratch / "clip.mp4")
        frames = itertools.repeat(clips[0], 10_000)
        _row(f"{NUM_FRAMES} frames alone, from H.264", frames, lambda clip: _from_video(video, clip), lambda clip: video.stat().st_size)
    for count in (1, 3):
        for clip in clips * count:
            _whole(data, clip) if data.size is not None else data.waveform(clip)
        print(f"largest memory after reading everything {count + 1} times: {_peak_mebibytes():.0f} MiB")


def _row(name: str, clips: "itertools.repeat[ClipInfo] | list[ClipInfo]", read: Callable[[ClipInfo], int], stored: Callable[[ClipInfo], int]) -> None:
    read(next(iter(clips)))
    num_clips = num_frames = num_bytes = 0
    began = time.process_time()
    for clip in itertools.cycle(clips):
        num_frames += read(clip)
        num_clips += 1
        num_bytes += stored(clip)
        spent = time.process_time() - began
        if spent > SECONDS or num_clips >= 2000:
            break
    print(f"{name:<44} {num_clips / spent:>8.1f} {num_frames / spent:>9.0f} {num_bytes / spent / 1e6:>12.1f}")


def _whole(data: ClipData, clip: ClipInfo) -> int:
    data.waveform(clip)
    return len(data.frames(clip))


def _window(data: ClipData, clip: ClipInfo, size: int | None) -> int:
    data.waveform(clip)
    return len(data.frames(clip, clip.num_frames // 2, NUM_FRAMES, size))


def _all_bytes(clip: ClipInfo) -> int:
    return clip.flac.num_bytes + (clip.frames.num_bytes if clip.frames else 0)


def _window_bytes(clip: ClipInfo) -> int:
    return clip.flac.num_bytes + (clip.frames.num_bytes * NUM_FRAMES // clip.num_frames if clip.frames else 0)


def _as_video(data: ClipData, clip: ClipInfo, path: Path) -> Path:
    pixels = ((data.frames(clip) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)
    with VideoWriter(path, fps=clip.fps or Fraction(12), width=clip.width, height=clip.height) as writer:
        writer.write(pixels)
    return path


def _from_video(path: Path, clip: ClipInfo) -> int:
    first = clip.num_frames // 2
    return sum(1 for _ in itertools.islice(read_video_frames(path), first, first + NUM_FRAMES))


def _peak_mebibytes() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main()
