"""Tensors in, tensors out: the same by HTTP and gRPC, waiting and awaited."""

import numpy as np
import pytest

from tests.serving.fixture_models import IDENTITIES
from tlzoo.errors import RefusedError, UnknownNameError, UsageError
from tlzoo.protocol.dtypes import DTYPES

BY_NAME = {dtype.name: dtype for dtype in DTYPES.values()}


def values_of(kind):
    """A few hard values of a NumPy type."""
    if np.dtype(kind) == object:
        return np.array([[b"", b"\0a\0"], ["é".encode(), b"\xff\xfe"]], object)
    if kind == np.bool_:
        return np.array([[True, False]])
    if np.dtype(kind).kind in "iu":
        limits = np.iinfo(kind)
        return np.array([[limits.min, limits.max, 1]], kind)
    return np.array([[0.1, -0.0, 3e4, 1e-3, np.inf, -np.inf, np.nan, 1 / 3]]).astype(kind)


@pytest.mark.parametrize("name", IDENTITIES)
def test_every_data_type_comes_back_bit_for_bit(connect, url, name):
    kind = IDENTITIES[name].as_numpy_dtype
    given = values_of(kind)
    with connect(url, "dtypes") as client:
        if url.startswith("http") and name in ("f16", "bf16", "u16"):
            with pytest.raises(UsageError, match="gRPC"):
                client.call({"v": given}, name)
            return
        found = client.call({"v": given}, name)["out"]
    assert found.dtype == given.dtype
    assert found.shape == given.shape
    if given.dtype == object:
        assert found.tolist() == given.tolist()
    else:
        assert found.tobytes() == given.tobytes()


def test_float32_keeps_its_bits(connect, url):
    bits = np.random.default_rng(0).integers(0, 2**32, 20_000, dtype=np.uint32)
    given = bits.view(np.float32)
    given = given[np.isfinite(given)].reshape(1, -1)
    with connect(url, "dtypes") as client:
        found = client.call({"v": given}, "f32")["out"]
    np.testing.assert_array_equal(found.view(np.uint32), given.view(np.uint32))


def test_several_inputs_and_outputs(connect, url):
    with connect(url, "dtypes") as client:
        found = client.call({"a": [1.0, 2.0], "b": np.float32(3)}, "pair")
    assert found["sum"].tolist() == [4.0, 5.0]
    assert found["text"].tolist() == [b"1.0", b"2.0"]


@pytest.mark.parametrize("signature", ["bytes_out", "mixed_bytes"])
def test_strings_of_any_bytes(connect, url, signature):
    with connect(url, "dtypes") as client:
        found = client.call(["é", b"\xff\0"], signature)
    for array in found.values():
        assert array.tolist() == ["é".encode(), b"\xff\0"]


def test_scalars_and_numbers_that_json_lacks(connect, url):
    with connect(url, "dtypes") as client:
        assert client.call({"v": [1.0, 2.5]}, "scalar_out")["total"] == np.float32(3.5)
        odd = client.call({"v": 0.0}, "nonfinite")["out"]
        none = client.call({"v": [1.0]}, "zero_batch")["out"]
    np.testing.assert_array_equal(odd, np.float32([[np.nan, np.inf], [3, -np.inf]]))
    assert none.dtype == np.int32
    assert none.shape == (0, 2)


def test_numbers_become_what_is_declared(connect, url):
    with connect(url, "half_plus_two") as client:
        for given in ([1, 2], np.array([1, 2], np.int64), np.array([1.0, 2.0]), (1.0, 2.0)):
            found = client.call({"x": given})["y"]
            assert found.dtype == np.float32
            assert found.tolist() == [3.5, 4.0]


def test_versions_and_labels(connect, url):
    for options, want in (
        ({}, 3.5),
        ({"version": 123}, 2.5),
        ({"label": "stable"}, 2.5),
        ({"label": "canary"}, 3.5),
    ):
        with connect(url, "half_plus_two", **options) as client:
            assert client.call(1.0)["y"] == want
    with connect(f"{url}/v1/models/half_plus_two/versions/123") as client:
        assert client.call(1.0)["y"] == 2.5


@pytest.mark.parametrize(
    ("options", "code"),
    [({"version": 9}, "NOT_FOUND"), ({"label": "odd"}, "INVALID_ARGUMENT")],
)
def test_a_version_that_is_not_there(connect, url, models, options, code):
    with connect(url, "half_plus_two", **options) as client, pytest.raises(RefusedError) as caught:
        client.call(1.0)
    assert caught.value.code == code
    assert caught.value.exit_code == 8
    assert len(models.asked) == 1


def test_names_that_are_not_there_are_answered_with_those_that_are(connect, url):
    with connect(url, "half_plus_two") as client:
        with pytest.raises(UnknownNameError, match="Did you mean 'serving_default'"):
            client.call(1.0, "serving_defalt")
        with pytest.raises(UnknownNameError, match="input of signature"):
            client.call({"y": 1.0})
    with connect(url, "dtypes") as client:
        with pytest.raises(UsageError, match="is not given b"):
            client.call({"a": 1.0}, "pair")
        with pytest.raises(UsageError, match="2 inputs"):
            client.call(1.0, "pair")


def test_what_the_graph_refuses(connect, url, models):
    with (
        connect(url, "shapes") as client,
        pytest.raises(RefusedError, match="Matrix size-incompatible") as caught,
    ):
        client.call({"feats": [[1.0, 2.0]]})
    assert caught.value.code == "INVALID_ARGUMENT"
    assert len(models.asked) == 2  # metadata, and one attempt


def test_rows_in_pieces(connect, url, models):
    rows = np.arange(30, dtype=np.float32).reshape(10, 3)
    with connect(url, "shapes") as client:
        found = client.call({"feats": rows}, batch_size=4)["scores"]
        whole = client.call({"feats": rows})["scores"]
        assert len(models.asked) == 1 + 3 + 1
        np.testing.assert_array_equal(found, whole)
        with pytest.raises(UsageError, match="cannot be cut"):
            client.call({"feats": np.float32(1)}, batch_size=4)
    with connect(url, "shapes", batch_bytes=25) as client:
        models.asked.clear()
        np.testing.assert_array_equal(client.call({"feats": rows}, batch_size=100)["scores"], whole)
        assert len(models.asked) == 1 + 5


def test_pieces_of_what_is_no_row(connect, url):
    from tlzoo.errors import ReplyError

    with connect(url, "dtypes") as client, pytest.raises(ReplyError, match="leave out batch_size"):
        client.call({"v": [1.0, 2.0, 3.0]}, "scalar_out", batch_size=2)
