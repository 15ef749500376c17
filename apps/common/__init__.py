"""What all apps share: one theme, one way to ask a model, one way to say what went wrong."""
