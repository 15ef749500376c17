"""Finding what is alike, on real digits: by a backbone, a run, a bundle; in sorted and unsorted folders."""

import threading

import numpy as np
import pytest
from PIL import Image

import tlzoo
from tlzoo.errors import DataError, UsageError
from tlzoo.features.extract import Extractor
from tlzoo.metrics.neighbours import near_pairs, usual_threshold

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture(scope="module")
def photos(photos, digits):
    """A folder per digit, and the third zero once more as a JPEG file."""
    Image.fromarray(digits[0][3]).resize((64, 64)).save(photos / "digit 0" / "copy.jpg", quality=85)
    return photos


@pytest.fixture(scope="module")
def index(photos):
    return tlzoo.search_index(photos, backbone="tiny").build()


def test_the_query_itself_comes_first(index, photos):
    for key in ("digit 1/050.png", "digit 2/110.png"):
        first, second = index.search(photos / key, 2)
        assert first.key == key
        assert first.similarity == pytest.approx(1, abs=1e-3)
        assert first.near
        assert second.similarity < first.similarity
        assert not second.near


def test_neighbours_are_mostly_of_the_same_digit(index):
    labels = index.dataset.words()
    same = [hit.label == labels[row] for row in range(0, 120, 7) for hit in index.like(row, 5)]
    assert np.mean(same) > 0.7


def test_hits_are_those_of_a_plain_product(index):
    features = index.encoder.whole(index.dataset)
    moved = features - features.mean(axis=0)
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    expected = moved @ moved[17]
    hits = index.like(17, len(index))
    assert len(hits) == len(index) - 1
    assert 17 not in [hit.row for hit in hits]
    alike = [hit.similarity for hit in hits]
    assert alike == sorted(alike, reverse=True)
    np.testing.assert_allclose(alike, expected[[hit.row for hit in hits]], atol=1e-5)


def test_another_file_of_the_same_picture_is_nearly_the_same(index, digits):
    row = index.dataset.keys.index("digit 0/003.png")
    near = [hit.key for hit in index.like(row, 20) if hit.near]
    assert near == ["digit 0/copy.jpg"]
    found = index.search(Image.fromarray(digits[0][3]), 2)
    assert {hit.key for hit in found if hit.near} == {"digit 0/003.png", "digit 0/copy.jpg"}


def test_a_second_start_computes_nothing_and_a_changed_folder_is_seen(digits, tmp_path, monkeypatch):
    for number in range(20):
        Image.fromarray(digits[0][number]).save(tmp_path / f"{number:02d}.png")
    assert len(tlzoo.search_index(tmp_path, backbone="tiny").build()) == 20
    passes, real = [], Extractor._pass
    monkeypatch.setattr(Extractor, "_pass", lambda *given: passes.append(1) or real(*given))
    again = tlzoo.search_index(tmp_path, backbone="tiny").build()
    assert (len(again), passes) == (20, [])
    Image.fromarray(digits[0][90]).save(tmp_path / "new.png")
    changed = tlzoo.search_index(tmp_path, backbone="tiny").build()
    assert (len(changed), passes) == (21, [1])
    assert changed.search(digits[0][90], 1)[0].key == "new.png"


def test_unsorted_folders_have_no_labels_and_broken_files_no_place(digits, tmp_path):
    for number in range(0, 120, 4):
        (tmp_path / "deep" / "er").mkdir(parents=True, exist_ok=True)
        folder = tmp_path / "deep" / "er" if number % 3 else tmp_path
        Image.fromarray(digits[0][number]).save(folder / f"{number:03d}.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    index = tlzoo.search_index(tmp_path, backbone="tiny").build()
    hits = index.like(int(index.rows[0]), 50)
    assert len(hits) == 29
    assert {hit.label for hit in hits} == {None}
    assert "broken.png" not in {hit.key for hit in hits}
    assert any(hit.key.startswith("deep") for hit in hits)


def test_few_items_are_not_centred(digits, tmp_path):
    Image.fromarray(digits[0][0]).save(tmp_path / "only.png")
    index = tlzoo.search_index(tmp_path, backbone="tiny").build()
    (hit,) = index.search(tmp_path / "only.png")
    assert hit.similarity == pytest.approx(1, abs=1e-3)
    assert hit.near
    assert index.like(0) == []


@pytest.fixture(scope="module")
def tuned(photos, tmp_path_factory):
    """A run whose backbone has moved."""
    return tlzoo.train(
        photos, backbone="tiny", recipe="fine_tune", out=tmp_path_factory.mktemp("runs") / "tuned", epochs=1,
        head_epochs=2, validation=0.2, test=0.25,
    )  # fmt: skip


@pytest.mark.slow
def test_a_run_searches_with_its_own_weights(index, tuned, photos):
    own = tlzoo.search_index(run=tuned.path).build()
    assert own.dataset.fingerprint == tuned.folder.config["data"]["fingerprint"]
    features = own.encoder.whole(own.dataset)
    expected = tuned._features(own.dataset)
    np.testing.assert_allclose(features, expected, atol=1e-4)
    assert not np.allclose(features, index.encoder.whole(index.dataset), atol=1e-3)
    key = "digit 1/050.png"
    assert own.search(photos / key, 1)[0].key == key


@pytest.fixture(scope="module")
def bundle(tuned, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "digits"
    tuned.export(folder)
    return folder


@pytest.mark.slow
def test_a_bundle_searches_with_its_signature(tuned, bundle, photos, tmp_path):
    index = tlzoo.search_index(photos, bundle=bundle).build()
    own = tlzoo.search_index(run=tuned.path).build()
    np.testing.assert_allclose(
        index.encoder.whole(index.dataset), own.encoder.whole(own.dataset), atol=2e-3, rtol=2e-3
    )
    assert index.search(photos / "digit 2" / "110.png", 1)[0].key == "digit 2/110.png"
    Image.open(photos / "digit 2" / "110.png").save(tmp_path / "query.tiff")  # no format of the graph
    assert index.search(tmp_path / "query.tiff", 1)[0].key == "digit 2/110.png"
    with pytest.raises(DataError, match="cannot be read"):
        index.search(tmp_path / "nowhere.png")


def test_several_may_ask_at_once(index, photos):
    keys = [f"digit {at // 40}/{at:03d}.png" for at in range(0, 120, 10)]
    found = {}

    def ask(key):
        found[key] = index.search(photos / key, 1)[0].key

    threads = [threading.Thread(target=ask, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {key: key for key in keys}


def test_building_can_be_stopped(digits, tmp_path):
    class Stopped(Exception):
        pass

    def tell(done, total, what):
        raise Stopped

    for number in range(4):
        Image.fromarray(digits[0][number + 60]).save(tmp_path / f"{number}.png")
    index = tlzoo.search_index(tmp_path, backbone="tiny")
    with pytest.raises(Stopped):
        index.build(tell)
    assert len(index.build().like(0)) == 3


def test_a_bundle_that_was_stopped_goes_on_where_it_was(bundle, photos, monkeypatch):
    class Stopped(Exception):
        pass

    def stop(done, total, what):
        if done >= 48:
            raise Stopped

    told = []
    with monkeypatch.context() as patch:
        patch.setattr("tlzoo.features.cache.VERSION", "stopped")
        with pytest.raises(Stopped):
            tlzoo.search_index(photos, bundle=bundle).build(stop)
        index = tlzoo.search_index(photos, bundle=bundle).build(lambda *said: told.append(said[:2]))
    assert told == [(64, 121), (80, 121), (96, 121), (112, 121), (121, 121)]
    whole = tlzoo.search_index(photos, bundle=bundle).build()
    assert [hit.key for hit in index.like(7, 20)] == [hit.key for hit in whole.like(7, 20)]


def test_refusals(index, tuned, photos, tmp_path):
    with pytest.raises(UsageError, match="nothing to look through"):
        tlzoo.search_index()
    with pytest.raises(UsageError, match="features of a backbone and of a run"):
        tlzoo.search_index(photos, backbone="tiny", run=tuned)
    with pytest.raises(UsageError, match="0 results"):
        index.like(0, 0)
    with pytest.raises(UsageError, match="item 999"):
        index.like(999)
    with pytest.raises(UsageError, match="option 'label_colum'"):
        tlzoo.search_index(photos, backbone="tiny", label_colum="kind")
    (tmp_path / "texts.csv").write_text("text\nOne line.\nAnother.\n")
    with pytest.raises(UsageError, match="option 'txt_column'"):
        tlzoo.search_index(tmp_path / "texts.csv", backbone="tiny", txt_column="text")
    (tmp_path / "no.png").write_text("no picture")
    with pytest.raises(DataError, match="cannot be read"):
        index.search(tmp_path / "no.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="neither pictures nor"):
        tlzoo.search_index(tmp_path / "empty", backbone="tiny")


def test_the_threshold_of_a_sample_is_that_of_all():
    random = np.random.default_rng(0)
    centres = random.normal(size=(40, 24))
    rows = (centres[random.integers(0, 40, 1500)] + 0.4 * random.normal(size=(1500, 24))).astype(np.float32)
    rows -= rows.mean(axis=0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    whole = near_pairs(rows).threshold
    assert usual_threshold(rows) == pytest.approx(whole, abs=1e-3)
    assert usual_threshold(rows, sample=500) == pytest.approx(whole, abs=0.03)
