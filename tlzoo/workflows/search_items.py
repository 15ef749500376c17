"""What is looked through: labelled data, or a folder or table that nobody labelled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.errors import DataError, UsageError
from tlzoo.progress import Progress

if TYPE_CHECKING:
    from tlzoo.data.dataset import Dataset


def open_items(source: Any, progress: Progress | None = None, **options: Any) -> Dataset:
    """Returns items with their labels where there are some; without, their one class is called `unknown`.

    Args:
        source: Anything `tlzoo.load` takes; or a folder of pictures or of `.txt` files, sorted or not; or a table
            with a column of texts.
        progress: Told how many files were looked at.
        options: As for `tlzoo.load`.

    Raises:
        DataError: It holds nothing that can be read.
        UsageError: The source or an option is not understood.
    """
    from tlzoo.data.bare import load_bare
    from tlzoo.data.dataset import Dataset
    from tlzoo.data.load import load

    if isinstance(source, Dataset):
        return source
    options = {"on_broken": "skip", **options}
    path = Path(source).expanduser() if isinstance(source, (str, Path)) else None
    if path is None or not path.exists():
        return load(source, to_learn=False, progress=progress, **options)
    if path.is_dir():
        return _of_folder(path, progress, options)
    try:
        return load(path, to_learn=False, progress=progress, **options)
    except DataError as error:
        try:
            return load_bare(path, progress=progress, **{**options, "modality": "text"})
        except DataError as unlabelled:
            # Who names the column of the texts is told of that one, not of labels that nobody needs here.
            raise (unlabelled if "text_column" in options else error) from None
        except UsageError:
            raise error from None


def _of_folder(folder: Path, progress: Progress | None, options: dict[str, Any]) -> Dataset:
    """Reads a folder whole; as training does if that leaves nothing out, so that both share their features."""
    from tlzoo.data.bare import load_bare, pictures_in
    from tlzoo.data.load import load

    pictures = len(pictures_in(folder))
    wanted = pictures or sum(1 for each in folder.rglob("*.txt") if each.is_file())
    try:
        found = load(folder, to_learn=False, progress=progress, **options)
        if len(found) + len(found.skipped) >= wanted:
            return found
    except DataError:
        pass  # it is not sorted by class; the reading below says whether anything else is wrong with it
    return load_bare(folder, progress=progress, **options) if pictures else _of_documents(folder, options)


def _of_documents(folder: Path, options: dict[str, Any]) -> Dataset:
    """Reads `.txt` files that lie in a folder unsorted."""
    from tlzoo.data.bare import UNKNOWN
    from tlzoo.data.listing import Listing
    from tlzoo.data.load import build
    from tlzoo.data.probe import look
    from tlzoo.data.refusals import tolerance
    from tlzoo.items import TextReader

    reader, listing = (
        TextReader(options.get("encoding")),
        Listing.of_texts(folder.resolve().name, str(folder)),
    )
    for name, item in reader.each(folder):
        ready = reader.read(name, item)
        if isinstance(item, Path) and item.is_dir():
            raise DataError(
                f"folder '{folder}' holds neither pictures nor .txt files.",
                allowed="a folder with pictures or .txt files anywhere below it.",
                do="Check the path.",
            )
        key = str(Path(name).relative_to(folder))
        if ready.error is not None:
            listing.broken[key] = ready.error.what
        listing.items.append((ready.raw or b"").decode("utf-8"))
        listing.keys.append(key)
    listing.labels = [UNKNOWN] * len(listing.items)
    return build(listing, look(listing, None), tolerance(options["on_broken"]), to_learn=False)
