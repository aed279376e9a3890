"""How much memory a video edit takes: peak resident memory by the length of the video, and the time of a frame.

    python benchmarks/video_edit_memory.py [--seconds 1 60] [--fps 5]

Each length runs `edit VIDEO` (at night, in the bundled model, side by side, one step a frame) in a process of its own, on a film of moving
stripes with a sound. The peak is the process's own (ru_maxrss: everything counts, torch too), so what must stay small is how it grows.
"""

import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

from peak_memory import compare_lengths, peak_mb

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

_RATE = 22_050


def write_stripes(path: Path, seconds: int, fps: int) -> None:
    """A film of 160 x 120, frame by frame."""
    import torch

    from sgvg_core.media import SoundTrack, VideoWriter

    chance = torch.Generator().manual_seed(0)
    sound = SoundTrack.from_waveform(0.2 * torch.randn(1, seconds * _RATE, generator=chance), _RATE)
    across = torch.arange(160)[None, :, None].float()
    with VideoWriter(path, fps=Fraction(fps), width=160, height=120, sound=sound) as writer:
        for number in range(seconds * fps):
            frame = 120 + 90 * torch.sin(across / 9 + number / 5) + torch.tensor([-20.0, 0, 25])
            writer.write(frame.expand(120, 160, 3).clamp(0, 255).to(torch.uint8)[None])


def one(seconds: int, fps: str) -> dict[str, Any]:
    """Edit one video in this process; what it took."""
    from sgvg_core.assembly.model import load_model
    from sgvg_core.editing import VideoEditSettings, edit_video, parse_edit

    with tempfile.TemporaryDirectory() as folder:
        source, film = Path(folder) / "stripes.mp4", Path(folder) / "film.mp4"
        write_stripes(source, seconds, int(fps))
        settings = VideoEditSettings(side_by_side=True, num_steps=10, warm_steps=1)
        report = edit_video(load_model(device="cpu"), source, film, [parse_edit("text=at night")], settings)
        return {"frames": report["num_frames"], "peak_mb": peak_mb(), "seconds_a_frame": report["seconds_a_frame"]}


if __name__ == "__main__":
    compare_lengths(__file__, __doc__, one, seconds=[1, 60], fps="5")
