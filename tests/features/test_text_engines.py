import json

import numpy as np
import pytest

from tlzoo.backbones.load import load_backbone
from tlzoo.data.load import load
from tlzoo.features import text_engines
from tlzoo.features.text_engines import (
    ENGINES,
    FusedTextEngine,
    GraphTextEngine,
    XlaTextEngine,
    choose_text_engine,
)
from tlzoo.features.text_extract import TextExtractor

pytestmark = pytest.mark.usefixtures("tiny_text")


@pytest.fixture(scope="module")
def backbone(tiny_text):
    return load_backbone(tiny_text)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TLZOO_CACHE", str(tmp_path))
    return tmp_path


def kept(cache):
    return json.loads(next(cache.glob("engines/*/choice.json")).read_text())


@pytest.mark.parametrize("name", ["fused", "xla"])
def test_engines_agree_on_a_whole_corpus(backbone, corpus, tmp_path, name):
    dataset = load(corpus)
    graph, other = (
        TextExtractor(backbone, dataset, each, tmp_path / each).plain() for each in ("graph", name)
    )
    np.testing.assert_allclose(other, graph, atol=1e-5)
    assert np.abs(graph).max() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 1, 3, 5])
@pytest.mark.parametrize("build", [FusedTextEngine, XlaTextEngine])
def test_padding_of_texts_leaves_nothing_behind(backbone, build, count):
    tokens = np.random.default_rng(0).integers(0, 200, (count, 16), dtype=np.int32)
    found = build(backbone)(tokens)
    assert found.shape == (count, 16)
    np.testing.assert_allclose(found, GraphTextEngine(backbone)(tokens), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("build", [FusedTextEngine, XlaTextEngine])
def test_chunks_agree_too(tiny_text, build):
    chunked = load_backbone(tiny_text, length=12, long_text="chunks")
    tokens = np.random.default_rng(0).integers(0, 200, (3, 24), dtype=np.int32)
    tokens[1, 5:] = -1
    np.testing.assert_allclose(build(chunked)(tokens), GraphTextEngine(chunked)(tokens), atol=1e-5)


@pytest.mark.slow
def test_many_shapes_are_no_mistake(backbone, caplog):
    engine = XlaTextEngine(backbone)
    for width in range(2, 10):
        engine(np.full((1, width), 7, np.int32))
    assert "retracing" not in caplog.text


def test_the_choice_is_measured_once_and_remembered(backbone, own_cache, monkeypatch):
    first = choose_text_engine(backbone)
    facts = kept(own_cache)
    assert facts["engine"] == first.name
    for name, most in text_engines.TOLERANCES.items():
        assert 0 <= facts[f"{name}_difference"] < most
    assert {"graph_seconds", "fused_seconds", "xla_seconds"} <= facts.keys()
    monkeypatch.setattr(text_engines, "_measured", lambda _: pytest.fail("measured again"))
    assert choose_text_engine(backbone).name == first.name


def test_a_choice_among_other_engines_is_measured_again(backbone, own_cache, monkeypatch):
    choose_text_engine(backbone)
    file = next(own_cache.glob("engines/*/choice.json"))
    file.write_text(json.dumps({"backbone": "tiny_text", "graph_seconds": 1.0, "engine": "xla"}))
    monkeypatch.setattr(text_engines, "seconds_of", lambda engine, *_: 1.0 + (engine.name != "fused"))
    assert choose_text_engine(backbone).name == "fused"
    assert kept(own_cache)["measured"] == list(ENGINES)


@pytest.mark.slow
@pytest.mark.parametrize(("seconds", "chosen"), [
    ({"graph": 1.0, "fused": 0.9, "xla": 0.8}, "fused"),
    ({"graph": 1.0, "fused": 0.9, "xla": 0.7}, "xla"),
    ({"graph": 1.0, "fused": 1.1, "xla": 0.9}, "graph"),
])  # fmt: skip
def test_the_fastest_is_chosen_and_xla_must_be_worth_its_compilations(
    backbone, own_cache, monkeypatch, seconds, chosen
):
    monkeypatch.setattr(text_engines, "seconds_of", lambda engine, *_: seconds[engine.name])
    assert choose_text_engine(backbone).name == chosen


@pytest.mark.parametrize("name", ["graph", "fused", "xla"])
def test_who_insists_is_not_measured(backbone, own_cache, name):
    assert choose_text_engine(backbone, name).name == name
    assert not list(own_cache.glob("engines/*"))


@pytest.mark.slow
@pytest.mark.parametrize("build", [FusedTextEngine, XlaTextEngine])
@pytest.mark.parametrize("wrong", [0.0, np.nan])
def test_an_engine_that_disagrees_is_never_chosen(backbone, own_cache, monkeypatch, build, wrong):
    monkeypatch.setattr(build, "__call__", lambda self, tokens: np.full((len(tokens), 16), wrong, np.float32))
    monkeypatch.setattr(text_engines, "seconds_of", lambda engine, *_: 1.0 - 0.9 * isinstance(engine, build))
    assert choose_text_engine(backbone).name != build.name
    assert not kept(own_cache)[f"{build.name}_difference"] < 0.1


def test_an_engine_that_forgets_the_mask_disagrees(backbone, own_cache, monkeypatch):
    forward = FusedTextEngine.__call__
    monkeypatch.setattr(
        FusedTextEngine, "__call__", lambda self, tokens: forward(self, np.maximum(tokens, 0))
    )
    assert choose_text_engine(backbone).name != "fused"
    assert kept(own_cache)["fused_difference"] > text_engines.TOLERANCES["fused"]


@pytest.mark.parametrize("build", [FusedTextEngine, XlaTextEngine])
def test_a_network_that_an_engine_refuses_falls_back_and_says_why(backbone, own_cache, monkeypatch, build):
    def refuse(*_):
        raise ValueError("no such op")

    monkeypatch.setattr(build, "__call__", refuse)
    assert choose_text_engine(backbone).name != build.name
    assert "no such op" in kept(own_cache)[f"{build.name}_refused"]
