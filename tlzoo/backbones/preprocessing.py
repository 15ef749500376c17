"""Preprocessing as a layer: what the network was trained on, inside the graph that is exported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tlzoo.cards import Preprocessing
from tlzoo.errors import CardError

CONVENTIONS = ("caffe", "tf", "torch", "affine", "in_model")


@keras.saving.register_keras_serializable(package="tlzoo")
class Preprocess(keras.layers.Layer):
    """Turns RGB pixels in 0..255 into what a pretrained network expects, bit for bit as its library does.

    Called eagerly it equals the library's `preprocess_input` on arrays; inside a graph it equals that function
    inside a graph. The two differ by a unit in the last place for `tf` and `torch`, because TensorFlow's graph
    optimiser divides by a constant as a multiplication; `fit`, `predict` and an export are all graphs.

    The layer has no weights and always computes in float32, whatever the global dtype policy: pixels rounded
    to half precision are not the pixels the network was trained on.

    Args:
        convention: `caffe` (BGR, means subtracted), `tf` (x/127.5 - 1), `torch` (x/255, then per-channel mean
            and deviation), `affine` ((x - mean) / scale) or `in_model` (pixels pass unchanged).
        mean: Three means in RGB order on the 0..255 scale, for `affine` only.
        scale: Three divisors in RGB order, for `affine` only.
        **kwargs: Keras's own layer arguments (`name` …).

    Raises:
        CardError: An unknown convention, or numbers without `affine`, or `affine` without numbers.

    Example:
        >>> Preprocess("affine", mean=(127, 127, 127), scale=(128, 128, 128))
        <Preprocess name=preprocess, built=True>
    """

    def __init__(
        self,
        convention: str,
        mean: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{**kwargs, "dtype": "float32", "trainable": False})
        if convention not in CONVENTIONS:
            raise CardError(
                f"Preprocessing convention '{convention}' is unknown.",
                allowed=f"{', '.join(CONVENTIONS)}.",
                do="Mend the card's [preprocessing].",
            )
        if (convention == "affine") != (mean is not None and scale is not None):
            raise CardError(
                f"Preprocessing convention '{convention}' with mean={mean}, scale={scale}.",
                allowed="`mean` and `scale` together with 'affine', and only with it.",
                do="Mend the card's [preprocessing].",
            )
        self.convention = convention
        self.mean = None if mean is None else tuple(float(value) for value in mean)
        self.scale = None if scale is None else tuple(float(value) for value in scale)
        self.built = True

    @classmethod
    def from_card(cls, preprocessing: Preprocessing, **kwargs: Any) -> Preprocess:
        """Makes the layer a card asks for.

        Args:
            preprocessing: The card's table.
            **kwargs: Keras's own layer arguments.
        """
        return cls(preprocessing.convention, preprocessing.mean, preprocessing.scale, **kwargs)

    def call(self, pixels: Any) -> Any:
        """Prepares pixels.

        Args:
            pixels: RGB in 0..255, integer or float, (b, h, w, 3).

        Returns:
            float32, the same shape.
        """
        pixels = keras.ops.cast(pixels, "float32")
        if self.convention == "in_model":
            return pixels
        if self.convention == "affine":
            return (pixels - keras.ops.array(self.mean, "float32")) / keras.ops.array(self.scale, "float32")
        return keras.applications.imagenet_utils.preprocess_input(
            pixels, data_format="channels_last", mode=self.convention
        )

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns `input_shape`: preparing pixels changes no shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs to make the layer again."""
        return {**super().get_config(), "convention": self.convention, "mean": self.mean, "scale": self.scale}
