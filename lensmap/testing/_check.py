# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`check_estimator`: all laws of the contract for one class of estimators."""

import warnings
from collections.abc import Collection
from typing import Any

from lensmap.estimators import Estimator, estimator_class
from lensmap.testing import _data_laws, _lens_laws, _symmetry_laws  # noqa: F401 (the laws)
from lensmap.testing._case import LAWS, Case, Law
from lensmap.testing._report import Broken, ContractError, ContractReport, LawResult, Skipped
from lensmap.utils import ParameterError, ParameterTypeError

__all__ = ["check_estimator"]


def check_estimator(
    cls: type[Estimator] | str,
    *,
    laws: Collection[str] | None = None,
    seed: int = 1,
    **parameters: Any,
) -> ContractReport:
    """Check that a class of estimators obeys the contract of estimators.

    The laws, listed on the page on lensmap's architecture, are about symmetries, declared
    linearity, E- and B-modes, masks, files, lenses all over the sky, and uncertainties. The suite
    simulates its own lenses and galaxies. It takes a few seconds.

    Parameters
    ----------
    cls : type or str
        The class, or its name as for `lensmap.estimators.make_estimator`.
    laws : collection of str or None
        The numbers of the laws to check, such as ``["6", "10"]``; None checks all.
    seed : int
        The seed of the random galaxies.
    **parameters
        Parameters of the class for all laws, which replace ``contract.settings``.

    Returns
    -------
    ContractReport
        The results. Laws that do not apply are listed as skipped with the reason; ``print`` shows
        all.

    Raises
    ------
    ContractError
        If laws are broken; an AssertionError that lists each with its measured and allowed values.
    TypeError, ValueError
        If ``cls`` is not a class of estimators on the plane, or a law does not exist.

    Examples
    --------
    >>> from lensmap import KaiserSquires
    >>> from lensmap.testing import check_estimator
    >>> report = check_estimator(KaiserSquires, laws=["1a", "3a"])
    >>> [result.status for result in report.results]
    ['holds', 'holds']
    """
    cls = estimator_class(cls)
    if not (isinstance(cls, type) and issubclass(cls, Estimator)):
        raise ParameterTypeError("cls", "a subclass of lensmap.Estimator", repr(cls))
    if cls.geometry != "plane":
        raise ParameterTypeError(
            "cls", "a class of estimators on the plane", f"on the {cls.geometry}"
        )
    case = Case(cls, parameters, seed)
    report = ContractReport(
        cls.__name__, tuple(_result(law, case) for law in _chosen(laws))
    )
    if report.broken:
        raise ContractError(report)
    return report


def _chosen(numbers: Collection[str] | None) -> list[Law]:
    """Return the laws with the given numbers, in order."""
    laws = {law.number: law for law in sorted(LAWS, key=_place)}
    unknown = set(numbers or ()) - laws.keys()
    if unknown:
        raise ParameterError("laws", f"some of {', '.join(laws)}", repr(min(unknown)))
    return [law for number, law in laws.items() if numbers is None or number in numbers]


def _place(law: Law) -> tuple[int, str]:
    return int(law.number.rstrip("abc")), law.number


def _result(law: Law, case: Case) -> LawResult:
    """Return the result of one law."""
    case.closest = (-1.0, "", "")
    try:
        with warnings.catch_warnings():
            # Methods may warn of the galaxies of the suite, which may be outside their domain.
            warnings.simplefilter("ignore")
            law.function(case)
    except Broken as broken:
        return LawResult(law.number, law.name, "broken", broken.measured, broken.allowed)
    except Skipped as skipped:
        return LawResult(law.number, law.name, "skipped", reason=str(skipped))
    except Exception as error:  # the class under test may raise any error
        return LawResult(
            law.number, law.name, "broken", f"{type(error).__name__}: {error}", "no error"
        )
    _, measured, allowed = case.closest
    return LawResult(law.number, law.name, "holds", measured, allowed)
