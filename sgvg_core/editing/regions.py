"""Regions: a mask inside which an edit shows, while the picture around it stays as it was.

Two steps. The features of the edited picture are replaced, outside the mask, by those of the picture that is kept, at three layers of the
synthesis network, so that what's painted inside joins what lies around it (Suzuki et al. 2018, arXiv 1811.10153: feature blending). Then the
finished pictures are laid over one another by the same mask, with a border that is soft on the inside only: outside, not a bit changes.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from ..config import check_range
from ..devices import exact_float32
from ..errors import ConfigError, MediaError
from ..generation import Pose
from ..generation.render import Paint, resize, size_of_image
from ..image_inversion import fit_image
from ..latents import LatentWalk, WrappedWalk, held_rows
from ..synthesis import Generator, StyleGAN2Generator, as_rgb, rgb_images
from ..synthesis.noise import noise_maps
from .apply import EditedWalk, ResolvedEdit, apply_edits

_BLENDED_SIZES = (16, 4, 2)
"""Where features are blended: at these fractions of the picture's size, coarse to fine (8, 32 and 64 of 128 px)."""
_SAME_SHAPE = 0.02
"""Two pictures have the same shape if the proportions of their sides differ by less than this share."""
_MOST_SIDE = 16_384
_NOTHING = 1 / 256
"""What bicubic resampling leaves next to an edge, and less, counts as outside."""


@dataclasses.dataclass(frozen=True)
class Region:
    """Where an edit shows."""

    mask: torch.Tensor
    """[1 or T, H, W] in 0..1, of any size: 1 inside, 0 outside; one for all frames, or one a frame."""
    feather: float = 0.04
    """How wide the soft border is, in picture widths; it lies inside the mask."""

    def __post_init__(self) -> None:
        check_range("feather", self.feather, 0, 0.5)
        mask = self.mask
        if mask.ndim != 3 or 0 in mask.shape or max(mask.shape[1:]) > _MOST_SIDE:
            raise ConfigError(f"mask: got shape {list(mask.shape)}, expected [1 or frames, height, width]")
        if not bool(mask.isfinite().all()) or float(mask.min()) < 0 or float(mask.max()) > 1:
            raise ConfigError(f"mask: got numbers from {float(mask.min()):g} to {float(mask.max()):g}, expected 0 (outside) to 1 (inside)")

    @classmethod
    def of(cls, mask: "Region | str | Path | torch.Tensor") -> "Region":
        """The region of a mask: the name of a picture, or numbers [H, W] or [T, H, W]. Raises ConfigError, MediaError."""
        if isinstance(mask, Region):
            return mask
        given = mask if isinstance(mask, torch.Tensor) else read_mask(mask)
        return cls(given[None] if given.ndim == 2 else given)

    def check_frames(self, num_frames: int) -> None:
        """Raise ConfigError unless there's one mask, or one for each of `num_frames`."""
        if len(self.mask) not in (1, num_frames):
            raise ConfigError(f"mask: got {len(self.mask)} masks for {num_frames} frames; expected one for all of them, or one for each")

    def fitted(self, size: tuple[int, int]) -> "Region":
        """The region at a height and width. Raises ConfigError where the mask has another shape."""
        height, width = self.mask.shape[1:]
        if not _same_shape((height, width), size):
            raise ConfigError(
                f"mask: got {width} x {height}, but the picture is {size[1]} x {size[0]}, which has another shape; crop or pad the mask as the "
                "picture was"
            )
        if (height, width) == tuple(size):
            return self
        resized = F.interpolate(self.mask[:, None].float(), size=size, mode="bilinear", antialias=True, align_corners=False)
        return dataclasses.replace(self, mask=resized[:, 0].clamp(0, 1))

    def placed(self, size: tuple[int, int], source: tuple[int, int], fit: str) -> "Region":
        """The region at a height and width, of a mask that was painted on a picture of `source` (height, width) and is fitted as that was.

        A mask that has the shape of `size` already is only resized. Raises ConfigError where it has neither shape.

        `fit` says how that picture was fitted: one of `FITS`.
        """
        if _same_shape(tuple(self.mask.shape[1:]), size) or not _same_shape(tuple(self.mask.shape[1:]), source):
            return self.fitted(size)
        mask = fit_image(self.mask[:, None].float().expand(-1, 3, -1, -1) * 2 - 1, size, fit)
        mask = (mask[:, 0] + 1) / 2
        return dataclasses.replace(self, mask=torch.where(mask < _NOTHING, torch.zeros_like(mask), mask).clamp(max=1))

    def soft(self, first: int, num_frames: int) -> torch.Tensor:
        """How much of the edit shows in frames `first` .. `first + num_frames - 1`, [n, H, W], 0 outside the mask."""
        mask = self.mask if len(self.mask) == 1 else held_rows(self.mask, first, num_frames)
        soft = _softened(mask.float(), self.feather)
        return soft.expand(num_frames, -1, -1) if len(soft) == 1 else soft


def _same_shape(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two heights and widths have the same proportions, give or take a pixel of rounding."""
    return abs(one[1] / one[0] / (other[1] / other[0]) - 1) <= max(_SAME_SHAPE, 1 / min(*one, *other))


def _softened(mask: torch.Tensor, feather: float) -> torch.Tensor:
    """The mask [n, H, W] with a border that rises from 0 at its edge to its own value `feather` widths inside.

    A mask too narrow for that gets a narrower border.
    """
    radius = round(feather * mask.shape[-1])
    while radius:
        side = 2 * radius + 1
        mean = F.avg_pool2d(F.pad(mask[:, None], (radius,) * 4, mode="replicate"), side, stride=1)[:, 0]
        soft = mask * (2 * mean - 1).clamp(0, 1)
        if float(soft.max()) >= 0.9 * float(mask.max()):
            return soft
        radius //= 2
    return mask


def read_mask(path: str | Path) -> torch.Tensor:
    """A mask [1, H, W] in 0..1 of a picture file: white is inside, black outside; of a picture with transparency, what's opaque is inside.

    Raises MediaError.
    """
    from PIL import Image

    from ..media import read_image

    try:
        with Image.open(path) as image:
            if "A" in image.getbands():
                alpha = np.asarray(image.convert("RGBA"))[..., 3]
                if alpha.min() < 255:
                    return torch.from_numpy(alpha.copy()).float()[None] / 255
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MediaError(f"{path}: can't be read as a mask ({str(error)[:200]}); expected a picture, white inside and black outside") from error
    grey = np.asarray(read_image(path).convert("L"))
    return torch.from_numpy(grey.copy()).float()[None] / 255


def composite(kept: torch.Tensor, edited: torch.Tensor, soft: torch.Tensor) -> torch.Tensor:
    """Pictures [N, C, H, W] with `edited` where `soft` [N, H, W] is 1, and `kept`, bit by bit, where it's 0."""
    share = soft[:, None].to(kept)
    return torch.where(share == 0, kept, torch.lerp(kept, edited.to(kept), share))


@torch.no_grad()
def blended_images(
    generator: Generator, kept_ws: torch.Tensor, edited_ws: torch.Tensor, soft: torch.Tensor, **synthesis: Any
) -> torch.Tensor:
    """What `edited_ws` [N, L, D] look like where their features, outside `soft` [N, H, W], are those of `kept_ws`: RGB [N, 3, H, W], -1..1.

    `synthesis` goes to the network as in `rgb_images`. Outside the mask this is near to the picture of `kept_ws`, not equal: lay it over
    that by `composite`.
    """
    ws = torch.cat([kept_ws, edited_ws]).float()
    run = _stylegan2 if isinstance(generator, StyleGAN2Generator) else _stylegan3
    with exact_float32(ws.device):
        return as_rgb(run(generator.synthesis, ws, soft.to(ws), synthesis))[len(kept_ws):]


def _stylegan2(network: Any, ws: torch.Tensor, soft: torch.Tensor, synthesis: Mapping[str, Any]) -> torch.Tensor:
    """Images of kept and edited latents [2 N, L, D], blended at three resolutions."""
    number = len(ws) // 2
    consts = [conv.noise_const for conv in network.convs]
    maps = noise_maps(
        synthesis.get("noise_mode", "const"), consts, number, strength=synthesis.get("noise_strength", 1.0),
        seed=synthesis.get("noise_seed", 0), first=synthesis.get("noise_index", 0), given=synthesis.get("noise"),
    )
    maps = [each if each is None or each.ndim == 2 else torch.cat([each, each]) for each in maps]
    sizes = {max(4, network.img_resolution // part) for part in _BLENDED_SIZES}
    x = image = None
    start = 0
    for block in network.blocks:
        stop = start + len(block.convs)
        x, image = block(x, image, ws[:, start : stop + 1], maps[start:stop], torch.float32)
        if block.resolution in sizes:
            x = _blended(x, soft)
            image = image if image is None else _blended(image, soft)
        start = stop
    return image  # type: ignore[return-value]  # the last block makes one


def _stylegan3(network: Any, ws: torch.Tensor, soft: torch.Tensor, synthesis: Mapping[str, Any]) -> torch.Tensor:
    """The same for an alias-free network, whose features reach beyond the picture by a margin."""
    moved = [synthesis.get(name) for name in ("transform", "placement")]
    moved = [each if each is None or each.ndim == rank else torch.cat([each, each]) for each, rank in zip(moved, (2, 1), strict=True)]
    layers = network.layers
    chosen = {round(len(layers) * share) for share in (0.35, 0.6, 0.85)}
    x = network.input(ws[:, 0], *moved)
    for index, (layer, w) in enumerate(zip(layers, ws.unbind(1)[1:], strict=True)):
        x = layer(x, w, torch.float32)
        if index in chosen:
            x = _blended(x, _on_canvas(soft, layer.band.rate, layer.band.size))
    return x.float() * network.output_scale


def _on_canvas(soft: torch.Tensor, rate: int, size: int) -> torch.Tensor:
    """A mask [N, H, W] at `rate` samples a picture width, in the middle of `size`; its border continues into the margin."""
    resized = F.interpolate(soft[:, None], size=(rate, rate), mode="bilinear", antialias=True, align_corners=False)
    before = (size - rate) // 2
    after = size - rate - before
    return F.pad(resized, (before, after, before, after), mode="replicate")[:, 0]


def _blended(x: torch.Tensor, soft: torch.Tensor) -> torch.Tensor:
    """Kept and edited features [2 N, C, h, w]: the second half becomes the first where the mask is 0."""
    kept, edited = x.chunk(2)
    if soft.shape[-2:] != x.shape[-2:]:
        soft = F.interpolate(soft[:, None], size=x.shape[-2:], mode="bilinear", antialias=True, align_corners=False)[:, 0]
    return torch.cat([kept, torch.lerp(kept, edited, soft[:, None].to(x))])


@dataclasses.dataclass(frozen=True)
class PlacedEdits:
    """Edits by where they show."""

    everywhere: tuple[ResolvedEdit, ...]
    within: tuple[tuple[Region, tuple[ResolvedEdit, ...]], ...]
    """Regions with their edits, one after another; where two overlap the later one lies above."""

    def fitted(self, size: tuple[int, int], num_frames: int, source: tuple[int, int] | None = None, fit: str = "crop") -> "PlacedEdits":
        """The same with masks at `size` (height, width), for a film of `num_frames`. Raises ConfigError.

        `source` is the height and width of the picture or video that the film comes from (None: those of `size`), and `fit` how that was fitted:
        see `Region.placed`.
        """
        for region, _ in self.within:
            region.check_frames(num_frames)
        return PlacedEdits(self.everywhere, tuple((region.placed(size, source or size, fit), own) for region, own in self.within))


def place_edits(edits: Sequence[ResolvedEdit]) -> PlacedEdits:
    """Edits sorted by their regions; those with the same mask (or the same file) share one. Raises ConfigError, MediaError."""
    groups: dict[Any, tuple[Any, list[ResolvedEdit]]] = {}
    for edit in edits:
        if edit.region is not None:
            key = str(edit.region) if isinstance(edit.region, str | Path) else id(edit.region)
            groups.setdefault(key, (edit.region, []))[1].append(edit)
    within = tuple((Region.of(mask), tuple(own)) for mask, own in groups.values())
    return PlacedEdits(tuple(edit for edit in edits if edit.region is None), within)


@torch.no_grad()
def synthesize_edited(
    generator: Generator,
    walk: Iterable[torch.Tensor],
    edits: PlacedEdits,
    *,
    batch: int = 4,
    noise_mode: str = "const",
    seed: int = 0,
    first: int = 0,
    pose: Pose | None = None,
    noise: Sequence[torch.Tensor] | None = None,
) -> Iterator[torch.Tensor]:
    """The images of latents [n, L, D], edited frame by frame: RGB [n, 3, H, W] in -1..1; `first` is the first frame's number.

    `noise` are noise maps [H, W] of one's own, one a layer, instead of those that `noise_mode` names.

    Outside every region they're what `generation.synthesize` draws in float32 of the latents without that region's edits, bit by bit.

    `walk` are the latents, batch after batch.
    """
    edits = PlacedEdits(edits.everywhere, tuple((region.fitted(size_of_image(generator)), own) for region, own in edits.within))
    device, index = generator.w_avg.device, first
    for latents in walk:
        for ws in latents.split(batch):
            arguments: dict[str, Any] = {"noise_mode": noise_mode, "noise_seed": seed, "noise_index": index}
            arguments |= {} if noise is None else {"noise_mode": "given", "noise": [each.to(device) for each in noise]}
            arguments |= {} if pose is None else pose.arguments(generator, index, len(ws))
            kept_ws = apply_edits(ws, edits.everywhere, index)
            images = rgb_images(generator, kept_ws.to(device), **arguments)
            for region, own in edits.within:
                edited_ws = apply_edits(kept_ws, own, index)
                if edited_ws is not kept_ws:
                    soft = region.soft(index, len(ws)).to(device)
                    images = composite(images, blended_images(generator, kept_ws.to(device), edited_ws.to(device), soft, **arguments), soft)
            yield images
            index += len(ws)


@dataclasses.dataclass(frozen=True, eq=False)
class RegionOverlay:
    """Edits inside one region, laid over the frames of a film: a `generation.render.Overlay`."""

    region: Region
    edits: tuple[ResolvedEdit, ...]
    source: tuple[int, int] | None = None
    """Height and width of the picture that the mask was painted on, if the film's shape is another; fitted as `fit` says."""
    fit: str = "crop"

    def __call__(self, paint: Paint, size: tuple[int, int], plain: bool) -> Paint:
        """What paints the frames of `paint`, which have the height and width `size`, edited inside the region.

        Features are blended where the pictures are `plain`; else the finished pictures alone are. Raises ConfigError for a mask of another
        shape.
        """
        region = self.region.placed(size, self.source or size, self.fit)

        def painted(network: Generator, ws: torch.Tensor, **more: Any) -> torch.Tensor:
            kept, index = paint(network, ws, **more), int(more.get("noise_index", 0))
            edited_ws = apply_edits(ws, self.edits, index)
            if edited_ws is ws:
                return kept
            soft = region.soft(index, len(ws)).to(kept.device)
            if not plain:
                return composite(kept, paint(network, edited_ws, **more), soft)
            own = resize(soft[:, None], size_of_image(network)).clamp(0, 1)[:, 0]
            return composite(kept, resize(blended_images(network, ws, edited_ws, own, **more), size), soft)

        return painted


@dataclasses.dataclass(frozen=True)
class RegionWalk(WrappedWalk):
    """A walk some of whose edits show inside masks alone, which latents can't say: who draws it lays `overlays` over its frames."""

    walk: LatentWalk
    overlays: tuple[RegionOverlay, ...]

    def __iter__(self) -> Iterator[torch.Tensor]:
        """The latents without the regions' edits."""
        return iter(self.walk)


def edited_walk(
    walk: LatentWalk, edits: Sequence[ResolvedEdit], source: tuple[int, int] | None = None, fit: str = "crop"
) -> LatentWalk:
    """The walk with its edits, those of regions on top of all else. Raises ConfigError, MediaError.

    `source` (None: the film's own) and `fit`: see `RegionOverlay`.
    """
    placed = place_edits(edits)
    for region, _ in placed.within:
        region.check_frames(walk.num_frames)
    edited = EditedWalk(walk, placed.everywhere)
    overlays = tuple(RegionOverlay(region, own, source, fit) for region, own in placed.within)
    return RegionWalk(edited, overlays) if overlays else edited
