from __future__ import annotations

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from pictures import encoded, gradient, noise, write_folder
from PIL import Image

from tlzoo.data import pixels as pixels_module
from tlzoo.data.images import read_image, resize
from tlzoo.data.load import load
from tlzoo.data.pixels import LivePixels, PixelStore, open_pixels
from tlzoo.data.stream import stream, stream_pixels
from tlzoo.errors import DataError

SIZE = (12, 10)


def expected(item: Path | np.ndarray, policy: str = "stretch") -> np.ndarray:
    return resize(read_image(item), SIZE, policy).numpy()


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Sixteen images of many formats, two of which are broken in a way a quick look does not see."""
    root = write_folder(tmp_path / "mixed", {"a": 5, "b": 5})
    Image.fromarray(gradient()).save(root / "a" / "t.tif")
    Image.fromarray(gradient(seed=1)).save(root / "a" / "j.jpg")
    Image.fromarray(gradient(seed=2)).convert("1").save(root / "b" / "one.bmp")
    Image.fromarray(gradient(seed=3)).save(root / "b" / "w.webp")
    (root / "a" / "002.cut.png").write_bytes(encoded(noise(40, 40, 7), "PNG")[:2500])
    (root / "b" / "zz.cut.tif").write_bytes(encoded(noise(40, 40, 8), "TIFF")[:-2000])
    return root


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 3, 100])
@pytest.mark.parametrize("policy", ["stretch", "crop", "pad"])
def test_stream_keeps_order_and_names_what_is_broken(mixed: Path, batch_size: int, policy: str) -> None:
    data = load(mixed)
    broken: dict[int, str] = {}
    seen: list[int] = []
    for chunk in stream(data.items, SIZE, policy, batch_size):
        broken |= chunk.broken
        seen += chunk.positions.tolist()
        for position, image in zip(chunk.positions, chunk.pixels, strict=True):
            np.testing.assert_array_equal(image, expected(data.items[position], policy))
    assert seen == sorted(seen)
    assert {data.keys[position] for position in broken} == {"a/002.cut.png", "b/zz.cut.tif"}
    assert sorted([*seen, *broken]) == list(range(len(data)))
    assert all(reason and "0x" not in reason for reason in broken.values())


def test_stream_pixels_skips_or_refuses(mixed: Path) -> None:
    wanted = [13, 2, 0, 5]
    lenient = load(mixed, on_broken="skip")
    assert lenient.keys[2] == "a/002.cut.png"
    found = list(stream_pixels(lenient, wanted, SIZE, batch_size=2))
    assert np.concatenate([indices for _, indices in found]).tolist() == [13, 0, 5]
    np.testing.assert_array_equal(found[0][0][0], expected(lenient.items[13]))
    with pytest.raises(DataError, match=r"1 of 16 images cannot be read .*'a/002\.cut\.png': .*truncated"):
        list(stream_pixels(load(mixed), wanted, SIZE))


def test_store_equals_decoding_and_is_found_again(
    photos: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = load(photos)
    told: list[tuple[int, int | None, str]] = []
    clean, store = open_pixels(data, SIZE, progress=lambda *values: told.append(values))
    assert clean is data
    assert isinstance(store, PixelStore)
    assert told[-1] == (14, 14, "decoding images")
    order = [13, 0, 0, 7]
    found = store.read(order)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, [expected(data.items[index]) for index in order])
    assert len(store) == 14
    assert store.read([]).shape == (0, *SIZE, 3)
    monkeypatch.setattr(pixels_module, "stream", None)  # a second opening must not decode
    _, again = open_pixels(load(photos), SIZE)
    np.testing.assert_array_equal(again.read(order), found)
    assert sorted(path.suffix for path in (cache / "pixels").iterdir()) == [".json", ".lock", ".u8"]


def test_store_depends_on_size_policy_and_contents_but_not_on_labels(photos: Path, cache: Path) -> None:
    data = load(photos)
    made = lambda: len(list((cache / "pixels").glob("*.u8")))  # noqa: E731
    open_pixels(data, SIZE)
    (photos / "cat" / "000.png").rename(photos / "dog" / "moved.png")
    open_pixels(load(photos), SIZE)
    assert made() == 1
    open_pixels(load(photos), SIZE, "pad")
    open_pixels(load(photos), (10, 10))
    assert made() == 3


def test_broken_images_are_dropped_the_same_way_every_time(mixed: Path) -> None:
    data = load(mixed, on_broken="skip")
    for _ in range(2):
        clean, store = open_pixels(data, SIZE)
        assert [key for key, _ in clean.skipped] == ["a/002.cut.png", "b/zz.cut.tif"]
        assert len(clean) == len(store) == 14
        np.testing.assert_array_equal(store.read(range(14)), [expected(item) for item in clean.items])
    with pytest.raises(DataError, match="2 of 16 images cannot be read"):
        open_pixels(load(mixed), SIZE)


def test_without_keeping_the_same_comes_out(mixed: Path) -> None:
    data = load(mixed, on_broken="skip")
    live_clean, live = open_pixels(data, SIZE, keep=False)
    assert isinstance(live, LivePixels)
    clean, store = open_pixels(data, SIZE)
    assert isinstance(open_pixels(data, SIZE, keep=False)[1], PixelStore)
    assert (live_clean.keys, live_clean.skipped) == (clean.keys, clean.skipped)
    np.testing.assert_array_equal(live.read([3, 1]), store.read([3, 1]))


def test_a_vanished_file_is_not_remembered_as_broken(photos: Path, cache: Path) -> None:
    data = load(photos, on_broken="skip")
    content = (photos / "cat" / "000.png").read_bytes()
    (photos / "cat" / "000.png").unlink()
    with pytest.raises(DataError, match="was there when the data set was loaded"):
        open_pixels(data, SIZE)
    (photos / "cat" / "000.png").write_bytes(content)
    assert len(open_pixels(data, SIZE)[0]) == 14


def test_arrays_and_identical_images(tmp_path: Path) -> None:
    images = np.stack([noise(20, 20, index % 3) for index in range(6)])
    data = load((images, [0, 0, 0, 1, 1, 1]))
    _, store = open_pixels(data, SIZE)
    assert store.path.stat().st_size == 3 * 12 * 10 * 3
    np.testing.assert_array_equal(store.read(range(6)), [expected(image) for image in images])
    same_size, exact = open_pixels(data, (20, 20))
    np.testing.assert_array_equal(exact.read(range(6)), images)
    assert len(same_size) == 6


def test_a_damaged_store_is_made_again(photos: Path, cache: Path) -> None:
    _, store = open_pixels(load(photos), SIZE)
    before = store.read(range(14))
    os.truncate(store.path, 100)
    with pytest.raises(DataError, match="ends too early"):
        store.read([13])
    np.testing.assert_array_equal(open_pixels(load(photos), SIZE)[1].read(range(14)), before)
    store.path.with_suffix(".json").write_text("{")
    np.testing.assert_array_equal(open_pixels(load(photos), SIZE)[1].read(range(14)), before)


def test_a_full_disk_is_explained_and_leaves_nothing(
    photos: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="MiB of pixels do not fit into") as caught:
        open_pixels(load(photos), SIZE)
    assert "TLZOO_CACHE" in caught.value.do
    assert [path.suffix for path in (cache / "pixels").iterdir()] == [".lock"]


def test_short_disks_fall_back_to_decoding(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels_module, "_SPARE", 2**62)
    data, live = open_pixels(load(photos), SIZE)
    assert isinstance(live, LivePixels)
    np.testing.assert_array_equal(live.read([5]), [expected(data.items[5])])
    (photos / "cat" / "005.png").unlink()
    with pytest.raises(DataError, match=r"'cat/005\.png': No such file"):
        live.read([5])


def test_an_interrupted_build_leaves_nothing(photos: Path, cache: Path) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_pixels(
            load(photos), SIZE, progress=lambda done, total, text: stop() if "decoding" in text else None
        )
    assert [path.suffix for path in (cache / "pixels").iterdir()] == [".lock"]


def test_threads_may_read_together(photos: Path) -> None:
    _, store = open_pixels(load(photos), SIZE)
    whole = store.read(range(14))
    orders = [np.random.default_rng(seed).permutation(14) for seed in range(40)]
    with ThreadPoolExecutor(8) as pool:
        for order, found in zip(orders, pool.map(store.read, orders), strict=True):
            np.testing.assert_array_equal(found, whole[order])


def test_note_is_for_people(photos: Path) -> None:
    _, store = open_pixels(load(photos), SIZE, "crop")
    assert json.loads(store.path.with_suffix(".json").read_text()) == {
        "size": [12, 10],
        "resize": "crop",
        "broken": {},
    }


@pytest.mark.slow
def test_memory_is_flat(tmp_path: Path) -> None:
    """Three hundred megabytes of pixels pass through; the process must not keep them."""
    data = load(write_folder(tmp_path / "d", {"a": 500, "b": 500}, side=16))
    size = (320, 320)
    for _ in stream_pixels(data, range(64), size):
        pass
    before = psutil.Process().memory_info().rss
    for _ in stream_pixels(data, range(1000), size):
        pass
    _, store = open_pixels(data, size)
    for start in range(0, 1000, 50):
        store.read(range(start, start + 50))
    grown = psutil.Process().memory_info().rss - before
    assert grown < 120 * 2**20, f"{grown / 2**20:.0f} MiB"
