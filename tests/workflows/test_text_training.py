"""Training on texts end to end: what moves, what does not, and what an interrupted run gives."""

import json
import shutil

import numpy as np
import pytest

import tlzoo
from tlzoo.errors import UsageError
from tlzoo.training.rundir import RunDir
from tlzoo.workflows.request import Request, command_of
from tlzoo.workflows.train import prepare

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_text")]

SMALL = {"backbone": "tiny_text", "validation": 0.2, "test": 0.25, "engine": "graph"}
TUNE = SMALL | {"recipe": "fine_tune", "head_epochs": 5, "epochs": 3, "batch_size": 16, "rate": 1e-3}


@pytest.fixture(scope="module")
def probe(tiny_text, corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("probe") / "run"
    return tlzoo.train(corpus, out=out, epochs=30, class_weights="balanced", **SMALL)


@pytest.fixture(scope="module")
def tuned(tiny_text, corpus, tmp_path_factory):
    return tlzoo.train(corpus, out=tmp_path_factory.mktemp("tuned") / "run", dropout=0.2, top=2, **TUNE)


def weights(run):
    with np.load(run.path / "weights.npz") as kept:
        return {name: kept[name] for name in kept.files}


def epochs(path):
    lines = [json.loads(line) for line in (path / "log.jsonl").read_text().splitlines()]
    return [(line["phase"], line["epoch"]) for line in lines]


def test_features_tell_topics_apart(probe):
    scores = probe.evaluate()
    assert scores.n == 22
    assert scores.accuracy > 0.6 > probe.metrics["majority"]["accuracy"]
    assert probe.folder.plan.class_weights == "balanced"


def test_the_plan_says_what_of_a_text_is_seen(probe, tuned):
    assert (probe.folder.plan.length, probe.folder.plan.long_text, probe.folder.plan.size) == (
        40,
        "head",
        (0, 0),
    )
    assert tuned.folder.plan.phases[1].inputs == "tokens"


def test_the_model_takes_tokens_and_gives_the_recorded_logits(tuned):
    with np.load(tuned.path / "predictions.npz") as kept:
        index, logits = kept["test_index"], kept["test_logits"]
    texts = [tuned.dataset.items[at] for at in index]
    tokens = tuned.backbone.encoder(texts).numpy()
    np.testing.assert_allclose(tuned.model.predict(tokens, verbose=0), logits, atol=1e-4)


def test_a_reopened_run_gives_the_same_model(tuned):
    reopened = tlzoo.open_run(tuned.path)
    for mine, theirs in zip(reopened.model.weights, tuned.model.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(theirs))
    tokens = tuned.backbone.encoder(["Add salt to the soup.", "A red card!"]).numpy()
    np.testing.assert_allclose(
        reopened.model.predict(tokens, verbose=0), tuned.model.predict(tokens, verbose=0), atol=1e-6
    )


def test_frozen_stages_stay_bit_identical_and_the_others_move(tuned):
    fresh = tlzoo.load_backbone("tiny_text")
    for stage, mine in zip(fresh.stages, tuned.backbone.stages, strict=True):
        pairs = [
            (np.array(a), np.array(b))
            for one, other in zip(stage.layers, mine.layers, strict=True)
            for a, b in zip(one.weights, other.weights, strict=True)
        ]
        same = [np.array_equal(a, b) for a, b in pairs]
        assert pairs
        assert all(same) if stage.name == "embeddings" else not any(same), stage.name


class Stop:
    """Presses Ctrl-C after some calls that speak of a phase."""

    def __init__(self, phase, calls):
        self.phase, self.calls = phase, calls

    def __call__(self, done, total, what):
        if what.startswith(self.phase):
            self.calls -= 1
            if self.calls == 0:
                raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("phase", "calls"), [("features", 1), ("head", 3), ("tune", 2), ("tune", 6), ("tune", 9)]
)
def test_an_interrupted_run_resumes_to_the_very_same_result(
    corpus, tmp_path, tuned, phase, calls, monkeypatch
):
    if phase == "features":
        # Elsewhere, or the features of all texts would be known.
        monkeypatch.setenv("TLZOO_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        tlzoo.train(corpus, out=out, progress=Stop(phase, calls), dropout=0.2, top=2, **TUNE)
    assert not RunDir.open(out).finished
    resumed = tlzoo.resume(out)
    mine, theirs = weights(resumed), weights(tuned)
    assert mine.keys() == theirs.keys()
    for name in mine:
        np.testing.assert_array_equal(mine[name], theirs[name])
    assert resumed.metrics["test"] == tuned.metrics["test"]
    assert epochs(out) == epochs(tuned.path)


@pytest.mark.parametrize("long_text", ["chunks", "head_tail"])
def test_long_texts_train_whole_or_by_their_ends(corpus, tmp_path, long_text):
    options = TUNE | {"epochs": 2, "class_weights": "sqrt", "length": 12, "long_text": long_text}
    run = tlzoo.train(corpus, out=tmp_path / "run", **options)
    again = tlzoo.open_run(run.path)
    assert again.backbone.encoder.long_text == long_text
    assert again.backbone.encoder.length == 12
    long = [item for item in run.dataset.items if len(item) > 1000]
    tokens = again.backbone.encoder(long).numpy()
    assert tokens.shape == (3, 96 if long_text == "chunks" else 12)
    bundle = run.export(tmp_path / "bundle")
    expected = run.probabilities(run.dataset)
    answers = bundle.predict(list(run.dataset.items))
    np.testing.assert_allclose([list(one.probabilities.values()) for one in answers], expected, atol=1e-5)


def test_scratch_starts_elsewhere_and_is_reproducible(corpus, tmp_path):
    options = SMALL | {"recipe": "scratch", "epochs": 1, "batch_size": 16}
    first = tlzoo.train(corpus, out=tmp_path / "a", **options)
    second = tlzoo.train(corpus, out=tmp_path / "b", **options)
    assert first.folder.config["weights_hash"] == second.folder.config["weights_hash"]
    assert first.folder.config["weights_hash"] != tlzoo.load_backbone("tiny_text").weights_hash
    assert weights(first).keys() == weights(second).keys()
    assert all(np.array_equal(weights(first)[name], weights(second)[name]) for name in weights(first))


def test_texts_in_memory(corpus, tmp_path, probe):
    dataset = probe.dataset
    labels = [dataset.class_names[label] for label in dataset.labels]
    run = tlzoo.train((list(dataset.items), labels), out=tmp_path / "run", **(SMALL | {"epochs": 2}))
    scores = run.evaluate((["Add salt.", "A goal!"], ["cooking", "football"]))
    assert scores.n == 2
    assert tlzoo.open_run(run.path, (list(dataset.items), labels)).dataset.modality == "text"


@pytest.fixture(scope="module")
def usual_zoo(tiny_text_zoo, tmp_path_factory):
    """A zoo whose tiny backbones bear the names of the usual ones."""
    zoo = tmp_path_factory.mktemp("usual")
    (zoo / "backbones").mkdir()
    (zoo / "datasets").mkdir()
    for name, usual in (("tiny", "efficientnet_lite0"), ("tiny_text", "minilm_l6")):
        shutil.copy(tiny_text_zoo / "backbones" / f"{name}.toml", zoo / "backbones" / f"{usual}.toml")
    return zoo


def test_the_data_chooses_the_backbone_where_none_is_named(usual_zoo, corpus, digits, monkeypatch):
    monkeypatch.setenv("TLZOO_ZOO", str(usual_zoo))
    assert prepare(corpus, Request())[2].backbone == "minilm_l6"
    assert prepare(digits, Request())[2].backbone == "efficientnet_lite0"


def test_a_backbone_of_the_other_modality_is_refused(corpus, digits, tmp_path):
    with pytest.raises(
        UsageError, match=r"'tiny' takes images, and 'talk' holds texts.*--modality text.*minilm_l6"
    ):
        tlzoo.train(corpus, backbone="tiny", out=tmp_path / "run")
    with pytest.raises(UsageError, match=r"'tiny_text' takes texts, and .* holds images.*efficientnet_lite0"):
        tlzoo.train(digits, backbone="tiny_text", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_judged_by_data_of_the_other_modality(probe, digits):
    labels = [probe.class_names[label] for label in digits[1]]
    with pytest.raises(UsageError, match=r"holds images, and the run was trained on texts"):
        probe.evaluate((digits[0], labels))


def test_an_engine_of_the_other_modality_is_refused(corpus, digits):
    with pytest.raises(UsageError, match=r"engine 'litert' for texts.*auto, graph, fused, xla"):
        prepare(corpus, Request(backbone="tiny_text", engine="litert"))
    with pytest.raises(UsageError, match=r"engine 'xla' for images.*auto, graph, litert"):
        prepare(digits, Request(backbone="tiny", engine="xla"))


def test_the_command_says_all_that_was_asked_for(probe, tmp_path):
    request = Request("tiny_text", validation=0.2, test=0.25, engine="graph", options={"epochs": 3})
    words = command_of(probe.dataset, request, tmp_path)
    for piece in ("--validation 0.2", "--test 0.25", "--engine graph", "--set epochs=3"):
        assert piece in words
    assert "--validation" not in command_of(probe.dataset, Request(), tmp_path)
