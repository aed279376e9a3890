"""What E_a learns from: pools of heard sounds, pictured as short ones and as small loudspeakers give them."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from sgvg_core.augmentation import spectrograms
from sgvg_core.augmentation.sounds import looped
from sgvg_core.generation.windows import log_mel_windows
from sgvg_core.presets import LANDSCAPES
from sgvg_core.training.world import latent_targets, sound_pool, walker_warmup
from sgvg_core.training.world.sound_pool import SoundPool, draw_clips, make_recording_pool, make_sound_pool
from sgvg_core.world.recordings import Recording


def test_the_loudest_of_a_clip_is_over_all_its_windows():
    windows = np.zeros((2, 3, 4, 5), np.uint8)
    windows[0, 2, 1, 3], windows[0, 0, 1, 0], windows[1, 1, 3, 4] = 255, 51, 102
    loudest = SoundPool(windows, np.zeros(2, int), np.zeros((2, 3), np.float32)).loudest
    assert torch.allclose(loudest, torch.tensor([[0, 1, 0, 0], [0, 0, 0, 0.4]]))


def test_recordings_of_some_kinds_outweigh_no_other_kind():
    def pool(kinds):
        return SoundPool(np.zeros((len(kinds), 3, 4, 5), np.uint8), np.array(kinds), np.zeros((len(kinds), 3), np.float32))

    made, real = pool([0, 1, 2] * 4), pool([1, 1, 1])
    drawn = draw_clips([(made, 0.7), (real, 0.3)], 3000, np.random.default_rng(0))
    kinds = np.array([owner.kinds[clip] for owner, clip in drawn])
    assert np.allclose(np.bincount(kinds) / 3000, 1 / 3, atol=0.03)
    from_real = np.array([owner is real for owner, _ in drawn])
    assert not from_real[kinds != 1].any()
    assert abs(from_real[kinds == 1].mean() - 0.3) < 0.05
    assert {clip for owner, clip in drawn if owner is made} == set(range(12))


def test_a_shortened_log_mel_goes_on_backwards_around_its_middle(monkeypatch):
    monkeypatch.setattr(spectrograms, "SHORTENED_SHARE", 1.0)
    monkeypatch.setattr(walker_warmup, "SHORTENED_SHARE", 1.0)
    frames = torch.arange(64.0).expand(20, 1, 3, 64).clone()
    for log_mel in spectrograms.shorten(frames, np.random.default_rng(0)):
        assert torch.equal(log_mel[0, 0], log_mel[0, 2])
        course = log_mel[0, 0]
        assert (course.diff().abs() <= 1).all()  # no jump anywhere
        assert torch.equal(course[30:34], torch.arange(30.0, 34.0))  # the moment that it's about stays
        assert len(course.unique()) < 64 or torch.equal(course, torch.arange(64.0))


def test_a_small_speaker_takes_the_low_rows_and_what_is_left_rises(monkeypatch):
    monkeypatch.setattr(spectrograms, "SMALL_SPEAKER_SHARE", 1.0)
    monkeypatch.setattr(walker_warmup, "SMALL_SPEAKER_SHARE", 1.0)
    log_mels = torch.linspace(1, 0.2, 64)[:, None].expand(30, 1, 64, 8).clone()  # lowest row loudest, as of thunder
    log_mels[:, :, 40] = 0
    augmented = spectrograms.by_small_speakers(log_mels.clone(), log_mels[:, 0, :, 0], np.random.default_rng(1))
    assert (augmented[:, 0, 0, 0] < 1).all()
    assert torch.allclose(augmented.amax((1, 2, 3)), torch.ones(30), atol=1e-5)  # still measured from the loudest moment
    assert (augmented[:, 0, 20, 0] > log_mels[:, 0, 20, 0]).all()
    assert not augmented[:, :, 40].any()  # what was silent stays silent


@pytest.mark.slow
def test_the_envelope_of_a_pools_clip_is_what_its_windows_hear(tmp_path):
    pool = make_sound_pool(tmp_path, LANDSCAPES.mel, rate=12, seed=4, num_clips=27, seconds=3, workers=1)
    assert pool.windows.shape == (27, 37, 64, 64)  # three seconds, and the last window that a film of them hears
    middle = pool.windows[..., 24:40].mean((2, 3))
    moving = [clip for clip in range(27) if pool.envelopes[clip].std() > 0.1]
    assert len(moving) > 9
    assert np.median([np.corrcoef(middle[clip], pool.envelopes[clip])[0, 1] for clip in moving]) > 0.5


@pytest.mark.slow
def test_a_recording_is_heard_as_it_is_and_in_other_places(tmp_path):
    """Seven seconds are longer than a part at any speed."""
    wave = np.random.default_rng(3).standard_normal(7 * 22050).astype(np.float32) * np.linspace(0.01, 1, 7 * 22050, dtype=np.float32)

    def pool_of(folder):
        recordings = [Recording("raining", place, Path(f"{place}.wav"), wave) for place in ("street", "roof")]
        return make_recording_pool(tmp_path / folder, recordings, LANDSCAPES.mel, rate=12, workers=1)

    pool = pool_of("a")
    plain = log_mel_windows(wave[: 5 * 22050], 22050, LANDSCAPES.mel, Fraction(12), 61)
    first_of_each = [0, len(pool.kinds) // 2]
    assert len(pool.kinds) >= 2 * 5
    assert (pool.windows[first_of_each] == plain).all()
    assert all((windows != plain).any() for clip, windows in enumerate(pool.windows) if clip not in first_of_each)
    assert (np.corrcoef(pool.envelopes)[0] > 0.9).all()  # louder towards the end, wherever it sounds
    assert (pool_of("b").windows == pool.windows).all()


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.4, 2.0, 5.0])
def test_a_short_recording_goes_on_from_its_beginning_and_not_in_silence(tmp_path, seconds):
    """At another speed five seconds are short too."""
    wave = np.random.default_rng(3).standard_normal(int(seconds * 22050)).astype(np.float32)
    recordings = [Recording("raining", "street", Path("street.wav"), wave)]
    pool = make_recording_pool(tmp_path, recordings, LANDSCAPES.mel, rate=12, workers=1)
    assert pool.windows.shape[:2] == (6, 61)
    middle = pool.windows[:, 6:-6, :, 28:36].astype(float).mean((2, 3))
    assert middle.min() > 0.7 * middle.max(axis=1).min()
    assert pool.envelopes[:, 6:-6].min() > 0.3 * pool.envelopes.max()


def test_a_looped_sound_begins_as_it_is_and_keeps_its_power():
    wave = np.random.default_rng(0).standard_normal(3000).astype(np.float32)
    again = looped(wave, 20_000, 500)
    assert again.shape == (20_000,)
    assert (again[:2500] == wave[:2500]).all()
    assert (again[2500 + 500 : 2 * 2500] == wave[500:2500]).all()
    power = np.convolve(again**2, np.ones(400) / 400, "valid")
    assert 0.6 < power.min() < power.max() < 1.5
    ramp = looped(np.linspace(0, 1, 3000), 20_000, 500)
    assert np.abs(np.diff(ramp)).max() < 0.01, "nowhere a click"
    assert (looped(wave, 1000, 500) == wave[:1000]).all()
    assert looped(wave[:1], 50, 500).tolist() == [wave[0]] * 50


@pytest.mark.slow
def test_recordings_once_heard_are_not_heard_again_but_others_are(tmp_path, monkeypatch):
    def pool_of(*waves):
        recordings = [Recording("raining", str(place), Path(f"{place}.wav"), wave) for place, wave in enumerate(waves)]
        return make_recording_pool(tmp_path, recordings, LANDSCAPES.mel, rate=12, seconds=1, workers=1)

    loud, soft = (np.random.default_rng(place).standard_normal(22050).astype(np.float32) for place in (1, 2))
    first = pool_of(loud)
    monkeypatch.setattr(sound_pool, "results_in_order", None)
    assert (pool_of(loud).windows == first.windows).all()
    monkeypatch.undo()
    both = pool_of(loud, soft)
    assert len(both.kinds) == 2 * len(first.kinds)


@pytest.mark.slow
def test_doubt_leaves_the_own_kind_nearest_and_the_strength_as_it_is():
    rng = np.random.default_rng(5)
    kinds, strength = torch.randn(9, 512, generator=torch.Generator().manual_seed(1)), torch.zeros(512)
    kinds[:, 0], strength[0] = 0, 3.0
    kinds = 20 * torch.nn.functional.normalize(kinds)
    offsets = kinds[:, None] + torch.linspace(0, 1, 9)[None, :, None] * strength
    answers = latent_targets.LatentTargets(torch.nn.Identity(), 1.0, torch.zeros(512), offsets, torch.nn.Identity(), torch.zeros(1, 64))
    envelopes = torch.from_numpy(rng.random(360)).float()
    far = []
    for kind in list(range(9)) * 20:
        doubt = walker_warmup._doubt(answers, kind, envelopes, rng)
        assert doubt.shape == (360, 1, 512)
        assert doubt[..., 0].abs().max() < 1e-5
        heard = (kinds[kind] + doubt.mean((0, 1)))[None]
        assert torch.cdist(heard, kinds).argmin() == kind
        far.append(float(doubt.mean((0, 1)).norm() / kinds.norm(dim=1).mean()))
    assert min(far) < 0.1
    assert max(far) > 0.5


def test_strength_is_how_far_an_offset_lies_between_its_kinds_ends():
    offsets = torch.randn(9, 9, 32, generator=torch.Generator().manual_seed(3))
    answers = latent_targets.LatentTargets(torch.nn.Identity(), 1.0, torch.zeros(32), offsets, torch.nn.Identity(), torch.zeros(1, 64))
    kinds = torch.tensor([0, 4, 8])
    between = torch.lerp(offsets[kinds, 0], offsets[kinds, -1], torch.tensor([0.0, 0.25, 1.0])[:, None])
    beside = torch.tensor([[1.0], [-1.0]])[None, :, :] * torch.randn(3, 1, 32)  # latents that cancel each other out
    assert torch.allclose(answers.strength(between[:, None] + beside, kinds), torch.tensor([0.0, 0.25, 1.0]), atol=1e-5)
