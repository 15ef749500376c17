"""Classify and regress requests: which features come of which JSON, and every error."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.json_examples import read_examples
from tlzoo.serving.json_reader import read_json
from tlzoo.serving.json_values import Object


def features(serialized: bytes) -> dict:
    """The features of one example: kind and values by name."""
    from tensorflow.core.example.example_pb2 import Example

    found = {}
    for name, feature in Example.FromString(serialized).features.feature.items():
        kind = feature.WhichOneof("kind")
        found[name] = (kind, list(getattr(feature, kind).value) if kind else [])
    return found


def read(body) -> list[dict]:
    text = body if isinstance(body, bytes) else body.encode()
    return [features(example) for example in read_examples(read_json(text))]


def message(body) -> str:
    with pytest.raises(ServingError) as caught:
        read(body)
    assert caught.value.code is Code.INVALID_ARGUMENT
    return caught.value.message


@pytest.mark.parametrize(
    ("value", "kind", "values"),
    [
        ("1", "int64_list", [1]),
        ("[1, true, false, -9223372036854775808]", "int64_list", [1, 1, 0, -(2**63)]),
        ("9223372036854775807", "int64_list", [2**63 - 1]),
        ("1.0", "float_list", [1.0]),
        ("[8.5, 1e0, Infinity, -Infinity]", "float_list", [8.5, 1.0, np.inf, -np.inf]),
        ("[1e39, -1e39, 1e-60]", "float_list", [np.inf, -np.inf, 0.0]),
        ("0.1", "float_list", [float(np.float32(0.1))]),
        ("18446744073709551616", "float_list", [2.0**64]),
        ('"pizza"', "bytes_list", [b"pizza"]),
        ('["baz", {"b64": "aGVsbG8="}]', "bytes_list", [b"baz", b"hello"]),
        ('{"b64": "aGVsbG8"}', "bytes_list", [b"hello"]),
        ('"\\udc80"', "bytes_list", [b"\xed\xb2\x80"]),
        ("[]", None, []),
    ],
)
def test_features(value, kind, values):
    assert read('{"examples": [{"x": ' + value + "}]}") == [{"x": (kind, values)}]


def test_nan_and_raw_bytes():
    ((_, (number,)),) = read('{"examples": [{"x": NaN}]}')[0].values()
    assert np.isnan(number)
    assert read(b'{"examples": [{"x": "caf\xe9"}]}') == [{"x": ("bytes_list", [b"caf\xe9"])}]


def test_many_examples():
    body = '{"examples": [{"n": ["foo"], "r": [8.0], "a": 20}, {"n": ["baz"], "r": 6.0}, {}]}'
    assert read(body) == [
        {"n": ("bytes_list", [b"foo"]), "r": ("float_list", [8.0]), "a": ("int64_list", [20])},
        {"n": ("bytes_list", [b"baz"]), "r": ("float_list", [6.0])},
        {},
    ]


def test_context_stands_before_each_example_and_loses():
    body = '{"context": {"q": "pizza", "x": 1}, "examples": [{"y": 1}, {"x": 2.5}]}'
    assert read(body) == [
        {"q": ("bytes_list", [b"pizza"]), "x": ("int64_list", [1]), "y": ("int64_list", [1])},
        {"q": ("bytes_list", [b"pizza"]), "x": ("float_list", [2.5])},
    ]


def test_of_equal_names_the_last_wins_inside_and_the_first_outside():
    body = '{"examples": [{"x": 1, "x": "a"}], "examples": [], "context": {}, "context": 1}'
    assert read(body) == [{"x": ("bytes_list", [b"a"])}]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("{}", "JSON Value: {} When method is classify, key 'examples' is expected and was not found"),
        (
            '{"instances": [1]}',
            "JSON Value: {\"instances\": [1]} When method is classify, key 'examples' is expected and was not found",
        ),
        (
            '{"examples": {"x": 1}}',
            'JSON Value: {"examples": {"x": 1}} Expecting \'examples\' value to be an list/array',
        ),
        ('{"examples": []}', "JSON Value: {\"examples\": []} 'examples' value is an empty array"),
        ('{"examples": [[{"x": 1}]]}', "Example must be JSON object but got JSON Array"),
        ('{"examples": [{"x": 1}, 2]}', "Example must be JSON object but got JSON Number"),
        # The context is read before anybody asks for examples.
        ('{"context": [{"x": 1}]}', "Example must be JSON object but got JSON Array"),
        ('{"context": null, "examples": [{}]}', "Example must be JSON object but got JSON Null"),
        ('{"examples": [{"x": null}]}', "Feature: x has element with unexpected JSON type: Null"),
        ('{"examples": [{"x": [10, null]}]}', "Feature: x has element with unexpected JSON type: Null"),
        ('{"examples": [{"x": [[10], 20]}]}', "Feature: x has element with unexpected JSON type: Array"),
        ('{"examples": [{"x": {"test": 10}}]}', "Feature: x has element with unexpected JSON type: Object"),
        (
            '{"examples": [{"x": [1, {"b64": 1}]}]}',
            "Feature: x has element with unexpected JSON type: Object",
        ),
        ('{"examples": [{"x": {"b64": "!!"}}]}', "Unable to base64 decode"),
        ('{"examples": [{"x": [10, 10.0]}]}', "Unexpected element type in feature: x expecting type: int64"),
        (
            '{"examples": [{"x": [10.0, true]}]}',
            "Unexpected element type in feature: x expecting type: float",
        ),
        ('{"examples": [{"x": ["a", 1]}]}', "Unexpected element type in feature: x expecting type: bytes"),
        (
            '{"examples": [{"x": [1, {"b64": "!!"}]}]}',
            "Unexpected element type in feature: x expecting type: int64",
        ),
        (
            '{"examples": [{"x": [20, 18446744073709551603]}]}',
            "Feature: x has uint64_t element. Only int64_t is supported.",
        ),
        (b'{"examples": [{"\xff": 1}]}', "Feature: \udcff has a name that is not UTF-8"),
    ],
)
def test_what_is_no_example(body, text):
    assert message(body) == text


@given(
    st.dictionaries(
        st.text(),
        st.one_of(
            st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
            st.lists(st.integers(-(2**20), 2**20).map(lambda n: n / 8), min_size=1),
            st.lists(st.text(), min_size=1),
        ),
        max_size=4,
    )
)
@settings(deadline=None)
def test_examples_are_read_back(example):
    kinds = {int: "int64_list", float: "float_list", str: "bytes_list"}
    expected = {
        name.partition("\0")[0]: (
            kinds[type(values[0])],
            [value.encode() if isinstance(value, str) else value for value in values],
        )
        for name, values in example.items()
    }
    assert read(json.dumps({"examples": [example]})) == [expected]


leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(max_size=3)
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(st.tuples(st.sampled_from(["x", "b64", "\udcff"]), inner), max_size=2).map(Object),
    ),
    max_leaves=6,
)


@given(values, st.sampled_from(["examples", "context"]))
@settings(deadline=None, max_examples=300)
def test_no_document_breaks_it(value, key):
    document = Object([(key, value), ("examples", [Object([("x", 1)])])])
    try:
        code = None if read_examples(document) else Code.UNKNOWN
    except ServingError as error:
        code = error.code
    assert code in (None, Code.INVALID_ARGUMENT)
