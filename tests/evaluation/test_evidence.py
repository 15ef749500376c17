import html
import warnings

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata as hparams
from tensorboard.util import tensor_util

from tlzoo.errors import RunError
from tlzoo.evaluation.record import RunRecord
from tlzoo.evaluation.tensorboard import pr_curve, write_evidence


def read(folder):
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return events


def value(events, tag):
    return tensor_util.make_ndarray(events.Tensors(tag)[0].tensor_proto)


@pytest.fixture
def written(make_run):
    run = make_run()
    return run, write_evidence(run), read(run / "tensorboard" / "test")


def test_images_are_images(written):
    _, _, events = written
    for tag in ("evidence/confusion_matrix", "evidence/calibration", "evidence/worst_mistakes"):
        width, height, png = value(events, tag)
        assert int(width) > 300
        assert int(height) > 300
        assert png.startswith(b"\x89PNG")


def test_scalars_and_hparams(written):
    run, _, events = written
    record = RunRecord.read(run)
    assert float(value(events, "test/accuracy")) == pytest.approx(record.test.accuracy)
    content = events.SummaryMetadata(hparams.SESSION_START_INFO_TAG).plugin_data.content
    start = hparams.parse_session_start_info_plugin_data(content)
    assert start.hparams["recipe"].string_value == "fine_tune"
    assert start.hparams["seed"].number_value == 7
    assert start.group_name.endswith("/run")
    content = events.SummaryMetadata(hparams.EXPERIMENT_TAG).plugin_data.content
    experiment = hparams.parse_experiment_plugin_data(content)
    assert "test/auroc" in [metric.name.tag for metric in experiment.metric_infos]


def test_pr_curves_carry_class_names(written):
    _, _, events = written
    about = events.SummaryMetadata("pr_curves/1")
    assert about.plugin_data.plugin_name == "pr_curves"
    assert about.display_name == "defective"
    curve = value(events, "pr_curves/1")
    assert curve.shape == (6, 201)
    assert curve[5, 0] == 1.0


def test_texts(written):
    _, _, events = written
    text = value(events, "plan").item().decode()
    assert text.splitlines()[0] == "|  | head | all |"
    assert "tlzoo train" in value(events, "reproduce").item().decode()
    assert "Apache-2.0" in value(events, "backbone").item().decode()


def test_projector_reads_what_was_written(written):
    run, folder, _ = written
    features = np.fromfile(folder / "features.bytes", np.float32).reshape(-1, 32)
    lines = (folder / "features.tsv").read_text().splitlines()
    assert lines[0].split("\t") == ["label", "predicted", "right", "item"]
    assert len(lines) - 1 == len(features) == RunRecord.read(run).test.n
    with pytest.raises(UnicodeDecodeError):
        (folder / "features.bytes").read_text("utf-8")
    found = {tuple(row.round(2)) for row in features}
    assert found == {tuple(row.round(2)) for row in RunRecord.read(run).features}


def test_texts_come_as_a_table_of_what_they_say(make_run):
    run = make_run(texts=True, item="row:{}")
    events = read(write_evidence(run))
    assert "evidence/worst_mistakes" in events.Tags()["tensors"]
    about = events.SummaryMetadata("evidence/worst_mistakes")
    assert about.plugin_data.plugin_name == "text"
    page = markdown(value(events, "evidence/worst_mistakes").item().decode())
    assert "<script" not in page
    assert "href" not in page
    assert "<strong>" not in page
    shown = html.unescape(page)
    entries = RunRecord.read(run).mistakes
    assert any("**hurts**" in entry["text"] for entry in entries)
    for entry in entries:
        assert " ".join(entry["text"][:500].split()) + ("…" if len(entry["text"]) > 500 else "") in shown
    assert shown.count("<tr>") == len(entries) + 1
    start = hparams.parse_session_start_info_plugin_data(
        events.SummaryMetadata(hparams.SESSION_START_INFO_TAG).plugin_data.content
    )
    assert start.hparams["length"].number_value == 256
    assert "pixels" not in start.hparams


def markdown(text):
    """Returns what TensorBoard's text page makes of Markdown."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what TensorBoard brings along
        from tensorboard.plugin_util import markdown_to_safe_html

        return markdown_to_safe_html(text)


def test_the_projector_shows_how_texts_begin(make_run):
    run = make_run(texts=True)
    index = RunRecord.read(run).predictions("test").index
    folder = write_evidence(run, texts={int(i): f"tab\tand line\nof {i}" for i in index[1:]})
    lines = [line.split("\t") for line in (folder / "features.tsv").read_text().splitlines()]
    assert lines[0] == ["label", "predicted", "right", "item", "text"]
    assert {len(line) for line in lines} == {5}
    assert sorted(line[4] for line in lines[1:]) == ["", *sorted(f"tab and line of {i}" for i in index[1:])]
    assert "sprite" not in (folder / "projector_config.pbtxt").read_text()


def test_writing_again_replaces(written):
    run, folder, _ = written
    write_evidence(run)
    assert len(list(folder.glob("events*"))) == 1


def test_elsewhere(make_run, tmp_path):
    assert write_evidence(make_run(), logdir=tmp_path / "board") == tmp_path / "board"
    assert (tmp_path / "board" / "projector_config.pbtxt").is_file()


def test_hostile_and_many_names(make_run):
    names = tuple(f"$x_{{{number}$ 数\t|\n<b>" for number in range(40))
    events = read(write_evidence(make_run(names=names, shares=(1 / 40,) * 40, n=4000)))
    assert len([tag for tag in events.Tags()["tensors"] if tag.startswith("pr_curves/")]) == 20


def test_one_class_in_the_test_split(make_run):
    events = read(write_evidence(make_run(one_class_test=True)))
    assert "pr_curves/0" in events.Tags()["tensors"]
    assert "pr_curves/1" not in events.Tags()["tensors"]


def test_an_unfinished_run(tmp_path):
    with pytest.raises(RunError):
        write_evidence(tmp_path)


def test_pr_curve_by_hand():
    curve = pr_curve(np.array([True, True, False]), np.array([0.9, 0.3, 0.5]), thresholds=3)
    assert curve.tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 1], [0, 1, 2], [2 / 3, 0.5, 1.0], [1.0, 0.5, 0.0]]
