"""Stage two on clips of one's own: F_v, F_t and F_a from nothing, or F_a alone taught into a frozen space (Eq. 2).

An item of a step is a moment of a clip: its frame, the sound around it, and a caption. From nothing the three towers learn against each
other (symmetric contrastive loss, Radford et al. 2021); onto a frozen space, F_a learns where the pictures and words of its sounds lie.
The contrastive loss needs the whole batch: embeddings are gathered from all processes with their gradients, and there's no accumulation.
"""

import dataclasses
import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from ...assembly import (
    BUNDLED,
    AnyJointSpace,
    build_clip_sound_tower,
    build_joint_space,
    load_joint_space,
    save_clip_sound_tower,
    save_joint_space,
)
from ...backbones import measure_norms, normalise_items
from ...checkpoints import read_weights
from ...config import (
    JointSpaceConfig,
    SoundTowerConfig,
    from_dict,
)
from ...datasets import ClipData
from ...embedding import (
    JointSpace,
    OpenClipSpace,
    SoundTower,
    load_open_clip,
    split_words,
    train_merges,
)
from ...embedding.prompts import label_captions
from ...errors import ConfigError, DataError
from ...progress import Progress, silent
from ...randomness import generator_at
from ...schedules import cosine, set_lr, warm_up
from .. import losses
from ..runs.loop import Stateful
from ..runs.ranks import Ranks
from ..runs.steps import RunPolicy, SteppedRun
from .captions import EmbeddedCaptions, all_words, clip_captions
from .images import Epochs
from .joint_space_config import ClipJointSpaceConfig
from .windows import ClipWindows, rng_of

FOLDER = "clip_joint_space"
"""In the work folder: checkpoints, log and settings of this stage."""
OPEN_CLIP = "open_clip:"
_RATE = Fraction(12)
_TEST_MOMENT = 0.5
_NUM_MEASURED = 512


@dataclasses.dataclass(frozen=True)
class Moments:
    """Items of a step: frames [n, 3, s, s] in -1..1, sounds [n, 1, M, F] in 0..1, captions, the numbers of clips and captions [n]."""

    images: torch.Tensor
    sounds: torch.Tensor
    captions: list[str]
    tokens: torch.Tensor | None
    """int64 [n, context_length], of a space whose words are its own."""
    clips: torch.Tensor
    said: torch.Tensor


class MomentReader:
    """Moments of clips and what is said of them. `size` is the side of their frames in pixels.

    `space` is the one whose tokens captions become; None, or a CLIP model's: they stay words. Raises DataError where nothing is said.
    """

    def __init__(self, windows: ClipWindows, config: ClipJointSpaceConfig, space: AnyJointSpace | None, size: int) -> None:
        self.windows, self.config, self.size = windows, config, size
        self.bpe = space.bpe if isinstance(space, JointSpace) else None
        self.captions = [clip_captions(windows.data.details(clip), clip.label) for clip in windows.clips]
        if not any(self.captions):
            raise DataError(f"{windows.data.folder}: its clips have neither labels nor captions, which a joint space learns words from")
        self.numbers = {caption: number for number, caption in enumerate(all_words(self.captions))}
        self._epochs = Epochs(len(windows), config.batch, config.seed)

    def read(self, step: int, items: range) -> Moments:
        """Items of a step; each is drawn by its own numbers."""
        rows = [self._epochs.index(step, item) for item in items]
        drawn = [self._moment(row, generator_at(self.config.seed, "moment", step, item)) for row, item in zip(rows, items, strict=True)]
        return self._together(rows, drawn)

    def still(self, count: int) -> Moments:
        """The middle of the first `count` clips, as it is, with their first caption."""
        rows = list(range(min(count, len(self.windows))))
        return self._together(rows, [self._moment(row, None) for row in rows])

    def _moment(self, row: int, generator: torch.Generator | None) -> tuple[torch.Tensor, torch.Tensor, str, torch.Tensor | None]:
        clip, captions = self.windows.clips[row], self.captions[row] or ("",)
        place, mirrored, which = torch.rand(3, generator=generator).tolist() if generator is not None else (_TEST_MOMENT, 1.0, 0.0)
        rng = rng_of(generator) if generator is not None and self.config.augment else None
        seconds, _ = self.windows.moment(clip, place)
        image = self.windows.frames(clip, seconds, _RATE, 1, self.size)[0]
        image = image.flip(2) if self.config.mirror and mirrored < 0.5 else image
        caption = captions[int(which * len(captions))]
        words = random.Random(int(rng.integers(1 << 31))) if rng is not None else None
        tokens = None if self.bpe is None else self.bpe.encode([caption], 0.08 if words else 0.0, words)[0]
        return image, self.windows.windows(clip, seconds, _RATE, 1, rng)[0], caption, tokens

    def _together(self, rows: list[int], drawn: list[tuple[torch.Tensor, torch.Tensor, str, torch.Tensor | None]]) -> Moments:
        images, sounds, captions, tokens = zip(*drawn, strict=True)
        said = torch.tensor([self.numbers.get(caption, -1) for caption in captions])
        ids = None if self.bpe is None else torch.stack([row for row in tokens if row is not None])
        return Moments(torch.stack(images), torch.stack(sounds), list(captions), ids, clips=torch.tensor(rows), said=said)


class ClipJointSpaceTraining:
    """The space, what of it learns, and one step. `note` gets every term before weights change and may raise.

    A new space learns its words from `captions`, and names sounds by `labels`. Without `ranks` this process is the only one. Raises ConfigError for
    a model to teach that has no sound tower.
    """

    def __init__(self, config: ClipJointSpaceConfig, captions: list[str], labels: tuple[str, ...], ranks: Ranks | None = None) -> None:
        self.config, self.ranks = config, ranks or Ranks()
        self.items = self.ranks.slices(config.batch)[0]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.space, self.stored = begin_space(config, captions, labels)
        self.space.to(self.ranks.device)
        self._said = EmbeddedCaptions(captions, self.space.embed_texts) if config.onto else None
        learning = self.space.sound if config.onto else self.space
        if learning is None:
            raise ConfigError(f"onto {config.onto}: has no sound tower to teach")
        self.learning: torch.nn.Module = learning
        self.optimiser = _optimiser(self.learning, config)
        self.note: Callable[..., Any] = lambda **values: None

    @property
    def parts(self) -> dict[str, Stateful]:
        """All that a step changes."""
        return {"learning": self.learning, "optimiser": self.optimiser}

    @property
    def image_size(self) -> int:
        """Side of the frames that are read, in pixels."""
        return max(self.space.prepare.size)

    def measure(self, reader: MomentReader) -> None:
        """Take the means and variances that F_a's fixed norms keep from sounds of the data."""
        sounds = reader.still(_NUM_MEASURED).sounds.to(self.ranks.device)
        if len(sounds) > 1 and self.space.sound is not None:
            measure_norms(self.space.sound, sounds)

    def embed(self, moments: Moments) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Embeddings of pictures, texts and sounds [n, E] each; frozen towers give no gradients."""
        return self._images(moments), self._texts(moments), self._sounds(moments)

    def _images(self, moments: Moments) -> torch.Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.config.onto):
            return self.space.embed_images(moments.images.to(self.ranks.device))

    def _texts(self, moments: Moments) -> torch.Tensor:
        if self._said is not None and (moments.tokens is None or not self.config.augment):  # words that drop parts of theirs are always others
            return self._said(moments.captions)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.config.onto):
            if isinstance(self.space, JointSpace) and moments.tokens is not None:
                return self.space.embed_tokens(moments.tokens)
            return self.space.embed_texts(moments.captions)

    def _sounds(self, moments: Moments) -> torch.Tensor:
        return self.space.embed_sounds(moments.sounds.to(self.ranks.device))

    def terms(self, moments: Moments) -> dict[str, torch.Tensor]:
        """Every term that has a weight, over the whole batch of all processes; a tower that none of them needs is left out."""
        names = [name for name, weight in dataclasses.asdict(self.config.weights).items() if weight]
        if self.config.onto:
            names = [name for name in names if name != "contrastive_image_text"]  # both are frozen
        needed = {tower for name in names for tower in name.split("_")}
        towers = {"image": self._images, "text": self._texts, "sound": self._sounds}
        embeds = {name: self.ranks.gather(tower(moments).float()) for name, tower in towers.items() if name in needed}
        clips, said = (self.ranks.gather(numbers.double().to(self.ranks.device)) for numbers in (moments.clips, moments.said))
        scale = self.space.logit_scale
        groups = losses.contrastive_groups
        made = {
            "contrastive_sound_image": lambda: groups(embeds["sound"], embeds["image"], scale, clips),
            "contrastive_sound_text": lambda: groups(embeds["sound"], embeds["text"], scale, said),
            "contrastive_image_text": lambda: groups(embeds["image"], embeds["text"], scale, said),
            "sound_image": lambda: losses.sound_image(embeds["image"], embeds["sound"]),
            "sound_text": lambda: losses.sound_text(embeds["text"], embeds["sound"]),
        }
        return {name: made[name]() for name in names}

    def step(self, step: int, moments: Moments) -> None:
        """One step; `moments` are this rank's items."""
        self.learning.train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator_at(self.config.seed, "dropout", step, self.ranks.rank).initial_seed())
            terms = self.terms(moments)
        loss = losses.total(terms, dataclasses.asdict(self.config.weights))
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        learning = [parameter for parameter in self.learning.parameters() if parameter.requires_grad]
        self.ranks.average_gradients(learning)
        norm = torch.nn.utils.clip_grad_norm_(learning, 5.0)
        self.note(loss=loss, **terms, gradient_norm=norm)
        config = self.config
        set_lr(self.optimiser, config.lr * warm_up(step, max(1, config.warm_up)) * cosine(min(1.0, step / config.num_steps)))
        self.optimiser.step()

    @torch.no_grad()
    def retrieval(self, test: MomentReader) -> dict[str, float]:
        """On the test split: how often the nearest picture to a sound is its own (R@1) and the other way round, and labels are named right."""
        self.space.eval()
        parts = _pieces(test.still(self.config.num_test), 32)
        images, sounds = (torch.cat([tower(part) for part in parts]) for tower in (self._images, self._sounds))
        own = torch.arange(len(sounds), device=sounds.device)
        scores = sounds @ images.T
        found = {
            "test_sound_to_picture_r1": (scores.argmax(1) == own).float().mean(),
            "test_picture_to_sound_r1": (scores.argmax(0) == own).float().mean(),
        }
        labels = torch.tensor([test.windows.label(clip) for clip in test.windows.clips[: len(own)]], device=sounds.device)
        if test.windows.labels and bool((labels >= 0).all()):
            words = torch.stack([F.normalize(self.space.embed_texts(list(label_captions(label))).mean(0), dim=0) for label in test.windows.labels])
            found["test_sound_label"] = ((sounds @ words.T).argmax(1) == labels).float().mean()
            found["test_picture_label"] = ((images @ words.T).argmax(1) == labels).float().mean()
        return {name: float(value) for name, value in found.items()}

    def save(self, path: Path, labels: tuple[str, ...]) -> None:
        """Write what was learned, as `load_joint_space` reads it; `labels` are the names of sounds that go with it."""
        if isinstance(self.stored, SoundTowerConfig):
            save_clip_sound_tower(path, self.learning, dataclasses.replace(self.stored, labels=labels))
        else:
            save_joint_space(path, self.space, dataclasses.replace(self.stored, labels=labels))


def begin_space(
    config: ClipJointSpaceConfig, captions: list[str], labels: tuple[str, ...]
) -> tuple[AnyJointSpace, JointSpaceConfig | SoundTowerConfig]:
    """The space that training begins with, and the configuration of the file that it ends in.

    `captions` are those of the training, of which a new space learns its words; `labels` are its names of sounds. Raises ConfigError where
    `config.onto` isn't a space that can be taught.
    """
    if not config.onto:
        words = sorted({word for text in captions for word in split_words(text)})
        space_config = dataclasses.replace(config.space, merges=train_merges(captions, config.num_merges), words=tuple(words), labels=labels)
        return build_joint_space(space_config), space_config
    if config.onto.startswith(OPEN_CLIP):
        name, _, weights = config.onto.removeprefix(OPEN_CLIP).partition("@")
        clip = open_space(config.onto)
        if not isinstance(clip, OpenClipSpace):
            raise ConfigError(f"onto {config.onto}: isn't a CLIP model")
        own = config.space
        tower_config = SoundTowerConfig(Path(name).name, Path(weights).name, clip.embed_dim, own.sound_widths, own.sound_texture,
                                        norm=own.sound_norm, mel=own.mel, labels=labels)  # fmt: skip
        return clip.hears(build_clip_sound_tower(tower_config), config.space.mel, labels), tower_config
    return _onto_joint_space(config)


def open_space(said: str) -> AnyJointSpace:
    """The joint space that a user names: "bundled", a file, "open_clip:NAME@WEIGHTS" or "open_clip:FOLDER" (these hear nothing)."""
    if said.startswith(OPEN_CLIP):
        name, _, weights = said.removeprefix(OPEN_CLIP).partition("@")
        return load_open_clip(name, weights or None).requires_grad_(False).eval()
    return load_joint_space(space_file(said) or said)


def space_file(said: str) -> Path | None:
    """The file of a joint space that a user names; None for a CLIP model."""
    if said.startswith(OPEN_CLIP):
        return None
    return BUNDLED / "joint_space.safetensors" if said == "bundled" else Path(said)


def _onto_joint_space(config: ClipJointSpaceConfig) -> tuple[JointSpace, JointSpaceConfig]:
    """A joint space of ours with a fresh F_a; its other towers as they are, and frozen."""
    path = space_file(config.onto) or Path(config.onto)
    space = load_joint_space(path)
    if not isinstance(space, JointSpace):
        raise ConfigError(f"onto {config.onto}: is a sound tower for a CLIP model; give open_clip:NAME@WEIGHTS")
    own, known = config.space, from_dict(JointSpaceConfig, read_weights(path).config, str(path))
    known = dataclasses.replace(known, temperature=1.0, sure_from=0.0)  # of the F_a that it had
    space.temperature, space.sure_from = 1.0, 0.0
    after = dataclasses.replace(known, sound_widths=own.sound_widths, sound_texture=own.sound_texture, sound_norm=own.sound_norm, mel=own.mel)
    space.sound = SoundTower(known.embed_dim, own.sound_widths, own.mel.resized_mels, texture=own.sound_texture)
    if own.sound_norm == "item":
        normalise_items(space.sound)
    space.mel = own.mel
    return space, after


def _optimiser(learning: torch.nn.Module, config: ClipJointSpaceConfig) -> torch.optim.Optimizer:
    """AdamW; norms, biases and the temperature don't decay."""
    parameters = [parameter for parameter in learning.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in parameters if parameter.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [parameter for parameter in parameters if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, config.lr, betas=(0.9, 0.98), fused=True)


def _pieces(moments: Moments, size: int) -> list[Moments]:
    """The same moments in batches."""
    return [
        Moments(*(None if value is None else value[first : first + size] for value in _values(moments)))  # type: ignore[arg-type]
        for first in range(0, len(moments.captions), size)
    ]


def _values(moments: Moments) -> list[Any]:
    return [getattr(moments, field.name) for field in dataclasses.fields(moments)]


def train_clip_joint_space(
    work: Path,
    data: ClipData,
    config: ClipJointSpaceConfig,
    *,
    policy: RunPolicy | None = None,
    ranks: Ranks | None = None,
    workers: int = 2,
    progress: Progress = silent,
) -> Path:
    """Learn a joint space from clips, or resume; returns the path of joint_space.safetensors in `work`.

    Next to it `clip_joint_space/` holds config.json, metrics.jsonl (with retrieval on the test split) and checkpoints. Without `policy` the defaults
    hold, without `ranks` this process is the only one. Raises ConfigError, DataError, TrainingError.
    """
    ranks = ranks or Ranks()
    policy = dataclasses.replace(policy or RunPolicy(), num_steps=config.num_steps)
    windows = ClipWindows(data, config.space.mel)
    captions = all_words(clip_captions(data.details(clip), clip.label) for clip in windows.clips)
    training = ClipJointSpaceTraining(config, captions, data.labels, ranks)
    reader = MomentReader(windows, config, training.space, training.image_size)
    test = None
    if data.clips("test"):
        test = MomentReader(ClipWindows(data, config.space.mel, "test"), config, training.space, training.image_size)
    about = {**dataclasses.asdict(config), "data": data.hash}
    defaults = dataclasses.asdict(ClipJointSpaceConfig())
    run = SteppedRun(
        work / FOLDER, training.parts, config=about, defaults=defaults, policy=policy, ranks=ranks, name="joint space", progress=progress
    )
    training.note = run.note
    if run.is_new:
        training.measure(reader)
    with run.fed(lambda step: reader.read(step, training.items), config, workers=workers) as steps:
        for step, moments in steps:
            training.step(step, moments)
            if test is not None and ((step + 1) % config.test_every == 0 or step + 1 == config.num_steps):
                run.note(**training.retrieval(test))
    result = work / "joint_space.safetensors"
    if ranks.is_first and not run.unfinished:
        training.space.eval()
        training.save(result, data.labels)
    ranks.wait()
    return result
