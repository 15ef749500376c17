"""What the messages of PredictionService ask of a held version, and the messages that answer them.

Checks, their order, codes and texts are those of servables/tensorflow/{predict_util,classifier,regressor,
multi_inference,get_model_metadata_impl}.cc and of TensorFlow's cc/saved_model/util.cc.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import numpy as np

from tlzoo.protocol.signature import CLASSIFY, DEFAULT_SIGNATURE, REGRESS, Arrays, ModelSpec, Signature
from tlzoo.protocol.status import Code, ServingError, invalid
from tlzoo.protocol.tensors import read_examples, read_tensor, write_tensor
from tlzoo.serving.classification import INPUTS, check_classify, check_regress, classifications, regressions
from tlzoo.serving.inference import Classes, Held

METADATA = "signature_def"
"""The one field of metadata there is."""


def require_spec(request: Any) -> None:
    """Refuses requests without a model_spec.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")


def spec_of(message: Any) -> ModelSpec:
    """Reads a `tensorflow.serving.ModelSpec`.

    Raises:
        ServingError: INVALID_ARGUMENT, if it names no model.
    """
    if not message.name:
        raise invalid("ModelSpec has no name specified.")
    chosen = message.WhichOneof("version_choice")
    version = message.version.value if chosen == "version" else None
    label = message.version_label if chosen == "version_label" else None
    return ModelSpec(message.name, version, label, message.signature_name)


def first_spec(request: Any) -> Any:
    """Returns the model_spec that chooses the version of a `MultiInferenceRequest`; an empty one if it has no tasks."""
    from tensorflow_serving.apis import model_pb2

    return request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()


async def predict(held: Held, request: Any, timeout: float | None = None, content: bool = False) -> Any:
    """Answers a `PredictRequest`.

    Args:
        held: The version it is for.
        request: The message.
        timeout: Seconds that computing may take; None for any.
        content: Whether the reply's values go into `tensor_content`.

    Returns:
        A `PredictResponse`.

    Raises:
        ServingError: FAILED_PRECONDITION for a signature that is not there; INVALID_ARGUMENT where inputs or outputs
            are not the signature's; whatever computing raises.
    """
    from tensorflow_serving.apis import predict_pb2

    signature = held.signatures.get(held.spec.key)
    if signature is None:
        raise ServingError(Code.FAILED_PRECONDITION, f'Serving signature key "{held.spec.key}" not found.')
    inputs = _inputs(signature, request.inputs)
    wanted = _wanted(signature, request.output_filter)
    outputs = await held.predict(signature, inputs, wanted, timeout)
    response = predict_pb2.PredictResponse()
    write_spec(response.model_spec, held.spec, held.spec.key)
    for alias, array in outputs.items():
        write_tensor(response.outputs[alias], array, content)
    return response


async def classify(held: Held, request: Any, timeout: float | None = None) -> Any:
    """Answers a `ClassificationRequest` with a `ClassificationResponse`; see `Held.classify`."""
    from tensorflow_serving.apis import classification_pb2

    answers = await held.classify(_examples(held, request, check_classify), timeout)
    response = classification_pb2.ClassificationResponse()
    write_spec(response.model_spec, held.spec, held.spec.key)
    write_classes(response.result, answers)
    return response


async def regress(held: Held, request: Any, timeout: float | None = None) -> Any:
    """Answers a `RegressionRequest` with a `RegressionResponse`; see `Held.regress`."""
    from tensorflow_serving.apis import regression_pb2

    answers = await held.regress(_examples(held, request, check_regress), timeout)
    response = regression_pb2.RegressionResponse()
    write_spec(response.model_spec, held.spec, held.spec.key)
    write_numbers(response.result, answers)
    return response


async def multi_inference(held: Held, request: Any, timeout: float | None = None) -> Any:
    """Answers a `MultiInferenceRequest`: several signatures of one version over the same examples.

    One check of TensorFlow Serving is left out: that all signatures eat the same tensor of the graph. What TensorFlow 2
    exports has a tensor for each signature, so that only exports of TensorFlow 1 would pass it.

    Args:
        held: The version that the first task names.
        request: The message.
        timeout: Seconds that all computing together may take; None for any.

    Returns:
        A `MultiInferenceResponse`, results in the order of tasks.

    Raises:
        ServingError: INVALID_ARGUMENT for several models, a signature twice, or one that is not there or not fit;
            UNIMPLEMENTED for a method other than classify and regress; whatever computing raises.
    """
    from tensorflow_serving.apis import inference_pb2

    ends = None if timeout is None else time.monotonic() + timeout
    signatures = _signatures(held, request.tasks)
    examples = np.array(read_examples(request.input), dtype=object)
    response = inference_pb2.MultiInferenceResponse()
    for task, signature in zip(request.tasks, signatures, strict=True):
        check, is_classify = _METHODS[task.method_name], task.method_name == CLASSIFY
        left = None if ends is None else max(0.0, ends - time.monotonic())
        outputs = await held.predict(signature, {INPUTS: examples}, check(signature), left)
        result = response.results.add()
        write_spec(result.model_spec, held.spec, signature.name)
        if is_classify:
            write_classes(result.classification_result, classifications(outputs, len(examples)))
        else:
            write_numbers(result.regression_result, regressions(outputs, len(examples)))
    return response


def check_metadata_request(request: Any) -> None:
    """Refuses a `GetModelMetadataRequest` for anything but `signature_def`.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    require_spec(request)
    if not request.metadata_field:
        raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != METADATA:
            raise invalid(f"Metadata field {field} is not supported")


def metadata(held: Held) -> Any:
    """Returns the `GetModelMetadataResponse` of a version; its model_spec names no signature."""
    from tensorflow_serving.apis import get_model_metadata_pb2

    response = get_model_metadata_pb2.GetModelMetadataResponse()
    write_spec(response.model_spec, held.spec, "")
    response.metadata[METADATA].Pack(held.metadata())
    return response


_METHODS: dict[str, Callable[[Signature], tuple[str, ...]]] = {
    CLASSIFY: check_classify,
    REGRESS: check_regress,
}


def _inputs(signature: Signature, sent: Any) -> Arrays:
    missing, extra = set(signature.inputs) - set(sent), set(sent) - set(signature.inputs)
    if len(sent) > len(signature.inputs) or (len(sent) < len(signature.inputs) and not signature.defaults):
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(signature.inputs)} len({_set(sent)}) != "
            f"len({_set(signature.inputs)}). Sent extra: {_set(extra)}. Missing but required: {_set(missing)}."
        )
    arrays = {}
    for alias in sorted(signature.inputs):
        if alias in sent:
            arrays[alias] = read_tensor(alias, sent[alias])
        elif alias not in signature.defaults:
            raise invalid(
                f"Signature input alias: {alias}(feed name: {signature.inputs[alias].name}) not found in request and "
                f"no default value provided. Inputs expected to be in the request {_set(sent)}, or default input "
                f"alias set: {','.join(sorted(signature.defaults))}"
            )
    if extra:
        raise invalid(
            f"Inputs contains invalid name. Used request inputs: {','.join(sorted(arrays))}, "
            f"request input: {','.join(sorted(sent))}"
        )
    return arrays


def _wanted(signature: Signature, names: Sequence[str]) -> tuple[str, ...]:
    wanted: list[str] = []
    for name in names:
        if name not in signature.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {name} "
                f"Outputs expected to be in the set {_set(signature.outputs)}."
            )
        if name in wanted:
            raise invalid(f"duplicate output tensor alias: {name}")
        wanted.append(name)
    return tuple(wanted)


def _set(names: Collection[str]) -> str:
    return f"{{{','.join(sorted(names))}}}"


def _examples(held: Held, request: Any, check: Callable[[Signature], object]) -> list[bytes]:
    try:
        return read_examples(request.input)
    except ServingError:
        # What is wrong with the signature is said before what is wrong with the input.
        signature = held.signatures.get(held.spec.key)
        if signature is None:
            raise invalid(f"No signature was found with the name: {held.spec.key}") from None
        check(signature)
        raise


def _signatures(held: Held, tasks: Iterable[Any]) -> list[Signature]:
    """Returns the signature of each task, if all may be asked together."""
    found: dict[str, Signature] = {}
    for task in tasks:
        if not task.model_spec.name:
            raise invalid("Found ModelSpec with an empty model name.")
        if task.model_spec.name != held.spec.name:
            raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        key = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if key in found:
            raise invalid(f"Duplicate evaluation of signature: {key}")
        if key not in held.signatures:
            raise invalid(f"Requested signature not found in model graph: {key}")
        if task.method_name not in _METHODS:
            raise ServingError(Code.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}")
        found[key] = held.signatures[key]
        _METHODS[task.method_name](found[key])
    return list(found.values())


def write_spec(message: Any, spec: ModelSpec, signature: str) -> None:
    """Writes name, version and a signature's key into a `ModelSpec`; a label is never told."""
    message.name, message.signature_name = spec.name, signature
    if spec.version is not None:
        message.version.value = spec.version


def write_classes(result: Any, answers: Iterable[Classes]) -> None:
    """Writes labels and scores of examples into a `ClassificationResult`."""
    for classes in answers:
        one = result.classifications.add()
        for label, score in classes:
            # A proto3 string holds UTF-8 and nothing else.
            text = label if label.isascii() else label.encode("utf-8", "replace").decode()
            one.classes.add(label=text, score=score)


def write_numbers(result: Any, answers: Iterable[float]) -> None:
    """Writes numbers of examples into a `RegressionResult`."""
    for number in answers:
        result.regressions.add(value=number)
