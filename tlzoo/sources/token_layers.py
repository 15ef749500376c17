"""What stands between the one tensor of tokens and a text network's own inputs."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="tlzoo")
class TokenMask(keras.layers.Layer):
    """Turns tokens (b, t), -1 where a text has ended, into a mask int32 (b, t) of ones and zeros."""

    def call(self, tokens: Any) -> Any:
        """Returns 1 where there is a token."""
        return keras.ops.cast(tokens >= 0, "int32")

    def compute_output_spec(self, tokens: Any) -> Any:
        """Returns a tensor of the same shape."""
        return keras.KerasTensor(tokens.shape, dtype="int32")


@keras.saving.register_keras_serializable(package="tlzoo")
class TokenIds(keras.layers.Layer):
    """Puts a number the vocabulary knows where a text has ended.

    Args:
        padding: That number, 0 or more.
        **kwargs: Keras's own layer arguments.
    """

    def __init__(self, padding: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, tokens: Any) -> Any:
        """Returns tokens int32 (b, t), all of them 0 or more."""
        return keras.ops.where(tokens >= 0, tokens, self.padding)

    def compute_output_spec(self, tokens: Any) -> Any:
        """Returns a tensor of the same shape."""
        return keras.KerasTensor(tokens.shape, dtype="int32")

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        return {**super().get_config(), "padding": self.padding}


@keras.saving.register_keras_serializable(package="tlzoo")
class Segments(keras.layers.Layer):
    """Gives every token segment 0: one text, no pairs."""

    def call(self, tokens: Any) -> Any:
        """Returns zeros int32 (b, t)."""
        return keras.ops.zeros_like(tokens)

    def compute_output_spec(self, tokens: Any) -> Any:
        """Returns a tensor of the same shape."""
        return keras.KerasTensor(tokens.shape, dtype="int32")
