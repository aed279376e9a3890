"""E_a: shapes at the paper's size and small, independence of the batch, every latent hears the sound."""

import pytest
import torch

from sgvg_core.errors import ShapeError
from sgvg_core.presets import PAPER_SOUND_INVERSION
from sgvg_core.sound_inversion import SoundInversionEncoder


@pytest.fixture
def small() -> SoundInversionEncoder:
    torch.manual_seed(2)
    return SoundInversionEncoder(num_ws=7, w_dim=5, log_mel_size=32, depths=(1, 1, 1, 1), widths=(8, 8, 16, 16), pyramid_width=8).eval()


@torch.no_grad()
def test_offsets_have_a_latent_a_head_and_dont_depend_on_the_batch(small: SoundInversionEncoder) -> None:
    log_mels = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    offsets = small(log_mels)
    assert offsets.shape == (4, 7, 5)
    torch.testing.assert_close(offsets[2:3], small(log_mels[2:3]), atol=1e-5, rtol=1e-4)
    assert (offsets[0] - offsets[1]).abs().amax(1).min() > 1e-6  # every latent hears the difference


@pytest.mark.slow
@torch.no_grad()
def test_the_papers_size_builds_and_runs() -> None:
    config = PAPER_SOUND_INVERSION
    encoder = SoundInversionEncoder(**{name: getattr(config, name) for name in config.__dataclass_fields__}).eval()
    assert encoder(torch.rand(1, 1, 256, 256)).shape == (1, 16, 512)
    assert sum(len(stage) for stage in encoder.stages) == 24  # the units of IR-SE-50


def test_a_wrong_log_mel_is_refused(small: SoundInversionEncoder) -> None:
    with pytest.raises(ShapeError, match=r"log_mel: got shape \[1, 1, 64, 32\], expected \[S, 1, M=32, F=32\]"):
        small(torch.rand(1, 1, 64, 32))


@torch.no_grad()
def test_the_texture_begins_with_nothing_beside_halved_convolutions_and_then_reaches_every_latent() -> None:
    torch.manual_seed(2)
    without, beside = (
        SoundInversionEncoder(
            num_ws=7, w_dim=5, log_mel_size=32, depths=(1, 1, 1, 1), widths=(8, 8, 16, 16), pyramid_width=8, texture=texture
        ).eval()
        for texture in (0, 6)
    )
    beside.load_state_dict(without.state_dict(), strict=False)
    for parameter in without.laterals.parameters():  # they count for half beside a texture
        parameter *= 0.5
    log_mels = torch.rand(3, 1, 32, 32)
    torch.testing.assert_close(beside(log_mels), without(log_mels))
    beside.texture.project.weight.normal_()
    moved = (beside(log_mels) - without(log_mels)).abs().amax((0, 2))
    assert (moved > 1e-5).all()
    torch.testing.assert_close(beside(log_mels)[1:2], beside(log_mels[1:2]), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_in_training_the_texture_answers_some_windows_alone() -> None:
    torch.manual_seed(2)
    encoder = SoundInversionEncoder(num_ws=7, w_dim=5, log_mel_size=32, depths=(1, 1, 1, 1), widths=(8, 8, 16, 16), pyramid_width=8, texture=6)
    same = torch.rand(1, 1, 32, 32).expand(300, -1, -1, -1)  # the projection is zero: windows differ by what is silent alone
    shown, counts = (encoder(same)[:, 0] * 1e4).round().unique(dim=0, return_counts=True)
    assert len(shown) == 2
    assert 120 < counts.min() <= 150  # of 300 windows, half


@torch.no_grad()
def test_how_loud_a_window_is_is_heard_without_the_convolutions() -> None:
    torch.manual_seed(2)
    encoder = SoundInversionEncoder(num_ws=7, w_dim=5, log_mel_size=32, depths=(1, 1, 1, 1), widths=(8, 8, 16, 16), pyramid_width=8, texture=6)
    encoder.eval().texture.project.weight.normal_()
    sound = 0.5 * torch.rand(1, 1, 32, 32)
    quiet, loud = encoder.texture(sound), encoder.texture(sound + 0.3)
    assert (encoder.texture.texture(sound) - encoder.texture.texture(sound + 0.3)).abs().max() < 0.02  # to the texture they're one
    assert (loud - quiet).abs().max() > 0.02
