"""Writes LiteRT (formerly TensorFlow Lite) files for phones and small boards, and measures what they lose."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tlzoo import bundle, paths
from tlzoo.bundle import FACTS_FILE, LiteRTFacts
from tlzoo.errors import BundleError, ParityError
from tlzoo.export.answers import answers_of
from tlzoo.export.exportable import Exportable
from tlzoo.export.precision import in_float32
from tlzoo.export.signatures import root_of, sample_inputs
from tlzoo.export.verify import HALF_TOLERANCE

Kind = Literal["float32", "float16", "int8"]
Evaluation = tuple[np.ndarray, np.ndarray]
MOST_CALIBRATION_EXAMPLES = 256
"""Ranges of activations settle well before; more examples only cost time."""


def export_litert(
    exportable: Exportable,
    path: Path,
    kind: Kind = "float32",
    *,
    calibration: Iterable[np.ndarray] | None = None,
    evaluate: Evaluation | None = None,
) -> LiteRTFacts:
    """Converts the model, from one example as its network eats it to float32 probabilities (1, c), or `value` (1, 1).

    Images are float32 pixels (1, h, w, 3) in 0..255, texts int32 tokens (1, length), -1 where they have ended; of
    texts cut into chunks that is the first chunk, and what comes after it is not seen. Temperature and preprocessing
    are inside. Beside the file stands a `.json` of the same name with the labels and the facts. The kinds differ in
    what is inside only, so that all take and give the same numbers: `float16` halves the weights, `int8` also
    computes in integers where it can (https://ai.google.dev/edge/litert).

    Args:
        exportable: What to convert.
        path: A `.tflite` file, a folder, or a version folder of a bundle, which then lists the file.
        kind: Precision of the weights.
        calibration: For `int8`: batches of uint8 pixels (b, h, w, 3) or tokens (b, t), a hundred or more in all.
        evaluate: Pixels (n, h, w, 3) or tokens (n, t), and labels (n,), to measure the loss on; the samples otherwise.

    Returns:
        What was written and what it costs in accuracy.

    Raises:
        BundleError: The kind is unknown, `int8` has nothing to calibrate on, or the converter refuses the model.

    Example:
        >>> export_litert(exportable, Path("photos.tflite"), "float16").bytes  # doctest: +SKIP
        6831404
    """
    content = _convert(exportable, kind, calibration)
    file = _file(Path(path), exportable.name, kind)
    measured = _measure(exportable, content, evaluate)
    facts = LiteRTFacts.model_validate({**measured, "file": file.name, "kind": kind})
    _refuse_nonsense(facts)
    paths.write_bytes(file, content)
    about = {"class_names": exportable.class_names, **exportable.front.about(), **_of_task(exportable)}
    paths.write_json(file.with_suffix(".json"), {**facts.model_dump(mode="json"), **about})
    if (Path(path) / FACTS_FILE).is_file():
        _list_in_bundle(Path(path), facts, file)
    return facts


def _convert(exportable: Exportable, kind: Kind, calibration: Iterable[np.ndarray] | None) -> bytes:
    if kind not in ("float32", "float16", "int8"):
        raise BundleError(
            f"LiteRT kind '{kind}'.", allowed="float32, float16 or int8.", do="Pick one of these."
        )
    spec = _one(exportable)
    with in_float32(exportable.model):
        concrete = tf.function(_forward(exportable), autograph=False).get_concrete_function(spec)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], root_of([concrete]))
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":
        ops = tf.lite.OpsSet
        # Float ops are the way out for what has no integer kernel, such as the GELU of a transformer.
        converter.target_spec.supported_ops = [ops.TFLITE_BUILTINS_INT8, ops.TFLITE_BUILTINS]
        examples = _calibration_examples(calibration)
        converter.representative_dataset = lambda: ([one] for one in _singly(examples, spec))
    try:
        return bytes(converter.convert())
    except Exception as error:  # The converter raises whatever its passes raise.
        raise BundleError(
            f"The model cannot be converted to LiteRT {kind}: {str(error).strip().splitlines()[0]}.",
            allowed="models made of ops that LiteRT has (https://ai.google.dev/edge/litert/conversion/tensorflow).",
            do="Serve the SavedModel, or choose a backbone that converts, such as efficientnet_lite0.",
        ) from error


def _calibration_examples(calibration: Iterable[np.ndarray] | None) -> list[np.ndarray]:
    examples = list(islice(chain.from_iterable(calibration or ()), MOST_CALIBRATION_EXAMPLES))
    if not examples:
        raise BundleError(
            "LiteRT int8 got no calibration examples.",
            allowed="batches of uint8 pixels (b, h, w, 3), or tokens (b, t), a hundred typical ones or more in all.",
            do="Pass training examples as `calibration`.",
        )
    return examples


def _one(exportable: Exportable) -> tf.TensorSpec:
    """Returns what one call takes: a single example of known size, so that XNNPACK can take over the whole graph.

    Raises:
        BundleError: The network takes strings.
    """
    front = exportable.front
    if not front.direct:
        raise BundleError(
            "LiteRT has no strings, and this network takes nothing else.",
            allowed="networks that take pixels or tokens.",
            do="Serve the SavedModel, or train with another backbone.",
        )
    length = front.about().get("length", 0)
    shape = (1, length) if length else (1, *front.eats.shape[1:])
    return tf.TensorSpec(shape, front.eats.dtype, name=front.direct)


def _singly(eaten: Iterable[np.ndarray], spec: tf.TensorSpec) -> Iterator[np.ndarray]:
    """Yields examples one by one, texts padded with -1 to the width that was converted."""
    for one in eaten:
        missing = spec.shape[1] - len(one) if spec.shape.rank == 2 else 0
        padded = np.pad(one[: spec.shape[1]], (0, max(missing, 0)), constant_values=-1) if missing else one
        yield padded[None].astype(spec.dtype.as_numpy_dtype)


def _of_task(exportable: Exportable) -> dict[str, object]:
    """Returns what the file's description says beside class names; nothing for classifiers."""
    if exportable.task == "classification":
        return {}
    return {"task": exportable.task, "thresholds": exportable.thresholds, "band": exportable.band}


def _forward(exportable: Exportable) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    answers = answers_of(exportable)

    def forward(eaten: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = tf.cast(exportable.model(eaten, training=False), tf.float32)
        return {answers.main: answers.turned(logits)}

    return forward


def _refuse_nonsense(facts: LiteRTFacts) -> None:
    """Refuses what no loss of precision explains: answers that are not numbers, or float32 that differs."""
    allowed = {"float32": HALF_TOLERANCE, "float16": 0.2, "int8": 1.0}[facts.kind]
    if facts.max_difference is None or not facts.max_difference <= allowed:
        raise ParityError(
            f"The LiteRT {facts.kind} file differs from the model by {facts.max_difference}.",
            allowed=f"answers that differ by up to {allowed:g}.",
            do="Try another kind; nothing was written.",
        )


def _file(path: Path, name: str, kind: Kind) -> Path:
    if path.suffix == ".tflite":
        return path
    folder = path / bundle.EXTRA / "litert" if (path / FACTS_FILE).is_file() else path
    plain = re.sub(r"[^\w.-]+", "_", name)
    return folder / f"{plain}_{kind}.tflite"


def _measure(exportable: Exportable, content: bytes, evaluate: Evaluation | None) -> dict[str, object]:
    interpreter = Interpreter(model_content=content, num_threads=os.cpu_count() or 1)
    eaten, labels = evaluate or (sample_inputs(exportable).numpy(), None)
    spec = _one(exportable)
    found = _litert_answers(interpreter, eaten, exportable)
    expected = _keras_answers(exportable, eaten)
    # The file sees the first chunk of a text: that is where it must agree, and its accuracy tells what that costs.
    wide = spec.shape.rank == 2 and eaten.shape[1] > spec.shape[1]
    same = _keras_answers(exportable, eaten[:, : spec.shape[1]]) if wide else expected
    entry = interpreter.get_input_details()[0]
    facts: dict[str, object] = {
        "bytes": len(content),
        "sha256": bundle.sha256_of(content),
        "input_dtype": np.dtype(entry["dtype"]).name,
        "input_shape": tuple(int(side) for side in entry["shape"]),
        "max_difference": float(np.abs(found - same).max()),
        "n": len(eaten),
    }
    if exportable.task == "regression":
        facts["max_difference"] = float(np.abs(found - same).max() / max(1.0, np.abs(same).max()))
    return facts if labels is None else facts | _scored(exportable, found, expected, labels)


def _scored(
    exportable: Exportable, found: np.ndarray, expected: np.ndarray, labels: np.ndarray
) -> dict[str, object]:
    if exportable.task == "regression":
        errors = [float(np.sqrt(np.mean((answers[:, 0] - labels) ** 2))) for answers in (found, expected)]
        return {"rmse": errors[0], "rmse_difference": errors[0] - errors[1]}
    if exportable.task == "multilabel":
        right = [
            float(np.mean((answers >= exportable.thresholds) == labels)) for answers in (found, expected)
        ]
    else:
        right = [float(np.mean(answers.argmax(axis=-1) == labels)) for answers in (found, expected)]
    return {"accuracy": right[0], "accuracy_difference": right[0] - right[1]}


def _litert_answers(interpreter: Interpreter, eaten: np.ndarray, exportable: Exportable) -> np.ndarray:
    run = interpreter.get_signature_runner()
    (name,) = run.get_input_details()
    main, spec = answers_of(exportable).main, _one(exportable)
    return np.concatenate([run(**{name: one})[main] for one in _singly(eaten, spec)])


def _keras_answers(exportable: Exportable, eaten: np.ndarray, batch_size: int = 16) -> np.ndarray:
    main, spec = answers_of(exportable).main, [exportable.front.eats]
    # Called as a tf.function it would count towards the warning of retracing, which knows functions by address.
    forward = tf.function(_forward(exportable), autograph=False).get_concrete_function(*spec)

    def batches() -> Iterator[np.ndarray]:
        for start in range(0, len(eaten), batch_size):
            batch = tf.cast(eaten[start : start + batch_size], exportable.front.eats.dtype)
            yield forward(batch)[main].numpy()

    return np.concatenate(list(batches()))


def _list_in_bundle(folder: Path, facts: LiteRTFacts, file: Path) -> None:
    _, described = bundle.read_bundle(folder)
    others = tuple(one for one in described.litert if one.file != facts.file)
    sums = dict(described.checksums)
    for written in (file, file.with_suffix(".json")):
        sums[written.relative_to(folder).as_posix()] = bundle.sha256(written)
    bundle.write_facts(folder, described.model_copy(update={"litert": (*others, facts), "checksums": sums}))
