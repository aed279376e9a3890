"""Curves out of a sound, one number a frame: loudness, onsets, beats, bands, chroma and others, and tools on them.

`analysis` measures a whole source once and reads it at any film's frames; `curve` is the value that travels; `tools` change it. Each
measure says its unit, its range and what silence gives.
"""

from typing import TYPE_CHECKING

from ..first_use import on_first_use

if TYPE_CHECKING:
    from . import tools
    from .analysis import SoundAnalysis, analyse_sound
    from .curve import Curve, as_curve
    from .curve_files import load_curves, save_curves
    from .curve_set import CurveSet, curves_at_frames
    from .measures import DEFAULT_CURVES, SCALES, expanded
    from .plot import THEMES, plot_curves
    from .source import SoundSource
    from .sync_score import SyncScore, score_sync
    from .tools import smooth

__all__, __getattr__, __dir__ = on_first_use(__name__)
