"""Files of class names, as strangers write them: a usable table comes out, or none."""

import json
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg_datasets.core.classes import VOID, ClassTable
from seg_datasets.core.detection import class_files
from seg_datasets.core.sources import Folder, exports

NAMES = st.lists(st.text(max_size=12), max_size=6)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(("labels", "classes", "name", "color", "id", "0", "1", "title")), inner
        )
    ),
    max_leaves=12,
)


def found(folder: pathlib.Path, name: str, text: str | bytes) -> list[class_files.ClassFile]:
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    (folder / name).write_bytes(data)
    return class_files.find(Folder(folder), [name])


def usable(one: class_files.ClassFile) -> bool:
    """Whether a class table takes the names as they are."""
    for names in (one.by_id, one.by_colour):
        if names:
            ClassTable(*(name for name in names.values() if name != VOID))
    return all(0 <= colour <= 0xFFFFFF for colour in one.by_colour)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("names")


@given(text=st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_text_gives_a_usable_table_or_none(folder: pathlib.Path, text: str) -> None:
    for name in ("classes.txt", "classes.csv", "classes.json"):
        assert all(map(usable, found(folder, name, text)))


@given(data=st.binary(max_size=200))
def test_any_bytes_give_a_usable_table_or_none(folder: pathlib.Path, data: bytes) -> None:
    for name in ("labels.txt", "labels.csv", "labels.json"):
        assert all(map(usable, found(folder, name, data)))


@given(content=JSONS)
def test_any_json_gives_a_usable_table_or_none(folder: pathlib.Path, content: object) -> None:
    assert all(map(usable, found(folder, "dataset.json", json.dumps(content))))


@given(rows=st.lists(st.tuples(st.integers(-9, 300), st.integers(-9, 300), st.text(max_size=5))))
def test_tables_of_colours_give_a_usable_table_or_none(folder: pathlib.Path, rows: list) -> None:
    lines = [f"{name},{r},{g},0" for r, g, name in rows]
    text = "\n".join(("name,r,g,b", *lines))
    assert all(map(usable, found(folder, "class_dict.csv", text)))


def test_a_file_that_is_too_long_is_not_read(tmp_path: pathlib.Path) -> None:
    assert found(tmp_path, "classes.txt", "a\n" * (1 << 20)) == []


def test_a_deep_json_is_no_end(tmp_path: pathlib.Path) -> None:
    assert found(tmp_path, "meta.json", "[" * 100_000) == []


@given(data=st.binary(max_size=300))
def test_any_bytes_may_stand_where_an_export_would(folder: pathlib.Path, data: bytes) -> None:
    for name in ("a.json", "a.xml"):
        (folder / name).write_bytes(data)
    exports.find(Folder(folder), ["a.json", "a.xml"])
