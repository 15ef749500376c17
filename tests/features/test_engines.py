import json

import numpy as np
import pytest

from tlzoo import paths
from tlzoo.backbones.load import load_backbone
from tlzoo.features import engines
from tlzoo.features.engines import GraphEngine, choose_engine

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture(scope="module")
def backbone(tiny):
    return load_backbone(tiny)


@pytest.fixture(scope="module")
def pixels(digits):
    return digits[0][:21]


def test_engines_agree(backbone, pixels):
    graph, litert = GraphEngine(backbone)(pixels), choose_engine(backbone, "litert")(pixels)
    assert graph.shape == litert.shape == (21, 32)
    assert graph.dtype == litert.dtype == np.float32
    np.testing.assert_allclose(litert, graph, atol=1e-5)
    assert np.abs(graph).max() > 0.01


def test_features_are_those_of_the_model(backbone, pixels):
    expected = backbone.model.predict(pixels.astype(np.float32), verbose=0)
    np.testing.assert_allclose(GraphEngine(backbone)(pixels), expected, atol=1e-5)


def test_the_choice_is_measured_once_and_remembered(backbone, monkeypatch):
    first = choose_engine(backbone)
    files = list((paths.cache_dir() / "engines").glob("tiny-*/choice.json"))
    assert len(files) == 1
    facts = json.loads(files[0].read_text())
    assert facts["engine"] == first.name
    assert facts["litert_difference"] < engines.TOLERANCE
    monkeypatch.setattr(engines, "_measure", lambda *_: pytest.fail("measured again"))
    assert choose_engine(backbone).name == first.name


def test_an_engine_that_disagrees_is_never_chosen(backbone, monkeypatch, tmp_path):
    class Wrong:
        name, batch_size = "litert", 8

        def __init__(self, path):
            pass

        def __call__(self, pixels):
            return np.zeros((len(pixels), 32), np.float32)

    monkeypatch.setenv("TLZOO_CACHE", str(tmp_path))
    monkeypatch.setattr(engines, "LiteRTEngine", Wrong)
    assert choose_engine(backbone).name == "graph"
    assert json.loads(next(tmp_path.glob("engines/*/choice.json")).read_text())["litert_difference"] > 0.1


def test_a_network_that_cannot_be_converted_falls_back_and_says_why(backbone, monkeypatch, tmp_path):
    def refuse(_):
        raise ValueError("no such op")

    monkeypatch.setenv("TLZOO_CACHE", str(tmp_path))
    monkeypatch.setattr(engines, "convert", refuse)
    assert choose_engine(backbone).name == "graph"
    assert (
        "no such op" in json.loads(next(tmp_path.glob("engines/*/choice.json")).read_text())["litert_refused"]
    )


def test_other_weights_are_measured_anew(backbone):
    other = load_backbone("tiny", pretrained=False, seed=9)
    assert engines.machine_key(other) != engines.machine_key(backbone)


def test_the_file_at_hand_is_used_again_until_weights_change(tiny, monkeypatch):
    backbone = load_backbone(tiny)
    choose_engine(backbone, "litert")
    made = []
    convert = engines.convert
    monkeypatch.setattr(engines, "convert", lambda one: made.append(one) or convert(one))
    at_hand = engines.network_file(backbone)
    assert made == []
    kernel = next(weight for weight in backbone.model.weights if weight.path.endswith("kernel"))
    kernel.assign(kernel * 2)
    assert engines.network_file(backbone) != at_hand
    assert made == [backbone]


def test_a_network_that_cannot_be_converted_has_no_file(tiny, monkeypatch, caplog):
    def refuse(_):
        raise ValueError("no such op\nat great length")

    backbone = load_backbone(tiny, pretrained=False, seed=3)
    monkeypatch.setattr(engines, "convert", refuse)
    with caplog.at_level("INFO", logger="tlzoo"):
        assert engines.network_file(backbone) is None
    assert caplog.messages == ["tiny stays a graph: no such op"]


def test_what_was_measured_is_told_by_the_catalogue(backbone):
    from tlzoo.workflows.costs import cost_of

    name = choose_engine(backbone).name
    cost = cost_of(backbone.card)
    assert (cost.engine, cost.of) == (name, "32 x 32 pixels")
    assert 0 < cost.milliseconds < 1000
