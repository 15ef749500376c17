"""Search by example: pictures or texts that are alike."""
