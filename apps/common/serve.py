"""Serves one app: on this machine only unless asked, with its own temporary folder, and with nothing fetched."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import gradio as gr

from tlzoo.cards.app import AppCard

from .predictor import open_predictor
from .theme import CSS, theme

THREADS = 8
"""Visitors served at once; the rest wait their turn."""


def run(module: ModuleType, card: AppCard, source: Any, launch: Any) -> None:
    """Opens what an app is started on, serves the app until it is interrupted, and tidies up.

    Args:
        module: The app's; `build` makes its page, `open_source`, if it has one, what that is built on, and `end` ends
            what it left running.
        card: Its card.
        source: `tlzoo.workflows.apps.Source`.
        launch: `tlzoo.workflows.apps.Launch`.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    opened = getattr(module, "open_source", open_predictor)(source)
    with temporary_folder(), suppress(KeyboardInterrupt):
        blocks = module.build(opened)
        url = serve(blocks, launch)
        if not launch.quiet:
            print(f"{card.title}: {url} (Ctrl-C ends it)", flush=True)  # noqa: T201
        try:
            threading.Event().wait()
        finally:
            blocks.close(verbose=False)
            getattr(module, "end", _nothing)()


def _interrupt(number: int, frame: object) -> None:
    """Ends the app as Ctrl-C does, so that visitors' files are deleted."""
    raise KeyboardInterrupt


def _nothing() -> None:
    """Ends nothing: most apps have nothing of their own that runs."""


def serve(blocks: gr.Blocks, launch: Any) -> str:
    """Starts serving a page in the background; returns its address.

    Args:
        blocks: The page.
        launch: `tlzoo.workflows.apps.Launch`.
    """
    blocks.queue(default_concurrency_limit=THREADS, api_open=False)
    _, local, shared = blocks.launch(
        server_name=launch.host,
        server_port=launch.port,
        share=launch.share,
        max_file_size=launch.max_upload_mb * 1_000_000,
        allowed_paths=[],
        theme=theme(),
        css_paths=[CSS],
        footer_links=[],
        quiet=True,
        prevent_thread_lock=True,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
    )
    return str(shared or local)


class temporary_folder:  # noqa: N801 - used as a statement
    """Makes everything uploaded or made for visitors go to one folder, which vanishes in the end."""

    def __enter__(self) -> Path:
        self._before = {name: os.environ.get(name) for name in ("GRADIO_TEMP_DIR", "TMPDIR")}
        self.folder = Path(tempfile.mkdtemp(prefix="tlzoo-app-"))
        os.environ["GRADIO_TEMP_DIR"] = os.environ["TMPDIR"] = str(self.folder)
        tempfile.tempdir = None  # asked again, so that it is in the folder
        return self.folder

    def __exit__(self, *raised: object) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        tempfile.tempdir = None
        shutil.rmtree(self.folder, ignore_errors=True)
