"""What moves a film besides the walk itself: numbers over time, keyframes, loops, bounds on the drift, mattes.

It knows latents, walks and curves, and no generator: what needs one (a start by its seed, a picture of a latent) is in `generation`.
"""

from .beat_grid import BeatGrid, measure_swing, read_moment
from .drift import DriftBound, DriftSettings, LatentSpread, measure_spread
from .expressions import Expression, ExpressionError, read_assignments, read_expression
from .keyframes import EASINGS, INTERPOLATIONS, Keyframe, Keyframes, slerp
from .latent_edits import Displacement, StyleMix, TruncatedWalk
from .loops import LoopSpan, LoopWalk, bars_span, closed_curve, closed_list, closed_sound, rolled, seconds_span

__all__ = [
    "BeatGrid",
    "Displacement",
    "DriftBound",
    "DriftSettings",
    "EASINGS",
    "Expression",
    "ExpressionError",
    "INTERPOLATIONS",
    "Keyframe",
    "Keyframes",
    "LatentSpread",
    "LoopSpan",
    "LoopWalk",
    "StyleMix",
    "TruncatedWalk",
    "bars_span",
    "closed_curve",
    "closed_list",
    "closed_sound",
    "measure_spread",
    "measure_swing",
    "read_assignments",
    "read_expression",
    "read_moment",
    "rolled",
    "seconds_span",
    "slerp",
]
