import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.metrics.calibration import softmax
from tlzoo.metrics.label_noise import find_label_issues, noise_share, out_of_fold


def examples(n=600, classes=3, wrong=0.1, seed=0):
    """Returns features, labels of which some are wrong, and which."""
    random = np.random.default_rng(seed)
    truth = np.arange(n) % classes
    features = random.normal(size=(classes, 12))[truth] * 2 + random.normal(size=(n, 12))
    flipped = np.zeros(n, bool)
    flipped[random.choice(n, round(wrong * n), replace=False)] = True
    labels = np.where(flipped, (truth + random.integers(1, classes, n)) % classes, truth)
    return features, labels, flipped


def test_finds_what_was_flipped():
    features, labels, flipped = examples()
    probabilities = out_of_fold(features, labels)
    issues = find_label_issues(labels, probabilities)
    found = np.zeros(len(labels), bool)
    found[[issue.index for issue in issues]] = True
    assert (found & flipped).sum() / flipped.sum() > 0.8
    assert (found & flipped).sum() / found.sum() > 0.9
    assert noise_share(labels, probabilities) == pytest.approx(0.1, abs=0.03)


def test_clean_labels_are_left_alone():
    features, labels, _ = examples(wrong=0)
    probabilities = out_of_fold(features, labels)
    assert len(find_label_issues(labels, probabilities)) < 0.01 * len(labels)
    assert noise_share(labels, probabilities) < 0.01


def drawn(seed, classes, n):
    random = np.random.default_rng(seed)
    labels = np.append(np.arange(classes), random.integers(0, classes, n))
    skill = random.uniform(0, 3)
    return labels, softmax(random.normal(size=(len(labels), classes)) + skill * np.eye(classes)[labels])


def cleanlab_issues(labels, rows):
    cleanlab = pytest.importorskip("cleanlab.filter")
    return np.flatnonzero(cleanlab.find_label_issues(labels, rows, filter_by="confident_learning", n_jobs=1))


@given(st.integers(0, 1000), st.integers(10, 200))
def test_agrees_with_cleanlab(seed, n):
    labels, rows = drawn(seed, 2, n)
    found = sorted(issue.index for issue in find_label_issues(labels, rows))
    assert found == cleanlab_issues(labels, rows).tolist()


def test_agrees_with_cleanlab_on_many_classes_but_for_some():
    # Where several classes are confidently seen, cleanlab suggests the likeliest of all classes, also if it is not one
    # of these; the paper, and we, the likeliest of these.
    both, either = 0, 0
    for seed in range(30):
        labels, rows = drawn(seed, 6, 300)
        ours, theirs = (
            {issue.index for issue in find_label_issues(labels, rows)},
            set(cleanlab_issues(labels, rows)),
        )
        both, either = both + len(ours & theirs), either + len(ours | theirs)
    assert both / either > 0.9


@given(st.integers(0, 500), st.integers(2, 5))
def test_the_worst_come_first_and_none_suggests_its_own_label(seed, classes):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, 50)
    issues = find_label_issues(labels, softmax(random.normal(size=(50, classes))))
    gaps = [issue.probability - issue.probability_of_label for issue in issues]
    assert gaps == sorted(gaps, reverse=True)
    assert all(issue.label == labels[issue.index] != issue.suggested for issue in issues)


def test_an_absent_class_is_never_suggested():
    rows = np.array([[0.4, 0.0, 0.6]] * 3 + [[0.1, 0.9, 0.0]] * 3)
    assert all(issue.suggested != 2 for issue in find_label_issues(np.array([0, 0, 0, 1, 1, 1]), rows))


def test_copies_do_not_vouch_for_each_other():
    features, labels, flipped = examples(n=300, wrong=0.08)
    # Each wrong label twice: seen in training, its copy would explain it.
    copied = np.flatnonzero(flipped)
    features, labels = np.vstack([features, features[copied]]), np.append(labels, labels[copied])
    groups = [str(i) for i in range(300)] + [str(i) for i in copied]
    apart = out_of_fold(features, labels, groups)
    issues = {issue.index for issue in find_label_issues(labels, apart)}
    assert len(issues & set(copied.tolist())) > 0.8 * len(copied)


def test_a_class_with_two_examples_is_judged_once_each():
    features, labels, _ = examples(n=60)
    labels = labels.copy()
    labels[:2], labels[2:] = 2, np.arange(58) % 2
    found = out_of_fold(features, labels)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_refuses_what_nothing_is_left_to_judge_by():
    with pytest.raises(ValueError, match="2 are needed"):
        out_of_fold(np.eye(4), np.array([0, 0, 0, 1]))
    with pytest.raises(ValueError, match="groups"):
        out_of_fold(np.eye(4), np.array([0, 0, 1, 1]), ["a"] * 4)
