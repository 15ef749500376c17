"""`tlzoo bench`, up to the load and back from it."""

import json

import pytest

from tests.serving.whole_server import running
from tlzoo.serving.options import Additions, ModelConfig, ServerOptions


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from tests.serving.fixture_models import write_fixtures

    folder = tmp_path_factory.mktemp("models")
    write_fixtures(folder)
    tokens = folder / "tokens"
    tokens.write_text("# who may ask\nopen\n")
    model = ModelConfig("half_plus_two", folder / "half_plus_two")
    with running(ServerOptions((model,), grpc_port=0, additions=Additions(token_file=tokens))) as found:
        yield f"http://127.0.0.1:{found.rest_port}/v1/models/half_plus_two", str(tokens)


SHORT = ("--requests", "20", "--connections", "2", "--warmup-seconds", "0.1", "--seconds", "20")


def test_figures_for_people_and_for_programs(run, server, tmp_path):
    url, tokens = server
    said = run("bench", url, *SHORT, "--token-file", tokens, "--out", str(tmp_path / "out"))
    assert said.code == 0, said.err
    assert "answered    20 of 20" in said.out
    assert "p99" in said.out
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"bench.json", "bench.png"}
    kept = json.loads((tmp_path / "out" / "bench.json").read_text())
    assert (kept["requests"], kept["errors"], kept["question"]["token"]) == (20, {}, None)
    said = run(
        "bench", url, *SHORT, "--token-file", tokens, "--json", "--rate", "500", "--examples-per-request", "3"
    )
    told = json.loads(said.out)
    assert told["load"]["rate"] == 500
    assert told["examples_per_second"] == pytest.approx(3 * told["throughput"])


@pytest.mark.slow
def test_saturation(run, server, tmp_path):
    url, tokens = server
    words = ("--find-saturation", "--seconds", "2", "--warmup-seconds", "0.05", "--token-file", tokens)
    said = run("bench", url, *words, "--rate", "20000", "--json", "--out", str(tmp_path))
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert 0 < told["throughput"] < 20000
    assert json.loads((tmp_path / "bench.json").read_text())["steps"][0]["load"]["rate"] == 20000


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--connections", "0"), "no whole number above 0"),
        (("--rate", "nan"), "no number above 0"),
        (("--seconds", "-1"), "no number above 0"),
        (("--", "--enable_batching"), "for a server that runs already"),
        (("another",), "unrecognized arguments"),
    ],
)
def test_what_makes_no_sense(run, words, error):
    said = run("bench", "http://127.0.0.1:1/v1/models/m", *words)
    assert said.code == 2
    assert error in said.err


def test_nobody_there(run):
    said = run("bench", "http://127.0.0.1:1/v1/models/m")
    assert said.code != 0
    assert "127.0.0.1:1" in said.err
