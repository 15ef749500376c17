"""Sources turn one scheme of locator into verified files or a network."""
