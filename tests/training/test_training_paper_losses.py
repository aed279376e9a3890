"""Fine-tuning by the paper's losses on the tiny world: who hears what, who is called real, what weighs how much, what is exported."""

import copy
import dataclasses
import shutil

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sgvg_core.assembly import (
    build_generator,
    build_joint_space,
    build_sound_encoder,
    build_walker,
    load_sound_encoder,
    load_walker,
    save_generator,
    save_joint_space,
    save_sound_encoder,
    save_walker,
)
from sgvg_core.config import CriticConfig
from sgvg_core.errors import ConfigError
from sgvg_core.presets import TINY_WORLD
from sgvg_core.training.runs.timed import Run
from sgvg_core.training.world import paper_losses
from sgvg_core.training.world.paper_losses import (
    FinetuneConfig,
    FrozenParts,
    SoundBatch,
    draw_batch,
    encoder_terms,
    roll_out_with_gradients,
)
from sgvg_core.training.world.rendered_clips import RenderedClips
from sgvg_core.training.world.sound_pool import SoundPool
from sgvg_core.walker import WalkSettings, WalkState, take_step
from sgvg_core.world import KINDS
from sgvg_core.world.codes import read_codes

SPACE = dataclasses.replace(
    TINY_WORLD.joint_space, embed_dim=16, image_size=32, image_width=4, text_width=16, text_heads=2, text_layers=1, sound_widths=(8, 8)
)
ENCODER = dataclasses.replace(TINY_WORLD.sound_encoder, texture_reach=0.0)
CONFIG = FinetuneConfig(batch=2, burn_in_steps=(3,), share_every=2, bfloat16=False, encoder_lr=2e-2, walker_lr=2e-2)
CRITICS = CriticConfig(image_size=16, num_frames=3, image_widths=(8,), video_widths=(8,))


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """What the stages before leave, untrained."""
    folder = tmp_path_factory.mktemp("work")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_generator(folder / "generator.safetensors", build_generator(TINY_WORLD.generator), TINY_WORLD.generator)
        save_joint_space(folder / "joint_space.safetensors", build_joint_space(SPACE), SPACE)
        save_sound_encoder(folder / "sound_encoder.safetensors", build_sound_encoder(ENCODER), ENCODER, TINY_WORLD.mel)
        save_walker(folder / "walker.safetensors", build_walker(TINY_WORLD.walker), TINY_WORLD.walker)
    return folder


@pytest.fixture(scope="module")
def frozen(work):
    return FrozenParts.load(work)


@pytest.fixture(scope="module")
def pools():
    """Nine clips, one a kind; the windows say which clip and moment they are."""
    windows = np.random.default_rng(0).integers(0, 256, (9, 10, 64, 64)).astype(np.uint8)
    windows[:, :, 0, 0], windows[:, :, 0, 1] = np.arange(9)[:, None], np.arange(10)
    return [SoundPool(windows, np.arange(9), np.zeros((9, 10), np.float32))]


@pytest.fixture(scope="module")
def clips():
    return RenderedClips(np.random.default_rng(1).integers(0, 256, (5, 3, 16, 16, 3)).astype(np.uint8))


def phase_of(name, work, frozen, tmp_path, config=CONFIG):
    """A phase that goes on as long as it's asked to."""
    return paper_losses._Phase(name, work, tmp_path / name, frozen, config=config, critics=CRITICS, minutes=1e9, made_of={})


def heard_of(frozen, pools, num_before=3):
    config = dataclasses.replace(CONFIG, burn_in_steps=(num_before,))
    return draw_batch(frozen, pools, config, 3, np.random.default_rng(2))


def latest(phase, name):
    """A number that the last step noted."""
    return phase.run._latest[name][-1]


# ---- what is drawn


def test_a_batch_is_a_stretch_of_each_clip_with_its_kind(frozen, pools):
    heard = heard_of(frozen, pools)
    assert heard.steps.shape == (2, 6, 1, 64, 64)
    numbers = (heard.steps[:, :, 0, 0, :2] * 255).round().int()
    for item, kind in enumerate(heard.kinds.tolist()):
        assert set(numbers[item, :, 0].tolist()) == {kind}
        moments = numbers[item, :, 1].tolist()
        assert moments == list(range(moments[0], moments[0] + 6))
        assert torch.equal(heard.steps[item, :, 0], torch.from_numpy(pools[0].windows[kind, moments[0] : moments[0] + 6]).float() / 255)


def test_every_moment_may_come_first_and_none_beyond_the_clip(frozen, pools):
    config, rng = dataclasses.replace(CONFIG, burn_in_steps=(0, 4), batch=1), np.random.default_rng(0)
    firsts: dict[int, set[int]] = {3: set(), 7: set()}
    for _ in range(60):
        shown = draw_batch(frozen, pools, config, 3, rng).steps[0]
        firsts[len(shown)].add(round(float(shown[0, 0, 0, 1]) * 255))
    assert firsts == {3: set(range(8)), 7: set(range(4))}


def starts(frozen, pools, num_before, monkeypatch, other_share):
    """The kinds that starts show, and those that are heard."""
    shown = []
    monkeypatch.setattr(paper_losses, "write_codes", lambda codes, kind: shown.append(kind) or finetune_write_codes(codes, kind=kind))
    config = dataclasses.replace(CONFIG, burn_in_steps=(num_before,), batch=60, other_share=other_share)
    long = [SoundPool(np.zeros((9, 20, 64, 64), np.uint8), np.arange(9), np.zeros((9, 20), np.float32))]
    heard = draw_batch(frozen, long, config, 3, np.random.default_rng(3))
    return shown[0], heard.kinds


finetune_write_codes = paper_losses.write_codes


@pytest.mark.parametrize(("num_before", "share", "fewest", "most"), [(0, 1.0, 60, 60), (11, 1.0, 60, 60), (12, 0.0, 60, 60), (12, 0.5, 22, 45),
                                                                    (12, 1.0, 0, 20)])  # fmt: skip
def test_a_walk_begins_in_another_scene_only_where_a_second_comes_before(frozen, pools, monkeypatch, num_before, share, fewest, most):
    wanted, kinds = starts(frozen, pools, num_before, monkeypatch, share)
    assert fewest <= int((wanted == kinds).sum()) <= most


def test_start_latents_are_mapped_codes_of_the_wanted_kind(frozen, pools, monkeypatch):
    seen = []
    real = frozen.generator.mapping.forward
    monkeypatch.setattr(frozen.generator.mapping, "forward", lambda z, *more, **named: seen.append(z) or real(z, *more, **named))
    heard = heard_of(frozen, pools)
    (codes,) = seen
    assert [code.kind for code in read_codes(codes)] == [KINDS[kind] for kind in heard.kinds.tolist()]
    assert heard.start_ws.shape == (2, 8, 24)
    assert torch.equal(heard.start_ws, real(codes))


# ---- Eq. 4 with gradients, and Eq. 3


@pytest.mark.slow
def test_a_rollout_is_the_walk_of_all_steps_with_gradients_in_the_last_ones_alone(work, frozen, pools, tmp_path):
    phase, heard = phase_of("encoder_loss", work, frozen, tmp_path), heard_of(frozen, pools)
    phase.encoder.eval()
    ws = roll_out_with_gradients(phase.encoder, phase.walker, heard, 3)
    state, all_ws = WalkState(heard.start_ws, heard.start_ws), []
    for t in range(6):
        state = take_step(phase.walker, state, phase.encoder(heard.steps[:, t]), WalkSettings())
        all_ws.append(state.ws)
    torch.testing.assert_close(ws, torch.stack(all_ws[3:], 1), atol=1e-5, rtol=1e-4)
    own = torch.autograd.grad(ws.square().sum(), phase.trained, allow_unused=True)
    steps_with = torch.autograd.grad(torch.stack(all_ws[3:], 1).square().sum(), phase.trained, allow_unused=True)
    assert any(a is not None and not torch.allclose(a, b, rtol=1e-3) for a, b in zip(own, steps_with, strict=True))  # what came before has none
    none_before = roll_out_with_gradients(phase.encoder, phase.walker, heard_of(frozen, pools, 0), 3)
    assert none_before.shape == (2, 3, 8, 24)


def test_eq_2_hears_the_moments_whose_frames_count(frozen, pools):
    """Four steps come before the three that count: each frame is held against the window of its own moment, and the walk's own label."""
    heard = heard_of(frozen, pools, 4)
    ws = torch.randn(2, 3, 8, 24, generator=torch.Generator().manual_seed(0))
    frames = frozen.generator.synthesis(ws.flatten(0, 1)).float()
    with torch.no_grad():
        terms = encoder_terms(frozen, frames, ws, heard)
        far, said = [], []
        for item in range(2):
            for t in range(3):
                image = frozen.space.embed_images(frames[3 * item + t][None])[0]
                sound = frozen.space.embed_sounds(heard.windows[item, 4 + t][None])[0]
                far.append(1 - F.cosine_similarity(image, sound, dim=0))
                said.append(1 - F.cosine_similarity(image, frozen.labels[heard.kinds[item]], dim=0))
    assert terms["sound_image"].item() == pytest.approx(torch.stack(far).mean().item(), abs=1e-5)
    assert terms["sound_text"].item() == pytest.approx(torch.stack(said).mean().item(), abs=1e-5)
    assert terms["spread"].item() == pytest.approx(ws.var(1, unbiased=False).mean().item(), rel=1e-5)
    torch.testing.assert_close(frozen.labels, frozen.space.embed_texts(KINDS))


# ---- Eq. 7 to 9


def test_both_discriminators_learn_from_real_clips_as_real_and_made_ones_as_made(work, frozen, clips, tmp_path):
    phase = phase_of("critics", work, frozen, tmp_path)
    real, made = clips.batch(np.arange(2)), torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0)) - 0.5
    wanted = {}
    for name, critic, one, other in (
        ("video_critic", phase.video_critic, real, made.unflatten(0, (2, 3))),
        ("image_critic", phase.image_critic, real.flatten(0, 1), made),
    ):
        loss = 0.5 * (critic(one) - 1).square().mean() + 0.5 * critic(other).square().mean()
        wanted[name] = loss.item(), torch.autograd.grad(loss, list(critic.parameters()))
    before = copy.deepcopy(list(phase.critic_optimiser.param_groups[0]["params"]))
    phase._teach_critics(real, made)
    for name, critic in (("video_critic", phase.video_critic), ("image_critic", phase.image_critic)):
        loss, gradients = wanted[name]
        assert latest(phase, name) == pytest.approx(loss, rel=1e-5)
        for parameter, gradient in zip(critic.parameters(), gradients, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)
    assert all(not torch.equal(a, b) for a, b in zip(before, phase.critic_optimiser.param_groups[0]["params"], strict=True))
    phase._teach_critics(real, made)
    for parameter, gradient in zip(phase.video_critic.parameters(), wanted["video_critic"][1], strict=True):
        assert not torch.allclose(parameter.grad, 2 * gradient, rtol=0.2)  # a step's gradients don't stay for the next


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "weights"),
    [("encoder_loss", {"sound_image": 1.0, "sound_text": 1.0, "spread": 0.3}),
     ("critics", {"sound_image": 5.0, "sound_text": 5.0, "spread": 1.5, "video": 1.0, "image": 1.0})],
)  # fmt: skip
def test_lambda_enc_and_lambda_b_weigh_what_is_made_small(work, frozen, pools, clips, tmp_path, name, weights):
    config = dataclasses.replace(CONFIG, lambda_b=0.3, lambda_enc=5.0)
    phase = phase_of(name, work, frozen, tmp_path, config)
    assert phase.weights() == pytest.approx(weights)
    with phase.run.one_step():
        loss = phase.step(pools, clips if name == "critics" else None)
    assert loss == pytest.approx(sum(weight * latest(phase, term) for term, weight in weights.items()), rel=1e-5)
    assert latest(phase, "loss") == loss
    shares = {term: latest(phase, f"share_{term}") for term in weights}
    assert sum(shares.values()) == pytest.approx(1)
    assert {entry.removeprefix("share_") for entry in phase.run._latest if entry.startswith("share_")} == set(weights)


@pytest.mark.slow
def test_the_walkers_side_is_eq_9_against_discriminators_that_have_just_learned(work, frozen, pools, clips, tmp_path, monkeypatch):
    phase = phase_of("critics", work, frozen, tmp_path)
    shown, taught, order = [], [], []
    for critic in (phase.video_critic, phase.image_critic):
        critic.register_forward_hook(lambda module, given, answer: shown.append((module, given[0].detach().clone(), answer.detach().clone())))
    teach = phase._teach_critics
    monkeypatch.setattr(phase, "_teach_critics", lambda *given: (taught.append(given), order.append(len(shown)), teach(*given)))
    phase.step(pools, clips)
    (real, made), (number,) = taught[0], order
    assert number == 0  # first they learn
    assert not made.requires_grad
    assert real.shape == (2, 3, 3, 16, 16)
    (video, film, video_answer), (image, frames, image_answer) = shown[-2:]
    assert (video, image) == (phase.video_critic, phase.image_critic)
    assert torch.equal(film.flatten(0, 1), made)
    assert torch.equal(frames, made)
    assert latest(phase, "video") == pytest.approx(0.5 * (video_answer - 1).square().mean().item(), rel=1e-5)
    assert latest(phase, "image") == pytest.approx(0.5 * (image_answer - 1).square().mean().item(), rel=1e-5)


# ---- what a step changes, and what is exported


def parameters(module):
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


@pytest.mark.slow
def test_the_averages_of_both_parts_follow_and_are_what_is_exported(work, frozen, pools, tmp_path):
    phase = phase_of("encoder_loss", work, frozen, tmp_path)
    heard = {"sound_encoder": (phase.encoder, phase.encoder_ema), "walker": (phase.walker, phase.walker_ema)}
    begun, seen = {name: parameters(net) for name, (net, _) in heard.items()}, {name: [] for name in heard}
    for _ in range(3):
        with phase.run.one_step():
            phase.step(pools, None)
        for name, (net, _) in heard.items():
            seen[name].append(parameters(net))
    folder = phase.finish(ENCODER, TINY_WORLD.mel)
    loaded = {"sound_encoder": load_sound_encoder(folder / "sound_encoder.safetensors")[0], "walker": load_walker(folder / "walker.safetensors")}
    for name, (net, mean) in heard.items():
        assert not torch.equal(seen[name][0], begun[name])
        wanted = torch.stack(seen[name]).mean(0)  # at first every step counts alike
        torch.testing.assert_close(parameters(mean), wanted, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(parameters(loaded[name]), parameters(mean), atol=1e-3, rtol=1e-2)  # files hold half the digits
        assert (parameters(mean) - parameters(net)).abs().max() > 1e-2


def test_a_walker_of_an_earlier_warm_up_is_written_as_what_it_is(work, frozen, tmp_path):
    """It has no clock, though walkers of today's warm-up have one."""
    config = dataclasses.replace(TINY_WORLD.walker, clock=False)
    save_walker(tmp_path / "walker.safetensors", build_walker(config), config)
    save_sound_encoder(tmp_path / "sound_encoder.safetensors", load_sound_encoder(work / "sound_encoder.safetensors")[0], ENCODER, TINY_WORLD.mel)
    folder = phase_of("encoder_loss", tmp_path, frozen, tmp_path).finish(ENCODER, TINY_WORLD.mel)
    assert load_walker(folder / "walker.safetensors").clock is None


@pytest.mark.slow
def test_later_an_average_takes_a_hundredth_of_each_step(work, frozen, pools, tmp_path):
    phase = phase_of("encoder_loss", work, frozen, tmp_path)
    phase.run.step = 1000
    before = parameters(phase.walker_ema)
    phase.step(pools, None)
    torch.testing.assert_close(parameters(phase.walker_ema), before + (parameters(phase.walker) - before) / 100, atol=1e-6, rtol=1e-4)
    assert "share_sound_image" in phase.run._latest  # step 1000 is one of every second
    phase.run._latest.clear()
    phase.run.step = 1001
    phase.step(pools, None)
    assert "share_sound_image" not in phase.run._latest


@pytest.mark.slow
def test_gradients_are_fresh_and_no_longer_than_one(work, frozen, pools, tmp_path, monkeypatch):
    phase = phase_of("encoder_loss", work, frozen, tmp_path, dataclasses.replace(CONFIG, lambda_b=1e5))
    norms = []
    monkeypatch.setattr(phase.optimiser, "step", lambda: norms.append(
        torch.cat([parameter.grad.flatten() for parameter in phase.trained if parameter.grad is not None]).norm().item()))
    for _ in range(2):
        phase.rng = np.random.default_rng(0)
        phase.step(pools, None)
    assert norms == pytest.approx([1.0, 1.0], abs=1e-3)
    first, second = list(phase.run._latest["gradient_norm"])
    assert first == pytest.approx(second, rel=1e-3)  # the same sounds, the same weights: nothing stays of the step before
    assert first > 1


def test_a_phase_says_which_parts_learn_how_fast(work, frozen, tmp_path):
    phase = phase_of("critics", work, frozen, tmp_path, dataclasses.replace(CONFIG, encoder_lr=1e-3, walker_lr=2e-3, critic_lr=3e-3))
    (encoder, walker), (critics,) = phase.optimiser.param_groups, phase.critic_optimiser.param_groups
    assert (encoder["lr"], walker["lr"], critics["lr"]) == (1e-3, 2e-3, 3e-3)
    assert (encoder["weight_decay"], critics["betas"]) == (0.0, (0.5, 0.999))
    assert [id(parameter) for parameter in encoder["params"]] == [id(parameter) for parameter in phase.encoder.parameters()]
    assert [id(parameter) for parameter in walker["params"]] == [id(parameter) for parameter in phase.walker.parameters()]
    assert {id(p) for p in critics["params"]} == {id(p) for critic in (phase.video_critic, phase.image_critic) for p in critic.parameters()}
    assert all(parameter.requires_grad for parameter in phase.trained)
    other = phase_of("encoder_loss", work, frozen, tmp_path)
    assert other.rng.random() != np.random.default_rng([CONFIG.seed, 1]).random() == phase.rng.random()
    assert torch.equal(parameters(phase.video_critic), parameters(other.video_critic))


def test_settings_that_cannot_be_are_told():
    for wrong in ({"batch": 0}, {"batch": 4097}, {"share_every": 0}, {"lambda_b": -1.0}, {"lambda_enc": -0.1}, {"lambda_enc": 2e6}):
        with pytest.raises(ConfigError, match=f"finetune {next(iter(wrong))}: got"):
            FinetuneConfig(**wrong)
    with pytest.raises(ConfigError, match="gan_loss: got 'hinge'"):
        FinetuneConfig(gan_loss="hinge")
    assert FinetuneConfig(batch=1, share_every=1, lambda_b=0, lambda_enc=0).burn_in_steps == (0, 12, 24, 36)
    FinetuneConfig(batch=4096, share_every=10**9, lambda_b=1e6, lambda_enc=1e6)
    assert (FinetuneConfig().lambda_b, FinetuneConfig().lambda_enc, FinetuneConfig().real_share) == (0.1, 2.0, 0.2)


def test_ears_that_hear_otherwise_than_the_joint_space_are_refused(work, frozen, tmp_path):
    other = dataclasses.replace(TINY_WORLD.mel, segment_seconds=2.0)
    save_walker(tmp_path / "walker.safetensors", load_walker(work / "walker.safetensors"), TINY_WORLD.walker)
    save_sound_encoder(tmp_path / "sound_encoder.safetensors", load_sound_encoder(work / "sound_encoder.safetensors")[0], ENCODER, other)
    with pytest.raises(ConfigError, match=r"mel: the sound encoder hears .* train both with the same"):
        phase_of("critics", tmp_path, frozen, tmp_path / "out")


def test_a_batch_is_what_the_steps_of_a_walk_hear():
    windows = torch.zeros(1, 9, 1, 4, 4)
    assert SoundBatch(windows, torch.zeros(1), torch.zeros(1, 8, 4)).steps.shape[1] == 9
    assert SoundBatch(windows, torch.zeros(1), torch.zeros(1, 8, 4), reach=2).steps.shape[1] == 5


@pytest.mark.slow
def test_both_phases_one_after_the_other(work, pools, clips, tmp_path, monkeypatch):
    """Two steps of each; the second phase begins with what the first one left, and only it sees clips."""
    shutil.copytree(work, tmp_path / "work")
    seen, said, begun = [], [], []

    class TwoSteps(Run):
        def __init__(self, path, parts, *, minutes, **more):
            begun.append(minutes)
            super().__init__(path, parts, minutes=minutes, **more)

        @property
        def done(self):
            return min(1.0, self.step / 2)

    step = paper_losses._Phase.step
    monkeypatch.setattr(paper_losses, "Run", TwoSteps)
    monkeypatch.setattr(paper_losses._Phase, "step", lambda self, *given: seen.append((self.name, self.config, given)) or step(self, *given))
    folder = paper_losses.finetune(
        tmp_path / "work", pools, clips, ENCODER, TINY_WORLD.mel, minutes=(7.0, 9.0), config=CONFIG, critics=CRITICS,
        progress=lambda done, total, note="", preview=None: said.append((total, note)),
    )  # fmt: skip
    assert folder == tmp_path / "work" / "critics"
    assert begun == [7.0, 9.0]
    assert [(name, given[1] is clips) for name, _, given in seen] == [("encoder_loss", False)] * 2 + [("critics", True)] * 2
    assert all(config == CONFIG for _, config, _ in seen)
    assert [(total, note.split(", loss")[0]) for total, note in said] == [
        (420.0, "encoder loss, step 1"), (420.0, "encoder loss, step 2"), (540.0, "critics, step 1"), (540.0, "critics, step 2")]  # fmt: skip
    between, after = (load_walker(tmp_path / "work" / name / "walker.safetensors") for name in paper_losses.PHASES)
    assert 0 < (parameters(between) - parameters(after)).abs().max() < 2 * 2e-2 + 1e-3  # two steps of Adam from there
    assert (parameters(between) - parameters(load_walker(work / "walker.safetensors"))).abs().max() > 1e-2
