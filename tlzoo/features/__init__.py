"""Features: computed once by the fastest verified engine, kept in a cache."""
