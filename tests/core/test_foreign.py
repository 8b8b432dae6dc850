"""JSON files of strangers, read piece by piece."""

import json
import pathlib

import hypothesis
import hypothesis.strategies as st
import pytest

import mutants
from seg_datasets.core.sources import AnnotationError, Folder, foreign

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=9,
)
CONTENT = {
    "info": {"x": "]}{["},
    "other": [[1], {}],
    "own": [{"id": 1, "ring": [1.5, -2e3]}, '\u00e9\\"\U0001f600', 12345, None, []],
    "last": 3,
}


def _read(folder: Folder, keys: tuple[str, ...] = ("own",)) -> list:
    with foreign.reading("a.json", "JSON"):
        return [*foreign.lists_of(folder, "a.json", keys)]


@pytest.fixture
def folder(tmp_path) -> Folder:
    (tmp_path / "a.json").write_text(json.dumps(CONTENT))
    return Folder(tmp_path)


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 30, 1000])
@pytest.mark.parametrize("form", [{}, {"indent": 3}, {"ensure_ascii": False}])
def test_pieces_may_end_anywhere(tmp_path, folder, monkeypatch, piece, form):
    monkeypatch.setattr(foreign, "_PIECE", piece)
    text = json.dumps(CONTENT, **form).encode()
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + text)
    assert _read(folder) == [("own", one) for one in CONTENT["own"]]
    both = _read(folder, ("own", "other", "info", "last"))
    assert both == [(key, one) for key in ("other", "own") for one in CONTENT[key]]


@hypothesis.settings(
    max_examples=40, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@hypothesis.given(st.dictionaries(st.text(max_size=3), st.lists(VALUES, max_size=4)))
def test_items_are_those_of_a_whole_look(tmp_path, folder, content):
    (tmp_path / "a.json").write_text(json.dumps(content))
    every = [(key, one) for key, items in content.items() for one in items]
    assert _read(folder, tuple(content)) == every


@pytest.mark.parametrize("piece", [5, 1 << 19])
def test_what_is_broken_is_refused_and_all_else_is_what_json_has(folder, monkeypatch, piece):
    monkeypatch.setattr(foreign, "_PIECE", piece)
    path = pathlib.Path(folder.root) / "a.json"
    whole = path.read_bytes()

    def read(text: bytes) -> None:
        mutants.put(path, text)
        try:
            found = _read(folder)
        except AnnotationError:
            return
        content = json.loads(text.decode("utf-8-sig"), object_pairs_hook=lambda pairs: pairs)
        lists = [value for key, value in content if key == "own" and isinstance(value, list)]
        pairs = json.loads(json.dumps([one for _, one in found]), object_pairs_hook=lambda p: p)
        assert pairs == [one for items in lists for one in items]

    mutants.try_all(whole.replace(b'"id": 1, ', b""), read, 1000)


def test_a_value_without_end_is_refused_before_it_fills_the_memory(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(foreign, "_LONGEST", 1000)
    monkeypatch.setattr(foreign, "_PIECE", 100)
    (tmp_path / "a.json").write_text('{"own": ["' + "x" * 100_000)
    with pytest.raises(AnnotationError, match="more than 1,000 characters"):
        _read(folder)
