"""The paper's tables of a model by one call: which methods and eyes each needs, measured together so that no film is made twice."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..assembly import SoundModel
from ..config import check_choice
from ..errors import ConfigError
from ..generation.frames import extent
from ..judge import Judge
from ..progress import Progress, silent
from .i3d import I3D
from .measure import Entry, measure
from .methods import BASELINES, OURS, SWITCHES
from .paper_tables import Table, Tables
from .records import Eyes
from .sources import ClipSource
from .video_networks import I3DNetwork, JointSpaceNetwork, JudgeNetwork, VideoNetwork

TABLES = ("2", "3", "ablations", "all")


def own_network(model: SoundModel, judge: Judge | None, labels: tuple[str, ...]) -> VideoNetwork:
    """The network of ours that FVD and IS are named after: the judge, where it knows the labels; else the joint space."""
    if judge is not None and labels and set(labels) <= set(judge.labels):
        return JudgeNetwork(judge)
    if model.joint_space is None:
        raise ConfigError(f"model {model.name}: has neither a judge that knows these labels nor a joint space, so nothing can look at its films")
    return JointSpaceNetwork(model.joint_space, labels)


def paper_tables(
    model: SoundModel,
    source: ClipSource,
    *,
    judge: Judge | None = None,
    which: str = "all",
    i3d: I3D | None = None,
    ablations: Mapping[str, SoundModel] | None = None,
    seed: int = 0,
    keep: Path | None = None,
    progress: Progress = silent,
) -> list[Table]:
    """Tables of `which`: "2" (FVD, IS), "3" (3a, and the judge's), "ablations", or "all".

    `ablations` are models that were trained without a part, by the name of their row; each is measured by the eyes of `model`.
    """
    check_choice("table", which, TABLES)
    wanted = set(TABLES[:-1]) if which == "all" else {which}
    network = own_network(model, judge, source.labels)
    judge = judge if network.name == JudgeNetwork.name else None
    networks: list[VideoNetwork] = [network]
    if i3d is not None:
        networks.append(I3DNetwork(i3d.to(model.device)))
    compared = [OURS, *(BASELINES if wanted & {"2", "3"} else ()), *(SWITCHES if "ablations" in wanted else ())]
    entries = [Entry.of(method, model) for method in compared]
    entries += [Entry(f"model {name}", name, other, OURS.make) for name, other in (ablations or {}).items()]
    size = min(extent(model.generator))
    measured = measure(entries, source, Eyes(judge, model.joint_space, tuple(networks)), size=size, keep=keep, progress=progress)
    tables = Tables(measured, judge.labels if judge else (), seed, progress)
    rows = ["ours", *(method.key for method in BASELINES)]
    found: list[Table | None] = []
    if "2" in wanted:
        found += [tables.table2(each.name, rows) for each in networks]
    if "3" in wanted:
        found += [tables.table3a(rows), tables.judged(rows)]
    if "ablations" in wanted:
        found.append(tables.ablations(network.name, _without_baselines(measured.names)))
    return [table for table in found if table is not None]


def _without_baselines(keys: Sequence[str] | Mapping[str, str]) -> list[str]:
    left_out = {"real", *(method.key for method in BASELINES)}
    return [key for key in keys if key not in left_out]
