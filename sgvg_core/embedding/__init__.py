"""One space for images, words and sounds: F_v, F_t and F_a of the paper (Eq. 2, 4.5).

Ours, the released F_a, and any CLIP of open_clip. All embed to unit length; a space that hears has a `sound`.
"""

from .bpe import ByteBPE, split_words, train_merges
from .image_preparation import ImagePreparation
from .joint_space import JointSpace
from .open_clip_space import OpenClipSpace, load_open_clip
from .released_sound import ReleasedSoundTower
from .sound_tower import SoundTower

__all__ = [
    "ByteBPE",
    "JointSpace",
    "OpenClipSpace",
    "ImagePreparation",
    "ReleasedSoundTower",
    "SoundTower",
    "load_open_clip",
    "split_words",
    "train_merges",
]
