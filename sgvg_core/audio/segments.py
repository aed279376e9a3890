"""What each moment hears: a stream of sound as log-mel spectrograms of windows centred on s / rate, under one dB reference a clip."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

import torch
from torch.nn import functional as F

from ..config import MelConfig
from ..errors import ConfigError, MediaError, ShapeError
from .mel import SMALLEST_POWER, mel_power, power_to_log_mel, resize_log_mel

QUIETEST_PEAK = 1e-4
"""A clip that never gets louder than this (-80 dB of full scale: dither, the last bits of 16) is silence, not a spectrogram of noise."""
_BLOCK_FRAMES = 256
_BATCH = 32


@dataclasses.dataclass(frozen=True)
class SoundLevel:
    """How loud a clip is: what the first pass over it finds."""

    reference: float
    """The greatest mel power of the clip, which its spectrograms call 1."""
    num_samples: int
    peak: float
    """Greatest absolute sample."""
    rms: float

    @property
    def silent(self) -> bool:
        """Whether nothing in the clip can be heard."""
        return self.reference <= SMALLEST_POWER or self.peak < QUIETEST_PEAK


def measure(chunks: Iterable[torch.Tensor], mel: MelConfig) -> SoundLevel:
    """The first pass: level of a mono sound given in chunks [n] or [1, n] at the sample rate of `mel`.

    `reference` is exactly the maximum that `log_mel` of the whole clip would find. Raises MediaError on NaN, infinity or no samples.
    """
    reference = peak = 0.0
    num_samples, energy = 0, 0.0
    waiting = torch.zeros(mel.n_fft // 2)
    for chunk in chunks:
        chunk = _mono(chunk)
        if not chunk.numel():
            continue
        _check_finite(chunk, num_samples, mel.sample_rate)
        num_samples += chunk.numel()
        peak = max(peak, float(chunk.abs().max()))
        energy += float(chunk.double().square().sum())
        waiting = torch.cat([waiting, chunk])
        top, waiting = _loudest(waiting, mel, mel.n_fft + _BLOCK_FRAMES * mel.hop)
        reference = max(reference, top)
    if not num_samples:
        raise MediaError("the sound has no samples; choose a file or a cut that isn't empty")
    waiting = torch.cat([waiting, torch.zeros(mel.n_fft // 2)])
    top, _ = _loudest(waiting, mel, mel.n_fft)
    return SoundLevel(reference=max(reference, top), num_samples=num_samples, peak=peak, rms=math.sqrt(energy / num_samples))


def _loudest(waiting: torch.Tensor, mel: MelConfig, needed: int) -> tuple[float, torch.Tensor]:
    """The greatest mel power of the whole frames in `waiting`, once it holds `needed` samples, and the samples still needed."""
    if waiting.numel() < needed:
        return 0.0, waiting
    num_frames = 1 + (waiting.numel() - mel.n_fft) // mel.hop
    top = 0.0
    for first in range(0, num_frames, _BLOCK_FRAMES):
        last = min(first + _BLOCK_FRAMES, num_frames) - 1
        block = waiting[first * mel.hop:last * mel.hop + mel.n_fft]
        top = max(top, float(mel_power(block[None], mel, centred=False).max()))
    return top, waiting[num_frames * mel.hop:].clone()


class MelSegments:
    """Log-mel spectrograms of what segment s = 0 .. num_segments - 1 hears, as batches [n, 1, resized_mels, resized_frames].

    Segment s hears the `segment_seconds` of sound centred on `first` + s / rate; causal: ending there. Each window is cut at its exact
    samples (`cut_window`) and pictured alone under the clip's one reference. So a segment doesn't depend on how the stream is
    chunked, equals `log_mel` of that very cut, is placed finer than the hop (which, at 12 ms, would be most of a frame at 60 fps),
    and a causal one never hears the future through a shared spectrum. The price, computing overlaps anew, is small: windows are
    short.

    `make_chunks` starts the stream anew, mono chunks [n] or [1, n] at the configuration's sample rate; it's called once an
    iteration. Memory is bounded by a batch of windows and a chunk.

    `silence` says what a sound of silence looks like, as in `power_to_log_mel`. Raises ConfigError for a `rate` (segments a second) of 0 or
    less, or without segments.
    """

    def __init__(self, make_chunks: Callable[[], Iterable[torch.Tensor]], mel: MelConfig, level: SoundLevel, *, rate: Fraction,
                 num_segments: int, causal: bool = False, silence: str = "zeros", first: Fraction = Fraction(0)) -> None:
        if rate <= 0:
            raise ConfigError(f"segment rate: got {rate}, expected more than 0")
        if num_segments < 1:
            raise ConfigError(f"num_segments: got {num_segments}, expected 1 or more")
        self.make_chunks, self.mel, self.level = make_chunks, mel, level
        self.rate, self.num_segments, self.causal, self.silence, self.first = Fraction(rate), num_segments, causal, silence, Fraction(first)
        self.window_samples = window_samples(mel)

    def __len__(self) -> int:
        return self.num_segments

    def __iter__(self) -> Iterator[torch.Tensor]:
        held, held_first = torch.zeros(0), 0
        chunks, over, segment = iter(self.make_chunks()), False, 0
        while segment < self.num_segments:
            batch = range(segment, min(segment + _BATCH, self.num_segments))
            needed = self._first_sample(batch[-1]) + self.window_samples
            pieces, num_held = [held], held_first + held.numel()
            while num_held < needed and not over:
                chunk = next(chunks, None)
                over = chunk is None
                if chunk is not None:
                    pieces.append(_mono(chunk))
                    num_held += pieces[-1].numel()
            held = torch.cat(pieces)
            yield self._log_mels(torch.stack([cut_window(held, self._first_sample(s) - held_first, self.mel) for s in batch]))
            segment = batch[-1] + 1
            spent = min(max(0, self._first_sample(segment) - held_first), held.numel())
            held, held_first = held[spent:].clone(), held_first + spent

    def _first_sample(self, segment: int) -> int:
        """The sample with which the window of a segment begins (negative: before the sound)."""
        return window_start(segment, self.rate, self.mel, causal=self.causal, first=self.first)

    def _log_mels(self, windows: torch.Tensor) -> torch.Tensor:
        reference = 0.0 if self.level.silent and self.silence == "zeros" else self.level.reference
        return window_log_mels(windows, self.mel, reference, silence=self.silence)


def window_samples(mel: MelConfig) -> int:
    """How many samples a segment hears."""
    return max(1, round(mel.segment_seconds * mel.sample_rate))


def window_start(segment: int, rate: Fraction, mel: MelConfig, *, causal: bool = False, first: Fraction = Fraction(0)) -> int:
    """The sample with which segment `segment`'s window begins: centred on first + segment / rate (seconds), or ending there.

    `causal` says that the window ends there; `rate` is segments a second.
    """
    moment = math.floor((first + segment / Fraction(rate)) * mel.sample_rate + Fraction(1, 2))
    return moment - (window_samples(mel) if causal else window_samples(mel) // 2)


def cut_window(samples: torch.Tensor, first: int, mel: MelConfig) -> torch.Tensor:
    """The window of sound [samples] that begins with sample `first` (negative: before the sound) of `samples` [N].

    Beyond the ends of the sound is silence; with `edges="mirror"` the heard part continues backwards, and forwards again, so that
    neither the ends of a sound nor a sound shorter than the window are taken for a pause. A part shorter than one spectrum is too short
    for that.
    """
    num_window = window_samples(mel)
    low, high = max(first, 0), min(first + num_window, samples.numel())
    if high - low == num_window:  # most windows lie inside
        return samples[low:high]
    if mel.edges == "mirror" and high - low >= mel.n_fft:
        return samples[low:high][mirrored(torch.arange(num_window) + first - low, high - low)]
    window = torch.zeros(num_window)
    if high > low:
        window[low - first:high - first] = samples[low:high]
    return window


def mirrored(places: torch.Tensor, count: int) -> torch.Tensor:
    """Whole places of any shape and anywhere -> places 0 .. count - 1 of things that continue backwards beyond both ends, and forwards again."""
    turned = places % (2 * count)
    return torch.minimum(turned, 2 * count - 1 - turned)


def window_log_mels(windows: torch.Tensor, mel: MelConfig, reference: float | torch.Tensor, *, silence: str = "zeros") -> torch.Tensor:
    """Windows [n, samples] as a sound encoder sees them: [n, 1, resized_mels, resized_frames] in 0..1 under a given reference power.

    `windows` hold n_fft samples at least, at the rate of `mel`; `silence` is that of `log_mel`.
    """
    log_mel = power_to_log_mel(mel_power(windows, mel), reference, silence=silence)[:, None]
    return resize_log_mel(log_mel, mel.resized_mels, mel.resized_frames)


def clip_log_mel(chunks: Iterable[torch.Tensor], mel: MelConfig, level: SoundLevel, *, num_frames: int, silence: str = "zeros") -> torch.Tensor:
    """A whole clip as one spectrogram [1, 1, resized_mels, resized_frames]: `released_log_mel` of a stream whose `level` was measured.

    Of a clip with more than `num_frames` frames the middle is pictured, a shorter one is filled up with zeros. Only what is
    pictured is held in memory.

    `chunks` are the mono samples [n] in order, at the rate of `mel`; `silence` is that of `log_mel`.
    """
    all_frames = 1 + level.num_samples // mel.hop
    shown = min(all_frames, num_frames)
    first = (all_frames - shown) // 2 * mel.hop - mel.n_fft // 2
    needed = (shown - 1) * mel.hop + mel.n_fft
    window = torch.zeros(needed)
    place = 0
    for chunk in chunks:
        chunk = _mono(chunk)
        low, high = max(first, place), min(first + needed, place + chunk.numel())
        if high > low:
            window[low - first:high - first] = chunk[low - place:high - place]
        place += chunk.numel()
        if place >= first + needed:
            break
    reference = 0.0 if level.silent and silence == "zeros" else level.reference
    log_mel = power_to_log_mel(mel_power(window[None], mel, centred=False), reference, silence=silence)[:, None]
    return resize_log_mel(F.pad(log_mel, (0, num_frames - shown)), mel.resized_mels, mel.resized_frames)


def segments_of(waveform: torch.Tensor, mel: MelConfig, *, rate: Fraction, num_segments: int, causal: bool = False,
                silence: str = "zeros") -> torch.Tensor:
    """The segments of a mono waveform [N] in memory, all at once: [num_segments, 1, resized_mels, resized_frames]. See `MelSegments`.

    `rate` is segments a second. `causal` windows end at their moment, the others are centred on it. `silence` is that of `log_mel`.
    """
    level = measure([waveform], mel)
    log_mels = MelSegments(lambda: [waveform], mel, level, rate=rate, num_segments=num_segments, causal=causal, silence=silence)
    return torch.cat(list(log_mels))


def _mono(chunk: torch.Tensor) -> torch.Tensor:
    if chunk.ndim == 2 and chunk.shape[0] == 1:
        chunk = chunk[0]
    if chunk.ndim != 1:
        raise ShapeError(f"chunk of sound: got shape {list(chunk.shape)}, expected mono, [n] or [1, n]")
    return chunk.float()


def _check_finite(chunk: torch.Tensor, done: int, sample_rate: int) -> None:
    if not torch.isfinite(chunk).all():
        sample = done + int((~torch.isfinite(chunk)).nonzero()[0])
        raise MediaError(f"the sound has a NaN or infinite sample at {sample / sample_rate:.3f} s; expected finite numbers, "
                         "mend the node or file that it comes from")
