import numpy as np
import pytest

from tlzoo.backbones.load import load_backbone
from tlzoo.models.assemble import assemble
from tlzoo.tasks.classification import Classification

pytestmark = pytest.mark.usefixtures("tiny")


def test_head_on_features(tiny, digits):
    backbone = load_backbone(tiny)
    head = Classification(("a", "b")).head()
    model = assemble(backbone, head)
    head.kernel.assign(np.random.default_rng(0).normal(size=(32, 2)))
    pixels = digits[0][:3].astype(np.float32)
    expected = np.asarray(backbone.model(pixels)) @ np.asarray(head.kernel)
    np.testing.assert_allclose(np.asarray(model(pixels)), expected, atol=1e-5)


def test_freezing_the_backbone_freezes_the_model(tiny):
    backbone = load_backbone(tiny)
    model = assemble(backbone, Classification(("a", "b")).head())
    backbone.freeze()
    assert [variable.path for variable in model.trainable_variables] == ["head/kernel", "head/bias"]


def test_dropout_drops_while_training_only(tiny, digits):
    backbone = load_backbone(tiny)
    model = assemble(backbone, Classification(("a", "b")).head(), dropout=0.5)
    model.get_layer("head").kernel.assign(np.ones((32, 2)))
    pixels = digits[0][:3].astype(np.float32)
    assert np.array_equal(model(pixels), model(pixels))
    assert not np.array_equal(model(pixels, training=True), model(pixels, training=True))
