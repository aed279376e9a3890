"""The ways to make a film of a sound that are compared: ours, its ablations, baselines. All get the same start latent."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import cached_property

import torch

from ...assembly import SoundModel
from ...generation import AnalysedSound, Sound, Walk, analyse_sound, heard_walk
from ...generation.seeded_start import random_start
from ...generation.trajectory import change_rate, count_steps, to_rate
from ...latents import GROUPS
from ...walker import WalkSettings, WalkState, roll_out, take_step
from .music_map import music_walk


@dataclasses.dataclass
class Take:
    """One sound in one model, and what every method of the two shares."""

    model: SoundModel
    sound: Sound
    seed: int
    fps: Fraction

    @cached_property
    def analysed(self) -> AnalysedSound:
        """The sound after its first pass."""
        return analyse_sound(self.sound, self.model.mel)

    @cached_property
    def start_ws(self) -> torch.Tensor:
        """The start latent w [1, L, D]: the seed's first code."""
        return random_start(self.model.generator, self.seed)

    def walk(self, settings: WalkSettings | None = None) -> Walk:
        """The walk of the sound from the start latent. Without `settings` it's the walk of the defaults."""
        return dataclasses.replace(self._heard, settings=settings or WalkSettings())

    @cached_property
    def _heard(self) -> Walk:
        """The walk by the usual settings: the sound is listened to once for all."""
        return heard_walk(self.model, self.analysed, self.start_ws, self.fps)

    @property
    def walk_rate(self) -> Fraction:
        """Steps of the walker a second."""
        return to_rate(self.model.walker.walk_rate)

    @property
    def num_steps(self) -> int:
        """Steps of the walker that cover the sound."""
        return count_steps(self.walk().num_frames, self.fps, self.walk_rate)

    @cached_property
    def offsets(self) -> torch.Tensor:
        """What E_a hears at each step of the walker, [S, L, D]."""
        rate = to_rate(self.model.sound_encoder.segment_rate)
        analysed = self.walk().offsets(self.num_steps, self.walk_rate)
        return torch.cat(list(change_rate(analysed, rate, self.walk_rate, self.num_steps)))

    def frames_of(self, steps: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Latents [n, L, D] at the walker's steps as latents at the frames."""
        return change_rate(steps, self.walk_rate, self.fps, self.walk().num_frames)

    def rolled(self, analysed: torch.Tensor, settings: WalkSettings | None = None) -> Iterator[torch.Tensor]:
        """The walk under `analysed` [S, L, D], as latents at the frames; `settings` as in `walk` (None: the defaults)."""
        return self.frames_of(roll_out(self.model.walker, self.start_ws.float().cpu(), [analysed], settings))


Make = Callable[[Take], Iterable[torch.Tensor]]
"""From a take to the latents [n, L, D] of its frames, batch after batch."""


def ours(take: Take) -> Iterable[torch.Tensor]:
    """Sound at every step (Eq. 4), as films are made."""
    return take.rolled(take.offsets)


def without_sound(take: Take) -> Iterable[torch.Tensor]:
    """The same walker, but E_a(x) is 0 at every step."""
    return take.rolled(torch.zeros_like(take.offsets))


def sound_once(take: Take) -> Iterable[torch.Tensor]:
    """The released way: the sound enters once, before the first step. A released encoder hears the whole clip; of one that hears windows
    it's the mean over the clip, so that this way hears no less than ours."""
    once = WalkSettings(sound_once=True)
    if take.walk(once).clip_frames is not None:
        return take.walk(once)
    return take.rolled(take.offsets.mean(0, keepdim=True).expand_as(take.offsets), once)


def interpolation(take: Take) -> Iterable[torch.Tensor]:
    """Latents on the line from the start latent to another random one (the paper's Fig. 2, above): no sound at all."""
    end = random_start(take.model.generator, take.seed, first=1)
    num = take.walk().num_frames
    return [torch.lerp(take.start_ws, end, torch.linspace(0, 1, num)[:, None, None])]


def music_map(take: Take) -> Iterable[torch.Tensor]:
    """Loudness, onsets and chroma on latents (see `music_map.music_walk`)."""
    model, rate = take.model, take.model.mel.sample_rate
    samples = torch.cat(list(take.sound.mono_chunks(rate)))
    fine = model.walker.slices["fine"]
    return [music_walk(model.generator, samples, rate, take.start_ws, fps=float(take.fps), num_frames=take.walk().num_frames, fine=fine)]


def _without_block(name: str) -> Make:
    def make(take: Take) -> Iterable[torch.Tensor]:
        coarse, mid, fine = (float(group != name) for group in GROUPS)
        return take.rolled(take.offsets, WalkSettings(coarse, mid, fine))

    make.__doc__ = f"The {name} block holds still."
    return make


def without_recurrence(take: Take) -> Iterable[torch.Tensor]:
    """Each frame is one step from the start latent, with nothing remembered."""
    start = take.start_ws.float().cpu()
    start = start.expand_as(take.offsets)
    state = WalkState(start, start, {}, 1)  # a released walker would show its start as step 0
    with torch.no_grad():
        steps = [take_step(take.model.walker, state, take.offsets, WalkSettings()).ws]
    return take.frames_of(steps)


def encoder_alone(take: Take) -> Iterable[torch.Tensor]:
    """No walker: each frame is w + E_a(x) (Eq. 1)."""
    return take.frames_of([take.start_ws.float().cpu() + take.offsets])


@dataclasses.dataclass(frozen=True)
class Method:
    """A way to make films, by its name in tables."""

    key: str
    """Its name in files and options."""
    name: str
    make: Make


OURS = Method("ours", "ours", ours)
BASELINES = (
    Method("none", "ours without sound", without_sound),
    Method("once", "ours, sound once (the released way)", sound_once),
    Method("interpolation", "frame interpolation", interpolation),
    Method("music", "music-feature map", music_map),
)
SWITCHES = (
    Method("coarse", "without the coarse block", _without_block("coarse")),
    Method("mid", "without the mid block", _without_block("mid")),
    Method("fine", "without the fine block", _without_block("fine")),
    Method("recurrence", "without recurrence", without_recurrence),
    Method("walker", "without the walker (Eq. 1 alone)", encoder_alone),
)
"""The paper's ablations that can be switched without another training."""
