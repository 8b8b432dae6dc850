"""Faults of annotations: a source of shapes that remarks on them, and what becomes of that."""

import dataclasses
import pathlib

import numpy as np
import pytest

import kit
from seg_datasets.core import checks
from seg_datasets.core.checks import Severity
from seg_datasets.core.classes import ClassTable, RawTable
from seg_datasets.core.drawing import Shape as DrawnShape
from seg_datasets.core.drawing import dump
from seg_datasets.core.remarks import Fault, Remark, category_faults, label_fault, unmatched
from seg_datasets.core.shapes import Shape, covered, shape_faults
from seg_datasets.core.sources import Folder, ImageMaskFolders, Scan
from seg_datasets.core.sources.left_open import with_boxes

FILE = "train.json"
KNOWN = ("roof", "road")
SQUARE = ((2, 2), (9, 2), (9, 9), (2, 9))
BELOW = ((2, 12), (9, 12), (9, 20), (2, 20))


@dataclasses.dataclass(frozen=True)
class Shapes(ImageMaskFolders):
    """Takes images and masks as they are, and reads shapes that are stated here.

    Attributes:
      shapes: label and points, all of one image of 32×24.
      categories: names in the annotation file.
      unknown: images that it names and that are not there.
      left_out: images that it does not name.
      boxes: of each file, how many shapes are boxes.
      cut_off: images of which pixels are left out.
    """

    shapes: tuple[tuple[str, tuple], ...] = ()
    categories: tuple[str, ...] = KNOWN
    unknown: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    boxes: tuple[int, ...] = ()
    cut_off: tuple[str, ...] = ()
    unpainted: tuple[str, ...] = ()

    def scan(self, folder: Folder) -> Scan:
        scan = ImageMaskFolders.scan(self, folder)
        remarks = [*category_faults(self.categories, FILE)]
        drawn = []
        for number, (label, points) in enumerate(self.shapes):
            name = f"shape {number}"
            if fault := label_fault(label, KNOWN):
                remarks.append(Remark(fault[0], f"{FILE}: {name}", fault[1]))
            for kind, what in shape_faults(points, width=32, height=24):
                remarks.append(Remark(kind, f"{FILE}: {name}", what))
            drawn.append(Shape(name, label.strip(), points))
        for name, what in covered(drawn, width=32, height=24):
            remarks.append(Remark(Fault.COVERED, f"{FILE}: {name}", what))
        images = [sample.image for sample in scan.samples]
        annotated = {*images, *self.unknown} - {*self.left_out}
        remarks += unmatched(images, annotated, where=FILE)
        remarks += [Remark(Fault.CUT_OFF, path, "9 pixels, 1 % of it") for path in self.cut_off]
        remarks += [Remark(Fault.NOT_PAINTED, FILE, what) for what in self.unpainted]
        scan = dataclasses.replace(scan, remarks=tuple(remarks))
        return with_boxes(scan, sum(self.boxes), where=FILE)


CLEAN = Shapes(
    group=r"^(?P<group>[^_]+)_",
    shapes=(("roof", SQUARE), ("road", ((12, 2), (30, 2), (30, 20))), ("roof", SQUARE)),
)
PLANTED = [
    ("SD501", "train.json: shape 3", {"shapes": ("river", BELOW)}),
    ("SD502", "train.json: shape 3", {"shapes": (" ", BELOW)}),
    ("SD503", "train.json: shape 3", {"shapes": ("roof\n", BELOW)}),
    ("SD504", "train.json: shape 3", {"shapes": ("Roof", BELOW)}),
    ("SD505", "train.json", {"categories": ("roof", "road", "Road")}),
    ("SD506", "train.json: shape 3", {"shapes": ("roof", ((1, 1), (5, 5), (1, 1)))}),
    ("SD507", "train.json: shape 3", {"shapes": ("roof", ((1, 1), (5, 5), (9, 9)))}),
    ("SD508", "train.json: shape 3", {"shapes": ("roof", ((2, 12), (9, 20), (9, 12), (2, 20)))}),
    ("SD509", "train.json: shape 3", {"shapes": ("roof", ((20, 12), (40, 12), (40, 20)))}),
    ("SD509", "train.json: shape 3", {"shapes": ("roof", ((50, 12), (60, 12), (60, 20)))}),
    ("SD510", "train.json: shape 1", {"shapes": ("roof", ((0, 0), (32, 0), (32, 24), (0, 24)))}),
    ("SD511", "train.json", {"unknown": ("images/gone.png",)}),
    ("SD512", "images/a_0.png", {"left_out": ("images/a_0.png",)}),
    ("SD514", "train.json", {"boxes": (1200, 34)}),
    ("SD516", "train.json", {"unpainted": ("3 shapes",)}),
    ("SD515", "images/a_0.png", {"cut_off": ("images/a_0.png",)}),
]


def _with(*planted: dict) -> Shapes:
    source = CLEAN
    for fields in planted:
        for field, value in fields.items():
            added = (value,) if field == "shapes" else value
            before = () if field == "categories" else getattr(source, field)
            source = dataclasses.replace(source, **{field: (*before, *added)})
    return source


def test_clean_annotations_are_silent(tmp_path: pathlib.Path) -> None:
    kit.draw(tmp_path)
    assert kit.findings(tmp_path, source=CLEAN) == []


@pytest.mark.parametrize(("code", "where", "planted"), PLANTED)
def test_one_fault_is_the_one_finding(
    tmp_path: pathlib.Path, code: str, where: str, planted: dict
) -> None:
    kit.draw(tmp_path)
    found = kit.findings(tmp_path, source=_with(planted))
    assert kit.said(found) == [(code, where)]
    assert found[0].fix


def test_all_faults_are_found_in_one_run(tmp_path: pathlib.Path) -> None:
    kit.draw(tmp_path)
    found = kit.findings(tmp_path, source=_with(*(planted for _, _, planted in PLANTED)))
    assert {f.code for f in found} == {code for code, _, _ in PLANTED}


def test_every_fault_has_a_check_that_carries_its_name() -> None:
    names = {check.name: check for check in checks.CHECKS if check.code.startswith("SD5")}
    assert names.keys() - {"classes-overlap"} == {fault.value for fault in Fault}
    final = {check.name for check in names.values() if check.final}
    assert final == {"label-unknown", "label-empty"}
    assert all(names[name].severity is Severity.ERROR for name in final)


def test_remarks_do_not_hold_braces_against_a_label(tmp_path: pathlib.Path) -> None:
    kit.draw(tmp_path)
    found = kit.findings(tmp_path, source=_with({"shapes": ("{0}", BELOW)}))
    assert "'{0}'" in found[0].message


def test_shapes_of_real_size_are_told_from_each_other() -> None:
    below = np.array([(10, 10), (400, 10), (400, 300), (10, 300)])
    shapes = [Shape("lake", "water", below), Shape("boat", "boat", below / 4)]
    assert [*covered(shapes, width=4000, height=3000)] == []
    shapes.append(Shape("ice", "ice", below))
    assert [*covered(shapes, width=4000, height=3000)] == [
        ("lake", "'water' by 'ice' (ice)"),
        ("boat", "'boat' by 'ice' (ice)"),
    ]


def test_category_of_one_letter_may_be_there_twice_as_well() -> None:
    remarks = [*category_faults(["a", "b", "a", "A"], FILE)]
    assert [remark.what for remark in remarks] == ["'a'", "'a' and 'A'"]


def test_known_spelling_that_is_named_does_not_depend_on_their_order() -> None:
    for known in (("ROAD", "Road", "rOad"), ("rOad", "Road", "ROAD")):
        assert label_fault("road", known) == (Fault.LABEL_CASE, "'road', elsewhere 'ROAD'")


def test_overlaps_are_counted_by_pair_of_classes(tmp_path: pathlib.Path) -> None:
    raw = kit.draw(tmp_path)
    shapes = [("roof", "polygon", [2, 2, 9, 2, 9, 9, 2, 9]), ("road", "runs", [8, 2, 3, 2, [0, 6]])]
    drawing = dump([DrawnShape(*shape) for shape in shapes], (32, 24))
    scan = kit.DECLARATION.source.scan(Folder(raw.root))
    one = dataclasses.replace(scan.samples[0], drawing=drawing)

    class Drawn(ImageMaskFolders):
        def table(self, classes: ClassTable) -> RawTable:
            return classes.label_table(None)

        def scan(self, folder: Folder) -> Scan:
            return dataclasses.replace(scan, samples=(one, *scan.samples[1:]))

    found = kit.findings(raw.root, source=Drawn())
    assert ("SD513", "class 'roof'") in kit.said(found)
    told = next(f.message for f in found if f.code == "SD513")
    assert told == "lies under 'road' on 4 pixels in 1 image, most of them in a_0"
