"""Recipes end to end on real digits: what moves, what stays, and what a killed run gives."""

import json

import numpy as np
import pytest

import tlzoo
from tlzoo.errors import UsageError

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny")]

SMALL = {"backbone": "tiny", "validation": 0.2, "test": 0.25, "head_epochs": 3, "epochs": 2, "batch_size": 32}


class Stop:
    """Presses Ctrl-C after some calls that speak of a phase."""

    def __init__(self, phase, calls):
        self.phase, self.calls = phase, calls

    def __call__(self, done, total, what):
        if what.startswith(self.phase):
            self.calls -= 1
            if self.calls == 0:
                raise KeyboardInterrupt


@pytest.fixture(scope="module")
def trained(tiny, digits, tmp_path_factory):
    """Trains a recipe with some options, once."""
    runs = {}

    def train(recipe, **options):
        key = (recipe, json.dumps(options, sort_keys=True))
        if key not in runs:
            out = tmp_path_factory.mktemp("runs") / recipe
            runs[key] = tlzoo.train(digits, recipe=recipe, out=out, **{**SMALL, **options})
        return runs[key]

    return train


@pytest.fixture
def resumed(digits, tmp_path):
    """Trains a recipe with some options, is interrupted, and goes on."""

    def train(recipe, phase, calls, **options):
        with pytest.raises(KeyboardInterrupt):
            tlzoo.train(
                digits,
                recipe=recipe,
                out=tmp_path / "run",
                progress=Stop(phase, calls),
                **{**SMALL, **options},
            )
        return tlzoo.resume(tmp_path / "run", digits)

    return train


def weights(run):
    with np.load(run.path / "weights.npz") as kept:
        return [kept[name] for name in kept.files]


def same(run, other):
    mine, theirs = weights(run), weights(other)
    assert len(mine) == len(theirs)
    return all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))


def strayed(run):
    """Returns how far the backbone's weights are from their pretrained values."""
    fresh = tlzoo.load_backbone("tiny")
    pairs = zip(run.backbone.network.weights, fresh.network.weights, strict=True)
    return np.sqrt(sum(((np.array(a) - np.array(b)) ** 2).sum() for a, b in pairs))


def moved_stages(run):
    fresh = tlzoo.load_backbone("tiny")
    return {
        stage.name
        for stage, mine in zip(fresh.stages, run.backbone.stages, strict=True)
        for one, other in zip(stage.layers, mine.layers, strict=True)
        for a, b in zip(one.weights, other.weights, strict=True)
        if not np.array_equal(np.array(a), np.array(b))
    }


def log(run):
    return [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]


def test_gradual_unfreezing_hands_each_phase_on(trained):
    run = trained("gradual_unfreeze", top=2, rate=0.003)
    assert moved_stages(run) == {"block", "top"}
    assert [line["phase"] for line in log(run)] == ["head"] * 3 + ["from_top"] + ["tune"] * 2
    rates = [line["rates"] for line in log(run) if line["phase"] != "head"]
    assert [set(each) for each in rates] == [{"top", "head"}] + [{"block", "top", "head"}] * 2
    # The second phase goes on from where the first one was, head included.
    first, second = [line["val_loss"] for line in log(run) if line["phase"] != "head" and line["epoch"] == 0]
    assert second < first * 1.2


@pytest.mark.parametrize(("phase", "calls"), [("from_top", 2), ("tune", 3)])
def test_gradual_unfreezing_resumes_in_any_phase(trained, resumed, phase, calls):
    options = {"top": 2, "rate": 0.003}
    assert same(resumed("gradual_unfreeze", phase, calls, **options), trained("gradual_unfreeze", **options))


def test_l2_sp_holds_weights_where_they_were(trained):
    options = {"rate": 0.003, "clip_norm": 0.0}
    loose, tight = (trained("l2_sp", strength=strength, **options) for strength in (1e-6, 100.0))
    assert 0 < strayed(tight) < 0.5 * strayed(loose)


def test_delta_holds_feature_maps_and_resumes_to_the_very_same_end(trained, resumed):
    options = {"strength": 10.0, "rate": 0.003, "dropout": 0.2}
    whole = trained("delta", **options)
    assert moved_stages(whole) == {"stem", "block", "top"}
    assert same(resumed("delta", "tune", 4, **options), whole)
    assert not same(trained("delta", **{**options, "strength": 1e-6}), whole)


def test_bss_changes_what_is_learned(trained):
    assert not same(trained("bss", rate=0.003), trained("bss", rate=0.003, strength=10.0))


def test_stochastic_norm_moves_statistics_and_resumes(trained, resumed):
    options = {"rate": 0.003, "batch_size": 24}
    whole = trained("stoch_norm", **options)
    fresh = tlzoo.load_backbone("tiny")
    pairs = zip(whole.backbone.batchnorms(), fresh.batchnorms(), strict=True)
    assert all(not np.array_equal(np.array(a.moving_mean), np.array(b.moving_mean)) for a, b in pairs)
    assert same(resumed("stoch_norm", "tune", 5, **options), whole)
    assert not same(trained("stoch_norm", share=1.0, **options), whole)


def test_stochastic_norm_needs_batchnorm(corpus, tmp_path, tiny_text_zoo, monkeypatch):
    monkeypatch.setenv("TLZOO_ZOO", str(tiny_text_zoo))
    options = {"backbone": "tiny_text", "recipe": "fine_tune", "batchnorm": "stochastic"}
    with pytest.raises(UsageError, match="tiny_text has no BatchNormalization"):
        tlzoo.train(str(corpus), out=tmp_path / "run", **options)


def test_a_soup_is_written_down_and_resumes(trained, resumed):
    options = {"epochs": 4, "rate": 0.01, "candidates": 3}
    whole = trained("soup", **options)
    facts = json.loads((whole.path / "soup.json").read_text())["tune"]
    losses = {line["epoch"]: line["val_loss"] for line in log(whole) if line["phase"] == "tune"}
    assert facts["epochs"][0] == min(losses, key=losses.get)
    assert 1 <= len(facts["epochs"]) <= 3
    assert facts["val_loss"] <= facts["best_val_loss"] == pytest.approx(min(losses.values()), abs=1e-5)
    again = resumed("soup", "tune", 8, **options)
    assert same(again, whole)
    assert json.loads((again.path / "soup.json").read_text())["tune"] == facts


def test_lora_moves_kernels_alone_and_resumes(trained, resumed):
    options = {"top": 2, "rank": 2, "dropout": 0.2}
    whole = trained("lora", **options)
    fresh = tlzoo.load_backbone("tiny")
    moved = {
        mine.path.rpartition("/")[0].rpartition("/")[2]
        for mine, theirs in zip(whole.backbone.network.weights, fresh.network.weights, strict=True)
        if not np.array_equal(np.array(mine), np.array(theirs))
    }
    assert moved == {"block_conv", "top_conv"}
    kernel = np.array(whole.backbone.network.get_layer("top_conv").kernel)
    change = kernel - np.array(fresh.network.get_layer("top_conv").kernel)
    assert np.linalg.matrix_rank(change.reshape(-1, change.shape[-1]), tol=1e-5) <= 2
    assert same(resumed("lora", "tune", 4, **options), whole)


def test_lora_that_selects_nothing_fails_before_it_trains(digits, tmp_path):
    with pytest.raises(UsageError, match="selects no layer"):
        tlzoo.train(digits, recipe="lora", out=tmp_path / "run", targets=["*query*"], **SMALL)
    assert not (tmp_path / "run" / "log.jsonl").exists()


def test_co_tuning_without_a_source_head_says_who_has_one(digits, tmp_path):
    with pytest.raises(UsageError, match=r"tiny: the classifier it was pretrained with.*efficientnet_lite0"):
        tlzoo.train(digits, recipe="co_tuning", out=tmp_path / "run", **SMALL)


def test_co_tuning_learns_from_the_source_and_leaves_a_plain_classifier(digits, tmp_path, monkeypatch):
    """The tiny backbone was pretrained with no classifier; it is given one."""
    random = np.random.default_rng(0)
    head = random.normal(size=(32, 7)).astype(np.float32), np.zeros(7, np.float32)
    monkeypatch.setattr("tlzoo.training.classifiers.source_head", lambda card: head)
    runs = [
        tlzoo.train(digits, recipe="co_tuning", out=tmp_path / str(strength), strength=strength, **SMALL)
        for strength in (2.3, 1e-6)
    ]
    assert not same(*runs)
    assert runs[0].model.output_shape == (None, 3)
    shown = [line for line in log(runs[0]) if line["phase"] == "tune"][-1]
    assert shown["loss"] > shown["val_loss"]  # the second loss is no part of what is judged


@pytest.fixture(scope="module")
def split_digits(digits, tmp_path_factory):
    """Writes digits and a table that says which are tested, and under which labels."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("split")
    images, labels = digits
    split = np.array(["train", "train", "validation", "test"])[np.arange(len(labels)) % 4]
    for at, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{at:03d}.png")

    def table(name, test_labels):
        told = labels.copy()
        told[split == "test"] = test_labels(labels[split == "test"])
        rows = [
            f"{at:03d}.png,{label},{part}" for at, (label, part) in enumerate(zip(told, split, strict=True))
        ]
        (folder / name).write_text("\n".join(["path,label,split", *rows]) + "\n")
        return folder / name

    return table


def self_trained(table, out):
    options = {**SMALL, "rate": 0.003, "round_epochs": 1, "confidence": 0.5}
    return tlzoo.train(str(table), recipe="self_training", out=out, **options)


def test_self_training_never_touches_test_labels(split_digits, tmp_path):
    """The same run with every test label wrong gives the same weights, bit by bit, and other scores."""
    right = self_trained(split_digits("right.csv", lambda labels: labels), tmp_path / "right")
    wrong = self_trained(split_digits("wrong.csv", lambda labels: (labels + 1) % 3), tmp_path / "wrong")
    assert same(right, wrong)
    assert right.folder.pseudo == wrong.folder.pseudo
    assert right.folder.pseudo["self1"]["labelled"] > 5
    assert right.evaluate().accuracy > 0.5 > wrong.evaluate().accuracy


def test_self_training_says_that_it_looked_at_test_pictures(split_digits, tmp_path, capsys):
    from tlzoo.cli.scores import summary, words

    run = self_trained(split_digits("right.csv", lambda labels: labels), tmp_path / "run")
    facts = run.metrics["pseudo"]
    assert list(facts) == ["self1", "self2"]
    assert facts["self1"]["examples"] == 30
    assert 0 < facts["self1"]["labelled"] == sum(facts["self1"]["counts"].values())
    assert "looked at the 30 examples of the test split" in run.report.read_text()
    assert "looked at the 30 examples of the test split" in words(run)
    assert summary(run)["transductive"] is True
    assert run.exportable("digits").facts["transductive"] is True


def test_self_training_learns_from_what_it_labels(trained):
    """Of two runs that are equal until then, one is sure of nothing."""
    options = {"rate": 0.003, "rounds": 1, "round_epochs": 1}
    none, some = (trained("self_training", confidence=each, **options) for each in (1.0, 0.4))
    assert none.metrics["pseudo"]["self1"]["labelled"] == 0
    assert some.metrics["pseudo"]["self1"]["labelled"] > 5
    assert not same(none, some)


@pytest.mark.parametrize(("phase", "calls"), [("self1", 3), ("self2", 3)])
def test_self_training_resumes_with_the_labels_it_had_given(trained, resumed, phase, calls):
    options = {"rate": 0.003, "round_epochs": 2, "confidence": 0.4}
    whole = trained("self_training", **options)
    again = resumed("self_training", phase, calls, **options)
    assert same(again, whole)
    assert again.folder.pseudo == whole.folder.pseudo
