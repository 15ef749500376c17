"""Finding a bundle, and reading its description."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from tlzoo.bundle.facts import FORMAT_VERSION, BundleFacts
from tlzoo.bundle.files import FACTS_FILE
from tlzoo.bundle.integrity import verify_checksums
from tlzoo.bundle.versions import versions
from tlzoo.errors import BundleError


def read_bundle(path: Path, *, verify: bool = False) -> tuple[Path, BundleFacts]:
    """Reads a bundle's description.

    Args:
        path: A model folder (its newest readable version is taken) or one version folder.
        verify: True to compare every file with its checksum.

    Returns:
        The version folder and its facts.

    Raises:
        BundleError: There is no bundle, its description cannot be read, or a checksum differs.

    Example:
        >>> folder, facts = read_bundle(Path("models/photos"))  # doctest: +SKIP
        >>> facts.class_names  # doctest: +SKIP
        ('cat', 'dog')
    """
    path = Path(path)
    if (path / FACTS_FILE).is_file() or (path / "saved_model.pb").is_file():
        folder, facts = path, _read_facts(path)
    else:
        folder, facts = _newest(path)
    if verify:
        verify_checksums(folder, facts)
    return folder, facts


def _newest(directory: Path) -> tuple[Path, BundleFacts]:
    if not directory.exists():
        raise _not_a_bundle(f"'{directory}' does not exist.")
    reasons = []
    for _, folder in versions(directory):
        try:
            return folder, _read_facts(folder)
        except BundleError as error:
            reasons.append(error.what)
    raise _not_a_bundle(reasons[0] if reasons else f"'{directory}' holds no numbered version folder.")


def _read_facts(folder: Path) -> BundleFacts:
    file = folder / FACTS_FILE
    if not (folder / "saved_model.pb").is_file():
        raise _not_a_bundle(f"'{folder}' has no saved_model.pb.")
    if not file.is_file():
        raise _not_a_bundle(f"'{folder}' has no {FACTS_FILE}, so it was not exported by tlzoo.")
    try:
        facts = BundleFacts.model_validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise _not_a_bundle(f"'{file}' cannot be read: {where}: {first['msg']}.") from error
    if facts.format_version > FORMAT_VERSION:
        raise BundleError(
            f"'{file}' has format version {facts.format_version}.",
            allowed=f"format versions up to {FORMAT_VERSION}.",
            do="Update tlzoo.",
        )
    return facts


def _not_a_bundle(what: str) -> BundleError:
    return BundleError(
        what,
        allowed="a folder written by `tlzoo export`, or one of its numbered versions.",
        do="Give the folder that holds the numbered versions, or export the run again.",
    )
