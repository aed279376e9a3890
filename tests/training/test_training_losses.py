"""The paper's losses against numbers that were worked out by hand."""

import math

import pytest
import torch

from sgvg_core.errors import ConfigError
from sgvg_core.training.losses import GAN_LOSSES, LOSSES, path_lengths, total

ALONG, ACROSS = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
SLANTED = torch.tensor([[0.6, 0.8], [0.0, 1.0]])
WS = torch.tensor([[[[0.0, 0.0]], [[2.0, 4.0]]]])  # one walk of two frames: one latent of two numbers
REAL, MADE = torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]])


def soft(x: float) -> float:
    """log(1 + e^x) = -log(1 - sigmoid(x))."""
    return math.log(1 + math.exp(x))


def test_eq_2_sound_and_image():
    # cosines 1 and 0: 1 - 1 and 1 - 0
    assert LOSSES["sound_image"](ALONG, ACROSS).item() == pytest.approx(0.5)


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


def test_stylegan2_the_two_sides():
    assert LOSSES["generator_adversarial"](MADE).item() == pytest.approx((soft(-1) + soft(0)) / 2)
    assert LOSSES["critic_adversarial"](REAL, MADE).item() == pytest.approx((soft(0) + soft(-2)) / 2 + (soft(1) + soft(0)) / 2)


def test_r1_of_a_quadratic():
    # D(x) = a |x|^2 has the gradient 2 a x: |.|^2 = 4 a^2 |x|^2, half of it 2 a^2 |x|^2; |x|^2 is 4 and 16, a is 3
    a = torch.tensor(3.0, requires_grad=True)
    x = torch.stack([torch.ones(1, 2, 2), 2 * torch.ones(1, 2, 2)]).requires_grad_(True)
    loss = LOSSES["r1"](a * x.square().sum((1, 2, 3))[:, None], x)
    assert loss.item() == pytest.approx(2 * 9 * (4 + 16) / 2)
    loss.backward()
    assert a.grad.item() == pytest.approx(4 * 3 * 10)  # d/da of 2 a^2 * 10


def test_r1_takes_the_mean_of_patches():
    # D's two patches answer x and 3 x: their mean is 2 x, its gradient 2
    x = torch.tensor([[1.0], [5.0]], requires_grad=True)
    assert LOSSES["r1"](torch.cat([x, 3 * x], 1), x).item() == pytest.approx(2**2 / 2)


def test_path_length_of_a_linear_generator():
    # G(w) = k (w_0 + w_1) in each of four pixels, y = 1: J^T y = 4 k / sqrt(4) for each number of w; two latents of two numbers
    k = torch.tensor(0.5, requires_grad=True)
    ws = torch.zeros(3, 2, 2, requires_grad=True)
    images = (k * ws.sum((1, 2)))[:, None, None, None].expand(3, 1, 2, 2)
    lengths = path_lengths(images, ws, torch.ones(3, 1, 2, 2))
    assert lengths.tolist() == pytest.approx([math.sqrt(2) * 2 * 0.5] * 3)  # |.| over two numbers, the mean over latents
    loss = LOSSES["path_length"](lengths, mean=1.0)
    assert loss.item() == pytest.approx((math.sqrt(2) - 1) ** 2)
    loss.backward()
    assert k.grad.item() == pytest.approx(2 * (math.sqrt(2) - 1) * 2 * math.sqrt(2), rel=1e-5)


def test_contrastive_of_two_pairs():
    # cosines (1, 0.6; 0, 0.8), scale 2: rows and columns each want their diagonal
    a, b = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    rows = (soft(2 * 0.6 - 2) + soft(0 - 2 * 0.8)) / 2
    columns = (soft(0 - 2) + soft(2 * 0.6 - 2 * 0.8)) / 2
    assert LOSSES["contrastive"](a, b, 2.0).item() == pytest.approx((rows + columns) / 2)


def test_a_weight_of_nothing_switches_a_term_off():
    terms = {"sound_image": torch.tensor(2.0), "spread": torch.tensor(float("nan"))}
    assert total(terms, {"sound_image": 0.5, "spread": 0.0}).item() == 1.0
