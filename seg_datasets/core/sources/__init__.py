"""Sources: each knows one raw layout and yields Samples."""

from seg_datasets.core.sources.annotated import AnnotationError
from seg_datasets.core.sources.base import Scan, Source
from seg_datasets.core.sources.coco import Coco
from seg_datasets.core.sources.coco_panoptic import CocoPanoptic
from seg_datasets.core.sources.cvat import Cvat
from seg_datasets.core.sources.darwin import Darwin
from seg_datasets.core.sources.detect import Layout, LayoutError, Question, detect
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.image_mask_folders import CsvGroups, ImageMaskFolders
from seg_datasets.core.sources.labelme import LabelMe
from seg_datasets.core.sources.via import Via

__all__ = [
    "AnnotationError",
    "Coco",
    "CocoPanoptic",
    "CsvGroups",
    "Cvat",
    "Darwin",
    "Folder",
    "ImageMaskFolders",
    "LabelMe",
    "Layout",
    "LayoutError",
    "Question",
    "Scan",
    "Source",
    "Via",
    "detect",
]
