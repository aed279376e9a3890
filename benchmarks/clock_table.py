"""A click at 9:59 of a sound: is it heard in time in the finished mp4, and is the right frame there?

    python benchmarks/clock_table.py [--click 599] [--seconds 600] [--pairs] [--json FILE]

For every frame rate, sample rate and kind of file a sound with one click is written, read, put under a video by `VideoWriter` as
`generate` does, and the FINISHED file is decoded on a player's time line (edit lists and encoder delay honoured). "heard" is how
far the click is from where it was put. "seen" is the frame whose window (0.75 s centred on k / fps) has the click in its middle;
it must be the frame nearest to the click, and that very frame must carry its time stamp in the file. All must be within half a
frame. Nothing but PyAV's own encoders is used; sound and video of ten minutes take some minutes in all.
"""

import argparse
import json
import math
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sgvg_core.audio import measure, window_log_mels, window_samples, window_start
from sgvg_core.clock import num_frames, to_fps
from sgvg_core.config import MelConfig
from sgvg_core.media import SoundReader, SoundTrack, VideoWriter, iter_sound

FPS = ["23.976", "24", "25", "29.97", "30", "59.94", "60"]
RATES = [22_050, 44_100, 48_000]
KINDS = {"wav": ("pcm_s16le", "s16"), "mp3": ("libmp3lame", "fltp"), "m4a": ("aac", "fltp"), "ogg": ("vorbis", "fltp")}
MEL = MelConfig(sample_rate=22_050, n_fft=1024, hop=256, n_mels=64, segment_seconds=0.75, resized_mels=64, resized_frames=64)
SIZE = 16


def write_click(path: Path, rate: int, click: float, seconds: float) -> float:
    """A stereo sound file of quiet noise with one click of 1 ms; returns the middle of the click's energy, in seconds."""
    codec, sample_format = KINDS[path.suffix[1:]]
    num = max(8, rate // 1000)
    shape = 0.9 * np.linspace(1, 0.1, num) * np.cos(np.pi * np.arange(num) / 3)
    first, total = round(click * rate), round(seconds * rate)
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options={"strict": "-2"} if codec == "vorbis" else {})
        stream.codec_context.layout, stream.codec_context.format = "stereo", sample_format
        resampler = av.AudioResampler(format=sample_format, layout="stereo", rate=rate)
        for start in range(0, total, rate):
            block = 1e-4 * rng.standard_normal((2, min(rate, total - start))).astype(np.float32)
            low, high = max(first, start), min(first + num, start + block.shape[1])
            if high > low:
                block[:, low - start:high - start] += shape[low - first:high - first].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = rate, start
            for piece in resampler.resample(frame):
                container.mux(stream.encode(piece))
        for piece in resampler.resample(None):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return first / rate + float((shape**2 * np.arange(num)).sum() / (shape**2).sum()) / rate


def heard_at(path: Path) -> float:
    """When the loudest event of a file is: the middle of its energy within 3 ms around the peak, in seconds."""
    reader = SoundReader(path, mono=True)
    best, place, done, tail = 0.0, 0.0, 0, torch.zeros(0)
    half = round(0.003 * reader.sample_rate)
    for chunk in reader:
        block = torch.cat([tail, chunk[0]]).double().square()
        offset = done - len(tail)
        if float(block.max()) > best:
            peak = int(block.argmax())
            low = max(0, peak - half)
            near = block[low:peak + half]
            best, place = float(block.max()), offset + float((near * torch.arange(low, low + len(near))).sum() / near.sum())
        done += chunk.shape[1]
        tail = chunk[0, -2 * half:]
    return place / reader.sample_rate


def seen_frame(waveform: torch.Tensor, click: float, fps: Fraction) -> int:
    """The frame whose window has the click nearest to its middle, by the pictures that it hears."""
    reference = measure([waveform], MEL).reference
    padded = torch.cat([torch.zeros(MEL.sample_rate), waveform, torch.zeros(MEL.sample_rate)])
    frames = range(max(0, math.floor((click - 0.2) * fps)), math.ceil((click + 0.2) * fps))
    starts = [window_start(frame, fps, MEL) + MEL.sample_rate for frame in frames]
    windows = torch.stack([padded[start:start + window_samples(MEL)] for start in starts])
    images = window_log_mels(windows, MEL, reference)[:, 0].mean(dim=1)  # [frames, columns]
    energy = (images - images.amax(dim=1, keepdim=True) / 2).clamp(min=0)
    middle = (energy * torch.arange(64.0)).sum(dim=1) / energy.sum(dim=1)
    return frames[int((middle - 31.5).abs().argmin())]


def write_video(path: Path, sound: Path, fps: Fraction, white: int) -> int:
    """A black video with the sound and one white frame; returns the number of frames."""
    reader = SoundReader(sound)
    for _ in reader:
        pass
    frames = num_frames(reader.duration or Fraction(0), fps)
    with VideoWriter(path, fps=fps, width=SIZE, height=SIZE, sound=SoundTrack.from_file(sound)) as writer:
        black = torch.zeros(1, SIZE, SIZE, 3, dtype=torch.uint8)
        for frame in range(frames):
            writer.write(black if frame != white else black + 255)
    return frames


def white_at(path: Path) -> float:
    """The time stamp of the white frame of a finished video, in seconds."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if np.frombuffer(frame.planes[0], np.uint8)[0] > 128:
                return float(frame.pts * frame.time_base)
    raise ValueError(f"{path}: no white frame")


def one_film(folder: Path, sound: Path, waveform: torch.Tensor, put: float, fps: Fraction) -> dict[str, Any]:
    """A film under one sound: how late its click is heard, which frame sees it, and whether both are right."""
    video = folder / "click.mp4"
    nearest, seen = math.floor(Fraction(put) * fps + Fraction(1, 2)), seen_frame(waveform, put, fps)
    frames = write_video(video, sound, fps, seen)
    late, shown = heard_at(video) - put, white_at(video)
    good = abs(late) < 0.5 / fps and seen == nearest and abs(shown - nearest / fps) < 1e-6
    return {"frames": frames, "late_ms": late * 1000, "seen_frame": seen, "nearest_frame": nearest, "shown_at": shown, "right": good}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--click", type=float, default=599.0)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--pairs", action="store_true", help="each pair of frame rate, sample rate and kind instead of each triple")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    began, right = time.time(), 0
    rows: list[dict[str, Any]] = []
    print(f"click at {options.click:g} s of {options.seconds:g} s: heard too late by ... ms in the finished mp4 (half a frame: "
          + ", ".join(f"{500 / float(to_fps(name)):.1f}" for name in FPS) + ")")
    print("| sound | " + " | ".join(FPS) + " |\n|---|" + "---|" * len(FPS), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for kind_index, kind in enumerate(KINDS):
            for rate_index, rate in enumerate(RATES):
                sound = Path(folder) / f"click.{kind}"
                put = write_click(sound, rate, options.click, options.seconds)
                waveform = torch.cat(list(iter_sound(sound, sample_rate=MEL.sample_rate, mono=True)), dim=1)[0]
                print(f"| {kind} {rate} Hz |", end="", flush=True)
                for fps_index, name in enumerate(FPS):
                    if options.pairs and (kind_index + rate_index + fps_index) % len(RATES):
                        print(" |", end="", flush=True)
                        continue
                    row = {"kind": kind, "sample_rate": rate, "fps": name, **one_film(Path(folder), sound, waveform, put, to_fps(name))}
                    rows.append(row)
                    right += row["right"]
                    print(f" {row['late_ms']:+.2f}{'' if row['right'] else f' WRONG {row}'} |", end="", flush=True)
                print(flush=True)
    print(f"\nheard within half a frame and seen on the right frame: {right} of {len(rows)}; {time.time() - began:.0f} s")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    sys.exit(right != len(rows))


if __name__ == "__main__":
    main()
