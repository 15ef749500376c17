import pytest

from tests.serving.rollout.light import make
from tlzoo.serving.rollout.site import Site


@pytest.fixture
def site(tmp_path):
    """A repository that does not exist yet."""
    return Site(tmp_path / "served", lock_seconds=30)


@pytest.fixture
def bundles(tmp_path):
    """Makes bundles of a model called photos: `bundles(content, **facts)` is a version folder of its own."""
    count = 0

    def call(content=b"graph", **changes):
        nonlocal count
        count += 1
        return make(tmp_path / f"export{count}" / "photos" / "1", content, **changes)

    return call
