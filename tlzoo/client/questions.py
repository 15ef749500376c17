"""What the signatures of a tlzoo bundle mean: which one to ask about images or texts, and what its answers say.

A server tells names, types and shapes, and no more; these names are enough to know the modality and the task. Class
names are in the answers themselves, so nothing is remembered that a new version of the model could make wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tlzoo.client.failures import foreign
from tlzoo.client.metadata import Metadata
from tlzoo.errors import UsageError
from tlzoo.items import ImageReader, Reader, TextReader
from tlzoo.predictions import Prediction
from tlzoo.protocol.signature import DEFAULT_SIGNATURE, Arrays, Signature

Modality = Literal["image", "text"]
Task = Literal["classification", "multilabel", "regression"]
_Row = Callable[[Arrays, int, str, int | None], Prediction]

EXAMPLES = "inputs"
"""The input of signatures that take serialized tf.Examples."""
CLASSIFY = "classify"
REGRESS = "regress"

_MODALITIES: dict[str, Modality] = {"image_bytes": "image", "text": "text"}
_FEATURES = {"image": "image/encoded", "text": "text"}


@dataclass(frozen=True)
class Question:
    """One signature that takes images or texts.

    Attributes:
        signature: The signature.
        modality: What it takes.
        task: What it answers.
    """

    signature: Signature
    modality: Modality
    task: Task

    def reader(self) -> Reader:
        """Returns what reads items for it."""
        return TextReader() if self.modality == "text" else ImageReader()

    def inputs(self, contents: Sequence[bytes]) -> dict[str, np.ndarray]:
        """Returns the inputs of the signature.

        Args:
            contents: Encoded images, or texts as UTF-8.
        """
        (name,) = self.signature.inputs
        if name == EXAMPLES:
            contents = [_example(one, _FEATURES[self.modality]) for one in contents]
        array = np.empty(len(contents), object)
        array[:] = contents
        return {name: array}

    def predictions(
        self, outputs: Arrays, names: Sequence[str], top: int | None, where: str
    ) -> list[Prediction]:
        """Returns what outputs say.

        Args:
            outputs: Of the signature, a row per item.
            names: What reports call the items.
            top: How many of the likeliest classes to give; None for all.
            where: What errors call the server.

        Raises:
            ReplyError: There are more or fewer rows than items.
        """
        _, row = _form(self.signature) or (None, None)
        assert row is not None  # noqa: S101 - `question_of` asks no others
        for name, array in outputs.items():
            if array.ndim == 0 or len(array) != len(names):
                raise foreign(where, f"an output '{name}' of shape {array.shape} for {len(names)} items")
        return [_foreign(row(outputs, at, name, top), outputs, at) for at, name in enumerate(names)]


def question_of(metadata: Metadata, name: str | None = None) -> Question:
    """Returns the signature to ask about images or texts.

    Args:
        metadata: Of the model.
        name: The signature's name; by default the one that says most: `classify` of a classifier, which names the
            classes, and `serving_default` of all others.

    Raises:
        UsageError: The model was not exported by tlzoo, or the signature takes or gives something else.
    """
    default = metadata.signatures.get(DEFAULT_SIGNATURE)
    if name is not None:
        chosen = metadata.signature(name)
    else:
        classify = metadata.signatures.get(CLASSIFY)
        named = default is not None and classify is not None and {"label", "score"} <= set(default.outputs)
        chosen = classify if named and classify is not None else metadata.signature(DEFAULT_SIGNATURE)
    modality = _modality(chosen) or (default and _takes_examples(chosen) and _modality(default)) or None
    form = _form(chosen)
    if modality is None or form is None:
        takes = ", ".join(sorted(chosen.inputs)) or "nothing"
        raise UsageError(
            f"signature '{chosen.name}' of '{metadata.model}' takes {takes} and gives "
            f"{', '.join(sorted(chosen.outputs)) or 'nothing'}, which is not what tlzoo exports.",
            allowed="signatures of tlzoo's bundles that take encoded images or texts.",
            do="Ask it with call(): tensors in, tensors out.",
        )
    return Question(chosen, modality, form[0])


def _takes_examples(signature: Signature) -> bool:
    return list(signature.inputs) == [EXAMPLES]


def _modality(signature: Signature) -> Modality | None:
    if len(signature.inputs) != 1:
        return None
    ((name, info),) = signature.inputs.items()
    return _MODALITIES.get(name) if info.dtype is not None and info.dtype.name == "string" else None


def _form(signature: Signature) -> tuple[Task, _Row] | None:
    given = set(signature.outputs)
    forms: tuple[tuple[set[str], Task, _Row], ...] = (
        ({"classes", "scores"}, "classification", _classes),
        ({"probabilities", "predicted", "label_names"}, "multilabel", _sets),
        ({"value", "low", "high"}, "regression", _numbers),
        ({"label", "score"}, "classification", _label),
    )
    return next(((task, row) for names, task, row in forms if names <= given), None)


def _foreign(said: Prediction, outputs: Arrays, at: int) -> Prediction:
    """Adds how foreign the item is, where the signature tells: `classify` and `regress` cannot."""
    return replace(said, ood_score=float(outputs["ood_score"][at])) if "ood_score" in outputs else said


def _classes(outputs: Arrays, at: int, name: str, top: int | None) -> Prediction:
    """Classes and scores, best first."""
    by_class = {
        _text(label): float(score)
        for label, score in zip(outputs["classes"][at][:top], outputs["scores"][at][:top], strict=True)
    }
    return Prediction(name, _text(outputs["classes"][at][0]), float(outputs["scores"][at][0]), by_class)


def _label(outputs: Arrays, at: int, name: str, top: int | None) -> Prediction:
    """The likeliest class alone; nothing says what the other probabilities are of."""
    label, score = _text(outputs["label"][at]), float(outputs["score"][at])
    return Prediction(name, label, score, {label: score} if top is None or top > 0 else {})


def _sets(outputs: Arrays, at: int, name: str, top: int | None) -> Prediction:
    names = [_text(one) for one in outputs["label_names"][at]]
    shares, predicted = outputs["probabilities"][at], outputs["predicted"][at]
    shown = range(len(names)) if top is None else np.argsort(-shares, kind="stable")[:top]
    by_class = {names[index]: float(shares[index]) for index in shown}
    return Prediction(
        name, probabilities=by_class, labels=tuple(names[index] for index in np.flatnonzero(predicted))
    )


def _numbers(outputs: Arrays, at: int, name: str, top: int | None) -> Prediction:
    value, low, high = (float(outputs[key][at]) for key in ("value", "low", "high"))
    return Prediction(name, value=value, low=low, high=high)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _example(content: bytes, feature: str) -> bytes:
    from tlzoo.client.wire_pb2 import Example

    example = Example()
    example.features.feature[feature].bytes_list.value.append(content)
    return bytes(example.SerializeToString())
