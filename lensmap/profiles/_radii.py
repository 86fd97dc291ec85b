# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Checks of radial bins and lens redshifts, and conversion of radii to angles."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np
from astropy import units as u

from lensmap.cosmology import get_cosmology
from lensmap.utils import ParameterError, ParameterTypeError, check_plausible

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from numpy.typing import ArrayLike

    from lensmap.typing import CosmologyLike

__all__ = ["as_angles", "check_edges", "check_lens_redshifts", "check_pair", "describe_positions"]

_MAX_ANGLE_DEG = 60


def describe_positions(positions: SkyCoord) -> str:
    """Return text for error messages: the first of the positions and the number of others."""
    first = positions.icrs if positions.isscalar else positions.icrs[0]
    more = "" if positions.isscalar or len(positions) == 1 else f" and {len(positions) - 1} more"
    return f"ra {first.ra.deg:.4f}, dec {first.dec.deg:+.4f} (deg){more}"


def check_edges(bins: u.Quantity, name: str = "bins") -> u.Quantity:
    """Check the edges of radial bins.

    Parameters
    ----------
    bins : `~astropy.units.Quantity`
        The edges, angles or lengths in increasing order, ``(n_bins + 1,)``.
    name : str
        The name of the parameter, for the error message.

    Returns
    -------
    `~astropy.units.Quantity`
        The input ``bins``.

    Raises
    ------
    TypeError
        If ``bins`` has no unit of angle or length.
    ValueError
        If there are fewer than two edges, the edges do not increase, or an edge is negative or not
        finite.
    """
    if not isinstance(bins, u.Quantity) or not (
        bins.unit.is_equivalent(u.rad) or bins.unit.is_equivalent(u.Mpc)
    ):
        raise ParameterTypeError(name, "angles or lengths with a unit", repr(bins))
    values = bins.value
    if bins.ndim != 1 or len(bins) < 2 or not (
        np.all(np.isfinite(values)) and values[0] >= 0 and np.all(np.diff(values) > 0)
    ):
        raise ParameterError(
            name, "at least two radii, non-negative and strictly increasing", str(bins)
        )
    return bins


def check_pair(radii: u.Quantity, name: str = "radii") -> u.Quantity:
    """Check an inner and an outer radius, angles or lengths, and return them unchanged.

    The radii must be non-negative, finite and increasing. ``name`` is the name of the parameter,
    for the error message.
    """
    radii = check_edges(radii, name)
    if len(radii) != 2:
        raise ParameterError(name, "two radii, the inner and the outer", str(radii))
    return radii


@overload
def check_lens_redshifts(z_lens: None, n: int) -> None: ...
@overload
def check_lens_redshifts(z_lens: ArrayLike, n: int) -> np.ndarray: ...
@overload
def check_lens_redshifts(z_lens: ArrayLike | None, n: int) -> np.ndarray | None: ...


def check_lens_redshifts(z_lens: ArrayLike | None, n: int) -> np.ndarray | None:
    """Check lens redshifts, and return one for each lens.

    Parameters
    ----------
    z_lens : float, array_like or None
        One redshift for all lenses, or one for each.
    n : int
        The number of lenses.

    Returns
    -------
    `numpy.ndarray` or None
        The redshifts, ``(n,)``; None if ``z_lens`` is None.

    Raises
    ------
    TypeError
        If ``z_lens`` is not numeric.
    ValueError
        If the number of redshifts is neither 1 nor n, or a redshift is not positive and finite.
    """
    if z_lens is None:
        return None
    try:
        z = np.asarray(z_lens, dtype=float)
    except (TypeError, ValueError):
        raise ParameterTypeError(
            "z_lens", "one redshift for all positions, or one for each position", repr(z_lens)
        ) from None
    if z.shape not in ((), (n,)):
        raise ParameterError(
            "z_lens", f"one redshift, or one for each position ({n})",
            f"an array of the shape {z.shape}",
        )
    if not (np.all(np.isfinite(z)) and np.all(z > 0)):
        raise ParameterError("z_lens", "positive and finite", str(z_lens))
    check_plausible(z, "z_lens", "a lens redshift")
    return np.broadcast_to(z, (n,))


def as_angles(
    bins: u.Quantity,
    z_lens: np.ndarray | None,
    n: int,
    cosmology: CosmologyLike = None,
    name: str = "bins",
) -> np.ndarray:
    """Convert radii to angles at each lens.

    Parameters
    ----------
    bins : `~astropy.units.Quantity`
        Angles or proper lengths, ``(m,)``.
    z_lens : `numpy.ndarray` or None
        Redshifts of the lenses, ``(n,)``; required if ``bins`` are lengths.
    n : int
        The number of lenses.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology, or its name as for `lensmap.cosmology.get_cosmology`. None is the default
        cosmology of lensmap.
    name : str
        The name of the parameter, for the error message.

    Returns
    -------
    `numpy.ndarray`
        The angles, radians, ``(n, m)``.

    Raises
    ------
    ValueError
        If lengths are given without redshifts, or an angle exceeds 60 degrees.
    """
    if bins.unit.is_equivalent(u.rad):
        angles = np.broadcast_to(bins.to_value(u.rad), (n, len(bins)))
    elif z_lens is None:
        raise ParameterError(
            "z_lens", f"given if {{{name}}} has a unit of length ({bins.unit})", "None",
            "give the redshift of the lens, or angles",
        )
    else:
        flrw = get_cosmology(cosmology, structure=False)
        unique_z, index = np.unique(z_lens, return_inverse=True)
        distance = np.array(
            [flrw.angular_diameter_distance(z).to_value(u.Mpc) for z in unique_z]
        )[index]
        angles = bins.to_value(u.Mpc) / distance[:, np.newaxis]
    if angles.size and angles.max() > np.radians(_MAX_ANGLE_DEG):
        raise ParameterError(
            name,
            f"at most {_MAX_ANGLE_DEG} degrees on the sky",
            f"{np.degrees(angles.max()):.0f} degrees",
        )
    return angles
