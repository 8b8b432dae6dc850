"""The reasons that a page gives are those of the documents."""

from seg_datasets.core import checks
from seg_datasets.core.report import reasons


def test_reasons_are_those_of_the_documents() -> None:
    assert reasons.why("SD001").startswith("A typo in a name drops the pair")
    assert reasons.why("SD000") == ""
    assert reasons.parse("### SD777 no-reason · error\nText.\n\n### SD778 x · error\n") == {}


def test_no_reason_leans_on_the_entry_above_it() -> None:
    document = (
        "### SD001 a · error\nText. **Why:** it is lost. **Mend:** it.\n\n"
        "### SD002 b · error\nText. **Why:** as above; or it never came. **Mend:** as above.\n"
    )
    assert reasons.parse(document)["SD002"] == "It is lost; or it never came."
    assert not [c for c in checks.CHECKS if reasons.why(c.code).lower().startswith("as above")]
