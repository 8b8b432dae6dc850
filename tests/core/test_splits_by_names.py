"""Splits by names: each sample is in the one split whose pattern it fits, or nothing is split."""

import pathlib

import pytest

import kit
from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.sample import Sample
from seg_datasets.core.sources import Folder
from seg_datasets.core.splits import FromNames, SplitError

NOWHERE = Folder(pathlib.Path("/nowhere"))
SAMPLES = [kit.unseen(Sample(id=i, image="i", mask="m")) for i in ("rome_1", "oslo_2", "lima_3")]


def test_a_sample_is_where_its_name_says() -> None:
    rule = FromNames(train="^(rome|oslo)", test="^lima")
    assert rule.names == ("train", "test")
    split_of = rule.assign(SAMPLES, NOWHERE).split_of
    assert split_of == {"rome_1": "train", "oslo_2": "train", "lima_3": "test"}
    assert "(rome|oslo)" in rule.describe()


@pytest.mark.parametrize(
    ("patterns", "told"),
    [
        ({"train": "^rome", "test": "^lima"}, "oslo_2 fits no pattern"),
        ({"train": "_[12]", "test": "^(lima|rome)"}, "rome_1 fits the patterns of train, test"),
        ({"train": "_", "test": "^cairo"}, r"no sample is in test \(\^cairo\)"),
    ],
)
def test_no_sample_is_dropped_or_put_twice(patterns: dict[str, str], told: str) -> None:
    with pytest.raises(SplitError, match=told):
        FromNames(**patterns).assign(SAMPLES, NOWHERE)


def test_patterns_have_to_be_patterns() -> None:
    with pytest.raises(DeclarationError, match="a pattern for each split"):
        FromNames()
    with pytest.raises(DeclarationError, match="no regular expression"):
        FromNames(train="(")
