"""Steps of a whole network on two domains, each normalised by its own batch."""

import keras
import numpy as np
import pytest

from tlzoo.alignment.network import TUNE_OBJECTIVES, Joint, JointStep


@pytest.fixture(scope="module")
def drifted():
    """Two classes that a feature tells; the target is stretched and moved, which its own statistics undo."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 64)
    features = random.normal(size=(64, 5)).astype(np.float32)
    features[:, 0] += 2.0 * (2 * labels - 1)
    target = 3 * features + 7
    hot = np.eye(2, dtype=np.float32)[labels]
    ones = np.ones(64, np.float32)
    return features, hot, ones, target, hot, ones


def network():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5,))
    hidden = keras.layers.Dense(8, name="first")(inputs)
    model = keras.Model(inputs, keras.layers.BatchNormalization(momentum=1.0, name="norm")(hidden))
    head = keras.layers.Dense(2, kernel_initializer="zeros", name="head")
    head.build((None, 8))
    return model, head


def stepping(objective, steps=60, moving=True):
    model, head = network()
    made = []

    def optimizer(variables):
        made.append(keras.optimizers.Adam(0.02))
        return made[0]

    variables = model.trainable_variables if moving else []
    how = Joint(objective, steps=steps, smoothing=0.0)
    return model, head, JointStep(model, head, variables, optimizer, how)


@pytest.mark.slow
@pytest.mark.parametrize("objective", TUNE_OBJECTIVES)
def test_the_source_is_learned_whatever_pulls(drifted, objective):
    _, _, step = stepping(objective)
    losses = [step(drifted, number)[0] for number in range(60)]
    assert losses[-1] < 0.5 * losses[0]


def test_domains_do_not_share_statistics(drifted):
    """Under batch statistics a stretched and moved target looks as the source does."""
    model, head, step = stepping("self_training")
    for number in range(60):
        step(drifted, number)
    _, hot, _, target, *_ = drifted
    said = head(model(target, training=True)).numpy().argmax(axis=1)
    assert np.mean(said == hot.argmax(axis=1)) > 0.9
    np.testing.assert_array_equal(model.get_layer("norm").moving_mean, np.zeros(8))


def test_pseudo_labels_pull_only_where_they_weigh(drifted):
    source, hot, ones, target, *_ = drifted
    wrong = hot[:, ::-1].copy()
    heads = []
    for weights in (np.zeros(64, np.float32), ones):
        _, head, step = stepping("self_training", moving=False)
        for number in range(40):
            step((source, hot, ones, target, wrong, weights), number)
        heads.append(np.array(head.kernel))
    assert np.abs(heads[0]).max() > 3 * np.abs(heads[1]).max()


def test_what_is_not_to_learn_stays(drifted):
    model, head, step = stepping("mcc", moving=False)
    before = [np.array(each) for each in model.weights]
    for number in range(5):
        step(drifted, number)
    for was, now in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(was, now)
    assert np.any(np.array(head.kernel))
