"""`tlzoo predict`: from a bundle to answers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.cli.parser import Subparsers, add_command, completes
from tlzoo.errors import UsageError

if TYPE_CHECKING:
    from tlzoo.bundle import BundleFacts
    from tlzoo.items import Reader

_EXAMPLES = """\
  tlzoo predict models/photos holiday.jpg
  tlzoo predict models/photos holiday/ --csv holiday.csv   folders of any size
  tlzoo predict models/photos *.jpg --top 3 --json
  tlzoo predict models/reviews --text "Not bad at all."
  tlzoo predict models/reviews new.csv --text-column review --csv answers.csv"""


def add(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = add_command(
        subparsers, "predict", _predict, help="ask a bundle about images or texts", examples=_EXAMPLES
    )
    completes(
        parser.add_argument("bundle", metavar="BUNDLE", help="a bundle's folder, or one version of it"),
        "folder",
    )
    paths = parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="images, .txt files, folders of them, or tables of texts"
    )
    completes(paths, "file")
    completes(parser.add_argument("--csv", metavar="OUT", help="write all answers to a CSV file"), "file")
    parser.add_argument("--top", type=int, metavar="K", help="give the K likeliest classes")
    parser.add_argument(
        "--batch-size", type=int, default=16, metavar="N", help="items a call (default: %(default)s)"
    )
    parser.add_argument("--verify", action="store_true", help="check the bundle's checksums first")
    texts = parser.add_argument_group("texts")
    texts.add_argument(
        "--text", action="append", default=[], metavar="TEXT", help="a text itself; may be repeated"
    )
    texts.add_argument("--text-column", metavar="NAME", help="the column of texts in a table")
    texts.add_argument(
        "--encoding", metavar="NAME", help="of tables and .txt files (default: detected, UTF-8 first)"
    )
    texts.add_argument(
        "--unescape-html", action="store_true", help="read &amp; and the like as what they stand for"
    )


def _predict(arguments: argparse.Namespace) -> int:
    from tlzoo.cli.answers import report
    from tlzoo.export.predictor import Predictor

    bundle = Predictor.load(arguments.bundle, verify=arguments.verify)
    items, reader = _asked(bundle.facts, arguments)
    stream = bundle.stream(items, batch_size=arguments.batch_size, top=arguments.top, reader=reader)
    facts = bundle.facts
    threshold = None if facts.ood is None else facts.ood.threshold
    about = {"bundle": str(bundle.folder)}
    return report(arguments, stream, about, facts.task, facts.class_names, threshold)


def _asked(facts: BundleFacts, arguments: argparse.Namespace) -> tuple[Any, Reader | None]:
    """Returns what the bundle is asked about, and how that is read."""
    given = {
        "--text": arguments.text,
        "--text-column": arguments.text_column is not None,
        "--encoding": arguments.encoding is not None,
        "--unescape-html": arguments.unescape_html,
    }
    if facts.modality == "image" and (wrong := [name for name, is_set in given.items() if is_set]):
        raise UsageError(
            f"{', '.join(wrong)}, and '{arguments.bundle}' takes images.",
            allowed="images, or folders of them.",
            do=f"Leave out {', '.join(wrong)}, or ask a bundle for texts.",
        )
    if not arguments.paths and not arguments.text:
        noun = "images, or folders of them." if facts.modality == "image" else "PATHs, or --text."
        raise UsageError(f"nothing to ask '{arguments.bundle}' about.", allowed=noun)
    if facts.modality == "image":
        return arguments.paths, None
    from tlzoo.data.encodings import check_encoding
    from tlzoo.items import TextReader

    if arguments.encoding is not None:
        check_encoding(arguments.encoding)
    return asked_texts(arguments), TextReader(arguments.encoding, unescape_html=arguments.unescape_html)


def asked_texts(arguments: argparse.Namespace) -> Iterator[Any]:
    """Yields what `--text` and files say: rows of tables under their numbers, documents as paths."""
    from tlzoo.data.unlabelled import TABLES, texts_of
    from tlzoo.items import Named

    for number, text in enumerate(arguments.text):
        yield Named(f"text:{number}", text)
    paths = [Path(path) for path in arguments.paths]
    tables = [path for path in paths if path.suffix.lower() in TABLES and path.is_file()]
    for path in paths:
        if path not in tables:
            yield path
            continue
        # Where there are several tables, a number alone says nothing.
        where = f"{path}, " if len(tables) > 1 else ""
        encoding = None if path.suffix.lower() in (".parquet", ".pq") else arguments.encoding
        for key, cell in texts_of(path, arguments.text_column, encoding):
            yield Named(f"{where}{key}", cell)
