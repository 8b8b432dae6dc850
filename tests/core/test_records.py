"""Record files: the very bytes that TensorFlow writes."""

import hashlib
import os
import pathlib
import tempfile

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from seg_datasets.core import records


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_tfrecords_are_the_bytes_that_tensorflow_writes(contents: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = pathlib.Path(folder, "ours"), pathlib.Path(folder, "theirs")
        told = records.write(ours, contents, file_format="tfrecord")
        with tf.io.TFRecordWriter(os.fspath(theirs)) as writer:
            for content in contents:
                writer.write(content)
        assert ours.read_bytes() == theirs.read_bytes()
        assert told == (hashlib.sha256(ours.read_bytes()).hexdigest(), ours.stat().st_size)


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_digest_is_that_of_the_file(tmp_path: pathlib.Path, file_format: str) -> None:
    path = tmp_path / "shard"
    told = records.write(path, [b"one", b"two" * 9999], file_format=file_format)
    assert told == records.digest(path)
    assert told == (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
