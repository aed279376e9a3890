"""Attributes that the bundled generator's codes name: what words mean them, and that they lead there and nowhere else."""

import pytest
import torch

from sgvg_core.assembly import SoundModel, load_model
from sgvg_core.editing import apply_edits, joint_map, parse_edit, resolve_edits
from sgvg_core.editing.joint_map import JointMap
from sgvg_core.editing.named import NamedAttributes, world_attributes


@pytest.fixture(scope="module")
def model() -> SoundModel:
    return load_model(device="cpu")


@pytest.fixture(scope="module")
def known(model: SoundModel) -> JointMap:
    return joint_map(model)


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


@pytest.mark.parametrize(("text", "means"), [
    ("in the fog", {"haze": 0.9}), ("fog, at night", {"haze": 0.9, "hour": 0.9}), ("under an overcast sky", {"clouds": 0.9}),
    ("a thunderstorm at night", {}), ("in the", {}), ("fog and wizards", {}),
])
def test_a_text_means_them_by_their_words_alone(known: JointMap, text: str, means: dict[str, float]) -> None:
    assert known.named is not None
    assert known.named.meant_by(text) == means


@pytest.mark.parametrize(("text", "name", "value"), [("in the fog", "haze", 0.9), ("overcast", "clouds", 0.9), ("at noon", "hour", 0.1)])
def test_a_word_leads_to_its_value_and_leaves_the_scene(model: SoundModel, known: JointMap, text: str, name: str, value: float) -> None:
    start = known.ws[3][None, None].repeat(1, model.generator.num_ws, 1)
    (edit,) = resolve_edits(model, [parse_edit(f"text={text}")], start)
    edited, scene = apply_edits(start, (edit,)), int(known.scenes[3])
    assert edit.way == "attribute"
    assert float(known.named_steps(name, value, start, scene).norm()) > 20 * float(known.named_steps(name, value, edited, scene).norm())
    (still,) = resolve_edits(model, [parse_edit(f"text={text}; strength=0")], start)
    assert torch.equal(apply_edits(start, (still,)), start)
