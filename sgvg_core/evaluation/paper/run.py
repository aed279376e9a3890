"""The paper's tables of a model by one call: which methods and eyes each needs, measured together so that no film is made twice."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from ...assembly import SoundModel
from ...config import check_choice
from ...errors import ConfigError
from ...generation.render import size_of_image
from ...image_inversion import ImageEncoder
from ...judge import Judge
from ...perceptual.distance import PerceptualDistance, by_joint_space, by_judge
from ...progress import Progress, silent
from ..networks.i3d import I3D
from ..networks.video import I3DNetwork, JointSpaceNetwork, JudgeNetwork, VideoNetwork
from .inversion import STEPS, Inverter, table3b
from .measure import Entry, measure
from .methods import BASELINES, OURS, SWITCHES
from .records import Eyes
from .sources import ClipSource
from .tables import Table, Tables

_WANTED = {"2": {"2"}, "3": {"3a", "3b"}, "3a": {"3a"}, "3b": {"3b"}, "ablations": {"ablations"}, "models": {"models"},
           "all": {"2", "3a", "3b", "ablations"}}  # fmt: skip
TABLES = tuple(_WANTED)
"""What may be asked for; the judge's table comes with 3a. "models" are ablations that were trained, without those that are switched."""


@dataclasses.dataclass(frozen=True)
class Instruments:
    """What measures, besides the model's own joint space."""

    judge: Judge | None = None
    """Used where it knows the clips' labels."""
    i3d: I3D | None = None
    """Adds a Table 2 by I3D."""
    lpips: PerceptualDistance | None = None
    """The published one, in place of a network of ours."""
    image_encoder: ImageEncoder | None = None
    """Adds a row to Table 3b."""
    inversion_steps: int = STEPS
    """Of the descents of Table 3b."""


def paper_tables(
    model: SoundModel,
    source: ClipSource,
    instruments: Instruments | None = None,
    *,
    which: str = "all",
    ablations: Mapping[str, SoundModel] | None = None,
    seed: int = 0,
    keep: Path | None = None,
    progress: Progress = silent,
) -> list[Table]:
    """Tables of `which`: "2" (FVD, IS), "3a" (cosines, and the judge's), "3b" (inversion), "3" (both), "ablations", "models" (the model and
    `ablations` alone), or "all".

    `ablations` are models that were trained without a part, by the name of their row; each is measured by the eyes of `model`. With `keep`,
    what was seen is kept in that folder. Raises ConfigError where nothing can look at these films.
    """
    check_choice("table", which, TABLES)
    instruments = _fitting(instruments or Instruments(), source)
    run = _Run(model, source, instruments, seed, keep, progress=progress)
    wanted = _WANTED[which]
    found = run.of_films(wanted, ablations or {}) if wanted != {"3b"} else []
    return [*found, *(run.of_inversion(required=which == "3b") if "3b" in wanted else [])]


def _fitting(instruments: Instruments, source: ClipSource) -> Instruments:
    """The same without a judge that doesn't know the labels."""
    judge = instruments.judge
    knows = judge is not None and source.labels and set(source.labels) <= set(judge.labels)
    return instruments if knows else dataclasses.replace(instruments, judge=None)


@dataclasses.dataclass(frozen=True)
class _Run:
    model: SoundModel
    source: ClipSource
    instruments: Instruments
    seed: int
    keep: Path | None
    progress: Progress

    def own_network(self) -> VideoNetwork:
        """The network of ours that FVD and IS are named after: the judge, where it knows the labels; else the joint space."""
        if self.instruments.judge is not None:
            return JudgeNetwork(self.instruments.judge)
        if self.model.joint_space is None:
            raise ConfigError(f"model {self.model.name}: has no joint space and no judge that knows these labels, so nothing can look at its films")
        return JointSpaceNetwork(self.model.joint_space, self.source.labels)

    def eyes(self) -> Eyes:
        """All that looks at films."""
        networks = [self.own_network()]
        if self.instruments.i3d is not None:
            networks.append(I3DNetwork(self.instruments.i3d.to(self.model.device)))
        return Eyes(self.instruments.judge, self.model.joint_space, tuple(networks))

    @property
    def size(self) -> int:
        """The shorter side of the model's pictures, at which real ones are looked at too."""
        return min(size_of_image(self.model.generator))

    def of_films(self, wanted: set[str], ablations: Mapping[str, SoundModel]) -> list[Table]:
        """The tables that films are made for."""
        eyes = self.eyes()
        baselines = BASELINES if wanted & {"2", "3a"} else ()
        switches = SWITCHES if "ablations" in wanted else ()
        entries = [Entry.of(method, self.model) for method in (OURS, *baselines, *switches)]
        entries += [Entry(f"model {name}", name, other, OURS.make) for name, other in ablations.items()]
        if "models" in wanted:
            entries[0] = dataclasses.replace(entries[0], name=self.model.name)
        measured = measure(entries, self.source, eyes, size=self.size, keep=self.keep, progress=self.progress)
        tables = Tables(measured, eyes.judge.labels if eyes.judge else (), self.seed, self.progress)
        rows = [method.key for method in (OURS, *baselines)]
        found: list[Table | None] = []
        if "2" in wanted:
            found += [tables.table2(network.name, rows) for network in eyes.networks]
        if "3a" in wanted:
            found += [tables.table3a(rows), tables.judged(rows)]
        if wanted & {"ablations", "models"}:
            without = [method.key for method in switches] + [f"model {name}" for name in ablations]
            found.append(tables.ablations(eyes.networks[0].name, [OURS.key, *without]))
        return [table for table in found if table is not None]

    def of_inversion(self, *, required: bool) -> list[Table]:
        """Table 3b; none where nothing can look at pictures layer by layer, unless it's `required`."""
        given, space = self.instruments, self.model.joint_space
        perceptual = given.lpips or (by_joint_space(space) if space is not None else None)
        if perceptual is None or space is None:
            if required:
                raise ConfigError(f"model {self.model.name}: table 3b needs a joint space, and one with stages to look at or --lpips")
            return []
        look = given.lpips or (by_judge(given.judge) if given.judge is not None else perceptual)
        inverter = Inverter(self.model, look, perceptual, given.inversion_steps, given.image_encoder)
        return [table3b(inverter, self.source, size=self.size, keep=self.keep, progress=self.progress)]
