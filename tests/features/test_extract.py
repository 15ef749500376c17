from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tlzoo.backbones.load import load_backbone
from tlzoo.data.load import load
from tlzoo.errors import DataError
from tlzoo.features.cache import FeatureCache
from tlzoo.features.engines import GraphEngine
from tlzoo.features.extract import Extractor
from tlzoo.plans import Augment

pytestmark = pytest.mark.usefixtures("tiny")
TURNS = Augment(flip="both", quarter_turns=True)


@pytest.fixture(scope="module")
def backbone(tiny):
    return load_backbone(tiny)


@pytest.fixture
def extractor(backbone, digits, tmp_path):
    return Extractor(backbone, load(digits), engine_name="graph", cache=FeatureCache(tmp_path))


def test_rows_are_the_items_in_order(extractor, backbone, digits):
    np.testing.assert_allclose(extractor.plain(), GraphEngine(backbone)(digits[0]), atol=1e-6)


def test_a_second_look_computes_nothing(extractor, backbone, monkeypatch):
    first = np.array(extractor.plain())
    again = Extractor(backbone, extractor.dataset, engine_name="graph", cache=extractor.cache)
    monkeypatch.setattr(Extractor, "_pass", lambda *_: pytest.fail("computed again"))
    np.testing.assert_array_equal(again.plain(), first)


def test_views_depend_on_seed_view_and_item_only(extractor, backbone, tmp_path):
    some = np.array([5, 80, 3])
    one, two = extractor.views(some, TURNS, 2, seed=1)
    assert not np.array_equal(one, two)
    fresh = Extractor(
        backbone, extractor.dataset, engine_name="graph", cache=FeatureCache(tmp_path / "other")
    )
    alone = fresh.views(some[1:2], TURNS, 1, seed=1)[0]
    np.testing.assert_allclose(alone[0], one[1], atol=1e-6)
    assert not np.array_equal(fresh.views(some, TURNS, 1, seed=2)[0], one)


def test_broken_images_are_rows_of_nan(backbone, tmp_path, digits):
    for number in range(60):
        folder = tmp_path / "data" / str(digits[1][number])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digits[0][number]).save(folder / f"{number:03d}.png")
    dataset = load(tmp_path / "data", on_broken="skip")
    victim = next(item for item in dataset.items if item.name == "007.png")
    victim.write_bytes(victim.read_bytes()[:-60])
    features = Extractor(backbone, dataset, engine_name="graph", cache=FeatureCache(tmp_path / "c")).plain()
    broken = np.flatnonzero(np.isnan(features[:, 0]))
    assert [dataset.items[index].name for index in broken] == ["007.png"]
    assert np.isfinite(np.delete(features, broken, axis=0)).all()


def test_progress_ends_at_the_number_of_images(backbone, digits, tmp_path):
    told = []
    cache = FeatureCache(tmp_path)
    Extractor(
        backbone, load(digits), engine_name="graph", cache=cache, progress=lambda *w: told.append(w)
    ).plain()
    assert told[-1] == (120, 120, "features")


class Stopped(Exception):
    pass


def stop_after(rows):
    def tell(done, total, what):
        if done >= rows:
            raise Stopped

    return tell


@pytest.fixture
def computed(monkeypatch):
    """Notes how many images are computed at a time."""
    seen, real = [], Extractor._computed
    monkeypatch.setattr(
        Extractor, "_computed", lambda self, pixels: seen.append(len(pixels)) or real(self, pixels)
    )
    return seen


@pytest.mark.parametrize("views", [False, True])
def test_an_interrupted_pass_goes_on_where_it_was(extractor, tmp_path, computed, views):
    def features(each):
        return each.views(np.arange(120)[::-1], TURNS, 1, seed=1)[0] if views else each.plain()

    with pytest.raises(Stopped):
        features(replace(extractor, progress=stop_after(64)))
    assert computed == [32, 32]
    told = []
    found = np.array(features(replace(extractor, progress=lambda *said: told.append(said[:2]))))
    assert computed[2:] == [32, 24]
    assert told == [(96, 120), (120, 120)]
    whole = features(replace(extractor, cache=FeatureCache(tmp_path / "other")))
    np.testing.assert_array_equal(found, whole)


def test_broken_images_before_an_interruption_still_count(backbone, tmp_path, digits):
    """More than the tolerated share is refused, however often somebody stopped on the way."""
    for number in range(100):
        folder = tmp_path / "data" / str(digits[1][number])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digits[0][number]).save(folder / f"{number:03d}.png")
    dataset = replace(load(tmp_path / "data"), tolerance=0.025)
    for at in (3, 5, 80):
        dataset.items[at].write_bytes(dataset.items[at].read_bytes()[:-60])
    extractor = Extractor(backbone, dataset, engine_name="graph", cache=FeatureCache(tmp_path / "c"))
    with pytest.raises(Stopped):
        replace(extractor, progress=stop_after(30)).plain()
    for _ in range(2):
        with pytest.raises(DataError, match="3 of"):
            extractor.plain()
