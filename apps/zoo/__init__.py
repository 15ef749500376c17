"""Browse the zoo: which pretrained networks and data sets there are."""
