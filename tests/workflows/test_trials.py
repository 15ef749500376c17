"""The rate finder and the layer probe on real digits."""

import numpy as np
import pytest

import tlzoo
from tlzoo.errors import UsageError
from tlzoo.workflows.layers import Layers, StageScore, layers
from tlzoo.workflows.request import Request
from tlzoo.workflows.trials import find_rate, trial_context

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny")]

REQUEST = Request(backbone="tiny", validation=0.2, test=0.25)


def asked(recipe, **options):
    return Request(
        backbone="tiny", recipe=recipe, validation=0.2, test=0.25, options={"head_epochs": 3, **options}
    )


def test_a_rate_is_found_drawn_and_nothing_is_left_behind(digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = find_rate(digits, asked("fine_tune", batch_size=16))
    assert found.phase == "tune"
    assert found.rates[0] == pytest.approx(1e-7)
    assert 1e-6 < found.suggestion < 10
    assert len(found.rates) == len(found.losses) == len(found.smoothed) <= 100
    assert list(tmp_path.iterdir()) == []
    for name in ("rates.svg", "rates.png"):
        found.write(tmp_path / name)
    assert "<svg" in (tmp_path / "rates.svg").read_text()
    assert (tmp_path / "rates.png").read_bytes()[:4] == b"\x89PNG"


def test_a_tried_backbone_is_as_it_was(digits):
    from tlzoo.backbones.load import load_backbone
    from tlzoo.training.rate_finder import find_rate as tried
    from tlzoo.workflows.train import prepare

    dataset, splits, plan = prepare(digits, asked("lora", rank=2, batch_size=16))
    backbone = load_backbone("tiny")
    before = [np.array(weight) for weight in backbone.network.weights]
    with trial_context(dataset, splits, plan, backbone) as context:
        curve = tried(context, plan.phases[1], None, steps=12)
    assert 5 < len(curve.losses) <= 12
    for weight, value in zip(backbone.network.weights, before, strict=True):
        np.testing.assert_array_equal(np.array(weight), value)


def test_a_probe_has_no_rate_to_find(digits):
    with pytest.raises(UsageError, match="'feature_extraction' has no phase"):
        find_rate(digits, REQUEST)


def test_every_stage_is_probed_by_what_it_says(digits, tmp_path):
    found = layers(digits, REQUEST)
    assert [each.stage for each in found.stages] == ["stem", "block", "top"]
    assert [each.features for each in found.stages] == [8, 16, 32]
    by_name = {each.stage: each for each in found.stages}
    assert by_name[found.peak].score == max(each.score for each in found.stages) > 0.6
    assert by_name[found.peak].error == 0
    assert 1 <= found.top <= 3
    assert f"top={found.top}" in found.advice
    assert found.surgical is None
    found.write(tmp_path / "layers.svg")
    found.write(tmp_path / "layers.html")
    page = (tmp_path / "layers.html").read_text()
    assert "<svg" in page
    assert found.stages[0].stage in page
    # The last stage is what the backbone's own pooling gives: the same probe says the same.
    from tlzoo.scores.ridge_probe import ridge_probe
    from tlzoo.workflows.train import prepare

    dataset, splits, _ = prepare(digits, REQUEST)
    rows = np.sort(splits.train)
    features = tlzoo.load_backbone("tiny").model.predict(digits[0][rows].astype(np.float32), verbose=0)
    groups = np.unique([dataset.digests[at] for at in rows], return_inverse=True)[1]
    assert by_name["top"].score == pytest.approx(
        ridge_probe(features, dataset.labels[rows], groups), abs=0.02
    )


@pytest.mark.parametrize(
    ("scores", "error", "words"),
    [
        ((0.6, 0.7, 0.8), 0.01, "rises to the end"),
        ((0.6, 0.8, 0.7), 0.01, "what follows 'b' is made for the pretraining data"),
        ((0.6, 0.8, 0.7), 0.06, "'b', and the last stage differ by no more than noise"),
    ],
)
def test_advice_does_not_read_noise(scores, error, words):
    best = max(scores)
    stages = tuple(
        StageScore(name, 8, score, 0.0 if score == best else error)
        for name, score in zip("abc", scores, strict=True)
    )
    peak = stages[scores.index(best)].stage
    assert words in Layers("d", "b", 100, "accuracy", stages, peak, peak, 1).advice


def test_a_stage_that_was_spoilt_is_not_the_peak(digits):
    from tlzoo.backbones.load import load_backbone
    from tlzoo.features.stages import StageExtractor
    from tlzoo.workflows.layers import probed
    from tlzoo.workflows.train import prepare

    dataset, splits, _ = prepare(digits, REQUEST)
    backbone = load_backbone("tiny")
    top = backbone.network.get_layer("top_conv")
    top.kernel.assign(np.random.default_rng(0).normal(0, 1e-6, top.kernel.shape) * (np.arange(32) < 1))
    found = probed(dataset, splits.train, StageExtractor(backbone, dataset).of(splits.train))
    scores = {each.stage: each.score for each in found}
    assert scores["top"] < scores["block"]


def test_one_stage_at_a_time(digits):
    found = layers(digits, asked("fine_tune", batch_size=32, rate=0.003), surgical=True, epochs=1)
    assert all(each.tuned is not None for each in found.stages)
    assert found.untuned is not None
    gains = {each.stage: each.tuned for each in found.stages if each.tuned < found.untuned}
    assert found.surgical == (min(gains, key=gains.get) if gains else None)


def test_texts_have_stages_too(corpus, tiny_text_zoo, monkeypatch):
    monkeypatch.setenv("TLZOO_ZOO", str(tiny_text_zoo))
    found = layers(str(corpus), Request(backbone="tiny_text", validation=0.2, test=0.25))
    assert [each.stage for each in found.stages] == ["embeddings", "block1", "block2"]
    assert max(each.score for each in found.stages) > 0.5
