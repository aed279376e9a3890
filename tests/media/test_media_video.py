"""The finished video file: sound in step, right colours, exact times, whole or absent."""

import json
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from media_samples import FPS, MakeSound, click_at, image, onset_seconds, write_and_raise

from sgvg_core.clock import num_frames
from sgvg_core.errors import ConfigError, MediaError, ShapeError
from sgvg_core.media import SOUND_CODECS, SoundReader, SoundTrack, VideoWriter, probe_sound, read_sound, read_video_frames

RATE = 44_100


def flash(num: int, at: int, size: int = 16) -> torch.Tensor:
    """Black frames, of which one is white."""
    frames = torch.zeros(num, size, size, 3, dtype=torch.uint8)
    frames[at] = 255
    return frames


def write(path: Path, frames: torch.Tensor, fps: Fraction = Fraction(25), **settings: object) -> Path:
    with VideoWriter(path, fps=fps, width=frames.shape[2], height=frames.shape[1], **settings) as writer:  # type: ignore[arg-type]
        for part in frames.split(16):
            writer.write(part)
    return path


# ---- one clock


ENDINGS, RATES = ["wav", "mp3", "m4a", "ogg"], [22_050, 44_100, 48_000]
IN_TIME = [(fps, ending, RATES[(row + column) % 3]) for row, fps in enumerate(FPS) for column, ending in enumerate(ENDINGS)]
"""Every two of a film's rate, a sound's kind and its rate together."""


@pytest.mark.slow
@pytest.mark.parametrize(("fps", "ending", "rate"), IN_TIME)
def test_a_click_is_seen_and_heard_in_time_in_the_finished_file(make_sound: MakeSound, tmp_path: Path, fps: Fraction, ending: str, rate: int) -> None:
    # FFmpeg places the sound of an ogg file of a single page (under a second) 3 to 12 ms late.
    click = click_at(1.3, 1.71, rate) if ending == "ogg" else click_at(0.5, 0.83, rate)
    put = onset_seconds(torch.from_numpy(click), rate)
    path = make_sound(f"click.{ending}", click, rate)
    reader = SoundReader(path)
    heard = onset_seconds(torch.cat(list(reader), dim=1), rate)
    assert reader.duration is not None
    frames = num_frames(reader.duration, fps)
    shown = round(heard * fps)
    finished = write(tmp_path / "o.mp4", flash(frames, shown), fps, sound=SoundTrack.from_file(path))

    waveform, seen_rate = read_sound(finished)
    assert abs(onset_seconds(waveform, seen_rate) - put) < 0.5 / fps
    with av.open(str(finished)) as container:
        stamps = [(float(frame.pts * frame.time_base), frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)]
    assert len(stamps) == frames
    brightest = max(stamps, key=lambda stamp: stamp[1])[0]
    assert brightest == pytest.approx(float(shown / fps), abs=1e-6)
    assert abs(brightest - put) <= 0.5 / fps + 0.0005


@pytest.mark.parametrize("fps", FPS)
def test_frame_times_and_durations_are_exact(tmp_path: Path, fps: Fraction) -> None:
    track = SoundTrack.from_waveform(torch.zeros(1, 44_100), RATE)
    path = write(tmp_path / "o.mp4", image(num_frames(1, fps)), fps, sound=track)
    with av.open(str(path)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert video.average_rate == fps
        assert video.duration * video.time_base == num_frames(1, fps) / fps
        assert sound.duration * sound.time_base == 1
        assert [frame.pts * frame.time_base for frame in container.decode(video)] == [k / fps for k in range(num_frames(1, fps))]


# ---- the sound that goes in


@pytest.mark.parametrize("ending", ["mp3", "m4a"])
def test_aac_and_mp3_are_copied_packet_by_packet(make_sound: MakeSound, tmp_path: Path, ending: str) -> None:
    path = make_sound(f"a.{ending}", 0.2 * np.random.default_rng(0).standard_normal((2, RATE)))
    finished = write(tmp_path / "o.mp4", image(25), sound=SoundTrack.from_file(path))

    def packets(name: Path) -> list[bytes]:
        with av.open(str(name)) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    assert packets(finished) == packets(path)
    copied, original = read_sound(finished)[0], read_sound(path)[0]
    common = min(copied.shape[1], original.shape[1])
    assert torch.equal(copied[:, :common], original[:, :common])
    assert abs(copied.shape[1] - original.shape[1]) < 1152  # older FFmpegs leave the padding of an mp3 in


@pytest.mark.slow
def test_a_cut_and_other_codecs_are_encoded_as_aac_of_256_kbits(make_sound: MakeSound, tmp_path: Path) -> None:
    noise = 0.2 * np.random.default_rng(0).standard_normal((2, 4 * RATE))
    for track in (SoundTrack.from_file(make_sound("a.flac", noise)), SoundTrack.from_file(make_sound("a.mp3", noise), length=3.5)):
        finished = write(tmp_path / "o.mp4", image(90), sound=track)
        with av.open(str(finished)) as container:
            assert container.streams.audio[0].codec_context.name == "aac"
            assert container.streams.audio[0].bit_rate == pytest.approx(256_000, rel=0.1)
        sound, _ = read_sound(finished)
        original = torch.from_numpy(np.concatenate(list(track.arrays()), axis=1))
        assert sound.shape == original.shape
        assert (sound - original).square().mean().sqrt() < 0.08  # of noise whose root mean square is 0.2


def test_flac_is_lossless(make_sound: MakeSound, tmp_path: Path) -> None:
    path = make_sound("a.wav", 0.2 * np.random.default_rng(0).standard_normal((2, RATE)))
    finished = write(tmp_path / "o.mp4", image(25), sound=SoundTrack.from_file(path, start=0.25), sound_codec="flac")
    assert probe_sound(finished).codec == "flac"
    assert torch.equal(read_sound(finished)[0], read_sound(path, start=0.25)[0])


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["aac", "flac"])
@pytest.mark.parametrize(("num_channels", "layout"), [(1, "mono"), (2, "stereo"), (6, "5.1"), (6, "5.1(side)")])
def test_channels_stay_as_they_are(make_sound: MakeSound, tmp_path: Path, codec: str, num_channels: int, layout: str) -> None:
    time = np.arange(RATE) / RATE
    sound = np.stack([0.5 * np.sin(2 * np.pi * (300 if channel != 3 else 40) * (channel + 1) * time) for channel in range(num_channels)])
    path = make_sound("a.wav", sound, layout=layout)
    finished = write(tmp_path / "o.mp4", image(25), sound=SoundTrack.from_file(path), sound_codec=codec)
    info = probe_sound(finished)
    assert (info.num_channels, info.layout.removesuffix("(side)")) == (num_channels, layout.removesuffix("(side)"))
    back, _ = read_sound(finished)
    for channel in range(num_channels):  # each channel is its own and none of the others
        match = [float(torch.corrcoef(torch.stack([back[channel], torch.from_numpy(sound[other]).float()]))[0, 1]) for other in range(num_channels)]
        assert match[channel] > 0.95
        assert match.index(max(match)) == channel


@pytest.mark.parametrize("rate", [8000, 11_111, 96_000, 192_000])
def test_any_sample_rate_finds_an_encoder(tmp_path: Path, rate: int) -> None:
    track = SoundTrack.from_waveform(torch.from_numpy(click_at(0.5, 1.0, rate)), rate)
    sound, seen_rate = read_sound(write(tmp_path / "o.mp4", image(25), sound=track))
    assert sound.shape[1] / seen_rate == pytest.approx(1.0, abs=1e-4)
    assert onset_seconds(sound, seen_rate) == pytest.approx(onset_seconds(torch.from_numpy(click_at(0.5, 1.0, rate)), rate), abs=0.002)


def test_an_mp3_that_mp4_does_not_allow_is_encoded(make_sound: MakeSound, tmp_path: Path) -> None:
    path = make_sound("a.mp3", click_at(0.5, 1.0, 8000), 8000)
    finished = write(tmp_path / "o.mp4", image(25), sound=SoundTrack.from_file(path))
    assert probe_sound(finished).codec == "aac"
    with pytest.raises(MediaError, match=r"it is mp3(float)? at 8000 Hz"):
        VideoWriter(tmp_path / "o.mp4", fps=Fraction(25), width=16, height=16, sound=SoundTrack.from_file(path), sound_codec="copy")


def test_three_samples_and_silence_go_in(tmp_path: Path) -> None:
    track = SoundTrack.from_waveform(torch.tensor([[0.5, -0.5, 0.25]]), RATE)
    assert read_sound(write(tmp_path / "a.mp4", image(1), sound=track))[0].shape == (1, 3)
    track = SoundTrack.from_waveform(torch.zeros(2, RATE), RATE)
    assert read_sound(write(tmp_path / "b.mp4", image(25), sound=track))[0].abs().max() < 1e-4


def test_wishes_that_cannot_be_met(make_sound: MakeSound, tmp_path: Path) -> None:
    wav = SoundTrack.from_file(make_sound("a.wav", np.zeros((1, 4410))))
    cut = SoundTrack.from_file(make_sound("a.mp3", np.zeros((1, 4410))), length=0.05)
    for track, why in ((wav, "it is pcm_s16le at 44100 Hz; use auto, aac or flac"), (cut, "only a part of it is wanted")):
        with pytest.raises(MediaError, match=why):
            VideoWriter(tmp_path / "o.mp4", fps=Fraction(25), width=16, height=16, sound=track, sound_codec="copy")
    with pytest.raises(ConfigError, match="sound: got 'opus', expected " + ", ".join(SOUND_CODECS)):
        VideoWriter(tmp_path / "o.mp4", fps=Fraction(25), width=16, height=16, sound=wav, sound_codec="opus")
    assert len(list(read_video_frames(write(tmp_path / "o.mp4", image(3), sound=wav, sound_codec="none")))) == 3
    with pytest.raises(MediaError, match="no sound"):
        read_sound(tmp_path / "o.mp4")


# ---- the picture


COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128), (200, 40, 90), (17, 99, 201), (250, 220, 40)]


@pytest.mark.parametrize("colour", COLOURS)
def test_a_pure_colour_comes_back_by_the_matrix_of_the_tags(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    path = write(tmp_path / "o.mp4", torch.tensor(colour, dtype=torch.uint8).expand(5, 48, 48, 3).contiguous())
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        frame = list(container.decode(video=0))[2]
    planes = [np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[10, 10].astype(float) for plane in frame.planes]
    luma, blue, red = (planes[0] - 16) / 219, (planes[1] - 128) / 224, (planes[2] - 128) / 224
    decoded = [luma + 1.5748 * red, luma - 0.187324 * blue - 0.468124 * red, luma + 1.8556 * blue]  # ITU-R BT.709, limited range
    assert np.abs(np.clip(decoded, 0, 1) * 255 - colour).max() <= 3
    assert (list(read_video_frames(path))[2].int() - torch.tensor(colour)).abs().max() <= 3


@pytest.mark.parametrize(("height", "width"), [(63, 64), (64, 65), (33, 33), (2, 2)])
def test_odd_sides_become_even_by_their_last_pixels(tmp_path: Path, height: int, width: int) -> None:
    frames = image(4, height, width)
    back = list(read_video_frames(write(tmp_path / "o.mp4", frames)))
    assert back[0].shape == (height + height % 2, width + width % 2, 3)
    assert all((seen.int() - frame[0, 0].int()).abs().max() <= 3 for seen, frame in zip(back, frames, strict=True))


def test_details_survive(tmp_path: Path) -> None:
    rows = torch.linspace(0, 255, 128)[:, None, None].expand(128, 128, 3)
    wave = 60 * torch.sin(torch.arange(128) / 3)[None, :, None]
    frames = (rows + wave).clamp(0, 255).to(torch.uint8).expand(10, 128, 128, 3).contiguous()
    back = torch.stack(list(read_video_frames(write(tmp_path / "o.mp4", frames)))).float()
    assert 10 * torch.log10(255**2 / (back - frames).square().mean()) > 38


def test_metadata_and_the_index_stand_in_front(tmp_path: Path) -> None:
    path = write(tmp_path / "o.mp4", image(5), metadata={"sgvg": {"seed": 3, "a": [1.5, None]}, "comment": "plain ünï"})
    with av.open(str(path)) as container:
        assert json.loads(container.metadata["sgvg"]) == {"seed": 3, "a": [1.5, None]}
        assert container.metadata["comment"] == "plain ünï"
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_the_same_call_writes_the_same_bytes(make_sound: MakeSound, tmp_path: Path) -> None:
    track = SoundTrack.from_file(make_sound("a.wav", 0.1 * np.random.default_rng(0).standard_normal((2, RATE))))
    first, second = (write(tmp_path / name, image(25), sound=track).read_bytes() for name in ("a.mp4", "b.mp4"))
    assert first == second


# ---- whole or absent


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_nothing_and_an_old_file_untouched(make_sound: MakeSound, tmp_path: Path, stop: type[BaseException]) -> None:
    track = SoundTrack.from_file(make_sound("a.wav", np.zeros((1, RATE * 3))))
    target = tmp_path / "out" / "o.mp4"
    target.parent.mkdir()
    target.write_bytes(b"old")
    with pytest.raises(stop):
        write_and_raise(VideoWriter(target, fps=Fraction(25), width=64, height=64, sound=track), stop)
    assert [file.name for file in target.parent.iterdir()] == ["o.mp4"]
    assert target.read_bytes() == b"old"


def test_a_broken_sound_stops_the_writer_with_its_own_words(make_sound: MakeSound, tmp_path: Path) -> None:
    sound = np.zeros((1, RATE * 2))
    sound[0, RATE] = np.nan
    track = SoundTrack.from_file(make_sound("a.wav", sound, codec="pcm_f32le", sample_format="flt"))
    (tmp_path / "out").mkdir()
    with pytest.raises(MediaError, match=r"1\.000 s\) of channel 0 is nan"):
        write(tmp_path / "out" / "o.mp4", image(50), sound=track)
    assert not list((tmp_path / "out").iterdir())


def test_no_frames_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"no frames were written.*write at least one"):
        write(tmp_path / "o.mp4", image(4)[:0])
    assert not list(tmp_path.iterdir())


def test_targets_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"doesn't exist\); create it"):
        VideoWriter(tmp_path / "absent" / "o.mp4", fps=Fraction(25), width=16, height=16)
    with pytest.raises(MediaError, match="this is a folder"):
        VideoWriter(tmp_path, fps=Fraction(25), width=16, height=16)


def test_wrong_frames_are_refused(tmp_path: Path) -> None:
    wide = VideoWriter(tmp_path / "o.mp4", fps=Fraction(25), width=32, height=16)
    with pytest.raises(ShapeError, match=r"frames: got shape \[2, 16, 16, 3\]"), wide:
        wide.write(torch.zeros(2, 16, 16, 3, dtype=torch.uint8))
    with pytest.raises(ShapeError, match="expected uint8"):
        write(tmp_path / "o.mp4", torch.zeros(2, 16, 16, 3))
    writer = VideoWriter(tmp_path / "o.mp4", fps=Fraction(25), width=16, height=16)
    with pytest.raises(MediaError, match="the writer is closed"):
        writer.write(torch.zeros(2, 16, 16, 3, dtype=torch.uint8))
    assert not list(tmp_path.iterdir())


# ---- other kinds of files


RATES = [Fraction(25), Fraction(30_000, 1001)]
HELD = [("mov", "a.wav", "aac"), ("mov", "a.mp3", "mp3"), ("mkv", "a.wav", "opus"), ("mkv", "a.mp3", "opus"), ("mkv", "a.m4a", "opus"),
        ("mkv", "a.opus", "opus"), ("mkv", "a.flac", "flac"), ("webm", "a.wav", "opus"), ("webm", "a.opus", "opus"), ("webm", "a.ogg", "opus"),
        ("webm", "a.m4a", "opus")]
NOT_HELD = [("o.webm", "aac", "makes it Opus"), ("o.webm", "flac", "makes it Opus"), ("o.mov", "flac", "makes it AAC"),
            ("o.gif", "copy", "it has no sound"), ("o.gif", "aac", "it has no sound")]


@pytest.mark.slow
@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize(("ending", "name", "codec"), HELD)
def test_each_kind_of_file_has_its_codecs_and_the_sound_in_time(
    make_sound: MakeSound, tmp_path: Path, fps: Fraction, ending: str, name: str, codec: str
) -> None:
    rate = 48_000 if name.endswith("opus") else 44_100
    source = make_sound(name, click_at(1.0, 2.0, rate), rate)
    finished = write(tmp_path / f"o.{ending.upper()}", image(60, 33, 48), fps=fps, sound=SoundTrack.from_file(source))
    with av.open(str(finished)) as container:
        assert container.format.name.split(",")[0] == ("matroska" if ending in ("mkv", "webm") else "mov")
        assert container.streams.audio[0].codec_context.name.startswith(codec)
        assert container.streams.video[0].codec_context.name == ("vp9" if ending == "webm" else "h264")
        times = [float(frame.time) for frame in container.decode(video=0)]
    assert np.abs(np.array(times) - np.arange(60) / float(fps)).max() < 0.00051  # mkv and webm count milliseconds
    back, back_rate = read_sound(finished)
    heard, heard_rate = read_sound(source)
    assert onset_seconds(back, back_rate) == pytest.approx(onset_seconds(heard, heard_rate), abs=0.0005)
    assert back.shape[1] / back_rate == pytest.approx(heard.shape[1] / heard_rate, abs=0.001)
    frames = torch.stack(list(read_video_frames(finished)))
    assert (frames[:, :33].int() - image(60, 33, 48).int()).abs().max() <= 3


@pytest.mark.parametrize("layout", ["mono", "5.1", "5.1(side)"])
def test_webm_keeps_channels(make_sound: MakeSound, tmp_path: Path, layout: str) -> None:
    channels = {"mono": 1}.get(layout, 6)
    path = make_sound("a.wav", 0.3 * np.random.default_rng(0).standard_normal((channels, RATE)), layout=layout)
    finished = write(tmp_path / "o.webm", image(25), sound=SoundTrack.from_file(path))
    assert probe_sound(finished).num_channels == channels


@pytest.mark.parametrize("fps", [Fraction(24_000, 1001), Fraction(25), Fraction(50)])
def test_a_gif_has_images_in_time_and_no_sound(make_sound: MakeSound, tmp_path: Path, fps: Fraction) -> None:
    track = SoundTrack.from_file(make_sound("a.wav", np.zeros((1, RATE))))
    ramp = torch.arange(48, dtype=torch.uint8)[:, None, None].expand(48, 33, 3) * 5
    frames = torch.stack([(ramp.roll(shift, 0)) for shift in range(24)])
    finished = write(tmp_path / "o.gif", frames, fps=fps, sound=track)
    assert finished.read_bytes().startswith(b"GIF89a")
    with av.open(str(finished)) as container:
        assert not container.streams.audio
        times = [float(frame.time) for frame in container.decode(video=0)]
    assert np.abs(np.array(times) - np.arange(24) / float(fps)).max() <= 0.0051
    back = torch.stack(list(read_video_frames(finished)))
    assert back.shape == frames.shape
    assert (back.int() - frames.int()).abs().max() <= 2
    with pytest.raises(MediaError, match="at most 50"):
        VideoWriter(tmp_path / "fast.gif", fps=Fraction(60), width=16, height=16)


@pytest.mark.parametrize(("name", "codec", "said"), NOT_HELD)
def test_sounds_that_a_kind_of_file_does_not_hold(make_sound: MakeSound, tmp_path: Path, name: str, codec: str, said: str) -> None:
    track = SoundTrack.from_file(make_sound("a.wav", np.zeros((1, 4410))))
    with pytest.raises(MediaError, match=f"sound {codec}: can't be written into a .*{said}"):
        VideoWriter(tmp_path / name, fps=Fraction(25), width=16, height=16, sound=track, sound_codec=codec)


@pytest.mark.parametrize("name", ["o.avi", "o.wav", "o.png", "o.mp4.txt", ".mp4", "o"])
def test_other_kinds_of_files_are_refused_with_those_that_are_possible(tmp_path: Path, name: str) -> None:
    with pytest.raises(MediaError, match=r"\.mp4, \.mov, \.mkv, \.webm, \.gif"):
        VideoWriter(tmp_path / name, fps=Fraction(25), width=16, height=16)
    assert not list(tmp_path.iterdir())


def test_a_video_is_never_written_over_its_own_sound(make_sound: MakeSound, tmp_path: Path) -> None:
    path = make_sound("a.mp4", np.zeros((1, 4410)))
    content = path.read_bytes()
    (tmp_path / "link.mp4").symlink_to(path)
    os.link(path, tmp_path / "second.mp4")
    for name in ("a.mp4", "link.mp4", "second.mp4"):
        with pytest.raises(MediaError, match="this is what is read"):
            VideoWriter(tmp_path / name, fps=Fraction(25), width=16, height=16, sound=SoundTrack.from_file(path))
    assert path.read_bytes() == content
