"""Keeps TensorFlow's start-up chatter off the screen.

While it loads, TensorFlow tells every machine without a GPU, twice, that it has none, and some processors that oneDNN
is used, before any log level counts.
Setting levels does not help; so the lines are taken out of what the import writes to standard error.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import os
import re
import sys
import types
from collections.abc import Iterator, Sequence
from pathlib import Path

_CHATTER = re.compile(
    rb"^(WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|[IWE]\d{4} \d\d:.*(cudart_stub|oneDNN custom operations are on)).*\n?",
    re.MULTILINE,
)


def hush() -> None:
    """Sets defaults that the user's environment may override, and watches for TensorFlow's import."""
    gpu = Path("/proc/driver/nvidia").exists()
    # On a machine without a GPU even level 2 reports, as an error, that there is none.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2" if gpu else "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # Looking for pydantic plugins reads the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if "tensorflow" not in sys.modules and not any(isinstance(finder, _Watch) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watch())


class _Watch:
    """Finds TensorFlow as everybody does, but loads it quietly; then it is gone."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            loud = spec.loader.exec_module

            def quiet(module: types.ModuleType) -> None:
                with without_chatter():
                    loud(module)

            spec.loader.exec_module = quiet  # type: ignore[method-assign]
        return spec


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
    """Holds back what is written to the file behind standard error, and then passes on all but the chatter."""
    import tempfile

    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        real = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(real, 2)
            held.seek(0)
            os.write(real, _CHATTER.sub(b"", held.read()))
            os.close(real)
