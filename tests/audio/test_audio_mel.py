"""Log-mel pictures equal librosa's."""

import numpy as np
import pytest
import torch
from plain_librosa import librosa

from sgvg_core.audio import clip_log_mel, log_mel, measure, mel_filters, released_log_mel, released_tower_log_mel, resize_log_mel
from sgvg_core.config import MelConfig
from sgvg_core.errors import ConfigError, ShapeError

BUNDLED = MelConfig(sample_rate=22_050, n_fft=1024, hop=256, n_mels=64, segment_seconds=0.75, resized_mels=64, resized_frames=64)
CONFIGS = {"bundled": BUNDLED, "released": MelConfig(), "released F_a": MelConfig(n_mels=128), "odd": MelConfig(16_000, 800, 200, 80)}


def signals(rate: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    time = np.arange(3 * rate) / rate
    notes = sum(np.sin(2 * np.pi * pitch * harmonic * time) / harmonic for pitch in (110, 138.6, 164.8) for harmonic in range(1, 9))
    beat = np.exp(-((time * 2) % 1) * 8)
    tune = 0.1 * notes * beat + 0.02 * beat * rng.standard_normal(len(time))
    return {"noise": 0.3 * rng.standard_normal(len(time)), "quiet noise": 1e-4 * rng.standard_normal(len(time)),
            "chirp": librosa.chirp(fmin=30, fmax=0.48 * rate, sr=rate, duration=3), "music-like": tune,
            "fading": rng.standard_normal(len(time)) * np.exp(-4 * time), "click": np.eye(1, len(time), len(time) // 2)[0],
            "short": rng.standard_normal(500), "three samples": np.array([0.1, -0.2, 0.3]), "one sample": np.array([0.5])}


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("name", signals(22_050))
@pytest.mark.filterwarnings("ignore:n_fft=.* is too large:UserWarning")
def test_equal_to_librosa(config: str, name: str) -> None:
    mel = CONFIGS[config]
    signal = signals(mel.sample_rate)[name].astype(np.float32)
    power = librosa.feature.melspectrogram(y=signal, sr=mel.sample_rate, n_fft=mel.n_fft, hop_length=mel.hop, n_mels=mel.n_mels)
    expected = librosa.power_to_db(power, ref=np.max, top_db=80) / 80 + 1
    spectrogram = log_mel(torch.from_numpy(signal)[None], mel)
    assert spectrogram.shape == (1, 1, *expected.shape)
    assert np.abs(spectrogram[0, 0].numpy() - expected).max() < 1e-3


@pytest.mark.parametrize("mel", CONFIGS.values(), ids=CONFIGS)
def test_filters_equal_librosas(mel: MelConfig) -> None:
    expected = librosa.filters.mel(sr=mel.sample_rate, n_fft=mel.n_fft, n_mels=mel.n_mels)
    assert np.abs(mel_filters(mel.sample_rate, mel.n_fft, mel.n_mels).numpy() - expected).max() < 1e-7


def test_reflected_edges_equal_librosas() -> None:
    signal = np.random.default_rng(0).standard_normal(22_050).astype(np.float32)
    power = librosa.feature.melspectrogram(y=signal, sr=22_050, n_fft=1024, hop_length=256, n_mels=64, pad_mode="reflect")
    expected = librosa.power_to_db(power, ref=np.max, top_db=80) / 80 + 1
    assert np.abs(log_mel(torch.from_numpy(signal)[None], BUNDLED, padding="reflect")[0, 0].numpy() - expected).max() < 1e-3
    assert log_mel(torch.ones(1, 3), BUNDLED, padding="reflect").isfinite().all()


def test_a_batch_equals_its_members_each_under_its_own_maximum() -> None:
    waveform = torch.randn(3, 10_000, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 0.01, 0.3])[:, None]
    batch = log_mel(waveform, BUNDLED)
    assert (batch.amax(dim=(1, 2, 3)) == 1).all()
    assert torch.allclose(batch, torch.cat([log_mel(item[None], BUNDLED) for item in waveform]), atol=1e-5)


def test_one_reference_keeps_loud_and_quiet_apart() -> None:
    noise = torch.randn(1, 22_050, generator=torch.Generator().manual_seed(0))
    reference = measure([noise[0]], BUNDLED).reference
    loud, quiet = log_mel(noise, BUNDLED, reference=reference), log_mel(noise / 10, BUNDLED, reference=reference)
    assert torch.allclose(loud - quiet, torch.full_like(loud, 20 / 80), atol=1e-4)
    assert torch.allclose(log_mel(noise, BUNDLED), log_mel(noise / 10, BUNDLED), atol=1e-4)
    assert log_mel(noise * 100, BUNDLED, reference=reference).max() == 1


def test_silence_is_zeros_or_as_released_ones() -> None:
    silence = torch.zeros(2, 5000)
    assert (log_mel(silence, BUNDLED) == 0).all()
    assert (log_mel(silence, BUNDLED, silence="released") == 1).all()
    assert (log_mel(silence, BUNDLED, reference=1.0) == 0).all()
    mixed = log_mel(torch.stack([silence[0], torch.randn(5000)]), BUNDLED)
    assert (mixed[0] == 0).all()
    assert mixed[1].max() == 1
    with pytest.raises(ConfigError, match="silence: got 'ones', expected zeros, released"):
        log_mel(silence, BUNDLED, silence="ones")


@pytest.mark.parametrize("seconds", [0.1, 4.0, 10.03, 14.0])
def test_released_log_mel_is_cut_in_the_middle_or_filled_on_the_right(seconds: float) -> None:
    mel = MelConfig()
    waveform = torch.randn(1, round(seconds * mel.sample_rate), generator=torch.Generator().manual_seed(0))
    whole = log_mel(waveform, mel)
    spectrogram = released_log_mel(waveform)
    assert spectrogram.shape == (1, 1, 256, 256)
    surplus = whole.shape[-1] - 864
    fitted = whole[..., surplus // 2:surplus // 2 + 864] if surplus > 0 else torch.cat([whole, torch.zeros(1, 1, 256, -surplus)], dim=-1)
    assert torch.equal(spectrogram, resize_log_mel(fitted, 256, 256))
    heard = min(1.0, whole.shape[-1] / 864) * 256
    assert (spectrogram[..., int(heard) + 2:] == 0).all()
    assert spectrogram[..., :max(1, int(heard) - 2)].min() > 0.3


def test_resizing_is_bilinear_with_half_pixel_centres() -> None:
    ramp = torch.arange(8.0)[None, None, None].expand(1, 1, 4, 8)
    small = resize_log_mel(ramp, 4, 4)
    assert torch.allclose(small[0, 0, 0], torch.tensor([0.5, 2.5, 4.5, 6.5]))


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"waveform: got shape \[5\], expected \[B, N\]"):
        log_mel(torch.zeros(5), BUNDLED)


@pytest.mark.parametrize("num_samples", [30_000, 44_100 * 13])
def test_a_stream_is_log_meld_as_the_whole_clip(num_samples: int) -> None:
    """What a released encoder hears: the middle of a long clip, a short one filled up; chunks of any size."""
    waveform = torch.randn(num_samples, generator=torch.Generator().manual_seed(3)) * torch.linspace(0.01, 0.5, num_samples)
    mel = MelConfig(n_mels=32, resized_mels=32, resized_frames=32)
    level = measure([waveform], mel)
    chunks = [waveform[:100], waveform[100:20_000], waveform[20_000:]]
    streamed = clip_log_mel(iter(chunks), mel, level, num_frames=864)
    torch.testing.assert_close(streamed, released_log_mel(waveform[None], mel), atol=2e-5, rtol=0)


def test_the_released_towers_log_mel_is_read_in_the_order_of_memory() -> None:
    """512 mels by 128 moments, taken as 128 rows of 512 without turning: row 0 holds the first four mels, one behind the other."""
    waveform = torch.randn(1, 60_000, generator=torch.Generator().manual_seed(4))
    mel = MelConfig(n_mels=128, resized_mels=512, resized_frames=128)
    seen = released_tower_log_mel(waveform)
    spectrogram = log_mel(waveform, mel, padding="reflect")
    filled = torch.zeros(1, 1, 128, 864)
    filled[..., : spectrogram.shape[-1]] = spectrogram
    upright = resize_log_mel(filled, 512, 128)[0, 0]
    assert seen.shape == (1, 1, 128, 512)
    torch.testing.assert_close(seen[0, 0, 0], torch.cat([upright[0], upright[1], upright[2], upright[3]]))
    torch.testing.assert_close(seen[0, 0, 127, 384:], upright[511])


def test_the_released_tower_hears_where_it_is_told() -> None:
    long = torch.randn(1, 44_100 * 12, generator=torch.Generator().manual_seed(5))
    assert not torch.equal(released_tower_log_mel(long, first_frame=0), released_tower_log_mel(long))
    with pytest.raises(ShapeError, match="first_frame: got 9999, expected 0 to 170"):
        released_tower_log_mel(long, first_frame=9999)
