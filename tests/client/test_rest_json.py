import contextlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tlzoo.client import rest_json, rest_reply
from tlzoo.errors import ReplyError, UsageError
from tlzoo.protocol.dtypes import DTYPES
from tlzoo.protocol.signature import Signature, TensorInfo

BY_NAME = {dtype.name: dtype for dtype in DTYPES.values()}
SPOKEN = [dtype for dtype in DTYPES.values() if dtype.name not in rest_json.FORMLESS]
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


def signature(shape=None, **types):
    infos = {name: TensorInfo(name, BY_NAME.get(kind), shape) for name, kind in types.items()}
    return Signature('s"é', inputs=infos, outputs=infos)


def there_and_back(array, kind):
    one = signature(shape=(-1,) * array.ndim, x=kind)
    body = json.loads(rest_json.predict_body(one, {"x": array}))
    assert body["signature_name"] == one.name
    return rest_json.outputs("there", {"outputs": body["inputs"]["x"]}, one)["x"]


@settings(max_examples=100)
@given(hnp.arrays(np.float32, SHAPES, elements=st.floats(width=32, allow_nan=False)))
def test_float32_comes_back_in_every_bit(array):
    found = there_and_back(array, "float")
    assert found.dtype == np.float32
    if array.size:
        assert found.shape == array.shape
        assert found.tobytes() == array.tobytes()


@settings(max_examples=100)
@given(st.sampled_from([one for one in SPOKEN if one.numpy.kind in "iubf"]), st.data())
def test_every_number_comes_back(dtype, data):
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=3))
    array = data.draw(hnp.arrays(dtype.numpy, shape, elements=hnp.from_dtype(dtype.numpy, allow_nan=False)))
    found = there_and_back(array, dtype.name)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes() == array.tobytes()


@settings(max_examples=60)
@given(hnp.arrays(object, SHAPES, elements=st.binary()))
def test_strings_come_back(array):
    found = there_and_back(array, "string")
    if array.size:
        assert found.shape == array.shape
    assert found.ravel().tolist() == array.ravel().tolist()


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3), (1, 0, 2)])
def test_empty_arrays_have_their_brackets(shape):
    one = signature(x="float")
    body = json.loads(rest_json.predict_body(one, {"x": np.zeros(shape, np.float32)}))
    assert body["inputs"]["x"] == np.zeros(shape).tolist()


def test_numbers_that_json_lacks_are_written_as_tensorflow_serving_takes_them():
    array = np.array([np.nan, np.inf, -np.inf, -0.0, 1.5])
    for kind in ("float", "double"):
        body = rest_json.predict_body(signature(x=kind), {"x": array.astype(BY_NAME[kind].numpy)})
        assert b'"x":[NaN,Infinity,-Infinity,-0.0,1.5]' in body


@pytest.mark.parametrize("kind", sorted(rest_json.FORMLESS))
def test_types_without_a_form_are_refused_before_they_are_sent(kind):
    with pytest.raises(UsageError, match=kind):
        rest_json.predict_body(signature(x=kind), {"x": np.zeros(1, BY_NAME[kind].numpy)})


def test_replies_as_tensorflow_serving_prints_them():
    reply = b'{\n    "outputs": [[9e+06, 3e-05], [NaN, -Infinity]\n    ]\n}'
    found = rest_json.outputs("there", rest_reply.read("there", reply), signature(y="float"))["y"]
    np.testing.assert_array_equal(found, np.float32([[9e6, 3e-5], [np.nan, -np.inf]]))


def test_strings_that_are_not_utf8_and_unescaped_controls():
    reply = b'{"outputs": ["\xff\xfe", "tab\there"]}'
    found = rest_json.outputs("there", rest_reply.read("there", reply), signature(y="string"))["y"]
    assert found.tolist() == [b"\xff\xfe", b"tab\there"]


def test_strings_in_base64_and_single_outputs_without_a_name():
    one = signature(y_bytes="string")
    for reply, want in (([{"b64": "/w=="}], [b"\xff"]), ({"b64": "/w=="}, b"\xff"), ("a", b"a")):
        assert rest_json.outputs("there", {"outputs": reply}, one)["y_bytes"].tolist() == want


@pytest.mark.parametrize(
    ("types", "outputs"),
    [
        ({"y": "float"}, ["a"]),
        ({"y": "float"}, [[1.0], [1.0, 2.0]]),
        ({"y": "float"}, {"a": 1.0}),
        ({"y": "int32"}, [2**40]),
        ({"y": "string"}, [1]),
        ({"y": "string"}, [{"b64": "?"}]),
        ({"y": "string"}, [{"a": "b"}]),
        ({"y": "variant"}, [1]),
        ({"y": "float", "z": "float"}, {"y": [1.0]}),
        ({"y": "float", "z": "float"}, [1.0]),
    ],
)
def test_outputs_that_are_no_tensors_of_the_signature(types, outputs):
    with pytest.raises(ReplyError):
        rest_json.outputs("there", {"outputs": outputs}, signature(**types))


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(body):
    with contextlib.suppress(ReplyError):
        assert isinstance(rest_reply.read("there", body), dict)


def test_an_excerpt_is_one_short_line():
    assert rest_reply.excerpt(b"a\n\x00b" + b"c" * 1000).count("\n") == 0
    assert len(rest_reply.excerpt(b"c" * 1000)) < 250
