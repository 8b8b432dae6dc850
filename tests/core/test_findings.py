"""What is said of findings: all of them at once, and which may be accepted."""

import pathlib

import pytest

import defects
import kit
from kit import Raw
from seg_datasets.core import checks
from seg_datasets.core.checks import Finding, Severity, describe
from seg_datasets.core.classes import DeclarationError


@pytest.fixture
def raw(tmp_path: pathlib.Path) -> Raw:
    return kit.draw(tmp_path / "raw")


def test_accepted_error_is_a_warning_with_its_reason(raw: Raw) -> None:
    where = defects.image_without_mask(raw, "a_1")
    (found,) = kit.findings(raw.root, accept={"SD001": "known, ticket 12"})
    assert (found.code, found.where) == ("SD001", where)
    assert found.severity is checks.Severity.WARNING
    assert "ticket 12" in found.message


@pytest.mark.parametrize("code", [check.code for check in checks.CHECKS if check.final])
def test_what_would_make_a_wrong_record_cannot_be_accepted(raw: Raw, code: str) -> None:
    with pytest.raises(DeclarationError, match=code):
        kit.findings(raw.root, accept={code: "please"})


def test_code_that_is_none_cannot_be_accepted(raw: Raw) -> None:
    with pytest.raises(DeclarationError, match="SD999"):
        kit.findings(raw.root, accept={"SD999": "?"})


def test_refusal_offers_acceptance_only_where_there_is_any(raw: Raw) -> None:
    defects.unknown_value(raw, "a_0")
    assert "ACCEPT" not in str(checks.RefusedError(kit.findings(raw.root), raw.root))
    defects.image_without_mask(raw, "a_1")
    refused = str(checks.RefusedError(kit.findings(raw.root), raw.root))
    assert 'ACCEPT = {"SD001": "why"}' in refused
    assert "2 errors of 2 kinds" in refused


def test_forty_findings_are_counted_and_five_are_shown(raw: Raw) -> None:
    for index in range(40):
        defects.text_named_png(raw, f"a_{index}")
    refused = str(checks.RefusedError(kit.findings(raw.root), raw.root))
    assert "SD004 unreadable-file: 40 errors" in refused
    assert "… and 35 more" in refused
    assert refused.count("is not an image this project reads") == 5


def test_names_of_files_do_not_steer_the_terminal() -> None:
    nasty = Finding("SD006", "x", Severity.WARNING, "a\x1b[2J\nSD000 b.png", "is odd", "mend it")
    assert "a\\x1b[2J\\nSD000 b.png: is odd" in describe([nasty])
