"""Attributes that the bundled generator's codes name: what words mean them, and that they lead there and nowhere else."""

import pytest
import torch

from sgvg_core.assembly import SoundModel, load_model
from sgvg_core.editing import apply_edits, joint_map, parse_edit, resolve_edits
from sgvg_core.editing.joint_map import JointMap
from sgvg_core.editing.named import NamedAttributes, world_attributes
from sgvg_core.synthesis import rgb_images


@pytest.fixture(scope="module")
def model() -> SoundModel:
    return load_model(device="cpu")


@pytest.fixture(scope="module")
def known(model: SoundModel) -> JointMap:
    return joint_map(model)


@pytest.mark.slow
def test_the_bundled_map_has_them_and_a_generator_of_other_codes_has_none(known: JointMap, model: SoundModel, tiny_model: SoundModel) -> None:
    again = world_attributes(model.generator, len(known.ws))
    assert known.named is not None
    assert again is not None
    torch.testing.assert_close(dict(known.named.values), dict(again.values), atol=1e-3, rtol=0)
    assert known.named.words == again.words
    tensors, config = again.state()
    assert NamedAttributes.from_state(tensors, {**config, "plain_words": "damaged"}, len(known.ws)) is None
    assert NamedAttributes.from_state(tensors, config, 5) is None
    assert joint_map(tiny_model, 64).named is None


@pytest.mark.parametrize("means", ["haze", {"haze": "0.9"}, {"haze": float("nan")}, {"haze": 7}, {"other": 0.5}, None])
def test_damaged_words_of_a_file_mean_nothing(means: object) -> None:
    state = {"attribute.haze": torch.rand(5)}
    read = NamedAttributes.from_state(state, {"words": {"fog": means, "mist": {"haze": 0.9}}, "plain_words": []}, 5)
    assert read is not None
    assert read.words == {"mist": {"haze": 0.9}}


@pytest.mark.slow
@pytest.mark.parametrize(("text", "means", "rest"), [
    ("a thunderstorm at night", {"hour": 0.9}, "a thunderstorm"), ("Under water, in the fog", {"haze": 0.9}, "Under water"),
    ("a photo of a misty waterfall", {"haze": 0.9}, "waterfall"), ("in the middle of the night", {"hour": 0.9}, ""),
    ("heavy rain under heavy clouds", {"clouds": 0.9}, "heavy rain"), ("fire and fog", {"haze": 0.9}, "fire"),
    ("under the sea", {}, "under the sea"), ("in the", {}, "in the"),
    ("fog, at night", {"haze": 0.9, "hour": 0.9}, ""), ("night under water", {"hour": 0.9}, "under water"),
])
def test_a_text_is_split_into_named_values_and_the_rest(known: JointMap, text: str, means: dict[str, float], rest: str) -> None:
    assert known.named is not None
    assert known.named.split(text) == (means, rest)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["a thunderstorm at night", "a campfire at noon"])
def test_a_scene_and_an_hour_are_both_followed(model: SoundModel, known: JointMap, text: str) -> None:
    number = int((known.scenes == list(model.joint_space.labels).index("raining")).nonzero()[0, 0])
    start = known.ws[number][None, None].repeat(1, model.generator.num_ws, 1)
    (edit,) = resolve_edits(model, [parse_edit(f"text={text}")], start)
    edited = apply_edits(start, (edit,))
    images = rgb_images(model.generator, edited, noise_mode="const")
    scene = int(known.scene_of(model.joint_space.embed_images(images))[0])
    label = {"a thunderstorm at night": "thunderstorm", "a campfire at noon": "fire crackling"}[text]
    value = 0.9 if "night" in text else 0.1
    assert (edit.way, model.joint_space.labels[scene]) == ("scene", label)
    assert f"the scene {label}, hour {value:g}" in edit.notes[-1]
    assert float(known.named_steps("hour", value, edited[:, -1:], int(known.scenes[number])).norm()) < 0.1, "the start's fine latents follow too"
    (scene_alone,) = resolve_edits(model, [parse_edit(f"text={label}")], start)
    brighter = images.mean() - rgb_images(model.generator, apply_edits(start, (scene_alone,)), noise_mode="const").mean()
    assert float(brighter) > 0.03 if value < 0.5 else float(brighter) < -0.03


@pytest.mark.slow
def test_what_differs_within_scenes_is_joined_with_named_values(model: SoundModel, known: JointMap) -> None:
    start = known.ws[3][None, None].repeat(1, model.generator.num_ws, 1)
    (edit,) = resolve_edits(model, [parse_edit("text=violent, in the fog")], start)
    assert (edit.way, len(edit.shifts), edit.amounts.shape) == ("attribute", 2, (1, 2))
    (fog,) = resolve_edits(model, [parse_edit("text=in the fog")], start)
    assert torch.equal(edit.shifts[1](torch.ones(1)), fog.shifts[0](torch.ones(1)))
    layers = resolve_edits(model, [parse_edit("text=a thunderstorm at night; layers=coarse")], start)[0].shifts[0](torch.ones(1))
    assert not layers[:, model.walker.slices["coarse"].stop:].any()


@pytest.mark.slow
@pytest.mark.parametrize(("text", "name", "value"), [("in the fog", "haze", 0.9), ("overcast", "clouds", 0.9), ("at noon", "hour", 0.1)])
def test_a_word_leads_to_its_value_and_leaves_the_scene(model: SoundModel, known: JointMap, text: str, name: str, value: float) -> None:
    start = known.ws[3][None, None].repeat(1, model.generator.num_ws, 1)
    (edit,) = resolve_edits(model, [parse_edit(f"text={text}")], start)
    edited, scene = apply_edits(start, (edit,)), int(known.scenes[3])
    assert edit.way == "attribute"
    assert float(known.named_steps(name, value, start, scene).norm()) > 20 * float(known.named_steps(name, value, edited, scene).norm())
    (still,) = resolve_edits(model, [parse_edit(f"text={text}; strength=0")], start)
    assert torch.equal(apply_edits(start, (still,)), start)
