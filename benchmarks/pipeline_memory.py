"""How much memory a film takes, from the sound file to the finished mp4: peak resident memory by the length of the sound.

    python benchmarks/pipeline_memory.py [--seconds 10 100 1000] [--fps 6]

Each length runs `generate` with the bundled model in a process of its own, on a stereo 44.1 kHz wav of noise that rises and falls. The
peak is the process's own (ru_maxrss: everything counts, torch too), so what must stay small is how it grows.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

_RATE = 44_100


def write_noise(path: Path, seconds: int) -> None:
    """A stereo wav, written second by second."""
    rng = np.random.default_rng(0)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        for second in range(seconds):
            loud = 3000 * (1.2 + np.sin(2 * np.pi * (second + np.arange(_RATE) / _RATE) / 7))
            file.writeframes((rng.standard_normal((_RATE, 2)) * loud[:, None]).clip(-32768, 32767).astype("<i2").tobytes())


def one(seconds: int, fps: str) -> None:
    """Make one film in this process and print what it took."""
    from sgvg_core.assembly.model import load_model
    from sgvg_core.generation.film import generate

    with tempfile.TemporaryDirectory() as folder:
        sound, film = Path(folder) / "noise.wav", Path(folder) / "film.mp4"
        write_noise(sound, seconds)
        began = time.monotonic()
        video = generate(sound, film, model=load_model(device="cpu"), fps=fps, seed=1)
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
        took = time.monotonic() - began
        print(json.dumps({"seconds": seconds, "frames": video.num_frames, "peak_mb": round(megabytes, 1), "took": round(took, 1)}))


def main() -> None:
    """A process a length; prints the growth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--fps", default="6", help="few frames a second, so that long sounds take minutes (default: 6)")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        one(args.one, args.fps)
        return
    rows = []
    for seconds in args.seconds:
        command = [sys.executable, __file__, "--one", str(seconds), "--fps", args.fps]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]))
        print(rows[-1], flush=True)
    print(f"growth from {rows[0]['seconds']} to {rows[-1]['seconds']} s: {rows[-1]['peak_mb'] - rows[0]['peak_mb']:+.1f} MB")


if __name__ == "__main__":
    main()
