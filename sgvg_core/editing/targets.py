"""What an edit leads to: texts, sounds, pictures and stored embeddings with weights, as one vector of the joint space."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from ..assembly import SoundModel
from ..checkpoints import read_weights, write_weights
from ..config import check_choice
from ..errors import CheckpointError, ConfigError, ShapeError
from ..generation.sound import Sound, analyse_sound
from ..generation.sound_embedding import embed_sound
from ..guidance.label_directions import label_texts
from ..image_inversion import read_image
from ..progress import Progress, silent

KINDS = ("text", "sound", "picture", "embedding")
"""What a part of a target can be."""
_PLAIN_TEXTS = ("a picture", "a photo")
"""The neutral text of a space that has no labels."""


@dataclasses.dataclass(frozen=True, eq=False)
class TargetPart:
    """One thing that a picture should become like."""

    kind: str
    """One of `KINDS`."""
    value: Any
    """A text; a sound (`generation.Sound` or the name of a file); a picture (the name of a file, or a tensor [1, 3, H, W] in -1..1); an
    embedding (the name of a file of `save_embedding`, or a tensor [E])."""
    weight: float = 1.0
    """How much it counts among the others; below 0 leads away from it."""

    def __post_init__(self) -> None:
        check_choice("target", self.kind, KINDS)
        if not (math.isfinite(self.weight) and self.weight != 0):
            raise ConfigError(f"{self.kind} {part_name(self.value)}: got weight {self.weight}, expected a number other than 0")
        if isinstance(self.value, str) and not self.value.strip():
            raise ConfigError(f"{self.kind}: got nothing, expected {'words' if self.kind == 'text' else 'the name of a file'}")


@dataclasses.dataclass(frozen=True)
class Target:
    """Several things at once, and what they're measured against."""

    parts: tuple[TargetPart, ...]
    neutral: str | None = None
    """The text that means nothing in particular: only what the target says beyond it counts. None: the mean of the model's labels, for a
    space without labels "a picture"."""

    def __post_init__(self) -> None:
        if not self.parts:
            raise ConfigError("target: got nothing, expected a text, a sound, a picture or an embedding")
        if self.neutral is not None and not self.neutral.strip():
            raise ConfigError("neutral: got no words, expected some, such as 'a landscape'")

    @classmethod
    def of(cls, kind: str, value: Any, weight: float = 1.0, neutral: str | None = None) -> "Target":
        """A target of one part.

        `kind` and `value` are those of the part, `weight` its weight, `neutral` what it's opposed to (None: nothing).
        """
        return cls((TargetPart(kind, value, weight),), neutral)

    @property
    def name(self) -> str:
        """The parts in one line, for reports and sheets."""
        return " + ".join(f"{'' if part.weight == 1 else f'{part.weight:g} x '}{part_name(part.value)}" for part in self.parts)


@torch.no_grad()
def neutral_embedding(model: SoundModel, text: str | None = None) -> torch.Tensor:
    """The embedding [E] that means nothing in particular: of `text`, or with None the mean of the labels, else of "a picture"."""
    space = joint_space_of(model)
    if text is not None:
        return space.embed_texts([text])[0].float().cpu()
    return space.embed_texts(list(space.labels or _PLAIN_TEXTS)).float().mean(0).cpu()


@torch.no_grad()
def label_embeddings(model: SoundModel) -> torch.Tensor:
    """The labels of the joint space [K, E], unit length, each the mean of its texts in many wordings; [0, E] for a space without labels."""
    space: Any = joint_space_of(model)
    if not space.labels:
        return neutral_embedding(model)[None][:0]
    means = [space.embed_texts(list(label_texts(space, label))).float().mean(0) for label in space.labels]
    return F.normalize(torch.stack(means), dim=1).cpu()


def joint_space_of(model: SoundModel) -> Any:
    """The model's joint space. Raises ConfigError where it has none."""
    if model.joint_space is None:
        raise ConfigError(f"model {model.name}: has no joint space, which a text, sound or picture is understood by; choose a model with one, "
                          "or a direction from a file")
    return model.joint_space


@torch.no_grad()
def embed_part(model: SoundModel, part: TargetPart, progress: Progress = silent) -> torch.Tensor:
    """One part's embedding [E], on the CPU in float32. Raises MediaError or CheckpointError for files that can't be read, ShapeError."""
    space = joint_space_of(model)
    if part.kind == "text":
        return space.embed_texts([part.value])[0].float().cpu()
    if part.kind == "sound":
        sound = part.value if isinstance(part.value, Sound) else Sound.from_file(part.value)
        return embed_sound(model, analyse_sound(sound, space.mel, progress), progress)[0].float().cpu()
    if part.kind == "picture":
        images = part.value if isinstance(part.value, torch.Tensor) else read_image(part.value)
        return space.embed_images(images.to(model.device))[0].float().cpu()
    embedded = part.value.float().cpu() if isinstance(part.value, torch.Tensor) else load_embedding(part.value)
    if embedded.shape != (space.embed_dim,):
        raise ShapeError(f"embedding {part_name(part.value)}: got shape {list(embedded.shape)}, expected [{space.embed_dim}], that of the joint "
                         f"space of {model.name}")
    return F.normalize(embedded, dim=0)


def save_embedding(path: str | Path, embedding: torch.Tensor, name: str = "") -> None:
    """Write an embedding [E] as .safetensors with its name. Raises CheckpointError."""
    write_weights(Path(path), {"embedding": embedding.detach().float()}, kind="embedding", config={"name": name, "embed_dim": embedding.numel()})


def load_embedding(path: str | Path) -> torch.Tensor:
    """The embedding [E] in a file of `save_embedding`. Raises CheckpointError."""
    embedding = read_weights(Path(path), kind="embedding").state.get("embedding", torch.empty(0))
    if embedding.ndim != 1 or not len(embedding):
        raise CheckpointError(f"{path}: its embedding has shape {list(embedding.shape)}, expected [E]; the file is damaged, get it again")
    return embedding


def part_name(value: Any) -> str:
    """What a part's value is called in reports: its words, or the name of its file."""
    if isinstance(value, torch.Tensor):
        return "given"
    return Path(value.path).name if isinstance(value, Sound) and value.path else "a sound" if isinstance(value, Sound) else str(value)
