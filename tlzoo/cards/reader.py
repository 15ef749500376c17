"""Reads cards from TOML; every error names the file and the key."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tlzoo.errors import CardError

Card = TypeVar("Card", bound=BaseModel)


def read_card(path: Path, kind: type[Card]) -> Card:
    """Reads one card.

    Args:
        path: A TOML file. Its stem must be the card's name.
        kind: The card's model.

    Raises:
        CardError: The file is not TOML, a key is missing, misspelt or out of range, or the name differs.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CardError(f"{path}: {error}.", allowed="a UTF-8 TOML file.", do="Mend the file.") from error
    raw.setdefault("name", path.stem)
    if raw["name"] != path.stem:
        raise CardError(
            f"{path}: name = '{raw['name']}' differs from the file's name.",
            allowed=f"name = '{path.stem}'.",
            do="Rename the file, or leave `name` out.",
        )
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(whole card)"
        raise CardError(
            f"{path}: key '{key}': {first['msg']}.",
            allowed=f"the keys of {kind.__name__}: {', '.join(kind.model_fields)}.",
            do="Mend the card.",
        ) from error
