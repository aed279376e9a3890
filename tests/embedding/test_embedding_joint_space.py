import dataclasses

import open_clip
import pytest
import torch

from sgvg_core.config import JointSpaceConfig, MelConfig, from_dict
from sgvg_core.embedding import JointSpace, train_merges
from sgvg_core.embedding.sound_tower import SoundTower
from sgvg_core.errors import ConfigError, ShapeError

CAPTIONS = ["a calm fire at night", "strong fire", "heavy rain at night"]
TINY = JointSpaceConfig(embed_dim=16, image_size=32, image_width=2, text_width=16, text_heads=2, text_layers=1, context_length=12,
                        sound_widths=(4, 8), mel=MelConfig(n_mels=16, resized_mels=16, resized_frames=16),
                        merges=train_merges(CAPTIONS, 20), words=("calm", "fire", "heavy", "night", "rain"), labels=("rain", "fire"))


def build(config=TINY, seed=0):
    torch.manual_seed(seed)
    return JointSpace(**{field.name: getattr(config, field.name) for field in dataclasses.fields(config)}).eval()


def test_three_kinds_of_things_land_on_one_sphere():
    space = build()
    for embedding, rows in ((space.embed_images(torch.rand(3, 3, 50, 70) * 2 - 1), 3), (space.embed_texts(["fire", "雨", ""]), 3),
                            (space.embed_sounds(torch.rand(4, 1, 16, 16)), 4)):
        assert embedding.shape == (rows, 16)
        torch.testing.assert_close(embedding.norm(dim=1), torch.ones(rows))


def test_built_from_a_stored_configuration_without_registering_anything():
    before = open_clip.list_models()
    stored = dataclasses.asdict(TINY)
    space, again = build(), build(from_dict(JointSpaceConfig, stored, "test"), seed=1)
    again.load_state_dict(space.state_dict())
    torch.testing.assert_close(again.embed_texts(["a fire"]), space.embed_texts(["a fire"]))
    assert open_clip.list_models() == before


def test_images_of_another_size_are_the_same_images():
    space = build()
    small = torch.rand(1, 3, 32, 32) * 2 - 1
    large = small.repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert (space.embed_images(small) @ space.embed_images(large).T).item() > 0.99


def test_a_batch_equals_its_members():
    space, images, sounds = build(), torch.rand(3, 3, 32, 32) * 2 - 1, torch.rand(3, 1, 16, 16)
    torch.testing.assert_close(space.embed_images(images)[1:2], space.embed_images(images[1:2]), atol=1e-5, rtol=0)
    torch.testing.assert_close(space.embed_sounds(sounds)[1:2], space.embed_sounds(sounds[1:2]), atol=1e-5, rtol=0)
    torch.testing.assert_close(space.embed_texts(["fire", "a heavy rain at night"])[:1], space.embed_texts(["fire"]), atol=1e-5, rtol=0)


def test_gradients_reach_the_images():
    images = (torch.rand(1, 3, 48, 48) * 1.6 - 0.8).requires_grad_()
    space = build()
    (space.embed_images(images) * space.embed_texts(["fire"]).detach()).sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_words_that_were_never_learned_are_named_once_and_in_order():
    assert build().unknown_words(["a HEAVY dragon", "Fire, dragon; ice"]) == ("a", "dragon", "ice")


def test_logit_scale_never_passes_a_hundred():
    space = build()
    with torch.no_grad():
        space.clip.logit_scale.fill_(9.0)
    assert space.logit_scale.item() == pytest.approx(100.0)


def test_windows_of_another_height_are_refused():
    with pytest.raises(ShapeError, match="log_mel"):
        build().embed_sounds(torch.rand(1, 1, 24, 16))


@pytest.mark.parametrize(("setting", "value", "message"), [
    ("image_size", 50, "multiple of 32"), ("text_width", 15, "multiple of text_heads"), ("embed_dim", 10**6, "expected 8 to 2048"),
    ("merges", ((257, 3),), r"merges\[0\]"), ("sound_widths", (), "number of sound_widths")])
def test_hostile_configurations_are_refused(setting, value, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(TINY, **{setting: value})


def test_the_default_size_is_small():
    towers = build(JointSpaceConfig(mel=MelConfig(resized_mels=64, resized_frames=64)))
    sizes = [sum(p.numel() for p in part.parameters()) for part in (towers.clip.visual, towers.sound, towers)]
    assert max(sizes[:2]) < 600_000
    assert sizes[2] < 1_700_000


def test_a_sound_tower_with_statistics_hears_what_the_convolutions_dont():
    torch.manual_seed(0)
    tower = SoundTower(16, (4, 4), 16, texture=8).eval()
    sounds = torch.rand(3, 1, 16, 32)
    with torch.no_grad():
        embed = tower(sounds)
        assert torch.allclose(embed.norm(dim=1), torch.ones(3), atol=1e-5)
        assert torch.allclose(tower(sounds[:1]), embed[:1], atol=1e-6)  # a window alone as among others
        tower.project.weight.zero_()
        tower.project.bias.zero_()
        assert not torch.allclose(tower(sounds)[0], tower(sounds)[1], atol=1e-3)


def test_words_are_those_of_clips_own_text_tower():
    space = build()
    tokens = space.bpe.encode(["fire", "", "heavy rain at night", "wind " * 30])
    for some in (tokens, tokens[:2]):
        whole = torch.nn.functional.normalize(space.clip.encode_text(some), dim=1)
        torch.testing.assert_close(space.embed_tokens(some), whole, atol=1e-6, rtol=0)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 1.0])
def test_convolutions_count_as_often_as_they_were_heard(share):
    torch.manual_seed(1)
    tower, log_mel = SoundTower(16, (4, 4), 16, texture=8, silent_share=share).eval(), torch.rand(3, 1, 16, 16)
    maps = tower.blocks(log_mel * 2 - 1)
    seen = torch.nn.functional.normalize(tower.project(torch.cat([maps.mean(3), maps.amax(3)], 1).flatten(1)), dim=-1)
    felt = torch.nn.functional.normalize(tower.statistics(log_mel), dim=-1)
    torch.testing.assert_close(tower(log_mel), torch.nn.functional.normalize(0.5 * (1 - share) * seen + felt, dim=-1))
