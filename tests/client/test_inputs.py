import numpy as np
import pytest

from tlzoo.client.inputs import fitting
from tlzoo.client.splitting import joined, pieces, slices
from tlzoo.errors import ReplyError, UnknownNameError, UsageError
from tlzoo.protocol.dtypes import DTYPES
from tlzoo.protocol.signature import Signature, TensorInfo

BY_NAME = {dtype.name: dtype for dtype in DTYPES.values()}


def fit(kind, value):
    one = Signature("s", inputs={"x": TensorInfo("x", BY_NAME.get(kind), None)}, outputs={})
    return fitting({"x": value}, one)["x"]


@pytest.mark.parametrize(
    ("kind", "value", "want"),
    [
        ("float", [1, 2], [1.0, 2.0]),
        ("float", np.float64([0.1]), [float(np.float32(0.1))]),
        ("float", 1e300, float("inf")),
        ("half", [1.5], [1.5]),
        ("bfloat16", [1.5], [1.5]),
        ("double", np.float16([1.5]), [1.5]),
        ("complex64", [1.5], [1.5 + 0j]),
        ("int32", np.int64([5]), [5]),
        ("uint8", [0, 255], [0, 255]),
        ("uint64", [2**64 - 1], [2**64 - 1]),
        ("int64", np.array([5], ">i8"), [5]),
        ("int32", [], []),
        ("bool", [True], [True]),
        ("string", "é", "é".encode()),
        ("string", ["a\0", b"b\0"], [b"a\0", b"b\0"]),
        ("string", np.array([["a", "bc"]]), [[b"a", b"bc"]]),
        ("string", bytearray(b"x"), b"x"),
    ],
)
def test_values_become_what_is_declared(kind, value, want):
    found = fit(kind, value)
    assert found.dtype == BY_NAME[kind].numpy
    assert found.tolist() == want


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int32", [1.0]),
        ("int32", [2**31]),
        ("uint8", [-1]),
        ("uint8", [256]),
        ("bool", [1]),
        ("float", [True]),
        ("float", ["a"]),
        ("float", [1j]),
        ("float", [[1.0], [1.0, 2.0]]),
        ("int64", [None]),
        ("string", [1]),
        ("string", [None]),
        ("variant", [1]),
    ],
)
def test_values_that_cannot(kind, value):
    with pytest.raises(UsageError) as caught:
        fit(kind, value)
    assert "'x'" in str(caught.value)


def test_an_array_of_the_right_type_is_not_copied():
    given = np.zeros((2, 2), np.float32)
    assert fit("float", given) is given


def test_inputs_with_defaults_may_be_left_out():
    infos = {name: TensorInfo(name, BY_NAME["float"], None) for name in ("a", "b")}
    one = Signature("s", inputs=infos, outputs={}, defaults=frozenset({"b"}))
    assert list(fitting({"a": 1.0}, one)) == ["a"]
    with pytest.raises(UsageError, match="not given a"):
        fitting({"b": 1.0}, one)
    with pytest.raises(UnknownNameError, match="'c'"):
        fitting({"a": 1.0, "c": 1.0}, one)


def test_slices_hold_everything_once():
    for lengths in ([], [5], [1] * 10, [9, 1, 1, 9], [3, 3, 3]):
        found = slices(lengths, 3, 6)
        assert [at for part in found for at in range(len(lengths))[part]] == list(range(len(lengths)))
        for part in found:
            assert len(lengths[part]) == 1 or (len(lengths[part]) <= 3 and sum(lengths[part]) <= 6)


def test_pieces_are_put_together_again():
    arrays = {"a": np.arange(7), "b": np.array([[b"x" * at] for at in range(7)], object)}
    for size, nbytes in ((1, 100), (3, 100), (100, 1), (100, 20)):
        parts = pieces(arrays, size, nbytes)
        again = joined(parts, [len(part["a"]) for part in parts])
        assert all(np.array_equal(again[name], arrays[name]) for name in arrays)
    (part,) = pieces({"a": np.zeros((0, 3))}, 2, 9)
    assert part["a"].shape == (0, 3)


def test_what_cannot_be_cut():
    for arrays in ({"a": np.zeros(2), "b": np.zeros(3)}, {"a": np.zeros(())}, {}):
        with pytest.raises(UsageError, match="cannot be cut"):
            pieces(arrays, 1, 1)
    with pytest.raises(UsageError, match="batch_size=0"):
        pieces({"a": np.zeros(2)}, 0, 1)
    with pytest.raises(ReplyError):
        joined([{"a": np.zeros(3)}], [2])
