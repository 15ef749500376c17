"""The four small SavedModels that `cases.jsonl` asks questions of: half_plus_two, dtypes, shapes, classes3."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

EXAMPLES = tf.TensorSpec([None], tf.string, name="inputs")
"""What classify and regress eat: serialized tf.Examples."""

LABELS = ["car", "bike", "bus"]


class HalfPlusTwo(tf.Module):
    """y = x / 2 + `increment`, by tensor and by tf.Example."""

    def __init__(self, increment: float) -> None:
        self.half = tf.Variable(0.5)
        self.increment = tf.Variable(increment)

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="x")])
    def predict(self, x):
        return {"y": self.half * x + self.increment}

    @tf.function(input_signature=[EXAMPLES])
    def regress(self, inputs):
        return {"outputs": self.half * _parsed(inputs) + self.increment}

    @tf.function(input_signature=[EXAMPLES])
    def classify(self, inputs):
        return {"scores": self.half * _parsed(inputs) + self.increment}


def _parsed(inputs):
    features = {
        "x": tf.io.FixedLenFeature([1], tf.float32),
        "x2": tf.io.FixedLenFeature([1], tf.float32, default_value=[0.0]),
    }
    return tf.io.parse_example(inputs, features)["x"]


def write_fixtures(folder: Path) -> None:
    """Writes `<folder>/<model>/<version>` for all four models; half_plus_two has the versions 123 and 124.

    Args:
        folder: Where to; the models must not be there yet.
    """
    for version, increment in (("00000123", 2.0), ("00000124", 3.0)):
        _write_half_plus_two(folder / "half_plus_two" / version, increment)
    _write_dtypes(folder / "dtypes" / "1")
    _write_shapes(folder / "shapes" / "1")
    _write_classes(folder / "classes3" / "1")


def _write_half_plus_two(folder: Path, increment: float) -> None:
    module = HalfPlusTwo(increment)
    signatures = {
        "serving_default": module.predict,
        "regress_x_to_y": module.regress,
        "classify_x_to_y": module.classify,
    }
    tf.saved_model.save(module, str(folder), signatures=signatures)


class _Signatures:
    """Collects functions for one SavedModel; the module must hold them, or they are not saved."""

    def __init__(self) -> None:
        self.module = tf.Module()
        self.by_name: dict[str, Any] = {}

    def add(self, name: str, function: Callable[..., Any], *specs: tf.TensorSpec) -> None:
        self.by_name[name] = tf.function(function, input_signature=list(specs))
        setattr(self.module, f"function_{name}", self.by_name[name])

    def save(self, folder: Path) -> None:
        tf.saved_model.save(self.module, str(folder), signatures=self.by_name)


IDENTITIES = {
    "f32": tf.float32,
    "f64": tf.float64,
    "f16": tf.float16,
    "bf16": tf.bfloat16,
    "i8": tf.int8,
    "i16": tf.int16,
    "i32": tf.int32,
    "i64": tf.int64,
    "u8": tf.uint8,
    "u16": tf.uint16,
    "u32": tf.uint32,
    "u64": tf.uint64,
    "boolean": tf.bool,
    "string": tf.string,
}
"""Signatures of `dtypes` that give `v` back as `out`."""


def _float(name: str, shape: Sequence[int | None] | None = None) -> tf.TensorSpec:
    return tf.TensorSpec(shape, tf.float32, name=name)


def _write_dtypes(folder: Path) -> None:
    signatures = _Signatures()
    for name, dtype in IDENTITIES.items():
        signatures.add(name, lambda v: {"out": tf.identity(v)}, tf.TensorSpec(None, dtype, name="v"))
    signatures.add(
        "multi",
        lambda int_tensor, str_tensor, float_tensor, dbl_tensor: {
            "int_tensor": tf.identity(int_tensor),
            "str_tensor": tf.identity(str_tensor),
            "float_tensor": tf.identity(float_tensor),
            "dbl_tensor": tf.identity(dbl_tensor),
        },
        tf.TensorSpec(None, tf.int32, name="int_tensor"),
        tf.TensorSpec(None, tf.string, name="str_tensor"),
        tf.TensorSpec(None, tf.float32, name="float_tensor"),
        tf.TensorSpec(None, tf.float64, name="dbl_tensor"),
    )
    signatures.add(
        "pair",
        lambda a, b: {"sum": a + b, "text": tf.strings.as_string(a, precision=1)},
        _float("a"),
        _float("b"),
    )
    _add_outputs(signatures)
    signatures.save(folder)


def _add_outputs(signatures: _Signatures) -> None:
    """Adds signatures whose outputs are hard to write down."""
    text = tf.TensorSpec(None, tf.string, name="v")
    whole = tf.TensorSpec(None, tf.int32, name="v")
    v = _float("v")
    infinity = float("inf")
    formats = [[9000000, 999999, 0.5], [0.0003, 0.00003, 555557.5]]

    def beside(value: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
        return value + 0.0 * tf.reduce_sum(v)

    def empty(v):
        return {"out": tf.zeros([0, 2], tf.int32) + tf.cast(0.0 * tf.reduce_sum(v), tf.int32)}

    signatures.add("bytes_out", lambda v: {"payload_bytes": tf.identity(v)}, text)
    signatures.add("mixed_bytes", lambda v: {"text": tf.identity(v), "text_bytes": tf.identity(v)}, text)
    signatures.add("num_bytes", lambda v: {"count_bytes": tf.identity(v)}, whole)
    signatures.add("scalar_out", lambda v: {"total": tf.reduce_sum(v)}, v)
    signatures.add("two_scalar_out", lambda v: {"total": tf.reduce_sum(v), "n": tf.size(v)}, v)
    signatures.add("bad_batch", lambda v: {"a": tf.identity(v), "b": v[:1]}, _float("v", [None]))
    nonfinite = [[float("nan"), infinity], [3.0, -infinity]]
    signatures.add("nonfinite", lambda v: {"out": beside(tf.constant(nonfinite), v)}, v)
    signatures.add("floatfmt", lambda v: {"out": beside(tf.constant(formats, tf.float32), v)}, v)
    signatures.add("zero_batch", empty, v)
    signatures.add("out_half", lambda v: {"out": tf.cast(v, tf.float16)}, v)
    signatures.add("out_complex", lambda v: {"out": tf.cast(v, tf.complex64)}, v)


def _write_shapes(folder: Path) -> None:
    module = tf.Module()
    module.kernel = tf.Variable([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    module.scores = tf.function(
        lambda feats: {"scores": tf.matmul(feats, module.kernel)},
        input_signature=[_float("feats", [None, 3])],
    )
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.scores})


def _write_classes(folder: Path) -> None:
    signatures = _Signatures()

    def scores(inputs):
        return tf.io.parse_example(inputs, {"w": tf.io.FixedLenFeature([3], tf.float32)})["w"]

    def classes(inputs):
        return tf.tile(tf.constant(LABELS)[None], [tf.shape(scores(inputs))[0], 1])

    def count_tags(inputs):
        features = {
            "q": tf.io.FixedLenFeature([], tf.string, default_value=""),
            "n": tf.io.FixedLenFeature([], tf.int64, default_value=0),
        }
        parsed = tf.io.parse_example(inputs, features)
        counts = [tf.cast(tf.strings.length(parsed["q"]), tf.float32), tf.cast(parsed["n"], tf.float32)]
        return {"scores": tf.stack(counts, 1)}

    add = signatures.add
    add("classify", lambda inputs: {"classes": classes(inputs), "scores": scores(inputs)}, EXAMPLES)
    add("classes_only", lambda inputs: {"classes": classes(inputs)}, EXAMPLES)
    add("scores_only", lambda inputs: {"scores": scores(inputs)}, EXAMPLES)
    add("scores_rank1", lambda inputs: {"scores": scores(inputs)[:, 0]}, EXAMPLES)
    add("scores_int", lambda inputs: {"scores": tf.cast(scores(inputs), tf.int64)}, EXAMPLES)
    add(
        "three_outputs",
        lambda inputs: {"classes": classes(inputs), "scores": scores(inputs), "extra": scores(inputs)},
        EXAMPLES,
    )
    add("wrong_input_key", lambda x: {"scores": scores(x)}, tf.TensorSpec([None], tf.string, name="x"))
    add("wrong_output_key", lambda inputs: {"probs": scores(inputs)}, EXAMPLES)
    add("count_tags", count_tags, EXAMPLES)
    add("serving_default", lambda w: {"scores": w}, _float("w", [None, 3]))
    signatures.save(folder)


if __name__ == "__main__":
    write_fixtures(Path(sys.argv[1]))
