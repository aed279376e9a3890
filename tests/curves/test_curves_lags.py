"""One series moved against another."""

import numpy as np

from sgvg_core.curves.lags import lag_correlations, nearest_best


def test_the_lag_is_found_and_of_equals_the_nearest() -> None:
    curve = np.random.default_rng(0).standard_normal(80)
    for lag in (-4, 0, 3):
        late, early = (curve[10:60], curve[10 + lag:60 + lag])
        found = lag_correlations(late, early, 6)
        assert found.shape == (13,)
        assert nearest_best(found) == lag
        assert found[6 + lag] > 1 - 1e-12
        assert np.isclose(found[6], np.corrcoef(late, early)[0, 1])
    saw = np.arange(60) % 4.0
    assert nearest_best(lag_correlations(saw, saw, 9)) == 0


def test_what_does_not_move_is_like_nothing() -> None:
    ramp = np.arange(20.0)
    for late, early in ((np.ones(20), ramp), (ramp, ramp * 1e-12), (ramp[:2], ramp)):
        assert np.isnan(lag_correlations(late, early, 1)).all()
    assert nearest_best(np.full(5, np.nan)) is None
