"""Random changes of what is learned from: sounds, their spectrograms, images, words.

Each function takes its random numbers as an argument, so that a run can be repeated. Nothing here trains.
"""

from .sounds import augment_sound

__all__ = [
    "augment_sound",
]
