"""Stage three: the sound inversion encoder and the walker, G frozen. Warm-up by the world's own answer.

Because a code says what it shows, the latent that belongs to a sound is known: the start latent's scene, with the sound's kind, its
envelope now, and a phase that runs faster when the envelope is high: the walker's clock, which it learns to turn. E_a learns the offset in W+
of a sound (Eq. 1), the walker the steps (Eq. 4) on its own trajectories, which continue from chunk to chunk, so that long walks stay on course.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch.nn import functional as F

from ...assembly import build_walker, load_walker, save_walker
from ...augmentation.spectrograms import SHORTENED_SHARE, SMALL_SPEAKER_SHARE
from ...checkpoints import load_state
from ...config import WalkerConfig, check_range
from ...devices import fast_bfloat16
from ...errors import ConfigError
from ...hashing import fingerprint
from ...latents import distance_out
from ...progress import Progress, silent
from ...schedules import cosine, set_lr, warm_up
from ...sound_inversion import SoundInversionEncoder, encode_clips
from ...walker import Clock, RecurrentWalker, WalkSettings, WalkState, circle_point, take_step
from ...world import KINDS
from ...world.clip import turns_a_second
from ...world.codes import phases_of, write_codes
from ..runs.loop import Stateful
from ..runs.state import NumpyRandom
from ..runs.timed import Run
from .growth import grow_walker_weights
from .latent_targets import ENVELOPE_WEIGHT, PHASE_WEIGHT, START_NOISE, LatentTargets, PhaseCircle
from .sound_pool import SoundPool

_BLEND_SECONDS = 0.9
_SHORT_SHARE, _SHORT_CHUNK, _SHORT_BATCH = 0.6, 5, 240
"""Phase 1 of the walker's training: its fraction of the run, steps a rollout, rollouts a batch."""
_RESTARTS = 0.12
"""Share of the long walks that begin anew at each chunk."""
_LOST = 1.8
"""A walk further than this from the mean latent, in standard deviations, is lost and begins anew; one code of a thousand lies there."""
_DOUBT_SHARE = 0.4
"""Fraction of clips whose offsets are mixed with those of other classes, as an unsure E_a would answer."""
_CIRCLES = 512
"""Places whose circle the clock learns at a step."""


@dataclasses.dataclass(frozen=True)
class WalkTraining:
    """How the warm-up teaches sound encoder and walker; every number of it may be set."""

    encoder_share: float = 0.35
    """Of the minutes of the stage, those of the sound encoder; the others are the walker's. 1 or 0: one of them alone, the other stays as it is."""
    encoder_lr: float = 2e-3
    """AdamW's rate for E_a at its highest."""
    encoder_batch: int = 96
    """Windows a step."""
    encoder_init_share: float = 0.0
    """Share of the weights that a fine-tuned sound encoder takes from its beginning (`lerp_to_initial`); 0: all as learned."""
    silent_share: float = 0.5
    """Share of the windows in which the convolutions are silent, so that the texture learns to answer alone."""
    shortened_share: float = SHORTENED_SHARE
    """Share of windows that are pictured as of a short sound."""
    small_speaker_share: float = SMALL_SPEAKER_SHARE
    """Share of windows as a small loudspeaker gives them."""
    pool_seconds: float = 6.0
    """Length of the synthesised clips."""
    short_clips: int = 0
    """Number of synthesised clips of half that length that the sound encoder learns from as well."""
    walker_clips: int = 0
    """Number of synthesised clips that the walker learns from; 0: all."""
    walker_lr: float = 2e-3
    """Adam's rate for the walker at its highest."""
    walker_batch: int = 48
    """Walks a step."""
    chunk: int = 24
    """Steps of a long walk between two updates."""
    short_share: float = _SHORT_SHARE
    """Fraction of the walker's training with short walks (phase 1); 0: long ones alone."""
    restarts: float = _RESTARTS
    """As `_RESTARTS`."""
    doubt_share: float = _DOUBT_SHARE
    """As `_DOUBT_SHARE`."""
    envelope_weight: float = ENVELOPE_WEIGHT
    """As `ENVELOPE_WEIGHT`."""
    phase_weight: float = PHASE_WEIGHT
    """As `PHASE_WEIGHT`."""

    def __post_init__(self) -> None:
        for name in ("encoder_share", "silent_share", "shortened_share", "small_speaker_share", "short_share", "restarts", "doubt_share"):
            check_range(f"walk {name}", getattr(self, name), 0, 1)
        for name in ("encoder_lr", "walker_lr"):
            check_range(f"walk {name}", getattr(self, name), 1e-9, 1)
        for name in ("encoder_batch", "walker_batch", "chunk"):
            check_range(f"walk {name}", getattr(self, name), 1, 100_000)
        for name in ("short_clips", "walker_clips"):
            check_range(f"walk {name}", getattr(self, name), 0, 10**7)
        check_range("walk pool_seconds", self.pool_seconds, 1, 600)
        check_range("walk envelope_weight", self.envelope_weight, 0, 1e6)
        check_range("walk phase_weight", self.phase_weight, 0, 1e6)


TODAY = WalkTraining()


def unusual(training: WalkTraining) -> list[dict[str, Any]]:
    """The settings that differ from the defaults and change what is learned, for a state; none as long as all are the defaults."""
    usual, elsewhere = dataclasses.asdict(TODAY), ("encoder_share", "encoder_lr", "walker_lr", "encoder_batch", "walker_batch", "chunk")
    other = {name: value for name, value in dataclasses.asdict(training).items() if value != usual[name] and name not in elsewhere}
    return [other] if other else []


def learned_from(targets: LatentTargets, pools: Sequence[SoundPool]) -> dict[str, str]:
    """The fingerprints of what the warm-up learns from: the generator's latents, and the sounds."""
    return {"generator": fingerprint([targets.generator.mapping]), "sounds": fingerprint([pool.made_of for pool in pools])}


@torch.no_grad()
def _offsets_of_pool(encoder: SoundInversionEncoder, pool: SoundPool, progress: Progress) -> torch.Tensor:
    """What E_a hears in every window of a pool, bfloat16 [C, T, L, D]."""
    rows = []
    for clip in range(len(pool.kinds)):
        rows.append(encode_clips(encoder, pool.log_mels(np.array(clip))[None])[0].bfloat16())
        progress(clip, len(pool.kinds), "what E_a hears")
    return torch.stack(rows)


@torch.no_grad()
def _encode_silence(encoder: torch.nn.Module, resized_mels: int, resized_frames: int) -> torch.Tensor:
    """What E_a hears in silence, bfloat16 [L, D]."""
    return encoder(torch.zeros(1, 1, resized_mels, resized_frames))[0].bfloat16()


@dataclasses.dataclass
class _Walks:
    """A batch of walks that continue from chunk to chunk, and the teacher's side of each."""

    state: WalkState
    codes: torch.Tensor
    kinds: torch.Tensor
    blend_from: torch.Tensor
    blend: torch.Tensor
    """How far each walk is on its way to its kind, 0..1."""

    @property
    def phase(self) -> torch.Tensor:
        """Their clocks, in turns, [B]."""
        return self.state.hidden["clock"][0, :, 0]

    def to_plain(self) -> dict[str, Any]:
        """Tensors and dictionaries of them, for a state file."""
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "state"}
        hidden = {name: h.detach() for name, h in self.state.hidden.items()}
        return {**own, "ws": self.state.ws.detach(), "start_ws": self.state.start_ws, "hidden": hidden, "num_steps": self.state.num_steps}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "_Walks":
        """The inverse of `to_plain`."""
        plain = dict(plain)
        state = WalkState(*(plain.pop(name) for name in ("ws", "start_ws", "hidden", "num_steps")))
        return cls(state, **plain)


def _fresh(targets: LatentTargets, num: int, num_ws: int, rng: np.random.Generator) -> _Walks:
    """Walks that begin at random codes, their clocks at the phases of these."""
    codes = targets.codes[torch.from_numpy(rng.integers(len(targets.codes), size=num))]
    latents = targets.latents(codes)
    ws = latents[:, None].expand(-1, num_ws, -1).clone()
    state = WalkState(ws, ws, {"clock": phases_of(codes)[None, :, None]})
    return _Walks(state, codes, codes[:, : len(KINDS)].argmax(1), blend_from=latents, blend=torch.ones(num))


@torch.no_grad()
def _somewhere(targets: LatentTargets, kinds: torch.Tensor, envelope: torch.Tensor, num_ws: int, rng: np.random.Generator) -> _Walks:
    """Walks that are anywhere between a random code and where a sound of `kinds` [B] and strength `envelope` [B] leads, a little astray."""
    num = len(kinds)
    walks = _fresh(targets, num, num_ws, rng)
    phase = torch.from_numpy(rng.random(num)).float()
    walks.kinds = kinds
    walks.blend = torch.from_numpy(np.clip(rng.random(num) * 1.6, 0, 1)).float()
    there = targets.latents(write_codes(walks.codes, kind=kinds, envelope=envelope, phase=phase))
    eased = walks.blend * walks.blend * (3 - 2 * walks.blend)
    here = torch.lerp(walks.blend_from, there, eased[:, None])[:, None]
    far = torch.from_numpy(rng.random((num, 1, 1))).float() * (START_NOISE * targets.w_scale)
    astray = torch.from_numpy(rng.standard_normal((num, num_ws, here.shape[-1]))).float()
    shared = torch.from_numpy(rng.standard_normal((num, 1, here.shape[-1]))).float()
    walks.state = WalkState(here + far * (astray + shared) / 2**0.5, walks.state.start_ws, {"clock": phase[None, :, None]})
    return walks


def _restart_some(walks: _Walks, targets: LatentTargets, num_ws: int, share: float, rng: np.random.Generator) -> _Walks:
    """Some walks begin anew, those that were lost among them; the others continue from where they are."""
    fresh = _fresh(targets, len(walks.codes), num_ws, rng)
    away = distance_out(walks.state.ws.detach(), targets.centre, targets.w_scale)
    anew = torch.from_numpy(rng.random(len(walks.codes)) < share) | ~(away < _LOST)

    def pick(new: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
        return torch.where(anew.view(-1, *[1] * (old.ndim - 1)), new, old)

    begun = fresh.state.hidden  # the clock alone; blocks begin at nothing
    hidden = {name: torch.where(anew[None, :, None], begun.get(name, torch.zeros(())), h.detach()) for name, h in walks.state.hidden.items()}
    state = WalkState(pick(fresh.state.ws, walks.state.ws.detach()), pick(fresh.state.start_ws, walks.state.start_ws), hidden, 1)
    return _Walks(
        state,
        pick(fresh.codes, walks.codes),
        pick(fresh.kinds, walks.kinds),
        blend_from=pick(fresh.blend_from, walks.blend_from),
        blend=pick(fresh.blend, walks.blend),
    )


@dataclasses.dataclass(frozen=True)
class _Wanted:
    """Where the walks should be after a step."""

    latents: torch.Tensor
    """[B, D]"""
    circle: PhaseCircle
    place: torch.Tensor
    """The place on the circle, [B, 2]."""
    arrived: torch.Tensor
    """Whether a walk is where its sound leads, so that it shows the envelope and the phase of a scene: [B], 0 or 1."""


@torch.no_grad()
def _where_to(walks: _Walks, targets: LatentTargets, envelope: torch.Tensor, walk_rate: float) -> _Wanted:
    """Where the walks should be after a step, as their clocks say that stand after it."""
    there = targets.latents(write_codes(walks.codes, kind=walks.kinds, envelope=envelope, phase=walks.phase % 1))
    walks.blend = (walks.blend + 1 / (_BLEND_SECONDS * walk_rate)).clamp(max=1)
    eased = walks.blend * walks.blend * (3 - 2 * walks.blend)
    latents = torch.lerp(walks.blend_from, there, eased[:, None])
    circle = targets.circle(walks.codes, walks.kinds, envelope)
    return _Wanted(latents, circle, circle.at(walks.phase), arrived=(walks.blend >= 1).float())


def train_walker(
    work: Path,
    targets: LatentTargets,
    encoder: SoundInversionEncoder,
    pools: list[SoundPool],
    config: WalkerConfig,
    *,
    minutes: float,
    batch: int = 48,
    chunk: int = 24,
    lr: float = 2e-3,
    seed: int = 13,
    init_from: Path | None = None,
    training: WalkTraining | None = None,
    progress: Progress = silent,
) -> torch.nn.Module:
    """The walker learns its steps (Eq. 4) on its own trajectories, by what E_a hears in pools; saved as walker.safetensors.

    A new run begins with the weights of the file `init_from` (which may have fewer latents and no clock); None: with random ones. A run that
    was killed continues from `walker.state`; `minutes` of computing count over all runs. `batch` walks of `chunk` steps make a step of
    training; `lr` is Adam's rate at its highest. `training` says how walks are begun and what they hear (None: what is done today). Raises
    ConfigError for a walker without a clock.
    """
    if not config.clock:
        raise ConfigError("walker clock: got False, but the world's walkers have one")
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    walker = build_walker(config).train()
    if init_from is not None:
        load_state(walker, grow_walker_weights(load_walker(init_from), walker), str(init_from))
    walker.centre.copy_(targets.centre)
    walker.scale.fill_(targets.w_scale)
    optimiser = torch.optim.Adam(walker.parameters(), lr, betas=(0.9, 0.98))
    parts: dict[str, Stateful] = {"net": walker, "optimiser": optimiser, "rng": NumpyRandom(rng)}
    training = training or TODAY
    about = [dataclasses.asdict(config), batch, chunk, lr, seed, len(pools), *unusual(training)]
    run = Run(work / "walker.state", parts, config=about, minutes=minutes, made_of=learned_from(targets, pools))
    long_walks = _fresh(targets, batch, config.num_ws, rng) if run.is_new else _Walks.from_plain(run.extra["walks"])
    lessons = _Lessons(targets, training, config, rng, long_walks, chunk=chunk)
    if run.unfinished:  # it takes minutes
        lessons.clips = [_Clips.of(pool, _offsets_of_pool(encoder, pool, progress)) for pool in pools]
        lessons.silence = _encode_silence(encoder, *pools[0].windows.shape[2:])
    for step in run.shown_steps(progress, lambda: f"walker, {lessons.length} walks, step {run.step}, loss {run.mean('loss'):.4f}"):
        set_lr(optimiser, lr * warm_up(step, 100) * cosine(run.done))
        loss, strength, turning = lessons.errors(walker, *lessons.next(run.done))
        optimiser.zero_grad()
        (loss + training.envelope_weight * strength + training.phase_weight * turning).backward()  # type: ignore[no-untyped-call]
        if torch.nn.utils.clip_grad_norm_(walker.parameters(), 1.0).isfinite():  # a walk that got lost in this chunk must not spoil the weights
            optimiser.step()
        run.note(loss=loss.item(), envelope=strength.item(), phase=turning.item())
        run.extra["walks"] = lessons.long_walks.to_plain()
    walker.eval().requires_grad_(False)
    save_walker(work / "walker.safetensors", walker, config)
    return walker


@dataclasses.dataclass
class _Lessons:
    """What the walker is taught by, step after step: short walks from anywhere in phase 1, then long ones that continue from chunk to chunk."""

    targets: LatentTargets
    training: WalkTraining
    config: WalkerConfig
    rng: np.random.Generator
    long_walks: _Walks
    _: dataclasses.KW_ONLY
    chunk: int
    """Steps of a long walk between two updates."""
    clips: list["_Clips"] = dataclasses.field(default_factory=list)
    silence: torch.Tensor = dataclasses.field(default_factory=lambda: torch.empty(0))
    """What E_a hears in silence, [L, D]."""
    length: str = "long"
    """Of the latest walks: "short" or "long"."""

    def next(self, done: float) -> tuple[_Walks, torch.Tensor, torch.Tensor]:
        """Walks, what they hear [B, T, L, D] and its envelopes [B, T], once `done` of the run, 0..1, is over."""
        self.length = "short" if done < self.training.short_share else "long"
        return self._short() if self.length == "short" else self._long()

    def _short(self) -> tuple[_Walks, torch.Tensor, torch.Tensor]:
        any_kind = torch.from_numpy(self.rng.integers(len(KINDS), size=_SHORT_BATCH))
        audio, envelopes, kinds = self._heard(any_kind, _SHORT_CHUNK)
        return _somewhere(self.targets, kinds, envelopes[:, 0], self.config.num_ws, self.rng), audio, envelopes

    def _long(self) -> tuple[_Walks, torch.Tensor, torch.Tensor]:
        walks = self.long_walks = _restart_some(self.long_walks, self.targets, self.config.num_ws, self.training.restarts, self.rng)
        audio, envelopes, kinds = self._heard(walks.kinds, self.chunk)
        changed = kinds != walks.kinds
        walks.blend_from = torch.where(changed[:, None], walks.state.ws.detach().mean(1), walks.blend_from)
        walks.blend, walks.kinds = torch.where(changed, torch.zeros(len(kinds)), walks.blend), kinds
        return walks, audio, envelopes

    def _heard(self, kinds_now: torch.Tensor, num_steps: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        doubt = _Doubt(self.targets, self.training.doubt_share)
        return _walker_batch(self.clips, self.silence, kinds_now, num_steps, self.rng, doubt=doubt)

    def errors(
        self, walker: RecurrentWalker, walks: _Walks, audio: torch.Tensor, envelopes: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """How far the latents are from the teacher's, in standard deviations, the envelope they show from the sound's, and clock and circle
        from where they should be: how fast the clock turns, the phase it begins with, the circle that it knows at any place, and the place on
        the circle from what the clock says.
        """
        loss, strength, num_steps = torch.zeros(()), torch.zeros(()), envelopes.shape[1]
        turning = self._beginning(walker, walks.codes) + self._way_round(walker)
        for t in range(num_steps):
            before = walks.phase.detach() % 1
            with torch.autocast("cpu", torch.bfloat16, enabled=fast_bfloat16()):
                walks.state = take_step(walker, walks.state, audio[:, t].float(), WalkSettings())
            wanted = _where_to(walks, self.targets, envelopes[:, t], self.config.walk_rate)
            error = (walks.state.ws - wanted.latents[:, None]) / self.targets.w_scale
            loss = loss + F.smooth_l1_loss(error, torch.zeros_like(error), beta=0.3) / num_steps
            apart = F.smooth_l1_loss(self.targets.envelope(walks.state.ws), envelopes[:, t], beta=0.2, reduction="none")
            strength = strength + (wanted.arrived * apart).mean() / num_steps
            off = F.smooth_l1_loss(wanted.circle.place(walks.state.ws), wanted.place, beta=0.1, reduction="none").sum(1)
            slow = F.smooth_l1_loss((walks.phase - before) * self.config.walk_rate, turns_a_second(envelopes[:, t]), beta=0.05)
            turning = turning + ((wanted.arrived * off).mean() + slow) / num_steps
        return loss, strength, turning

    def _beginning(self, walker: RecurrentWalker, codes: torch.Tensor) -> torch.Tensor:
        """How far what the clock begins with is from the phase of `codes` [B, 64], whatever that is."""
        phase = torch.from_numpy(self.rng.random(len(codes))).float()
        starts = (self.targets.latents(write_codes(codes, phase=phase)) - self.targets.centre) / self.targets.w_scale
        return F.smooth_l1_loss(cast(Clock, walker.clock).begin(starts), circle_point(phase), beta=0.1)

    def _way_round(self, walker: RecurrentWalker) -> torch.Tensor:
        """How far the circles that the clock knows are from those of scenes, at latents a little astray: 1 for none, 0 for the right ones."""
        codes = self.targets.codes[torch.from_numpy(self.rng.integers(len(self.targets.codes), size=_CIRCLES))]
        kinds = torch.from_numpy(self.rng.integers(len(KINDS), size=_CIRCLES))
        envelopes, phases, far = torch.from_numpy(self.rng.random((3, _CIRCLES))).float()
        latents = self.targets.latents(write_codes(codes, kind=kinds, envelope=envelopes, phase=phases))
        astray = START_NOISE * far[:, None] * torch.from_numpy(self.rng.standard_normal(latents.shape)).float()
        circle = self.targets.circle(codes, kinds, envelopes)
        learned = cast(Clock, walker.clock).circle((latents - self.targets.centre) / self.targets.w_scale + astray) * self.targets.w_scale
        return (learned - torch.cat([circle.cosine, circle.sine], 1)).square().sum(1).div(2 * circle.radius.square()).mean()


@dataclasses.dataclass(frozen=True)
class _Clips:
    """Clips of one pool, with what E_a hears in them, sorted by kind."""

    pool: SoundPool
    heard: torch.Tensor
    of_kind: dict[int, np.ndarray]

    @classmethod
    def of(cls, pool: SoundPool, heard: torch.Tensor) -> "_Clips":
        return cls(pool, heard, {int(kind): np.flatnonzero(pool.kinds == kind) for kind in np.unique(pool.kinds)})


@dataclasses.dataclass(frozen=True)
class _Doubt:
    """How often an E_a isn't sure, and what of."""

    targets: LatentTargets
    share: float = _DOUBT_SHARE
    """Fraction of clips."""


def _doubt(targets: LatentTargets, kind: int, envelopes: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """What an E_a that isn't sure adds to the offsets of a clip of envelopes [T]: [T, 1, D].

    It is part of the way to one or several other kinds of the same strength, wavering, and on the whole nearest its own. A walker
    that knows this settles on one scene for a sound unlike those E_a learned, instead of a picture between two.
    """
    shares = rng.dirichlet(np.full(len(targets.offsets), 0.5))
    shares[kind] = 0
    shares /= shares.sum()
    far = rng.uniform(0, 0.95 / (1 + shares.max()))
    turns = rng.random() + np.arange(len(envelopes)) * rng.uniform(0.02, 0.25)
    wavering = torch.from_numpy(far * (1 + rng.uniform(0, 0.6) * np.sin(2 * np.pi * turns))).float()
    kinds = torch.arange(len(shares)).repeat_interleave(len(envelopes))
    offsets = targets.offset(kinds, envelopes.repeat(len(shares))).unflatten(0, (len(shares), -1))  # [K, T, D]
    others = torch.einsum("k,ktd->td", torch.from_numpy(shares).float(), offsets)
    return (wavering[:, None] * (others - offsets[kind]))[:, None]


def _walker_batch(
    clips: list[_Clips],
    silence: torch.Tensor,
    kinds_now: torch.Tensor,
    chunk: int,
    rng: np.random.Generator,
    *,
    doubt: _Doubt,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What is heard next [B, T, L, D], its envelopes [B, T] and kinds [B]: mostly more of the same kind, at times another, or silence."""
    audio, envelopes, kinds = [], [], []
    for now in kinds_now.tolist():
        if rng.random() < 0.05:
            audio.append(silence.expand(chunk, -1, -1))
            envelopes.append(torch.zeros(chunk))
            kinds.append(now)
            continue
        some = clips[0] if len(clips) == 1 or rng.random() < 0.8 else clips[int(rng.integers(1, len(clips)))]
        kind = now if rng.random() < 0.7 and now in some.of_kind else int(rng.choice(list(some.of_kind)))
        clip = int(rng.choice(some.of_kind[kind]))
        first = int(rng.integers(some.heard.shape[1] - chunk + 1))
        heard, envelope = some.heard[clip, first : first + chunk], torch.from_numpy(some.pool.envelopes[clip, first : first + chunk])
        if rng.random() < doubt.share:
            heard = (heard + _doubt(doubt.targets, kind, envelope, rng)).bfloat16()
        audio.append(heard)
        envelopes.append(envelope)
        kinds.append(kind)
    return torch.stack(audio), torch.stack(envelopes), torch.tensor(kinds)
