"""What `bundle.json` says, field by field."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT_VERSION = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TensorFacts(_Frozen):
    """One tensor of a signature.

    Attributes:
        dtype: TensorFlow's name (`string`, `float32`).
        shape: Sizes, None where any size goes.
    """

    dtype: str
    shape: tuple[int | None, ...]


class SignatureFacts(_Frozen):
    """What one signature takes and gives, by tensor name."""

    inputs: dict[str, TensorFacts]
    outputs: dict[str, TensorFacts]


class ParityFacts(_Frozen):
    """How closely the exported graph answers as the model in memory.

    Attributes:
        checked: Names of the signatures compared.
        max_difference: Largest absolute difference, in units of max(1, largest reference value).
        tolerance: What was allowed.
        n: Examples compared.
        passed: True if nothing differed by more than the tolerance.
    """

    checked: tuple[str, ...]
    max_difference: float
    tolerance: float
    n: int
    passed: bool


class OodFacts(_Frozen):
    """What the output `ood_score` means.

    Attributes:
        method: `mahalanobis` (squared distance to the nearest class mean, per feature) or `energy` (of logits).
        threshold: Above it, an example is called foreign.
        kept: Share of the validation split that does not exceed the threshold.
    """

    method: str
    threshold: float
    kept: float


class ConformalFacts(_Frozen):
    """How to make prediction sets of probabilities.

    A class belongs to the set of an example where its probability is at least the floor.

    Attributes:
        method: `lac`.
        coverage: Share of sets that hold the right class, for examples like those of the validation split.
        floors: One probability for all classes, or one per class in the order of the probabilities.
        n: Examples they were fitted on.
    """

    method: str
    coverage: float
    floors: tuple[float, ...] = Field(min_length=1)
    n: int


class LiteRTFacts(_Frozen):
    """One LiteRT (formerly TensorFlow Lite) file.

    Attributes:
        file: Its name.
        kind: Precision of the weights: `int8` has integer arithmetic too.
        bytes: Size of the file.
        sha256: 64 hexadecimal digits.
        input_dtype: `float32`, pixels in 0..255; or `int32`, tokens with -1 where a text has ended.
        input_shape: (1, h, w, 3) or (1, length).
        max_difference: Largest absolute difference of a probability to the Keras model, None if not measured; of
            numbers, in units of max(1, largest of them).
        accuracy: On the examples it was evaluated on, None if none were given; for multilabel, of single decisions.
        accuracy_difference: Its accuracy minus the Keras model's on the same examples.
        rmse: For regression, in place of the accuracy.
        rmse_difference: Its RMSE minus the Keras model's.
        n: Examples it was evaluated on.
    """

    file: str
    kind: Literal["float32", "float16", "int8"]
    bytes: int
    sha256: str
    input_dtype: str
    input_shape: tuple[int, ...]
    max_difference: float | None = None
    accuracy: float | None = None
    accuracy_difference: float | None = None
    rmse: float | None = None
    rmse_difference: float | None = None
    n: int = 0


class NetworkFacts(_Frozen):
    """The network of a bundle as a LiteRT file, `NETWORK_FILE`, for whoever loads the bundle in Python.

    Attributes:
        max_difference: Largest difference of any signature to the model in memory, as in `ParityFacts`.
        milliseconds: How long one example took with it, where the bundle was exported.
        graph_milliseconds: How long it took without.
    """

    max_difference: float
    milliseconds: float
    graph_milliseconds: float


class BundleFacts(_Frozen):
    """Everything `bundle.json` says about a bundle.

    Attributes:
        format_version: Version of this description.
        name: What the bundle is called.
        created: UTC time, ISO 8601.
        tlzoo_version: Version of tlzoo that wrote it.
        keras_version: Version of Keras that wrote it.
        tensorflow_version: Version of TensorFlow that wrote it.
        min_serving_version: Oldest TensorFlow Serving that surely knows every op inside.
        task: What it does: `classification`, `multilabel` or `regression`.
        class_names: Labels, in the order of the probabilities; `value` alone for regression.
        temperature: What logits are divided by before they become probabilities.
        thresholds: Probability from which on each label is predicted, for multilabel.
        band: How far below and above a number 90% of the right ones reach, for regression.
        modality: `image` or `text`.
        size: Height and width in pixels the images are resized to; (0, 0) for texts.
        resize: How: `stretch`, `crop` or `pad`.
        length: Most tokens of a text that are seen; 0 for images, and for networks that take strings.
        long_text: What becomes of longer texts: `head`, `head_tail` or `chunks`.
        needs_ops: Libraries of ops the graph needs beside TensorFlow's own (`tensorflow_text`, which TensorFlow
            Serving has built in).
        signatures: What each signature takes and gives.
        backbone: Name of the backbone.
        card: The whole backbone card.
        data_fingerprint: sha256 of the training data.
        weights_hash: sha256 of the weights.
        metrics: Scores measured before the export.
        facts: Anything else the exporter was told.
        parity: How closely the graph answers as the model did.
        checksums: sha256 by path relative to the version folder, of every file but `bundle.json`.
        litert: LiteRT files kept in the bundle.
        network: The network alone as a LiteRT file, which the local server and `Predictor` compute with; None for none.
        ood: What the output `ood_score` means; None where there is none.
        conformal: How to make prediction sets; None where nobody measured it.
    """

    format_version: int = FORMAT_VERSION
    name: str
    created: str
    tlzoo_version: str
    keras_version: str
    tensorflow_version: str
    min_serving_version: str
    task: str = "classification"
    class_names: tuple[str, ...] = Field(min_length=1)
    temperature: float = Field(gt=0)
    thresholds: tuple[float, ...] = ()
    band: float | None = None
    modality: Literal["image", "text"] = "image"
    size: tuple[int, int] = (0, 0)
    resize: Literal["stretch", "crop", "pad"] = "stretch"
    length: int = 0
    long_text: Literal["head", "head_tail", "chunks"] = "head"
    needs_ops: tuple[str, ...] = ()
    signatures: dict[str, SignatureFacts]
    backbone: str
    card: dict[str, Any]
    data_fingerprint: str = ""
    weights_hash: str = ""
    metrics: dict[str, Any] = Field(default_factory=dict)
    facts: dict[str, Any] = Field(default_factory=dict)
    parity: ParityFacts
    checksums: dict[str, str]
    litert: tuple[LiteRTFacts, ...] = ()
    network: NetworkFacts | None = None
    ood: OodFacts | None = None
    conformal: ConformalFacts | None = None
