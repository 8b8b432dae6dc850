"""CBIS-DDSM: masses and calcifications on mammograms, from The Cancer Imaging Archive."""

from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

import seg_datasets

_ASKEW = "masks of another size than their mammogram, as published: it is left out, never stretched"


class Builder(seg_datasets.SegmentationBuilder):
    """Masses and calcifications on mammograms; a patient is in one split."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    RAW holds the folder `CBIS-DDSM`, as the NBIA Data Retriever loads it, and the four files
    `*_case_description_*_set.csv`, all from https://www.cancerimagingarchive.net/collection/cbis-ddsm.
    DICOM is read with pydicom: pip install 'seg_datasets[dicom]'
    """
    CLASSES = seg_datasets.ClassTable("background", "mass", "calcification")
    SOURCE = seg_datasets.sources.CbisDdsm()
    SPLITS = seg_datasets.splits.Stratified(train=70, validation=10, test=20)
    CHANNELS = 1
    IMAGE_DTYPE = np.uint16
    ACCEPT: ClassVar = {"SD512": _ASKEW}
