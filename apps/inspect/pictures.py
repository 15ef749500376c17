"""Pictures that people upload, many at a time: files, or zip archives of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import tlzoo
from tlzoo.errors import DataError

from ..common.sheet import Sheet
from ..common.uploads import PICTURES, kind_of

MOST_MB = 2000
"""Most megabytes an archive may unpack to."""
MOST = 20_000
"""Most pictures."""


def sheet_of(folder: Path, files: Sequence[str] | None) -> Sheet:
    """Returns what a model is asked about uploaded pictures.

    Args:
        folder: Of the visitor; archives are unpacked there.
        files: Pictures, and zip archives of pictures.

    Raises:
        DataError: There is none, there are too many, or something else was uploaded.
        SourceError: An archive is none, or not an honest one.
    """
    found = [named for file in files or [] for named in _pictures(Path(file), folder)]
    if not found:
        raise DataError("there are no pictures.", allowed=_ALLOWED, do="Upload some.")
    if len(found) > MOST:
        raise DataError(f"these are {len(found):,} pictures.", allowed=f"up to {MOST:,}.", do="Take fewer.")
    return Sheet(["picture"], [[name] for name, _ in found], [path for _, path in found], opens=True)


_ALLOWED = f"files that end in {', '.join(PICTURES)}, and zip archives of them."


def _pictures(file: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    kind = kind_of(file)
    if kind == "picture":
        yield file.name, file
    elif kind == "zip":
        inside = Path(tempfile.mkdtemp(dir=folder))
        tlzoo.unpack(file, inside, max_bytes=MOST_MB * 1_000_000)
        for path in sorted(inside.rglob("*")):
            if path.is_file() and kind_of(path) == "picture" and not path.name.startswith("."):
                yield path.relative_to(inside).as_posix(), path
    else:
        raise DataError(f"'{file.name}' is no picture.", allowed=_ALLOWED, do="Leave it out.")
