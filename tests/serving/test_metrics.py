import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.protocol.status import Code
from tlzoo.serving import metrics as module
from tlzoo.serving.metrics import MICROSECONDS, Counter, Histogram, Metrics, exponential

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"{NAME}\{{(?:{LABEL}(?:,{LABEL})*)?\}} [0-9.e+-]+")
TYPE = re.compile(rf"# TYPE {NAME} (?:counter|histogram)")


@pytest.fixture
def metrics():
    return Metrics()


def lines_of(metrics, start):
    return [line for line in metrics.render().splitlines() if line.startswith(start)]


def test_a_counter_is_written_as_upstream_writes_it():
    counter = Counter(":test:path:total", ("name",))
    counter.add("abc", by=2)
    assert counter.lines() == [':test:path:total{name="abc"} 2']


def test_a_histogram_is_written_as_upstream_writes_it():
    """The numbers are those of prometheus_exporter_test.cc: a value at a limit is above it."""
    histogram = Histogram(":test:path:histogram", ("status",), exponential(1, 2, 10))
    for number in (2, 20, 200):
        histogram.add("good", number=number)
    counts = {
        "1": 0,
        "2": 0,
        "4": 1,
        "8": 1,
        "16": 1,
        "32": 2,
        "64": 2,
        "128": 2,
        "256": 3,
        "512": 3,
        "+Inf": 3,
    }
    assert histogram.lines() == [
        *(f':test:path:histogram_bucket{{status="good",le="{limit}"}} {n}' for limit, n in counts.items()),
        ':test:path:histogram_sum{status="good"} 222',
        ':test:path:histogram_count{status="good"} 3',
    ]


def test_without_labels_only_the_limit_stands_in_braces():
    histogram = Histogram("h", (), (1.0,))
    histogram.add(number=0.5)
    assert histogram.lines() == [
        'h_bucket{le="1"} 1',
        'h_bucket{le="+Inf"} 1',
        "h_sum{} 0.5",
        "h_count{} 1",
    ]


def test_limits_have_six_digits_and_sums_have_all(metrics):
    metrics.request_latency("m", "predict", "REST", 123456789)
    metrics.request_latency("m", "predict", "REST", 0.25)
    lines = lines_of(metrics, ":tensorflow:serving:request_latency")
    limits = [re.search('le="(.*)"', line)[1] for line in lines if "le=" in line]
    assert len(limits) == 34
    assert limits[:7] == ["10", "18", "32.4", "58.32", "104.976", "188.957", "340.122"]
    assert limits[19] == "708235"
    assert limits[20:22] == ["1.27482e+06", "2.29468e+06"]
    assert limits[-1] == "+Inf"
    labels = 'model_name="m",API="predict",entrypoint="REST"'
    assert f":tensorflow:serving:request_latency_sum{{{labels}}} 123456789.25" in lines
    assert f":tensorflow:serving:request_latency_count{{{labels}}} 2" in lines


def test_everything_is_counted_under_upstreams_names(metrics):
    metrics.request("m", Code.OK)
    metrics.request("m", Code.NOT_FOUND)
    metrics.request_latency("m", "Predict", "GRPC", 11)
    metrics.runtime_latency("m", "Predict", 7.6)
    metrics.examples("m", 3)
    metrics.request_log("m", Code.OK)
    metrics.load_attempt("/m/1", True, 99.6)
    metrics.load_attempt("/m/1", False)
    metrics.warmup("/m/1", Code.OK, 5, 4)
    metrics.queuing(150)
    metrics.batch_input(3)
    metrics.batch_size(4, padding=1)
    page = metrics.render().splitlines()
    for line in (
        ':tensorflow:serving:request_count{model_name="m",status="NOT_FOUND"} 1',
        ':tensorflow:serving:request_count{model_name="m",status="OK"} 1',
        ':tensorflow:serving:request_latency_bucket{model_name="m",API="Predict",entrypoint="GRPC",le="10"} 0',
        ':tensorflow:serving:request_latency_bucket{model_name="m",API="Predict",entrypoint="GRPC",le="18"} 1',
        ':tensorflow:serving:runtime_latency_sum{model_name="m",API="Predict",runtime="TF1"} 7.6',
        ':tensorflow:serving:request_example_counts_sum{model="m"} 3',
        ':tensorflow:serving:request_example_count_total{model="m"} 3',
        ':tensorflow:serving:request_log_count{model_name="m",status_code="OK"} 1',
        ':tensorflow:cc:saved_model:load_attempt_count{model_path="/m/1",status="fail"} 1',
        ':tensorflow:cc:saved_model:load_attempt_count{model_path="/m/1",status="success"} 1',
        ':tensorflow:cc:saved_model:load_latency{model_path="/m/1"} 100',
        ':tensorflow:serving:model_warmup_latency_count{model_path="/m/1",status="OK"} 1',
        ':tensorflow:serving:model_warmup_records_read{model_path="/m/1"} 4',
        ":tensorflow:serving:batching_session:queuing_latency_bucket"
        '{thread_pool_name="model_server_batch_threads",le="172.8"} 1',
        ":tensorflow:serving:batching_session:input_batch_size_sum{} 3",
        ":tensorflow:serving:batching_session:processed_batch_size_sum{} 4",
        ':tensorflow:serving:batching_session:padding_size_sum{execution_batch_size="4"} 1',
        ":tensorflow:core:graph_runs{} 1",
        ":tensorflow:core:graph_run_time_usecs{} 8",
    ):
        assert line in page
    types = [line.split()[2] for line in page if line.startswith("#")]
    assert types == sorted(types)
    assert metrics.render().endswith("\n")


def test_sums_of_counters_go_by_upstreams_slashes(metrics):
    metrics.request("a", Code.OK)
    metrics.request("b", Code.INTERNAL)
    assert metrics.counters()["/tensorflow/serving/request_count"] == 2
    assert "/tensorflow/serving/request_latency" not in metrics.counters()


def test_names_of_models_that_do_not_exist_fill_no_memory(metrics, monkeypatch):
    monkeypatch.setattr(module, "MOST_STRANGERS", 3)
    for number in range(10):
        metrics.request(f"unknown{number}", Code.NOT_FOUND)
    metrics.request("x" * 10_000, Code.NOT_FOUND)
    counts = lines_of(metrics, ":tensorflow:serving:request_count")
    assert len(counts) == 4
    assert ':tensorflow:serving:request_count{model_name="(other)",status="NOT_FOUND"} 8' in counts
    # What is served is told apart however many strangers came before.
    metrics.request("late", Code.OK)
    metrics.request("late", Code.INTERNAL)
    metrics.request_latency("late", "Predict", "GRPC", 1)
    assert len(lines_of(metrics, ':tensorflow:serving:request_count{model_name="late"')) == 2
    assert lines_of(metrics, ':tensorflow:serving:request_latency_count{model_name="late"')


@given(st.text())
def test_no_name_breaks_the_page(name):
    metrics = Metrics()
    metrics.request(name, Code.NOT_FOUND)
    metrics.load_attempt(name, True, 1)
    page = metrics.render()
    page.encode()
    # A line ends nowhere but at a newline: `splitlines` knows of more ends than Prometheus.
    for line in page.removesuffix("\n").split("\n"):
        assert TYPE.fullmatch(line) or SAMPLE.fullmatch(line), line


def test_surrogates_of_a_raw_url_do_not_break_the_page(metrics):
    metrics.request("\udcff", Code.NOT_FOUND)
    assert 'model_name="?"' in metrics.render()


@given(st.floats(0, 1e12))
def test_every_value_is_in_its_bucket(number):
    histogram = Histogram("h")
    histogram.add(number=number)
    counts = [int(line.split()[-1]) for line in histogram.lines()[:-2]]
    assert counts == [int(number < limit) for limit in MICROSECONDS] + [1]


def test_threads_lose_nothing(metrics):
    def work():
        for _ in range(500):
            metrics.request("m", Code.OK)
            metrics.request_latency("m", "Predict", "GRPC", 1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        metrics.render()
        thread.join()
    assert metrics.request_count.value("m", "OK") == 2000
    assert lines_of(metrics, ":tensorflow:serving:request_latency_count")[0].endswith(" 2000")
