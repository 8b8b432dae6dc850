"""What masks hold, and what it is called, comes out, with questions where the files do not tell."""

import pathlib
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

import kit
from layouts import BLACK_WHITE, COLOURS, IDS, Drawing
from seg_datasets.core.detection import encoding
from seg_datasets.core.detection.guess import Guess, GuessError, guess
from seg_datasets.core.sample import Sample
from seg_datasets.core.sources import Folder


def look(root: pathlib.Path, values: dict[int, Any], count: int = 6, **mask: Any) -> Guess:
    d = Drawing(root)
    for number in range(count):
        d.image(f"images/{number}.png")
        d.mask(f"masks/{number}.png", values, **mask)
    return guess(Folder(root))


def about(found: Guess) -> set[str]:
    return {question.about for question in found.questions if question.blocking}


@pytest.mark.parametrize(
    ("values", "declared", "names"),
    [
        (IDS, None, ("class_0", "class_1", "class_2")),
        ({0: 0, 1: 1, 2: 255}, None, ("class_0", "class_1")),
        ({0: 1, 1: 2, 2: 3}, {1: "class_1", 2: "class_2", 3: "class_3"}, None),
        (BLACK_WHITE, {0: "class_0", 255: "class_255"}, None),
        ({0: 0, 1: 128, 2: 255}, {0: "class_0", 128: "class_128", 255: "class_255"}, None),
        ({0: 0, 1: 7, 2: 26}, {0: "class_0", 7: "class_7", 26: "class_26"}, None),
        (COLOURS, {"#000000": "class_0", "#008000": "class_1", "#800000": "class_2"}, None),
    ],
)
def test_what_masks_hold_is_declared_and_names_are_asked_for(
    values: dict, declared: dict | None, names: tuple | None, tmp_path: pathlib.Path
) -> None:
    found = look(tmp_path, values)
    assert found.declaration.source.values == declared
    assert found.declaration.classes.names == (names or tuple((declared or {}).values()))
    assert about(found) == {"classes"}


@pytest.mark.parametrize(
    ("file", "text", "names"),
    [
        ("classes.txt", "ground\nroof\nroad\n", ("ground", "roof", "road")),
        ("labels.txt", "__ignore__\nground\nroof\nroad\n", ("ground", "roof", "road")),
        ("labels.txt", "0: ground\n1: roof\n2: road\n", ("ground", "roof", "road")),
        ("codes.txt", "ground\nroof\nVoid\n", ("ground", "roof")),
        ("classes.csv", "id,name\n0,ground\n1,roof\n2,road\n", ("ground", "roof", "road")),
        ("dataset.json", '{"labels": {"ground": 0, "roof": 1, "road": 2}}', None),
        ("dataset.json", '{"labels": {"0": "ground", "1": "roof", "2": "road"}}', None),
        ("classes.txt", "Idx\tShare\tName\n0\t.5\tground\n1\t.3\troof\n2\t.2\troad\n", None),
        ("id2label.json", '{"0": "ground", "1": "roof", "2": "road"}', None),
    ],
)
def test_names_come_from_a_file_beside(
    file: str, text: str, names: tuple | None, tmp_path: pathlib.Path
) -> None:
    Drawing(tmp_path).text(file, text)
    found = look(tmp_path, IDS)
    assert found.declaration.classes.names == (names or ("ground", "roof", "road"))
    assert about(found) == set()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("labelmap.txt", "# label:color\nground:0,0,0::\nroof:128,0,0::\nroad:0,128,0::\n"),
        ("class_dict.csv", "name,r,g,b\nground,0,0,0\nroof,128,0,0\nroad,0,128,0\n"),
        ("label_colors.txt", "0 0 0\tground\n128 0 0\troof\n0 128 0\troad\n"),
        (
            "meta.json",
            '{"classes": [{"title": "ground", "color": "#000000"}, {"title": "roof", '
            '"color": "#800000"}, {"title": "road", "color": "#008000"}]}',
        ),
    ],
)
def test_names_of_colours_come_from_a_file_beside(
    file: str, text: str, tmp_path: pathlib.Path
) -> None:
    Drawing(tmp_path).text(file, text)
    found = look(tmp_path, COLOURS)
    assert found.declaration.classes.names == ("ground", "roof", "road")
    values = found.declaration.source.values
    assert values == {"#000000": "ground", "#800000": "roof", "#008000": "road"}
    assert about(found) == set()


def test_names_that_do_not_fit_are_left_and_told(tmp_path: pathlib.Path) -> None:
    Drawing(tmp_path).text("classes.txt", "one\ntwo\n")
    found = look(tmp_path, {0: 0, 1: 1, 2: 6})
    assert "classes.txt (2 names)" in "".join(found.saw)
    assert about(found) == {"classes"}


@pytest.mark.parametrize("text", ["roof\nroad\n", "1 roof\n2 road\n"])
def test_names_for_1_to_n_leave_0_a_question(text: str, tmp_path: pathlib.Path) -> None:
    Drawing(tmp_path).text("classes.txt", text)
    found = look(tmp_path, IDS)
    assert found.declaration.source.values == {0: "void", 1: "roof", 2: "road"}
    assert about(found) == {"values"}


def soft(ids: np.ndarray, top: int) -> np.ndarray:
    small = Image.fromarray((ids > 0).astype(np.uint8) * 255).resize((96, 72), Image.BILINEAR)
    return (np.asarray(small).astype(np.uint16) * top // 255).astype(np.uint8)


def test_soft_edges_are_told_with_their_levels(tmp_path: pathlib.Path) -> None:
    d = Drawing(tmp_path)
    raw = kit.Raw(tmp_path, d.rng)
    for number in range(6):
        d.put(f"images/{number}.png", d.rng.integers(0, 256, (72, 96, 3), np.uint8))
        d.put(f"masks/{number}.png", soft(raw.labels(), 211))
    found = guess(Folder(tmp_path))
    assert found.encoding.kind == "blended"
    assert found.encoding.levels == (0, 211)
    assert about(found) == {"values", "classes"}
    assert any("the foreground 211" in question.text for question in found.questions)


def test_numbers_of_objects_are_no_classes(tmp_path: pathlib.Path) -> None:
    d = Drawing(tmp_path)
    for number in range(4):
        d.image(f"images/{number}.png")
        d.put(
            f"masks/{number}.png",
            d.rng.integers(0, 256, (6, 8, 3), np.uint8).repeat(4, 0).repeat(4, 1),
        )
    with pytest.raises(GuessError, match="numbers of objects"):
        guess(Folder(tmp_path))


def test_a_lone_value_on_a_few_pixels_is_no_class(tmp_path: pathlib.Path) -> None:
    look(tmp_path, IDS)
    mask = np.asarray(Image.open(tmp_path / "masks" / "3.png")).copy()
    mask[2, 2] = 77
    Image.fromarray(mask).save(tmp_path / "masks" / "3.png")
    found = guess(Folder(tmp_path))
    assert found.encoding.odd == {77: 1}
    assert found.declaration.classes.names == ("class_0", "class_1", "class_2")
    assert any("77 (1 px) stands in one mask" in question.text for question in found.questions)


@pytest.mark.parametrize(
    ("form", "groups"),
    [
        ("{0}_{1}", {"ann", "bob", "cid"}),
        ("{0} ({1})", {"ann", "bob", "cid"}),
        ("{0}-{1}_x", {"ann", "bob", "cid"}),
        ("p_{0}/p_{1}", {"p_ann", "p_bob", "p_cid"}),
    ],
)
def test_the_group_that_is_proposed_finds_the_groups(
    form: str, groups: set, tmp_path: pathlib.Path
) -> None:
    d = Drawing(tmp_path)
    for number in range(12):
        name = form.format(("ann", "bob", "cid")[number % 3], number)
        d.image(f"images/{name}.png")
        d.mask(f"masks/{name}.png")
    found = guess(Folder(tmp_path))
    (asked,) = (question for question in found.questions if question.about == "groups")
    pattern = asked.answer.partition("'")[2].partition("'")[0]
    matches = [re.search(pattern, sample.id) for sample in found.layout.scan.samples]
    assert {match["group"] for match in matches if match} == groups
    assert all(matches)


def test_each_mask_that_is_opened_is_told_once(tmp_path: pathlib.Path) -> None:
    look(tmp_path, COLOURS)
    opened = []
    samples = [Sample(id=str(n), image="", mask=f"masks/{n}.png") for n in range(6)]
    encoding.look(Folder(tmp_path), samples, progress=opened.append)
    assert sum(opened) == 6
