"""Stage three on clips of one's own: E_a and the walker, G frozen, by the paper's losses (Eq. 1 to 9).

Real clips come from the data set. A step's item is a moment of a clip: the sounds up to it and on, its frames, and a random start latent.
Before the first step there's a warm start: where each label leads is found through the joint space (Eq. 2 with the label's words and
sounds, `label_directions`), E_a learns it, and the walker follows.
"""

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from ...assembly import (
    AnyJointSpace,
    save_sound_encoder,
    save_walker,
)
from ...audio.mel import quantise
from ...curves.loudness import loudness_envelope
from ...datasets import ClipData, ClipInfo
from ...generation.trajectory import count_windows, to_rate
from ...guidance.few_shot_fit import LabelledWindows, SoundFitSettings, Surroundings, teach_offsets
from ...guidance.label_directions import embed_labels, find_label_directions
from ...progress import Progress, silent
from ...randomness import generator_at
from ...sound_inversion import SoundInversionEncoder
from ...synthesis import Generator
from ...walker.analytic import analytic_walker
from ..runs.ranks import Ranks
from ..runs.steps import Checkpoints, RunPolicy, SteppedRun
from .samples import Sampled, write_samples
from .sgvg_config import ClipSgvgConfig
from .sgvg_step import ClipSgvgTraining
from .walks import WalkReader
from .windows import ClipWindows, rng_of

FOLDER = "clip_sgvg"
"""In the work folder: checkpoints, log, settings and samples of this stage."""
_WARM_MOMENTS, _MOMENTS_A_HEARING = 24, 6
"""Moments of each clip in the warm start; and how many share one augmentation, where a clip has to be encoded as a whole."""


def warm_start(training: ClipSgvgTraining, windows: ClipWindows, progress: Progress = silent) -> dict[str, float]:
    """E_a learns where each label leads, the walker follows; how well that went. Nothing happens without labels, or with no steps for it."""
    config, settings = training.config, training.config.warm_start
    labelled = [clip for clip in windows.clips if windows.label(clip) >= 0]
    labels = [label for label in windows.labels if any(clip.label == label for clip in labelled)]
    if not settings.num_steps or not labels:
        return {}
    heard = _analyse_clips(windows, labelled, labels, training, progress)
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
    windows: ClipWindows, clips: Sequence[Any], labels: Sequence[str], training: ClipSgvgTraining, progress: Progress
) -> LabelledWindows:
    """Some moments of each clip, with what label they have and how loud they are; and what is around them, if E_a's texture reaches there."""
    config, encoder = training.config, training.encoder
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
    """Learn E_a and the walker from clips, or resume; returns `work`, where sound_encoder and walker .safetensors lie.

    Next to them `clip_sgvg/` holds config.json, metrics.jsonl (every term, and its share of the gradient), checkpoints and samples.
    `inputs` says which generator and joint space these are (hashes): a run isn't resumed with others; None: whichever. `init_from` is a sound
    encoder and a walker of the settings' sizes, to begin with instead of the warm start (None). Without `policy` the defaults hold, without `ranks`
    this process is the only one. Raises ConfigError, DataError, TrainingError.
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
        sampled = Sampled(generator, training.encoder_ema, training.walker_ema, settings=config.walk, seed=config.seed)
        return write_samples(folder / "samples", step, sampled, shown)

    name = "sound encoder and walker"
    run = SteppedRun(
        folder, training.parts, config=about, defaults=dataclasses.asdict(ClipSgvgConfig()), policy=policy, ranks=ranks, name=name, sheet=sheet,
        progress=progress,
    )  # fmt: skip
    training.note = run.note
    items = range(training.slices[0].start, training.slices[-1].stop)
    with run.fed(lambda step: reader.read(step, items), config, workers=workers) as steps:
        for step, walks in steps:
            if step == 0 and warmed:
                run.note(**warmed)
            training.step(step, walks)
    if ranks.is_first and not run.unfinished:
        save_sound_encoder(work / "sound_encoder.safetensors", training.encoder_ema, training.encoder_config, config.mel)
        save_walker(work / "walker.safetensors", training.walker_ema, training.walker_config)
    ranks.wait()
    return work
