"""Writes a bundle: a numbered SavedModel folder that appears whole, checked and described, or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from filelock import FileLock, Timeout

from tlzoo import bundle
from tlzoo.bundle import BundleFacts, ParityFacts, SignatureFacts, TensorFacts
from tlzoo.errors import BundleError
from tlzoo.export.exportable import Exportable
from tlzoo.export.lite import fits_lite, hang_halves, keep_if_good
from tlzoo.export.signatures import Endpoint, endpoints, root_of
from tlzoo.export.verify import check_parity, reference_of
from tlzoo.export.warmup import write_warmup

Step = Callable[[str], None]
_TEMPORARY = ".export-"


def export_saved_model(
    exportable: Exportable,
    directory: Path,
    *,
    network: Callable[[], bytes | None] | None = None,
    progress: Step | None = None,
) -> Path:
    """Writes the next version of a bundle.

    Everything is written to a hidden folder beside the versions, checked against the model in memory, flushed
    to disk and then renamed: TensorFlow Serving, which polls the folder, never sees half a version, and two
    exports at once get two versions.

    Args:
        exportable: What to export.
        directory: The model folder; made if missing.
        network: Gives the network from what it eats to features (1, d) as a LiteRT file for one example. It is kept in
            the bundle where it answers the same and is quicker than the graph; see `tlzoo.lite_network`.
        progress: Called with the name of each step as it begins.

    Returns:
        The new version folder, `directory/<version>`.

    Raises:
        ParityError: What was written does not answer as the model in memory. No version appears.
        BundleError: The folder cannot be written.

    Example:
        >>> export_saved_model(exportable, Path("models/photos"))  # doctest: +SKIP
        PosixPath('models/photos/1')
    """
    say = progress or (lambda step: None)
    # The model in memory computes its answers while the graph is traced and written.
    with _workspace(Path(directory)) as folder, ThreadPoolExecutor(1) as aside:
        expected = aside.submit(reference_of, exportable)
        say("Tracing and saving the graph")
        content = network() if network is not None and fits_lite(exportable) else None
        signatures = _write_graph(exportable, folder, halves=content is not None)
        bundle.write_labels(folder, exportable.class_names)
        write_warmup(folder, exportable)
        say("Comparing with the model in memory")
        loaded = tf.saved_model.load(str(folder))
        parity = check_parity(folder, exportable, expected.result(), loaded)
        lite = (
            None if content is None else keep_if_good(content, folder, exportable, expected.result(), loaded)
        )
        say("Describing and publishing")
        facts = _facts(exportable, signatures, parity, bundle.checksums(folder))
        bundle.write_facts(folder, facts.model_copy(update={"network": lite}))
        _flush(folder)
        return _publish(folder, Path(directory))


def _write_graph(exportable: Exportable, folder: Path, *, halves: bool) -> dict[str, SignatureFacts]:
    asked = endpoints(exportable)
    traced = {
        one.name: tf.function(one.function, autograph=False).get_concrete_function(one.spec) for one in asked
    }
    # Nobody differentiates a served graph, and tracing the gradient of every swish costs more than all the rest.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    # Not `keras.export.ExportArchive`: it hangs the functions on the root, and whatever function with a fixed
    # signature hangs there, TensorFlow traces and writes a second time. Traced ones are taken as they are.
    root = root_of(traced.values(), (*exportable.front.resources, *exportable.resources))
    if halves:
        hang_halves(root, asked, exportable)
    tf.saved_model.save(root, str(folder), signatures=traced, options=options)
    if "regress" in traced:
        _name_method(folder, "regress")
    return {one.name: _signature_facts(one, traced[one.name]) for one in asked}


def _name_method(folder: Path, key: str) -> None:
    """Marks a signature as one for Regress, as TensorFlow Serving may insist; TensorFlow 2 marks all as Predict."""
    methods = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(str(folder))
    methods.replace_method_name(signature_key=key, method_name=tf.compat.v1.saved_model.REGRESS_METHOD_NAME)
    methods.save()


def _signature_facts(endpoint: Endpoint, concrete: Any) -> SignatureFacts:
    outputs = concrete.structured_outputs
    return SignatureFacts(
        inputs={endpoint.spec.name: _tensor_facts(endpoint.spec)},
        outputs={name: _tensor_facts(tensor) for name, tensor in outputs.items()},
    )


def _tensor_facts(tensor: Any) -> TensorFacts:
    return TensorFacts(dtype=tensor.dtype.name, shape=tuple(tensor.shape.as_list()))


def _facts(
    exportable: Exportable,
    signatures: dict[str, SignatureFacts],
    parity: ParityFacts,
    checksums: dict[str, str],
) -> BundleFacts:
    given = dict(exportable.facts)
    return BundleFacts(
        name=exportable.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        tlzoo_version=_tlzoo_version(),
        keras_version=keras.__version__,
        tensorflow_version=tf.__version__,
        min_serving_version=".".join(tf.__version__.split(".")[:2]) + ".0",
        class_names=exportable.class_names,
        temperature=exportable.temperature,
        **exportable.front.about(),
        signatures=signatures,
        backbone=exportable.card.name,
        card=exportable.card.model_dump(mode="json"),
        data_fingerprint=given.pop("data_fingerprint", ""),
        weights_hash=given.pop("weights_hash", ""),
        metrics=given.pop("metrics", {}),
        task=given.pop("task", exportable.task),
        thresholds=exportable.thresholds,
        band=exportable.band,
        facts=given,
        parity=parity,
        checksums=checksums,
        ood=None if exportable.ood is None else exportable.ood.facts(),
        conformal=exportable.conformal,
    )


def _tlzoo_version() -> str:
    try:
        return version("tlzoo")
    except PackageNotFoundError:
        return "unknown"


@contextlib.contextmanager
def _workspace(directory: Path) -> Iterator[Path]:
    """Gives a hidden folder beside the versions and removes it, and those of killed exports, at the end."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _sweep(directory)
        folder = directory / f"{_TEMPORARY}{uuid.uuid4().hex}"
        lock = FileLock(f"{folder}.lock", timeout=0)
        with lock:
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
                Path(lock.lock_file).unlink(missing_ok=True)
    except OSError as error:
        raise BundleError(
            f"'{directory}' cannot be written: {error}.",
            allowed="a folder that can be made and written, with room for the model.",
            do="Choose another folder or free some space.",
        ) from error


def _sweep(directory: Path) -> None:
    """Removes what killed exports left: the system lets go of a dead process's lock, so a free lock means dead."""
    for file in directory.glob(f"{_TEMPORARY}*.lock"):
        with contextlib.suppress(Timeout, OSError), FileLock(file, timeout=0):
            shutil.rmtree(file.with_suffix(""), ignore_errors=True)
            file.unlink(missing_ok=True)


def _flush(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _publish(folder: Path, directory: Path) -> Path:
    """Renames the folder to the next free version; the loser of a race takes the number after."""
    while True:
        target = directory / str(bundle.next_version(directory))
        if target.exists() and not target.is_dir():
            raise FileExistsError(f"'{target}' exists and is no version folder")
        try:
            # Renaming onto a version that another export has just published fails, since that is not empty.
            folder.rename(target)
        except OSError:
            if not target.is_dir():
                raise
            continue
        _flush_entry(directory)
        return target


def _flush_entry(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
