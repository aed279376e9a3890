"""Warm-up of the sound encoder: E_a learns the offset in W+ that the world gives a sound (Eq. 1)."""

import dataclasses
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from ...assembly import build_sound_encoder, load_sound_encoder, save_sound_encoder
from ...augmentation.spectrograms import by_small_speakers, mask_log_mels, shorten
from ...backbones import measure_norms
from ...checkpoints import load_state
from ...config import MelConfig, SoundInversionConfig
from ...devices import fast_bfloat16
from ...progress import Progress, silent
from ...schedules import cosine, set_lr, warm_up
from ...sound_inversion import SoundInversionEncoder
from ..runs.ema import lerp_to_initial
from ..runs.loop import Stateful
from ..runs.state import NumpyRandom
from ..runs.timed import Run
from .growth import grow_encoder_weights
from .latent_targets import LatentTargets
from .sound_pool import SoundPool, draw_clips
from .walker_warmup import TODAY, WalkTraining, learned_from, unusual

_NUM_MEASURED = 2000
"""Windows whose texture gives E_a's fixed norm its means and variances."""


def warm_up_encoder(
    work: Path,
    targets: LatentTargets,
    pools: list[tuple[SoundPool, float]],
    config: SoundInversionConfig,
    mel: MelConfig,
    *,
    minutes: float,
    batch: int = 96,
    lr: float = 2e-3,
    seed: int = 11,
    init_from: Path | None = None,
    training: WalkTraining | None = None,
    progress: Progress = silent,
) -> SoundInversionEncoder:
    """E_a learns the offset of each window (Eq. 1); `pools` come with their shares of each kind. Saved as sound_encoder.safetensors.

    A new run begins with the weights of the file `init_from` (which may have fewer latents); None: with random ones. A run that was killed resumes
    from `sound_encoder.state`; `minutes` of computing count over all runs. `batch` windows make a step; `lr` is AdamW's rate at its highest.
    `training` says what is done to the windows (None: what is done today).
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    training = training or TODAY
    encoder = build_sound_encoder(config).train()
    encoder.silent_share = training.silent_share
    initial = {} if init_from is None else grow_encoder_weights(load_sound_encoder(init_from)[0], config.num_ws)
    if initial:
        load_state(encoder, initial, str(init_from))
    optimiser = torch.optim.AdamW(encoder.parameters(), lr, weight_decay=1e-2)
    if init_from is None and encoder.texture is not None:
        measure_norms(encoder.texture, _encoder_batch(pools, _NUM_MEASURED, np.random.default_rng([seed, 1]))[0])
    parts: dict[str, Stateful] = {"net": encoder, "optimiser": optimiser, "rng": NumpyRandom(rng)}
    settings = [dataclasses.asdict(config), dataclasses.asdict(mel), batch, lr, seed, len(pools), *unusual(training)]
    run = Run(work / "sound_encoder.state", parts, config=settings, minutes=minutes, made_of=learned_from(targets, [pool for pool, _ in pools]))
    for step in run.shown_steps(progress, lambda: f"sound encoder, step {run.step}, loss {run.mean('loss'):.4f}"):
        set_lr(optimiser, lr * warm_up(step, 50) * cosine(run.done))
        log_mels, kinds, envelopes, loudest = _encoder_batch(pools, batch, rng)
        augmented = by_small_speakers(shorten(log_mels, rng, training.shortened_share), loudest, rng, training.small_speaker_share)
        log_mels = mask_log_mels(augmented, rng)
        wanted = targets.offset(kinds, envelopes)
        with torch.autocast("cpu", torch.bfloat16, enabled=fast_bfloat16()):
            offsets = encoder(log_mels)
        apart = offsets.float() / targets.w_scale, (wanted / targets.w_scale)[:, None].expand(-1, config.num_ws, -1)
        heard, meant = targets.strength(offsets.float(), kinds), targets.strength(wanted[:, None], kinds)
        loss = F.smooth_l1_loss(*apart, beta=0.5) + training.envelope_weight * F.smooth_l1_loss(heard, meant, beta=0.2)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimiser.step()
        run.note(loss=loss.item())
    encoder.eval().requires_grad_(False)
    lerp_to_initial(encoder, initial, training.encoder_init_share)
    save_sound_encoder(work / "sound_encoder.safetensors", encoder, config, mel)
    return encoder


def _encoder_batch(
    pools: list[tuple[SoundPool, float]], batch: int, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Windows [n, 1, M, F] out of all pools, each kind as often as another, with kinds [n], envelopes [n], their clips' loudest rows [n, M]."""
    drawn = draw_clips(pools, batch, rng)
    steps = [int(rng.integers(pool.windows.shape[1])) for pool, _ in drawn]
    log_mels = torch.stack([pool.log_mels(np.array(clip), np.array(step)) for (pool, clip), step in zip(drawn, steps, strict=True)])
    kinds = torch.tensor([int(pool.kinds[clip]) for pool, clip in drawn])
    envelopes = torch.tensor([float(pool.envelopes[clip, step]) for (pool, clip), step in zip(drawn, steps, strict=True)])
    return log_mels, kinds, envelopes, torch.stack([pool.loudest[clip] for pool, clip in drawn])
