"""The paper's losses against numbers that were worked out by hand."""

import math

import pytest
import torch

from sgvg_core.errors import ConfigError
from sgvg_core.training.losses import GAN_LOSSES, LOSSES

ALONG, ACROSS = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
SLANTED = torch.tensor([[0.6, 0.8], [0.0, 1.0]])
WS = torch.tensor([[[[0.0, 0.0]], [[2.0, 4.0]]]])  # one walk of two frames: one latent of two numbers
REAL, MADE = torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]])


def soft(x: float) -> float:
    """log(1 + e^x) = -log(1 - sigmoid(x))."""
    return math.log(1 + math.exp(x))


def test_eq_2_sound_and_picture():
    # cosines 1 and 0: 1 - 1 and 1 - 0
    assert LOSSES["sound_picture"](ALONG, ACROSS).item() == pytest.approx(0.5)


def test_eq_2_sound_and_text():
    # cosines 0.6 and 0
    assert LOSSES["sound_text"](ALONG, SLANTED).item() == pytest.approx((0.4 + 1.0) / 2)


def test_eq_3_spread_is_about_the_mean_over_time():
    # the mean over t is (1, 2): every number is 1 or 2 away, squares 1 and 4
    assert LOSSES["spread"](WS).item() == pytest.approx(2.5)
    assert LOSSES["spread"](WS.expand(3, 2, 5, 2) + 7).item() == pytest.approx(2.5)  # neither place, walks nor latents change it


def test_eq_3_the_encoder():
    # 0.5 + 0.7 + 0.2 * 2.5
    assert LOSSES["encoder"](ALONG, ACROSS, SLANTED, WS, lambda_b=0.2).item() == pytest.approx(1.7)


@pytest.mark.parametrize("name", ["video_critic", "image_critic"])
def test_eq_7_and_8_the_discriminators(name):
    # least squares: ((0 - 1)^2 + (2 - 1)^2) / 2 / 2 + (1 + 0) / 2 / 2
    assert LOSSES[name](REAL, MADE).item() == pytest.approx(0.5 + 0.25)
    by_hand = (soft(0) + soft(-2)) / 2 + (soft(1) + soft(0)) / 2
    assert LOSSES[name](REAL, MADE, "logistic").item() == pytest.approx(by_hand)
    assert LOSSES[name](REAL, MADE, "non_saturating").item() == pytest.approx(by_hand)


def test_eq_9_against_one_discriminator():
    assert LOSSES["adversarial"](MADE).item() == pytest.approx((0 + 1) / 2 / 2)
    assert LOSSES["adversarial"](MADE, "logistic").item() == pytest.approx(-(soft(1) + soft(0)) / 2)
    assert LOSSES["adversarial"](MADE, "non_saturating").item() == pytest.approx((soft(-1) + soft(0)) / 2)


def test_eq_9_the_walker():
    # 0.25 against D_V, 0.5 * (2 - 1)^2 against D_I, and 3 times L_enc
    assert LOSSES["walker"](MADE, torch.tensor([2.0]), torch.tensor(0.1), lambda_enc=3.0).item() == pytest.approx(0.25 + 0.5 + 0.3)


@pytest.mark.parametrize("gan_loss", GAN_LOSSES)
def test_the_two_sides_pull_answers_apart_and_together(gan_loss):
    real, made = torch.tensor([0.3], requires_grad=True), torch.tensor([0.4], requires_grad=True)
    LOSSES["video_critic"](real, made, gan_loss).backward()
    assert real.grad < 0 < made.grad  # the discriminator raises its answer to the real one and lowers that to the made one
    made.grad = None
    LOSSES["adversarial"](made, gan_loss).backward()
    assert made.grad < 0  # the walker raises it


def test_an_unknown_form_is_refused():
    with pytest.raises(ConfigError, match="gan_loss: got 'hinge', expected lsgan, logistic"):
        LOSSES["adversarial"](MADE, "hinge")
