"""The joint space as the generator's own codes show it: what they look like to it, and how latents lead there, linearised.

Some mapped codes are rendered and embedded once. What is kept of them on disk is known by the hash of generator and space.
"""

import dataclasses
import hashlib
import os
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from ..assembly import BUNDLED, SoundModel, load_model
from ..checkpoints import read_weights, write_weights
from ..config import check_range
from ..errors import CheckpointError, SGVGError
from ..generation.render import to_uint8
from ..image_inversion import Candidates, Ground, fit_encoder, map_codes, measure_ground
from ..progress import Progress, silent
from ..synthesis import rgb_images
from .named import NamedAttributes, world_attributes
from .targets import joint_space_of, label_embeddings

NUM_CODES = 1024
_SMALL = 8
_VERSION = 1
_RIDGE = 0.05
"""Share of the mean variance of latents that the ridge adds."""
_KMEANS = 8
"""Scenes that are looked for where the space has no labels."""
NAME = "joint_map.safetensors"
BEST_SHARE = 0.05
"""The best share of the codes for a target is what shows it."""


@dataclasses.dataclass(frozen=True, eq=False)
class JointMap:
    """Mapped codes with their embeddings; everything else follows from these."""

    ws: torch.Tensor
    """[N, D], mapped codes."""
    embeds: torch.Tensor
    """[N, E], their images in the joint space."""
    small: torch.Tensor
    """[N, 3, 8, 8], their images, in -1..1."""
    labels: torch.Tensor
    """[K, E], the space's labels, unit length; [0, E] where it has none."""
    ground: Ground
    named: NamedAttributes | None = None
    """What the codes say of themselves, where a renderer has taught the generator."""
    embed_images: Callable[[torch.Tensor], torch.Tensor] | None = None
    """What the joint space sees of images [N, 3, H, W] in -1..1, [N, E]."""

    @cached_property
    def candidates(self) -> Candidates:
        """For the start of an inversion, with an encoder that's fitted on the codes."""
        encoder = None if self.embed_images is None else fit_encoder(self.ws, self.small, self.embeds, self.ground, self.embed_images)
        return Candidates(self.ws, self.small, encoder)

    @cached_property
    def centres(self) -> torch.Tensor:
        """The scenes [K, E]: the labels, or where there are none, clusters of the codes' embeddings."""
        return self.labels if len(self.labels) > 1 else _clusters(self.embeds, min(_KMEANS, max(2, len(self.embeds) // 16)))

    @cached_property
    def scenes(self) -> torch.Tensor:
        """Which scene each code shows, int [N]."""
        return self.scene_of(self.embeds)

    def scene_of(self, embeds: torch.Tensor) -> torch.Tensor:
        """Which scene images [M, E] show, int [M]."""
        if len(self.labels) > 1:
            return (embeds @ self.centres.T).argmax(1)
        return torch.cdist(embeds, self.centres).argmin(1)

    def best_codes(self, wanted: torch.Tensor, among: torch.Tensor | None = None) -> torch.Tensor:
        """The numbers of the codes that show a target [E] best, best first: the best share of all (`among` None), or of `among` (bool [N]).

        `wanted` is the target.
        """
        scores = self.embeds @ wanted
        if among is not None:
            scores = scores.masked_fill(~among, -torch.inf)
        count = int(among.sum()) if among is not None else len(scores)
        return scores.topk(max(3, round(BEST_SHARE * count)) if count > 3 else max(count, 1)).indices

    def named_scene(self, wanted: torch.Tensor) -> tuple[int, float]:
        """The scene that a target [E] names: that of most of its best codes, and their share, 0..1."""
        counts = torch.bincount(self.scenes[self.best_codes(wanted)], minlength=len(self.centres)).float()
        return int(counts.argmax()), float(counts.max() / counts.sum())

    @cached_property
    def scene_means(self) -> torch.Tensor:
        """The mean embedding of each scene's codes, [K, E]."""
        return _means(self.embeds, self.scenes, len(self.centres))

    @cached_property
    def scene_ws(self) -> torch.Tensor:
        """The mean latent of each scene's codes, [K, D]."""
        return _means(self.ws, self.scenes, len(self.centres))

    @cached_property
    def covariance(self) -> torch.Tensor:
        """The covariance of latents within the scenes, [D, D]: what differs from scene to scene is taken out."""
        centred = (self.ws - self.scene_ws[self.scenes]).double()
        return (centred.T @ centred / len(centred)).float()

    def _read_off(self, scores: torch.Tensor) -> torch.Tensor:
        """What reads the codes' scores [N] off their latents within the scenes, [D]: a ridge regression."""
        centred = self.ws - self.scene_ws[self.scenes]
        ridge = _RIDGE * self.covariance.diagonal().mean().clamp(min=1e-12) * torch.eye(len(self.covariance))
        return torch.linalg.solve(self.covariance + ridge, centred.T @ scores / len(scores))

    def attribute(self, changes: torch.Tensor) -> "Attribute":
        """What a change of the embedding, said in each scene's own context [K, E], means for latents within the scenes."""
        raw = ((self.embeds - self.scene_means[self.scenes]) * changes[self.scenes]).sum(1)
        count = torch.bincount(self.scenes, minlength=len(self.centres)).clamp(min=1)
        spread = (torch.zeros(len(count)).index_add_(0, self.scenes, raw.square()) / count).sqrt().clamp(min=1e-9)
        scores = raw / spread[self.scenes]
        read = self._read_off(scores)
        d = self.covariance @ read
        sigma = float((read @ d).clamp(min=1e-12).sqrt())
        return Attribute(d / sigma, sigma, changes, spread, scores)

    def named_steps(self, name: str, wanted: float, ws: torch.Tensor, scene: int) -> torch.Tensor:
        """What leads latents `ws` [1, L, D] of a `scene`, by its number, to the value `wanted` (0..1) of the attribute called `name`, [D].

        The way is the likeliest one among mapped codes. Raises ValueError for a map without named attributes.
        """
        if self.named is None:
            raise ValueError("this map has no named attributes")
        values = self.named.values[name]
        mean, spread = values.mean(), values.std().clamp(min=1e-6)
        read = self._read_off((values - mean) / spread)
        way = self.covariance @ read
        seen = (ws[0].mean(0) - self.scene_ws[scene]) @ read
        return ((wanted - mean) / spread - seen) / (read @ way).clamp(min=1e-6) * way

    def level(self, embeds: torch.Tensor, scene: int, attribute: "Attribute") -> torch.Tensor:
        """How strongly images [M, E] of a scene show an attribute, in standard deviations of that scene's codes, [M].

        `embeds` [M, E] are of unit length.
        """
        return (embeds - self.scene_means[scene]) @ attribute.changes[scene] / attribute.spread[scene]


@dataclasses.dataclass(frozen=True, eq=False)
class Attribute:
    """A direction that changes something within the scenes."""

    step: torch.Tensor
    """[D]: one standard deviation of latents along it. Of all ways to a higher score it's the likeliest among mapped codes: their mean by
    what a ridge regression predicts of them (covariance @ weights)."""
    gain: float
    """Of the score, predicted, for one such step: the correlation of prediction and score, 0..1."""
    changes: torch.Tensor
    """[K, E]: the change of the embedding in each scene's context."""
    spread: torch.Tensor
    """[K]: standard deviation of the raw scores in each scene."""
    scores: torch.Tensor
    """[N]: of each code, in standard deviations of its scene."""

    @property
    def best_level(self) -> float:
        """The mean score of the best share of the codes."""
        return float(self.scores.topk(max(3, round(BEST_SHARE * len(self.scores)))).values.mean())


def _means(values: torch.Tensor, groups: torch.Tensor, num_groups: int) -> torch.Tensor:
    """The mean of each group's values, [K, D]; that of all for a group without any."""
    sums = torch.zeros(num_groups, values.shape[1]).index_add_(0, groups, values)
    counts = torch.bincount(groups, minlength=num_groups)[:, None]
    return torch.where(counts > 0, sums / counts.clamp(min=1), values.mean(0))


def _clusters(embeds: torch.Tensor, count: int) -> torch.Tensor:
    """Centres [count, E] of groups of embeddings (k-means, begun with points far apart)."""
    centres = embeds[:1]
    while len(centres) < count:
        centres = torch.cat([centres, embeds[torch.cdist(embeds, centres).amin(1).argmax()][None]])
    for _ in range(30):
        nearest = torch.cdist(embeds, centres).argmin(1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, embeds)
        counts = torch.bincount(nearest, minlength=count)[:, None]
        centres = torch.where(counts > 0, sums / counts.clamp(min=1), centres)
    return centres


def joint_map(
    model: SoundModel, num_codes: int | None = None, seed: int = 0, progress: Progress = silent, folder: Path | None = None
) -> JointMap:
    """The map of a model from `num_codes` codes (None: `NUM_CODES`), from disk if it was made before. Raises ConfigError for a model without a
    joint space.

    It's kept in `folder` (None: the user's cache, see `cache_folder`); where nothing can be written there, it's made anew each time. The last
    one that was asked for is kept in memory too.
    """
    num_codes = NUM_CODES if num_codes is None else num_codes
    check_range("number of codes", num_codes, 32, 100_000)
    made_of, labels = _made_of(model, num_codes, seed), label_embeddings(model)
    key = (made_of, str(folder), str(model.device), labels.numpy().tobytes())
    found = _LAST.get(key)
    if found is None:
        found = _joint_map(model, num_codes, seed, progress, folder, made_of=made_of, labels=labels)
        _LAST.clear()
        _LAST[key] = found
    return found


_LAST: dict[tuple[Any, ...], JointMap] = {}
"""The last map, by what it was made of."""


def _joint_map(
    model: SoundModel, num_codes: int, seed: int, progress: Progress, folder: Path | None, *, made_of: str, labels: torch.Tensor
) -> JointMap:
    """The map, from disk or made."""
    ws = map_codes(model.generator, seed, num_codes, "start")
    ground = measure_ground(model.generator, 0)
    own = (cache_folder() if folder is None else folder) / f"joint_map_{hashlib.sha256(made_of.encode()).hexdigest()[:24]}.safetensors"
    kept: dict[str, Any] | None = _read(BUNDLED / NAME, made_of, num_codes) or _read(own, made_of, num_codes)
    if kept is None:
        kept = _look(model, ws, progress)
        try:
            own.parent.mkdir(parents=True, exist_ok=True)
            write_joint_map(own, kept, made_of)
        except (OSError, SGVGError):
            progress(1, 1, "look at codes")  # a full or read-only disk costs time, nothing else
    embeds = F.normalize(kept["embeds"].float(), dim=1)
    space: Any = joint_space_of(model)
    small, named, see = kept["small"].float() / 127.5 - 1, kept.get("named"), space.embed_images
    return JointMap(ws, embeds, small, labels=labels, ground=ground, named=named, embed_images=see)


def bundle_joint_map(folder: Path = BUNDLED, progress: Progress = silent) -> Path:
    """Write the map of the model in `folder` into it, where it's found without being made: for a model that's handed on. Raises CheckpointError.

    `joint_map` itself reads that of the bundled model alone; others go to the cache.
    """
    model = load_model(folder, "cpu")
    kept = _look(model, map_codes(model.generator, 0, NUM_CODES, "start"), progress)
    write_joint_map(folder / NAME, {**kept, "named": world_attributes(model.generator, NUM_CODES)}, _made_of(model, NUM_CODES, 0))
    _LAST.clear()
    return folder / NAME


def _made_of(model: SoundModel, num_codes: int, seed: int) -> str:
    """What a map depends on: what draws and what looks. New ears or words of the space see the same pictures."""
    generator = getattr(model.generator, "tuned_from", None) or weights_hash(model.generator)
    return f"{generator} {weights_hash(joint_space_of(model).clip.visual)} {num_codes} {seed} {_VERSION}"


def weights_hash(network: torch.nn.Module) -> str:
    """A short hash of a network's numbers, whatever they're called."""
    digests = []
    for tensor in network.state_dict().values():
        digest = hashlib.sha256(f"{list(tensor.shape)}".encode())
        digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
        digests.append(digest.hexdigest())
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()[:24]


def write_joint_map(path: Path, kept: dict[str, Any], made_of: str) -> None:
    """Write what is kept of a map; the file appears whole or not at all. Raises CheckpointError. `made_of` is a fingerprint."""
    named, words = kept["named"].state() if kept.get("named") is not None else ({}, {})
    state = {"embeds": kept["embeds"], "small": kept["small"], **named}
    write_weights(path, state, kind="joint_map", config={"made_of": made_of, "num_codes": len(kept["embeds"]), **words})


def _read(path: Path, made_of: str, num_codes: int) -> dict[str, Any] | None:
    """What is kept at `path`, if it was made of this; a damaged file is as none."""
    if not path.is_file():
        return None
    try:
        stored = read_weights(path, kind="joint_map")
    except CheckpointError:
        return None
    embeds, small = (stored.state.get(name, torch.empty(0)) for name in ("embeds", "small"))
    fits = stored.config.get("made_of") == made_of and embeds.ndim == 2 and len(embeds) == num_codes
    if not fits or tuple(small.shape) != (num_codes, 3, _SMALL, _SMALL):
        return None
    return {"embeds": embeds, "small": small, "named": NamedAttributes.from_state(stored.state, stored.config, num_codes)}


@torch.no_grad()
def _look(model: SoundModel, ws: torch.Tensor, progress: Progress) -> dict[str, Any]:
    """What codes [N, D] look like: embeddings in float16, small images in 8 bits."""
    space: Any = joint_space_of(model)
    embeds, small = [], []
    for done, each in enumerate(ws.split(8)):
        latents = each[:, None].expand(-1, model.generator.num_ws, -1).to(model.device)
        images = rgb_images(model.generator, latents, noise_mode="const")
        embeds.append(space.embed_images(images).half().cpu())
        small.append(to_uint8(F.adaptive_avg_pool2d(images.float(), _SMALL)).permute(0, 3, 1, 2))
        progress(min(8 * done + 8, len(ws)), len(ws), "look at codes, once for this model", to_uint8(images[:1])[0])
    return {"embeds": torch.cat(embeds), "small": torch.cat(small)}


def cache_folder() -> Path:
    """Where what can be made again is kept: SGVG_CACHE, else the system's place for the user's caches."""
    if os.environ.get("SGVG_CACHE"):
        return Path(os.environ["SGVG_CACHE"])
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "sgvg" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "sgvg"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sgvg"
