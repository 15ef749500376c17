"""Transfer learning for Keras 3."""
