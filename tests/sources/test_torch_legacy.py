import contextlib
import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tlzoo.errors import WeightsError
from tlzoo.sources.torch_legacy import read_torch

GENEROUS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "contiguous": rng.normal(size=(4, 3)).astype("<f4"),
        "channels_last": np.asfortranarray(rng.normal(size=(2, 3, 5))).astype("<f4", order="K"),
        "double": rng.normal(size=(2,)),
        "half": rng.normal(size=(3, 1)).astype("<f2"),
        "counter": np.array(7, dtype="<i8"),
        "empty": np.zeros((0, 4), dtype="<f4"),
    }


def written(path, content):
    path.write_bytes(content)
    return path


def refused(path, content, text):
    with pytest.raises(WeightsError, match=text) as caught:
        read_torch(written(path, content))
    assert "torch.save(module.state_dict(), path)" in caught.value.allowed
    return caught.value


@pytest.mark.parametrize("kind", ["legacy", "zip"])
def test_reads_every_kind_of_number_and_honours_strides(tmp_path, pickled, arrays, kind):
    path = tmp_path / "w.pth"
    if kind == "legacy":
        written(path, pickled.legacy(arrays))
    else:
        pickled.zipped(path, arrays)
    found = read_torch(path)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
        assert found[name].dtype == array.dtype
        assert not found[name].flags.writeable


def test_offsets_share_one_storage(tmp_path, pickled):
    numbers = np.arange(12, dtype="<f4")
    storage = pickled.storage("FloatStorage", "0", 12)
    state = pickled.whole(
        {"row": pickled.tensor(storage, 4, (4,), (1,)), "column": pickled.tensor(storage, 1, (3,), (4,))}
    )
    found = read_torch(written(tmp_path / "w.pth", pickled.legacy({"x": numbers}, state=state)))
    assert found["row"].tolist() == [4, 5, 6, 7]
    assert found["column"].tolist() == [1, 5, 9]


def test_bfloat16_becomes_float32(tmp_path, pickled):
    bits = (np.array([1.0, -2.5], "<f4").view("<u4") >> 16).astype("<u2")
    state = pickled.whole({"w": pickled.tensor(pickled.storage("BFloat16Storage", "0", 2), 0, (2,), (1,))})
    found = read_torch(written(tmp_path / "w.pth", pickled.legacy({"w": bits}, state=state)))
    assert found["w"].dtype == np.float32
    assert found["w"].tolist() == [1.0, -2.5]


def test_parameters_and_shared_memo_entries_are_read(tmp_path, pickled):
    tensor = pickled.tensor(pickled.storage("FloatStorage", "0", 2), 0, (2,), (1,))
    parameter = pickled.name("torch._utils", "_rebuild_parameter") + pickled.value((tensor, True, {})) + b"R"
    state = pickled.whole({"a": parameter + b"q\x05", "b": b"h\x05"})
    found = read_torch(written(tmp_path / "w.pth", pickled.legacy({"a": np.ones(2, "<f4")}, state=state)))
    assert found["a"].tolist() == found["b"].tolist() == [1, 1]


class Evil:
    def __reduce__(self):
        return print, ("executed",)


HOSTILE = {
    "os.system": b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.",
    "real pickle": pickle.dumps({"w": Evil()}, protocol=2),
    "builtins": b"\x80\x02c__builtin__\neval\nX\x01\x00\x00\x001\x85R.",
    "call of a storage": b"\x80\x02ctorch\nFloatStorage\n)R.",
    "inst opcode": b"\x80\x02(ios\nsystem\n.",
    "stack global": b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    "extension": b"\x80\x02\x82\x01.",
    "memo that is not there": b"\x80\x02h\x07.",
    "no stack": b"\x80\x02.",
    "no end": b"\x80\x02}",
    "mark on the stack": b"\x80\x02(.",
    "pops below the mark": b"\x80\x02}(\x85.",
    "number as key": b"\x80\x02}K\x01K\x01s.",
    "odd items": b"\x80\x02}(X\x01\x00\x00\x00au.",
    "append to a dict": b"\x80\x02}K\x01a.",
    "attributes of a tuple": b"\x80\x02)}b.",
    "long text": b"\x80\x02X\xff\xff\xff\xffabc.",
    "bytes of 2**60": b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b".",
    "bad persistent id": b"\x80\x02)Q.",
    "list of text": b"\x80\x02](X\x01\x00\x00\x00ae.",
    "a number": b"\x80\x02K\x01.",
    "not utf-8": b"\x80\x02X\x01\x00\x00\x00\xff.",
    "deep tuples": b"\x80\x02)" + b"\x85" * 300_000 + b".",
    "itself": b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_raise_and_run_nothing(tmp_path, pickled, capfd, name):
    refused(tmp_path / "w.pth", pickled.legacy({}, state=HOSTILE[name]), "cannot be read as PyTorch weights")
    assert "executed" not in capfd.readouterr().out


def test_a_huge_memo_number_costs_no_memory(tmp_path, pickled):
    state = b"\x80\x02}r\xff\xff\xff\xff."
    assert read_torch(written(tmp_path / "w.pth", pickled.legacy({}, state=state))) == {}


def test_the_error_names_what_the_pickle_wanted(tmp_path, pickled):
    refused(tmp_path / "w.pth", pickled.legacy({}, state=HOSTILE["os.system"]), r"it names 'os\.system'")


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "text"),
    [
        (0, (7,), (1,), "claims 7 of 6"),
        (3, (2, 2), (2, 1), "outside of its storage"),
        (0, (3, 3), (0, 1), "claims 9 of 6"),
        (0, (6,), (2,), "outside of its storage"),
        (-1, (2,), (1,), "impossible shape"),
        (0, (-2,), (1,), "impossible shape"),
        (0, (2,), (-1,), "impossible shape"),
        (0, (2,), (1, 1), "impossible shape"),
        (0, [2], [1], "impossible shape"),
        (0, ("a",), (1,), "impossible shape"),
        (0, (True,), (1,), "impossible shape"),
        (0, (1,) * 17, (1,) * 17, "impossible shape"),
        (0, (10**18,), (0,), "impossible shape"),
        (None, (2,), (1,), "impossible shape"),
    ],
)
def test_views_stay_inside_their_storage(tmp_path, pickled, offset, shape, strides, text):
    state = pickled.whole(
        {"w": pickled.tensor(pickled.storage("FloatStorage", "0", 6), offset, shape, strides)}
    )
    refused(tmp_path / "w.pth", pickled.legacy({"w": np.ones(6, "<f4")}, state=state), text)


def test_storages_must_be_as_announced(tmp_path, pickled):
    path, one = tmp_path / "w.pth", {"w": np.ones(6, "<f4")}
    good = pickled.legacy(one)
    refused(path, good[:-1], "ends 1 bytes before storage '0'")
    refused(path, good + b"x", "1 bytes follow its last storage")
    refused(path, pickled.legacy(one, keys=["0", "1"]), "lists 2 storages where its tensors use 1")
    refused(path, pickled.legacy(one, keys=[]), "lists 0 storages")
    refused(path, pickled.legacy(one, keys=["0", "0"]), "lists 2 storages")
    refused(path, pickled.legacy(one, keys=[1]), "list of storages is damaged")
    refused(path, pickled.legacy(one, keys={}), "list of storages is damaged")
    refused(path, good.replace(struct.pack("<q", 6), struct.pack("<q", 2**40)), "says 1099511627776 numbers")
    refused(path, good.replace(struct.pack("<q", 6), struct.pack("<q", -1)), "says -1 numbers")
    refused(path, pickled.legacy(one, system={"little_endian": False}), "not little-endian")
    refused(path, b"", "cannot be read")
    refused(path, b"hello, I am no model\n", "cannot be read")
    twice = {
        "a": pickled.tensor(pickled.storage("FloatStorage", "0", 6), 0, (6,), (1,)),
        "b": pickled.tensor(pickled.storage("LongStorage", "0", 3), 0, (3,), (1,)),
    }
    refused(path, pickled.legacy(one, state=pickled.whole(twice)), "described twice")


def test_zip_archives_must_be_laid_out_as_pytorch_does(tmp_path, pickled, arrays):
    path = tmp_path / "w.pth"
    one = {"w": np.ones(6, "<f4")}
    for text, make in {
        "laid out": lambda: pickled.zipped(path, one, compression=zipfile.ZIP_DEFLATED),
        "little-endian": lambda: pickled.zipped(path, one, byteorder=b"big"),
        "storage '0' is missing": lambda: pickled.zipped(path, {}, state=pickled.state(one, legacy=False)),
        "bytes before storage": lambda: pickled.zipped(
            path, {"w": np.ones(5, "<f4")}, state=pickled.state(one, legacy=False)
        ),
        "os.system": lambda: pickled.zipped(path, one, state=HOSTILE["os.system"]),
    }.items():
        refused(path, make().read_bytes(), text)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.txt", "x")
    refused(path, path.read_bytes(), "laid out")


@GENEROUS
@given(cut=st.floats(0, 1, exclude_max=True), zipped=st.booleans())
def test_truncated_files_raise_weights_errors(tmp_path, pickled, cut, zipped):
    one, path = {"w": np.ones((4, 3), "<f4"), "n": np.array(3, "<i8")}, tmp_path / "w.pth"
    content = pickled.zipped(path, one).read_bytes() if zipped else pickled.legacy(one)
    refused(path, content[: int(cut * len(content))], "cannot be read")


@GENEROUS
@given(data=st.data(), zipped=st.booleans())
def test_flipped_bytes_never_do_worse_than_weights_errors(tmp_path, pickled, data, zipped):
    one, path = {"w": np.ones((4, 3), "<f4"), "n": np.array(3, "<i8")}, tmp_path / "w.pth"
    content = bytearray(pickled.zipped(path, one).read_bytes() if zipped else pickled.legacy(one))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_torch(written(path, bytes(content)))
    except WeightsError:
        return
    assert all(isinstance(array.sum(), np.generic) for array in found.values())


@GENEROUS
@given(opcodes=st.binary(max_size=60))
def test_random_opcodes_never_do_worse_than_weights_errors(tmp_path, pickled, opcodes):
    with contextlib.suppress(WeightsError):
        read_torch(written(tmp_path / "w.pth", pickled.legacy({}, state=b"\x80\x02" + opcodes + b".")))


def test_real_weights_are_read_with_their_strides(lite_weights):
    found = read_torch(lite_weights(0))
    assert len(found) == 296
    assert found["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert found["_fc.weight"].shape == (1000, 1280)
    assert any(not array.flags.c_contiguous for array in found.values())
    assert all(np.isfinite(array).all() for array in found.values())
