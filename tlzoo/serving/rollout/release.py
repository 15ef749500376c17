"""What is about to be deployed, and the reasons not to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from tlzoo import bundle
from tlzoo.bundle import BundleFacts
from tlzoo.errors import BundleError, ParityError, UsageError, unknown_name
from tlzoo.serving.rollout.changes import changes, shape_of
from tlzoo.serving.rollout.copying import Listing, digests, listing

ALLOW = ("parity", "signature", "classes", "task", "plain")
"""What is refused unless it is allowed by name: a failed parity check, each kind of change, a SavedModel without
`bundle.json`."""


@dataclass(frozen=True)
class Release:
    """A version folder that has been read and found whole.

    Attributes:
        folder: It.
        facts: What `bundle.json` says; None for a plain SavedModel.
        listing: Its files.
        sums: Their sha256.
        name: What its model is called, going by the folder.
    """

    folder: Path
    facts: BundleFacts | None
    listing: Listing
    sums: Mapping[str, str]
    name: str

    @property
    def unlisted(self) -> list[str]:
        """Files that were put there after the export."""
        known = self.facts.checksums.keys() | {bundle.FACTS_FILE} if self.facts else self.sums.keys()
        return sorted(self.sums.keys() - known)


def check_allowed(allow: Collection[str]) -> None:
    """Raises UnknownNameError for something that cannot be allowed."""
    for name in allow:
        if name not in ALLOW:
            raise unknown_name("thing to allow", name, ALLOW)


def read_release(path: Path, allow: Collection[str] = ()) -> Release:
    """Reads a bundle that is to be deployed; writes nothing.

    Args:
        path: A model folder, whose newest version is taken, or a version folder.
        allow: Of `ALLOW`.

    Raises:
        ParityError: It does not answer as the model it was exported from.
        BundleError: It is no bundle, or not as it was exported.
    """
    folder = _version_folder(Path(path))
    facts = _facts(folder, allow)
    held = listing(folder)
    sums = digests(held)
    if facts:
        whole = "saved_model.pb" in facts.checksums
        if not whole or any(sums.get(name) != wanted for name, wanted in facts.checksums.items()):
            bundle.verify_checksums(folder, facts)  # says which file, and why
        _check_parity(folder, facts, allow)
    resolved = folder.resolve()
    numbered = resolved.name.partition(".")[0].isdecimal()
    return Release(folder, facts, held, sums, resolved.parent.name if numbered else resolved.name)


def _version_folder(path: Path) -> Path:
    if (path / "saved_model.pb").is_file():
        return path
    # Never an older one in place of a newest that cannot be read: what is deployed must be no surprise.
    numbered = bundle.versions(path)
    return numbered[0][1] if numbered else path


def _facts(folder: Path, allow: Collection[str]) -> BundleFacts | None:
    if (folder / bundle.FACTS_FILE).is_file() or not (folder / "saved_model.pb").is_file():
        return bundle.read_bundle(folder)[1]
    if "plain" in allow:
        return None
    raise BundleError(
        f"'{folder}' has no {bundle.FACTS_FILE}: nobody has checked how it answers, or that it is whole.",
        allowed="a folder written by `tlzoo export`.",
        do="Export it with tlzoo, or take it as it is with --allow plain.",
    )


def _check_parity(folder: Path, facts: BundleFacts, allow: Collection[str]) -> None:
    parity = facts.parity
    if not parity.passed and "parity" not in allow:
        raise ParityError(
            f"'{folder}' does not answer as its model did: it differs by {parity.max_difference:.2g}.",
            allowed=f"differences up to {parity.tolerance:.2g}, over {parity.n} examples.",
            do="Export the run again, or take it as it is with --allow parity.",
        )


def check_changes(
    folder: Path, answering: Mapping[int, Path], allow: Collection[str], facts: BundleFacts | None = None
) -> list[str]:
    """Refuses a version whose callers would notice more than better answers.

    Args:
        folder: What is about to answer.
        answering: The versions that answer now, by number.
        allow: Of `ALLOW`.
        facts: The description of `folder`, if it has been read.

    Returns:
        What could not be compared, in words.

    Raises:
        BundleError: Something that callers rely on differs, and is not allowed to.
    """
    if not answering:
        return []
    new, notes = shape_of(folder, facts), []
    for number, old in sorted(answering.items(), reverse=True):
        try:
            found = changes(shape_of(old), new)
        except BundleError as error:
            notes.append(f"Version {number} could not be compared: {error.what}")
            continue
        if refused := [change for change in found if change.kind not in allow]:
            allowing = " ".join(f"--allow {kind}" for kind in sorted({change.kind for change in refused}))
            raise BundleError(
                f"'{folder}' differs from version {number}, which answers now: "
                f"{'; '.join(change.what for change in refused)}.",
                allowed="what callers of that version rely on: signatures, classes and task as they are.",
                do=f"If callers are ready for it, add {allowing}. Else give the model another name.",
            )
    return notes


def check_repository(repository: Path) -> None:
    """Refuses a folder of versions where a folder of models is meant.

    Raises:
        UsageError: It is one.
    """
    if found := [
        folder for _, folder in bundle.versions(repository) if (folder / "saved_model.pb").is_file()
    ]:
        raise UsageError(
            f"'{repository}' is the folder of one model: it holds version '{found[0].name}'.",
            allowed="a folder of models, REPO/<model>/<version>.",
            do=f"Give its parent, '{repository.parent}', and --name {repository.resolve().name}.",
        )
