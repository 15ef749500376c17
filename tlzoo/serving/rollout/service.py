"""One model in service: moves its labels and policy in steps that running servers can follow."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tlzoo.errors import BundleError, UsageError
from tlzoo.serving.options import Policy
from tlzoo.serving.rollout import policies
from tlzoo.serving.rollout.entry import read_entry, write_entry
from tlzoo.serving.rollout.folder import ModelFolder
from tlzoo.serving.rollout.site import Site

_LABEL = re.compile(r"[A-Za-z0-9_-]+")


def check_label(label: str) -> str:
    """Returns a label that servers take, and that no version number can be mistaken for.

    Raises:
        UsageError: It is none.
    """
    if _LABEL.fullmatch(label) and not label.isdecimal():
        return label
    raise UsageError(
        f"'{label}' cannot be a label.",
        allowed="letters, digits, '_' and '-'; digits alone are a version.",
        do="Choose one like stable or canary.",
    )


class Service:
    """A model's folder and what `models.config` says of it; used under the folder's lock.

    Args:
        site: Where.
        folder: The model.
        labels: Labels that are about to be set; they need a `models.config`.

    Attributes:
        entry: What `models.config` says now.
        notes: What whoever asked should know.
    """

    def __init__(self, site: Site, folder: ModelFolder, labels: Collection[str] = ()) -> None:
        self.site, self.folder = site, folder
        self.entry = read_entry(site, folder.name, wanted=bool(labels))
        self.notes: list[str] = []
        self._least = policies.chosen(self.entry.model.policy, self.numbers, self.labels.values())

    @property
    def numbers(self) -> frozenset[int]:
        """Versions that servers can see."""
        return frozenset(self.folder.visible())

    @property
    def labels(self) -> Mapping[str, int]:
        """Versions by label."""
        return self.entry.model.labels

    @property
    def default(self) -> int | None:
        """The version that answers whoever names none: the highest that is served."""
        served = self.entry.served(self.numbers)
        return max(served) if served else None

    def answering(self, labels: Iterable[str] = ()) -> dict[int, Path]:
        """Returns the versions that answer now, by default or for some labels."""
        asked = {self.default, *(self.labels.get(label) for label in labels)}
        return {number: path for number, path in self.folder.visible().items() if number in asked}

    def check_next(self, number: int, labels: Collection[str]) -> None:
        """Makes sure that a version can appear without another losing its place.

        Args:
            number: The version that is about to appear.
            labels: Those it is to have.

        Raises:
            BundleError: Servers would unload a version that bears a label, or refuse one for the new version.
        """
        seen = {*self.numbers, number}
        for model in (self.entry.model, *self.entry.aliases):
            now, then = (policies.served(model.policy, each) for each in (self.numbers, seen))
            lost = sorted(label for label, at in model.labels.items() if at in now - then)
            if lost and not self.site.at_once:
                raise _narrow(self.entry.path, model.name, lost[0], model.labels[lost[0]], number)
        patient = self.site.server or self.site.at_once
        if labels and not patient and number not in self.entry.served(seen):
            raise _unloaded(self.entry.path, number)

    def widen(self, number: int) -> None:
        """Makes room in the policy for a version that is about to appear, and one more behind it.

        It comes first: whoever is killed between the two leaves a policy that is wide enough.
        """
        if self.entry.listed:
            self._write(self._covering({*self.numbers, number}, self.labels.values()), self.labels)

    def move(self, labels: Mapping[str, int], *, sure: bool = False) -> None:
        """Gives labels to versions, once servers have loaded those.

        Args:
            labels: Versions by label.
            sure: True if servers are going to load them, whatever the policy says now.

        Raises:
            BundleError: The policy does not serve a version and nobody can say when it is loaded, or the server did
                not follow.
        """
        if not labels:
            return
        missing = set(labels.values()) - self.entry.served(self.numbers)
        if missing and not self.site.at_once:
            if self.site.server:
                self._write(self._covering(self.numbers, {*self.labels.values(), *missing}), self.labels)
            elif not sure:
                raise _unloaded(self.entry.path, min(missing))
        self.wait(labels.values())
        before, new = self.labels, {**self.labels, **labels}
        self._write(self._covering(self.numbers, new.values()), new)
        for label, number in labels.items():
            self.record("promote", version=number, label=label, before=before.get(label))
        if self.site.server:
            for label, number in labels.items():
                self.site.server.wait_for_label(self.folder.name, label, number)
        elif not self.site.at_once:
            self.notes.append(
                "Servers see labels when they read models.config again (--model_config_file_poll_wait_seconds); with "
                "labels they start only with --allow_version_labels_for_unavailable_models."
            )

    def wait(self, numbers: Iterable[int]) -> None:
        """Waits until the server, if there is one to ask, has loaded versions."""
        for number in sorted(set(numbers)):
            if self.site.server:
                self.site.server.wait_for_version(self.folder.name, number)

    def settle(self, new: int | None = None) -> None:
        """Adapts the policy to what is there now; a policy that names versions gains a new one."""
        wanted = set(self.labels.values())
        if new is not None and self.entry.model.policy.kind == "specific":
            wanted.add(new)
        self._write(self._covering(self.numbers, wanted), self.labels)

    def limit(self, number: int) -> None:
        """Makes a policy that names versions name none above `number`, and that one."""
        policy = self.entry.model.policy
        versions = {at for at in policy.versions if at <= number} | {number}
        self._write(replace(policy, versions=tuple(sorted(versions))), self.labels)

    def prune(self, keep: int, spared: Collection[int | None]) -> list[int]:
        """Removes old versions.

        Args:
            keep: How many of the newest stay.
            spared: Which of the others stay; so does whatever bears a label or is named by a policy.

        Returns:
            What was removed.
        """
        numbers = sorted(self.numbers)
        newest = {*numbers[-keep:], *numbers[-self._least :]}
        old = [at for at in numbers if at not in newest | self.entry.bound() and at not in spared]
        for number in old:
            self.folder.remove(number)
            self.record("remove", version=number)
        return old

    def record(self, action: str, **facts: Any) -> None:
        """Adds to the history; what was done is done, so a history that cannot be written is only a note."""
        try:
            self.folder.history.append(action, **facts)
        except OSError as error:
            self.notes.append(f"The history could not be written: {error}.")

    def _covering(self, numbers: Iterable[int], labelled: Iterable[int]) -> Policy:
        return policies.covering(self.entry.model.policy, numbers, set(labelled), self._least)

    def _write(self, policy: Policy, labels: Mapping[str, int]) -> None:
        self.entry = write_entry(self.site, self.entry, policy, labels)


def _narrow(path: Path | None, name: str, label: str, labelled: int, number: int) -> BundleError:
    return BundleError(
        f"'{path}' serves so few versions of '{name}' that servers would unload version {labelled}, "
        f"which is '{label}', when version {number} appears.",
        allowed="a policy that leaves room for one version more than the labels need.",
        do=f"Run `tlzoo promote REPO {name} {label} {label}`, which makes room, let the servers read the file again, "
        "and then deploy. Or add --at-once, for servers that do not run or may miss the label for a moment.",
    )


def _unloaded(path: Path | None, number: int) -> BundleError:
    return BundleError(
        f"'{path}' does not serve version {number} yet, so servers would refuse a label for it, and with it the file.",
        allowed="a label for a version that is loaded.",
        do="Add --server http://HOST:PORT, which waits for it; or --at-once, for servers that do not run; or leave the "
        "label out, and `tlzoo promote` when the server has loaded the version.",
    )
