# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The shear of individual galaxies, as the data of a halo fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lensmap.catalog import galaxy_response
from lensmap.halos import NFWLens
from lensmap.profiles._fit_data import FitData, local_offsets, offsets_within, reduced_shear
from lensmap.profiles._galaxy_redshifts import catalog_efficiency
from lensmap.profiles._pair_calibration import mean_response
from lensmap.profiles._pairs import Sources
from lensmap.profiles._radii import describe_positions
from lensmap.utils import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.coordinates import SkyCoord
    from astropy.cosmology import FLRW
    from astropy.units import Quantity
    from numpy.typing import ArrayLike

    from lensmap.catalog import ShearCatalog
    from lensmap.profiles._efficiency import Efficiency
    from lensmap.profiles._halo_parameters import HaloValues
    from lensmap.profiles._survey_sources import SurveySources
    from lensmap.typing import RedshiftLike

__all__ = ["catalog_data"]


class _CatalogData:
    r"""Both shear components of the galaxies around the fitted halos.

    Parameters
    ----------
    offsets : `numpy.ndarray`
        Complex offsets (east + i north, radians) of the galaxies from each halo, ``(n_halos, n)``.
    shear : `numpy.ndarray`
        Complex reduced shear of the galaxies in the celestial basis (x east, y north), ``(n,)``.
    sigma : `numpy.ndarray`
        Error of each shear component, ``(n,)``.
    inverse, square : `numpy.ndarray`
        For each halo and galaxy, the mean of :math:`1 / \Sigma_\mathrm{cr}` over the source
        redshifts (Mpc2 / solMass, proper Mpc) and the mean of its square, ``(n_halos, n)``; 0 for
        galaxies in front of the halo.
    lenses : list of `~lensmap.halos.NFWLens`
        One lens model for each halo.
    """

    unit, adapts = "galaxies", False

    def __init__(
        self,
        offsets: np.ndarray,
        shear: np.ndarray,
        sigma: np.ndarray,
        inverse: np.ndarray,
        square: np.ndarray,
        lenses: list[NFWLens],
    ) -> None:
        self._offsets, self.measured, self._sigma = offsets, shear, sigma
        self._inverse, self._square, self._lenses = inverse, square, lenses
        self.n, self.n_independent = 2 * len(shear), len(shear)

    def efficiency(self, i: int) -> tuple[float, float]:
        weight = self._sigma**-2 * (self._inverse[i] > 0)
        mean = np.average(self._inverse[i], weights=weight)
        return mean, np.average(self._square[i], weights=weight) / mean**2

    def model(self, halos: Sequence[HaloValues]) -> np.ndarray:
        gamma, kappa = np.zeros(1, dtype=complex), np.zeros(1)
        for i, halo in enumerate(halos):
            offset = self._offsets[i] - (halo.east + 1j * halo.north)
            theta = np.maximum(np.abs(offset), 1e-9)
            sigma, excess = self._lenses[i].surface_density(theta, halo.ln_m200c, halo.ln_c200c)
            gamma = gamma - excess * self._inverse[i] * (offset / theta) ** 2
            # In the reduced shear averaged over source redshifts, <beta^2> / <beta> replaces beta
            # in kappa (Seitz & Schneider 1997).
            kappa = kappa + sigma * self._square[i] / np.where(
                self._inverse[i] > 0, self._inverse[i], np.inf
            )
        return reduced_shear(gamma, kappa)

    def adapt(self, halos: Sequence[HaloValues]) -> None:
        pass

    def residuals(self, halos: Sequence[HaloValues]) -> np.ndarray:
        difference = (self.measured - self.model(halos)) / self._sigma
        return np.concatenate([difference.real, difference.imag])


def catalog_data(
    catalog: ShearCatalog,
    positions: SkyCoord,
    z_lens: np.ndarray,
    z_source: RedshiftLike | None,
    radii: Quantity | None,
    cosmology: FLRW,
    inverse_sigma_crit: str | ArrayLike | Quantity | None = None,
    survey: SurveySources | None = None,
) -> FitData:
    """Select the galaxies around halos, as the data of a halo fit.

    Parameters
    ----------
    catalog : `~lensmap.ShearCatalog`
        The galaxies.
    positions : `~astropy.coordinates.SkyCoord`
        Positions of the halos, ``(n_halos,)``.
    z_lens : `numpy.ndarray`
        Redshifts of the halos, ``(n_halos,)``.
    z_source : float, `~lensmap.SourceRedshifts` or None
        The redshift of the source galaxies, or their distribution. None uses the redshifts in the
        catalog.
    radii : `~astropy.units.Quantity` or None
        ``(inner, outer)``: the range of radii around each halo, angles or proper lengths. None uses
        0.2 to 2.5 Mpc.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.
    inverse_sigma_crit : str, array_like, `~astropy.units.Quantity` or None
        As for `catalog_efficiency`.
    survey : SurveySources or None
        The survey of which the galaxies are a part, whose calibration holds. None if they are all.

    Returns
    -------
    FitData
        The complex reduced shear of the selected galaxies, with its model.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or no galaxy is usable.
    """
    _, used = offsets_within(positions, catalog.skycoord, z_lens, radii, cosmology)

    def efficiency_of(part: ShearCatalog) -> Efficiency | None:
        return catalog_efficiency(
            part, z_lens, z_source, cosmology, inverse_sigma_crit=inverse_sigma_crit,
            highest=None if survey is None else survey.highest,
        )

    efficiency = efficiency_of(catalog)
    if efficiency is None:
        raise ParameterError(
            "z_source", "given for a catalog without redshifts", "None",
            "give the redshift of the galaxies, or their distribution",
        )
    inverse, square = _of_halos(efficiency, len(positions), len(catalog))
    used &= np.any(inverse > 0, axis=0)
    sources = Sources(catalog, None if survey is None else survey.calibration)
    used &= sources.weight > 0
    if not used.any():
        raise ParameterError(
            "position", "in the survey", f"at {describe_positions(positions)}",
            "no galaxy behind the halos is in the range of {radii} around any position", verb="lie",
        )
    behind = None
    if survey is not None and survey.is_noisy:
        def weights(part: Sources) -> np.ndarray:
            known = efficiency_of(part.catalog)
            assert known is not None
            highest = _of_halos(known, len(positions), len(part))[0].max(axis=0)
            return (highest**2 * (part.weight > 0) / part.variance)[np.newaxis]

        behind = float(survey.behind(weights, 1)[0])
    shear, sigma = _calibrated(sources, used, inverse.max(axis=0), behind)
    local = local_offsets(positions, catalog.skycoord[used])  # as the shear is
    lenses = [NFWLens(float(z), cosmology) for z in z_lens]
    return _CatalogData(local, shear[used], sigma[used], inverse[:, used], square[:, used], lenses)


def _of_halos(efficiency: Efficiency, n_halos: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the inverse critical surface density and its square, ``(n_halos, n)`` each."""
    pairs = [efficiency.inverse_sigma_crit(i, np.arange(n)) for i in range(n_halos)]
    inverse, square = (np.array(values) for values in zip(*pairs, strict=True))
    return inverse, square


def _calibrated(
    sources: Sources, used: np.ndarray, inverse: np.ndarray, behind: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return shear and noise of galaxies, by the calibration of those that the fit uses.

    The fit weights the response of a galaxy by the inverse variance of its shear and by the square
    of its inverse critical surface density. Responses that contain the noise of each galaxy are
    averaged over all galaxies behind the halos.

    Parameters
    ----------
    sources : Sources
        The galaxies.
    used : `numpy.ndarray`
        Bool, ``(n,)``: whether the fit uses a galaxy.
    inverse : `numpy.ndarray`
        The largest inverse critical surface density of each galaxy for any halo, ``(n,)``.
    behind : float or None
        The mean relative response of all galaxies of the survey, if the sources are a part of it
        and responses contain noise. None computes it.

    Returns
    -------
    shear, sigma : `numpy.ndarray`
        The shear, complex, celestial basis, and the error of each component, ``(n,)`` each.
    """
    catalog, calibration = sources.catalog, sources.calibration
    weight = (inverse / inverse.max()) ** 2 * (sources.weight > 0) / sources.variance
    relative = galaxy_response(catalog, calibration)
    response, m = 1.0, calibration.m
    if relative is not None and relative.noisy:
        response = mean_response(relative.values, weight) if behind is None else behind
    elif relative is not None:
        response = float(np.average(relative.values[used], weights=weight[used]))
    if catalog["m"] is not None:
        m = float(np.average(catalog["m"][used], weights=weight[used]))
    shear = sources.over_response / response
    if sources.additive is not None:
        shear = shear - sources.additive
    factor = (1 + calibration.m) / (response * (1 + m))
    return shear / (1 + m), np.sqrt(sources.variance) * factor
