"""Keras callbacks used by training."""
