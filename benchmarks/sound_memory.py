"""How much memory a long sound takes: peak resident memory of the two passes over a sound and of the writing of its video.

    python benchmarks/sound_memory.py [--seconds 10 100 1000]

A stereo 44.1 kHz wav of noise is made, measured (first pass), heard window by window (second pass), and written under a video with
its sound as AAC, frame by frame; every stage streams. Each length runs in a process of its own; what it had taken after the
imports and a warm-up of 2 s of sound is subtracted.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sgvg_core.audio import MelSegments, measure
from sgvg_core.clock import num_frames
from sgvg_core.config import MelConfig
from sgvg_core.media import SoundReader, SoundTrack, VideoWriter

MEL = MelConfig(sample_rate=22_050, n_fft=1024, hop=256, n_mels=64, segment_seconds=0.75, resized_mels=64, resized_frames=64)
FPS, SIZE = Fraction(24), 128


def write_noise(path: Path, seconds: int) -> None:
    """A stereo wav file of noise, written a second at a time."""
    rng = np.random.default_rng(0)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        for _ in range(seconds):
            file.writeframes(rng.integers(-8000, 8000, (44_100, 2), dtype=np.int16).tobytes())


def run(path: Path, target: Path) -> int:
    """Both passes over the sound and the writing of the video, as `generate` does; returns the number of frames."""
    reader = SoundReader(path, sample_rate=MEL.sample_rate, mono=True)
    level = measure(reader, MEL)
    frames = num_frames(reader.duration or Fraction(0), FPS)
    segments = MelSegments(lambda: reader, MEL, level, rate=FPS, num_segments=frames)
    with VideoWriter(target, fps=FPS, width=SIZE, height=SIZE, sound=SoundTrack.from_file(path)) as writer:
        for images in segments:
            grey = (torch.nn.functional.interpolate(images, size=(SIZE, SIZE)) * 255).to(torch.uint8)
            writer.write(grey.permute(0, 2, 3, 1).expand(-1, -1, -1, 3))
    return frames


def peak_mb() -> float:
    """Peak resident memory of this process, in MB. (macOS counts bytes, Linux kilobytes.)"""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def measure_one(seconds: int) -> None:
    """The work of one process: prints its figures as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        sound, video = Path(folder) / "a.wav", Path(folder) / "a.mp4"
        write_noise(sound, 2)
        run(sound, video)
        before = peak_mb()
        write_noise(sound, seconds)
        began = time.time()
        frames = run(sound, video)
        print(json.dumps({"seconds": seconds, "frames": frames, "before_mb": before, "peak_mb": peak_mb(), "wall": time.time() - began}))


def main() -> None:
    """Print one line for each length."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure_one(options.one)
        return
    print("| sound | frames | peak memory | above the warm-up | time |\n|---|---|---|---|---|")
    for seconds in options.seconds:
        done = subprocess.run([sys.executable, __file__, "--one", str(seconds)], capture_output=True, text=True, check=True)
        row = json.loads(done.stdout.splitlines()[-1])
        above = row["peak_mb"] - row["before_mb"]
        print(f"| {seconds} s | {row['frames']} | {row['peak_mb']:.0f} MB | {above:+.1f} MB | {row['wall']:.1f} s |", flush=True)


if __name__ == "__main__":
    main()
