# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pairs of a source galaxy and a position: separation, tangential and cross shear."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from scipy.spatial import KDTree

from lensmap.catalog import Calibration

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

    from lensmap.catalog import ShearCatalog

__all__ = ["Sources"]


class Sources:
    """Source galaxies, with a search tree to find those around a position.

    Parameters
    ----------
    catalog : `~lensmap.ShearCatalog`
        The galaxies.

    Attributes
    ----------
    shear : `numpy.ndarray`
        The calibrated complex shear in the celestial basis (x east, y north), ``(n,)``.
    weight : `numpy.ndarray`
        The weights of the galaxies, ``(n,)``; 1 for a catalog without weights.
    redshift : `numpy.ndarray` or None
        The redshifts of the galaxies, ``(n,)``, NaN where missing; None without the column.
    """

    def __init__(self, catalog: ShearCatalog) -> None:
        self.frame = catalog.skycoord.frame
        self._catalog, self._calibration = catalog, Calibration.from_catalog(catalog)
        self.shear = self._calibration.shear(catalog)
        weight = catalog.weight
        self.weight = np.ones(len(catalog)) if weight is None else np.asarray(weight, dtype=float)
        self.redshift = catalog["redshift"]
        ra, dec = np.radians(catalog.ra), np.radians(catalog.dec)
        self._sin_ra, self._cos_ra = np.sin(ra), np.cos(ra)
        self._sin_dec, self._cos_dec = np.sin(dec), np.cos(dec)

    def __len__(self) -> int:
        return len(self.shear)

    @cached_property
    def variance(self) -> np.ndarray:
        """The noise variance of the shear of each galaxy per component, ``(n,)``."""
        return self._calibration.noise_variance(self._catalog)

    def build_tree(self) -> None:
        """Build the search tree of the galaxies, if it is not built yet.

        Call this method before threads share the object. Otherwise, each thread builds a tree.
        """
        _ = self._tree

    @cached_property
    def _tree(self) -> KDTree:
        vectors = np.stack(
            [self._cos_dec * self._cos_ra, self._cos_dec * self._sin_ra, self._sin_dec], axis=-1
        )
        # For many galaxies, a balanced tree takes three times as long to build and is no faster to
        # search.
        return KDTree(vectors, balanced_tree=False, compact_nodes=False)

    def around(
        self, position: SkyCoord, angle: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the galaxies within an angle of a position, with tangential and cross shear.

        Parameters
        ----------
        position : `~astropy.coordinates.SkyCoord`
            One position.
        angle : float
            The maximum separation, radians, less than pi / 2.

        Returns
        -------
        rows : `numpy.ndarray`
            Indices of the galaxies, ``(n,)``.
        theta : `numpy.ndarray`
            Separations of the galaxies from the position, radians, ``(n,)``.
        shear : `numpy.ndarray`
            Tangential shear (real part) and cross shear (imaginary part), complex, ``(n,)``.
        """
        rows, theta, spin = self.directions(position, angle)
        return rows, theta, -self.shear[rows] * spin

    def directions(
        self, position: SkyCoord, angle: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        r"""Return the galaxies within an angle of a position, and the direction to the position.

        Parameters
        ----------
        position : `~astropy.coordinates.SkyCoord`
            One position.
        angle : float
            The maximum separation, radians, less than pi / 2.

        Returns
        -------
        rows : `numpy.ndarray`
            Indices of the galaxies, ``(n,)``.
        theta : `numpy.ndarray`
            Separations of the galaxies from the position, radians, ``(n,)``.
        spin : `numpy.ndarray`
            The phase :math:`e^{-2 i \psi}`, complex, ``(n,)``. :math:`\psi` is the direction from
            the galaxy to the position, measured from east through north. The phase is 0 for a
            galaxy at the position itself.
        """
        sphere = position.transform_to(self.frame).spherical
        ra, dec = sphere.lon.to_value(u.rad), sphere.lat.to_value(u.rad)
        sin_ra, cos_ra, sin_dec, cos_dec = np.sin(ra), np.cos(ra), np.sin(dec), np.cos(dec)
        center = cos_dec * cos_ra, cos_dec * sin_ra, sin_dec
        chord = 2 * np.sin(angle / 2)
        rows = np.array(self._tree.query_ball_point(center, chord, return_sorted=True), dtype=int)
        # Components of the unit vector of the position along east and north at each galaxy.
        s, c = self._sin_ra[rows], self._cos_ra[rows]
        cos_delta_ra = cos_ra * c + sin_ra * s
        east = cos_dec * (sin_ra * c - cos_ra * s)
        north = sin_dec * self._cos_dec[rows] - cos_dec * self._sin_dec[rows] * cos_delta_ra
        theta = np.arcsin(np.minimum(np.hypot(east, north), 1.0))
        direction = east + 1j * north
        square = np.abs(direction) ** 2
        spin = np.divide(np.conj(direction) ** 2, square, out=np.zeros_like(direction),
                         where=square > 0)
        return rows, theta, spin
