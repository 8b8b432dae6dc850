"""Makes the records of one raw folder slow, in every Python that finds this folder on its path.

So a test that kills something in the middle of a build meets the middle on any machine.
"""

import os
import time
from typing import Any

if raw := os.environ.get("SLOW_RAW"):
    from seg_datasets.core import write

    _record = write.record

    def _slowly(facts: Any, recipe: Any, *args: Any) -> bytes:
        if recipe.raw == raw:
            time.sleep(0.05)
        return _record(facts, recipe, *args)

    write.record = _slowly
