# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""E and B maps of a catalog and of its mirror image on a plane, and their statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.catalog import Calibration, to_celestial
from lensmap.flatsky import gaussian_smooth, normalized_smooth, shear_to_convergence
from lensmap.grid import PixelAssignment, make_wcs

if TYPE_CHECKING:
    from lensmap.catalog import ShearCatalog

__all__ = ["PlaneMaps", "ellipticities", "mirrored", "moments"]

# Standard deviations of the Gaussian smoothings, from cluster scales to large-scale structure.
_SMOOTHINGS_ARCMIN = (1.0, 2.0, 4.0)

_MAX_PIXELS = 512  # along the longer side of the map


class PlaneMaps:
    """E and B maps of a catalog and of its mirror image on a plane, smoothed on several scales.

    Parameters
    ----------
    catalog : ShearCatalog
        The galaxies.
    positions : `~astropy.coordinates.SkyCoord` or None
        The positions of known masses.

    Attributes
    ----------
    weighted : `numpy.ndarray`
        The weight times the bias-corrected ellipticity of each galaxy, complex64, ``(n,)``. The
        additive bias is subtracted from the complex ellipticity before the multiplication.
    indices : tuple of `numpy.ndarray` or None
        The rows and columns of the pixels at the positions of known masses. None if no positions
        were given.
    """

    def __init__(self, catalog: ShearCatalog, positions: SkyCoord | None) -> None:
        wcs = make_wcs(catalog, _pixel_scale(catalog))
        self._frame_name = catalog.frame
        self._assignment = PixelAssignment(catalog, wcs)
        w = np.ones(len(catalog), dtype=np.float32) if catalog.weight is None else catalog.weight
        self._weight = self._assignment.sums(w)[0]
        self._fraction = w / max(float(np.sum(w, dtype=float)), np.finfo(float).tiny)
        # make_wcs covers the catalog, so the assignment has all galaxies in their order.
        frame = self._frame = self._assignment.frame
        self._rotation = frame.rotation(catalog.ra, catalog.dec, self._assignment.pixel)
        self.weighted = ellipticities(catalog) * w
        self._smoothings = _SMOOTHINGS_ARCMIN / (frame.scales[0].to_value(u.arcmin))
        # Pixels with at least a few galaxies under the smallest kernel.
        occupied = self._assignment.counts() > 0
        density = gaussian_smooth(occupied.astype(float), self._smoothings[-1])
        self._good = density > 0.5 * density.max()
        self.indices = None if positions is None else self._pixels_at(positions)

    def _pixels_at(self, positions: SkyCoord) -> tuple[np.ndarray, np.ndarray]:
        x, y = self._frame.positions(
            *(getattr(positions.transform_to(self._frame_name).spherical.reshape(-1), name).deg
              for name in ("lon", "lat"))
        )
        ny, nx = self._good.shape
        with np.errstate(invalid="ignore"):
            inside = (x > -0.5) & (x < nx - 0.5) & (y > -0.5) & (y < ny - 0.5)
        rows, columns = (np.rint(v[inside]).astype(int) for v in (y, x))
        on_map = self._good[rows, columns]
        if not on_map.any():
            raise ValueError(
                f"none of the {positions.size} positions lies within the area of the catalog"
            )
        return rows[on_map], columns[on_map]

    def statistics(self, weighted: np.ndarray) -> np.ndarray:
        """Return the statistics of the maps of a catalog and of its mirror image.

        Parameters
        ----------
        weighted : `numpy.ndarray`
            The weight times the complex ellipticity of each galaxy, complex64, ``(n,)``.

        Returns
        -------
        `numpy.ndarray`
            An array ``(2, n_scales, 5)``. The first axis is the catalog and its mirror image, the
            second the smoothing scale. The last axis holds the variance of E, the variance of B,
            the skewness of E, the skewness of B, and the mean of E at the positions of known masses
            (NaN without positions).
        """
        return np.array([self._statistics_by_scale(w) for w in (weighted, mirrored(weighted))])

    def _statistics_by_scale(self, weighted: np.ndarray) -> list[list[float]]:
        pixel = self._frame.to_pixel_basis(weighted, self._rotation)
        # Subtract the mean ellipticity, which comes from a bias and not from lensing. On a field
        # that is not square, a constant ellipticity has unequal E and B power. The random
        # rotations have no mean ellipticity, so the difference would seem significant.
        pixel = pixel - self._fraction * pixel.sum()
        real, imaginary = self._assignment.sums(pixel.real, pixel.imag)
        shear, _ = normalized_smooth(
            (real + 1j * imaginary).astype(np.complex64),
            self._weight.astype(np.float32),
            self._smoothings[0],
        )
        shear[~self._good] = 0.0
        kappa = shear_to_convergence(shear, padding=1.5)
        rows = []
        for smoothing in self._smoothings:
            extra = np.sqrt(max(smoothing**2 - self._smoothings[0] ** 2, 0.0))
            smooth = gaussian_smooth(kappa, extra)
            rows.append([*moments(smooth[self._good]), self._mean_at_positions(smooth)])
        return rows

    def _mean_at_positions(self, kappa: np.ndarray) -> float:
        return np.nan if self.indices is None else float(kappa.real[self.indices].mean())


def ellipticities(catalog: ShearCatalog) -> np.ndarray:
    """Return the complex ellipticities minus their additive bias, complex64, ``(n,)``."""
    e = np.empty(len(catalog), dtype=np.complex64)
    e.real, e.imag = catalog.e1, catalog.e2
    e -= _additive_bias(catalog)
    return e


def _additive_bias(catalog: ShearCatalog) -> np.ndarray | np.complex64:
    """Return the additive bias of the complex ellipticities: shear response times shear bias.

    The columns ``c1`` and ``c2`` are biases of the shear, not of the ellipticity. The result has
    one value for each galaxy, or is 0 for a catalog without these columns.
    """
    c1, c2 = catalog["c1"], catalog["c2"]
    if c1 is None and c2 is None:
        return np.complex64(0)
    (r11, r12), (r21, r22) = Calibration.from_catalog(catalog).matrix
    c1, c2 = (0.0 if c is None else c for c in (c1, c2))
    return (r11 * c1 + r12 * c2 + 1j * (r21 * c1 + r22 * c2)).astype(np.complex64)


def mirrored(e: np.ndarray) -> np.ndarray:
    """Return complex ellipticities with the opposite handedness: the sign of e2 is reversed."""
    e1, e2 = to_celestial(e.real, e.imag, "euclidean")
    return e1 + 1j * e2


def moments(values: np.ndarray) -> list[float]:
    """Return the variances of E and B, then the skewnesses of E and B, from values E + i B."""
    values = values - values.mean()
    variances = [float(np.mean(part * part)) for part in (values.real, values.imag)]
    # numpy's power is slow in single precision, a product is not.
    thirds = [float(np.mean(part * part * part)) for part in (values.real, values.imag)]
    skewness = [
        third / variance**1.5 if variance > 0 else 0.0
        for third, variance in zip(thirds, variances, strict=True)
    ]
    return [*variances, *skewness]


def _pixel_scale(catalog: ShearCatalog) -> u.Quantity:
    """Return the pixel scale of the test maps, which resolves the smallest smoothing scale.

    The scale is larger for very large fields, to limit the number of pixels.
    """
    smallest = 0.5 * u.arcmin
    wcs = make_wcs(catalog, 10 * smallest)
    return max(smallest, 10 * smallest * max(wcs.array_shape) / _MAX_PIXELS)
