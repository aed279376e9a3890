"""E_a from labelled sounds alone, for any generator, through text: no video is needed, and minutes are enough.

For each label the offset in W+ is found that the text constraint favours (`label_directions`); then E_a learns the offset of each sound
(Eq. 1), stronger where the sound is louder. `fit_sounds` is what the command line and a node call: it reports progress with pictures, and
stops at once when the progress raises.
"""

import copy
import dataclasses
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import torch
from torch.nn import functional as F

from ..assembly import build_sound_encoder
from ..audio.mel import dequantise
from ..augmentation import augment_sound
from ..augmentation.spectrograms import mask_log_mels
from ..checkpoints import take_what_fits
from ..config import MelConfig, SoundInversionConfig, WalkerConfig, check_range
from ..curves.loudness import loudness_envelope
from ..errors import ConfigError
from ..generation import Sound
from ..generation.text_constraint import ImageTextSpace
from ..generation.windows import log_mel_windows
from ..presets import LANDSCAPES
from ..progress import Progress, silent
from ..schedules import cosine, set_lr, warm_up
from ..sound_inversion import SoundInversionEncoder
from ..sound_inversion.encoder_config import config_of_encoder
from ..synthesis import Generator
from ..walker import RecurrentWalker
from ..walker.analytic import analytic_walker
from .label_directions import LabelDirections, LabelSearch, find_label_directions

_LONGEST_SECONDS = 60.0
"""Of a longer sound the first minute is learned from."""


@dataclasses.dataclass(frozen=True)
class LabelledSound:
    """A sound, and what it is the sound of, in words."""

    label: str
    """In words, such as "rain"."""
    sound: Sound


@dataclasses.dataclass(frozen=True)
class SoundFitSettings:
    """How E_a is fitted."""

    search: LabelSearch = dataclasses.field(default_factory=LabelSearch)
    num_steps: int = 300
    batch: int = 48
    """Windows a step."""
    lr: float = 1e-3
    """AdamW's rate."""
    variants: int = 4
    """How often each sound is heard: once as it is, then as other microphones, rooms and codecs would have it."""
    quiet: float = 0.7
    """Share of its label's offset that the quietest moment of a sound has; the loudest has all of it."""
    follow_seconds: float = 0.35
    """How fast the walker follows, where one has to be made."""
    seed: int = 0

    def __post_init__(self) -> None:
        check_range("num_steps", self.num_steps, 1, 1_000_000)
        check_range("batch", self.batch, 1, 4096)
        check_range("rate", self.lr, 1e-7, 1)
        check_range("variants", self.variants, 1, 1000)
        check_range("quiet", self.quiet, 0, 1)
        check_range("follow_seconds", self.follow_seconds, 0.02, 60)


@dataclasses.dataclass(frozen=True)
class SoundFit:
    """What a fit gives: parts in evaluation mode on the CPU, with all that a file of them needs."""

    encoder: SoundInversionEncoder
    encoder_config: SoundInversionConfig
    mel: MelConfig
    walker: RecurrentWalker
    walker_config: WalkerConfig
    found: LabelDirections
    """Where the labels lead."""
    agreement: float
    """Share of windows, of variants that weren't learned from, whose offset is nearest to that of their label."""
    loss: float
    """Mean error of the last steps, in standard deviations of mapped latents (smooth L1)."""


@dataclasses.dataclass(frozen=True)
class LabelledWindows:
    """Windows of labelled sounds: log-mel spectrograms uint8 [N, M, F], labels int64 [N], strengths [N] in 0..1."""

    log_mels: np.ndarray
    labels: np.ndarray
    strengths: np.ndarray
    surroundings: "Surroundings | None" = None
    """What is around each window, for an E_a whose texture reaches there."""

    def log_mel(self, rows: np.ndarray) -> torch.Tensor:
        """Pictures in 0..1, [n, 1, M, F]."""
        return dequantise(torch.from_numpy(self.log_mels[rows]))[:, None]


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """The sounds that windows were taken of, heard as a whole: the numbers of their textures [W, T], and of each taken window [N] its place
    among these, and the first and last place of its own sound."""

    numbers: torch.Tensor
    places: np.ndarray
    firsts: np.ndarray
    lasts: np.ndarray

    def textures(self, encoder: SoundInversionEncoder, rows: np.ndarray) -> torch.Tensor:
        """The texture of some of the windows as films have it, averaged over what is around: [n, T]. `rows` are numbers of windows [n]."""
        around = self.places[rows][:, None] + np.arange(-encoder.reach, encoder.reach + 1)
        inside = torch.from_numpy((around >= self.firsts[rows][:, None]) & (around <= self.lasts[rows][:, None]))
        numbers = self.numbers[torch.from_numpy(around.clip(0, len(self.numbers) - 1))].to(next(encoder.parameters()).device)
        told = encoder.told_textures(numbers.flatten(0, 1)).unflatten(0, numbers.shape[:2])
        weights = inside.to(told)[..., None]
        return (told * weights).sum(1) / weights.sum(1)


def encoder_for(generator: Generator, init_from: SoundInversionEncoder | None = None, seed: int = 0) -> SoundInversionEncoder:
    """A sound encoder for `generator`: copies the backbone of `init_from`, and its heads if num_ws and w_dim match; None: all is new.

    Its texture isn't averaged over neighbouring windows, since it learns from single ones.
    """
    like = config_of_encoder(init_from) if init_from is not None else LANDSCAPES.sound_encoder
    config = dataclasses.replace(like, num_ws=generator.num_ws, w_dim=generator.w_dim, bounds=_bounds(generator.num_ws), texture_reach=0.0)
    if init_from is not None and (like.num_ws, like.w_dim) == (generator.num_ws, generator.w_dim):
        encoder = copy.deepcopy(init_from)
        encoder.texture_reach = 0.0
        return encoder
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = build_sound_encoder(config)
    if init_from is not None:
        take_what_fits(encoder, init_from.state_dict())
    return encoder


def _bounds(num_ws: int) -> tuple[int, int]:
    """The paper's groups, 0-2 / 3-5 / 6-(L-1); smaller ones where there are few latents."""
    return (3, 6) if num_ws > 6 else (1, 2)


def analyse_labelled(sounds: Sequence[LabelledSound], labels: Sequence[str], mel: MelConfig, rate: float, variants: range, seed: int,
                  progress: Progress = silent) -> LabelledWindows:
    """The windows of all sounds, `rate` a second, in the given variants (0 is the sound as it is). Raises MediaError.

    `labels` are all there are, in the order of their numbers.
    """
    log_mels, numbers, strengths = [], [], []
    for index, labelled in enumerate(sounds):
        progress(index, len(sounds), "hear the sounds")
        chunks = list(_first_minute(labelled.sound).mono_chunks(mel.sample_rate))
        plain = torch.cat(chunks)[: int(_LONGEST_SECONDS * mel.sample_rate)].numpy()
        num_windows = max(1, int(len(plain) / mel.sample_rate * rate))
        strength = loudness_envelope(plain, mel.sample_rate, rate, num_windows)
        for variant in variants:
            wave = plain if variant == 0 else augment_sound(plain, np.random.default_rng([seed, index, variant]), mel.sample_rate)
            log_mels.append(log_mel_windows(np.asarray(wave, np.float32), mel.sample_rate, mel, Fraction(rate).limit_denominator(1001), num_windows))
            numbers.append(np.full(num_windows, labels.index(labelled.label)))
            strengths.append(strength)
    return LabelledWindows(np.concatenate(log_mels), np.concatenate(numbers), np.concatenate(strengths))


def _first_minute(sound: Sound) -> Sound:
    """A sound in a file, no further than it's learned from."""
    if sound.waveform is not None:
        return sound
    return dataclasses.replace(sound, seconds=min(sound.seconds or _LONGEST_SECONDS, _LONGEST_SECONDS))


def wanted_offsets(found: LabelDirections, labels: np.ndarray, strengths: np.ndarray, quiet: float) -> torch.Tensor:
    """What E_a should answer, [N, L, D]: the label's offset, of which the quietest moment has the share `quiet`.

    `strengths` [N] are in 0..1, `labels` [N] are indices into those of `found`.
    """
    share = torch.from_numpy(quiet + (1 - quiet) * strengths).float()
    return share[:, None, None] * found.offsets[torch.from_numpy(labels)]


def teach_offsets(
    encoder: SoundInversionEncoder, windows: LabelledWindows, found: LabelDirections, settings: SoundFitSettings, progress: Progress = silent
) -> float:
    """E_a learns the offsets of the windows, each label as often as another; returns the mean loss of the last tenth of the steps.

    `found` are the labels' directions.
    """
    device = next(encoder.parameters()).device
    encoder.train_without_dropout().requires_grad_(True)
    optimiser = torch.optim.AdamW(encoder.parameters(), settings.lr, weight_decay=1e-2)
    of_label = [np.flatnonzero(windows.labels == label) for label in range(len(found.labels))]
    losses, image = [], _side_by_side(found.images)
    for step in range(settings.num_steps):
        rng = np.random.default_rng([settings.seed, 7, step])
        rows = np.array([rng.choice(of_label[label]) for label in rng.integers(len(of_label), size=settings.batch)])
        wanted = wanted_offsets(found, windows.labels[rows], windows.strengths[rows], settings.quiet) / found.w_scale
        around = None if windows.surroundings is None else windows.surroundings.textures(encoder, rows)
        heard = encoder(mask_log_mels(windows.log_mel(rows), rng).to(device), around) / found.w_scale
        loss = F.smooth_l1_loss(heard, wanted.to(device), beta=0.5)
        set_lr(optimiser, settings.lr * warm_up(step, 20) * cosine(step / settings.num_steps))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
        progress(step + 1, settings.num_steps, f"teach the sound encoder, loss {losses[-1]:.3f}", image)
    encoder.eval().requires_grad_(False)
    return float(np.mean(losses[-max(1, len(losses) // 10) :]))


def _side_by_side(images: torch.Tensor) -> torch.Tensor:
    """Images [K, H, W, 3] as one, [H, K W, 3]."""
    return torch.cat(list(images), 1)


@torch.no_grad()
def agreement(encoder: SoundInversionEncoder, windows: LabelledWindows, found: LabelDirections) -> float:
    """Share of the windows whose offset points most towards that of their own label, among the directions `found`."""
    directions = F.normalize(found.offsets.flatten(1), dim=1)
    right = 0
    for rows in np.array_split(np.arange(len(windows.labels)), max(1, len(windows.labels) // 64)):
        heard = encoder(windows.log_mel(rows).to(next(encoder.parameters()).device)).flatten(1).cpu()
        right += int(((heard @ directions.T).argmax(1).numpy() == windows.labels[rows]).sum())
    return right / len(windows.labels)


def fit_sounds(
    generator: Generator,
    space: ImageTextSpace,
    sounds: Sequence[LabelledSound],
    *,
    init_from: SoundInversionEncoder | None = None,
    mel: MelConfig | None = None,
    settings: SoundFitSettings | None = None,
    progress: Progress = silent,
) -> SoundFit:
    """E_a, and a walker that follows it, for a generator and a handful of labelled sounds.

    `space` judges pictures by words (a model's own joint space, or an open_clip model), wherever it lies. `init_from` is an encoder whose
    ears are taken over, `mel` the spectrograms that it hears (None: the bundled model's). `settings` None are the defaults: minutes
    on a CPU. `progress` may raise to stop. Raises ConfigError and MediaError.
    """
    settings, mel = settings or SoundFitSettings(), mel or LANDSCAPES.mel
    labels = tuple(dict.fromkeys(labelled.label.strip() for labelled in sounds))
    if not sounds:
        raise ConfigError("labelled sounds: got none, expected one or more of each label")
    sounds = [dataclasses.replace(labelled, label=labelled.label.strip()) for labelled in sounds]
    with torch.inference_mode(False), torch.enable_grad():
        encoder = encoder_for(generator, init_from, settings.seed)
        config = config_of_encoder(encoder)
        num_variants = settings.variants
        windows = analyse_labelled(sounds, labels, mel, rate=config.segment_rate, variants=range(num_variants), seed=settings.seed, progress=progress)
        found = find_label_directions(generator, space, labels, settings.search, progress)
        encoder.to(generator.w_avg.device)
        loss = teach_offsets(encoder, windows, found, settings, progress)
        unheard = analyse_labelled(sounds, labels, mel, rate=config.segment_rate, variants=range(num_variants, num_variants + 1), seed=settings.seed)
        encoder.cpu()
        walker_config = analytic_walker_config(generator, config.segment_rate, len(labels))
        walker = analytic_walker(
            walker_config, found.offsets, generator.w_avg.detach().float().cpu(), found.w_scale, seconds=settings.follow_seconds
        )
        right = agreement(encoder, unheard, found)
    return SoundFit(encoder, config, mel, walker=walker.requires_grad_(False), walker_config=walker_config, found=found, agreement=right, loss=loss)


def analytic_walker_config(generator: Generator, rate: float, num_labels: int) -> WalkerConfig:
    """The configuration of a walker that follows: just enough units for its labels, 32 at least. `rate` is steps a second.

    `num_labels` decides how many units it needs.
    """
    return WalkerConfig(
        num_ws=generator.num_ws, w_dim=generator.w_dim, bounds=_bounds(generator.num_ws), hidden=max(32, 2 * num_labels), walk_rate=rate
    )
