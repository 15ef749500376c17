"""Images and texts in, predictions out: what a server says is what the bundle says in this process."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.client import faults
from tests.export.tiny_classifier import HOSTILE, SIZE, encoded
from tlzoo.client import AsyncClient, Client
from tlzoo.errors import DataError, RefusedError, UnknownNameError, UsageError
from tlzoo.items import Named

GOOD = [encoded("JPEG", (40, 30), 1), encoded("PNG", (9, 50), 2), encoded("PNG", SIZE, 3)]
CUT = encoded("JPEG", (40, 30), 1)[:60]
TEXTS = [
    "Add a pinch of salt to the soup.",
    "",
    "The referee gave a red card!",
    "Water the roses " * 40,
    "⚽ zoë",
]


@pytest.fixture
def served(models, bundle_versions):
    models.versions.update(bundle_versions)
    return models


def assert_same(found, wanted):
    """Compares predictions; errors only by whether there is one, because a server knows less of the reasons."""
    assert [one.item for one in found] == [one.item for one in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert (one.label, one.labels, one.error is None) == (other.label, other.labels, other.error is None)
        assert one.probabilities.keys() == other.probabilities.keys()
        for name, share in other.probabilities.items():
            assert one.probabilities[name] == pytest.approx(share, abs=2e-6)
        for key in ("score", "value", "low", "high"):
            given = getattr(other, key)
            assert getattr(one, key) == (given if given is None else pytest.approx(given, rel=1e-5))


@pytest.mark.parametrize("name", ["photos", "sets", "number"])
def test_images_of_every_kind(connect, url, served, predictors, tmp_path, name):
    path = tmp_path / "folder" / "a.png"
    path.parent.mkdir()
    path.write_bytes(GOOD[1])
    (tmp_path / "folder" / "b.tiff").write_bytes(encoded("TIFF", (25, 25), 3))
    (tmp_path / "folder" / "broken.jpg").write_bytes(CUT)
    pixels = np.asarray(Image.open(io.BytesIO(GOOD[2])))
    items = [
        *GOOD,
        path,
        str(path),
        path.parent,
        pixels,
        pixels / 255.0,
        Image.open(path),
        b"no image",
        np.zeros((3, 3, 7)),
        "missing.jpg",
        Named("mine", GOOD[0]),
    ]
    wanted = predictors[name].predict(items)
    with connect(url, name, batch_size=4) as client:
        assert_same(client.predict(items), wanted)
        assert_same(client.predict(GOOD[0]), predictors[name].predict(GOOD[0]))
        assert client.predict([]) == []
    assert sum(one.error is not None for one in wanted) == 4


def test_texts(connect, url, served, predictors, tmp_path):
    (tmp_path / "a.txt").write_text("Simmer the soup.")
    items = [*TEXTS, tmp_path, 3, "half \ud83c"]
    wanted = predictors["talk"].predict(items)
    assert [one.error is None for one in wanted] == [True] * 6 + [False] * 2
    with connect(url, "talk", batch_size=3) as client:
        found = client.predict(items)
        assert_same(found, wanted)
        assert [one.error for one in found] == [one.error for one in wanted]


def test_classes_have_names_best_first(connect, url, served, predictors):
    with connect(url, "photos") as client:
        (found,) = client.predict(GOOD[0])
        (top,) = client.predict(GOOD[0], top=2)
    assert set(found.probabilities) == set(HOSTILE)
    assert next(iter(found.probabilities)) == found.label
    assert list(found.probabilities.values()) == sorted(found.probabilities.values(), reverse=True)
    assert_same([top], predictors["photos"].predict(GOOD[0], top=2))
    with connect(url, "sets") as client:
        assert_same(client.predict(GOOD[0], top=2), predictors["sets"].predict(GOOD[0], top=2))


def test_other_signatures(connect, url, served, predictors):
    (wanted,) = predictors["photos"].predict(GOOD[0])
    with connect(url, "photos") as client:
        (found,) = client.predict(GOOD[0], signature="serving_default")
        assert (found.label, found.probabilities) == (
            wanted.label,
            {wanted.label: pytest.approx(wanted.score)},
        )
        with pytest.raises(UnknownNameError):
            client.predict(GOOD[0], signature="classfy")
        with pytest.raises(UsageError, match=r"call\(\)"):
            client.predict(GOOD[0], signature="features")
        assert client.call([GOOD[0]], "features")["features"].shape == (1, 6)
    with connect(url, "half_plus_two") as client, pytest.raises(UsageError, match="not what tlzoo exports"):
        client.predict(GOOD[0])


def test_one_bad_image_among_many_costs_nobody_else_an_answer(connect, url, served, predictors):
    items = [GOOD[at % 3] for at in range(30)]
    items[7] = items[8] = items[29] = CUT
    with connect(url, "photos", batch_size=10, concurrency=2) as client:
        found = client.predict(items)
    assert_same(found, predictors["photos"].predict(items))
    for at in (7, 8, 29):
        assert "The server says: " in found[at].error
        assert found[at].item == f"bytes:{at}"


def test_an_image_that_only_pillow_reads_is_sent_again_as_png(connect, url, served, predictors):
    """A BMP with run lengths: TensorFlow's decoder refuses it."""
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 4), 7, np.uint8)).save(buffer, "BMP")
    plain = buffer.getvalue()
    start = int.from_bytes(plain[10:14], "little")
    runs = bytes([4, 200, 0, 0] * 4 + [0, 1])
    odd = plain[:30] + bytes([1]) + plain[31:start] + runs
    wanted = predictors["photos"].predict([odd, GOOD[0]])
    assert wanted[0].error is None
    with connect(url, "photos") as client:
        assert_same(client.predict([odd, GOOD[0]]), wanted)


def test_errors_can_be_raised(connect, url, served):
    with connect(url, "photos") as client:
        with pytest.raises(DataError, match="the image cannot be read"):
            client.predict([GOOD[0], CUT], on_error="raise")
        with pytest.raises(DataError):
            client.predict([GOOD[0], b""], on_error="raise")


@pytest.mark.parametrize(("options", "requests"), [({"batch_size": 4}, 5), ({"batch_bytes": 3 * 1000}, 7)])
def test_batches_are_cut_by_number_and_by_bytes(connect, url, served, options, requests):
    items = [encoded("PNG", SIZE, 3).ljust(1000, b"\0")] * 20
    assert len(items[0]) == 1000
    with connect(url, "number", **options) as client:
        found = client.predict(items)
    assert len({one.value for one in found}) == 1
    assert len(served.asked) == 1 + requests


def test_no_more_requests_at_a_time_than_allowed(connect, url, served):
    served.slowly = 0.02
    with connect(url, "number", batch_size=1, concurrency=3) as client:
        client.predict([GOOD[0]] * 12)
    assert 2 <= served.busiest <= 3


def test_a_server_that_fails_is_no_bad_item(connect, http_url, served):
    served.faults.extend([faults.fine, faults.status(500, {"error": "broken"})])
    with connect(http_url, "photos") as client, pytest.raises(RefusedError, match="broken"):
        client.predict(GOOD)
    assert len(served.asked) == 2


def test_a_batch_too_large_for_the_server_is_halved(connect, http_url, served, predictors):
    def limited(handler):
        if int(handler.headers.get("Content-Length", 0)) > 1500:
            return faults.status(413, {"error": "too large"})(handler)
        return False

    served.faults.extend([limited] * 40)
    large = encoded("PNG", (60, 60), 9)
    assert len(large) > 1500
    items = [GOOD[1], GOOD[2], GOOD[1], large, GOOD[2]]
    with connect(http_url, "photos") as client:
        found = client.predict(items)
    assert "too large" in found[3].error
    assert_same(found[:3], predictors["photos"].predict(items[:3]))
    assert found[4].error is None


def test_a_stream_is_read_no_further_than_needed(http_url, served):
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield GOOD[0]

    with Client(http_url, "number", batch_size=4, concurrency=2) as client:
        stream = client.stream(endless())
        for _ in range(4):
            next(stream)
        stream.close()
        assert len(taken) <= 4 * 2 + 1 + 4
        assert client.predict(GOOD[0])[0].error is None


def test_an_awaited_stream_that_is_left_cancels_what_is_on_its_way(http_url, served):
    import asyncio

    async def work():
        async with AsyncClient(http_url, "number", batch_size=1, concurrency=4) as client:
            stream = client.stream([GOOD[0]] * 100)
            async for one in stream:
                assert one.error is None
                break
            await stream.aclose()
        return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    assert asyncio.run(work()) == []
    assert len(served.asked) < 20
