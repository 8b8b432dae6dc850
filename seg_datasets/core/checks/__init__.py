"""Checks: facts → Findings, each with a code that never changes its meaning.

All checks run, all findings are collected, and only then the build stops: a user with forty broken
files sees forty rows. `docs/checks.md` has an entry for each code.
"""

from __future__ import annotations

from collections.abc import Mapping

from seg_datasets.core.checks import (
    annotation,
    content,
    files,
    geometry,
    leakage,
    misread,
    values,
)
from seg_datasets.core.checks.finding import Finding, RefusedError, Severity, describe
from seg_datasets.core.checks.limits import Limits
from seg_datasets.core.checks.subject import Check, Subject
from seg_datasets.core.classes import DeclarationError, few

__all__ = [
    "CHECKS",
    "Check",
    "Finding",
    "Limits",
    "RefusedError",
    "Severity",
    "Subject",
    "describe",
    "run",
]

CHECKS: tuple[Check, ...] = (
    *files.CHECKS,
    *geometry.CHECKS,
    *values.CHECKS,
    *misread.CHECKS,
    *content.CHECKS,
    *leakage.CHECKS,
    *annotation.CHECKS,
)


def run(subject: Subject, *, accept: Mapping[str, str] | None = None) -> list[Finding]:
    """All findings, errors first, then by code and place.

    Args:
      subject: what to look at.
      accept: code → reason; errors of these codes come out as warnings that carry the reason.

    Raises:
      DeclarationError: `accept` names a code that is none, or one that cannot be accepted.
    """
    accept = accept or {}
    if unknown := sorted(accept.keys() - {check.code for check in CHECKS}):
        raise DeclarationError(f"ACCEPT names {few(unknown)}, which no check has")
    if final := sorted(check.code for check in CHECKS if check.final and check.code in accept):
        raise DeclarationError(
            f"ACCEPT names {few(final)}, which cannot be accepted: there would be no record of "
            "such a sample, or a wrong one. Mend the raw data or the declaration"
        )
    findings = []
    for check in CHECKS:
        for where, message, fix in check.rows(subject):
            severity = check.severity
            acceptable = severity is Severity.ERROR and not check.final
            if check.code in accept and severity is Severity.ERROR:
                severity, message = Severity.WARNING, f"{message} (accepted: {accept[check.code]})"
            findings.append(
                Finding(check.code, check.name, severity, where, message, fix, acceptable)
            )
    order = {Severity.ERROR: 0, Severity.WARNING: 1}
    return sorted(findings, key=lambda f: (order[f.severity], f.code, f.where))
