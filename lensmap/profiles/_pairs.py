# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pairs of a source galaxy and a position: separation, tangential and cross shear."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from scipy.spatial import KDTree

from lensmap.catalog import Calibration
from lensmap.utils import unit_vectors

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

    from lensmap.catalog import ShearCatalog

__all__ = ["Sources"]

# The number of galaxies from which the typical distance of neighbors is measured.
_N_SPACING = 2000


class Sources:
    """Source galaxies, with a search tree to find those around a position.

    Parameters
    ----------
    catalog : `~lensmap.ShearCatalog`
        The galaxies.
    calibration : `~lensmap.catalog.Calibration` or None
        The calibration of the survey of which the galaxies are a part. None if they are all.

    Attributes
    ----------
    catalog : `~lensmap.ShearCatalog`
        The galaxies.
    calibration : `~lensmap.catalog.Calibration`
        The calibration of all galaxies of the catalog.
    weight : `numpy.ndarray`
        The weights of the galaxies, ``(n,)``; 1 for a catalog without weights.
    redshift : `numpy.ndarray` or None
        The redshifts of the galaxies, ``(n,)``, NaN where missing; None without the column.
    """

    def __init__(self, catalog: ShearCatalog, calibration: Calibration | None = None) -> None:
        self.frame = catalog.skycoord.frame
        self.catalog = catalog
        self.calibration = Calibration.from_catalog(catalog) if calibration is None else calibration
        weight = catalog.weight
        self.weight = np.ones(len(catalog)) if weight is None else np.asarray(weight, dtype=float)
        self.redshift = catalog["redshift"]
        ra, dec = np.radians(catalog.ra), np.radians(catalog.dec)
        self._sin_ra, self._cos_ra = np.sin(ra), np.cos(ra)
        self._sin_dec, self._cos_dec = np.sin(dec), np.cos(dec)

    def __len__(self) -> int:
        return len(self.weight)

    @cached_property
    def shear(self) -> np.ndarray:
        """The shear by the calibration of all galaxies, complex, celestial basis, ``(n,)``."""
        return self.calibration.shear(self.catalog)

    @cached_property
    def over_response(self) -> np.ndarray:
        """The ellipticities over the mean response, complex, celestial basis, ``(n,)``."""
        return self.calibration.over_response(self.catalog)

    @cached_property
    def additive(self) -> np.ndarray | None:
        """The additive bias c, complex, celestial basis, ``(n,)``; None without columns of it."""
        c1, c2 = self.catalog["c1"], self.catalog["c2"]
        if c1 is None and c2 is None:
            return None
        bias = np.zeros(len(self), dtype=complex)
        for column, unit in ((c1, 1.0), (c2, 1j)):
            if column is not None:
                bias += unit * column
        return bias

    @cached_property
    def variance(self) -> np.ndarray:
        """The noise variance of the shear of each galaxy per component, ``(n,)``."""
        return self.calibration.noise_variance(self.catalog)

    def prepare(self) -> None:
        """Compute what pairs need, if this is not done yet.

        Call this method before threads share the object. Otherwise, each thread computes it.
        """
        _ = self._tree, self.variance, self.over_response, self.additive

    @cached_property
    def _tree(self) -> KDTree:
        vectors = np.stack(
            [self._cos_dec * self._cos_ra, self._cos_dec * self._sin_ra, self._sin_dec], axis=-1
        )
        # For many galaxies, a balanced tree takes three times as long to build and is no faster to
        # search.
        return KDTree(vectors, balanced_tree=False, compact_nodes=False)

    def coordinates(self, positions: SkyCoord) -> np.ndarray:
        """Return positions in the frame of the galaxies.

        Parameters
        ----------
        positions : `~astropy.coordinates.SkyCoord`
            The positions, ``(n,)``.

        Returns
        -------
        `numpy.ndarray`
            Longitudes and latitudes, radians, ``(n, 2)``.
        """
        sphere = positions.transform_to(self.frame).spherical
        return np.stack([sphere.lon.to_value(u.rad), sphere.lat.to_value(u.rad)], axis=-1)

    def nearest(self, positions: SkyCoord) -> np.ndarray:
        """Return the angle from each position to the nearest galaxy.

        Parameters
        ----------
        positions : `~astropy.coordinates.SkyCoord`
            The positions, ``(n,)``.

        Returns
        -------
        `numpy.ndarray`
            The angles, radians, ``(n,)``.
        """
        chord, _ = self._tree.query(unit_vectors(*np.degrees(self.coordinates(positions)).T))
        return _angle(chord)

    def spacing(self, n_neighbors: int) -> float:
        """Return the median angle from a galaxy to one of its neighbors.

        Parameters
        ----------
        n_neighbors : int
            The rank of the neighbor: 1 is the nearest one. In smaller catalogs, it is the farthest
            galaxy.

        Returns
        -------
        float
            The angle, radians; a sample of the galaxies is enough for it.
        """
        step = max(len(self) // _N_SPACING, 1)
        rank = min(n_neighbors + 1, len(self))
        chord, _ = self._tree.query(self._tree.data[::step], k=[rank])
        return float(np.median(_angle(chord)))

    def directions(
        self, position: np.ndarray, angle: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        r"""Return the galaxies within an angle of a position, and the direction to the position.

        Parameters
        ----------
        position : `numpy.ndarray`
            Longitude and latitude of one position, as `coordinates` returns them, ``(2,)``.
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
        ra, dec = position
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


def _angle(chord: np.ndarray) -> np.ndarray:
    """Return the angles in radians of chords of the unit sphere."""
    return 2 * np.arcsin(np.minimum(chord / 2, 1.0))
