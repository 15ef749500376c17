"""What an export needs, gathered in one value."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal

import keras

from tlzoo.cards.backbone import BackboneCard
from tlzoo.errors import BundleError

Resize = Literal["stretch", "crop", "pad"]


@dataclass(frozen=True)
class Exportable:
    """A trained classifier and everything that travels with it.

    Attributes:
        model: float32 pixels (b, h, w, 3) in 0..255 -> logits (b, c).
        features: The same pixels -> features (b, d).
        class_names: The c labels, in the order of the logits.
        temperature: What logits are divided by before the softmax; 1 leaves them alone.
        size: Height and width in pixels.
        resize: How images get that size: `stretch`, `crop` (centre) or `pad`.
        name: What the bundle is called.
        card: The backbone's card.
        facts: JSON-able: `data_fingerprint`, `weights_hash`, `metrics` and whatever else should be recorded.
        samples: Encoded images, real ones, for the parity check and the warm-up. At least one.
        head: Features -> logits, where `model` is `features` followed by this and nothing else (but dropout).
            Given, the network is traced and written once instead of twice.

    Raises:
        BundleError: The parts do not fit together.

    Example:
        >>> Exportable(model, features, ("cat", "dog"), 1.0, (224, 224), "stretch", "pets", card,
        ...            samples=(Path("cat.jpg").read_bytes(),))  # doctest: +SKIP
    """

    model: keras.Model
    features: keras.Model
    class_names: tuple[str, ...]
    temperature: float
    size: tuple[int, int]
    resize: Resize
    name: str
    card: BackboneCard
    facts: dict[str, Any] = field(default_factory=dict)
    samples: tuple[bytes, ...] = ()
    head: keras.Layer | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_names", tuple(self.class_names))
        object.__setattr__(self, "samples", tuple(self.samples))
        object.__setattr__(self, "size", tuple(self.size))
        self._check_classes()
        if not (self.temperature > 0 and math.isfinite(self.temperature)):
            raise BundleError(
                f"The temperature is {self.temperature}.", allowed="a finite number above 0.", do="Use 1."
            )
        if not self.samples:
            raise BundleError(
                "The export got no sample images.",
                allowed="1 or more encoded images, for the parity check and the warm-up.",
                do="Pass a few images of the validation split as `samples`.",
            )
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

    def _check_facts(self) -> None:
        try:
            json.dumps(self.facts)
        except (TypeError, ValueError) as error:
            raise BundleError(
                f"`facts` cannot be written as JSON: {error}.",
                allowed="dicts, lists, strings, numbers, booleans and None.",
                do="Convert arrays with `.tolist()`.",
            ) from error
