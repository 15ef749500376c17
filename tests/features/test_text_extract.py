import numpy as np
import pytest

from tlzoo.backbones.load import load_backbone
from tlzoo.data.load import load
from tlzoo.errors import UsageError
from tlzoo.features import text_extract
from tlzoo.features.text_extract import BATCH_TEXTS, BATCH_TOKENS, TextExtractor, by_length, features_of
from tlzoo.features.tokens import open_texts
from tlzoo.plans import Augment

pytestmark = pytest.mark.usefixtures("tiny_text")


@pytest.fixture(scope="module")
def backbone(tiny_text):
    return load_backbone(tiny_text)


@pytest.fixture(scope="module")
def dataset(corpus):
    return load(corpus)


@pytest.fixture
def extractor(backbone, dataset, tmp_path):
    return TextExtractor(backbone, dataset, "graph", tmp_path)


@pytest.fixture
def counted(monkeypatch):
    """Counts the texts that an engine computes."""
    seen, batches = [], text_extract.batches

    def counting(engine, inputs, indices):
        for chosen, vectors in batches(engine, inputs, indices):
            seen.extend(indices[chosen].tolist())
            yield chosen, vectors

    monkeypatch.setattr(text_extract, "batches", counting)
    return TextExtractor, seen


def test_rows_are_the_texts_in_order_whatever_their_length(extractor, backbone, dataset):
    features = extractor.plain()
    assert features.shape == (len(dataset), 16)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    for index in (0, 40, 72, 79, 84, 89):
        alone = backbone.model(backbone.encoder([dataset.items[index]]), training=False)
        np.testing.assert_allclose(features[index], alone[0], atol=1e-5)


def test_each_different_text_is_computed_once(backbone, dataset, tmp_path, counted):
    kind, seen = counted
    features = kind(backbone, dataset, "graph", tmp_path).plain()
    assert len(seen) == len(set(dataset.digests)) == len(dataset) - 3
    twins = [at for at, digest in enumerate(dataset.digests) if digest == dataset.digests[-1]]
    assert len(twins) == 2
    np.testing.assert_array_equal(features[twins[0]], features[twins[1]])


def test_a_second_look_computes_nothing_even_in_other_data(backbone, dataset, tmp_path, counted):
    kind, seen = counted
    first = kind(backbone, dataset, "graph", tmp_path).plain()
    seen.clear()
    again = kind(backbone, dataset, "graph", tmp_path)
    np.testing.assert_array_equal(again.plain(), first)
    assert "inputs" not in again.__dict__  # not even tokens
    order = list(range(20, 50))
    other = load(([dataset.items[at] for at in order] + ["A new text."], [at % 2 for at in range(31)]))
    found = kind(backbone, other, "graph", tmp_path).plain()
    assert seen == [30]
    np.testing.assert_array_equal(found[:-1], first[order])


def test_other_lengths_are_other_features(backbone, dataset, tiny_text, tmp_path, extractor):
    short = load_backbone(tiny_text, length=8)
    features = TextExtractor(short, dataset, "graph", tmp_path).plain()
    assert not np.allclose(features[0], extractor.plain()[0], atol=1e-4)
    assert extractor._facts() != TextExtractor(short, dataset, "graph", tmp_path)._facts()


def test_an_interrupted_pass_goes_on_where_it_was(backbone, dataset, tmp_path, counted, monkeypatch):
    kind, seen = counted
    monkeypatch.setattr(text_extract, "KEPT_AT_ONCE", 30)
    monkeypatch.setattr(text_extract, "BATCH_TEXTS", 10)

    def stop(done, total, what):
        if what == "features" and done > 60:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kind(backbone, dataset, "graph", tmp_path, stop).plain()
    assert len(seen) == 70
    before = set(seen)
    seen.clear()
    features = kind(backbone, dataset, "graph", tmp_path).plain()
    assert len(seen) == 17
    assert not before & set(seen)
    whole = TextExtractor(backbone, dataset, "graph", tmp_path / "other").plain()
    np.testing.assert_allclose(features, whole, atol=1e-5)


def test_progress_ends_at_the_number_of_different_texts(backbone, dataset, tmp_path):
    told = []
    TextExtractor(backbone, dataset, "graph", tmp_path, lambda *said: told.append(said)).plain()
    assert told[-1] == (87, 87, "features")


def test_batches_are_alike_in_length_longest_first():
    lengths = np.random.default_rng(0).integers(0, 300, 1000)
    batches = list(by_length(lengths))
    assert sorted(np.concatenate(batches)) == list(range(1000))
    flat = lengths[np.concatenate(batches)]
    assert (np.diff(flat) <= 0).all()
    for batch in batches:
        assert len(batch) <= BATCH_TEXTS
        assert len(batch) * lengths[batch].max() <= BATCH_TOKENS


def test_a_text_longer_than_a_batch_is_a_batch_of_its_own():
    batches = list(by_length(np.array([3, BATCH_TOKENS * 2, 0, BATCH_TOKENS + 1])))
    assert [batch.tolist() for batch in batches] == [[1], [3], [0, 2]]
    assert list(by_length(np.array([], int))) == []


def test_features_of_some_under_present_weights(backbone, dataset, extractor):
    some = np.array([84, 2, 2, 30])
    inputs = open_texts(backbone.encoder, dataset.items)
    np.testing.assert_allclose(features_of(backbone, inputs, some), extractor.plain()[some], atol=1e-5)
    assert features_of(backbone, inputs, some[:0]).shape == (0, 16)


def test_no_copies_of_texts_are_known(extractor):
    assert extractor.views(np.arange(3), Augment(flip="none"), 0, 0) == []
    with pytest.raises(UsageError, match="views=2"):
        extractor.views(np.arange(3), Augment(flip="none"), 2, 0)
