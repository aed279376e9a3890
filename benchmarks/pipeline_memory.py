"""How much memory a film takes, from the sound file to the finished mp4: peak resident memory by the length of the sound.

    python benchmarks/pipeline_memory.py [--seconds 10 100 1000] [--fps 6]

Each length runs `generate` with the bundled model in a process of its own, on a stereo 44.1 kHz wav of noise that rises and falls. The
peak is the process's own (ru_maxrss: everything counts, torch too), so what must stay small is how it grows.
"""

import sys
import tempfile
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
from peak_memory import compare_lengths, peak_mb

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


def one(seconds: int, fps: str) -> dict[str, Any]:
    """Make one film in this process; what it took."""
    from sgvg_core.assembly.model import load_model
    from sgvg_core.generation.film import generate

    with tempfile.TemporaryDirectory() as folder:
        sound, film = Path(folder) / "noise.wav", Path(folder) / "film.mp4"
        write_noise(sound, seconds)
        began = time.monotonic()
        video = generate(sound, film, model=load_model(device="cpu"), fps=fps, seed=1)
        return {"frames": video.num_frames, "peak_mb": peak_mb(), "took": round(time.monotonic() - began, 1)}


if __name__ == "__main__":
    compare_lengths(__file__, __doc__, one, seconds=[10, 100, 1000], fps="6")
