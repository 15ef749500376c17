"""What every tokenizer offers, whatever family it belongs to: strings to token numbers, as TensorFlow ops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import tensorflow as tf


class Tokenizer(Protocol):
    """Cuts texts into tokens, inside a graph as well as outside, so that what was trained is what is served.

    Attributes:
        start: Tokens every text begins with (`[CLS]`), maybe none.
        end: Tokens every text ends with (`[SEP]`), maybe none.
        size: How many different tokens there are; their numbers are 0 to size - 1.
        core_ops: True if its graph needs nothing but TensorFlow's own ops.
        resources: What a module that exports its graph must track (lookup tables, layers); maybe nothing.
    """

    start: tuple[int, ...]
    end: tuple[int, ...]
    size: int
    core_ops: bool
    resources: tuple[Any, ...]

    @property
    def unknown(self) -> int | None:
        """Number of the token that stands for what is not in the vocabulary; None where that cannot happen."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything that decides which tokens come out."""

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Turns UTF-8 strings (b,) into tokens int32 (b, None), without `start` and `end`."""

    def words(self, tokens: list[int]) -> list[str]:
        """Returns how each token reads, to show people; pieces of a word as the family writes them."""
