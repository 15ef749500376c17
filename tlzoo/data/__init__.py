"""Data: labelled items in, checked and split; pixels out."""
