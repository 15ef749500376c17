"""Workflows: the only place that strings steps together."""
