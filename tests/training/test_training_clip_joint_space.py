"""A joint space learned from clips: what an item is, Eq. 2 and the contrastive terms, frozen towers, exact resume, retrieval."""

import dataclasses
import json
import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from sgvg_core.assembly import build_joint_space, load_joint_space, save_joint_space
from sgvg_core.backbones import measure_norms, normalise_items
from sgvg_core.config import JointSpaceConfig, MelConfig, SoundTowerConfig
from sgvg_core.embedding import JointSpace, OpenClipSpace
from sgvg_core.embedding.prompts import label_captions
from sgvg_core.errors import Cancelled, ConfigError
from sgvg_core.training import losses
from sgvg_core.training.clips.captions import EmbeddedCaptions, clip_captions
from sgvg_core.training.clips.joint_space import ClipJointSpaceTraining, MomentReader, train_clip_joint_space
from sgvg_core.training.clips.joint_space_config import CLIP_JOINT_SPACE_PRESETS, ClipJointSpaceConfig, JointSpaceWeights
from sgvg_core.training.clips.windows import ClipWindows
from sgvg_core.training.runs.steps import RunPolicy

MEL = MelConfig(sample_rate=22_050, n_fft=1024, hop=256, n_mels=64, segment_seconds=0.75, resized_mels=64, resized_frames=64)
SPACE = JointSpaceConfig(embed_dim=16, image_size=32, image_width=4, text_width=16, text_heads=2, text_layers=1, context_length=12,
                         sound_widths=(8, 8), sound_texture=8, image_norm="item", sound_norm="item")  # fmt: skip
TINY = ClipJointSpaceConfig(space=SPACE, num_merges=20, batch=8, num_steps=6, warm_up=2, test_every=3, num_test=8)


def test_contrastive_groups_by_hand():
    a = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    groups = torch.tensor([0, 0, 1])
    # rows of scores: (2, 2, 0) twice, then (0, 0, 2): the group of two takes half of the probability each, wanted half each
    first = -(math.log(math.exp(2) / (2 * math.exp(2) + 1)))
    last = -(math.log(math.exp(2) / (math.exp(2) + 2)))
    assert losses.contrastive_groups(a, a, 2.0, groups).item() == pytest.approx((2 * first + last) / 3)
    apart = torch.nn.functional.normalize(torch.randn(5, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    alone = losses.contrastive_groups(apart, apart.flip(1), 3.0, torch.arange(5))
    assert alone.item() == pytest.approx(losses.contrastive(apart, apart.flip(1), 3.0).item())


def test_captions_come_from_the_data_or_the_label():
    assert clip_captions({"caption": " a dog barks "}, "dog") == ("a dog barks",)
    assert clip_captions({"captions": ["a", "", 3, "b"]}, "dog") == ("a", "b")
    assert clip_captions({}, "wind_noise") == label_captions("wind noise")
    assert clip_captions({}, None) == ()


def test_windows_and_frames_stand_at_their_moment(clip_data):
    windows = ClipWindows(clip_data, MEL)
    clip = windows.clips[0]
    three = windows.windows(clip, 0.5, Fraction(12), 3)
    assert three.shape == (3, 1, 64, 64)
    assert torch.equal(three[2:], windows.windows(clip, 0.5 + 2 / 12, Fraction(12), 1))
    frames = windows.frames(clip, 0.5, Fraction(12), 3, 16)
    assert torch.equal(frames[1:2], windows.frames(clip, 0.5 + 1 / 12, Fraction(12), 1, 16))
    assert windows.frames(clip, 0.5, Fraction(6), 2, 16)[1].equal(frames[2])
    augmented = windows.windows(clip, 0.5, Fraction(12), 3, np.random.default_rng(1))
    assert torch.equal(augmented, windows.windows(clip, 0.5, Fraction(12), 3, np.random.default_rng(1)))
    assert not torch.equal(augmented, three)


def reader_of(data, training, config=TINY):
    return MomentReader(ClipWindows(data, MEL), config, training.space, training.image_size)


@pytest.fixture
def training(clip_data):
    return ClipJointSpaceTraining(TINY, list(label_captions("warm glow")), clip_data.labels)


def test_an_item_is_the_same_wherever_it_is_read(clip_data, training):
    reader = reader_of(clip_data, training)
    whole, part = reader.read(3, range(8)), reader_of(clip_data, training).read(3, range(5, 8))
    assert torch.equal(whole.images[5:], part.images)
    assert torch.equal(whole.sounds[5:], part.sounds)
    assert torch.equal(whole.tokens[5:], part.tokens)
    assert whole.captions[5:] == part.captions


def test_every_term_is_what_its_name_says(clip_data):
    config = dataclasses.replace(TINY, weights=JointSpaceWeights(1, 1, 1, 1, 1))
    training = ClipJointSpaceTraining(config, list(label_captions("warm glow")), clip_data.labels)
    training.space.eval()
    moments = reader_of(clip_data, training).still(6)
    terms = training.terms(moments)
    assert list(terms) == [field.name for field in dataclasses.fields(JointSpaceWeights)]
    images, texts, sounds = training.embed(moments)
    assert terms["sound_image"].item() == pytest.approx((1 - (images * sounds).sum(1)).mean().item(), abs=1e-6)
    assert terms["sound_text"].item() == pytest.approx((1 - (texts * sounds).sum(1)).mean().item(), abs=1e-6)
    scores = training.space.logit_scale * sounds @ images.T
    rows = torch.arange(6)
    by_hand = (torch.nn.functional.cross_entropy(scores, rows) + torch.nn.functional.cross_entropy(scores.T, rows)) / 2
    assert terms["contrastive_sound_image"].item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_a_term_without_weight_is_left_out(clip_data):
    config = dataclasses.replace(TINY, weights=JointSpaceWeights(contrastive_image_text=0, contrastive_sound_text=0))
    training = ClipJointSpaceTraining(config, list(label_captions("warm glow")), clip_data.labels)
    assert list(training.terms(reader_of(clip_data, training).still(3))) == ["contrastive_sound_image"]


def test_a_tower_that_no_term_needs_is_not_asked(clip_data, monkeypatch):
    config = dataclasses.replace(TINY, weights=JointSpaceWeights(contrastive_image_text=0, contrastive_sound_image=0))
    training = ClipJointSpaceTraining(config, list(label_captions("warm glow")), clip_data.labels)
    monkeypatch.setattr(training.space, "embed_images", lambda images: pytest.fail("embedded pictures"))
    assert list(training.terms(reader_of(clip_data, training).still(3))) == ["contrastive_sound_text"]


def test_a_frozen_tower_is_asked_once_for_a_caption():
    captions, asked = [f"caption {number}" for number in range(70)], []

    def embed(texts):
        asked.extend(texts)
        return torch.tensor([[float(text.split()[1]), len(texts)] for text in texts])

    first = EmbeddedCaptions(captions, embed)
    assert first(["caption 40", "caption 3", "caption 40"]).tolist() == [[40, 32], [3, 32], [40, 32]]
    assert first(["caption 69"]).tolist() == [[69, 6]], "beside the same neighbours, whoever asks first"
    assert sorted(asked) == sorted(captions)
    assert first(["caption 3", "caption 100"]).tolist() == [[3, 2], [100, 2]], "one that isn't known: all as they stand"


def test_onto_clip_the_captions_are_those_of_its_own_tower(clip_data, tmp_path):
    from small_clip import write_small_clip

    config = dataclasses.replace(TINY, onto=f"open_clip:{write_small_clip(tmp_path / 'clip')}", weights=CLIP_JOINT_SPACE_PRESETS["paper"].weights)
    captions = sorted(label_captions("warm glow"))
    training = ClipJointSpaceTraining(config, captions, clip_data.labels)
    moments = dataclasses.replace(reader_of(clip_data, training, config).still(3), captions=[captions[5], captions[0], captions[5]])
    texts = training.embed(moments)[1]
    assert torch.allclose(texts, training.space.embed_texts(moments.captions), atol=1e-6)
    assert not texts.requires_grad


def test_an_item_does_not_depend_on_the_others(training, clip_data):
    training.space.train()
    training.space.sound.dropout.p = 0.0
    reader = reader_of(clip_data, training)
    moments = reader.still(6)
    assert not any(isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and module.training for module in training.space.modules())
    some = training.space.embed_images(moments.images[:2])
    assert torch.allclose(some, training.space.embed_images(moments.images)[:2], atol=1e-6)


def test_batch_norms_become_norms_of_an_item_with_the_same_names():
    towers = torch.nn.Sequential(torch.nn.Conv2d(3, 24, 1), torch.nn.BatchNorm2d(24), torch.nn.Sequential(torch.nn.BatchNorm1d(6)))
    names = list(dict(towers.named_parameters()))
    assert list(dict(normalise_items(towers).named_parameters())) == names
    assert towers[1].num_groups == 3
    assert not towers.train()[2][0].training


def test_fixed_norms_keep_what_was_measured():
    tower = normalise_items(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))).train()
    inputs = 5 + 3 * torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    measure_norms(tower, inputs)
    answers = tower(inputs)
    assert torch.allclose(answers.mean(0), torch.zeros(4), atol=1e-4)
    assert torch.allclose(answers.std(0), torch.ones(4), atol=1e-3)
    assert torch.allclose(tower(inputs[:2]), answers[:2], atol=1e-5), "what else is in the batch doesn't matter"


@pytest.mark.slow
def test_killed_and_gone_on_it_ends_with_the_same_bits(clip_data, tmp_path):
    whole = train_clip_joint_space(tmp_path / "whole", clip_data, TINY, workers=0)

    def stop(done, total, note="", preview=None):
        if done >= 4:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        train_clip_joint_space(tmp_path / "cut", clip_data, TINY, workers=0, progress=stop)
    assert not (tmp_path / "cut" / "joint_space.safetensors").exists()
    again = train_clip_joint_space(tmp_path / "cut", clip_data, TINY, policy=RunPolicy(log_every=1), workers=2)
    assert again.read_bytes() == whole.read_bytes()
    lines = [json.loads(line) for line in (tmp_path / "cut" / "clip_joint_space" / "metrics.jsonl").read_text().splitlines()]
    assert {"test_sound_to_picture_r1", "test_sound_label", "gradient_norm", "contrastive_sound_text"} <= set(lines[-1])
    with pytest.raises(ConfigError, match=r"begun with other settings \(batch was 8, is now 4\)"):
        train_clip_joint_space(tmp_path / "cut", clip_data, dataclasses.replace(TINY, batch=4), workers=0)


@pytest.mark.slow
def test_three_towers_learn_to_tell_the_clips(clip_data, tmp_path):
    config = dataclasses.replace(TINY, batch=9, num_steps=48, lr=6e-3, warm_up=5, test_every=48, augment=False)
    path = train_clip_joint_space(tmp_path, clip_data, config, policy=RunPolicy(log_every=4), workers=0)
    space = load_joint_space(path)
    assert isinstance(space, JointSpace)
    assert space.labels == clip_data.labels
    _, first, *_, last = [json.loads(line) for line in (tmp_path / "clip_joint_space" / "metrics.jsonl").read_text().splitlines()]
    assert last["loss"] < first["loss"] - 1
    assert max(last["test_sound_label"], last["test_picture_label"]) > 0.6, "after so few steps, two of the three clips in one tower at least"


def small_space(tmp_path):
    space = build_joint_space(dataclasses.replace(SPACE, words=("warm", "glow")))
    save_joint_space(tmp_path / "space.safetensors", space, dataclasses.replace(SPACE, words=("warm", "glow")), half=False)
    return tmp_path / "space.safetensors"


@pytest.mark.slow
def test_onto_a_frozen_space_only_the_sound_tower_moves(clip_data, tmp_path):
    path = small_space(tmp_path)
    config = dataclasses.replace(TINY, onto=str(path), weights=CLIP_JOINT_SPACE_PRESETS["paper"].weights)
    space = load_joint_space(train_clip_joint_space(tmp_path / "run", clip_data, config, workers=0))
    before = load_joint_space(path)
    assert all(torch.allclose(a, b, atol=1e-3) for a, b in zip(space.clip.parameters(), before.clip.parameters(), strict=True))
    assert not torch.allclose(space.sound.project.weight, before.sound.project.weight, atol=1e-2)
    assert space.labels == clip_data.labels


@pytest.mark.parametrize("name", ["hf-hub:owner/model", "../model", "a/b"])
def test_a_sound_tower_names_no_place_of_its_own(name):
    with pytest.raises(ConfigError, match=r"sound tower clip_model: got .*, expected a plain name"):
        SoundTowerConfig(name, "", 16)


@pytest.mark.slow
def test_onto_an_open_clip_model_in_a_folder(clip_data, tmp_path):
    from small_clip import write_small_clip  # a real open_clip model of a few thousand numbers

    folder = write_small_clip(tmp_path / "small_clip")
    config = dataclasses.replace(TINY, onto=f"open_clip:{folder}", weights=CLIP_JOINT_SPACE_PRESETS["paper"].weights, num_steps=3)
    path = train_clip_joint_space(tmp_path, clip_data, config, workers=0)
    space = load_joint_space(path)
    assert isinstance(space, OpenClipSpace)
    assert (space.labels, space.mel) == (clip_data.labels, SPACE.mel)
    assert space.embed_sounds(torch.zeros(2, 1, 64, 64)).shape == (2, space.embed_dim)
    assert path.stat().st_size < 200_000, "the CLIP model itself isn't in the file"
