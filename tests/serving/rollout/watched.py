"""Changes a repository while a server looks at it in every in-between, and says when somebody was not served.

    python -m tests.serving.rollout.watched FOLDER SEED ROUNDS

The server follows TensorFlow Serving's rules (`file_system_storage_path_source.cc`, and `ReloadConfig` with
`UpdateModelVersionLabelMap` of `server_core.cc`): it looks at folders and at `models.config` independently, refuses the
whole file for a label of a version that it has not loaded, and looks again. Here it looks, or does not, before each
single change on the disk. A program of its own, since audit hooks stay until the process ends.
"""

import json
import os
import random
import sys
from pathlib import Path

from tests.serving.rollout.crash import EVENTS, WRITES
from tests.serving.rollout.light import make
from tlzoo.bundle import read_bundle
from tlzoo.errors import BundleError
from tlzoo.serving.options import Policy
from tlzoo.serving.rollout.config_edit import parsed
from tlzoo.serving.rollout.deploy import Order, deploy
from tlzoo.serving.rollout.folder import ModelFolder
from tlzoo.serving.rollout.policies import served
from tlzoo.serving.rollout.promote import promote
from tlzoo.serving.rollout.rollback import rollback
from tlzoo.serving.rollout.site import Site


class Watcher:
    """A server that loads at once whatever it wants to load."""

    def __init__(self, site, lenient):
        self.site, self.lenient = site, lenient
        self.policy, self.labels, self.loaded = Policy(), {}, frozenset()
        self.wrong = []

    def look_at_folders(self):
        visible = ModelFolder(self.site.repository, "photos").visible()
        for path in visible.values():  # all of them: another server may start at this moment
            try:
                read_bundle(path, verify=True)
            except BundleError as error:
                self.wrong.append(f"half a version: {error.what}")
        self.loaded = served(self.policy, visible)

    def look_at_config(self):
        path = self.site.repository / "models.config"
        model = next(model for model in parsed(path.read_text(), path) if model.name == "photos")
        for label, number in model.labels.items():
            unused = self.lenient and self.labels.get(label, number) == number
            if number not in self.loaded and not unused:
                return
        self.labels, self.policy = model.labels, model.policy

    def judge(self, what, labels=True):
        if not self.loaded:
            self.wrong.append(f"{what}: nothing is loaded")
        lost = {label: number for label, number in self.labels.items() if number not in self.loaded}
        if labels and lost:
            self.wrong.append(f"{what}: {lost} are not loaded, but {sorted(self.loaded)}")

    def settle(self, what):
        for _ in range(3):
            self.look_at_config()
            self.look_at_folders()
        self.judge(what)
        path = self.site.repository / "models.config"
        if self.labels != parsed(path.read_text(), path)[0].labels:
            self.wrong.append(f"{what}: the server never took {path.read_text()}")


def change(kind, site, dice, bundles):
    """Makes one change of the repository; returns what it was."""
    if kind == "deploy":
        labels = dice.choice([(), (), ("canary",), ("canary",), ("stable",), ("stable", "canary")])
        keep = dice.choice([0, 0, 1, 2, 3])
        deploy(dice.choice(bundles), site, Order("photos", labels, keep))
        return f"deploy {labels} keep {keep}"
    if kind == "promote":
        source = dice.choice(["canary", "stable", str(max(ModelFolder(site.repository, "photos").visible()))])
        promote(site, "photos", source, dice.choice(["stable", "canary", "third"]))
        return f"promote {source}"
    folder = ModelFolder(site.repository, "photos")
    rollback(site, "photos", dice.choice([None, *folder.aside()]))
    return "rollback"


def main(directory, seed, rounds):
    """Plays some rounds of changes, each with a new repository."""
    directory, dice = Path(directory), random.Random(int(seed))
    os.fsync = lambda descriptor: sys.audit("crash.fsync", descriptor)
    bundles = [make(directory / f"bundle{n}" / "photos" / "1", b"graph%d" % n, size=500) for n in range(3)]
    watcher, busy, gaps, looks = None, False, False, 0

    def hook(event, words):
        nonlocal busy, looks
        writes = event == "open" and (words[2] or 0) & WRITES
        if watcher is None or busy or not (event in EVENTS or writes):
            return
        busy = True
        for look in dice.sample([watcher.look_at_folders, watcher.look_at_config], dice.randint(0, 2)):
            look()
            looks += 1
            watcher.judge("in between", labels=not gaps)
        busy = False

    sys.addaudithook(hook)
    wrong, done = [], 0
    for number in range(int(rounds)):
        watcher = None
        site = Site(directory / f"round{number}" / "served", server_root=Path("/models"))
        deploy(bundles[0], site, Order("photos", ("stable", "canary")))
        server = Watcher(site, lenient=dice.random() < 0.5)
        server.look_at_folders()
        server.settle("start")
        for _ in range(8):
            (kind,) = dice.choices(["deploy", "promote", "rollback"], [55, 25, 20])
            # A label of what is rolled back leads nowhere until the server reads the file again.
            watcher, gaps = server, kind == "rollback"
            try:
                what = change(kind, site, dice, bundles)
                done += 1
            except BundleError as error:
                what = f"refused: {error.what}"
                if "has no version before" not in what and "does not serve version" not in what:
                    server.wrong.append(what)
            watcher = None
            server.settle(what)
        wrong += [f"round {number}: {what}" for what in server.wrong]
    print(json.dumps({"changes": done, "looks": looks, "wrong": wrong}))


if __name__ == "__main__":
    main(*sys.argv[1:])
