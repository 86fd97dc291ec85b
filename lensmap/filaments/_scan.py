# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ArmScan`: the amplitudes of a filament template in all directions about a position."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from astropy import units as u

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.table import QTable
    from astropy.wcs import WCS

    from lensmap.filaments._least_squares import ArmAmplitudes
    from lensmap.flatsky import WienerSolver
    from lensmap.grid import PixelAssignment, ShearGrid

__all__ = ["ArmScan", "ScanState", "highest_snr"]

# Correlations of eigenvalues below this fraction of the largest one are rounding errors.
_ROUNDING = 1e-12


class ScanState(NamedTuple):
    """The data of a scan, with which noise is scanned in the same way.

    ``amplitudes`` measures the directions in a shear field, ``solver`` holds the covariance of the
    shear, ``assignment`` and ``grid`` the galaxies, and ``use`` the pixels that are used, bool,
    ``(ny, nx)``. ``residual`` is the shear minus that of the cluster, complex, ``(ny, nx)``.
    """

    amplitudes: ArmAmplitudes
    solver: WienerSolver
    assignment: PixelAssignment
    grid: ShearGrid
    use: np.ndarray
    residual: np.ndarray


@dataclass(frozen=True, eq=False)
class ArmScan:
    """The amplitudes of a filament in all directions about a position.

    Attributes
    ----------
    table : `~astropy.table.QTable`
        One row for each direction, with the columns

        - ``angle``: the position angle, from north through east (deg);
        - ``kappa0``, ``kappa0_err``: the convergence on the axis of a filament in this direction,
          and its error from shape noise, large-scale structure and the fit of the cluster;
        - ``snr``: their ratio, the significance of the direction by itself;
        - ``kappa0_cross``, ``kappa0_cross_err``, ``snr_cross``: the same for the shear rotated by
          45 degrees, which is noise in the absence of systematic errors;
        - ``false_probability``: the probability that the highest ``snr`` of all directions is at
          least that of this direction in a field without filaments, whose shape noise and
          large-scale structure are Gaussian. `false_probability` also takes other skies;
        - ``covered``: the fraction of the filament, weighted with its profile, that lies on
          galaxies;
        - ``is_peak``: whether the direction is above the threshold, and no direction with a
          correlated amplitude has a higher ``snr``.

        ``meta["snr_of_false_probability"]`` has the significance at which the false probability is
        0.05 and 0.01, by these numbers as texts.
    position : `~astropy.coordinates.SkyCoord`
        The center of the scan, ICRS.
    radii : `~astropy.units.Quantity`
        The radii at which the template begins and ends, arcmin, ``(2,)``.
    core_width : `~astropy.units.Quantity`
        The half-width of the core of the template, arcmin.
    wcs : `~astropy.wcs.WCS`
        The working pixels, on which the shear was binned.
    correlation : `numpy.ndarray`
        The correlation of the amplitudes of all directions, ``(n_directions, n_directions)``.
    cluster : dict or None
        The cluster that was fitted: ``m200c`` (solar masses), ``c200c``, ``x`` and ``y`` (the
        offset to the east and to the north, arcmin), ``ellipticity``, (a - b) / (a + b), ``angle``
        (the position angle of the long axis, deg), and the errors of the first four in ``..._err``.
        None if no cluster was fitted.
    """

    table: QTable
    position: SkyCoord
    radii: u.Quantity
    core_width: u.Quantity
    wcs: WCS
    correlation: np.ndarray
    cluster: dict[str, float] | None
    _state: Any = field(repr=False, default=None)

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        best = int(np.nanargmax(self.table["snr"]))
        return (
            f"<ArmScan: {len(self)} directions, highest significance "
            f"{self.table['snr'][best]:.1f} at {self.table['angle'][best].to_value(u.deg):g} deg>"
        )


def highest_snr(correlation: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the highest significance of all directions in Gaussian skies without filaments.

    Parameters
    ----------
    correlation : `numpy.ndarray`
        The correlation of the amplitudes, ``(n_directions, n_directions)``.
    n : int
        The number of skies.
    rng : `numpy.random.Generator`
        Generator for the skies.

    Returns
    -------
    `numpy.ndarray`
        The highest significance in each sky, in increasing order, ``(n,)``.
    """
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.where(values > _ROUNDING * values[-1], values, 0.0))
    return np.sort(np.max(rng.standard_normal((n, len(values))) @ root.T, axis=1))
