"""Evaluation: evidence from a run folder."""
