"""Everything that decides how a film is made from a sound: where it starts, how it walks, how it's rendered."""

import dataclasses
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ..config import check_choice, check_range
from ..errors import ConfigError
from ..motion import DriftSettings
from ..walker import DEFAULT_PULL, WalkSettings
from .centres import MAX_CENTRES
from .class_labels import Label
from .driven import Driven, check_driven, plain
from .keyframe_plan import KeyframePlan
from .loop_settings import LoopSettings
from .pose import ANCHORS
from .pose_keys import PoseKeys
from .render import RenderSettings

STARTS = ("sound", "random", "mean")
UNSURE = ("stay", "follow")


@dataclasses.dataclass(frozen=True)
class StartSettings:
    """Where a walk starts."""

    seed: int = 0
    """The same seed draws the same codes on every machine."""
    start_from: str = "sound"
    """"sound": the start latent whose picture is nearest to the sound in the joint space; "random": the seed's first code; "mean": the
    generator's mean latent, with which the released code begins."""
    prompts: tuple[tuple[str, float], ...] = ()
    """Text constraint (paper 4.5): wanted texts and their weights."""
    negatives: tuple[tuple[str, float], ...] = ()
    """Texts that lead away, and their weights."""
    num_candidates: int = 96
    """How many codes are sampled when the start latent is chosen."""
    truncation_psi: float = 1.0
    """1 keeps all variety, 0 is the centre itself."""
    centres: int | str = 0
    """What truncation draws towards: 0, the mean latent; a number, the nearest of that number of centres (see `generation.centres`); else a file
    of latents, its nearest."""
    label: Label | None = None
    """The class of a conditional generator by its number, or a mix {number: weight}; None: each code draws one."""

    def __post_init__(self) -> None:
        check_choice("start", self.start_from, STARTS)
        check_range("psi", self.truncation_psi, -2, 2)
        check_range("number of candidates", self.num_candidates, 1, 100_000)
        if isinstance(self.centres, int):
            check_range("number of centres", self.centres, 0, MAX_CENTRES)


_PARTS: dict[str, type[Any]] = {"start": StartSettings, "render": RenderSettings}
_PLACES = {name: tuple(part.name for part in dataclasses.fields(kind)) for name, kind in _PARTS.items()}


@dataclasses.dataclass(frozen=True, init=False)
class GenerateSettings:
    """Everything that decides the picture. The same settings and seed give the same film.

    Fields of the parts may be given, read and replaced by their own names: `GenerateSettings(seed=3, size=256)` sets `start.seed`,
    `render.seed` and `render.size`, and `settings.size` is `settings.render.size`.

    Raises TypeError for a name that no part has, and ConfigError for a value out of its range.
    """

    fps: Fraction = Fraction(25)
    start: StartSettings = dataclasses.field(default_factory=StartSettings)
    walk: WalkSettings = dataclasses.field(default_factory=lambda: WalkSettings(pull=DEFAULT_PULL))
    render: RenderSettings = dataclasses.field(default_factory=RenderSettings)
    pose: PoseKeys | None = None
    """How the picture of a StyleGAN3 is shifted, turned and zoomed over the film (see `generation.read_pose`)."""
    anchor: str = "none"
    """How latent 0 places the picture of a StyleGAN3; see `generation.anchor_placement`."""
    causal: bool = False
    """Hear only the past, as a live use would."""
    unsure: str = "stay"
    """What a sound does that is none of the model's scenes (see `listening.names_a_scene`): "stay", the walk stays where it is, as in
    silence; "follow", it goes where the sound encoder leads."""

    drift: DriftSettings = dataclasses.field(default_factory=DriftSettings)
    """Bounds on the walk: on its steps, its distance from the mean, its directions."""
    noise_seconds: float = 1.0
    """After how long smooth noise has changed altogether; the driven number "noise_speed" multiplies the speed."""
    mix_seed: int = 1
    """Whose latents the driven number "mix" takes: the first code of this seed."""
    mix_layers: tuple[str | int, ...] = ("fine",)
    """Which of them: groups (coarse, mid, fine) or numbers of latents, from 0."""
    keyframes: KeyframePlan | None = None
    """Latents at moments that carry the walk along; the walk starts at the first of them, whatever `start` says."""
    loop: LoopSettings | None = None
    """A loop of the sound instead of the whole of it."""
    curves: Mapping[str, Driven] = dataclasses.field(default_factory=dict)
    """Numbers that change from frame to frame, by their names (see `driven.RANGES`): {"mid": "bass*1.5"}, or with a curve or a list."""

    def __init__(self, **values: Any) -> None:
        own = {field.name: field for field in dataclasses.fields(self)}
        for name, field in own.items():
            given = values.pop(name, dataclasses.MISSING)
            default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
            object.__setattr__(self, name, default if given is dataclasses.MISSING else given)
        for name, places in _PLACES.items():
            inside = {key: values[key] for key in places if key in values}
            object.__setattr__(self, name, dataclasses.replace(getattr(self, name), **inside))
        unknown = [key for key in values if not any(key in places for places in _PLACES.values())]
        if unknown:
            raise TypeError(f"GenerateSettings: got {', '.join(unknown)}, expected {', '.join(sorted({*own, *sum(_PLACES.values(), ())}))}")
        check_choice("anchor", self.anchor, ANCHORS)
        check_choice("unsure", self.unsure, UNSURE)
        check_range("noise seconds", self.noise_seconds, 0.02, 3600)
        object.__setattr__(self, "curves", check_driven(self.curves))
        if self.start.centres and self.start.truncation_psi == 1 and "psi" not in self.curves:
            raise ConfigError("centres: got some, but psi 1 draws nothing towards them; choose a smaller psi, such as 0.7")

    def __getattr__(self, name: str) -> Any:
        for part, places in _PLACES.items():
            if name in places:
                return getattr(getattr(self, part), name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def plain(self) -> dict[str, Any]:
        """All settings by their own names, as they're written into a report."""
        found = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        start = dataclasses.asdict(found.pop("start"))
        render = dataclasses.asdict(dataclasses.replace(found.pop("render"), noise_strength=1.0, noise_path=None))
        render.pop("noise_path")
        pose = None if self.pose is None else dataclasses.asdict(self.pose)
        keys = None if self.keyframes is None else self.keyframes.plain()
        loop = None if self.loop is None else dataclasses.asdict(self.loop)
        walk = dataclasses.asdict(self.walk)
        found |= {"fps": str(self.fps), "walk": walk, "pose": pose, "curves": plain(self.curves), "keyframes": keys, "loop": loop}
        found["drift"] = dataclasses.asdict(self.drift)
        return {**start, **render, **plain({"noise_strength": self.render.noise_strength}), **found}
