"""How a source is to be read: what was asked for, and which of it means something for which kind of source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

from tlzoo.data.columns import Columns
from tlzoo.data.encodings import check_encoding
from tlzoo.data.targets import BETWEEN, Kind
from tlzoo.errors import UsageError, unknown_name
from tlzoo.plans import TaskName

Modality = Literal["image", "text"]

_ROLES = ("text", "label", "split", "group")
_MEANT_FOR = {
    "columns": "tables",
    "encoding": "files of text (CSV, TSV, JSON, a folder of .txt files)",
    "unescape_html": "texts",
    "label_columns": "tables",
}


@dataclass(frozen=True)
class Reading:
    """What was asked for; None leaves it to the source.

    Attributes:
        columns: Names of a table's columns.
        modality: `image` or `text`, where a source could be either.
        encoding: Of files of text.
        unescape_html: Whether HTML's entities in texts become what they stand for.
        task: What is to be learned.
        label_separator: What stands between several labels in a cell.
        label_columns: Names of columns of zeros and ones, one per label.
    """

    columns: Columns = field(default_factory=Columns)
    modality: Modality | None = None
    encoding: str | None = None
    unescape_html: bool | None = None
    task: TaskName | None = None
    label_separator: str | None = None
    label_columns: tuple[str, ...] | None = None

    @property
    def kind(self) -> Kind:
        """What labels are."""
        return Kind(self.task or "classification", self.label_separator)

    @classmethod
    def of(cls, columns: Columns | Mapping[str, str] | None = None, **asked: Any) -> Reading:
        """Returns what `load`'s arguments ask for.

        Args:
            columns: As for `load`.
            **asked: `text_column` … `group_column`, `modality`, `encoding`, `unescape_html`, `task`,
                `label_separator`, `label_columns`.

        Raises:
            UnknownNameError: There is no such encoding.
            UsageError: A column is named twice, the modality or the task is none, `unescape_html` is neither true nor
                false, or what is for several labels is asked of another task.
        """
        found = Columns.of(columns)
        for role in _ROLES:
            name = asked.pop(f"{role}_column", None)
            if name is not None:
                found = _with(found, role, name)
        asked["unescape_html"] = _switch("unescape_html", asked.get("unescape_html"))
        asked["label_columns"] = _names(asked.get("label_columns"))
        reading = cls(found, **asked)
        if reading.modality not in (None, *get_args(Modality)):
            raise unknown_name("modality", str(reading.modality), get_args(Modality))
        if reading.encoding is not None:
            check_encoding(reading.encoding)
        if reading.task not in (None, *get_args(TaskName)):
            raise unknown_name("task", str(reading.task), get_args(TaskName))
        reading.refuse_several()
        return reading

    def refuse_several(self) -> None:
        """Raises `UsageError` for options of several labels that mean nothing, or contradict each other."""
        several = {"label_separator": self.label_separator, "label_columns": self.label_columns}
        given = [name for name, value in several.items() if value is not None]
        if given and self.task != "multilabel":
            raise UsageError(
                f"{given[0]}={several[given[0]]!r} for the task {self.task or 'classification'}.",
                allowed=f"{given[0]} for the task multilabel.",
                do="Leave it out, or ask for multilabel.",
            )
        if len(given) > 1 or (self.label_columns and self.columns.label):
            raise UsageError(
                "label_columns beside another way to say what the labels are.",
                allowed="columns of zeros and ones, or one column of several labels.",
                do="Leave one of them out.",
            )
        if self.label_separator is not None and not self.label_separator.strip():
            raise UsageError(
                f"label_separator={self.label_separator!r}.",
                allowed=f"a character or word, such as '{BETWEEN}'.",
            )

    def refuse(self, source: str, *names: str) -> None:
        """Raises `UsageError` if one of the named things was asked for of a source that has no use for it.

        Args:
            source: What errors call the source ("a folder").
            *names: Fields that mean nothing there.
        """
        for name in names:
            value = self.columns.asked() if name == "columns" else getattr(self, name)
            if value not in (None, {}):
                shown = _shown(value) if name == "columns" else f"{name}={value!r}"
                raise UsageError(
                    f"{shown} for {source}.",
                    allowed=f"{name} for {_MEANT_FOR.get(name, 'other sources')}.",
                    do="Remove it, or check the source.",
                )

    def refuse_modality(self, source: str, modality: Modality) -> None:
        """Raises `UsageError` if the other modality was asked for, or something that only texts have."""
        if self.modality not in (None, modality):
            raise UsageError(
                f"modality='{self.modality}' for {source}.",
                allowed=f"'{modality}', or nothing.",
                do="Remove it.",
            )
        if modality == "image":
            self.refuse(source, "unescape_html")


READING = (
    *(f"{role}_column" for role in _ROLES),
    *(each.name for each in fields(Reading) if each.name != "columns"),
)
"""Names of the arguments of `load` that `Reading.of` takes beside `columns`."""


def _names(value: Any) -> tuple[str, ...] | None:
    """Reads names that may have been typed with commas between them."""
    if value is None:
        return None
    found = tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else tuple(value)
    if len(found) < 2 or len(set(found)) < len(found) or not all(found):
        raise UsageError(
            f"label_columns={value!r}.", allowed="2 or more different names of columns.", do="Change it."
        )
    return found


def _switch(name: str, value: Any) -> bool | None:
    """Reads what may have been typed (`--data-option unescape_html=false`): any word would count as true."""
    words = {"true": True, "false": False}
    if value is None or isinstance(value, bool):
        return value
    if str(value).lower() not in words:
        raise UsageError(f"{name}={value!r}.", allowed="True or False.", do="Change the value.")
    return words[str(value).lower()]


def _with(columns: Columns, role: str, name: str) -> Columns:
    before = columns.asked().get(role)
    if before not in (None, name):
        raise UsageError(
            f"the {role} column is '{before}' in columns and '{name}' in {role}_column.",
            allowed="one of them.",
            do="Remove one.",
        )
    return replace(columns, **{role: name})


def _shown(asked: Mapping[str, str]) -> str:
    return ", ".join(
        f"columns={{'path': '{name}'}}" if role == "path" else f"{role}_column='{name}'"
        for role, name in asked.items()
    )
