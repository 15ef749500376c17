"""What goes wrong, as one sentence for a person."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any

import gradio as gr

from tlzoo.errors import TlzooError

log = logging.getLogger("tlzoo.apps")


def sentence(error: BaseException) -> str:
    """Returns what to tell a person: what came in, what is allowed, what to do."""
    if isinstance(error, TlzooError):
        parts = [error.what[:1].upper() + error.what[1:]]
        parts += [f"Allowed: {error.allowed}"] if error.allowed else []
        # Words of the command line mean nothing in a page.
        parts += [error.do] if error.do and "--" not in error.do and "`" not in error.do else []
        return " ".join(parts)
    if isinstance(error, OSError) and error.strerror:
        return f"The machine refused: {error.strerror}. Try again, or ask whoever runs this app."
    kind = type(error).__name__
    return f"Something went wrong inside the app ({kind}). Whoever runs it finds the details in its log."


def spoken(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a handler of the page tell its errors as a sentence; unexpected ones go to the log as well.

    Args:
        handler: A function or a generator function.

    Example:
        >>> button.click(spoken(predict), inputs, outputs)  # doctest: +SKIP
    """
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(*given: Any) -> Any:
            try:
                yield from handler(*given)
            except Exception as error:
                raise told(error) from error

        return stream

    @functools.wraps(handler)
    def call(*given: Any) -> Any:
        try:
            return handler(*given)
        except Exception as error:
            raise told(error) from error

    return call


def told(error: Exception) -> gr.Error:
    """Returns an error that Gradio shows; it stays until it is closed or half a minute is over."""
    if isinstance(error, gr.Error):
        return error
    unexpected(error)
    return gr.Error(sentence(error), duration=30, title="That did not work", print_exception=False)


def unexpected(error: Exception) -> None:
    """Writes an error into the log, unless it is one that people can mend."""
    if not isinstance(error, TlzooError):
        log.error("unexpected", exc_info=error)
