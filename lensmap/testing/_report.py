# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Results of `check_estimator`, and the error that lists the laws that an estimator breaks.

A law is one property that every class for the reconstruction of mass maps must have.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Broken", "ContractError", "ContractReport", "LawResult", "Skipped"]


@dataclass(frozen=True)
class LawResult:
    """The result of the test of one law, a property that estimator classes must have.

    Attributes
    ----------
    number : str
        The number of the law, such as ``"3b"``.
    name : str
        The law in a few words.
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
    """The results of `check_estimator` for one estimator class.

    Attributes
    ----------
    estimator : str
        The name of the estimator class.
    results : tuple of LawResult
        The result of each tested law, sorted by the number of the law.
    """

    estimator: str
    results: tuple[LawResult, ...]

    @property
    def broken(self) -> list[LawResult]:
        """The results of the tests in which the estimator class breaks a law."""
        return [result for result in self.results if result.status == "broken"]

    @property
    def skipped(self) -> list[LawResult]:
        """The results of the laws that were not tested, because they do not apply to the class."""
        return [result for result in self.results if result.status == "skipped"]

    def __str__(self) -> str:
        return "\n".join([f"The contract of {self.estimator}", *map(str, self.results)])


class ContractError(AssertionError):
    """The error of an estimator class that breaks laws of the contract of estimators.

    Parameters
    ----------
    report : ContractReport
        The results of the tests of all laws, whether broken or not.
    """

    def __init__(self, report: ContractReport) -> None:
        self.report = report
        lines = [f"{report.estimator} breaks {len(report.broken)} of {len(report.results)} laws:"]
        super().__init__("\n".join([*lines, *map(str, report.broken)]))

    def __reduce__(self) -> tuple:
        return type(self), (self.report,)


class Broken(Exception):
    """The error that a test raises if an estimator class breaks the tested law.

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
    """The error that a test raises if a law does not apply to a class.

    The message is the reason.
    """
