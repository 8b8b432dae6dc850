"""LabelMe's XML: polygons as its toolbox fills them, scribbles, and files of strangers."""

import itertools
import math
import pathlib

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from PIL import Image

import mutants
from seg_datasets.core import drawing
from seg_datasets.core.classes import ClassTable, DeclarationError
from seg_datasets.core.remarks import Fault
from seg_datasets.core.sources import AnnotationError, Folder, LabelMeXml
from seg_datasets.core.sources.base import Scan

CLASSES = ClassTable("ground", "window", "door")
WIDTH, HEIGHT = 40, 30
WEB = "LabelMe Webtool"


def polygon(*points: tuple[float, float], name: str = "window", more: str = "") -> str:
    dots = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in points)
    drawn = f"<polygon><username>me</username>{dots}</polygon>"
    return (
        f"<object><name>{name}</name><deleted>0</deleted><verified>0</verified><occluded>no"
        f"</occluded><attributes>red</attributes><parts><hasparts/><ispartof/></parts>{more}"
        f"<id>0</id>{drawn}</object>"
    )


def scribble(mask: str, name: str = "door") -> str:
    box = "<box><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></box>"
    segm = f"<segm><username>me</username>{box}<mask>{mask}</mask></segm>"
    return f"<object><name>{name}</name><deleted>0</deleted><id>1</id>{segm}</object>"


def annotation(*objects: str, size: tuple[int, int] | None = (WIDTH, HEIGHT), **more: str) -> str:
    told = {"filename": "a.png", "folder": "", "writer": WEB, **more}
    nrows = f"<nrows>{size[1]}</nrows><ncols>{size[0]}</ncols>" if size else ""
    return (
        f"<annotation><filename>{told['filename']}</filename><folder>{told['folder']}</folder>"
        f"<source><sourceImage>x</sourceImage><sourceAnnotation>{told['writer']}"
        f"</sourceAnnotation></source>{''.join(objects)}"
        f"{f'<imagesize>{nrows}</imagesize>' if size else ''}</annotation>"
    )


def scanned(root: pathlib.Path, text: str | bytes, **options) -> Scan:
    root.mkdir(exist_ok=True)
    Image.new("L", (WIDTH, HEIGHT)).save(root / "a.png")
    (root / "a.xml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return LabelMeXml(**options).scan(Folder(root))


def ids(scan: Scan) -> np.ndarray:
    table = LabelMeXml().table(CLASSES)
    return drawing.paint(scan.samples[0].drawing, table, size=(WIDTH, HEIGHT)).ids


def filled(points: list[tuple[float, float]], width: int, height: int) -> np.ndarray:
    """MATLAB's poly2mask, done anew from what its manual says: corners are moved to a grid of five
    lines a pixel, edges follow the grid, and a pixel is inside if its middle cell is."""
    cells = np.zeros((height, width), bool)
    corners = [tuple(math.floor(5 * (v - 0.5) + 0.5) for v in point) for point in points]
    for one, other in zip(corners, [*corners[1:], corners[0]], strict=True):
        across, down = (abs(b - a) for a, b in zip(one, other, strict=True))
        axis = 0 if across >= down else 1
        start, end = sorted((one, other), key=lambda corner: corner[axis])
        steps = end[axis] - start[axis]
        slope = (end[1 - axis] - start[1 - axis]) / steps if steps else 0.0
        path = []
        for step in range(steps + 1):
            aside = math.floor(start[1 - axis] + slope * step + 0.5)
            at = (start[axis] + step, aside)
            path.append(at if axis == 0 else at[::-1])
        for (x, y), (next_x, next_y) in itertools.pairwise(path):
            column, middle = divmod(min(x, next_x), 5)
            if x != next_x and middle == 2 and 0 <= column < width:
                for row in range(height):
                    cells[row, column] ^= 5 * row + 2 >= min(y, next_y)
    return cells


def test_rectangle_of_matlabs_manual_is_filled_as_there(tmp_path):
    whole = ids(scanned(tmp_path, annotation(polygon((4, 4), (10, 4), (10, 10), (4, 10)))))
    assert np.argwhere(whole).tolist() == [[y, x] for y in range(4, 10) for x in range(4, 10)]
    half = [(3.5, 3.5), (10.5, 3.5), (10.5, 10.5), (3.5, 10.5)]
    around = ids(scanned(tmp_path, annotation(polygon(*half))))
    assert np.argwhere(around).tolist() == [[y, x] for y in range(3, 10) for x in range(3, 10)]


@hypothesis.settings(max_examples=80, deadline=None)
@hypothesis.given(
    st.lists(
        st.tuples(st.integers(2, 4 * WIDTH), st.integers(2, 4 * HEIGHT)), min_size=3, max_size=8
    ),
    st.sampled_from((1, 2, 4)),
)
def test_polygons_are_filled_as_the_toolbox_does(tmp_path_factory, corners, parts):
    points = [(min(x, parts * WIDTH) / parts, min(y, parts * HEIGHT) / parts) for x, y in corners]
    scan = scanned(tmp_path_factory.mktemp("raw"), annotation(polygon(*points)))
    np.testing.assert_array_equal(ids(scan) == 1, filled(points, WIDTH, HEIGHT))


@pytest.mark.parametrize("writer", ["CVAT", "Datumaro"])
def test_polygons_of_cvat_and_datumaro_count_from_the_corner(tmp_path, writer):
    box = polygon((4, 4), (10, 4), (10, 10), (4, 10), more="<type>bounding_box</type>")
    painted = ids(scanned(tmp_path, annotation(box, writer=writer)))
    assert np.argwhere(painted).tolist() == [[y, x] for y in range(4, 10) for x in range(4, 10)]
    tilted = [(4.25, 3), (20, 8.5), (9, 21)]
    painted = ids(scanned(tmp_path, annotation(polygon(*tilted), writer=writer)))
    expected = filled([(x + 0.5, y + 0.5) for x, y in tilted], WIDTH, HEIGHT)
    np.testing.assert_array_equal(painted == 1, expected)


def test_deleted_objects_are_left_out(tmp_path):
    whole = ((0, 0), (41, 0), (41, 31), (0, 31))
    gone = polygon(*whole, name="unknown").replace("<deleted>0", "<deleted>1")
    scan = scanned(tmp_path, annotation(gone, polygon(*whole, name="door")))
    assert (ids(scan) == 2).all()
    assert "unknown" not in scan.labels


def test_line_breaks_of_old_files_do_not_count(tmp_path):
    text = annotation(polygon((4, 4), (10, 4), (10, 10)), filename="\na.png\n", folder="\n\n")
    scan = scanned(tmp_path, text.replace("<name>window</name>", "<name>\nwindow\n</name>"))
    assert [*scan.labels] == ["window"]
    assert (scan.remarks, len(scan.samples)) == ((), 1)


def test_order_is_that_of_the_file_or_of_size(tmp_path):
    small = polygon((4, 4), (10, 4), (10, 10), (4, 10), name="door")
    large = polygon((1, 1), (30, 1), (30, 30), (1, 30))
    assert ids(scanned(tmp_path, annotation(small, large)))[6, 6] == 1
    assert ids(scanned(tmp_path, annotation(small, large), order="area"))[6, 6] == 2
    with pytest.raises(DeclarationError, match="'file' or 'area'"):
        LabelMeXml(order="depth")


@pytest.mark.parametrize("place", ["Masks", "Masks/rooms"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_scribbles_are_painted_from_their_masks(tmp_path, place, mode):
    covered = np.random.default_rng(1).integers(0, 2, (HEIGHT, WIDTH)).astype(bool)
    (tmp_path / place).mkdir(parents=True)
    if mode == "RGBA":  # as Datumaro writes them
        colours = np.array([[0, 0, 0, 0], [255, 203, 0, 153]], np.uint8)
        picture = Image.fromarray(colours[covered.astype(int)])
    else:
        picture = Image.fromarray(covered.astype(np.uint8) * 255).convert(mode)
    picture.save(tmp_path / place / "a_mask_1.png")
    scan = scanned(tmp_path, annotation(scribble("a_mask_1.png"), folder="rooms"))
    np.testing.assert_array_equal(ids(scan) == 2, covered)
    assert f"{place}/a_mask_1.png" in scan.others
    assert scan.remarks == ()


def test_scribble_without_its_mask_says_what_to_do(tmp_path):
    with pytest.raises(AnnotationError, match=r"b\.png lies in no folder Masks; add it"):
        scanned(tmp_path, annotation(scribble("b.png")))


def test_mask_of_another_size_or_of_two_objects_is_refused(tmp_path):
    (tmp_path / "Masks").mkdir()
    Image.new("L", (WIDTH, HEIGHT), 255).save(tmp_path / "Masks" / "b.png")
    with pytest.raises(AnnotationError, match="the mask of two objects"):
        scanned(tmp_path, annotation(scribble("b.png"), scribble("b.png")))
    with pytest.raises(AnnotationError, match="pixels, its image"):
        scanned(tmp_path, annotation(scribble("b.png"), size=(WIDTH, HEIGHT + 1)))
    Image.new("L", (WIDTH, 4), 255).save(tmp_path / "Masks" / "b.png")
    scan = scanned(tmp_path, annotation(scribble("b.png"), size=None))
    with pytest.raises(drawing.DrawingError, match="the picture has"):
        ids(scan)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "..", "..\\secret.png", ""])
def test_no_mask_and_no_image_outside_is_reached(tmp_path, name):
    Image.new("L", (WIDTH, HEIGHT), 255).save(tmp_path / "secret.png")
    (tmp_path / "raw" / "Masks").mkdir(parents=True)
    with pytest.raises(AnnotationError, match=r"a\.xml"):
        scanned(tmp_path / "raw", annotation(scribble(name)))
    try:
        scan = scanned(tmp_path / "raw", annotation(filename=name, folder=".."))
    except AnnotationError:
        return
    assert not scan.samples
    assert Fault.NO_IMAGE in [remark.fault for remark in scan.remarks]


def test_link_that_leads_out_is_no_mask(tmp_path):
    Image.new("L", (WIDTH, HEIGHT), 255).save(tmp_path / "secret.png")
    (tmp_path / "raw" / "Masks").mkdir(parents=True)
    (tmp_path / "raw" / "Masks" / "b.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(AnnotationError, match="leads out"):
        scanned(tmp_path / "raw", annotation(scribble("b.png")))


def test_entities_are_refused(tmp_path):
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
    text = f'<!DOCTYPE a [<!ENTITY l0 "ha">{laughs}]>' + annotation(filename="&l8;")
    for hostile in (text, text.replace("<!ENTITY l0", '<!ENTITY x SYSTEM "file:///etc/passwd">')):
        with pytest.raises(AnnotationError, match=r"a\.xml"):
            scanned(tmp_path, hostile)


def test_picture_of_claimed_size_takes_no_memory(tmp_path):
    triangle = polygon((1, 1), (9, 1), (9, 9))
    for size in ((10**9, 10**9), (10**300, 9), (0, 5), (-4, 4)):
        scan = scanned(tmp_path, annotation(triangle, size=size))
        with pytest.raises(drawing.DrawingError, match="pixels"):
            ids(scan)
    for far in (1e300, 1e12):
        with pytest.raises(drawing.DrawingError):
            ids(scanned(tmp_path, annotation(polygon((1, 1), (far, 1), (9, far)))))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        "<annotations/>",
        "<annotation/>",
        annotation().replace("a.png", ""),
        annotation(polygon((1, "x"), (2, 2), (3, 4))),
        annotation(polygon((1, 1), (2, 2), (3, 4)).replace("<y>4</y>", "")),
        annotation(polygon((1, 1), (2, 2), (3, 4)).replace("polygon", "circle")),
        annotation(polygon((1, 1), (2, 2)).replace("</object>", "<polygon/></object>")),
        annotation("<object><bndbox><xmin>1</xmin></bndbox></object>"),
        annotation(polygon((1, 1), (2, 2), (3, 4)).replace("<deleted>0", "<deleted>maybe")),
        annotation(size=("wide", 3)),
        b"\xff\xfe\x00",
        "<annotation>" * 5000,
    ],
)
def test_what_is_no_labelme_is_refused(tmp_path, text):
    with pytest.raises(AnnotationError, match=r"a\.xml"):
        scanned(tmp_path, text)


def test_unfinished_polygons_are_findings(tmp_path):
    scan = scanned(tmp_path, annotation(polygon((1, 1), (9, 9)), polygon((1, 1), (60, 1), (9, 9))))
    assert [remark.fault for remark in scan.remarks] == [Fault.FEW_POINTS, Fault.OUTSIDE]
    assert scan.remarks[0].where == "a.xml: a.png: object 0"


@pytest.mark.parametrize("size", [None, (WIDTH, HEIGHT)])
def test_a_number_that_is_none_is_refused_when_painted(tmp_path, size):
    scan = scanned(tmp_path, annotation(polygon((float("nan"), 1), (5, 1), (5, 5)), size=size))
    with pytest.raises(drawing.DrawingError, match="none"):
        ids(scan)


def test_2000_mutated_files_are_read_or_refused(tmp_path):
    (tmp_path / "Masks").mkdir()
    Image.new("L", (WIDTH, HEIGHT), 255).save(tmp_path / "Masks" / "b.png")
    shapes = polygon((1, 1), (9, 2.5), (5, 8)), polygon((4, 4), (20, 4), (9, 9), name="door")
    text = annotation(*shapes, scribble("b.png"))
    scanned(tmp_path, text)
    folder = Folder(tmp_path)

    def read(content):
        mutants.put(tmp_path / "a.xml", content)
        for sample in LabelMeXml().scan(folder).samples:
            drawing.paint(sample.drawing, LabelMeXml().table(CLASSES), size=(WIDTH, HEIGHT))

    mutants.try_all(text.encode(), read)
