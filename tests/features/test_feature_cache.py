from dataclasses import fields, replace

import numpy as np
import pytest

from tlzoo.features.cache import FeatureCache, FeatureKey

KEY = FeatureKey("w", (32, 32), "stretch", "tf", "graph", "data")


def test_what_is_put_is_got_memory_mapped(tmp_path):
    cache, features = FeatureCache(tmp_path), np.arange(6, dtype=np.float32).reshape(2, 3)
    assert cache.get(KEY) is None
    cache.put(KEY, features)
    found = cache.get(KEY)
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, features)


@pytest.mark.parametrize("field", [field.name for field in fields(FeatureKey)])
def test_every_part_of_the_key_counts(field):
    value = getattr(KEY, field)
    other = {str: "other", int: 7, tuple: (64, 64)}[type(value)]
    assert replace(KEY, **{field: other}).digest != KEY.digest


def test_a_damaged_file_counts_as_missing(tmp_path):
    cache = FeatureCache(tmp_path)
    cache.put(KEY, np.ones((4, 4), np.float32))
    path = next(tmp_path.rglob("*.npy"))
    path.write_bytes(path.read_bytes()[:40])
    assert cache.get(KEY) is None


def test_pickles_are_not_read(tmp_path):
    cache = FeatureCache(tmp_path)
    cache.put(KEY, np.ones(1, np.float32))
    np.save(next(tmp_path.rglob("*.npy")), np.array([{"a": 1}], dtype=object))
    assert cache.get(KEY) is None


def test_a_part_is_kept_up_to_its_last_row_until_the_whole_is_there(tmp_path):
    cache, features = FeatureCache(tmp_path), np.full((6, 2), np.nan, np.float32)
    cache.put_part(KEY, features)
    assert cache.get_part(KEY) is None
    features[[0, 1, 3]] = 1
    cache.put_part(KEY, features)
    np.testing.assert_array_equal(cache.get_part(KEY), features[:4])
    assert cache.get(KEY) is None
    cache.put(KEY, np.ones((6, 2), np.float32))
    assert cache.get_part(KEY) is None
    assert len(list(tmp_path.rglob("*.npy"))) == 1


def test_a_damaged_part_counts_as_none(tmp_path):
    cache = FeatureCache(tmp_path)
    cache.put_part(KEY, np.ones((4, 4), np.float32))
    path = next(tmp_path.rglob("*.part.npy"))
    path.write_bytes(path.read_bytes()[:40])
    assert cache.get_part(KEY) is None
