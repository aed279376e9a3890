"""Samples at another rate, streamed."""

from collections.abc import Iterator

import av
import numpy as np


def resampled(arrays: Iterator[np.ndarray], from_rate: int, to_rate: int) -> Iterator[np.ndarray]:
    """Samples [C, n] at another rate (FFmpeg's band-limited resampler, a channel at a time); N become ceil(N * to / from).

    `arrays` [C, n] are consecutive; `from_rate` and `to_rate` are samples a second.
    """
    resamplers: list[av.AudioResampler] = []
    num_in = num_out = 0
    for array in arrays:
        resamplers = resamplers or [av.AudioResampler(format="fltp", layout="mono", rate=to_rate) for _ in array]
        num_in += array.shape[1]
        out = _through(resamplers, array, from_rate)
        num_out += out.shape[1]
        if out.shape[1]:
            yield out
    if not resamplers:
        return
    # Silence behind the end pushes the last samples out of the filter, however few there are.
    silence = np.zeros((len(resamplers), 256 + 64 * -(-from_rate // to_rate)), np.float32)
    end = np.concatenate([_through(resamplers, silence, from_rate), _through(resamplers, None, from_rate)], axis=1)
    yield end[:, :max(0, -(-num_in * to_rate // from_rate) - num_out)]


def _through(resamplers: list[av.AudioResampler], array: np.ndarray | None, rate: int) -> np.ndarray:
    channels = []
    for index, resampler in enumerate(resamplers):
        frame = None
        if array is not None:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(array[index:index + 1]), format="fltp", layout="mono")
            frame.sample_rate = rate
        pieces = [piece.to_ndarray() for piece in resampler.resample(frame)]
        channels.append(np.concatenate(pieces, axis=1) if pieces else np.zeros((1, 0), np.float32))
    return np.concatenate(channels, axis=0)
