"""One step of the generator and its discriminator, update by update, against gradients that are worked out apart."""

import dataclasses

import pytest
import torch
from torch.nn import functional as F

from sgvg_core.augmentation.adaptive import AugmentConfig, augment, draw_transforms
from sgvg_core.randomness import generator_at, normal
from sgvg_core.synthesis.mapping import W_AVG_DECAY
from sgvg_core.training.clips import adversarial_sheet
from sgvg_core.training.clips.adversarial import AdversarialTraining
from sgvg_core.training.clips.adversarial_config import AdversarialConfig
from sgvg_core.training.runs.ranks import Ranks

CONFIG = AdversarialConfig(
    size=8, channel_base=32, channel_max=8, z_dim=6, w_dim=6, batch=4, mbstd_group_size=2, r1_gamma=3.0, d_reg_interval=4,
    path_weight=2.5, g_reg_interval=3, path_decay=0.25, pl_batch_shrink=2, augment=AugmentConfig(start=0.6),
)  # fmt: skip
SLICED = dataclasses.replace(CONFIG, accumulate=2)


def real_images(step=0):
    return torch.stack([normal(7, f"real {step}", item, 3, 8, 8) for item in range(4)])


def noting(training):
    """All that a training notes from now on."""
    noted = {}
    training.note = lambda **values: noted.update({name: float(value) for name, value in values.items()}) or dict(noted)
    return noted


def assert_gradients(module, wanted):
    for parameter, gradient in zip(module.parameters(), wanted, strict=True):
        assert (parameter.grad is None) == (gradient is None)
        if gradient is not None:
            torch.testing.assert_close(parameter.grad, gradient, rtol=2e-3, atol=1e-6)


def slices_of(config):
    size = 4 // config.accumulate
    return [range(first, first + size) for first in range(0, 4, size)]


def transforms_of(phase, step, items):
    return torch.stack([draw_transforms(generator_at(CONFIG.seed, phase, step, item)) for item in items])


@pytest.mark.parametrize("config", [CONFIG, SLICED], ids=["whole", "slices"])
def test_r1_is_weighed_by_gamma_and_by_the_steps_between(config):
    """gamma / 2 E|grad D|^2 at augmented real pictures, as many times as steps go without it."""
    training = AdversarialTraining(config)
    noted, real, parts = noting(training), real_images(), slices_of(config)
    own = 0
    for items in parts:
        shown = augment(real[items.start : items.stop], transforms_of("R1", 8, items), 0.6).requires_grad_(True)
        (slope,) = torch.autograd.grad(training.D(shown).sum(), shown, create_graph=True)
        own = own + slope.square().sum((1, 2, 3)).mean() / 2 / len(parts)
    wanted = torch.autograd.grad(3.0 * 4 * own, list(training.D.parameters()), allow_unused=True)
    training.penalise_critic(8, real)
    assert_gradients(training.D, wanted)
    assert noted["r1"] == pytest.approx(own.item(), rel=1e-4)
    norm = sum(gradient.square().sum() for gradient in wanted if gradient is not None).sqrt().item()
    assert noted["r1_gradient"] == pytest.approx(norm, rel=1e-3)
    assert not any(parameter.requires_grad for parameter in training.G.parameters())


@pytest.mark.parametrize("config", [CONFIG, SLICED], ids=["whole", "slices"])
def test_the_discriminator_is_told_which_images_are_real(config):
    training = AdversarialTraining(config)
    noted, real, parts, signs = noting(training), real_images(), slices_of(config), []
    own = 0
    for items in parts:
        drawn = training.draw("discriminator", 5, items)
        made = augment(training.paint(training.latents(drawn), drawn).detach(), drawn.transforms, 0.6)
        answers = training.D(augment(real[items.start : items.stop], transforms_of("real", 5, items), 0.6))
        signs.append(answers.sign().mean().item())
        own = own + (F.softplus(-answers).mean() + F.softplus(training.D(made)).mean()) / len(parts)
    wanted = torch.autograd.grad(own, list(training.D.parameters()), allow_unused=True)
    before = [parameter.clone() for parameter in training.G.parameters()]
    training.teach_critic(5, real)
    assert_gradients(training.D, wanted)
    assert noted["critic_adversarial"] == pytest.approx(own.item(), rel=1e-4)
    assert training.memory["signs"] == pytest.approx(sum(signs) / len(signs), abs=1e-6)
    assert training.memory["sign_steps"] == 1
    assert all(torch.equal(one, other) for one, other in zip(before, training.G.parameters(), strict=True))


@pytest.mark.parametrize("config", [CONFIG, SLICED], ids=["whole", "slices"])
def test_the_generator_wants_its_images_called_real_and_its_mean_latent_follows(config):
    training = AdversarialTraining(config)
    noted, parts = noting(training), slices_of(config)
    training.G.w_avg.fill_(0.5)
    own, first_ws = 0, []
    for items in parts:
        drawn = training.draw("generator", 2, items)
        ws = training.latents(drawn)
        first_ws.append(ws[:, 0].detach())
        own = own + F.softplus(-training.D(augment(training.paint(ws, drawn), drawn.transforms, 0.6))).mean() / len(parts)
    wanted = torch.autograd.grad(own, list(training.G.parameters()), allow_unused=True)
    training.teach_generator(2)
    assert_gradients(training.G, wanted)
    assert noted["generator_adversarial"] == pytest.approx(own.item(), rel=1e-4)
    torch.testing.assert_close(training.G.w_avg, 0.5 * W_AVG_DECAY + torch.cat(first_ws).mean(0) * (1 - W_AVG_DECAY))
    assert all(parameter.grad is None for parameter in training.D.parameters())


@pytest.mark.parametrize("config", [CONFIG, SLICED], ids=["whole", "slices"])
def test_the_path_length_is_weighed_by_the_steps_between_and_its_mean_follows(config):
    training = AdversarialTraining(config)
    noted = noting(training)
    training.memory["path_mean"] = 0.2
    own, seen, parts = 0, [], [items[: len(items) // 2] for items in slices_of(config)]
    for items in parts:
        drawn = training.draw("path length", 6, items)
        ws = training.latents(drawn)
        images = training.paint(ws, drawn)
        directions = torch.stack([normal(CONFIG.seed, "directions, step 6", item, 3, 8, 8) for item in items])
        (slope,) = torch.autograd.grad((images * directions).sum() / 8, ws, create_graph=True)
        lengths = slope.square().sum(2).mean(1).sqrt()
        seen.append(lengths.mean().item())
        own = own + (lengths - 0.2).square().mean() / len(parts)
    wanted = torch.autograd.grad(2.5 * 3 * own, list(training.G.parameters()), allow_unused=True)
    training.smooth_paths(6)
    assert_gradients(training.G, wanted)
    assert noted["path_length"] == pytest.approx(own.item(), rel=1e-3)
    assert training.memory["path_mean"] == pytest.approx(0.2 + 0.25 * (sum(seen) / len(seen) - 0.2), rel=1e-4)


@pytest.mark.parametrize(("step", "more"), [(0, {"smooth_paths", "penalise_critic"}), (3, {"smooth_paths"}), (4, {"penalise_critic"}), (5, set())])
def test_lazy_updates_come_every_so_many_steps(monkeypatch, step, more):
    training, done = AdversarialTraining(CONFIG), []
    for name in ("teach_generator", "smooth_paths", "teach_critic", "penalise_critic", "adapt"):
        monkeypatch.setattr(training, name, lambda *given, name=name: done.append(name))
    training.step(step, real_images())
    order = ["teach_generator", "smooth_paths", "teach_critic", "penalise_critic", "adapt"]
    assert done == [name for name in order if name in more or name not in ("smooth_paths", "penalise_critic")]


def test_a_weight_of_nothing_leaves_lazy_updates_out(monkeypatch):
    training, done = AdversarialTraining(dataclasses.replace(CONFIG, path_weight=0.0, r1_gamma=0.0)), []
    for name in ("teach_generator", "smooth_paths", "teach_critic", "penalise_critic"):
        monkeypatch.setattr(training, name, lambda *given, name=name: done.append(name))
    training.step(0, real_images())
    assert done == ["teach_generator", "teach_critic"]


def test_adams_rate_and_memory_allow_for_the_lazy_updates():
    training = AdversarialTraining(dataclasses.replace(CONFIG, generator_lr=0.01, critic_lr=0.02))
    (net,), (critic,) = training.G_optimiser.param_groups, training.D_optimiser.param_groups
    assert (net["lr"], net["betas"]) == (pytest.approx(0.01 * 3 / 4), (0.0, pytest.approx(0.99 ** (3 / 4))))
    assert (critic["lr"], critic["betas"]) == (pytest.approx(0.02 * 4 / 5), (0.0, pytest.approx(0.99 ** (4 / 5))))
    plain = AdversarialTraining(dataclasses.replace(CONFIG, path_weight=0.0, r1_gamma=0.0))
    assert (plain.G_optimiser.param_groups[0]["lr"], plain.D_optimiser.param_groups[0]["betas"]) == (CONFIG.generator_lr, (0.0, 0.99))


def test_the_strength_of_augmentation_follows_the_mean_sign():
    settings = AugmentConfig(start=0.5, adjust_every=2, images_to_full=100, target=0.6)
    training = AdversarialTraining(dataclasses.replace(CONFIG, augment=settings))
    noted = noting(training)
    training.memory.update(signs=1.8, sign_steps=2)
    training.adapt(0)  # the first of two steps
    assert (training.memory["strength"], training.memory["signs"], noted) == (0.5, 1.8, {})
    training.adapt(1)
    assert training.memory == {"strength": pytest.approx(0.5 + 2 * 4 / 100), "signs": 0.0, "sign_steps": 0, "path_mean": 0.0}
    assert noted == {"real_sign": 0.9, "augment_strength": training.memory["strength"]}
    training.memory.update(signs=0.4, sign_steps=2)
    training.adapt(3)
    assert training.memory["strength"] == pytest.approx(0.5)
    still = AdversarialTraining(dataclasses.replace(CONFIG, augment=AugmentConfig(kinds=(), adjust_every=1)))
    still.memory["sign_steps"] = 0  # would divide by it
    still.adapt(0)


@pytest.mark.parametrize(
    ("ramp", "images", "step", "half_life"), [(None, 50.0, 0, 50.0), (0.5, 50.0, 2, 6.0), (0.5, 5.0, 2, 5.0), (None, 0.0, 0, 1e-8)]
)
def test_the_average_keeps_its_half_life(ramp, images, step, half_life):
    training = AdversarialTraining(dataclasses.replace(CONFIG, ema_ramp=ramp, ema_images=images))
    assert training._keep(step) == pytest.approx(0.5 ** (4 / half_life))


def test_every_item_draws_its_own_numbers_whoever_draws_them():
    training = AdversarialTraining(dataclasses.replace(CONFIG, style_mixing_prob=0.5, batch=60, mbstd_group_size=2))
    whole, part = training.draw("generator", 3, range(60)), training.draw("generator", 3, range(20, 23))
    for name in ("z", "other_z", "cuts", "transforms"):
        assert torch.equal(getattr(whole, name)[20:23], getattr(part, name)), name
    assert all(torch.equal(one[20:23], other) for one, other in zip(whole.noise, part.noise, strict=True))
    assert [tuple(noise.shape[1:]) for noise in whole.noise] == [(1, *conv.noise_const.shape) for conv in training.G.synthesis.convs]
    cuts = whole.cuts.tolist()
    assert 15 < cuts.count(training.G.num_ws) < 45  # about half are of one code
    assert set(cuts) == set(range(1, training.G.num_ws + 1))
    assert not torch.equal(whole.z, training.draw("discriminator", 3, range(60)).z)
    assert not torch.equal(whole.z, training.draw("generator", 4, range(60)).z)
    assert whole.c is None


def test_items_and_slices_of_a_batch():
    training = AdversarialTraining(SLICED)
    assert (training.items, training.slices) == (range(4), [range(2), range(2, 4)])
    real = real_images()
    assert torch.equal(training._of(real, range(1, 3)), real[1:3])
    assert training._of(None, range(1, 3)) is None
    assert set(training.parts) == {"net", "critic", "mean", "net_optimiser", "critic_optimiser"}


def test_a_later_rank_takes_its_rows_by_the_numbers_of_its_items():
    training, real = AdversarialTraining(dataclasses.replace(SLICED, batch=8), ranks=Ranks(1, 2)), real_images()
    assert training.items == range(4, 8)
    assert torch.equal(training._of(real, range(4, 6)), real[:2])
    assert torch.equal(training._of(real, range(6, 8)), real[2:4])


@pytest.mark.parametrize("noise", [True, False])
def test_images_are_painted_with_the_noise_that_was_drawn(noise):
    training = AdversarialTraining(dataclasses.replace(CONFIG, noise=noise))
    for conv in training.G.synthesis.convs:
        torch.nn.init.constant_(conv.noise_strength, 0.3)
    drawn = training.draw("generator", 3, range(2))
    ws = training.latents(drawn).detach()
    without = training.G.synthesis(ws, noise_mode="none")
    wanted = training.G.synthesis(ws, noise_mode="given", noise=training.draw("generator", 3, range(2)).noise) if noise else without
    assert torch.equal(training.paint(ws, drawn), wanted)
    assert torch.equal(wanted, without) is not noise


def test_the_same_seed_begins_with_the_same_weights_and_leaves_torchs_numbers_alone():
    before = torch.get_rng_state()
    one, other, third = (AdversarialTraining(dataclasses.replace(CONFIG, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    weights = [training.G.synthesis.b4.const for training in (one, other, third)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(one.G_ema.synthesis.b4.const, weights[0])
    assert not any(parameter.requires_grad for parameter in one.G_ema.parameters())


class FewImages:
    """Data of so many plain pictures."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def image(self, place):
        return torch.full((3, 8, 8), place / 100)


@pytest.mark.parametrize(("count", "shown"), [(80, [0, 10, 20, 30, 40, 50, 60, 70]), (3, [0, 1, 2, 0, 1, 2, 0, 1])])
def test_a_sheet_has_real_images_above_made_ones(count, shown):
    net = AdversarialTraining(CONFIG).G_ema
    rows = adversarial_sheet._rows_of_all(net, FewImages(count), seed=3)
    assert rows.shape == (5 * 8, 3, 8, 8)
    assert [round(float(image[0, 0, 0]) * 100) for image in rows[:8]] == shown
    z = torch.stack([normal(3, "sheet", item, 6) for item in range(32)])
    torch.testing.assert_close(rows[8:], net.synthesis(net.mapping(z)), atol=1e-5, rtol=1e-4)
    sheet = adversarial_sheet.sample_sheet(net, FewImages(count), 3)
    assert sheet.dtype == torch.uint8
    assert sheet.shape[2] == 3
