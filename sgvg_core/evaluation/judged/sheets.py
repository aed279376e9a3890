"""Sheets to look at: films next to renders, each block alone (the paper's Fig. 7), beta and pull, a sound that changes, two starts."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import torch

from ...assembly import SoundModel
from ...generation import AnalysedSound, Sound, analyse_sound, heard_walk
from ...generation.render import frames
from ...generation.seeded_start import random_start
from ...media import contact_sheet
from ...progress import Progress, silent
from ...walker import WalkSettings
from ...world import KINDS, make_envelope, synth
from .table import Films, HeldOutClip, held_out_clips

_FPS = 12.0
_SOUND_RATE = 22_050


def _evenly(frames: torch.Tensor, num: int) -> torch.Tensor:
    """`num` frames [num, H, W, 3] spread over a film."""
    return frames[torch.linspace(0, len(frames) - 1, num).round().long()]


def _row(model: SoundModel, analysed: AnalysedSound, start: torch.Tensor, num: int, settings: WalkSettings | None = None) -> torch.Tensor:
    """`num` frames of the walk of a sound."""
    walk = heard_walk(model, analysed, start, Fraction(12), settings=settings or WalkSettings())
    steps = torch.cat(list(walk))
    chosen = steps[torch.linspace(0, len(steps) - 1, num).round().long()]
    return torch.cat(list(frames(model.generator, [chosen])))


def two_sounds(first: str, second: str, seconds: float = 8.0, seed: int = 11) -> torch.Tensor:
    """A sound that changes in the middle, [1, N] at 22,050 Hz.

    `first` and `second` are of `KINDS`; both together last `seconds`.
    """
    parts = []
    for kind in (first, second):
        envelope = make_envelope(kind, seed, seconds / 2, _SOUND_RATE)
        parts.append(torch.from_numpy(synth(kind, seed, envelope, _SOUND_RATE)))
    return torch.cat(parts)[None]


def films_beside_renders(model: SoundModel, seed: int = 0, num: int = 8) -> torch.Tensor:
    """For each kind a row of the rendered clip and a row of the film that its sound makes (start chosen by the sound).

    `num` pictures a row.
    """
    films = Films(model, _FPS, seed)
    rows = []
    for clip in held_out_clips(len(KINDS), seed, 4.0, _FPS):
        rows += [_evenly(films.rendered(clip), num), _evenly(films.chosen_start(clip), num)]
    return contact_sheet(torch.cat(rows), num)


def _first_clip(kind: str, seed: int) -> HeldOutClip:
    return next(clip for clip in held_out_clips(len(KINDS), seed, 4.0, _FPS) if KINDS[clip.kind] == kind)


def blocks_alone(model: SoundModel, seed: int = 0, kind: str = "splashing water", num: int = 8) -> torch.Tensor:
    """Rows: only the coarse block walks, only the mid, only the fine, all three (the paper's Fig. 7).

    `kind` is one of `KINDS`; `num` pictures a row.
    """
    clip = _first_clip(kind, seed + 3)
    analysed = analyse_sound(Sound.from_waveform(clip.waveform[None], _SOUND_RATE), model.mel)
    start = random_start(model.generator, seed + 3)
    alone = [WalkSettings(coarse=float(one == 0), mid=float(one == 1), fine=float(one == 2)) for one in range(3)]
    return contact_sheet(torch.cat([_row(model, analysed, start, num, settings) for settings in (*alone, WalkSettings())]), num)


def beta_and_pull(model: SoundModel, seed: int = 0, kind: str = "fire crackling", num: int = 8) -> torch.Tensor:
    """Rows: beta 0.1, 0.4, 1, then pull 0.5 and 3 a second: more movement against more of the start (the paper's trade-off).

    `kind` is one of `KINDS`; `num` pictures a row.
    """
    clip = _first_clip(kind, seed + 5)
    analysed = analyse_sound(Sound.from_waveform(clip.waveform[None], _SOUND_RATE), model.mel)
    start = random_start(model.generator, seed + 5)
    ways = [WalkSettings(beta=0.1), WalkSettings(beta=0.4), WalkSettings(), WalkSettings(pull=0.5), WalkSettings(pull=3.0)]
    return contact_sheet(torch.cat([_row(model, analysed, start, num, settings) for settings in ways]), num)


def changing_sound(model: SoundModel, seed: int = 0, num: int = 12) -> torch.Tensor:
    """Rain that becomes fire, and wind that becomes waves, both from one random start. `num` pictures a row."""
    rows = []
    for first, second in (("raining", "fire crackling"), ("wind noise", "splashing water")):
        analysed = analyse_sound(Sound.from_waveform(two_sounds(first, second), _SOUND_RATE), model.mel)
        rows.append(_row(model, analysed, random_start(model.generator, seed + 7), num))
    return contact_sheet(torch.cat(rows), num)


def two_starts(model: SoundModel, seed: int = 0, kind: str = "underwater bubbling", num: int = 8) -> torch.Tensor:
    """One sound from two start latents: the layout differs, the strength goes alike. `kind` is one of `KINDS`; `num` pictures a row."""
    clip = _first_clip(kind, seed + 1)
    analysed = analyse_sound(Sound.from_waveform(clip.waveform[None], _SOUND_RATE), model.mel)
    return contact_sheet(torch.cat([_row(model, analysed, random_start(model.generator, seed + start), num) for start in (21, 22)]), num)


SHEETS: dict[str, Callable[[SoundModel, int], torch.Tensor]] = {
    "films_beside_renders": films_beside_renders,
    "blocks_alone": blocks_alone,
    "beta_and_pull": beta_and_pull,
    "changing_sound": changing_sound,
    "two_starts": two_starts,
}
"""Every sheet by its name."""


def make_sheets(model: SoundModel, seed: int = 0, progress: Progress = silent) -> dict[str, torch.Tensor]:
    """All sheets, uint8 [H, W, 3]; another seed has other sounds and starts."""
    made = {}
    for index, (name, make) in enumerate(SHEETS.items()):
        progress(index, len(SHEETS), name)
        made[name] = make(model, seed)
    return made


def unlabelled_strips(model: SoundModel, seed: int = 31, num: int = 6) -> tuple[torch.Tensor, list[str]]:
    """Nine strips of films in shuffled order, for readers who don't know the kinds, and the answers, top to bottom.

    `num` pictures a strip.
    """
    films = Films(model, _FPS, seed)
    clips = list(held_out_clips(len(KINDS), seed, 4.0, _FPS))
    order = np.random.default_rng(seed).permutation(len(clips))
    rows = [_evenly(films.random_start(clips[i])[12:], num) for i in order]
    return contact_sheet(torch.cat(rows), num), [KINDS[clips[i].kind] for i in order]


