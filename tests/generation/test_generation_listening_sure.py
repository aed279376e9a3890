"""Whether a sound is one of the scenes: said of its surest stretch, so that a change of scene makes no sound unsure."""

import torch

from sgvg_core.generation.listening import _is_sure_somewhere


def logits_of(*stretches: tuple[int, int]) -> torch.Tensor:
    """Half seconds of a label each, told apart clearly, among three: (label, how many)."""
    return torch.cat([4.0 * torch.eye(3)[[label] * count] for label, count in stretches])


def test_rain_that_becomes_thunder_is_sure_though_its_mean_is_neither() -> None:
    both = logits_of((0, 10), (1, 10))
    assert both.mean(0).softmax(0).max() < 0.5
    assert _is_sure_somewhere(both, 0.9)


def test_what_changes_every_second_is_not() -> None:
    restless = logits_of(*[(label, 2) for _ in range(6) for label in range(3)])
    assert not _is_sure_somewhere(restless, 0.9)


def test_a_sound_shorter_than_a_stretch_is_taken_whole() -> None:
    assert _is_sure_somewhere(logits_of((2, 1)), 0.9)
    assert not _is_sure_somewhere(torch.zeros(1, 3), 0.9)
