"""The discriminators of Eq. 7 and 8: of clips and of frames. Only training needs them."""

from .patches import ImageCritic, VideoCritic

__all__ = ["ImageCritic", "VideoCritic"]
