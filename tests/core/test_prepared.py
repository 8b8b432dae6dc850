"""Datasets that TFDS has prepared, read as raw data: what TFDS reads is the oracle."""

import io
import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

import mutants
from seg_datasets.core import opening, records
from seg_datasets.core.classes import ClassTable, DeclarationError
from seg_datasets.core.sources import AnnotationError, Folder, Tfds

CLASSES = ClassTable("pet", "background", "border")
SOURCE = Tfds(id="name", values={1: "pet", 2: "background", 3: "border"})


class Pets(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Somebody's dataset, with features in one another and several shards."""

    name = "pets"
    VERSION = tfds.core.Version("4.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(encoding_format="jpeg"),
                    "more": {"mask": tfds.features.Image(shape=(None, None, 1))},
                    "name": tfds.features.Text(),
                    "label": tfds.features.ClassLabel(num_classes=3),
                    "box": tfds.features.BBoxFeature(),
                    "words": tfds.features.Sequence(tfds.features.Text()),
                }
            ),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"train": self._generate_examples(9), "test": self._generate_examples(3)}

    def _generate_examples(self, count: int) -> Any:
        rng = np.random.default_rng(count)
        for number in range(count):
            size = (20 + number, 30)
            yield (
                number,
                {
                    "image": rng.integers(0, 255, (*size, 3)).astype(np.uint8),
                    "more": {"mask": rng.integers(1, 4, (*size, 1)).astype(np.uint8)},
                    "name": f"{'äö'[number % 2]}_{number}.jpg",
                    "label": number % 3,
                    "box": tfds.features.BBox(0.0, 0.0, 1.0, 1.0),
                    "words": ["a", "b"],
                },
            )


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Any:
    builder = Pets(data_dir=tmp_path_factory.mktemp("pets"))
    config = tfds.download.DownloadConfig(num_shards=2)
    builder.download_and_prepare(download_config=config)
    return builder


def test_images_and_masks_are_those_that_tfds_reads(pets: Any) -> None:
    source = Tfds(id="name", mask="more/mask", values=SOURCE.values)
    folder = Folder(pets.data_dir)
    scan = source.scan(folder)
    assert len(scan.samples) == 12
    by_id = {sample.id: sample for sample in scan.samples}
    for split in ("train", "test"):
        for example in tfds.as_numpy(pets.as_dataset(split=split)):
            sample = by_id[f"{split}/{example['name'].decode().removesuffix('.jpg')}"]
            assert sample.folder == split
            seen = opening.image_file(sample, folder)
            assert (tf.io.decode_jpeg(seen.data).numpy() == example["image"]).all()
            mask = opening.mask(
                sample,
                opening.mask_file(sample, folder),
                source.table(CLASSES),
                folder=folder,
                size=example["image"].shape[1::-1],
            ).mask
            assert (mask.ids == example["more"]["mask"][..., 0] - 1).all()


def test_without_a_name_samples_are_numbered_as_the_records(pets: Any) -> None:
    scan = Tfds(mask="more/mask").scan(Folder(pets.data_dir))
    ids = {sample.id for sample in scan.samples}
    assert len(ids) == 12
    assert "test/00000-of-00002/000000" in ids


def record(**values: bytes) -> bytes:
    feature = {
        key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for key, value in values.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString(
        deterministic=True
    )


def png(pixels: np.ndarray) -> bytes:
    Image.fromarray(pixels).save(file := io.BytesIO(), "png")
    return file.getvalue()


EXAMPLE = {
    "image": png(np.zeros((8, 8, 3), np.uint8)),
    "segmentation_mask": png(np.ones((8, 8), np.uint8)),
    "name": b"a.jpg",
}
FILE = "pets-train.tfrecord-00000-of-00001"


def written(folder: pathlib.Path, *examples: bytes) -> pathlib.Path:
    records.write(folder / FILE, examples, file_format="tfrecord")
    return folder / FILE


def test_one_name_twice_is_said(tmp_path: pathlib.Path) -> None:
    written(tmp_path, record(**EXAMPLE), record(**{**EXAMPLE, "name": b"A.jpg"}))
    assert [*SOURCE.scan(Folder(tmp_path)).clashes] == ["train/a"]


def test_a_missing_feature_is_named_with_those_that_are_there(tmp_path: pathlib.Path) -> None:
    written(tmp_path, record(**EXAMPLE))
    with pytest.raises(AnnotationError, match=r"'trimap'; it has 'image', 'name', 'seg"):
        Tfds(mask="trimap").scan(Folder(tmp_path))


def test_a_damaged_file_is_refused(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path, record(**EXAMPLE), record(**EXAMPLE))
    whole = path.read_bytes()
    for content, told in (
        (whole[:-1], "cut off"),
        (whole[:40] + b"?" + whole[41:], "is damaged"),
        (b"\xff" * 8 + whole[8:], "no record begins at byte 0"),
        (b"text", "no record begins"),
    ):
        path.write_bytes(content)
        with pytest.raises(AnnotationError, match=told):
            SOURCE.scan(Folder(tmp_path))


def test_a_format_that_is_not_read_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "pets-train.array_record-00000-of-00001").write_bytes(b"")
    with pytest.raises(DeclarationError, match="file_format='tfrecord'"):
        SOURCE.scan(Folder(tmp_path))


def test_whatever_examples_hold_our_own_errors_come_out(tmp_path: pathlib.Path) -> None:
    def read(example: bytes) -> None:
        written(tmp_path, example)  # with checksums that are right
        folder = Folder(tmp_path)
        for sample in SOURCE.scan(folder).samples:
            opening.image_file(sample, folder)

    mutants.try_all(record(**EXAMPLE), read)
