"""What pulls two domains together, as a layer: it takes features and logits of both and gives a loss to add."""

from __future__ import annotations

from typing import Any, Literal, get_args

import keras

from tlzoo.alignment.losses import conditioned, coral_loss, mcc_loss, mmd_loss, reversed_gradient

ops = keras.ops

Objective = Literal["mmd", "coral", "dann", "cdan", "mcc"]
OBJECTIVES: tuple[str, ...] = get_args(Objective)

_ADVERSARIAL = ("dann", "cdan")
_SIZES = (("relu", 128), ("relu", 64), (None, 1))


class Pull(keras.layers.Layer):
    """One objective, and for adversarial ones the domain classifier that whatever is before it deceives.

    Args:
        objective: `mmd` (DAN), `coral` (Deep CORAL), `dann`, `cdan` or `mcc`.
        classes: How many.
        seed: Of the domain classifier's weights.
    """

    def __init__(self, objective: Objective, classes: int, seed: int = 0) -> None:
        super().__init__(name="pull")
        self.objective, self.classes = objective, classes
        self.adversary = None
        if objective in _ADVERSARIAL:
            layers = [
                keras.layers.Dense(size, name, kernel_initializer=keras.initializers.HeNormal(seed + number))
                for number, (name, size) in enumerate(_SIZES, start=1)
            ]
            self.adversary = keras.Sequential(layers, name="adversary")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the domain classifier's weights, if there is one, for features (b, k)."""
        if self.adversary is not None:
            width = input_shape[-1] or 0  # always known: features come from a built network
            seen = width * self.classes if self.objective == "cdan" else width
            self.adversary.build((None, seen))
        self.built = True

    def loss(self, features: tuple[Any, Any], logits: tuple[Any, Any], factor: Any) -> tuple[Any, Any]:
        """Returns what to add to the loss of the task, and the bare objective, to be told.

        Args:
            features: Of the source and of the target, (b, k) each.
            logits: Likewise, (b, c) each.
            factor: Weight of the pull, 0 or more. A domain classifier learns at full weight; what is before it feels
                its gradient reversed, times this.
        """
        if self.adversary is not None:
            deceived = self._deception(features, logits, factor)
            return deceived, deceived
        if self.objective == "mcc":
            bare = mcc_loss(logits[1])
        else:
            bare = (mmd_loss if self.objective == "mmd" else coral_loss)(*features)
        return factor * bare, bare

    def _deception(self, features: tuple[Any, Any], logits: tuple[Any, Any], factor: Any) -> Any:
        """Returns the domain classifier's loss; it learns to tell, and what is before it to deceive it."""
        seen = [
            conditioned(each, said) if self.objective == "cdan" else each
            for each, said in zip(features, logits, strict=True)
        ]
        values = reversed_gradient(ops.concatenate(seen, axis=0), factor)
        domain = ops.concatenate([ops.zeros_like(seen[0][:, :1]), ops.ones_like(seen[1][:, :1])], axis=0)
        told = self.adversary(values)  # type: ignore[misc]
        return ops.mean(ops.binary_crossentropy(domain, told, from_logits=True))
