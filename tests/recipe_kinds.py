"""Which recipes take what, for suites over every recipe."""

from tlzoo.recipes.catalog import RECIPES

TEXT_ONLY = {"few_shot"}
IMAGE_ONLY = {"bit_hyperrule", "co_tuning", "stoch_norm"}
OF_TEXTS = sorted(RECIPES.keys() - IMAGE_ONLY)
OF_IMAGES = sorted(RECIPES.keys() - TEXT_ONLY)
OF_BOTH = sorted(RECIPES.keys() - TEXT_ONLY - IMAGE_ONLY)

CLASSES_ONLY = {"co_tuning", "few_shot", "self_training"}
"""Recipes that need one class of several."""
