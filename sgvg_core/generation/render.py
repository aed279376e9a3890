"""From latents to pictures: the synthesis network, batch after batch (paper Eq. 6)."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch.nn import functional as F

from ..config import check_choice, check_range
from ..curves.curve import Curve
from ..devices import to_dtype
from ..errors import ConfigError
from ..latents import held_rows
from ..pixels import to_uint8 as to_uint8
from ..synthesis import ENLARGEMENTS, Generator, StyleGAN2Generator, constant_for, enlarge, paint_panorama, paint_wide, rgb_images
from .noise_over_time import FlowingNoise, NoisePath
from .pose import Pose

NOISE_MODES = ("const", "random", "none", "seeded", "smooth")
Paint = Callable[..., torch.Tensor]
"""Makes RGB images [n, 3, H, W] of a generator and latents [n, L, D]; the other arguments are those of `synthesis.rgb_images`, and
`noise_index` is the number of the first frame."""
Overlay = Callable[[Paint, tuple[int, int], bool], Paint]
"""Lays other pictures over those that a `Paint` makes, at a height and width; the last argument says whether these are the generator's plain
ones, resampled, and no wider or higher picture of it."""
_SLOW = NoisePath(torch.arange(2, dtype=torch.float64) / 25)


@dataclasses.dataclass(frozen=True)
class RenderSettings:
    """How latents become frames."""

    size: int | None = None
    """The longer side of the picture in pixels, resampled from the generator's; None is the generator's own."""
    noise_mode: str = "const"
    """The generator's noise inputs: "const", those it was trained with; "random", new ones for every frame; "none"; "seeded", one set;
    "smooth", sets that turn into one another over the film (see `noise_path`)."""
    seed: int = 0
    """Seed of the noise."""
    noise_strength: float | Curve = 1.0
    """Multiplies the noise: one number, or a curve whose frames are the film's."""
    noise_path: NoisePath | None = None
    """Where smooth noise is in each frame; None: a new set every 25 frames."""
    shape: tuple[int, int] | None = None
    """Height and width to paint, in the generator's own pixels, before `size` resamples them: at least what it was trained for. None: that."""
    enlargement: str = "mirror"
    """How a StyleGAN2 fills a larger shape; see `synthesis.ENLARGEMENTS`."""
    dtype: str = "float32"
    """Number type of the large layers: "float32", "float16", "bfloat16" or "auto"."""
    batch: int = 4
    """Frames that are synthesized at once; the pictures don't depend on it."""
    overlays: tuple[Overlay, ...] = ()
    """What is laid over the frames, the first of them first (see `walk_render.driven_render`)."""

    def __post_init__(self) -> None:
        check_choice("noise", self.noise_mode, NOISE_MODES)
        check_range("batch", self.batch, 1, 4096)
        check_choice("enlargement", self.enlargement, ENLARGEMENTS)
        for name, extent in zip(("height", "width"), self.shape or (), strict=False):
            check_range(f"shape: {name}", extent, 16, 16_384)
        if self.size is not None:
            check_range("size", self.size, 16, 4096)


def resize(images: torch.Tensor, size: int | tuple[int, int] | None) -> torch.Tensor:
    """Images [N, C, H, W] at `size` x `size`, or at a height and width (None: as they are), antialiased bicubic. `images` may be in any range."""
    wanted = (size, size) if isinstance(size, int) else size
    if wanted is None or wanted == tuple(images.shape[-2:]):
        return images
    return F.interpolate(images.float(), size=wanted, mode="bicubic", antialias=True, align_corners=False)


def size_of_image(generator: Generator, size: int | None = None) -> tuple[int, int]:
    """Height and width of pictures whose longer side is `size` (None or 0: the generator's own)."""
    height, width = generator.img_size
    longer = max(height, width)
    return (height, width) if not size else (round(height * size / longer), round(width * size / longer))


def final_size(generator: Generator, settings: RenderSettings) -> tuple[int, int]:
    """Height and width in pixels of the frames that `settings` ask for. Raises ConfigError for a shape smaller than the generator's."""
    trained = size_of_image(generator)
    if settings.shape is None:
        return size_of_image(generator, settings.size)
    if settings.shape[0] < trained[0] or settings.shape[1] < trained[1]:
        got, least = (f"{width} x {height}" for height, width in (settings.shape, trained))
        raise ConfigError(f"shape: got {got}, expected {least} or more, what the generator was trained for; a smaller picture is a matter of size")
    if settings.enlargement == "panorama" and not (isinstance(generator, StyleGAN2Generator) and settings.shape[0] == trained[0]):
        raise ConfigError(f"enlargement: panorama is for StyleGAN2, and as high as it was trained for ({trained[0]} px); take mirror or that height")
    height, width = settings.shape
    factor = settings.size / max(height, width) if settings.size else 1
    return round(height * factor), round(width * factor)


@torch.no_grad()
def synthesize(
    generator: Generator,
    walk: Iterable[torch.Tensor],
    *,
    batch: int = 4,
    noise_mode: str = "const",
    noise_strength: float | Curve = 1.0,
    seed: int = 0,
    first: int = 0,
    dtype: torch.dtype = torch.float32,
    pose: Pose | None = None,
    path: NoisePath | None = None,
    paint: Paint = rgb_images,
) -> Iterator[torch.Tensor]:
    """The pictures of a walk, RGB [n, 3, H, W] in -1..1 with n up to `batch`. The same latents and seed give the same pictures in any batch.

    `first` is the number of the first frame, if the walk is a part of one: frame k then has the noise that it has in the whole, and
    the strength of it, if that's a curve. `pose` moves the picture of a StyleGAN3 from frame to frame (None: it stays). `path` is where smooth
    noise is (None: only the mode "smooth" needs it); `paint` makes pictures of latents.

    `noise_mode` is one of `NOISE_MODES`, and `noise_strength` multiplies what it adds. `dtype` is that of `generator`'s
    features. Raises ConfigError for a mode or pose that the generator has not, ShapeError for latents of another size.
    """
    check_choice("noise", noise_mode, NOISE_MODES)
    check_range("batch", batch, 1, 4096)
    device = generator.w_avg.device
    strength = _strength_of(noise_strength)
    flow = FlowingNoise(generator, path or _SLOW, seed) if noise_mode == "smooth" else None
    index = first
    for latents in walk:
        for ws in latents.split(batch):
            noise: dict[str, Any] = {"noise_mode": noise_mode, "noise_strength": strength(index, len(ws)), "noise_seed": seed, "noise_index": index}
            if flow is not None:
                maps = flow.maps(range(index, index + len(ws)), device)
                noise |= {"noise_mode": "none"} if maps is None else {"noise_mode": "given", "noise": maps}
            placed = {} if pose is None else pose.arguments(generator, index, len(ws))
            yield paint(generator, ws.to(device), dtype=dtype, **noise, **placed)
            index += len(ws)


def _strength_of(strength: float | Curve) -> Callable[[int, int], float | torch.Tensor]:
    """The strength of frames first .. first + n - 1: one number, or [n]."""
    if not isinstance(strength, Curve):
        return lambda first, num: strength
    return lambda first, num: held_rows(strength.values, first, num)


def images_of(
    generator: Generator, walk: Iterable[torch.Tensor], settings: RenderSettings | None = None, *, pose: Pose | None = None, first: int = 0
) -> Iterator[torch.Tensor]:
    """The images of a walk at their final size, RGB [n, 3, H, W] in -1..1, as many at once as `settings.batch`.

    `walk` gives latents [n, L, D], batch after batch; `settings` None are the defaults; `pose` moves the picture of a StyleGAN3. `first` is the
    number of the walk's first frame, if it's a part of a longer one. Raises as `synthesize`.
    """
    settings = settings or RenderSettings()
    size, dtype = final_size(generator, settings), to_dtype(settings.dtype, generator.w_avg.device)
    paint: Paint = rgb_images
    if settings.shape is not None:
        generator, paint = _of_shape(generator, settings.shape, settings.enlargement)
    elif not settings.overlays:
        paint = _no_larger_than_needed(generator, size)
    paint = _resized(paint, size)
    for overlay in settings.overlays:
        paint = overlay(paint, size, settings.shape is None)
    noise = {"noise_mode": settings.noise_mode, "noise_strength": settings.noise_strength, "seed": settings.seed, "path": settings.noise_path}
    return synthesize(generator, walk, batch=settings.batch, first=first, dtype=dtype, pose=pose, paint=paint, **noise)  # type: ignore[arg-type]


def _resized(paint: Paint, size: tuple[int, int]) -> Paint:
    """The same pictures at a height and width."""
    return lambda network, ws, **more: resize(paint(network, ws, **more), size)


def _no_larger_than_needed(generator: Generator, size: tuple[int, int]) -> Paint:
    """What paints pictures that are then resampled to this height and width, by as few blocks as that takes (see `GeneratorConfig.smaller_sizes`)."""
    height = generator.img_size[0]
    enough = [own for own in generator.smaller_sizes if height * own >= size[0] * generator.img_resolution]
    return functools.partial(rgb_images, size=min(enough)) if enough else rgb_images


def _of_shape(generator: Generator, shape: tuple[int, int], how: str) -> tuple[Generator, Paint]:
    """A generator, and what makes pictures of this height and width with it."""
    if not isinstance(generator, StyleGAN2Generator):
        return generator, lambda network, ws, **more: paint_wide(network, ws, shape, **more)
    if how == "panorama":
        return generator, lambda network, ws, **more: paint_panorama(network, ws, shape[1], **more)
    wide = enlarge(generator, *constant_for(generator, *shape), how)
    top, left = (wide.img_size[0] - shape[0]) // 2, (wide.img_size[1] - shape[1]) // 2

    def paint(network: Generator, ws: torch.Tensor, **more: Any) -> torch.Tensor:
        return rgb_images(network, ws, **more)[..., top : top + shape[0], left : left + shape[1]]

    return wide, paint


def frames(
    generator: Generator, walk: Iterable[torch.Tensor], settings: RenderSettings | None = None, *, pose: Pose | None = None, first: int = 0
) -> Iterator[torch.Tensor]:
    """The frames of a walk as they go into a file, uint8 [n, H, W, 3] on the CPU.

    `generator`, `walk`, `settings` (None: the defaults) and `pose` (None: it stays) are those of `images_of`.

    `first` is the number of the first frame of the film.
    """
    return map(to_uint8, images_of(generator, walk, settings, pose=pose, first=first))
