"""`python -m tlzoo.client`: a model server, asked from a shell. Nothing here imports TensorFlow."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.cli.main import exit_codes, run
from tlzoo.cli.output import emit, table
from tlzoo.cli.parser import Handler, Parser, Subparsers, add_command, completes
from tlzoo.errors import UsageError

if TYPE_CHECKING:
    from tlzoo.client import Client, Prediction, Signature, TensorInfo

_PROG = "python -m tlzoo.client"
_EXAMPLES = f"""\
examples:
  {_PROG} http://localhost:8501 predict --model photos holiday/*.jpg
  {_PROG} grpc://localhost:8500 predict --model reviews --text "Not bad at all."
  {_PROG} http://localhost:8501/v1/models/photos metadata
  {_PROG} http://localhost:8501 status --model photos --json
  echo '{{"inputs": [1.0, 2.0]}}' | {_PROG} grpc://localhost:8500 call --model half_plus_two
  {_PROG} http://localhost:8501 ready --model photos --wait 60 && echo go
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: Words after the program's name; by default those of this process.

    Returns:
        The exit code, as `tlzoo --help` lists them.
    """
    return run(build_parser(), argv)


def build_parser() -> Parser:
    """Returns the whole argument tree."""
    parser = Parser(
        prog=_PROG,
        description="Asks a model server, TensorFlow Serving or tlzoo's own, by HTTP or gRPC.",
        epilog=f"{_EXAMPLES}\n{exit_codes()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "url", metavar="URL", help="http://HOST:PORT, https://…, grpc://HOST:PORT or grpcs://…"
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _add_predict(commands)
    call = _add(commands, "call", _call, "run any signature: JSON on stdin, JSON on stdout")
    call.add_argument("--signature", metavar="S", help="the one to run (default: serving_default)")
    call.add_argument("--batch-size", type=int, metavar="N", help="rows a request (default: all at once)")
    _add(commands, "status", _status, "show where the versions of a model stand")
    _add(commands, "metadata", _metadata, "show what a model can be asked")
    ready = _add(commands, "ready", _ready, "tell if a model answers; exit code 8 if it does not")
    ready.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="wait for it that long")
    return parser


def _add(commands: Subparsers, name: str, run: Handler, help: str) -> Parser:
    parser = add_command(commands, name, run, help=help, examples=f"  {_PROG} URL {name} --model photos")
    model = parser.add_argument_group("model")
    model.add_argument("--model", metavar="M", help="its name, if the URL does not say it")
    model.add_argument("--version", type=int, metavar="V", help="its version (default: the newest served)")
    model.add_argument("--label", metavar="L", help="the label of its version")
    server = parser.add_argument_group("server")
    server.add_argument("--timeout", type=float, metavar="SECONDS", help="for each answer (default: 30)")
    server.add_argument("--retries", type=int, metavar="N", help="further attempts (default: 3)")
    for option, words in (
        ("token-file", "a file whose first line is a bearer token"),
        ("root-certificates", "a PEM file of whom to trust"),
        ("certificate", "a PEM file of the client's own certificate"),
        ("key", "a PEM file of its private key"),
    ):
        completes(server.add_argument(f"--{option}", metavar="FILE", help=words), "file")
    return parser


def _add_predict(commands: Subparsers) -> None:
    parser = _add(commands, "predict", _predict, "ask a bundle about images or texts")
    paths = parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="images, .txt files, folders of them, or tables of texts"
    )
    completes(paths, "file")
    parser.add_argument("--signature", metavar="S", help="the one to ask (default: the one that says most)")
    completes(parser.add_argument("--csv", metavar="OUT", help="write all answers to a CSV file"), "file")
    parser.add_argument("--top", type=int, metavar="K", help="give the K likeliest classes")
    parser.add_argument("--batch-size", type=int, metavar="N", help="items a request (default: 32)")
    texts = parser.add_argument_group("texts")
    texts.add_argument(
        "--text", action="append", default=[], metavar="TEXT", help="a text itself; may be repeated"
    )
    texts.add_argument("--text-column", metavar="NAME", help="the column of texts in a table")
    texts.add_argument("--encoding", metavar="NAME", help="of tables (default: detected, UTF-8 first)")


def _client(arguments: argparse.Namespace) -> Client:
    from tlzoo.client import Client

    names = ("version", "label", "timeout", "retries", "root_certificates", "certificate", "key")
    given: dict[str, Any] = {name: getattr(arguments, name) for name in names}
    if arguments.token_file is not None:
        given["token"] = _token(arguments.token_file)
    if arguments.command == "predict":
        given["batch_size"] = arguments.batch_size
    options = {name: value for name, value in given.items() if value is not None}
    return Client(arguments.url, arguments.model, **options)


def _token(file: str) -> str:
    try:
        return Path(file).read_text("utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"'{file}' cannot be read: {error}.", allowed="a file that holds a token."
        ) from error


def _predict(arguments: argparse.Namespace) -> int:
    from tlzoo.cli.answers import report
    from tlzoo.client.questions import question_of

    if not arguments.paths and not arguments.text:
        raise UsageError("nothing to ask about.", allowed="PATHs, or --text.")
    with _client(arguments) as client:
        metadata = client.metadata()
        question = question_of(metadata, arguments.signature)
        stream = client.stream(
            _items(arguments, question.modality), signature=arguments.signature, top=arguments.top
        )
        ordered = _in_class_order(stream) if arguments.top is None else stream
        about = {"url": arguments.url, "model": metadata.model, "version": metadata.version}
        return report(arguments, ordered, about, question.task)


def _items(arguments: argparse.Namespace, modality: str) -> Any:
    if modality == "text":
        from tlzoo.cli.predict import asked_texts

        return asked_texts(arguments)
    if arguments.text:
        raise UsageError("--text, and the model takes images.", allowed="images, or folders of them.")
    return arguments.paths


def _in_class_order(stream: Iterator[Prediction]) -> Iterator[Prediction]:
    """Gives classes in the order in which tlzoo trains them: servers do not say which it was."""
    from tlzoo.data.listing import class_order

    for one in stream:
        ordered = {name: one.probabilities[name] for name in class_order(list(one.probabilities))}
        yield dataclasses.replace(one, probabilities=ordered)


def _call(arguments: argparse.Namespace) -> None:
    inputs, signature = _asked(sys.stdin.read())
    if arguments.signature and signature and arguments.signature != signature:
        raise UsageError(
            f"--signature {arguments.signature}, and '{signature}' on stdin.", allowed="one of them."
        )
    name = arguments.signature or signature or "serving_default"
    with _client(arguments) as client:
        found = client.call(inputs, name, batch_size=arguments.batch_size)
    outputs = {key: _written(array.tolist()) for key, array in found.items()}
    emit(arguments, {"outputs": outputs}, json.dumps(outputs, ensure_ascii=False))


def _asked(text: str) -> tuple[Any, str]:
    """Reads the body of a `:predict` request of TensorFlow Serving, in either of its forms."""
    form = 'a JSON object with "inputs" or "instances", as TensorFlow Serving takes it.'
    try:
        document = json.loads(text)
    except ValueError as error:
        raise UsageError(f"stdin holds no JSON: {error}.", allowed=form) from error
    if not isinstance(document, dict) or len({"inputs", "instances"} & set(document)) != 1:
        raise UsageError("stdin holds other JSON.", allowed=form, do='For example {"inputs": {"x": [1.0]}}.')
    if "inputs" in document:
        inputs = document["inputs"]
    else:
        rows = document["instances"]
        named = (
            isinstance(rows, list)
            and rows
            and all(isinstance(row, dict) and set(row) != {"b64"} for row in rows)
        )
        inputs = {key: [row.get(key) for row in rows] for key in rows[0]} if named else rows
    return _read(inputs), str(document.get("signature_name", ""))


def _read(value: Any) -> Any:
    """Turns `{"b64": …}` into bytes."""
    if isinstance(value, list):
        return [_read(one) for one in value]
    if isinstance(value, dict) and set(value) == {"b64"}:
        import base64

        try:
            return base64.b64decode(value["b64"], validate=True)
        except (ValueError, TypeError) as error:
            raise UsageError(f"stdin holds no base64: {error}.", allowed="base64.") from error
    return {key: _read(one) for key, one in value.items()} if isinstance(value, dict) else value


def _written(value: Any) -> Any:
    """Turns bytes into text, or into `{"b64": …}` where they are none."""
    if isinstance(value, list):
        return [_written(one) for one in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            import base64

            return {"b64": base64.b64encode(value).decode()}
    return str(value) if isinstance(value, complex) else value


def _status(arguments: argparse.Namespace) -> None:
    with _client(arguments) as client:
        found = client.status()
    versions = [
        {"version": one.version, "state": one.state, "code": one.code.name, "message": one.message}
        for one in found
    ]
    rows = [[str(one[key]) for key in ("version", "state", "code", "message")] for one in versions]
    emit(arguments, {"versions": versions}, table(["version", "state", "code", "message"], rows, right=[0]))


def _metadata(arguments: argparse.Namespace) -> None:
    with _client(arguments) as client:
        found = client.metadata()
    signatures = {name: _signature(one) for name, one in sorted(found.signatures.items())}
    lines = [f"{found.model}, version {found.version}"]
    for name, one in signatures.items():
        lines.append(f"{name}")
        for side, sign in (("inputs", "<"), ("outputs", ">")):
            lines += [
                f"  {sign} {key}: {info['dtype']} {_shape(info['shape'])}" for key, info in one[side].items()
            ]
    values = {"model": found.model, "version": found.version, "signatures": signatures}
    emit(arguments, values, "\n".join(lines))


def _signature(one: Signature) -> dict[str, dict[str, Any]]:
    def told(infos: Mapping[str, TensorInfo]) -> dict[str, Any]:
        return {
            name: {
                "dtype": info.dtype.name if info.dtype else None,
                "shape": None if info.shape is None else [None if size < 0 else size for size in info.shape],
            }
            for name, info in sorted(infos.items())
        }

    return {"inputs": told(one.inputs), "outputs": told(one.outputs)}


def _shape(sizes: list[int | None] | None) -> str:
    if sizes is None:
        return "of any shape"
    return f"({', '.join('?' if size is None else str(size) for size in sizes)})"


def _ready(arguments: argparse.Namespace) -> int:
    with _client(arguments) as client:
        if arguments.wait > 0:
            client.wait_until_ready(arguments.wait)
        ready = arguments.wait > 0 or client.ready()
    emit(arguments, {"ready": ready}, "ready" if ready else "not ready")
    return 0 if ready else 8
