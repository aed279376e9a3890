"""Stage three on clips of one's own: E_a and the walker, G frozen, by the paper's losses (Eq. 1 to 9).

Real clips come from the data set. A step's item is a moment of a clip: the sounds up to it and on, its frames, and a random start latent.
Before the first step there's a warm start: where each label leads is found through the joint space (Eq. 2 with the label's words and
sounds, `label_offsets`), E_a learns it, and the walker follows.
"""

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from ...assembly import (
    AnyJointSpace,
    build_critics,
    build_sound_encoder,
    build_walker,
    save_sound_encoder,
    save_walker,
)
from ...audio.mel import quantise
from ...critics.size import to_critic_size
from ...curves.loudness import loudness_envelope
from ...datasets import ClipData, ClipInfo
from ...devices import to_dtype
from ...errors import ConfigError
from ...generation.seeded_start import random_start
from ...generation.trajectory import count_windows, to_rate
from ...guidance.few_shot_fit import LabelledWindows, SoundFitSettings, Surroundings, teach_offsets
from ...guidance.label_directions import embed_labels, find_label_directions
from ...latents import distance_out, latent_scale
from ...progress import Progress, silent
from ...randomness import generator_at
from ...sound_inversion import SoundInversionEncoder, hear_part
from ...synthesis import Generator, rgb_images
from ...walker import WalkState, take_step
from ...walker.analytic import analytic_walker
from .. import losses
from ..runs.ema import decay_of_steps, ema_update
from ..runs.gradients import gradient_shares
from ..runs.prefetch import Prefetcher
from ..runs.ranks import Ranks
from ..runs.settings import CONFIG_FILE, write_stage_config
from ..runs.state import Stateful
from ..runs.steps import Checkpoints, RunPolicy, SteppedRun
from .samples import write_samples
from .sgvg_config import ClipSgvgConfig
from .walks import WalkReader, Walks
from .windows import ClipWindows, rng_of

FOLDER = "clip_sgvg"
"""In the work folder: checkpoints, log, settings and samples of this stage."""
_WARM_MOMENTS, _MOMENTS_A_HEARING = 24, 6
"""Moments of each clip in the warm start; and how many share one augmentation, where a clip has to be encoded as a whole."""
_NUM_MEASURED = 256
"""Number of latents that are drawn to measure their spread."""
_ENCODED_AT_ONCE = 24
"""Steps of the burn-in that go through E_a at once, so that long walks take no more memory."""


class ClipSgvgTraining:
    """E_a, the walker, their averages, D_V and D_I, and one step of all. `note` gets every term before weights change and may raise."""

    def __init__(
        self, config: ClipSgvgConfig, generator: Generator, space: AnyJointSpace, labels: Sequence[str], ranks: Ranks | None = None
    ) -> None:
        self.config, self.ranks = config, ranks or Ranks()
        self.generator, self.space = generator.to(self.ranks.device), space.to(self.ranks.device)
        self.slices = self.ranks.slices(config.batch, config.accumulate)
        self.dtype = to_dtype(config.dtype, self.ranks.device)
        self.words = embed_labels(space, labels) if labels and config.terms.sound_text else None
        _check_hearing(config, space)
        num_ws, w_dim = generator.num_ws, generator.w_dim
        self.encoder_config = dataclasses.replace(config.encoder, segment_rate=config.walker.walk_rate, num_ws=num_ws, w_dim=w_dim)
        self.walker_config = dataclasses.replace(config.walker, num_ws=num_ws, w_dim=w_dim)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.encoder, self.walker = build_sound_encoder(self.encoder_config), build_walker(self.walker_config)
            self.video_critic, self.image_critic = build_critics(config.critics)
        self.walker.centre.copy_(generator.w_avg.detach().float().cpu())
        self.w_scale = 1.0 if config.reset_distance is None else latent_scale(random_start(generator, config.seed, num_codes=_NUM_MEASURED))
        self._times_lost: int | torch.Tensor = 0
        self.encoder_ema, self.walker_ema = copy.deepcopy(self.encoder), copy.deepcopy(self.walker)
        for module in self._modules.values():
            module.to(self.ranks.device)
        self.init_from(self.encoder, self.walker)
        lrs = ((self.encoder, config.encoder_lr), (self.walker, config.walker_lr))
        self.optimiser = torch.optim.AdamW([{"params": list(part.parameters()), "lr": lr} for part, lr in lrs], weight_decay=0.0, fused=True)
        self.answering = [*self.video_critic.parameters(), *self.image_critic.parameters()]
        self.critic_optimiser = torch.optim.Adam(self.answering, config.critic_lr, betas=(0.5, 0.999), fused=True)
        self.note: Callable[..., Any] = lambda **values: None

    @property
    def _modules(self) -> dict[str, torch.nn.Module]:
        return {"encoder": self.encoder, "walker": self.walker, "mean_encoder": self.encoder_ema, "mean_walker": self.walker_ema,
                "video_critic": self.video_critic, "image_critic": self.image_critic}  # fmt: skip

    @property
    def parts(self) -> dict[str, Stateful]:
        """All that a step changes."""
        return {**self._modules, "optimiser": self.optimiser, "critic_optimiser": self.critic_optimiser}

    @property
    def trained(self) -> list[torch.nn.Parameter]:
        """What E_a and the walker learn."""
        return [*self.encoder.parameters(), *self.walker.parameters()]

    def init_from(self, encoder: torch.nn.Module, walker: torch.nn.Module) -> None:
        """Take over the weights of an encoder and a walker of the same sizes."""
        for own, mean, other in ((self.encoder, self.encoder_ema, encoder), (self.walker, self.walker_ema, walker)):
            own.load_state_dict(other.state_dict())
            mean.load_state_dict(other.state_dict())
            own.train().requires_grad_(True)
            mean.eval().requires_grad_(False)
        self.encoder.train_without_dropout()

    @torch.no_grad()
    def burn_in(self, sounds: torch.Tensor, start_ws: torch.Tensor, inside: torch.Tensor | None = None) -> WalkState:
        """Where walks from `start_ws` [n, L, D] stand after what they heard before their frames count, [n, r + before + r, 1, M, F] with what is
        around (`Walks`).

        `sounds` are log-mel windows in 0..1; `inside` says which of them are a sound's own (None: all).
        """
        state, end = WalkState(start_ws, start_ws), sounds.shape[1] - self.encoder.reach
        for first in range(self.encoder.reach, end, _ENCODED_AT_ONCE):
            for audio in self._offsets(sounds, slice(first, min(first + _ENCODED_AT_ONCE, end)), inside):
                state = self._begin_lost_anew(self._step(state, audio))
        return state

    def _begin_lost_anew(self, state: WalkState) -> WalkState:
        """The same, but that lost walks stand at their start again and remember nothing."""
        if self.config.reset_distance is None:
            return state
        lost = ~(distance_out(state.ws, self.generator.w_avg, self.w_scale) < self.config.reset_distance)  # what isn't a number is lost too
        self._times_lost = self._times_lost + lost.sum()
        hidden = {name: h.masked_fill(lost[None, :, None], 0) for name, h in state.hidden.items()}
        return dataclasses.replace(state, ws=torch.where(lost[:, None, None], state.start_ws, state.ws), hidden=hidden)

    def rollout(self, state: WalkState, sounds: torch.Tensor, inside: torch.Tensor | None = None) -> torch.Tensor:
        """Latents [n, T, L, D] of the steps that walks take from where they stand (Eq. 1 and 4), with gradients; `sounds` [n, r + T + r, 1, M, F].

        `inside` says which windows are a sound's own (None: all).
        """
        ws, reach = [], self.encoder.reach
        for audio in self._offsets(sounds, slice(reach, sounds.shape[1] - reach), inside):
            state = self._step(state, audio)
            ws.append(state.ws)
        return torch.stack(ws, 1)

    def _offsets(self, sounds: torch.Tensor, part: slice, inside: torch.Tensor | None) -> tuple[torch.Tensor, ...]:
        """What E_a hears in a part of sounds, step after step, [n, L, D] each."""
        return hear_part(self.encoder, sounds, part, inside).unbind(1)

    def _before(self, walks: Walks) -> WalkState:
        """Where walks stand when their frames begin to count."""
        num_frames = walks.real.shape[1]
        return self.burn_in(walks.sounds[:, :-num_frames], walks.start_ws, None if walks.inside is None else walks.inside[:, :-num_frames])

    def _from(self, state: WalkState, walks: Walks) -> torch.Tensor:
        """The latents of the frames that count."""
        last = walks.real.shape[1] + 2 * self.encoder.reach
        return self.rollout(state, walks.sounds[:, -last:], None if walks.inside is None else walks.inside[:, -last:])

    def _step(self, state: WalkState, audio: torch.Tensor) -> WalkState:
        after = take_step(self.walker, state, audio, self.config.walk)
        return after if self.config.recurrence else dataclasses.replace(after, hidden={})

    def paint(self, ws: torch.Tensor) -> torch.Tensor:
        """Frames [n T, 3, H, W] of latents [n, T, L, D] (Eq. 6)."""
        return rgb_images(self.generator, ws.flatten(0, 1), noise_mode="const", dtype=self.dtype).float()

    def encoder_terms(self, frames: torch.Tensor, ws: torch.Tensor, walks: Walks) -> dict[str, torch.Tensor]:
        """The terms of Eq. 3 that count, without their weights. `frames` [n T, 3, H, W] are what `ws` [n, T, L, D] show."""
        weights, num_frames, terms = self.config.weights, ws.shape[1], {}
        if "sound_image" in weights or "sound_text" in weights:
            images = self.space.embed_images(frames)
        if "sound_image" in weights:
            with torch.no_grad():
                last = walks.sounds.shape[1] - self.encoder.reach
                sounds = self.space.embed_sounds(walks.sounds[:, last - num_frames : last].flatten(0, 1))
            terms["sound_image"] = losses.sound_image(images, sounds)
        if "sound_text" in weights and self.words is not None:
            labels = walks.labels.repeat_interleave(num_frames)
            known = labels >= 0
            words = self.words[labels.clamp(min=0)]
            terms["sound_text"] = ((1 - F.cosine_similarity(images, words, dim=-1)) * known).sum() / known.sum().clamp(min=1)
        if "spread" in weights:
            terms["spread"] = losses.spread(ws)
        return terms

    def adversarial_terms(self, frames: torch.Tensor, num_frames: int) -> dict[str, torch.Tensor]:
        """The side of E_a and the walker against D_V and D_I (Eq. 9). `frames` are [n `num_frames`, 3, H, W]."""
        weights, small, terms = self.config.weights, to_critic_size(frames, self.config.critics.image_size), {}
        if "video" in weights:
            terms["video"] = losses.adversarial(self.video_critic(small.unflatten(0, (-1, num_frames))), self.config.gan_loss)
        if "image" in weights:
            terms["image"] = losses.adversarial(self.image_critic(small), self.config.gan_loss)
        return terms

    def critic_terms(self, real: torch.Tensor, frames: torch.Tensor) -> dict[str, torch.Tensor]:
        """Eq. 7 and 8: real clips [n, T, 3, s, s], made frames [n T, 3, H, W]."""
        weights, small, terms = self.config.weights, to_critic_size(frames, self.config.critics.image_size), {}
        if "video" in weights:
            made = self.video_critic(small.unflatten(0, real.shape[:2]))
            terms["video_critic"] = losses.video_critic(self.video_critic(real), made, self.config.gan_loss)
        if "image" in weights:
            terms["image_critic"] = losses.image_critic(self.image_critic(real.flatten(0, 1)), self.image_critic(small), self.config.gan_loss)
        return terms

    def step(self, step: int, walks: Walks) -> None:
        """One step; `walks` are this rank's items. First D_V and D_I learn, then E_a and the walker."""
        walks = walks.to(self.ranks.device)
        size = len(walks.sounds) // len(self.slices)
        some = [walks.some(slice(first, first + size)) for first in range(0, len(walks.sounds), size)]
        num_frames = walks.real.shape[1]
        self._times_lost = 0
        before = [self._before(part) for part in some]
        if self.config.reset_distance is not None:
            self.note(lost=self._times_lost / len(walks.sounds))
        ws = self._from(before[0], some[0])
        frames = self.paint(ws)  # of the first slice they are made once for both updates; keeping all of them would take the memory that slices save
        with torch.no_grad():
            adversarial = {"video", "image"} & set(self.config.weights)
            made = [frames.detach(), *(self.paint(self._from(*there)) for there in zip(before[1:], some[1:], strict=True))] if adversarial else []
        self._teach_critics([part.real for part in some], made)
        for parameter in self.answering:
            parameter.requires_grad_(False)  # from here on they only judge
        self.optimiser.zero_grad()
        totals: dict[str, torch.Tensor] = {}
        for place, part in enumerate(some):
            if place:
                ws = self._from(before[place], part)
                frames = self.paint(ws)
            terms = {**self.encoder_terms(frames, ws, part), **self.adversarial_terms(frames, num_frames)}
            weighted = {name: self.config.weights[name] * term for name, term in terms.items()}
            if place == 0 and step % self.config.share_every == 0:
                self.note(**{f"share_{name}": share for name, share in gradient_shares(weighted, self.trained).items()})
            (torch.stack(list(weighted.values())).sum() / len(some)).backward()  # type: ignore[no-untyped-call]
            for name, term in terms.items():
                totals[name] = totals.get(name, torch.zeros_like(term)) + term.detach() / len(some)
        self.ranks.average_gradients(self.trained)
        norm = torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.note(loss=losses.total(totals, self.config.weights), **totals, gradient_norm=norm)
        self.optimiser.step()
        decay = decay_of_steps(step, self.config.average_steps)
        ema_update(self.encoder_ema, self.encoder, decay)
        ema_update(self.walker_ema, self.walker, decay)

    def _teach_critics(self, real: list[torch.Tensor], made: list[torch.Tensor]) -> None:
        if not made:
            return
        for parameter in self.answering:
            parameter.requires_grad_(True)
        self.critic_optimiser.zero_grad()
        totals: dict[str, torch.Tensor] = {}
        for own, other in zip(real, made, strict=True):
            terms = self.critic_terms(own, other)
            (torch.stack(list(terms.values())).sum() / len(real)).backward()  # type: ignore[no-untyped-call]
            for name, term in terms.items():
                totals[name] = totals.get(name, torch.zeros_like(term)) + term.detach() / len(real)
        self.ranks.average_gradients(self.answering)
        self.note(**totals)
        self.critic_optimiser.step()


def _check_hearing(config: ClipSgvgConfig, space: AnyJointSpace) -> None:
    """Raise ConfigError unless the joint space hears what E_a hears."""
    if "sound_image" in config.weights and space.mel != config.mel:
        raise ConfigError(f"mel: E_a hears {config.mel}, but the joint space {space.mel}; give both the same, or switch terms.sound_image off")


def warm_start(training: ClipSgvgTraining, windows: ClipWindows, progress: Progress = silent) -> dict[str, float]:
    """E_a learns where each label leads, the walker follows; how well that went. Nothing happens without labels, or with no steps for it."""
    config, settings = training.config, training.config.warm_start
    labelled = [clip for clip in windows.clips if windows.label(clip) >= 0]
    labels = [label for label in windows.labels if any(clip.label == label for clip in labelled)]
    if not settings.num_steps or not labels:
        return {}
    heard = _analyse_clips(windows, labelled, labels, config, training.encoder, progress)
    directions = _label_directions(training, heard, labels)
    found = find_label_directions(training.generator, training.space, labels, settings.search, progress, directions=directions)
    encoder = copy.deepcopy(training.encoder)
    fit = SoundFitSettings(search=settings.search, num_steps=settings.num_steps, batch=settings.batch, lr=settings.lr, quiet=settings.quiet,
                           seed=config.seed)  # fmt: skip
    loss = teach_offsets(encoder, heard, found, fit, progress)
    walker = training.walker
    if 2 * len(labels) <= config.walker.hidden:
        centre = training.generator.w_avg.detach().float().cpu()
        walker = analytic_walker(training.walker_config, found.offsets, centre, found.w_scale, seed=config.seed)
    training.init_from(encoder, walker)
    return {"warm_start_loss": loss, "label_found": float(found.after.mean()), "label_found_before": float(found.before.mean())}


def _analyse_clips(
    windows: ClipWindows, clips: Sequence[Any], labels: Sequence[str], config: ClipSgvgConfig, encoder: SoundInversionEncoder, progress: Progress
) -> LabelledWindows:
    """Some moments of each clip, with what label they have and how loud they are; and what is around them, if E_a's texture reaches there."""
    rate, images, numbers, strengths = to_rate(config.walker.walk_rate), [], [], []
    whole = _WholeClips(windows, rate, encoder) if encoder.reach else None
    for index, clip in enumerate(clips):
        progress(index, len(clips), "hear the clips")
        samples, _ = windows.sound(clip)
        num_steps = max(1, int(clip.seconds * rate))
        envelope = loudness_envelope(samples.numpy(), config.mel.sample_rate, float(rate), num_steps)
        chosen = generator_at(config.seed, "warm start", index)
        for count, place in enumerate(torch.randperm(num_steps, generator=chosen)[:_WARM_MOMENTS].tolist()):
            if whole is None:
                image = windows.windows(clip, float(place / rate), rate, 1, rng_of(chosen))[0, 0]
            else:
                image = whole.moment(clip, place, rng_of(chosen) if count % _MOMENTS_A_HEARING == 0 else None)
            images.append(quantise(image).numpy())
            numbers.append(labels.index(clip.label))
            strengths.append(envelope[place])
    around = None if whole is None else whole.surroundings()
    return LabelledWindows(np.stack(images), np.array(numbers), np.array(strengths, np.float32), around)


class _WholeClips:
    """Moments of clips that are heard as a whole, each time as another room, microphone or codec would have them."""

    def __init__(self, windows: ClipWindows, lr: Fraction, encoder: SoundInversionEncoder) -> None:
        self.windows, self.rate, self.encoder = windows, lr, encoder
        self._numbers: list[torch.Tensor] = []
        self._places: list[tuple[int, int, int]] = []
        self._heard, self._first = torch.empty(0), 0

    @torch.no_grad()
    def moment(self, clip: ClipInfo, place: int, rng: np.random.Generator | None) -> torch.Tensor:
        """Window `place` of a clip, [M, F]; with `rng` the clip is heard anew, else as the last time."""
        if rng is not None:
            self._first += len(self._heard)
            self._heard = self.windows.windows(clip, 0.0, self.rate, count_windows(clip.seconds, self.rate), rng)
            self._numbers.append(self.encoder.measure_textures(self._heard.to(next(self.encoder.parameters()).device)).cpu())
        self._places.append((self._first + place, self._first, self._first + len(self._heard) - 1))
        return self._heard[place, 0]

    def surroundings(self) -> Surroundings:
        """What is around the moments so far."""
        return Surroundings(torch.cat(self._numbers), *np.array(self._places).T)


@torch.no_grad()
def _label_directions(training: ClipSgvgTraining, heard: LabelledWindows, labels: Sequence[str]) -> torch.Tensor:
    """Where each label lies in the joint space [K, E]: its words, and its sounds where the space hears."""
    words = embed_labels(training.space, labels)
    if "sound_image" not in training.config.weights:
        return words
    sounds = []
    for label in range(len(labels)):
        rows = np.flatnonzero(heard.labels == label)
        embedded = [training.space.embed_sounds(heard.log_mel(some).to(training.ranks.device)) for some in np.array_split(rows, len(rows) // 64 + 1)]
        sounds.append(F.normalize(torch.cat(embedded).mean(0), dim=0))
    return F.normalize(words + torch.stack(sounds), dim=1)


def train_clip_sgvg(
    work: Path,
    data: ClipData,
    generator: Generator,
    space: AnyJointSpace,
    config: ClipSgvgConfig,
    *,
    inputs: Mapping[str, Any] | None = None,
    policy: RunPolicy | None = None,
    init_from: tuple[torch.nn.Module, torch.nn.Module] | None = None,
    ranks: Ranks | None = None,
    workers: int = 2,
    progress: Progress = silent,
) -> Path:
    """Learn E_a and the walker from clips, or go on; returns `work`, where sound_encoder and walker .safetensors lie.

    Beside them `clip_sgvg/` holds config.json, metrics.jsonl (every term, and its share of the gradient), checkpoints and samples.
    `inputs` says which generator and joint space these are (hashes): a run doesn't go on with others. `init_from` is a sound encoder and a
    walker of the settings' sizes, to begin with instead of the warm start. Raises ConfigError, DataError, TrainingError.
    """
    ranks = ranks or Ranks()
    policy = dataclasses.replace(policy or RunPolicy(), num_steps=config.num_steps)
    folder, windows = work / FOLDER, ClipWindows(data, config.mel)
    training = ClipSgvgTraining(config, generator, space, data.labels, ranks)
    begun = Checkpoints(folder / "checkpoints", policy.keep_last, policy.keep_every).newest() is not None
    if init_from is not None:
        training.init_from(*init_from)
    warmed = {} if begun or init_from is not None else warm_start(training, windows, progress if ranks.is_first else silent)
    reader = WalkReader(windows, copy.deepcopy(generator).cpu() if ranks.device.type != "cpu" else generator, config)
    shown = ClipWindows(data, config.mel, "test" if data.clips("test") else "train")
    about = {**dataclasses.asdict(config), "data": data.hash, "inputs": dict(inputs or {})}

    def sheet(step: int) -> torch.Tensor:
        return write_samples(folder / "samples", step, generator, training.encoder_ema, training.walker_ema, shown, config.walk, config.seed)

    name = "sound encoder and walker"
    run = SteppedRun(
        folder, training.parts, config=about, defaults=dataclasses.asdict(ClipSgvgConfig()), policy=policy, ranks=ranks, name=name, sheet=sheet,
        progress=progress,
    )  # fmt: skip
    training.note = run.note
    items = range(training.slices[0].start, training.slices[-1].stop)
    with run, Prefetcher(lambda step: reader.read(step, items), end=policy.num_steps, workers=workers) as batches:
        if ranks.is_first:
            write_stage_config(folder / CONFIG_FILE, config)
            if run.is_new and policy.sheet_every:
                run.make_sheet(0)
        for step in run.steps():
            if step == 0 and warmed:
                run.note(**warmed)
            with run.waiting():
                walks = batches.get(step)
            training.step(step, walks)
    if ranks.is_first and not run.unfinished:
        save_sound_encoder(work / "sound_encoder.safetensors", training.encoder_ema, training.encoder_config, config.mel)
        save_walker(work / "walker.safetensors", training.walker_ema, training.walker_config)
    ranks.wait()
    return work
