"""Sources: each knows one raw layout and yields Samples."""

from seg_datasets.core.sources.annotated import AnnotationError
from seg_datasets.core.sources.base import Scan, Source
from seg_datasets.core.sources.cbis_ddsm import CbisDdsm
from seg_datasets.core.sources.cityscapes import CityscapesPolygons
from seg_datasets.core.sources.coco import Coco
from seg_datasets.core.sources.coco_panoptic import CocoPanoptic
from seg_datasets.core.sources.cvat import Cvat
from seg_datasets.core.sources.cvat_masks import CvatMasks
from seg_datasets.core.sources.darwin import Darwin
from seg_datasets.core.sources.detect import detect
from seg_datasets.core.sources.dicom import Dicom
from seg_datasets.core.sources.dicom_seg import DicomSeg
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.geotiff import GeoTiff
from seg_datasets.core.sources.image_mask_folders import CsvGroups, ImageMaskFolders
from seg_datasets.core.sources.label_studio import LabelStudio
from seg_datasets.core.sources.labelbox import Labelbox
from seg_datasets.core.sources.labelme import LabelMe
from seg_datasets.core.sources.labelme_xml import LabelMeXml
from seg_datasets.core.sources.layout import Layout, LayoutError, Question
from seg_datasets.core.sources.mat_masks import MatMasks
from seg_datasets.core.sources.object_masks import CroppedMasks, ObjectMasks
from seg_datasets.core.sources.prepared import Tfds
from seg_datasets.core.sources.public import (
    CITYSCAPES,
    CITYSCAPES_LABELS,
    VOC,
    Cityscapes,
    PascalVoc,
)
from seg_datasets.core.sources.supervisely import Supervisely
from seg_datasets.core.sources.via import Via
from seg_datasets.core.sources.voc_boxes import VocBoxes
from seg_datasets.core.sources.yolo import Yolo

__all__ = [
    "CITYSCAPES",
    "CITYSCAPES_LABELS",
    "VOC",
    "AnnotationError",
    "CbisDdsm",
    "Cityscapes",
    "CityscapesPolygons",
    "Coco",
    "CocoPanoptic",
    "CroppedMasks",
    "CsvGroups",
    "Cvat",
    "CvatMasks",
    "Darwin",
    "Dicom",
    "DicomSeg",
    "Folder",
    "GeoTiff",
    "ImageMaskFolders",
    "LabelMe",
    "LabelMeXml",
    "LabelStudio",
    "Labelbox",
    "Layout",
    "LayoutError",
    "MatMasks",
    "ObjectMasks",
    "PascalVoc",
    "Question",
    "Scan",
    "Source",
    "Supervisely",
    "Tfds",
    "Via",
    "VocBoxes",
    "Yolo",
    "detect",
]
