"""A page for classifiers of X-ray, MRI and histology pictures; no medical device."""
