"""The sounds of the world: seeded, driven by their envelope, each class told from the others; disturbances, captions, recordings."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sgvg_core.augmentation.sounds import augment_sound, change_speed
from sgvg_core.errors import ConfigError, MediaError
from sgvg_core.world import synth
from sgvg_core.world.captions import NAMES, caption
from sgvg_core.world.envelopes import make_envelope
from sgvg_core.world.kinds import KINDS, SCENES
from sgvg_core.world.other_sounds import OTHER_SOUNDS, synth_other
from sgvg_core.world.recordings import find_recordings, read_recordings, source_of
from sgvg_core.world.sounds.tools import Bench

RATE = 22_050
FOUND = {scene.name: scene.found for scene in SCENES if scene.found}


def made(kind: str, seed: int, seconds: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    envelope = make_envelope(kind, seed, seconds, RATE)
    return synth(kind, seed, envelope, RATE), envelope


def loudness(wave: np.ndarray, block_samples: int = RATE // 20) -> np.ndarray:
    blocks = wave[: len(wave) // block_samples * block_samples].reshape(-1, block_samples)
    return np.sqrt((blocks**2).mean(1))


def test_every_class_has_envelope_sound_and_words():
    assert len(SCENES) == len(set(KINDS)) == 9
    assert tuple(NAMES) == KINDS
    assert all(NAMES[kind][0] == kind for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_envelope_is_a_function_of_time(kind):
    envelope = make_envelope(kind, 5, 6.0, 60)
    assert envelope.dtype == np.float32
    assert envelope.shape == (360,)
    assert envelope.min() >= 0
    assert envelope.max() <= 1
    assert envelope.std() > 0.03
    np.testing.assert_allclose(make_envelope(kind, 5, 2.0, 12), envelope[:120:5], atol=1e-6)  # shorter and coarser: the same moments
    assert not np.allclose(make_envelope(kind, 6, 6.0, 60), envelope)


@pytest.mark.parametrize("kind", KINDS)
def test_sound_is_seeded_finite_and_in_range(kind):
    wave, _ = made(kind, 1)
    again, _ = made(kind, 1)
    other, _ = made(kind, 2)
    assert wave.dtype == np.float32
    assert wave.shape == (3 * RATE,)
    assert np.isfinite(wave).all()
    assert np.abs(wave).max() <= 1
    assert loudness(wave).max() > 0.005
    np.testing.assert_array_equal(wave, again)
    assert np.abs(wave - other).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_envelope_is_heard_but_not_copied(kind):
    found = []
    for seed in range(6):
        wave, envelope = made(kind, seed, 4.0)
        level = loudness(wave)
        wanted = envelope[: len(level) * (RATE // 20)].reshape(-1, RATE // 20).mean(1)
        lags = range(13 if kind == "thunderstorm" else 1)  # thunder comes after its flash
        found.append(max(np.corrcoef(level[lag:], wanted[: len(wanted) - lag])[0, 1] for lag in lags))
    assert 0.5 < np.median(found) < 0.97


def test_unknown_class_and_empty_envelope():
    with pytest.raises(ConfigError, match=r"'rain'.*raining"):
        synth("rain", 0, np.zeros(100), RATE)
    with pytest.raises(ConfigError, match=r"'rain'.*raining"):
        make_envelope("rain", 0, 1, 12)
    with pytest.raises(ConfigError, match=r"'rain'.*raining"):
        caption("rain", None, 0.5, np.random.default_rng(0))
    assert synth("raining", 0, np.zeros(0), RATE).shape == (0,)


@pytest.mark.slow
def test_classes_have_colours_of_their_own():
    """A nearest mean of mean band levels, told apart on seeds it never saw: no class sounds like another's average."""
    def bands(wave: np.ndarray) -> np.ndarray:
        blocks = wave[: len(wave) // 1024 * 1024].reshape(-1, 1024) * np.hanning(1024)
        power = np.abs(np.fft.rfft(blocks)) ** 2
        edges = np.unique(np.geomspace(1, 512, 18).astype(int))
        level = 10 * np.log10(np.add.reduceat(power[:, 1:], edges[:-1] - 1, axis=1) + 1e-9)
        return np.concatenate([level.mean(0) - level.mean(), 2 * level.std(0)])

    def heard(kind: str, seed: int) -> np.ndarray:
        return bands(made(kind, seed)[0])

    means = np.array([np.mean([heard(kind, seed) for seed in range(10)], 0) for kind in KINDS])
    right = [np.argmin(((means - heard(kind, seed)) ** 2).sum(1)) == i for i, kind in enumerate(KINDS) for seed in range(100, 105)]
    assert np.mean(right) > 0.6  # chance is 0.11; the seeds differ widely on purpose


def test_disturb_keeps_time_and_range():
    wave, _ = made("fire crackling", 3)
    outcomes = [augment_sound(wave, np.random.default_rng(seed), RATE) for seed in range(12)]
    for out in outcomes:
        assert out.dtype == np.float32
        assert out.shape == wave.shape
        assert np.isfinite(out).all()
        assert 0.001 < np.abs(out).max() <= 1
    np.testing.assert_array_equal(outcomes[4], augment_sound(wave, np.random.default_rng(4), RATE))
    peaks = [np.abs(out).max() for out in outcomes]
    assert max(peaks) > 3 * min(peaks)
    assert augment_sound(np.zeros(0), np.random.default_rng(0), RATE).shape == (0,)
    assert np.isfinite(augment_sound(np.zeros(RATE), np.random.default_rng(1), RATE)).all()


@pytest.mark.slow
def test_some_disturbances_limit_the_band_to_8_khz_material():
    wave, _ = made("raining", 3)
    shares = []
    for seed in range(40):
        power = np.abs(np.fft.rfft(augment_sound(wave, np.random.default_rng(seed), RATE))) ** 2
        high = np.fft.rfftfreq(len(wave), 1 / RATE) > 4200
        shares.append(power[high].sum() / power.sum())
    assert min(shares) < 1e-3 < 0.02 < max(shares)


def test_change_speed_shortens_and_raises():
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    fast = change_speed(tone, 1.25)
    assert abs(len(fast) - RATE / 1.25) <= 1
    assert np.argmax(np.abs(np.fft.rfft(fast, RATE))) == pytest.approx(550, abs=2)


def test_captions_speak_of_class_strength_and_hour():
    rng = np.random.default_rng(0)
    noon = SimpleNamespace(hour=0.05, haze=0.0, clouds=0.1)
    night = SimpleNamespace(hour=0.95, haze=0.9, clouds=0.1)
    calm = {caption("fire crackling", noon, 0.05, rng) for _ in range(300)}
    wild = {caption("fire crackling", night, 0.97, rng) for _ in range(300)}
    assert len(calm) > 60
    assert "fire crackling" in calm
    assert any("calm" in text for text in calm)
    assert not any("calm" in text for text in wild)
    assert any("raging" in text for text in wild)
    assert not any("raging" in text for text in calm)
    assert any("night" in text for text in wild)
    assert not any("night" in text for text in calm)
    assert any("mist" in text for text in wild)
    assert not any("mist" in text for text in calm)
    unknown = {caption("raining", None, float("nan"), rng) for _ in range(200)}
    assert not any(word in text for text in unknown for word in ("calm", "heavy", "night"))
    assert all(text == text.lower() and "  " not in text for text in calm | wild | unknown)


def test_recordings_are_found_by_folder_and_named_by_source(tmp_path):
    for name in ("raining/esc10-1-777-A.ogg", "raining/esc10-1-777-B.ogg", "wind_noise/breeze.wav", "wind_noise/notes.txt", "cats/cat.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = find_recordings(tmp_path)
    assert [(kind, path.name) for kind, path in found] == [
        ("raining", "esc10-1-777-A.ogg"), ("raining", "esc10-1-777-B.ogg"), ("wind noise", "breeze.wav")]
    assert [source_of(path) for _, path in found] == ["777", "777", "breeze"]
    opened: list[Path] = []
    recordings = read_recordings(tmp_path, lambda path: (opened.append(path), np.ones(5))[1])
    assert opened == [path for _, path in found]
    assert recordings[2].waveform.dtype == np.float32
    with pytest.raises(MediaError, match=r"no recordings found.*raining/"):
        find_recordings(tmp_path / "cats")


def test_excerpts_that_the_credits_call_one_source_are_held_out_together(tmp_path):
    names = ("raining/roof.wav", "raining/roof-2.wav", "raining/street.wav", "wind_noise/roof.wav", "wind_noise/loop1.ogg", "wind_noise/loop2.ogg",
             "raining/esc10-1-777-A.ogg", "raining/garden.wav")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "CREDITS.md").write_text("""# Sounds
| scene | file | s | by | licence | source |
|---|---|---|---|---|---|
| raining | roof.wav | 9 | Ann | CC0 | freesound 71, "Roof"; 0-9 s |
| raining | roof-2.wav | 9 | Ann | CC0 | freesound 71, "Roof"; 9-18 s |
| raining | street.wav | 9 | Ann | CC0 | freesound 72 (excerpt) |
| wind_noise | roof.wav | 9 | Ann | CC0 | freesound 71, "Roof"; 20-29 s |
| wind_noise | loop1.ogg | 9 | Bo | CC0 | bo loop1, "Loop" |
| wind_noise | loop2.ogg | 9 | Bo | CC0 | bo loop2, "Loop" |
| raining | esc10-1-777-A.ogg | 5 | Cy | CC0 | freesound 777, as cut for ESC-10 |
""")
    recordings = read_recordings(tmp_path, lambda path: np.ones(5))
    found = {f"{recording.path.parent.name}/{recording.path.name}": recording.source for recording in recordings}
    assert found["raining/roof.wav"] == found["raining/roof-2.wav"] == "freesound 71"
    assert found["wind_noise/loop1.ogg"] == found["wind_noise/loop2.ogg"] == "bo loop"
    assert [found[name] for name in ("raining/street.wav", "wind_noise/roof.wav", "raining/garden.wav")] == ["street", "roof", "garden"]
    assert found["raining/esc10-1-777-A.ogg"] == "777"


@pytest.mark.parametrize("kind", sorted(OTHER_SOUNDS))
def test_other_sounds_are_heard_and_repeat(kind):
    waves = [synth_other(kind, seed, 11_025, 22_050) for seed in (1, 1, 2)]
    assert np.array_equal(waves[0], waves[1])
    assert not np.array_equal(waves[0], waves[2])
    for wave in waves:
        assert wave.dtype == np.float32
        assert np.isfinite(wave).all()
        assert 1e-3 < np.abs(wave).max() <= 0.7
    assert len(synth_other(kind, 1, 0, 22_050)) == 0
    assert len(synth_other(kind, 1, 90, 8_000)) == 90


def test_an_unknown_other_sound_is_refused():
    with pytest.raises(ConfigError, match=r"got 'cats', expected one of speech"):
        synth_other("cats", 1, 100, 22_050)


@pytest.mark.parametrize(("kind", "make"), [(kind, make) for kind, ways in FOUND.items() for make in ways])
def test_found_sounds_of_a_class_are_heard_and_repeat(kind, make):
    envelope = make_envelope(kind, 3, 0.5, RATE)
    waves = [make(Bench(np.random.default_rng(seed), np.float64(envelope), RATE)) for seed in (1, 1, 2)]
    assert np.array_equal(waves[0], waves[1])
    assert not np.array_equal(waves[0], waves[2])
    assert all(np.isfinite(wave).all() and wave.std() > 1e-3 and len(wave) == len(envelope) for wave in waves)


def test_found_sounds_are_only_made_when_asked_for_and_leave_other_classes_alone():
    for kind in ("raining", "volcano eruption"):
        envelope = make_envelope(kind, 5, 0.3, RATE)
        own, found = (synth(kind, 5, envelope, RATE, found=found) for found in (False, True))
        assert np.array_equal(own, synth(kind, 5, envelope, RATE))
        assert np.array_equal(own, found) == (kind not in FOUND)
