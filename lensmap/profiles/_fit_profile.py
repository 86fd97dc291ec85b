# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The bins of a shear profile, as the data of a halo fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from scipy import linalg

from lensmap.halos import MiscenteredLens, NFWLens
from lensmap.profiles._efficiency import Efficiency
from lensmap.profiles._fit_data import FitData, reduced_shear
from lensmap.profiles._radii import as_angles, check_pair
from lensmap.utils import ParameterError, ParameterTypeError, check_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.cosmology import FLRW
    from astropy.table import QTable
    from numpy.typing import ArrayLike

    from lensmap.profiles._halo_parameters import HaloValues
    from lensmap.typing import RedshiftLike

__all__ = ["lens_model", "profile_data"]

_SURFACE_DENSITY = u.solMass / u.Mpc**2

# The number of quadrature nodes for the mean of the model over each ring.
_N_RING_NODES = 4

# Lens redshifts that differ by less than this are treated as equal.
_REDSHIFT_TOLERANCE = 1e-3


class _ProfileData:
    r"""The tangential shear in the bins of a profile.

    Parameters
    ----------
    edges : `numpy.ndarray`
        Lower and upper edges of the bins, radians, ``(2, n)``.
    g_t : `numpy.ndarray`
        Reduced tangential shear, ``(n,)``.
    whiten : `numpy.ndarray`
        Matrix that decorrelates the residuals and scales them to variance 1, ``(n, n)``.
    inverse : `numpy.ndarray`
        Mean :math:`1 / \Sigma_\mathrm{cr}` of the sources, Mpc2 / solMass (proper Mpc), ``(n,)``.
    ratio : `numpy.ndarray`
        :math:`\langle\beta^2\rangle / \langle\beta\rangle^2` of the sources, ``(n,)``.
    lens : `~lensmap.halos.NFWLens`
        The lens model.
    """

    unit, adapts = "bins", False

    def __init__(
        self,
        edges: np.ndarray,
        g_t: np.ndarray,
        whiten: np.ndarray,
        inverse: np.ndarray,
        ratio: np.ndarray,
        lens: NFWLens,
    ) -> None:
        # The model is averaged over the area of each ring: for wide rings, the value at the mean
        # radius differs from this average by a few per cent.
        nodes, self._weights = np.polynomial.legendre.leggauss(_N_RING_NODES)
        low, high = edges**2
        self._theta = np.sqrt(low + (nodes[:, np.newaxis] + 1) / 2 * (high - low))
        self.measured, self._whiten = g_t, whiten
        self._inverse, self._ratio, self._lens = inverse, ratio, lens
        self.n = self.n_independent = len(g_t)

    def efficiency(self, i: int) -> tuple[float, float]:
        return np.mean(self._inverse), np.mean(self._ratio)

    def model(self, halos: Sequence[HaloValues]) -> np.ndarray:
        (halo,) = halos
        shear = sum(
            fraction * reduced_shear(excess * self._inverse, self._ratio * self._inverse * sigma)
            for fraction, sigma, excess in self._lens.by_center(
                self._theta, halo.ln_m200c, halo.ln_c200c
            )
        )
        return self._weights @ shear / 2

    def adapt(self, halos: Sequence[HaloValues]) -> None:
        pass

    def residuals(self, halos: Sequence[HaloValues]) -> np.ndarray:
        return self._whiten @ (self.measured - self.model(halos))


def profile_data(
    profile: QTable,
    z_lens: np.ndarray,
    z_source: RedshiftLike | None,
    radii: u.Quantity | None,
    covariance: ArrayLike | None,
    miscentering: tuple[float, u.Quantity] | None,
    cosmology: FLRW,
) -> FitData:
    """Select the bins of a shear profile, as the data of a halo fit.

    Parameters
    ----------
    profile : `~astropy.table.QTable`
        The profile, as returned by `shear_profile`.
    z_lens : `numpy.ndarray`
        The redshift of the lens, ``(1,)``.
    z_source : float, `~lensmap.SourceRedshifts` or None
        The redshift of the source galaxies, or their distribution. None uses the critical surface
        density in the profile.
    radii : `~astropy.units.Quantity` or None
        ``(inner, outer)``: the range of radii, angles or proper lengths. None uses all bins.
    covariance : array_like or None
        The covariance to add to that of the profile, ``(n_bins, n_bins)``. None adds nothing.
    miscentering : tuple or None
        The fraction of wrong centers and the parameter of their Rayleigh distribution, as for
        `fit_nfw`. None for no wrong centers.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.

    Returns
    -------
    FitData
        The reduced tangential shear in the selected bins, with its model.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or no bin is usable.
    """
    profile_z = profile.meta.get("z_lens")
    if profile_z is not None and abs(profile_z - z_lens[0]) > _REDSHIFT_TOLERANCE:
        raise ParameterError(
            "z_lens", f"{profile_z:g}, the lens redshift with which the profile was measured",
            f"{z_lens[0]:g}",
        )
    theta, low, high = (
        as_angles(_from_zero(profile[name]), z_lens, 1, cosmology)[0, 1:]
        for name in ("radius", "radius_low", "radius_high")
    )
    used = np.isfinite(profile["g_t"]) & np.isfinite(profile["g_err"]) & (
        np.asarray(profile["g_err"]) > 0
    )
    if radii is not None:
        limits = as_angles(check_pair(radii), z_lens, 1, cosmology)[0]
        used &= (theta >= limits[0]) & (theta <= limits[1])
    matrix = _covariance(profile, used, covariance)
    inverse, ratio = _efficiencies(profile, z_lens, z_source, cosmology)
    if not used.any():
        raise ParameterError(
            "data", "at least one bin with a shear and an error in the range of {radii}",
            remedy="this profile has none; use a wider range, or wider bins", verb="have",
        )
    try:
        factor = linalg.cholesky(matrix[np.ix_(used, used)], lower=True)
    except linalg.LinAlgError:
        raise ParameterError(
            "covariance", "such that its sum with the errors of the profile is positive definite",
            remedy="check that it is symmetric, and that the profile has at least as many "
            "bootstrap samples as bins",
        ) from None
    whiten = linalg.solve_triangular(factor, np.eye(len(factor)), lower=True)
    g_t = np.asarray(profile["g_t"], dtype=float)[used]
    return _ProfileData(np.array([low, high])[:, used], g_t, whiten, inverse[used], ratio[used],
                        lens_model(z_lens, miscentering, cosmology))


def lens_model(
    z_lens: np.ndarray, miscentering: tuple[float, u.Quantity] | None, cosmology: FLRW
) -> NFWLens:
    """Return the model of a lens, with or without wrong centers.

    Parameters
    ----------
    z_lens : `numpy.ndarray`
        The redshift of the lens, ``(1,)``.
    miscentering : tuple or None
        The fraction of wrong centers and the parameter of their Rayleigh distribution, as for
        `fit_nfw`. None for no wrong centers.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.

    Returns
    -------
    `~lensmap.halos.NFWLens`
        The model.

    Raises
    ------
    TypeError, ValueError
        If ``miscentering`` is invalid.
    """
    if miscentering is None:
        return NFWLens(float(z_lens[0]), cosmology)
    try:
        fraction, offset = miscentering
    except (TypeError, ValueError):
        raise ParameterTypeError(
            "miscentering", "a pair, such as (0.3, 0.2 * u.Mpc), or None", repr(miscentering)
        ) from None
    check_number(fraction, "miscentering", "a fraction of the centers, 0 to 1", low=0, high=1)
    unit = getattr(offset, "unit", None)
    if unit is None or not (unit.is_equivalent(u.Mpc) or unit.is_equivalent(u.rad)):
        raise ParameterTypeError(
            "miscentering", "an offset that is a proper length or an angle", repr(offset),
            verb="have",
        )
    sigma = as_angles(u.Quantity([0 * unit, offset]), z_lens, 1, cosmology)[0, 1]
    if not (np.isfinite(sigma) and sigma > 0):
        raise ParameterError("miscentering", "a positive offset", str(offset), verb="have")
    return MiscenteredLens(float(z_lens[0]), cosmology, float(fraction), sigma)


def _from_zero(radius: u.Quantity) -> u.Quantity:
    """Return one radius for each of n bins, with 0 prepended, ``(n + 1,)``.

    ``radius`` contains the mean radii, the lower edges or the upper edges of the bins, ``(n,)``.
    NaN, the mean radius of a bin without galaxies, is replaced by 0.
    """
    values = np.nan_to_num(radius.value)
    return u.Quantity([0.0, *values], radius.unit)


def _efficiencies(
    profile: QTable, z_lens: np.ndarray, z_source: RedshiftLike | None, cosmology: FLRW
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean 1 / Sigma_cr (Mpc2 / solMass) and <beta^2> / <beta>^2, ``(n_bins,)`` each.

    The averages are over the sources in each bin, and beta is D_ls / D_s. If ``z_source`` is None,
    both quantities come from the columns of the profile.
    """
    n_bins = len(profile)
    if z_source is not None:
        efficiency = Efficiency.from_sources(z_source, z_lens, cosmology)
        inverse, square = efficiency.inverse_sigma_crit(0, np.zeros(n_bins, dtype=int))
        return inverse, square / inverse**2
    if "sigma_crit" not in profile.colnames:
        raise ParameterError(
            "z_source", "given for a profile that was measured without redshifts", "None",
            "give the redshift of the source galaxies, or their distribution",
        )
    inverse = 1 / profile["sigma_crit"].to_value(_SURFACE_DENSITY)
    return inverse, np.asarray(profile["efficiency_ratio"])


def _covariance(profile: QTable, used: np.ndarray, covariance: ArrayLike | None) -> np.ndarray:
    """Return the covariance of the tangential shear in the bins of a profile, ``(n_bins, n_bins)``.

    If the profile has a covariance from a bootstrap or jackknife, this is used. Otherwise, the
    covariance is diagonal, with the squared errors from shape noise. The matrix ``covariance``, if
    not None, is added. ``used``, bool, ``(n_bins,)``, marks the bins to fit; other bins may get
    arbitrary values.
    """
    if "covariance" in profile.meta:
        matrix = _resampled_covariance(profile, int(np.count_nonzero(used)))
    else:
        variance = np.where(used, np.asarray(profile["g_err"], dtype=float), 1.0) ** 2
        matrix = np.diag(variance)
    if covariance is not None:
        matrix = matrix + _as_matrix(covariance, len(profile))
    return matrix


def _as_matrix(covariance: ArrayLike, n: int) -> np.ndarray:
    """Check a covariance of n bins, and return it as a matrix of floats, ``(n, n)``."""
    try:
        matrix = np.asarray(covariance, dtype=float)
    except (TypeError, ValueError):
        raise ParameterTypeError("covariance", "an array of numbers", repr(covariance)) from None
    if matrix.shape != (n, n):
        raise ParameterError(
            "covariance", f"the shape ({n}, {n}) for the {n} bins of the profile",
            str(matrix.shape), verb="have",
        )
    if not np.all(np.isfinite(matrix)):
        raise ParameterError(
            "covariance", "finite", f"NaN or infinite in {np.sum(~np.isfinite(matrix))} elements"
        )
    return matrix


def _resampled_covariance(profile: QTable, n_used: int) -> np.ndarray:
    """Return the covariance of a bootstrap or jackknife, corrected for its number of samples.

    The inverse of a covariance matrix from few samples is too large (Hartlap et al. 2007), and the
    scatter of best-fit parameters exceeds the errors derived from this matrix (Dodelson &
    Schneider 2013). Both corrections are applied, the second for a fit of two parameters.
    ``n_used`` is the number of bins to fit.
    """
    samples, patches = profile.meta.get("n_bootstrap"), profile.meta.get("n_patches")
    n = 1 / sum(1 / number for number in (samples, patches) if number is not None)
    if n < n_used + 6:
        parts = [f"{patches} positions or patches"] * (patches is not None)
        parts += [f"{samples} bootstrap samples"] * (samples is not None)
        raise ParameterError(
            "data", f"a covariance that is good enough to fit {n_used} bins",
            f"one from {' and '.join(parts)}",
            "measure the profile with fewer bins, more positions or patches, a larger "
            "{n_bootstrap}, or {errors='shape noise'}", verb="have",
        )
    scatter = (n - n_used - 2) / ((n - n_used - 1) * (n - n_used - 4)) * (n_used - 2)
    factor = (n - 1) / (n - n_used - 2) * (1 + max(scatter, 0.0))
    return np.array(profile.meta["covariance"], dtype=float) * factor
