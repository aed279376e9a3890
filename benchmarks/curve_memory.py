"""How much memory curves take: peak resident memory of the command `curves SOUND -o curves.json` by the length of the sound.

    python benchmarks/curve_memory.py [--seconds 60 600 3600] [--fps 25]

Each length runs in a process of its own, on a wav file of drums, a tone and noise at 22,050 Hz that is written a second at a time. The peak is
the process's own (everything counts, torch too), so what must stay small is how it grows. An hour takes some minutes of one core.
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

_RATE = 22_050


def write_drums(path: Path, seconds: int) -> None:
    """A low knock each half second, a tone that swells, and noise."""
    chance, time_of = np.random.default_rng(0), np.arange(_RATE) / _RATE
    knock = 0.6 * np.sin(2 * np.pi * 60 * time_of[:2000]) * np.exp(-30 * time_of[:2000])
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        for second in range(seconds):
            sound = 0.02 * chance.standard_normal(_RATE) + 0.3 * np.sin(2 * np.pi * 220 * time_of) * (0.5 + 0.5 * np.sin(second / 7))
            for begin in (0, _RATE // 2):
                sound[begin:begin + len(knock)] += knock
            file.writeframes((32767 * sound.clip(-1, 1)).astype("<i2").tobytes())


def one(seconds: int, fps: str) -> dict[str, Any]:
    """The curves of one sound in this process; what they took."""
    import torch

    from sgvg_core.cli.main import main

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        sound, curves = Path(folder) / "drums.wav", Path(folder) / "curves.json"
        write_drums(sound, seconds)
        began = time.process_time()
        if main(["curves", str(sound), "-o", str(curves), "--fps", fps]):
            raise SystemExit("the command failed")
        return {"file_mb": round(curves.stat().st_size / 2**20, 1), "peak_mb": peak_mb(), "processor_seconds": round(time.process_time() - began, 1)}


if __name__ == "__main__":
    compare_lengths(__file__, __doc__, one, seconds=[60, 600, 3600], fps="25")
