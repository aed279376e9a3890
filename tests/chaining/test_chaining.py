"""Examples mixed by curves: exact where one is alone, never padded, norms kept; schedules of prompts."""

import json
from fractions import Fraction

import pytest
import torch

from sgvg_core.chaining.mixing import mix_examples, mix_vectors, mixing_weights, nearest_example
from sgvg_core.chaining.schedules import prompt_schedule, read_labelled_lines, winners
from sgvg_core.curves.curve import Curve
from sgvg_core.errors import ConfigError, ShapeError

FPS = Fraction(25)


def curves(*rows: list[float]) -> list[Curve]:
    return [Curve(row, FPS) for row in rows]


def examples(count: int, *shape: int, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    return [torch.randn(1, *shape, generator=torch.Generator().manual_seed(index)).to(dtype) for index in range(count)]


def test_weights_sum_to_one_and_a_lone_score_is_exactly_one() -> None:
    weights = mixing_weights(curves([0.3, 0.0, 2.0, 0.0], [0.1, 0.7, 0.0, 0.0], [0.2, 0.0, 0.0, 0.0]))
    assert weights.sum(1).tolist() == pytest.approx([1] * 4, abs=1e-6)
    assert weights[1].tolist() == [0, 1, 0]
    assert weights[2].tolist() == [1, 0, 0]
    assert weights[3].tolist() == [1, 0, 0], "held where nothing is heard"
    assert mixing_weights(curves([0.0], [0.0])).tolist() == [[0.5, 0.5]]
    sharp = mixing_weights(curves([0.6], [0.4]), sharpness=8)
    assert sharp[0, 0] > 0.95
    assert mixing_weights([Curve([1.0, 1.0], FPS), Curve([1.0] * 9, Fraction(100))]).shape == (2, 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_one_hot_scores_give_exactly_the_example(dtype: torch.dtype) -> None:
    weights = mixing_weights(curves([1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.2, 0.0]))
    for mix in (mix_examples, mix_vectors):
        given = examples(3, 5, 8, dtype=dtype) if mix is mix_examples else examples(3, 8, dtype=dtype)
        mixed = mix(given, weights)
        assert mixed.dtype == dtype
        assert torch.equal(mixed, torch.cat([given[0], given[2], given[1]]))


def test_mixes_are_weighted_sums_and_vectors_keep_their_norms() -> None:
    weights = mixing_weights(curves([0.25, 0.5], [0.75, 0.5]))
    given = examples(2, 7, 4)
    assert torch.allclose(mix_examples(given, weights)[0], 0.25 * given[0][0] + 0.75 * given[1][0], atol=1e-6)
    vectors = [10 * torch.eye(2)[:1], 20 * torch.eye(2)[1:]]
    mixed = mix_vectors(vectors, weights)
    assert mixed.norm(dim=1).tolist() == pytest.approx([17.5, 15], rel=1e-5)
    opposite = mix_vectors([torch.ones(1, 2), -torch.ones(1, 2)], torch.tensor([[0.5, 0.5]]))
    assert opposite.abs().max() == 0, "nothing is blown up out of rounding"
    assert nearest_example(weights)[0] == 1


def test_unlike_examples_are_refused_and_not_padded() -> None:
    weights = torch.tensor([[0.5, 0.5]])
    with pytest.raises(ShapeError, match=r"conditioning 2: got shape \[1, 154, 8\], but conditioning 1 has \[1, 77, 8\]; nothing is padded"):
        mix_examples([torch.zeros(1, 77, 8), torch.zeros(1, 154, 8)], weights, what="conditioning")
    with pytest.raises(ShapeError, match="got a batch of 2, expected 1"):
        mix_examples([torch.zeros(1, 8), torch.zeros(2, 8)], weights)
    with pytest.raises(ShapeError, match=r"expected \[T, 3\]"):
        mix_examples(examples(3, 8), weights)
    with pytest.raises(ConfigError, match="expected 1 to 12"):
        mixing_weights([])
    with pytest.raises(ConfigError, match="sharpness"):
        mixing_weights(curves([1.0]), sharpness=0)


def test_a_prompt_takes_over_only_if_it_stays() -> None:
    first = [1, 1, 1, 0, 1, 1, 0, 0, 0, 0]
    chosen = winners([Curve([float(value) for value in first], Fraction(10)), Curve([float(1 - value) for value in first], Fraction(10))], 0.3)
    assert chosen.tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1]
    at_once = winners([Curve([float(value) for value in first], Fraction(10)), Curve([float(1 - value) for value in first], Fraction(10))], 0)
    assert at_once.tolist() == [1 - value for value in first]


def test_schedules_are_read_as_json_lines() -> None:
    text = prompt_schedule([0, 0, 1, 1, 0], ['a "wet" street', "ein Wald, in Flammen"])
    assert json.loads("{" + text + "}") == {"0": 'a "wet" street', "2": "ein Wald, in Flammen", "4": 'a "wet" street'}
    assert read_labelled_lines("rain: a street: wet\n\nfire\n") == {"rain": "a street: wet", "fire": "fire"}
    for wrong in ("rain: a\nrain: b", ": a"):
        with pytest.raises(ConfigError, match="expected label: prompt"):
            read_labelled_lines(wrong)
    with pytest.raises(ConfigError, match="asks for prompt 3"):
        prompt_schedule([2], ["a"])
