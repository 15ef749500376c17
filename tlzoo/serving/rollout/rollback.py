"""Makes an older version of a model answer again; `deploy.py` says how, and why so."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from tlzoo import bundle
from tlzoo.errors import BundleError
from tlzoo.serving.rollout.promote import existing
from tlzoo.serving.rollout.service import Service
from tlzoo.serving.rollout.site import Outcome, Site, in_service


def rollback(site: Site, name: str, to: int | None = None, *, force: bool = False) -> Outcome:
    """Makes an older version answer again.

    Args:
        site: Where.
        name: The model.
        to: The version; None for the one before the one that answers now. One that was set aside comes back.
        force: True to take a version that is not as it was exported.

    Returns:
        What was done.

    Raises:
        BundleError: There is no such version, it is damaged, or something else needs one that would go.
        UsageError: There is no such model.

    Example:
        >>> rollback(Site(Path("served")), "photos").set_aside  # doctest: +SKIP
        (4,)
    """
    with in_service(site, name) as folder:
        service = Service(site, folder)
        replaced = service.default
        target = _target(service, to)
        path = folder.visible().get(target) or folder.aside()[target]
        if not force:
            _check_whole(path)
        newer = sorted(number for number in service.numbers if number > target)
        _check_free(service, newer)
        aside = _go_back(service, target, newer)
        service.record("rollback", version=target, before=replaced, set_aside=aside)
        path = folder.visible()[target]
    labels = dict(service.labels)
    return Outcome(name, target, path, replaced, labels, set_aside=tuple(aside), notes=tuple(service.notes))


def _target(service: Service, to: int | None) -> int:
    now, folder = service.default, service.folder
    if to is None:
        older = [number for number in service.numbers if now is not None and number < now]
        if not older:
            raise BundleError(
                f"'{folder.name}' has no version before {now}.",
                allowed="a model with an older version than the one that answers.",
                do="Deploy another bundle, or bring one back with --to: "
                + (", ".join(str(number) for number in sorted(folder.aside())) or "none was set aside."),
            )
        return max(older)
    if to == now and not any(number > to for number in service.numbers):
        raise BundleError(
            f"Version {to} of '{folder.name}' answers already.",
            allowed="another version.",
            do="See which there are: tlzoo versions REPO",
        )
    return to if to in folder.aside() else existing(folder, to)


def _check_whole(path: Path) -> None:
    if (path / bundle.FACTS_FILE).is_file():
        bundle.read_bundle(path, verify=True)
    elif not (path / "saved_model.pb").is_file():
        raise BundleError(
            f"'{path}' has no saved_model.pb.", allowed="a whole version.", do="Roll back to another one."
        )


def _check_free(service: Service, newer: Collection[int]) -> None:
    """Refuses to take away what another model needs, or what could not be put aside."""
    for alias in service.entry.aliases:
        needed = {*alias.labels.values(), *alias.policy.versions} & set(newer)
        if needed:
            raise BundleError(
                f"'{alias.name}' has the same folder, and needs version {max(needed)}.",
                allowed="versions that no other model in models.config names.",
                do=f"Change '{alias.name}' in '{service.entry.path}' first.",
            )
    if twice := service.folder.aside().keys() & set(newer):
        raise BundleError(
            f"Version {min(twice)} of '{service.folder.name}' was set aside before, and is there again.",
            allowed="one version of each number.",
            do="Look which of the two is right, and move the other elsewhere.",
        )


def _go_back(service: Service, target: int, newer: Collection[int]) -> list[int]:
    folder, by_name = service.folder, service.entry.model.policy.kind == "specific"
    if target not in folder.visible():
        service.widen(target)
        folder.bring_back(target)
    labels = {label: target for label, number in service.labels.items() if number > target}
    # Where the latest is served, the server will load the target whatever the policy says now: newer ones go.
    service.move(labels, sure=not by_name)
    if by_name:
        service.limit(target)
        service.wait([target])
        return []
    # The one that answers goes last: until then, callers notice nothing.
    for number in sorted(newer):
        folder.set_aside(number)
    service.settle()
    service.wait([target])
    return sorted(newer)
