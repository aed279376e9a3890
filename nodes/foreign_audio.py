"""AUDIO as other packs give it: brought into one form where it's plain what is meant, else one error that names the wire and the value."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ..sgvg_core.errors import MediaError

_MOST_CHANNELS, _USUAL_CHANNELS = 64, 8
_HIGHEST_RATE = 1_536_000
_LOUDEST = 8.0
"""The highest peak, 18 dB above full scale, of samples that are meant to lie in -1..1."""

_FULL_SCALES = (2.0**15, 2.0**23, 2.0**31)
_MIDDLES = {torch.uint8: 128, torch.uint16: 32_768}
"""Unsigned samples: what silence is."""

Samples = tuple[torch.Tensor, int]
"""Samples [C, N], float in about -1..1, and their rate."""


def sounds_of(audio: Any, wire: str) -> list[Samples]:
    """The sounds that an AUDIO wire carries, one for each item of its batch. Raises MediaError.

    Taken are ComfyUI's dictionary; lists of such; a pair of samples and rate; samples as a tensor, an array or a list, floats or integers of
    any width, channels first or last, on the scale of 1 or of 16, 24 or 32 bits; a rate as a number, a text, or a list of one or one an item.
    """
    if isinstance(audio, list | tuple) and audio and all(isinstance(item, Mapping) for item in audio):
        return [sound for item in audio for sound in sounds_of(item, wire)]
    waveform, rate = _parts(audio, wire)
    items = [item for part in _waveforms(waveform, wire) for item in _items(part, wire)]
    return list(zip(items, _rates(rate, len(items), wire), strict=True))


def _parts(audio: Any, wire: str) -> tuple[Any, Any]:
    """Waveform and rate, as they come."""
    if isinstance(audio, list | tuple) and len(audio) == 2:
        numbers = [isinstance(part, int | float) for part in audio]
        if numbers == [False, True]:
            return audio[0], audio[1]
        if numbers == [True, False]:
            return audio[1], audio[0]
    if not isinstance(audio, Mapping):
        seen = "no sound (is it a silent video?)" if audio is None else type(audio).__name__
        raise MediaError(f"{wire}: got {seen}; connect an AUDIO output")
    missing = [name for name in ("waveform", "sample_rate") if name not in audio]
    if missing:
        held = ", ".join(sorted(map(str, audio)))[:80] or "nothing"
        raise MediaError(f"{wire}: its AUDIO has no {' and no '.join(missing)}, only {held}; mend the node that it comes from")
    return audio["waveform"], audio["sample_rate"]


def _waveforms(waveform: Any, wire: str) -> Iterator[torch.Tensor]:
    """The tensors of a waveform: one, or those of a list of tensors or arrays (sounds of unlike length)."""
    if isinstance(waveform, list | tuple) and waveform and all(hasattr(part, "shape") for part in waveform):
        for part in waveform:
            yield from _waveforms(part, wire)
        return
    if isinstance(waveform, torch.Tensor):
        yield waveform
        return
    try:
        array = np.asarray(waveform)
        yield torch.as_tensor(array if array.dtype != np.object_ else None)
    except (TypeError, ValueError, RuntimeError):
        seen = "None" if waveform is None else f"a {type(waveform).__name__} that isn't one block of numbers"
        raise MediaError(
            f"{wire}: its waveform is {seen}, expected samples [batch, channels, samples]; mend the node that it comes from"
        ) from None


def _items(waveform: torch.Tensor, wire: str) -> list[torch.Tensor]:
    """The items [C, N] of a waveform's batch, float, in about -1..1."""
    shape = list(waveform.shape)
    while waveform.ndim > 3 and 1 in waveform.shape:
        waveform = waveform.squeeze(waveform.shape.index(1))
    while waveform.ndim < 3:
        waveform = waveform[None]
    if waveform.ndim != 3 or 0 in waveform.shape or not shape:
        raise MediaError(f"{wire}: got a waveform of shape {shape}, expected [batch, channels, samples], none of them 0")
    channels, samples = waveform.shape[1:]
    if samples <= _USUAL_CHANNELS < channels or samples <= _MOST_CHANNELS < channels:
        waveform, channels = waveform.mT, samples  # channels last
    if channels > _MOST_CHANNELS:
        raise MediaError(
            f"{wire}: got a waveform of shape {shape}, expected [batch, channels, samples] with at most {_MOST_CHANNELS} channels; mend the node "
            "that it comes from"
        )
    return list(_scaled(waveform.detach(), wire))


def _scaled(waveform: torch.Tensor, wire: str) -> torch.Tensor:
    """The same samples, float, at a full scale of 1."""
    if waveform.is_complex() or waveform.dtype == torch.bool:
        raise MediaError(f"{wire}: got a waveform of {waveform.dtype}, expected samples, floating point or integers")
    if not waveform.is_floating_point():
        middle = _MIDDLES.get(waveform.dtype)
        if middle is not None:
            return (waveform.double() - middle) / middle
        if waveform.dtype == torch.int8:
            return waveform.float() / 128
        waveform = waveform.double()
        return waveform / _full_scale(float(waveform.abs().max()))
    peak = max(float(waveform.max()), -float(waveform.min()))
    if not math.isfinite(peak) or peak <= _LOUDEST:  # what isn't finite is refused with its place, where an item is taken
        return waveform
    whole = bool((waveform == waveform.round()).all())
    if peak > _FULL_SCALES[-1] or not (whole or peak > _FULL_SCALES[0] / 128):
        raise MediaError(
            f"{wire}: its samples reach {peak:.4g}, which is neither in -1..1 nor on the scale of 16, 24 or 32 bits; divide them by their full scale"
        )
    return waveform / _full_scale(peak)


def _full_scale(peak: float) -> float:
    """The full scale of integer samples that reach `peak`."""
    return next((scale for scale in _FULL_SCALES if peak <= scale), _FULL_SCALES[-1])


def _rates(rate: Any, num_items: int, wire: str) -> list[int]:
    """The rate of each item."""
    several = rate.tolist() if hasattr(rate, "tolist") else list(rate) if isinstance(rate, list | tuple) else rate
    each: Sequence[Any] = several if isinstance(several, list) else [several]
    if len(each) != num_items and len(set(map(str, each))) == 1:
        each = each[:1]
    if len(each) not in (1, num_items):
        raise MediaError(f"{wire}: got the sample rates {str(list(each))[:60]} for {num_items} sounds; expected one, or one for each")
    rates = [_rate(one, wire) for one in each]
    return rates * num_items if len(rates) == 1 else rates


def _rate(rate: Any, wire: str) -> int:
    if isinstance(rate, list | tuple) and len(rate) == 1:
        return _rate(rate[0], wire)
    try:
        number = math.nan if rate is None or isinstance(rate, bool) else float(rate)
    except (TypeError, ValueError):
        number = math.nan
    if not 1 <= number <= _HIGHEST_RATE or number != int(number):
        raise MediaError(f"{wire}: its sample_rate is {str(rate)[:40]!r}, expected a whole number of samples a second, 1 to {_HIGHEST_RATE}")
    return int(number)
