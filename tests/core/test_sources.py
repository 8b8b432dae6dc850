"""Which files belong together, by their names alone."""

import pathlib
import unicodedata
from typing import Any

import pytest

from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.sources import CsvGroups, Folder, ImageMaskFolders, Scan
from seg_datasets.core.sources.folder import OutsideError


def _lay(root: pathlib.Path, *paths: str) -> Folder:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")
    return Folder(root)


def _pairs(scan: Scan) -> dict[str, tuple[str, str]]:
    for found in dataclass_lists(scan):
        assert not found, found
    return {sample.id: (sample.image, sample.mask) for sample in scan.samples}


def dataclass_lists(scan: Scan) -> tuple:
    unpaired = scan.images_without_mask, scan.masks_without_image
    return *unpaired, scan.clashes, scan.foreign, scan.undecodable, scan.outside, scan.ungrouped


def test_two_folders_nested_and_any_mix_of_formats(tmp_path: pathlib.Path) -> None:
    folder = _lay(
        tmp_path,
        *("images/rome/1.jpg", "images/paris/1.JPEG", "images/paris/x/2.TIF", "images/3.webp"),
        *("masks/rome/1.png", "masks/paris/1.gif", "masks/paris/x/2.bmp", "masks/3.tiff"),
    )
    assert _pairs(ImageMaskFolders().scan(folder)) == {
        "3": ("images/3.webp", "masks/3.tiff"),
        "paris/1": ("images/paris/1.JPEG", "masks/paris/1.gif"),
        "paris/x/2": ("images/paris/x/2.TIF", "masks/paris/x/2.bmp"),
        "rome/1": ("images/rome/1.jpg", "masks/rome/1.png"),
    }


def test_letter_case_of_folders_and_names_does_not_matter(tmp_path: pathlib.Path) -> None:
    folder = _lay(tmp_path, "Images/Rome/A.PNG", "MASKS/rome/a.png")
    assert _pairs(ImageMaskFolders().scan(folder)) == {
        "Rome/A": ("Images/Rome/A.PNG", "MASKS/rome/a.png")
    }


def test_unicode_form_of_names_does_not_matter(tmp_path: pathlib.Path) -> None:
    nfc, nfd = (unicodedata.normalize(form, "café/ÅÉ") for form in ("NFC", "NFD"))
    folder = _lay(tmp_path, f"images/{nfd}.jpg", f"masks/{nfc}.png")
    assert _pairs(ImageMaskFolders().scan(folder)) == {
        nfc: (f"images/{nfd}.jpg", f"masks/{nfc}.png")
    }


@pytest.mark.parametrize("base", [".", "data"])
@pytest.mark.parametrize(
    ("image_name", "mask_name"),
    [("{stem}", "{stem}_mask"), ("{stem}_img", "{stem}"), ("rgb_{stem}", "gt_{stem}")],
)
def test_one_folder_told_apart_by_names(
    tmp_path: pathlib.Path, base: str, image_name: str, mask_name: str
) -> None:
    names = [
        (f"{image_name.format(stem=stem)}.jpg", f"{mask_name.format(stem=stem)}.png")
        for stem in ("a", "b_1", "sub/c")
        if "/" not in stem or image_name == "{stem}"
    ]
    folder = _lay(tmp_path, *(f"{base}/{name}" for pair in names for name in pair))
    source = ImageMaskFolders(base, base, image_name=image_name, mask_name=mask_name)
    pairs = _pairs(source.scan(folder))
    where = "" if base == "." else base + "/"
    assert {*pairs.values()} == {(where + image, where + mask) for image, mask in names}
    assert "a" in pairs


@pytest.mark.parametrize(
    ("images", "masks", "paths"),
    [
        ("images", ".", ("images/a.jpg", "a.png")),
        (".", "masks", ("a.jpg", "masks/a.png")),
        ("images", "images/masks", ("images/a.jpg", "images/masks/a.png")),
        ("./images/", "masks/./", ("images/a.jpg", "masks/a.png")),
    ],
)
def test_one_folder_may_lie_in_the_other(
    tmp_path: pathlib.Path, images: str, masks: str, paths: tuple[str, str]
) -> None:
    assert _pairs(ImageMaskFolders(images, masks).scan(_lay(tmp_path, *paths))) == {"a": paths}


@pytest.mark.parametrize(
    ("images", "masks", "image", "mask"),
    [
        ("{split}/images", "{split}/masks", "train/images/x/a.jpg", "train/masks/x/a.png"),
        ("{split}", "{split}annot", "train/x/a.jpg", "trainannot/x/a.png"),
        ("{split}_rgb", "{split}", "train_rgb/x/a.jpg", "train/x/a.png"),
        ("images/{split}", "masks/{split}", "images/train/x/a.jpg", "masks/Train/x/a.png"),
        ("images", "masks", "images/train/x/a.jpg", "masks/train/x/a.png"),
    ],
)
def test_split_folders(
    tmp_path: pathlib.Path, images: str, masks: str, image: str, mask: str
) -> None:
    scan = ImageMaskFolders(images, masks).scan(_lay(tmp_path, image, mask))
    assert _pairs(scan) == {"train/x/a": (image, mask)}
    assert scan.samples[0].folder == "train"


def test_what_is_in_only_one_folder_is_listed(tmp_path: pathlib.Path) -> None:
    folder = _lay(
        tmp_path,
        *("images/a.png", "images/b.png", "images/notes.txt", "images/.hidden", "README.md"),
        *("masks/a.png", "masks/c.png", "masks/Thumbs.db", "masks/a_instanceIds.PNG"),
    )
    scan = ImageMaskFolders(ignore=["*_instanceids.png"]).scan(folder)
    assert [s.id for s in scan.samples] == ["a"]
    assert scan.images_without_mask == ("images/b.png",)
    assert scan.masks_without_image == ("masks/c.png",)
    assert scan.foreign == ("images/notes.txt",)


def test_order_is_that_of_names_not_of_the_directory(tmp_path: pathlib.Path) -> None:
    names = ["é", "z", "Z1", "a/b", "a.b", "a_b", "ä", "10", "9"]
    first = _lay(
        tmp_path / "1", *(f"{kind}/{n}.png" for n in names for kind in ("images", "masks"))
    )
    last = _lay(
        tmp_path / "2", *(f"{kind}/{n}.png" for n in names[::-1] for kind in ("masks", "images"))
    )
    one, two = (ImageMaskFolders().scan(folder) for folder in (first, last))
    assert one == two
    assert [s.id for s in one.samples] == sorted(names)


@pytest.mark.parametrize(
    ("rule", "groups"),
    [
        (None, ["paris_1", "x/rome_1"]),
        (r"(?P<group>[a-z]+)_", ["paris", "rome"]),
        (r"([a-z]+)_(\d)", ["paris", "rome"]),
        (r"[a-z]+_", ["paris_", "rome_"]),
        (r"x/(?P<group>[a-z]+)", ["", "rome"]),
    ],
)
def test_group_by_regular_expression(
    tmp_path: pathlib.Path, rule: str | None, groups: list[str]
) -> None:
    paths = [f"{kind}/{n}.png" for n in ("paris_1", "x/rome_1") for kind in ("images", "masks")]
    scan = ImageMaskFolders(group=rule).scan(_lay(tmp_path, *paths))
    assert [s.group for s in scan.samples] == groups
    assert [*scan.ungrouped] == [s.id for s in scan.samples if not s.group]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("key", ["{id}", "images/{id}.png", " {id} "])
def test_group_by_csv(tmp_path: pathlib.Path, encoding: str, key: str) -> None:
    ids = ["a", "b é", "c"]
    folder = _lay(tmp_path, *(f"{kind}/{n}.png" for n in ids for kind in ("images", "masks")))
    rows = ["scene,name,note"] + [f'g{n[0]},"{key.format(id=n)}",x' for n in ids[:2]]
    text = unicodedata.normalize("NFD", "\r\n".join(rows))
    (tmp_path / "groups.csv").write_bytes(text.encode(encoding))
    source = ImageMaskFolders(group=CsvGroups("groups.csv", id="name", group="scene"))
    scan = source.scan(folder)
    assert [s.group for s in scan.samples] == ["ga", "gb", ""]
    assert scan.ungrouped == ("c",)
    assert scan.others == ("groups.csv",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"id;group\na;g\n", "no column 'id'"),
        (b"", "no column"),
        (b"id,group\na,g\na,h\n", "in the groups 'g' and 'h'"),
        (b"id,group\n\xff,g\n", "UTF-8"),
        (b'id,group\n"' + b"x" * 200_000 + b'",g\n', "field larger"),
        (None, "is not in"),
    ],
)
def test_csv_that_cannot_be_meant(tmp_path: pathlib.Path, text: bytes | None, says: str) -> None:
    if text is not None:
        (tmp_path / "groups.csv").write_bytes(text)
    with pytest.raises(DeclarationError, match=says):
        CsvGroups("groups.csv").read(Folder(tmp_path))


@pytest.mark.parametrize(
    "declared",
    [
        {"image_name": "x"},
        {"mask_name": "{stem}{stem}"},
        {"masks": "images"},
        {"images": "/etc"},
        {"masks": "../other"},
        {"ignore": "*.txt"},
    ],
)
def test_source_that_cannot_be_meant(declared: dict[str, str]) -> None:
    with pytest.raises(DeclarationError):
        ImageMaskFolders(**declared)  # type: ignore[arg-type]


@pytest.mark.parametrize(("group", "says"), [("(", "no regular expression"), (3, "as text")])
def test_group_that_is_no_regular_expression(tmp_path: pathlib.Path, group: Any, says: str) -> None:
    folder = _lay(tmp_path, "images/a.png", "masks/a.png")
    with pytest.raises(DeclarationError, match=says):
        ImageMaskFolders(group=group).scan(folder)


def test_links_inside_are_followed_but_never_in_circles(tmp_path: pathlib.Path) -> None:
    folder = _lay(tmp_path / "raw", "store/a.png", "masks/a.png")
    (tmp_path / "raw" / "images").symlink_to(tmp_path / "raw" / "store")
    (tmp_path / "raw" / "store" / "up").symlink_to(tmp_path / "raw")
    (tmp_path / "raw" / "store" / "self").symlink_to(tmp_path / "raw" / "store")
    assert _pairs(ImageMaskFolders().scan(folder)) == {"a": ("images/a.png", "masks/a.png")}


def test_folder_is_never_left(tmp_path: pathlib.Path) -> None:
    (tmp_path / "secret.txt").write_text("x")
    folder = _lay(tmp_path / "raw", "a.png")
    (tmp_path / "raw" / "link.txt").symlink_to(tmp_path / "secret.txt")
    for name in ("../secret.txt", str(tmp_path / "secret.txt"), "link.txt", "a/../../secret.txt"):
        with pytest.raises(OutsideError, match="leads out"):
            folder.read(name)
    assert folder.files() == (["a.png"], ["link.txt"])
