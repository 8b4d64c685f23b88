"""Recipes: rules from an inventory to a scheme for every part. One file a recipe."""

from glorot.recipes.base import RECIPES, Choice, Recipe, as_recipe, own_recipe, recipe, usual

__all__ = ["RECIPES", "Choice", "Recipe", "as_recipe", "own_recipe", "recipe", "usual"]
