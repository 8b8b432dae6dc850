"""The page of a build or a check: one HTML file, everything inside, readable without a network.

    places → choice → thumbs → sections → page

`kit` has the look and the pieces that pages of runs share.
"""

from seg_datasets.core.report.page import NAME, render, save, save_beside

__all__ = ["NAME", "render", "save", "save_beside"]
