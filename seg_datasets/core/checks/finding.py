"""Finding: one thing that is wrong, where, and what to do; and the refusal made of them."""

from __future__ import annotations

import dataclasses
import enum
from collections import defaultdict
from collections.abc import Sequence

from seg_datasets.core.printing import printable

_SHOWN = 5  # findings of one code in a message


class Severity(enum.Enum):
    """Errors stop a build before anything is written; warnings go into its metadata."""

    ERROR = "error"
    WARNING = "warning"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong, where, and what to do.

    Attributes:
      code: stands for the check, see docs/checks.md.
      where: the file, or what else it is about ("class 'road'").
      acceptable: whether it is an error that a dataset folder may accept, with a reason.
    """

    code: str
    name: str
    severity: Severity
    where: str
    message: str
    fix: str
    acceptable: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class RefusedError(Exception):
    """The raw data is refused; nothing was written.

    Attributes:
      findings: all that was found, warnings included.
    """

    def __init__(self, findings: Sequence[Finding], raw: object):
        self.findings = tuple(findings)
        self.raw = raw
        errors = [f for f in findings if f.severity is Severity.ERROR]
        kinds = {f.code for f in errors}
        message = (
            f"{raw} is refused: {len(errors)} error{'s' * (len(errors) != 1)} of {len(kinds)} "
            f"kind{'s' * (len(kinds) != 1)}. Nothing was written.\n{describe(errors)}\n\n"
            "Each code is explained in docs/checks.md."
        )
        if acceptable := sorted({f.code for f in errors if f.acceptable}):
            message += (
                f" What is known and meant can be let through ({', '.join(acceptable)} here) with "
                f'a reason that the version then carries: ACCEPT = {{"{acceptable[0]}": "why"}} '
                "in the dataset folder."
            )
        super().__init__(message)

    def __reduce__(self) -> tuple[type[RefusedError], tuple[Sequence[Finding], object]]:
        return type(self), (self.findings, self.raw)  # an exception is pickled by its message else


def describe(findings: Sequence[Finding], *, most: int = _SHOWN) -> str:
    """Findings grouped by code, with a few examples of each."""
    by_code: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_code[finding.code].append(finding)
    lines = []
    for code, group in by_code.items():
        lines.append(
            f"\n{code} {group[0].name}: {len(group)} {group[0].severity.value}"
            + "s" * (len(group) != 1)
        )
        lines += [f"  {printable(str(finding))}" for finding in group[:most]]
        if len(group) > most:
            lines.append(f"  … and {len(group) - most} more")
        lines += [f"  → {fix}" for fix in dict.fromkeys(f.fix for f in group[:most])]
    return "\n".join(lines)
