"""What an export needs, gathered in one value."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal

import keras

from tlzoo.bundle import ConformalFacts
from tlzoo.cards.backbone import BackboneCard
from tlzoo.errors import BundleError
from tlzoo.export.fronts import Front
from tlzoo.export.ood import OodScore
from tlzoo.plans import TaskName

Resize = Literal["stretch", "crop", "pad"]


@dataclass(frozen=True)
class Exportable:
    """A trained model and everything that travels with it.

    Attributes:
        model: What the backbone eats (float32 pixels (b, h, w, 3) in 0..255, tokens int32 (b, t), or strings (b,)) ->
            logits (b, c), or numbers (b, 1) in the unit of the labels.
        features: The same -> features (b, d).
        class_names: The c labels, in the order of the logits.
        temperature: What logits are divided by before the softmax; 1 leaves them alone.
        front: From what callers send to what the backbone eats.
        name: What the bundle is called.
        card: The backbone's card.
        facts: JSON-able: `data_fingerprint`, `weights_hash`, `metrics` and whatever else should be recorded.
        samples: Encoded images or texts, real ones, for the parity check and the warm-up. At least one.
        head: Features -> logits, where `model` is `features` followed by this and nothing else (but dropout).
            Given, the network is traced and written once instead of twice.
        resources: What the network's graph captures beside weights, such as lookup tables.
        task: What was learned.
        thresholds: For `multilabel`: the probability from which on each label is predicted.
        band: For `regression`: how far below and above a number the band of likely ones reaches.
        ood: How foreign inputs are told, as one more output; None for none.
        conformal: How prediction sets are made, for the description alone.

    Raises:
        BundleError: The parts do not fit together.

    Example:
        >>> Exportable(model, features, ("cat", "dog"), 1.0, ImageFront((224, 224), "stretch"), "pets", card,
        ...            samples=(Path("cat.jpg").read_bytes(),))  # doctest: +SKIP
    """

    model: keras.Model
    features: keras.Model
    class_names: tuple[str, ...]
    temperature: float
    front: Front
    name: str
    card: BackboneCard
    facts: dict[str, Any] = field(default_factory=dict)
    samples: tuple[bytes, ...] = ()
    head: keras.Layer | None = None
    resources: tuple[Any, ...] = ()
    task: TaskName = "classification"
    thresholds: tuple[float, ...] = ()
    band: float | None = None
    ood: OodScore | None = None
    conformal: ConformalFacts | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_names", tuple(self.class_names))
        object.__setattr__(self, "samples", tuple(self.samples))
        self._check_classes()
        self._check_task()
        if not (self.temperature > 0 and math.isfinite(self.temperature)):
            raise BundleError(
                f"The temperature is {self.temperature}.", allowed="a finite number above 0.", do="Use 1."
            )
        if not self.samples:
            raise BundleError(
                "The export got no samples.",
                allowed="1 or more encoded images, or texts, for the parity check and the warm-up.",
                do="Pass a few of the validation split as `samples`.",
            )
        self._check_ood()
        self._check_facts()

    def _check_classes(self) -> None:
        outputs = self.model.output_shape[-1]
        if outputs != len(self.class_names):
            raise BundleError(
                f"The model has {outputs} outputs and there are {len(self.class_names)} class names.",
                allowed="one class name per output.",
                do="Pass the class names the model was trained on.",
            )
        for name in self.class_names:
            if (times := self.class_names.count(name)) > 1:
                raise BundleError(
                    f"Class name {name!r} stands for {times} classes.",
                    allowed="class names that differ.",
                    do="Rename one of them.",
                )
            try:
                name.encode("utf-8")
            except UnicodeEncodeError as error:
                raise BundleError(
                    f"Class name {name!r} is not valid Unicode.",
                    allowed="names that UTF-8 can write.",
                    do="Rename the class folder.",
                ) from error

    def _check_task(self) -> None:
        wanted = len(self.class_names) if self.task == "multilabel" else 0
        if len(self.thresholds) != wanted or (self.band is None) == (self.task == "regression"):
            raise BundleError(
                f"The task {self.task} with {len(self.thresholds)} thresholds and the band {self.band}.",
                allowed="a threshold per label for multilabel, a band for regression, neither for classification.",
                do="Pass what belongs to the task.",
            )

    def _check_ood(self) -> None:
        if self.ood is None:
            return
        width = self.features.output_shape[-1]
        detector = self.ood.detector
        if self.ood.method == "energy":
            fits = self.task == "classification"
        else:
            fits = detector is not None and len(detector.centre) == width
        if not fits or not math.isfinite(self.ood.threshold):
            raise BundleError(
                f"An out-of-distribution score by {self.ood.method} for {self.task} on {width} features.",
                allowed="energy for classification, or a Mahalanobis detector fitted on as many features.",
                do="Fit it on features of this model, or leave it out.",
            )

    def _check_facts(self) -> None:
        try:
            json.dumps(self.facts)
        except (TypeError, ValueError) as error:
            raise BundleError(
                f"`facts` cannot be written as JSON: {error}.",
                allowed="dicts, lists, strings, numbers, booleans and None.",
                do="Convert arrays with `.tolist()`.",
            ) from error
