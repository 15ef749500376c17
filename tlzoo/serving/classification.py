"""What makes a signature fit for classify and regress, and how its outputs become answers.

Rules, order and texts are those of TensorFlow Serving (servables/tensorflow/classifier.cc and regressor.cc) with its
default of not looking at method names: TensorFlow 2 writes `tensorflow/serving/predict` for every signature.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tlzoo.protocol.dtypes import dtype_of
from tlzoo.protocol.signature import Arrays, Signature, TensorInfo
from tlzoo.protocol.status import invalid
from tlzoo.serving.inference import Classes

INPUTS = "inputs"
"""The one input of both kinds: serialized `tensorflow.Example`s, string (n,)."""

CLASSES, SCORES = "classes", "scores"
OUTPUTS = "outputs"


def check_classify(signature: Signature) -> tuple[str, ...]:
    """Refuses signatures that cannot classify.

    Args:
        signature: One input `inputs`, and one or two outputs, `classes` or `scores` among them.

    Returns:
        The outputs to compute: `classes`, `scores` or both.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise invalid(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if INPUTS not in signature.inputs:
        raise invalid(f"No classification inputs found in SignatureDef: {debug_string(signature)}")
    wanted = tuple(name for name in (CLASSES, SCORES) if name in signature.outputs)
    if not wanted:
        raise invalid(
            f'Expected classification signature outputs to contain at least one of "{CLASSES}" or "{SCORES}". '
            f"Signature was: {debug_string(signature)}"
        )
    return wanted


def check_regress(signature: Signature) -> tuple[str, ...]:
    """Refuses signatures that cannot regress.

    Args:
        signature: One input `inputs` and one output `outputs`.

    Returns:
        The outputs to compute: `outputs`.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise invalid("Expected one output Tensor.")
    if INPUTS not in signature.inputs:
        raise invalid(f"No regression inputs found in SignatureDef: {debug_string(signature)}")
    if OUTPUTS not in signature.outputs:
        raise invalid(f"No regression outputs found in SignatureDef: {debug_string(signature)}")
    return (OUTPUTS,)


def classifications(outputs: Arrays, examples: int) -> list[Classes]:
    """Pairs labels with scores.

    Args:
        outputs: `classes` string (n, c), `scores` float32 (n, c), or both.
        examples: How many were sent, n.

    Returns:
        n lists of c labels and scores; "" and 0.0 stand for what is not there. Bytes of a label that are no UTF-8 are
        kept as surrogates (`errors="surrogateescape"`).

    Raises:
        ServingError: INVALID_ARGUMENT where types or shapes are others.
    """
    classes, scores = outputs.get(CLASSES), outputs.get(SCORES)
    if classes is not None:
        _check_matrix(classes, CLASSES, "DT_STRING", examples)
    if scores is not None:
        _check_matrix(scores, SCORES, "DT_FLOAT", examples)
    if classes is None:
        rows = [] if scores is None else scores.tolist()
        return [[("", score) for score in row] for row in rows]
    if scores is None:
        return [[(_text(label), 0.0) for label in row] for row in classes.tolist()]
    if classes.shape[1] != scores.shape[1]:
        raise invalid(
            f"Tensors class and score should match in dim_size(1). Got {classes.shape[1]} vs. {scores.shape[1]}"
        )
    rows = zip(classes.tolist(), scores.tolist(), strict=True)
    return [[(_text(label), score) for label, score in zip(*row, strict=True)] for row in rows]


def regressions(outputs: Arrays, examples: int) -> list[float]:
    """Returns one number per example.

    Args:
        outputs: `outputs` float32 (n,) or (n, 1).
        examples: How many were sent, n.

    Raises:
        ServingError: INVALID_ARGUMENT where type or shape is another.
    """
    values = outputs[OUTPUTS]
    if values.ndim != 1 and not (values.ndim == 2 and values.shape[1] == 1):
        raise invalid(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] "
            f"but got {_shape_text(values.shape)}"
        )
    if len(values) != examples:
        raise invalid(f"Input batch size did not match output batch size: {examples} vs. {len(values)}")
    if _enum(values) != "DT_FLOAT":
        raise invalid(f"Expected output Tensor of DT_FLOAT.  Got: {_enum(values)}")
    numbers: list[float] = values.ravel().tolist()
    return numbers


def debug_string(signature: Signature) -> str:
    """Returns a signature as protocol buffers print a `SignatureDef`, which error messages quote.

    Args:
        signature: Its defaults are left out, as their values are not known here.
    """
    lines = _debug_tensors("inputs", signature.inputs) + _debug_tensors("outputs", signature.outputs)
    if signature.method:
        lines.append(f'method_name: "{signature.method}"')
    return "".join(f"{line}\n" for line in lines)


def _check_matrix(array: np.ndarray, what: str, enum: str, examples: int) -> None:
    if array.ndim != 2:
        raise invalid(f"Expected Tensor shape: [batch_size num_classes] but got {_shape_text(array.shape)}")
    if _enum(array) != enum:
        raise invalid(f"Expected {what} Tensor of {enum}. Got: {_enum(array)}")
    if len(array) != examples:
        raise invalid(f"Expected {what} output batch size of {examples}. Got: {len(array)}")


def _text(label: bytes) -> str:
    return label.decode("utf-8", "surrogateescape")


def _enum(array: np.ndarray) -> str:
    dtype = dtype_of(array)
    return "DT_INVALID" if dtype is None else dtype.enum


def _shape_text(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _debug_tensors(name: str, infos: Mapping[str, TensorInfo]) -> list[str]:
    lines = []
    for key in sorted(infos):
        info = infos[key]
        lines += [f"{name} {{", f'  key: "{key}"', "  value {", f'    name: "{info.name}"']
        if info.dtype is not None:
            lines.append(f"    dtype: {info.dtype.enum}")
        lines.append("    tensor_shape {")
        if info.shape is None:
            lines.append("      unknown_rank: true")
        else:
            # proto3 leaves out a field that is zero.
            sizes = [f"        size: {size}\n" if size else "" for size in info.shape]
            lines += [f"      dim {{\n{size}      }}" for size in sizes]
        lines += ["    }", "  }", "}"]
    return lines
