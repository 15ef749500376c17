"""The contract's four models, written once, and servers over them."""

import pytest

from tests.serving.fixture_models import write_fixtures


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A folder of half_plus_two (123, 124), dtypes, shapes and classes3."""
    folder = tmp_path_factory.mktemp("models")
    write_fixtures(folder)
    return folder
