"""What moves a film beside the walk itself: numbers over time, keyframes, loops, bounds on the drift, mattes.

It knows latents, walks and curves, and no generator: what needs one (a start by its seed, a picture of a latent) is in `generation`.
"""

from .expressions import Expression, ExpressionError, read_assignments, read_expression
from .latent_edits import Displacement, StyleMix, TruncatedWalk

__all__ = [
    "Displacement",
    "Expression",
    "ExpressionError",
    "StyleMix",
    "TruncatedWalk",
    "read_assignments",
    "read_expression",
]
