"""The sound that goes into a video file: copied packet by packet, or encoded, always a little ahead of the picture."""

import dataclasses
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import torch

from ..errors import ConfigError, MediaError
from ..shapes import check_shape
from .containers import CONTAINERS, Container
from .decode import SoundInfo, SoundReader, full_health, probe_sound
from .resampling import resampled
from .sound_file import Tick, declared_end, nothing, open_container, reason, sound_stream, time_zero, to_channels

_NAMES = {"aac": "AAC", "mp3": "MP3", "mp3float": "MP3", "flac": "FLAC", "opus": "Opus", "libopus": "Opus"}
SOUND_CODECS = ("auto", "copy", "aac", "flac", "none")
_AAC_RATES = (7350, 8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000)
_OPUS_RATES = (8000, 12_000, 16_000, 24_000, 48_000)
_BIT_RATE = 256_000
_MAX_FLAC_RATE = 655_350
_MIN_MP3_RATE = 16_000
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}
"""Layouts that both codecs know; a sound with another one becomes stereo."""
_SAME_SPEAKERS = {"5.0(side)": "5.0", "5.1(side)": "5.1", "5.0": "5.0", "5.1": "5.1", "3.0": "3.0", "4.0": "4.0", "7.1": "7.1"}


@dataclasses.dataclass(frozen=True)
class SoundTrack:
    """A sound for a video file: a cut of a file (decoded lazily), or a waveform in memory."""

    path: Path | None = None
    start: float = 0.0
    """Seconds of the file that are skipped."""
    length: float | None = None
    """Seconds of the cut; None: to the end."""
    waveform: torch.Tensor | None = None
    sample_rate: int = 0
    num_channels: int = 0
    """Channels of the sound."""
    layout: str = ""
    """FFmpeg's name of the channels' layout, such as "stereo" or "5.1"."""
    codec: str = ""
    """FFmpeg's name of the file's codec; empty for samples in memory."""
    track: int | None = None
    """Which of a file's sound tracks; see `SoundReader`."""
    strict: bool = False
    """Whether sound that lost some of itself to damage is an error."""
    tick: Tick = dataclasses.field(default=nothing, compare=False, repr=False)

    @classmethod
    def from_file(cls, path: str | Path, start: float = 0.0, length: float | None = None, track: int | None = None, *, strict: bool = False,
                  tick: Tick = nothing) -> "SoundTrack":
        """The sound of a file, from `start` on, `length` seconds of it (None: all); the rest as for `SoundReader`. Raises MediaError.

        `track` is the number of the sound track, from 1; `strict` refuses what is damaged.
        """
        info: SoundInfo = probe_sound(path, track)
        return cls(path=Path(path), start=start, length=length, sample_rate=info.sample_rate, num_channels=info.num_channels,
                   layout=info.layout, codec=info.codec, track=track, strict=strict, tick=tick)

    @classmethod
    def from_waveform(cls, waveform: torch.Tensor, sample_rate: int) -> "SoundTrack":
        """A waveform [C, N] in -1..1. Raises MediaError when empty or not finite."""
        check_shape("waveform", waveform, "C N")
        if 0 in waveform.shape or not torch.isfinite(waveform).all() or sample_rate <= 0:
            raise MediaError(f"sound track: got {list(waveform.shape)} samples at {sample_rate} Hz, expected at least one, all finite")
        num_channels = waveform.shape[0]
        return cls(waveform=waveform.detach().to("cpu", torch.float32), sample_rate=int(sample_rate), num_channels=num_channels,
                   layout=_LAYOUTS.get(num_channels, ""))

    @property
    def trimmed(self) -> bool:
        """Whether only a part of the file is meant."""
        return self.start > 0 or self.length is not None

    def can_be_copied(self, into: Container = CONTAINERS[".mp4"]) -> bool:
        """Whether the file's own packets may go into a video file unchanged: all of a sound whose codec it takes, an MP3 at rates of mp4."""
        allowed = self.codec in into.copied and (not self.codec.startswith("mp3") or self.sample_rate >= _MIN_MP3_RATE)
        return self.path is not None and not self.trimmed and allowed

    @property
    def why_not_copied(self) -> str | None:
        """Why copied packets wouldn't sound as the file does (time stamps that jump, damage); None where they would. Reads the file once."""
        return None if self.path is None else full_health(self.path, self.track, self.tick).why_not_copied()

    def arrays(self) -> Iterator[np.ndarray]:
        """The samples as float32 arrays [C, n], of a second or less."""
        if self.path is not None:
            for chunk in SoundReader(self.path, start=self.start, length=self.length, track=self.track, strict=self.strict, tick=self.tick):
                yield chunk.numpy()
        elif self.waveform is not None:
            for start in range(0, self.waveform.shape[1], self.sample_rate):
                yield self.waveform[:, start:start + self.sample_rate].numpy()


def chosen_codec(track: SoundTrack | None, sound_codec: str, into: Container = CONTAINERS[".mp4"]) -> str:
    """What becomes of the sound: "copy", an encoder or "none". Raises ConfigError or MediaError when the wish can't be met.

    `track` is the film's sound (None: it has none), `into` the kind of file. `sound_codec` is the wish: "auto", "copy", "none" or an encoder's name.
    """
    if sound_codec not in SOUND_CODECS:
        raise ConfigError(f"sound: got {sound_codec!r}, expected {', '.join(SOUND_CODECS)}")
    if sound_codec not in ("auto", "copy", "none", *into.chosen) or (sound_codec == "copy" and not into.copied):
        fitting = f"auto, which makes it {_NAMES[into.encoded]}" if into.encoded else "auto or none, since it has no sound"
        raise MediaError(f"sound {sound_codec}: can't be written into a .{into.format}; use {fitting}, or name another kind of file, such as .mp4")
    if track is None or sound_codec == "none" or not into.encoded:
        return "none"
    if sound_codec not in ("auto", "copy"):
        return sound_codec
    problem = _why_not(track, into) if not track.can_be_copied(into) else track.why_not_copied
    if problem is None:
        return "copy"
    if sound_codec == "copy":
        raise MediaError(f"sound copy: {track.path or 'a waveform'}: {problem}; use {_listed(('auto', *into.chosen))}")
    return into.encoded


def _why_not(track: SoundTrack, into: Container) -> str:
    why = "only a part of it is wanted" if track.trimmed else f"it is {track.codec or 'not from a file'} at {track.sample_rate} Hz"
    return f"only a whole {_listed([_NAMES[codec] for codec in into.copied])} sound can be copied into a .{into.format}, and {why}"


def _listed(names: Iterable[str]) -> str:
    """``a, b or c``, each once."""
    *most, last = dict.fromkeys(names)
    return f"{', '.join(most)} or {last}" if most else last


def sound_packets(output: Any, track: SoundTrack, codec: str) -> "Iterator[tuple[Fraction, Any]]":
    """Adds the sound's stream to an open output and returns its packets, each with its time in seconds, made lazily.

    `output` is an open file of PyAV; `codec` is what `chosen_codec` returned.
    """
    if codec == "copy" and track.path is not None:
        return _copied(output, track)
    return _encoded(output, track, codec)


def _copied(output: Any, track: SoundTrack) -> "Iterator[tuple[Fraction, Any]]":
    """The file's own packets, moved so that what a player shows at 0 is at 0; encoder delay becomes a negative time stamp."""
    path = Path(track.path or "")
    source = open_container(path)
    container = source.__enter__()
    try:
        stream = sound_stream(container, path, track.track)
        target = _stream_like(output, stream)
    except BaseException:
        source.__exit__(None, None, None)
        raise
    return _moved(source, container, stream, target, path)


def _stream_like(output: Any, stream: Any) -> Any:
    """A new stream with another one's codec parameters."""
    if hasattr(output, "add_stream_from_template"):
        return output.add_stream_from_template(stream)
    return output.add_stream(template=stream)


def _moved(source: Any, container: Any, stream: Any, target: Any, path: Path) -> "Iterator[tuple[Fraction, Any]]":
    # Packets of the mp4 family carry their exact durations, but for those of a later edit; those of an mp3 file count the encoder's padding too.
    bounded = container.format.name == "mp3" or (stream.start_time or 0) > 0
    zero, end = time_zero(container, path), declared_end(container, stream, path) if bounded else None
    shift = round(zero / stream.time_base)
    last = None if end is None else round(end / stream.time_base)
    try:
        for packet in container.demux(stream):
            if packet.pts is None or packet.is_corrupt:
                continue
            packet.pts -= shift
            packet.dts = packet.pts
            if last is not None:
                if packet.pts >= last:
                    break
                packet.duration = min(packet.duration, last - packet.pts) if packet.duration else packet.duration
            seconds = packet.pts * packet.time_base
            packet.stream = target
            yield seconds, packet
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: its sound can't be copied ({reason(error)}); use aac instead of copy") from error
    finally:
        source.__exit__(None, None, None)


def _encoded(output: Any, track: SoundTrack, codec: str) -> "Iterator[tuple[Fraction, Any]]":
    rate = _encoder_rate(track.sample_rate, codec)
    layout = _encoder_layout(track, codec)
    num_channels = next(count for count, name in _LAYOUTS.items() if name == layout)
    stream = output.add_stream(codec, rate=rate)
    context = stream.codec_context
    context.layout = layout
    context.time_base = Fraction(1, rate)
    if codec in ("aac", "libopus"):
        context.bit_rate = _BIT_RATE if num_channels <= 2 else _BIT_RATE * num_channels // 2
        context.format = "fltp" if codec == "aac" else "flt"
    else:
        context.format = "s16" if _is_16_bit(track.codec) else "s32"
    return _encoded_packets(track, stream, rate, layout, num_channels)


def _encoded_packets(track: SoundTrack, stream: Any, rate: int, layout: str, num_channels: int) -> "Iterator[tuple[Fraction, Any]]":
    arrays: Iterator[np.ndarray] = (to_channels(array, num_channels) for array in track.arrays())
    if rate != track.sample_rate:
        arrays = resampled(arrays, track.sample_rate, rate)
    converter = av.AudioResampler(format=stream.codec_context.format.name, layout=layout, rate=rate)
    done = 0
    for array in arrays:
        # Packed, as PyAV reads beyond the list of planes where there are eight.
        packed = np.ascontiguousarray(array.T, np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), done
        done += array.shape[1]
        for piece in converter.resample(frame):
            yield from _timed(stream.encode(piece))
    for piece in converter.resample(None):
        yield from _timed(stream.encode(piece))
    yield from _timed(stream.encode(None))


def _timed(packets: Any) -> "Iterator[tuple[Fraction, Any]]":
    for packet in packets:
        yield packet.pts * packet.time_base, packet


def _encoder_rate(sample_rate: int, codec: str) -> int:
    """The sample rate to encode at: the sound's own where the codec has it, else the next higher, else its highest."""
    if codec == "flac":
        return min(sample_rate, _MAX_FLAC_RATE)
    rates = _OPUS_RATES if codec == "libopus" else _AAC_RATES
    return next((rate for rate in rates if rate >= sample_rate), rates[-1])


def _encoder_layout(track: SoundTrack, codec: str) -> str:
    if track.num_channels <= 2:
        return _LAYOUTS[track.num_channels]
    layout = _SAME_SPEAKERS.get(track.layout, "stereo")
    return "stereo" if codec == "libopus" and layout == "4.0" else layout  # Opus knows four channels as a square alone


def _is_16_bit(codec: str) -> bool:
    return codec in ("pcm_s16le", "pcm_s16be", "pcm_u8", "pcm_s8", "pcm_alaw", "pcm_mulaw")
