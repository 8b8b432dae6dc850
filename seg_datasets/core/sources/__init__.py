"""Sources: each knows one raw layout and yields Samples."""

from seg_datasets.core.sources.annotated import AnnotationError
from seg_datasets.core.sources.base import Scan, Source
from seg_datasets.core.sources.darwin import Darwin
from seg_datasets.core.sources.detect import Layout, LayoutError, Question, detect
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.image_mask_folders import CsvGroups, ImageMaskFolders

__all__ = [
    "AnnotationError",
    "CsvGroups",
    "Darwin",
    "Folder",
    "ImageMaskFolders",
    "Layout",
    "LayoutError",
    "Question",
    "Scan",
    "Source",
    "detect",
]
