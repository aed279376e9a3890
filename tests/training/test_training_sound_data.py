"""Windows of sound to learn from, where there are real recordings too."""

from pathlib import Path

import numpy as np
import pytest

from sgvg_core.config import MelConfig
from sgvg_core.training.sound_data import FEWEST_SOURCES, SoundWindows, from_many_sources
from sgvg_core.world.recordings import Recording

MEL = MelConfig(n_mels=16, picture_mels=16, picture_frames=16)


@pytest.fixture(scope="module")
def recordings():
    """Rain from five places, wind from four."""
    places = [("raining", place) for place in range(FEWEST_SOURCES)] + [("wind noise", place) for place in range(FEWEST_SOURCES - 1)]
    noise = np.random.default_rng(0).standard_normal((len(places), MEL.sample_rate)).astype(np.float32) * 0.1
    return [Recording(kind, f"{kind} {place}", Path(f"{kind} {place}.wav"), wave) for (kind, place), wave in zip(places, noise, strict=True)]


def test_a_class_of_few_places_is_learned_from_synthesised_sounds_alone(recordings):
    assert {recording.kind for recording in from_many_sources(recordings)} == {"raining"}
    windows = SoundWindows(1, MEL, loaded=recordings, real_share=1.0, first_clips=1, clip_seconds=1.0)
    sources = [source for _ in range(3) for source in windows.batch(96)["source"] if source]
    assert {source.split()[0] for source in sources} == {"raining"}
    assert len(set(sources)) == FEWEST_SOURCES


def test_recordings_alone_leave_no_class_out(recordings):
    batch = SoundWindows(1, MEL, loaded=recordings, synthesised=False).batch(64)
    assert batch["real"].all()
    assert {source.split()[0] for source in batch["source"]} == {"raining", "wind"}
