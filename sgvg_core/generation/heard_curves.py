"""What is heard, as curves: the joint space's score of each text, a number a frame."""

from collections.abc import Sequence
from fractions import Fraction

import torch

from ..assembly import SoundModel
from ..clock import num_frames as frames_of
from ..config import check_choice
from ..curves.curve import Curve
from ..errors import ConfigError
from ..progress import Progress, silent
from .listening import label_scale, labels_of
from .sound import Sound, analyse_sound
from .windows import embed_windows, window_log_mels

HEARD_KINDS = ("probability", "cosine")


@torch.no_grad()
def label_curves(model: SoundModel, sound: Sound, labels: Sequence[str] = (), *, fps: Fraction = Fraction(25),
                 windows_a_second: Fraction | None = None, kind: str = "probability", progress: Progress = silent) -> dict[str, Curve]:
    """A curve for each of `labels` (empty: the model's own scenes): how much the joint space hears it around each frame.

    `kind` "probability" is 0..1 among the given labels, and sums to 1 in each frame; "cosine" is the bare score of each by itself. With
    `windows_a_second` so many windows are heard, with straight lines between; None: one for each frame. The curves have `fps` values a second over
    all of `sound`. `progress` may raise to stop. Raises ConfigError for a model that has no joint space, or no labels where
    none are given, and for labels given twice.
    """
    check_choice("kind", kind, HEARD_KINDS)
    chosen, space = labels_of(model, labels)
    if len(set(chosen)) != len(chosen):
        raise ConfigError("labels: got a label twice, expected each once")
    analysed = analyse_sound(sound, space.mel, progress)
    rate = fps if windows_a_second is None else min(windows_a_second, fps)
    texts = space.embed_texts(list(chosen))
    windows = window_log_mels(analysed, space.mel, rate)
    scores = torch.cat([(embeds @ texts.T).cpu() for embeds in embed_windows(model, windows, progress)])
    values = (scores * label_scale(space)).softmax(1) if kind == "probability" else scores
    unit, count = ("0..1" if kind == "probability" else "cosine"), frames_of(analysed.duration, fps)
    return {label: Curve(values[:, index], rate, label, unit).at(fps, count) for index, label in enumerate(chosen)}
