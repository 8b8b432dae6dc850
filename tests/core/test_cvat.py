"""CVAT: its own masks, its painting order, and files of strangers."""

import itertools
import pathlib
import random
import re

import numpy as np
import pytest
from PIL import Image

import mutants
from seg_datasets.core import drawing
from seg_datasets.core.classes import ClassTable
from seg_datasets.core.remarks import Fault
from seg_datasets.core.sources import AnnotationError, Cvat, Folder
from seg_datasets.core.sources.base import Scan

TABLE = ClassTable("ground", "roof", "road").label_table(None)

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>'
BOX = '<box label="{}" xtl="{}" ytl="{}" xbr="{}" ybr="{}" {}/>'
MASK = '<mask label="road" left="2" top="1" width="3" height="2" rle="1, 2, 2, 1" z_order="0"/>'

IMAGES = f"""{HEAD}
<meta><task><labels><label><name>roof</name><color>#fa3253</color></label></labels></task></meta>
<image id="0" name="a.png" width="12" height="9">
  <box label="roof" occluded="0" xtl="1.0" ytl="1.0" xbr="4.0" ybr="3.0" z_order="1">
    <attribute name="kind">flat</attribute>
  </box>
  <polygon label="road" points="0,0;6,0;6,6;0,6" z_order="0"></polygon>
  {MASK}
  <ellipse label="roof" cx="8" cy="4" rx="3" ry="2" rotation="30" z_order="-1"/>
  <tag label="sunny"/>
</image>
<image id="1" name="b/b.png" width="12" height="9"></image>
</annotations>"""

TRACKS = f"""{HEAD}
<meta><task><original_size><width>12</width><height>9</height></original_size></task></meta>
<track id="0" label="roof">
  {BOX.format("", 0, 0, 2, 2, 'frame="0" outside="0" keyframe="1"')}
  {BOX.format("", 4, 0, 6, 2, 'frame="2" outside="0" keyframe="1"')}
  {BOX.format("", 4, 0, 6, 2, 'frame="3" outside="1" keyframe="1"')}
</track>
<track id="1" label="road">
  <mask frame="1" outside="0" keyframe="1" left="0" top="4" width="3" height="1" rle="0, 3"/>
</track>
</annotations>"""


def folder(root: pathlib.Path, xml: str | bytes, *images: str) -> Folder:
    for name in images:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (12, 9)).save(root / name)
    (root / "annotations.xml").write_bytes(xml if isinstance(xml, bytes) else xml.encode())
    return Folder(root)


def of_one(inside: str) -> str:
    return f'{HEAD}<image id="0" name="a.png" width="12" height="9">{inside}</image></annotations>'


def scanned(root: pathlib.Path, xml: str, **options: object) -> Scan:
    return Cvat(**options).scan(folder(root, xml, "a.png"))  # type: ignore[arg-type]


def ids(scan: Scan, sample: int = 0) -> np.ndarray:
    return drawing.paint(scan.samples[sample].drawing, TABLE, size=(12, 9)).ids


def kinds(scan: Scan) -> list[tuple[str, str]]:
    shapes, _ = drawing.load(scan.samples[0].drawing)
    return [(shape.label, shape.kind) for shape in shapes]


def test_images_are_painted_by_layer_then_as_the_file_has_them(tmp_path: pathlib.Path) -> None:
    scan = Cvat().scan(folder(tmp_path, IMAGES, "a.png", "b/b.png"))
    assert [sample.id for sample in scan.samples] == ["a", "b/b"]
    assert kinds(scan) == [
        ("roof", "ellipse"),
        ("road", "coco"),
        ("road", "runs"),
        ("roof", "coco"),
    ]
    painted = ids(scan)
    assert (painted[1:3, 1:4] == 1).all()  # the box lies on top
    assert painted[0, 0] == painted[5, 5] == 2
    assert painted[4, 8] == 1  # the ellipse beside the polygon
    assert painted[4, 5] == 2  # and below it
    assert not ids(scan, 1).any()
    assert not scan.remarks


def test_mask_goes_row_after_row_and_begins_outside(tmp_path: pathlib.Path) -> None:
    painted = ids(scanned(tmp_path, of_one(MASK)))
    assert np.argwhere(painted).tolist() == [[1, 3], [1, 4], [2, 4]]


def test_turned_boxes_lie_over_the_others_of_their_layer(tmp_path: pathlib.Path) -> None:
    turned = BOX.format("roof", 2, 2, 8, 6, 'rotation="90" z_order="0"')
    plain, above = (BOX.format("road", 4, 3, 6, 5, f'z_order="{z}"') for z in (0, 1))
    painted = ids(scanned(tmp_path, of_one(turned + plain)))
    assert (painted[1:7, 3:7] == 1).all()
    assert painted.sum() == 24
    assert (ids(scanned(tmp_path, of_one(turned + above)))[3:5, 4:6] == 2).all()


LINE = '<polyline label="roof" points="2.5,4.5;9.5,4.5"/>'
DOTS = '<points label="roof" points="2.5,4.5;9.5,4.5"/>'


def test_lines_and_points_need_a_width(tmp_path: pathlib.Path) -> None:
    for inside in (LINE, DOTS):
        with pytest.raises(AnnotationError, match="line_width"):
            scanned(tmp_path, of_one(inside))
        assert not ids(scanned(tmp_path, of_one(inside), line_width=0)).any()
    assert ids(scanned(tmp_path, of_one(LINE), line_width=3))[3:6, 3:9].all()
    dots = ids(scanned(tmp_path, of_one(DOTS), line_width=1))
    assert np.argwhere(dots).tolist() == [[4, 2], [4, 9]]


def test_tracks_are_sorted_into_frames(tmp_path: pathlib.Path) -> None:
    names = [f"frame_{frame:06d}.PNG" for frame in range(4)]
    scan = Cvat().scan(folder(tmp_path, TRACKS, *names))
    assert [sample.image for sample in scan.samples] == names
    lefts = [np.flatnonzero((ids(scan, i) == 1).any(axis=0)).tolist() for i in range(4)]
    assert lefts == [[0, 1], [2, 3], [4, 5], []]
    assert [int((ids(scan, i) == 2).sum()) for i in range(4)] == [0, 3, 0, 0]


def test_track_of_a_turned_box_takes_the_shorter_way(tmp_path: pathlib.Path) -> None:
    boxes = (
        BOX.format("", 0, 0, 4, 2, f'frame="{frame}" rotation="{turn}"')
        for frame, turn in ((0, 350), (2, 10))
    )
    xml = f'{HEAD}<track id="0" label="roof">{"".join(boxes)}</track></annotations>'
    scan = Cvat(frame_name="{frame}.png").scan(folder(tmp_path, xml, "1.png"))
    shapes, size = drawing.load(scan.samples[0].drawing)
    assert shapes[0].data == [[0, 0, 4, 0, 4, 2, 0, 2]]
    assert size is None


def test_polygon_between_keyframes_that_is_not_written_down_is_refused(
    tmp_path: pathlib.Path,
) -> None:
    shapes = "".join(f'<polygon frame="{i}" points="0,0;1,0;1,1"/>' for i in (0, 5))
    xml = f'{HEAD}<track id="0" label="roof">{shapes}</track></annotations>'
    with pytest.raises(AnnotationError, match="between frames 0 and 5"):
        scanned(tmp_path, xml)


def test_track_of_endless_frames_is_refused(tmp_path: pathlib.Path) -> None:
    boxes = "".join(BOX.format("", 0, 0, 4, 2, f'frame="{i}"') for i in (0, 10**12))
    xml = f'{HEAD}<track id="0" label="roof">{boxes}</track></annotations>'
    with pytest.raises(AnnotationError, match="more frames"):
        scanned(tmp_path, xml)


def test_image_that_is_not_there_and_image_that_nobody_drew_on(tmp_path: pathlib.Path) -> None:
    scan = Cvat().scan(folder(tmp_path, IMAGES, "a.png", "c.png"))
    assert [(r.fault, r.where) for r in scan.remarks] == [
        (Fault.NO_IMAGE, "annotations.xml"),
        (Fault.NO_ANNOTATION, "c.png"),
    ]


BOMB = """<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">{}]>
<annotations><image name="&z;" width="12" height="9"/></annotations>"""
LAUGHS = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in itertools.pairwise("abcdefghijklz"))


@pytest.mark.parametrize(
    "xml",
    [
        BOMB.format(LAUGHS),
        BOMB.format('<!ENTITY z SYSTEM "file:///etc/passwd">'),
        "<!DOCTYPE annotations><annotations/>",
        "",
        "no XML",
        "<annotations>",
        "<other/>",
        HEAD + "<x>" * 100_000,
        of_one('<cube label="roof"/>'),
        of_one('<mask label="roof" left="0" top="0" width="2" height="2"/>'),
        of_one('<mask label="roof" left="0" top="0" width="2" height="2" rle="1,x"/>'),
        of_one('<polygon label="roof" points="1,2,3;4,5,6"/>'),
        of_one('<polygon label="roof" points=""/>'),
        of_one(BOX.format("roof", 1, 2, 3, "four", "")),
        of_one(BOX.format("roof", 1, 2, 3, 4, 'z_order="top"')),
        of_one('<box xtl="1" ytl="1" xbr="2" ybr="2"/>'),
        f'{HEAD}<image name="a.png" width="{"9" * 5000}" height="9"/></annotations>',
        f'{HEAD}<image name="a.png"/></annotations>',
        f'{HEAD}<track label="roof"><box frame="x"/></track></annotations>',
        f"{HEAD}<track/></annotations>",
    ],
)
def test_damaged_and_hostile_files_are_refused(tmp_path: pathlib.Path, xml: str) -> None:
    with pytest.raises(AnnotationError, match=r"annotations\.xml"):
        scanned(tmp_path, xml)


@pytest.mark.parametrize("name", ["../a.png", "/etc/passwd", "..\\..\\a.png", "", "..", "a\0.png"])
def test_no_image_outside_is_reached(tmp_path: pathlib.Path, name: str) -> None:
    (tmp_path / "raw").mkdir()
    Image.new("L", (12, 9)).save(tmp_path / "a.png")
    xml = f'{HEAD}<image name="{name}" width="12" height="9"/></annotations>'
    try:
        scan = Cvat().scan(folder(tmp_path / "raw", xml))
    except AnnotationError:
        assert "\0" in name  # which XML cannot hold
        return
    assert not scan.samples
    assert [remark.fault for remark in scan.remarks] == [Fault.NO_IMAGE]


def test_picture_of_claimed_size_takes_no_memory(tmp_path: pathlib.Path) -> None:
    xml = of_one(BOX.format("roof", 1, 1, 4, 4, "")).replace('"12"', f'"{"9" * 400}"')
    scan = scanned(tmp_path, xml)
    with pytest.raises(drawing.DrawingError, match="pixels"):
        ids(scan)


TOKENS = [b"-1", b"1e999", b"nan", b"9" * 30, b"9" * 5000, b"", b"<", b">", b'"', b"&a;", b";"]
TOKENS += [b",", b"<image>", b"</image>", b"\xff", b"\0", b"rle", b"points", b"outside", b"0"]


def mutated(data: bytes, rng: random.Random) -> bytes:
    """A file with some words of it changed, and now and then what holds them together."""
    for _ in range(rng.randint(1, 3)):
        parts = re.split(rb"([\w.]+)", data)
        at = rng.randrange(len(parts))
        if rng.random() < 0.8:
            at |= 1  # a word
        at = min(at, len(parts) - 1)
        what = rng.randrange(8)
        if what < 3:
            parts[at] = rng.choice(TOKENS)
        elif what < 6:
            parts[at] = parts[rng.randrange(1, len(parts), 2)]
        elif what == 6:
            del parts[at : at + rng.randint(1, 12)]
        else:
            parts[at] = parts[at][: rng.randint(0, len(parts[at]))]
        data = b"".join(parts)
    return data


@pytest.mark.parametrize("whole", [IMAGES, TRACKS], ids=["images", "tracks"])
def test_mutated_files_bring_no_other_error(tmp_path: pathlib.Path, whole: str) -> None:
    names = ["a.png", "b/b.png", *(f"frame_{frame:06d}.png" for frame in range(4))]
    rng = random.Random(4)
    raw = folder(tmp_path, whole, *names)
    good = 0
    for _ in range(2000):
        mutants.put(tmp_path / "annotations.xml", mutated(whole.encode(), rng))
        try:
            scan = Cvat(line_width=1).scan(raw)
        except AnnotationError:
            continue
        for sample in scan.samples:
            try:
                drawing.paint(sample.drawing, TABLE, size=(12, 9))
            except drawing.DrawingError:
                continue
            good += 1
    assert good > 300


def test_own_masks_of_cvat_are_met_to_the_pixel(real_data: pathlib.Path) -> None:
    base = real_data / "cvat_urban"
    xml = (base / "annotations.xml").read_text()
    colours = dict(re.findall(r"<name>(\w+)</name>\s*<color>#(\w{6})</color>", xml))
    values = sorted({int(colour, 16) for colour in colours.values()})
    labels = {label: f"c{values.index(int(colour, 16))}" for label, colour in colours.items()}
    classes = ClassTable("ground", *sorted(set(labels.values())))
    table = classes.label_table(labels, ground="ground")
    value_of = np.array([0] + [values[int(name[1:])] for name in classes.names[1:]])
    from seg_datasets.core.sources import cvat

    seen = 0
    for one in cvat._read(Cvat(), Folder(base), "annotations.xml"):
        assert one.size is not None
        path = base / "images" / "masks" / one.image.replace(".jpg", "_mask.jpg")
        ids = drawing.paint(drawing.dump(one.shapes, one.size), table, size=(1, 1)).ids
        with Image.open(path) as mask:
            for top in range(0, one.size[1], 512):  # no picture whole in colour
                part = mask.crop((0, top, one.size[0], min(top + 512, one.size[1])))
                red, green, blue = (np.asarray(b, np.int64) for b in part.convert("RGB").split())
                colour = red << 16 | green << 8 | blue
                assert (value_of[ids[top : top + 512]] == colour).all(), one.image
        seen += 1
    assert seen == 20
