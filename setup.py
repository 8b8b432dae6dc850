"""Package metadata. Tool settings (ruff, mypy, pytest) are in pyproject.toml."""

import pathlib

import setuptools

ROOT = pathlib.Path(__file__).parent

# TFDS imports mlcroissant, apache_beam and importlib_resources without declaring them: without
# these three the `tfds` command dies at import (tensorflow/datasets#11212).
TFDS_FORGETS = ["mlcroissant>=1.0.17", "apache-beam>=2.71", "importlib_resources>=6.4"]

# What `tfds.testing.DatasetBuilderTestCase`, the base of `seg_datasets.testing`, imports.
TESTING = ["dill>=0.4", "pytest>=8.0"]

# What the formats of `recipes.export` are written and run with.
EXPORT = ["ai-edge-litert>=2.0.3", "onnx>=1.17", "onnxruntime>=1.20", "tf2onnx>=1.17"]

# Buckets: raw data and datasets at s3:// and gs://.
S3, GS = ["s3fs>=2025.9"], ["gcsfs>=2025.9"]

# Every lower bound of install_requires was tried, all of them together, with the whole test suite.
setuptools.setup(
    name="seg_datasets",
    version="0.1.0",
    description="From a folder of images and masks to a dataset version a company can trust, "
    "and a segmentation model trained on it.",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=[
        *setuptools.find_packages(include=["seg_datasets", "seg_datasets.*"]),
        *setuptools.find_packages(include=["recipes", "recipes.*"]),
        "seg_datasets.checksums",
        "seg_datasets.docs",
    ],
    # The ledger and the documents lie at the top of the checkout, where reviewers see them change,
    # and travel in the wheel as folders of the package.
    package_dir={"seg_datasets.checksums": "checksums", "seg_datasets.docs": "docs"},
    package_data={
        "seg_datasets.core.report": ["*.css", "*.js"],
        "recipes.core": ["*.css", "*.js"],
        "seg_datasets": ["*/README.md", "*/CITATIONS.bib", "*/TAGS.txt", "py.typed"],
        "seg_datasets.checksums": ["*.json", "*.tsv", "*.md"],
        "seg_datasets.docs": ["*.md"],
    },
    install_requires=[
        "absl-py>=2.1",
        "defusedxml>=0.7.1",
        "google-crc32c>=1.5",
        "keras>=3.10",
        "numpy>=1.26",
        "pillow>=11.1",
        "pyarrow>=18.0",
        "pycocotools>=2.0.8",
        "pyyaml>=6.0.1",
        "scipy>=1.13",
        "tensorflow>=2.20",
        "tensorflow-datasets>=4.9.9",
        'tomli>=2.0; python_version < "3.11"',
        "tqdm>=4.66",
        "wrapt>=1.16",
        *TFDS_FORGETS,
    ],
    extras_require={
        # rasterio 1.5 needs Python 3.12.
        "geo": ["rasterio>=1.4"],
        "dicom": ["pydicom>=3.0"],
        # Another backend for the recipes: KERAS_BACKEND=jax python -m recipes.unet …
        "jax": ["jax>=0.4.30"],
        "array_record": ["array_record>=0.8"],
        "export": EXPORT,
        "s3": S3,
        "gs": GS,
        # What `tests/cluster` starts. Beam's runner, in its pom.xml, is one for this Flink.
        "cluster": ["apache-flink-libraries>=1.19.3,<1.20"],
        "testing": TESTING,
        "dev": [
            *TESTING,
            *EXPORT,
            *S3,
            "array_record>=0.8",
            "hypothesis>=6.170",
            "moto[server]>=5.1",
            "mypy>=2.4",
            "pydicom>=3.0",
            "pytest-xdist>=3.8",
            "rasterio>=1.4",
            "ruff>=0.17",
            "selenium>=4.40",
            "setuptools>=77",
            "types-defusedxml",
            "types-tqdm",
        ],
    },
    classifiers=[
        "License :: OSI Approved :: Apache Software License",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
)
