"""The page of a build or a check: what is on it, what it says first, and that it stays small."""

import base64
import dataclasses
import hashlib
import io
import json
import pathlib
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import builds
import kit
from seg_datasets.core import checks, report, verification
from seg_datasets.core.report import choice, gallery, sections, thumbs
from seg_datasets.core.report import kit as page_kit
from seg_datasets.core.report.places import Places
from seg_datasets.core.sources import Folder, Question
from seg_datasets.core.survey import Examined, examine


def look(root: pathlib.Path, **declared: Any) -> Examined:
    return examine(dataclasses.replace(kit.DECLARATION, **declared), Folder(root))


def render(examined: Examined, **options: Any) -> str:
    options = {"title": "a set", "how_to_build": "tfds build it"} | options
    return report.render(examined, **options)


def data_of(page: str) -> dict[str, Any]:
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    return json.loads(found)


def picture(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def stray(raw: kit.Raw, name: str, *, rows: slice = slice(20, 23)) -> None:
    """Puts a mask in place that holds a value of no class."""
    ids = raw.labels()
    ids[rows, 4:9] = 7
    raw.put(name, mask=ids)


def test_clean_folder_passes_and_says_so_first(tmp_path: pathlib.Path) -> None:
    kit.draw(tmp_path)
    page = render(look(tmp_path))
    assert "Passes: no errors" in page
    assert page.index("Passes") < page.index("<h2>")
    order = ["Findings", "Class balance", "Sizes", "Gallery", "Groups and leakage", "What the ver"]
    places = [page.index(f"<h2>{title}") for title in order]
    assert places == sorted(places)
    assert "tfds build it" in page


def test_refused_folder_says_how_many_and_where_to_begin(tmp_path: pathlib.Path) -> None:
    raw = kit.draw(tmp_path)
    stray(raw, "a_0")
    stray(raw, "b_1")
    raw.put("c_0", mask=raw.labels(16, 24))
    page = render(look(tmp_path))
    assert "Refused: 3 errors of 2 kinds" in page
    assert 'Begin with <a href="#SD101">SD101 size-mismatch</a> (1)' in page
    assert page.index('id="SD101"') < page.index('id="SD201"')


def test_open_questions_are_on_the_page_and_stand_in_the_way(tmp_path: pathlib.Path) -> None:
    kit.draw(tmp_path)
    asked = [
        Question("classes", "What are the classes <called>?", "--classes=A", blocking=True),
        Question("groups", "Which belong together?"),
    ]
    page = render(look(tmp_path), questions=asked)
    assert '<a href="#questions">1 question</a> to answer before a build' in page
    assert "Nothing stands in the way" not in page
    assert "What are the classes &lt;called&gt;? Answer with --classes=A" in page
    assert "Which belong together?" in page
    assert "Open questions" not in render(look(tmp_path))


def test_page_needs_nothing_from_outside_and_runs_one_script(tmp_path: pathlib.Path) -> None:
    kit.draw(tmp_path)
    page = render(look(tmp_path))
    for outside in ("http:", "https:", "<link", "@import", "url(", " src="):
        assert outside not in page, outside
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "default-src 'none'" in page


def test_same_folder_gives_the_same_page_from_any_number_of_threads(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = kit.draw(tmp_path)
    stray(raw, "a_0")
    pages = set()
    for threads in ("1", "3"):
        monkeypatch.setenv("SEG_DATASETS_WORKERS", threads)
        pages.add(render(look(tmp_path)))
    assert len(pages) == 1


def test_every_kind_of_finding_has_its_picture_before_any_has_a_second(
    tmp_path: pathlib.Path,
) -> None:
    raw = kit.draw(tmp_path)
    for name in ("a_0", "a_1", "b_0"):
        stray(raw, name)
    raw.put("d_1", mask=raw.labels(16, 24))
    shown = gallery.pictures(look(tmp_path), most=2)
    assert {code: len(some) for code, some in shown.examples.items()} == {"SD101": 1, "SD201": 1}
    assert len(shown.thumbs) == 2


def test_unknown_pixels_are_marked_where_they_are(tmp_path: pathlib.Path) -> None:
    raw = kit.draw(tmp_path)
    stray(raw, "a_0")
    data = data_of(render(look(tmp_path)))
    (marks,) = (thumb[4] for thumb in data["thumbs"] if thumb[4])
    expected = np.zeros((24, 32), bool)
    expected[20:23, 4:9] = True
    assert (np.asarray(picture(marks).convert("RGBA"))[..., 3] > 0).tolist() == expected.tolist()


def test_one_pixel_of_a_large_mask_is_marked(tmp_path: pathlib.Path) -> None:
    raw = kit.draw(tmp_path)
    ids = raw.labels(1000, 800)
    ids[611, 333] = 9
    raw.put("a_0", mask=ids, width=1000, height=800)
    data = data_of(render(look(tmp_path)))
    (thumb,) = (thumb for thumb in data["thumbs"] if thumb[4])
    rows, columns = np.nonzero(np.asarray(picture(thumb[4]).convert("RGBA"))[..., 3])
    assert abs(rows - 611 * thumb[1] / 800).max() < 3
    assert abs(columns - 333 * thumb[0] / 1000).max() < 3


def test_equal_pictures_show_where_their_masks_differ(tmp_path: pathlib.Path) -> None:
    raw = kit.draw(tmp_path)
    same, ids = raw.picture(), raw.labels()
    raw.put("a_0", image=same, mask=ids)
    ids[1, 20:30] = 2
    raw.put("b_0", image=same, mask=ids)
    page = render(look(tmp_path))
    data = data_of(page)
    marked = [thumb[4] for thumb in data["thumbs"] if thumb[4]]
    assert len(marked) == 2
    for marks in marked:
        assert (np.asarray(picture(marks).convert("RGBA"))[..., 3] > 0).sum() >= 10


def test_pair_of_two_sizes_is_shown_side_by_side(tmp_path: pathlib.Path) -> None:
    raw = kit.draw(tmp_path)
    raw.put("c_0", mask=raw.labels(16, 20))
    data = data_of(render(look(tmp_path)))
    (thumb,) = (thumb for thumb in data["thumbs"] if thumb[5])
    assert picture(thumb[2]).size == (32, 24)
    assert picture(thumb[3]).size == (16, 20)


def test_files_that_cannot_be_read_leave_a_note(tmp_path: pathlib.Path) -> None:
    raw = kit.draw(tmp_path)
    raw.put("a_0", image=b"no picture")
    raw.put("b_0", mask=raw.read("masks/b_1.png")[:60])
    raw.write("images/lonely.png", kit.encoded(raw.picture(), "png"))
    raw.write("images/broken.png", b"\x89PNG")
    page = render(look(tmp_path))
    notes = [thumb[6] for thumb in data_of(page)["thumbs"] if thumb[6]]
    assert any("image is not an image" in note for note in notes)
    assert any(note.startswith("mask ") for note in notes)
    assert any(note.startswith("begins as a PNG") for note in notes)
    assert "images/lonely.png" in page


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "I;16", "CMYK"])
def test_images_of_any_mode_get_a_picture(mode: str, tmp_path: pathlib.Path) -> None:
    raw = kit.draw(tmp_path)
    if mode == "I;16":
        pixels = raw.rng.integers(300, 900, (24, 32)).astype(np.uint16)
        raw.put("a_0", image=Image.fromarray(pixels))
    else:
        kind = "tif" if mode == "CMYK" else "png"
        raw.put("a_0", image=raw.picture().convert("RGB").convert(mode), image_as=kind)
    data = data_of(render(look(tmp_path)))
    number = next(s[7] for s in data["samples"] if s[0] == "a_0")
    grey = np.asarray(picture(data["thumbs"][number][2]).convert("L"))
    assert np.ptp(grey) > 100


def test_rotated_photo_is_upright_on_the_page(tmp_path: pathlib.Path) -> None:
    raw = kit.draw(tmp_path)
    stored = np.zeros((24, 32, 3), np.uint8)
    stored[:, :16] = 255  # white on the left as stored, on top when turned
    photo = kit.encoded(Image.fromarray(stored), "jpg", exif=kit.exif(6))
    raw.put("a_0", image=photo, image_as="jpg", mask=raw.labels(24, 32))
    data = data_of(render(look(tmp_path)))
    number = next(s[7] for s in data["samples"] if s[0] == "a_0")
    shown = np.asarray(picture(data["thumbs"][number][2]).convert("L"))
    assert shown.shape == (32, 24)
    assert shown[:14].mean() > 200
    assert shown[18:].mean() < 60


def test_ten_thousand_samples_stay_under_15_megabytes(tmp_path: pathlib.Path) -> None:
    examined = many(look_at_some(tmp_path), 10_000)
    page = render(examined)
    data = data_of(page)
    assert len(page.encode()) < 15_000_000
    assert len(data["samples"]) == 10_000
    assert len(data["thumbs"]) == report.page.THUMBNAILS
    assert {data["splits"][s[1]] for s in data["samples"] if s[7] >= 0} == {"train", "test"}


def look_at_some(root: pathlib.Path) -> Examined:
    kit.draw(root)
    return look(root)


def many(examined: Examined, count: int) -> Examined:
    """The same few files again and again, as samples of their own."""
    some = examined.subject.facts
    facts = [
        dataclasses.replace(
            one, sample=dataclasses.replace(one.sample, id=f"scene/{i:06d}", group=f"town {i % 97}")
        )
        for i, one in ((i, some[i % len(some)]) for i in range(count))
    ]
    split_of = {f.sample.id: "test" if i % 5 == 0 else "train" for i, f in enumerate(facts)}
    assignment = dataclasses.replace(examined.assignment, split_of=split_of)
    subject = dataclasses.replace(examined.subject, facts=facts, split_of=split_of)
    return dataclasses.replace(examined, subject=subject, assignment=assignment)


def test_pictures_are_spread_over_splits_classes_and_groups(tmp_path: pathlib.Path) -> None:
    examined = many(look_at_some(tmp_path), 1000)
    facts = list(examined.subject.facts)
    rare = dataclasses.replace(facts[501].mask, counts={0: 10, 2: 1, 9: 1})
    facts[501] = dataclasses.replace(facts[501], mask=rare)
    split_of = examined.assignment.split_of
    chosen = choice.choose(facts, split_of, first=[7], most=40)
    assert chosen[0] == 7
    assert 501 in chosen
    assert len({facts[i].sample.group for i in chosen}) > 20
    assert {split_of[facts[i].sample.id] for i in chosen} == {"train", "test"}
    assert chosen == choice.choose(facts, split_of, first=[7], most=40)


def test_scenes_get_fewer_pictures_so_that_the_page_is_made_in_seconds(
    tmp_path: pathlib.Path,
) -> None:
    examined = many(look_at_some(tmp_path), 200)
    large = [
        dataclasses.replace(f, image=dataclasses.replace(f.image, width=9000, height=9000))
        for f in examined.subject.facts
    ]
    chosen = choice.choose(large, examined.assignment.split_of, first=[], most=120)
    assert len(chosen) == choice.LEAST


def test_findings_lead_to_samples_by_file_group_and_class(tmp_path: pathlib.Path) -> None:
    kit.draw(tmp_path)
    subject = look(tmp_path).subject
    places = Places(subject)

    def finding(where: str, message: str = "") -> checks.Finding:
        return checks.Finding("SD000", "none", checks.Severity.ERROR, where, message, "")

    ids = [f.sample.id for f in subject.facts]
    assert [ids[i] for i in places.named(finding("masks/b_0.png"))] == ["b_0"]
    named = finding("images/a_0.png", "is the same picture as images/c_1.jpg, images/d_0.png")
    assert [ids[i] for i in places.named(named)] == ["a_0", "c_1", "d_0"]
    assert {ids[i] for i in places.named(finding("group 'd'"))} == {"d_0", "d_1"}
    assert places.named(finding("class 'road'")) == []
    least = places.examples(finding("class 'road'"))
    pixels = [f.mask.counts[2] for f in subject.facts]
    assert pixels[least[0]] == min(pixels)
    assert places.examples(finding("SPLITS", "a_0 cannot be")) == []


def test_unknown_values_have_their_share_in_the_balance(tmp_path: pathlib.Path) -> None:
    raw = kit.draw(tmp_path)
    assert "unknown values" not in sections.balance(look(tmp_path))
    stray(raw, "a_0")
    assert "unknown values" in sections.balance(look(tmp_path))


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0.00 %"), (0.00001, "&lt; 0.01 %"), (0.0042, "0.42 %"), (0.25, "25.0 %"), (1, "100.0 %")],
)
def test_small_shares_are_not_rounded_away(share: float, said: str) -> None:
    assert sections.percent(share) == said


@given(st.text(alphabet=st.characters(codec=None, exclude_categories=())))
def test_any_text_is_inert_and_can_be_written(foreign: str) -> None:
    shown = page_kit.text(foreign)
    assert not set(shown) & set("<>\"'")
    shown.encode()  # half characters cannot be
    packed = page_kit.inert_json([foreign])
    assert "<" not in packed
    assert packed.isascii()
    assert json.loads(packed) == [foreign]


@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), min_size=1, max_size=5),
)
def test_no_marked_pixel_is_lost_when_made_small(
    height: int, width: int, points: list[tuple[int, int]]
) -> None:
    layer = np.zeros((height, width), bool)
    for row, column in points:
        layer[row % height, column % width] = True
    wanted = max(1, width // 3), max(1, height // 3)
    small = thumbs.any_in_block(layer, wanted)
    assert small.shape == wanted[::-1]
    for row, column in np.argwhere(layer):
        near = small[row * wanted[1] // height, column * wanted[0] // width]
        assert near or small.mean() > 0


def test_finished_build_has_its_page_and_verifies(
    raw: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    version = builds.build(raw, tmp_path / "data")
    page = (version / report.NAME).read_text(encoding="utf-8")
    assert "Passes: no errors" in page
    assert "Version <code>1" in page
    assert "tfds build seg_datasets/aerial --manual_dir=RAW" in page
    assert str(tmp_path) not in page
    result = verification.verify(version, builds.Builder.ledger_path())
    assert result.problems == ()
