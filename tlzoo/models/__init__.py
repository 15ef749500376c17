"""Models: a backbone and a head, put together and frozen by stage."""
