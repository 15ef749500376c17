import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlzoo.features.vector_store import MOST_PARTS, VectorStore

WIDTH = 3


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def vectors(numbers):
    return np.array([[number, number + 0.5, -number] for number in numbers], np.float32).reshape(-1, WIDTH)


def put(store, *numbers):
    store.put([digest(number) for number in numbers], vectors(numbers))


def get(store, *numbers):
    found, missing = store.get([digest(number) for number in numbers], WIDTH)
    return found, missing.tolist()


@pytest.fixture
def store(tmp_path):
    return VectorStore({"weights": "f00d"}, tmp_path)


def test_what_was_put_is_found_and_the_rest_is_missing(store):
    put(store, 1, 2)
    put(store, 3)
    found, missing = get(store, 3, 9, 1, 1)
    assert missing == [1]
    np.testing.assert_array_equal(found[[0, 2, 3]], vectors([3, 1, 1]))
    assert np.isnan(found[1]).all()


def test_an_empty_store_and_no_question(store):
    assert get(store, 1, 2)[1] == [0, 1]
    found, missing = store.get([], WIDTH)
    assert found.shape == (0, WIDTH)
    assert not len(missing)
    put(store, 1)
    assert store.get([], WIDTH)[0].shape == (0, WIDTH)


def test_other_facts_are_another_store(store, tmp_path):
    put(store, 1)
    assert get(VectorStore({"weights": "beef"}, tmp_path), 1)[1] == [0]
    assert get(VectorStore({"weights": "f00d"}, tmp_path), 1)[1] == []


def test_the_usual_place_is_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TLZOO_CACHE", str(tmp_path))
    put(VectorStore({}), 1)
    assert len(list((tmp_path / "features").glob("texts-*/*.npy"))) == 2


def test_many_parts_are_joined_into_one(store):
    for number in range(MOST_PARTS):
        put(store, number, 0)
    assert len(list(store.folder.glob("*.keys.npy"))) == MOST_PARTS
    put(store, MOST_PARTS)
    assert [len(np.load(path)) for path in store.folder.glob("*.keys.npy")] == [MOST_PARTS + 1]
    assert len(list(store.folder.iterdir())) == 2
    found, missing = get(store, *range(MOST_PARTS + 1))
    assert missing == []
    np.testing.assert_array_equal(found, vectors(range(MOST_PARTS + 1)))


@pytest.mark.parametrize("kind", ["keys", "vectors"])
@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no array", None])
def test_a_damaged_part_counts_as_missing(store, kind, content):
    put(store, 1)
    put(store, 2)
    victim = next(path for path in store.folder.glob(f"*.{kind}.npy") if contains(path, 1))
    content = victim.read_bytes()[:-4] if content is None else content
    victim.write_bytes(content)
    found, missing = get(store, 1, 2)
    assert missing == [0]
    np.testing.assert_array_equal(found[1:], vectors([2]))
    put(store, 1)
    assert get(store, 1, 2)[1] == []


def contains(path, number):
    keys = path.with_name(path.name.replace(".vectors.", ".keys."))
    return digest(number).encode() in np.load(keys)


def test_keys_of_another_kind_and_vectors_of_another_length_are_not_taken(store):
    put(store, 1)
    path = next(store.folder.glob("*.keys.npy"))
    np.save(path, np.arange(1))
    assert get(store, 1)[1] == [0]
    store.put([digest(2)], np.zeros((1, WIDTH + 1), np.float32))
    assert get(store, 2)[1] == [0]


def test_killed_between_vectors_and_keys_nothing_looks_whole(store, monkeypatch):
    import tlzoo.features.vector_store as module

    save, calls = np.save, []

    def killed(file, array, **options):
        calls.append(array)
        if len(calls) == 2:
            raise KeyboardInterrupt
        save(file, array, **options)

    monkeypatch.setattr(module.np, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        put(store, 1)
    monkeypatch.undo()
    assert [path.name.split(".")[1] for path in store.folder.iterdir()] == ["vectors"]
    assert get(store, 1)[1] == [0]
    put(store, 1)
    assert get(store, 1)[1] == []


def test_parts_that_another_process_writes_while_parts_are_joined_stay(store, monkeypatch):
    for number in range(MOST_PARTS):
        put(store, number)
    other, write = VectorStore({"weights": "f00d"}, store.folder.parent), store._write

    def meanwhile(keys, found):
        if len(keys) > 1:
            other._write(np.array([digest(99).encode()]), vectors([99]))
        write(keys, found)

    monkeypatch.setattr(store, "_write", meanwhile)
    put(store, MOST_PARTS)
    assert get(store, *range(MOST_PARTS + 1), 99)[1] == []


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=6), max_size=20), st.lists(st.integers(0, 40))
)
def test_it_is_a_mapping(tmp_path_factory, batches, asked):
    store = VectorStore({}, tmp_path_factory.mktemp("store"))
    for batch in batches:
        put(store, *batch)
    known = {number for batch in batches for number in batch}
    found, missing = get(store, *asked)
    assert missing == [at for at, number in enumerate(asked) if number not in known]
    for row, number in zip(found, asked, strict=True):
        np.testing.assert_array_equal(row, vectors([number])[0] if number in known else [np.nan] * WIDTH)
