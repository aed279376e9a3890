"""Windows of sound to learn from, where there are real recordings too."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from sgvg_core.augmentation.sounds import MIXED_LEVELS, mixed
from sgvg_core.config import MelConfig
from sgvg_core.media import write_wav
from sgvg_core.training.world.sound_data import (
    SoundWindows,
    drop_rare_classes,
    load_recordings,
)
from sgvg_core.world.recordings import FEWEST_SOURCES, Recording

MEL = MelConfig(sample_rate=16_000, segment_seconds=1.0, n_mels=16, resized_mels=16, resized_frames=16)


@pytest.fixture(scope="module")
def recordings():
    """Rain from five places, wind from four."""
    places = [("raining", place) for place in range(FEWEST_SOURCES)] + [("wind noise", place) for place in range(FEWEST_SOURCES - 1)]
    noise = np.random.default_rng(0).standard_normal((len(places), MEL.sample_rate)).astype(np.float32) * 0.1
    return [Recording(kind, f"{kind} {place}", Path(f"{kind} {place}.wav"), wave) for (kind, place), wave in zip(places, noise, strict=True)]


@pytest.mark.slow
def test_a_class_of_few_places_is_learned_from_synthesised_sounds_alone(recordings):
    assert {recording.kind for recording in drop_rare_classes(recordings)} == {"raining"}
    windows = SoundWindows(1, MEL, loaded=recordings, real_share=1.0, first_clips=1, clip_seconds=1.0)
    sources = [source for _ in range(3) for source in windows.batch(96)["source"] if source]
    assert {source.split()[0] for source in sources} == {"raining"}
    assert len(set(sources)) == FEWEST_SOURCES


def test_recordings_alone_leave_no_class_out(recordings):
    batch = SoundWindows(1, MEL, loaded=recordings, synthesised=False).batch(64)
    assert batch["real"].all()
    assert {source.split()[0] for source in batch["source"]} == {"raining", "wind"}


@pytest.fixture
def folder(tmp_path):
    """Files of six places, two excerpts of the first."""
    tone = torch.sin(torch.arange(4000) * 0.3)[None]
    for name in ("esc-1-100-A", "esc-1-100-B", "esc-1-101-A", "esc-2-102-A", "esc-2-103-A", "esc-3-104-A", "brook"):
        path = tmp_path / "raining" / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        write_wav(path, tone, 8000)
    return tmp_path


def test_sources_that_are_held_out_for_a_test_never_train(folder):
    every = {"100", "101", "102", "103", "104", "brook"}
    assert {recording.source for recording in load_recordings(folder, 8000)} == every
    taught = load_recordings(folder, 8000, exclude_sources=["100", "brook", "none"])
    assert sorted(recording.source for recording in taught) == ["101", "102", "103", "104"]
    assert not any("100" in recording.path.stem for recording in taught)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["folder", "loaded"])
def test_no_window_is_of_a_source_that_is_held_out(folder, how):
    given = {"recordings": folder} if how == "folder" else {"loaded": load_recordings(folder, 8000)}
    mel = dataclasses.replace(MEL, sample_rate=8000)
    windows = SoundWindows(1, mel, **given, exclude_sources=["100", "102"], synthesised=False, variants=2)
    heard = {source for _ in range(6) for source in windows.batch(16)["source"]}
    assert heard == {"101", "103", "104", "brook"}
    assert FEWEST_SOURCES == 5  # four are left: beside synthesised sounds they'd serve no training
    alone = SoundWindows(1, mel, **given, exclude_sources=["100", "102"], first_clips=1, clip_seconds=0.5)
    assert not alone.batch(40)["real"].any()
def test_another_recording_beside_one_is_at_most_as_loud():
    rng = np.random.default_rng(3)
    wave, other = rng.standard_normal(5000).astype(np.float32), 40 * rng.standard_normal(700).astype(np.float32)
    for _ in range(5):
        added = mixed(wave, other, rng) - wave
        assert added.shape == wave.shape
        level = 10 * np.log10(np.mean(added**2) / np.mean(wave**2))
        assert MIXED_LEVELS[0] - 0.01 <= level <= MIXED_LEVELS[1] + 0.01


def test_a_silent_recording_mixes_with_any(recordings):
    rng = np.random.default_rng(3)
    wave = recordings[0].waveform
    assert np.array_equal(mixed(wave, np.zeros(100, np.float32), rng), wave)
    assert not mixed(np.zeros(100, np.float32), wave, rng).any()


@pytest.mark.slow
def test_sounds_that_are_no_scene_are_windows_too():
    windows = SoundWindows(1, MEL, first_clips=1, clip_seconds=1.0)
    some = windows.others(5)
    assert some.shape == (5, 1, 16, 16)
    assert some.isfinite().all()
    assert len(windows.others(3)) == 3
