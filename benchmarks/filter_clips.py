"""Clips that another program draws: FFmpeg's own picture sources with sounds that go with them, as class folders for `data prepare`.

    python benchmarks/filter_clips.py FOLDER [--each 12] [--seconds 4] [--size 64]

Three kinds: a zoom into the Mandelbrot set with a whistle, the Game of Life with crackling, running colours with a low hum. In each a slow
envelope drives both: how bright the picture and how loud the sound is. Nothing here knows the procedural world.
"""

import argparse
import sys
from fractions import Fraction
from pathlib import Path

import av
import av.filter
import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
FPS, RATE = Fraction(12), 22_050


def drawn(source: str, settings: str, num_frames: int) -> np.ndarray:
    """The first frames of one of FFmpeg's sources, uint8 [T, H, W, 3]."""
    graph = av.filter.Graph()
    first, last = graph.add(source, settings), graph.add("buffersink")
    shape = graph.add("format", "rgb24")
    first.link_to(shape)
    shape.link_to(last)
    graph.configure()
    return np.stack([graph.pull().to_ndarray(format="rgb24") for _ in range(num_frames)])


def envelope_of(rng: np.random.Generator, num_frames: int) -> np.ndarray:
    """A slow swell, 0.15 to 1."""
    time = np.arange(num_frames) / float(FPS)
    wave = np.sin(2 * np.pi * rng.uniform(0.2, 0.5) * time + rng.uniform(0, 6)) + 0.5 * np.sin(2 * np.pi * rng.uniform(0.5, 1.0) * time)
    return 0.15 + 0.85 * (wave - wave.min()) / (np.ptp(wave) + 1e-9)


def mandelbrot(rng: np.random.Generator, num_frames: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A zoom, and a whistle."""
    x, y = rng.choice([[-0.7436, -0.1318], [-0.7492, 0.1005], [-0.1592, -1.0317]])
    zoom = f"size={size}x{size}:rate=12:start_x={x}:start_y={y}:start_scale={rng.uniform(0.5, 2):.3f}:end_scale=0.01:end_pts=200:maxiter=500"
    time = np.arange(int(num_frames / FPS * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * rng.uniform(0.98, 1.02) * 900 * harmonic * time) / harmonic for harmonic in (1, 2, 3))
    return drawn("mandelbrot", zoom, num_frames), 0.4 * tone


def life(rng: np.random.Generator, num_frames: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Cells that live and die, and crackling."""
    colours = "life_color=0x60ff40:death_color=0x104010:mold_color=0x205020"
    cells = f"size={size}x{size}:rate=12:seed={int(rng.integers(1 << 30))}:ratio=0.4:mold=8:{colours}"
    num_samples = int(num_frames / FPS * RATE)
    clicks = np.zeros(num_samples)
    for place in rng.integers(0, num_samples - 200, num_samples // 900):
        clicks[place : place + 200] += rng.standard_normal(200) * np.exp(-np.arange(200) / 40)
    return drawn("life", cells, num_frames), 0.4 * clicks


def gradients(rng: np.random.Generator, num_frames: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Running colours, and a low hum with some noise."""
    colours = f"size={size}x{size}:rate=12:speed=0.05:nb_colors=3:c0=0xff6020:c1=0xa01040:c2=0xffd080:seed={int(rng.integers(1 << 30))}"
    num_samples = int(num_frames / FPS * RATE)
    time = np.arange(num_samples) / RATE
    hum = np.sin(2 * np.pi * rng.uniform(80, 120) * time) + 0.3 * np.convolve(rng.standard_normal(num_samples), np.ones(32) / 32, "same")
    return drawn("gradients", colours, num_frames), 0.5 * hum


KINDS = {"fractal whistle": mandelbrot, "green crackling": life, "warm humming": gradients}


def write_clips(folder: Path, num_each: int, seconds: float, size: int) -> None:
    """`folder/<kind>/<number>.mp4`, each with its sound."""
    from sgvg_core.media import SoundTrack, VideoWriter

    num_frames = int(seconds * FPS)
    for kind, make in KINDS.items():
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for index in range(num_each):
            rng = np.random.default_rng([len(kind), index])
            frames, sound = make(rng, num_frames, size)
            envelope = envelope_of(rng, num_frames)
            time = np.arange(len(sound)) / RATE
            sound = sound * np.interp(time, np.arange(num_frames) / float(FPS), envelope)
            shown = (frames * (0.25 + 0.75 * envelope[:, None, None, None])).astype(np.uint8)
            track = SoundTrack.from_waveform(torch.from_numpy(np.clip(sound, -1, 1)).float()[None], RATE)
            with VideoWriter(folder / kind / f"{index:02d}.mp4", fps=FPS, width=size, height=size, sound=track) as writer:
                writer.write(torch.from_numpy(shown))
        print(f"{folder / kind}: {num_each} clips")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--each", type=int, default=12, help="clips of each kind")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--size", type=int, default=64)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    write_clips(options.folder, options.each, options.seconds, options.size)


if __name__ == "__main__":
    main()
