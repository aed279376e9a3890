"""Rates, channels and tracks of sounds as they're found: what changes on the way, what is heard, and how it's filmed."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from found_sounds import RATE, clicked, in_film
from media_samples import MakeSound, image, mux_sound, onset_seconds

from sgvg_core.errors import MediaError
from sgvg_core.media import SoundReader, SoundTrack, VideoWriter, read_sound


@pytest.mark.slow
@pytest.mark.parametrize(("name", "codec", "sample_format"), [("a.mp3", "libmp3lame", "fltp"), ("a.aac", "aac", "fltp"), ("a.ogg", "vorbis", "fltp")])
@pytest.mark.parametrize("second", [(RATE, 1), (32_000, 1), (44_100, 2), (24_000, 2)])
def test_rate_and_channels_may_change_in_the_stream(tmp_path: Path, name: str, codec: str, sample_format: str, second: tuple[int, int]) -> None:
    rate, num_channels = second
    counts = (2, 2) if codec == "vorbis" else (1, num_channels)  # FFmpeg's encoder of Vorbis knows stereo alone
    tones = [0.3 * np.sin(2 * np.pi * 500 * np.arange(2 * each) / each, dtype=np.float32)[None] for each in (44_100, rate)]
    parts = [mux_sound(tmp_path / f"{index}_{name}", np.repeat(tone, count, axis=0), each, codec, sample_format).read_bytes()
             for index, (tone, each, count) in enumerate(zip(tones, (44_100, rate), counts, strict=True))]
    (tmp_path / name).write_bytes(b"".join(parts))
    waveform, seen = read_sound(tmp_path / name)
    assert seen == 44_100
    assert waveform.shape[0] == counts[0]
    assert waveform.shape[1] / seen == pytest.approx(4.0, abs=0.15)
    last = waveform[0, -seen:-seen // 4]
    spectrum = torch.fft.rfft(last * torch.hann_window(len(last))).abs()
    assert float(spectrum.argmax()) * seen / len(last) == pytest.approx(500, abs=3)
    assert float(last.abs().max()) == pytest.approx(0.3, abs=0.03)
    filmed, film_rate, became = in_film(tmp_path / name)
    assert became == "aac"
    assert filmed.shape[1] / film_rate == pytest.approx(waveform.shape[1] / seen, abs=0.03)


def two_tracks(path: Path, default: int | None, options: dict[str, str] | None = None) -> Path:
    """Two sound tracks with a click at 1 and 2 s."""
    with av.open(str(path), "w", options=options or {}) as container:
        streams = [container.add_stream("aac", rate=RATE) for _ in range(2)]
        for index, stream in enumerate(streams):
            stream.codec_context.layout, stream.codec_context.format = "mono", "fltp"
            if default is not None:
                stream.disposition = 1 if index == default else 0
        for index, stream in enumerate(streams):
            frame = av.AudioFrame.from_ndarray(clicked(3.0, 1.0 + index), format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
            container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("name", "default", "heard"), [("a.mkv", 1, 2), ("a.mkv", 0, 1), ("a.mp4", 1, 2), ("a.mp4", None, 1), ("a.mka", 1, 2)])
def test_the_marked_track_is_heard_or_the_first_or_the_chosen(tmp_path: Path, name: str, default: int | None, heard: int) -> None:
    path = two_tracks(tmp_path / name, default)
    for waveform, rate, *_ in (read_sound(path), in_film(path)):
        assert onset_seconds(waveform, rate) == pytest.approx(heard, abs=0.003)
    for track in (1, 2):
        for waveform, rate, *_ in (read_sound(path, track=track), in_film(path, track=track)):
            assert onset_seconds(waveform, rate) == pytest.approx(track, abs=0.003)
    reader = SoundReader(path)
    assert f"2 sound tracks, number {heard} is heard" in reader.notes[0]
    assert len(reader.notes) == 1
    with pytest.raises(MediaError, match="asked for sound track 3, but the file has 2"):
        read_sound(path, track=3)


@pytest.mark.slow
@pytest.mark.parametrize("gains", [(1, -1), (0.5, -1), (-1, 0.98), (1, 0, -1), (1, -1, 0.2, -0.2, 0, 0), (0, 0)])
def test_channels_that_cancel_are_heard_by_the_loudest(make_sound: MakeSound, gains: tuple[float, ...]) -> None:
    path = make_sound("a.wav", np.stack([gain * clicked(2.0)[0] for gain in gains]), RATE)
    reader = SoundReader(path, mono=True, sample_rate=24_000)
    mono = torch.cat(list(reader), dim=1)
    loudest = max(range(len(gains)), key=lambda index: abs(gains[index]))
    cancelled = abs(sum(gains)) < 0.1 and any(gains)
    expected = read_sound(path, sample_rate=24_000)[0][loudest] if cancelled else read_sound(path, sample_rate=24_000)[0].mean(0)
    assert (mono[0] - expected).abs().max() < 1e-4
    assert [("cancel each other" in note, f"channel {loudest + 1}" in note) for note in reader.notes] == [(True, True)] * cancelled


@pytest.mark.slow
@pytest.mark.parametrize("num_channels", range(1, 9))
@pytest.mark.parametrize(("name", "codec", "sample_format"), [("a.flac", "flac", "s16"), ("a.opus", "libopus", "flt"), ("a.m4a", "aac", "fltp")])
def test_one_to_eight_channels_are_read_and_filmed(tmp_path: Path, num_channels: int, name: str, codec: str, sample_format: str) -> None:
    if (name, num_channels) in (("a.opus", 4), ("a.m4a", 7)):
        pytest.skip("the encoder has no such layout")
    time = np.arange(RATE // 2) / RATE
    sound = np.stack([0.2 * np.sin(2 * np.pi * (300 + 100 * channel) * time) for channel in range(num_channels)]).astype(np.float32)
    path = mux_sound(tmp_path / name, sound, RATE, codec, sample_format)
    waveform, _ = read_sound(path)
    assert waveform.shape[0] == num_channels
    assert waveform.abs().amax(1).min() > 0.02
    filmed = in_film(path, "aac")[0]
    assert filmed.shape[0] == (2 if num_channels == 7 else num_channels)
    assert filmed.shape[1] / RATE == pytest.approx(0.5, abs=0.03)
    assert SoundTrack.from_waveform(waveform, RATE).layout == SoundTrack.from_file(path).layout or num_channels in (4, 5, 6, 7)


@pytest.mark.parametrize("num_channels", range(1, 9))
@pytest.mark.parametrize("codec", ["aac", "flac"])
def test_waveforms_of_one_to_eight_channels_are_filmed(tmp_path: Path, num_channels: int, codec: str) -> None:
    sound = torch.stack([0.05 * (channel + 1) * torch.ones(RATE // 2) for channel in range(num_channels)])
    sound[:, ::2] *= -1
    track = SoundTrack.from_waveform(sound, RATE)
    with VideoWriter(tmp_path / "o.mp4", fps=Fraction(5), width=16, height=16, sound=track, sound_codec=codec) as writer:
        writer.write(image(3, 16, 16))
    filmed = read_sound(tmp_path / "o.mp4")[0]
    assert filmed.shape == (2 if num_channels == 7 else num_channels, RATE // 2)
    if codec == "flac" and num_channels != 7:
        assert (filmed - sound).abs().max() < 1e-4
