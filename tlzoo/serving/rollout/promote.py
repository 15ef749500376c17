"""Gives a label to a version that is in service; `deploy.py` says when servers take it."""

from __future__ import annotations

from collections.abc import Collection

from tlzoo.errors import BundleError, unknown_name
from tlzoo.serving.rollout.folder import ModelFolder
from tlzoo.serving.rollout.release import check_allowed, check_changes
from tlzoo.serving.rollout.service import Service, check_label
from tlzoo.serving.rollout.site import Outcome, Site, in_service


def promote(site: Site, name: str, source: str, label: str, *, allow: Collection[str] = ()) -> Outcome:
    """Gives a label to a version that is in service.

    Args:
        site: Where.
        name: The model.
        source: A version number, or the label that the version bears now (and keeps).
        label: The label it gets.
        allow: What is not refused, of `release.ALLOW`.

    Returns:
        What was done.

    Raises:
        BundleError: Callers who use the label would notice that the version is another, or servers would refuse it.
        UsageError: There is no such model, version or label.

    Example:
        >>> promote(Site(Path("served")), "photos", "canary", "stable").labels  # doctest: +SKIP
        {'canary': 4, 'stable': 4}
    """
    check_allowed(allow)
    check_label(label)
    with in_service(site, name) as folder:
        service = Service(site, folder, [label])
        number = _number(service, source)
        before = service.labels.get(label)
        path = folder.visible()[number]
        if before != number:
            held = {at: old for at, old in folder.visible().items() if at == before}
            service.notes += check_changes(path, held, allow)
        service.move({label: number})
        service.settle()
    return Outcome(name, number, path, before, dict(service.labels), notes=tuple(service.notes))


def _number(service: Service, source: str) -> int:
    if source.isascii() and source.isdecimal():
        return existing(service.folder, int(source))
    if source not in service.labels:
        raise unknown_name("label", source, service.labels)
    return existing(service.folder, service.labels[source])


def existing(folder: ModelFolder, number: int) -> int:
    """Returns the number of a version that servers can see; raises BundleError if they cannot."""
    if number in folder.visible():
        return number
    there = ", ".join(str(at) for at in sorted(folder.visible())) or "none."
    aside = number in folder.aside()
    raise BundleError(
        f"Version {number} of '{folder.name}' " + ("was rolled back." if aside else "does not exist."),
        allowed=there,
        do=f"Bring it back: tlzoo rollback REPO {folder.name} --to {number}"
        if aside
        else "Pick one of these.",
    )
