# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The power spectrum of large-scale structure, which is noise for filaments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lensmap.cosmology import (
    SourceRedshifts,
    check_power,
    check_z_source,
    convergence_power,
    get_cosmology,
)
from lensmap.flatsky import interpolate_power
from lensmap.typing import CosmologyLike, RedshiftLike
from lensmap.utils import ParameterError, check_choice

__all__ = ["galaxy_redshifts", "structure_power"]


def structure_power(
    power: Any, z_source: Any, cosmology: CosmologyLike
) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return the power spectrum of the convergence as a function of the multipole.

    Parameters
    ----------
    power : {"halofit", "camb"}, callable, tuple or None
        What computes the matter power spectrum of the theory; or the power spectrum of the
        convergence in steradians, as a function of the multipole or as a table ``(ell, C_ell)``;
        or None for no structure.
    z_source : float, `lensmap.cosmology.SourceRedshifts` or None
        The redshift of the galaxies, for a theory.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology of a theory.

    Returns
    -------
    callable or None
        The power spectrum.

    Raises
    ------
    TypeError, ValueError
        If ``power`` is of another kind.
    """
    if power is None or callable(power):
        return power
    if isinstance(power, str):
        ell = np.geomspace(1.0, 1e6, 300)
        values = convergence_power(ell, z_source, get_cosmology(cosmology),
                                   power=check_power(power))
    else:
        try:
            ell, values = (np.asarray(part, dtype=float) for part in power)
        except (TypeError, ValueError):
            raise ParameterError(
                "power", "'halofit', 'camb', a function of ell, a pair of arrays (ell, C_ell) or "
                "None", repr(power),
            ) from None
        if ell.ndim != 1 or ell.shape != values.shape or not (
            np.all(np.diff(ell) > 0) and ell[0] > 0 and np.all(values > 0)
        ):
            raise ParameterError(
                "power", "a pair of arrays (ell, C_ell) of the same length, positive, with "
                "increasing ell",
            )
    return lambda multipoles: interpolate_power(multipoles, ell, values)


def galaxy_redshifts(z_source: Any, catalog: Any) -> RedshiftLike:
    """Return the redshift of the galaxies or their distribution.

    Parameters
    ----------
    z_source : float, str, `lensmap.cosmology.SourceRedshifts` or None
        The redshift, or the redshift distribution or its name. None takes the redshifts of the
        catalog.
    catalog : `lensmap.ShearCatalog`
        The galaxies.

    Returns
    -------
    float or `lensmap.cosmology.SourceRedshifts`
        The redshift or the distribution.

    Raises
    ------
    TypeError, ValueError
        If ``z_source`` is invalid, or None for a catalog without redshifts.
    """
    if isinstance(z_source, str):
        check_choice(z_source, "z_source", SourceRedshifts.available_presets())
        return SourceRedshifts.preset(z_source)
    if z_source is not None:
        return check_z_source(z_source)
    try:
        return catalog.source_redshifts()
    except ValueError:
        raise ParameterError(
            "z_source", "the redshift of the galaxies or their redshift distribution", "None",
            "the catalog has no redshifts, which the cluster and the large-scale structure need",
        ) from None
