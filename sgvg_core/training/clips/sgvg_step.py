"""One step of E_a, the walker and their discriminators on own clips (Eq. 3, 7, 8 and 9)."""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import torch

from ...assembly import (
    AnyJointSpace,
    build_critics,
    build_sound_encoder,
    build_walker,
)
from ...critics.size import to_critic_size
from ...devices import to_dtype
from ...errors import ConfigError
from ...generation.seeded_start import random_start
from ...guidance.label_directions import embed_labels
from ...latents import distance_out, latent_scale
from ...sound_inversion import hear_part
from ...synthesis import Generator, rgb_images
from ...walker import WalkState, take_step
from .. import losses
from ..runs.ema import decay_of_steps, ema_update
from ..runs.gradients import gradient_shares
from ..runs.loop import Stateful
from ..runs.ranks import Ranks
from .sgvg_config import ClipSgvgConfig
from .walks import Walks

_NUM_MEASURED = 256
"""Number of latents that are drawn to measure their spread."""
_ENCODED_AT_ONCE = 24
"""Steps of the burn-in that go through E_a at once, so that long walks take no more memory."""


class ClipSgvgTraining:
    """E_a, the walker, their averages, D_V and D_I, and one step of all. `note` gets every term before weights change and may raise.

    `labels` are what the clips' numbers mean (empty: no term knows words). Without `ranks` this process is the only one.
    """

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
        """Where walks from `start_ws` [n, L, D] are after what they heard before their frames count, [n, r + before + r, 1, M, F] with what is
        around (`Walks`).

        `sounds` are log-mel windows in 0..1; `inside` says which of them are a sound's own (None: all).
        """
        state, end = WalkState(start_ws, start_ws), sounds.shape[1] - self.encoder.reach
        for first in range(self.encoder.reach, end, _ENCODED_AT_ONCE):
            for audio in self._offsets(sounds, slice(first, min(first + _ENCODED_AT_ONCE, end)), inside):
                state = self._begin_lost_anew(self._step(state, audio))
        return state

    def _begin_lost_anew(self, state: WalkState) -> WalkState:
        """The same, but that lost walks are at their start again and remember nothing."""
        if self.config.reset_distance is None:
            return state
        lost = ~(distance_out(state.ws, self.generator.w_avg, self.w_scale) < self.config.reset_distance)  # what isn't a number is lost too
        self._times_lost = self._times_lost + lost.sum()
        hidden = {name: h.masked_fill(lost[None, :, None], 0) for name, h in state.hidden.items()}
        return dataclasses.replace(state, ws=torch.where(lost[:, None, None], state.start_ws, state.ws), hidden=hidden)

    def rollout(self, state: WalkState, sounds: torch.Tensor, inside: torch.Tensor | None = None) -> torch.Tensor:
        """Latents [n, T, L, D] of the steps that walks take from where they are (Eq. 1 and 4), with gradients; `sounds` [n, r + T + r, 1, M, F].

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
        """Where walks are when their frames begin to count."""
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
        weights, num_frames = self.config.weights, ws.shape[1]
        images = sounds = words = known = None
        if "sound_image" in weights or "sound_text" in weights:
            images = self.space.embed_images(frames)
        if "sound_image" in weights:
            with torch.no_grad():
                last = walks.sounds.shape[1] - self.encoder.reach
                sounds = self.space.embed_sounds(walks.sounds[:, last - num_frames : last].flatten(0, 1))
        if "sound_text" in weights and self.words is not None:
            labels = walks.labels.repeat_interleave(num_frames)
            words, known = self.words[labels.clamp(min=0)], labels >= 0
        return losses.encoder_terms(images, sounds, words, ws if "spread" in weights else None, known)

    def adversarial_terms(self, frames: torch.Tensor, num_frames: int) -> dict[str, torch.Tensor]:
        """The side of E_a and the walker against D_V and D_I (Eq. 9). `frames` are [n `num_frames`, 3, H, W]."""
        weights, small = self.config.weights, to_critic_size(frames, self.config.critics.image_size)
        video = self.video_critic(small.unflatten(0, (-1, num_frames))) if "video" in weights else None
        image = self.image_critic(small) if "image" in weights else None
        return losses.adversarial_terms(video, image, self.config.gan_loss)

    def critic_terms(self, real: torch.Tensor, frames: torch.Tensor) -> dict[str, torch.Tensor]:
        """Eq. 7 and 8: real clips [n, T, 3, s, s], made frames [n T, 3, H, W]."""
        weights, small, video, image = self.config.weights, to_critic_size(frames, self.config.critics.image_size), None, None
        if "video" in weights:
            made = self.video_critic(small.unflatten(0, real.shape[:2]))
            video = self.video_critic(real), made
        if "image" in weights:
            image = self.image_critic(real.flatten(0, 1)), self.image_critic(small)
        return losses.critic_terms(video, image, self.config.gan_loss)

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
            if place == 0 and step % self.config.share_every == 0:
                shares = gradient_shares(losses.weighted(terms, self.config.weights), self.trained)
                self.note(**{f"share_{name}": share for name, share in shares.items()})
            (losses.total(terms, self.config.weights) / len(some)).backward()  # type: ignore[no-untyped-call]
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
