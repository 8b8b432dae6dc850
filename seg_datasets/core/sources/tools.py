"""Tools: how the files of each are told by a few bytes, and the source that reads them.

A tool more is an entry more in `TOOLS`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seg_datasets.core.sources import (
    ask,
    cbis_ddsm,
    cityscapes,
    cvat,
    darwin,
    dicom_seg,
    label_studio,
    labelbox,
    labelme,
    labelme_xml,
    making,
    scenes,
    supervisely,
    via,
    voc_boxes,
    yolo,
)
from seg_datasets.core.sources.ask import Asked
from seg_datasets.core.sources.base import OfLabels
from seg_datasets.core.sources.export import Export
from seg_datasets.core.sources.folder import Folder


@dataclasses.dataclass(frozen=True, eq=False)
class Tool:
    """One tool, or one of the forms it exports.

    Attributes:
      name: as `--source` has it.
      title: for people.
      extensions: of its files.
      words: all of them stand in the beginning or end of a file; none where names tell the tool.
      make: the source that reads it; None where there is no such source.
      ask: what the export does not tell, see `ask`.
      needs: fields that its source may refuse to go without → what is taken, and asked about.
      before_masks: whether it brings pictures that look like masks and are none.
      by_name: its files among all of a raw folder, where names tell it.
      own_images: whether `make` states where the images lie; else the folder is worked out.
    """

    name: str
    title: str
    extensions: tuple[str, ...]
    words: tuple[bytes, ...]
    make: Callable[[Export], OfLabels] | None
    ask: Callable[[Folder, Any], Asked] = ask.nothing
    needs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    before_masks: bool = False
    by_name: Callable[[Folder, Sequence[str]], Sequence[str]] | None = None
    own_images: bool = False


# Shapes without area: what has to be said, and what is taken until somebody does.
_LINES: Mapping[str, Any] = {"line_width": 0}
_SEVERAL: Mapping[str, Any] = {"take": "first"}

# Only both ends of a file are seen: what stands in the middle of a long one tells nothing.
# The first that fits a file; of two that tell as much of the same images, the first is taken.
TOOLS: tuple[Tool, ...] = (
    Tool(
        *("panoptic", "COCO panoptic", ("json",), (rb'"segments_info"',), making.with_segments),
        before_masks=True,
    ),
    Tool(
        *(
            "labelme",
            "LabelMe",
            ("json",),
            (rb'"shapes"', rb'"image(?:Path|Data|Height)"|"shape_type"'),
        ),
        make=making.plain(labelme.LabelMe),
    ),
    Tool(
        *("via", "VGG Image Annotator", ("json",), (rb'"shape_attributes"',)),
        make=making.plain(via.Via),
        ask=ask.attribute,
    ),
    Tool(
        *("via", "VGG Image Annotator", ("csv",), (rb"\A.{0,200}region_shape_attributes",)),
        make=making.plain(via.Via),
        ask=ask.attribute,
    ),
    Tool(
        *("cityscapes", "Cityscapes", ("json",), (rb'"imgHeight"', rb'"imgWidth"', rb'"objects"')),
        make=making.plain(cityscapes.CityscapesPolygons),
    ),
    Tool(
        *("supervisely", "Supervisely", ("json",)),
        (rb'"objects"', rb'"size"', rb'"classTitle"|"objects"\s*:\s*\[\s*\]'),
        making.plain(supervisely.Supervisely),
        needs=_LINES,
    ),
    Tool(
        *("labelstudio", "Label Studio", ("json",)),
        (rb'"original_width"', rb'"from_name"|"annotation_id"'),
        making.plain(label_studio.LabelStudio),
        needs=_SEVERAL,
    ),
    Tool(
        *("darwin", "V7 Darwin", ("json",)),
        (rb'"annotations"', rb'"(?:schema_ref|dataset)"', rb'"(?:polygon|item|annotated)"'),
        making.plain(darwin.Darwin),
    ),
    Tool(
        *("labelbox", "Labelbox", ("ndjson", "json"), (rb'"data_row"', rb'"projects"')),
        make=making.plain(labelbox.Labelbox),
        needs={**_LINES, **_SEVERAL},
    ),
    Tool("labelbox_1", "Labelbox's old JSON", ("json",), (rb'"Labeled Data"',), None),
    Tool(
        *("coco", "COCO", ("json",)),
        (
            rb'"(?:annotations|segmentation|bbox)"',
            rb'"(?:categories|category_id)"',
            rb'"(?:images|image_id)"',
        ),
        making.instances,
    ),
    Tool(
        *("cvat", "CVAT", ("xml",), (rb"<annotations>", rb"<(?:image|track|meta)[ >]")),
        make=making.plain(cvat.Cvat),
        needs=_LINES,
    ),
    Tool(
        *(
            "labelme_xml",
            "LabelMe XML",
            ("xml",),
            (rb"<annotation[ >]", rb"<(?:pt|imagesize|segm)>"),
        ),
        make=making.plain(labelme_xml.LabelMeXml),
    ),
    Tool(
        *("voc", "Pascal VOC", ("xml",), (rb"<annotation[ >]", rb"<(?:bndbox|size|segmented)>")),
        make=making.plain(voc_boxes.VocBoxes),
    ),
    # A first line of a class and at least four shares of the image: a box or a polygon.
    Tool(
        *("yolo", "YOLO", ("txt",)),
        (rb"(?m)\A(?=.*\.\d)\d+(?: +(?:[01]|[01]?\.\d+(?:[eE]-\d+)?)){4,}\s*$",),
        making.plain(yolo.Yolo),
    ),
    Tool(
        *("objects", "masks of single objects", (), (), making.objects, ask.name_of_objects),
        by_name=making.files_of_objects,
        own_images=True,
        before_masks=True,
    ),
    Tool(
        *("cvat_masks", "CVAT masks", ("txt",), (rb"\A# label:color_rgb:parts:actions",)),
        make=making.cvat,
        own_images=True,
        before_masks=True,
    ),
    Tool(
        *("footprints", "footprints", ("geojson", "json"), (rb'"FeatureCollection"',)),
        make=making.of_scenes,
        ask=scenes.ask_property,
        own_images=True,
    ),
    Tool(
        *("footprints", "footprints", ("gpkg",), (rb"\ASQLite format 3\0",)),
        make=making.of_scenes,
        ask=scenes.ask_property,
        own_images=True,
    ),
    Tool(
        *("cbis_ddsm", "CBIS-DDSM", ("csv",), (rb"(?i)ROI mask file path", rb"(?i)pathology")),
        make=making.plain(cbis_ddsm.CbisDdsm),
        own_images=True,
        before_masks=True,
    ),
    Tool(
        *("dicomseg", "DICOM-SEG", (), (), making.plain(dicom_seg.DicomSeg)),
        needs={"threshold": 0.5},
        by_name=making.segmentations,
        own_images=True,
        before_masks=True,
    ),
    Tool("dicom", "DICOM", (), (), None, by_name=making.ending("dcm", "dicom")),
)

# What `--source` may be: a tool, or the folders of images and masks.
MASKS = "masks"
NAMES: tuple[str, ...] = (MASKS, *dict.fromkeys(tool.name for tool in TOOLS if tool.make))
