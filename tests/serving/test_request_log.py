import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tests.serving.messages import CLASSIFY, HALF, REGRESS, classify, example, multi, predict, regress
from tests.serving.running import Running, options, refused
from tlzoo.errors import UsageError
from tlzoo.protocol.signature import ModelSpec
from tlzoo.protocol.tensors import read_tensor
from tlzoo.serving import request_log as module
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.request_log import RequestLog
from tlzoo.serving.servable import Servable
from tlzoo.serving.warmup import replay


@pytest.fixture
def path(tmp_path):
    return tmp_path / "requests.tfrecord"


def records(path):
    raw = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    return [prediction_log_pb2.PredictionLog.FromString(one) for one in raw]


def counts(metrics):
    lines = metrics.render().splitlines()
    start = ":tensorflow:serving:request_log_count{"
    return {
        line.split('status_code="')[1].split('"')[0]: int(line.split()[-1])
        for line in lines
        if line.startswith(start)
    }


def ask_everything(server):
    server.prediction.Predict(predict(x=np.float32([2, 4])))
    server.prediction.Classify(classify(HALF, "classify_x_to_y", example(x=2)))
    server.prediction.Regress(regress(HALF, "regress_x_to_y", example(x=2)))
    tasks = ((HALF, "regress_x_to_y", REGRESS), (HALF, "classify_x_to_y", CLASSIFY))
    server.prediction.MultiInference(multi(*tasks, examples=[example(x=2)]))
    refused(server.prediction.Predict, predict(HALF, "nope", x=np.float32(1)))


def test_calls_that_succeeded_are_written_and_warm_a_version_up(models, path, tmp_path):
    metrics = Metrics()
    log = RequestLog(path, 1.0, metrics)
    with Running(options(models), request_log=log) as server:
        ask_everything(server)
    log.close()
    found = records(path)
    kinds = ["predict_log", "classify_log", "regress_log", "multi_inference_log"]
    assert [one.WhichOneof("log_type") for one in found] == kinds
    first = found[0]
    assert first.log_metadata.model_spec.name == HALF
    assert first.log_metadata.sampling_config.sampling_rate == 1
    assert first.log_metadata.timestamp_secs > 1_700_000_000
    assert list(first.predict_log.response.outputs["y"].float_val) == [4, 5]
    assert counts(metrics) == {"OK": 4}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    folder = tmp_path / "1"
    shutil.copytree(models / HALF / "00000124", folder)
    (folder / "assets.extra").mkdir(exist_ok=True)
    shutil.copy(path, folder / "assets.extra" / "tf_serving_warmup_requests")
    assert replay(Servable(folder), 1, metrics) == 4


def test_what_rest_asked_is_written_in_the_same_form(models, path, tmp_path):
    log = RequestLog(path, 1.0, Metrics())
    inputs, outputs = {"x": np.float32([2, 4])}, {"y": np.float32([4, 5])}
    log.predicted(ModelSpec(HALF, 124, signature="serving_default"), inputs, outputs)
    examples = [example(x=2).SerializeToString()]
    log.classified(ModelSpec(HALF, 124, signature="classify_x_to_y"), examples, [[("", 4.0)]])
    log.regressed(ModelSpec(HALF, 124, signature="regress_x_to_y"), examples, [4.0])
    log.close()
    one, two, three = records(path)
    request = one.predict_log.request
    assert (request.model_spec.name, request.model_spec.version.value) == (HALF, 124)
    assert read_tensor("x", request.inputs["x"]).tolist() == [2, 4]
    assert read_tensor("y", one.predict_log.response.outputs["y"]).tolist() == [4, 5]
    assert two.classify_log.request.model_spec.signature_name == "classify_x_to_y"
    assert two.classify_log.request.input.example_list.examples[0] == example(x=2)
    assert two.classify_log.response.result.classifications[0].classes[0].score == 4
    assert three.regress_log.response.result.regressions[0].value == 4
    folder = tmp_path / "1"
    shutil.copytree(models / HALF / "00000124", folder)
    (folder / "assets.extra").mkdir(exist_ok=True)
    shutil.copy(path, folder / "assets.extra" / "tf_serving_warmup_requests")
    assert replay(Servable(folder), 1, Metrics()) == 3


def offer(log, number):
    for _ in range(number):
        log.offer("predict_log", predict(x=np.float32([2])), predict_response())


def predict_response():
    from tensorflow_serving.apis import predict_pb2

    return predict_pb2.PredictResponse()


def test_a_share_of_requests_is_sampled(path):
    log = RequestLog(path, 0.25, Metrics(), seed=1)
    log._queue.close()
    seen = []
    log._put = lambda *record: seen.append(record)
    offer(log, 2000)
    log.close()
    # Four standard deviations.
    assert abs(len(seen) - 500) < 80


def test_a_full_file_moves_aside_and_both_have_a_limit(path, monkeypatch):
    monkeypatch.setattr(module, "MOST_RECORDS", 3)
    log = RequestLog(path, 1.0, Metrics())
    offer(log, 8)
    log.close()
    aside = path.with_name("requests.tfrecord.1")
    assert len(records(aside)) == 3
    assert len(records(path)) == 2
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600


def test_a_file_has_a_limit_of_bytes(path, monkeypatch):
    log = RequestLog(path, 1.0, Metrics())
    offer(log, 1)
    log.close()
    size = path.stat().st_size
    assert size == log._file._bytes
    monkeypatch.setattr(module, "MOST_BYTES", 2 * size)
    log = RequestLog(path, 1.0, Metrics())
    offer(log, 3)
    log.close()
    assert (len(records(path.with_name("requests.tfrecord.1"))), len(records(path))) == (2, 1)


def test_the_file_of_an_earlier_server_moves_aside(path):
    for number in (2, 1):
        log = RequestLog(path, 1.0, Metrics())
        offer(log, number)
        log.close()
    assert len(records(path.with_name("requests.tfrecord.1"))) == 2
    assert len(records(path)) == 1


def test_a_full_disk_costs_records_and_nothing_else(path, caplog, monkeypatch):
    metrics = Metrics()
    log = RequestLog(path, 1.0, metrics)
    offer(log, 1)
    log._queue.close()

    class Full:
        def write(self, record):
            self.add(record[: len(record) // 2])
            raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

        def close(self):
            self.add(b"what was left in it")
            raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

        def add(self, data):
            with path.open("ab") as file:
                file.write(data)

    record = (HALF, b"x" * 100)
    log._file._writer.close()
    log._file._writer = Full()
    log._append([record, record])
    assert "No space left on device" in caplog.text
    assert counts(metrics) == {"OK": 1, "DATA_LOSS": 1, "UNAVAILABLE": 1}
    # What was written before is whole.
    assert len(records(path)) == 1
    log._resting_until = 0.0
    log._append([(HALF, prediction_log_pb2.PredictionLog().SerializeToString())])
    log.close()
    assert counts(metrics)["OK"] == 2


def test_a_device_that_is_always_full(caplog):
    metrics = Metrics()
    log = RequestLog(Path("/dev/full"), 1.0, metrics)
    offer(log, 2)
    log.close()
    assert counts(metrics) == {"DATA_LOSS": 1, "UNAVAILABLE": 1}


def test_more_than_may_wait_is_dropped_and_counted(path):
    metrics = Metrics()
    log = RequestLog(path, 1.0, metrics)
    log._queue.close()
    offer(log, 2)
    log.close()
    assert counts(metrics) == {"RESOURCE_EXHAUSTED": 2}


def test_opening_a_log_waits_for_no_tensorflow(path):
    code = (
        "import sys; from pathlib import Path\n"
        "from tlzoo.serving.metrics import Metrics\n"
        "from tlzoo.serving.request_log import RequestLog\n"
        "RequestLog(Path(sys.argv[1]), 1.0, Metrics()).close()\n"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_that_is_not_there_is_said_at_once(tmp_path):
    with pytest.raises(UsageError, match=r"cannot be written: No such file or directory\..* --request-log"):
        RequestLog(tmp_path / "nowhere" / "requests", 0.5, Metrics())
