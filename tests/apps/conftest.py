"""Fixtures of `tests/app_pages.py` and `tests/app_models.py`, for all tests of apps."""

from tests.app_models import cells, server, talk  # noqa: F401
from tests.app_pages import chromium, look, picture  # noqa: F401
