# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pairs of galaxies and positions: separations, and tangential and cross shear."""

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
    """The galaxies of a catalog with a search tree for those around a position.

    Parameters
    ----------
    catalog : `~lensmap.ShearCatalog`
        The galaxies.

    Attributes
    ----------
    shear : `numpy.ndarray`
        Complex, ``(n,)``: calibrated, celestial basis.
    weight : `numpy.ndarray`
        ``(n,)``.
    redshift : `numpy.ndarray` or None
        ``(n,)``; NaN where it is missing.
    """

    def __init__(self, catalog: ShearCatalog) -> None:
        self.frame = catalog.skycoord.frame
        self.shear = Calibration.from_catalog(catalog).shear(catalog)
        weight = catalog.weight
        self.weight = np.ones(len(catalog)) if weight is None else np.asarray(weight, dtype=float)
        self.redshift = catalog["redshift"]
        ra, dec = np.radians(catalog.ra), np.radians(catalog.dec)
        self._sin_ra, self._cos_ra = np.sin(ra), np.cos(ra)
        self._sin_dec, self._cos_dec = np.sin(dec), np.cos(dec)

    def __len__(self) -> int:
        return len(self.shear)

    def build_tree(self) -> None:
        """Build the search tree, before threads share this object."""
        _ = self._tree

    @cached_property
    def _tree(self) -> KDTree:
        vectors = np.stack(
            [self._cos_dec * self._cos_ra, self._cos_dec * self._sin_ra, self._sin_dec], axis=-1
        )
        # For many galaxies a balanced tree takes three times as long, and searches no faster.
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
            The largest separation, radians, below a right angle.

        Returns
        -------
        rows : `numpy.ndarray`
            Indices of the galaxies, ``(n,)``.
        theta : `numpy.ndarray`
            Their separations from the position, radians, ``(n,)``.
        shear : `numpy.ndarray`
            Complex, ``(n,)``: tangential shear (real part) and cross shear (imaginary part).
        """
        rows, theta, spin = self.directions(position, angle)
        return rows, theta, -self.shear[rows] * spin

    def directions(
        self, position: SkyCoord, angle: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        r"""Return the galaxies within an angle of a position, and its direction from each.

        Parameters
        ----------
        position : `~astropy.coordinates.SkyCoord`
            One position.
        angle : float
            The largest separation, radians, below a right angle.

        Returns
        -------
        rows : `numpy.ndarray`
            Indices of the galaxies, ``(n,)``.
        theta : `numpy.ndarray`
            Their separations from the position, radians, ``(n,)``.
        spin : `numpy.ndarray`
            Complex, ``(n,)``: :math:`e^{-2 i \psi}` with the direction :math:`\psi` of the
            position at the galaxy, from east through north; 0 for a galaxy at the position.
        """
        sphere = position.transform_to(self.frame).spherical
        ra, dec = sphere.lon.to_value(u.rad), sphere.lat.to_value(u.rad)
        sin_ra, cos_ra, sin_dec, cos_dec = np.sin(ra), np.cos(ra), np.sin(dec), np.cos(dec)
        center = cos_dec * cos_ra, cos_dec * sin_ra, sin_dec
        chord = 2 * np.sin(angle / 2)
        rows = np.array(self._tree.query_ball_point(center, chord, return_sorted=True), dtype=int)
        # The position as a vector, along the east and the north of each galaxy.
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
