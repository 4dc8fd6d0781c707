"""Recipes of the paper's tables, the runner, and the demo."""
