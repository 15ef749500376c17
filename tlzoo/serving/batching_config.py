"""How requests are joined, as TensorFlow Serving's text files say it (`BatchingParameters`)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tlzoo.errors import UsageError
from tlzoo.protocol.status import ServingError, invalid
from tlzoo.serving.configs import read_text_proto
from tlzoo.serving.options import BatchingOptions, ServerOptions
from tlzoo.serving.protos import message

PER_MODEL_FILE = "batching_params.pbtxt"
_NUMBERS = (
    "max_batch_size",
    "batch_timeout_micros",
    "max_enqueued_batches",
    "num_batch_threads",
    "max_execution_batch_size",
)


def read_batching(path: Path) -> BatchingOptions:
    """Reads `--batching_parameters_file`.

    Raises:
        UsageError: It does not parse, has an unknown field, or TensorFlow Serving would refuse it.

    Example:
        >>> read_batching(Path("batching_parameters.txt")).max_batch_size  # doctest: +SKIP
        32
    """
    parameters = read_text_proto(path, message("BatchingParameters"))
    try:
        return _options(parameters)
    except ServingError as error:
        raise UsageError(
            f"'{path}': {error.message}.",
            allowed="positive sizes and counts, and allowed_batch_sizes that rise up to max_batch_size.",
            do="Mend that value.",
        ) from error


def batching_of(folder: Path, options: ServerOptions) -> BatchingOptions | None:
    """Returns how requests to one version are joined, to be asked when it is loaded.

    Args:
        folder: The version folder.
        options: The server's. With `per_model_batching` the version's own `batching_params.pbtxt` holds, and a version
            without one is not batched; threads are the server's in any case.

    Returns:
        None if its requests are left alone.

    Raises:
        ServingError: INVALID_ARGUMENT: the version's file does not parse, or its values do not fit together.
    """
    if options.batching is None or not options.per_model_batching:
        return options.batching
    file = folder / PER_MODEL_FILE
    if not file.is_file():
        return None
    try:
        parameters = read_text_proto(file, message("BatchingParameters"))
    except UsageError as error:
        raise invalid(f"Invalid protobuf file: '{file}': {error.what}") from error
    own = _options(parameters)
    return replace(own, num_batch_threads=options.batching.num_batch_threads)


def check_batching(options: BatchingOptions) -> None:
    """Checks that numbers are in range and fit together.

    Raises:
        ServingError: INVALID_ARGUMENT as TensorFlow words it (tensorflow_serving/servables/tensorflow/
            bundle_factory_util.cc; tensorflow/core/kernels/batching_util/shared_batch_scheduler.h).
    """
    sizes, largest = options.allowed_batch_sizes, options.max_batch_size
    if options.num_batch_threads < 0:
        raise invalid(f"num_batch_threads must be positive; was {options.num_batch_threads}")
    if largest < 1:
        raise invalid(f"max_batch_size must be positive; was {largest}")
    if options.batch_timeout_micros < 0:
        raise invalid(f"batch_timeout_micros must be non-negative; was {options.batch_timeout_micros}")
    if options.max_enqueued_batches < 1:
        raise invalid(f"max_enqueued_batches must be positive; was {options.max_enqueued_batches}")
    if options.max_execution_batch_size < 0:
        raise invalid(f"max_execution_batch_size must be positive; was {options.max_execution_batch_size}")
    if options.enable_large_batch_splitting and options.max_execution_batch_size > largest:
        raise invalid(
            "When enable_large_batch_splitting is true, input_batch_size_limit must be"
            " greater than or equal to max_execution_batch_size."
        )
    if sizes and sizes[-1] != largest:
        raise invalid(
            "Last entry in allowed_batch_sizes must match max_batch_size;"
            f" last entry was {sizes[-1]}; expected {largest}"
        )
    if any(later <= earlier for earlier, later in zip((0, *sizes), sizes, strict=False)):
        raise invalid("allowed_batch_sizes entries must be monotonically increasing")


def _options(parameters: Any) -> BatchingOptions:
    given: dict[str, Any] = {
        name: getattr(parameters, name).value for name in _NUMBERS if parameters.HasField(name)
    }
    # Zero stands for "not given" in the options, which the file has other means to say.
    for name in ("num_batch_threads", "max_execution_batch_size"):
        if given.get(name) == 0:
            raise invalid(f"{name} must be positive; was 0")
    splitting = parameters.enable_large_batch_splitting.value
    if given.get("max_enqueued_batches") == 0 and not splitting:
        # TensorFlow has it so for models that are seldom asked (ZeroQueueRewrittenToOneQueue).
        given["max_enqueued_batches"] = 1
    options = BatchingOptions(
        **given,
        allowed_batch_sizes=tuple(parameters.allowed_batch_sizes),
        pad_variable_length_inputs=parameters.pad_variable_length_inputs,
        enable_large_batch_splitting=splitting,
    )
    check_batching(options)
    return options


def batching_text(options: BatchingOptions) -> str:
    """Returns options as `BatchingParameters` in text, for `--batching_parameters_file`.

    Example:
        >>> print(batching_text(BatchingOptions(max_batch_size=32)))  # doctest: +SKIP
        max_batch_size {
          value: 32
        }
        …
    """
    from google.protobuf import text_format

    parameters = message("BatchingParameters")()
    for name in _NUMBERS:
        if (value := getattr(options, name)) or name == "batch_timeout_micros":
            getattr(parameters, name).value = value
    parameters.allowed_batch_sizes.extend(options.allowed_batch_sizes)
    parameters.pad_variable_length_inputs = options.pad_variable_length_inputs
    if options.enable_large_batch_splitting:
        parameters.enable_large_batch_splitting.value = True
    return str(text_format.MessageToString(parameters))
