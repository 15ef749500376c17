"""What is trusted without a label of the target, and what is not."""

import numpy as np
import pytest

from tlzoo.adaptation import maps
from tlzoo.adaptation.choice import (
    Adapted,
    Domains,
    consensus,
    importance,
    kappa,
    trust,
    weighted_validation,
)
from tlzoo.adaptation.heads import Linear, fit


def by(align, strength=0.1):
    """A learner that fits a head in the space of an alignment."""

    def learner(source, labels, target):
        found = align(source, target)
        head = fit(found.source(source), labels, 2, strength)
        return Adapted(
            *(Linear(*each.before(head.kernel, head.bias)) for each in (found.source, found.target))
        )

    return learner


@pytest.fixture(scope="module")
def domains():
    """A target that is the source, stretched and moved: standardising it is all that is needed."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 400)
    features = random.normal(size=(400, 5)) + 2 * labels[:, None] * np.array([1, -1, 1, 0, 0])
    return Domains(features[:200], labels[:200], features[200:] * 3 + 20), labels[200:]


def judged(learner, known):
    adapted = learner(known.source, known.labels, known.target)
    return adapted, trust(learner, known, importance(known.source, known.target))


def test_the_way_that_works_is_trusted_more_than_the_one_that_does_not(domains):
    known, truth = domains
    good, trusted = judged(by(maps.standardise), known)
    bad, distrusted = judged(by(maps.none), known)
    assert np.mean(good.target.decisions(known.target) == truth) > 0.9
    assert np.mean(bad.target.decisions(known.target) == truth) < 0.7
    assert trusted.total > 0.5 > distrusted.total
    assert distrusted.validation > 0.7  # the source alone would not have told
    assert set(trusted.to_dict()) == {"validation", "agreement", "reverse", "weighted", "total"}


def test_a_head_that_never_decides_gets_nothing(domains):
    known, _ = domains

    def constant(source, labels, target):
        head = Linear(np.zeros((5, 2)), np.array([0.0, 1.0]))
        return Adapted(head, head)

    found = trust(constant, known, np.ones(200))
    assert (found.validation, found.agreement, found.reverse) == (0.0, 0.0, 0.0)
    assert found.weighted == 0.5


def test_a_way_that_remembers_is_not_validated_on_what_it_remembers(domains):
    known, _ = domains
    random = np.random.default_rng(3)
    noise = Domains(known.source, random.integers(0, 2, 200), known.target)
    _, found = judged(by(maps.standardise, strength=1e4), noise)
    assert abs(found.validation) < 0.2
    assert abs(found.reverse) < 0.2
    assert found.total < 0.1  # of heads on labels that mean something it is above a half


def test_halves_are_disjoint_and_whole_and_hold_every_class(domains):
    known, _ = domains
    first, second = known.halves
    assert sorted([*first.rows, *second.rows]) == list(range(200))
    assert len(first.target) + len(second.target) == 200
    assert not {row.tobytes() for row in first.target} & {row.tobytes() for row in second.target}
    assert set(first.labels) == set(second.labels) == {0, 1}
    np.testing.assert_array_equal(known.labels[first.rows], first.labels)


def test_each_half_is_asked_forth_and_back(domains):
    known, _ = domains
    asked = []

    def spy(source, labels, target):
        asked.append((len(source), len(target)))
        return by(maps.standardise)(source, labels, target)

    trust(spy, known, np.ones(200))
    halves = [len(half.source) for half in known.halves]
    assert sorted(asked) == sorted([(halves[0], 100), (halves[1], 100), (200, halves[0]), (200, halves[1])])


def test_kappa_is_scikit_learns():
    from sklearn.metrics import cohen_kappa_score

    random = np.random.default_rng(1)
    a, b = random.integers(0, 3, 50), random.integers(0, 3, 50)
    assert kappa(a, b) == pytest.approx(cohen_kappa_score(a, b))
    assert kappa(a, a) == 1.0
    assert kappa(a, np.zeros(50, int)) == 0.0


def test_importance_is_large_where_the_target_is():
    random = np.random.default_rng(2)
    source = random.uniform(0, 1, (400, 1))
    target = random.beta(5, 2, (400, 1))
    found = importance(source, target)
    assert found.mean() == pytest.approx(1.0)
    assert found[source[:, 0] > 0.6].mean() > 2 * found[source[:, 0] < 0.3].mean()


def test_weighted_validation_counts_what_looks_like_the_target():
    labels, said = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0])
    assert weighted_validation(labels, said, np.ones(4)) == pytest.approx(0.5)
    assert weighted_validation(labels, said, np.array([1, 0, 1, 0])) == pytest.approx(1.0)


def test_what_most_trusted_ways_say_is_agreed_on():
    random = np.random.default_rng(4)
    truth = random.integers(0, 3, 300)

    def errs(share):
        wrong = random.random(300) < share
        said = np.where(wrong, random.integers(0, 3, 300), truth)
        return np.full((300, 3), 0.1) + 0.7 * np.eye(3)[said]

    ways = [errs(0.1), errs(0.5), errs(0.5), errs(0.5)]
    found = consensus(ways, [0.6, 0.3, 0.3, 0.3])
    assert int(np.argmax(found)) == 0
    assert all(0.0 <= each <= 1.0 for each in found)


def test_what_nothing_speaks_for_is_not_heard():
    """Three ways that say the same nonsense do not outvote one that is trusted."""
    sense, nonsense = np.eye(2)[[0, 0, 1, 1]], np.eye(2)[[0, 1, 0, 1]]
    assert consensus([nonsense] * 3 + [sense], [0.0, 0.0, 0.0, 0.4]) == [0.0, 0.0, 0.0, 1.0]
    assert consensus([nonsense] * 3 + [sense], [0.0] * 4) == [1.0, 1.0, 1.0, 0.0]
