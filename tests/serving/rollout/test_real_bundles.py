"""The same with models inside: exported ones answer after they were deployed, and plain ones are understood."""

import numpy as np
import pytest
import tensorflow as tf

from tests.export.conftest import bundle_dir, card, exportable  # noqa: F401
from tests.serving.rollout.test_deploy import tree
from tlzoo.bundle import read_bundle
from tlzoo.errors import BundleError
from tlzoo.export.predictor import Predictor
from tlzoo.serving.rollout.changes import shape_of
from tlzoo.serving.rollout.deploy import Order, deploy
from tlzoo.serving.rollout.site import Site


class Doubler(tf.Module):
    def __init__(self, width):
        self.factor = tf.Variable(2.0)
        self.double = tf.function(
            lambda x: {"y": x * self.factor},
            input_signature=[tf.TensorSpec([None, width], tf.float32, name="x")],
        )


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Makes a SavedModel without `bundle.json`; `plain(width)` is its version folder."""

    def call(width):
        folder = tmp_path_factory.mktemp("plain") / "doubler" / "1"
        model = Doubler(width)
        tf.saved_model.save(model, str(folder), signatures={"serving_default": model.double})
        return folder

    return call


def test_a_deployed_bundle_answers_as_the_exported_one(bundle_dir, tmp_path):  # noqa: F811
    done = deploy(bundle_dir, Site(tmp_path / "served"), Order("photos"))
    assert done.notes == ()
    assert tree(done.path) == tree(bundle_dir / "1")
    image = np.random.default_rng(0).integers(0, 256, (20, 16, 3), dtype=np.uint8)
    answers = [Predictor.load(folder).predict([image])[0] for folder in (bundle_dir, done.path)]
    assert answers[0] == answers[1]


def test_what_the_description_says_is_what_the_graph_has(bundle_dir):  # noqa: F811
    folder, facts = read_bundle(bundle_dir)
    described = shape_of(folder).tensors
    (folder / "assets.extra" / "bundle.json").rename(folder / "assets.extra" / "elsewhere.json")
    try:
        found = shape_of(folder)
    finally:
        (folder / "assets.extra" / "elsewhere.json").rename(folder / "assets.extra" / "bundle.json")
    assert found.tensors == described
    assert (found.task, found.class_names) == (None, None)
    assert {key[0] for key in described} == facts.signatures.keys()


def test_plain_models_are_compared_by_their_graphs(plain, tmp_path):
    site, order = Site(tmp_path / "served"), Order(allow=frozenset(["plain"]))
    assert deploy(plain(3), site, order).model == "doubler"
    assert deploy(plain(3), site, order).version == 2
    with pytest.raises(BundleError, match=r"input 'x' was float32 \(\?, 3\) and is float32 \(\?, 4\)"):
        deploy(plain(4), site, order)
    loaded = tf.saved_model.load(str(tmp_path / "served" / "doubler" / "2"))
    answer = loaded.signatures["serving_default"](tf.constant([[1.0, 2.0, 3.0]]))
    assert answer["y"].numpy().tolist() == [[2.0, 4.0, 6.0]]
