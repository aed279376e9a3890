"""`train generator --data`: from pictures to a generator, exact after a kill; and what a step does."""

import dataclasses
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

from sgvg_core.assembly import load_discriminator, load_generator
from sgvg_core.augmentation.adaptive import AugmentConfig
from sgvg_core.cli import main
from sgvg_core.errors import ConfigError, TrainingError
from sgvg_core.randomness import normal
from sgvg_core.training.clips.adversarial import AdversarialTraining
from sgvg_core.training.clips.adversarial_config import ADVERSARIAL_PRESETS, AdversarialConfig
from sgvg_core.training.runs.settings import read_stage_config

SETTINGS = ["size=16", "channel_max=8", "batch=4", "r1_every=4", "augment.pictures_to_full=200", "mirror=true"]
NUM_STEPS = 16


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder of ten coloured pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for index in range(10):
        Image.fromarray((rng.random((16, 16, 3)) * 255).astype(np.uint8)).save(folder / f"{index}.png")
    return folder


def words(images, work, *more):
    """The command line of a small training."""
    changes = [word for change in SETTINGS for word in ("--set", change)]
    policy = ["--steps", str(NUM_STEPS), "--threads", "1", "--device", "cpu", "--save-minutes", "0", "--log-every", "1", "--sheet-every", "10"]
    return ["train", "generator", "--data", str(images), "--work", str(work), "--preset", "tiny", *changes, *policy, *more]


@pytest.fixture(scope="module")
def whole(images, tmp_path_factory):
    """A training that was never killed."""
    work = tmp_path_factory.mktemp("whole")
    before = torch.get_num_threads()
    assert main(words(images, work)) == 0
    torch.set_num_threads(before)
    return work


@pytest.mark.slow
def test_it_leaves_a_generator_a_discriminator_settings_log_and_sheets(whole):
    generator, critic = load_generator(whole / "generator.safetensors"), load_discriminator(whole / "critic.safetensors")
    assert critic(generator(torch.randn(4, 32))).shape == (4, 1)
    assert generator.w_avg.abs().max() > 0
    folder = whole / "adversarial"
    config = read_stage_config(ADVERSARIAL_PRESETS, file=folder / "config.json")
    assert config == read_stage_config(ADVERSARIAL_PRESETS, preset="tiny", changes=SETTINGS)
    assert [path.name for path in sorted((folder / "sheets").iterdir())] == ["step_00000000.png", "step_00000010.png"]
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(NUM_STEPS + 1))
    names = {"generator_adversarial", "critic_adversarial", "r1", "path_length", "waiting_share", "augment_strength", "real_sign", "r1_gradient"}
    assert names <= {name for line in lines for name in line}
    said = {"stage": "generator", "data": "DATA", "preset": "tiny", "steps": NUM_STEPS, "set": " --set ".join(SETTINGS)}
    assert json.loads((whole / "history.jsonl").read_text()) == said


@pytest.mark.slow
def test_killed_at_a_random_step_it_ends_with_the_same_bits(images, whole, tmp_path, pack_root):
    """Weights, average, optimisers, strength of augmentation and order of the data: the last checkpoint holds them all."""
    environment, log = dict(os.environ, OMP_NUM_THREADS="1"), tmp_path / "adversarial" / "metrics.jsonl"
    last = random.randrange(2, NUM_STEPS - 5)
    with subprocess.Popen([sys.executable, "-m", "sgvg_core", *words(images, tmp_path)], cwd=pack_root, env=environment) as child:
        while child.poll() is None and not (log.exists() and f'"step": {last},' in log.read_text()):
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert not (tmp_path / "generator.safetensors").exists()
    done = subprocess.run([sys.executable, "-m", "sgvg_core", *words(images, tmp_path)], cwd=pack_root, env=environment, check=False)
    assert done.returncode == 0
    newest = f"adversarial/checkpoints/step_{NUM_STEPS:08d}.state"
    states = [torch.load(work / newest, weights_only=True) for work in (whole, tmp_path)]
    assert states[0]["extra"] == states[1]["extra"], last
    assert states[0]["extra"]["memory"]["strength"] > 0
    assert_same(states[0]["parts"], states[1]["parts"], f"killed at {last}")
    for name in ("generator.safetensors", "critic.safetensors"):
        assert (whole / name).read_bytes() == (tmp_path / name).read_bytes()


def assert_same(one, other, where):
    """Bit for bit, all the way down."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}, {key}")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    else:
        assert one == other, where


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--set", "batch=8"], r"this run was begun with other settings \(batch was 4, is now 8\); resume with those, or choose another folder"),
        (["--set", "batch=6"], r"batch: got 6, expected a multiple of 4: 1 processes, 1 slices each, of whole groups of 4 pictures"),
        (["--set", "batsch=8"], r"--set batsch=8: unknown setting 'batsch'"),
        (["--set", "size=24"], r"size: got '24', expected 8, 16, 32"),
        (["--set", "augment.kinds=[\"cutout\"]"], r"augment kinds: got 'cutout', expected flip"),
        (["--teacher", "world"], r"--teacher world: draws its own pictures, but --data .* was given"),
        (["--preset", "landscapes"], r"--preset: got 'landscapes', expected paper, small, tiny"),
        (["--device", "cuda:99"], r"device: cuda:99 isn't there"),
        (["--scenes", "3"], r"--scenes: is for stages that the procedural world teaches; leave it out, or leave out --data"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(images, whole, capsys, more, said):
    assert main(words(images, whole, *more)) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert re.search(said, error)


@pytest.mark.slow
def test_other_images_are_another_run(whole, tmp_path, capsys):
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "a.png")
    assert main(words(tmp_path, whole)) == 2
    assert "(data was " in capsys.readouterr().err


def test_a_teacher_without_data_is_told(tmp_path, capsys):
    assert main(["train", "generator", "--work", str(tmp_path), "--teacher", "pictures"]) == 2
    assert "--teacher pictures: needs --data DATA" in capsys.readouterr().err
    assert main(["train", "generator", "--work", str(tmp_path), "--preset", "paper"]) == 2
    assert "--preset: got 'paper', expected landscapes, tiny" in capsys.readouterr().err
    for more in (["--steps", "5"], ["--tensorboard"]):
        assert main(["train", "generator", "--work", str(tmp_path), *more]) == 2
        assert f"{more[0]}: is for training on data of your own; give --data DATA too" in capsys.readouterr().err


SMALL = AdversarialConfig(size=16, channel_base=64, channel_max=8, z_dim=8, w_dim=8, batch=4, mbstd_group_size=2, augment=AugmentConfig(start=0.3))


def real_images(config, step=0):
    return torch.stack([normal(7, f"real {step}", item, 3, config.size, config.size) for item in range(config.batch)])


def noted_terms(config):
    """The names of what one step notes."""
    training, names = AdversarialTraining(config), []
    take = training.note
    training.note = lambda **values: (names.extend(values), take(**values))[1]
    training.step(0, real_images(config))
    return set(names)


@pytest.mark.slow
def test_every_term_is_a_switch():
    always = {"generator_adversarial", "generator_gradient", "critic_adversarial", "critic_gradient"}
    assert noted_terms(SMALL) == {*always, "path_length", "path_gradient", "r1", "r1_gradient"}
    assert noted_terms(dataclasses.replace(SMALL, path_weight=0.0, r1_gamma=0.0)) == always


@pytest.mark.slow
def test_without_noise_layers_get_none_and_learn_none():
    training = AdversarialTraining(dataclasses.replace(ADVERSARIAL_PRESETS["tiny"], size=16, channel_max=8, batch=4, noise=False))
    for step in range(2):
        training.step(step, torch.rand(4, 3, 16, 16) * 2 - 1)
    strengths = [float(conv.noise_strength) for conv in training.G.synthesis.convs]
    assert strengths == [0.0] * len(strengths)
    with_noise = AdversarialTraining(dataclasses.replace(training.config, noise=True))
    with_noise.step(0, torch.rand(4, 3, 16, 16) * 2 - 1)
    assert all(float(conv.noise_strength) != 0 for conv in with_noise.G.synthesis.convs)
    assert torch.equal(with_noise.draw("generator", 5, range(2)).z, training.draw("generator", 5, range(2)).z), "the codes stay the same"


def test_the_average_follows_with_its_ramp():
    training = AdversarialTraining(dataclasses.replace(SMALL, ema_images=100.0, ema_ramp=0.5))
    before, start = training.G_ema.synthesis.b4.const.clone(), training.G.synthesis.b4.const.clone()
    training.step(0, real_images(SMALL))
    keep = 0.5 ** (4 / 2)  # the half life is half of four pictures
    expected = keep * before + (1 - keep) * training.G.synthesis.b4.const
    assert not torch.equal(training.G.synthesis.b4.const, start)
    assert torch.allclose(training.G_ema.synthesis.b4.const, expected, atol=1e-6)


@pytest.mark.slow
def test_discriminator_learns_to_tell_them_apart():
    config = dataclasses.replace(SMALL, critic_lr=0.01, augment=AugmentConfig(kinds=()))
    training, said = AdversarialTraining(config), []
    training.note = lambda **values: said.append(values) or {name: float(value) for name, value in values.items()}
    for step in range(25):
        training.teach_critic(step, real_images(config, step) * 0.1 + 0.8)
    terms = [float(values["critic_adversarial"]) for values in said]
    assert terms[-1] < 0.3 * terms[0]


def test_bfloat16_is_near_float32():
    def answers(dtype):
        training = AdversarialTraining(dataclasses.replace(SMALL, dtype=dtype))
        drawn = training.draw("generator", 0, range(4))
        with torch.enable_grad():
            return training.answers(training.paint(training.latents(drawn), drawn), drawn.transforms)

    exact, rough = answers("float32"), answers("bfloat16")
    assert rough.dtype == torch.float32
    assert 0 < (exact - rough).abs().max() < 0.05 * exact.abs().max() + 0.02
    names = noted_terms(dataclasses.replace(SMALL, dtype="bfloat16"))
    assert {"r1", "path_length"} <= names


def test_what_is_not_finite_stops_the_step_before_weights_change():
    training = AdversarialTraining(SMALL)
    before = [parameter.clone() for parameter in training.D.parameters()]

    def note(**values):
        if not all(torch.isfinite(torch.as_tensor(value)) for value in values.values()):
            raise TrainingError("not finite")
        return {}

    training.note = note
    with pytest.raises(TrainingError):
        training.teach_critic(0, real_images(SMALL) * float("nan"))
    assert all(torch.equal(one, other) for one, other in zip(before, training.D.parameters(), strict=True))


def test_what_is_made_without_gradients_is_made_with_the_newest_weights():
    training = AdversarialTraining(dataclasses.replace(SMALL, generator_lr=0.1))
    drawn = training.draw("generator", 0, range(4))
    with torch.no_grad():
        old = training.paint(training.latents(drawn), drawn)
    training.teach_generator(0)
    with torch.no_grad():
        new = training.paint(training.latents(drawn), drawn)
    assert torch.allclose(new, training.paint(training.latents(drawn), drawn), atol=1e-4)
    assert (new - old).abs().max() > 1e-2


def test_mixed_codes_take_the_second_from_their_cut_on():
    training = AdversarialTraining(dataclasses.replace(SMALL, style_mixing_prob=1.0))
    drawn = training.draw("generator", 3, range(4))
    ws, first, second = training.latents(drawn), training.G.mapping(drawn.z), training.G.mapping(drawn.other_z)
    for item, cut in enumerate(drawn.cuts.tolist()):
        assert 1 <= cut < training.G.num_ws
        assert torch.equal(ws[item, :cut], first[item, :cut])
        assert torch.equal(ws[item, cut:], second[item, cut:])


def test_presets_build_and_accumulation_needs_whole_groups():
    assert {name: (preset.size, preset.batch) for name, preset in ADVERSARIAL_PRESETS.items()} == {
        "paper": (256, 64), "small": (128, 16), "tiny": (32, 8)}
    assert ADVERSARIAL_PRESETS["paper"].channels == (512, 512, 512, 512, 256, 128, 64)
    with pytest.raises(ConfigError, match="batch: got 12, expected a multiple of 8"):
        AdversarialConfig(batch=12, accumulate=2)
