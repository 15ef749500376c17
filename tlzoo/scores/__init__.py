"""Transferability scores: how well labels can be learned from frozen features, without training a network."""
