"""One loaded SavedModel: its signatures, and a way to run them that fails in TensorFlow Serving's words."""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tlzoo.bundle import FACTS_FILE, read_bundle
from tlzoo.lite_network import LiteNetwork
from tlzoo.protocol.dtypes import DTYPES, dtype_of
from tlzoo.protocol.signature import PREDICT, Arrays, Signature, TensorInfo
from tlzoo.protocol.status import Code, ServingError, invalid

log = logging.getLogger("tlzoo.serving")

TAG = "serve"
_TEXT_OPS = re.compile(
    r"^(TFText>|Sentencepiece|WordpieceTokenize|RegexSplit|FastWordpiece|WhitespaceTokenize)"
)
_NOISE = re.compile(
    r"\A(?:Graph execution error:\s*)?(?:Detected at node .*?\n(?:<stack traces unavailable>\n)?)?"
    r"(?:\{\{function_node [^}]*\}\} )*",
    re.DOTALL,
)


class Servable:
    """A SavedModel in memory.

    It is not aware of versions or batches, and safe to run from several threads at once.

    Args:
        folder: The version folder, which holds `saved_model.pb`.
        lite: Whether the network of a bundle of tlzoo is computed by LiteRT, where the bundle holds it in that form
            too (`tlzoo.lite_network`).

    Raises:
        ServingError: The folder holds no SavedModel that TensorFlow can load.

    Example:
        >>> servable = Servable(Path("models/photos/1"))  # doctest: +SKIP
        >>> servable.run("pixels", {"pixels": pixels})["label"]  # doctest: +SKIP
        array([b'cat'], dtype=object)
    """

    def __init__(self, folder: Path, *, lite: bool = True) -> None:
        self.folder = folder
        definitions, ops = _definitions(folder)
        if any(_TEXT_OPS.match(op) for op in ops):
            importlib.import_module("tensorflow_text")
        self._model = _load(folder)
        self._functions = dict(self._model.signatures)
        self._network = _network(folder, self._model) if lite else None
        self.signature_defs = definitions
        self.signatures = {key: _signature(key, one) for key, one in definitions.items()}
        self._defaults = {key: _defaults(one) for key, one in definitions.items()}

    @property
    def by_rows(self) -> bool:
        """Whether rows are computed one by one, so that nothing is gained by asking for many at once."""
        return self._network is not None

    def metadata(self) -> Any:
        """Returns the `tensorflow.serving.SignatureDefMap` of all signatures."""
        from tensorflow_serving.apis import get_model_metadata_pb2

        signature_map = get_model_metadata_pb2.SignatureDefMap()
        for key, definition in self.signature_defs.items():
            signature_map.signature_def[key].CopyFrom(definition)
        return signature_map

    def run(self, key: str, inputs: Arrays, outputs: Sequence[str] = ()) -> dict[str, np.ndarray]:
        """Computes outputs of a signature.

        Args:
            key: The signature's.
            inputs: Every input without a default, and no others. Nobody checks their shapes but the graph.
            outputs: Aliases wanted, all if there are none.

        Returns:
            Arrays by alias; strings are object arrays of bytes.

        Raises:
            ServingError: The types do not fit (INVALID_ARGUMENT), or the graph refuses the values.
        """
        import tensorflow as tf

        signature = self.signatures[key]
        function = self._functions.get(key)
        if function is None:
            raise ServingError(Code.UNIMPLEMENTED, f"Signature '{key}' cannot be called.")
        values = {**self._defaults[key], **inputs}
        check_types(signature, values)
        try:
            found = self._by_network(key, values)
            if found is not None:
                return {alias: found[alias] for alias in outputs or found}
            answers = function(**{alias: tf.constant(value) for alias, value in values.items()})
            return {alias: _array(answers[alias]) for alias in outputs or answers}
        except tf.errors.OpError as error:
            raise ServingError(Code(error.error_code), plain(error.message)) from error
        except (ValueError, TypeError) as error:
            raise invalid(plain(str(error))) from error

    def _by_network(self, key: str, values: Arrays) -> dict[str, np.ndarray] | None:
        """Returns what LiteRT computes; None where that is for the graph to do."""
        if self._network is None or len(values) != 1:
            return None
        (rows,) = values.values()
        return self._network.run(key, rows) if self._network.takes(key, rows) else None


def check_types(signature: Signature, values: Arrays) -> None:
    """Refuses arrays of another type than the signature's, as a TensorFlow session does.

    Raises:
        ServingError: `Expects arg[0] to be float but string is provided`.
    """
    for index, (alias, info) in enumerate(sorted(signature.inputs.items())):
        value = values.get(alias)
        if value is None or info.dtype is None or value.dtype == info.dtype.numpy:
            continue
        got = dtype_of(value)
        name = got.name if got is not None else str(value.dtype)
        raise invalid(f"Expects arg[{index}] to be {info.dtype.name} but {name} is provided")


def plain(message: str) -> str:
    """Returns an op's message as a session says it, without what eager execution wraps around it."""
    text = _NOISE.sub("", message, count=1)
    return re.sub(r"\s*\[Op:[^\]]*\]\s*\Z", "", text)


def _definitions(folder: Path) -> tuple[dict[str, Any], set[str]]:
    """Reads signature definitions and names of ops from `saved_model.pb` without loading it."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    file = folder / "saved_model.pb"
    if not file.is_file():
        raise ServingError(
            Code.NOT_FOUND,
            f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {folder}",
        )
    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString(file.read_bytes())
    except DecodeError as error:
        raise ServingError(Code.DATA_LOSS, f"Can't parse {file} as binary proto") from error
    for graph in saved.meta_graphs:
        if TAG in graph.meta_info_def.tags:
            definitions = {}
            for key, definition in graph.signature_def.items():
                definitions[key] = type(definition)()
                definitions[key].CopyFrom(definition)
            nodes = (node.op for function in graph.graph_def.library.function for node in function.node_def)
            return definitions, {node.op for node in graph.graph_def.node}.union(nodes)
    raise ServingError(
        Code.NOT_FOUND,
        f"Could not find meta graph def matching supplied tags: {{ {TAG} }}. To inspect available tag-sets in the "
        "SavedModel, please use the SavedModel CLI: `saved_model_cli`",
    )


def _load(folder: Path) -> Any:
    import tensorflow as tf

    try:
        return tf.saved_model.load(str(folder))
    except tf.errors.OpError as error:
        raise ServingError(Code(error.error_code), plain(error.message)) from error
    except Exception as error:
        # TensorFlow raises whatever its Python raises: OSError, KeyError, AttributeError, DecodeError …
        raise ServingError(Code.UNKNOWN, f"{type(error).__name__}: {error}") from error


def _network(folder: Path, model: Any) -> LiteNetwork | None:
    if not (folder / FACTS_FILE).is_file():
        return None
    try:
        _, facts = read_bundle(folder)
        return LiteNetwork.of(folder, facts, model)
    except Exception as error:
        # The graph is there all the same, and whether it may be served is for others to say.
        log.warning("%s is served without its LiteRT network: %s: %s", folder, type(error).__name__, error)
        return None


def _signature(key: str, definition: Any) -> Signature:
    return Signature(
        key,
        {alias: _info(one) for alias, one in definition.inputs.items()},
        {alias: _info(one) for alias, one in definition.outputs.items()},
        definition.method_name or PREDICT,
        frozenset(definition.defaults),
    )


def _info(tensor: Any) -> TensorInfo:
    shape = tensor.tensor_shape
    sizes = None if shape.unknown_rank else tuple(int(one.size) for one in shape.dim)
    return TensorInfo(tensor.name, DTYPES.get(tensor.dtype), sizes)


def _defaults(definition: Any) -> Mapping[str, np.ndarray]:
    import tensorflow as tf

    return {alias: np.asarray(tf.make_ndarray(value)) for alias, value in definition.defaults.items()}


def _array(value: Any) -> np.ndarray:
    found = value.numpy()
    # A scalar of strings comes as bare bytes, one of numbers as a NumPy scalar.
    return np.array(found, dtype=object) if isinstance(found, bytes) else np.asarray(found)
