# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Edges of radial bins: angles on the sky, or lengths at a lens."""

import numpy as np
from astropy import units as u

from lensmap.cosmology import get_cosmology

__all__ = ["as_angles", "brief", "check_edges", "check_lens_redshifts", "check_pair"]

_LARGEST = np.radians(60)


def brief(positions):
    """Return the first position as a few words, for error messages."""
    first = positions.icrs if positions.isscalar else positions.icrs[0]
    more = "" if positions.isscalar or len(positions) == 1 else f" and {len(positions) - 1} more"
    return f"ra {first.ra.deg:.4f}, dec {first.dec.deg:+.4f}{more}"


def check_edges(bins, name="bins"):
    """Return the edges of bins as a Quantity.

    Parameters
    ----------
    bins : `~astropy.units.Quantity`
        Rising angles or lengths, at least two.
    name : str
        The parameter's name for the error message.

    Returns
    -------
    `~astropy.units.Quantity`
        The same, ``(n + 1,)``.

    Raises
    ------
    TypeError
        If they have no such unit.
    ValueError
        If they do not rise, or are negative or not finite.
    """
    if not isinstance(bins, u.Quantity) or not (
        bins.unit.is_equivalent(u.rad) or bins.unit.is_equivalent(u.Mpc)
    ):
        raise TypeError(f"{name} must be angles or lengths with a unit, not {bins!r}")
    values = bins.value
    if bins.ndim != 1 or len(bins) < 2 or not (
        np.all(np.isfinite(values)) and values[0] >= 0 and np.all(np.diff(values) > 0)
    ):
        raise ValueError(f"{name} must be at least two rising edges, not negative, not {bins}")
    return bins


def check_pair(radii, name="radii"):
    """Return an inner and an outer radius, as `check_edges` does."""
    radii = check_edges(radii, name)
    if len(radii) != 2:
        raise ValueError(f"{name} must be the inner and the outer one, not {radii}")
    return radii


def check_lens_redshifts(z_lens, n):
    """Return the redshift of each lens.

    Parameters
    ----------
    z_lens : float, array_like or None
        One for all, one for each, or none.
    n : int
        How many lenses there are.

    Returns
    -------
    `numpy.ndarray` or None
        ``(n,)``.

    Raises
    ------
    ValueError
        If they are not positive and finite, or not as many.
    """
    if z_lens is None:
        return None
    try:
        z = np.asarray(z_lens, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"z_lens must be a redshift or one for each position, not {z_lens!r}"
                        ) from None
    if z.shape not in ((), (n,)):
        raise ValueError(f"z_lens must be one redshift or {n}, not of the shape {z.shape}")
    if not (np.all(np.isfinite(z)) and np.all(z > 0)):
        raise ValueError(f"z_lens must be positive and finite, not {z_lens}")
    return np.broadcast_to(z, (n,))


def as_angles(bins, z_lens, n, cosmology=None, name="bins"):
    """Return the edges as angles for each lens.

    Parameters
    ----------
    bins : `~astropy.units.Quantity`
        Edges, ``(n_bins + 1,)``: angles or proper lengths.
    z_lens : `numpy.ndarray` or None
        ``(n,)``.
    n : int
        How many lenses there are.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.
    name : str
        The parameter's name for the error message.

    Returns
    -------
    `numpy.ndarray`
        Radians, ``(n, n_bins + 1)``.

    Raises
    ------
    ValueError
        If lengths are given without redshifts, or the largest angle is beyond 60 degrees.
    """
    if bins.unit.is_equivalent(u.rad):
        angles = np.broadcast_to(bins.to_value(u.rad), (n, len(bins)))
    elif z_lens is None:
        raise ValueError(f"{name} in {bins.unit} are lengths: they need z_lens, which is None")
    else:
        cosmology = get_cosmology(cosmology, structure=False)
        different, which = np.unique(z_lens, return_inverse=True)
        distance = np.array(
            [cosmology.angular_diameter_distance(z).to_value(u.Mpc) for z in different]
        )[which]
        angles = bins.to_value(u.Mpc) / distance[:, np.newaxis]
    if angles.size and angles.max() > _LARGEST:
        raise ValueError(
            f"{name} must not reach beyond 60 degrees on the sky: {np.degrees(angles.max()):.0f}"
        )
    return angles
