"""`train`, `plan`, `evaluate`, `compare`, `export`, `predict`, as their users type them, on a folder of digits."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from tlzoo.cli.main import main

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture(scope="module")
def run(tiny, photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "first"
    words = ["train", str(photos), "--backbone", "tiny", "--out", str(out), "--set", "epochs=5", "--quiet"]
    assert main(words) == 0
    return out


def test_json_is_one_object_with_the_documented_keys(said, photos, tmp_path):
    words = ("--backbone", "tiny", "--set", "epochs=2", "--seed", 3, "--quiet", "--json")
    code, out, _ = said("train", photos, "--out", tmp_path / "run", *words)
    answer = json.loads(out)
    assert code == 0
    assert {"run", "report", "accuracy", "macro_f1", "seconds", "majority_accuracy", "seed"} <= answer.keys()
    assert answer["seed"] == 3
    assert answer["n"] == 24


def test_words_say_where_everything_is_and_what_is_next(said, photos, tmp_path):
    _, out, _ = said(
        "train", photos, "--backbone", "tiny", "--out", tmp_path / "run", "--set", "epochs=2", "-q"
    )
    assert "majority baseline" in out
    assert f"{tmp_path}/run/report.html" in out
    assert "tensorboard --logdir" in out
    assert "tlzoo export" in out


def test_the_command_in_the_run_reproduces_it(run):
    import shlex

    words = shlex.split(json.loads((run / "config.json").read_text())["command"])
    again = run.parent / "again"
    words[words.index("--out") + 1] = str(again)
    assert main([*words[1:], "--quiet"]) == 0
    first, second = (json.loads((each / "metrics.json").read_text())["test"] for each in (run, again))
    assert first == second


def test_plan_prints_and_trains_nothing(said, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = said("plan", photos, "--backbone", "tiny", "--recipe", "fine_tune", "--set", "top=1")
    assert code == 0
    assert "phase tune: 8 epochs of pixels" in out
    assert "rate 0.0003   top" in out
    assert list(tmp_path.iterdir()) == []
    _, out, _ = said("plan", photos, "--backbone", "tiny", "--json")
    assert json.loads(out)["plan"]["recipe"] == "feature_extraction"


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("--set", "epoch=3"), 2, "Did you mean 'epochs'?"),
        (("--set", "epochs"), 2, "NAME=VALUE"),
        (("--recipe", "finetune"), 2, "no recipe 'finetune'"),
        (("--backbone", "tinny"), 2, "Did you mean 'tiny'?"),
    ],
)
def test_slips_are_answered_before_anything_is_trained(said, photos, tmp_path, words, code, text):
    got, out, err = said("train", photos, "--backbone", "tiny", "--out", tmp_path / "run", *words)
    assert (got, out) == (code, "")
    assert text in err
    assert not (tmp_path / "run").exists()


def test_train_wants_data_or_a_run_to_resume(said):
    code, _, err = said("train")
    assert code == 2
    assert "--resume RUN" in err


def test_a_resumed_run_reads_its_data_as_before(said, run):
    code, _, err = said("train", "--resume", run, "--text-column", "review")
    assert code == 2
    assert "text_column with --resume" in err


def test_a_used_folder_is_refused(said, photos, run):
    code, _, err = said("train", photos, "--backbone", "tiny", "--out", run)
    assert code == 6
    assert "is not empty" in err


def test_resuming_a_finished_run_just_shows_it(said, run):
    code, out, _ = said("train", "--resume", run, "--json", "-q")
    assert code == 0
    assert json.loads(out)["run"] == str(run)


def test_evaluate_on_its_own_split_and_on_other_data(said, run, photos, tmp_path):
    _, out, _ = said("evaluate", run, "--json")
    own = json.loads(out)
    assert own["n"] == 24
    one = tmp_path / "one class" / "digit 1"
    one.mkdir(parents=True)
    for path in sorted((photos / "digit 1").iterdir())[:5]:
        (one / path.name).write_bytes(path.read_bytes())
    code, out, _ = said("evaluate", run, one.parent, "--json")
    assert code == 0
    assert json.loads(out)["n"] == 5
    code, out, _ = said("evaluate", run)
    assert "digit 0  precision" in out


def test_evaluate_reads_other_data_as_it_is_told(said, run, photos, tmp_path):
    rows = [f"{path},{path.parent.name}\n" for path in sorted(photos.glob("*/*.png"))[:7]]
    (tmp_path / "t.csv").write_text("path,kind\n" + "".join(rows), encoding="utf-16")
    words = ("--label-column", "kind", "--encoding", "utf-16", "--json")
    code, out, _ = said("evaluate", run, tmp_path / "t.csv", *words)
    assert code == 0
    assert json.loads(out)["n"] == 7
    code, _, err = said("evaluate", run, "--label-column", "kind")
    assert code == 2
    assert "label_column for the test split" in err


def test_evaluate_refuses_classes_nobody_trained(said, run, tmp_path, digits):
    (tmp_path / "data" / "cat").mkdir(parents=True)
    Image.fromarray(digits[0][0]).save(tmp_path / "data" / "cat" / "a.png")
    code, _, err = said("evaluate", run, tmp_path / "data")
    assert code == 3
    assert "never trained: cat" in err


def test_compare(said, run):
    code, out, _ = said("compare", run, run, "--json")
    assert code == 0
    assert json.loads(out)["metric"] == "accuracy"


def test_export_and_predict(said, run, photos, tmp_path):
    bundle = tmp_path / "bundle"
    code, out, _ = said("export", run, bundle, "--json", "-q")
    answer = json.loads(out)
    assert (code, answer["version"], answer["parity"]["passed"]) == (0, 1, True)
    assert answer["signatures"] == ["classify", "features", "pixels", "serving_default"]

    pictures = sorted((photos / "digit 2").iterdir())[:3]
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    code, out, _ = said("predict", bundle, *pictures, tmp_path / "broken.jpg", "--json", "-q", "--top", 1)
    answer = json.loads(out)
    assert (code, answer["items"], answer["errors"]) == (0, 4, 1)
    assert all(len(each["probabilities"]) == 1 for each in answer["predictions"][:3])
    assert answer["predictions"][3]["error"]

    code, _, _ = said("predict", bundle, photos, "--csv", tmp_path / "out.csv", "-q")
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert code == 0
    assert len(rows) == 120
    assert set(rows[0]) == {"item", "label", "score", "digit 0", "digit 1", "digit 2", "error"}
    assert np.isclose(sum(float(rows[0][f"digit {number}"]) for number in range(3)), 1, atol=1e-5)


@pytest.mark.slow
def test_only_broken_pictures_is_a_failure(said, run, tmp_path):
    said("export", run, tmp_path / "bundle", "-q")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    code, out, _ = said("predict", tmp_path / "bundle", tmp_path / "broken.jpg", "-q")
    assert code == 3
    assert "1 of 1 could not be read" in out


def test_export_litert(said, run, tmp_path):
    code, out, _ = said(
        "export", run, tmp_path / "phone", "--format", "litert", "--kind", "float16", "--json", "-q"
    )
    answer = json.loads(out)
    assert code == 0
    assert abs(answer["accuracy_difference"]) < 0.05
