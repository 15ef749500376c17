import shutil

import numpy as np
import pytest
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2

from tests.serving.messages import HALF, predict
from tests.serving.running import Running, labelled, options, refused

STATES = get_model_status_pb2.ModelVersionStatus.State


@pytest.fixture(scope="module")
def server(models):
    with Running(labelled(options(models, HALF), stable=123)) as running:
        yield running


def status(name=None, version=None, label=None):
    message = get_model_status_pb2.GetModelStatusRequest()
    if name is not None:
        message.model_spec.name = name
    if version is not None:
        message.model_spec.version.value = version
    if label is not None:
        message.model_spec.version_label = label
    return message


def config(*models, names=(), **labels):
    message = model_management_pb2.ReloadConfigRequest(metric_names=names)
    message.config.model_config_list.SetInParent()
    for name, path in models:
        one = message.config.model_config_list.config.add(
            name=name, base_path=str(path), model_platform="tensorflow"
        )
        one.model_version_policy.all.SetInParent()
        one.version_labels.update(labels)
    return message


def test_where_versions_stand_newest_first(server):
    found = server.model.GetModelStatus(status(HALF)).model_version_status
    assert [(one.version, STATES.Name(one.state), one.status.error_code) for one in found] == [
        (124, "AVAILABLE", 0),
        (123, "AVAILABLE", 0),
    ]


def test_one_version_and_a_label_that_is_not_looked_at(server):
    assert [one.version for one in server.model.GetModelStatus(status(HALF, 123)).model_version_status] == [
        123
    ]
    for label in ("stable", "nope"):
        found = server.model.GetModelStatus(status(HALF, label=label)).model_version_status
        assert [one.version for one in found] == [124, 123]


@pytest.mark.parametrize(
    ("message", "code", "text"),
    [
        (status(), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (status("nope"), "NOT_FOUND", "Could not find any versions of model nope"),
        (status(HALF, 9), "NOT_FOUND", "Could not find version 9 of model half_plus_two"),
        (status(""), "NOT_FOUND", "Could not find any versions of model "),
    ],
)
def test_a_status_that_is_not_there(server, message, code, text):
    assert refused(server.model.GetModelStatus, message) == (code, text)


def test_status_is_not_counted_as_a_request(server):
    server.model.GetModelStatus(status(HALF))
    assert server.metrics.request_count.total() == 0


@pytest.mark.slow
def test_a_version_that_failed_says_why(models, tmp_path):
    shutil.copytree(models / HALF, tmp_path / HALF)
    (tmp_path / HALF / "00000124" / "saved_model.pb").write_bytes(b"\xff")
    with Running(options(models, "shapes", max_load_retries=0)) as server:
        code, text = refused(server.model.HandleReloadConfigRequest, config((HALF, tmp_path / HALF)))
        assert code == "UNKNOWN"
        assert "1 servable(s) did not become available" in text
        newest, older = server.model.GetModelStatus(status(HALF)).model_version_status
    assert (newest.version, STATES.Name(newest.state)) == (124, "END")
    assert newest.status.error_code != 0
    assert "saved_model.pb" in newest.status.error_message
    assert (older.version, STATES.Name(older.state)) == (123, "AVAILABLE")


@pytest.mark.slow
def test_a_reload_replaces_the_list_and_returns_once_what_is_new_answers(models):
    with Running(options(models, HALF)) as server:
        reply = server.model.HandleReloadConfigRequest(config(("shapes", models / "shapes")))
        assert (reply.status.error_code, reply.status.error_message) == (0, "")
        rows = np.eye(3, dtype=np.float32)
        scores = server.prediction.Predict(predict("shapes", feats=rows)).outputs["scores"]
        assert list(scores.float_val) == [1, 0, 0, 1, 1, 1]
        assert refused(server.prediction.Predict, predict(x=np.float32(1)))[0] == "NOT_FOUND"


def test_a_reload_tells_how_counters_grew(models):
    loads = "/tensorflow/cc/saved_model/load_attempt_count"
    with Running(options(models, "shapes")) as server:
        message = config(
            ("shapes", models / "shapes"),
            (HALF, models / HALF),
            names=[loads, "/tensorflow/core/graph_runs", "/nope"],
        )
        reply = server.model.HandleReloadConfigRequest(message)
    assert [(one.name, one.int64_value_increase) for one in reply.metric] == [
        (loads, 2),
        ("/tensorflow/core/graph_runs", 0),
    ]


def test_only_lists_of_models_are_known(server):
    message = model_management_pb2.ReloadConfigRequest()
    text = (
        "ServerModelConfig type not supported by HandleReloadConfigRequest. "
        "Only ModelConfigList is currently supported"
    )
    assert refused(server.model.HandleReloadConfigRequest, message) == ("INVALID_ARGUMENT", text)
    message.config.custom_model_config.SetInParent()
    assert refused(server.model.HandleReloadConfigRequest, message) == ("INVALID_ARGUMENT", text)


def test_a_refused_configuration_changes_nothing(server, models):
    twice = config((HALF, models / HALF), (HALF, models / HALF))
    code, text = refused(server.model.HandleReloadConfigRequest, twice)
    assert code == "INVALID_ARGUMENT"
    assert f"Illegal to list model {HALF} multiple times in config list" in text
    assert server.prediction.Predict(predict(x=np.float32([2])))
