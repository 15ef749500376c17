"""TensorFlow itself says what a `TensorProto` holds: `tf.io.parse_tensor` has the rules of its C++ `FromProto`."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tensorflow.core.framework import tensor_pb2

from tlzoo.protocol import tensors
from tlzoo.protocol.dtypes import DTYPES
from tlzoo.protocol.status import Code, ServingError

FLOAT, STRING, INT8, COMPLEX, BOOL, HALF = 1, 7, 6, 8, 10, 19
PLAIN = [dtype for dtype in DTYPES.values() if dtype.name != "string"]


def proto(dtype=FLOAT, shape=(), **values):
    message = tensor_pb2.TensorProto(dtype=dtype, **values)
    for size in shape:
        message.tensor_shape.dim.add(size=size)
    return message


def theirs(message):
    """What TensorFlow reads, or None where it refuses."""
    try:
        return tf.io.parse_tensor(message.SerializeToString(), tf.as_dtype(message.dtype)).numpy()
    except (tf.errors.InvalidArgumentError, TypeError):
        return None


def mine(message):
    try:
        return tensors.read_tensor("x", message)
    except ServingError as error:
        refused = error
    assert (refused.code, refused.message) == (Code.INVALID_ARGUMENT, "tensor parsing error: x")
    return None


def check_same(message):
    expected, got = theirs(message), mine(message)
    if expected is None:
        assert got is None
        return
    expected = np.asarray(expected, object) if message.dtype == STRING else expected
    assert got is not None
    assert got.dtype == DTYPES[message.dtype].numpy
    assert got.shape == expected.shape
    if message.dtype == STRING:
        assert got.tolist() == expected.tolist()
    else:
        assert np.ascontiguousarray(got).tobytes() == np.ascontiguousarray(expected).tobytes()


def arrays(dtype, shapes=None):
    """Arrays of any bits."""
    shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4) if shapes is None else shapes
    if dtype.name == "string":
        return hnp.arrays(object, shapes, elements=st.binary(max_size=9))
    if dtype.name == "bool":
        return hnp.arrays(bool, shapes)
    width = dtype.numpy.itemsize
    raw = shapes.flatmap(lambda shape: hnp.arrays(np.uint8, (*shape, width)))
    return raw.map(lambda octets: np.frombuffer(octets.tobytes(), dtype.numpy).reshape(octets.shape[:-1]))


@settings(deadline=None)
@given(st.sampled_from(list(DTYPES.values())).flatmap(arrays), st.booleans())
def test_what_is_written_is_read_by_tensorflow_and_here_alike(array, content):
    message = tensor_pb2.TensorProto()
    tensors.write_tensor(message, array, content)
    back = tensors.read_tensor("x", message)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    if array.dtype == object:
        assert back.tolist() == array.tolist()
        if not content:  # TensorFlow's Python cannot read strings from there; its C++ can.
            assert np.asarray(tf.make_ndarray(message), object).tolist() == array.tolist()
    else:
        assert back.tobytes() == array.tobytes()
        assert tf.make_ndarray(message).tobytes() == array.tobytes()
    check_same(message)


@pytest.mark.parametrize("dtype", PLAIN, ids=lambda dtype: dtype.name)
def test_replies_use_typed_fields_unless_told_otherwise(dtype):
    array = np.array([0, 1, 1]).astype(dtype.numpy)
    message = tensor_pb2.TensorProto()
    tensors.write_tensor(message, array)
    assert not message.tensor_content
    assert len(getattr(message, dtype.field)) == len(array) * (2 if dtype.numpy.kind == "c" else 1)
    packed = tensor_pb2.TensorProto()
    tensors.write_tensor(packed, array, content=True)
    assert packed.tensor_content == array.tobytes()
    assert not len(getattr(packed, dtype.field))


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("most", [1, 127, 128, 250])
def test_long_fields_are_packed_as_protocol_buffers_pack_them(dtype, most):
    numbers = np.random.default_rng(0).integers(0, most + 1, tensors._FEW + 1)
    if dtype.name == "string":
        array = np.array([b"%d" % number for number in numbers], object)
    else:
        array = numbers.astype(dtype.numpy)
    message, plain = tensor_pb2.TensorProto(), tensor_pb2.TensorProto()
    tensors.write_tensor(message, array)
    with pytest.MonkeyPatch.context() as patch:
        if dtype.numpy.kind != "c":
            patch.setattr(tensors, "_FEW", 10**9)
        tensors.write_tensor(plain, array)
    assert message.SerializeToString() == plain.SerializeToString()
    check_same(message)


def test_a_scalar_has_a_shape_of_no_dimensions():
    message = tensor_pb2.TensorProto()
    tensors.write_tensor(message, np.float32(2.5).reshape(()))
    assert message.HasField("tensor_shape")
    assert list(message.float_val) == [2.5]


def test_arrays_that_are_not_contiguous_are_written_in_their_order():
    message = tensor_pb2.TensorProto()
    tensors.write_tensor(message, np.arange(6, dtype=np.float32).reshape(2, 3).T)
    assert list(message.float_val) == [0, 3, 1, 4, 2, 5]


def test_types_that_cannot_be_sent():
    with pytest.raises(ServingError, match="Tensors of type datetime64"):
        tensors.write_tensor(tensor_pb2.TensorProto(), np.zeros(1, "datetime64[s]"))
    for dtype in (0, 11, 20, 21, 99, 101):
        assert mine(proto(dtype, [1], float_val=[1])) is None


@pytest.mark.parametrize(
    "message",
    [
        proto(shape=[3], float_val=[2]),
        proto(shape=[3], float_val=[2, 5]),
        proto(shape=[2], float_val=[2, 5, 7]),
        proto(shape=[2]),
        proto(),
        proto(float_val=[2]),
        proto(shape=[2], double_val=[1, 2]),
        proto(shape=[0, 3], float_val=[1]),
        proto(shape=[0, 3], tensor_content=b"abcd"),
        proto(shape=[-1], float_val=[1]),
        proto(shape=[2, -3], float_val=[1]),
        proto(shape=[2**40, 2**40], float_val=[1]),
        proto(shape=[2**40, 2**40, 0], float_val=[1]),
        proto(shape=[0, 2**62], float_val=[1]),
        proto(shape=[0, 2**40, 2**40], float_val=[1]),
        proto(shape=[1] * 64, float_val=[1]),
        proto(shape=[1] * 65, float_val=[1]),
        proto(shape=[1] * 255, float_val=[1]),
        proto(shape=[1], tensor_content=b"\0\0\x80\x3f", float_val=[7]),
        proto(shape=[2], tensor_content=b"\0\0\x80\x3f", float_val=[7]),
        proto(shape=[1], tensor_content=b"\0\0\x80\x3f" * 2),
        proto(COMPLEX, [3], scomplex_val=[1, 2, 3]),
        proto(COMPLEX, [2], scomplex_val=[1]),
        proto(COMPLEX, [2], scomplex_val=[1, 2, 3, 4, 5]),
        proto(4, [3], int_val=[300, -1, 256]),
        proto(INT8, [3], int_val=[300, -129, 256]),
        proto(17, [3], int_val=[70000, -1, 5]),
        proto(HALF, [4], half_val=[0x3C00, 0x13C00, -1]),
        proto(14, [4], half_val=[0x3F80, 0x13F80, -1]),
        proto(23, [2], uint64_val=[2**64 - 1]),
        proto(BOOL, [3], bool_val=[True, False]),
        proto(BOOL, [2], tensor_content=b"\0\1"),
        proto(BOOL, [2], tensor_content=b"\0\2"),
        proto(STRING, [2]),
        proto(STRING, [3], string_val=[b"a", b"b"]),
        proto(STRING, [2], tensor_content=b"\1\2abb"),
        proto(STRING, [2], tensor_content=b"\1\x09abb"),
        proto(STRING, [2], tensor_content=b"\1\2abbX"),
        proto(STRING, [2], tensor_content=b"\1"),
        proto(STRING, [1], tensor_content=b"\x82\x80\x80\x80\x80\0ab"),
        proto(STRING, [1], tensor_content=b"\x82\x80\x80\x80\0ab"),
        proto(STRING, [1], tensor_content=b"\x82\x80\x80\x80\x70ab"),
        proto(STRING, [1], tensor_content=b"\x82\x80"),
    ],
    ids=str,
)
def test_odd_messages_are_read_as_tensorflow_reads_them(message):
    check_same(message)


def test_an_unknown_rank_is_not_looked_at_where_a_shape_is_complete():
    message = proto(shape=[2], float_val=[1])
    message.tensor_shape.unknown_rank = True
    check_same(message)
    assert mine(message).tolist() == [1, 1]


fields = st.fixed_dictionaries(
    {},
    optional={
        "tensor_content": st.binary(max_size=40),
        "float_val": st.lists(st.floats(width=32), max_size=5),
        "double_val": st.lists(st.floats(), max_size=5),
        "int_val": st.lists(st.integers(-(2**31), 2**31 - 1), max_size=5),
        "half_val": st.lists(st.integers(-(2**31), 2**31 - 1), max_size=5),
        "string_val": st.lists(st.binary(max_size=5), max_size=5),
        "int64_val": st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5),
        "bool_val": st.lists(st.booleans(), max_size=5),
        "scomplex_val": st.lists(st.floats(width=32), max_size=5),
        "dcomplex_val": st.lists(st.floats(), max_size=5),
        "uint32_val": st.lists(st.integers(0, 2**32 - 1), max_size=5),
        "uint64_val": st.lists(st.integers(0, 2**64 - 1), max_size=5),
    },
)


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(list(DTYPES)), st.lists(st.integers(-1, 3), max_size=3), fields)
def test_any_message_is_read_as_tensorflow_reads_it(dtype, shape, values):
    check_same(proto(dtype, shape, **values))


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 130), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=70), fields)
def test_no_message_does_worse_than_be_refused(dtype, shape, values):
    array = mine(proto(dtype, shape, **values))
    assert array is None or array.nbytes <= tensors.MOST_FILLED_BYTES


def example(**features):
    message = tf.train.Example()
    for name, value in features.items():
        message.features.feature[name].float_list.value.append(value)
    return message


def test_examples_are_serialized_and_a_context_goes_before_each():
    from tensorflow_serving.apis import input_pb2

    plain = input_pb2.Input(example_list={"examples": [example(x=1), example(x=2)]})
    assert tensors.read_examples(plain) == [
        example(x=1).SerializeToString(),
        example(x=2).SerializeToString(),
    ]
    with_context = input_pb2.Input(
        example_list_with_context={"examples": [example(x=1), example(y=2)], "context": example(x=7, z=8)}
    )
    features = {name: tf.io.FixedLenFeature([], tf.float32, -1.0) for name in "xyz"}
    parsed = tf.io.parse_example(tensors.read_examples(with_context), features)
    assert {name: values.numpy().tolist() for name, values in parsed.items()} == {
        "x": [1, 7],
        "y": [-1, 2],
        "z": [8, 8],
    }
    for empty in (
        input_pb2.Input(),
        input_pb2.Input(example_list={}),
        input_pb2.Input(example_list_with_context={"context": example(x=1)}),
    ):
        with pytest.raises(ServingError, match=r"INVALID_ARGUMENT: Input is empty\."):
            tensors.read_examples(empty)


@pytest.mark.parametrize(("dtype", "size"), [(FLOAT, 10**12), (STRING, 2**24), (BOOL, 2**28 + 1)])
def test_what_was_not_sent_takes_no_memory_beyond_a_limit(dtype, size):
    assert mine(proto(dtype, [size])) is None
    assert mine(proto(dtype, [1, size], float_val=[1], string_val=[b"a"], bool_val=[True])) is None


def test_up_to_the_limit_values_are_filled_in(monkeypatch):
    monkeypatch.setattr(tensors, "MOST_FILLED_BYTES", 40)
    assert mine(proto(shape=[10], float_val=[3])).tolist() == [3.0] * 10
    assert mine(proto(shape=[11], float_val=[3])) is None
    # What was sent is there already.
    assert len(mine(proto(shape=[11], float_val=range(11)))) == 11
