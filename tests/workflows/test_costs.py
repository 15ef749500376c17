"""What features cost, read from what choosing an engine left behind."""

import json

import pytest

from tlzoo import catalogue, registry
from tlzoo.workflows import zoo
from tlzoo.workflows.costs import Cost, cost_of


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.setenv("TLZOO_CACHE", str(tmp_path))

    def make(key, text):
        folder = tmp_path / "engines" / key
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "choice.json").write_text(text if isinstance(text, str) else json.dumps(text))

    return make


FACTS = {"backbone": "resnet50", "size": [224, 224], "examples": 16, "graph_seconds": 0.8, "engine": "graph"}
KEY = "resnet50-0123456789abcdef"


def test_the_winner_s_time_is_told_for_one_example(write):
    write(KEY, FACTS | {"litert_seconds": 0.32, "engine": "litert"})
    assert zoo.find("resnet50").cost == Cost(20.0, "litert", "224 x 224 pixels")
    (found,) = [entry for entry in catalogue() if entry.cost]
    assert found.card.name == "resnet50"


def test_another_size_says_nothing_of_the_card_s(write):
    write(KEY, FACTS | {"size": [96, 96]})
    assert cost_of(registry.backbones().get("resnet50")) is None


def test_names_that_begin_alike_are_not_mixed_up(write):
    write("resnet50_v2-0123456789abcdef", FACTS | {"backbone": "resnet50_v2"})
    assert cost_of(registry.backbones().get("resnet50")) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", json.dumps({**FACTS, "examples": 0}), json.dumps({**FACTS, "engine": "x"})]
)
def test_what_cannot_be_read_counts_as_not_measured(write, text):
    write(KEY, text)
    assert cost_of(registry.backbones().get("resnet50")) is None


def test_texts_are_told_in_tokens(write):
    write(
        "minilm_l6-0123456789abcdef",
        {"backbone": "minilm_l6", "length": 64, "examples": 32, "fused_seconds": 0.16, "engine": "fused"},
    )
    assert cost_of(registry.backbones().get("minilm_l6")) == Cost(5.0, "fused", "64 tokens")
