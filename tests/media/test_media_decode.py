"""Any sound file becomes the samples that a player plays."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from media_samples import KINDS, MakeSound, click_at, image, onset_seconds

from sgvg_core.errors import ConfigError, MediaError
from sgvg_core.media import SoundReader, SoundTrack, VideoWriter, iter_sound, png_bytes, probe_sound, read_sound, save_png

RATE = 44_100


def tone(seconds: float = 1.5, rate: int = RATE, num_channels: int = 1) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return np.stack([np.sin(2 * np.pi * (220 + 60 * channel) * time) / (2 + channel) for channel in range(num_channels)]).astype(np.float32)


@pytest.mark.parametrize(("codec", "sample_format", "step"), [
    ("pcm_u8", "u8", 1 / 128), ("pcm_s16le", "s16", 2**-15), ("pcm_s24le", "s32", 2**-23), ("pcm_s32le", "s32", 2**-24),
    ("pcm_f32le", "flt", 0), ("pcm_f64le", "dbl", 0), ("pcm_mulaw", "s16", 1 / 64), ("pcm_alaw", "s16", 1 / 64)])
def test_wav_of_every_width_gives_its_samples(make_sound: MakeSound, codec: str, sample_format: str, step: float) -> None:
    waveform, rate = read_sound(make_sound("a.wav", tone(), codec=codec, sample_format=sample_format))
    assert rate == RATE
    assert waveform.dtype == torch.float32
    assert (waveform.numpy() - tone()).__abs__().max() <= step


@pytest.mark.parametrize("ending", KINDS)
@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_a_click_is_where_it_was_put(make_sound: MakeSound, ending: str, rate: int) -> None:
    rate = 48_000 if ending == "opus" else rate
    path = make_sound(f"click.{ending}", click_at(0.7, 1.2, rate), rate)
    waveform, seen_rate = read_sound(path)
    original = onset_seconds(torch.from_numpy(click_at(0.7, 1.2, rate)), rate)
    assert seen_rate == rate
    assert onset_seconds(waveform, rate) == pytest.approx(original, abs=0.0012)


@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "m4a", "opus", "mp4"])
def test_no_priming_or_padding_is_left(make_sound: MakeSound, ending: str) -> None:
    path = make_sound(f"a.{ending}", tone(1.237, 48_000), 48_000)
    assert read_sound(path)[0].shape == (1, round(1.237 * 48_000))


@pytest.mark.parametrize(("num_channels", "layout"), [(2, "stereo"), (6, "5.1"), (6, "5.1(side)")])
def test_channels_stay_apart_and_in_order(make_sound: MakeSound, num_channels: int, layout: str) -> None:
    sound = tone(0.4, num_channels=num_channels)
    path = make_sound("a.wav", sound, layout=layout)
    info = probe_sound(path)
    assert (info.num_channels, info.layout) == (num_channels, layout)
    assert np.abs(read_sound(path)[0].numpy() - sound).max() < 1e-4
    mono = torch.cat(list(iter_sound(path, mono=True)), dim=1)
    assert np.abs(mono.numpy() - sound.mean(axis=0, keepdims=True)).max() < 1e-4


@pytest.mark.parametrize("num_channels", [3, 5, 12])
def test_channels_without_a_layout(tmp_path: Path, num_channels: int) -> None:
    data = (tone(0.1, num_channels=num_channels).T * 32_000).astype("<i2").tobytes()
    head = struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVEfmt ", 16, 1, num_channels, RATE, RATE * 2 * num_channels,
                       2 * num_channels, 16, b"data", len(data))
    (tmp_path / "a.wav").write_bytes(head + data)
    waveform, _ = read_sound(tmp_path / "a.wav")
    assert waveform.shape == (num_channels, 4410)
    with VideoWriter(tmp_path / "o.mp4", fps=Fraction(25), width=16, height=16, sound=SoundTrack.from_file(tmp_path / "a.wav")) as writer:
        writer.write(image(3, 16, 16))
    assert read_sound(tmp_path / "o.mp4")[0].shape == (2, 4410)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["wav", "mp3", "m4a", "ogg"])
def test_a_cut_is_exact_to_the_sample(make_sound: MakeSound, ending: str) -> None:
    rng = np.random.default_rng(1)
    path = make_sound(f"a.{ending}", 0.2 * rng.standard_normal((2, RATE * 2)))
    whole, _ = read_sound(path)
    cut, _ = read_sound(path, start=0.777, length=0.5)
    first = round(0.777 * RATE)
    assert torch.equal(cut, whole[:, first:first + round(0.5 * RATE)])
    assert torch.equal(read_sound(path, start=1.5)[0], whole[:, round(1.5 * RATE):])
    assert torch.equal(read_sound(path, start=1.9, length=60)[0], whole[:, round(1.9 * RATE):])


def test_chunks_have_the_asked_size_and_join_to_the_whole(make_sound: MakeSound) -> None:
    path = make_sound("a.mp3", tone(2.2, num_channels=2))
    chunks = list(iter_sound(path, sample_rate=16_000, chunk_seconds=0.25))
    assert {chunk.shape[1] for chunk in chunks[:-1]} == {4000}
    assert torch.equal(torch.cat(chunks, dim=1), read_sound(path, sample_rate=16_000)[0])


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 48_000, 96_000])
def test_resampling_keeps_a_tone_in_place(make_sound: MakeSound, rate: int) -> None:
    path = make_sound("a.wav", tone(1.0), codec="pcm_f32le", sample_format="flt")
    waveform, seen_rate = read_sound(path, sample_rate=rate)
    assert (seen_rate, waveform.shape[1]) == (rate, rate)
    expected = torch.sin(2 * torch.pi * 220 * torch.arange(rate, dtype=torch.float64) / rate) / 2
    assert (waveform[0] - expected)[rate // 20:-rate // 20].abs().max() < 2e-4


def test_a_reader_reads_again_and_knows_the_exact_duration(make_sound: MakeSound) -> None:
    reader = SoundReader(make_sound("a.flac", tone(1.0)), sample_rate=22_050, mono=True, start=0.1, length=0.7333)
    assert reader.duration is None
    first, second = (torch.cat(list(reader), dim=1) for _ in range(2))
    assert torch.equal(first, second)
    assert reader.duration == Fraction(round(0.7333 * RATE), RATE)


@pytest.mark.parametrize("num_samples", [1, 3])
def test_one_and_three_samples(make_sound: MakeSound, num_samples: int) -> None:
    path = make_sound("a.wav", np.full((2, num_samples), 0.5))
    assert torch.equal(read_sound(path)[0], torch.full((2, num_samples), 0.5))
    assert read_sound(path, sample_rate=22_050)[0].shape == (2, -(-num_samples // 2))


@pytest.mark.parametrize("ending", KINDS)
def test_silence_is_silent(make_sound: MakeSound, ending: str) -> None:
    path = make_sound(f"a.{ending}", np.zeros((2, 48_000)), 48_000)
    assert read_sound(path)[0].abs().max() < 1e-4


def test_probe_says_what_is_there(make_sound: MakeSound, tmp_path: Path) -> None:
    info = probe_sound(make_sound("a.flac", tone(1.25, 32_000, 2), 32_000))
    assert (info.sample_rate, info.num_channels, info.layout, info.codec, info.fps) == (32_000, 2, "stereo", "flac", None)
    assert info.duration_seconds == pytest.approx(1.25)
    with VideoWriter(tmp_path / "v.mp4", fps=Fraction(24_000, 1001), width=16, height=16, sound=SoundTrack.from_file(info.path)) as writer:
        writer.write(image(30, 16, 16))
    assert probe_sound(tmp_path / "v.mp4").fps == Fraction(24_000, 1001)


def test_a_cover_image_is_no_video(make_sound: MakeSound, tmp_path: Path) -> None:
    path = make_sound("a.mp3", click_at(0.5, 1.0, RATE))
    plain, _ = read_sound(path)
    cover = b"\0image/png\0\x03\0" + png_bytes(torch.full((16, 16, 3), 90, dtype=torch.uint8))
    frame = b"APIC" + struct.pack(">IH", len(cover), 0) + cover
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\x03\0\0" + size + frame + path.read_bytes())
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    assert probe_sound(path).fps is None
    assert torch.equal(read_sound(path)[0], plain)
    with VideoWriter(tmp_path / "o.mp4", fps=Fraction(25), width=16, height=16, sound=SoundTrack.from_file(path)) as writer:
        writer.write(image(25, 16, 16))
    assert onset_seconds(read_sound(tmp_path / "o.mp4")[0], RATE) == pytest.approx(onset_seconds(plain, RATE), abs=1e-4)


def test_sound_that_starts_late_in_a_video_keeps_its_place(tmp_path: Path) -> None:
    for name in ("late.mp4", "late.mkv"):
        with av.open(str(tmp_path / name), "w") as container:
            video = container.add_stream("libx264", rate=25)
            video.codec_context.width = video.codec_context.height = 16
            video.codec_context.pix_fmt = "yuv420p"
            sound = container.add_stream("aac", rate=48_000)
            sound.codec_context.layout = "mono"
            for index in range(50):
                frame = av.VideoFrame(16, 16, "yuv420p")
                frame.pts, frame.time_base = index, Fraction(1, 25)
                container.mux(video.encode(frame))
            frame = av.AudioFrame.from_ndarray(click_at(0.4, 1.0, 48_000), format="fltp", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = 48_000, Fraction(1, 48_000), 24_000
            container.mux(sound.encode(frame))
            container.mux([*sound.encode(None), *video.encode(None)])
        waveform, rate = read_sound(tmp_path / name)
        late = onset_seconds(waveform, rate) - onset_seconds(torch.from_numpy(click_at(0.4, 1.0, 48_000)), 48_000)
        assert late == pytest.approx(0.5, abs=0.0015)
        with VideoWriter(tmp_path / "copy.mp4", fps=Fraction(25), width=16, height=16, sound=SoundTrack.from_file(tmp_path / name)) as writer:
            writer.write(image(38, 16, 16))
        copied, _ = read_sound(tmp_path / "copy.mp4")
        assert onset_seconds(copied, rate) == pytest.approx(onset_seconds(waveform, rate), abs=0.0015)


# ---- bad input: one MediaError that says what, where and what to do


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite_samples_are_named(make_sound: MakeSound, bad: float) -> None:
    sound = tone(1.0, num_channels=2)
    sound[1, 22_050] = bad
    path = make_sound("bad.wav", sound, codec="pcm_f64le", sample_format="dbl")
    with pytest.raises(MediaError, match=r"bad\.wav: sample 22050 \(0\.500 s\) of channel 1 is (nan|inf).*export the sound again"):
        read_sound(path)
    assert read_sound(path, length=0.1)[0].isfinite().all()


@pytest.mark.parametrize("ending", KINDS)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_a_truncated_file_is_told(make_sound: MakeSound, ending: str, share: float) -> None:
    path = make_sound(f"a.{ending}", 0.3 * np.random.default_rng(0).standard_normal((2, 144_000)), 48_000)
    content = path.read_bytes()
    path.write_bytes(content[:int(len(content) * share)])
    with pytest.raises(MediaError, match=rf"a\.{ending}: .*truncated.*(copy|export)"):
        read_sound(path)


@pytest.mark.slow
def test_a_truncated_mp4_with_its_index_in_front_is_told(make_sound: MakeSound, tmp_path: Path) -> None:
    track = SoundTrack.from_file(make_sound("a.wav", tone(4.0)))
    with VideoWriter(tmp_path / "v.mp4", fps=Fraction(25), width=64, height=64, sound=track) as writer:
        writer.write(image(100))
    content = (tmp_path / "v.mp4").read_bytes()
    (tmp_path / "v.mp4").write_bytes(content[:len(content) * 7 // 10])
    with pytest.raises(MediaError, match="truncated"):
        read_sound(tmp_path / "v.mp4")
    assert read_sound(tmp_path / "v.mp4", length=1.0)[0].shape == (1, RATE)


def test_one_damaged_packet_is_skipped_and_many_are_an_error(make_sound: MakeSound) -> None:
    path = make_sound("a.m4a", click_at(2.5, 3.0, RATE) + 0.05 * tone(3.0))
    whole, _ = read_sound(path)
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 8
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.size]
    place, size = packets[60]
    assert place >= start
    content[place:place + size] = bytes(255 for _ in range(size))
    path.write_bytes(content)
    damaged, _ = read_sound(path)
    assert damaged.shape == whole.shape
    assert onset_seconds(damaged, RATE) == pytest.approx(onset_seconds(whole, RATE), abs=1e-4)
    for place, size in packets[20:60]:
        content[place:place + size] = bytes(255 for _ in range(size))
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"of \d+ packets of sound can't be decoded.*damaged"):
        read_sound(path)


def test_wrong_files_are_refused_with_a_next_step(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "noise.mp3").write_bytes(np.random.default_rng(0).integers(0, 256, 20_000, dtype=np.uint8).tobytes())
    save_png(tmp_path / "picture.png", torch.zeros(8, 8, 3, dtype=torch.uint8))
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.aac\n#EXT-X-ENDLIST\n")
    with VideoWriter(tmp_path / "mute.mp4", fps=Fraction(25), width=16, height=16) as writer:
        writer.write(image(4, 16, 16))
    refused = {"empty.wav": "empty .0 bytes.; export", "noise.mp3": "can't be opened.*choose a wav", "list.m3u8": "can't be opened",
               "picture.png": "no sound in this file; choose", "mute.mp4": "no sound in this file; choose",
               "absent.wav": "no such file; check", "": "this is a folder, expected"}
    for name, words in refused.items():
        with pytest.raises(MediaError, match=words):
            read_sound(tmp_path / name)


def test_a_file_name_is_never_a_protocol_or_a_pattern(make_sound: MakeSound, tmp_path: Path) -> None:
    path = make_sound("a.wav", tone(0.1))
    for name in ("concat:b.wav", "50%d done #1 ünï.wav"):
        (tmp_path / name).write_bytes(path.read_bytes())
        assert read_sound(tmp_path / name)[0].shape == (1, 4410)


def test_cuts_outside_the_sound(make_sound: MakeSound) -> None:
    path = make_sound("a.wav", tone(1.0))
    with pytest.raises(MediaError, match=r"start 2 s lies at or behind the end of the sound \(1\.00 s\); choose an earlier start"):
        read_sound(path, start=2)
    for bad in ({"start": -1.0}, {"start": float("nan")}, {"length": 0.0}, {"length": float("nan")}, {"sample_rate": 3}):
        with pytest.raises(ConfigError, match="expected"):
            read_sound(path, **bad)  # type: ignore[arg-type]
