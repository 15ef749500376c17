"""Every text family through the whole path, with a tiny random member that hubs' forms hold."""

from __future__ import annotations

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.text_families import (
    FAMILIES,
    ODD,
    write_hugging_face_bert,
    write_hugging_face_gpt2,
    write_preset,
)
from tlzoo.backbones.load import load_backbone
from tlzoo.backbones.weights import restore, snapshot

pytestmark = pytest.mark.slow

WRITERS = {
    **{name: (lambda folder, name=name: write_preset(name, folder)) for name in FAMILIES},
    "bert in Hugging Face's form": write_hugging_face_bert,
    "gpt2 in Hugging Face's form": write_hugging_face_gpt2,
}
CHECK = """
import json, sys
import numpy as np, tensorflow as tf, tensorflow_text
folders, texts = json.loads(sys.stdin.read())
answers = {}
for name, folder in folders.items():
    model = tf.saved_model.load(folder)  # whoever keeps only a part of it loses its weights
    answers[name] = [model.serve(tf.constant(some)).numpy().tolist() for some in (texts, texts[2:3])]
print(json.dumps(answers), file=sys.stderr)
"""


# One of each kind of tokenizer and form; the others take a minute more.
QUICK = ("bert", "gpt2", "xlm_roberta", "bert in Hugging Face's form")
SOME_SLOW = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in WRITERS]


class Tiny:
    """A family's card, its backbone as loaded from a folder, and what it makes of the odd texts."""

    def __init__(self, name, folder):
        self.name, self.card = name, WRITERS[name](folder)
        self.backbone = load_backbone(self.card)
        self.features = self(ODD)

    def __call__(self, texts, backbone=None):
        backbone = backbone or self.backbone
        return np.asarray(backbone.model(backbone.encoder(tf.constant(texts))))


@pytest.fixture(scope="module")
def tinies(tmp_path_factory):
    return {name: Tiny(name, tmp_path_factory.mktemp("tiny")) for name in WRITERS}


@pytest.fixture(params=WRITERS)
def any_tiny(request, tinies):
    """Every family; what a test changes in its weights is put back."""
    yield from _put_back(tinies[request.param])


@pytest.fixture(params=SOME_SLOW)
def tiny(request, tinies):
    """Families that stand for others; what a test changes in their weights is put back."""
    yield from _put_back(tinies[request.param])


def _put_back(chosen):
    before = snapshot(chosen.backbone.model.variables)
    yield chosen
    restore(chosen.backbone.model.variables, before, origin="the test")
    chosen.backbone.train(chosen.backbone.stage_names)


def test_odd_texts_give_numbers_and_never_change_by_company(any_tiny):
    assert np.isfinite(any_tiny.features).all()
    for index, text in enumerate(ODD):
        np.testing.assert_allclose(any_tiny([text])[0], any_tiny.features[index], atol=1e-5)


def test_tokens_outlive_a_new_random_seed(any_tiny):
    """TensorFlow forgets kernels then, and what they own."""
    before = any_tiny.backbone.encoder(tf.constant(ODD)).numpy()
    keras.utils.set_random_seed(7)
    np.testing.assert_array_equal(any_tiny.backbone.encoder(tf.constant(ODD)), before)


def test_different_texts_have_different_features(any_tiny):
    if any_tiny.backbone.encoder.tokenizer.unknown is None:  # the any_tiny vocabularies know no Hebrew
        assert len(np.unique(any_tiny.features.round(4), axis=0)) >= len(ODD) - 2
    assert np.abs(any_tiny.features[2] - any_tiny.features[3]).max() > 1e-4


def test_tokens_are_in_the_vocabulary_and_marked(any_tiny):
    encoder, network = any_tiny.backbone.encoder, any_tiny.backbone.network
    tokens = encoder(tf.constant(ODD)).numpy()
    embedding = next(weight for weight in network.weights if "embeddings" in weight.path)
    assert tokens.min() >= -1
    assert tokens.max() < embedding.shape[0]
    assert tokens.shape[1] <= encoder.length
    for row in tokens:
        row = row[row >= 0].tolist()
        assert tuple(row[: len(encoder.tokenizer.start)]) == encoder.tokenizer.start
        assert not encoder.tokenizer.end or tuple(row[-1:]) == encoder.tokenizer.end
    assert all(isinstance(word, str) for word in encoder.tokenizer.words(tokens[2][tokens[2] >= 0].tolist()))


def test_the_other_locator_gives_the_same(tiny):
    other = tiny.card.locator.partition(":")[2]
    scheme = "keras-hub" if tiny.card.locator.startswith("file:") else "file"
    again = load_backbone(tiny.card.model_copy(update={"locator": f"{scheme}:{other}"}))
    assert again.weights_hash == load_backbone(tiny.card).weights_hash
    assert again.encoder.tokenizer.fingerprint == tiny.backbone.encoder.tokenizer.fingerprint
    np.testing.assert_allclose(tiny(ODD, again), tiny.features, atol=1e-6)


def test_a_random_twin_has_other_weights_and_the_same_tokens(tiny):
    twin = load_backbone(tiny.card, pretrained=False)
    assert twin.weights_hash != tiny.backbone.weights_hash
    assert twin.network.count_params() == tiny.backbone.network.count_params()
    assert np.array_equal(twin.encoder(tf.constant(ODD)), tiny.backbone.encoder(tf.constant(ODD)))


def _fit(backbone, stages):
    """Trains one step; returns the stages whose weights moved, and those of which any bit did."""
    backbone.train(stages)
    logits = keras.layers.Dense(2, name="head")(backbone.model.output)
    model = keras.Model(backbone.model.input, logits)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.5), loss, run_eagerly=True)
    before = {
        stage.name: [np.array(w) for layer in stage.layers for w in layer.weights]
        for stage in backbone.stages
    }
    tokens = backbone.encoder(tf.constant(["the quick fox", "over the dogs", "quick", "the lazy dog"]))
    model.fit(tokens, np.array([0, 1, 0, 1]), batch_size=4, verbose=0)
    return {
        stage.name
        for stage in backbone.stages
        if any(
            not np.array_equal(old, np.asarray(new))
            for old, new in zip(
                before[stage.name], [w for layer in stage.layers for w in layer.weights], strict=True
            )
        )
    }


def test_all_stages_train(any_tiny):
    assert _fit(any_tiny.backbone, any_tiny.backbone.stage_names) == set(any_tiny.backbone.stage_names)


def test_frozen_stages_stay_bit_for_bit(any_tiny):
    first, *others = any_tiny.backbone.stage_names
    assert _fit(any_tiny.backbone, others) == set(others)
    assert _fit(any_tiny.backbone, [first]) == {first}


def test_every_weight_was_loaded(any_tiny):
    """The presets hold no weight that is all zeros or all ones, as unloaded ones would be."""
    for weight in any_tiny.backbone.network.weights:
        assert np.std(np.asarray(weight)) > 0, weight.path


def test_weights_travel_as_values(tiny):
    values = snapshot(tiny.backbone.model.variables)
    twin = load_backbone(tiny.card, pretrained=False)
    restore(twin.model.variables, values, origin="a snapshot")
    np.testing.assert_allclose(tiny(ODD, twin), tiny.features, atol=1e-6)


# KerasHub's RelativeEmbedding does not build its normalisation, and Keras refuses to fill what is not built.
@pytest.mark.filterwarnings("ignore:.build... was called on layer 'rel_embedding':UserWarning")
def test_weights_travel_as_a_model(request, tiny, tmp_path):
    if tiny.name == "deberta_v3":
        request.applymarker(pytest.mark.xfail(raises=ValueError, strict=True, reason="KerasHub 0.32"))
    tiny.backbone.model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    tokens = tiny.backbone.encoder(tf.constant(ODD))
    np.testing.assert_allclose(np.asarray(again(tokens)), tiny.features, atol=1e-6)


def test_an_exact_gelu_outlives_a_file(tinies, tmp_path):
    card = tinies["bert"].card
    exact = card.model_copy(update={"architecture": {**card.architecture, "gelu": "exact"}})
    backbone = load_backbone(exact)
    features = tinies["bert"](ODD, backbone)
    assert np.abs(features - tinies["bert"].features).max() > 1e-6
    backbone.model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(np.asarray(again(backbone.encoder(tf.constant(ODD)))), features, atol=1e-6)


@pytest.mark.parametrize("name", ["bert", "albert", "electra"])
def test_a_networks_own_pooler_can_be_asked_for(tinies, name):
    card = tinies[name].card.model_copy(update={"pooling": "none"})
    stages = [stage for stage in card.stages if stage.name != "pooler"]
    pooler = {"name": "pooler", "members": ("encoder/pooled_dense",)}
    card = card.model_validate({**card.model_dump(), "stages": [*(s.model_dump() for s in stages), pooler]})
    backbone = load_backbone(card)
    assert backbone.stage_names[-1] == "pooler"
    assert np.abs(tinies[name](ODD, backbone)).max() <= 1  # a tanh


@pytest.mark.parametrize("name", ["roberta", "gpt2"])
def test_no_pooler_where_there_is_none(tinies, name):
    backbone = load_backbone(tinies[name].card.model_copy(update={"pooling": "mean"}))
    assert tinies[name](ODD, backbone).shape == (len(ODD), 16)


class _Served(tf.Module):
    def __init__(self, backbone):
        self.model, self.encoder = backbone.model, backbone.encoder
        self.resources = backbone.encoder.tokenizer.resources

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)], autograph=False)
    def serve(self, texts):
        return self.model(self.encoder(texts), training=False)


@pytest.fixture(scope="module")
def served(request, tinies, tmp_path_factory):
    """The families this run asks for, exported with their tokenizers, answered for by a process without Keras."""
    # Other modules have a fixture of this name too.
    here = [item for item in request.session.items if item.path == request.path]
    asked = {item.callspec.params["name"] for item in here if "served" in item.fixturenames}
    folders = {name: str(tmp_path_factory.mktemp("saved")) for name in sorted(asked)}
    for name, folder in folders.items():
        tf.saved_model.save(_Served(tinies[name].backbone), folder)
    done = subprocess.run(
        [sys.executable, "-c", CHECK],
        input=json.dumps([folders, ODD]),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stderr.splitlines()[-1])


@pytest.mark.parametrize("name", SOME_SLOW)
def test_strings_to_features_in_a_saved_model(tinies, served, name):
    together, alone = served[name]
    np.testing.assert_allclose(together, tinies[name].features, atol=1e-5)
    np.testing.assert_allclose(alone, tinies[name].features[2:3], atol=1e-5)
