"""The splits that raw data comes with: in folders, lists of names, or annotation files."""

from __future__ import annotations

import pathlib
from collections import Counter
from collections.abc import Mapping, Sequence

from seg_datasets.core.classes import DeclarationError, few
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.sample import Sample, plain, same
from seg_datasets.core.sources import Folder
from seg_datasets.core.sources.image_mask_folders import GroupRule
from seg_datasets.core.splits.rule import Assignment, SplitError


class FromFolders:
    """The splits the raw data comes in: one folder each.

    Args:
      group: see `ImageMaskFolders.group`; groups in two splits are an error.
      **folders: split → folder name: `train="training", test="test"`. A sample's folder is what
        `{split}` stands for in the source, or the first folder of its id.
    """

    def __init__(self, *, group: GroupRule | None = None, **folders: str):
        if not folders:
            raise DeclarationError("FromFolders needs a folder for each split: train='train', ...")
        self.group = group
        self.folders = folders

    @property
    def names(self) -> tuple[str, ...]:
        """The splits."""
        return tuple(self.folders)

    def describe(self) -> str:
        """The rule in one line."""
        return f"FromFolders({self.folders}, group={self.group!r})"

    def assign(self, facts: Sequence[SampleFacts], folder: Folder) -> Assignment:
        """Assigns samples by their folders.

        Raises:
          SplitError: a sample is in a folder that no split has, or a split has no sample.
        """
        del folder
        samples = [one.sample for one in facts]
        split_of_folder = {same(name): split for split, name in self.folders.items()}
        strange = Counter(s.folder for s in samples if same(s.folder) not in split_of_folder)
        if strange:
            raise SplitError(
                f"samples are in {few([f'{f or chr(46)}/ ({n})' for f, n in strange.items()])}; "
                f"the splits have the folders {few(sorted(self.folders.values()))}"
            )
        split_of = {s.id: split_of_folder[same(s.folder)] for s in samples}
        _refuse_empty(self.folders, split_of)
        return Assignment(split_of)


class FromLists:
    """The splits the raw data comes with: text files of names, one per line.

    A line is an id, the path of an image, or its file name with or without extension; where the
    whole line is none, the first of its columns counts.

    Args:
      group: see `ImageMaskFolders.group`; groups in two splits are an error.
      **lists: split → list, relative to the raw folder: `train="splits/train.txt"`.
    """

    def __init__(self, *, group: GroupRule | None = None, **lists: str):
        if not lists:
            raise DeclarationError("FromLists needs a list for each split: train='train.txt', ...")
        self.group = group
        self.lists = lists

    @property
    def names(self) -> tuple[str, ...]:
        """The splits."""
        return tuple(self.lists)

    def describe(self) -> str:
        """The rule in one line."""
        return f"FromLists({self.lists}, group={self.group!r})"

    def assign(self, facts: Sequence[SampleFacts], folder: Folder) -> Assignment:
        """Assigns samples by the lists.

        Raises:
          SplitError: a list is missing, a sample is in two lists or in none, a name fits several
            samples.
        """
        samples = [one.sample for one in facts]
        ids = _names(samples)
        split_of: dict[str, str] = {}
        nowhere: list[str] = []
        for split, path in self.lists.items():
            try:
                lines = folder.read_text(path).splitlines()
            except (OSError, ValueError) as error:
                raise SplitError(f"the list of {split} cannot be read: {error}") from error
            for line in filter(str.strip, lines):
                name = line.strip() if same(line.strip()) in ids else line.split()[0]
                found = ids.get(same(name), ())
                if not found:
                    nowhere.append(f"{path}: {name}")
                elif len(found) > 1:
                    raise SplitError(f"{path}: {name!r} fits {few(sorted(found))}; write the id")
                elif split_of.setdefault(min(found), split) != split:
                    raise SplitError(
                        f"{name!r} is in the lists of {split_of[min(found)]} and {split}"
                    )
        if left := [s.id for s in samples if s.id not in split_of]:
            unknown = f" (no sample is called {few(nowhere)})" if nowhere else ""
            raise SplitError(
                f"{len(left)} sample{'s are' if len(left) > 1 else ' is'} in no list: {few(left)}; "
                f"add to the lists, or move away{unknown}"
            )
        _refuse_empty(self.lists, split_of)
        return Assignment(split_of, {}, tuple(nowhere), tuple(self.lists.values()))


class FromAnnotations:
    """The splits that annotation files make: one file each, or a pattern of files.

    Args:
      group: see `ImageMaskFolders.group`; groups in two splits are an error.
      **files: split → annotation file: `train="annotations/instances_train2017.json"`, or
        `train="train/*.xml"`.
    """

    def __init__(self, *, group: GroupRule | None = None, **files: str):
        if not files:
            raise DeclarationError(
                "FromAnnotations needs a file for each split: train='train.json', ..."
            )
        self.group = group
        self.files = files

    @property
    def names(self) -> tuple[str, ...]:
        """The splits."""
        return tuple(self.files)

    def describe(self) -> str:
        """The rule in one line."""
        return f"FromAnnotations({self.files}, group={self.group!r})"

    def assign(self, facts: Sequence[SampleFacts], folder: Folder) -> Assignment:
        """Assigns samples by the file that annotates them.

        Raises:
          SplitError: an annotation file is that of no split, or of two; or a split has no sample.
        """
        del folder
        split_of: dict[str, str] = {}
        for sample in (one.sample for one in facts):
            path = pathlib.PurePosixPath(plain(sample.mask))
            fits = [s for s, pattern in self.files.items() if path.match(plain(pattern))]
            if len(fits) != 1:
                raise SplitError(
                    f"{sample.id} is annotated in {sample.mask}, which is the file of "
                    f"{few(fits) if fits else 'no split'}; the splits have "
                    f"{few(list(self.files.values()))}"
                )
            split_of[sample.id] = fits[0]
        _refuse_empty(self.files, split_of)
        return Assignment(split_of)


def _names(samples: Sequence[Sample]) -> dict[str, set[str]]:
    """Every name a sample may have in a list → ids."""
    names: dict[str, set[str]] = {}
    for sample in samples:
        image = sample.image
        file = image.rpartition("/")[2]
        for name in (sample.id, image, image.rpartition(".")[0], file, file.rpartition(".")[0]):
            names.setdefault(same(name), set()).add(sample.id)
        names.setdefault(same(sample.id.rpartition("/")[2]), set()).add(sample.id)
    # An id that is also the file name of another sample means the sample with that id.
    return {**names, **{same(s.id): {s.id} for s in samples}}


def _refuse_empty(splits: Mapping[str, str], split_of: Mapping[str, str]) -> None:
    if empty := sorted(splits.keys() - set(split_of.values())):
        raise SplitError(f"no sample is in {few([f'{s} ({splits[s]})' for s in empty])}")
