"""What `models.config` says of one model, and how it is changed while servers read it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tlzoo import bundle
from tlzoo.errors import BundleError
from tlzoo.serving.options import ModelConfig, Policy
from tlzoo.serving.rollout import policies
from tlzoo.serving.rollout.config_edit import edited, parsed
from tlzoo.serving.rollout.copying import flush
from tlzoo.serving.rollout.folder import lock_beside
from tlzoo.serving.rollout.site import Site

CONFIG_FILE = "models.config"


@dataclass(frozen=True)
class Entry:
    """A model as servers are told to serve it.

    Attributes:
        path: The `models.config`; None where there is none, and servers serve the latest version.
        model: What it says, or would say.
        listed: Whether it says so already.
        aliases: Other models in it that have the same folder.
    """

    path: Path | None
    model: ModelConfig
    listed: bool = False
    aliases: tuple[ModelConfig, ...] = field(default=())

    def served(self, numbers: Iterable[int]) -> frozenset[int]:
        """Returns which of the versions on disk a server loads."""
        return policies.served(self.model.policy, numbers)

    def bound(self) -> frozenset[int]:
        """Returns the versions that a label or a policy of any model with this folder names."""
        models = (self.model, *self.aliases)
        return frozenset(at for model in models for at in (*model.labels.values(), *model.policy.versions))


def read_entry(site: Site, name: str, *, wanted: bool = False) -> Entry:
    """Reads what a site's `models.config` says of a model.

    Args:
        site: Where.
        name: The model.
        wanted: True if there must be such a file: it is made when the entry is written.

    Raises:
        BundleError: The file cannot be used, or has the model elsewhere.
    """
    path = site.config or site.repository / CONFIG_FILE
    base = (site.server_root or site.repository.resolve()) / name
    if not path.is_file():
        there = path if wanted or site.config else None
        return Entry(there, ModelConfig(name, base))
    models = parsed(_text(path), path)
    listed = next((model for model in models if model.name == name), None)
    model = listed or ModelConfig(name, base)
    if model.base_path.name != name or (site.server_root and model.base_path != base):
        raise BundleError(
            f"'{path}' has '{name}' at '{model.base_path}'.",
            allowed=f"a base_path that ends in '{name}'" + (f", here '{base}'." if site.server_root else "."),
            do="Mend the base_path, leave --server-root out, or give the model another --name.",
        )
    others = (other for other in models if other.name != name and other.base_path == model.base_path)
    return Entry(path, model, listed is not None, tuple(others))


def write_entry(site: Site, entry: Entry, policy: Policy, labels: Mapping[str, int]) -> Entry:
    """Writes a model's policy and labels into `models.config`, which changes as a whole or not at all.

    Args:
        site: Where.
        entry: What is to be changed; one without a file is left alone.
        policy: Which versions are served.
        labels: All its labels.

    Returns:
        What the file says now.

    Raises:
        BundleError: The file cannot be edited, or somebody else keeps it locked.
    """
    if entry.path is None:
        return entry
    model = replace(entry.model, policy=policy, labels=dict(labels))
    path = entry.path.resolve()
    with lock_beside(path, site.lock_seconds, f"'{path}'"):
        text = _text(path) if path.is_file() else ""
        new = edited(text or _all_models(site, model), model, path)
        if new != text:
            _replace(path, new)
    return replace(entry, model=model, listed=True)


def _all_models(site: Site, model: ModelConfig) -> str:
    """Returns a first `models.config`: a server that is started with it must not lose the models it has served."""
    text = ""
    for folder in sorted(site.repository.iterdir()):
        if folder.name != model.name and not folder.name.startswith(".") and bundle.versions(folder):
            text = edited(
                text, ModelConfig(folder.name, model.base_path.parent / folder.name), Path(CONFIG_FILE)
            )
    return text


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeError as error:
        raise BundleError(
            f"'{path}' cannot be read: {error}.",
            allowed="UTF-8.",
            do="Mend it by hand; it was left as it is.",
        ) from error


def _replace(path: Path, text: str) -> None:
    # Under the lock one name is enough, and what a killed process left there is overwritten.
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with new.open("xb") as file:
        file.write(text.encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        shutil.copymode(path, new)
    new.replace(path)
    flush(path.parent)
