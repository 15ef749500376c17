"""A thousand strings nobody expects: the bundle answers as the model in memory does."""

import random

import numpy as np
import pytest

import tlzoo
from tests.serving.whole_server import running
from tlzoo.client import Client
from tlzoo.errors import UnreachableError
from tlzoo.metrics.calibration import softmax
from tlzoo.serving.options import ModelConfig, ServerOptions

pytestmark = pytest.mark.slow

ALPHABETS = (
    (0x20, 0x7E), (0x00, 0x1F), (0x7F, 0xA0), (0xC0, 0x24F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF),
    (0x590, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0x1100, 0x11FF), (0x200B, 0x200F), (0x2028, 0x202E),
    (0x2060, 0x206F), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xFB1D, 0xFDFF), (0xFE00, 0xFE0F),
    (0xFFF0, 0xFFFF), (0x1F300, 0x1FAFF), (0x1F1E6, 0x1F1FF), (0xE0000, 0xE007F), (0x10FF00, 0x10FFFF),
)  # fmt: skip
KNOWN = (
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "\0\0soup\0",
        "\n",
        "\r\n\t\x0b\x0c\x85\u2028\u2029",
        "\ufeffsoup",
        "\ufffd",
        "\U0010ffff",
    ),
    *(
        "soup" * 5000,
        "soup " * 5000,
        "⚽" * 3000,
        "e" + "\u0301" * 500,
        "[CLS] [SEP] [MASK] [PAD] [UNK]",
        "##soup",
    ),
    *(
        "א" * 200,
        "مرق الدجاج",
        "👩🏽\u200d🌾👨\u200d👩\u200d👧\u200d👦🏳\ufe0f\u200d🌈",
        "Z\u0338\u0322\u035da\u0337\u035c",
    ),
    *(
        "ﷺ",
        "ｆｕｌｌ ｗｉｄｔｈ",
        "<b>soup</b> &amp;",
        "${x} {{y}} %s %n \\0 \\x00",
        "'\"`;--",
        "İSTANBUL ıI ß ẞ ǅ",
    ),
    *("１２３ ½ ² ⅷ", "a\u00adb", "\u202egnitoof", "x" * 99 + " y", "." * 1000, "漢字" * 400),
)


def odd_strings(count=1000):
    draw = random.Random(7)
    found = list(KNOWN)
    while len(found) < count:
        first = draw.choice(ALPHABETS)
        mixed = draw.random() < 0.5
        length = int(draw.paretovariate(0.7)) if draw.random() < 0.9 else draw.randrange(2000)
        letters = (
            chr(draw.randint(*(draw.choice(ALPHABETS) if mixed else first))) for _ in range(min(length, 4000))
        )
        found.append("".join(letters))
    return found


def answers_agree(run, folder):
    """Asks the bundle in this process, and behind a server by REST and by gRPC."""
    bundle, texts = run.export(folder), odd_strings()
    expected = bundle.predict(texts, batch_size=64)
    agree(run, texts, expected)
    model = ModelConfig("texts", folder)
    with running(ServerOptions((model,))) as server:
        for url in (f"http://127.0.0.1:{server.rest_port}", f"grpc://127.0.0.1:{server.grpc_port}"):
            with Client(url, "texts", batch_size=64, timeout=120) as client:
                answers = client.predict(texts)
            assert [one.label for one in answers] == [one.label for one in expected]
            agree(run, texts, answers)


def agree(run, texts, answers):
    dataset = tlzoo.load((texts, ["cooking"] * len(texts)), on_broken="skip", to_learn=False)
    expected = dict(zip(dataset.items, run.probabilities(dataset), strict=True))
    assert len(expected) > 900
    assert not [one.error for one in answers if one.error]
    # What is nothing but white space is no example to learn from, but it is answered.
    for text, one in zip(texts, answers, strict=True):
        found = np.array([one.probabilities[name] for name in run.class_names])
        assert np.isfinite(found).all()
        if text in expected:
            np.testing.assert_allclose(found, expected[text], atol=1e-5, err_msg=repr(text[:80]))
            best = np.sort(expected[text])
            if best[-1] - best[-2] > 2e-5:
                assert one.label == run.class_names[int(expected[text].argmax())], repr(text[:80])
    blank = [at for at, text in enumerate(texts) if not text.strip()]
    assert len(blank) > 3
    tokens = run.backbone.encoder([texts[at] for at in blank])
    in_memory = softmax(np.asarray(run.model(tokens, training=False)), run.temperature)
    found = [[answers[at].probabilities[name] for name in run.class_names] for at in blank]
    np.testing.assert_allclose(found, in_memory, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [{}, {"length": 12, "long_text": "chunks"}, {"length": 12, "long_text": "head_tail"}],
    ids=["head", "chunks", "head_tail"],
)
def test_the_bundle_answers_as_the_model_does(tiny_text, corpus, tmp_path, options):
    run = tlzoo.train(corpus, backbone=tiny_text, out=tmp_path / "run", engine="graph", epochs=10, **options)
    answers_agree(run, tmp_path / "bundle")


@pytest.mark.slow
def test_the_bundle_of_a_real_backbone_answers_as_the_model_does(corpus, tmp_path, monkeypatch):
    monkeypatch.delenv("TLZOO_ZOO", raising=False)
    try:
        tlzoo.load_backbone("minilm_l6")
    except UnreachableError as error:
        pytest.skip(f"no package index: {error.what[:100]}")
    run = tlzoo.train(corpus, backbone="minilm_l6", out=tmp_path / "run", engine="graph", length=64)
    answers_agree(run, tmp_path / "bundle")
