# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Bins, weights and bin errors shared by the power spectra of maps and of shear."""

from typing import NamedTuple

import numpy as np
from astropy import units as u
from astropy.table import QTable
from astropy.wcs import WCS
from numpy.typing import ArrayLike

from lensmap.flatsky import ModeCoupling, spaced_edges, tapered
from lensmap.maps import check_pixels, pixel_sides
from lensmap.utils import ParameterError, check_count, check_number, check_rising

__all__ = ["Component", "check_coupling", "edge_weights", "multipole_edges", "pair_scatter",
           "spectrum_table", "square_sides"]

# The first edge of the default bins in units of the fundamental multipole of the shorter side, and
# the last one in units of the Nyquist multipole. Below, the few modes of a field mix; above,
# aliased power adds several percent.
_FIRST_EDGE = 2.0
_LAST_EDGE = 0.5

# Bins of a matrix with a larger condition number are narrower than what the field resolves.
_MAX_CONDITION = 1e4


def square_sides(wcs: WCS, shape: tuple[int, int], name: str) -> tuple[float, float]:
    """Return the height and the width of a pixel in radians, after a check that it is square.

    ``name`` is the parameter of the error message.
    """
    check_pixels(wcs, shape, name)
    height, width = pixel_sides(wcs, shape).to_value(u.rad)
    return float(height), float(width)


def multipole_edges(
    edges: ArrayLike | None, n_bins: int, shape: tuple[int, int], sides: tuple[float, float]
) -> np.ndarray:
    """Return the edges of the multipole bins, ``(n + 1,)``, by default logarithmically spaced.

    ``shape`` is the shape of the map, and ``sides`` are the height and the width of a pixel in
    radians.
    """
    nyquist = np.pi / max(sides)
    if edges is not None:
        result = check_rising(edges, "edges")
        if not (result[0] >= 0 and result[-1] <= nyquist * (1 + 1e-9)):
            raise ParameterError(
                "edges",
                f"multipoles from 0 to {nyquist:.6g}, the Nyquist multipole of the pixels",
                f"from {result[0]:.6g} to {result[-1]:.6g}",
            )
        return result
    check_count(n_bins, "n_bins", minimum=1)
    fundamental = 2 * np.pi / min(n * side for n, side in zip(shape, sides, strict=True))
    low, high = _FIRST_EDGE * fundamental, _LAST_EDGE * nyquist
    if high < low + fundamental:
        raise ParameterError(
            "edges", f"given for a map of {shape[0]} x {shape[1]} pixels",
            remedy="the default bins need at least 12 pixels along each side",
        )
    return spaced_edges(low, high, n_bins, fundamental)


def edge_weights(
    shape: tuple[int, int], taper: float, weights: ArrayLike | None = None
) -> np.ndarray:
    """Return the weights of pixels: a cosine taper at the edges, times weights if there are any."""
    check_number(taper, "taper", "a number from 0 to 0.5", low=0, high=0.5)
    result = np.outer(*(tapered(n, taper) for n in shape))
    if weights is None:
        return result
    values = np.asarray(weights, dtype=float)
    if values.shape != shape:
        raise ParameterError(
            "weights", f"the shape of the map, {shape} (ny, nx)", str(values.shape), verb="have"
        )
    if not (np.all(np.isfinite(values)) and values.min() >= 0):
        raise ParameterError("weights", "finite and not negative")
    return result * values


def check_coupling(coupling: ModeCoupling, solved: bool = True) -> None:
    """Raise an error if the bins are too narrow for the field.

    Without ``solved``, the equations of the coupling are not solved, and bins only need modes.
    """
    if np.all(coupling.n_modes > 0) and not (
        solved and max(map(np.linalg.cond, coupling.matrices)) > _MAX_CONDITION
    ):
        return
    ny, nx = coupling.weight.shape
    width = max(2 * np.pi / (n * side) for n, side in zip((ny, nx), coupling.sides, strict=True))
    raise ParameterError(
        "edges", f"at least {width:.3g} apart, the fundamental multipole of the field"
    )


def spectrum_table(coupling: ModeCoupling) -> QTable:
    """Return a table with the multipoles of the bins."""
    edges = coupling.bins.edges[coupling.kept.start : coupling.kept.stop + 1]
    return QTable({"ell": coupling.ell, "ell_low": edges[:-1], "ell_high": edges[1:]})


class Component(NamedTuple):
    """A part of the variance of the modes of a field: the signal, or the noise.

    Attributes
    ----------
    power : `numpy.ndarray`
        The pseudo-spectrum of the part divided by that of ``variance``, ``(n,)``, 0 or more.
    variance : `numpy.ndarray`
        The distribution of its variance over the field, ``(ny, nx)``: the product of the weights
        for a signal, and the noise variance of the weighted field times the area of a pixel for
        noise.
    """

    power: np.ndarray
    variance: np.ndarray


def pair_scatter(
    coupling: ModeCoupling, one: list[Component], two: list[Component], factors: list[float],
    cache: dict,
) -> np.ndarray:
    """Return the covariance of the pseudo-spectrum of two fields, ``(n, n)``.

    Parameters
    ----------
    coupling : `lensmap.flatsky.ModeCoupling`
        The coupling of the modes.
    one, two : list of Component
        The variance of the modes of both fields.
    factors : list of float
        The factors of the matrices of `lensmap.flatsky.ModeCoupling.scatter`.
    cache : dict
        These matrices, which are added if they are missing.

    Returns
    -------
    `numpy.ndarray`
        The covariance.
    """
    total = np.zeros((len(one[0].power),) * 2)
    for first in one:
        for second in two:
            key = tuple(sorted((id(first.variance), id(second.variance))))
            if key not in cache:
                cache[key] = coupling.scatter(first.variance, second.variance)
            root = np.sqrt(first.power * second.power)
            total += np.outer(root, root) * sum(
                factor * matrix for factor, matrix in zip(factors, cache[key], strict=True)
            )
    return total
