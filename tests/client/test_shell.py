"""`python -m tlzoo.client`, in this process and as a program of its own."""

import csv
import io
import json
import os
import re
import subprocess
import sys

import pytest

from tests.client import faults
from tests.client.test_predict import CUT, GOOD, TEXTS
from tests.export.tiny_classifier import HOSTILE
from tlzoo.cli.client import main

pytestmark = pytest.mark.slow

HEAVY = ("tensorflow", "keras", "sklearn", "pandas", "matplotlib", "tensorflow_serving")


@pytest.fixture
def ask(capsys, monkeypatch):
    """Runs one command; returns its exit code, what it printed, and what it complained about."""

    def run(*words, stdin=""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        try:
            code = main(list(words))
        except SystemExit as stop:
            code = stop.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def served(models, bundle_versions):
    models.versions.update(bundle_versions)
    return models


@pytest.fixture
def photos(tmp_path):
    for name, content in (("a.jpg", GOOD[0]), ("b.png", GOOD[1]), ("c.jpg", CUT)):
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.mark.slow
def test_predictions(ask, url, served, predictors, photos):
    code, out, err = ask(url, "predict", "--model", "photos", str(photos), "-q")
    assert (code, err) == (0, "")
    wanted = predictors["photos"].predict(photos)
    for one in wanted[:2]:
        assert f"{one.item}: {one.label} {one.score:.3f}, " in out
    assert f"{wanted[2].item}: " in out
    assert "cannot be read" in out
    assert out.endswith("1 of 3 could not be read\n")


def test_predictions_as_json_and_csv(ask, url, served, predictors, photos):
    out = photos / "out.csv"
    words = (
        "--model",
        "photos",
        str(photos / "a.jpg"),
        str(photos / "c.jpg"),
        "--csv",
        str(out),
        "--json",
        "-q",
    )
    code, said, _ = ask(url, "predict", *words)
    found = json.loads(said)
    assert code == 0
    assert (found["model"], found["version"], found["items"], found["errors"]) == ("photos", 1, 2, 1)
    (wanted,) = predictors["photos"].predict(photos / "a.jpg")
    assert found["predictions"][0]["probabilities"] == pytest.approx(wanted.probabilities, abs=2e-6)
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["item", "label", "score", *sorted(HOSTILE), "error"]
    assert rows[1]["error"]


@pytest.mark.parametrize(("name", "words"), [("number", r"\(.* to .*\)"), ("sets", ";")])
def test_the_other_tasks(ask, url, served, photos, name, words):
    code, out, _ = ask(url, "predict", "--model", name, str(photos / "a.jpg"), "-q")
    assert code == 0
    assert re.search(words, out)


def test_texts_and_tables(ask, url, served, predictors, tmp_path):
    (tmp_path / "a.txt").write_text(TEXTS[0])
    (tmp_path / "t.csv").write_text(f"id,text\n1,{TEXTS[2]}\n")
    words = (
        "--text",
        TEXTS[4],
        str(tmp_path / "a.txt"),
        str(tmp_path / "t.csv"),
        "--top",
        "1",
        "--json",
        "-q",
    )
    code, out, _ = ask(url, "predict", "--model", "talk", *words)
    found = json.loads(out)["predictions"]
    assert code == 0
    assert [one["item"] for one in found] == ["text:0", str(tmp_path / "a.txt"), "row:2"]
    wanted = predictors["talk"].predict([TEXTS[4], TEXTS[0], TEXTS[2]])
    assert [one["label"] for one in found] == [one.label for one in wanted]


def test_nothing_that_can_be_read(ask, url, served, photos):
    assert ask(url, "predict", "--model", "photos", str(photos / "c.jpg"), "-q")[0] == 3


def test_calls(ask, url, models):
    def outputs(document, *words, model="half_plus_two"):
        code, out, err = ask(url, "call", "--model", model, *words, stdin=json.dumps(document))
        assert (code, err) == (0, "")
        return json.loads(out)

    assert outputs({"inputs": [1.0, 2]}) == {"y": [3.5, 4.0]}
    assert outputs({"instances": [1.0, 2.0]}, "--version", "123") == {"y": [2.5, 3.0]}
    assert outputs({"instances": [{"x": 1.0}, {"x": 2.0}]}, "--label", "stable") == {"y": [2.5, 3.0]}
    assert outputs({"inputs": {"x": [1.0, 2.0, 3.0]}}, "--batch-size", "2") == {"y": [3.5, 4.0, 4.5]}
    pair = {"signature_name": "pair", "inputs": {"a": [1.0], "b": [2.0]}}
    assert outputs(pair, model="dtypes") == {"sum": [3.0], "text": ["1.0"]}
    raw = {"inputs": [{"b64": "/w=="}, "é"]}
    assert outputs(raw, "--signature", "string", model="dtypes") == {"out": [{"b64": "/w=="}, "é"]}
    assert outputs({"inputs": 0.0}, "--signature", "nonfinite", "--json", model="dtypes")["outputs"] == {
        "out": [[None, None], [3.0, None]]
    }


@pytest.mark.parametrize(
    "stdin",
    [
        "",
        "{",
        "[1]",
        "{}",
        '{"inputs": 1, "instances": 1}',
        '{"inputs": {"b64": "?"}}',
        '{"inputs": {"x": ["a"]}}',
    ],
)
def test_calls_that_make_no_sense(ask, url, stdin):
    code, out, err = ask(url, "call", "--model", "half_plus_two", stdin=stdin)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert "allowed: " in err


def test_status_and_metadata(ask, url):
    code, out, _ = ask(f"{url}/v1/models/half_plus_two", "status")
    assert code == 0
    assert out.splitlines()[0].split() == ["version", "state", "code", "message"]
    assert out.splitlines()[1].split() == ["124", "AVAILABLE", "OK"]
    found = json.loads(ask(url, "status", "--model", "half_plus_two", "--version", "123", "--json")[1])
    assert found == {"versions": [{"version": 123, "state": "AVAILABLE", "code": "OK", "message": ""}]}
    out = ask(url, "metadata", "--model", "shapes")[1]
    assert out.splitlines() == [
        "shapes, version 1",
        "serving_default",
        "  < feats: float (?, 3)",
        "  > scores: float (?, 2)",
    ]
    found = json.loads(ask(url, "metadata", "--model", "half_plus_two", "--json")[1])
    assert found["signatures"]["serving_default"]["inputs"] == {"x": {"dtype": "float", "shape": None}}


def test_ready(ask, url):
    assert ask(url, "ready", "--model", "shapes")[:2] == (0, "ready\n")
    assert ask(url, "ready", "--model", "shapes", "--wait", "10")[:2] == (0, "ready\n")
    assert ask(url, "ready", "--model", "nobody")[:2] == (8, "not ready\n")
    code, _, err = ask(url, "ready", "--model", "nobody", "--wait", "0.3")
    assert code == 8
    assert "is not ready after 0.3 s" in err


def test_errors_have_three_facts_and_exit_codes(ask, url, models, tmp_path):
    for words, code in (
        ((url, "status"), 2),
        ((url, "status", "--model", "m", "--version", "1", "--label", "a"), 2),
        (("localhost", "status", "--model", "m"), 2),
        ((url, "predict", "--model", "m"), 2),
        ((url, "predict", "--model", "shapes", "x.jpg"), 2),
        ((url, "status", "--model", "nobody"), 8),
        ((f"http://127.0.0.1:{faults.closed_port()}", "status", "--model", "m", "--retries", "0"), 8),
        ((url, "status", "--model", "m", "--token-file", str(tmp_path / "none")), 2),
        ((url, "predct", "--model", "m"), 2),
    ):
        found, out, err = ask(*words)
        assert (found, out) == (code, "")
        assert err.startswith("error: ")


def test_a_token_is_read_from_a_file(ask, http_url, models, tmp_path):
    (tmp_path / "token").write_text("s3cret\n")
    assert ask(http_url, "status", "--model", "shapes", "--token-file", str(tmp_path / "token"))[0] == 0
    assert models.asked[0][1]["Authorization"] == "Bearer s3cret"


def program(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "tlzoo.client", *words], capture_output=True, text=True, check=False, **options
    )


def test_it_is_a_program(url, served, photos):
    done = program(url, "predict", "--model", "photos", str(photos / "a.jpg"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{photos}/a.jpg: ")
    done = program("--help")
    assert done.returncode == 0
    assert "  8  A server did not answer, or refused." in done.stdout


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ("['--help']", ("numpy", "grpc", "httpx2", "pydantic", "asyncio")),
        ("[URL, 'status', '--model', 'photos']", ("numpy", "pydantic", "PIL")),
        ("[URL, 'metadata', '--model', 'photos']", ("numpy", "pydantic", "PIL")),
        ("[URL, 'predict', '--model', 'photos', PATH, '-q']", ("pydantic",)),
        ("[URL, 'predict', '--model', 'talk', '--text', 'soup', '-q']", ()),
    ],
)
def test_it_imports_only_what_it_needs(url, served, photos, words, more):
    code = f"""
import sys
from tlzoo.cli.client import main
URL, PATH = {url!r}, {str(photos / "a.jpg")!r}
try:
    code = main({words})
except SystemExit as stop:
    code = stop.code
print(*(m for m in {HEAVY + more!r} if m in sys.modules), file=sys.stderr)
sys.exit(code)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ})
    assert (done.returncode, done.stderr.split()) == (0, [])
