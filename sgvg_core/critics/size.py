"""Images at the size that the discriminators see."""

import torch

from ..embedding.image_preparation import resize_exactly


def to_critic_size(images: torch.Tensor, size: int) -> torch.Tensor:
    """Images [N, 3, H, W] as the discriminators see them, [N, 3, size, size]: rendered and generated ones alike.

    `images` may have any range; `size` is in pixels.
    """
    return resize_exactly(images, (size, size), "area")
