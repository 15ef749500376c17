"""Reads SavedModels in the reusable form of TF Hub without running them; says what every other format is.

What is kept of one is its program (`saved_model.pb`), its assets and the state of its tables. The values of its
variables are read apart: they become weights of Keras, and travel as those.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from tlzoo.errors import SourceError, WeightsError
from tlzoo.sources import hub_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

PROGRAM, PREFIX = "saved_model.pb", "variables/variables"
_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
_REUSABLE = "a folder with the saved_model.pb of TF2, whose root can be called or which has signatures."
_FORMS = (
    # (what is there, what it is)
    ("tfhub_module.pb", "a module in the TF1 Hub format"),
    ("saved_model.pbtxt", "a SavedModel written as text"),
    ("model.json", "a TensorFlow.js model"),
    ("*.tflite", "a TFLite model, which cannot be trained"),
    ("keras_metadata.pb", "what Keras 2 writes beside a SavedModel, without the SavedModel"),
    ("*.pb", "a frozen graph: its variables were made constants, which cannot be trained"),
)


@dataclass(frozen=True)
class HubModule:
    """A SavedModel as values.

    Attributes:
        files: Contents by path inside the SavedModel, without the values of variables; empty where only its
            description is known.
        variables: What its functions read, in a fixed order.
        fingerprint: SHA-256 over `files`.
    """

    files: Mapping[str, bytes]
    variables: tuple[hub_graph.VariableSpec, ...]
    fingerprint: str


def read_module(folder: Path) -> HubModule:
    """Reads a folder.

    Args:
        folder: Holds a SavedModel.

    Raises:
        SourceError: It holds something else, or operations that reach for files; the error says which.
        WeightsError: It is damaged.
    """
    program = _program(folder)
    saved = hub_graph.parse(program, str(folder))
    hub_graph.refuse_other_forms(saved, str(folder))
    specs = hub_graph.variables(saved)
    hub_graph.settle(saved, specs)
    files = {PROGRAM: saved.SerializeToString(deterministic=True), **_assets(folder)}
    return from_files({**files, **_tables(folder, saved)}, str(folder))


def from_files(files: Mapping[str, bytes], origin: str) -> HubModule:
    """Makes a module of files that `read_module` gave.

    Args:
        files: Contents by path.
        origin: Where they came from, for errors.

    Raises:
        SourceError: A path leads outside, or the program reaches for files.
        WeightsError: The program is damaged.
    """
    saved = hub_graph.parse(files.get(PROGRAM, b""), origin)
    for name in (*files, *hub_graph.asset_names(saved)):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
            raise _refused(origin, f"its file '{name}' would land outside its folder")
    hub_graph.refuse_other_forms(saved, origin)
    hub_graph.refuse_reaching_out(saved, origin)
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    return HubModule(dict(files), hub_graph.variables(saved), whole.hexdigest())


def write_module(module: HubModule, folder: Path) -> None:
    """Writes a module's files below a folder, which may be empty or not exist."""
    for name, content in module.files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def read_values(folder: Path, module: HubModule) -> Iterator[NDArray[Any]]:
    """Returns the values of a module's variables, in their order, each read when it is asked for.

    Raises:
        WeightsError: The folder lacks one, or holds it in another shape.
    """
    reader = _reader(folder)
    if reader is None and module.variables:
        raise _damaged(folder, f"{PREFIX}.index is missing")
    if reader is None:
        return iter(())
    saved = hub_graph.parse(module.files[PROGRAM], str(folder))
    keys = hub_graph.checkpoint_keys(saved, reader.get_tensor(_OBJECTS))
    shapes = reader.get_variable_to_shape_map()
    for spec in module.variables:
        if (shape := shapes.get(keys.get(spec.node))) is None:
            raise _damaged(folder, f"the value of variable '{spec.name}' is missing")
        if tuple(shape) != spec.shape:
            raise _damaged(folder, f"variable '{spec.name}' has shape {tuple(shape)} instead of {spec.shape}")
    return (reader.get_tensor(keys[spec.node]) for spec in module.variables)


def _program(folder: Path) -> bytes:
    """Returns the bytes of `saved_model.pb`, or says what is there in its place."""
    old = (folder / "tfhub_module.pb").is_file()  # lies beside a saved_model.pb of TF1
    if folder.is_dir() and not old and (folder / PROGRAM).is_file():
        return (folder / PROGRAM).read_bytes()
    if folder.is_file():
        kinds = [what for glob, what in _FORMS if PurePosixPath(folder.name).match(glob)]
    else:
        kinds = [what for glob, what in _FORMS if next(folder.glob(glob), None)]
    why = f"it is {kinds[0]}" if kinds else f"{PROGRAM} is not there"
    raise _refused(str(folder), why)


def _assets(folder: Path) -> dict[str, bytes]:
    root = folder / "assets"
    paths = sorted(path for path in root.rglob("*") if path.is_file()) if root.is_dir() else []
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _tables(folder: Path, saved: Any) -> dict[str, bytes]:
    """Returns a checkpoint of everything but variables; TensorFlow wants one even where that is nothing."""
    import tensorflow as tf

    reader = _reader(folder)
    objects, dropped = hub_graph.without_variables(saved, reader.get_tensor(_OBJECTS) if reader else b"")
    names = set(reader.get_variable_to_shape_map()) - dropped - {_OBJECTS} if reader else set()
    kept = {name: tf.constant(reader.get_tensor(name)) for name in sorted(names)}
    kept[_OBJECTS] = tf.constant(objects)
    with tempfile.TemporaryDirectory() as scratch:
        prefix = f"{scratch}/variables"
        # In eager mode this writes the two files of a checkpoint of one shard.
        tf.raw_ops.SaveV2(
            prefix=prefix,
            tensor_names=list(kept),
            shape_and_slices=[""] * len(kept),
            tensors=list(kept.values()),
        )
        return {f"variables/{path.name}": path.read_bytes() for path in sorted(Path(scratch).iterdir())}


def _reader(folder: Path) -> Any:
    """Returns TensorFlow's reader of the folder's checkpoint; None if there is none."""
    import tensorflow as tf

    if not (folder / f"{PREFIX}.index").is_file():
        return None
    try:
        return tf.train.load_checkpoint(str(folder / PREFIX))
    except (tf.errors.OpError, ValueError) as error:
        raise _damaged(folder, f"its variables cannot be read ({error})") from error


def _refused(origin: str, why: str) -> SourceError:
    return SourceError(
        f"{origin} cannot be used as a TF Hub module: {why}.",
        allowed=_REUSABLE,
        do="Take the module's TF2 version, or save it again with tf.saved_model.save.",
    )


def _damaged(folder: Path, why: str) -> WeightsError:
    return WeightsError(
        f"{folder}: {why}.", allowed="a whole SavedModel with its variables.", do="Fetch the module again."
    )
