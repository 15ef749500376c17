"""What apps share, without a browser: sentences, escaping, uploads, work that can be stopped, predictors."""

from __future__ import annotations

import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from apps.common import charts, html, uploads
from apps.common.errors import sentence, spoken
from apps.common.values import About, Answer, judged
from apps.common.work import Cancelled, Work
from tlzoo.client import Prediction
from tlzoo.errors import DataError, SourceError, UsageError
from tlzoo.registry import app_card
from tlzoo.workflows.apps import Source, check

ABOUT = About(
    "m", "here", "classification", "image", ("cat", "dog"), ood_threshold=2.0, coverage=0.9, floors=(0.3,)
)


def test_errors_become_sentences_without_words_of_the_command_line():
    error = DataError("folder 'x' is empty.", allowed="pictures.", do="Add some.")
    assert sentence(error) == "Folder 'x' is empty. Allowed: pictures. Add some."
    assert sentence(UsageError("no.", do="Leave --backbone out.")) == "No."
    assert "KeyError" in sentence(KeyError("secret"))
    assert "secret" not in sentence(KeyError("secret"))
    assert sentence(OSError(28, "No space left on device")).startswith("The machine refused: No space left")


def test_a_handler_tells_its_errors():
    import gradio as gr

    def broken(value):
        raise DataError(f"{value} is bad.")

    def broken_stream(value):
        yield 1
        raise DataError(f"{value} is bad.")

    with pytest.raises(gr.Error, match="Seven is bad"):
        spoken(broken)("seven")
    stream = spoken(broken_stream)("seven")
    assert next(stream) == 1
    with pytest.raises(gr.Error, match="Seven is bad"):
        next(stream)


def test_nothing_from_outside_is_taken_for_html():
    evil = "<script>alert(1)</script>"
    found = Answer(Prediction("x", evil, 0.9, {evil: 0.9, "b": 0.1}), (evil,), True)
    for page in (
        html.answer(found, ABOUT),
        html.note(evil),
        html.table([evil], [[evil]], evil),
        html.work(0.5, evil),
        html.card(app_card("teach"), About(evil, evil, "classification", "image", (evil,))),
        charts.confusion([[1, 0], [0, 1]], [evil, "b"]),
        charts.lines({evil: [(0, 1), (1, 2)]}, evil, evil),
    ):
        assert "<script" not in page
        assert "&lt;script" in page


def test_an_answer_warns_of_foreign_items_and_names_the_set():
    said = Prediction("x", "cat", 0.6, {"cat": 0.6, "dog": 0.4}, ood_score=3.0)
    found = judged(ABOUT, said)
    assert (found.likely, found.foreign) == (("cat", "dog"), True)
    shown = html.answer(found, ABOUT)
    assert "unlike anything" in shown
    assert "90 % sure): cat · dog" in shown
    assert "could not be read: odd" in html.answer(Answer(Prediction("x", error="odd")), ABOUT)
    assert judged(ABOUT, Prediction("x", error="odd")).likely is None


def test_work_tells_and_stops():
    gate = threading.Event()

    def job(tell):
        tell(1, 4, "first")
        gate.wait(5)
        tell(2, 4, "second")
        return "done"

    work = Work(job)
    following = work.follow()
    assert next(following) in ((None, "starting"), (0.25, "first"))
    work.cancel()
    gate.set()
    with pytest.raises(Cancelled):
        list(following)
    done = Work(lambda tell: "done")
    list(done.follow())
    assert (done.result, done.over) == ("done", True)
    failed = Work(lambda tell: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(failed.follow())


def zipped(path, names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return path


def test_a_zip_file_gives_its_folders_also_one_level_deeper(tmp_path):
    flat = zipped(tmp_path / "flat.zip", ["cat/1.png", "dog/1.png", "__MACOSX/cat/._1.png"])
    assert uploads.unpacked(flat, tmp_path / "a", 10) == tmp_path / "a"
    deep = zipped(tmp_path / "deep.zip", ["pets/cat/1.png", "pets/dog/1.png"])
    assert uploads.unpacked(deep, tmp_path / "b", 10) == tmp_path / "b" / "pets"
    with pytest.raises(DataError, match="holds 0 folders"):
        uploads.unpacked(zipped(tmp_path / "none.zip", ["1.png"]), tmp_path / "c", 10)
    with pytest.raises(SourceError, match="would land outside"):
        uploads.unpacked(zipped(tmp_path / "evil.zip", ["../cat/1.png"]), tmp_path / "d", 10)
    (tmp_path / "no.zip").write_bytes(b"no zip")
    with pytest.raises(SourceError, match="cannot be unpacked"):
        uploads.unpacked(tmp_path / "no.zip", tmp_path / "e", 10)
    with pytest.raises(DataError, match="MB together"):
        uploads.check_size([flat], 1e-6)


def test_kinds_of_files():
    names = ("a.ZIP", "a.csv", "a.PNG", "a.txt", "a.exe")
    assert [uploads.kind_of(Path(name)) for name in names] == ["zip", "table", "picture", "text", ""]


def test_a_server_that_is_down_is_a_sentence():
    from apps.common.predictor import open_predictor
    from tests.app_pages import free_port

    predictor = open_predictor(Source(url=f"http://127.0.0.1:{free_port()}/v1/models/x"))
    state = predictor.ready()
    assert not state.ok
    assert "does not answer" in state.words
    assert "this page goes on by itself" in state.words
    assert 'role="alert"' in html.condition(state)


def test_apps_say_what_they_take():
    card = app_card("teach")
    check(card, Source())
    with pytest.raises(UsageError, match="app 'teach' on --bundle"):
        check(card, Source(bundle=Path("x")))
    with pytest.raises(UsageError, match=r"on --run, --folder"):
        check(card, Source(runs=(Path("x"),), folder=Path("y")))


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny, digits):
    import tlzoo

    images, labels = digits
    names = np.array(["zero", "one", "two"])[labels[:120]]
    out = tmp_path_factory.mktemp("run") / "run"
    return tlzoo.train((images[:120], names), backbone="tiny", out=out, epochs=10, engine="graph")


@pytest.mark.slow
def test_a_run_answers_as_its_bundle_does(run, tmp_path, digits):
    from apps.common.bundle_predictor import BundlePredictor
    from apps.common.run_predictor import RunPredictor

    run.export(tmp_path / "model")
    bundle, here = BundlePredictor(tmp_path / "model"), RunPredictor(run)
    items = [digits[0][0], digits[0][50], b"no picture"]
    for ours, theirs in zip(here.predict(items), bundle.predict(items), strict=True):
        assert (ours.said.label, ours.likely) == (theirs.said.label, theirs.likely)
        assert (ours.said.error is None) == (theirs.said.error is None)
        for name, share in theirs.said.probabilities.items():
            assert ours.said.probabilities[name] == pytest.approx(share, abs=2e-3)
    assert here.describe().scores["accuracy"] == pytest.approx(bundle.describe().scores["accuracy"])
    assert here.describe().coverage == bundle.describe().coverage
    for predictor in (here, bundle):
        assert predictor.ready().ok
        reason = predictor.explain(digits[0][0], "one")
        assert reason.label == "one"
        assert reason.picture.ndim == 3


@pytest.mark.slow
def test_a_run_of_data_given_in_memory_answers_and_says_that_it_cannot_warn(run, digits, caplog):
    from apps.common.run_predictor import RunPredictor

    opened = RunPredictor.opened(run.path)
    (answer,) = opened.predict([digits[0][0]])
    assert answer.said.label == run.predict([digits[0][0]])[0].label
    assert answer.foreign is None
    assert "cannot be told here" in html.answer(answer, opened.describe())
    assert "given in memory" in caplog.text
    taught = RunPredictor(run)  # where nobody wants to be warned, nothing is said
    assert "told here" not in html.answer(*taught.predict([digits[0][0]]), taught.describe())
