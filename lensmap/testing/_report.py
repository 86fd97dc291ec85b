# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Results of the contract suite, and the error that lists broken laws."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Broken", "ContractError", "ContractReport", "LawResult", "Skipped"]


@dataclass(frozen=True)
class LawResult:
    """The result of one law.

    Attributes
    ----------
    number : str
        The number of the law, such as ``"3b"``.
    name : str
        The name of the law.
    status : {"holds", "broken", "skipped"}
        Whether the law holds or is broken. ``"skipped"`` if the law does not apply to the class.
    measured : str
        The measured value that breaks the law. If the law holds, the measured value that is closest
        to its limit.
    allowed : str
        The allowed value.
    reason : str
        The reason why the law was skipped.
    """

    number: str
    name: str
    status: Literal["holds", "broken", "skipped"]
    measured: str = ""
    allowed: str = ""
    reason: str = ""

    def __str__(self) -> str:
        text = f"{self.number:>3s} {self.name}: {self.status}"
        if self.status == "skipped":
            return f"{text} ({self.reason})"
        return f"{text} ({self.measured}; allowed: {self.allowed})" if self.measured else text


@dataclass(frozen=True)
class ContractReport:
    """The results of the contract suite for one estimator class.

    Attributes
    ----------
    estimator : str
        The name of the estimator class.
    results : tuple of LawResult
        The result of each law, in order.
    """

    estimator: str
    results: tuple[LawResult, ...]

    @property
    def broken(self) -> list[LawResult]:
        """The results of the broken laws."""
        return [result for result in self.results if result.status == "broken"]

    @property
    def skipped(self) -> list[LawResult]:
        """The results of the laws that do not apply."""
        return [result for result in self.results if result.status == "skipped"]

    def __str__(self) -> str:
        return "\n".join([f"The contract of {self.estimator}", *map(str, self.results)])


class ContractError(AssertionError):
    """An estimator class breaks laws of the contract.

    Parameters
    ----------
    report : ContractReport
        The results of all laws.
    """

    def __init__(self, report: ContractReport) -> None:
        self.report = report
        lines = [f"{report.estimator} breaks {len(report.broken)} of {len(report.results)} laws:"]
        super().__init__("\n".join([*lines, *map(str, report.broken)]))

    def __reduce__(self) -> tuple:
        return type(self), (self.report,)


class Broken(Exception):
    """A law is broken by a measured value.

    Parameters
    ----------
    measured : str
        The measured value.
    allowed : str
        The allowed value.
    """

    def __init__(self, measured: str, allowed: str) -> None:
        self.measured, self.allowed = measured, allowed
        super().__init__(measured, allowed)


class Skipped(Exception):
    """A law does not apply to a class, for the reason in the message."""
