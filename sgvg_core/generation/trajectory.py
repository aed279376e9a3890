"""The walk of a sound: lazy, seeded, as often as needed (paper Eq. 4 to 6).

The walker steps at the rate it was trained at; frames at any rate are interpolated on its trajectory, so 12 and 60 frames a second show
the same motion.
"""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

import torch

from ..audio import MelSegments, clip_log_mel
from ..clock import num_frames
from ..curves.curve import Curve
from ..latents import interpolate_ws
from ..motion import DriftBound, Keyframes
from ..sound_inversion import AnySoundEncoder, encode_stream
from ..walker import AnyWalker, WalkSettings, roll_out
from .driven import steps_settings
from .sound import AnalysedSound

_STEPS_AT_ONCE = 32


def to_rate(value: float) -> Fraction:
    """A stored rate as the fraction it means."""
    return Fraction(value).limit_denominator(1001)


def count_steps(num_out: int, out_rate: Fraction, in_rate: Fraction) -> int:
    """How many steps at `in_rate` are needed to interpolate `num_out` steps at `out_rate`."""
    return math.floor((num_out - 1) * in_rate / out_rate) + 2


def count_windows(seconds: "Fraction | float", rate: Fraction) -> int:
    """How many windows E_a hears of a sound of this many `seconds` for a film at its own rate, `rate` windows a second; what is learned of a sound is
    learned from as many.
    """
    return count_steps(num_frames(seconds, rate), rate, rate)


def change_rate(batches: Iterable[torch.Tensor], in_rate: Fraction, out_rate: Fraction, num_out: int) -> Iterator[torch.Tensor]:
    """Latents [n, L, D] at `in_rate` as `num_out` latents at `out_rate`, interpolated linearly and streamed.

    Step k of a rate is at k / rate seconds. After the last step the latent is held.

    `batches` are consecutive steps; both rates are steps a second.
    """
    kept, first, done = torch.empty(0), 0, 0
    for batch in batches:
        kept = torch.cat([kept, batch]) if len(kept) else batch
        last = first + len(kept) - 1
        ready = min(num_out, math.floor(last * out_rate / in_rate) + 1)
        if ready > done:
            positions = [float(k * in_rate / out_rate - first) for k in range(done, ready)]
            yield interpolate_ws(kept, torch.tensor(positions, dtype=torch.float64))
            done = ready
        needed = math.floor(done * in_rate / out_rate)
        drop = min(max(needed - first, 0), len(kept) - 1)
        kept, first = kept[drop:], first + drop
        if done == num_out:
            return
    if done < num_out:
        yield kept[-1:].expand(num_out - done, -1, -1)


def _moments(first: int, count: int, rate: Fraction) -> torch.Tensor:
    """The times of steps or frames first .. first + count - 1, in seconds [count]."""
    return torch.tensor([float(k / rate) for k in range(first, first + count)], dtype=torch.float64)


@dataclasses.dataclass(frozen=True)
class Walk:
    """The trajectory of a sound: iterating gives latents [n, L, D] of frame after frame, computed on the CPU in float32.

    Iterating again walks again from the start and gives the same numbers.
    """

    analysed: AnalysedSound
    encoder: AnySoundEncoder
    walker: AnyWalker
    start_ws: torch.Tensor
    """The start latent [1, L, D]."""
    fps: Fraction
    settings: WalkSettings = dataclasses.field(default_factory=WalkSettings)
    causal: bool = False
    """Whether windows hear the past alone."""
    stays: bool = False
    """Whether the sound leads nowhere: the walk hears silence as long as it lasts."""
    numbers: Mapping[str, Curve] = dataclasses.field(default_factory=dict)
    """Settings that change over time, by their names (`driven.WALK_NUMBERS`): these come before those of `settings`."""
    bound: DriftBound | None = None
    """What keeps the steps within bounds."""
    keys: Keyframes | None = None
    """Keyframes that carry the walk along: the sound moves it from where they are. `start_ws` is then where they begin."""

    @property
    def num_frames(self) -> int:
        """How many frames cover the sound."""
        return num_frames(self.analysed.duration, self.fps)

    def __iter__(self) -> Iterator[torch.Tensor]:
        walk_rate = to_rate(self.walker.walk_rate)
        num_steps = count_steps(self.num_frames, self.fps, walk_rate)
        if self.settings.sound_once and self.clip_frames is not None:
            offsets = self._whole_clip(num_steps)
        else:
            offsets = change_rate(self.offsets(num_steps, walk_rate), to_rate(self.encoder.segment_rate), walk_rate, num_steps)
        settings = steps_settings(self.settings, self.numbers, walk_rate, num_steps) if self.numbers else self.settings
        start = self.start_ws.float().cpu()
        if self.keys is None:
            return change_rate(roll_out(self.walker, start, offsets, settings, bound=self.bound), walk_rate, self.fps, self.num_frames)
        keys = self.keys
        steps = roll_out(
            self.walker, start, offsets, settings, anchors=lambda step: keys.at(_moments(step, 1, walk_rate)), bound=self.bound
        )
        return self._on_keys(keys, steps, walk_rate)

    def _on_keys(self, keys: Keyframes, steps: Iterable[torch.Tensor], walk_rate: Fraction) -> Iterator[torch.Tensor]:
        """The walk at the frames: what it adds to the keyframes is interpolated, they themselves are exactly at their times."""

        def added() -> Iterator[torch.Tensor]:
            done = 0
            for ws in steps:
                yield ws - keys.at(_moments(done, len(ws), walk_rate)).to(ws)
                done += len(ws)

        done = 0
        for ws in change_rate(added(), walk_rate, self.fps, self.num_frames):
            yield ws + keys.at(_moments(done, len(ws), self.fps)).to(ws)
            done += len(ws)

    @property
    def clip_frames(self) -> int | None:
        """How many frames of log-mel a released encoder hears when the sound enters once; None for encoders that hear windows."""
        return getattr(self.encoder, "clip_frames", None)

    @torch.no_grad()
    def _whole_clip(self, num_steps: int) -> Iterator[torch.Tensor]:
        """What a released encoder hears in the whole clip, [n, L, D] batch after batch, the same for each step."""
        mel, sound = self.analysed.mel, self.analysed.sound
        log_mel = clip_log_mel(sound.mono_chunks(mel.sample_rate), mel, self.analysed.level, num_frames=self.clip_frames or 1)
        log_mel = torch.zeros_like(log_mel) if self.stays else log_mel
        offset = self.encoder(log_mel)
        for done in range(0, num_steps, _STEPS_AT_ONCE):
            yield offset.expand(min(_STEPS_AT_ONCE, num_steps - done), -1, -1)

    @torch.no_grad()
    def offsets(self, num_steps: int, walk_rate: Fraction) -> Iterator[torch.Tensor]:
        """What E_a hears (Eq. 1), [n, L, D] batch after batch, at its own rate, enough for `num_steps` steps of the walk, `walk_rate` a second."""
        rate = to_rate(self.encoder.segment_rate)
        mel, sound = self.analysed.mel, self.analysed.sound
        num_segments = num_steps if rate == walk_rate else count_steps(num_steps, walk_rate, rate)
        segments = MelSegments(
            lambda: sound.mono_chunks(mel.sample_rate), mel, self.analysed.level, rate=rate, num_segments=num_segments, causal=self.causal
        )
        batches = map(torch.zeros_like, segments) if self.stays else segments
        yield from encode_stream(self.encoder, batches, causal=self.causal)
