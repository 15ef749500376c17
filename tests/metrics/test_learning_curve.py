"""Power laws that are known are found again, and nothing is told that cannot be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.metrics.learning_curve import FAR, CatchUp, catch_up, fit_power_laws

SIZES = np.array([100, 250, 500, 1000])


def law(n, floor=0.05, scale=3.0, exponent=0.5):
    return floor + scale * np.asarray(n, float) ** -exponent


@given(st.floats(0, 0.3), st.floats(0.5, 5), st.floats(0.15, 1.2))
def test_what_is_a_power_law_is_fitted(floor, scale, exponent):
    errors = law(SIZES, floor, scale, exponent)[None, :]
    found = fit_power_laws(SIZES, errors)
    np.testing.assert_allclose(found.at(SIZES), errors, rtol=0.03, atol=2e-3)
    assert (found.floor >= 0).all()
    assert (found.scale >= 0).all()


def test_the_catch_up_point_of_a_known_curve():
    target = law(3000)
    found = catch_up(SIZES, law(SIZES)[None, :], np.array([target]))
    assert found.kind == "at"
    assert found.examples == pytest.approx(3000, rel=0.1)


def test_it_says_how_far_that_is_in_doubt():
    random = np.random.default_rng(0)
    noisy = law(SIZES) + np.vstack([np.zeros(4), random.normal(0, 0.004, (200, 4))])
    found = catch_up(SIZES, noisy, np.full(201, law(2500)))
    assert found.kind == "at"
    assert 1000 < found.low < found.examples < found.high < 10000


@given(st.floats(0, 0.5))
def test_who_is_behind_has_been_caught_up_with(more):
    scratch = law(SIZES)
    assert catch_up(SIZES, scratch[None, :], np.array([scratch[-1] + more])).kind == "already"


@pytest.mark.parametrize(
    ("sizes", "scratch", "target"),
    [
        (SIZES, law(SIZES), 0.04),  # below what scratch can ever reach
        (SIZES, law(SIZES), law(SIZES[-1] * FAR * 2)),  # too far
        (SIZES, np.full(4, 0.4), 0.2),  # it does not fall at all
        (SIZES[2:], law(SIZES[2:]), 0.1),  # two points
    ],
)
def test_what_cannot_be_told_is_not(sizes, scratch, target):
    assert catch_up(sizes, np.asarray(scratch)[None, :], np.array([target])).kind == "untold"


def test_a_doubtful_curve_is_not_extrapolated():
    random = np.random.default_rng(0)
    noisy = law(SIZES) + np.vstack([np.zeros(4), random.normal(0, 0.08, (200, 4))])
    assert catch_up(SIZES, np.maximum(noisy, 0), np.full(201, law(4000))).kind == "untold"


def test_words():
    assert CatchUp("already").words(10) == "Scratch already reaches what transfer reaches."
    assert "cannot be told" in CatchUp("untold").words(1234)
    assert "1,234" in CatchUp("untold").words(1234)
    assert (
        CatchUp("at", 1730.0, 1210.0, 4049.0)
        .words(500)
        .startswith("Scratch would catch up at about 1,700 training examples (1,200 to 4,000), 3.5 times")
    )


def test_too_few_sizes_are_refused():
    with pytest.raises(ValueError, match="needs 3"):
        fit_power_laws([1, 2], [[0.5, 0.4]])
