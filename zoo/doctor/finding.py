"""What the doctor finds, and the rule by which it says a thing once."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that goes wrong.

    Args:
        symptom: What it is called, such as "samples have collapsed".
        step: Training step at which it was seen.
        message: What was seen, with its numbers.
        suggestion: What to do about it.
    """

    symptom: str
    step: int
    message: str
    suggestion: str


class Journal:
    """Keeps findings, and says each once until its symptom has gone and come back.

    Args:
        on_finding: Called with every new finding.
    """

    def __init__(self, on_finding: Callable[[Finding], None]):
        self.findings: list[Finding] = []
        self._on_finding = on_finding
        self._present: set[tuple[str, str]] = set()

    def note(self, where: str, finding: Finding) -> None:
        """Take down that a symptom is present in `where`, such as a term."""
        key = (finding.symptom, where)
        if key not in self._present:
            self._present.add(key)
            self.findings.append(finding)
            self._on_finding(finding)

    def gone(self, symptom: str, where: str) -> None:
        """Take down that a symptom is absent from `where`."""
        self._present.discard((symptom, where))


def line_of(finding: Finding) -> str:
    """Return a finding as one line of text."""
    return (
        f"doctor: step {finding.step}: {finding.symptom}: {finding.message}. {finding.suggestion}"
    )
