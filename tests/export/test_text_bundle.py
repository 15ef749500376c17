"""A run on texts as a bundle: what its signatures take, what it says of itself, and what it needs to be served."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

import tlzoo
from tlzoo.bundle import WARMUP_FILE, read_bundle
from tlzoo.errors import BundleError
from tlzoo.export.predictor import Predictor
from tlzoo.export.signatures import example

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_text")]

TEXTS = [
    "Add a pinch of salt to the soup.",
    "",
    "The referee gave a red card!",
    "Water the roses " * 40,
    "⚽",
]


@pytest.fixture(scope="module", params=["head", "chunks"])
def run(request, tiny_text, corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / request.param
    options = {"length": 12, "long_text": "chunks"} if request.param == "chunks" else {}
    return tlzoo.train(corpus, backbone=tiny_text, out=out, engine="graph", epochs=10, **options)


@pytest.fixture(scope="module")
def bundle(run, tmp_path_factory):
    return run.export(tmp_path_factory.mktemp("bundles") / "talk")


@pytest.fixture(scope="module")
def signatures(bundle):
    loaded = tf.saved_model.load(str(bundle.folder))
    yield loaded.signatures
    del loaded


def expected(run, texts):
    tokens = run.backbone.encoder(texts)
    logits = np.asarray(run.model(tokens, training=False))
    return tf.nn.softmax(logits / run.temperature).numpy()


def test_the_description_tells_the_truth(run, bundle, signatures):
    folder, facts = read_bundle(bundle.folder, verify=True)
    assert set(facts.signatures) == set(signatures) == {"serving_default", "tokens", "features", "classify"}
    said = json.loads((folder / "assets.extra" / "bundle.json").read_text())
    plan = run.folder.plan
    assert (said["modality"], said["size"]) == ("text", [0, 0])
    assert (said["length"], said["long_text"]) == (plan.length, plan.long_text)
    assert said["needs_ops"] == ["tensorflow_text"]
    assert said["min_serving_version"] == ".".join(tf.__version__.split(".")[:2]) + ".0"
    assert facts.signatures["tokens"].inputs["tokens"].dtype == "int32"
    assert facts.signatures["tokens"].inputs["tokens"].shape == (None, None)
    assert facts.signatures["serving_default"].inputs["text"].dtype == "string"
    assert facts.parity.passed
    assert set(facts.parity.checked) == set(signatures)
    assert facts.parity.max_difference < 1e-5


def test_every_signature_answers_as_the_model(run, signatures):
    probabilities = expected(run, TEXTS)
    plain = signatures["serving_default"](text=tf.constant(TEXTS))
    np.testing.assert_allclose(plain["probabilities"], probabilities, atol=1e-5)
    tokens = signatures["tokens"](tokens=run.backbone.encoder(TEXTS))
    np.testing.assert_allclose(tokens["probabilities"], probabilities, atol=1e-5)
    ranked = signatures["classify"](inputs=tf.constant([example(text.encode(), "text") for text in TEXTS]))
    np.testing.assert_allclose(ranked["scores"], -np.sort(-probabilities), atol=1e-5)
    features = signatures["features"](text=tf.constant(TEXTS))["features"]
    assert features.shape == (len(TEXTS), 16)


def test_no_texts_are_answered(signatures):
    assert signatures["serving_default"](text=tf.constant([], tf.string))["probabilities"].shape == (0, 3)
    assert signatures["tokens"](tokens=tf.zeros((0, 7), tf.int32))["probabilities"].shape == (0, 3)


@pytest.mark.parametrize("width", [0, 1, 11, 12, 13, 25, 40, 41, 200])
def test_tokens_of_any_width_are_answered(run, signatures, width):
    tokens = np.full((2, width), -1, np.int32)
    tokens[:, : min(width, 9)] = 7
    answer = signatures["tokens"](tokens=tf.constant(tokens))["probabilities"]
    assert np.isfinite(answer).all()
    if width >= 9:
        same = signatures["tokens"](tokens=tf.constant(tokens[:, :9]))["probabilities"]
        np.testing.assert_allclose(answer, same, atol=1e-5)


def test_strange_numbers_are_padding_or_the_last_token(run, signatures):
    size = run.backbone.encoder.tokenizer.size

    def asked(*numbers):
        return signatures["tokens"](tokens=tf.constant([numbers], tf.int32))["probabilities"].numpy()

    np.testing.assert_allclose(asked(2, 9, 3, -7), asked(2, 9, 3, -1), atol=1e-6)
    np.testing.assert_allclose(asked(2, size + 5, 3), asked(2, size - 1, 3), atol=1e-6)


def test_warm_up_asks_every_signature_about_real_texts(run, bundle, signatures):
    records = tf.data.TFRecordDataset(str(bundle.folder / WARMUP_FILE))
    requests = [
        prediction_log_pb2.PredictionLog.FromString(one.numpy()).predict_log.request for one in records
    ]
    asked = [request.model_spec.signature_name for request in requests]
    assert asked == ["serving_default", "tokens", "features", "classify"] * 2
    known = {item.encode() for item in run.dataset.items}
    for request in requests:
        given = {key: tf.constant(tf.make_ndarray(value)) for key, value in request.inputs.items()}
        assert signatures[request.model_spec.signature_name](**given)
        if "text" in given:
            assert set(given["text"].numpy()) <= known


LOAD = """
import sys
import numpy as np
import tensorflow as tf
{before}
model = tf.saved_model.load({folder!r})
np.save({out!r}, model.signatures["serving_default"](text=tf.constant({texts!r}))["probabilities"].numpy())
print(*[name for name in ("tlzoo", "keras_hub") if name in sys.modules])
"""


def test_tensorflow_and_tensorflow_text_are_enough(run, bundle, tmp_path):
    code = LOAD.format(
        before="import tensorflow_text", folder=str(bundle.folder), out=str(tmp_path / "got.npy"), texts=TEXTS
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == []
    np.testing.assert_allclose(np.load(tmp_path / "got.npy"), expected(run, TEXTS), atol=1e-5)


def test_tensorflow_text_is_really_needed_and_the_predictor_brings_it(bundle, tmp_path):
    if bundle.facts.long_text == "chunks":
        pytest.skip("once is enough")
    code = LOAD.format(before="", folder=str(bundle.folder), out=str(tmp_path / "x.npy"), texts=TEXTS)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode != 0
    assert "Op type not registered" in done.stderr
    code = f"""
import sys
from tlzoo.export.predictor import Predictor
before = "tensorflow_text" in sys.modules
answers = Predictor.load({str(bundle.folder)!r}).predict({TEXTS!r})
print(before, "tensorflow_text" in sys.modules, len(answers), any(one.error for one in answers))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True", "5", "False"], done.stderr[-2000:]


def test_a_library_of_ops_that_is_not_here_is_named(bundle, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "tensorflow_text", None)
        with pytest.raises(
            BundleError, match=r"needs tensorflow_text, which cannot.*pip install tensorflow-text"
        ):
            Predictor(bundle.folder, bundle.facts)
    strange = bundle.facts.model_copy(update={"needs_ops": ("os; evil",)})
    with pytest.raises(BundleError, match=r"needs 'os; evil', which this tlzoo does not know.*Update tlzoo"):
        Predictor(bundle.folder, strange)


def test_predicting_from_python(run, bundle, tmp_path):
    (tmp_path / "a.txt").write_text(TEXTS[0])
    (tmp_path / "b.txt").write_text(TEXTS[2])
    probabilities = expected(run, TEXTS)
    answers = bundle.predict(TEXTS)
    assert [one.item for one in answers] == [f"text:{at}" for at in range(len(TEXTS))]
    for one, row in zip(answers, probabilities, strict=True):
        assert one.label == run.class_names[row.argmax()]
        np.testing.assert_allclose(list(one.probabilities.values()), row, atol=1e-5)
    assert bundle.predict(TEXTS[0])[0].label == answers[0].label
    (document,) = bundle.predict(tmp_path / "a.txt")
    assert document.item == str(tmp_path / "a.txt")
    np.testing.assert_allclose(list(document.probabilities.values()), probabilities[0], atol=1e-5)
    assert len(bundle.predict(tmp_path)) == 2
    assert bundle.predict([]) == []


def test_one_bad_text_among_good_ones(bundle):
    answers = bundle.predict(["Add salt.", "half \ud83d", 3, "A goal!"], batch_size=2)
    assert [one.error is None for one in answers] == [True, False, False, True]
    assert "half a character" in answers[1].error
