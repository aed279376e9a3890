"""E_a from a data set of labelled sounds, for a generator of one's own, through text: stage three where there's no video."""

import json
from collections.abc import Mapping
from pathlib import Path

import torch

from ...assembly import load_model, save_sound_encoder, save_walker
from ...config import from_dict
from ...datasets import ClipData
from ...errors import DataError
from ...generation import Sound
from ...generation.text_constraint import ImageTextSpace
from ...guidance.few_shot_fit import LabelledSound, SoundFit, SoundFitSettings, fit_sounds
from ...media import contact_sheet, save_png
from ...presets import LABELLED_SOUNDS
from ...progress import Progress, silent
from ...sound_inversion import SoundInversionEncoder
from ...synthesis import Generator

FOLDER = "sound_fit"
"""In the work folder: what the fit said, and a picture of each label."""


LABELLED_SOUNDS_PRESETS: Mapping[str, SoundFitSettings] = {
    name: from_dict(SoundFitSettings, dict(numbers), f"preset {name}") for name, numbers in LABELLED_SOUNDS.items()
}


def sounds_of(data: ClipData, most: int) -> list[LabelledSound]:
    """The training sounds of a data set that have a label, `most` of each at the most, in the manifest's order. Raises DataError."""
    taken: dict[str, int] = {}
    sounds = []
    for clip in data.clips("train"):
        if clip.label and taken.get(clip.label, 0) < most:
            taken[clip.label] = taken.get(clip.label, 0) + 1
            waveform, rate = data.waveform(clip)
            sounds.append(LabelledSound(clip.label, Sound.from_waveform(waveform[None], rate)))
    if not sounds:
        raise DataError(f"{data.folder}: holds no labelled sounds to train on; prepare sounds with a table of labels, or in a folder a label")
    return sounds


def train_labelled_sounds(
    work: Path,
    data: ClipData,
    generator: Generator,
    space: ImageTextSpace,
    settings: SoundFitSettings | None = None,
    *,
    most: int = 40,
    progress: Progress = silent,
) -> SoundFit:
    """Fit E_a to labelled sounds (`fit_sounds`) and write sound_encoder and walker .safetensors into `work`, with what came of it.

    `most` sounds of each label are learned from. The ears begin as the bundled model's. Without `settings` the defaults hold.
    """
    bundled = load_model(device="cpu")
    ears = bundled.sound_encoder if isinstance(bundled.sound_encoder, SoundInversionEncoder) else None
    mel = None if ears is None else bundled.mel
    fit = fit_sounds(generator, space, sounds_of(data, most), init_from=ears, mel=mel, settings=settings, progress=progress)
    (work / FOLDER).mkdir(parents=True, exist_ok=True)
    save_png(work / FOLDER / "labels.png", contact_sheet(fit.found.images, min(6, len(fit.found.labels))))
    (work / FOLDER / "report.json").write_text(json.dumps(report_of(fit, data), indent=1) + "\n", encoding="utf-8")
    save_sound_encoder(work / "sound_encoder.safetensors", fit.encoder, fit.encoder_config, fit.mel)
    save_walker(work / "walker.safetensors", fit.walker, fit.walker_config)
    return fit


def report_of(fit: SoundFit, data: ClipData) -> dict[str, object]:
    """How well a fit went, as plain data."""

    def shares(values: torch.Tensor) -> dict[str, float]:
        return {label: round(value, 3) for label, value in zip(fit.found.labels, values.tolist(), strict=True)}

    said = {"starts_that_show_the_label": shares(fit.found.after), "without_the_offset": shares(fit.found.before)}
    return {"data": data.hash, "sounds_told_apart": round(fit.agreement, 3), "loss": round(fit.loss, 4), **said}
