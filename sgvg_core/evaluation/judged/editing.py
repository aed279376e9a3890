"""The editing table: own images inverted, scenes changed, hour and light changed, by a judge that no edit optimises.

Four figures belong together, since each alone can be cheated: whether the judge sees what was asked for, the fine detail next to the
start's (a blur has little), the distance to the generator's own codes, and what was to stay.
"""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from ...assembly import SoundModel
from ...config import check_choice, check_range
from ...editing import JointMap, ResolvedEdit, apply_edits, invert_with_model, joint_map, parse_edit, resolve_edits
from ...errors import ConfigError
from ...generation.render import to_uint8
from ...image_inversion import Ground, InversionSettings, Inverted, codes_of, map_codes, psnr_of
from ...judge import Judge
from ...pixels import from_uint8
from ...progress import Progress, silent
from ...synthesis import rgb_images
from ...world import KINDS, render
from ...world.codes import draw_codes, read_codes
from ..statistics import bootstrap, fine_detail

_START_SEED, _HELD_OUT_SEED = 77, 991
ON_THE_WAY = (0.25, 0.5, 0.75)
"""Strengths at which changes of scene are looked at, besides 1."""
HOURS = ("at night", "at noon")
SPACES = ("w", "w+", "w+noise")
_FIXED_EDITS = ("text=raining", "text=fire crackling", "text=splashing water", "text=thunderstorm", "text=wind noise")
"""What an inverted image is edited by, to see whether its latents can be edited at all."""


@dataclasses.dataclass(frozen=True)
class EditingFigures:
    """What the judge says of one edited picture."""

    right: float
    """1 where it sees what was asked for (for hours: the start's own scene still)."""
    probability: float
    """That the judge gives to what was asked for."""
    detail: float
    """Fine detail over the start's."""
    distance: float
    """Mahalanobis distance of the edited latents to the mapped codes; these have about 1."""
    colour: float
    """Mean change of the mean colour, in -1..1."""
    cosine: float
    """To the target in the joint space, which edits do see."""
    moved: float = 0.0
    """Of hours: how far it moved the way that was asked for, of 0..1."""


class EditingTable:
    """Measures a model's edits on starts of all nine scenes. Raises ConfigError for a model of other scenes than the world's.

    `num_starts` are shared out among the scenes; `seed` decides which they are.
    """

    def __init__(self, model: SoundModel, judge: Judge, *, seed: int = 0, num_starts: int = 9, progress: Progress = silent) -> None:
        check_range("number of starts", num_starts, 1, 900)
        if model.joint_space is None or tuple(model.joint_space.labels) != KINDS:
            raise ConfigError(f"model {model.name}: the editing table is about the nine scenes of the world; this model has other labels")
        self.model, self.judge, self.seed, self.progress = model, judge, seed, progress
        self.known = joint_map(model, progress=progress)
        self.ground: Ground = self.known.ground
        self.starts = self._starts(num_starts)

    @torch.no_grad()
    def _starts(self, count: int) -> torch.Tensor:
        """Start latents [N, L, D], of each scene in turn. Raises ConfigError where the judge sees a scene in no code."""
        wanted = torch.bincount(torch.arange(count) % len(KINDS), minlength=len(KINDS))
        ws = map_codes(self.model.generator, _START_SEED + self.seed, 40 * max(count, len(KINDS)))
        ws = ws[:, None].expand(-1, self.model.generator.num_ws, -1)
        kinds = torch.empty(0, dtype=torch.long)
        for some in ws.split(8 * len(KINDS)):
            kinds = torch.cat([kinds, self._kinds(some)])
            if bool((torch.bincount(kinds, minlength=len(KINDS)) >= wanted).all()):
                found = [int((kinds == index % len(KINDS)).nonzero()[index // len(KINDS), 0]) for index in range(count)]
                return ws[found].clone()
        lacking = [KINDS[each] for each in (torch.bincount(kinds, minlength=len(KINDS)) < wanted).nonzero().flatten().tolist()]
        raise ConfigError(f"model {self.model.name}: the judge sees too few of {', '.join(lacking)} among {len(kinds)} codes to edit {count} starts")

    @torch.no_grad()
    def _kinds(self, ws: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.judge(self.show(each)).logits.argmax(1) for each in ws.split(8)])

    @torch.no_grad()
    def show(self, ws: torch.Tensor, noise: Sequence[torch.Tensor] | None = None) -> torch.Tensor:
        """Images [N, 3, H, W] in -1..1.

        What `ws` [N, L, D] look like; `noise` are maps, one a layer (None: the network's own).
        """
        how = {"noise_mode": "const"} if noise is None else {"noise_mode": "given", "noise": list(noise)}
        return rgb_images(self.model.generator, ws.to(self.model.device), **how).float().cpu().clamp(-1, 1)

    @torch.no_grad()
    def figures(self, before: torch.Tensor, edited: torch.Tensor, wanted: Sequence[int], text: str) -> EditingFigures:
        """What an edit of what `before` [1, 3, H, W] shows to `edited` [1, L, D] did, asked for `text`; it's right if the judge sees one of the
        `wanted` scenes, and the probability is that of the likeliest of these.
        """
        after = self.show(edited)
        probability = float(self.judge(after).logits.softmax(1)[0, list(wanted)].max())
        space: Any = self.model.joint_space
        cosine = float((space.embed_images(after) @ space.embed_texts([text]).T)[0, 0])
        detail = fine_detail_of(after) / max(fine_detail_of(before), 1e-9)
        colour = float((after - before).mean((2, 3)).abs().mean())
        return EditingFigures(float(probability > 0.5), probability, detail, float(self.ground.distance(edited)[0]), colour=colour, cosine=cosine)

    def scene_edits(self, strengths: Sequence[float] = (1.0,)) -> dict[float, list[EditingFigures]]:
        """Each start to each other scene, at each of `strengths`. On the way there it's right if the judge sees the scene of one of the ends."""
        found: dict[float, list[EditingFigures]] = {strength: [] for strength in strengths}
        for number, start in enumerate(self.starts.split(1)):
            before = self.show(start)
            own = int(self.judge(before).logits.argmax())
            others = [index for index in range(len(KINDS)) if index != own]
            edits = resolve_edits(self.model, [parse_edit(f"text={KINDS[index]}") for index in others], start)
            for index, edit in zip(others, edits, strict=True):
                for strength, rows in found.items():
                    edited = apply_edits(start, (dataclasses.replace(edit, amounts=strength * edit.amounts),))
                    rows.append(self.figures(before, edited, (index,) if strength >= 1 else (own, index), KINDS[index]))
            self.progress(number + 1, len(self.starts), "scene edits")
        return found

    def hour_edits(self) -> dict[str, list[EditingFigures]]:
        """Each start to night and to noon; starts that are there already aren't asked."""
        read = hour_probe(self.model, self.known)
        found: dict[str, list[EditingFigures]] = {text: [] for text in HOURS}
        for number, start in enumerate(self.starts.split(1)):
            shown = self.show(start)
            own = int(self.judge(shown).logits.argmax())
            before = read(shown, own)
            for text, sign in zip(HOURS, (1, -1), strict=True):
                if sign * before > (0.65 if sign > 0 else -0.35):
                    continue
                (edit,) = resolve_edits(self.model, [parse_edit(f"text={text}")], start)
                edited = apply_edits(start, (edit,))
                figures = self.figures(shown, edited, (own,), text)
                found[text].append(dataclasses.replace(figures, moved=sign * (read(self.show(edited), own) - before)))
            self.progress(number + 1, len(self.starts), "edits of the hour")
        return found

    def inversions(self, space: str, num_images: int = 9) -> dict[str, dict[str, list[float]]]:
        """Own renders, and renders of the world that the generator never saw: dB, distance, seconds, success of five fixed edits.

        `space` is one of `SPACES`.
        """
        found: dict[str, dict[str, list[float]]] = {}
        for name, images in (("own renders", self._own(num_images)), ("held-out renders", held_out_renders(num_images, self.show(self.starts[:1])))):
            rows: dict[str, list[float]] = {"psnr": [], "distance": [], "seconds": [], "success": [], "noise_back": []}
            for number, image in enumerate(images.split(1)):
                made = self.inverted(image, InversionSettings(space=space))
                rows["psnr"].append(made.psnr)
                rows["distance"].append(made.distance)
                rows["seconds"].append(made.seconds)
                rows["noise_back"].append(psnr_of(self.show(made.ws), image))
                rows["success"].append(self._success(made.ws))
                self.progress(number + 1, len(images), f"inversion into {space}, {name}")
            found[name] = rows
        return found

    def inverted(self, image: torch.Tensor, settings: InversionSettings) -> Inverted:
        """Latents of an image [1, 3, H, W] in -1..1."""
        return invert_with_model(self.model, image, settings)

    def _success(self, ws: torch.Tensor) -> float:
        """The share of the fixed edits that the judge sees."""
        right = []
        for line, edit in zip(_FIXED_EDITS, resolve_edits(self.model, [parse_edit(line) for line in _FIXED_EDITS], ws), strict=True):
            right.append(self._kinds(apply_edits(ws, (edit,))) == KINDS.index(line.removeprefix("text=")))
        return float(torch.cat(right).float().mean())

    def _own(self, count: int) -> torch.Tensor:
        ws = map_codes(self.model.generator, _HELD_OUT_SEED + self.seed, max(count, 2))[:count]
        return torch.cat([self.show(each[None, None].expand(1, self.model.generator.num_ws, -1)) for each in ws])

    def cost_per_frame(self, edit: ResolvedEdit, num_frames: int = 48) -> float:
        """Time of edited frames over that of untouched ones, both rendered."""
        ws = self.starts[:1].expand(num_frames, -1, -1)
        spent = []
        for change in ((lambda part, first: part), (lambda part, first: apply_edits(part, (edit,), first))):
            began = time.process_time()
            for first in range(0, num_frames, 4):
                self.show(change(ws[first:first + 4], first))
            spent.append(time.process_time() - began)
        return spent[1] / max(spent[0], 1e-9)


def held_out_renders(count: int, like: torch.Tensor) -> torch.Tensor:
    """Renders [N, 3, H, W] of the world at the size of `like`, of each scene in turn, that no training saw. `count` is N."""
    codes = read_codes(draw_codes(_HELD_OUT_SEED, 60 * ((count + 8) // 9)))
    chosen = []
    for index in range(count):
        chosen.append([code for code in codes if code.kind == KINDS[index % len(KINDS)]][index // len(KINDS)])
    made = [render(code.kind, code.scene, code.envelope, code.phase, like.shape[2]) for code in chosen]
    return from_uint8(torch.from_numpy(np.stack(made)))


def fine_detail_of(images: torch.Tensor) -> float:
    """The fine detail of images [1, 3, H, W] in -1..1."""
    return fine_detail(to_uint8(images))


def hour_probe(model: SoundModel, known: JointMap | None = None) -> Callable[[torch.Tensor, int], float]:
    """What reads the hour (0 noon, 1 night) off an image [1, 3, H, W] of a known scene: a ridge regression on small images of codes whose
    hour is known, with each scene's own brightness. R^2 0.89 on codes kept apart.

    `known` is the model's map (None: it's looked up).
    """
    known = known or joint_map(model)
    codes = read_codes(codes_of(model.generator, 0, len(known.ws), "start"))
    scenes = torch.tensor([KINDS.index(code.kind) for code in codes])
    seen = _hour_features(known.small, scenes)
    mean, spread = seen.mean(0), seen.std(0) + 1e-6
    rows = torch.cat([(seen - mean) / spread, torch.ones(len(seen), 1)], 1)
    hours = torch.tensor([code.scene.hour for code in codes], dtype=torch.float32)
    weights = torch.linalg.solve(rows.T @ rows + 30 * torch.eye(rows.shape[1]), rows.T @ hours)

    def read(image: torch.Tensor, scene: int) -> float:
        found = (_hour_features(F.adaptive_avg_pool2d(image, known.small.shape[2]), torch.tensor([scene])) - mean) / spread
        return float((torch.cat([found, torch.ones(1, 1)], 1) @ weights).clamp(-0.1, 1.1))

    return read


def _hour_features(small: torch.Tensor, scenes: torch.Tensor) -> torch.Tensor:
    one_hot = F.one_hot(scenes, len(KINDS)).float()
    means = small.mean((2, 3))
    return torch.cat([small.flatten(1), one_hot, (means[:, :, None] * one_hot[:, None]).flatten(1)], 1)


def editing_table(
    model: SoundModel,
    judge: Judge,
    *,
    seed: int = 0,
    num_starts: int = 9,
    num_images: int = 9,
    spaces: Sequence[str] = SPACES,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Every row with its 95 % intervals, as plain data.

    `num_starts` latents are edited; `spaces` are those of the inversions.
    """
    for space in spaces:
        check_choice("space", space, SPACES)
    table = EditingTable(model, judge, seed=seed, num_starts=num_starts, progress=progress)
    scenes = table.scene_edits((1.0, *ON_THE_WAY))
    rows = [_row(f"scene edits{'' if strength == 1 else f', strength {strength:g}'}", found, table.ground) for strength, found in scenes.items()]
    rows += [_row(text, found, table.ground) for text, found in table.hour_edits().items() if found]
    inversions = []
    for space in spaces:
        for name, found in table.inversions(space, num_images).items():
            cells = {key: _cell(values) for key, values in found.items()}
            inversions.append({"space": space, "images": name, "num_images": num_images, **cells,
                               "least_psnr": min(found["psnr"]), "within": float(np.mean(np.array(found["distance"]) <= table.ground.limit))})
    (edit,) = resolve_edits(model, [parse_edit("text=raining")], table.starts[:1])
    return {"seed": seed, "limit": table.ground.limit, "median": table.ground.median, "rows": rows, "inversions": inversions,
            "cost_per_frame": table.cost_per_frame(edit)}


def _row(name: str, found: Sequence[EditingFigures], ground: Ground) -> dict[str, Any]:
    columns = {field.name: _cell([getattr(each, field.name) for each in found]) for field in dataclasses.fields(EditingFigures)}
    return {"name": name, "num_edits": len(found), **columns, "within": float(np.mean([each.distance <= ground.limit for each in found]))}


def _cell(values: Sequence[float]) -> dict[str, float]:
    low, high = bootstrap(np.array(values), "mean")
    return {"value": float(np.mean(values)), "low": low, "high": high}


def format_editing(table: dict[str, Any]) -> str:
    """The table as Markdown."""
    lines = ["| edits | number | right | detail / start's | distance | within 99 % | change of colour | cosine | hour moved |", "|---" * 9 + "|"]
    for row in table["rows"]:
        hour = _told(row["moved"]) if row["moved"]["value"] else "-"
        lines.append(f"| {row['name']} | {row['num_edits']} | {_told(row['right'])} | {_told(row['detail'])} | {row['distance']['value']:.1f} | "
                     f"{row['within']:.0%} | {_told(row['colour'], 3)} | {_told(row['cosine'])} | {hour} |")
    lines += ["", f"Mapped codes: median distance {table['median']:.1f}, 99 % within {table['limit']:.1f}. An edited frame costs "
              f"{table['cost_per_frame']:.2f} of an untouched one.", ""]
    if table["inversions"]:
        head = "| inversion | images | dB | least | dB without its noise | distance | within 99 % | five edits right | seconds |"
        lines += [head, "|---" * 9 + "|"]
    for row in table["inversions"]:
        lines.append(f"| {row['space']} | {row['images']}, {row['num_images']} | {_told(row['psnr'], 1)} | {row['least_psnr']:.1f} | "
                     f"{row['noise_back']['value']:.1f} | {row['distance']['value']:.1f} | {row['within']:.0%} | {row['success']['value']:.0%} | "
                     f"{row['seconds']['value']:.1f} |")
    return "\n".join(lines)


def _told(cell: dict[str, float], digits: int = 2) -> str:
    return f"{cell['value']:.{digits}f} ({cell['low']:.{digits}f} to {cell['high']:.{digits}f})"
