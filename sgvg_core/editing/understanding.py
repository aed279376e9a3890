"""What a target asks for: another scene, or something that differs within scenes (hour, light, weather, strength), or both.

A text is said in the context of each label ("raining at night"), as captions say it. Where pictures of the two together would still be
taken for the label, the text names no scene. So nobody has to tell the model which of its words are scenes.
"""

import dataclasses

import torch
from torch.nn import functional as F

from ..assembly import SoundModel
from ..progress import Progress, silent
from .joint_map import JointMap
from .targets import Target, TargetPart, embed_part, joint_space_of, neutral_embedding, part_name

STAYS = 0.945
"""Mean probability of the label in whose context a text is said, below which the text names a scene of its own."""
_SAYS_MORE = 0.9
"""Cosine to its scene's label, less the mean of the labels, below which a text that names a scene also says more than that."""
_PURE = 0.6
"""Share of a target's best codes that show one scene, from which on it names that scene, for a space without labels."""


@dataclasses.dataclass(frozen=True, eq=False)
class Understood:
    """A target, taken apart."""

    wanted: torch.Tensor | None = None
    """[E]: by its product with an image's embedding codes are ranked; None where no scene is named."""
    scene: int | None = None
    """The scene that is named."""
    changes: torch.Tensor | None = None
    """[K, E]: what is to change within each scene; None where nothing but the scene is named."""
    named: dict[str, float] | None = None
    """Values of attributes that the model knows by name and words of the target mean; the other fields say what the rest asks for."""
    said: torch.Tensor | None = None
    """[E]: the weighted sum of the parts' embeddings, as they're said; None where all of them are named."""


@torch.no_grad()
def understand(model: SoundModel, known: JointMap, target: Target, progress: Progress = silent, *, by_name: bool = False) -> Understood:
    """What a target asks of a model, by its map of codes (`known`). Raises ConfigError, MediaError, ShapeError.

    `by_name`: words for attributes that the model knows by name are taken out of texts and give `named`; else the joint space alone says
    what a text means.
    """
    named, parts = _split(model, known, target) if by_name else ({}, target.parts)
    if not parts:
        return Understood(named=named)
    total = sum(abs(part.weight) for part in parts)
    found = [(part, understand_part(model, known, part, target.neutral, progress)) for part in parts]
    scenes = [(part.weight / total, each) for part, each in found if each.wanted is not None]
    changes = [part.weight / total * each.changes for part, each in found if each.changes is not None]
    wanted = torch.stack([weight * each.wanted for weight, each in scenes if each.wanted is not None]).sum(0) if scenes else None
    best = max(scenes, key=lambda pair: pair[0]) if scenes else None
    if best is None or best[0] <= 0:  # led away from a scene: nowhere in particular to land
        away = [weight * each.wanted.expand(len(known.centres), -1) for weight, each in scenes if each.wanted is not None]
        changes = [*changes, *away]
        wanted = best = None
    said = torch.stack([part.weight / total * each.said for part, each in found if each.said is not None]).sum(0)
    scene = None if best is None else best[1].scene
    return Understood(wanted, scene, torch.stack(changes).sum(0) if changes else None, named or None, said)


def _split(model: SoundModel, known: JointMap, target: Target) -> tuple[dict[str, float], tuple[TargetPart, ...]]:
    """What texts mean by words for named attributes, and the parts that are left: those texts without these words. A text that's led away
    from stays as it is, and so do all where the user says what they're opposed to. Words that the model never learned aren't left alone.
    """
    if known.named is None or target.neutral is not None:
        return {}, target.parts
    named: dict[str, float] = {}
    parts: list[TargetPart] = []
    for part in target.parts:
        if part.kind != "text" or part.weight < 0:
            parts.append(part)
            continue
        means, rest = known.named.split(part.value)
        named.update(means)
        if not means or (rest and not _says_nothing(model, rest)):
            parts.append(dataclasses.replace(part, value=rest))
    return named, tuple(parts)


def _says_nothing(model: SoundModel, text: str) -> bool:
    """Whether the model knows no word of a text."""
    unknown = joint_space_of(model).unknown_words([text])
    return len(unknown) >= len(set(text.lower().split()))


def understand_part(
    model: SoundModel, known: JointMap, part: TargetPart, neutral: str | None = None, progress: Progress = silent
) -> Understood:
    """One part of a target, without its weight, by the map of codes (`known`). `neutral` is what a text is opposed to (None: the usual)."""
    embedded = embed_part(model, part, progress)
    if len(known.labels) < 2:
        found = _without_labels(model, known, embedded, neutral)
    else:
        found = _among_labels(model, known, part, embedded, neutral)
    return dataclasses.replace(found, said=embedded)


def _among_labels(model: SoundModel, known: JointMap, part: TargetPart, embedded: torch.Tensor, neutral: str | None) -> Understood:
    """A part in a space that names scenes."""
    scene = int((known.labels @ embedded).argmax())
    if part.kind == "sound":
        return Understood(embedded, scene)  # which of its embedding's other sides mean something in pictures isn't known
    if part.kind != "text":
        return Understood(embedded, scene, (embedded - known.scene_means[scene]).expand(len(known.labels), -1))
    if names_a_scene(model, known, part.value):
        centred = F.cosine_similarity(embedded - known.labels.mean(0), known.labels[scene] - known.labels.mean(0), dim=0)
        more = (embedded - known.labels[scene]).expand(len(known.labels), -1) if centred < _SAYS_MORE else None
        return Understood(embedded, scene, more)
    if neutral is not None:
        return Understood(None, None, (embedded - neutral_embedding(model, neutral)).expand(len(known.labels), -1))
    return Understood(None, None, in_context(model, part.value) - in_context(model, ""))


def names_a_scene(model: SoundModel, known: JointMap, text: str) -> bool:
    """Whether `text` names a scene of its own, whatever it's said of. `known` is the map of codes, whose labels it's said of."""
    scale = float(joint_space_of(model).logit_scale)
    found = []
    for embedded in (in_context(model, text), in_context(model, text, before=True)):
        found.append((scale * embedded @ known.labels.T).softmax(1).diagonal().mean())
    return float(torch.stack(found).mean()) < STAYS


def in_context(model: SoundModel, text: str, before: bool = False) -> torch.Tensor:
    """A text said of each label, behind it (or before it), [K, E]."""
    space = joint_space_of(model)
    return space.embed_texts([(f"{text} {label}" if before else f"{label} {text}").strip() for label in space.labels]).float().cpu()


def _without_labels(model: SoundModel, known: JointMap, embedded: torch.Tensor, neutral: str | None) -> Understood:
    """A part in a space without labels: the codes that show it best tell whether it's a scene."""
    scene, share = known.named_scene(embedded)
    changes = (embedded - neutral_embedding(model, neutral)).expand(len(known.centres), -1)
    return Understood(embedded, scene, changes) if share >= _PURE else Understood(None, None, changes)


def described(understood: Understood, model: SoundModel) -> str:
    """In words, for notes and reports."""
    labels = joint_space_of(model).labels
    named = [f"{name} {value:g}" for name, value in (understood.named or {}).items()]
    if understood.scene is None:
        return ", ".join(["within the scene", *named])
    scene = f"the scene {labels[understood.scene]}" if understood.scene < len(labels) else f"scene {understood.scene + 1}"
    return ", ".join([scene, *named])


__all__ = ["Understood", "described", "in_context", "names_a_scene", "part_name", "understand", "understand_part"]
