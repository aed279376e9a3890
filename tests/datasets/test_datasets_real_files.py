"""Clips and pictures of files as they're found: starts anywhere, several tracks, damage, pictures of every mode."""

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from sgvg_core.datasets import prepare
from sgvg_core.datasets.options import PrepareOptions
from sgvg_core.datasets.video_frames import Square, shown_images
from sgvg_core.errors import ConfigError
from sgvg_core.training.clips.images import FolderImages

RATE = 8_000
SMALL = {"size": 32, "fps": "5", "sample_rate": RATE, "seconds": 1.0, "shortest": 0.5}


def film(path: Path, start: float = 0.0, seconds: float = 3.0, options: dict[str, str] | None = None, tracks: tuple[float, ...] = (0.5,),
         default: int = 0, jump: float = 0.0) -> Path:
    """Frames that brighten by 3 each (25 a second), and a tone of a loudness a track; time stamps begin at `start` and jump at half time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"avoid_negative_ts": "disabled", **(options or {})}) as container:
        video = container.add_stream("mpeg4", rate=25)
        video.codec_context.width = video.codec_context.height = 32
        video.codec_context.pix_fmt, video.codec_context.time_base, video.codec_context.gop_size = "yuv420p", Fraction(1, 25), 1
        sounds = [container.add_stream("aac", rate=48_000) for _ in tracks]
        for index, sound in enumerate(sounds):
            sound.codec_context.layout, sound.codec_context.format = "mono", "fltp"
            sound.disposition = int(index == default)
        packets = []
        for index in range(round(25 * seconds)):
            grey = np.full((32, 32, 3), 20 + 3 * index, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            packets += video.encode(frame)
        packets += video.encode(None)
        times = np.arange(round(48_000 * seconds)) / 48_000
        for sound, level in zip(sounds, tracks, strict=True):
            tone = (level * np.sin(2 * np.pi * 440 * times)).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
            packets += [*sound.encode(frame), *sound.encode(None)]
        for packet in sorted(packets, key=lambda packet: packet.pts * packet.time_base):
            later = start + jump * (packet.pts * packet.time_base >= seconds / 2)
            packet.pts = packet.dts = packet.pts + round(later / packet.time_base)
            container.mux(packet)
    return path


@pytest.mark.parametrize(("name", "start", "options"), [
    ("a.mp4", 20, {"movflags": "frag_keyframe+empty_moov"}),
    ("a.mp4", 7200, {"movflags": "frag_keyframe+empty_moov+default_base_moof"}), ("a.mkv", 1000, None),
    ("a.ts", 0, {"output_ts_offset": "95442", "mpegts_copyts": "1"}), ("a.flv", 30, None), ("a.mkv", 0, None)])
def test_films_that_begin_anywhere_are_cut_whole(tmp_path: Path, name: str, start: float, options: dict[str, str] | None) -> None:
    film(tmp_path / "in" / name, start, options=options) if not name.endswith("flv") else film(tmp_path / "in" / "b.mkv", start)
    data = prepare(tmp_path / "in", tmp_path / "out", PrepareOptions(**SMALL))
    clips = data.clips("train") + data.clips("test")
    assert sum(clip.seconds for clip in clips) == pytest.approx(3.0, abs=0.25)
    first = min(clips, key=lambda clip: clip.start_seconds)
    levels = (data.frames(first, 0, first.num_frames).mean((1, 2, 3)) + 1) * 127.5
    assert levels.numpy() == pytest.approx(20 + 15 * np.arange(first.num_frames), abs=8)
    assert -10 < first.rms_db < -7


@pytest.mark.parametrize("jump", [66_500.0, 0.0])
def test_a_jump_of_the_stamps_is_no_endless_image(tmp_path: Path, jump: float) -> None:
    path = film(tmp_path / "a.mkv", jump=jump)
    assert sum(1 for _ in shown_images(path, Fraction(5), 32, "crop")) == pytest.approx(15, abs=1)


@pytest.mark.slow
def test_the_track_and_strictness_are_options(tmp_path: Path) -> None:
    film(tmp_path / "in" / "a.mkv", tracks=(0.5, 0.05), default=1)
    for track, level in ((None, -29), (1, -9), (2, -29)):
        data = prepare(tmp_path / "in", tmp_path / f"out{track}", PrepareOptions(**SMALL, track=track))
        assert data.clips()[0].rms_db == pytest.approx(level, abs=1)
    with pytest.raises(ConfigError, match="--track: got 0"):
        PrepareOptions(**SMALL, track=0)


def test_what_is_missing_is_reported_and_strict_leaves_it_out(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "rain"
    folder.mkdir(parents=True)
    noise = 0.2 * torch.randn(1, 4 * RATE, generator=torch.Generator().manual_seed(0))
    for name in ("a.au", "b.au"):
        with av.open(str(folder / name), "w") as container:
            stream = container.add_stream("pcm_s16be", rate=RATE)
            stream.codec_context.layout = "mono"
            frame = av.AudioFrame.from_ndarray((noise.numpy() * 32_000).astype(np.int16), format="s16", layout="mono")
            frame.sample_rate = RATE
            container.mux([*stream.encode(frame), *stream.encode(None)])
    data = (folder / "b.au").read_bytes()
    (folder / "b.au").write_bytes(data[:len(data) // 2])
    lenient = prepare(tmp_path / "in", tmp_path / "lenient", PrepareOptions(**SMALL))
    assert {clip.origin for clip in lenient.clips()} == {"rain/a.au", "rain/b.au"}
    assert "about 2.00 s of its sound are missing" in (tmp_path / "lenient" / "report.json").read_text()
    strict = prepare(tmp_path / "in", tmp_path / "strict", PrepareOptions(**SMALL, strict=True))
    assert {clip.origin for clip in strict.clips()} == {"rain/a.au"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX's")
def test_pipes_in_a_folder_are_passed_over(tmp_path: Path) -> None:
    film(tmp_path / "in" / "a.mkv")
    os.mkfifo(tmp_path / "in" / "b.wav")
    assert {clip.origin for clip in prepare(tmp_path / "in", tmp_path / "out", PrepareOptions(**SMALL)).clips()} == {"a.mkv"}


def test_images_of_a_folder_and_of_clips_are_read_alike(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65_535, 32).astype(np.uint16), (32, 1))
    Image.fromarray(ramp).save(tmp_path / "grey.png")
    hidden = np.zeros((32, 32, 4), np.uint8)
    hidden[..., 0] = 255
    Image.fromarray(hidden).save(tmp_path / "hidden.png")
    upside_down = np.zeros((32, 32, 3), np.uint8)
    upside_down[16:] = 240
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(upside_down).save(tmp_path / "turned.jpg", exif=exif)
    folder = FolderImages(tmp_path, 32)
    grey, white, turned = (((folder.image(index) + 1) * 127.5).numpy() for index in range(3))
    assert np.abs(grey[0] - ramp / 257).max() <= 1
    assert white.min() > 254
    assert turned[:, 2].mean() > 230
    assert turned[:, -3].mean() < 10


def test_transparent_frames_are_laid_on_white() -> None:
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[..., 0] = 255
    pixels[:8, :, 3] = 255
    frame = av.VideoFrame.from_ndarray(pixels, format="rgba")
    seen = Square(16, "crop")(frame)
    assert seen[2, 8].tolist() == pytest.approx([255, 0, 0], abs=3)
    assert seen[13, 8].tolist() == [255, 255, 255]
