"""Bundles: asked in this process, or put where a server looks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlzoo.export.predictor import Predictor
    from tlzoo.serving.rollout.site import Outcome


def load_bundle(path: str | Path, *, verify: bool = False) -> Predictor:
    """Loads an exported bundle for use in this process.

    Args:
        path: The bundle's folder (its newest version is taken) or one version of it.
        verify: Whether to check every file against its recorded checksum first.
    """
    from tlzoo.export.predictor import Predictor

    return Predictor.load(Path(path), verify=verify)


def samples(bundle: str | Path) -> list[bytes]:
    """Returns the few real pictures (encoded) or texts (UTF-8) that a bundle carries to be warmed up with.

    Args:
        bundle: Its folder, or one version of it; nothing of it is run.

    Returns:
        Those of its largest request; none where it carries none.

    Raises:
        BundleError: There is no bundle there.
    """
    from tlzoo.bundle import read_bundle
    from tlzoo.protocol.signature import DEFAULT_SIGNATURE, Signature
    from tlzoo.workflows.bench_inputs import rows_from_warmup

    folder, _ = read_bundle(Path(bundle))
    rows = rows_from_warmup(folder, Signature(DEFAULT_SIGNATURE, {}, {}))
    found = [item for column in (rows or {}).values() for item in column if isinstance(item, bytes)]
    return list(dict.fromkeys(found))


def deploy(
    bundle: str | Path,
    repository: str | Path,
    *,
    name: str = "",
    labels: Sequence[str] = (),
    keep: int = 0,
    server: str | None = None,
    wait_seconds: float = 300.0,
    progress: Any = None,
) -> Outcome:
    """Copies a bundle into a repository that a server looks at, as the next version of a model.

    Args:
        bundle: A folder of versions, whose newest is taken, or one version.
        repository: Folder of models: `REPO/<model>/<version>`.
        name: Of the model; by default of the bundle's folder.
        labels: `stable`, `canary` …, which `models.config` gives it.
        keep: How many versions stay; 0 for all.
        server: Address of a server (its REST port) to wait for until it has followed.
        wait_seconds: How long, in seconds.
        progress: Called with (done, total, what).

    Returns:
        Where it is, what it replaced, and what to know; see `tlzoo.serving.rollout.site.Outcome`.

    Raises:
        TlzooError: It must not be deployed there; nothing has changed.

    Example:
        >>> deploy("models/photos", "/srv/models").path  # doctest: +SKIP
        PosixPath('/srv/models/photos/4')
    """
    from tlzoo.serving.rollout.availability import Server
    from tlzoo.serving.rollout.deploy import Order
    from tlzoo.serving.rollout.deploy import deploy as carry_out
    from tlzoo.serving.rollout.site import Site

    asked = Server(server, wait_seconds) if server else None
    site = Site(Path(repository), server=asked)
    return carry_out(Path(bundle), site, Order(name, tuple(labels), keep), progress=progress)
