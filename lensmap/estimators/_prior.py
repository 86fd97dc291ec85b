# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The parameters of Wiener filters that define the power spectrum of the prior."""

from typing import Any

import numpy as np

from lensmap.estimators._options import distribution_named
from lensmap.maps import ConvergenceMap

__all__ = ["check_prior_power", "check_theory", "describe_prior_power"]


def check_prior_power(power: Any) -> Any:
    """Check the parameter ``power`` of a Wiener filter, and return it.

    A pair of arrays ``(ell, C_ell)`` is returned as a pair of tuples, because the ``repr`` of a
    long array does not contain all numbers, which the ``repr`` of the estimator must contain.

    Parameters
    ----------
    power : object
        The name of a program, a function of the multipole, or a pair of arrays.

    Returns
    -------
    object
        The parameter.

    Raises
    ------
    TypeError, ValueError
        If ``power`` is of another kind, or if the arrays are not a spectrum.
    """
    if callable(power):
        return power
    if isinstance(power, str):
        from lensmap.cosmology import check_power

        return check_power(power)
    allowed = (
        "power must be 'halofit', 'camb', a function of ell, or a pair of arrays (ell, C_ell)"
    )
    if isinstance(power, (bytes, ConvergenceMap)) or not hasattr(power, "__len__"):
        raise TypeError(f"{allowed}, not {type(power).__name__}")
    try:
        ell, values = (np.asarray(part, dtype=float) for part in tuple(power)[:2])
    except (TypeError, ValueError):
        raise TypeError(f"{allowed}, not {power!r}") from None
    if ell.ndim != 1 or ell.shape != values.shape or len(ell) < 2:
        raise ValueError(
            "power must be a pair of arrays (ell, C_ell) of the same length, at least 2, but their "
            f"shapes are {ell.shape} and {values.shape}"
        )
    if not (np.all(np.isfinite(ell)) and ell[0] > 0 and np.all(np.diff(ell) > 0)):
        raise ValueError(
            "ell, the first array of power, must be positive, finite and strictly increasing: "
            "sort both arrays by ell, and leave out ell = 0 and repeated values"
        )
    if not (np.all(np.isfinite(values)) and values.min() > 0):
        raise ValueError(
            "C_ell, the second array of power, must be positive and finite, but its values range "
            f"from {values.min():g} to {values.max():g}"
        )
    return tuple(ell.tolist()), tuple(values.tolist())


def check_theory(z_source: Any, cosmology: Any) -> tuple[Any, Any]:
    """Check the source redshift and the cosmology of the theoretical power spectrum.

    Parameters
    ----------
    z_source : float, str, `lensmap.cosmology.SourceRedshifts` or None
        The source redshift, or the redshift distribution or its name.
    cosmology : object
        The cosmology or its name. None is the default cosmology.

    Returns
    -------
    z_source, cosmology : object
        The parameters. The name of a redshift distribution, as in ``"wiener(z_source=lsst_y10)"``,
        is replaced by the `lensmap.cosmology.SourceRedshifts`.

    Raises
    ------
    TypeError, ValueError
        If one of them is not allowed.
    """
    from lensmap.cosmology import check_z_source, get_cosmology

    if isinstance(z_source, str):
        z_source = distribution_named(z_source, "z_source")
    elif z_source is not None:
        check_z_source(z_source)
    get_cosmology(cosmology)
    return z_source, cosmology


def describe_prior_power(parameters: dict[str, object], power: Any) -> dict[str, object]:
    """Replace a tabulated power spectrum in the described parameters of an estimator.

    Parameters
    ----------
    parameters : dict
        The result of `Estimator.describe_params`.
    power : object
        The parameter ``power``, as `check_prior_power` returns it.

    Returns
    -------
    dict
        The parameters. A table is described by the number of its multipoles, the lowest and the
        highest.
    """
    if not isinstance(power, tuple):
        return parameters
    ell = power[0]
    text = f"a table of {len(ell)} multipoles from {ell[0]:.6g} to {ell[-1]:.6g}"
    return {**parameters, "power": text}
