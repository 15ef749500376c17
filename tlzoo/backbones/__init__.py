"""Backbones: pretrained networks with preprocessing, pooling and stages."""
