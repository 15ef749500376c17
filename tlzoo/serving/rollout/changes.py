"""What callers would notice if one version of a model took the place of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tlzoo import bundle
from tlzoo.bundle import BundleFacts
from tlzoo.errors import BundleError

_SHOWN = 5


@dataclass(frozen=True)
class Change:
    """One thing that is not as it was.

    Attributes:
        kind: `signature`, `classes` or `task`.
        what: It, in words: from what to what.
    """

    kind: str
    what: str


@dataclass(frozen=True)
class Shape:
    """What callers rely on.

    Attributes:
        tensors: Type and sizes in words, by (signature, `input` or `output`, name).
        task: None where nothing describes it.
        class_names: In the order of the scores; None where nothing describes them.
    """

    tensors: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    task: str | None = None
    class_names: tuple[str, ...] | None = None


def shape_of(folder: Path, facts: BundleFacts | None = None) -> Shape:
    """Returns what callers of a version rely on, from its `bundle.json`, else from the SavedModel itself.

    Args:
        folder: The version folder.
        facts: Its description, if it has been read.

    Raises:
        BundleError: Neither can be read.
    """
    if facts is None and (folder / bundle.FACTS_FILE).is_file():
        facts = bundle.read_bundle(folder)[1]
    if facts is None:
        return Shape(dict(_from_graph(folder)))
    tensors = {
        (name, side, tensor): _words(about.dtype, about.shape)
        for name, signature in facts.signatures.items()
        for side, all_of_it in (("input", signature.inputs), ("output", signature.outputs))
        for tensor, about in all_of_it.items()
    }
    return Shape(tensors, facts.task, facts.class_names)


def _from_graph(folder: Path) -> Iterator[tuple[tuple[str, str, str], str]]:
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow.dtypes import as_dtype

    try:
        model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    except Exception as error:
        raise BundleError(
            f"'{folder / 'saved_model.pb'}' cannot be read: {error}.",
            allowed="a SavedModel, as TensorFlow writes it.",
            do="Export it again.",
        ) from error
    graphs = [graph for graph in model.meta_graphs if "serve" in graph.meta_info_def.tags]
    for name, signature in graphs[0].signature_def.items() if graphs else ():
        for side, tensors in (("input", signature.inputs), ("output", signature.outputs)):
            # What TensorFlow adds for itself (`__saved_model_init_op`) is nobody's to call.
            for tensor, about in tensors.items() if not name.startswith("__") else ():
                yield (name, side, tensor), _words(as_dtype(about.dtype).name, _sizes(about.tensor_shape))


def _sizes(shape: Any) -> tuple[int | None, ...] | None:
    return None if shape.unknown_rank else tuple(None if dim.size < 0 else dim.size for dim in shape.dim)


def _words(dtype: str, sizes: tuple[int | None, ...] | None) -> str:
    if sizes is None:
        return f"{dtype} of any shape"
    return f"{dtype} ({', '.join('?' if size is None else str(size) for size in sizes)})"


def changes(old: Shape, new: Shape) -> list[Change]:
    """Returns what callers of the old version would notice; nothing for a signature that only the new one has.

    Args:
        old: The version that answers now.
        new: The version that would.

    Example:
        >>> old = Shape({("serving_default", "input", "x"): "float32 (?, 3)"})
        >>> new = Shape({("serving_default", "input", "x"): "float32 (?, 4)"})
        >>> changes(old, new)[0].what
        "signature 'serving_default': input 'x' was float32 (?, 3) and is float32 (?, 4)"
    """
    return [*_tensors_differ(old, new), *_classes_differ(old, new), *_task_differs(old, new)]


def _tensors_differ(old: Shape, new: Shape) -> Iterator[Change]:
    kept = {key[0] for key in new.tensors}
    for gone in sorted({key[0] for key in old.tensors} - kept):
        yield Change("signature", f"signature '{gone}' is gone")
    for key in sorted(old.tensors.keys() | new.tensors.keys()):
        signature, side, name = key
        was, now = old.tensors.get(key), new.tensors.get(key)
        known = any(other[0] == signature for other in old.tensors)
        if was == now or signature not in kept or not known:
            continue
        how = (
            f"was {was} and is {now}"
            if was and now
            else f"is gone; it was {was}"
            if was
            else f"is new: {now}"
        )
        yield Change("signature", f"signature '{signature}': {side} '{name}' {how}")


def _classes_differ(old: Shape, new: Shape) -> Iterator[Change]:
    if old.class_names is None or new.class_names is None or old.class_names == new.class_names:
        return
    gone = [name for name in old.class_names if name not in set(new.class_names)]
    added = [name for name in new.class_names if name not in set(old.class_names)]
    if gone:
        yield Change("classes", f"classes are gone: {_some(gone)}")
    if added:
        yield Change("classes", f"classes are new: {_some(added)}")
    if not gone and not added:
        pairs = enumerate(zip(old.class_names, new.class_names, strict=False))
        at, (was, now) = next((at, pair) for at, pair in pairs if pair[0] != pair[1])
        yield Change("classes", f"classes are in another order: number {at} was '{was}' and is '{now}'")


def _task_differs(old: Shape, new: Shape) -> Iterator[Change]:
    if old.task and new.task and old.task != new.task:
        yield Change("task", f"the task was {old.task} and is {new.task}")


def _some(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
