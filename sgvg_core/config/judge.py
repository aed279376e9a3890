"""Settings of the judge."""

import dataclasses

from ..errors import ConfigError
from .checks import MAX_PART_PARAMETERS, check_range, pairs_of_convolutions


@dataclasses.dataclass(frozen=True)
class JudgeConfig:
    """The judge of pictures: its input size, the widths of its stages and the kinds it knows."""

    image_size: int = 64
    """Side in pixels to which a picture is fitted."""
    widths: tuple[int, ...] = (24, 48, 96, 128)
    labels: tuple[str, ...] = (
        "thunderstorm",
        "waterfall burbling",
        "volcano eruption",
        "squishing water",
        "wind noise",
        "fire crackling",
        "raining",
        "underwater bubbling",
        "splashing water",
    )

    def __post_init__(self) -> None:
        check_range("judge image_size", self.image_size, 16, 512)
        check_range("judge number of stages", len(self.widths), 1, 8)
        for width in self.widths:
            check_range("judge widths", width, 8, 1024)
            if width % 8:
                raise ConfigError(f"judge widths: got {width}, expected a multiple of 8, the number of groups that are normalised together")
        check_range("judge number of labels", len(self.labels), 1, 1000)
        check_range("judge number of parameters", self.num_parameters, 1, MAX_PART_PARAMETERS)

    @property
    def num_parameters(self) -> int:
        """About how many numbers its weights hold (without biases)."""
        return pairs_of_convolutions(3, self.widths) + 2 * self.widths[-1] * (64 + len(self.labels)) + 64 * len(self.labels)
