"""Answers, byte for byte; the layouts were printed by RapidJSON 1.1.0 in the calls that json_tensor.cc makes."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tlzoo.protocol.dtypes import DTYPES
from tlzoo.protocol.signature import ModelSpec
from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.inference import VersionStatus
from tlzoo.serving.json_text import text_of
from tlzoo.serving.json_writer import (
    write_error,
    write_metadata,
    write_predictions,
    write_results,
    write_status,
)


def floats(*values):
    return np.array(values, np.float32)


def strings(*values):
    return np.array(values, object)


BATCH = {"a": np.arange(4, dtype=np.int32).reshape(2, 2), "b_bytes": strings(b"x", b"y")}

LAYOUTS = [
    ({"y": floats(2.5, 3, 4.5)}, True, '{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}'),
    ({"y": floats([1, 2], [3, 4])}, True, '{\n    "predictions": [[1.0, 2.0], [3.0, 4.0]\n    ]\n}'),
    ({"y": np.zeros((0, 2), np.int32)}, True, '{\n    "predictions": []\n}'),
    ({"y": np.zeros((2, 0), np.int32)}, True, '{\n    "predictions": [[], []\n    ]\n}'),
    ({"a": np.zeros((0, 2)), "b": np.zeros((0,))}, True, '{\n    "predictions": []\n}'),
    ({"y": floats(2.5, 3)}, False, '{\n    "outputs": [\n        2.5,\n        3.0\n    ]\n}'),
    ({"y": np.float32(2.5)[()].reshape(())}, False, '{\n    "outputs": 2.5\n}'),
    ({"y": np.zeros(0, np.int32)}, False, '{\n    "outputs": []\n}'),
    (
        {"y": np.array([[1, 2]], np.int64)},
        False,
        '{\n    "outputs": [\n        [\n            1,\n            2\n        ]\n    ]\n}',
    ),
    (
        {"y_bytes": strings(b"hello", b"world")},
        True,
        '{\n    "predictions": [{\n            "b64": "aGVsbG8="\n        }, {\n            "b64": "d29ybGQ="\n'
        "        }\n    ]\n}",
    ),
    (
        {"y_bytes": strings([b"hello"])},
        True,
        '{\n    "predictions": [[{\n                "b64": "aGVsbG8="\n            }]\n    ]\n}',
    ),
    (
        {"y_bytes": strings(b"hello")},
        False,
        '{\n    "outputs": [\n        {\n            "b64": "aGVsbG8="\n        }\n    ]\n}',
    ),
    (
        BATCH,
        True,
        '{\n    "predictions": [\n        {\n            "a": [0, 1],\n            "b_bytes": {\n'
        '                "b64": "eA=="\n            }\n        },\n        {\n            "a": [2, 3],\n'
        '            "b_bytes": {\n                "b64": "eQ=="\n            }\n        }\n    ]\n}',
    ),
    (
        BATCH,
        False,
        '{\n    "outputs": {\n        "a": [\n            [\n                0,\n                1\n            ],\n'
        "            [\n                2,\n                3\n            ]\n        ],\n"
        '        "b_bytes": [\n            {\n                "b64": "eA=="\n            },\n            {\n'
        '                "b64": "eQ=="\n            }\n        ]\n    }\n}',
    ),
]


@pytest.mark.parametrize(("outputs", "row", "text"), LAYOUTS)
def test_layouts(outputs, row, text):
    assert write_predictions(outputs, row).decode() == text


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (
            floats(9000000, 999999, 0.5, 0.0003, 0.00003, 555557.5),
            "9e+06, 999999.0, 0.5, 0.0003, 3e-05, 555557.5",
        ),
        (floats(math.nan, math.inf, 3, -math.inf), "NaN, Infinity, 3.0, -Infinity"),
        (np.array([1 / 3, 2]), "0.33333333333333331, 2.0"),
        (np.array([-128, 127], np.int8), "-128, 127"),
        (np.array([-1], np.int16), "-1"),
        (np.array([255], np.uint8), "255"),
        (np.array([2**32 - 1], np.uint32), "4294967295"),
        (np.array([2**63 - 1, -(2**63)], np.int64), "9223372036854775807, -9223372036854775808"),
        (np.array([2**64 - 1], np.uint64), "18446744073709551615"),
        (np.array([True, False]), "true, false"),
        (strings(b'a"\n\x01\xc3\xa9', b""), '"a\\"\\n\\u0001é", ""'),
    ],
)
def test_values(array, text):
    assert write_predictions({"out": array}, True).decode() == f'{{\n    "predictions": [{text}\n    ]\n}}'


def test_other_strings_are_raw_even_if_they_are_not_utf8():
    answer = write_predictions({"text": strings(b"\xff\x00\xe9")}, True)
    assert answer == b'{\n    "predictions": ["\xff\\u0000\xe9"\n    ]\n}'


def test_only_strings_are_bytes():
    assert json.loads(write_predictions({"count_bytes": np.array([7], np.int32)}, True)) == {
        "predictions": [7]
    }


@pytest.mark.parametrize("row", [True, False])
@pytest.mark.parametrize("name", ["half", "bfloat16", "uint16", "complex64", "complex128"])
def test_types_without_a_form_in_json(name, row):
    (dtype,) = (dtype for dtype in DTYPES.values() if dtype.name == name)
    with pytest.raises(ServingError) as caught:
        write_predictions({"out": np.ones(2, dtype.numpy)}, row)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.message == f"Failed to write JSON value for tensor type: {name}"
    assert write_predictions({"out": np.ones((2, 0), dtype.numpy)}, row)


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ({}, "Cannot convert empty tensor map to JSON"),
        ({"t": np.float32(1).reshape(())}, "Tensor name: t has no shape information "),
        ({"a": np.ones(2), "b": np.ones(1)}, "Tensor name: b has inconsistent batch size: 1 expecting: 2"),
        (
            {"a": np.ones(0), "b": np.ones((1, 2))},
            "Tensor name: b has inconsistent batch size: 1 expecting: 0",
        ),
        # Shapes are looked at before types.
        ({"a": np.ones(2, np.float16), "b": np.ones(())}, "Tensor name: b has no shape information "),
    ],
)
def test_outputs_that_are_no_rows(outputs, text):
    with pytest.raises(ServingError) as caught:
        write_predictions(outputs, True)
    assert (caught.value.code, caught.value.message) == (Code.INVALID_ARGUMENT, text)


def test_scalars_and_unequal_batches_are_fine_in_columns():
    outputs = {"total": np.float32(3).reshape(()), "n": np.ones((2, 1), np.int32)}
    assert json.loads(write_predictions(outputs, False)) == {"outputs": {"total": 3.0, "n": [[1], [1]]}}


def test_arrays_of_any_layout():
    array = np.arange(12, dtype=np.float32).reshape(3, 4).T[::2]
    assert json.loads(write_predictions({"y": array}, True)) == {"predictions": array.tolist()}


@st.composite
def tensors(draw):
    names = (
        "float",
        "double",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint32",
        "uint64",
        "bool",
        "string",
    )
    dtype = draw(st.sampled_from([dtype for dtype in DTYPES.values() if dtype.name in names]))
    shape = draw(arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3))
    return draw(
        arrays.arrays(dtype.numpy, shape, elements=st.binary(max_size=5) if dtype.name == "string" else None)
    )


def plain(array):
    if array.dtype != object:
        return array.tolist()
    return np.vectorize(text_of, otypes=[object])(array).tolist() if array.size else array.tolist()


def read_back(answer: bytes):
    return json.loads(text_of(answer))


def equal(first, second, dtype) -> bool:
    if dtype.kind == "f":
        return np.array_equal(np.array(first, dtype), np.array(second, dtype), equal_nan=True)
    return first == second


@given(tensors(), tensors())
@settings(deadline=None)
def test_columns_are_read_back(first, second):
    assert equal(read_back(write_predictions({"y": first}, False))["outputs"], plain(first), first.dtype)
    both = read_back(write_predictions({"a": first, "b": second}, False))["outputs"]
    assert list(both) == ["a", "b"]
    assert equal(both["a"], plain(first), first.dtype)
    assert equal(both["b"], plain(second), second.dtype)


@given(tensors())
@settings(deadline=None)
def test_rows_are_read_back(array):
    array = np.stack([array, array])
    answer = read_back(write_predictions({"y": array}, True))["predictions"]
    assert equal(answer, plain(array), array.dtype)
    rows = read_back(write_predictions({"y": array, "n": np.array([1, 2])}, True))["predictions"]
    assert [row["n"] for row in rows] == [1, 2]
    assert equal([row["y"] for row in rows], plain(array), array.dtype)


# --- everything else ---------------------------------------------------------------------------------------------


def test_classifications():
    rows = [[("car", 0.2), ('bi"ke', 0.7)], [("", 1.0)], []]
    assert write_results(rows).decode() == (
        '{\n    "results": [[["car", 0.2], ["bi\\"ke", 0.7]], [["", 1.0]], []\n    ]\n}'
    )
    assert write_results([[("\udcff", float(np.float32(1 / 3)))]]) == (
        b'{\n    "results": [[["\xff", 0.333333343]]\n    ]\n}'
    )


def test_regressions():
    values = [0.2, math.inf, 1.0, -math.inf, math.nan]
    assert write_results(values).decode() == '{\n    "results": [0.2, Infinity, 1.0, -Infinity, NaN]\n}'


def test_no_results():
    with pytest.raises(ServingError, match="Cannot convert empty ClassificationResults to JSON"):
        write_results([])


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ('Bad key: "key"', b'{\n    "error": "Bad key: \\"key\\""\n}'),
        ("é\n\udcff", b'{\n    "error": "\xc3\xa9\\n\xff"\n}'),
        ("", b'{\n    "error": ""\n}'),
    ],
)
def test_errors(message, text):
    assert write_error(message) == text


def test_status():
    versions = [VersionStatus(124, "AVAILABLE"), VersionStatus(1, "END", Code.NOT_FOUND, 'é "x"')]
    assert write_status(versions).decode() == (
        '{\n "model_version_status": [\n  {\n   "version": "124",\n   "state": "AVAILABLE",\n   "status": {\n'
        '    "error_code": "OK",\n    "error_message": ""\n   }\n  },\n  {\n   "version": "1",\n   "state": "END",\n'
        '   "status": {\n    "error_code": "NOT_FOUND",\n    "error_message": "é \\"x\\""\n   }\n  }\n ]\n}\n'
    )


def test_metadata():
    from google.protobuf import text_format
    from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

    signatures = text_format.Parse(
        """
        signature_def { key: "serving_default" value {
            inputs { key: "x" value { name: "x:0" dtype: DT_FLOAT tensor_shape { dim { size: -1 } dim { size: 3 } } } }
            outputs { key: "y" value { name: "y:0" dtype: DT_STRING tensor_shape { unknown_rank: true } } }
            method_name: "tensorflow/serving/predict" } }
        """,
        SignatureDefMap(),
    )
    answer = write_metadata(ModelSpec("half é", 123), signatures).decode()
    assert answer.startswith(
        '{\n"model_spec":{\n "name": "half é",\n "signature_name": "",\n "version": "123"\n}\n,\n'
        '"metadata": {"signature_def": {\n "signature_def": {\n  "serving_default": {\n'
    )
    assert answer.endswith("\n}\n}\n}\n")
    x = {"dim": [{"size": "-1", "name": ""}, {"size": "3", "name": ""}], "unknown_rank": False}
    assert json.loads(answer) == {
        "model_spec": {"name": "half é", "signature_name": "", "version": "123"},
        "metadata": {
            "signature_def": {
                "signature_def": {
                    "serving_default": {
                        "inputs": {"x": {"name": "x:0", "dtype": "DT_FLOAT", "tensor_shape": x}},
                        "outputs": {
                            "y": {
                                "name": "y:0",
                                "dtype": "DT_STRING",
                                "tensor_shape": {"dim": [], "unknown_rank": True},
                            }
                        },
                        "method_name": "tensorflow/serving/predict",
                        "defaults": {},
                    }
                }
            }
        },
    }
