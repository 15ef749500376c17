"""`tlzoo train-vectors`: word vectors from a corpus of one's own, as a backbone."""

from __future__ import annotations

import argparse

from tlzoo.cli.output import emit, progress
from tlzoo.cli.parser import Subparsers, add_command, completes

_EXAMPLES = """\
  tlzoo train-vectors notes.txt                             a text a line
  tlzoo train-vectors mails.csv --text-column body --name mail_vectors
  tlzoo train-vectors books/ --size 200 --epochs 10 --out books.vec
  tlzoo train labelled.csv --backbone mail_vectors          they are a backbone now"""


def add(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = add_command(
        subparsers,
        "train-vectors",
        _train_vectors,
        help="train word vectors on texts without labels (Word2Vec), as a backbone of your own",
        examples=_EXAMPLES,
    )
    corpus = parser.add_argument(
        "corpus", metavar="CORPUS", help="a .txt with a text a line, a folder of .txt, a .csv or a .jsonl"
    )
    completes(corpus, "file")
    parser.add_argument(
        "--out", metavar="FILE", help="their file, .bin, .vec or .txt (default: in your own zoo)"
    )
    parser.add_argument("--name", metavar="NAME", help="the backbone's name (default: after the corpus)")
    parser.add_argument(
        "--text-column", default="text", metavar="NAME", help="column of the texts (default: %(default)s)"
    )
    for option, value, text in (
        ("--size", 100, "length of a vector"),
        ("--window", 5, "words on each side that count as company"),
        ("--min-count", 5, "leave out words seen less often"),
        ("--epochs", 5, "passes over the corpus"),
        ("--seed", 0, "of everything random"),
    ):
        parser.add_argument(
            option, type=int, default=value, metavar="N", help=f"{text} (default: %(default)s)"
        )


def _train_vectors(arguments: argparse.Namespace) -> None:
    from tlzoo.training.word2vec import Word2VecOptions
    from tlzoo.workflows.vectors import train_vectors

    options = Word2VecOptions(
        arguments.size, arguments.window, arguments.min_count, arguments.epochs, arguments.seed
    )
    with progress(arguments) as tell:
        done = train_vectors(
            arguments.corpus,
            out=arguments.out,
            name=arguments.name,
            column=arguments.text_column,
            options=options,
            progress=tell,
        )
    text = (
        f"{done.words} words of {done.size} numbers from {done.seen} words read "
        f"({100 * done.out_of_vocabulary:.1f}% of them too rare for a vector); {done.seconds:.1f} s\n"
        f"vectors  {done.file}\n"
        f"card     {done.card}\n"
        f"next     tlzoo train labelled.csv --backbone {done.name}"
    )
    emit(arguments, done.to_dict(), text)
