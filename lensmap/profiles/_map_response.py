# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The Kaiser-Squires map of the shear of halos, with the edges and holes of a survey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy.table import Table

from lensmap.catalog import ShearCatalog
from lensmap.profiles._fit_data import local_offsets, reduced_shear
from lensmap.utils import LensmapWarning, without_warnings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.coordinates import SkyCoord

    from lensmap.estimators import KaiserSquires
    from lensmap.halos import NFWLens
    from lensmap.maps import ConvergenceMap
    from lensmap.profiles._halo_parameters import HaloValues

__all__ = ["MapResponse"]


class MapResponse:
    """The Kaiser-Squires map of the shear of halos, without noise.

    A map is not the convergence itself: near edges and holes, mass and its shear are missing, and
    a map of finite size has no mean. The estimator maps one galaxy at the center of each pixel
    that has galaxies, with their number as its weight and the reduced shear of the halos as its
    ellipticity.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map, from `lensmap.KaiserSquires`.
    estimator : `~lensmap.KaiserSquires`
        The estimator of the map, without uncertainty.
    positions : `~astropy.coordinates.SkyCoord`
        Positions of the halos, ``(n_halos,)``.
    inverse : `numpy.ndarray`
        Mean inverse critical surface density for each halo, Mpc2 / solMass (proper Mpc),
        ``(n_halos,)``.
    lenses : list of `~lensmap.halos.NFWLens`
        One lens model for each halo.
    """

    def __init__(
        self,
        kappa: ConvergenceMap,
        estimator: KaiserSquires,
        positions: SkyCoord,
        inverse: np.ndarray,
        lenses: list[NFWLens],
    ) -> None:
        self._wcs, self._estimator = kappa.wcs, estimator
        self._inverse, self._lenses = inverse, lenses
        weight = ~kappa.mask if kappa.counts is None else kappa.counts
        y, x = np.nonzero(weight > 0)
        self._weight = weight[y, x].astype(float)
        self._sky = kappa.wcs.pixel_to_world(x, y)
        self._offsets = local_offsets(positions, self._sky)
        # The shear diverges at the center: a pixel there takes the value at a third of a pixel.
        self._min_theta = float(kappa.pixel_scale.to_value("rad")) / 3

    @classmethod
    def of_map(
        cls,
        kappa: ConvergenceMap,
        positions: SkyCoord,
        inverse: np.ndarray,
        lenses: list[NFWLens],
    ) -> MapResponse | None:
        """Return the response of a map; None if it is not known how the map was made.

        Parameters
        ----------
        kappa : `~lensmap.ConvergenceMap`
            The map.
        positions, inverse, lenses
            As for the class.

        Returns
        -------
        MapResponse or None
            None for a map that is not from `lensmap.KaiserSquires`, and for a cutout or a
            resampled map, to which galaxies outside of it contributed.
        """
        from lensmap.estimators import KaiserSquires

        meta = kappa.meta
        if meta.get("estimator") != "KaiserSquires" or meta.keys() & {"cutout_of", "resampled_by"}:
            return None
        names = ("padding", "reduced_shear_iterations", "scheme", "fill_holes")
        try:
            parameters = {name: meta["parameters"][name] for name in names}
            smoothing = kappa.smoothing if kappa.smoothing_pixels > 0 else None
            estimator = KaiserSquires(smoothing=smoothing, **parameters)
        except (KeyError, TypeError, ValueError):  # meta written by another program
            return None
        return cls(kappa, estimator, positions, inverse, lenses)

    def kappa(self, halos: Sequence[HaloValues]) -> np.ndarray:
        """Return the map of halos.

        Parameters
        ----------
        halos : sequence of HaloValues
            The parameters of the halos.

        Returns
        -------
        `numpy.ndarray`
            The convergence, ``(ny, nx)``.
        """
        gamma, kappa = np.zeros(len(self._weight), dtype=complex), np.zeros(len(self._weight))
        for i, halo in enumerate(halos):
            offset = self._offsets[i] - (halo.east + 1j * halo.north)
            theta = np.maximum(np.abs(offset), self._min_theta)
            nodes = np.geomspace(theta.min(), theta.max(), 500)
            surface = self._lenses[i].surface_density(nodes, halo.ln_m200c, halo.ln_c200c)
            sigma, excess = (np.interp(np.log(theta), np.log(nodes), values) for values in surface)
            gamma -= excess * self._inverse[i] * (offset / theta) ** 2
            kappa += sigma * self._inverse[i]
        shear = reduced_shear(gamma, kappa)
        columns = {"ra": self._sky.icrs.ra.deg, "dec": self._sky.icrs.dec.deg,
                   "e1": shear.real, "e2": shear.imag, "weight": self._weight}
        with without_warnings(LensmapWarning):
            catalog = ShearCatalog(Table(columns), convention="celestial", kind="shear")
            return self._estimator.reconstruct(catalog, self._wcs).data
