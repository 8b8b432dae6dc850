"""Options: fields of a source that a user states as text."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, TypeVar

from seg_datasets.core.classes import DeclarationError, few

# What has a flag of its own.
_FLAGS = ("images", "values", "labels", "ground", "group", "ignore")


class _Stated(Protocol):
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


_Source = TypeVar("_Source", bound=_Stated)


def with_options(source: _Source, options: Mapping[str, str]) -> _Source:
    """A source with fields that a user stated as text.

    Raises:
      DeclarationError: it has no such field, or the text is not of its kind.
    """
    fields = {field.name: field for field in dataclasses.fields(source)}
    own = [name for name in fields if name not in _FLAGS]
    given: dict[str, Any] = {}
    for name, text in options.items():
        if name not in own:
            raise DeclarationError(
                f"--option={name}: {type(source).__name__} has no such option, but {few(own)}"
            )
        given[name] = _value(name, text, str(fields[name].type))
    return dataclasses.replace(source, **given)


def _value(name: str, text: str, kind: str) -> Any:
    if "bool" in kind:
        if text.lower() not in ("true", "false"):
            raise DeclarationError(f"--option={name}={text}: write true or false")
        return text.lower() == "true"
    if "Window" in kind or "Sequence[int]" in kind:
        parts = text.split(",")
        try:
            return tuple(int(part) for part in parts)
        except ValueError:
            return text
    for number in (int, float):
        if number.__name__ in kind and "str" not in kind:  # an annotator may be either
            try:
                return number(text)
            except ValueError:
                raise DeclarationError(f"--option={name}={text}: write a number") from None
    return text
