"""Texts on phones: a LiteRT file takes tokens, and somebody else cuts them."""

import json

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import tlzoo
from tests.sources.word_cards import card_of, written
from tlzoo.errors import BundleError

pytestmark = pytest.mark.slow

KINDS = [("float32", 1e-4), ("float16", 2e-2), ("int8", 0.3)]


@pytest.fixture(scope="module", params=["head", "chunks"])
def run(request, tiny_text, corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / request.param
    options = {"length": 12, "long_text": "chunks"} if request.param == "chunks" else {}
    return tlzoo.train(corpus, backbone=tiny_text, out=out, engine="graph", epochs=10, **options)


@pytest.mark.parametrize(("kind", "allowed"), KINDS)
def test_a_transformer_converts_in_all_three_kinds(run, tmp_path, kind, allowed):
    facts = run.export_litert(tmp_path, kind)
    length = run.folder.plan.length
    assert (facts.input_dtype, facts.input_shape, facts.n) == ("int32", (1, length), 18)
    assert facts.max_difference <= allowed
    assert abs(facts.accuracy_difference) <= 0.5

    asked = Interpreter(model_path=str(tmp_path / facts.file)).get_signature_runner()
    tokens = np.full((1, length), -1, np.int32)
    found = run.backbone.encoder(["Add salt to the soup."]).numpy()
    tokens[0, : found.shape[1]] = found[0]
    answer = asked(tokens=tokens)["probabilities"]
    logits = np.asarray(run.model(found, training=False)) / run.temperature
    expected = np.exp(logits) / np.exp(logits).sum()
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, expected, atol=allowed)

    about = json.loads((tmp_path / facts.file).with_suffix(".json").read_text())
    assert about["class_names"] == ["cooking", "football", "garden"]
    assert (about["modality"], about["length"]) == ("text", length)


def test_converting_says_nothing_of_retracing(run, tmp_path, caplog):
    run.export_litert(tmp_path, "float32")
    assert "retracing" not in caplog.text


@pytest.mark.parametrize("pool", ["mean", "sif"])
def test_word_vectors_convert(pool, corpus, tmp_path, monkeypatch):
    monkeypatch.delenv("TLZOO_ZOO", raising=False)
    (tmp_path / "zoo" / "datasets").mkdir(parents=True)
    card = card_of(written(tmp_path), pool).model_copy(update={"features": 6})
    write_card(card, tmp_path / "zoo" / "backbones")
    monkeypatch.setenv("TLZOO_ZOO", str(tmp_path / "zoo"))
    run = tlzoo.train(corpus, backbone="mine", out=tmp_path / "run", engine="graph", epochs=3, length=32)
    for kind, allowed in KINDS:
        assert run.export_litert(tmp_path / "phone", kind).max_difference <= allowed
    bundle = run.export(tmp_path / "bundle")
    assert bundle.facts.needs_ops == ()
    assert bundle.predict("the cat, the dog.")[0].error is None


def write_card(card, folder):
    """Writes a card as TOML; JSON's numbers, strings and lists are TOML's too."""
    folder.mkdir(parents=True)
    plain = card.model_dump(mode="json", exclude={"name", "checksums", "preprocessing", "input", "notes"})
    plain["input"] = {"length": card.input.length}
    stages = plain.pop("stages")
    lines = [f"{key} = {value_of(value)}" for key, value in plain.items() if value not in (None, "", {})]
    lines += [
        f"[[stages]]\nname = {json.dumps(one['name'])}\ntap = {json.dumps(one['tap'])}" for one in stages
    ]
    (folder / f"{card.name}.toml").write_text("\n".join(lines))


def value_of(value):
    if isinstance(value, dict):
        pairs = (f"{key} = {value_of(inner)}" for key, inner in value.items() if inner is not None)
        return "{ " + ", ".join(pairs) + " }"
    return json.dumps(value)


def test_networks_of_strings_are_refused_with_a_reason(tiny_text, corpus, tmp_path):
    run = tlzoo.train(corpus, backbone="tiny_strings", out=tmp_path / "run", epochs=2)
    with pytest.raises(BundleError, match=r"LiteRT has no strings.*Serve the SavedModel"):
        run.export_litert(tmp_path / "phone")
    assert not (tmp_path / "phone").exists()
