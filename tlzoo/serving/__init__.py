"""The local server: TensorFlow Serving's contract on a laptop, without Docker."""
