"""`tlzoo serve` up to the moment it serves."""

from __future__ import annotations

import shlex
import subprocess
import sys
import types
from importlib.metadata import version

import pytest

import tlzoo
from tests.serving.bundles import bundle
from tlzoo.serving.options import JOINED, METRICS_PATH, ServerOptions


@pytest.fixture
def photos(tmp_path):
    return bundle(tmp_path / "models" / "photos", "photos")


@pytest.fixture
def served(monkeypatch):
    """Options that servers were started with; none is."""
    found: list[ServerOptions] = []
    server = types.SimpleNamespace(serve=lambda options: found.append(options) or 7)
    monkeypatch.setitem(sys.modules, "tlzoo.serving.server", server)
    return found


def test_options_reach_the_server_and_its_exit_code_comes_back(run, photos, served):
    said = run("serve", str(photos), "--port", "0", "--enable-batching", f"cats={photos}")
    assert (said.code, said.out, said.err) == (7, "", "")
    (options,) = served
    assert [model.name for model in options.models] == ["photos", "cats"]
    assert (options.rest_port, options.grpc_port, options.metrics_path) == (8501, 0, METRICS_PATH)
    assert options.batching == JOINED


def test_drop_in_flags_reach_the_server(run, served):
    said = run(
        "serve", "--model_name=m", "--model_base_path=/models/m", "--rest_api_port=9000", "--enable_profiler"
    )
    assert said.code == 7
    assert (
        said.err
        == "note: --enable_profiler has no effect here: there is no tensorflow.ProfilerService here.\n"
    )
    assert (served[0].models[0].name, served[0].rest_port, served[0].metrics_path) == ("m", 9000, "")


@pytest.mark.parametrize(
    ("words", "what", "do"),
    [
        (("--enable_batchin",), "unrecognized arguments: --enable_batchin", "'--enable_batching'"),
        (("--drain-second=3",), "unrecognized arguments: --drain-second", "'--drain-seconds'"),
        (
            ("--prefer_tflite_model", "--model_base_path=/m"),
            "--prefer_tflite_model=true is refused",
            "TensorFlow",
        ),
        ((), "Nothing says which models to serve", "tlzoo serve models/photos"),
    ],
)
def test_mistakes_are_told_with_what_to_do(run, served, words, what, do):
    said = run("serve", *words)
    assert (said.code, said.out, served) == (2, "", [])
    assert said.err.startswith(f"error: {what}")
    assert do in said.err.partition("what to do:")[2]


def test_a_folder_that_is_no_bundle_has_the_exit_code_of_bundles(run, tmp_path, served):
    said = run("serve", str(tmp_path / "none"))
    assert (said.code, served) == (7, [])
    assert "does not exist" in said.err


def test_help_and_mistakes_import_nothing_heavy(photos):
    code = """
import sys
from tlzoo.cli.main import main
try:
    code = main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code
heavy = [m for m in ("tensorflow", "numpy", "grpc", "uvicorn", "google.protobuf") if m in sys.modules]
print(code, *heavy, file=sys.stderr)
"""
    for words, expected in (("serve", "--help"), "0"), (("serve", "--nonsense"), "2"):
        done = subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
        )
        assert done.stderr.splitlines()[-1] == expected
    writing = [
        sys.executable,
        "-c",
        code,
        "serve",
        str(photos),
        "--write-config",
        str(photos.parent / "deploy"),
    ]
    done = subprocess.run(writing, capture_output=True, text=True, check=True)
    assert "tensorflow" not in done.stderr.splitlines()[-1].split()


def test_help_names_what_has_a_meaning_here(run):
    text = run("serve", "--help").out
    for word in (
        "--rest_api_port",
        "--drain-seconds",
        "--write-config",
        "NAME=DIR",
        "curl http://localhost:8501/",
    ):
        assert word in text
    for word in ("--prefer_tflite_model", "--flush_filesystem_caches"):
        assert word not in text


def test_versions(run):
    said = run("serve", "--version")
    assert (
        said.out == f"tlzoo ModelServer: {tlzoo.__version__}\nTensorFlow Library: {version('tensorflow')}\n"
    )
    assert run("serve", "--version", "--json").json == {
        "tlzoo": tlzoo.__version__,
        "tensorflow": version("tensorflow"),
    }


# --write-config


def test_files_and_commands_for_tensorflow_serving(run, photos, served):
    folder = photos.parent.parent / "deploy"
    words = ("serve", str(photos), "--enable_batching", "--write-config", str(folder), "--json")
    found = run(*words).json
    assert served == []
    assert found["files"] == [str(folder / name) for name in found_names(folder)]
    assert shlex.split(found["docker"])[:2] == ["docker", "run"]
    assert f"source={photos}," in found["docker"]
    assert found["compose"].startswith(f"MODELS_DIR={photos.parent} CONFIG_DIR={folder} ")
    assert 'base_path: "/models/photos"' in (folder / "models.config").read_text()


def found_names(folder):
    return [
        name
        for name in ("models.config", "monitoring.config", "batching_parameters.txt")
        if (folder / name).exists()
    ]


def test_people_read_what_was_written_and_how_to_go_on(run, photos):
    folder = photos.parent.parent / "deploy"
    said = run("serve", str(photos), "--write-config", str(folder), "--max-concurrent-requests=2")
    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines] == ["wrote", "wrote", "docker", "compose"]
    assert said.err.startswith("note: TensorFlow Serving has no tokens")


def test_other_files_are_not_lost_unasked(run, photos):
    folder = photos.parent.parent / "deploy"
    folder.mkdir()
    (folder / "models.config").write_text("mine")
    words = ("serve", str(photos), "--write-config", str(folder))
    said = run(*words)
    assert said.code == 2
    assert "has other contents in models.config" in said.err
    assert [path.name for path in folder.iterdir()] == ["models.config"]
    assert run(*words, "--force").code == 0
    assert run(*words).code == 0
