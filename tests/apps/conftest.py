"""Fixtures of `tests/app_pages.py`, for all tests of apps."""

from pathlib import Path

import pytest

from tests.app_pages import LEFT, chromium, look, picture  # noqa: F401


def pytest_collection_modifyitems(items):
    """Lets tests of apps be spared what Gradio and Playwright leave open."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for each in LEFT:
                item.add_marker(pytest.mark.filterwarnings(each))
