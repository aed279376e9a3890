"""Sound into other image models: examples mixed by what a sound does over time, and schedules of prompts. Plain tensors in, plain tensors out.

Nothing is padded and nothing is mapped from one space to another: examples that don't fit each other are an error.
"""

from typing import TYPE_CHECKING

from ..first_use import on_first_use

if TYPE_CHECKING:
    from .mixing import MAX_EXAMPLES, mix_examples, mix_vectors, mixing_weights, nearest_example
    from .schedules import prompt_schedule, read_labelled_lines, winners

__all__, __getattr__, __dir__ = on_first_use(__name__)
