"""From an edit as it's asked for to what is added to latents: for one generator, one start, one length of film."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import torch
from torch.nn import functional as F

from ..assembly import SoundModel
from ..config import check_range
from ..errors import ConfigError
from ..generation.sound import Sound
from ..latents import LatentWalk, WalkEdit, start_of
from ..progress import Progress, silent
from ..shapes import check_shape
from ..synthesis import rgb_images
from .apply import LinearShift, ResolvedEdit, Shift
from .curves import amounts_of
from .directions import Direction, load_direction
from .edits import Edit, StrengthCurve, layer_mask
from .joint_map import Attribute, JointMap, joint_map
from .landing import fitting_scores, landing_code
from .optimise import optimise_edit
from .over_time import audible_weights, find_kinds, slide_embedding, turns_of
from .passing import LandingShift, crisp_ends, passed_quickly
from .regions import edited_walk
from .shifts import KnotShift, linearised
from .sources import Source
from .style_space import style_step
from .targets import TargetPart, joint_space_of, part_name
from .understanding import Understood, described, understand

DIRECTION_SIGMAS = 2.0
"""Standard deviations at strength 1 of a plain direction."""
_STEPS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
"""Standard deviations along an attribute at which pictures are looked at."""
_WORTH_IT = 1.0
"""Gain of an attribute's level that makes it worth leaving the coarse latents alone."""
_LEAST_DETAIL = 0.6
"""Of the start's, below which an attribute goes no farther."""
_NO_GAIN = 0.15
"""Gain of an attribute's level that's none."""
_LEAST_STEPS = 0.5
"""What strength 1 of an attribute does that the picture shows already, in standard deviations."""
_PLACES = 9
"""Of a way to another scene that are looked at."""
_CRISP = 0.95
"""Share of the fine detail to be expected between both ends of such a way, below which it's a blur of both."""


@dataclasses.dataclass(frozen=True)
class ResolveSettings:
    """What an edit is resolved for."""

    num_frames: int = 1
    """Of the film; 1: a still."""
    fps: Fraction = Fraction(25)
    sound: Sound | None = None
    """The film's sound, which names of curves are curves of."""
    num_codes: int | None = None
    """Codes that the joint space is linearised from; None: `joint_map`'s own number."""

    def __post_init__(self) -> None:
        check_range("number of frames", self.num_frames, 1, 2**31)


def _even_path(offset: torch.Tensor, places: Sequence[float], responses: torch.Tensor) -> KnotShift:
    """The straight way to an offset [L, D], at a pace at which the response grows evenly; `places` 0..1 are where it was measured."""
    even = linearised(places, responses)
    knots = torch.linspace(0, 1, len(even))
    amounts = torch.cat([torch.tensor([-1.0]), knots])
    return KnotShift(amounts, torch.tensor([-1.0, *even])[:, None, None] * offset)


def resolve_edits(
    model: SoundModel,
    edits: Sequence[Edit],
    start_ws: torch.Tensor,
    settings: ResolveSettings | None = None,
    progress: Progress = silent,
) -> tuple[ResolvedEdit, ...]:
    """What each edit adds to latents that begin at `start_ws` [1, L, D]. Without `settings` the defaults hold.

    A target that names another scene than the start's lands there; what differs within scenes is a direction. A sound as the target of a
    film is followed over time. Raises ConfigError, ShapeError, MediaError, CheckpointError.
    """
    check_shape("start_ws", start_ws, "N L D", N=1, L=model.generator.num_ws, D=model.generator.w_dim)
    resolver = Resolver(model, start_ws.detach().float().cpu(), settings or ResolveSettings(), progress)
    return tuple(resolver.resolve(edit) for edit in edits)


def walk_edit(
    model: SoundModel,
    edits: Sequence[Edit],
    sound: Sound | None = None,
    progress: Progress = silent,
    on_notes: Callable[[str], None] | None = None,
    *,
    source: Source | None = None,
) -> WalkEdit:
    """Edits as a change of a walk, for `generation.generate`: they're resolved for the latent that the walk starts at, and its length.

    `sound` is the film's (None: there's none to follow); `on_notes` hears what the user should know (None: nobody does); `source` is the picture
    that the film starts from, whose shape masks may have (None: the film's own shape). Edits with a region show inside it alone.
    """

    def change(walk: LatentWalk) -> LatentWalk:
        resolved = resolve_edits(model, edits, start_of(walk), ResolveSettings(walk.num_frames, walk.fps, sound), progress)
        for note in (note for edit in resolved for note in edit.notes):
            if on_notes is not None:
                on_notes(note)
        return edited_walk(walk, resolved) if source is None else edited_walk(walk, resolved, source.shape, source.fit)

    return change


class Resolver:
    """Resolves edits for one start, `start_ws` [1, L, D]; what they share is computed once."""

    def __init__(self, model: SoundModel, start_ws: torch.Tensor, settings: ResolveSettings, progress: Progress = silent) -> None:
        self.model, self.start_ws, self.settings, self.progress = model, start_ws, settings, progress
        self._map: JointMap | None = None
        self._scene: int | None = None

    @property
    def map(self) -> JointMap:
        """The linearised joint space, when it's needed."""
        if self._map is None:
            self._map = joint_map(self.model, self.settings.num_codes, progress=self.progress)
        return self._map

    @property
    def scene(self) -> int:
        """The scene of the start."""
        if self._scene is None:
            self._scene = int(self.map.scene_of(self.embed(self.start_ws))[0])
        return self._scene

    def mask(self, edit: Edit) -> torch.Tensor:
        """The latents that an edit names, [L, 1] of 0 and 1; all of them where it names none."""
        return layer_mask(edit.layers, self.model.walker.slices, self.model.generator.num_ws)[:, None]

    def resolve(self, edit: Edit) -> ResolvedEdit:
        """What one edit adds. Raises ConfigError for one that has neither target nor direction."""
        if edit.direction is not None:
            return self._along(edit, self._direction(edit.direction))
        if edit.target is None:
            raise ConfigError("edit: got neither a target nor a direction")
        if self.settings.num_frames > 1 and edit.curve is None and [part.kind for part in edit.target.parts] == ["sound"]:
            return self._following(edit, edit.target.parts[0])
        unknown = self._unknown_words(edit)
        understood = understand(self.model, self.map, edit.target, self.progress, by_name=edit.way in ("auto", "scene"))
        way, shifts = self.shifts_to(understood, edit)
        notes = (*unknown, f"{edit.target.name}: understood as {described(understood, self.model)}"
                 f"{', which the picture shows already' if way in ('attribute', 'none') and understood.scene is not None else ''}")
        amounts = self._amounts(edit).expand(-1, len(shifts))
        amounts = passed_quickly(amounts, self.settings.fps) if way == "scene" else amounts
        return ResolvedEdit(edit.name, shifts, amounts, region=edit.region, notes=notes, way=way)

    def _following(self, edit: Edit, part: TargetPart) -> ResolvedEdit:
        """An edit towards a sound, over time: one shift for each kind of sound in it, and how much of each at which frame."""
        sound = part.value if isinstance(part.value, Sound) else Sound.from_file(part.value)
        found = find_kinds(*slide_embedding(self.model, sound, self.progress), self.map.labels)
        understood = [self._heard(embedded) for embedded in found.embeds]
        still = LinearShift(torch.zeros(self.start_ws.shape[1:]))
        shifts = tuple(still if each.scene == self.scene and edit.way != "scene" else self.landing(each, edit) for each in understood)
        weights = audible_weights(sound, found, self.settings.num_frames, self.settings.fps)
        amounts = passed_quickly(edit.strength * part.weight * weights, self.settings.fps)
        notes = (f"{part_name(part.value)}: {turns_of([described(each, self.model) for each in understood], found.kinds)}",)
        return ResolvedEdit(edit.name, shifts, amounts, region=edit.region, notes=notes, way="scene")

    def _heard(self, embedded: torch.Tensor) -> Understood:
        """A kind of sound, by its embedding [E]: the label that it's nearest to."""
        labels = self.map.labels
        return Understood(embedded, int((labels @ embedded).argmax()) if len(labels) > 1 else self.map.named_scene(embedded)[0])

    def shifts_to(self, understood: Understood, edit: Edit) -> tuple[str, tuple[Shift, ...]]:
        """The way of a target, and what leads there."""
        way = edit.way
        if way == "optimise" and understood.said is not None:
            found = optimise_edit(self.model, self.start_ws, understood.said, progress=self.progress)
            return way, (LinearShift(self.mask(edit) * (found.ws - self.start_ws)[0]),)
        if way == "auto":
            way = "attribute" if understood.scene is None or understood.scene == self.scene else "scene"
        if way == "scene":
            return way, (self.landing(understood, edit),)
        named = (LinearShift(self.mask(edit) * self._named(understood.named)),) if understood.named else ()
        changes = understood.changes
        if changes is None and edit.way == "auto":  # it shows the scene already, and nothing else was asked for
            return ("attribute", named) if named else ("none", (LinearShift(torch.zeros_like(self.start_ws[0])),))
        if changes is None:
            wanted = self.map.centres[self.scene] if understood.wanted is None else understood.wanted
            changes = (wanted - self.map.embeds.mean(0)).expand(len(self.map.centres), -1)
        return way, (self.attribute(self.map.attribute(changes), edit), *named)

    def landing(self, understood: Understood, edit: Edit) -> LandingShift:
        """To a code of the target's scene, in the start's fine latents; and there along what the target says besides the scene.

        Raises ConfigError for a target that names no scene.
        """
        wanted, changes, named = understood.wanted, understood.changes, understood.named or {}
        if wanted is None or understood.scene is None:
            raise ConfigError(f"{edit.name}: names no scene to land in; leave way out, or ask for a scene such as "
                              f"{', '.join(list(joint_space_of(self.model).labels)[:3]) or 'a place'}")
        layers = self.mask(edit)[:, 0].bool()
        if not edit.layers:
            layers[self.model.walker.slices["fine"].start:] = False
        code = landing_code(self.map, wanted, fitting_scores(self.map, changes, named), self.start_ws, layers)
        offset = layers[:, None] * (code - self.start_ws[0])
        if changes is not None and not edit.layers:
            attribute = self.map.attribute(changes)
            step = ~layers[:, None] * attribute.step  # the code that it lands on shows it already
            end, _ = self._levels(attribute, self.start_ws + offset, understood.scene, step)
            offset = offset + end * step
        if named:
            offset = offset + self._named_beside(named, code, understood.scene, layers) * self.mask(edit)
        return LandingShift(offset, *self._crisp_ends(offset))

    def _named_beside(self, named: dict[str, float], code: torch.Tensor, scene: int, layers: torch.Tensor) -> torch.Tensor:
        """What leads a landing to values of named attributes, [L, D]: the code [D] of a scene, by its number, in `layers` (bool [L]), and the
        start in the others.
        """
        landed = self._named_step(named, code[None, None], scene)
        kept = self._named_step(named, self.start_ws[:, ~layers], self.scene) if not bool(layers.all()) else landed
        ws = torch.where(layers[:, None], code, self.start_ws)
        return self._as_far_as_sharp(ws, torch.where(layers[:, None], landed, kept))

    def _crisp_ends(self, offset: torch.Tensor) -> tuple[float, float]:
        """How much of the way along an offset [L, D] pictures are as crisp as those at both ends, and show one of the two scenes."""
        places = torch.linspace(0, 1, _PLACES)
        looks = [self._look(self.start_ws + place * offset) for place in places]
        scenes = self.map.scene_of(torch.cat([embedded for embedded, _ in looks]))
        details = torch.tensor([detail for _, detail in looks]).clamp(min=1e-9).log()
        lost = torch.lerp(details[0], details[-1], places) - details
        return crisp_ends(places, (lost <= -math.log(_CRISP)) & ((scenes == scenes[0]) | (scenes == scenes[-1])))

    def _named(self, values: dict[str, float]) -> torch.Tensor:
        """What leads the start to values of named attributes, as far as its fine detail stays, [D]."""
        return self._as_far_as_sharp(self.start_ws, self._named_step(values, self.start_ws, self.scene))

    def _named_step(self, values: dict[str, float], ws: torch.Tensor, scene: int) -> torch.Tensor:
        """What leads latents [1, L, D] of a scene, by its number, to values of named attributes, [D]."""
        return torch.stack([self.map.named_steps(name, value, ws, scene) for name, value in values.items()]).sum(0)

    def _as_far_as_sharp(self, ws: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        """The largest share of a step from latents [1, L, D] that leaves enough of their picture's fine detail."""
        before = self._look(ws)[1]
        shares = (1.0, 0.75, 0.5, 0.25)
        return next((share * step for share in shares if self._look(ws + share * step)[1] >= _LEAST_DETAIL * before), shares[-1] * step)

    def attribute(self, attribute: Attribute, edit: Edit) -> KnotShift:
        """A direction within the start's scene: strength 1 is as far as the best of the codes show it.

        Where the edit names no latents, layout and things stay, unless nothing much is changed so.
        """
        mask = self.mask(edit).clone()
        step = attribute.step if edit.way != "style" else style_step(self.model.generator, self.map, attribute)
        if not edit.layers:
            mask[self.model.walker.slices["coarse"]] = 0
        end, levels = self._levels(attribute, self.start_ws, self.scene, mask * step)
        if not edit.layers and float(levels.max() - levels[0]) < min(_WORTH_IT, attribute.best_level - float(levels[0])):
            mask = torch.ones_like(mask)
            end, levels = self._levels(attribute, self.start_ws, self.scene, mask * step)
        end = max(end, _LEAST_STEPS)
        places = [each for each in _STEPS if each < end] + [end]
        return _even_path(end * mask * step, [place / end for place in places], levels[: len(places)])

    def _levels(self, attribute: Attribute, ws: torch.Tensor, scene: int, step: torch.Tensor) -> tuple[float, torch.Tensor]:
        """How far along steps [L, D] from latents [1, L, D] the level of the best codes is reached, or nearly all of what can be; and the
        levels at `_STEPS`. It ends where the picture would lose its scene or its fine detail: there a level is no longer a picture's.
        """
        looks = [self._look(ws + place * step) for place in _STEPS]
        levels = torch.cat([self.map.level(embedded, scene, attribute) for embedded, _ in looks])
        own = [int(self.map.scene_of(embedded)[0]) for embedded, _ in looks]
        sound = [place == 0 or (own[place] == own[0] and looks[place][1] >= _LEAST_DETAIL * looks[0][1]) for place in range(len(looks))]
        allowed = levels[: sound.index(False)] if False in sound else levels
        wanted = min(attribute.best_level, float(levels[0] + 0.9 * (allowed.max() - levels[0])))
        if float(allowed.max() - levels[0]) < _NO_GAIN:
            return 0.0, levels
        return _STEPS[int((allowed >= wanted).nonzero()[0, 0])], levels

    def embed(self, ws: torch.Tensor) -> torch.Tensor:
        """What latents [1, L, D] look like to the joint space, [1, E]."""
        return self._look(ws)[0]

    @torch.no_grad()
    def _look(self, ws: torch.Tensor) -> tuple[torch.Tensor, float]:
        """What latents [1, L, D] look like to the joint space [1, E], and their image's fine detail (mean absolute Laplacian)."""
        space: Any = joint_space_of(self.model)
        images = rgb_images(self.model.generator, ws.to(self.model.device), noise_mode="const").float()
        grey = images.clamp(-1, 1).mean(1, keepdim=True)
        around = F.avg_pool2d(F.pad(grey, (1, 1, 1, 1), mode="replicate"), 3, 1)
        return space.embed_images(images).float().cpu(), float((grey - around).abs().mean())

    def _direction(self, told: Direction | str) -> Direction:
        generator = self.model.generator
        if isinstance(told, Direction):
            return told.fits(generator.num_ws, generator.w_dim)
        from .found_directions import direction_by_name, is_named

        if is_named(told):
            return direction_by_name(generator, told)
        return load_direction(told, generator.num_ws, generator.w_dim)

    def _along(self, edit: Edit, direction: Direction) -> ResolvedEdit:
        """A plain direction, straight."""
        shift = LinearShift(self.mask(edit) * direction.offset(DIRECTION_SIGMAS))
        return ResolvedEdit(edit.name, (shift,), self._amounts(edit), region=edit.region, notes=(), way="direction")

    def _amounts(self, edit: Edit) -> torch.Tensor:
        """Strength x curve, [T, 1] or [1, 1]."""
        return edit.strength * self._over_time(edit.curve)[:, None]

    def _over_time(self, curve: StrengthCurve) -> torch.Tensor:
        settings = self.settings
        return amounts_of(curve, settings.num_frames, settings.fps, settings.sound, self.progress)

    def _unknown_words(self, edit: Edit) -> tuple[str, ...]:
        """What to say of words that the model never learned. Raises ConfigError for a text of such words alone."""
        space, notes = joint_space_of(self.model), []
        if not getattr(space, "words", True):
            return ()  # it was taught no words at all
        for text in [part.value for part in edit.target.parts if part.kind == "text"] if edit.target else []:
            unknown = space.unknown_words([text])
            if unknown and len(unknown) >= len(set(text.lower().split())):
                raise ConfigError(f"text {text!r}: this model knows none of these words; use others, such as {', '.join(list(space.labels)[:3])}")
            notes += [f"this model never learned {', '.join(unknown)}: it says nothing to it"] if unknown else []
        return tuple(notes)
