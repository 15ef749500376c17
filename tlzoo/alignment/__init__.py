"""Heads that learn from a labelled domain and an unlabelled one at once: MMD, CORAL, DANN, CDAN, MCC."""
