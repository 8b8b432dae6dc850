"""The list of checks itself: codes, names, documentation, and that each was seen at work."""

import pathlib
import re

from seg_datasets.core import checks


def test_codes_are_unique_and_every_check_was_seen_to_find_something() -> None:
    codes = [check.code for check in checks.CHECKS]
    assert len({*codes}) == len(codes) == len({check.name for check in checks.CHECKS})
    tests = pathlib.Path(__file__).parent.glob("test_checks*.py")
    source = "".join(path.read_text(encoding="utf-8") for path in sorted(tests))
    assert {*codes} <= {*re.findall(r'\("(SD\d+)"', source)}


def test_every_code_has_an_entry_in_the_documentation_and_every_entry_a_code() -> None:
    page = pathlib.Path(__file__).parents[2] / "docs" / "checks.md"
    text = page.read_text(encoding="utf-8")
    entries = re.findall(r"^### (SD\d+) ([a-z0-9-]+) · (error|warning)(, final)?$", text, re.M)
    assert entries == [
        (check.code, check.name, check.severity.value, ", final" if check.final else "")
        for check in checks.CHECKS
    ]
