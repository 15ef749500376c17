"""Inspection of solar cells, or of anything else that is photographed to find defects."""
