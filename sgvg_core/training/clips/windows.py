"""Windows of sound and frames of picture out of a prepared data set, at any moment of any clip: what every trainer on clips reads.

Nothing is kept but a few decoded sounds. What is read depends on clip and moment alone, and what is changed in it (another room,
microphone, codec; masked bands) on the random numbers handed in: so a step sees the same whoever reads it.
"""

import threading
from collections import OrderedDict
from fractions import Fraction

import numpy as np
import torch
from torch.nn import functional as F

from ...audio import measure, resample
from ...audio.segments import cut_window, window_log_mels, window_samples, window_start
from ...augmentation import augment_sound
from ...augmentation.spectrograms import mask_log_mels
from ...config import MelConfig
from ...datasets import ClipData, ClipInfo
from ...errors import DataError

_KEPT_SOUNDS = 256


class ClipWindows:
    """The clips of one split. Reading is safe from several threads.

    `with_frames` leaves out clips without frames. Raises DataError where none is left.
    """

    def __init__(self, data: ClipData, mel: MelConfig, split: str = "train", *, with_frames: bool = True) -> None:
        self.data, self.mel = data, mel
        self.clips = [clip for clip in data.clips(split) if clip.num_frames or not with_frames]
        if not self.clips:
            raise DataError(f"{data.folder}: has no clips to {split} on; prepare more, or with another --test-share")
        self.labels = data.labels
        self._sounds: OrderedDict[str, tuple[torch.Tensor, float]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.clips)

    def label(self, clip: ClipInfo) -> int:
        """The number of a clip's label; -1 where it has none."""
        return self.labels.index(clip.label) if clip.label in self.labels else -1

    def sound(self, clip: ClipInfo) -> tuple[torch.Tensor, float]:
        """A clip's samples [N] at the mel's rate, and the power that its pictures call 1 (0 of a silent clip)."""
        with self._lock:
            found = self._sounds.get(clip.key)
        if found is None:
            stored, rate = self.data.waveform(clip)
            samples = resample(stored[None], rate, self.mel.sample_rate)[0]
            level = measure([samples], self.mel)
            found = samples, 0.0 if level.silent else level.reference
            with self._lock:
                self._sounds[clip.key] = found
                while len(self._sounds) > _KEPT_SOUNDS:
                    self._sounds.popitem(last=False)
        return found

    def windows(self, clip: ClipInfo, seconds: float, rate: Fraction, count: int, rng: np.random.Generator | None = None) -> torch.Tensor:
        """`count` log-mel windows from `seconds` on, `rate` a second, each centred on its moment: [count, 1, M, F] in 0..1.

        With `rng` the sound is as another room, microphone or codec would have it, and bands and spans of the pictures are masked.
        """
        samples, reference = self.sound(clip)
        size = window_samples(self.mel)
        first = round(seconds * self.mel.sample_rate) + window_start(0, rate, self.mel)
        last = round(seconds * self.mel.sample_rate) + window_start(count - 1, rate, self.mel) + size
        low, high = max(0, first), max(0, min(last, len(samples)))
        stretch = samples[low:high]
        if rng is not None and rng.random() < 0.6 and len(stretch):
            stretch = augment_window(stretch, rng, self.mel.sample_rate)
        starts = [first - low + window_start(index, rate, self.mel) - window_start(0, rate, self.mel) for index in range(count)]
        images = window_log_mels(torch.stack([cut_window(stretch, start, self.mel) for start in starts]), self.mel, reference)
        return images if rng is None else mask_log_mels(images, rng)

    def moment(self, clip: ClipInfo, share: float) -> tuple[float, int]:
        """A moment of a clip, `share` 0..1 of it, in seconds, and the number of the frame that shows it."""
        frame = min(clip.num_frames - 1, int(share * clip.num_frames))
        return float(frame / clip.fps) if clip.fps else share * clip.seconds, frame

    def frames(self, clip: ClipInfo, seconds: float, rate: Fraction, count: int, size: int) -> torch.Tensor:
        """The frames nearest to `count` moments from `seconds` on, `rate` a second: the middle square, [count, 3, size, size] in -1..1. Raises
        DataError for a data set of sounds alone.
        """
        if clip.fps is None:
            raise DataError(f"clip {clip.key}: this data set holds sounds alone; prepare videos to get frames")
        numbers = [min(clip.num_frames - 1, round((seconds + float(index / rate)) * clip.fps)) for index in range(count)]
        images = self.data.frames(clip, numbers[0], numbers[-1] - numbers[0] + 1, size=size)
        return square(images[[number - numbers[0] for number in numbers]], size)


def square(images: torch.Tensor, size: int) -> torch.Tensor:
    """The middle square of images [T, 3, H, W] whose shorter side is about `size`: [T, 3, size, size]. `images` may be in any range."""
    side = min(images.shape[2:])
    top, left = (images.shape[2] - side) // 2, (images.shape[3] - side) // 2
    cut = images[:, :, top : top + side, left : left + side]
    if side == size:
        return cut
    return F.interpolate(cut, (size, size), mode="bilinear", antialias=True, align_corners=False)


def augment_window(samples: torch.Tensor, rng: np.random.Generator, sample_rate: int) -> torch.Tensor:
    """Samples [N] in another room, through another microphone or codec (`augmentation.sounds`), as loud as they were. `samples` are in -1..1."""
    if not float(samples.abs().max()):
        return samples
    augmented = torch.from_numpy(augment_sound(samples.numpy(), rng, sample_rate))
    return augmented * (samples.square().mean() / augmented.square().mean().clamp(min=1e-12)).sqrt()


def rng_of(generator: torch.Generator) -> np.random.Generator:
    """A numpy generator seeded by a torch one."""
    return np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
