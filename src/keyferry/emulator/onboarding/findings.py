"""What a validation found: that it passed, or that it did not and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the answer. `remedy` is None for one that passed."""

    validation: str
    subject: str
    detail: str
    remedy: str | None = None

    @property
    def passed(self) -> bool:
        """Whether the validation passed."""
        return self.remedy is None

    def document(self) -> dict[str, Any]:
        """As an item of PassedValidations or FailedValidations."""
        remedy = {} if self.remedy is None else {"Remedy": self.remedy}
        return {"Validation": self.validation, "Subject": self.subject, "Detail": self.detail, **remedy}


def all_passed(findings: Sequence[Finding]) -> bool:
    """Whether there is none that failed."""
    return all(finding.passed for finding in findings)
