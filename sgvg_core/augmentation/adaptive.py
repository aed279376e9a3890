"""Adaptive augmentation: the discriminator sees all pictures, real and made, through random transforms ("Training Generative Adversarial
Networks with Limited Data", Karras et al. 2020b), so that it can't learn few pictures by heart.

Each transform comes with the probability `strength`; while that is below one, what the transforms show doesn't leak into what the
generator makes. The strength follows how sure the discriminator is of real pictures (`adapted`). The transforms are differentiable,
and each item's numbers are its own.
"""

import dataclasses
import math

import torch
from torch.nn import functional as F

from ..config import check_choice, check_range

PLACES = ("flip", "turn", "shift", "scale", "rotate", "stretch", "slide")
"""Of the pixels' places: mirrored, quarter turns, whole pixels; then size, angle, aspect and place without steps."""
COLOURS = ("brightness", "contrast", "luma_flip", "hue", "saturation")
KINDS = (*PLACES, *COLOURS)

_LARGEST_SHIFT = 1 / 8
_SCALE_SPREAD, _STRETCH_SPREAD, _SLIDE_SPREAD = 0.2, 0.2, 1 / 8
_BRIGHTNESS_SPREAD, _CONTRAST_SPREAD, _SATURATION_SPREAD = 0.2, 0.5, 1.0
"""Standard deviations: of the base-2 logarithm for sizes, contrast and saturation; of pictures' sides; of values in -1..1."""


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """Which transforms there are and how their strength is found. The numbers are those of the paper of adaptive augmentation."""

    kinds: tuple[str, ...] = KINDS
    """Names out of `KINDS`; none: no augmentation."""
    target: float | None = 0.6
    """r_t = E[sign D(x)] over real pictures that the strength is to lead to; None: the strength stays at `start`."""
    start: float = 0.0
    adjust_every: int = 4
    """Steps between two changes of the strength."""
    images_to_full: int = 500_000
    """Number of images that take the strength from 0 to 1."""

    def __post_init__(self) -> None:
        for kind in self.kinds:
            check_choice("augment kinds", kind, KINDS)
        check_range("augment start", self.start, 0, 1)
        check_range("augment adjust_every", self.adjust_every, 1, 10**6)
        check_range("augment pictures_to_full", self.images_to_full, 1, 10**12)
        if self.target is not None:
            check_range("augment target", self.target, -1, 1)


def adapted(strength: float, mean_sign: float, num_images: int, config: AugmentConfig) -> float:
    """The strength after `num_images` more, for which E[sign D(x)] over real pictures was `mean_sign`."""
    if config.target is None:
        return strength
    step = math.copysign(num_images / config.images_to_full, mean_sign - config.target) if mean_sign != config.target else 0.0
    return min(1.0, max(0.0, strength + step))


def draw_transforms(generator: torch.Generator) -> torch.Tensor:
    """One item's numbers [5, kinds]: whether each transform comes, two uniform and two normal numbers for it."""
    return torch.cat([torch.rand(3, len(KINDS), generator=generator), torch.randn(2, len(KINDS), generator=generator)])


def augment(images: torch.Tensor, draws: torch.Tensor, strength: float, kinds: tuple[str, ...] = KINDS) -> torch.Tensor:
    """Images [N, 3, H, W] through the transforms that `draws` [N, 5, kinds] choose at `strength` -> same shape, float32.

    Places beyond the border show the picture's reflection. Whole turns, flips and shifts keep pixels as they are.
    """
    if strength <= 0 or not kinds:
        return images
    numbers = _Numbers(draws.float().cpu(), strength, kinds)
    if set(kinds) & set(PLACES):
        images = sample(images.float(), place_matrices(numbers, *images.shape[2:])[:, :2].to(images.device))
    if set(kinds) & set(COLOURS):
        colours = colour_matrices(numbers).to(images.device)
        images = torch.einsum("nij,njhw->nihw", colours[:, :, :3], images.float()) + colours[:, :, 3, None, None]
    return images


class _Numbers:
    """The drawn numbers by the names of the transforms; a transform that doesn't come gets the number that changes nothing."""

    def __init__(self, draws: torch.Tensor, strength: float, kinds: tuple[str, ...]) -> None:
        allowed = torch.tensor([kind in kinds for kind in KINDS])
        self._comes = (draws[:, 0] < strength) & allowed
        self._uniform, self._normal = draws[:, 1:3], draws[:, 3:5]
        self.count = len(draws)

    def uniform(self, kind: str, which: int = 0) -> torch.Tensor:
        """-1..1, or 0 [N]; `which` of the two."""
        place = KINDS.index(kind)
        return torch.where(self._comes[:, place], self._uniform[:, which, place] * 2 - 1, 0.0)

    def normal(self, kind: str, which: int = 0) -> torch.Tensor:
        """Normal, or 0 [N]; `which` of the two."""
        place = KINDS.index(kind)
        return torch.where(self._comes[:, place], self._normal[:, which, place], 0.0)

    def choice(self, kind: str, count: int) -> torch.Tensor:
        """0 .. count - 1, or 0 [N]."""
        place = KINDS.index(kind)
        return torch.where(self._comes[:, place], (self._uniform[:, 0, place] * count).floor().clamp(max=count - 1), 0.0)


def _matrix(rows: list[list[torch.Tensor | float]], count: int) -> torch.Tensor:
    """Matrices [N, rows, columns] of numbers [N] or constants."""
    filled = [[item if isinstance(item, torch.Tensor) else torch.full((count,), float(item)) for item in row] for row in rows]
    return torch.stack([torch.stack(row, 1) for row in filled], 1)


def place_matrices(numbers: _Numbers, height: int, width: int) -> torch.Tensor:
    """Matrices [N, 3, 3] from a place in what comes out to the place in the picture that it shows; both in -1..1.

    `height` and `width` are those of the pictures, in pixels: shifts are by whole ones.
    """
    n = numbers.count
    mirror = 1 - 2 * numbers.choice("flip", 2)
    quarter = numbers.choice("turn", 4) * (math.pi / 2)
    shift_x, shift_y = ((numbers.uniform("shift", which) * _LARGEST_SHIFT * side).round() * 2 / side for which, side in ((0, width), (1, height)))
    size = torch.exp2(-numbers.normal("scale") * _SCALE_SPREAD)
    aspect = torch.exp2(-numbers.normal("stretch") * _STRETCH_SPREAD)
    angle = numbers.uniform("rotate") * math.pi
    slide_x, slide_y = (numbers.normal("slide", which) * _SLIDE_SPREAD * 2 for which in (0, 1))
    matrix = _matrix([[mirror, 0, 0], [0, 1, 0], [0, 0, 1]], n)
    cos, sin = quarter.cos().round(), quarter.sin().round()
    matrix = matrix @ _matrix([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], n)
    matrix = matrix @ _matrix([[1, 0, shift_x], [0, 1, shift_y], [0, 0, 1]], n)
    matrix = matrix @ _matrix([[size, 0, 0], [0, size, 0], [0, 0, 1]], n)
    matrix = matrix @ _matrix([[angle.cos(), -angle.sin(), 0], [angle.sin(), angle.cos(), 0], [0, 0, 1]], n)
    matrix = matrix @ _matrix([[aspect, 0, 0], [0, 1 / aspect, 0], [0, 0, 1]], n)
    return matrix @ _matrix([[1, 0, slide_x], [0, 1, slide_y], [0, 0, 1]], n)


def colour_matrices(numbers: _Numbers) -> torch.Tensor:
    """Matrices [N, 3, 4] from a colour (r, g, b, 1) in -1..1 to a colour."""
    n = numbers.count
    grey = torch.full((3, 3), 1 / 3)  # projects a colour to its grey
    eye = torch.eye(3)
    contrast = torch.exp2(numbers.normal("contrast") * _CONTRAST_SPREAD)[:, None, None]
    flip = numbers.choice("luma_flip", 2)[:, None, None]
    turn = (numbers.uniform("hue") * math.pi)[:, None, None]
    saturation = torch.exp2(numbers.normal("saturation") * _SATURATION_SPREAD)[:, None, None]
    across = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)  # a quarter turn about the grey axis
    hue = grey + (eye - grey) * turn.cos() + across * turn.sin()
    linear = (grey + (eye - grey) * saturation) @ hue @ (eye - 2 * flip * grey) * contrast
    brightness = (numbers.normal("brightness") * _BRIGHTNESS_SPREAD)[:, None, None].expand(n, 3, 1)
    return torch.cat([linear, linear @ brightness], 2)


def sample(images: torch.Tensor, matrices: torch.Tensor) -> torch.Tensor:
    """Images [N, C, H, W] at the places that matrices [N, 2, 3] tell, bilinear, reflected beyond the border."""
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    if images.device.type == "cuda":  # torch's own sampling has no deterministic gradient there
        return sample_by_taps(images, grid)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def sample_by_taps(images: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """The same from places [N, H, W, 2] by four gathered neighbours, whose gradients are summed in a fixed order.

    `grid` holds x and y in -1..1, from edge to edge.

    `images` are [N, C, H, W].
    """
    count, channels, height, width = images.shape
    flat = images.flatten(2)
    x, y = (_reflected((grid[..., axis] + 1) * size / 2 - 0.5, size) for axis, size in ((0, width), (1, height)))
    left, top = x.floor(), y.floor()
    result = torch.zeros_like(images)
    for across, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
        column, row = (left + across).clamp(max=width - 1), (top + down).clamp(max=height - 1)
        weight = (1 - (x - left - across).abs()) * (1 - (y - top - down).abs())
        index = (row * width + column).long().reshape(count, 1, -1).expand(-1, channels, -1)
        result = result + flat.gather(2, index).view_as(images) * weight[:, None]
    return result


def _reflected(place: torch.Tensor, size: int) -> torch.Tensor:
    """Places in pixels, mirrored at the outer edges of the first and the last pixel as often as needed."""
    turned = (place + 0.5).remainder(2 * size)
    return (torch.minimum(turned, 2 * size - turned) - 0.5).clamp(0, size - 1)
