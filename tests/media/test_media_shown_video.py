"""A video's frames as a player shows them: as many as there are, upright, at a constant rate; else one clear error."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from sgvg_core.errors import MediaError
from sgvg_core.media import SoundTrack, VideoWriter, write_wav
from sgvg_core.media.shown_video import ShownVideo


def grey(number: int, size: tuple[int, int] = (32, 48)) -> np.ndarray:
    return np.full((*size, 3), 10 * number % 250, np.uint8)


def write(path: Path, num_frames: int = 10, fps: Fraction = Fraction(25), sound: Path | None = None) -> Path:
    track = None if sound is None else SoundTrack.from_file(sound)
    with VideoWriter(path, fps=fps, width=48, height=32, crf=0, sound=track) as writer:
        writer.write(torch.from_numpy(np.stack([grey(index) for index in range(num_frames)])))
    return path


def mux(path: Path, stamps: list[int], time_base: Fraction = Fraction(1, 1000), sizes: Any = None, codec: str = "mpeg4") -> Path:
    """A video whose frames have these time stamps."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        stream.codec_context.time_base = time_base
        for index, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(grey(index), format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = stamp, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def levels(video: ShownVideo) -> list[int]:
    return [round(float(frame.float().mean()) / 10) for frame in video]


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(12), Fraction(60)])
@pytest.mark.parametrize("ending", ["mp4", "mkv", "webm"])
def test_as_many_frames_come_out_as_are_in_at_any_rate(tmp_path: Path, fps: Fraction, ending: str) -> None:
    video = ShownVideo.open(write(tmp_path / f"a.{ending}", 11, fps))
    assert (video.num_frames, video.stored_frames, video.has_sound) == (11, 11, False)
    assert float(video.fps) == pytest.approx(float(fps), rel=1e-3)
    assert levels(video) == list(range(11))
    assert levels(video) == list(range(11))


def test_a_variable_rate_becomes_a_constant_one_in_the_same_time(tmp_path: Path) -> None:
    video = ShownVideo.open(mux(tmp_path / "a.mkv", [0, 40, 80, 280, 320, 360, 400]), fps=Fraction(25))
    assert (video.num_frames, video.stored_frames) == (11, 7)
    assert levels(video) == [0, 1, 2, 2, 2, 2, 2, 3, 4, 5, 6]


def test_another_rate_shows_what_is_there_in_the_middle_of_each_frame(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", 10)
    assert levels(ShownVideo.open(path, fps=Fraction(50))) == [k // 2 for k in range(20)]
    assert len(levels(ShownVideo.open(path, fps=Fraction(10)))) == 4


def test_a_cut_has_its_frames(tmp_path: Path) -> None:
    video = ShownVideo.open(write(tmp_path / "a.mp4", 10), start=0.12, seconds=0.16)
    assert (video.num_frames, video.stored_frames) == (4, 4)
    assert levels(video) == [3, 4, 5, 6]
    with pytest.raises(MediaError, match="at or behind the end"):
        ShownVideo.open(tmp_path / "a.mp4", start=4.0)


def test_a_picture_that_begins_after_the_sound_is_held_to_its_beginning(tmp_path: Path) -> None:
    video = ShownVideo.open(mux(tmp_path / "a.mkv", [200, 240, 280]), fps=Fraction(25))
    assert levels(video)[-3:] == [0, 1, 2]
    assert len(levels(video)) == video.num_frames


def test_a_sound_is_noticed(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", 0.1 * torch.randn(1, 8000), 16_000)
    assert ShownVideo.open(write(tmp_path / "a.mp4", sound=tmp_path / "a.wav")).has_sound


def test_a_turned_video_comes_out_upright(tmp_path: Path) -> None:
    """The display matrix of an mp4's track header says how a player turns the picture."""
    path = write(tmp_path / "a.mp4", 3)
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40
    one, plain = 0x10000, np.array([0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000], ">i4")
    assert data[place : place + 36] == plain.tobytes()
    data[place : place + 36] = np.array([0, one, 0, -one, 0, 0, 32 * one, 0, 0x40000000], ">i4").tobytes()
    path.write_bytes(data)
    assert next(iter(ShownVideo.open(path))).shape == (48, 32, 3)


def test_what_is_no_video_is_named(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", torch.zeros(1, 800), 16_000)
    (tmp_path / "a.txt").write_text("no video")
    for name, words in (("a.wav", "no moving picture"), ("a.txt", "a.txt"), ("gone.mp4", "gone.mp4")):
        with pytest.raises(MediaError, match=words):
            ShownVideo.open(tmp_path / name)


def test_a_picture_that_changes_its_size_is_an_error_that_says_when(tmp_path: Path) -> None:
    parts = []
    for name, size in (("a", (32, 48)), ("b", (64, 48))):
        with VideoWriter(tmp_path / f"{name}.mp4", fps=Fraction(25), width=size[1], height=size[0]) as writer:
            writer.write(torch.from_numpy(np.stack([grey(index, size) for index in range(5)])))
        with av.open(str(tmp_path / f"{name}.mp4")) as container, av.open(str(tmp_path / f"{name}.ts"), "w", format="mpegts") as out:
            stream = container.streams.video[0]
            target = out.add_stream_from_template(stream) if hasattr(out, "add_stream_from_template") else out.add_stream(template=stream)
            for packet in container.demux(stream):
                if packet.dts is not None:
                    packet.stream = target
                    out.mux(packet)
        parts.append((tmp_path / f"{name}.ts").read_bytes())
    (tmp_path / "both.ts").write_bytes(b"".join(parts))
    with pytest.raises(MediaError, match=r"both.ts: the picture changes from 48 x 32 to 48 x 64 at 0\.2\d s"):
        list(ShownVideo.open(tmp_path / "both.ts"))
