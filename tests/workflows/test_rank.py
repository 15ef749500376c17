"""Ranking end to end, on tiny backbones."""

import csv
import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import tlzoo
from tlzoo import registry
from tlzoo.errors import DataError, UnknownNameError, UsageError
from tlzoo.workflows import rank as workflow
from tlzoo.workflows.rank import RankRequest, candidates, some
from tlzoo.workflows.rank_scores import SCORES, all_scores


@pytest.fixture(scope="module")
def zoo(tiny_zoo, tmp_path_factory):
    """`tiny`, and `dull`: the same network whose last layer lets nothing through but a little noise."""
    import keras

    folder = tmp_path_factory.mktemp("rank_zoo")
    shutil.copytree(tiny_zoo / "backbones", folder / "backbones")
    (folder / "datasets").mkdir()
    network = keras.models.load_model(tiny_zoo / "tiny.keras")
    network.get_layer("stem_bn").set_weights([np.zeros(8), np.zeros(8), np.zeros(8), np.ones(8)])
    network.save(folder / "dull.keras")
    card = (tiny_zoo / "backbones" / "tiny.toml").read_text()
    card = card.replace(str(tiny_zoo / "tiny.keras"), str(folder / "dull.keras")).replace("Tiny", "Dull")
    (folder / "backbones" / "dull.toml").write_text(card)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLZOO_ZOO", str(folder))
        yield folder


@pytest.fixture(scope="module")
def data(digits):
    return tlzoo.load(digits)


@pytest.fixture(scope="module")
def ranking(zoo, data):
    return tlzoo.rank(data, engine="graph")


def test_the_backbone_that_sees_nothing_comes_last(ranking):
    assert ranking.best == "tiny"
    assert ranking.within_noise == []
    first, last = ranking.table()
    assert (first["rank"], last["backbone"], last["rank_low"]) == (1, "dull", 2)
    assert first["probe"] > 0.8 > last["probe"]
    assert first["logme"] > last["logme"]
    assert last["h_score"] == pytest.approx(0, abs=1e-6)
    assert first["leep"] is None
    assert first["nce"] is None


def test_only_training_examples_are_looked_at(ranking, data):
    splits = data.split(seed=0, validation=0.1)
    assert ranking.examples == ranking.train == len(splits.train) < len(data)
    labels = data.labels.copy()
    held_out = np.concatenate([splits.validation, splits.test])
    labels[held_out] = np.roll(labels[held_out], 1)
    # The given split keeps the same examples in training, whatever the labels of the others are.
    given = replace(data, given_split=tuple(splits.names()))
    lied = replace(given, labels=labels)
    honest, misled = (tlzoo.rank(each, engine="graph") for each in (given, lied))
    for one, other in zip(honest.table(), misled.table(), strict=True):
        assert {key: one[key] for key in SCORES} == {key: other[key] for key in SCORES}


def test_costs_are_told(ranking):
    for row in ranking.table():
        assert row["seconds_per_1000"] > 0
        assert row["bundle_bytes"] == 4 * (row["params"] + 33 * 3)
        assert row["features"] == 32


def test_the_recommendation_says_how_sure_it_is(ranking):
    said = ranking.recommendation
    assert said.startswith("tiny suits ")
    assert "95% of the resamples" in said
    assert "beyond noise" in said
    assert f"From {ranking.examples} of {ranking.train} training examples" in said
    assert ranking.command == "tlzoo train DATA --backbone tiny --seed 0"


def test_a_second_look_computes_nothing(ranking, data, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a backbone was loaded")

    monkeypatch.setattr("tlzoo.backbones.load.load_backbone", refuse)
    again = tlzoo.rank(data, engine="graph")
    assert all(row["remembered"] for row in again.table())
    for one, other in zip(ranking.table(), again.table(), strict=True):
        assert one | {"remembered": None} == other | {"remembered": None}


def test_features_that_training_has_cached_are_used(zoo, data, ranking, tmp_path, monkeypatch):
    """And the other way round: after a ranking of a small data set, training finds its features."""
    from tlzoo.features.extract import Extractor

    def refuse(*_, **__):
        raise AssertionError("features were computed")

    monkeypatch.setattr(Extractor, "_pass", refuse)
    run = tlzoo.train(data, backbone="tiny", engine="graph", out=tmp_path / "run", epochs=1)
    assert run.metrics["test"]["n"] > 0


def test_other_weights_under_the_same_name_are_scored_anew(zoo, data):
    assert all(row["remembered"] for row in tlzoo.rank(data, engine="graph").table())
    (zoo / "dull.keras").touch()
    assert [row["remembered"] for row in tlzoo.rank(data, engine="graph").table()] == [True, False]


def test_sizes_are_candidates_and_come_back_in_the_command(zoo, data, ranking):
    tiny = registry.backbones().get("tiny")
    found = candidates([tiny], data, RankRequest(sizes=(16, 32)))
    assert [(each.name, each.size) for each in found] == [("tiny@16", (16, 16)), ("tiny@32", (32, 32))]
    sized = replace(ranking, rows=((ranking.rows[0][0], replace(ranking.rows[0][1], candidate=found[0])),))
    assert sized.command == "tlzoo train DATA --backbone tiny --set size=16 --seed 0"


def test_json_csv_and_tensorboard_tell_the_same(ranking, tmp_path):
    values = json.loads(json.dumps(ranking.to_dict()))
    assert values["best"] == "tiny"
    ranking.write_csv(tmp_path / "ranks.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "ranks.csv").read_text())))
    assert [row["backbone"] for row in rows] == ["tiny", "dull"]
    assert float(rows[0]["probe"]) == values["backbones"][0]["probe"]
    assert rows[0]["leep"] == ""
    kept = tmp_path / "board" / "mine"
    kept.mkdir(parents=True)
    for _ in range(2):
        ranking.write_tensorboard(tmp_path / "board")
    assert kept.is_dir()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "board" / "01-tiny")).Reload()
    told = tensors(events)
    assert told["rank/probe"] == pytest.approx(values["backbones"][0]["probe"], abs=1e-6)
    assert "rank/leep" not in told
    words = EventAccumulator(str(tmp_path / "board" / "recommendation")).Reload()
    assert text(words, "recommendation") == ranking.recommendation
    assert "dull" in text(words, "ranking")


def text(events, tag):
    return tensors(events)[tag].item().decode()


def tensors(events):
    import tensorflow as tf

    tags = [tag for tag in events.Tags()["tensors"] if not tag.startswith("_hparams_")]
    return {tag: tf.make_ndarray(events.Tensors(tag)[0].tensor_proto) for tag in tags}


def test_numbers_and_sets_of_labels_are_ranked(zoo, digits):
    images, labels = digits
    numbers = tlzoo.rank((images, labels * 1.5), task="regression", engine="graph")
    assert numbers.best == "tiny"
    assert numbers.to_dict()["measure"] == "R2"
    assert numbers.table()[0]["h_score"] is None
    sets = [["zero", "even"] if label == 0 else ["even"] if label == 2 else [] for label in labels]
    several = tlzoo.rank((images, sets), task="multilabel", engine="graph")
    assert several.best == "tiny"
    assert several.table()[0]["probe"] > several.table()[1]["probe"]
    assert several.table()[0]["knn"] is None
    assert several.command.endswith("--task multilabel")


def test_a_subsample_keeps_classes_and_does_not_depend_on_order(data):
    rows = np.arange(len(data))
    kept = some(data, rows, 30)
    assert abs(len(kept) - 30) <= 2
    assert set(data.labels[kept]) == set(data.labels)
    order = np.random.default_rng(0).permutation(len(data))
    shuffled = data.subset(order)
    again = some(shuffled, rows, 30)
    assert {data.digests[row] for row in kept} == {shuffled.digests[row] for row in again}
    np.testing.assert_array_equal(some(data, rows, 1000), rows)


def test_fewer_examples_than_there_are(zoo, data):
    found = tlzoo.rank(data, backbones=["tiny"], most=30, engine="graph")
    assert found.examples < 40 < found.train
    assert "Nothing else was compared" in found.recommendation


def test_scores_do_not_depend_on_the_order_of_rows():
    random = np.random.default_rng(0)
    features, labels = random.normal(size=(60, 100)), random.integers(0, 3, 60)
    features[:, :3] += np.eye(3)[labels]
    head = random.normal(size=(100, 7)), random.normal(size=7)
    groups = random.integers(0, 50, 60)
    order = random.permutation(60)
    one, outputs = all_scores(features, labels, groups, head)
    other, turned = all_scores(features[order], labels[order], groups[order], head)
    assert set(one) == set(SCORES)
    assert other == pytest.approx(one, abs=1e-8)
    np.testing.assert_allclose(turned, outputs[order], atol=1e-5)


def test_what_means_nothing_is_refused(zoo, data):
    with pytest.raises(UnknownNameError, match="no backbone 'tinny'") as error:
        tlzoo.rank(data, backbones=["tinny"])
    assert "tiny" in error.value.do
    with pytest.raises(UnknownNameError, match="no option of rank 'size'"):
        tlzoo.rank(data, size=(32,))
    with pytest.raises(UsageError, match=r"cannot be built for \(4, 4\)"):
        tlzoo.rank(data, backbones=["tiny"], sizes=(4,))
    with pytest.raises(UsageError, match="length says nothing"):
        tlzoo.rank(data, lengths=(16,))
    with pytest.raises(UsageError, match="most=3"):
        tlzoo.rank(data, most=3)
    with pytest.raises(UsageError, match="loaded for classification"):
        tlzoo.rank(data, task="regression")


def test_broken_images_are_left_out(zoo, digits, tmp_path):
    from PIL import Image

    images, labels = digits
    for at, (image, label) in enumerate(zip(images[::2], labels[::2], strict=True)):
        path = tmp_path / str(label) / f"{at:03d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(path)
    data = tlzoo.load(tmp_path)
    train = data.split(seed=0, validation=0.1).train
    victim = data.items[int(train[0])]
    victim.write_bytes(victim.read_bytes()[:60])
    found = tlzoo.rank(data, backbones=["tiny", "dull"], engine="graph")
    assert found.examples == len(train) - 1


def test_backbones_that_cannot_be_reached_are_left_out_of_all(zoo, data, monkeypatch):
    from tlzoo.errors import UnreachableError

    real = workflow.score

    def unreachable(candidate, *rest):
        if candidate.name == "dull":
            raise UnreachableError("nobody answers")
        return real(candidate, *rest)

    monkeypatch.setattr(workflow, "score", unreachable)
    found = workflow.rank(data, RankRequest(every=True, engine="graph"))
    assert found.left_out == {"dull": "nobody answers"}
    with pytest.raises(UnreachableError):
        workflow.rank(data, RankRequest(backbones=("dull",), engine="graph"))


def test_groups_of_one_kind_cannot_judge_each_other():
    random = np.random.default_rng(0)
    features, labels = np.repeat(random.normal(size=(20, 64)), 3, axis=0), np.repeat(np.arange(20) % 2, 3)
    cheated, _ = all_scores(features, labels)
    honest, _ = all_scores(features, labels, np.repeat(np.arange(20), 3))
    assert cheated["probe"] == 1
    assert honest["probe"] < 0.8


def test_labels_that_do_not_differ_are_refused():
    with pytest.raises(DataError, match="same label"):
        all_scores(np.eye(4), np.zeros(4, int))


class TestTime:
    def asked(self, seconds, seed=1, names=("tiny", "dull")):
        return RankRequest(backbones=names, engine="graph", seconds=seconds, seed=seed)

    def test_backbones_there_is_no_time_for_are_left_out_but_never_the_first(self, zoo, data):
        found = workflow.rank(data, self.asked(0.0))
        assert [scored.candidate.name for _, scored in found.rows] == ["tiny"]
        assert found.left_out["dull"].startswith("no time: about ")
        assert found.recommendation.startswith("tiny suits")

    def test_with_time_enough_none_is(self, zoo, data):
        assert workflow.rank(data, self.asked(1e6, seed=2)).left_out == {}

    def test_what_is_remembered_takes_no_time(self, zoo, data):
        workflow.rank(data, self.asked(None, seed=3))
        found = workflow.rank(data, self.asked(0.0, seed=3))
        assert found.left_out == {}
        assert all(scored.remembered for _, scored in found.rows)

    def test_the_pace_of_one_foretells_the_next(self, zoo, data):
        clock = workflow._Clock(10.0)
        examples = workflow.Examples(data, np.arange(40))
        small, large = (
            workflow.Candidate("tiny", registry.backbones().get("tiny"), (side, side)) for side in (32, 320)
        )
        assert clock.refuses(small, examples) == ""
        clock.note(workflow.Scored(small, {}, np.zeros((40, 3)), seconds=1.0, remembered=True))
        assert clock.refuses(replace(small, name="other", size=(33, 33)), examples) == ""
        assert clock.refuses(large, examples).startswith("no time: about 200 s")
