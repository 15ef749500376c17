"""The parts of a TF Hub module as layers, so that they are frozen as everything else is."""

from __future__ import annotations

import contextlib
from typing import Any

import keras

from tlzoo.sources.hub_graph import VariableSpec


@keras.saving.register_keras_serializable("tlzoo")
class HubStatistics(keras.layers.Layer):
    """Holds the variables of a part that are not learned by gradients, such as moving averages.

    They move only while the module runs in training mode and `trainable` is True, as those of BatchNormalization do.
    """


@keras.saving.register_keras_serializable("tlzoo")
class HubPart(keras.layers.Layer):
    """Holds the variables of one part of a module; its `trainable` freezes them.

    Attributes:
        statistics: Holds those of them that no gradient moves; None if there are none.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.statistics: HubStatistics | None = None

    def adopt(self, spec: VariableSpec, initializer: Any) -> keras.Variable:
        """Makes the variable that a module's `spec` describes."""
        if not spec.trainable and self.statistics is None:
            self.statistics = HubStatistics(name="statistics", dtype="float32")
            self.statistics.built = True
        owner: Any = self if spec.trainable else self.statistics
        with contextlib.nullcontext() if owner is self else keras.name_scope(self.name):
            variable = owner.add_weight(
                shape=spec.shape,
                dtype=spec.dtype,
                initializer=initializer,
                trainable=spec.trainable,
                autocast=False,
                name=spec.name.replace("/", "_"),
            )
        # `tf.saved_model.save` finds attributes only.
        setattr(owner, f"variable_{spec.node}", variable)
        return variable
