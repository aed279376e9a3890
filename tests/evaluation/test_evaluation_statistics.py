"""The numbers behind the table, on cases whose answer is known."""

import numpy as np
import pytest
import torch

from sgvg_core.evaluation.statistics import best_lag_correlation, bootstrap, fine_detail, frechet_distance, seconds_until_right


def test_a_late_copy_is_found_at_its_lag() -> None:
    curve = np.sin(np.linspace(0, 20, 200)) + 0.3 * np.sin(np.linspace(0, 71, 200))
    assert best_lag_correlation(np.roll(curve, 3), curve, 5) == (pytest.approx(1, abs=1e-6), 3)
    assert best_lag_correlation(np.roll(curve, -2), curve, 5)[1] == -2
    assert best_lag_correlation(-curve, curve, 0)[0] == pytest.approx(-1)


def test_what_doesnt_move_correlates_with_nothing() -> None:
    assert best_lag_correlation(np.ones(50), np.arange(50.0), 3) == (0.0, 0)


def test_intervals_hold_the_truth_and_shrink() -> None:
    values = np.random.default_rng(1).normal(5, 1, 400)
    low, high = bootstrap(values, "mean")
    assert low < 5 < high
    assert high - low < np.subtract(*bootstrap(values[:25], "median")[::-1])


def test_fine_detail_of_a_board_and_of_a_plain_image() -> None:
    y, x = np.mgrid[:16, :16]
    board = torch.from_numpy((((x + y) % 2) * 10).astype(np.uint8))[None, :, :, None].expand(1, 16, 16, 3)
    assert fine_detail(board) == pytest.approx(40)  # four neighbours, each 10 away
    assert fine_detail(torch.full((1, 8, 8, 3), 9, dtype=torch.uint8)) == 0


def test_frechet_distance_of_known_gaussians() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(0, 1, (40_000, 3))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a + [3, 0, 0], a) == pytest.approx(9, abs=1e-6)
    assert frechet_distance(2 * rng.normal(0, 1, (40_000, 3)), a) == pytest.approx(3, abs=0.1)  # (2 - 1)^2 in each of three axes


def test_right_means_right_for_half_a_second() -> None:
    right = np.array([0, 1, 0, 0, 1, 1, 1, 1, 1, 1], bool)
    assert seconds_until_right(right, fps=8) == 0.5
    assert seconds_until_right(np.zeros(10, bool), fps=8) == float("inf")
