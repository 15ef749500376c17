"""Puts versions of models into service and takes them out again, beside servers that look at the same folders.

A repository is a folder of models, `REPO/<model>/<version>/saved_model.pb`, and may hold a `models.config`, where
TensorFlow Serving keeps labels and policies. Everything here is safe against being killed, against a full disk and
against others who do the same at the same time: `folder.py` says how versions come and go, `service.py` how the
configuration follows. Between any two steps, what servers see is whole, and serves.

**Labels.** A server gives a label only to a version that it has loaded. For one that it has not, it refuses the whole
file, and looks again at its next turn. So the policy in force must load a new version by itself: with labels, `latest`
always leaves room for one version more than they need, and a label may be written as soon as the version is there.
Policies that name versions (`specific`) need two steps, and somebody who looks in between: `Site.server`.

**Rolling back.** The newest versions are set aside, under names that no server takes for a version: a server that
serves the latest loads the one before, and unloads the others when that one answers. This needs no `models.config`, and
works with servers that never read theirs again. Labels go to the version rolled back to; callers of a label get errors
from a server that unloads its version before it has read that (with a `Site.server`, that is waited for first). Where a
policy names versions, the policy changes and the folders stay, since a server that has not read it again would be left
with none. What was set aside is never deleted; rolling back `to` that version brings it back.

Whoever runs servers with labels must let them read `models.config` again between two changes: two deployments in a row
use up the room for one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from tlzoo.errors import BundleError, UsageError
from tlzoo.progress import Progress
from tlzoo.serving.rollout.copying import check_room, copy, digest_of, digests, listing
from tlzoo.serving.rollout.folder import ModelFolder
from tlzoo.serving.rollout.release import (
    Release,
    check_allowed,
    check_changes,
    check_repository,
    read_release,
)
from tlzoo.serving.rollout.service import Service, check_label
from tlzoo.serving.rollout.site import Outcome, Site, in_service


@dataclass(frozen=True)
class Order:
    """How a bundle is deployed.

    Attributes:
        name: The model; "" for the name of the bundle's folder.
        labels: Labels the new version gets.
        keep: How many versions stay; 0 for all. Labelled ones, and the one that answered until now, always do.
        allow: What is not refused, of `release.ALLOW`.
    """

    name: str = ""
    labels: tuple[str, ...] = ()
    keep: int = 0
    allow: frozenset[str] = frozenset()


def deploy(path: Path, site: Site, order: Order, *, progress: Progress | None = None) -> Outcome:
    """Makes a bundle the next version of a model.

    The files are copied beside the versions, flushed to the disk, compared with what was exported and then renamed.

    Args:
        path: The bundle: its model folder, whose newest version is taken, or one version folder.
        site: Where to.
        order: How.
        progress: Told bytes.

    Returns:
        What was done.

    Raises:
        ParityError: The bundle does not answer as the model it was exported from.
        BundleError: It is not whole, callers would notice that it is another (see `release.ALLOW`), there is no room,
            or the server did not follow.
        UsageError: A name, label or option cannot be.

    Example:
        >>> deploy(Path("models/photos"), Site(Path("served")), Order(labels=("canary",))).version  # doctest: +SKIP
        4
    """
    check_allowed(order.allow)
    labels = [check_label(label) for label in order.labels]
    if order.keep < 0:
        raise UsageError(
            f"--keep is {order.keep}.", allowed="1 or more; 0 for all.", do="Give a larger number."
        )
    check_repository(site.repository)
    release = read_release(path, order.allow)
    with in_service(site, order.name or release.name, new=True) as folder:
        service = Service(site, folder, labels)
        replaced = service.default
        answering = service.answering(labels)
        service.notes += check_changes(release.folder, answering, order.allow, release.facts)
        service.notes += _remarks(release, folder)
        number, target = _publish(release, service, labels, progress)
        with _in_place(target):
            folder.flush()
            _record(release, service, number)
            removed = _follow(service, number, order, spared=[*answering, number])
    return Outcome(
        folder.name,
        number,
        target,
        replaced,
        dict(service.labels),
        removed=tuple(removed),
        files=len(release.sums),
        bytes=release.listing.bytes,
        notes=tuple(service.notes),
    )


def _remarks(release: Release, folder: ModelFolder) -> list[str]:
    remarks = []
    if release.unlisted:
        remarks.append(f"Not among the files that were exported: {', '.join(release.unlisted)}.")
    digest, there = digest_of(release.sums), folder.visible()
    same = {line.get("version") for line in folder.history.lines() if line.get("sha256") == digest}
    remarks += [f"Version {number} holds the same files." for number in sorted(there) if number in same]
    return remarks


def _publish(
    release: Release, service: Service, labels: Collection[str], progress: Progress | None
) -> tuple[int, Path]:
    folder = service.folder
    service.check_next(folder.next_number(), labels)
    with folder.workspace() as temporary:
        check_room(release.listing, folder.path)
        copy(release.listing, temporary, progress)
        if digests(listing(temporary)) != release.sums:
            raise BundleError(
                f"The copy of '{release.folder}' differs from what was read there first.",
                allowed="a bundle that nobody changes meanwhile, and a disk that keeps what it is given.",
                do="Deploy again; if this happens again, check the disk.",
            )
        service.widen(folder.next_number())
        return folder.publish(temporary)


def _record(release: Release, service: Service, number: int) -> None:
    facts = {"source": str(release.folder.resolve()), "sha256": digest_of(release.sums)}
    about = {"name": release.facts.name, "created": release.facts.created} if release.facts else {}
    service.record("deploy", version=number, **facts, **about)


def _follow(service: Service, number: int, order: Order, spared: Collection[int]) -> list[int]:
    """Does what comes after a new version has appeared."""
    service.settle(number)
    service.wait([number])
    if order.labels:
        service.move(dict.fromkeys(order.labels, number))
    removed = service.prune(order.keep, spared) if order.keep else []
    service.settle()
    return removed


@contextlib.contextmanager
def _in_place(path: Path) -> Iterator[None]:
    """Says, of what fails after a version has appeared, that it has."""
    try:
        yield
    except (BundleError, OSError) as error:
        raise BundleError(
            f"'{path}' is in place and whole, but what comes after is not done: {getattr(error, 'what', error)}",
            allowed=getattr(error, "allowed", "a folder that can be written, on a disk with room."),
            do=getattr(
                error, "do", "See to that; `tlzoo promote` sets labels, the next deployment clears up."
            ),
        ) from error
