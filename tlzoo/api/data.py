"""Data, and what can be found in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlzoo.data.dataset import Dataset
    from tlzoo.workflows.clean import Findings
    from tlzoo.workflows.run import Run
    from tlzoo.workflows.search import SearchIndex
    from tlzoo.workflows.shift import Shift


def load(source: Any, **options: Any) -> Dataset:
    """Loads labelled data.

    Args:
        source: A folder, a table (CSV, JSON, Parquet …), a DataFrame, arrays, lists of texts, `tf.data` data sets,
            or a data set's name.
        options: See `tlzoo.data.load.load`.

    Raises:
        DataError: The data cannot be learned from.

    Example:
        >>> load("photos/").counts()  # doctest: +SKIP
        {'cats': 120, 'dogs': 98}
    """
    from tlzoo.data.load import load as load_data

    return load_data(source, **options)


def read_table(path: str | Path) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Reads a table as it stands, for whoever says later what its columns mean.

    Args:
        path: `.csv`, `.tsv`, `.json`, `.jsonl` or `.parquet`; encoding and delimiter are detected, and the first row of
            CSV and TSV is the header.

    Returns:
        The header, and the rows, each with a cell for every column (None where a row is too short).

    Raises:
        DataError: It cannot be read, is empty, or not what its suffix says.

    Example:
        >>> header, rows = read_table("new.csv")  # doctest: +SKIP
    """
    from tlzoo.data.rows import read_rows

    table = read_rows(Path(path))
    header, rows = table.header, [tuple(row) for row in table.rows]
    if not header:
        header, rows = tuple(str(cell).strip() for cell in rows[0]), rows[1:]
    width = len(header)
    return header, [(*row[:width], *(None,) * (width - len(row))) for row in rows]


def unpack(archive: str | Path, folder: str | Path, *, max_bytes: int | None = None) -> None:
    """Unpacks a zip archive from a stranger: nothing outside the folder, no links, no bombs.

    Args:
        archive: The file.
        folder: Where to; must exist.
        max_bytes: Most bytes it may unpack to; by default 100 times its own size, and at least 64 MiB.

    Raises:
        SourceError: It is no zip archive, or not an honest one.
    """
    from tlzoo.sources.unpack import unpack_zip

    unpack_zip(Path(archive), Path(folder), max_bytes=max_bytes)


def clean(data: Any, *, run: Any = None, backbone: str | None = None, **options: Any) -> Findings:
    """Looks for labels that are probably wrong, and for items that are nearly the same.

    Args:
        data: Anything `load` takes.
        run: A run whose backbone and splits are used, or its folder.
        backbone: Name of a card, without a run.
        options: See `tlzoo.workflows.clean.clean`.

    Example:
        >>> [each.item for each in clean("photos/").suspects]  # doctest: +SKIP
        ['cats/0017.jpg']
    """
    from tlzoo.workflows.clean import clean as look

    return look(data, run=run, backbone=backbone, **options)


def shift(first: Any, second: Any, **options: Any) -> Shift:
    """Measures how far a data set lies from another; see `tlzoo.workflows.shift.shift`.

    Args:
        first: Anything `load` takes, of classes.
        second: Likewise; with `target_labels="none"` also a folder of images or a table of texts.
        options: `backbone`, `seed`, `target_labels`, `engine`, `progress`, and how both are read.

    Example:
        >>> shift("elpv:mono", "elpv:poly").between.a_distance  # doctest: +SKIP
        1.97
    """
    from tlzoo.workflows.shift import shift as measure

    return measure(first, second, **options)


def search_index(
    data: Any = None,
    *,
    backbone: str | None = None,
    run: Run | str | Path | None = None,
    bundle: str | Path | None = None,
    progress: Any = None,
    **options: Any,
) -> SearchIndex:
    """Opens pictures or texts to find those that are alike.

    Args:
        data: Anything `load` takes; also a folder of pictures or `.txt` files that nobody sorted, or a table of
            texts without labels. By default the run's own data.
        backbone: Name of a card; by default as for `train`.
        run: A run whose features are compared, or its folder.
        bundle: A bundle whose features are compared.
        progress: Called with (done, total, what).
        options: How the data is read; see `load`.

    Returns:
        What `search(query, n)` and `like(row, n)` are asked; `build(progress)` computes its features beforehand.

    Raises:
        TlzooError: Anything a user can mend.

    Example:
        >>> index = search_index("photos/")  # doctest: +SKIP
        >>> [(hit.key, hit.near) for hit in index.search("new.jpg", 2)]  # doctest: +SKIP
        [('cats/017.jpg', True), ('cats/003.jpg', False)]
    """
    from tlzoo.workflows.search import search_index as open_index

    return open_index(data, backbone=backbone, run=run, bundle=bundle, progress=progress, **options)
