import numpy as np
import pytest

from tlzoo.training.rate_finder import Growing, diverged, longest_valley, smoothed, suggested


def test_rates_grow_geometrically_from_end_to_end():
    growing = Growing(1e-7, 10.0, 100)
    rates = [float(growing(step)) for step in range(100)]
    assert (rates[0], rates[-1]) == (pytest.approx(1e-7), pytest.approx(10.0, rel=1e-4))
    ratios = np.array(rates[1:]) / rates[:-1]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-4)
    assert Growing.from_config(growing.get_config()).get_config() == growing.get_config()


def test_smoothing_does_not_begin_at_zero():
    assert smoothed([3.0, 3.0, 3.0]) == pytest.approx([3.0, 3.0, 3.0])
    mean = 0.02 * 1.0 * 0.98 + 0.02 * 2.0
    assert smoothed([1.0, 2.0])[1] == pytest.approx(mean / (1 - 0.98**2))


def test_divergence_is_four_times_the_least_or_no_number():
    assert not diverged([1.0, 2.0])
    assert diverged([1.0] * 5 + [1e3])
    assert diverged([1.0, float("nan")])
    assert diverged([1.0, float("inf")])


def test_the_longest_valley_may_skip():
    assert longest_valley(np.array([5.0, 4, 9, 3, 2, 8])) == (4, 4)
    assert longest_valley(np.array([1.0, 2, 3])) == (0, 1)
    assert longest_valley(np.array([])) == (0, 0)


def test_the_pick_is_halfway_down_the_valley():
    """By hand after fastai: 100 losses, falling from 40 to 79 of them, the first ten and last five cut off."""
    rates = np.geomspace(1e-7, 10, 100)
    losses = [2.0] * 40 + list(np.linspace(1.99, 0.5, 40)) + list(np.linspace(0.6, 2, 20))
    # The valley: one flat loss and forty falling ones, so 41 of them, ending at 79 - 10.
    start, third = 79 - 10 - 41, 41 / 3
    assert suggested(rates, losses, 100) == pytest.approx(rates[10 + start + int(third) + int(third / 2)])


def test_no_pick_where_nothing_falls():
    assert suggested(np.geomspace(1e-7, 10, 100), np.linspace(1, 2, 100), 100) is None


def test_what_follows_no_number_is_not_looked_at():
    losses = [*np.linspace(2, 1, 50), float("nan"), *np.linspace(1, 0, 49)]
    assert suggested(np.geomspace(1e-7, 10, 100), losses, 100) < 1e-2
