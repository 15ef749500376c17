"""Calls a loaded SavedModel: by its root or a signature, in training mode or not, with inputs of its own types."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from tlzoo.errors import SourceError, UsageError
from tlzoo.sources.hub_graph import VariableSpec

_ONES = ("gamma", "scale", "variance")
_ZEROS = ("beta", "bias", "biases", "offset", "mean")


def load(folder: str, variables: Mapping[int, Any], name: str) -> Any:
    """Loads a module that `hub_format` wrote, around variables that exist.

    Args:
        folder: Where it lies.
        variables: TensorFlow variables by number in the object graph.
        name: Of the layer, for errors.

    Raises:
        SourceError: It needs operations that no installed library brings.
    """

    def take(make: Callable[..., Any], **words: Any) -> Any:
        number, mark, _ = str(words.get("name") or "").partition("|")
        if mark and int(number) in variables:
            return variables[int(number)]
        return make(**words)

    options = tf.saved_model.LoadOptions(allow_partial_checkpoint=True)
    for attempt in (False, True):
        try:
            with tf.init_scope(), tf.variable_creator_scope(take):
                return tf.saved_model.load(folder, options=options)
        except (tf.errors.OpError, RuntimeError, FileNotFoundError) as error:
            if attempt or "not registered" not in str(error) or not _know_more_operations():
                raise SourceError(
                    f"The module of layer '{name}' does not load: {str(error).splitlines()[0][:200]}",
                    allowed="operations of TensorFlow and of TensorFlow Text.",
                    do="Use a module made for the installed versions of these.",
                ) from error
    raise AssertionError("unreachable")


def _know_more_operations() -> bool:
    """Registers the operations of TensorFlow Text, which preprocessors of texts use; tells if it is installed."""
    try:
        import tensorflow_text  # noqa: F401
    except ImportError:
        return False
    return True


class Tables(tf.Module):
    """Holds a module's lookup tables, for TensorFlow to find and save.

    Attributes:
        tables: The tables.
    """

    def __init__(self, loaded: Any) -> None:
        super().__init__()
        kind = tf.saved_model.experimental.TrackableResource
        self.tables = [
            part for part in tf.train.TrackableView(loaded).descendants() if isinstance(part, kind)
        ]


class Entry:
    """One way into a loaded module.

    Args:
        loaded: What TensorFlow loaded.
        signature: Name of a signature, or None for the root.
        output_key: Which named output to return, or None.
        as_dict: Return a signature's outputs by name even if there is only one.
        arguments: Further keyword arguments of the root.
        name: Of the layer, for errors.

    Attributes:
        wants_training: Whether it is told if the model trains.
        losses: Regularisation losses, each with the variables it reads.

    Raises:
        UsageError: There is no such way.
    """

    def __init__(
        self,
        loaded: Any,
        signature: str | None,
        output_key: str | None,
        as_dict: bool,
        arguments: Mapping[str, Any],
        name: str,
    ) -> None:
        self._loaded, self._name = (
            loaded,
            name,
        )  # its functions hold no reference to what they were loaded from
        self._signature, self._output_key, self._as_dict = signature, output_key, as_dict
        self._arguments = dict(arguments)
        self._function = self._find(loaded, signature)
        self.wants_training = signature is None and "training" in inspect.signature(self._function).parameters
        functions = getattr(loaded, "regularization_losses", None) or []
        self.losses = [(function, _read_by(function)) for function in functions]

    def _find(self, loaded: Any, signature: str | None) -> Any:
        known = sorted(getattr(loaded, "signatures", {}))
        if signature is None and callable(loaded):
            return loaded.__call__
        if signature in known:
            return loaded.signatures[signature]
        what = f"no signature '{signature}'" if signature else "a root that cannot be called"
        raise UsageError(
            f"The module of layer '{self._name}' has {what}.",
            allowed=f"signature = one of {', '.join(known)}."
            if known
            else "signature=None: it has no signatures.",
            do="Name one of these." if known else "Leave `signature` out.",
        )

    def __call__(self, inputs: Any, *, training: bool) -> Any:
        """Runs the module on inputs cast to its types, and picks the output."""
        inputs = _cast(inputs, self._expected())
        try:
            outputs = self._run(inputs, training)
        except (TypeError, ValueError) as error:
            if "concrete function" not in str(error) and "signature" not in str(error):
                raise
            raise UsageError(
                f"The module of layer '{self._name}' does not take {describe(inputs)}.",
                allowed=f"{describe(self._expected())}.",
                do="Feed it what it was saved for.",
            ) from error
        return self._picked(outputs)

    def _run(self, inputs: Any, training: bool) -> Any:
        if self._signature is None:
            words = {"training": training} if self.wants_training else {}
            return self._function(inputs, **self._arguments, **words)
        if not isinstance(inputs, Mapping):
            (key,) = self._function.structured_input_signature[1]
            inputs = {key: inputs}
        return self._function(**inputs)

    def _expected(self) -> Any:
        """Returns the specs of the inputs, in their structure; None if they cannot be told."""
        concrete = self._function
        if self._signature is None:
            functions = getattr(self._function, "concrete_functions", None)
            if not functions:
                return None
            concrete = functions[0]
        places, words = concrete.structured_input_signature
        if self._signature is None:
            return places[0] if places else None
        return dict(words) if len(words) > 1 else next(iter(words.values()), None)

    def _picked(self, outputs: Any) -> Any:
        if self._output_key is not None:
            if isinstance(outputs, Mapping) and self._output_key in outputs:
                return outputs[self._output_key]
            known = (
                ", ".join(sorted(outputs)) if isinstance(outputs, Mapping) else "none: it gives one tensor"
            )
            raise UsageError(
                f"The module of layer '{self._name}' has no output '{self._output_key}'.",
                allowed=f"{known}.",
                do="Set `output_key` to one of these.",
            )
        if (
            isinstance(outputs, Mapping)
            and len(outputs) == 1
            and self._signature is not None
            and not self._as_dict
        ):
            return next(iter(outputs.values()))
        return dict(outputs) if isinstance(outputs, Mapping) else outputs


def initializer(spec: VariableSpec, seed: int | None) -> Any:
    """Returns how a variable is filled without pretrained values.

    Args:
        spec: The variable.
        seed: Of its random numbers; None fills it with zeros, which is quicker where values follow.
    """
    kind = spec.name.rpartition("/")[2].lower().rpartition("_")[2]
    if spec.dtype == "string":
        return _empty_strings
    if seed is None or not spec.dtype.startswith(("float", "bfloat")):
        return "zeros"
    if kind in _ONES:
        return "ones"
    if kind in _ZEROS or len(spec.shape) < 2:
        return "zeros"
    return keras.initializers.GlorotUniform(seed=seed)


def _empty_strings(shape: Any, dtype: Any = None) -> Any:
    return tf.fill(tuple(shape), "")


def describe(structure: Any) -> str:
    """Returns the shapes and types of a structure of tensors, for people and as a key."""

    def one(tensor: Any) -> str:
        kind = (
            tensor.dtype
            if isinstance(tensor.dtype, str)
            else getattr(tensor.dtype, "name", str(tensor.dtype))
        )
        return f"{kind} {tuple(tensor.shape)}"

    return "nothing known" if structure is None else json.dumps(tf.nest.map_structure(one, structure))


def to_config(outputs: Any) -> Any:
    """Returns a structure of symbolic tensors as JSON-able values."""
    if isinstance(outputs, Mapping):
        return {"names": {key: to_config(value) for key, value in outputs.items()}}
    if isinstance(outputs, list | tuple):
        return {"items": [to_config(value) for value in outputs]}
    return {"shape": list(outputs.shape), "dtype": keras.backend.standardize_dtype(outputs.dtype)}


def from_config(config: Any) -> Any:
    """Returns the symbolic tensors that `to_config` described."""
    if "names" in config:
        return {key: from_config(value) for key, value in config["names"].items()}
    if "items" in config:
        return [from_config(value) for value in config["items"]]
    return keras.KerasTensor(tuple(config["shape"]), dtype=config["dtype"])


def _cast(inputs: Any, expected: Any) -> Any:
    """Casts numbers to the types a module was saved for; mixed precision feeds float16."""
    try:
        tf.nest.assert_same_structure(inputs, expected)
    except (TypeError, ValueError):
        return inputs

    def one(tensor: Any, spec: Any) -> Any:
        if not isinstance(spec, tf.TensorSpec) or tensor.dtype == spec.dtype:
            return tensor
        alike = (tensor.dtype.is_floating and spec.dtype.is_floating) or (
            tensor.dtype.is_integer and spec.dtype.is_integer
        )
        return tf.cast(tensor, spec.dtype) if alike else tensor

    return tf.nest.map_structure(one, tf.nest.map_structure(tf.convert_to_tensor, inputs), expected)


def _read_by(function: Any) -> list[Any]:
    """Returns the variables a restored function reads."""
    concrete = [function] if hasattr(function, "variables") else getattr(function, "concrete_functions", [])
    return [variable for one in concrete for variable in one.variables]
