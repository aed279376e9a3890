"""Stage three: the sound inversion encoder and the walker, G frozen. Warm-up by the world's own answer.

Because a code says what it shows, the latent that belongs to a sound is known: the start latent's scene, with the sound's kind, its
envelope now, and a phase that runs faster when the envelope is high. E_a learns the offset in W+ that a sound stands for (Eq. 1), the
walker the steps (Eq. 4) on its own trajectories, which go on from chunk to chunk, so that long walks stay on course.
"""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from ..assembly import build_sound_encoder, build_walker, load_sound_encoder, load_walker, save_sound_encoder, save_walker
from ..audio import mirrored
from ..backbones import measure_norms
from ..checkpoints import load_state
from ..config import MelConfig, SoundInversionConfig, WalkerConfig, check_range
from ..devices import fast_bfloat16
from ..fingerprints import fingerprint
from ..latents import distance_out
from ..progress import Progress, silent
from ..sound_inversion import SoundInversionEncoder, hear_clips
from ..synthesis import StyleGAN2Generator
from ..walker import WalkSettings, WalkState, take_step
from ..world import KINDS
from ..world.clip import PHASE_RATES
from ..world.codes import draw_codes, write_codes
from .run_state import NumpyRandom, Run, Stateful
from .sound_pool import SoundPool, draw_clips

_LEVELS = 9
_BLEND_SECONDS = 0.9
_NUM_CODES = 20_000
_SHORT_SHARE, _SHORT_CHUNK, _SHORT_BATCH = 0.6, 5, 240
"""The first share of the walker's training takes short walks from many places, of so many steps and so many at once."""
_ASTRAY = 0.3
"""Short walks begin up to so many standard deviations beside where they should."""
_RESTARTS = 0.12
"""Share of the long walks that begin anew at each chunk."""
_LOST = 1.8
"""A walk so many standard deviations from the mean latent (one code of a thousand lies so far) is lost: it begins anew."""
_DOUBT_SHARE = 0.4
"""Share of the clips of which the walker hears what an E_a says that isn't sure of them."""
_NUM_MEASURED = 2000
"""Windows whose texture gives E_a's fixed norm its means and variances."""
_SHORTENED_SHARE, _SMALL_SPEAKER_SHARE = 0.12, 0.15
"""Shares of E_a's windows that are pictured as of a short sound, and as a small loudspeaker gives them."""
_ENVELOPE_WEIGHT = 0.5
"""Weight of the envelope's squared error, heard or shown, beside the latents' own: it's a small part of a latent, and what the sound is about."""


@dataclasses.dataclass(frozen=True)
class WalkTraining:
    """How the warm-up teaches sound encoder and walker; every number of it may be set."""

    encoder_share: float = 0.35
    """Of the minutes of the stage, those of the sound encoder; the others are the walker's. 1 or 0: one of them alone, the other stays as it is."""
    encoder_rate: float = 2e-3
    encoder_batch: int = 96
    silent_share: float = 0.5
    """Share of the windows in which the convolutions are silent, so that the texture learns to answer alone."""
    shortened_share: float = _SHORTENED_SHARE
    small_speaker_share: float = _SMALL_SPEAKER_SHARE
    pool_seconds: float = 6.0
    """Length of the synthesised clips."""
    short_clips: int = 0
    """So many synthesised clips of half that length are heard by the sound encoder beside the others."""
    walker_clips: int = 0
    """Of the synthesised clips the walker learns from so many; 0: all."""
    walker_rate: float = 2e-3
    walker_batch: int = 48
    chunk: int = 24
    """Steps of a long walk between two updates."""
    short_share: float = _SHORT_SHARE
    """The first share of the walker's training takes short walks; 0: long ones alone."""
    restarts: float = _RESTARTS
    doubt_share: float = _DOUBT_SHARE
    envelope_weight: float = _ENVELOPE_WEIGHT

    def __post_init__(self) -> None:
        for name in ("encoder_share", "silent_share", "shortened_share", "small_speaker_share", "short_share", "restarts", "doubt_share"):
            check_range(f"walk {name}", getattr(self, name), 0, 1)
        for name in ("encoder_rate", "walker_rate"):
            check_range(f"walk {name}", getattr(self, name), 1e-9, 1)
        for name in ("encoder_batch", "walker_batch", "chunk"):
            check_range(f"walk {name}", getattr(self, name), 1, 100_000)
        for name in ("short_clips", "walker_clips"):
            check_range(f"walk {name}", getattr(self, name), 0, 10**7)
        check_range("walk pool_seconds", self.pool_seconds, 1, 600)
        check_range("walk envelope_weight", self.envelope_weight, 0, 1e6)


@dataclasses.dataclass(frozen=True)
class Answers:
    """What the frozen mapping network says about sounds and latents."""

    generator: StyleGAN2Generator
    w_scale: float
    """Standard deviation of mapped latents."""
    centre: torch.Tensor
    """Mean of mapped latents, [D]."""
    offsets: torch.Tensor
    """Mean latent of each kind at each of nine envelope levels, less w_avg: [K, 9, D]."""
    reader: torch.nn.Module
    """Latents [N, D] -> a pair whose angle is the phase, and the envelope, [N, 3]."""
    codes: torch.Tensor
    """Codes [N, 64] from which walks begin."""

    def offset(self, kinds: torch.Tensor, envelopes: torch.Tensor) -> torch.Tensor:
        """The offset that a sound of a kind and strength stands for, [N, D]."""
        position = envelopes.clamp(0, 1) * (_LEVELS - 1)
        low = position.floor().long().clamp(max=_LEVELS - 2)
        return torch.lerp(self.offsets[kinds, low], self.offsets[kinds, low + 1], (position - low)[:, None])

    def strength(self, offsets: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
        """How far offsets [N, L, D] lie on the way from the faintest to the strongest sound of their kinds, [N]: about 0..1."""
        faint, way = self.offsets[kinds, 0], self.offsets[kinds, -1] - self.offsets[kinds, 0]
        return ((offsets.mean(1) - faint) * way).sum(1) / way.square().sum(1)

    def phase(self, ws: torch.Tensor) -> torch.Tensor:
        """The phase that latents [N, L, D] show, in turns [N]."""
        read = self.reader(ws.mean(1))
        return torch.atan2(read[:, 1], read[:, 0]) / (2 * math.pi)

    def envelope(self, ws: torch.Tensor) -> torch.Tensor:
        """The envelope that latents [N, L, D] show, [N]; differentiable."""
        return self.reader(ws.mean(1))[:, 2]

    def latents(self, codes: torch.Tensor) -> torch.Tensor:
        """Mapped codes [N, 64] -> [N, D]."""
        return self.generator.mapping(codes)[:, 0]


@torch.no_grad()
def _mean_offsets(generator: StyleGAN2Generator, seed: int, num_codes: int = 600) -> torch.Tensor:
    """The mean latent of each kind and level over many scenes, less the mean of all, [K, 9, D]."""
    codes = draw_codes(seed, num_codes)
    rows = []
    for kind in range(len(KINDS)):
        kinds = torch.full((num_codes,), kind)
        levels = [torch.full((num_codes,), level / (_LEVELS - 1)) for level in range(_LEVELS)]
        rows.append(torch.stack([generator.mapping(write_codes(codes, kind=kinds, envelope=level))[:, 0].mean(0) for level in levels]))
    table = torch.stack(rows)
    return table - table.mean((0, 1))


def _teach_reader(generator: StyleGAN2Generator, scale: float, w_dim: int, seed: int, num_steps: int = 1500) -> torch.nn.Module:
    """A small network that reads phase and envelope off a latent, also one a little beside its place; it serves the teacher alone."""
    torch.manual_seed(seed)
    reader = torch.nn.Sequential(torch.nn.Linear(w_dim, 128), torch.nn.SiLU(), torch.nn.Linear(128, 128), torch.nn.SiLU(), torch.nn.Linear(128, 3))
    codes = draw_codes(seed + 1, 3000)
    optimiser = torch.optim.Adam(reader.parameters(), 2e-3)
    for step in range(num_steps):
        some = codes[torch.randint(len(codes), (128,))]
        phase, envelope = torch.rand(128), torch.rand(128)
        with torch.no_grad():
            latents = generator.mapping(write_codes(some, phase=phase, envelope=envelope))[:, 0]
        latents = latents + torch.randn_like(latents) * torch.rand(128, 1) * (_ASTRAY * scale)
        angle = 2 * math.pi * phase
        loss = (reader(latents) - torch.stack([angle.cos(), angle.sin(), envelope], 1)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * (1 - step / num_steps)
    return reader.eval().requires_grad_(False)


def ask_generator(generator: StyleGAN2Generator, seed: int = 3, num_reader_steps: int = 1500) -> Answers:
    """Everything the warm-up needs to know of the frozen mapping network."""
    offsets = _mean_offsets(generator, seed)
    mapped = generator.mapping(draw_codes(seed, 500))[:, 0].detach()
    scale = mapped.std(0).mean().item()
    reader = _teach_reader(generator, scale, offsets.shape[-1], seed, num_reader_steps)
    return Answers(generator, scale, mapped.mean(0), offsets, reader, draw_codes(seed + 2, _NUM_CODES))


def warm_up_encoder(
    work: Path,
    answers: Answers,
    pools: list[tuple[SoundPool, float]],
    config: SoundInversionConfig,
    mel: MelConfig,
    *,
    minutes: float,
    batch: int = 96,
    rate: float = 2e-3,
    seed: int = 11,
    begin_with: Path | None = None,
    training: WalkTraining | None = None,
    progress: Progress = silent,
) -> SoundInversionEncoder:
    """E_a learns the offset of each window (Eq. 1); `pools` come with their shares of each kind. Saved as sound_encoder.safetensors.

    `training` says how; its rate and batch are `rate` and `batch`.

    A new run begins with the weights of the file `begin_with`, if one is given. A run that was killed goes on from
    `sound_encoder.state`; `minutes` of computing count over all runs.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    training = training or _TODAY
    encoder = build_sound_encoder(config).train()
    encoder.silent_share = training.silent_share
    if begin_with is not None:
        load_state(encoder, load_sound_encoder(begin_with)[0].state_dict(), str(begin_with))
    optimiser = torch.optim.AdamW(encoder.parameters(), rate, weight_decay=1e-2)
    if begin_with is None and encoder.texture is not None:
        measure_norms(encoder.texture, _encoder_batch(pools, _NUM_MEASURED, np.random.default_rng([seed, 1]))[0])
    parts: dict[str, Stateful] = {"net": encoder, "optimiser": optimiser, "rng": NumpyRandom(rng)}
    settings = [dataclasses.asdict(config), dataclasses.asdict(mel), batch, rate, seed, len(pools), *_unusual(training)]
    run = Run(work / "sound_encoder.state", parts, config=settings, minutes=minutes, made_of=_learned_from(answers, [pool for pool, _ in pools]))
    while run.unfinished:
        with run.one_step():
            for group in optimiser.param_groups:
                group["lr"] = rate * min(1, (run.step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * run.done))
            pictures, kinds, envelopes, loudest = _encoder_batch(pools, batch, rng)
            worn = _by_small_speakers(_shorten(pictures, rng, training.shortened_share), loudest, rng, training.small_speaker_share)
            pictures = mask_pictures(worn, rng)
            wanted = answers.offset(kinds, envelopes)
            with torch.autocast("cpu", torch.bfloat16, enabled=fast_bfloat16()):
                offsets = encoder(pictures)
            apart = offsets.float() / answers.w_scale, (wanted / answers.w_scale)[:, None].expand(-1, config.num_ws, -1)
            heard, meant = answers.strength(offsets.float(), kinds), answers.strength(wanted[:, None], kinds)
            loss = F.smooth_l1_loss(*apart, beta=0.5) + training.envelope_weight * F.smooth_l1_loss(heard, meant, beta=0.2)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
            optimiser.step()
            run.note(loss=loss.item())
        progress(run.seconds, minutes * 60, f"sound encoder, step {run.step}, loss {run.mean('loss'):.4f}")
    encoder.eval().requires_grad_(False)
    save_sound_encoder(work / "sound_encoder.safetensors", encoder, config, mel)
    return encoder


_TODAY = WalkTraining()


def _unusual(training: WalkTraining) -> list[dict[str, Any]]:
    """The settings that differ from the defaults and change what is learned, for a state; none as long as all are the defaults."""
    usual, elsewhere = dataclasses.asdict(_TODAY), ("encoder_share", "encoder_rate", "walker_rate", "encoder_batch", "walker_batch", "chunk")
    other = {name: value for name, value in dataclasses.asdict(training).items() if value != usual[name] and name not in elsewhere}
    return [other] if other else []


def _learned_from(answers: Answers, pools: Sequence[SoundPool]) -> dict[str, str]:
    """The fingerprints of what the warm-up learns from: the generator's latents, and the sounds."""
    return {"generator": fingerprint([answers.generator.mapping]), "sounds": fingerprint([pool.made_of for pool in pools])}


def _encoder_batch(
    pools: list[tuple[SoundPool, float]], batch: int, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Windows [n, 1, M, F] out of all pools, each kind as often as another, with kinds [n], envelopes [n], their clips' loudest rows [n, M]."""
    drawn = draw_clips(pools, batch, rng)
    steps = [int(rng.integers(pool.windows.shape[1])) for pool, _ in drawn]
    pictures = torch.stack([pool.pictures(np.array(clip), np.array(step)) for (pool, clip), step in zip(drawn, steps, strict=True)])
    kinds = torch.tensor([int(pool.kinds[clip]) for pool, clip in drawn])
    envelopes = torch.tensor([float(pool.envelopes[clip, step]) for (pool, clip), step in zip(drawn, steps, strict=True)])
    return pictures, kinds, envelopes, torch.stack([pool.loudest[clip] for pool, clip in drawn])


def _shorten(pictures: torch.Tensor, rng: np.random.Generator, share: float | None = None) -> torch.Tensor:
    """Some of the pictures [n, 1, M, F] as those of sounds shorter than the window, or of its ends: what is heard goes on backwards."""
    num_frames = pictures.shape[3]
    for item in np.flatnonzero(rng.random(len(pictures)) < (_SHORTENED_SHARE if share is None else share)):
        first, last = int(rng.integers(0, num_frames // 2 - 2)), int(rng.integers(num_frames // 2 + 2, num_frames + 1))
        pictures[item] = pictures[item][:, :, first + mirrored(torch.arange(num_frames) - first, last - first)]
    return pictures


def _by_small_speakers(pictures: torch.Tensor, loudest: torch.Tensor, rng: np.random.Generator, share: float | None = None) -> torch.Tensor:
    """Some of the pictures [n, 1, M, F] without their lowest rows, and most of those without the highest, as telephones pass them on.

    Pictures say how far below the clip's loudest moment everything is, so what is left of a clip whose `loudest` rows [n, M] go rises.
    """
    num_mels = pictures.shape[2]
    rows = torch.arange(num_mels)
    for item in np.flatnonzero(rng.random(len(pictures)) < (_SMALL_SPEAKER_SHARE if share is None else share)):
        slope = rng.uniform(0.02, 0.15, 2)
        loss = (rng.uniform(0.03, 0.22) * num_mels - rows).clamp(min=0) * slope[0]
        if rng.random() < 0.6:
            loss = loss + (rows - rng.uniform(0.55, 1) * num_mels).clamp(min=0) * slope[1]
        rise = loudest[item].max() - (loudest[item] - loss).max()
        picture = pictures[item]
        pictures[item] = (picture + (rise - loss[:, None]) * (picture > 0)).clamp(0, 1)
    return pictures


def mask_pictures(pictures: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Log-mel pictures with an overall level and tilt added and a band and a span of time hidden, as microphones and masking sounds do."""
    num, _, mels, frames = pictures.shape
    shift = torch.from_numpy(rng.normal(0, 0.05, (num, 1, 1, 1))).float()
    tilt = torch.from_numpy(rng.normal(0, 0.08, (num, 1, 1, 1))).float() * torch.linspace(-1, 1, mels)[:, None]
    pictures = (pictures + (shift + tilt) * (pictures > 0)).clamp(0, 1)
    for item in range(num):
        if rng.random() < 0.3:
            low = rng.integers(mels - 8)
            pictures[item, :, low : low + rng.integers(1, 9)] = 0
        if rng.random() < 0.2:
            low = rng.integers(frames - 8)
            pictures[item, :, :, low : low + rng.integers(1, 9)] = 0
    return pictures


@torch.no_grad()
def _offsets_of_pool(encoder: SoundInversionEncoder, pool: SoundPool, progress: Progress) -> torch.Tensor:
    """What E_a hears in every window of a pool, bfloat16 [C, T, L, D]."""
    rows = []
    for clip in range(len(pool.kinds)):
        rows.append(hear_clips(encoder, pool.pictures(np.array(clip))[None])[0].bfloat16())
        progress(clip, len(pool.kinds), "what E_a hears")
    return torch.stack(rows)


@torch.no_grad()
def _hear_silence(encoder: torch.nn.Module, picture_mels: int, picture_frames: int) -> torch.Tensor:
    """What E_a hears in silence, bfloat16 [L, D]."""
    return encoder(torch.zeros(1, 1, picture_mels, picture_frames))[0].bfloat16()


@dataclasses.dataclass
class _Walks:
    """A batch of walks that go on from chunk to chunk, and the teacher's side of each."""

    state: WalkState
    codes: torch.Tensor
    kinds: torch.Tensor
    phase: torch.Tensor
    blend_from: torch.Tensor
    blend: torch.Tensor
    """How far each walk is on its way to its kind, 0..1."""

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


def _fresh(answers: Answers, num: int, num_ws: int, rng: np.random.Generator) -> _Walks:
    """Walks that begin at random codes."""
    codes = answers.codes[torch.from_numpy(rng.integers(len(answers.codes), size=num))]
    latents = answers.latents(codes)
    ws = latents[:, None].expand(-1, num_ws, -1).clone()
    return _Walks(WalkState(ws, ws), codes, codes[:, : len(KINDS)].argmax(1), answers.phase(ws), latents, torch.ones(num))


@torch.no_grad()
def _somewhere(answers: Answers, kinds: torch.Tensor, envelope: torch.Tensor, num_ws: int, rng: np.random.Generator) -> _Walks:
    """Walks that stand anywhere between a random code and where a sound of `kinds` [B] and strength `envelope` [B] leads, a little astray."""
    num = len(kinds)
    walks = _fresh(answers, num, num_ws, rng)
    walks.phase = torch.from_numpy(rng.random(num)).float()
    walks.kinds = kinds
    walks.blend = torch.from_numpy(np.clip(rng.random(num) * 1.6, 0, 1)).float()
    there = answers.latents(write_codes(walks.codes, kind=kinds, envelope=envelope, phase=walks.phase))
    eased = walks.blend * walks.blend * (3 - 2 * walks.blend)
    here = torch.lerp(walks.blend_from, there, eased[:, None])[:, None]
    far = torch.from_numpy(rng.random((num, 1, 1))).float() * (_ASTRAY * answers.w_scale)
    astray = torch.from_numpy(rng.standard_normal((num, num_ws, here.shape[-1]))).float()
    shared = torch.from_numpy(rng.standard_normal((num, 1, here.shape[-1]))).float()
    walks.state = WalkState(here + far * (astray + shared) / 2**0.5, walks.state.start_ws)
    return walks


def _restart_some(walks: _Walks, answers: Answers, num_ws: int, share: float, rng: np.random.Generator) -> _Walks:
    """Some walks begin anew, those that were lost among them; the others go on from where they are."""
    fresh = _fresh(answers, len(walks.codes), num_ws, rng)
    away = distance_out(walks.state.ws.detach(), answers.centre, answers.w_scale)
    anew = torch.from_numpy(rng.random(len(walks.codes)) < share) | ~(away < _LOST)

    def pick(new: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
        return torch.where(anew.view(-1, *[1] * (old.ndim - 1)), new, old)

    hidden = {name: torch.where(anew[None, :, None], 0.0, h.detach()) for name, h in walks.state.hidden.items()}
    state = WalkState(pick(fresh.state.ws, walks.state.ws.detach()), pick(fresh.state.start_ws, walks.state.start_ws), hidden, 1)
    return _Walks(
        state,
        pick(fresh.codes, walks.codes),
        pick(fresh.kinds, walks.kinds),
        pick(fresh.phase, walks.phase),
        pick(fresh.blend_from, walks.blend_from),
        pick(fresh.blend, walks.blend),
    )


@torch.no_grad()
def _teach_step(walks: _Walks, answers: Answers, envelope: torch.Tensor, walk_rate: float) -> torch.Tensor:
    """The latents [B, D] at which the walks should be after this step; the phase goes on from the one the walk itself shows."""
    shown = answers.phase(walks.state.ws.detach())
    walks.phase = torch.where(walks.blend >= 1, shown, walks.phase)
    slow, fast = PHASE_RATES
    walks.phase = walks.phase + (slow + (fast - slow) * envelope) / walk_rate
    wanted = answers.latents(write_codes(walks.codes, kind=walks.kinds, envelope=envelope, phase=walks.phase % 1))
    walks.blend = (walks.blend + 1 / (_BLEND_SECONDS * walk_rate)).clamp(max=1)
    eased = walks.blend * walks.blend * (3 - 2 * walks.blend)
    return torch.lerp(walks.blend_from, wanted, eased[:, None])


def train_walker(
    work: Path,
    answers: Answers,
    encoder: SoundInversionEncoder,
    pools: list[SoundPool],
    config: WalkerConfig,
    *,
    minutes: float,
    batch: int = 48,
    chunk: int = 24,
    rate: float = 2e-3,
    seed: int = 13,
    begin_with: Path | None = None,
    training: WalkTraining | None = None,
    progress: Progress = silent,
) -> torch.nn.Module:
    """The walker learns its steps (Eq. 4) on its own trajectories, by what E_a hears in pools; saved as walker.safetensors.

    `training` says how; its rate, batch and chunk are `rate`, `batch` and `chunk`.

    A new run begins with the weights of the file `begin_with`, if one is given. A run that was killed goes on from `walker.state`;
    `minutes` of computing count over all runs.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    walker = build_walker(config).train()
    if begin_with is not None:
        load_state(walker, load_walker(begin_with).state_dict(), str(begin_with))
    walker.centre.copy_(answers.centre)
    walker.scale.fill_(answers.w_scale)
    optimiser = torch.optim.Adam(walker.parameters(), rate, betas=(0.9, 0.98))
    settings = WalkSettings()
    parts: dict[str, Stateful] = {"net": walker, "optimiser": optimiser, "rng": NumpyRandom(rng)}
    training = training or _TODAY
    about = [dataclasses.asdict(config), batch, chunk, rate, seed, len(pools), *_unusual(training)]
    run = Run(work / "walker.state", parts, config=about, minutes=minutes, made_of=_learned_from(answers, pools))
    long_walks = _fresh(answers, batch, config.num_ws, rng) if run.is_new else _Walks.from_plain(run.extra["walks"])
    if run.unfinished:  # it takes minutes
        clips = [_Clips.of(pool, _offsets_of_pool(encoder, pool, progress)) for pool in pools]
        silence = _hear_silence(encoder, *pools[0].windows.shape[2:])
    while run.unfinished:
        with run.one_step():
            for group in optimiser.param_groups:
                group["lr"] = rate * min(1, (run.step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * run.done))
            short = run.done < training.short_share
            if short:
                any_kind = torch.from_numpy(rng.integers(len(KINDS), size=_SHORT_BATCH))
                audio, envelopes, kinds = _walker_batch(clips, silence, any_kind, _SHORT_CHUNK, answers, rng, training.doubt_share)
                walks = _somewhere(answers, kinds, envelopes[:, 0], config.num_ws, rng)
            else:
                walks = long_walks = _restart_some(long_walks, answers, config.num_ws, training.restarts, rng)
                audio, envelopes, kinds = _walker_batch(clips, silence, walks.kinds, chunk, answers, rng, training.doubt_share)
                changed = kinds != walks.kinds
                walks.blend_from = torch.where(changed[:, None], walks.state.ws.detach().mean(1), walks.blend_from)
                walks.blend, walks.kinds = torch.where(changed, torch.zeros(batch), walks.blend), kinds
            loss, strength = torch.zeros(()), torch.zeros(())
            for t in range(envelopes.shape[1]):
                wanted = _teach_step(walks, answers, envelopes[:, t], config.walk_rate)
                with torch.autocast("cpu", torch.bfloat16, enabled=fast_bfloat16()):
                    walks.state = take_step(walker, walks.state, audio[:, t].float(), settings)
                error = (walks.state.ws - wanted[:, None]) / answers.w_scale
                loss = loss + F.smooth_l1_loss(error, torch.zeros_like(error), beta=0.3) / envelopes.shape[1]
                there = (walks.blend >= 1).float()
                apart = F.smooth_l1_loss(answers.envelope(walks.state.ws), envelopes[:, t], beta=0.2, reduction="none")
                strength = strength + (there * apart).mean() / envelopes.shape[1]
            optimiser.zero_grad()
            (loss + training.envelope_weight * strength).backward()  # type: ignore[no-untyped-call]
            if torch.nn.utils.clip_grad_norm_(walker.parameters(), 1.0).isfinite():  # a walk that got lost in this chunk must not spoil the weights
                optimiser.step()
            run.note(loss=loss.item(), envelope=strength.item())
            run.extra["walks"] = long_walks.to_plain()
        progress(run.seconds, minutes * 60, f"walker, {'short' if short else 'long'} walks, step {run.step}, loss {run.mean('loss'):.4f}")
    walker.eval().requires_grad_(False)
    save_walker(work / "walker.safetensors", walker, config)
    return walker


@dataclasses.dataclass(frozen=True)
class _Clips:
    """Clips of one pool, with what E_a hears in them, sorted by kind."""

    pool: SoundPool
    heard: torch.Tensor
    of_kind: dict[int, np.ndarray]

    @classmethod
    def of(cls, pool: SoundPool, heard: torch.Tensor) -> "_Clips":
        return cls(pool, heard, {int(kind): np.flatnonzero(pool.kinds == kind) for kind in np.unique(pool.kinds)})


def _doubt(answers: Answers, kind: int, envelopes: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """What an E_a that isn't sure adds to the offsets of a clip of envelopes [T]: [T, 1, D].

    It stands part of the way to one or several other kinds of the same strength, wavering, and on the whole nearest its own. A walker
    that knows this settles on one scene for a sound unlike those E_a learned, instead of a picture between two.
    """
    shares = rng.dirichlet(np.full(len(answers.offsets), 0.5))
    shares[kind] = 0
    shares /= shares.sum()
    far = rng.uniform(0, 0.95 / (1 + shares.max()))
    turns = rng.random() + np.arange(len(envelopes)) * rng.uniform(0.02, 0.25)
    wavering = torch.from_numpy(far * (1 + rng.uniform(0, 0.6) * np.sin(2 * np.pi * turns))).float()
    kinds = torch.arange(len(shares)).repeat_interleave(len(envelopes))
    offsets = answers.offset(kinds, envelopes.repeat(len(shares))).unflatten(0, (len(shares), -1))  # [K, T, D]
    others = torch.einsum("k,ktd->td", torch.from_numpy(shares).float(), offsets)
    return (wavering[:, None] * (others - offsets[kind]))[:, None]


def _walker_batch(
    clips: list[_Clips],
    silence: torch.Tensor,
    kinds_now: torch.Tensor,
    chunk: int,
    answers: Answers,
    rng: np.random.Generator,
    doubt_share: float = _DOUBT_SHARE,
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
        if rng.random() < doubt_share:
            heard = (heard + _doubt(answers, kind, envelope, rng)).bfloat16()
        audio.append(heard)
        envelopes.append(envelope)
        kinds.append(kind)
    return torch.stack(audio), torch.stack(envelopes), torch.tensor(kinds)
