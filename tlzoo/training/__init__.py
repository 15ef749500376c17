"""Training: the interpreter of plans; the only compile() and fit()."""
