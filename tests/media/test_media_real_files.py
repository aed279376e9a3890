"""Sounds as they're found: what a file declares isn't trusted, and film and heard sound are the same."""

import io
import os
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from found_sounds import RATE, clicked, in_film
from media_samples import MakeSound, click_at, mux_sound, onset_seconds

from sgvg_core.errors import Cancelled, MediaError
from sgvg_core.media import SoundReader, local_file, probe_sound, read_sound
from sgvg_core.media.decode import full_health

FRAME = 1024
PRIMING = FRAME / RATE
"""Containers that can't say so play an AAC encoder's priming."""


def check(path: Path, seconds: float, click: float, codec: str) -> None:
    """Length and click of what is heard and of what a film has."""
    filmed, film_rate, became = in_film(path)
    for waveform, rate in (read_sound(path), (filmed, film_rate)):
        assert waveform.shape[1] / rate == pytest.approx(seconds, abs=0.03)
        assert onset_seconds(waveform, rate) == pytest.approx(click, abs=0.003)
    assert became == codec


# ---- time stamps and starts


def jump(where: float, by: float) -> Callable[[int], int]:
    return lambda sample: sample + round(by * RATE) * (sample >= where * RATE)


@pytest.mark.slow
@pytest.mark.parametrize(("stamps", "seconds", "at"), [
    (lambda sample: sample - FRAME * (sample == 40 * FRAME), 4.0, 1.0),
    (lambda sample: RATE if RATE < sample < 2 * RATE else sample, 4.0, 1.0),
    (jump(2.0, 66_500), 4.0, 1.0), (jump(0.5, 66_500), 4.0, 1.0), (jump(2.0, 2), 6.0, 1.0), (jump(0.5, 2), 6.0, 3.0)],
    ids=["twice", "standing still", "far", "far before the click", "gap", "gap before the click"])
def test_stamps_that_dont_follow_are_mended_and_never_copied(tmp_path: Path, stamps: Callable[[int], int], seconds: float, at: float) -> None:
    path = mux_sound(tmp_path / "a.mkv", clicked(), RATE, stamps=stamps)
    check(path, seconds, at, "aac")
    with pytest.raises(MediaError, match=r"sound copy: .*a\.mkv: it can't be copied|sound copy: .*a\.mkv: its time stamps"):
        in_film(path, "copy")


def test_sound_without_such_stamps_is_still_copied(tmp_path: Path) -> None:
    check(mux_sound(tmp_path / "a.mkv", clicked(), RATE), 4.0, 1.0, "copy")


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), [(0, 0), (50_000, 0), (0, 50_000)])
def test_joined_transport_streams_lose_nothing_at_the_jump(tmp_path: Path, first: int, second: int) -> None:
    parts = [mux_sound(tmp_path / f"{index}.ts", clicked(at=1.0 + index), RATE, options={"output_ts_offset": str(offset), "mpegts_copyts": "1"})
             for index, offset in enumerate((first, second))]
    length = read_sound(parts[0])[0].shape[1]
    (tmp_path / "joined.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    for waveform, _ in (read_sound(tmp_path / "joined.ts"), in_film(tmp_path / "joined.ts")[:2]):
        assert waveform.shape[1] == pytest.approx(2 * length, abs=FRAME)
        assert onset_seconds(waveform[:, :length], RATE) == pytest.approx(1.0 + PRIMING, abs=0.003)
        assert onset_seconds(waveform[:, length:], RATE) == pytest.approx(2.0 + PRIMING, abs=0.003)


@pytest.mark.slow
@pytest.mark.parametrize("offset", ["95440", "95441.9", "95443", "50000", "0.4"])
@pytest.mark.parametrize("with_image", [False, True])
def test_a_transport_stream_may_begin_anywhere_and_wrap(tmp_path: Path, offset: str, with_image: bool) -> None:
    path = mux_sound(tmp_path / "a.ts", clicked(), RATE, options={"output_ts_offset": offset, "mpegts_copyts": "1"},
                     image_from=0 if with_image else None)
    check(path, 4.0 + PRIMING, 1.0 + PRIMING, "copy")


@pytest.mark.slow
@pytest.mark.parametrize("start", [0.5, 20, 7200])
@pytest.mark.parametrize("flags", ["frag_every_frame+empty_moov+default_base_moof", "frag_keyframe+empty_moov"])
def test_fragments_begin_where_they_begin(tmp_path: Path, start: float, flags: str) -> None:
    path = mux_sound(tmp_path / "a.mp4", clicked(), RATE, stamps=jump(-1, start), options={"movflags": flags, "avoid_negative_ts": "disabled"})
    check(path, 4.0 + PRIMING, 1.0 + PRIMING, "copy")
    assert probe_sound(path).duration_seconds == pytest.approx(4.0, abs=0.05)
    assert not probe_sound(path).exact
    assert read_sound(path, start=1.5)[0].shape[1] / RATE == pytest.approx(2.5 + PRIMING, abs=0.03)


@pytest.mark.parametrize(("name", "start"), [("a.mkv", 1000), ("a.flv", 20), ("a.mkv", 7201.5)])
def test_live_recordings_begin_at_their_first_packet(tmp_path: Path, name: str, start: float) -> None:
    path = mux_sound(tmp_path / name, clicked(), RATE, stamps=jump(-1, start), options={"avoid_negative_ts": "disabled"})
    waveform, rate = read_sound(path)
    assert waveform.shape[1] / rate == pytest.approx(4.0, abs=0.04)
    assert onset_seconds(waveform, rate) == pytest.approx(1.0, abs=PRIMING + 0.003)
    assert in_film(path)[0].shape[1] / RATE == pytest.approx(waveform.shape[1] / rate, abs=0.002)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "start", "image_from"), [("a.mp4", 1, None), ("a.mov", 2.5, None), ("a.mp4", 3, 0)])
def test_an_empty_edit_is_silence(tmp_path: Path, name: str, start: float, image_from: float | None) -> None:
    path = mux_sound(tmp_path / name, clicked(), RATE, stamps=jump(-FRAME, start), options={"avoid_negative_ts": "disabled"},
                     image_from=image_from)
    check(path, 4.0 + start, 1.0 + start, "copy")
    assert read_sound(path)[0][:, :round(start * RATE) - FRAME].abs().max() < 1e-3
    assert probe_sound(path).duration_seconds == pytest.approx(4.0 + start, abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.mkv", "a.ts"])
def test_negative_starts_are_starts(tmp_path: Path, name: str) -> None:
    path = mux_sound(tmp_path / name, clicked(), RATE, stamps=jump(-1e6, -2), options={"avoid_negative_ts": "disabled"})
    heard, filmed = read_sound(path)[0], in_film(path)[0]
    assert heard.shape[1] / RATE == pytest.approx(4.0 + PRIMING, abs=0.03)
    assert filmed.shape[1] == pytest.approx(heard.shape[1], abs=FRAME)
    assert onset_seconds(filmed, RATE) == pytest.approx(onset_seconds(heard, RATE), abs=0.003)


# ---- declared lengths and sizes


@pytest.mark.slow
def test_an_estimated_length_is_said_to_be_one_and_refuses_nothing(tmp_path: Path) -> None:
    quiet = np.concatenate([np.zeros((1, 2 * RATE), np.float32), 0.3 * np.random.default_rng(0).standard_normal((1, 18 * RATE))], axis=1)
    loud = quiet[:, ::-1].copy()
    for name, options in (("a.aac", {}), ("b.aac", {}), ("a.mp3", {"write_xing": "0"})):
        codec = "libmp3lame" if name.endswith("mp3") else "aac"
        path = mux_sound(tmp_path / name, loud if name[0] == "b" else quiet, RATE, codec, options=options)
        info = probe_sound(path)
        assert not info.exact
        assert info.length_in_words.startswith("about ")
        assert read_sound(path, start=17.0)[0].shape[1] / RATE == pytest.approx(3.0, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.opus", "a.ogg", "a.mp3"])
def test_files_joined_end_to_end_are_read_to_the_end(make_sound: MakeSound, tmp_path: Path, name: str) -> None:
    part = make_sound(name, clicked(), RATE)
    seconds = read_sound(part)[0].shape[1] / RATE
    (tmp_path / f"joined_{name}").write_bytes(2 * part.read_bytes())
    waveform, _ = read_sound(tmp_path / f"joined_{name}")
    assert waveform.shape[1] / RATE == pytest.approx(2 * seconds, abs=0.1)
    assert onset_seconds(waveform[:, round(seconds * RATE):], RATE) == pytest.approx(1.0, abs=0.1)
    assert full_health(tmp_path / f"joined_{name}").complete
    assert in_film(tmp_path / f"joined_{name}")[0].shape[1] == pytest.approx(waveform.shape[1], abs=FRAME)


UNKNOWN = [0, 0x7FFFF000, 0x7FFFFFFF, 0x7FFF0024, 0x80000000, 0xFFFFFFFF, 0xFFFFFFDB, 0xFFFFF000]


@pytest.mark.parametrize("size", UNKNOWN)
@pytest.mark.parametrize("riff", [None, 0, 0xFFFFFFFF])
def test_wav_sizes_that_mean_unknown(make_sound: MakeSound, size: int, riff: int | None) -> None:
    path = make_sound("a.wav", clicked(2.0))
    data = bytearray(path.read_bytes())
    place = data.index(b"data")
    struct.pack_into("<I", data, place + 4, size)
    struct.pack_into("<I", data, 4, min(size + 36, 0xFFFFFFFF) if riff is None else riff)
    path.write_bytes(data)
    assert read_sound(path)[0].shape == (1, 2 * 44_100 if len(data) < 180_000 else 2 * RATE)


@pytest.mark.parametrize("size", [0, 2**32 - 1, 2**63 - 1, 2**64 - 1])
def test_rf64_and_w64_sizes_that_mean_unknown(tmp_path: Path, size: int) -> None:
    path = mux_sound(tmp_path / "a.wav", clicked(2.0), RATE, "pcm_s16le", "s16", options={"rf64": "always"})
    data = bytearray(path.read_bytes())
    assert data[:4] == b"RF64"
    struct.pack_into("<Q", data, data.index(b"ds64") + 16, size)
    path.write_bytes(data)
    assert read_sound(path)[0].shape == (1, 2 * RATE)
    path = mux_sound(tmp_path / "a.w64", clicked(2.0), RATE, "pcm_s16le", "s16")
    data = bytearray(path.read_bytes())
    struct.pack_into("<Q", data, 16, size)
    path.write_bytes(data)
    assert read_sound(path)[0].shape == (1, 2 * RATE)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000])
def test_au_and_aiff_sizes_that_mean_unknown(tmp_path: Path, size: int) -> None:
    path = mux_sound(tmp_path / "a.au", clicked(2.0), RATE, "pcm_s16be", "s16")
    data = bytearray(path.read_bytes())
    struct.pack_into(">I", data, 8, size)
    path.write_bytes(data)
    assert read_sound(path)[0].shape == (1, 2 * RATE)
    path = mux_sound(tmp_path / "a.aiff", clicked(2.0), RATE, "pcm_s16be", "s16")
    data = bytearray(path.read_bytes())
    struct.pack_into(">I", data, 4, size)
    struct.pack_into(">I", data, data.index(b"SSND") + 4, size)
    struct.pack_into(">I", data, data.index(b"COMM") + 10, size // 2)
    path.write_bytes(data)
    assert read_sound(path)[0].shape == (1, 2 * RATE)


# ---- pipes


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX's")
def test_a_named_pipe_is_kept_as_a_file_or_refused_by_name(make_sound: MakeSound, tmp_path: Path) -> None:
    data = make_sound("a.wav", clicked(1.0, 0.3)).read_bytes()
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(MediaError, match=r"pipe\.wav: this is a pipe.*save what comes out of it"):
        read_sound(tmp_path / "pipe.wav")
    writer = threading.Thread(target=(tmp_path / "pipe.wav").write_bytes, args=(data,))
    writer.start()
    kept = local_file(tmp_path / "pipe.wav")
    writer.join()
    assert kept.read_bytes() == data
    assert read_sound(kept)[0].shape[0] == 1


def test_standard_input_is_read(make_sound: MakeSound, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_sound("a.flac", clicked(1.0, 0.3), RATE).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert read_sound(local_file("-"))[0].shape == (1, RATE)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(MediaError, match="standard input: nothing came"):
        local_file("-")


# ---- playlists, and stopping


@pytest.mark.parametrize(("name", "text"), [
    ("a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"),
    ("b.wav", "#EXTM3U\n{}\n"), ("a.ffconcat", "ffconcat version 1.0\nfile {}\n"),
    ("b.txt", "file '{}'\n"), ("a.pls", "[playlist]\nFile1={}\n"), ("a.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=audio 5004 RTP/AVP 0\n"),
    ("a.mpd", '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period/></MPD>'),
    ("a.xspf", "<playlist><location>{}</location></playlist>")])
def test_playlists_open_nothing(make_sound: MakeSound, tmp_path: Path, name: str, text: str) -> None:
    make_sound("secret.wav", clicked(0.5, 0.3))
    (tmp_path / name).write_text(text.format("secret.wav"))
    with pytest.raises(MediaError, match=rf"{name}: can't be opened.*(it's a playlist, which names other files|copy it again)"):
        read_sound(tmp_path / name)


@pytest.mark.parametrize("name", ["a.wav", "a.m4a"])
def test_skipping_to_a_late_start_can_be_stopped(make_sound: MakeSound, name: str) -> None:
    path, calls = make_sound(name, clicked(8.0), RATE), []

    def stop_at_the_tenth() -> None:
        calls.append(1)
        if len(calls) == 10:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        read_sound(path, start=7.9, tick=stop_at_the_tenth)
    assert len(calls) == 10


# ---- what's lost


def lost(path: Path) -> float:
    reader = SoundReader(path)
    for _ in reader:
        pass
    assert (reader.health.warning() is None) == reader.health.complete
    return float(reader.health.lost)


@pytest.mark.slow
@pytest.mark.parametrize(("place", "name"), [(0.5, "a.opus"), (0.95, "a.opus"), (0.5, "a.ogg"), (0.99, "a.ogg")])
def test_a_flipped_byte_of_an_ogg_page_is_told_in_seconds(make_sound: MakeSound, place: float, name: str) -> None:
    path = make_sound(name, 0.1 * np.random.default_rng(0).standard_normal((2, 6 * RATE)), RATE)
    assert lost(path) == 0
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 0x55
    path.write_bytes(data)
    assert lost(path) == pytest.approx(1.0, abs=0.4)
    with pytest.raises(MediaError, match=r"about \d\.\d\d s of its sound are missing or damaged"):
        read_sound(path, strict=True)


def test_a_flipped_byte_in_the_first_page_leaves_the_rest_in_its_place(make_sound: MakeSound) -> None:
    path = make_sound("a.opus", click_at(3.0, 6.0, RATE) + 0.01 * np.random.default_rng(0).standard_normal((1, 6 * RATE)), RATE)
    data = bytearray(path.read_bytes())
    data[600] ^= 0x55
    path.write_bytes(data)
    waveform, _ = read_sound(path)
    assert waveform.shape[1] / RATE == pytest.approx(6.0, abs=0.01)
    assert onset_seconds(waveform, RATE) == pytest.approx(3.0, abs=0.003)
    assert lost(path) == pytest.approx(1.0, abs=0.35)


CUT = {"a.avi": ("pcm_s16le", "s16", 2.4), "b.avi": ("libmp3lame", "fltp", 2.4), "a.caf": ("pcm_s16be", "s16", 2.4),
       "a.au": ("pcm_s16be", "s16", 2.4),
       "a.w64": ("pcm_s16le", "s16", 2.4), "a.ts": ("aac", "fltp", None), "a.ac3": ("ac3", "fltp", None), "a.eac3": ("eac3", "fltp", None),
       "a.flv": ("aac", "fltp", None)}


@pytest.mark.slow
@pytest.mark.parametrize("name", CUT)
def test_a_cut_file_says_what_is_missing_and_strict_refuses_it(tmp_path: Path, name: str) -> None:
    codec, sample_format, missing = CUT[name]
    path = mux_sound(tmp_path / name, 0.1 * np.random.default_rng(0).standard_normal((1, 6 * RATE)), RATE, codec, sample_format)
    assert lost(path) == 0
    read_sound(path, strict=True)
    data = path.read_bytes()
    path.write_bytes(data[:len(data) * 6 // 10 - 1])
    reader = SoundReader(path)
    length = sum(chunk.shape[1] for chunk in reader) / reader.sample_rate
    assert length == pytest.approx(3.6, abs=0.1)
    assert len(reader.notes) == 1
    if missing is not None:
        assert float(reader.health.lost) == pytest.approx(missing, abs=0.1)
    with pytest.raises(MediaError, match=rf"{name}: .*or leave out --strict"):
        read_sound(path, strict=True)


def test_a_sound_deleted_meanwhile_is_one_error(make_sound: MakeSound) -> None:
    path = make_sound("a.flac", clicked(6.0), RATE)
    chunks = iter(SoundReader(path))
    next(chunks)
    path.unlink()
    with pytest.raises(MediaError, match=r"a\.flac: .*(moved or removed|no such file)"):
        list(chunks)
