"""TensorFlow Serving's protocol: the values that a server and its callers share."""
