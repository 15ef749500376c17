"""From the folders people name to models: `tlzoo serve models/photos`, `tlzoo serve pets=models/photos/3`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tlzoo.errors import BundleError, UsageError
from tlzoo.serving.options import ModelConfig, Policy

_PROGRAM = "saved_model.pb"


def models_in(words: Sequence[str]) -> tuple[ModelConfig, ...]:
    """Returns the models that words stand for.

    Args:
        words: Each a bundle's folder `DIR`, one of its version folders, or either as `NAME=DIR`. Without a name, the
            bundle's own holds, or that of the folder if tlzoo has not exported it.

    Raises:
        BundleError: There is no SavedModel in a numbered folder, or `bundle.json` is broken.
        UsageError: A name cannot stand in a URL, or two models have the same.

    Example:
        >>> models_in(["pets=models/photos"])  # doctest: +SKIP
        (ModelConfig(name='pets', base_path=PosixPath('/home/me/models/photos'), …),)
    """
    models: dict[str, ModelConfig] = {}
    for word in words:
        model = _model(word)
        if model.name in models:
            raise UsageError(
                f"'{models[model.name].base_path}' and '{model.base_path}' are both called '{model.name}'.",
                allowed="one model of each name.",
                do=f"Give one of them another name: other={word.rpartition('=')[2]}",
            )
        models[model.name] = model
    return tuple(models.values())


def _model(word: str) -> ModelConfig:
    name, folder = _parts(word)
    if (folder / _PROGRAM).exists():
        base_path, policy = folder.parent, Policy("specific", versions=(_number(folder),))
    else:
        base_path, policy = folder, Policy()
    found = _name(folder)
    return ModelConfig(_usable(name or found, word), base_path, policy)


def _parts(word: str) -> tuple[str, Path]:
    """Splits `NAME=DIR`; a folder that is there is never split, whatever it is called."""
    name, equals, rest = word.partition("=")
    if equals and "/" not in name and not Path(word).exists():
        if not name or not rest:
            raise UsageError(
                f"'{word}' has {'no name' if not name else 'no folder'}.",
                allowed="DIR, or NAME=DIR.",
                do="Write for example pets=models/photos.",
            )
        return name, _absolute(rest)
    return "", _absolute(word)


def _absolute(path: str) -> Path:
    # Links stay links: whoever turns one to another folder wants that folder served.
    return Path(path).expanduser().absolute()


def _number(folder: Path) -> int:
    if re.fullmatch(r"[0-9]{1,19}", folder.name) and int(folder.name) < 2**63:
        return int(folder.name)
    raise BundleError(
        f"'{folder}' holds a SavedModel, but its name is no version.",
        allowed="a folder of numbered versions, such as photos/1, or one of them.",
        do=f"Move it to '{folder}/1', and serve '{folder}'.",
    )


def _name(folder: Path) -> str:
    """Returns a bundle's name, or that of a folder of SavedModels that have none."""
    from tlzoo.bundle import FACTS_FILE, read_bundle, versions

    one = (folder / _PROGRAM).exists()
    candidates = [folder] if one else [path for _, path in versions(folder)]
    foreign = [
        path for path in candidates if (path / _PROGRAM).is_file() and not (path / FACTS_FILE).exists()
    ]
    if foreign and len(foreign) == len(candidates):
        return folder.parent.name if one else folder.name
    return read_bundle(folder)[1].name


def _usable(name: str, word: str) -> str:
    if name and name.isprintable() and not re.search(r"[/:\s]", name):
        return name
    raise UsageError(
        f"A model called '{name}' cannot be asked for.",
        allowed="names that can stand in a URL: without '/', ':' and spaces.",
        do=f"Give it another name: model={word}",
    )
