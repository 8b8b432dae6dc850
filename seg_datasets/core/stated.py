"""Stated: a declaration out of plain fields, as JSON and TOML have them, and the other way."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import json
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seg_datasets.core import sources, splits
from seg_datasets.core.checks.limits import Limits
from seg_datasets.core.classes import ClassTable, DeclarationError, RawValue, Threshold
from seg_datasets.core.sources import CsvGroups, Source
from seg_datasets.core.sources.image_mask_folders import GroupRule
from seg_datasets.core.splits import SplitRule
from seg_datasets.core.survey import Declaration

# Fields of every source; the rest are its own.
OWN = ("classes", "source", "splits", "group", "channels", "bits", "accept", "limits")

RULES: Mapping[str, Any] = {
    "grouped": splits.Grouped,
    "stratified": splits.Stratified,
    "kfold": splits.KFold,
    "spatial": splits.Spatial,
    "folders": splits.FromFolders,
    "lists": splits.FromLists,
    "annotations": splits.FromAnnotations,
    "names": splits.FromNames,
}

# What sources are called, where it is not the name of their class.
_CALLED = {"masks": "ImageMaskFolders", "panoptic": "CocoPanoptic"}

# What a split rule says that no raw folder tells, for a proposal.
_USUAL = {"rule": "stratified", "train": 80, "validation": 10, "test": 10}


def declaration(fields: Mapping[str, Any]) -> Declaration:
    """A declaration out of fields; docs/seg_folder.md has them.

    Raises:
      DeclarationError: names the field that cannot be meant.
    """
    kind = _kind(fields.get("source", "masks"))
    own = {field.name: field for field in dataclasses.fields(kind) if field.name != "group"}
    known = [*OWN, *own, *["threshold"] * ("values" in own)]
    for name in fields:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; is {near[0]!r} meant?" if near else f"; there are {', '.join(known)}"
            raise DeclarationError(f"{name}: no such field{hint}")
    for name in ("classes", "splits"):
        if name not in fields:
            raise DeclarationError(f"{name}: not stated, and nothing is guessed")
    with _field("classes"):
        classes = _classes(fields["classes"])
    source = _source(kind, {name: value for name, value in fields.items() if name not in OWN})
    with _field("labels" if "labels" in own and "values" not in fields else "values"):
        source.table(classes)
    with _field("group"):
        group = _group(fields.get("group"))
    with _field("splits"):
        rule = _rule(fields["splits"], group)
    with _field("limits"):
        limits = Limits(**_mapping(fields.get("limits", {}), "few = 10"))
    with _field("accept"):
        accept = _mapping(fields.get("accept", {}), 'SD404 = "why it is meant"')
        if strange := [code for code, why in accept.items() if not isinstance(why, str)]:
            raise DeclarationError(f"{strange[0]} needs a reason, as text")
    made = Declaration(
        classes=classes,
        source=source,
        splits=rule,
        channels=_number(fields, "channels", 3),
        bits=_number(fields, "bits", 8),
        accept=accept,
        limits=limits,
    )
    with _field("channels, bits"):
        _ = made.modes
    return made


def fields_of(declared: Declaration) -> dict[str, Any]:
    """The fields that make a declaration; splits are a proposal where it has none of its own."""
    source = declared.source
    stated: dict[str, Any] = {"classes": list(declared.classes.names)}
    kind = type(source).__name__
    called = {name: short for short, name in _CALLED.items()}
    if kind != "ImageMaskFolders":
        stated["source"] = called.get(kind, _words(kind))
    for field in dataclasses.fields(source):  # type: ignore[arg-type]
        value = getattr(source, field.name)
        if field.name in ("values", "group") or _is_default(field, value):
            continue
        stated[field.name] = list(value) if isinstance(value, tuple) else value
    values = getattr(source, "values", None)
    if isinstance(values, Threshold):
        stated["threshold"] = dataclasses.asdict(values)
    elif values is not None:
        table = source.table(declared.classes)
        stated["values"] = {
            table.label(v): declared.classes.name_of(i) for v, i in table.ids.items()
        }
    stated["splits"] = _stated_rule(declared.splits)
    if isinstance(group := declared.splits.group, str):
        stated["group"] = group
    stated |= {"channels": declared.channels} if declared.channels != 3 else {}
    stated |= {"bits": declared.bits} if declared.bits != 8 else {}
    return stated


def as_json(fields: Mapping[str, Any]) -> str:
    """Fields in one line, for a shell."""
    return json.dumps(fields, ensure_ascii=False).replace("'", "\\u0027")


def _kind(name: object) -> Any:
    known: dict[str, Any] = {
        _same(one): kind
        for one in sources.__all__
        if dataclasses.is_dataclass(kind := getattr(sources, one))
        and hasattr(kind, "scan")
        and hasattr(kind, "table")
    }
    known |= {short: known[_same(long)] for short, long in _CALLED.items()}
    if not isinstance(name, str) or _same(name) not in known:
        called = {kind.__name__: _words(kind.__name__) for kind in known.values()}
        called |= {long: short for short, long in _CALLED.items()}
        raise DeclarationError(f"source: {name!r} is none of {', '.join(sorted(called.values()))}")
    return known[_same(name)]


def _source(kind: Any, fields: Mapping[str, Any]) -> Source:
    hints = typing.get_type_hints(kind)
    given: dict[str, Any] = {}
    for name, value in fields.items():
        with _field(name):
            if name == "threshold":
                if "values" in fields:
                    raise DeclarationError("state it or values, not both")
                given["values"] = Threshold(**_mapping(value, "at, below and above"))
            elif name == "values":
                told = _mapping(value, '"255" = "road"')
                given[name] = {_raw(raw): class_ for raw, class_ in told.items()}
            elif not _fits(value, hints[name]):
                raise DeclarationError(f"{value!r} cannot be meant; see docs/seg_folder.md")
            else:
                given[name] = tuple(value) if isinstance(value, list) else value
    try:
        made: Source = kind(**given)
    except TypeError as error:
        raise DeclarationError(f"source: {_words(kind.__name__)}: {error}") from None
    return made


def _classes(stated: object) -> ClassTable:
    if isinstance(stated, Mapping):
        return ClassTable(*stated, colours=stated)
    if not isinstance(stated, Sequence) or isinstance(stated, str):
        raise DeclarationError(f'write a list of names, ["ground", "roof"], not {stated!r}')
    return ClassTable(*stated)


def _group(stated: object) -> GroupRule | None:
    if stated is None or isinstance(stated, str):
        return stated
    told = _mapping(stated, 'csv = "groups.csv", and id and group, its columns')
    if "csv" not in told:
        raise DeclarationError("a table of groups needs csv, the path of the file")
    return CsvGroups(**{"path" if key == "csv" else key: value for key, value in told.items()})


def _rule(stated: object, group: GroupRule | None) -> SplitRule:
    told = dict(_mapping(stated, "train = 80, test = 20"))
    ruled, name = "rule" in told, told.pop("rule", "grouped")
    if name not in RULES:
        raise DeclarationError(f"rule: {name!r} is none of {', '.join(RULES)}")
    if "all" in told:
        raise DeclarationError("all: TFDS means all splits by this name; take another")
    texts = [key for key, value in told.items() if isinstance(value, str) and key != "seed"]
    if texts and not ruled:
        raise DeclarationError(
            f"{texts[0]}: {told[texts[0]]!r} is no share; say with a rule what it is: folders, "
            "lists, annotations or names"
        )
    made: SplitRule = RULES[name](group=group, **told)
    return made


def _stated_rule(rule: SplitRule) -> dict[str, Any]:
    for name, field in (("folders", "folders"), ("lists", "lists"), ("annotations", "files")):
        if isinstance(rule, RULES[name]):
            return {"rule": name, **getattr(rule, field)}
    return _USUAL


def _number(fields: Mapping[str, Any], name: str, usual: int) -> int:
    value = fields.get(name, usual)
    if not _fits(value, int):
        raise DeclarationError(f"{name}: {value!r} is no whole number")
    return int(value)


def _mapping(value: object, example: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise DeclarationError(f"{value!r} is no table; write names and values: {example}")
    return value


def _raw(text: str) -> RawValue:
    """A raw value of a mask: keys of JSON and TOML are text."""
    return int(text) if text.isascii() and text.isdigit() else text


def _fits(value: object, hint: Any) -> bool:
    """Whether a value is of the type that a field of a source is declared with."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(_fits(v, inner[1]) for v in value.values())
    if origin is not None and issubclass(origin, Sequence):
        listed = isinstance(value, (list, tuple))
        return listed and all(_fits(v, inner[0]) for v in typing.cast(Sequence[Any], value))
    if isinstance(value, bool) or hint is bool:
        return isinstance(value, bool) and hint is bool
    return isinstance(value, (int, float) if hint is float else hint)


def _is_default(field: dataclasses.Field, value: object) -> bool:
    if field.default_factory is not dataclasses.MISSING:
        return bool(value == field.default_factory())
    return bool(value == field.default)


def _words(name: str) -> str:
    """`LabelStudio` as label_studio."""
    parts = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
    return parts.lstrip("_")


def _same(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()


@contextlib.contextmanager
def _field(name: str) -> Iterator[None]:
    """Whatever is wrong names the field."""
    try:
        yield
    except (ValueError, TypeError, AttributeError) as error:
        said = str(error).replace("__init__() ", "")
        raise DeclarationError(f"{name}: {said}") from None
