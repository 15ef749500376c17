"""`tlzoo deploy`, `promote`, `rollback`, `versions`: bundles into service, and out again."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.cli.output import emit, progress, size, table
from tlzoo.cli.parser import Parser, Subparsers, add_command, completes

if TYPE_CHECKING:
    from tlzoo.serving.rollout.site import Outcome, Site

_DEPLOY = """\
  tlzoo deploy models/photos served                  the next version of 'photos': served/photos/N
  tlzoo deploy models/photos served --label canary   ... and the label, in served/models.config
  tlzoo deploy models/photos served --keep 3         ... and remove all but the newest three
  tlzoo deploy models/photos /srv/models --server-root /models --label stable
                                                     for a server in a container that sees /models
  tlzoo deploy models/photos served --label canary --server http://localhost:8501
                                                     the label only when that server has loaded the version
  tlzoo deploy models/photos served --allow classes   though it answers with other classes than before

A version appears by one rename, when all its files are on the disk and as they were exported. A bundle is refused if
its parity check failed, or if callers of the version that answers now (or bears the label) would find other signatures,
classes or another task. Files that are not as they were exported cannot be allowed: export again."""

_PROMOTE = """\
  tlzoo promote served photos canary stable          what is canary becomes stable, too
  tlzoo promote served photos 4 stable               by number"""

_ROLLBACK = """\
  tlzoo rollback served photos                       back to the version before the one that answers
  tlzoo rollback served photos --to 2                to a certain one, or one that was rolled back itself

What is rolled back is kept as N.rolled-back, which servers do not take for a version; its labels go to the version
rolled back to. Where models.config names the versions to serve, it is changed in place of the folders."""

_VERSIONS = """\
  tlzoo versions served                              every model, and which of its versions does what
  tlzoo versions served photos --verify              and whether the files are as they were exported"""


def add(subparsers: Subparsers) -> None:
    """Adds the commands."""
    _add_deploy(subparsers)
    promote = add_command(
        subparsers, "promote", _promote, help="give a label to a version in service", examples=_PROMOTE
    )
    _add_model(promote)
    promote.add_argument("source", metavar="FROM", help="a label, or a version number")
    promote.add_argument("label", metavar="TO", help="the label it gets")
    _add_allow(promote)
    _add_servers(promote)
    rollback = add_command(
        subparsers, "rollback", _rollback, help="make an older version answer again", examples=_ROLLBACK
    )
    _add_model(rollback)
    rollback.add_argument("--to", type=int, metavar="N", help="the version (default: the one before)")
    rollback.add_argument("--force", action="store_true", help="even if it is not as it was exported")
    _add_servers(rollback)
    versions = add_command(
        subparsers, "versions", _versions, help="list what is deployed", examples=_VERSIONS
    )
    _add_repository(versions)
    versions.add_argument("name", metavar="MODEL", nargs="?", default="", help="one model (default: all)")
    versions.add_argument("--verify", action="store_true", help="compare every file with its checksum")
    _add_config(versions)


def _add_deploy(subparsers: Subparsers) -> None:
    deploy = add_command(
        subparsers,
        "deploy",
        _deploy,
        help="copy a bundle into a repository, as its next version",
        examples=_DEPLOY,
    )
    what = "a folder of versions, whose newest is taken, or one version"
    completes(deploy.add_argument("bundle", metavar="BUNDLE", help=what), "folder")
    _add_repository(deploy)
    deploy.add_argument("--name", default="", help="of the model (default: of the bundle's folder)")
    deploy.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="LABEL",
        help="stable, canary …, in models.config; repeatable",
    )
    deploy.add_argument(
        "--keep",
        type=int,
        default=0,
        metavar="N",
        help="remove all but the newest N, the labelled ones and the one that answered (default: keep all)",
    )
    _add_allow(deploy)
    _add_servers(deploy)
    deploy.add_argument(
        "--server-root", type=Path, metavar="PATH", help="REPO as the server sees it (default: the same)"
    )


def _add_repository(parser: Parser) -> None:
    what = "folder of models: REPO/<model>/<version>"
    completes(parser.add_argument("repository", type=Path, metavar="REPO", help=what), "folder")


def _add_model(parser: Parser) -> None:
    _add_repository(parser)
    parser.add_argument("name", metavar="MODEL", help="a model in it")


def _add_allow(parser: Parser) -> None:
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="WHAT",
        help="what is refused otherwise: parity, signature, classes, task, plain (no bundle.json); repeatable",
    )
    parser.add_argument("--force", action="store_true", help="allow all of these")


def _add_config(parser: Parser) -> None:
    what = "the server's model_config_file (default: REPO/models.config, if it is there)"
    completes(parser.add_argument("--config", type=Path, metavar="FILE", help=what), "file")


def _add_servers(parser: Parser) -> None:
    group = parser.add_argument_group("servers")
    _add_config(group)  # type: ignore[arg-type]
    group.add_argument("--server", metavar="URL", help="wait until this server (its REST port) has followed")
    group.add_argument(
        "--wait-seconds", type=float, default=300.0, metavar="S", help="how long (default: %(default)g)"
    )
    group.add_argument(
        "--at-once",
        action="store_true",
        help="take steps together that a running server should follow one by one: for servers that do not run",
    )
    group.add_argument(
        "--lock-seconds",
        type=float,
        default=600.0,
        metavar="S",
        help="how long to wait for another deployment (default: %(default)g)",
    )


def _site(arguments: argparse.Namespace) -> Site:
    from tlzoo.serving.rollout.availability import Server
    from tlzoo.serving.rollout.site import Site

    return Site(
        arguments.repository,
        arguments.config,
        getattr(arguments, "server_root", None),
        Server(arguments.server, arguments.wait_seconds) if arguments.server else None,
        arguments.at_once,
        arguments.lock_seconds,
    )


def _allowed(arguments: argparse.Namespace) -> frozenset[str]:
    from tlzoo.serving.rollout.release import ALLOW

    return frozenset(ALLOW if arguments.force else arguments.allow)


def _deploy(arguments: argparse.Namespace) -> int:
    from tlzoo.serving.rollout.deploy import Order, deploy

    order = Order(arguments.name, tuple(arguments.label), arguments.keep, _allowed(arguments))
    with progress(arguments) as tell:
        done = deploy(Path(arguments.bundle), _site(arguments), order, progress=tell)
    replaced = "" if done.replaced is None else f", after version {done.replaced}"
    copied = f"{done.files} files, {size(done.bytes)}, checksums agree"
    return _say(arguments, done, [f"deployed   {done.path}{replaced}", f"copied     {copied}"])


def _promote(arguments: argparse.Namespace) -> int:
    from tlzoo.serving.rollout.promote import promote

    words = (arguments.name, arguments.source, arguments.label)
    done = promote(_site(arguments), *words, allow=_allowed(arguments))
    before = f", was version {done.replaced}" if done.replaced is not None else ""
    return _say(arguments, done, [f"promoted   {arguments.label} is version {done.version}{before}"])


def _rollback(arguments: argparse.Namespace) -> int:
    from tlzoo.serving.rollout.rollback import rollback

    done = rollback(_site(arguments), arguments.name, arguments.to, force=arguments.force)
    return _say(arguments, done, [f"answers    {done.path}, was version {done.replaced}"])


def _say(arguments: argparse.Namespace, done: Outcome, lines: list[str]) -> int:
    if done.labels:
        labels = (f"{label} → {version}" for label, version in sorted(done.labels.items()))
        lines.append(f"labels     {', '.join(labels)}")
    for word, numbers in (("removed", done.removed), ("set aside", done.set_aside)):
        if numbers:
            lines.append(f"{word:10} {', '.join(str(number) for number in numbers)}")
    lines += [f"note       {note}" for note in done.notes]
    emit(arguments, asdict(done), "\n".join(lines))
    return 0


def _versions(arguments: argparse.Namespace) -> int:
    from tlzoo.errors import BundleError
    from tlzoo.serving.rollout.overview import overview
    from tlzoo.serving.rollout.site import Site

    rows = overview(Site(arguments.repository, arguments.config), arguments.name, verify=arguments.verify)
    damaged = [f"{row.model}/{row.version}: {row.damage}" for row in rows if row.damage]
    cells = [
        [row.model, str(row.version), row.state, ", ".join(row.labels), row.deployed, row.user, row.source]
        for row in rows
    ]
    header = ["model", "version", "state", "labels", "deployed", "by", "from"]
    text = table(header, cells, right=[1]) if rows else f"'{arguments.repository}' holds no models."
    values: dict[str, Any] = {"versions": [asdict(row) for row in rows], "damaged": len(damaged)}
    emit(arguments, values, "\n".join([text, *damaged]))
    return BundleError.exit_code if damaged else 0
