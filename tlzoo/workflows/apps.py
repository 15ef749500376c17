"""Finds apps and starts one: cards first, Gradio last."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tlzoo import paths
from tlzoo.cards.app import AppCard
from tlzoo.errors import UsageError
from tlzoo.registry import app_card

PACKAGE = "tlzoo._apps"
"""What the folder of apps is imported as, wherever it lies."""


@dataclass(frozen=True)
class Source:
    """What an app is started on; at most one of the first three, a bundle beside an address only describes it.

    Attributes:
        bundle: Folder of a bundle.
        url: Address of a server, `/v1/models/NAME` included.
        runs: Run folders.
        folder: Folder of pictures or texts.
        data: A folder, a table, or a data set's name.
        backbone: Whose features are compared.
        text_column: Column of the texts, where the data is a table.
        tensorboard: Address of a TensorBoard that shows the runs.
    """

    bundle: Path | None = None
    url: str = ""
    runs: tuple[Path, ...] = ()
    folder: Path | None = None
    data: str = ""
    backbone: str = ""
    text_column: str = ""
    tensorboard: str = ""

    def given(self) -> list[str]:
        """Returns the names of what was given, as cards call them."""
        named = {
            "bundle": self.bundle,
            "url": self.url,
            "run": self.runs,
            "folder": self.folder,
            "data": self.data,
        }
        return [name for name, value in named.items() if value]

    def options(self) -> list[str]:
        """Returns the names of the options that were given, as cards call them."""
        return [name for name in ("backbone", "text_column", "tensorboard") if getattr(self, name)]


@dataclass(frozen=True)
class Launch:
    """How an app is served.

    Attributes:
        host: Address to listen on.
        port: Its port; None takes the next free one from 7860 on.
        share: Whether Gradio makes it public through its own servers.
        max_upload_mb: Largest upload, in MB.
        quiet: Whether the line that says where it is stays away.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    share: bool = False
    max_upload_mb: int = 200
    quiet: bool = False


def check(card: AppCard, source: Source) -> None:
    """Raises `UsageError` where an app is started on what it does not take, or on nothing though it needs something."""
    given = source.given()
    takes = " or ".join(f"--{one}" for one in card.takes)
    takes = f"{takes}." if card.several_runs else f"{takes}, once." if takes else "the app by itself."
    if card.beside:
        takes = f"{takes.rstrip('.')}; --{' or --'.join(card.beside)} beside another."
    described = set(given) == {"bundle", "url"} or (len(given) == 2 and bool({*given} & {*card.beside}))
    wrong = [one for one in given if one not in card.takes]
    wrong += [one for one in source.options() if one not in card.options]
    if wrong or (len(given) > 1 and not described) or (len(source.runs) > 1 and not card.several_runs):
        named = (f"--{one.replace('_', '-')}" for one in [*given, *source.options()])
        raise UsageError(
            f"app '{card.name}' on {', '.join(named)}.",
            allowed=takes,
            do=f"Leave out what it does not take: tlzoo app {card.name} --help",
        )
    if card.needs_one and not given:
        raise UsageError(
            f"app '{card.name}' on nothing.", allowed=takes, do="Name what it should answer with."
        )


def start(name: str, source: Source, launch: Launch) -> None:
    """Starts an app and serves it until it is interrupted.

    Args:
        name: Of the app.
        source: What it is started on.
        launch: How it is served.

    Raises:
        UsageError: There is no such app, it does not take this, or Gradio is not installed.
    """
    card = app_card(name)
    check(card, source)
    quiet_gradio()
    serve = load("common.serve")
    serve.run(load(f"{name}.app"), card, source, launch)


def quiet_gradio() -> None:
    """Makes sure that Gradio is there and, once imported, tells nobody that it is used.

    Raises:
        UsageError: It is not installed.
    """
    if importlib.util.find_spec("gradio") is None:
        raise UsageError(
            "apps need Gradio, which is not installed.",
            allowed="an environment that has it.",
            do="pip install 'tlzoo[apps]'",
        )
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"


def load(module: str) -> ModuleType:
    """Imports a module of the apps, such as `teach.app`, from wherever the folder of apps lies."""
    if PACKAGE not in sys.modules:
        folder = paths.apps_dir()
        spec = importlib.util.spec_from_file_location(
            PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None  # noqa: S101 - a file that ends in .py has one
        assert spec.loader is not None  # noqa: S101
        sys.modules[PACKAGE] = package = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(package)
    return importlib.import_module(f"{PACKAGE}.{module}")
