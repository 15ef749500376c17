"""Which column of a table is what: by name where one was asked for, else by the names people usually take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

from tlzoo.errors import DataError, unknown_name

USUAL = {
    "path": ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "img"),
    "text": (
        *("text", "texts", "sentence", "review", "review_text", "content", "comment", "body", "message"),
        *(
            "document",
            "tweet",
            "question",
            "utterance",
            "post",
            "email",
            "sms",
            "phrase",
            "query",
            "abstract",
        ),
        *("description", "headline", "title"),
    ),
    "label": ("label", "class", "class_name", "category", "target", "y"),
    "split": ("split", "subset", "partition", "set"),
    "group": ("group", "group_id", "patient", "patient_id", "subject", "subject_id"),
}
"""Usual names of each role, in lower case; the first that is there is taken."""

USUAL_OF_TEXTS = ("sentiment", "polarity", "intent", "topic")
"""Further usual names of the label, beside texts only."""


@dataclass(frozen=True)
class Columns:
    """Names of a table's columns; None looks for the usual ones, in any case.

    Attributes:
        path: Of the image, relative to the table's folder, or absolute.
        label: Its class.
        split: `train`, `val` or `test` (and their other usual spellings); may be missing.
        group: What must not straddle splits: a patient, a scene, an author; may be missing.
        text: The text, in tables of texts.
    """

    path: str | None = None
    label: str | None = None
    split: str | None = None
    group: str | None = None
    text: str | None = None

    @classmethod
    def of(cls, value: Columns | Mapping[str, str] | None) -> Columns:
        """Returns `value` as columns; a misspelt key of a mapping is an error with a suggestion."""
        if isinstance(value, Columns):
            return value
        known = [field.name for field in fields(cls)]
        for key in value or {}:
            if key not in known:
                raise unknown_name("column role", key, known)
        return cls(**dict(value or {}))

    def asked(self) -> dict[str, str]:
        """Returns the names that were asked for, by role."""
        return {role: name for role, name in asdict(self).items() if name is not None}


def find(header: Sequence[str], columns: Columns, role: str, *, texts: bool = False) -> int | None:
    """Returns where the column of a role stands in the header; None if there is none.

    Args:
        header: Names as they stand in the table.
        columns: What was asked for; a column that was asked for another role is not taken for its usual name.
        role: `path`, `text`, `label`, `split` or `group`.
        texts: Whether the table holds texts.
    """
    asked = columns.asked()
    if role in asked:
        wanted: tuple[str, ...] = (asked[role],)
    else:
        taken = {name.lower() for name in asked.values()}
        usual = USUAL[role] + (USUAL_OF_TEXTS if texts and role == "label" else ())
        wanted = tuple(name for name in usual if name not in taken)
    lower = [name.strip().lower() for name in header]
    # Of the many usual names of texts the likelier wins, also in capitals: `Review` before `title`.
    exact = () if role == "text" and role not in asked else wanted
    at = [list(header).index(name) for name in exact if name in header]
    at = at or [lower.index(name.lower()) for name in wanted if name.lower() in lower]
    return at[0] if at else None


def pick(header: Sequence[str], columns: Columns, where: str, *, texts: bool = False) -> dict[str, int]:
    """Returns where the columns of a table stand, by role.

    Args:
        header: Names as they stand in the table.
        columns: Names that were asked for.
        where: What errors call the table.
        texts: Whether rows are texts (`text` and `label` are needed) or images (`path` and `label`).

    Raises:
        DataError: A column is missing or stands there twice, or one column would be two things.
    """
    item = "text" if texts else "path"
    picked: dict[str, int] = {}
    for role in (item, "label", "split", "group"):
        at = find(header, columns, role, texts=texts)
        asked = columns.asked().get(role)
        if at is not None:
            picked[role] = at
        elif asked or role in (item, "label"):
            raise _missing(header, asked or role, role, where, item)
    if texts:
        _refuse_twice(header, picked, where)
    return picked


def _missing(header: Sequence[str], name: str, role: str, where: str, item: str) -> DataError:
    spare = header[0][:40] if header else "NAME"
    short = "" if role == "path" else f" or {role}_column='{spare}'"
    texts = f" For texts: --text-column '{spare}'." if role == "path" else ""
    there = ", ".join(repr(name if len(name) <= 40 else f"{name[:40]}…") for name in header[:20])
    return DataError(
        f"{where} has no column '{name}'; it has {there}.",
        allowed=f"columns {item} and label, and if you like split and group.",
        do=f"Rename a column, or say which one it is: columns={{'{role}': '{spare}'}}{short}.{texts}",
    )


def _refuse_twice(header: Sequence[str], picked: Mapping[str, int], where: str) -> None:
    for role, at in picked.items():
        others = [other for other, place in picked.items() if place == at and other != role]
        if others or list(header).count(header[at]) > 1:
            what = f"is to be {role} and {others[0]}" if others else "stands there twice"
            raise DataError(
                f"{where}: column '{header[at]}' {what}.",
                allowed="a column of its own for each of text, label, split and group.",
                do="Rename a column, or name another one.",
            )
