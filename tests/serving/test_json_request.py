"""Predict requests: rows and columns, every data type, every error in its order."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tlzoo.protocol.dtypes import DTYPES
from tlzoo.protocol.signature import Signature, TensorInfo
from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.json_reader import read_json
from tlzoo.serving.json_request import read_inputs, signature_name
from tlzoo.serving.json_tensors import dense_values, to_array, uniform_array
from tlzoo.serving.json_text import bytes_of
from tlzoo.serving.json_values import Object

TYPES = {dtype.name: dtype for dtype in DTYPES.values()}


def signature(**inputs: str) -> Signature:
    infos = {alias: TensorInfo(f"{alias}:0", TYPES.get(name), None) for alias, name in inputs.items()}
    return Signature("serving_default", infos, {})


def read(body, **inputs):
    text = body if isinstance(body, bytes) else body.encode()
    return read_inputs(read_json(text), signature(**inputs))


def error(body, **inputs) -> ServingError:
    with pytest.raises(ServingError) as caught:
        read(body, **inputs)
    return caught.value


def message(body, **inputs) -> str:
    caught = error(body, **inputs)
    assert caught.code is Code.INVALID_ARGUMENT
    return caught.message


def same(array, values, dtype, shape=None):
    expected = np.array(values, dtype)
    assert array.dtype == expected.dtype
    assert array.shape == (expected.shape if shape is None else shape)
    assert np.array_equal(array.ravel(), expected.ravel(), equal_nan=expected.dtype.kind == "f")


# --- which keys there are ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("{}", ""),
        ('{"signature_name": ""}', ""),
        ('{"signature_name": "a\\"b"}', 'a"b'),
        ('{"signature_name": "first", "signature_name": 2}', "first"),
    ],
)
def test_signature_names(body, name):
    assert signature_name(read_json(body.encode())) == name


@pytest.mark.parametrize("value", ["1", "null", "[]", "{}", "true", "[" * 50_000 + "]" * 50_000])
def test_signature_names_are_strings(value):
    # json_tensor_test.cc, DeeplyNestedMalformed, is the last of these.
    with pytest.raises(ServingError) as caught:
        signature_name(read_json(b'{"signature_name": ' + value.encode() + b"}"))
    assert caught.value.message.startswith('JSON Value: {"signature_name": ' + value[:99])
    assert caught.value.message.endswith(
        " not formatted correctly. 'signature_name' key must be a string value."
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("{}", "Missing 'inputs' or 'instances' key"),
        ('{"Instances": [1]}', "Missing 'inputs' or 'instances' key"),
        (
            '{"instances": [1], "inputs": 1}',
            'JSON Value: {"instances": [1], "inputs": 1} Not formatted correctly expecting only one of '
            "'inputs' or 'instances' keys to exist ",
        ),
        ('{"instances": 1}', "JSON Value: {\"instances\": 1} Expecting 'instances' to be an list/array"),
        (
            '{"instances": {"x": [1]}}',
            'JSON Value: {"instances": {"x": [1]}} Expecting \'instances\' to be an list/array',
        ),
        (
            '{"instances": null}',
            "JSON Value: {\"instances\": null} Expecting 'instances' to be an list/array",
        ),
        ('{"instances": []}', "JSON Value: {\"instances\": []} No values in 'instances' array"),
    ],
)
def test_one_of_two_keys_is_there(body, text):
    assert message(body, x="float") == text


def test_a_signature_without_inputs_comes_before_everything_else():
    assert message("{}") == "Failed to get input map for signature: DEFAULT"
    assert message('{"signature_name": "s"}') == "Failed to get input map for signature: s"


# --- rows and columns --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "values", "shape"),
    [
        ('{"instances": [1.0, 2, 5.5]}', [1, 2, 5.5], (3,)),
        ('{"instances": [[1, 2], [3, 4], [5, 6]]}', [1, 2, 3, 4, 5, 6], (3, 2)),
        ('{"instances": [{"x": 1}, {"x": 2}]}', [1, 2], (2,)),
        ('{"instances": [{"x": [[1, 2]]}, {"x": [[3, 4]]}]}', [1, 2, 3, 4], (2, 1, 2)),
        ('{"instances": [[]]}', [], (1, 0)),
        ('{"instances": [[], []]}', [], (2, 0)),
        ('{"instances": [[[], []]]}', [], (1, 2, 0)),
        ('{"instances": [{"x": []}]}', [], (1, 0)),
        ('{"instances": [1, 2], "instances": [3], "unknown": {"x": null}}', [1, 2], (2,)),
        # Both values of an input that is named twice are taken, and then there is one too many.
        ('{"instances": [{"x": 1, "x": 2}, {"x": 3}]}', [1, 2], (2,)),
        ('{"instances": [{"x\\u0000y": 1}]}', [1], (1,)),
    ],
)
def test_rows(body, values, shape):
    inputs, row = read(body, x="float")
    assert row
    assert list(inputs) == ["x"]
    same(inputs["x"], values, np.float32, shape)


@pytest.mark.parametrize(
    ("body", "values", "shape"),
    [
        ('{"inputs": 2.5}', [2.5], ()),
        ('{"inputs": [1, 2]}', [1, 2], (2,)),
        ('{"inputs": [[[1, 2], [3, 4], [5, 6]]]}', [1, 2, 3, 4, 5, 6], (1, 3, 2)),
        ('{"inputs": {"x": [1, 2]}}', [1, 2], (2,)),
        ('{"inputs": {"other": null, "x": 7, "x": 8}}', [7], ()),
        ('{"inputs": []}', [], (0,)),
        ('{"inputs": [[], []]}', [], (2, 0)),
        ('{"inputs": {"x": []}}', [], (0,)),
    ],
)
def test_columns(body, values, shape):
    inputs, row = read(body, x="float")
    assert not row
    same(inputs["x"], values, np.float32, shape)


def test_several_inputs():
    rows = '{"instances": [{"a": [1, 2], "b": "x"}, {"b": {"b64": "eQ=="}, "a": [3, 4]}]}'
    inputs, row = read(rows, a="int32", b="string")
    assert row
    same(inputs["a"], [1, 2, 3, 4], np.int32, (2, 2))
    same(inputs["b"], [b"x", b"y"], object)
    inputs, row = read('{"inputs": {"a": [[1], [2]], "b": {"b64": "eQ=="}, "c": 1}}', a="int32", b="string")
    assert not row
    same(inputs["a"], [1, 2], np.int32, (2, 1))
    same(inputs["b"], [b"y"], object, ())


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            '{"inputs": [1]}',
            "inputs is a plain value/list, but expecting an object as multiple input tensors",
        ),
        ('{"inputs": {"b64": "eQ=="}}', "inputs is a plain value/list, but expecting an object as multiple"),
        ('{"inputs": {"a": 1}}', "Missing named input: b in 'inputs' object."),
        ('{"inputs": {}}', "Missing named input: a in 'inputs' object."),
        (
            '{"instances": [1]}',
            "instances is a plain list, but expecting list of objects as multiple input tensors",
        ),
        (
            '{"instances": [[{"a": 1, "b": "x"}]]}',
            "instances is a plain list, but expecting list of objects as",
        ),
        ('{"instances": [{"a": 1, "b": "x"}, [1]]}', "Expecting object but got list at item 1 of input list"),
        (
            '{"instances": [{"a": 1, "b": "x"}, {"b64": "eQ=="}]}',
            "Expecting object but got list at item 1 of input list",
        ),
        (
            '{"instances": [{"a": 1, "b": "x"}, {"a": 1}]}',
            "Failed to process element: 1 of 'instances' list. JSON object: {\"a\": 1} keys must be equal to: a,b",
        ),
        (
            '{"instances": [{}]}',
            "Failed to process element: 0 of 'instances' list. JSON object: {} keys must be equal to: a,b",
        ),
        (
            '{"instances": [{"a": 1, "b": "x", "z": 1}]}',
            "Failed to process element: 0 key: z of 'instances' list. Error: INVALID_ARGUMENT: "
            "JSON object: does not have named input: z",
        ),
        (
            '{"instances": [{"z": 1}]}',
            "Failed to process element: 0 key: z of 'instances' list. Error: INVALID_ARGUMENT: "
            "JSON object: does not have named input: z",
        ),
        (
            '{"instances": [{"a": [1, 2], "b": "x"}, {"a": [1, 2, 3], "b": "x"}]}',
            "Failed to process element: 1 key: a of 'instances' list. Error: INVALID_ARGUMENT: "
            "Expecting tensor size: 2 but got: 3",
        ),
    ],
)
def test_names_must_fit(body, text):
    assert message(body, a="int32", b="string").startswith(text)


def test_lists_and_objects_do_not_mix():
    text = message('{"instances": [["baz", "bar"], {"x": ["baz", "bat"]}]}', x="string")
    assert text == "Expecting value/list but got object at item 1 of input list"
    text = message('{"instances": [{"x": 1}, 2]}', x="int32")
    assert text == "Expecting object but got list at item 1 of input list"


# --- shapes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("[[1, 2], [3]]", "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ("[[[1, 2], [3]]]", "Encountered list at unexpected size: 1 at level: 2 expected size: 2"),
        ("[[], [1]]", "Encountered list at unexpected size: 1 at level: 1 expected size: 0"),
        ("[1, [2]]", "Encountered list at unexpected level: 1 expected < 1"),
        (
            "[[1], 2]",
            "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
        ),
        (
            "[[1, 2], 2.0]",
            "JSON Value: 2.0 found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
        ),
        # The first thing that is wrong is named, not the first kind of wrong.
        ('[[1, "a"], [3]]', 'JSON Value: "a" Type: String is not of expected type: int32'),
        ('[[1, 2], [3], ["a", 2]]', "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
    ],
)
def test_ragged_columns(value, text):
    assert message('{"inputs": ' + value + "}", x="int32") == text
    assert message('{"inputs": {"x": ' + value + "}}", x="int32") == text


@pytest.mark.parametrize(
    ("value", "index", "text"),
    [
        ("[[[1, 2], [3]]]", 0, "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ("[[1, 2], [3, 4], [5, 6, 7]]", 2, "Expecting tensor size: 2 but got: 3"),
        ("[[1, 2], [[3, 4]]]", 1, "Expecting shape [2] but got: [1,2]"),
        ("[1, [1]]", 1, "Expecting shape [] but got: [1]"),
        ("[[], [[]]]", 1, "Expecting shape [0] but got: [1,0]"),
        ("[[1, [2]]]", 0, "Encountered list at unexpected level: 1 expected < 1"),
        ("[[[1], 2]]", 0, "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        ('[[1, 2], ["a", "b"]]', 1, 'JSON Value: "a" Type: String is not of expected type: int32'),
    ],
)
def test_ragged_rows(value, index, text):
    start = f"Failed to process element: {index}"
    plain = message('{"instances": ' + value + "}", x="int32")
    assert plain == f"{start} of 'instances' list. Error: INVALID_ARGUMENT: {text}"
    named = json.dumps({"instances": [{"x": element} for element in json.loads(value)]})
    assert message(named, x="int32") == f"{start} key: x of 'instances' list. Error: INVALID_ARGUMENT: {text}"


@pytest.mark.parametrize("depth", [64, 65, 1000, 50_000])
def test_deep_tensors(depth):
    body = '{"inputs": ' + "[" * depth + "1" + "]" * depth + "}"
    if depth <= 64:
        assert read(body, x="int32")[0]["x"].shape == (1,) * depth
    else:
        assert message(body, x="int32") == "tensor parsing error: x"
    deeper = '{"instances": [' + "[" * depth + "1" + "]" * depth + "]}"
    assert message(deeper, x="int32") == "tensor parsing error: x"


# --- data types --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        (
            "float",
            "[1, 2.0, 1e39, -1e39, 1e-60, -1e-60, NaN, Inf]",
            [1, 2, math.inf, -math.inf, 0, -0.0, math.nan, math.inf],
        ),
        ("float", "[1435774380, 1435774380.0, 18446744073709551615]", [1435774336, 1435774336, 2.0**64]),
        (
            "double",
            "[1, 2.5, 1e308, 18446744073709551615, -9223372036854775808]",
            [1, 2.5, 1e308, 2.0**64, -(2.0**63)],
        ),
        ("int8", "[1, 128, 256, -129, 2147483647, -2147483648]", [1, -128, 0, 127, -1, 0]),
        ("int16", "[32768, -32769, 65536]", [-32768, 32767, 0]),
        ("int32", "[2147483647, -2147483648]", [2**31 - 1, -(2**31)]),
        ("uint8", "[255, 256, -1]", [255, 0, 255]),
        ("int64", "[9223372036854775807, -9223372036854775808]", [2**63 - 1, -(2**63)]),
        ("uint32", "[0, 4294967295]", [0, 2**32 - 1]),
        ("uint64", "[0, 18446744073709551615]", [0, 2**64 - 1]),
        ("bool", "[true, false]", [True, False]),
        ("string", '["a", "\\u00e9", "", "\\u0000"]', [b"a", b"\xc3\xa9", b"", b"\0"]),
        ("string", '[{"b64": "aGVsbG8"}, {"b64": ""}]', [b"hello", b""]),
        ("string", '["plain", {"b64": "aGVsbG8="}]', [b"plain", b"hello"]),
    ],
)
def test_values(name, text, values):
    for body in ('{"inputs": ' + text + "}", '{"instances": ' + text + "}"):
        array = read(body, x=name)[0]["x"]
        same(array, values, TYPES[name].numpy)
        assert array.dtype.kind != "f" or np.array_equal(np.signbit(array), np.signbit(values))


def test_bytes_that_are_not_utf8_reach_the_tensor():
    array = read(b'{"inputs": ["caf\xe9", "\xff\\u00ff", "\\udc80"]}', x="string")[0]["x"]
    assert array.tolist() == [b"caf\xe9", b"\xff\xc3\xbf", b"\xed\xb2\x80"]


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("float", '"1"', '"1" Type: String'),
        ("float", "true", "true Type: True"),
        ("float", "null", "null Type: Null"),
        ("double", "false", "false Type: False"),
        ("float", '{"b64": "aGVsbG8="}', '{"b64": "aGVsbG8="} Type: Object'),
        ("int32", "1.0", "1.0 Type: Number"),
        ("int32", "NaN", "NaN Type: Number"),
        ("int32", "2147483648", "2147483648 Type: Number"),
        ("int8", "-2147483649", "-2147483649 Type: Number"),
        ("uint8", "true", "true Type: True"),
        ("int64", "9223372036854775808", "9223372036854775808 Type: Number"),
        ("int64", "1e3", "1000.0 Type: Number"),
        ("uint32", "-1", "-1 Type: Number"),
        ("uint32", "4294967296", "4294967296 Type: Number"),
        ("uint64", "-1", "-1 Type: Number"),
        ("uint64", "18446744073709551616", "1.84467441e+19 Type: Number"),
        ("bool", "1", "1 Type: Number"),
        ("bool", '"true"', '"true" Type: String'),
        ("string", "1", "1 Type: Number"),
        ("string", "null", "null Type: Null"),
    ],
)
def test_wrong_values(name, value, shown):
    text = f"JSON Value: {shown} is not of expected type: {name}"
    assert message('{"inputs": [' + value + "]}", x=name) == text
    rows = message('{"instances": [' + value + "]}", x=name)
    assert rows == f"Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: {text}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('{"b64": "!!"}', "Unable to base64 decode"),
        ('{"b64": 1}', 'JSON Value: {"b64": 1} not formatted correctly for base64 data'),
        ('{"b64": "YQ==", "b64": "YQ=="}', "not formatted correctly for base64 data"),
        ("{}", "JSON Value: {} not formatted correctly for base64 data"),
    ],
)
def test_base64_must_be_right(value, text):
    assert message('{"inputs": [' + value + "]}", x="string").endswith(text)
    assert message('{"instances": [["a"], [' + value + "]]}", x="string").endswith(text)


@pytest.mark.parametrize("name", ["half", "bfloat16", "uint16", "complex64", "complex128"])
def test_types_without_a_form_in_json(name):
    caught = error('{"inputs": [1.0]}', x=name)
    assert (caught.code, caught.http) == (Code.UNIMPLEMENTED, 501)
    assert caught.message == f"Conversion of JSON Value: 1.0 to type: {name}"
    rows = message('{"instances": [1]}', x=name)
    assert rows == (
        "Failed to process element: 0 of 'instances' list. Error: UNIMPLEMENTED: "
        f"Conversion of JSON Value: 1 to type: {name}"
    )
    assert error('{"inputs": [{"b64": ""}]}', x=name).message.endswith(f"is not of expected type: {name}")
    same(read('{"inputs": [[]]}', x=name)[0]["x"], [], TYPES[name].numpy, (1, 0))


def test_types_that_no_server_can_read():
    assert error('{"inputs": [1]}', x="resource").code is Code.UNIMPLEMENTED
    assert message('{"inputs": []}', x="resource") == "tensor parsing error: x"


# --- anything ----------------------------------------------------------------------------------------------------

NUMERIC = ("float", "double", "int8", "int16", "int32", "int64", "uint8", "uint32", "uint64", "bool")


@st.composite
def tensors(draw):
    name = draw(st.sampled_from([*NUMERIC, "string"]))
    shape = draw(arrays.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4))
    if name == "string":
        return name, draw(arrays.arrays(object, shape, elements=st.text().map(lambda text: text.encode())))
    # Floats that RapidJSON reads exactly.
    elements = st.integers(-(2**20), 2**20).map(lambda n: n / 8) if name in ("float", "double") else None
    return name, draw(arrays.arrays(TYPES[name].numpy, shape, elements=elements))


def plain(array) -> list:
    return (
        np.vectorize(lambda value: value.decode(), otypes=[object])(array).tolist()
        if array.dtype == object
        else array.tolist()
    )


@given(tensors())
@settings(deadline=None)
def test_tensors_are_read_back(tensor):
    name, array = tensor
    for body in ({"instances": plain(array)}, {"inputs": plain(array)}, {"inputs": {"x": plain(array)}}):
        same(read(json.dumps(body), x=name)[0]["x"], array, array.dtype, array.shape)
    rows = [{"y": 0, "x": row} for row in plain(array)]
    inputs, _ = read(json.dumps({"instances": rows}), x=name, y="int32")
    same(inputs["x"], array, array.dtype, array.shape)
    same(inputs["y"], [0] * len(array), np.int32)


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-300, 300),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(max_size=3),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(st.tuples(st.sampled_from(["a", "b", "b64", "é"]), inner), max_size=2).map(Object),
        st.builds(lambda item, count: [item] * count, inner, st.integers(1, 3)),
    ),
    max_leaves=8,
)


@given(values, st.sampled_from([*NUMERIC, "string", "half"]))
@settings(deadline=None, max_examples=400)
def test_the_quick_way_and_the_careful_way_agree(value, name):
    dtype = TYPES[name]
    quick = uniform_array(value, dtype)
    if quick is not None:
        shape, items = dense_values(value, dtype)
        same(quick, to_array(items, dtype), dtype.numpy, shape)


@given(
    values,
    st.sampled_from(["instances", "inputs"]),
    st.sampled_from([("a",), ("a", "b"), ("b64",)]),
    st.data(),
)
@settings(deadline=None, max_examples=400)
def test_no_document_breaks_it(value, key, aliases, data):
    inputs = signature(
        **{alias: data.draw(st.sampled_from([*NUMERIC, "string", "half"])) for alias in aliases}
    )
    try:
        result = set(read_inputs(Object([(key, value)]), inputs)[0])
    except ServingError as caught:
        result = {bytes_of(caught.message)} if caught.http in (400, 501) else set()
    assert result
