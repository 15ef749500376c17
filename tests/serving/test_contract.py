"""Every case of TensorFlow Serving's contract, asked of a whole server by REST and gRPC."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from google.protobuf import json_format
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

from tests.serving.whole_server import running
from tlzoo.serving.options import METRICS_PATH, ModelConfig, Policy, ServerOptions

CASES = [json.loads(line) for line in Path(__file__).with_name("cases.jsonl").read_text("utf-8").splitlines()]
REST = [case for case in CASES if case["method"] in ("GET", "POST", "DELETE", "PUT")]
GRPC = [case for case in CASES if case["method"] == "GRPC"]
ALONE = ("http-006", "http-014", "http-015")
"""Cases that need a server of their own: other flags, or counters at zero."""

REQUESTS = {
    "Predict": (predict_pb2.PredictRequest, predict_pb2.PredictResponse),
    "Classify": (classification_pb2.ClassificationRequest, classification_pb2.ClassificationResponse),
    "Regress": (regression_pb2.RegressionRequest, regression_pb2.RegressionResponse),
    "MultiInference": (inference_pb2.MultiInferenceRequest, inference_pb2.MultiInferenceResponse),
    "GetModelMetadata": (
        get_model_metadata_pb2.GetModelMetadataRequest,
        get_model_metadata_pb2.GetModelMetadataResponse,
    ),
    "GetModelStatus": (
        get_model_status_pb2.GetModelStatusRequest,
        get_model_status_pb2.GetModelStatusResponse,
    ),
    "HandleReloadConfigRequest": (
        model_management_pb2.ReloadConfigRequest,
        model_management_pb2.ReloadConfigResponse,
    ),
}


def options(models):
    half = ModelConfig(
        "half_plus_two", models / "half_plus_two", Policy("all"), {"stable": 123, "canary": 124}
    )
    others = (ModelConfig(name, models / name) for name in ("dtypes", "shapes", "classes3"))
    return ServerOptions((half, *others), labels_for_unavailable=True, metrics_path=METRICS_PATH)


@pytest.fixture(scope="module")
def server(models):
    with running(options(models)) as one:
        yield one


def test_there_are_all_of_them():
    kinds = {"REST": len(REST), "GRPC": len(GRPC), "SERVER": len(CASES) - len(REST) - len(GRPC)}
    assert (len(CASES), kinds["REST"] > 60, kinds["GRPC"] > 15) == (102, True, True)


def tokens(text):
    """Numbers, words and signs of JSON; floats by value."""
    found = re.findall(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN|true|false|null|-?\d[\d.eE+-]*|[\[\]{}:,]', text)
    return [
        float(one) if re.fullmatch(r"-?\d[\d.eE+-]*", one) and re.search(r"[.eE]", one) else one
        for one in found
    ]


def matches(expected, found):
    """Whether JSON is as expected; "*" stands for any string, floats are compared as single precision."""
    if expected == "*":
        return isinstance(found, str)
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and expected.keys() == found.keys()
            and all(matches(value, found[key]) for key, value in expected.items())
        )
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(expected) == len(found)
            and all(matches(one, two) for one, two in zip(expected, found, strict=True))
        )
    if isinstance(expected, float) and isinstance(found, float):
        return math.isclose(expected, found, rel_tol=1e-6)
    return type(expected) is type(found) and expected == found


def check(case, reply):
    assert reply.status == case["expect_status"], reply.body
    for name, value in case.get("expect_headers", {}).items():
        assert reply.headers[name.lower()] == value
    text, expected = reply.body.decode(), case.get("expect_body")
    if "expect_error_substring" in case:
        assert reply.headers["content-type"] == "application/json"
        assert case["expect_error_substring"] in json.loads(text)["error"]
    elif case.get("compare") == "tokens":
        assert tokens(text) == tokens(expected)
    elif case.get("compare") == "bytes":
        assert text == expected
    elif case.get("compare") == "contains-all":
        for line in expected:
            assert line in text
    elif case.get("compare") != "status-only":
        assert matches(expected, json.loads(text)), text


@pytest.mark.parametrize("case", [one for one in REST if one["id"] not in ALONE], ids=lambda one: one["id"])
def test_rest(server, case):
    check(case, server.ask(case["method"], case["path"], case["request"], case.get("request_headers")))


def test_cross_origin_headers(models):
    (case,) = [one for one in REST if one["id"] == "http-006"]
    with running(replace(options(models), cors=True, grpc_port=0)) as one:
        check(case, one.ask(case["method"], case["path"], case["request"]))
        refused = one.ask("POST", "/v1/models/nobody:predict", "{}")
        assert refused.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-origin" not in one.ask("GET", "/elsewhere").headers


def test_counters(models):
    with running(replace(options(models), grpc_port=0)) as one:
        for x in ("1.0", '"a"'):
            one.ask("POST", "/v1/models/half_plus_two:predict", f'{{"instances": [{x}]}}')
        for case in REST:
            if case["id"] in ("http-014", "http-015"):
                check(case, one.ask(case["method"], case["path"]))


def subset(expected, found):
    """Whether everything that is expected is there, once both are JSON of protocol buffers."""
    if isinstance(expected, dict):
        return all(key in found and subset(value, found[key]) for key, value in expected.items())
    if isinstance(expected, list):
        return len(expected) == len(found) and all(
            subset(one, two) for one, two in zip(expected, found, strict=True)
        )
    return expected == found


@pytest.mark.parametrize("case", GRPC, ids=lambda one: one["id"])
def test_grpc(server, models, case):
    request, response = REQUESTS[case["path"].rpartition("/")[2]]
    text = json.dumps(case["request"]).replace("<abs path>", str(models / "half_plus_two"))
    if case["id"] == "grpc-074":
        # The rule holds unless labels may name versions that are not loaded.
        plain = tuple(replace(one, labels={}) for one in options(models).models)
        with running(replace(options(models), labels_for_unavailable=False, models=plain)) as strict:
            _check_call(strict, case, json_format.Parse(text, request()), response)
        return
    _check_call(server, case, json_format.Parse(text, request()), response)


def _check_call(server, case, request, response):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        call = channel.unary_unary(
            case["path"],
            request_serializer=lambda one: one.SerializeToString(),
            response_deserializer=response.FromString,
        )
        if case["expect_status"] != "OK":
            with pytest.raises(grpc.RpcError) as caught:
                call(request, timeout=60)
            assert caught.value.code().name == case["expect_status"]
            assert case["expect_error_substring"] in caught.value.details()
            return
        found = json_format.MessageToDict(call(request, timeout=60))
    expected = case["expect_body"]
    for key, value in expected.pop("metadata", {}).items():
        assert found["metadata"][key]["@type"] == value["@type"]
    assert subset(expected, found), found
