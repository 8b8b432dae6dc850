"""Scaffold: the files of a new dataset folder, out of what a raw folder shows."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import tempfile
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Any

from seg_datasets.core import checks, dummy
from seg_datasets.core.classes import Threshold
from seg_datasets.core.detection.inspection import Inspection, verdict
from seg_datasets.core.sources import Folder, Question
from seg_datasets.core.splits import (
    FromAnnotations,
    FromFolders,
    FromLists,
    Grouped,
    SplitError,
    SplitRule,
    Stratified,
)
from seg_datasets.core.survey import Declaration, examine

_WIDTH = 100
_ONE_EACH = 6  # arguments with a line of their own
_TAGS = ("content.data-type.image", "ml.task.image-segmentation", "ml.task.semantic-segmentation")
_PLACES = ("classes", "layout", "values", "splits", "groups")


@dataclasses.dataclass(frozen=True)
class Scaffold:
    """The files of a dataset folder and of its test.

    Attributes:
      folder: file name → text, of the dataset folder.
      tests: file name → text, of its test and what draws the test's data; none where nothing can
        draw such data.
      questions: what is open, numbered as in the files.
    """

    folder: dict[str, str]
    tests: dict[str, str]
    questions: tuple[Question, ...]


def make(name: str, found: Inspection, *, module: str, tests_beside: bool) -> Scaffold:
    """Writes nothing yet.

    Args:
      name: of the dataset.
      found: the raw folder, examined under a guess.
      module: how the dataset folder is imported, "roofs" or "seg_datasets.roofs".
      tests_beside: whether the test lies in the dataset folder.
    """
    assert found.guess is not None
    guess, facts = found.guess, found.examined.subject.facts
    rule, questions = guess.declaration.splits, list(guess.questions)
    if not guess.has_splits:
        rule = _proposed(guess.declaration, facts, Folder(found.raw))
        text = "The raw data has no splits, these shares are a proposal. Are they right?"
        if not rule.group and not any(question.about == "groups" for question in questions):
            text += (
                " Which samples belong together (a city, a patient, a video)? State their `group`; "
                'group="auto" searches for it.'
            )
        questions.append(Question("splits", text))
    declaration = dataclasses.replace(guess.declaration, splits=rule)
    questions.sort(key=lambda q: (not q.blocking, _PLACES.index(q.about)))
    draws = f"draw_{name}.py"
    tests = {}
    test_name = f"{name}_dataset_builder_test.py" if tests_beside else f"test_{name}.py"
    if dummy.can_draw(guess):
        drawing = dummy.script(name, guess, declaration, file=draws)
        counts = _counts(drawing, declaration)
        test = _test(name, module, counts, tests_beside=tests_beside)
        tests = {test_name: test, draws: drawing}
    return Scaffold(
        folder={
            "__init__.py": f'"""The dataset `{name}`."""\n',
            f"{name}_dataset_builder.py": _builder(name, declaration, questions, found),
            "README.md": _readme(name, found, questions),
            "CITATIONS.bib": "% Whom to cite, and under which licence.\n",
            "TAGS.txt": "".join(f"{tag}\n" for tag in _TAGS),
        },
        tests=tests,
        questions=tuple(questions),
    )


def _proposed(declaration: Declaration, facts: Sequence, folder: Folder) -> SplitRule:
    """The usual shares, or fewer splits where there are too few groups for them."""
    group = declaration.splits.group
    for rule in (
        Stratified(group=group, train=80, validation=10, test=10),
        Stratified(group=group, train=80, test=20),
    ):
        try:
            rule.assign(facts, folder)
        except SplitError:
            continue
        return rule
    return Grouped(group=group, train=100)


def _counts(drawing: str, declaration: Declaration) -> dict[str, int]:
    """How many drawn samples each split gets."""
    with tempfile.TemporaryDirectory() as folder:
        dummy.draw(drawing, pathlib.Path(folder))
        examined = examine(declaration, Folder(folder))
    if examined.errors:
        raise AssertionError(f"the drawn data is refused: {checks.describe(examined.findings)}")
    return dict(sorted(Counter(examined.assignment.split_of.values()).items()))


def _builder(
    name: str, declaration: Declaration, questions: Sequence[Question], found: Inspection
) -> str:
    title = _title(name)

    def asked(*about: str) -> list[str]:
        lines = []
        for number, question in enumerate(questions, 1):
            if question.about in about:
                lines += [*_comment(f"QUESTION {number}: {question.text}"), *_pattern(question)]
        return lines

    blocking = [
        f"QUESTION {number} ({question.about}): {_first_sentence(question.text)}"
        for number, question in enumerate(questions, 1)
        if question.blocking
    ]
    lines = [
        f'"""{title}."""',
        "",
        "from typing import ClassVar",
        "",
        "import tensorflow_datasets as tfds",
        "",
        "import seg_datasets",
        "",
        "",
        "class Builder(seg_datasets.SegmentationBuilder):",
        f'    """{title}."""',
        "",
        '    VERSION = tfds.core.Version("1.0.0")',
        '    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}',
    ]
    if blocking:
        lines += ["    # Nothing is built before these are answered below and deleted here."]
        lines += _call("    QUESTIONS = ", "", [_quoted(text) for text in blocking])
    lines += asked("classes")
    names = [_quoted(one) for one in declaration.classes.names]
    lines += _call("    CLASSES = ", "seg_datasets.ClassTable", names)
    lines += asked("layout", "values")
    kind = type(declaration.source).__name__
    lines += _call("    SOURCE = ", f"seg_datasets.sources.{kind}", _source(declaration))
    lines += asked("splits", "groups")
    lines += _call("    SPLITS = ", *_rule(declaration.splits))
    if declaration.channels != 3:
        lines.append(f"    CHANNELS = {declaration.channels}")
    if declaration.bits == 16:
        lines.append("    IMAGE_DTYPE = np.uint16")
        lines.insert(4, "import numpy as np")
    kinds = Counter(f.code for f in found.examined.findings if f.acceptable)
    if kinds:
        said = ", ".join(f"{code} ({n})" for code, n in sorted(kinds.items()))
        lines += _comment(
            f"The raw data has errors: {said}. Mend them, or say why they are meant: "
            f'ACCEPT: ClassVar = {{"{min(kinds)}": "why"}}'
        )
    return "\n".join(lines) + "\n"


def _source(declaration: Declaration) -> list[str]:
    source: Any = declaration.source
    usual = type(source)()
    given = []
    for field in dataclasses.fields(source):
        value = getattr(source, field.name)
        if field.name not in ("values", "labels") and value != getattr(usual, field.name):
            given.append(f"{field.name}={_literal(value)}")
    if labels := getattr(source, "labels", None):
        given += _dict("labels", [f"{_quoted(one)}: {_quoted(labels[one])}" for one in labels])
    values = getattr(source, "values", None)
    if isinstance(values, Threshold):
        below, above = _quoted(values.below), _quoted(values.above)
        cut = f"seg_datasets.Threshold(at={values.at}, below={below}, above={above})"
        given.append(f"values={cut}")
    elif values is not None:
        table = declaration.classes.raw_table(values)
        raw = [str(v) if table.bands == 1 else _quoted(table.label(v)) for v in table.ids]
        names = [_quoted(declaration.classes.name_of(i)) for i in table.ids.values()]
        pairs = [f"{one}: {other}" for one, other in zip(raw, names, strict=True)]
        given += _dict("values", pairs)
    return given


def _literal(value: object) -> str:
    if isinstance(value, str):
        return _quoted(value)
    return _tuple(value) if isinstance(value, (tuple, list)) else repr(value)


def _dict(name: str, pairs: Sequence[str]) -> list[str]:
    """A dictionary as one argument, or in pieces that are packed like arguments."""
    short = sum(map(len, pairs)) < _WIDTH - 24
    if short or len(pairs) < 3:
        return [f"{name}={{" + ", ".join(pairs) + "}"]
    return [f"{name}={{{pairs[0]}", *pairs[1:-1], pairs[-1] + "}"]


def _rule(rule: SplitRule) -> tuple[str, list[str]]:
    group = [f"group={_raw_string(rule.group)}"] if isinstance(rule.group, str) else []
    if isinstance(rule, FromFolders):
        folders = [f"{split}={_quoted(folder)}" for split, folder in rule.folders.items()]
        return "seg_datasets.splits.FromFolders", [*folders, *group]
    if isinstance(rule, FromLists):
        lists = [f"{split}={_quoted(path)}" for split, path in rule.lists.items()]
        return "seg_datasets.splits.FromLists", [*lists, *group]
    if isinstance(rule, FromAnnotations):
        files = [f"{split}={_quoted(path)}" for split, path in rule.files.items()]
        return "seg_datasets.splits.FromAnnotations", [*files, *group]
    assert isinstance(rule, (Stratified, Grouped))
    shares = [f"{split}={float(share):g}" for split, share in rule.shares.items()]
    return f"seg_datasets.splits.{type(rule).__name__}", [*shares, *group]


def _readme(name: str, found: Inspection, questions: Sequence[Question]) -> str:
    assert found.guess is not None
    lines = [
        f"{_title(name)}: what it is, where it comes from, its licence. Replace this line.",
        "",
        "What was seen in the raw folder when this dataset folder was written:",
        "",
        *(f"* {line}" for line in found.guess.saw),
        "",
    ]
    if questions:
        lines += [
            "Questions that the raw folder does not answer (delete them once they are answered):",
            "",
        ]
        for number, question in enumerate(questions, 1):
            when = " **Before the first build.**" if question.blocking else ""
            lines.append(f"{number}. {question.text}{when}")
        lines.append("")
    kinds = Counter((f.code, f.name, f.severity.value) for f in found.examined.findings)
    if kinds:
        lines += ["What `python -m seg_datasets.check` found:", ""]
        for (code, kind, severity), n in sorted(kinds.items()):
            lines.append(f"* {code} {kind}: {n} {severity}{'s' * (n != 1)}")
        lines.append("")
    return "\n".join([*lines, verdict(found)]) + "\n"


def _test(name: str, module: str, counts: dict[str, int], *, tests_beside: bool) -> str:
    camel = "".join(part.capitalize() for part in name.split("_"))
    builder = f"{name}_dataset_builder"
    both = ", ".join(sorted((builder, f"draw_{name}")))
    own = f"from {module} import {both}"
    if len(own) > _WIDTH:
        own = f"from {module} import (\n    " + both.replace(", ", ",\n    ") + ",\n)"
    imports = f"{own}\nfrom seg_datasets import testing\n"
    if not tests_beside:
        imports = (
            f"import draw_{name}\nfrom seg_datasets import testing\n"
            f"from {module} import {builder}\n"
        )
    return (
        f'"""Test of the dataset `{name}` on drawn data."""\n'
        "\n"
        "import pathlib\n"
        "\n"
        f"{imports}"
        "\n"
        "\n"
        f"class {camel}Test(testing.SegmentationBuilderTestCase):\n"
        f"    DATASET_CLASS = {builder}.Builder\n"
        f"    SPLITS = {json.dumps(counts)}\n"
        "\n"
        "    @classmethod\n"
        "    def draw_example_data(cls, folder: pathlib.Path) -> None:\n"
        f"        draw_{name}.draw(folder)\n"
    )


def _call(before: str, what: str, given: Sequence[str]) -> list[str]:
    """A call, or a tuple where `what` is "", laid out as ruff does; many arguments are packed."""
    comma = "," if not what and len(given) == 1 else ""
    inner = ", ".join(given) + comma
    if len(line := f"{before}{what}({inner})") <= _WIDTH:
        return [line]
    first = f"{before}{what}("
    if not comma and len(inner) <= _WIDTH - 8:
        return [first, f"        {inner}", "    )"]
    if len(given) <= _ONE_EACH and all(len(one) < _WIDTH - 8 for one in given):
        return [first, *(f"        {one}," for one in given), "    )"]
    text = ", ".join(one.replace(" ", "\0") for one in given) + ","
    packed = textwrap.wrap(text, _WIDTH - 8, break_long_words=False, break_on_hyphens=False)
    packed = [line.replace("\0", " ") for line in packed]
    return [first, *(f"        {line}" for line in packed), "    )  # fmt: skip"]


def _comment(text: str) -> list[str]:
    short = textwrap.shorten(text, 270, placeholder=" … (README.md)")
    return [f"    # {line}" for line in textwrap.wrap(short, _WIDTH - 6)]


def _pattern(question: Question) -> list[str]:
    """The group that a flag would state, as the declaration writes it."""
    found = re.match(r"--group='(?P<pattern>[^']+)'", question.answer)
    return [f'    # If so: group={_raw_string(found["pattern"])}, or "auto".'] if found else []


def _first_sentence(text: str) -> str:
    ask = next((part for part in text.replace("? ", "?\n").split("\n") if part.endswith("?")), text)
    return textwrap.shorten(ask.rpartition(". ")[2].rpartition(": ")[2], 64, placeholder=" …")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _raw_string(text: str) -> str:
    if "\\" not in text:
        return _quoted(text)
    return f'r"{text}"' if '"' not in text and not text.endswith("\\") else repr(text)


def _tuple(values: Sequence[str]) -> str:
    return "(" + ", ".join(map(_quoted, values)) + "," * (len(values) == 1) + ")"


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()
