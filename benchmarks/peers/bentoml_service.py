"""The SavedModel behind BentoML, as its quick start has it: `MODEL=FOLDER bentoml serve bentoml_service:SolarCells`."""

from __future__ import annotations

import base64
import os

import bentoml


@bentoml.service
class SolarCells:
    """Answers `{"image": "<Base64>"}`."""

    def __init__(self) -> None:
        import tensorflow as tf

        self.model = tf.saved_model.load(os.environ["MODEL"])
        self.call = self.model.signatures["serving_default"]
        self.constant = tf.constant

    @bentoml.api
    def predict(self, image: str) -> dict:
        outputs = self.call(image_bytes=self.constant([base64.b64decode(image)]))
        return {
            "label": outputs["label"].numpy()[0].decode(),
            "score": float(outputs["score"].numpy()[0]),
            "probabilities": outputs["probabilities"].numpy()[0].tolist(),
        }
