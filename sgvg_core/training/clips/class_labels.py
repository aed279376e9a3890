"""Class labels of a conditional StyleGAN2: which picture shows what, and which class a made picture is to show.

Generator and discriminator both read a label as one number a class (Karras et al. 2020b, section 4.1: the mapping network embeds it, and the
discriminator's answer is its projection on the label's direction).
"""

import dataclasses
from collections.abc import Sequence

import torch

from ...errors import DataError
from .images import ImageData


@dataclasses.dataclass(frozen=True)
class ClassLabels:
    """The classes of real pictures."""

    names: tuple[str, ...]
    """In the order of their numbers."""
    of_images: torch.Tensor
    """int64 [N], the number of each picture's class."""

    @property
    def count(self) -> int:
        """K: how many classes there are."""
        return len(self.names)

    def draw(self, generator: torch.Generator) -> int:
        """A class for a made picture, each as often as among the real ones: else the discriminator could tell by the label alone."""
        return int(self.of_images[torch.randint(len(self.of_images), (), generator=generator)])

    def vectors(self, numbers: Sequence[int]) -> torch.Tensor:
        """c [n, K] of classes by their numbers: 1 for its own class, 0 for the others."""
        return torch.eye(self.count)[list(numbers)]

    def examples(self, number: int, count: int) -> list[int]:
        """The numbers of `count` pictures of a class, from all over the data; fewer where there are fewer. `number` is that of the class."""
        places = (self.of_images == number).nonzero()[:, 0].tolist()
        return [places[share * len(places) // count] for share in range(min(count, len(places)))]


def class_labels(data: ImageData) -> ClassLabels:
    """The classes of a data set's pictures. Raises DataError where it has none."""
    if not data.labels:
        raise DataError(
            "labels: got true, but not every picture of this data has a label; prepare the data from class folders or with a table, or leave the "
            "setting at false"
        )
    return ClassLabels(data.labels, torch.tensor([data.label(index) for index in range(len(data))]))
