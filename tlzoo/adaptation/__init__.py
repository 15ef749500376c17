"""From a domain with labels to one without: closed forms, distances, label shift, choice. NumPy and SciPy only."""
