"""The paper's Table 3b: a picture to latents in W+ and back, with each term of the loss added in turn.

The paper trains an encoder with these terms. Here each picture's latents are found by descent under the same terms, from the mean latent
on: so the table can be made of any generator without another training. An encoder that the user has is measured beside them.
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from ..assembly import SoundModel
from ..embedding import JointSpace, OpenClipSpace
from ..errors import ConfigError
from ..generation.frames import as_rgb
from ..generation.start import draw_z
from ..image_inversion import ImageEncoder, invert
from ..progress import Progress, silent
from .paper_tables import Cell, Metric, Row, Table
from .perceptual import PerceptualDistance
from .records import RecordFolder, fingerprint, fingerprint_of_model
from .sources import ClipSource
from .statistics import drawn_clips, interval_of, paired_bootstrap
from .video_networks import as_pictures

MOST_PICTURES = 18
STEPS = 100
_RATE = 0.05
_WEIGHTS = {"L2": 1.0, "perceptual": 0.8, "reg": 0.01, "CLIP": 0.1}
"""The paper gives none; those of the first two are pSp's."""
_WAYS = {"l2": ("L2", "reg"), "perceptual": ("L2", "perceptual", "reg"), "ours": ("L2", "perceptual", "reg", "CLIP")}


@dataclasses.dataclass(frozen=True)
class Inverter:
    """What a descent needs: the generator, the spread of its latents, and what looks at pictures in the loss."""

    model: SoundModel
    perceptual: PerceptualDistance
    spread: torch.Tensor
    """Variance of mapped codes around w_avg, one number."""

    @classmethod
    @torch.no_grad()
    def of(cls, model: SoundModel, perceptual: PerceptualDistance) -> "Inverter":
        """For a model."""
        codes = model.generator.mapping(draw_z(model.generator, 0, 256).to(model.device))[:, 0]
        return cls(model, perceptual, (codes - model.generator.w_avg).square().mean())

    def losses(self, ws: torch.Tensor, made: torch.Tensor, pictures: torch.Tensor) -> dict[str, Callable[[], torch.Tensor]]:
        """The terms by name, for latents [N, L, D], what they show, and what they should [N, 3, H, W] in -1..1."""
        space = _space(self.model)
        return {
            "L2": lambda: F.mse_loss(made, pictures),
            "perceptual": lambda: self.perceptual(made, pictures).mean(),
            "reg": lambda: (ws - self.model.generator.w_avg).square().mean() / self.spread,
            "CLIP": lambda: 1 - (space.embed_images(made) * space.embed_images(pictures)).sum(1).mean(),
        }

    @torch.enable_grad()
    def descend(
        self, pictures: torch.Tensor, terms: tuple[str, ...], num_steps: int, stepped: Callable[[float], None] = lambda share: None
    ) -> torch.Tensor:
        """Latents [N, L, D] that show `pictures` [N, 3, H, W] in -1..1, after `num_steps` of Adam from the mean latent.

        `stepped` hears the share that is done, and may raise to stop.
        """
        generator = self.model.generator
        ws = generator.w_avg.detach().float().expand(len(pictures), generator.num_ws, -1).clone().requires_grad_()
        adam = torch.optim.Adam([ws], lr=_RATE)
        for step in range(num_steps):
            adam.param_groups[0]["lr"] = _RATE * min(1.0, 4 * (1 - step / num_steps))  # the last quarter settles
            made = as_rgb(generator.synthesis(ws, noise_mode="const"))
            found = self.losses(ws, made, pictures)
            loss = torch.stack([_WEIGHTS[name] * found[name]() for name in terms]).sum()
            (ws.grad,) = torch.autograd.grad(loss, [ws])
            adam.step()
            stepped((step + 1) / num_steps)
        return ws.detach()


def _space(model: SoundModel) -> JointSpace | OpenClipSpace:
    if model.joint_space is None:
        raise ConfigError(f"model {model.name}: table 3b needs a joint space for its term of CLIP; the model has none")
    return model.joint_space


def table3b(
    model: SoundModel,
    source: ClipSource,
    look: PerceptualDistance,
    perceptual: PerceptualDistance,
    *,
    size: int,
    encoder: ImageEncoder | None = None,
    num_steps: int | None = None,
    keep: Path | None = None,
    progress: Progress = silent,
) -> Table:
    """Table 3b on the first real frame of up to 18 clips; `look` measures, `perceptual` is in the loss. MSE is of pictures in -1..1."""
    inverter, num_steps = Inverter.of(model, perceptual), num_steps or STEPS
    _space(model)
    ways = {**_WAYS, **({"encoder": ()} if encoder is not None else {})}
    clips = source.clips[:MOST_PICTURES]
    figures: dict[str, list[np.ndarray]] = {key: [] for key in ways}
    done = 0
    for clip in clips:
        picture = as_pictures(source.real(clip, size)[:1], model.device)
        for key, terms in ways.items():
            folder = _folder(keep, key, model, source, look, perceptual, num_steps, encoder)
            record = folder.get(clip.key) if folder else None
            if record is None:
                stepped = functools.partial(_stepped, progress, done, len(clips) * len(ways))
                ws = inverter.descend(picture, terms, num_steps, stepped) if terms else _encoded(model, encoder, picture)
                record = {"figures": _compare(model, ws, picture, look)}
                if folder:
                    folder.put(clip.key, record)
            figures[key].append(record["figures"])
            done += 1
            progress(done, len(clips) * len(ways), "inversion")
    return _table({key: np.stack(found) for key, found in figures.items()}, look.name, perceptual.name, num_steps)


def _stepped(progress: Progress, done: int, total: int, share: float) -> None:
    progress(done + share, total, "inversion")


def _encoded(model: SoundModel, encoder: ImageEncoder | None, picture: torch.Tensor) -> torch.Tensor:
    """What the user's encoder answers."""
    if encoder is None or encoder.num_ws != model.generator.num_ws:
        raise ConfigError(f"image encoder: answers {encoder and encoder.num_ws} latents, expected the generator's {model.generator.num_ws}")
    return invert(encoder, picture, lambda ws: as_rgb(model.generator.synthesis(ws, noise_mode="const")))


@torch.no_grad()
def _compare(model: SoundModel, ws: torch.Tensor, picture: torch.Tensor, look: PerceptualDistance) -> np.ndarray:
    """What is measured of one picture: perceptual distance and MSE, [2]."""
    made = as_rgb(model.generator.synthesis(ws.to(model.device), noise_mode="const")).float().clamp(-1, 1)
    return np.array([look(made, picture).item(), F.mse_loss(made, picture).item()])


def _folder(
    keep: Path | None,
    key: str,
    model: SoundModel,
    source: ClipSource,
    look: PerceptualDistance,
    perceptual: PerceptualDistance,
    num_steps: int,
    encoder: ImageEncoder | None,
) -> RecordFolder | None:
    if keep is None:
        return None
    eyes = fingerprint([model.joint_space, look.name, look, perceptual.name, perceptual])
    films = fingerprint([fingerprint_of_model(model), num_steps, encoder if key == "encoder" else None])
    return RecordFolder(keep, {"method": f"inversion-{key}", "films": films, "clips": source.name, "eyes": eyes})


def _table(figures: dict[str, np.ndarray], look: str, perceptual: str, num_steps: int) -> Table:
    names = {**{key: " + ".join(terms) for key, terms in _WAYS.items()}, "encoder": "the given image encoder"}
    metrics = tuple(Metric(name, -1, lambda key, _: None, np.mean) for name in (look, "MSE"))  # type: ignore[arg-type]
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
        f"{len(figures['ours'])} pictures, latents by {num_steps} steps of descent under each loss; \"ours\" is the one with all terms. "
        f"The perceptual term of the losses is {perceptual}; MSE is of pictures in -1..1.",
    )
    return Table("table3b", "Table 3b, inversion", metrics, tuple(rows), notes)
