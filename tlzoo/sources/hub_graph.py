"""What the object graph inside a `saved_model.pb` says: variables, functions, and operations it must not hold."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tlzoo.errors import SourceError, WeightsError

REACHING_OUT = re.compile(
    "(ReadFile|WriteFile|MatchingFiles|PrintV2|Save|SaveSlices|SaveV2|Restore|RestoreSlice|RestoreV2|MergeV2Checkpoints"
    "|LoadAndRemapMatrix|SaveDataset(V2)?|LoadDataset|(Text|TF|FixedLength).*(Reader|Dataset)(V2)?|WholeFileReader(V2)?"
    "|CreateSummary.*Writer|Debug.*|.*PyFunc.*|RpcCall)"
)
"""Operations that read or write files a module has no business with, or call out of the graph."""
_LISTS = ("variables", "trainable_variables", "regularization_losses", "signatures", "keras_api")


@dataclass(frozen=True)
class VariableSpec:
    """One variable of a module.

    Attributes:
        name: As it was saved (`conv1/kernel`); where several share a name, the path of attributes that leads to it
            (`encoder/layers/0/kernel`).
        shape: Its shape.
        dtype: Its type, as NumPy writes it.
        trainable: Whether the module's author lets it learn.
        node: Its number in the object graph.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    trainable: bool
    node: int


def parse(program: bytes, origin: str) -> Any:
    """Parses a `saved_model.pb`.

    Args:
        program: Its bytes.
        origin: Where it came from, for errors.

    Raises:
        WeightsError: It is damaged or empty.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString(program)
    except DecodeError as error:
        raise _damaged(origin, str(error)) from error
    if not saved.meta_graphs:
        raise _damaged(origin, "it holds no graph")
    return saved


def refuse_other_forms(saved: Any, origin: str) -> None:
    """Raises a SourceError for SavedModels of TF1, and for those with nothing to call."""
    graph = saved.meta_graphs[0]
    if not graph.HasField("object_graph_def"):
        tags = [", ".join(meta.meta_info_def.tags) or "none" for meta in saved.meta_graphs]
        raise SourceError(
            f"{origin} is a SavedModel of TF1, made for sessions (tags: {'; '.join(tags)}): it has no objects, so its "
            "variables cannot be trained.",
            allowed="a TF2 SavedModel.",
            do="Take the module's TF2 version; those of TF Hub say which they are.",
        )
    if not callable_root(saved) and not signatures(saved):
        raise SourceError(
            f"{origin} is a SavedModel without anything to call: its root has no __call__ and no signatures.",
            allowed="a root with a __call__ that is a tf.function, or signatures.",
            do="Save it with tf.saved_model.save(module, folder, signatures=...).",
        )


def refuse_reaching_out(saved: Any, origin: str) -> None:
    """Raises a SourceError if a function that the module can run reads or writes files by itself."""
    graph = saved.meta_graphs[0]
    functions = {function.signature.name: function for function in graph.graph_def.library.function}
    # Saving and restoring functions stand in the library too; nothing that we call leads to them.
    waiting, seen = deque(graph.object_graph_def.concrete_functions), set()
    while waiting:
        name = waiting.popleft()
        if name in seen or name not in functions:
            continue
        seen.add(name)
        for node in functions[name].node_def:
            if REACHING_OUT.fullmatch(node.op):
                raise SourceError(
                    f"{origin} holds operation {node.op} ('{node.name}' in function '{name}').",
                    allowed="modules that compute, and do not reach for files or Python.",
                    do="Do not use it; ask where it came from.",
                )
            waiting.append(node.op)
            waiting.extend(_called(node))


def _called(node: Any) -> Iterable[str]:
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        yield from (function.name for function in value.list.func)


def callable_root(saved: Any) -> bool:
    """Tells if the root of the SavedModel can be called."""
    return "__call__" in _children(saved, 0)


def asset_names(saved: Any) -> list[str]:
    """Returns the names of the files that the program reads while it loads."""
    return [asset.filename for asset in saved.meta_graphs[0].asset_file_def]


def signatures(saved: Any) -> list[str]:
    """Returns the names of the SavedModel's signatures."""
    at = _children(saved, 0).get("signatures")
    return sorted(_children(saved, at)) if at is not None else []


def variables(saved: Any) -> tuple[VariableSpec, ...]:
    """Returns what a module's functions read or its root lists, by number.

    State that no function reads (a Keras 2 optimizer's, metrics') is left out.
    """
    objects = saved.meta_graphs[0].object_graph_def
    known = {at for at, node in enumerate(objects.nodes) if node.WhichOneof("kind") == "variable"}
    listed = _listed(saved, "variables")
    read = {at for function in objects.concrete_functions.values() for at in function.bound_inputs}
    # Keras 2 counts its metrics and its optimizer among what its own functions read.
    chosen = known & (listed if listed is not None else read)
    chosen |= known & _read_by(saved, ("__call__", "signatures", "regularization_losses"))
    return tuple(_described(saved, sorted(chosen)))


def settle(saved: Any, specs: Sequence[VariableSpec]) -> None:
    """Gives variables names that tell them apart while loading, and drops what would keep the graph from loading."""
    nodes = saved.meta_graphs[0].object_graph_def.nodes
    for node in nodes:
        # Only optimizers have them; Keras 2's are unknown to TensorFlow without Keras 2, which then fails to load.
        del node.slot_variables[:]
    for spec in specs:
        nodes[spec.node].variable.name = f"{spec.node}|{spec.name}"


def checkpoint_keys(saved: Any, objects: bytes) -> dict[int, str]:
    """Returns the checkpoint's key of each variable, by number in the object graph.

    Args:
        saved: The SavedModel.
        objects: The object graph inside its checkpoint, which numbers objects in its own way.
    """
    stored = _stored(objects)
    found = {}
    for at, other in _pairs(saved, stored):
        if saved.meta_graphs[0].object_graph_def.nodes[at].WhichOneof("kind") == "variable":
            for attribute in stored.nodes[other].attributes:
                found[at] = attribute.checkpoint_key
    return found


def without_variables(saved: Any, objects: bytes) -> tuple[bytes, set[str]]:
    """Returns the checkpoint's object graph without variables, and the keys of those."""
    stored = _stored(objects)
    nodes = saved.meta_graphs[0].object_graph_def.nodes
    dropped = {other for at, other in _pairs(saved, stored) if nodes[at].WhichOneof("kind") == "variable"}
    dropped |= {slot.slot_variable_node_id for node in stored.nodes for slot in node.slot_variables}
    keys = {attribute.checkpoint_key for at in dropped for attribute in stored.nodes[at].attributes}
    for at, node in enumerate(stored.nodes):
        del node.slot_variables[:]
        if at in dropped:
            del node.attributes[:]
    return stored.SerializeToString(deterministic=True), keys


def _stored(objects: bytes) -> Any:
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    stored = trackable_object_graph_pb2.TrackableObjectGraph()
    stored.ParseFromString(objects)
    if not stored.nodes:
        stored.nodes.add()
    return stored


def _pairs(saved: Any, stored: Any) -> list[tuple[int, int]]:
    """Returns which object of the checkpoint is which of the SavedModel, found by walking both side by side."""
    waiting, pairs = deque([(0, 0)]), {0: 0}
    while waiting:
        at, other = waiting.popleft()
        below = {child.local_name: child.node_id for child in stored.nodes[other].children}
        for name, child in _children(saved, at).items():
            if name in below and child not in pairs:
                pairs[child] = below[name]
                waiting.append((child, below[name]))
    return list(pairs.items())


def _children(saved: Any, at: int) -> dict[str, int]:
    nodes = saved.meta_graphs[0].object_graph_def.nodes
    return {child.local_name: child.node_id for child in nodes[at].children} if nodes else {}


def _listed(saved: Any, name: str) -> set[int] | None:
    """Returns the numbers in one of the root's lists, or None where it has no such list."""
    at = _children(saved, 0).get(name)
    return None if at is None else set(_children(saved, at).values())


def _read_by(saved: Any, names: Iterable[str]) -> set[int]:
    """Returns what the functions below some of the root's attributes read."""
    objects, found = saved.meta_graphs[0].object_graph_def, set()
    waiting = deque(at for name, at in _children(saved, 0).items() if name in names)
    while waiting:
        node = objects.nodes[waiting.popleft()]
        kind = node.WhichOneof("kind")
        functions = list(node.function.concrete_functions) if kind == "function" else []
        functions += (
            [node.bare_concrete_function.concrete_function_name] if kind == "bare_concrete_function" else []
        )
        found |= {at for name in functions for at in objects.concrete_functions[name].bound_inputs}
        if kind == "user_object":
            waiting.extend(child.node_id for child in node.children)
    return found


def _described(saved: Any, chosen: Sequence[int]) -> Iterable[VariableSpec]:
    import tensorflow as tf

    nodes = saved.meta_graphs[0].object_graph_def.nodes
    learning, paths = _listed(saved, "trainable_variables"), _paths(saved)
    names = {at: _plain(nodes[at].variable.name) for at in chosen}
    times = Counter(names.values())
    for at in chosen:
        variable = nodes[at].variable
        single = names[at] and times[names[at]] == 1
        yield VariableSpec(
            name=names[at] if single else paths.get(at, f"variable_{at}"),
            shape=tuple(dimension.size for dimension in variable.shape.dim),
            dtype=tf.dtypes.as_dtype(variable.dtype).name,
            trainable=variable.trainable if learning is None else at in learning,
            node=at,
        )


def _plain(name: str) -> str:
    """Returns a variable's name without its number while loading (`12|conv/kernel`) and without `:0`."""
    return name.partition("|")[2].removesuffix(":0") if "|" in name else name.removesuffix(":0")


def _paths(saved: Any) -> dict[int, str]:
    """Returns the shortest path of attributes to each object; the root's own lists lead nowhere one would look."""
    found: dict[int, str] = {}
    for hidden in (_LISTS, ()):
        waiting, seen = deque([(0, "")]), {0}
        while waiting:
            at, path = waiting.popleft()
            for name, child in _children(saved, at).items():
                if child not in seen and not (at == 0 and name in hidden):
                    seen.add(child)
                    found.setdefault(child, f"{path}{name}")
                    waiting.append((child, f"{path}{name}/"))
    return found


def _damaged(origin: str, why: str) -> WeightsError:
    return WeightsError(
        f"{origin}: saved_model.pb cannot be read: {why}.",
        allowed="a whole SavedModel.",
        do="Fetch it again.",
    )
