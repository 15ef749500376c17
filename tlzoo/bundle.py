"""The bundle's description: what `bundle.json` says, how it is found, and how it is trusted.

A bundle is a TensorFlow Serving model folder. Everything here is light: no TensorFlow, so servers, clients and
tools can ask what a bundle is in milliseconds.

    DIR/<version>/saved_model.pb
    DIR/<version>/variables/
    DIR/<version>/assets.extra/{bundle.json, labels.txt, tf_serving_warmup_requests}
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tlzoo import paths
from tlzoo.errors import BundleError

FORMAT_VERSION = 1
EXTRA = "assets.extra"
FACTS_FILE = f"{EXTRA}/bundle.json"
LABELS_FILE = f"{EXTRA}/labels.txt"
WARMUP_FILE = f"{EXTRA}/tf_serving_warmup_requests"
NETWORK_FILE = f"{EXTRA}/network.tflite"
ROLLED_BACK = ".rolled-back"
"""Behind the number of a version that was taken out of service: no server takes such a name for a version."""

_LARGEST_VERSION = 2**63 - 1


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


def versions(directory: Path) -> list[tuple[int, Path]]:
    """Returns the numbered version folders of a model folder, newest first.

    Names count as TensorFlow Serving counts them: decimal int64, leading zeros allowed.

    Args:
        directory: The model folder; one that does not exist has no versions.
    """
    if not directory.is_dir():
        return []
    found = [
        (int(child.name), child)
        for child in directory.iterdir()
        if re.fullmatch(r"[0-9]{1,19}", child.name) and int(child.name) <= _LARGEST_VERSION and child.is_dir()
    ]
    return sorted(found, key=lambda pair: (-pair[0], pair[1].name))


def next_version(directory: Path) -> int:
    """Returns one more than the highest version number in a model folder, 1 for an empty or missing one.

    Versions that were rolled back count: a server does not load a number again that it has loaded.

    Args:
        directory: The model folder.
    """
    seen = (number for number, _ in versions(directory))
    return max([0, *seen, *rolled_back(directory)]) + 1


def rolled_back(directory: Path) -> dict[int, Path]:
    """Returns the versions of a model folder that were taken out of service and are kept, by number.

    Args:
        directory: The model folder; one that does not exist has none.
    """
    found = directory.glob(f"*{ROLLED_BACK}") if directory.is_dir() else ()
    names = {path: path.name.removesuffix(ROLLED_BACK) for path in found if path.is_dir()}
    return {int(name): path for path, name in names.items() if re.fullmatch(r"[0-9]{1,19}", name)}


def read_bundle(path: Path, *, verify: bool = False) -> tuple[Path, BundleFacts]:
    """Reads a bundle's description.

    Args:
        path: A model folder (its newest readable version is taken) or one version folder.
        verify: True to compare every file with its checksum.

    Returns:
        The version folder and its facts.

    Raises:
        BundleError: There is no bundle, its description cannot be read, or a checksum differs.

    Example:
        >>> folder, facts = read_bundle(Path("models/photos"))  # doctest: +SKIP
        >>> facts.class_names  # doctest: +SKIP
        ('cat', 'dog')
    """
    path = Path(path)
    if (path / FACTS_FILE).is_file() or (path / "saved_model.pb").is_file():
        folder, facts = path, _read_facts(path)
    else:
        folder, facts = _newest(path)
    if verify:
        verify_checksums(folder, facts)
    return folder, facts


def _newest(directory: Path) -> tuple[Path, BundleFacts]:
    if not directory.exists():
        raise _not_a_bundle(f"'{directory}' does not exist.")
    reasons = []
    for _, folder in versions(directory):
        try:
            return folder, _read_facts(folder)
        except BundleError as error:
            reasons.append(error.what)
    raise _not_a_bundle(reasons[0] if reasons else f"'{directory}' holds no numbered version folder.")


def _read_facts(folder: Path) -> BundleFacts:
    file = folder / FACTS_FILE
    if not (folder / "saved_model.pb").is_file():
        raise _not_a_bundle(f"'{folder}' has no saved_model.pb.")
    if not file.is_file():
        raise _not_a_bundle(f"'{folder}' has no {FACTS_FILE}, so it was not exported by tlzoo.")
    try:
        facts = BundleFacts.model_validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise _not_a_bundle(f"'{file}' cannot be read: {where}: {first['msg']}.") from error
    if facts.format_version > FORMAT_VERSION:
        raise BundleError(
            f"'{file}' has format version {facts.format_version}.",
            allowed=f"format versions up to {FORMAT_VERSION}.",
            do="Update tlzoo.",
        )
    return facts


def _not_a_bundle(what: str) -> BundleError:
    return BundleError(
        what,
        allowed="a folder written by `tlzoo export`, or one of its numbered versions.",
        do="Give the folder that holds the numbered versions, or export the run again.",
    )


def verify_checksums(folder: Path, facts: BundleFacts) -> None:
    """Compares every file of a version folder with the checksum written at export.

    Args:
        folder: The version folder.
        facts: Its description.

    Raises:
        BundleError: A file is missing, differs, or lies outside of the folder.
    """
    if "saved_model.pb" not in facts.checksums:
        raise _tampered(f"{FACTS_FILE} of '{folder}' has no checksum for saved_model.pb.")
    for name, expected in facts.checksums.items():
        # The description may come from strangers: its names must not reach outside of the bundle.
        if name.startswith(("/", "\\")) or ".." in Path(name).parts:
            raise _tampered(f"{FACTS_FILE} names '{name}', which lies outside of the bundle.")
        file = folder / name
        if not file.is_file():
            raise _tampered(f"'{file}' is missing.")
        if (found := sha256(file)) != expected:
            raise _tampered(f"'{file}' has sha256 {found}.", allowed=f"{expected}, as exported.")


def _tampered(what: str, allowed: str = "the files exactly as they were exported.") -> BundleError:
    return BundleError(
        what, allowed=allowed, do="Copy the bundle again from where it was made, or export again."
    )


def checksums(folder: Path) -> dict[str, str]:
    """Returns the sha256 of every file below a version folder but `bundle.json`, by relative path.

    Args:
        folder: The version folder.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    named = {file.relative_to(folder).as_posix(): file for file in files}
    return {name: sha256(file) for name, file in named.items() if name != FACTS_FILE}


def sha256(file: Path) -> str:
    """Returns the sha256 of a file, as 64 hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of(content: bytes) -> str:
    """Returns the sha256 of bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def write_facts(folder: Path, facts: BundleFacts) -> None:
    """Writes `bundle.json` into a version folder, whole or not at all."""
    paths.write_text(folder / FACTS_FILE, facts.model_dump_json(indent=2) + "\n")


def write_labels(folder: Path, class_names: Sequence[str]) -> None:
    r"""Writes `labels.txt` into a version folder, one line per class.

    Backslashes, control characters and line separators are escaped as in Python strings, so that every class
    is one line whatever it is called. `bundle.json` has the names unescaped.

    Args:
        folder: The version folder.
        class_names: The labels, in the order of the probabilities.
    """
    paths.write_text(folder / LABELS_FILE, "".join(f"{_one_line(name)}\n" for name in class_names))


def _one_line(name: str) -> str:
    special = {"Cc", "Zl", "Zp"}
    return "".join(
        char.encode("unicode_escape").decode()
        if char == "\\" or unicodedata.category(char) in special
        else char
        for char in name
    )
