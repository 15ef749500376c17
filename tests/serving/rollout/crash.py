"""Runs one change of a repository again and again, and ends it at each of its steps in turn.

    python -m tests.serving.rollout.crash FOLDER SCENARIO kill|fail

`kill` ends the process just before the n-th file is opened for writing, renamed, made, flushed or deleted, without any
clearing up; `fail` lets that step fail as on a full disk. Then the repository is looked at as a server would, and the
next deployment must work. Prints how many steps there were, and everything that was wrong. It is a program of its own
because it forks, which a process with TensorFlow's threads in it must not.
"""

import errno
import json
import os
import shutil
import sys
from pathlib import Path

from tests.serving.rollout.light import make
from tlzoo.bundle import read_bundle
from tlzoo.errors import BundleError
from tlzoo.serving.rollout.config_edit import parsed
from tlzoo.serving.rollout.deploy import Order, deploy
from tlzoo.serving.rollout.folder import ModelFolder
from tlzoo.serving.rollout.policies import served
from tlzoo.serving.rollout.promote import promote
from tlzoo.serving.rollout.rollback import rollback
from tlzoo.serving.rollout.site import Site

THROUGH, REFUSED, IN_PLACE, SURVIVED, KILLED = 0, 3, 4, 5, 9


def prepared(site, bundles):
    """Three versions, two labels, one more version that was rolled back."""
    for number, labels in enumerate([("stable",), (), ("canary",), ()]):
        deploy(bundles[number], site, Order("photos", labels))
    rollback(site, "photos")


SCENARIOS = {
    # name: (what was there, what is done, versions that may go)
    "first": (lambda *_: None, lambda site, new: deploy(new, site, Order("photos")), set()),
    "first_label": (
        lambda *_: None,
        lambda site, new: deploy(new, site, Order("photos", ("stable",))),
        set(),
    ),
    "next": (prepared, lambda site, new: deploy(new, site, Order("photos", ("canary",))), set()),
    "keep": (prepared, lambda site, new: deploy(new, site, Order("photos", keep=1)), {2}),
    "rollback": (prepared, lambda site, new: rollback(site, "photos", 1), set()),
    "back": (prepared, lambda site, new: rollback(site, "photos", 4), set()),
    "promote": (prepared, lambda site, new: promote(site, "photos", "canary", "stable"), set()),
}

EVENTS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "crash.fsync"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def arm(step, how):
    """Makes the n-th change of anything on the disk the last one, or one that fails; returns whether that was."""
    left = step

    def hook(event, words):
        nonlocal left
        writes = event == "open" and (words[2] or 0) & WRITES and not str(words[0]).startswith("/dev")
        if event in EVENTS or writes:
            left -= 1
            if left == 0:
                if how == "kill":
                    os._exit(KILLED)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    sys.addaudithook(hook)
    return lambda: left <= 0


def attempt(change, site, new, step, how):
    """Returns how a child that was stopped at a step ended."""
    child = os.fork()
    if child == 0:
        happened = arm(step, how)
        try:
            change(site, new)
        except BundleError as error:
            os._exit(IN_PLACE if "is in place" in error.what else REFUSED)
        except BaseException as error:
            print(f"step {step}: {error!r}", file=sys.stderr)
            os._exit(1)
        os._exit(SURVIVED if happened() else THROUGH)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def faults(site, before, may_go):
    """Yields what a server, or whoever looks after it, would find wrong."""
    folder = ModelFolder(site.repository, "photos")
    visible, aside = folder.visible(), folder.aside()
    for path in [*visible.values(), *aside.values()]:
        try:
            read_bundle(path, verify=True)
        except BundleError as error:
            yield error.what
    if lost := before - visible.keys() - aside.keys() - may_go:
        yield f"versions {lost} are gone"
    if before and not visible:
        yield "no version is left"
    folder.history.lines()
    path = site.repository / "models.config"
    if path.exists():
        for model in parsed(path.read_text(), path):
            if gone := set(model.labels.values()) - served(model.policy, visible):
                yield f"labels of {gone} lead nowhere"


def check(site, scenario, new, before, code):
    """Yields what is wrong after a child has ended, and after the deployment that follows."""
    may_go = SCENARIOS[scenario][2]
    yield from faults(site, before, may_go)
    folder = ModelFolder(site.repository, "photos")
    seen = {*folder.visible(), *folder.aside()}
    if code == REFUSED and seen != before:
        yield f"refused, yet {seen} are there, not {before}"
    try:
        done = deploy(new, site, Order("photos", ("later",)))
    except BundleError as error:
        yield f"the next deployment fails: {error.what}"
        return
    if done.version <= max([0, *seen, *before]):
        yield f"version {done.version} is no new number"
    yield from faults(site, {*seen, done.version}, may_go)
    left = [name for name in os.listdir(folder.path) if name.startswith((".deploy-", ".removed-"))]
    left += [name for name in os.listdir(site.repository) if name.endswith(".new")]
    if left:
        yield f"{left} are left over"


def main(directory, scenario, how):
    """Goes through all steps of a scenario."""
    # What a disk keeps when the power goes cannot be tried here; that a step is there can, and it takes no time.
    os.fsync = lambda descriptor: sys.audit("crash.fsync", descriptor)
    directory = Path(directory)
    bundles = [make(directory / f"bundle{n}" / "photos" / "1", b"graph%d" % n, size=5000) for n in range(6)]
    prepare, change, _ = SCENARIOS[scenario]
    base = Site(directory / "base" / "served", server_root=Path("/models"), lock_seconds=5)
    prepare(base, bundles)
    known = ModelFolder(base.repository, "photos")
    before = {*known.visible(), *known.aside()}
    step, wrong, code = 0, [], None
    while code != THROUGH:
        step += 1
        shutil.rmtree(directory / "try", ignore_errors=True)
        (directory / "try").mkdir()
        if base.repository.exists():
            shutil.copytree(base.repository, directory / "try" / "served")
        site = Site(directory / "try" / "served", server_root=Path("/models"), lock_seconds=5)
        code = attempt(change, site, bundles[4], step, how)
        if code not in (THROUGH, REFUSED, IN_PLACE, SURVIVED, KILLED):
            wrong.append(f"step {step}: ended with {code}")
        wrong += [f"step {step} ({code}): {what}" for what in check(site, scenario, bundles[5], before, code)]
    print(json.dumps({"steps": step, "wrong": wrong}))


if __name__ == "__main__":
    main(*sys.argv[1:])
