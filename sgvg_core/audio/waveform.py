"""Waveforms [C, N]: taken out of AUDIO dictionaries, mixed to mono, resampled."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch

from ..downmix import channel_heard, mix_down
from ..errors import ConfigError, MediaError, ShapeError
from ..shapes import check_shape


def from_audio_dict(audio: Any, *, index: int = 0) -> tuple[torch.Tensor, int]:
    """Waveform [C, N], float32 on the CPU, and sample rate out of ``{"waveform": [B, C, N], "sample_rate": int}``.

    Item `index` of the batch is taken; [C, N] and [N] count as a batch of one. Raises MediaError when it's no such dictionary,
    empty, or not finite.

    `audio` is checked here, so it may be anything.
    """
    if not hasattr(audio, "keys") or not {"waveform", "sample_rate"} <= set(audio.keys()):
        raise MediaError(f"audio: got {type(audio).__name__}, expected a dictionary with 'waveform' and 'sample_rate'; "
                         "is it a video without sound?")
    waveform, sample_rate = torch.as_tensor(audio["waveform"]), int(audio["sample_rate"])
    if sample_rate <= 0:
        raise MediaError(f"audio: got a sample rate of {sample_rate}, expected a positive number of samples a second")
    while waveform.ndim < 3:
        waveform = waveform[None]
    if waveform.ndim != 3 or 0 in waveform.shape:
        raise MediaError(f"audio: got a waveform of shape {list(waveform.shape)}, expected [batch, channels, samples], none of them 0")
    if not -waveform.shape[0] <= index < waveform.shape[0]:
        raise MediaError(f"audio: asked for item {index} of a batch of {waveform.shape[0]}; choose a smaller one")
    if not waveform.is_floating_point():
        raise MediaError(f"audio: got a waveform of {waveform.dtype}, expected floating point samples in -1..1; divide integers by their range")
    chosen = waveform[index].detach().to("cpu", torch.float32)
    if not torch.isfinite(chosen).all():
        channel, sample = (int(i) for i in (~torch.isfinite(chosen)).nonzero()[0])
        raise MediaError(f"audio: sample {sample} ({sample / sample_rate:.3f} s) of channel {channel} is NaN or infinite, "
                         "expected finite numbers; mend the node or file that it comes from")
    return chosen.contiguous(), sample_rate


def to_mono(waveform: torch.Tensor) -> torch.Tensor:
    """The mean of the channels, or the loudest one where they cancel each other: [C, N] -> [N]. Raises ShapeError where there are no samples."""
    check_shape("waveform", waveform, "C N")
    if 0 in waveform.shape:
        raise ShapeError(f"waveform: got shape {list(waveform.shape)}, expected at least one channel and one sample")
    return mix_down(waveform)


def resample(waveform: torch.Tensor, from_rate: int, to_rate: int) -> torch.Tensor:
    """A waveform [C, N] at another rate, [C, ceil(N * to / from)], by the same filter that files are resampled with.

    `from_rate` and `to_rate` are in samples a second, 1 to 1536000; raises ConfigError for others.
    """
    check_shape("waveform", waveform, "C N")
    for name, rate in (("from_rate", from_rate), ("to_rate", to_rate)):
        if not 1 <= rate <= 1_536_000:
            raise ConfigError(f"{name}: got {rate}, expected 1 to 1536000 Hz")
    waveform = waveform.detach().to("cpu", torch.float32)
    if from_rate == to_rate or waveform.shape[1] == 0:
        return waveform
    return torch.stack([torch.cat(list(_resampled(channel.split(from_rate), from_rate, to_rate))) for channel in waveform])


def mono_pieces(waveform: torch.Tensor, from_rate: int, to_rate: int) -> Iterator[torch.Tensor]:
    """`resample` of `to_mono` of a waveform [C, N], in pieces [n] of about a second, without a copy of the whole.

    `from_rate` and `to_rate` are in samples a second.
    """
    channel = channel_heard(waveform)
    pieces = waveform.detach().to("cpu").split(from_rate, dim=1)
    mixed = (piece.float().mean(dim=0) if channel is None else piece[channel].float() for piece in pieces)
    return mixed if from_rate == to_rate else _resampled(mixed, from_rate, to_rate)


def _resampled(pieces: Iterable[torch.Tensor], from_rate: int, to_rate: int) -> Iterator[torch.Tensor]:
    """Pieces [n] of one channel at another rate."""
    import av  # here: who resamples nothing needs no media

    resampler = av.AudioResampler(format="fltp", layout="mono", rate=to_rate)

    def through(piece: torch.Tensor | None) -> Iterator[torch.Tensor]:
        frame = None if piece is None else av.AudioFrame.from_ndarray(np.ascontiguousarray(piece.numpy()[None]), format="fltp", layout="mono")
        if frame is not None:
            frame.sample_rate = from_rate
        yield from (torch.from_numpy(made.to_ndarray()[0]) for made in resampler.resample(frame))

    num_in = num_out = 0
    for piece in pieces:
        num_in += len(piece)
        for made in through(piece):
            num_out += len(made)
            yield made
    # Silence behind the end pushes the last samples out of the filter, however few there are.
    end = torch.cat([*through(torch.zeros(256 + 64 * -(-from_rate // to_rate))), *through(None)])
    yield end[:max(0, -(-num_in * to_rate // from_rate) - num_out)]
