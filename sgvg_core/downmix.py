"""One channel out of several, also where they cancel each other."""

import torch

_AT_ONCE = 2**18
_CANCELLED = 0.03
"""A mean with less than this share of the power that unrelated channels would leave in it has been cancelled (-15 dB)."""


class ChannelLevels:
    """The power of each channel of a sound and of their mean, added up chunk by chunk."""

    def __init__(self) -> None:
        self._powers: torch.Tensor | None = None
        self._of_mean = 0.0

    def add(self, chunk: torch.Tensor) -> None:
        """Count samples [C, n] in."""
        powers = chunk.double().square().sum(dim=1)
        self._powers = powers if self._powers is None else self._powers + powers
        self._of_mean += float(chunk.double().mean(dim=0).square().sum())

    @property
    def loudest(self) -> int | None:
        """The channel to hear instead of the mean, from 0, where the channels cancel each other; None where the mean is the sound."""
        if self._powers is None or len(self._powers) < 2:
            return None
        unrelated = float(self._powers.sum()) / len(self._powers) ** 2
        return int(self._powers.argmax()) if self._of_mean < _CANCELLED * unrelated else None


def said_of(channel: int) -> str:
    """What the user is told where one channel is heard instead of the mean."""
    return f"its channels cancel each other, so channel {channel + 1} alone, the loudest, is heard"


def mix_down(waveform: torch.Tensor) -> torch.Tensor:
    """The mean of the channels, or where they cancel each other the loudest of them: [C, N] -> [N]."""
    channel = channel_heard(waveform)
    return waveform.float().mean(dim=0) if channel is None else waveform[channel].float()


def channel_heard(waveform: torch.Tensor) -> int | None:
    """`ChannelLevels.loudest` of a waveform [C, N]."""
    levels = ChannelLevels()
    for chunk in waveform.split(_AT_ONCE, dim=1):
        levels.add(chunk)
    return levels.loudest
