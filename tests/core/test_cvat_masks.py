"""CVAT's export of masks: its colours, its names, its own masks, and files of strangers."""

import pathlib
import re
import shutil

import numpy as np
import pytest
from PIL import Image

import mutants
from seg_datasets.core import drawing
from seg_datasets.core.classes import ClassTable
from seg_datasets.core.remarks import Fault
from seg_datasets.core.sources import AnnotationError, Cvat, CvatMasks, Folder, cvat

CLASSES = ClassTable("ground", "roof", "road")
SIZE = (6, 4)
HEAD = "# label:color_rgb:parts:actions\n"
LABELMAP = f"{HEAD}background:0,0,0::\nroad:52,209,183::\nroof:250,50,83:left,right:\n"
COLOURS = np.array([(0, 0, 0), (250, 50, 83), (52, 209, 183)], np.uint8)
IDS = np.array([[0, 1, 2, 2, 1, 0]] * 4, np.uint8)


def raw(root: pathlib.Path, labelmap: str | bytes = LABELMAP, *names: str) -> Folder:
    for name in names or ("a",):
        for path in (f"JPEGImages/{name}.jpg", f"SegmentationClass/{name}.png"):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE).save(root / f"JPEGImages/{name}.jpg")
        Image.fromarray(COLOURS[IDS]).save(root / f"SegmentationClass/{name}.png")
    content = labelmap if isinstance(labelmap, bytes) else labelmap.encode()
    (root / "labelmap.txt").write_bytes(content)
    return Folder(root)


def ids(folder: Folder, source: CvatMasks) -> np.ndarray:
    sample = source.scan(folder).samples[0]
    return drawing.paint(sample.drawing, source.table(CLASSES), size=SIZE, folder=folder).ids


def test_colours_are_those_of_the_labelmap(tmp_path):
    folder = raw(tmp_path, LABELMAP, "a", "x/b")
    lists = tmp_path / "ImageSets" / "Segmentation" / "default.txt"
    lists.parent.mkdir(parents=True)
    lists.write_text("a\nx/b\n")
    (tmp_path / "SegmentationObject").mkdir()
    Image.new("RGB", SIZE).save(tmp_path / "SegmentationObject" / "a.png")
    scan = CvatMasks().scan(folder)
    assert [s.id for s in scan.samples] == ["a", "x/b"]
    assert [s.parts for s in scan.samples] == [
        ("SegmentationClass/a.png",),
        ("SegmentationClass/x/b.png",),
    ]
    assert {*scan.labels} == {"background", "road", "roof"}
    assert "labelmap.txt" in scan.others
    assert not scan.remarks
    np.testing.assert_array_equal(ids(folder, CvatMasks()), IDS)


def test_images_may_lie_elsewhere(tmp_path):
    folder = raw(tmp_path)
    (tmp_path / "JPEGImages" / "a.jpg").rename(tmp_path / "a.jpg")
    (tmp_path / "SegmentationObject").mkdir()
    Image.new("RGB", SIZE).save(tmp_path / "SegmentationObject" / "a.png")
    scan = CvatMasks(images=".").scan(folder)
    assert [(s.id, s.image) for s in scan.samples] == [("a", "a.jpg")]
    assert not scan.remarks


def test_png_in_files_called_jpg_is_read(tmp_path):
    folder = raw(tmp_path)
    masks = tmp_path / "SegmentationClass"
    (masks / "a.png").rename(masks / "a_mask.jpg")
    source = CvatMasks(masks="SegmentationClass/{stem}_mask")
    np.testing.assert_array_equal(ids(folder, source), IDS)


def test_background_is_ground_unless_told(tmp_path):
    folder = raw(tmp_path)
    labels = {"road": "road", "roof": "void"}
    assert ids(folder, CvatMasks(labels=labels, ground="roof"))[0].tolist() == [
        1,
        255,
        2,
        2,
        255,
        1,
    ]
    labels["background"] = "void"
    assert ids(folder, CvatMasks(labels=labels))[0].tolist() == [255, 255, 2, 2, 255, 255]


def test_black_is_background_where_the_file_does_not_say(tmp_path):
    folder = raw(tmp_path, LABELMAP.replace("background:0,0,0::\n", ""))
    np.testing.assert_array_equal(ids(folder, CvatMasks()), IDS)


def test_a_label_may_hold_colons(tmp_path):
    folder = raw(tmp_path, LABELMAP.replace("roof", "a:b:c"))
    labels = {"road": "road", "a:b:c": "roof"}
    np.testing.assert_array_equal(ids(folder, CvatMasks(labels=labels)), IDS)


def test_two_labels_of_one_colour_must_lead_to_one_class(tmp_path):
    folder = raw(tmp_path, LABELMAP + "dome:250,50,83::\n")
    with pytest.raises(AnnotationError, match=r"'roof' and 'dome' have one colour, #fa3253"):
        CvatMasks().scan(folder)
    labels = {"road": "road", "roof": "roof", "dome": "roof"}
    np.testing.assert_array_equal(ids(folder, CvatMasks(labels=labels)), IDS)


def test_a_colour_of_no_label_is_refused(tmp_path):
    folder = raw(tmp_path, LABELMAP.replace("52,209,183", "52,209,184"))
    with pytest.raises(drawing.DrawingError, match="#34d1b7, which stands for no label"):
        ids(folder, CvatMasks())


def test_masks_and_images_that_stand_alone_are_told(tmp_path):
    folder = raw(tmp_path, LABELMAP, "a", "b")
    (tmp_path / "JPEGImages" / "a.jpg").rename(tmp_path / "JPEGImages" / "c.jpg")
    scan = CvatMasks().scan(folder)
    assert [(r.fault, r.where) for r in scan.remarks] == [
        (Fault.NO_IMAGE, "SegmentationClass/a.png"),
        (Fault.NO_ANNOTATION, "JPEGImages/c.jpg"),
    ]


@pytest.mark.parametrize(
    "labelmap",
    [
        b"",
        HEAD,
        "road",
        "road::",
        "road:::",
        "road:1,2::",
        "road:1,2,3,4::",
        "road:1,2,256::",
        "road:-1,2,3::",
        "road:1e1,2,3::",
        "road:\u0661,2,3::",
        b"road:1,2,3::\xff",
    ],
)
def test_labelmaps_that_are_none_are_refused(tmp_path, labelmap):
    with pytest.raises(AnnotationError, match=r"labelmap\.txt"):
        CvatMasks().scan(raw(tmp_path, labelmap))


def test_a_labelmap_outside_is_not_read(tmp_path):
    folder = raw(tmp_path / "raw")
    (tmp_path / "raw" / "labelmap.txt").rename(tmp_path / "labelmap.txt")
    for name in ("../labelmap.txt", "labelmap.txt", str(tmp_path / "labelmap.txt")):
        with pytest.raises(AnnotationError):
            CvatMasks(labelmap=name).scan(folder)


def test_2000_mutated_files_are_read_or_refused(tmp_path):
    folder = raw(tmp_path)

    def read(text):
        mutants.put(tmp_path / "labelmap.txt", text)
        ids(folder, CvatMasks())

    mutants.try_all(LABELMAP.encode(), read)


def test_own_masks_of_cvat_are_its_xml(real_data, tmp_path):
    base = real_data / "cvat_urban"
    xml = (base / "annotations.xml").read_text()
    colours = dict(re.findall(r"<name>(\w+)</name>\s*<color>#(\w{6})</color>", xml))
    rows = [f"{label}:{','.join(map(str, bytes.fromhex(c)))}::" for label, c in colours.items()]
    (tmp_path / "labelmap.txt").write_text("\n".join((HEAD, "background:0,0,0::", *rows)))
    drawn = {one.image: one for one in cvat._read(Cvat(), Folder(base), "annotations.xml")}
    (tmp_path / "SegmentationClass").mkdir()
    # Without the largest, which take long; all 20 are met.
    drawn = {name: one for name, one in drawn.items() if one.size[0] * one.size[1] < 12_000_000}
    for name in drawn:
        mask = name.replace(".jpg", "_mask.jpg")
        shutil.copy(base / "images" / "masks" / mask, tmp_path / "SegmentationClass" / mask)
        (tmp_path / name).touch()
    values = sorted(set(colours.values()))
    labels = {label: f"c{values.index(colour)}" for label, colour in colours.items()}
    source = CvatMasks(images=".", masks="SegmentationClass/{stem}_mask", labels=labels)
    table = source.table(ClassTable("ground", *sorted(set(labels.values()))))
    scan = source.scan(Folder(tmp_path))
    assert len(scan.samples) == len(drawn) == 3
    for sample in scan.samples:
        one = drawn[sample.image]
        made = drawing.paint(sample.drawing, table, size=one.size, folder=Folder(tmp_path))
        meant = drawing.paint(drawing.dump(one.shapes, one.size), table, size=(1, 1))
        assert (made.ids == meant.ids).all(), sample.id
