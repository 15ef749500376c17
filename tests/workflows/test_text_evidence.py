"""What a run on texts leaves behind, with word vectors so small that everything can be reckoned by hand."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

import tlzoo
from tlzoo.cli.main import main
from tlzoo.evaluation.compare import compare
from tlzoo.evaluation.mistakes import Mistake
from tlzoo.evaluation.record import RunRecord
from tlzoo.sources import vector_files
from tlzoo.workflows import text_evidence
from tlzoo.workflows.text_evidence import EXPLAINED, explain_mistakes

pytestmark = pytest.mark.slow

WORDS = ["good", "fine", "bad", "awful", "the", "pill", "was", "."]
MEANING = {"good": 2.0, "fine": 1.0, "bad": -1.0, "awful": -2.0}

CARD = """
title = "Toy words"
family = "word_vectors"
modality = "text"
locator = "file:{path}"
pooling = "none"
params = 36
features = 4
weight_bytes = 1
licence = "Apache-2.0"
citation = "None"
[input]
length = {length}
[tokenizer]
kind = "words"
[pretraining]
dataset = "nothing"
classes = 0
[architecture]
rows = 9
width = 4
pool = "mean"
[[stages]]
name = "embedding"
tap = "pool"
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A zoo with one backbone, `toy`, whose first number is how kind a word is; it sees 12 words."""
    zoo = tmp_path_factory.mktemp("words")
    (zoo / "backbones").mkdir()
    (zoo / "datasets").mkdir()
    vectors = np.random.default_rng(0).normal(size=(len(WORDS), 4)).astype(np.float32) / 10
    vectors[:, 0] = [MEANING.get(word, 0.0) for word in WORDS]
    vector_files.write(zoo / "toy.vec", WORDS, vectors)
    (zoo / "backbones" / "toy.toml").write_text(CARD.format(path=zoo / "toy.vec", length=12))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLZOO_ZOO", str(zoo))
        yield "toy"


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    """A table of 120 reviews; a tenth have the wrong label, some are long, one is empty of known words."""
    choose = np.random.default_rng(1)
    rows = []
    for number in range(120):
        kind = bool(choose.random() < 0.5)
        words = choose.choice(["good", "fine"] if kind else ["bad", "awful"], size=3).tolist()
        words += choose.choice(["the", "pill", "was", "qwrtzp"], size=20 if number % 6 == 0 else 5).tolist()
        choose.shuffle(words)
        label = "yes" if kind != (number % 10 == 0) else "no"
        rows.append(f'"{" ".join(words)}.",{label}\n')
    path = tmp_path_factory.mktemp("reviews") / "reviews.csv"
    path.write_text("text,label\n" + "".join(rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(toy, reviews, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "first"
    return tlzoo.train(reviews, backbone="toy", out=out, epochs=40, validation=0.2, test=0.3)


def test_the_words_that_led_astray_are_named(run):
    entries = json.loads((run.path / "mistakes" / "mistakes.json").read_text())
    assert entries
    assert all("".join(push["text"] for push in entry["pushes"]) == entry["text"] for entry in entries[:12])
    for entry in entries[:12]:
        whole, sign = entry["text"].split(), 1 if entry["predicted"] == "yes" else -1
        known = [word.strip(".") for word in whole[:12]]
        if len(whole) > 12 or len(set(known) & {"good", "fine", "bad", "awful"}) < 2:
            continue
        weighed = {push["text"].strip(" ."): push["score"] for push in entry["pushes"]}
        kind = {word: sign * MEANING[word] for word in known if word in MEANING}
        assert weighed[max(kind, key=kind.__getitem__)] > weighed[min(kind, key=kind.__getitem__)]
    assert "occlusion" in run.metrics["attribution"]
    assert 'class="for"' in run.report.read_text("utf-8")


# The mean of words has a weight that only another pooling uses, and Keras says so.
@pytest.mark.filterwarnings("ignore:Gradients do not exist:UserWarning")
def test_variants_are_judged_by_the_network_as_training_left_it(toy, reviews, tmp_path, monkeypatch):
    seen = []

    def explain(texts, allowed, support, shown):
        seen.extend(support(list(enumerate(texts))))
        return [[] for _ in texts]

    monkeypatch.setattr(text_evidence, "explain", explain)
    tuned = tlzoo.train(reviews, backbone="toy", recipe="fine_tune", out=tmp_path / "run", epochs=2, test=0.3)
    entries = json.loads((tuned.path / "mistakes" / "mistakes.json").read_text())
    sure = np.array([entry["probability"] for entry in entries[:EXPLAINED]])
    np.testing.assert_allclose(seen, np.log(sure / (1 - sure)), atol=1e-4)


def test_networks_that_take_strings():
    """One whose only feature is how many bytes a text has: each word pushes by its length."""

    class Bytes(keras.layers.Layer):
        def call(self, texts):
            return tf.cast(tf.strings.length(texts), tf.float32)[:, None]

        def compute_output_spec(self, texts):
            return keras.KerasTensor((None, 1), "float32")

    texts = keras.Input((), dtype="string")
    backbone = SimpleNamespace(
        encoder=None, model=keras.Model(texts, Bytes()(texts)), card=SimpleNamespace(features=1)
    )
    context = SimpleNamespace(backbone=backbone, dataset=SimpleNamespace(items=["", "to be or\nnot שלום"]))
    head = SimpleNamespace(weights=[np.array([[0.0, 1.0]]), np.zeros(2)])
    model = SimpleNamespace(get_layer=lambda name: head)
    mistakes = [Mistake(1, 0, 1, 0.9, 0.1), Mistake(0, 0, 1, 0.9, 0.1)]
    found, empty = explain_mistakes(context, model, mistakes, temperature=2.0)
    assert [(push.text, push.score) for push in found] == [
        ("to ", 1.5),
        ("be ", 1.5),
        ("or\n", 1.5),
        ("not ", 2.0),
        ("שלום", 4.0),
    ]
    assert empty == []
    assert explain_mistakes(context, model, [], temperature=2.0) == []


def test_metrics_say_what_was_seen(run):
    facts = run.metrics["texts"]
    assert facts["tokens"] == {"median": 9, "p95": 24, "max": 24}
    assert facts["shortened"] == 20
    assert facts["shortened_share"] == pytest.approx(1 / 6)
    assert (facts["length"], facts["long_text"]) == (12, "head")
    assert 0.1 < facts["out_of_vocabulary"] < 0.3
    page = run.report.read_text("utf-8")
    assert "20 texts (16.7%)" in page
    assert "--set long_text=chunks" in page


def test_the_projector_knows_the_texts(run):
    lines = (run.path / "tensorboard" / "test" / "features.tsv").read_text().splitlines()
    assert lines[0].split("\t")[-1] == "text"
    assert all("." in line.split("\t")[-1] for line in lines[1:])


def test_the_same_run_again_leaves_the_same_words(run, reviews, tmp_path):
    again = tlzoo.train(reviews, backbone="toy", out=tmp_path / "run", epochs=40, validation=0.2, test=0.3)
    one, two = ((each.path / "mistakes" / "mistakes.json").read_bytes() for each in (run, again))
    assert one == two


def test_chunks_compare_and_evaluate(run, reviews, tmp_path, capsys):
    words = ["--backbone", "toy", "--set", "epochs=40", "--set", "long_text=chunks", "--test", "0.3", "-q"]
    words += ["--engine", "graph"]
    assert main(["train", str(reviews), "--out", str(tmp_path / "run"), *words]) == 0
    said = capsys.readouterr().out
    assert "note    " in said
    assert "train-vectors" in said
    assert "shortened" not in said
    found = compare([RunRecord.read(tmp_path / "run"), RunRecord.read(run.path)])
    assert found.pairs[0].paired
    assert main(["compare", str(run.path), str(tmp_path / "run"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["runs"]) == 2
    assert main(["evaluate", str(tmp_path / "run"), str(reviews), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 120


def test_json_has_the_texts(toy, reviews, tmp_path, capsys):
    words = ["--backbone", "toy", "--set", "epochs=5", "--json", "-q"]
    assert main(["train", str(reviews), "--out", str(tmp_path / "run"), *words]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["texts"]["tokens"]["max"] == 24
    assert answer["texts"].keys() == {
        "tokens", "shortened", "shortened_share", "length", "long_text", "out_of_vocabulary",
    }  # fmt: skip
