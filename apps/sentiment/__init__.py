"""What a text says, and which of its words say so."""
