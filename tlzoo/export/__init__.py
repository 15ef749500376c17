"""Export: from a model in memory to a bundle that serves."""
