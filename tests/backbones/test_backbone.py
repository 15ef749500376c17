from dataclasses import replace

import keras
import numpy as np
import pytest

from tlzoo.backbones.load import load_backbone
from tlzoo.backbones.stages import Stage
from tlzoo.errors import UnknownNameError, UsageError

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture
def backbone(tiny):
    return load_backbone(tiny)


def trainable(backbone):
    return {stage.name for stage in backbone.stages if any(layer.trainable_weights for layer in stage.layers)}


def test_pixels_in_features_out(backbone):
    assert backbone.model.input_shape == (None, 32, 32, 3)
    assert backbone.model.output_shape == (None, 32)
    assert backbone.stage_names == ("stem", "block", "top")


@pytest.mark.parametrize(
    ("until", "left"), [(None, set()), ("stem", {"block", "top"}), ("block", {"top"}), ("top", set())]
)
def test_freeze_until(backbone, until, left):
    backbone.freeze(until=until)
    assert trainable(backbone) == left


def test_freezing_can_be_undone(backbone):
    backbone.freeze()
    backbone.train(["top", "stem"], batchnorm="train")
    assert trainable(backbone) == {"stem", "top"}


def test_frozen_batchnorm_does_not_train_in_trained_stages(backbone):
    backbone.train(backbone.stage_names)
    assert len(backbone.batchnorms()) == 3
    assert not any(layer.trainable for layer in backbone.batchnorms())
    assert trainable(backbone) == {"stem", "block", "top"}


def test_statistics_inside_a_composite_layer_can_be_frozen_and_trained_again(backbone):
    inner = keras.layers.BatchNormalization()
    outer = keras.Sequential([inner], name="outer")
    block = replace(backbone, network=outer, stages=(Stage("all", (outer,)),))
    block.train(["all"], batchnorm="frozen")
    assert (outer.trainable, inner.trainable) == (True, False)
    block.train(["all"], batchnorm="train")
    assert (outer.trainable, inner.trainable) == (True, True)


def test_a_stage_that_is_not_there(backbone):
    with pytest.raises(UnknownNameError, match=r"no stage of tiny 'blok'.*Did you mean 'block'"):
        backbone.freeze(until="blok")
    with pytest.raises(UnknownNameError, match="stage of tiny"):
        backbone.train(["conv9"])


def test_batchnorm_words(backbone):
    with pytest.raises(UsageError, match="'frozen' or 'train'"):
        backbone.train([], batchnorm="maybe")


def test_moving_statistics_of_frozen_stages_survive_fit(backbone, digits):
    backbone.freeze(until="block")
    model = keras.Sequential([backbone.model, keras.layers.Dense(3)])
    model.compile("sgd", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = [np.array(layer.moving_mean) for layer in backbone.batchnorms()]
    model.fit(digits[0].astype(np.float32), digits[1], epochs=1, verbose=0)
    after = [np.array(layer.moving_mean) for layer in backbone.batchnorms()]
    assert [np.array_equal(a, b) for a, b in zip(before, after, strict=True)] == [True, True, False]


def test_a_size_it_does_not_take(tiny):
    with pytest.raises(UsageError, match="8 pixels or more"):
        load_backbone(tiny, size=(4, 4))


def test_weights_hash_names_the_weights(tiny):
    assert load_backbone(tiny).weights_hash == load_backbone(tiny).weights_hash
    first, second = (load_backbone(tiny, pretrained=False, seed=seed) for seed in (1, 2))
    assert first.weights_hash != second.weights_hash
    assert first.weights_hash == load_backbone(tiny, pretrained=False, seed=1).weights_hash
