"""Fixtures of `tests/app_pages.py`, for all tests of apps."""

from tests.app_pages import chromium, look, picture  # noqa: F401
