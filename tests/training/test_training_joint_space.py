"""The training of the joint space: it learns, it stops in time, and a run that was killed resumes."""

import dataclasses
import functools
import json
import random

import numpy as np
import pytest
import torch

from sgvg_core.assembly import build_joint_space, load_joint_space, save_joint_space
from sgvg_core.augmentation.images import augment_images
from sgvg_core.augmentation.words import insert_random_word
from sgvg_core.config import JointSpaceConfig, MelConfig
from sgvg_core.embedding import train_merges
from sgvg_core.errors import Cancelled
from sgvg_core.training.runs.ema import lerp_to_initial
from sgvg_core.training.world import joint_space as stage
from sgvg_core.training.world.generator import RenderedImages
from sgvg_core.training.world.joint_space import LOSS_WEIGHTS, JointSpaceRun, learn_words, train_joint_space
from sgvg_core.training.world.joint_space_losses import SpaceBatch, embed_meanings, joint_losses, soft_contrastive_loss, soft_targets
from sgvg_core.world import KINDS, render
from sgvg_core.world.codes import draw_codes, read_codes

CONFIG = JointSpaceConfig(embed_dim=16, image_size=32, image_width=2, text_width=16, text_heads=2, text_layers=1, sound_widths=(4, 8),
                          mel=MelConfig(sample_rate=8000, n_fft=256, hop=128, n_mels=16, segment_seconds=0.5, resized_mels=16, resized_frames=16))
RUN = JointSpaceRun(minutes=0.01, batch=12, num_captions=200, num_merges=50, first_windows=20, fresh_windows=2, bank_windows=200, bfloat16=False)


@pytest.fixture(scope="module")
def rendered():
    codes = draw_codes(3, 45)
    return RenderedImages(codes, np.stack([render(code.kind, code.scene, code.envelope, code.phase, 32) for code in read_codes(codes)]))


@pytest.mark.slow
def test_it_keeps_its_time_and_goes_on_after_being_killed(rendered, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "SoundWindows", functools.partial(stage.SoundWindows, first_clips=1))
    seen = []

    def kill_at_once(done, total, note="", preview=None):
        seen.append(note)
        if "step 1," in note:
            raise Cancelled("killed")

    with pytest.raises(Cancelled):
        train_joint_space(tmp_path, rendered, CONFIG, run=RUN, progress=kill_at_once)
    assert not (tmp_path / "joint_space.safetensors").exists()

    path = train_joint_space(tmp_path, rendered, CONFIG, run=RUN)
    spent = torch.load(tmp_path / "joint_space.state", weights_only=True)["seconds"]
    longer = dataclasses.replace(RUN, minutes=spent / 60 + 0.002)
    steps = []
    train_joint_space(tmp_path, rendered, CONFIG, run=longer, progress=lambda done, total, note="", preview=None: steps.append(note))
    log = [json.loads(line) for line in (tmp_path / "joint_space.jsonl").read_text().splitlines()]
    assert len(log) == 2
    assert log[1]["step"] > log[0]["step"]
    assert f"step {log[0]['step'] + 1}," in next(note for note in steps if "step" in note)
    assert set(LOSS_WEIGHTS) < set(log[0])

    space = load_joint_space(path)
    assert space.labels == KINDS
    assert space.mel == CONFIG.mel
    assert space.unknown_words(["volcano eruption", "submarine"]) == ("submarine",)
    assert space.embed_texts(["a campfire"]).shape == (1, 16)

    richer = dataclasses.replace(CONFIG, sound_texture=8)
    alone = dataclasses.replace(RUN, only_sound=True)
    again = load_joint_space(train_joint_space(tmp_path / "sound", rendered, richer, run=alone, init_from=path))
    assert again.words == space.words
    both = zip(space.clip.state_dict().values(), again.clip.state_dict().values(), strict=True)
    assert all(torch.equal(before, after) for before, after in both)  # pictures and words stay where they are
    assert not torch.equal(space.sound.project.weight, again.sound.project.weight)
    assert again.sound.statistics is not None
    heads = dataclasses.replace(RUN, only_heads=True)
    third = load_joint_space(train_joint_space(tmp_path / "heads", rendered, richer, run=heads, init_from=tmp_path / "sound" / path.name))
    assert all(torch.equal(*pair) for pair in zip(again.sound.blocks.state_dict().values(), third.sound.blocks.state_dict().values(), strict=True))
    assert not torch.equal(again.sound.project.weight, third.sound.project.weight)


@pytest.mark.slow
def test_every_loss_falls_when_a_batch_is_learned(rendered):
    torch.manual_seed(0)
    space = build_joint_space(dataclasses.replace(CONFIG, merges=train_merges(KINDS, 50)))
    _, images = rendered.batch(np.arange(12), 32)
    codes = read_codes(rendered.codes[:12])
    kinds = torch.tensor([KINDS.index(code.kind) for code in codes])
    strengths = torch.tensor([code.envelope for code in codes])
    tokens = space.bpe.encode([code.kind for code in codes])
    heard, others, words = torch.rand(12, 1, 16, 16), torch.rand(6, 1, 16, 16), ["calm", "light", "", "strong", "wild"]
    optimiser = torch.optim.Adam(space.parameters(), 5e-3)
    history = []
    for _ in range(25):
        losses = joint_losses(space, SpaceBatch(embed_meanings(space, images, tokens, kinds, words), heard, kinds, strengths, strengths, others))
        history.append({name: loss.item() for name, loss in losses.items()})
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
    assert set(history[0]) == set(LOSS_WEIGHTS)
    for name, first in history[0].items():
        assert history[-1][name] < 0.9 * first, name


def test_what_belongs_together():
    kinds, strengths = torch.tensor([0, 0, 1]), torch.tensor([0.1, 0.9, 0.1])
    belong = soft_targets(kinds, torch.tensor([0.1, float("nan"), 0.1]), kinds, strengths)
    assert belong[0, 0] > 0.99
    assert belong[0, 1] < 0.01
    assert belong[1, 0] == belong[1, 1]
    assert (belong[:2, 2] == 0).all()


def test_the_contrast_is_nothing_when_the_softmax_gives_the_shares_and_is_clips_loss_for_single_answers():
    belong = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    logits = torch.tensor([[3.0, 3.0, -40.0], [3.0, 3.0, -40.0], [-40.0, -40.0, 0.0]])
    assert soft_contrastive_loss(logits, belong).item() == pytest.approx(0.0, abs=1e-6)
    random_logits, answers = torch.randn(5, 5), torch.arange(5)
    clip_loss = (torch.nn.functional.cross_entropy(random_logits, answers) + torch.nn.functional.cross_entropy(random_logits.T, answers)) / 2
    torch.testing.assert_close(soft_contrastive_loss(random_logits, torch.eye(5)), clip_loss)


@pytest.mark.slow
def test_worn_images_are_other_images_of_the_same_thing(rendered):
    _, images = rendered.batch(np.arange(30), 32)
    augmented = augment_images(images, torch.Generator().manual_seed(0))
    assert augmented.shape == images.shape
    assert augmented.abs().max() <= 1
    assert 0.01 < (augmented - images).abs().mean() < 0.2
    nearest = torch.cdist(augmented.flatten(1), images.flatten(1)).argmin(1)
    assert (nearest == torch.arange(30)).float().mean() > 0.8


def test_garbling_adds_a_word_at_times_and_takes_none():
    rng, caption = random.Random(0), ["a", "calm", "sea", "at", "night"]
    texts = [insert_random_word(" ".join(caption), rng).split() for _ in range(200)]
    assert {len(words) for words in texts} == {5, 6}
    assert all([word for word in words if word in caption] == caption for words in texts)


@pytest.mark.slow
def test_a_fine_tuned_space_takes_a_share_of_its_beginning(rendered, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "SoundWindows", functools.partial(stage.SoundWindows, first_clips=1))
    torch.manual_seed(1)
    begun = build_joint_space(learn_words(CONFIG, RUN, read_codes(rendered.codes)))
    save_joint_space(tmp_path / "first.safetensors", begun, learn_words(CONFIG, RUN, read_codes(rendered.codes)))
    before = load_joint_space(tmp_path / "first.safetensors").state_dict()
    after = {}
    for share in (0.0, 1.0):
        run = dataclasses.replace(RUN, minutes=0.001, only_heads=True, init_share=share)
        path = train_joint_space(tmp_path / str(share), rendered, CONFIG, run=run, init_from=tmp_path / "first.safetensors")
        after[share] = load_joint_space(path).state_dict()
    moved = (after[0.0]["sound.project.weight"] - before["sound.project.weight"]).abs().max()
    assert moved > 0
    for name, tensor in before.items():
        torch.testing.assert_close(after[1.0][name], tensor, msg=name) if tensor.is_floating_point() else None


def test_the_mean_with_the_beginning_is_that_of_the_weights():
    net, initial = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2).state_dict()
    learned = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    lerp_to_initial(net, {**initial, "bias": torch.zeros(5)}, 0.25)
    torch.testing.assert_close(net.weight.detach(), 0.75 * learned["weight"] + 0.25 * initial["weight"])
    torch.testing.assert_close(net.bias.detach(), learned["bias"])  # the beginning had another shape
