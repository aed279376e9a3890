"""Stage four: E_a and the walker trained through the frozen generator, by the paper's losses alone.

After the warm-up (`walk`) come two phases: L_enc of Eq. 3 with the joint space frozen, then Eq. 9, where D_V and D_I see rendered clips
as real ones (Eq. 7 and 8). Both walk short rollouts: some steps without gradients, then `num_frames` with them. Each phase resumes
from its state file, logs every term with its share of the gradient, and leaves its own sound_encoder and walker.
"""

import copy
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from ...assembly import (
    build_critics,
    load_generator,
    load_joint_space,
    load_sound_encoder,
    load_walker,
    save_sound_encoder,
    save_walker,
)
from ...config import (
    CriticConfig,
    MelConfig,
    SoundInversionConfig,
    check_choice,
    check_range,
)
from ...critics.size import to_critic_size
from ...devices import to_device, training_dtype
from ...embedding import JointSpace
from ...errors import ConfigError
from ...hashing import fingerprint
from ...progress import Progress, silent
from ...sound_inversion import SoundInversionEncoder, hear_part
from ...synthesis import StyleGAN2Generator, rgb_images
from ...walker import RecurrentWalker, WalkSettings, WalkState, config_of_walker, take_step
from ...world import KINDS
from ...world.codes import draw_codes, write_codes
from .. import losses
from ..runs.ema import decay_of_steps, ema_update
from ..runs.gradients import gradient_shares
from ..runs.loop import Stateful
from ..runs.state import NumpyRandom, append_log
from ..runs.timed import Run
from .rendered_clips import RenderedClips
from .results import generator_file
from .sound_pool import SoundPool, draw_clips, with_mixture_weights

PHASES = ("encoder_loss", "critics")
"""L_enc alone, then Eq. 9 with D_V and D_I; also the folders of their results."""
_AVERAGE_STEPS = 100.0


@dataclasses.dataclass(frozen=True)
class FinetuneConfig:
    """How E_a and the walker are trained by the paper's losses. lambda_b and lambda_enc have no published values: these are ours."""

    lambda_b: float = 0.1
    """Weight of the spread in Eq. 3."""
    lambda_enc: float = 2.0
    """Weight of L_enc in Eq. 9."""
    gan_loss: str = "lsgan"
    """How D_V and D_I are asked: one of `losses.GAN_LOSSES`."""
    encoder_lr: float = 1e-4
    """AdamW's rate for E_a."""
    walker_lr: float = 1e-4
    """AdamW's rate for the walker."""
    critic_lr: float = 2e-4
    """Adam's rate for D_V and D_I."""
    batch: int = 2
    """Walks a step."""
    burn_in_steps: tuple[int, ...] = (0, 12, 24, 36)
    """A walk has made one of these numbers of steps, without gradients, before the frames that count; 12 are a second."""
    other_share: float = 0.5
    """Share of walks that begin in another scene than the sound's, where at least 12 steps come before."""
    real_share: float = 0.2
    """Share of recordings among the sounds of each scene that has some."""
    share_every: int = 20
    """Steps between two logs of each term's own gradient."""
    bfloat16: bool = True
    """Whether the generator computes in bfloat16, on processors that are faster in it."""
    seed: int = 17

    def __post_init__(self) -> None:
        check_choice("gan_loss", self.gan_loss, losses.GAN_LOSSES)
        check_range("finetune batch", self.batch, 1, 4096)
        check_range("finetune share_every", self.share_every, 1, 10**9)
        for name in ("lambda_b", "lambda_enc"):
            check_range(f"finetune {name}", getattr(self, name), 0, 1e6)


@dataclasses.dataclass(frozen=True)
class FrozenParts:
    """What isn't trained: G and the joint space, and the embeddings of the nine labels [K, E]."""

    generator: StyleGAN2Generator
    space: JointSpace
    labels: torch.Tensor
    device: torch.device

    @classmethod
    def load(cls, work: Path, device: str = "cpu") -> "FrozenParts":
        """From the work folder of the stages before. `device` is "cpu" or "cuda". Raises ConfigError for parts of another kind than those
        stages make.
        """
        where = to_device(device)
        space = load_joint_space(work / "joint_space.safetensors", where)
        if not isinstance(space, JointSpace):
            raise ConfigError(f"{work}: got a sound tower for a CLIP model, but fine-tuning is for the joint space that stage two trains")
        with torch.no_grad():
            labels = space.embed_texts(KINDS)
        generator = load_generator(generator_file(work), where)
        if not isinstance(generator, StyleGAN2Generator):
            raise ConfigError(f"{work}: got a StyleGAN3 generator, but fine-tuning is for the StyleGAN2 that stage one trains")
        return cls(generator, space, labels, where)


@dataclasses.dataclass(frozen=True)
class SoundBatch:
    """Sounds of B walks: log-mel windows [B, r + n + T + r, 1, M, F] (n steps before, and r = `reach` windows around, from which textures are
    averaged too), their kinds [B], start latents [B, L, D]."""

    windows: torch.Tensor
    kinds: torch.Tensor
    start_ws: torch.Tensor
    reach: int = 0
    inside: torch.Tensor | None = None
    """Which windows lie within their sound, bool [B, r + n + T + r]; None: all."""

    @property
    def steps(self) -> torch.Tensor:
        """The windows that the walks themselves hear, [B, n + T, 1, M, F]."""
        return self.windows[:, self.reach : self.windows.shape[1] - self.reach]


@torch.no_grad()
def draw_batch(
    frozen: FrozenParts, pools: list[SoundPool], config: FinetuneConfig, num_frames: int, rng: np.random.Generator, reach: int = 0
) -> SoundBatch:
    """Sounds of every kind alike, and random start latents; a walk of no more than some steps before begins in the sound's own scene.

    `reach` is that of the encoder which is to hear them: the number of windows on each side that come along.
    """
    num_before = int(rng.choice(config.burn_in_steps))
    windows, inside, kinds = [], [], []
    for pool, clip in draw_clips(with_mixture_weights(pools, config.real_share), config.batch, rng):
        first = int(rng.integers(pool.windows.shape[1] - num_before - num_frames + 1))
        shown, there = pool.stretch(clip, first, num_before + num_frames, reach)
        windows.append(shown)
        inside.append(there)
        kinds.append(int(pool.kinds[clip]))
    codes = draw_codes(int(rng.integers(2**40)), config.batch)
    same = torch.from_numpy(rng.random(config.batch) >= (config.other_share if num_before >= 12 else 0.0))
    wanted = torch.where(same, torch.tensor(kinds), codes[:, : len(KINDS)].argmax(1))
    start_ws = frozen.generator.mapping(write_codes(codes, kind=wanted).to(frozen.device))
    device = frozen.device
    return SoundBatch(torch.stack(windows).to(device), torch.tensor(kinds, device=device), start_ws, reach, torch.stack(inside).to(device))


def roll_out_with_gradients(encoder: SoundInversionEncoder, walker: RecurrentWalker, sounds_drawn: SoundBatch, num_frames: int) -> torch.Tensor:
    """Latents [B, T, L, D] of the last `num_frames` steps of walks (Eq. 4); only these have gradients."""
    num_before = sounds_drawn.steps.shape[1] - num_frames
    state, settings = WalkState(sounds_drawn.start_ws, sounds_drawn.start_ws), WalkSettings()

    def offsets(first: int, count: int) -> torch.Tensor:
        return hear_part(encoder, sounds_drawn.windows, slice(sounds_drawn.reach + first, sounds_drawn.reach + first + count), sounds_drawn.inside)

    if num_before:
        with torch.no_grad():
            before = offsets(0, num_before)
            for t in range(num_before):
                state = take_step(walker, state, before[:, t], settings)
    audio, ws = offsets(num_before, num_frames), []
    for t in range(num_frames):
        state = take_step(walker, state, audio[:, t], settings)
        ws.append(state.ws)
    return torch.stack(ws, 1)


def encoder_terms(frozen: FrozenParts, frames: torch.Tensor, ws: torch.Tensor, sounds_drawn: SoundBatch) -> dict[str, torch.Tensor]:
    """The three terms of Eq. 3, without their weights: frames [B T, 3, H, W] of latents [B, T, L, D]. `ws` are what `frames` show."""
    num_frames = ws.shape[1]
    with torch.no_grad():
        sounds = frozen.space.embed_sounds(sounds_drawn.steps[:, -num_frames:].flatten(0, 1))
        texts = frozen.labels[sounds_drawn.kinds].repeat_interleave(num_frames, 0)
    return losses.encoder_terms(frozen.space.embed_images(frames), sounds, texts, ws)


class _Phase:
    """One phase: what is trained, against what, and how far it is."""

    def __init__(
        self,
        name: str,
        before: Path,
        folder: Path,
        frozen: FrozenParts,
        *,
        config: FinetuneConfig,
        critics: CriticConfig,
        minutes: float,
        made_of: Mapping[str, str],
    ) -> None:
        self.name, self.folder, self.frozen, self.config, self.critic_config = name, folder, frozen, config, critics
        encoder, self.mel = load_sound_encoder(before / "sound_encoder.safetensors", frozen.device)
        walker = load_walker(before / "walker.safetensors", frozen.device)
        if not isinstance(encoder, SoundInversionEncoder) or not isinstance(walker, RecurrentWalker):
            raise ConfigError(f"{before}: a sound encoder or walker of the released code, which isn't trained here; expected those of the warm-up")
        self.encoder, self.walker = encoder, walker
        if self.mel != frozen.space.mel:
            raise ConfigError(f"mel: the sound encoder hears {self.mel}, the joint space {frozen.space.mel}; train both with the same")
        self.encoder_ema, self.walker_ema = copy.deepcopy(self.encoder), copy.deepcopy(self.walker)
        self.trained = [*self.encoder.requires_grad_(True).parameters(), *self.walker.requires_grad_(True).parameters()]
        lrs = ((self.encoder, config.encoder_lr), (self.walker, config.walker_lr))
        self.optimiser = torch.optim.AdamW([{"params": list(part.parameters()), "lr": lr} for part, lr in lrs], weight_decay=0.0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.video_critic, self.image_critic = (critic.to(frozen.device) for critic in build_critics(critics))
        answering = [*self.video_critic.parameters(), *self.image_critic.parameters()]
        self.critic_optimiser = torch.optim.Adam(answering, config.critic_lr, betas=(0.5, 0.999))
        self.rng = np.random.default_rng([config.seed, PHASES.index(name)])
        parts: dict[str, Stateful] = {
            "encoder": self.encoder,
            "walker": self.walker,
            "mean_encoder": self.encoder_ema,
            "mean_walker": self.walker_ema,
            "optimiser": self.optimiser,
            "video_critic": self.video_critic,
            "image_critic": self.image_critic,
            "critic_optimiser": self.critic_optimiser,
            "rng": NumpyRandom(self.rng),
        }
        folder.mkdir(parents=True, exist_ok=True)
        settings = {**dataclasses.asdict(config), "critics": dataclasses.asdict(critics)}
        self.run = Run(folder / f"{name}.state", parts, config=settings, minutes=minutes, made_of=made_of)
        if self.run.is_new:
            append_log(folder / f"{name}.jsonl", {"settings": settings})

    def weights(self) -> dict[str, float]:
        """The weight of every term in what E_a and the walker make small (Eq. 3 or Eq. 9)."""
        config = self.config
        return losses.walker_weights(config.lambda_b, config.lambda_enc) if self.name == "critics" else losses.encoder_weights(config.lambda_b)

    def text(self) -> str:
        """What the bar says after a step."""
        return f"{self.name.replace('_', ' ')}, step {self.run.step}, loss {self.run.last('loss'):.3f}"

    def step(self, pools: list[SoundPool], clips: RenderedClips | None) -> float:
        """One step of all that is trained; returns the whole loss. `clips` are the real ones of D_V and D_I (None: Eq. 3 alone)."""
        num_frames, config = self.critic_config.num_frames, self.config
        sounds_drawn = draw_batch(self.frozen, pools, config, num_frames, self.rng, reach=self.encoder.reach)
        ws = roll_out_with_gradients(self.encoder, self.walker, sounds_drawn, num_frames)
        dtype = training_dtype(config.bfloat16)
        frames = rgb_images(self.frozen.generator, ws.flatten(0, 1), dtype=dtype).float()
        terms = encoder_terms(self.frozen, frames, ws, sounds_drawn)
        if clips is not None:
            small = to_critic_size(frames, self.critic_config.image_size)
            real = clips.batch(self.rng.integers(len(clips.clips), size=config.batch)).to(small.device)
            self._teach_critics(real, small.detach())
            answers = self.video_critic(small.unflatten(0, ws.shape[:2])), self.image_critic(small)
            terms |= losses.adversarial_terms(*answers, config.gan_loss)
        self.run.note(**{name: term.item() for name, term in terms.items()})
        weights = self.weights()
        if self.run.step % config.share_every == 0:
            self.run.note(**{f"share_{name}": share for name, share in gradient_shares(losses.weighted(terms, weights), self.trained).items()})
        loss = losses.total(terms, weights)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.run.note(loss=loss.item(), gradient_norm=float(torch.nn.utils.clip_grad_norm_(self.trained, 1.0)))
        self.optimiser.step()
        decay = decay_of_steps(self.run.step, _AVERAGE_STEPS)
        ema_update(self.encoder_ema, self.encoder, decay)
        ema_update(self.walker_ema, self.walker, decay)
        return loss.item()

    def _teach_critics(self, real: torch.Tensor, made: torch.Tensor) -> None:
        """Eq. 7 and 8: clips [B, T, 3, s, s] that were rendered, frames [B T, 3, s, s] that were generated."""
        video = self.video_critic(real), self.video_critic(made.unflatten(0, real.shape[:2]))
        image = self.image_critic(real.flatten(0, 1)), self.image_critic(made)
        terms = losses.critic_terms(video, image, self.config.gan_loss)
        self.critic_optimiser.zero_grad()
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        self.critic_optimiser.step()
        self.run.note(**{name: term.item() for name, term in terms.items()})

    def finish(self, encoder_config: SoundInversionConfig, mel: MelConfig) -> Path:
        """Write the averaged weights; returns their folder."""
        save_sound_encoder(self.folder / "sound_encoder.safetensors", self.encoder_ema, encoder_config, mel)
        save_walker(self.folder / "walker.safetensors", self.walker_ema, config_of_walker(self.walker_ema))
        return self.folder


def finetune(
    work: Path,
    pools: list[SoundPool],
    clips: RenderedClips,
    encoder_config: SoundInversionConfig,
    mel: MelConfig,
    *,
    minutes: tuple[float, float] = (10.0, 20.0),
    config: FinetuneConfig | None = None,
    critics: CriticConfig | None = None,
    device: str = "cpu",
    progress: Progress = silent,
) -> Path:
    """Both phases, `minutes` of computing each over all runs, from the parts in `work`; returns the folder of the last one's result.

    Results lie in `work/encoder_loss` and `work/critics`, each with sound_encoder and walker .safetensors, a state and a log.

    `minutes` are those of Eq. 3 alone, then those with discriminators.

    `device` is "cpu" or "cuda".

    Without `config` and `critics` the defaults hold.
    """
    config, critics = config or FinetuneConfig(), critics or CriticConfig()
    frozen, before = FrozenParts.load(work, device), work
    made_of = {"sounds": fingerprint([pool.made_of for pool in pools]), "clips": clips.made_of}
    for name, limit in zip(PHASES, minutes, strict=True):
        phase = _Phase(name, before, work / name, frozen, config=config, critics=critics, minutes=limit, made_of=made_of)
        for _ in phase.run.shown_steps(progress, phase.text):
            phase.step(pools, clips if name == "critics" else None)
        before = phase.finish(encoder_config, mel)
    return before
