# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`GridGalaxies`: the single galaxies of a grid, for methods that need their exact positions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lensmap.grid._sums import additive_bias

if TYPE_CHECKING:
    from lensmap.grid._assignment import PixelAssignment

__all__ = ["GridGalaxies"]


@dataclass(frozen=True, eq=False)
class GridGalaxies:
    """The galaxies that are on a map and not masked.

    Attributes
    ----------
    x, y : `numpy.ndarray`
        The positions in pixels, from the center of the first pixel, ``(n,)``.
    pixel : `numpy.ndarray`
        The flat index of the pixel of each galaxy, integer, ``(n,)``.
    weight : `numpy.ndarray`
        The weights, ``(n,)``.
    weighted_ellipticity : `numpy.ndarray`
        The weights times the ellipticities in the basis of the pixel axes, before any shear
        calibration, complex, ``(n,)``.
    weighted_bias : `numpy.ndarray` or None
        The weights times the additive biases, complex, ``(n,)``. None if the catalog has neither of
        the columns ``c1`` and ``c2``.
    """

    x: np.ndarray
    y: np.ndarray
    pixel: np.ndarray
    weight: np.ndarray
    weighted_ellipticity: np.ndarray
    weighted_bias: np.ndarray | None

    @classmethod
    def from_assignment(cls, assignment: PixelAssignment) -> GridGalaxies:
        """Collect the galaxies of a catalog that are assigned to pixels.

        Parameters
        ----------
        assignment : PixelAssignment
            The galaxies and their pixels.

        Returns
        -------
        GridGalaxies
            The galaxies.
        """
        rows, catalog = assignment.used_rows, assignment.catalog
        x, y = assignment.frame.positions(catalog.ra[rows], catalog.dec[rows])
        weight = np.ones(len(rows))
        if assignment.weight is not None:
            weight = assignment.weight.astype(float)
        bias = additive_bias(assignment)
        return cls(
            x, y, assignment.pixel, weight, weight * assignment.shear,
            None if bias is None else weight * bias,
        )

    def rotated(self, phases: np.ndarray) -> GridGalaxies:
        """Return rotated galaxies without additive bias.

        Parameters
        ----------
        phases : `numpy.ndarray`
            Complex numbers of modulus 1 by which the ellipticities are multiplied, ``(n,)``.

        Returns
        -------
        GridGalaxies
            The galaxies, at the same positions.
        """
        return replace(
            self, weighted_ellipticity=self.weighted_ellipticity * phases, weighted_bias=None
        )
