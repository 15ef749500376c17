"""Tasks: what is learned on top of a backbone."""
