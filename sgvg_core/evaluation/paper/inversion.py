"""The paper's Table 3b: a picture to latents in W+ and back, with each term of the loss added in turn.

The paper trains an encoder with these terms. Here each picture's latents are found by descent under the same terms, from the mean latent
on: so the table can be made of any generator without another training. An encoder that the user has is measured too.
"""

import dataclasses
import functools
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from ...assembly import SoundModel
from ...errors import ConfigError
from ...generation.seeded_start import draw_z
from ...hashing import fingerprint
from ...image_inversion import Ground, ImageEncoder, InversionSettings, invert, invert_image, measure_ground
from ...perceptual.distance import PerceptualDistance
from ...progress import Progress, silent
from ...synthesis import rgb_images
from ..networks.video import as_images
from ..statistics import drawn_clips, interval_of, paired_bootstrap
from .records import RecordFolder, fingerprint_of_model
from .sources import ClipSource
from .tables import Cell, Metric, Row, Table

MOST_IMAGES = 18
STEPS = 100
_RATE = 0.05
_WEIGHTS = {"L2": 1.0, "perceptual": 0.8, "reg": 0.01, "CLIP": 0.1}
"""The paper gives none; those of the first two are pSp's."""
_LOSSES = {"l2": ("L2", "reg"), "perceptual": ("L2", "perceptual", "reg"), "ours": ("L2", "perceptual", "reg", "CLIP")}
_ENCODER, _INVERT = "encoder", "invert"


@dataclasses.dataclass(frozen=True)
class Inverter:
    """Pictures to latents of a model's generator, in each of the ways that the table compares."""

    model: SoundModel
    look: PerceptualDistance
    """What measures."""
    perceptual: PerceptualDistance
    """What is in the losses."""
    num_steps: int = STEPS
    encoder: ImageEncoder | None = None
    """A row of its own, if the user has one."""

    def __post_init__(self) -> None:
        if self.model.joint_space is None:
            raise ConfigError(f"model {self.model.name}: table 3b needs a joint space for its term of CLIP; the model has none")
        if self.encoder is not None and self.encoder.num_ws != self.model.generator.num_ws:
            raise ConfigError(f"image encoder: answers {self.encoder.num_ws} latents, expected the generator's {self.model.generator.num_ws}")

    @property
    def ways(self) -> tuple[str, ...]:
        """The keys of the table's rows."""
        return (*_LOSSES, _INVERT, *(() if self.encoder is None else (_ENCODER,)))

    @cached_property
    def spread(self) -> torch.Tensor:
        """Variance of mapped codes around w_avg, one number."""
        with torch.no_grad():
            codes = self.model.generator.mapping(draw_z(self.model.generator, 0, 256).to(self.model.device))[:, 0]
        return (codes - self.model.generator.w_avg).square().mean()

    @property
    def _settings(self) -> InversionSettings:
        """Those of the row of `invert`."""
        return InversionSettings(num_steps=self.num_steps)

    @cached_property
    def ground(self) -> Ground:
        """Where mapped codes lie."""
        return measure_ground(self.model.generator)

    def generate(self, ws: torch.Tensor) -> torch.Tensor:
        """What latents [N, L, D] show."""
        return rgb_images(self.model.generator, ws.to(self.model.device), noise_mode="const").float()

    def losses(self, ws: torch.Tensor, made: torch.Tensor, images: torch.Tensor) -> dict[str, Callable[[], torch.Tensor]]:
        """The terms by name, for latents [N, L, D], what they show, and what they should [N, 3, H, W] in -1..1.

        `made` is what `ws` show, `images` what they should.
        """
        space: Any = self.model.joint_space
        return {
            "L2": lambda: F.mse_loss(made, images),
            "perceptual": lambda: self.perceptual(made, images).mean(),
            "reg": lambda: (ws - self.model.generator.w_avg).square().mean() / self.spread,
            "CLIP": lambda: 1 - (space.embed_images(made) * space.embed_images(images)).sum(1).mean(),
        }

    @torch.enable_grad()
    def descend(self, images: torch.Tensor, terms: tuple[str, ...], stepped: Callable[[float], None] = lambda share: None) -> torch.Tensor:
        """Latents [N, L, D] that show `images` [N, 3, H, W] in -1..1, after `num_steps` of Adam from the mean latent.

        `stepped` hears the share that is done, and may raise to stop.

        `terms` are names of `losses`, whose sum is made small.
        """
        generator = self.model.generator
        ws = generator.w_avg.detach().float().expand(len(images), generator.num_ws, -1).clone().requires_grad_()
        adam = torch.optim.Adam([ws], lr=_RATE)
        for step in range(self.num_steps):
            adam.param_groups[0]["lr"] = _RATE * min(1.0, 4 * (1 - step / self.num_steps))  # the last quarter settles
            found = self.losses(ws, self.generate(ws), images)
            loss = torch.stack([_WEIGHTS[name] * found[name]() for name in terms]).sum()
            (ws.grad,) = torch.autograd.grad(loss, [ws])
            adam.step()
            stepped((step + 1) / self.num_steps)
        return ws.detach()

    def figures(self, images: torch.Tensor, way: str, stepped: Callable[[float], None]) -> np.ndarray:
        """What is measured of one image [1, 3, H, W]: perceptual distance and MSE, [2]. `way` is one of `ways`; `stepped` is that of `descend`.

        `images` are in -1..1.
        """
        if way == _ENCODER and self.encoder is not None:
            ws = invert(self.encoder, images, self.generate)
        elif way == _INVERT:
            ws = invert_image(self.model.generator, images, self._settings, ground=self.ground, perceptual=self.perceptual).ws
        else:
            ws = self.descend(images, _LOSSES[way], stepped)
        with torch.no_grad():
            made = self.generate(ws).clamp(-1, 1)
            return np.array([self.look(made, images).item(), F.mse_loss(made, images).item()])

    def folders(self, keep: Path, source: ClipSource, size: int) -> dict[str, RecordFolder]:
        """Where the figures of each way are kept: named after all that they depend on.

        `keep` is the folder of all kept results; `size` is the pictures' shorter side.
        """
        eyes = fingerprint([self.model.joint_space, self.look.name, self.look, self.perceptual.name, self.perceptual])
        how: dict[str, Any] = {_ENCODER: self.encoder, _INVERT: dataclasses.asdict(self._settings)}
        films = {way: fingerprint([fingerprint_of_model(self.model), self.num_steps, how.get(way)]) for way in self.ways}
        about = {"clips": source.name, "eyes": eyes, "size": size, "losses": [_RATE, _WEIGHTS, _LOSSES]}
        return {way: RecordFolder(keep, {**about, "method": f"inversion-{way}", "films": films[way]}) for way in self.ways}


def table3b(inverter: Inverter, source: ClipSource, *, size: int, keep: Path | None = None, progress: Progress = silent) -> Table:
    """Table 3b on the first real frame of up to 18 clips, its shorter side `size`. MSE is of pictures in -1..1.

    `keep` is the folder of kept results (None: nothing is kept).
    """
    clips = source.clips[:MOST_IMAGES]
    figures: dict[str, list[np.ndarray]] = {way: [] for way in inverter.ways}
    folders = inverter.folders(keep, source, size) if keep else {}
    total, done = len(clips) * len(figures), 0
    for clip in clips:
        image = as_images(source.real(clip, size)[:1], inverter.model.device)
        for way, of_way in figures.items():
            record = folders[way].get(clip.key) if keep else None
            if record is None:
                record = {"figures": inverter.figures(image, way, functools.partial(_stepped, progress, done, total))}
                if keep:
                    folders[way].put(clip.key, record)
            of_way.append(record["figures"])
            done += 1
            progress(done, total, "inversion")
    return _table({way: np.stack(found) for way, found in figures.items()}, inverter)


def _stepped(progress: Progress, done: int, total: int, share: float) -> None:
    progress(done + share, total, "inversion")


def _table(figures: dict[str, np.ndarray], inverter: Inverter) -> Table:
    names = {**{way: " + ".join(terms) for way, terms in _LOSSES.items()}, _INVERT: "the command `invert`", _ENCODER: "the given image encoder"}
    metrics = tuple(Metric(name, -1, lambda key, _: None, np.mean) for name in (inverter.look.name, "MSE"))  # type: ignore[arg-type]
    rows = []
    for key, found in figures.items():
        draws = drawn_clips(len(found), 1000, 0)
        cells: dict[str, Cell | None] = {}
        for column, metric in enumerate(metrics):
            values, ours = found[:, column], figures["ours"][:, column]
            interval = interval_of(values[draws].mean(1), 0, centred=False)
            more = None if key == "ours" else paired_bootstrap(ours, values, lambda some: float(some.mean()))
            cells[metric.name] = Cell(float(values.mean()), *interval, more)
        rows.append(Row(key, names[key], cells))
    notes = (
        f"{len(figures['ours'])} pictures, latents by {inverter.num_steps} steps of descent under each loss. "
        f"The perceptual term of the losses is {inverter.perceptual.name}; MSE is of pictures in -1..1.",
    )
    return Table("table3b", "Table 3b, inversion", metrics, tuple(rows), notes, of="losses")
