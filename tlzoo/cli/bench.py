"""`tlzoo bench`: how fast a server answers, and how much it takes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.cli.output import emit, progress, table
from tlzoo.cli.parser import Subparsers, add_command, completes

if TYPE_CHECKING:
    from tlzoo.client.load import Load
    from tlzoo.workflows.bench import Question, Report

_EXAMPLES = """\
  tlzoo bench models/photos                                32 callers who ask as soon as they are answered
  tlzoo bench models/photos --rate 50 --protocol grpc      50 requests a second, whatever the server does
  tlzoo bench models/photos --find-saturation -- --enable_batching
  tlzoo bench http://localhost:8501/v1/models/photos --input holiday/ --out bench/
  tlzoo bench grpc://models.example:8500 --model iris --examples-per-request 16

What follows `--` are flags of `tlzoo serve` for the server that is started for a bundle. Latencies count from when a
request was due: at a fixed rate that is before it was sent, if all connections were busy."""

_FLAG = "--server-flag"
"""What carries each word after `--` through argparse."""


def add(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = add_command(
        subparsers, "bench", _bench, help="measure a server's latencies and throughput", examples=_EXAMPLES
    )
    parser.usage = "%(prog)s URL|BUNDLE [options] [-- --flag=value ...]"
    target = parser.add_argument(
        "target",
        metavar="URL|BUNDLE",
        help="http://… or grpc://… of a server, or a bundle to serve meanwhile",
    )
    completes(target, "folder")
    parser.add_argument(_FLAG, action="append", dest="flags", default=[], help=argparse.SUPPRESS)
    parser.prepare = _with_flags
    _add_load(parser.add_argument_group("load"))
    _add_question(parser.add_argument_group("requests"))
    out = parser.add_argument("--out", metavar="DIR", help="write bench.json and bench.png there")
    completes(out, "folder")


def _with_flags(words: Sequence[str]) -> list[str]:
    at = words.index("--") if "--" in words else len(words)
    return [*words[:at], *(f"{_FLAG}={word}" for word in words[at + 1 :])]


def _add_load(group: Any) -> None:
    group.add_argument(
        "--connections",
        type=_positive,
        metavar="N",
        help="callers (default: 32); with --rate, requests in flight at most (default: 1000)",
    )
    group.add_argument(
        "--rate", type=_number, metavar="X", help="requests a second, whatever the server does"
    )
    group.add_argument(
        "--arrivals", choices=("poisson", "even"), default="poisson", help="of --rate (default: %(default)s)"
    )
    group.add_argument(
        "--seconds", type=_number, default=10.0, metavar="S", help="to measure (default: %(default)g)"
    )
    group.add_argument("--requests", type=_positive, metavar="N", help="to measure, at most")
    group.add_argument(
        "--warmup-seconds", type=float, default=2.0, metavar="S", help="not counted (default: %(default)g)"
    )
    group.add_argument(
        "--timeout", type=_number, default=60.0, metavar="S", help="of one request (default: %(default)g)"
    )
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of arrivals (default: %(default)s)")
    group.add_argument(
        "--find-saturation", action="store_true", help="raise the rate until throughput stops following"
    )


def _add_question(group: Any) -> None:
    group.add_argument("--model", metavar="NAME", help="at a URL that does not say it")
    group.add_argument(
        "--signature", default="serving_default", metavar="NAME", help="to call (default: %(default)s)"
    )
    group.add_argument(
        "--protocol", choices=("rest", "grpc"), default="rest", help="for a bundle (default: %(default)s)"
    )
    given = group.add_argument(
        "--input",
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="images, texts, .npy or .npz, or folders of them (default: the bundle's warm-up requests, or numbers)",
    )
    completes(given, "file")
    group.add_argument(
        "--examples-per-request", type=_positive, default=1, metavar="N", help="(default: %(default)s)"
    )
    group.add_argument("--token-file", metavar="FILE", help="a token for servers that ask for one")


def _bench(arguments: argparse.Namespace) -> int:
    from tlzoo.workflows.bench import measured, prepared

    question, load = _question(arguments), _load(arguments)
    with progress(arguments) as tell, prepared(question, tell) as ready:
        if arguments.find_saturation:
            return _saturate(arguments, lambda one: measured(ready, question, one, tell), load)
        report = measured(ready, question, load, tell)
    values, lines = report.told(), _words(report)
    if arguments.out:
        from tlzoo.workflows.bench_files import draw, write_json

        folder = Path(arguments.out)
        write_json(values, folder / "bench.json")
        draw(report, folder / "bench.png")
        lines += f"\nwrote       {folder / 'bench.json'}, {folder / 'bench.png'}"
    emit(arguments, values, lines)
    return 0


def _saturate(arguments: argparse.Namespace, measure: Any, load: Load) -> int:
    from tlzoo.workflows.bench_files import pace, write_json
    from tlzoo.workflows.bench_saturation import find_saturation

    found = find_saturation(measure, load)
    rows = [
        [
            pace(one),
            f"{one.summary.throughput:.1f}",
            *(f"{1e3 * one.summary.latencies[name]:.1f}" for name in ("p50", "p99")),
        ]
        for one in found.steps
    ]
    text = table(["asked", "answers/s", "p50 ms", "p99 ms"], rows, right=(1, 2, 3))
    text += f"\nsaturation  {found.throughput:.1f} answers/s; followed up to {found.rate:.1f} requests/s"
    values = {
        "throughput": found.throughput,
        "rate": found.rate,
        "steps": [one.told() for one in found.steps],
    }
    if arguments.out:
        write_json(values, Path(arguments.out) / "bench.json")
    emit(arguments, values, text)
    return 0


def _words(report: Report) -> str:
    from tlzoo.workflows.bench_files import pace

    summary = report.summary
    head = [
        f"server      {report.prepared.url}, {report.prepared.model} version {report.prepared.version}",
        f"asked       {pace(report)}, {report.question.examples} examples a request, {report.prepared.source}",
        f"answered    {summary.requests - sum(summary.errors.values())} of {summary.requests} "
        f"in {summary.seconds:.1f} s",
        f"throughput  {summary.throughput:.1f} requests/s, {report.examples_per_second:.1f} examples/s",
        f"generator   {100 * summary.cpu:.0f}% of a processor; sent {1e3 * summary.late:.2f} ms late (p99)",
    ]
    cells = [f"{1e3 * value:.2f}" for value in summary.latencies.values()]
    lines = [*head, "", table(["latency", *summary.latencies], [["ms", *cells]], right=range(1, 7))]
    lines += [
        f"{code}: {number} times: {summary.messages.get(code, '')}" for code, number in summary.errors.items()
    ]
    return "\n".join(lines)


def _question(arguments: argparse.Namespace) -> Question:
    from tlzoo.workflows.bench import Question

    return Question(
        target=arguments.target,
        model=arguments.model,
        protocol=arguments.protocol,
        signature=arguments.signature,
        files=tuple(arguments.input),
        examples=arguments.examples_per_request,
        token=_token(arguments.token_file),
        flags=tuple(arguments.flags),
    )


def _load(arguments: argparse.Namespace) -> Load:
    from tlzoo.client.load import Load

    return Load(
        connections=arguments.connections or (1000 if arguments.rate else 32),
        rate=arguments.rate,
        arrivals=arguments.arrivals,
        seconds=arguments.seconds,
        requests=arguments.requests,
        warmup_seconds=max(0.0, arguments.warmup_seconds),
        timeout=arguments.timeout,
        seed=arguments.seed,
    )


def _token(file: str | None) -> str | None:
    if file is None:
        return None
    lines = [line.strip() for line in Path(file).read_text().splitlines()]
    return next((line for line in lines if line and not line.startswith("#")), None)


def _positive(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"'{text}' is no whole number above 0")


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if 0 < number < float("inf"):
        return number
    raise argparse.ArgumentTypeError(f"'{text}' is no number above 0")
