# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Galaxies around positions: how far, and how they are aligned."""

from functools import cached_property

import numpy as np
from astropy import units as u
from scipy.spatial import KDTree

from lensmap.catalog import Calibration

__all__ = ["Sources"]


class Sources:
    """The galaxies of a catalog, ready to be asked what is around a position.

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

    def __init__(self, catalog):
        self.frame = catalog.skycoord.frame
        self.shear = Calibration.from_catalog(catalog).shear(catalog)
        weight = catalog.weight
        self.weight = np.ones(len(catalog)) if weight is None else np.asarray(weight, dtype=float)
        self.redshift = catalog["redshift"]
        ra, dec = np.radians(catalog.ra), np.radians(catalog.dec)
        self._sin_ra, self._cos_ra = np.sin(ra), np.cos(ra)
        self._sin_dec, self._cos_dec = np.sin(dec), np.cos(dec)

    def __len__(self):
        return len(self.shear)

    @cached_property
    def _tree(self):
        vectors = np.stack(
            [self._cos_dec * self._cos_ra, self._cos_dec * self._sin_ra, self._sin_dec], axis=-1
        )
        # Not balanced: that takes three times as long for many galaxies, and is no quicker to ask.
        return KDTree(vectors, balanced_tree=False, compact_nodes=False)

    def around(self, position, angle):
        """Return the galaxies within an angle of a position, and how they are aligned with it.

        Parameters
        ----------
        position : `~astropy.coordinates.SkyCoord`
            One position.
        angle : float
            Radians, below a right angle.

        Returns
        -------
        rows : `numpy.ndarray`
            Which galaxies, ``(n,)``.
        theta : `numpy.ndarray`
            Their distances, radians.
        turned : `numpy.ndarray`
            Complex: minus their shear times the spin of `directions`: the tangential shear is the
            real part, the cross shear the imaginary part.
        """
        rows, theta, spin = self.directions(position, angle)
        return rows, theta, -self.shear[rows] * spin

    def directions(self, position, angle):
        r"""Return the galaxies within an angle of a position, and where they see it.

        Parameters
        ----------
        position : `~astropy.coordinates.SkyCoord`
            One position.
        angle : float
            Radians, below a right angle.

        Returns
        -------
        rows : `numpy.ndarray`
            Which galaxies, ``(n,)``.
        theta : `numpy.ndarray`
            Their distances, radians.
        spin : `numpy.ndarray`
            Complex: :math:`e^{-2 i \psi}` with :math:`\psi` the direction of the position as they
            see it, from east through north; 0 for a galaxy that is there.
        """
        sphere = position.transform_to(self.frame).spherical
        ra, dec = sphere.lon.to_value(u.rad), sphere.lat.to_value(u.rad)
        sin_ra, cos_ra, sin_dec, cos_dec = np.sin(ra), np.cos(ra), np.sin(dec), np.cos(dec)
        center = cos_dec * cos_ra, cos_dec * sin_ra, sin_dec
        chord = 2 * np.sin(angle / 2)
        rows = np.array(self._tree.query_ball_point(center, chord, return_sorted=True), dtype=int)
        # The position as a vector, along the east and the north of each galaxy.
        s, c = self._sin_ra[rows], self._cos_ra[rows]
        along = cos_ra * c + sin_ra * s  # the cosine of the difference in right ascension
        east = cos_dec * (sin_ra * c - cos_ra * s)
        north = sin_dec * self._cos_dec[rows] - cos_dec * self._sin_dec[rows] * along
        theta = np.arcsin(np.minimum(np.hypot(east, north), 1.0))
        direction = east + 1j * north
        square = np.abs(direction) ** 2
        spin = np.divide(np.conj(direction) ** 2, square, out=np.zeros_like(direction),
                         where=square > 0)
        return rows, theta, spin
