"""Verdicts on real digits: each word where it belongs, nothing trained twice, nothing claimed that is not known."""

import json
import time
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

import tlzoo
from tlzoo.errors import RunError, UsageError
from tlzoo.training.deadline import Deadline
from tlzoo.workflows.verdict import VerdictRequest, percentages, verdict
from tlzoo.workflows.verdict_answer import Verdict
from tlzoo.workflows.verdict_cells import Cells
from tlzoo.workflows.verdict_parts import part_of
from tlzoo.workflows.verdict_scratch import Scratch

pytestmark = pytest.mark.slow

SEEDS = 3
ASKED = MappingProxyType({"seeds": SEEDS, "sizes": (), "budget": "10m"})


@pytest.fixture(scope="module")
def knowing(tiny_zoo, digits, tmp_path_factory):
    """A zoo with `known`, which has learned digits, `blank`, which answers everything alike, and `tiny`."""
    import shutil

    import keras

    zoo = tmp_path_factory.mktemp("knowing")
    shutil.copytree(tiny_zoo, zoo, dirs_exist_ok=True)
    card = (tiny_zoo / "backbones" / "tiny.toml").read_text()
    body = keras.saving.load_model(tiny_zoo / "tiny.keras")
    body.set_weights([np.zeros_like(weight) for weight in body.get_weights()])
    body.save(zoo / "blank.keras")
    keras.utils.set_random_seed(1)
    known = keras.saving.load_model(tiny_zoo / "tiny.keras")
    known.trainable = True
    for layer in known.layers:
        layer.trainable = True
    head = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(known.output))
    model = keras.Model(known.input, head)
    model.compile(keras.optimizers.Adam(3e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    images, labels = digits
    model.fit(images.astype(np.float32) / 127.5 - 1, labels, batch_size=16, epochs=25, verbose=0)
    known.save(zoo / "known.keras")
    for name in ("known", "blank"):
        (zoo / "backbones" / f"{name}.toml").write_text(
            card.replace(f"{tiny_zoo}/tiny.keras", f"{zoo}/{name}.keras")
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLZOO_ZOO", str(zoo))
        yield zoo


@pytest.fixture(scope="module")
def more():
    """All of scikit-learn's zeros, ones and twos: enough for scratch to learn from."""
    from PIL import Image
    from sklearn.datasets import load_digits

    data = load_digits()
    rows = np.flatnonzero(data.target < 3)
    grey = [
        Image.fromarray((each * (255 / 16)).astype(np.uint8)).resize((32, 32)) for each in data.images[rows]
    ]
    return np.stack([np.stack([np.asarray(each)] * 3, axis=-1) for each in grey]), data.target[rows]


@pytest.fixture(scope="module")
def photos(more, tmp_path_factory):
    from PIL import Image

    folder = tmp_path_factory.mktemp("photos")
    for number, (image, label) in enumerate(zip(*more, strict=True)):
        (folder / str(label)).mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / str(label) / f"{number:04d}.png")
    return folder


def trained(data, out, backbone, recipe="feature_extraction", **options):
    return tlzoo.train(
        data, backbone=backbone, recipe=recipe, out=out, test=0.4, validation=0.2, engine="graph", **options
    )


@pytest.fixture(scope="module")
def gained(knowing, photos, tmp_path_factory):
    """A run that transferred what it needs, and its verdict against a single epoch of scratch, with a curve."""
    run = trained(photos, tmp_path_factory.mktemp("runs") / "gained", "known")
    return run, tlzoo.verdict(run, **{**ASKED, "sizes": (0.5,)}, epochs=1)


@pytest.fixture(scope="module")
def lost(knowing, photos, tmp_path_factory):
    """A run on features that say nothing."""
    return trained(photos, tmp_path_factory.mktemp("runs") / "lost", "blank")


class TestWords:
    def test_positive(self, gained):
        run, found = gained
        assert found.word == "positive"
        assert found.gain.low > 0.05
        assert found.sentence.startswith("Positive transfer: +")
        rows = {row.name: row for row in found.rows}
        assert list(rows) == ["run", "scratch", "majority"]  # the run is the probe
        assert (rows["run"].seeds, rows["scratch"].seeds, rows["scratch"].epochs) == (SEEDS, SEEDS, 1)
        assert rows["run"].value > 0.9 > rows["scratch"].value
        assert rows["majority"].value == pytest.approx(run.metrics["majority"]["accuracy"])
        assert found.advice == ()
        assert found.missing == ()

    def test_negative(self, lost):
        found = tlzoo.verdict(lost, **ASKED, epochs=40)
        assert found.word == "negative"
        assert found.gain.high < 0
        assert found.catch_up.kind == "already"
        advised = [each.name for each in found.advice]
        assert advised[:2] == ["fine_tune", "an earlier cut"]
        assert "another backbone" in advised
        assert all(each.command.startswith("tlzoo train ") for each in found.advice)

    def test_neutral_where_both_learn_all_there_is(self, knowing, photos, tmp_path):
        run = trained(photos, tmp_path / "run", "known", "fine_tune", epochs=2, head_epochs=10)
        found = tlzoo.verdict(run, seeds=2, sizes=(), margin=0.15, epochs=40)
        assert found.word == "neutral"
        assert found.row("probe").seeds == 2
        assert found.row("probe").value > 0.9
        assert found.row("scratch").value > 0.85

    def test_neutral_where_nobody_learned_anything(self, lost, tmp_path):
        found = tlzoo.verdict(lost, **{**ASKED, "margin": 0.9}, epochs=40)
        assert found.word == "neutral"
        assert any(
            "Neither has learned more than always the commonest class" in each for each in found.cautions
        )


class TestWhatIsTold:
    def test_the_first_seed_is_the_run_itself(self, gained):
        run, _found = gained
        cells = sorted(path.name for path in (run.path / "verdict" / "cells").glob("*.npz"))
        assert not any(
            name.startswith("feature_extraction") and name.endswith("-100-0.npz") for name in cells
        )
        assert len(cells) == (SEEDS - 1) + SEEDS + 2 * SEEDS
        assert not [path for path in (run.path / "verdict" / "cells").iterdir() if path.is_dir()]

    def test_the_curve_goes_up_to_all_the_data(self, gained):
        run, found = gained
        train = len(run.folder.read_splits()["train"])
        assert [point.share for point in found.curve] == [0.5, 1.0]
        assert [point.examples for point in found.curve] == pytest.approx([train / 2, train], abs=2)
        assert found.curve[-1].run == pytest.approx(found.row("run").value)
        assert found.curve[-1].gain == found.gain

    def test_it_is_in_the_report(self, gained):
        run, found = gained
        page = run.report.read_text()
        assert '<section id="verdict">' in page
        assert found.sentence in page
        assert found.catch_up_words in page
        assert page.count("<polyline") == 0
        assert "Learning curves of the run&#x27;s plan and of the same network from scratch" in page

    def test_it_is_on_tensorboard(self, gained):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.util.tensor_util import make_ndarray

        run, found = gained
        events = EventAccumulator(str(run.path / "tensorboard" / "verdict" / "scratch")).Reload()
        told = {
            event.step: float(make_ndarray(event.tensor_proto))
            for event in events.Tensors("verdict/accuracy")
        }
        assert told == pytest.approx({point.examples: point.scratch for point in found.curve})

    def test_it_goes_through_json(self, gained):
        _, found = gained
        assert Verdict.from_dict(json.loads(json.dumps(found.to_dict()))) == found

    def test_the_run_stays_what_it_was(self, gained):
        run, _ = gained
        again = tlzoo.open_run(run.path)
        assert again.metrics == run.metrics
        assert (run.path / "weights.npz").is_file()


class TestTime:
    def test_the_same_question_again_trains_nothing(self, gained):
        run, found = gained
        cells = run.path / "verdict" / "cells"
        before = {path: path.stat().st_mtime_ns for path in cells.iterdir()}
        again = tlzoo.verdict(run.path, **{**ASKED, "sizes": (1.0, 0.5)}, epochs=1)
        assert again == found
        assert {path: path.stat().st_mtime_ns for path in cells.iterdir()} == before

    def test_killed_it_goes_on(self, knowing, photos, tmp_path):
        run = trained(photos, tmp_path / "run", "known")
        cells, told = run.path / "verdict" / "cells", []

        def stop(done, total, text):
            told.append(text)
            if text.startswith("scratch, 100% of the data, seed 1"):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            tlzoo.verdict(run, **ASKED, epochs=2, progress=stop)
        before = {path.name: path.stat().st_mtime_ns for path in cells.glob("*.npz")}
        assert len(before) == 2
        assert [path.name.endswith("-100-1") for path in cells.iterdir() if path.is_dir()] == [True]
        found = tlzoo.verdict(run, **ASKED, epochs=2)
        assert found.row("scratch").seeds == SEEDS
        after = {path.name: path.stat().st_mtime_ns for path in cells.glob("*.npz")}
        assert before.items() <= after.items()
        assert found.seconds > 0

    def test_what_there_was_no_time_for_is_named_and_added_later(self, knowing, photos, tmp_path):
        run = trained(photos, tmp_path / "run", "known")
        training = sum(run.metrics["phases"].values()) + 1
        short = tlzoo.verdict(run, seeds=3, sizes=(), budget=training, epochs=1)
        assert short.missing
        assert any(each.startswith(("run", "scratch")) for each in short.missing)
        whole = tlzoo.verdict(run, seeds=3, sizes=(), budget="10m", epochs=1)
        assert whole.missing == ()
        assert whole.row("scratch").seeds == 3

    def test_what_was_cut_short_is_whole_once_there_is_time(self, knowing, photos, tmp_path):
        run = trained(photos, tmp_path / "run", "known")
        cells = Cells(run, run.dataset, tmp_path / "cells")
        learner = Scratch(4, 2e-3).learner(run.folder.plan, cells)
        cut = cells.make(learner, 1.0, 0, Deadline(time.monotonic()))
        assert cut.told.cut
        assert cut.told.epochs == 1
        assert cells.make(learner, 1.0, 0).told == cut.told  # it is what there is
        whole = cells.make(learner, 1.0, 0, anew=True)
        assert not whole.told.cut
        assert whole.told.epochs == 4
        assert cells.make(learner, 1.0, 0, anew=True).told == whole.told

    def test_less_than_the_run_took_is_too_little(self, lost):
        with pytest.raises(UsageError, match="scratch must have as long"):
            verdict(lost, VerdictRequest(seconds=0.01, margin=0.2))

    @pytest.mark.slow
    def test_scratch_has_as_many_epochs_as_help(self, knowing, photos, tmp_path, monkeypatch):
        monkeypatch.setattr("tlzoo.workflows.verdict_scratch.STEPS", 8)
        monkeypatch.setattr("tlzoo.workflows.verdict_scratch.defaults", lambda _: {"epochs": 4, "rate": 2e-3})
        run = trained(photos, tmp_path / "run", "known")
        found = tlzoo.verdict(run, seeds=2, sizes=(), budget="20m")
        kept = json.loads((run.path / "verdict" / "state.json").read_text())["scratch"]
        assert kept["epochs"] in (4, 8, 16, 32)
        assert kept["epochs"] > 4  # four epochs teach nothing
        assert kept["doubled"]
        assert found.row("scratch").epochs == kept["epochs"]
        if kept["could_gain"] >= max(found.gain.low, 0):
            assert found.word == "neutral"


class TestRefusals:
    def test_scratch_transfers_nothing(self, knowing, photos, tmp_path):
        run = trained(photos, tmp_path / "run", "tiny", "scratch", epochs=1)
        with pytest.raises(UsageError, match="nothing was transferred"):
            verdict(run)

    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({"seeds": 1}, "luck cannot be told from skill"),
            ({"shares": (0.0,)}, "of the training split"),
            ({"shares": (1.5,)}, "of the training split"),
            ({"margin": -1.0}, "margin"),
            ({"seconds": 0.0}, "budget"),
            ({"epochs": 0}, "epochs"),
        ],
    )
    def test_questions_without_sense(self, lost, fields, told):
        with pytest.raises(UsageError, match=told):
            verdict(lost, replace(VerdictRequest(), **fields))

    def test_no_run(self, tmp_path):
        with pytest.raises(RunError, match="no run folder"):
            verdict(tmp_path)

    def test_data_in_memory_is_needed_again(self, knowing, digits, tmp_path):
        run = trained(digits, tmp_path / "run", "known")
        with pytest.raises(RunError, match="given in memory"):
            tlzoo.verdict(run.path, **ASKED, epochs=1)
        with pytest.raises(UsageError, match="luck"):  # the data is there now
            tlzoo.verdict(run.path, data=digits, seeds=1)

    def test_a_damaged_answer_is_named(self, knowing, photos, tmp_path):
        run = trained(photos, tmp_path / "run", "known")
        (run.path / "verdict").mkdir()
        (run.path / "verdict" / "verdict.json").write_text("{")
        with pytest.raises(RunError, match="ask again"):
            verdict(run)


class TestOtherTasks:
    def test_numbers(self, knowing, digits, tmp_path):
        images, labels = digits
        run = trained((images, labels * 10.0), tmp_path / "run", "known", task="regression")
        found = tlzoo.verdict(run, seeds=2, sizes=(), epochs=1)
        assert found.metric == "rmse"
        assert found.unit == pytest.approx(8.2, abs=0.5)
        run_row, scratch = found.row("run"), found.row("scratch")
        assert found.gain.estimate == pytest.approx((scratch.value - run_row.value) / found.unit)
        assert "of the labels' spread" in found.sentence

    @pytest.mark.slow
    def test_sets_of_labels(self, knowing, digits, tmp_path):
        images, labels = digits
        sets = np.stack([labels > 0, labels < 2], axis=1).astype(np.uint8)
        data = tlzoo.load((images, sets), task="multilabel")
        run = trained(data, tmp_path / "run", "known")
        found = tlzoo.verdict(run, seeds=2, sizes=(0.5,), epochs=1)
        assert found.metric == "macro_f1"
        assert found.gain.estimate == pytest.approx(found.row("run").value - found.row("scratch").value)
        assert len(found.curve) == 2


@pytest.mark.slow
def test_mitigations_are_tried_at_once(lost):
    found = tlzoo.verdict(lost, **ASKED, epochs=40, try_mitigations=True)
    tried = [row for row in found.rows if row.over_run is not None]
    assert [row.name for row in tried] == [each.name for each in found.advice]
    assert all(each.tried for each in found.advice)
    better = max(tried, key=lambda row: row.value)
    assert better.over_run.low > 0
    assert "(tried)" in lost.report.read_text()


class TestParts:
    @pytest.mark.parametrize("share", [0.01, 0.1, 0.25, 0.5])
    def test_every_class_is_there_and_parts_are_nested(self, share):
        labels = np.repeat([0, 1, 2], [200, 30, 3])
        part, whole = part_of(labels, share, 3), part_of(labels, min(1, 2 * share), 3)
        assert set(part) <= set(whole)
        assert set(labels[part]) == {0, 1, 2}
        assert len(set(part)) == len(part)
        assert abs(len(part) - share * 233) <= 3
        assert set(part) != set(part_of(labels, share, 4)) or share == 1

    def test_every_label_of_sets_is_there(self):
        labels = (np.random.default_rng(0).random((100, 4)) < [0.5, 0.3, 0.05, 0.02]).astype(np.uint8)
        labels[7, 3] = 1
        assert labels[part_of(labels, 0.05, 0)].any(axis=0).all()

    def test_numbers_are_drawn(self):
        assert len(part_of(np.arange(50.0), 0.1, 0)) == 5


def test_percentages():
    assert percentages("10,25, 50%,100") == (0.1, 0.25, 0.5, 1.0)
    with pytest.raises(UsageError, match="no list of percentages"):
        percentages("ten")
