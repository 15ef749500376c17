"""The SavedModel behind LitServe, as its quick start has it: `MODEL=FOLDER python litserve_service.py PORT`."""

import base64
import os
import sys

import litserve as ls


class SolarCells(ls.LitAPI):
    """Answers `{"image": "<Base64>"}`."""

    def setup(self, device):
        import tensorflow as tf

        self.model = tf.saved_model.load(os.environ["MODEL"])
        self.call = self.model.signatures["serving_default"]
        self.constant = tf.constant

    def decode_request(self, request):
        return base64.b64decode(request["image"])

    def predict(self, image):
        return self.call(image_bytes=self.constant([image]))

    def encode_response(self, outputs):
        return {
            "label": outputs["label"].numpy()[0].decode(),
            "score": float(outputs["score"].numpy()[0]),
            "probabilities": outputs["probabilities"].numpy()[0].tolist(),
        }


if __name__ == "__main__":
    ls.LitServer(SolarCells(), accelerator="cpu").run(
        port=int(sys.argv[1]), host="127.0.0.1", generate_client_file=False
    )
