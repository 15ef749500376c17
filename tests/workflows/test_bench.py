"""From a URL or a bundle to figures of load."""

import json
import struct
import subprocess
import sys
from dataclasses import replace

import numpy as np
import psutil
import pytest

from tests.serving.fixture_models import write_fixtures
from tests.serving.whole_server import running
from tlzoo.client.load import Load
from tlzoo.client.load_summary import Summary
from tlzoo.client.wire_pb2 import PredictionLog
from tlzoo.errors import BundleError, UnknownNameError, UsageError
from tlzoo.protocol.dtypes import DTYPES
from tlzoo.protocol.signature import Signature, TensorInfo
from tlzoo.serving.options import ModelConfig, ServerOptions
from tlzoo.workflows.bench import Question, bench
from tlzoo.workflows.bench_files import draw, pace, write_json
from tlzoo.workflows.bench_inputs import WARMUP_FILE, batches, made_rows, rows_from_files, rows_from_warmup
from tlzoo.workflows.bench_saturation import find_saturation

SHORT = Load(connections=3, seconds=20, requests=30, warmup_seconds=0.05)
BY_NAME = {dtype.name: dtype for dtype in DTYPES.values()}


def signature(**inputs):
    infos = {name: TensorInfo(name, BY_NAME[dtype], shape) for name, (dtype, shape) in inputs.items()}
    return Signature("serving_default", infos, {})


STRINGS = signature(text=("string", (-1,)))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    write_fixtures(folder)
    model = ModelConfig("half_plus_two", folder / "half_plus_two")
    with running(ServerOptions((model,))) as server:
        yield server, folder


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_server_that_is_there(served, protocol):
    server, _ = served
    url = f"{protocol}://127.0.0.1:{server.rest_port if protocol == 'http' else server.grpc_port}"
    before = server.server.metrics.request_count.value("half_plus_two", "OK")
    report = bench(Question(url, model="half_plus_two", examples=4), SHORT)
    assert report.summary.errors == {}
    assert report.summary.requests == 30
    assert report.prepared.version == 124
    assert report.prepared.source == "made by the signature"
    assert report.examples_per_second == pytest.approx(4 * report.summary.throughput)
    answered = server.server.metrics.request_count.value("half_plus_two", "OK") - before
    # By REST the question what the model takes counts, too.
    assert answered - (protocol == "http") == len(report.samples.due)
    told = report.told()
    assert json.loads(json.dumps(told))["latencies"]["p50"] > 0
    assert told["bytes_per_request"] > 10


def test_files_and_pictures(served, tmp_path):
    server, _ = served
    np.savez(tmp_path / "rows.npz", x=np.arange(6, dtype=np.float32))
    question = Question(
        f"http://127.0.0.1:{server.rest_port}", model="half_plus_two", files=(str(tmp_path / "rows.npz"),)
    )
    report = bench(question, replace(SHORT, rate=200.0))
    assert report.prepared.source == "files"
    assert len(report.prepared.requests) == 6
    assert "200 requests a second, at random" in pace(report)
    draw(report, tmp_path / "out" / "bench.png")
    assert (tmp_path / "out" / "bench.png").read_bytes().startswith(b"\x89PNG")
    write_json({"a": float("nan"), "b": [1, {"c": 2.5}]}, tmp_path / "new" / "bench.json")
    assert json.loads((tmp_path / "new" / "bench.json").read_text()) == {"a": None, "b": [1, {"c": 2.5}]}


def test_what_makes_no_sense(served):
    server, folder = served
    url = f"http://127.0.0.1:{server.rest_port}/v1/models/half_plus_two"
    with pytest.raises(UsageError, match="for a server that runs already"):
        bench(Question(url, flags=("--enable_batching",)), SHORT)
    with pytest.raises(UsageError, match="0 examples"):
        bench(Question(url, examples=0), SHORT)
    with pytest.raises(UnknownNameError, match="no_such"):
        bench(Question(url, signature="no_such"), SHORT)
    with pytest.raises(BundleError):
        bench(Question(str(folder / "nothing")), SHORT)


@pytest.mark.slow
def test_a_server_of_its_own(served):
    _, folder = served
    report = bench(Question(str(folder / "half_plus_two"), protocol="grpc"), SHORT)
    assert (report.summary.errors, report.prepared.model) == ({}, "half_plus_two")
    assert report.prepared.pid is not None
    with pytest.raises(BundleError, match=r"did not start: .*batching_parameters_file"):
        bench(Question(str(folder / "half_plus_two"), flags=("--batching_parameters_file=/none",)), SHORT)


@pytest.mark.slow
def test_no_server_outlives_whoever_started_it(served):
    _, folder = served
    program = (
        "import sys\nfrom tlzoo.workflows.bench_server import own_server\n"
        "with own_server(sys.argv[1]) as server:\n    print(server.pid, flush=True)\n    sys.stdin.read()\n"
    )
    words = [sys.executable, "-c", program, str(folder / "half_plus_two")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        child = psutil.Process(int(process.stdout.readline()))
        process.terminate()
        assert process.wait(60) == 143
    assert not child.is_running()


def test_requests_take_rows_in_turn_and_over_again():
    rows = {"x": np.arange(5), "y": np.arange(10, 15)}
    found = batches(rows, 2)
    assert [one["x"].tolist() for one in found] == [[0, 1], [2, 3], [4, 0]]
    assert [one["y"].tolist() for one in found] == [[10, 11], [12, 13], [14, 10]]
    assert [one["x"].tolist() for one in batches(rows, 7)] == [[0, 1, 2, 3, 4, 0, 1]]
    assert len(batches({"x": np.zeros(1000)}, 1)) == 64


def test_few_requests_where_each_is_large(monkeypatch):
    monkeypatch.setattr("tlzoo.workflows.bench_inputs._MOST_BYTES", 1000)
    assert len(batches({"x": np.zeros((20, 50))}, 1)) == 2
    texts = np.empty(20, object)
    texts[:] = [b"x" * 300] * 20
    assert len(batches({"x": texts}, 1)) == 3


def test_numbers_are_made_by_the_signature():
    found = made_rows(
        signature(a=("float", (-1, 2, 3)), b=("int64", (-1,)), c=("bool", None), d=("bfloat16", (-1, 2)))
    )
    assert {name: (one.shape, one.dtype.name) for name, one in found.items()} == {
        "a": ((16, 2, 3), "float32"),
        "b": ((16,), "int64"),
        "c": ((16,), "bool"),
        "d": ((16, 2), "bfloat16"),
    }
    assert 0 <= found["a"].min() < found["a"].max() < 1
    assert len(set(np.asarray(found["d"], np.float32).ravel().tolist())) > 5


@pytest.mark.parametrize("inputs", [{"a": ("string", (-1,))}, {"a": ("float", (-1, -1))}])
def test_nobody_guesses_texts_and_sizes(inputs):
    with pytest.raises(UsageError, match="nobody can guess examples for input 'a'"):
        made_rows(signature(**inputs))


def test_images_and_texts_are_read_as_they_are(tmp_path):
    (tmp_path / "b.txt").write_bytes(b"second")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(b"\xff\xd8")
    (tmp_path / "in" / ".hidden").write_bytes(b"no")
    found = rows_from_files([str(tmp_path / "in"), str(tmp_path / "b.txt")], STRINGS)
    assert found["text"].tolist() == [b"\xff\xd8", b"second"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, "names no file"),
        (
            lambda folder: np.save(folder / "a.npy", np.array([{}], object), allow_pickle=True),
            "cannot be read",
        ),
        (lambda folder: np.savez(folder / "a.npz", y=np.zeros(3)), "unknown|no input|input"),
    ],
)
def test_files_that_do_not_fit(tmp_path, make, words):
    make(tmp_path)
    with pytest.raises(UsageError, match=words):
        rows_from_files([str(tmp_path)], signature(x=("float", (-1,))))


def test_arrays_of_several_files(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(2))
    np.save(tmp_path / "b.npy", np.ones(3))
    assert rows_from_files([str(tmp_path)], signature(x=("float", (-1,))))["x"].tolist() == [0, 0, 1, 1, 1]
    with pytest.raises(UsageError, match="is one array"):
        rows_from_files([str(tmp_path)], signature(x=("float", (-1,)), y=("float", (-1,))))
    np.save(tmp_path / "b.npy", np.ones((3, 2)))
    with pytest.raises(UsageError, match="do not fit together"):
        rows_from_files([str(tmp_path)], signature(x=("float", (-1,))))


def recorded(folder, *requests):
    """Writes requests (signature, values) as TFRecord, whose checksums nobody here reads."""
    data = b""
    for name, values in requests:
        log = PredictionLog()
        log.predict_log.request.model_spec.signature_name = name
        tensor = log.predict_log.request.inputs["x"]
        tensor.dtype = 1
        tensor.tensor_shape.dim.add(size=len(values))
        tensor.float_val.extend(values)
        record = log.SerializeToString()
        data += struct.pack("<QI", len(record), 0) + record + struct.pack("<I", 0)
    file = folder / WARMUP_FILE
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(data)
    return file


def test_recorded_requests_of_the_signature(tmp_path):
    asked = signature(x=("float", (-1,)))
    assert rows_from_warmup(tmp_path, asked) is None
    recorded(tmp_path, ("", [1.0]), ("other", [9.0]), ("serving_default", [2.0, 3.0]))
    assert rows_from_warmup(tmp_path, asked)["x"].tolist() == [1, 2, 3]
    assert rows_from_warmup(tmp_path, replace(asked, name="nobody")) is None


@pytest.mark.parametrize("cut", [5, 20, -6])
def test_recorded_requests_that_are_cut_off(tmp_path, cut):
    file = recorded(tmp_path, ("", [1.0]))
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(BundleError, match="cannot be read"):
        rows_from_warmup(tmp_path, signature(x=("float", (-1,))))


def test_saturation_is_where_throughput_stops_following():
    class Fake:
        def __init__(self, throughput):
            self.summary = Summary(1, {}, throughput, {}, {}, 0, 1, 0)

    rates = []

    def measure(load):
        rates.append(load.rate)
        return Fake(min(load.rate or 100.0, 100.0))

    found = find_saturation(measure, SHORT)
    assert rates[:3] == [None, 50.0, 62.5]
    assert found.throughput == 100.0
    assert found.rate == pytest.approx(97.65625)
    assert len(found.steps) == len(rates) == 6
    assert find_saturation(lambda load: Fake(1.0), replace(SHORT, rate=10.0)).rate == 0
