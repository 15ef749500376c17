"""Classify, Regress, metadata and status, by both protocols."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.client.examples import features_of, to_proto
from tlzoo.errors import RefusedError, UsageError
from tlzoo.protocol.status import Code, VersionStatus

CARS = [{"w": [0.1, 0.7, 0.2]}, {"w": np.float32([1, 2, 3])}]


def test_classes_and_scores(connect, url):
    with connect(url, "classes3") as client:
        found = client.classify(CARS)
    assert [one.label for one in found[0]] == ["car", "bike", "bus"]
    assert [one.score for one in found[0]] == [float(np.float32(share)) for share in (0.1, 0.7, 0.2)]
    assert found[1][2] == ("bus", 3.0)


def test_classes_or_scores_alone(connect, url):
    with connect(url, "classes3") as client:
        assert client.classify(CARS[:1], "classes_only") == [[("car", 0.0), ("bike", 0.0), ("bus", 0.0)]]
        assert [one.label for one in client.classify(CARS[:1], "scores_only")[0]] == ["", "", ""]


def test_numbers_and_what_all_examples_share(connect, url):
    with connect(url, "half_plus_two") as client:
        assert client.regress([{"x": 1.0}, {"x": [5.0]}], "regress_x_to_y") == [3.5, 5.5]
        assert client.regress([{}, {"x": 5.0}], "regress_x_to_y", context={"x": 1.0}) == [3.5, 5.5]
        assert client.regress([]) == []


def test_the_signature_that_is_asked_by_default(connect, url, models):
    with connect(url, "classes3") as client:
        assert client.classify(CARS) == client.classify(CARS, "classify")
    with connect(url, "half_plus_two") as client, pytest.raises(RefusedError):
        client.regress([{"x": 1.0}])  # `serving_default` takes no examples


def test_kinds_of_features_arrive_as_such(connect, url):
    with connect(url, "classes3") as client:
        found = client.classify([{"q": "four", "n": 7}, {"q": b"\xff", "n": np.int64(2)}, {}], "count_tags")
        assert [[one.score for one in row] for row in found] == [[4.0, 7.0], [1.0, 2.0], [0.0, 0.0]]
        with pytest.raises(RefusedError) as caught:
            client.classify([{"n": 1.0}], "count_tags")
    assert caught.value.code == "INVALID_ARGUMENT"


def test_many_examples_go_in_several_requests(connect, url, models):
    with connect(url, "half_plus_two", batch_size=4) as client:
        found = client.regress(({"x": float(at)} for at in range(10)), "regress_x_to_y")
    assert found == [at / 2 + 3 for at in range(10)]
    assert len(models.asked) == 1 + 3


@pytest.mark.parametrize(
    "example",
    [
        {"x": None},
        {"x": ["a", 1]},
        {"x": [[1.0]]},
        {"x": np.zeros((2, 2))},
        {"x": 2**63},
        {"x": {"b64": "AA=="}},
        [1.0],
        "text",
    ],
)
def test_what_is_no_example_is_said_before_it_is_sent(connect, url, models, example):
    with connect(url, "half_plus_two") as client, pytest.raises(UsageError, match="example 1"):
        client.regress([{"x": 1.0}, example])
    assert models.asked == []


VALUE = (
    st.lists(st.integers(-(2**63), 2**63 - 1))
    | st.lists(st.floats(width=32, allow_nan=False))
    | st.lists(st.binary())
)


@given(st.dictionaries(st.text(), VALUE))
def test_features_are_those_of_an_example(example):
    features = features_of(example)
    proto = to_proto(features)
    kinds = {"bytes_list": bytes, "float_list": float, "int64_list": int}
    assert set(proto.features.feature) == set(example)
    for name, values in example.items():
        feature = proto.features.feature[name]
        kind = feature.WhichOneof("kind")
        assert (kind is None) == (not values)
        if kind:
            assert list(getattr(feature, kind).value) == values
            assert isinstance(values[0], kinds[kind])


def test_arrays_and_mixtures():
    given = {
        "a": np.array(["x", "é"]),
        "b": np.float32(0.5),
        "c": [1, 2.5],
        "d": True,
        "e": np.array(3),
        "f": (1, 2),
    }
    assert features_of(given) == {
        "a": [b"x", "é".encode()],
        "b": [0.5],
        "c": [1.0, 2.5],
        "d": [1],
        "e": [3],
        "f": [1, 2],
    }


def test_metadata(connect, url):
    with connect(url, "dtypes") as client:
        found = client.metadata()
    assert (found.model, found.version) == ("dtypes", 1)
    pair = found.signatures["pair"]
    assert {name: info.dtype.name for name, info in pair.inputs.items()} == {"a": "float", "b": "float"}
    assert pair.outputs["text"].dtype.name == "string"
    assert pair.inputs["a"].shape is None
    assert pair.method == "tensorflow/serving/predict"
    assert "__saved_model_init_op" not in found.signatures
    with connect(url, "shapes", label="stable") as client, pytest.raises(RefusedError):
        client.metadata()


def test_metadata_are_the_same_by_both_protocols(connect, http_url, grpc_url):
    for name in ("half_plus_two", "dtypes", "shapes", "classes3"):
        with connect(http_url, name) as one, connect(grpc_url, name) as other:
            assert one.metadata() == other.metadata()
            assert one.status() == other.status()


def test_status(connect, url):
    with connect(url, "half_plus_two") as client:
        assert client.status() == [VersionStatus(124, "AVAILABLE"), VersionStatus(123, "AVAILABLE")]
    with connect(url, "half_plus_two", version=123) as client:
        assert client.status() == [VersionStatus(123, "AVAILABLE", Code.OK, "")]
    with connect(url, "nobody") as client, pytest.raises(RefusedError, match="Could not find any versions"):
        client.status()


def test_names_of_models_are_quoted(connect, url, models):
    models.versions["odd name/é"] = models.versions["half_plus_two"]
    with connect(url, "odd name/é") as client:
        assert client.call(1.0)["y"] == 3.5
