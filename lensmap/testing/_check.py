# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The function `check_estimator`, which tests the properties that estimator classes must have."""

import warnings
from collections.abc import Collection
from typing import Any

from lensmap.estimators import Estimator, estimator_class
from lensmap.testing import _data_laws, _lens_laws, _symmetry_laws  # noqa: F401 (the laws)
from lensmap.testing import _sphere_laws, _sphere_lens_laws  # noqa: F401 (the laws)
from lensmap.testing._case import Case, Law, laws_of
from lensmap.testing._report import Broken, ContractError, ContractReport, LawResult, Skipped
from lensmap.testing._sphere_case import SphereCase
from lensmap.utils import ParameterError, ParameterTypeError

__all__ = ["check_estimator"]


def check_estimator(
    cls: type[Estimator] | str,
    *,
    laws: Collection[str] | None = None,
    seed: int = 1,
    **parameters: Any,
) -> ContractReport:
    """Check that an estimator class obeys the contract of estimators.

    The contract consists of laws: properties that every estimator of mass maps must have. The page
    on lensmap's architecture lists them. The laws are about symmetries, declared
    linearity, E- and B-modes, masks, files, lenses all over the sky, and uncertainties. The suite
    simulates its own lenses and galaxies, and takes a few seconds. Classes with the geometry
    ``"sphere"`` are tested on HEALPix pixels.

    Parameters
    ----------
    cls : type or str
        The class, or its name as for `lensmap.estimators.make_estimator`.
    laws : collection of str or None
        The numbers of the laws to check, such as ``["6", "10"]``. None checks all laws.
    seed : int
        The seed of the random galaxies.
    **parameters
        Parameters of the class for all laws, which take precedence over ``contract.settings``.

    Returns
    -------
    ContractReport
        The results of all laws, which ``print`` shows. Laws that do not apply are listed as
        skipped, with the reason.

    Raises
    ------
    ContractError
        If a law is broken. The error is an AssertionError that lists the broken laws with their
        measured and allowed values.
    TypeError, ValueError
        If ``cls`` is not an estimator class, or if a law does not exist for its geometry.

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
    if cls.geometry not in ("plane", "sphere"):
        raise ParameterTypeError(
            "cls", "a class of estimators on the plane or the sphere", f"on the {cls.geometry}"
        )
    case = (SphereCase if cls.geometry == "sphere" else Case)(cls, parameters, seed)
    report = ContractReport(
        cls.__name__, tuple(_result(law, case) for law in _chosen(laws, cls.geometry))
    )
    if report.broken:
        raise ContractError(report)
    return report


def _chosen(numbers: Collection[str] | None, geometry: str) -> list[Law]:
    """Return the laws (properties to test) with numbers such as ``"3b"``; all laws for None."""
    laws = {law.number: law for law in laws_of(geometry)}
    unknown = set(numbers or ()) - laws.keys()
    if unknown:
        raise ParameterError(
            "laws", f"only numbers of laws for the {geometry}, {', '.join(laws)}",
            repr(min(unknown)), verb="contain",
        )
    return [law for number, law in laws.items() if numbers is None or number in numbers]


def _result(law: Law, case: Case) -> LawResult:
    """Test one law, a property of the estimator class in ``case``, and return the result.

    Any error that the class raises breaks the law.
    """
    case.closest = (-1.0, "", "")
    try:
        with warnings.catch_warnings():
            # The simulated galaxies may be outside the domain of a method, which then warns.
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
