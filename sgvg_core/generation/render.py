"""From latents to pictures: the synthesis network, batch after batch (paper Eq. 6)."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator

import torch
from torch.nn import functional as F

from ..config import check_choice, check_range
from ..curves.curve import Curve
from ..devices import to_dtype
from ..pixels import to_uint8 as to_uint8
from ..synthesis import Generator, StyleGAN2Generator, rgb_images
from .pose import Pose

NOISE_MODES = ("const", "random", "none", "seeded")


@dataclasses.dataclass(frozen=True)
class RenderSettings:
    """How latents become frames."""

    size: int | None = None
    """The longer side of the picture in pixels, resampled from the generator's; None is the generator's own."""
    noise_mode: str = "const"
    """The generator's noise inputs: "const", those it was trained with; "random", new ones for every frame; "none"; "seeded", one set."""
    seed: int = 0
    """Seed of the noise."""
    noise_strength: float | Curve = 1.0
    """Multiplies the noise: one number, or a curve whose frames are the film's."""
    dtype: str = "float32"
    """Number type of the large layers: "float32", "float16", "bfloat16" or "auto"."""
    batch: int = 4
    """Frames that are synthesized at once; the pictures don't depend on it."""

    def __post_init__(self) -> None:
        check_choice("noise", self.noise_mode, NOISE_MODES)
        check_range("batch", self.batch, 1, 4096)
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
    height, width = generator.img_size if isinstance(generator, StyleGAN2Generator) else (generator.img_resolution,) * 2
    longer = max(height, width)
    return (height, width) if not size else (round(height * size / longer), round(width * size / longer))


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
) -> Iterator[torch.Tensor]:
    """The pictures of a walk, RGB [n, 3, H, W] in -1..1 with n up to `batch`. The same latents and seed give the same pictures in any batch.

    `first` is the number of the first frame, if the walk is a part of one: frame k then has the noise that it has in the whole, and
    the strength of it, if that's a curve.
    `pose` moves the picture of a StyleGAN3 from frame to frame.

    `noise_mode` is one of `NOISE_MODES`, and `noise_strength` multiplies what it adds. `dtype` is that of the features.
    """
    check_choice("noise", noise_mode, NOISE_MODES)
    check_range("batch", batch, 1, 4096)
    device = generator.w_avg.device
    strength = _strength_of(noise_strength)
    index = first
    for latents in walk:
        for ws in latents.split(batch):
            noise = {"noise_mode": noise_mode, "noise_strength": strength(index, len(ws)), "noise_seed": seed, "noise_index": index}
            placed = {} if pose is None else pose.arguments(generator, index, len(ws))
            yield rgb_images(generator, ws.to(device), dtype=dtype, **noise, **placed)
            index += len(ws)


def _strength_of(strength: float | Curve) -> Callable[[int, int], float | torch.Tensor]:
    """The strength of frames first .. first + n - 1: one number, or [n]."""
    if not isinstance(strength, Curve):
        return lambda first, num: strength
    return lambda first, num: strength.values[torch.arange(first, first + num).clamp(max=len(strength) - 1)]


def images_of(
    generator: Generator, walk: Iterable[torch.Tensor], settings: RenderSettings | None = None, *, pose: Pose | None = None, first: int = 0
) -> Iterator[torch.Tensor]:
    """The images of a walk at their final size, RGB [n, 3, H, W] in -1..1, as many at once as `settings.batch`.

    `first` is the number of the walk's first frame, if it's a part of a longer one.
    """
    settings = settings or RenderSettings()
    size, dtype = size_of_image(generator, settings.size), to_dtype(settings.dtype, generator.w_avg.device)
    noise = {"noise_mode": settings.noise_mode, "noise_strength": settings.noise_strength, "seed": settings.seed}
    made = synthesize(generator, walk, batch=settings.batch, first=first, dtype=dtype, pose=pose, **noise)  # type: ignore[arg-type]
    return (resize(some, size) for some in made)


def frames(
    generator: Generator, walk: Iterable[torch.Tensor], settings: RenderSettings | None = None, *, pose: Pose | None = None, first: int = 0
) -> Iterator[torch.Tensor]:
    """The frames of a walk as they go into a file, uint8 [n, H, W, 3] on the CPU; arguments as in `images_of`.

    `first` is the number of the first frame of the film.
    """
    return map(to_uint8, images_of(generator, walk, settings, pose=pose, first=first))
