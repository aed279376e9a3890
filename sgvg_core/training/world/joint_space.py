"""Stage two: the joint space of picture, text and sound (Eq. 2's F_v, F_t, F_a), taught by the world.

Pictures have captions of their own (each is its picture's one answer); sounds and pictures belong together as far as class and
strength agree (soft answers); and both are named among the nine labels. Losses are a named table; their weights bear the same names.
"""

import dataclasses
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from ...assembly import build_joint_space, save_joint_space
from ...audio.mel import dequantise, quantise
from ...augmentation.images import augment_images
from ...augmentation.words import insert_random_word
from ...checkpoints import StoredWeights, read_weights, take_what_fits
from ...config import JointSpaceConfig, from_dict
from ...devices import fast_bfloat16
from ...embedding import JointSpace, split_words, train_merges
from ...hashing import fingerprint
from ...progress import Progress, silent
from ...schedules import cosine, set_lr, warm_up
from ...world import KINDS
from ...world.captions import STRENGTHS, caption
from ...world.codes import Code, read_codes
from ...world.recordings import find_recordings
from .. import losses
from ..runs.ema import lerp_to_initial
from ..runs.loop import Stateful
from ..runs.timed import FirstLayoutRun
from .generator import RenderedImages
from .joint_space_losses import Meanings, SpaceBatch, embed_meanings, joint_losses
from .sound_data import REAL_SHARE, SoundWindows

LOSS_WEIGHTS = {
    "image_text": 1.0,
    "sound_image": 1.0,
    "sound_text": 0.5,
    "image_label": 0.5,
    "sound_label": 1.5,
    "image_strength": 0.5,
    "sound_strength": 1.0,
    "sound_other": 1.0,
}
"""Weights of the losses, by their names."""
_SAVE_SECONDS = 45.0


@dataclasses.dataclass(frozen=True)
class JointSpaceRun:
    """How a joint space is trained."""

    minutes: float = 12.0
    """Computing time over all runs; the rate falls to nothing at its end."""
    batch: int = 96
    """Pictures, captions and windows a step."""
    lr: float = 2e-3
    """AdamW's rate at its highest."""
    weight_decay: float = 0.02
    """AdamW's decay of weights."""
    seed: int = 5
    num_captions: int = 20_000
    """Captions from which the words are learned."""
    num_merges: int = 900
    """Most merges of the byte-level BPE that are learned from the captions."""
    first_windows: int = 3000
    """Windows of sound made before the first step."""
    fresh_windows: int = 24
    """Windows of sound made anew at once."""
    fresh_every: int = 4
    """Steps between two rounds of new sounds: making them takes longer than learning from them."""
    bank_windows: int = 40_000
    """Windows of sound that are kept to be heard again."""
    real_share: float = REAL_SHARE
    """Share of real windows among those of a class that has recordings of enough sources."""
    others: int = 16
    """Windows in a step of sounds that are no scene; 0: none."""
    only_sound: bool = False
    """Teach F_a alone; F_v and F_t stay as they are."""
    only_heads: bool = False
    """Teach what comes after F_a's convolutions alone: with few recordings they forget nothing, and a step costs a third."""
    init_share: float = 0.0
    """Share of the weights that a fine-tuned space takes from its beginning (`lerp_to_initial`); 0: all as learned."""
    bfloat16: bool = True
    """Whether the towers compute in bfloat16 while training, on processors that are faster in it."""


class WindowBank:
    """Windows of sound out of `source`, heard once and kept, by class; `size` of them at most, shared among the classes."""

    def __init__(self, source: SoundWindows, size: int) -> None:
        self.source, self.size = source, size // len(KINDS)
        self._kept: list[list[tuple[torch.Tensor, float]]] = [[] for _ in KINDS]
        self._others: list[torch.Tensor] = []

    def has_at_least(self, num_windows: int) -> bool:
        """Whether every class has a window and at least `num_windows` are kept in all."""
        return all(self._kept) and sum(map(len, self._kept)) >= num_windows

    def grow(self, num_windows: int, rng: np.random.Generator) -> None:
        """Add `num_windows` windows; a full class forgets one at random.

        `num_windows` are synthesised or read; `rng` draws which ones are forgotten.
        """
        fresh = self.source.batch(num_windows)
        images, kinds, envelopes = fresh["log_mel"], fresh["kind"], fresh["envelope"]
        for image, kind, envelope in zip(images, kinds, envelopes, strict=True):
            kept, entry = self._kept[int(kind)], (quantise(image), float(envelope))
            if len(kept) < self.size:
                kept.append(entry)
            else:
                kept[int(rng.integers(self.size))] = entry

    def draw_others(self, num_windows: int, num_fresh: int, rng: np.random.Generator) -> torch.Tensor:
        """Windows [n, 1, M, F] of sounds that are no scene, after adding some new ones.

        `num_windows` is n; `num_fresh` are synthesised before.
        """
        num_fresh = num_fresh if self._others else 8
        for image in self.source.others(num_fresh) if num_windows and num_fresh else ():
            if len(self._others) >= self.size:
                self._others.pop(int(rng.integers(self.size)))
            self._others.append(quantise(image))
        drawn = [self._others[int(i)] for i in rng.integers(len(self._others), size=num_windows)] if num_windows else []
        return dequantise(torch.stack(drawn)) if drawn else torch.empty(0)

    def draw(self, kinds: np.ndarray, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """One window of each of the kinds: log-mel [n, 1, M, F] in 0..1 and strengths [n] (NaN where none is known)."""
        drawn = [self._kept[kind][int(rng.integers(len(self._kept[kind])))] for kind in kinds]
        return dequantise(torch.stack([image for image, _ in drawn])), torch.tensor([strength for _, strength in drawn])


def learn_words(config: JointSpaceConfig, run: JointSpaceRun, codes: list[Code]) -> JointSpaceConfig:
    """The configuration with the merges and words of the captions that will be read, and the nine labels."""
    rng = np.random.default_rng([run.seed, 1])
    captions = [image_caption(codes[int(rng.integers(len(codes)))], rng) for _ in range(run.num_captions)]
    words = sorted({word for text in (*captions, *KINDS) for word in split_words(text)})
    return dataclasses.replace(config, merges=train_merges(captions, run.num_merges), words=tuple(words), labels=tuple(KINDS))


def with_words_of(config: JointSpaceConfig, stored: StoredWeights, where: str) -> JointSpaceConfig:
    """The configuration with the merges, words and labels of a stored joint space; `where` names its file in errors."""
    known = from_dict(JointSpaceConfig, stored.config, where)
    return dataclasses.replace(config, merges=known.merges, words=known.words, labels=known.labels)


def image_caption(code: Code, rng: np.random.Generator) -> str:
    """What could be the caption of a code's picture; in a quarter of the draws hour and weather are left out."""
    return caption(code.kind, code.scene if rng.random() < 0.75 else None, code.envelope, rng)


def train_joint_space(
    work: Path,
    images: RenderedImages,
    config: JointSpaceConfig,
    *,
    run: JointSpaceRun | None = None,
    init_from: Path | None = None,
    recordings: Path | None = None,
    progress: Progress = silent,
) -> Path:
    """Train a joint space on rendered pictures, their captions and sounds (real ones too where a folder of them is given).

    A new run begins with the weights of the file `init_from`, if one is given: with its words, and with those of its tensors that fit.
    State (`joint_space.state`), log and result lie in `work`; a run that was killed resumes from its state. Returns the result's path.

    `recordings` is a folder `DIR/<scene>/<file>` (None: synthesised sounds alone).
    """
    settings = run or JointSpaceRun()
    work.mkdir(parents=True, exist_ok=True)
    codes = read_codes(images.codes)
    before = None if init_from is None else read_weights(init_from, kind="joint_space")
    config = learn_words(config, settings, codes) if before is None else with_words_of(config, before, str(init_from))
    torch.manual_seed(settings.seed)
    space = build_joint_space(config).train()
    if before is not None:
        take_what_fits(space, before.state)
    if settings.only_sound or settings.only_heads:
        space.clip.eval().requires_grad_(False)
    if settings.only_heads:
        space.sound.blocks.eval().requires_grad_(False)
    optimiser = _optimiser(space, settings)
    said = {name: value for name, value in dataclasses.asdict(settings).items() if name != "minutes"}
    about = [dataclasses.asdict(config), said, images.made_of, _heard_of(recordings)]
    parts: dict[str, Stateful] = {"space": space, "optimiser": optimiser}
    training = _SpaceRun(work / "joint_space.state", parts, config=about, minutes=settings.minutes, save_seconds=_SAVE_SECONDS)
    result = work / "joint_space.safetensors"
    if not training.unfinished and result.exists():
        return result
    rng = np.random.default_rng([settings.seed, 2, training.step])
    bank = WindowBank(SoundWindows(settings.seed + training.step, config.mel, recordings, real_share=settings.real_share), settings.bank_windows)
    while not bank.has_at_least(settings.first_windows):
        bank.grow(64, rng)
        progress(training.seconds, settings.minutes * 60, "joint space: sounds")
    batches = _Batches(images, codes, bank, space, settings, rng=rng)
    batches = batches.freeze() if settings.only_sound or settings.only_heads else batches
    for step in training.shown_steps(progress, lambda: f"joint space, step {training.step}, loss {training.last('loss'):.3f}"):
        set_lr(optimiser, settings.lr * warm_up(step, 60) * cosine(training.done))
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bfloat16 and fast_bfloat16()):
            terms = joint_losses(space, batches.next(step))
        loss = losses.total(terms, LOSS_WEIGHTS)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(space.parameters(), 5.0)
        optimiser.step()
        training.note(loss=loss.item(), **{name: term.item() for name, term in terms.items()})
    if before is not None:
        lerp_to_initial(space, before.state, settings.init_share)
    save_joint_space(result, space.eval(), config)
    return result


class _SpaceRun(FirstLayoutRun):
    """The run; each line of its log has every loss and the temperature's inverse."""

    def _line(self, means: Mapping[str, float]) -> dict[str, Any]:
        scale = cast(JointSpace, self.parts["space"]).logit_scale.item()
        terms = {name: round(means[name], 4) for name in LOSS_WEIGHTS}
        return {"step": self.step, "seconds": round(self.seconds), "logit_scale": round(scale, 2), **terms}


class _Batches:
    """Pictures, their captions and sounds of the same classes; every second batch holds three classes alone, so that strength, hour
    and weather have to tell things apart."""

    def __init__(self, images: RenderedImages, codes: list[Code], bank: WindowBank, space: JointSpace, run: JointSpaceRun,
                 rng: np.random.Generator) -> None:
        self.images, self.codes, self.bank, self.space, self.run, self.rng = images, codes, bank, space, run, rng
        self.words = random.Random(int(rng.integers(1 << 31)))
        self.torch_rng = torch.Generator().manual_seed(int(rng.integers(1 << 31)))
        kinds = np.array([KINDS.index(code.kind) for code in codes])
        self.rows = [np.flatnonzero(kinds == kind) for kind in range(len(KINDS))]
        self.frozen: _Frozen | None = None
        self.side = min(space.prepare.size[0], images.images.shape[1])

    def next(self, step: int) -> SpaceBatch:
        """What step `step` learns from."""
        rng = self.rng
        if step % self.run.fresh_every == 0:
            self.bank.grow(self.run.fresh_windows, rng)
        some = rng.permutation(len(KINDS))[: 3 if rng.random() < 0.5 else None]
        some = some[[len(self.rows[kind]) > 0 for kind in some]]
        kinds = rng.choice(some, self.run.batch)
        rows = np.sort([int(rng.choice(self.rows[kind])) for kind in kinds])
        codes = [self.codes[row] for row in rows]
        kinds = np.array([KINDS.index(code.kind) for code in codes])
        words = [int(rng.integers(len(some))) for some in STRENGTHS]
        meanings = self.meanings(rows, torch.from_numpy(kinds), words)
        log_mel, sound_strengths = self.bank.draw(kinds, rng)
        others = self.bank.draw_others(self.run.others, int(step % self.run.fresh_every == 0), rng)
        strengths = torch.tensor([code.envelope for code in codes], dtype=torch.float32)
        return SpaceBatch(meanings, log_mel, torch.from_numpy(kinds), strengths=strengths, sound_strengths=sound_strengths.float(), others=others)

    def meanings(self, rows: np.ndarray, kinds: torch.Tensor, words: list[int]) -> Meanings:
        """Those of pictures by their `rows`, and of one of the words for each strength."""
        if self.frozen is not None:
            return self.frozen.take(rows, kinds, words)
        return embed_meanings(self.space, *self._seen(rows), kinds, [some[word] for some, word in zip(STRENGTHS, words, strict=True)])

    def _seen(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures, worn, and the tokens of captions."""
        _, images = self.images.batch(rows, self.side)
        captions = [insert_random_word(image_caption(self.codes[row], self.rng), self.words) for row in rows]
        return augment_images(images, self.torch_rng), self.space.bpe.encode(captions, 0.08, self.words)

    @torch.no_grad()
    def freeze(self) -> "_Batches":
        """Itself; pictures and words are embedded once, for a run that teaches F_a alone. Each picture is worn in one way, with one caption."""
        space = self.space
        seen = [self._seen(np.arange(first, min(first + 64, len(self.codes)))) for first in range(0, len(self.codes), 64)]
        images = torch.cat([space.embed_images(images).float() for images, _ in seen])
        texts = torch.cat([space.embed_tokens(tokens).float() for _, tokens in seen])
        levels = [torch.stack([space.embed_texts([f"{word} {kind}" for kind in KINDS]).float() for word in some], 1) for some in STRENGTHS]
        self.frozen = _Frozen(images, texts, space.embed_texts(KINDS).float(), levels)
        return self


@dataclasses.dataclass(frozen=True)
class _Frozen:
    """The meanings of all pictures; `levels` has the words [K, W, E] of each strength."""

    images: torch.Tensor
    texts: torch.Tensor
    names: torch.Tensor
    levels: list[torch.Tensor]

    def take(self, rows: np.ndarray, kinds: torch.Tensor, words: list[int]) -> Meanings:
        levels = torch.stack([level[:, word] for level, word in zip(self.levels, words, strict=True)], 1)
        return Meanings(self.images[rows], self.texts[rows], self.names, levels[kinds])


def _optimiser(space: JointSpace, run: JointSpaceRun) -> torch.optim.Optimizer:
    """AdamW; norms, biases and the temperature don't decay."""
    learning = [parameter for parameter in space.parameters() if parameter.requires_grad]
    whole = [parameter for parameter in learning if parameter.ndim >= 2]
    small = [parameter for parameter in learning if parameter.ndim < 2]
    groups = [{"params": whole, "weight_decay": run.weight_decay}, {"params": small, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, run.lr, betas=(0.9, 0.98))


def _heard_of(recordings: Path | None) -> str | None:
    """The fingerprint of a folder of recordings, by names and sizes."""
    return None if recordings is None else fingerprint([[path.name, path.stat().st_size] for _, path in find_recordings(recordings)])
