import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tlzoo.metrics.regression import (
    RegressionScores,
    coverage,
    fit_band,
    mean_scores,
    score_values,
)


def test_scores_by_hand():
    scores = score_values(np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 3.0]))
    assert scores.rmse == pytest.approx((4 / 3) ** 0.5)
    assert scores.mae == pytest.approx(2 / 3)
    assert scores.r2 == pytest.approx(1 - 4 / 2)
    assert scores.bias == pytest.approx(2 / 3)
    assert scores.spearman == pytest.approx(stats.spearmanr([1, 2, 3], [1, 4, 3]).statistic)


def test_what_is_undefined_is_none():
    assert score_values(np.ones(3), np.arange(3.0)).r2 is None
    assert score_values(np.arange(3.0), np.ones(3)).spearman is None
    assert score_values(np.ones(1), np.ones(1)).rmse == 0


def test_scores_survive_json():
    scores = score_values(np.arange(5.0), np.arange(5.0)[::-1])
    assert RegressionScores.from_dict(scores.to_dict()) == scores


def test_the_mean_explains_nothing():
    labels = np.random.default_rng(0).normal(3, 2, 1000)
    scores = mean_scores(labels, labels)
    assert scores.r2 == pytest.approx(0, abs=1e-9)
    assert scores.rmse == pytest.approx(labels.std())
    with pytest.raises(ValueError, match="0 labels"):
        mean_scores(np.zeros(0), labels)


@pytest.mark.parametrize(
    "bad", [(np.zeros(0), np.zeros(0)), (np.zeros(2), np.zeros(3)), (np.zeros(1), np.array([np.nan]))]
)
def test_nonsense_is_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        score_values(*bad)


def test_a_band_covers_new_examples_as_promised():
    random, inside = np.random.default_rng(0), []
    for _ in range(300):
        errors = random.standard_t(3, size=60)
        band = fit_band(np.zeros(40), errors[:40])
        inside.append(coverage(np.zeros(20), errors[40:], band))
    assert 0.9 <= np.mean(inside) < 0.925


def test_too_few_examples_guarantee_nothing():
    band = fit_band(np.zeros(5), np.arange(5.0))
    assert (band.radius, band.guaranteed, band.n) == (4.0, False, 5)
    assert fit_band(np.zeros(9), np.arange(9.0)).guaranteed


@settings(max_examples=50)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0.05, 0.95))
def test_the_band_holds_its_share_where_it_was_fitted(errors, level):
    labels = np.zeros(len(errors))
    band = fit_band(labels, np.array(errors), level)
    assert coverage(labels, np.array(errors), band) >= min(level, 1)
