"""Every figure of the paper's tables on cases whose answer is known."""

import numpy as np
import pytest

from sgvg_core.evaluation.paper.tables import mean_distance, moment_match, other_clips
from sgvg_core.evaluation.statistics import Difference, bootstrap, drawn_clips, frechet_distance, inception_score, interval_of, paired_bootstrap


def _with_moments(mean: np.ndarray, deviations: np.ndarray, num: int, seed: int) -> np.ndarray:
    """Features [num, E] whose sample mean and covariance are exactly `mean` and diag(deviations^2)."""
    raw = np.random.default_rng(seed).normal(size=(num, len(mean)))
    raw -= raw.mean(0)
    values, vectors = np.linalg.eigh(np.cov(raw, rowvar=False))
    return raw @ (vectors / np.sqrt(values)) @ vectors.T * deviations + mean


def test_frechet_distance_is_the_closed_form_of_gaussians() -> None:
    """Diagonal covariances: |m1 - m2|^2 + sum (s1 - s2)^2."""
    m1, s1 = np.array([0.0, 1, -2, 0.5]), np.array([1.0, 2, 0.5, 3])
    m2, s2 = np.array([1.0, 1, 0, 0.5]), np.array([1.0, 0.5, 1.5, 1])
    wanted = np.square(m1 - m2).sum() + np.square(s1 - s2).sum()
    assert frechet_distance(_with_moments(m1, s1, 200, 0), _with_moments(m2, s2, 300, 1)) == pytest.approx(wanted, rel=1e-9)


def test_frechet_distance_of_covariances_that_dont_commute() -> None:
    """2 x 2: tr sqrt(M) = sqrt(tr M + 2 sqrt(det M)), with M = C1 C2."""
    turn = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])
    a = _with_moments(np.zeros(2), np.array([1.0, 3]), 100, 2)
    b = _with_moments(np.zeros(2), np.array([2.0, 0.5]), 100, 3) @ turn.T
    product = np.cov(a, rowvar=False) @ np.cov(b, rowvar=False)
    cross = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    assert frechet_distance(a, b) == pytest.approx(1 + 9 + 4 + 0.25 - 2 * cross, rel=1e-9)


def test_fewer_films_than_features_give_the_same_distance() -> None:
    """Features that only move in three of ten directions are three features; four films aren't enough to fill ten."""
    rng = np.random.default_rng(4)
    few, many = rng.normal(size=(4, 3)), rng.normal(size=(50, 3))
    basis = np.linalg.qr(rng.normal(size=(10, 3)))[0].T
    assert frechet_distance(few @ basis, many @ basis) == pytest.approx(frechet_distance(few, many), rel=1e-6)
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-9)


def test_inception_score_of_known_distributions() -> None:
    sure = np.eye(9)[np.arange(90) % 9]
    assert inception_score(sure) == pytest.approx(9)
    assert inception_score(np.full((90, 9), 1 / 9)) == pytest.approx(1)
    assert inception_score(np.eye(9)[np.zeros(90, int)]) == pytest.approx(1)  # surely one class, but always the same
    unsure = np.array([[0.8, 0.2], [0.2, 0.8]])
    wanted = np.exp(0.8 * np.log(0.8 / 0.5) + 0.2 * np.log(0.2 / 0.5))
    assert inception_score(unsure) == pytest.approx(wanted)


def test_a_paired_difference_is_found_where_clips_differ_far_more() -> None:
    rng = np.random.default_rng(5)
    hard = rng.normal(0, 10, 200)
    found = paired_bootstrap(hard + 0.5, hard + rng.normal(0, 0.5, 200), np.mean)
    assert found.value == pytest.approx(0.5, abs=0.15)
    assert found.low < 0.5 < found.high
    assert found.high - found.low < 0.2  # unpaired it would be about 4
    assert found.excludes_zero
    assert not paired_bootstrap(hard, rng.permutation(hard), np.mean).excludes_zero


def test_intervals_are_the_percentiles_of_a_thousand_draws() -> None:
    values = np.random.default_rng(7).exponential(2, 30)
    draws = values[drawn_clips(30, 1000, 2)]
    assert bootstrap(values, "mean", seed=2) == interval_of(draws.mean(1), values.mean(), centred=False)
    assert bootstrap(values, "median", seed=2) == interval_of(np.median(draws, 1), np.median(values), centred=False)
    found = paired_bootstrap(values, np.zeros(30), np.max, seed=2)  # no draw has more than all
    assert (found.value, found.low, found.high) == (values.max(), *np.percentile(draws.max(1), [2.5, 97.5]))


def test_an_interval_excludes_zero_on_either_side() -> None:
    assert Difference(0.2, 0.1, 0.3).excludes_zero
    assert Difference(-0.2, -0.3, -0.1).excludes_zero
    assert not Difference(0.1, -0.1, 0.3).excludes_zero


def test_the_interval_of_a_set_lies_around_its_value() -> None:
    draws = np.linspace(10, 20, 101)
    assert interval_of(draws, 12.0, centred=True) == (pytest.approx(7.25), pytest.approx(16.75))
    assert interval_of(draws, 12.0, centred=False) == (pytest.approx(10.25), pytest.approx(19.75))


def test_diversity_of_the_same_of_opposite_and_of_unlike_films() -> None:
    assert mean_distance(np.ones((5, 3))) == pytest.approx(0)
    assert mean_distance(np.array([[1.0, 0], [-2, 0]])) == pytest.approx(2)
    assert mean_distance(np.eye(6) * 7) == pytest.approx(1)


def test_a_film_that_changes_with_its_sound_is_told_from_one_that_stands_still() -> None:
    """Four moments a second, twelve frames: frame k shows the moment nearest to it, on top of a scene that never changes."""
    sound = np.random.default_rng(6).normal(size=(8, 5))
    nearest = np.minimum(np.floor(np.arange(24) / 3 + 0.5).astype(int), 7)
    scene = 10 * np.ones(5)
    assert moment_match(scene + 0.1 * sound[nearest], sound, fps=12) == pytest.approx(1)
    assert moment_match(scene - sound[nearest], sound, fps=12) == pytest.approx(-1)
    assert moment_match(np.tile(scene, (24, 1)), sound, fps=12) == 0
    assert abs(moment_match(scene + sound[nearest][::-1], sound, fps=12)) < 0.8
    assert moment_match(sound[nearest], sound[:1], fps=12) == 0  # a sound of one moment


def test_the_floor_takes_another_clip_of_another_label() -> None:
    labels = ["rain", "rain", "rain", "fire", None, "fire"]
    found = other_clips(labels, seed=1)
    assert all(labels[index] != labels[other] for index, other in enumerate(found))
    assert (found == other_clips(labels, seed=1)).all()
    assert set(other_clips(["rain", "rain"], 0)) == {0, 1}  # none of another label: another clip at least
