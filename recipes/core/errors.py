"""The base of every error that a user can put right."""


class RecipeError(ValueError):
    """Says what is wrong and what to do; commands print it without a traceback."""
