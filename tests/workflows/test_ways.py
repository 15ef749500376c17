"""Which ways some methods make, and that each gives one linear head a domain."""

import numpy as np
import pytest

from tlzoo.errors import UnknownNameError, UsageError
from tlzoo.workflows.ways import STRENGTHS, USUAL, Learners, Way, ways


def test_the_source_alone_is_always_tried_first():
    names = [way.name for way in ways(["coral"], adabn=True)]
    assert names[0] == "source only"
    assert set(names) == {"source only", "coral"}


def test_methods_combine():
    found = ways(USUAL, adabn=True)
    assert len(found) == 2 * 3 * 2 * len(STRENGTHS)
    assert "adabn + coral + self_training" in {way.name for way in found}
    assert not {way.features for way in ways(USUAL, adabn=False)} - {"plain"}


def test_what_is_learned_begins_standardised():
    learned = [
        way for way in ways(["mcc", "dann"], adabn=True) if way.learn not in ("source", "self_training")
    ]
    assert {way.align for way in learned} == {"standardise"}
    assert {way.learn for way in learned} == {"mcc", "dann"}


def test_slips():
    with pytest.raises(UnknownNameError, match="Did you mean 'coral'"):
        ways(["corall"], adabn=True)
    with pytest.raises(UsageError, match="without BatchNormalization"):
        ways(["adabn"], adabn=False)


@pytest.mark.parametrize(
    "way",
    [Way("plain", align, "source", 0.1) for align in ("none", "standardise", "coral")]
    + [Way("plain", "coral", "self_training", 0.1), Way("plain", "standardise", "mcc", 1.0)],
    ids=lambda way: way.name,
)
def test_every_way_gives_a_head_for_features_as_they_are(way):
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 120)
    features = random.normal(size=(120, 5)).astype(np.float32) + 2 * labels[:, None]
    target = 3 * features[60:] + 5
    adapted = Learners(2).learner(way)(features[:60], labels[:60], target)
    assert adapted.target.kernel.shape == (5, 2)
    assert np.mean(adapted.source.decisions(features[:60]) == labels[:60]) > 0.9
    if way.align != "none":
        assert np.mean(adapted.target.decisions(target) == labels[60:]) > 0.9


def test_an_alignment_is_computed_once_per_pair_of_arrays(monkeypatch):
    from tlzoo.workflows import ways as module

    calls = []

    def counted(source, target):
        calls.append(1)
        return module.maps.standardise(source, target)

    monkeypatch.setitem(module.ALIGNMENTS, "standardise", counted)
    random = np.random.default_rng(1)
    source, target, labels = random.normal(size=(20, 3)), random.normal(size=(20, 3)), np.arange(20) % 2
    learners = Learners(2)
    for strength in STRENGTHS:
        learners.learner(Way("plain", "standardise", "source", strength))(source, labels, target)
    assert len(calls) == 1
    learners.learner(Way("plain", "standardise", "source", 0.1))(source.copy(), labels, target)
    assert len(calls) == 2
