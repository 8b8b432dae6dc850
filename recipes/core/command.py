"""What every `python -m recipes.<verb>` does around its work."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from absl import app

from recipes.core import quiet
from recipes.core.errors import RecipeError


def run(argv: Sequence[str], work: Callable[[], Any]) -> None:
    """Does the work of a command; what the user can put right ends it in their words.

    Args:
      argv: what absl left of the command line; nothing but flags is understood.
      work: reads the flags and does it.
    """
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
    quiet.quiet()
    try:
        work()
    except RecipeError as error:
        sys.exit(f"error: {error}")
