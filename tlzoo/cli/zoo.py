"""`tlzoo list`, `show`, `fetch` and `doctor`: what there is, what it is, and what is here."""

from __future__ import annotations

import argparse
from typing import Any

from tlzoo.cli.output import emit, progress, size, table
from tlzoo.cli.parser import Subparsers, add_command, completes
from tlzoo.progress import Progress


def add(subparsers: Subparsers) -> None:
    """Adds the commands."""
    _add_list(subparsers)
    _add_show(subparsers)
    _add_fetch(subparsers)
    _add_doctor(subparsers)


def _add_list(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "list",
        list_cards,
        help="list backbones and data sets",
        examples="  tlzoo list --offline --max-params 10M\n  tlzoo list --json | jq -r '.backbones[].name'",
    )
    parser.add_argument("--modality", choices=("image", "text"), help="what they take")
    parser.add_argument(
        "--task", metavar="TASK", help="what they can learn (classification, multilabel, regression)"
    )
    parser.add_argument("--offline", action="store_true", help="only what is on this machine already")
    parser.add_argument(
        "--max-params", type=count, metavar="N", help="backbones of at most N weights (5000000, 5M, 0.5G)"
    )


def _add_show(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "show",
        show,
        help="show one card in full",
        examples="  tlzoo show resnet50\n  tlzoo show elpv --json",
    )
    completes(parser.add_argument("name", metavar="NAME", help="a backbone or a data set"), "card")


def _add_fetch(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "fetch",
        fetch,
        help="fetch weights and data sets, verified, into the cache",
        examples="  tlzoo fetch efficientnet_lite0 elpv\n  tlzoo fetch resnet50 --quiet",
    )
    names = parser.add_argument("names", nargs="+", metavar="NAME", help="backbones and data sets")
    completes(names, "card")


def _add_doctor(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "doctor",
        doctor,
        help="say what this machine has: versions, devices, cache, weights at hand",
        examples="  tlzoo doctor\n  tlzoo doctor --deep --json",
    )
    parser.add_argument("--deep", action="store_true", help="import TensorFlow and ask it for its devices")


def count(text: str) -> int:
    """Reads a count: `5000000`, `5_000_000`, `5e6`, `5M`, `0.5G`."""
    units = {"k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}
    number, unit = (text[:-1], units[text[-1].lower()]) if text[-1:].lower() in units else (text, 1)
    try:
        return int(float(number) * unit)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"'{text}' is no count; write 5000000, 5M or 0.5G") from None


def list_cards(arguments: argparse.Namespace) -> None:
    """`tlzoo list`."""
    from tlzoo.workflows import zoo

    chosen = zoo.Filter(arguments.modality, arguments.task, arguments.offline, arguments.max_params)
    nets = [entry.summary() for entry in zoo.backbones(chosen)]
    sets = [entry.summary() for entry in zoo.datasets(chosen)]
    values = {"backbones": nets, "datasets": sets, "count": len(nets) + len(sets)}
    total = f"{len(nets)} backbones, {len(sets)} data sets. More: tlzoo show NAME"
    emit(arguments, values, "\n\n".join([_backbones(nets), _datasets(sets), total]))


def _backbones(nets: list[dict[str, Any]]) -> str:
    header = ("backbone", "weights", "features", "input", "top-1", "download", "here", "licence")
    rows = [
        (
            net["name"],
            size(net["params"], ""),
            str(net["features"]),
            _input(net),
            f"{100 * net['top1']:.1f}%" if net["top1"] else "-",
            size(net["weight_bytes"]),
            "yes" if net["at_hand"] else "-",
            net["licence"],
        )
        for net in nets
    ]
    return table(header, rows, right=(1, 2, 4, 5)) if nets else "No backbone fits."


def _input(net: dict[str, Any]) -> str:
    """Returns what a backbone sees at most: pixels, or tokens."""
    if net["modality"] == "image":
        return "x".join(map(str, net["size"])) + " px"
    return f"{net['length']} tokens" if net["length"] else "any text"


def _datasets(sets: list[dict[str, Any]]) -> str:
    header = ("data set", "items", "classes", "here", "licence", "title")
    rows = [
        (
            data["name"],
            str(data["examples"]),
            str(data["classes"]),
            "yes" if data["at_hand"] else "-",
            data["licence"],
            data["title"],
        )
        for data in sets
    ]
    return table(header, rows, right=(1, 2)) if sets else "No data set fits."


def show(arguments: argparse.Namespace) -> None:
    """`tlzoo show NAME`."""
    from tlzoo.cli.card import describe
    from tlzoo.workflows import zoo

    entry = zoo.find(arguments.name)
    values = {"kind": entry.kind, **entry.card, "at_hand": entry.at_hand}
    emit(arguments, values, describe(entry))


def fetch(arguments: argparse.Namespace) -> None:
    """`tlzoo fetch NAME...`."""
    from tlzoo.workflows import zoo

    for name in arguments.names:
        zoo.kind_of(name)  # a misspelt name fails before anything is fetched
    with progress(arguments) as tell:
        done = [zoo.fetch(name, _prefixed(tell, name)) for name in arguments.names]
    lines = [
        f"{item.name}: {'already here' if item.was_at_hand else f'fetched in {item.seconds:.1f} s'}"
        + (f", {item.path}" if item.path else "")
        for item in done
    ]
    emit(arguments, {"fetched": [item.to_dict() for item in done]}, "\n".join(lines))


def _prefixed(tell: Progress | None, name: str) -> Progress | None:
    return tell and (lambda done, total, text: tell(done, total, f"{name}: {text}"))


def doctor(arguments: argparse.Namespace) -> int:
    """`tlzoo doctor`; exit code 1 if it finds a problem."""
    from tlzoo.cli.card import describe_machine
    from tlzoo.workflows.doctor import examine

    found = examine(deep=arguments.deep)
    emit(arguments, found, describe_machine(found))
    return 1 if found["problems"] else 0
