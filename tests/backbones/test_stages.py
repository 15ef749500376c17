"""Stages on small networks: taps, members, and everything that must be refused."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tlzoo.backbones import keras_private
from tlzoo.backbones.stages import resolve_stages, stage_outputs
from tlzoo.cards import StageSpec
from tlzoo.errors import CardError


def _tap(name, tap):
    return StageSpec(name=name, tap=tap)


def _members(name, *globs):
    return StageSpec(name=name, members=globs)


@keras.saving.register_keras_serializable("tests")
class Block(keras.layers.Layer):
    """A composite: a convolution, a BatchNormalization and a weight of its own."""

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.conv = keras.layers.Conv2D(filters, 1, name="conv")
        self.norm = keras.layers.BatchNormalization(name="norm")

    def build(self, shape):
        self.gain = self.add_weight(shape=(), name="gain")
        self.conv.build(shape)
        self.norm.build((*shape[:-1], self.conv.filters))

    def call(self, x, training=None):
        return self.gain * self.norm(self.conv(x), training=training)

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.conv.filters)


@pytest.fixture
def flat():
    x = keras.Input((8, 8, 3))
    y = keras.layers.Conv2D(4, 3, padding="same", name="stem_conv")(x)
    y = stem = keras.layers.ReLU(name="stem_relu")(y)
    y = keras.layers.Conv2D(4, 3, padding="same", name="block_conv")(y)
    y = keras.layers.BatchNormalization(name="block_bn")(y)
    y = y + stem
    y = keras.layers.Conv2D(8, 1, name="top_conv")(y)
    y = keras.layers.Activation("relu")(y)
    return keras.Model(x, y, name="flat")


@pytest.fixture
def composite():
    x = keras.Input((8, 8, 3))
    y = Block(4, name="embed")(x)
    y = Block(4, name="block_1")(y)
    y = Block(4, name="block_2")(y)
    return keras.Model(x, keras.layers.LayerNormalization(name="norm")(y), name="composite")


FLAT = (_tap("stem", "stem_relu"), _tap("block", "Add[0]"), _tap("top", "Activation[-1]"))


def test_taps_take_what_they_depend_on_and_nothing_twice(flat):
    stages = resolve_stages(flat, FLAT)
    assert [stage.name for stage in stages] == ["stem", "block", "top"]
    assert [layer.name for layer in stages[0].layers][1:] == ["stem_conv", "stem_relu"]
    assert {layer.name for layer in stages[1].layers} == {"block_conv", "block_bn"}
    held = [id(layer) for stage in stages for layer in stage.layers]
    assert len(held) == len(set(held)) == len(flat.layers)


def test_taps_are_outputs(flat):
    outputs = stage_outputs(flat, FLAT)
    assert {name: output.shape[-1] for name, output in outputs.items()} == {"stem": 4, "block": 4, "top": 8}
    values = keras.Model(flat.input, outputs).predict(np.ones((1, 8, 8, 3)), verbose=0)
    np.testing.assert_array_equal(values["top"], flat.predict(np.ones((1, 8, 8, 3)), verbose=0))


def test_classes_are_counted_within_the_network_not_within_the_process(flat):
    for _ in range(3):
        keras.layers.Activation("relu")
    again = keras.models.clone_model(flat)
    assert len(resolve_stages(again, FLAT)) == 3


def test_members_select_composite_blocks_whole(composite):
    stages = resolve_stages(
        composite, (_members("stem", "embed"), _members("blocks", "block_*"), _members("top", "norm"))
    )
    assert [layer.name for layer in stages[1].layers] == ["block_1", "block_2"]
    assert sum(len(layer.weights) for stage in stages for layer in stage.layers) == len(composite.weights)


def test_freezing_a_stage_reaches_batchnorm_inside_a_block(composite):
    stages = resolve_stages(composite, (_members("stem", "embed"), _tap("rest", "norm")))
    for layer in stages[0].layers:
        layer.trainable = False
    norms = [
        x for x in keras_private.leaf_layers(composite) if isinstance(x, keras.layers.BatchNormalization)
    ]
    assert [norm.trainable for norm in norms] == [False, True, True]


def test_every_part_is_found_once(composite):
    paths = [path for path, _ in keras_private.walk(composite)]
    assert paths.count("block_1/norm") == 1
    assert {"embed", "embed/conv", "norm"} <= set(paths)
    assert len(paths) == len(set(paths))


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        ((_tap("stem", "stem_rellu"), _tap("top", "Activation[-1]")), "no layer is called that"),
        ((_tap("stem", "stem_rellu"), _tap("top", "Activation[-1]")), "stem_relu"),
        ((_tap("stem", "ReLU[7]"), _tap("top", "Activation[-1]")), "taps 'ReLU[7]'"),
        ((_tap("stem", "Activation[-1]"), _tap("top", "stem_relu")), "stage 'top' is empty"),
        ((_tap("stem", "stem_relu"), _tap("block", "Add[0]")), "leave out 2 of 10 weights: top_conv/kernel"),
        ((_tap("stem", "stem_relu"), _members("top", "blok*")), "'blok*', which matches no layer"),
        ((_tap("stem", "stem_relu"), _members("top", "*_conv")), "layers of an earlier stage: stem_conv"),
    ],
)
def test_stages_that_do_not_partition_are_refused(flat, specs, said):
    with pytest.raises(CardError) as caught:
        resolve_stages(flat, specs)
    assert said in str(caught.value)
