# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`HealpixMap`: a mass map on HEALPix pixels of the whole sphere or of a part of it."""

from __future__ import annotations

import copy as copy_module
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.nddata import StdDevUncertainty
from numpy.typing import ArrayLike

from lensmap.maps._arithmetic import MapArithmetic, warn_dropped
from lensmap.maps._convergence_map import ConvergenceMap
from lensmap.maps._healpix_files import read_healpix, write_healpix
from lensmap.maps._parts import as_list, mask_values, standard_deviation
from lensmap.sphere import HealpixPixels, SphericalTransform, gaussian_window, smoothed_lmax
from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    as_icrs,
    check_angle,
    check_celestial_wcs,
    rounding_level,
)

if TYPE_CHECKING:
    from astropy.wcs import WCS

    from lensmap.typing import AngleLike, PathLike

__all__ = ["HealpixMap"]

_PARTS = ("data", "uncertainty", "mask", "kappa_b", "counts", "meta")

# A pixel of a degraded map, or of a cutout, is masked if less of it is unmasked.
_MIN_UNMASKED = 0.5


class HealpixMap(MapArithmetic):
    """A convergence map (kappa) on HEALPix pixels, with B-mode, uncertainty, mask and counts.

    The map holds a part of the sphere or all of it. In masked pixels, the data, the B-mode and the
    uncertainty are NaN. Pixels whose data are not finite are always masked, and pixels that the map
    does not hold count as masked.

    Parameters
    ----------
    data : array_like
        The convergence, dimensionless, ``(n,)``.
    pixels : HealpixPixels or int
        The pixels of the sphere, or their ``nside``.
    index : array_like or None
        The HEALPix index of each pixel, ``(n,)``, each at most once. If None, the map holds the
        whole sphere.
    uncertainty : array_like, `~astropy.nddata.StdDevUncertainty` or None
        The standard deviation of each pixel, ``(n,)``. None if it is unknown. The entry
        ``meta["uncertainty"]`` holds its meaning, as for `ConvergenceMap`.
    mask : array_like or None
        True for masked pixels, bool, ``(n,)``. None masks only pixels that are not finite.
    kappa_b : array_like or None
        The B-mode, ``(n,)``. None if the map has no B-mode.
    counts : array_like or None
        The galaxy counts per pixel, ``(n,)``. None if they are unknown.
    meta : dict or None
        Metadata that describe the origin of the map.
    nest : bool
        Whether ``index``, or the order of the pixels if there is no ``index``, is that of the
        nested scheme. If False, it is that of the ring scheme.

    Attributes
    ----------
    pixels : HealpixPixels
        The pixels of the sphere.
    index : `numpy.ndarray`
        The nested index of each pixel, increasing, int64, ``(n,)``. All arrays are in this order.

    Raises
    ------
    TypeError, ValueError
        If an array has the wrong type or shape, or an index is not one of a pixel or is repeated.

    Examples
    --------
    >>> import numpy as np
    >>> from lensmap.maps import HealpixMap
    >>> kappa = HealpixMap([0.1, 0.2], 64, index=[17, 3])
    >>> kappa
    <HealpixMap of 2 pixels of nside 64 (55 arcmin); 2 unmasked; by unknown>
    >>> kappa.index
    array([ 3, 17])
    """

    def __init__(
        self,
        data: ArrayLike,
        pixels: HealpixPixels | int,
        index: ArrayLike | None = None,
        *,
        uncertainty: StdDevUncertainty | ArrayLike | None = None,
        mask: ArrayLike | None = None,
        kappa_b: ArrayLike | None = None,
        counts: ArrayLike | None = None,
        meta: dict | None = None,
        nest: bool = True,
    ) -> None:
        self.pixels = pixels if isinstance(pixels, HealpixPixels) else HealpixPixels(pixels)
        values = as_list(data, "data")
        order, self.index = _sorted_index(self.pixels, index, len(values), nest)

        def sort(array):
            return array if array is None or order is None else array[order]

        values = sort(values)
        masked = ~np.isfinite(values)
        if mask is not None:
            masked |= sort(as_list(mask, "mask", len(values), bool))
        sigma = getattr(uncertainty, "array", uncertainty)
        sigma = standard_deviation(sort(as_list(sigma, "uncertainty", len(values))), masked)
        b_mode = sort(as_list(kappa_b, "kappa_b", len(values)))
        self.data = mask_values(values, masked, False)
        self.mask = masked
        self.uncertainty = (
            None if sigma is None else StdDevUncertainty(mask_values(sigma, masked, False))
        )
        self.kappa_b = None if b_mode is None else mask_values(b_mode, masked, False)
        self.counts = sort(as_list(counts, "counts", len(values), None))
        self.meta = copy_module.deepcopy(dict(meta or {}))

    @property
    def shape(self) -> tuple[int]:
        """The shape of the arrays, ``(n,)``."""
        return self.data.shape

    @property
    def nside(self) -> int:
        """The resolution of the pixels."""
        return self.pixels.nside

    @property
    def snr(self) -> np.ndarray:
        """The signal-to-noise ratio, kappa / uncertainty, ``(n,)``; NaN in masked pixels.

        It is also NaN where the uncertainty is no more than a rounding error of kappa.

        Raises
        ------
        ValueError
            If the map has no uncertainty.
        """
        if self.uncertainty is None:
            raise ValueError(
                "the map has no uncertainty, which snr needs: reconstruct the map with "
                "uncertainty='rotations'"
            )
        sigma = self.uncertainty.array
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(sigma > rounding_level(self.data), self.data / sigma, np.nan)

    @property
    def area(self) -> u.Quantity:
        """The area of the unmasked pixels, a solid angle."""
        return (np.count_nonzero(~self.mask) * self.pixels.area * u.sr).to(u.deg**2)

    def __repr__(self) -> str:
        parts = [
            name for name in ("kappa_b", "uncertainty", "counts") if getattr(self, name) is not None
        ]
        with_parts = f"; with {', '.join(parts)}" if parts else ""
        return (
            f"<HealpixMap of {len(self.data)} pixels of nside {self.nside} "
            f"({self.pixels.scale.value:.3g} arcmin); {np.count_nonzero(~self.mask)} unmasked"
            f"{with_parts}; by {self.meta.get('estimator', 'unknown')}>"
        )

    def replace(self, **parts: object) -> HealpixMap:
        """Return a copy of the map with some parts replaced.

        Parameters
        ----------
        **parts
            The new parts: ``data``, ``uncertainty``, ``mask``, ``kappa_b``, ``counts`` or ``meta``,
            in the order of ``index``. None removes a part. If ``uncertainty`` is removed,
            ``meta["uncertainty"]`` is removed, too.

        Returns
        -------
        HealpixMap
            A new map on the same pixels.

        Raises
        ------
        TypeError
            If a map has no part of this name.
        """
        unknown = parts.keys() - set(_PARTS)
        if unknown:
            raise ParameterTypeError(
                min(unknown), "the name of a part", remedy=f"the parts are {', '.join(_PARTS)}"
            )
        all_parts: dict[str, Any] = {name: getattr(self, name) for name in _PARTS} | parts
        if all_parts["uncertainty"] is None:
            meta = all_parts["meta"] or {}
            all_parts["meta"] = {k: v for k, v in meta.items() if k != "uncertainty"}
        return HealpixMap(all_parts.pop("data"), self.pixels, self.index, **all_parts)

    def _check_same_pixels(self, other):
        if self.pixels != other.pixels or not np.array_equal(self.index, other.index):
            raise ValueError(
                "maps that are added or subtracted must have the same pixels: take the same nside "
                "and the same part of the sphere for both"
            )

    # --- files ------------------------------------------------------------------------------

    @classmethod
    def read(cls, path: PathLike) -> HealpixMap:
        """Read a map from a HEALPix table in FITS, or from a HealSparse file.

        Parameters
        ----------
        path : path-like
            The file: a FITS table in the ring or nested scheme, with all pixels or a part of them,
            or a HealSparse file (``.hsp``, ``.hs``).

        Returns
        -------
        HealpixMap
            The map. Columns of a file that is not lensmap's are found by the names KAPPA, KAPPA_B,
            UNCERT, MASK and COUNTS; the only column of values is kappa.

        Raises
        ------
        ValueError
            If the file is damaged or holds no such map.
        """
        return read_healpix(cls, path)

    def write(self, path: PathLike, *, overwrite: bool = False) -> None:
        """Write the map to a file; an interrupted call leaves no incomplete file.

        Parameters
        ----------
        path : path-like
            The file. If its name ends in ``.hsp`` or ``.hs``, it is a HealSparse map with one field
            for each part; otherwise a FITS table of the pixels that the map holds.
        overwrite : bool
            Whether to replace an existing file.

        Raises
        ------
        FileExistsError
            If the file exists and ``overwrite`` is False.
        ValueError
            If the format is FITS and cannot name the frame of the map: it knows ``"icrs"``,
            ``"galactic"`` and ``"barycentricmeanecliptic"``.
        """
        write_healpix(self, path, overwrite=overwrite)

    def to_full(self, *, nest: bool = True) -> np.ndarray:
        """Return kappa on all pixels of the sphere.

        Parameters
        ----------
        nest : bool
            Whether the result is in the nested scheme. If False, it is in the ring scheme.

        Returns
        -------
        `numpy.ndarray`
            The convergence, float, ``(12 nside**2,)``; NaN in masked pixels and in those that the
            map does not hold.
        """
        result = np.full(self.pixels.n_pixels, np.nan)
        result[self.index if nest else self.pixels.to_ring(self.index)] = self.data
        return result

    # --- other pixels -----------------------------------------------------------------------

    def at(self, position: SkyCoord) -> np.ndarray:
        """Return kappa in the pixels that contain positions.

        Parameters
        ----------
        position : `~astropy.coordinates.SkyCoord`
            The positions, ``(n,)`` or a scalar.

        Returns
        -------
        `numpy.ndarray`
            The values, with the shape of ``position``; NaN in masked pixels, off the map and at
            positions that are not finite.

        Raises
        ------
        TypeError
            If ``position`` is not a `~astropy.coordinates.SkyCoord`.
        ValueError
            If its frame does not convert to ICRS.
        """
        if not isinstance(position, SkyCoord):
            raise ParameterTypeError(
                "position", "a SkyCoord", repr(position), "such as SkyCoord(150, 30, unit='deg')"
            )
        if position.frame.name != self.pixels.frame:
            position = as_icrs(position, "position").transform_to(self.pixels.frame)
        lon, lat = (np.ravel(v.deg) for v in (position.spherical.lon, position.spherical.lat))
        on_sky = np.isfinite(lon) & np.isfinite(lat)
        nested = self.pixels.at(np.where(on_sky, lon, 0), np.where(on_sky, lat, 0))
        place, has_pixel = self._places(nested)
        return np.where(has_pixel & on_sky, self.data[place], np.nan).reshape(position.shape)

    def degrade(self, nside: int) -> HealpixMap:
        """Return the map with larger pixels.

        Parameters
        ----------
        nside : int
            The new resolution, at most that of the map.

        Returns
        -------
        HealpixMap
            The means over the unmasked pixels, and the sums of the counts. A pixel is masked if
            less than half of it is unmasked. There is no uncertainty, because the noise of
            neighboring pixels is correlated.
        """
        pixels = HealpixPixels(nside, self.pixels.frame)
        if pixels.nside > self.nside:
            raise ParameterError("nside", f"at most that of the map, {self.nside}", str(nside))
        if self.uncertainty is not None:
            warn_dropped("degraded map", "the noise of neighboring pixels is correlated")
        parent, row = np.unique(
            self.index >> (2 * (self.pixels.order - pixels.order)), return_inverse=True
        )
        unmasked = ~self.mask
        n_unmasked = np.bincount(row, unmasked, minlength=len(parent))
        share = n_unmasked / 4 ** (self.pixels.order - pixels.order)

        def mean(values):
            total = np.bincount(row, np.where(unmasked, values, 0), minlength=len(parent))
            return np.divide(total, n_unmasked, out=np.full(len(parent), np.nan),
                             where=n_unmasked > 0)

        counts = None
        if self.counts is not None:
            counts = np.bincount(row, self.counts, minlength=len(parent)).astype(self.counts.dtype)
        meta = {k: v for k, v in self.meta.items() if k != "uncertainty"}
        return HealpixMap(
            mean(self.data), pixels, parent, mask=share < _MIN_UNMASKED,
            kappa_b=None if self.kappa_b is None else mean(self.kappa_b), counts=counts,
            meta=meta | {"degraded_from": self.nside},
        )

    def smooth(self, smoothing: AngleLike) -> HealpixMap:
        """Smooth the map with a Gaussian; masked pixels get zero weight and stay masked.

        Parameters
        ----------
        smoothing : `~astropy.units.Quantity` or str
            The standard deviation of the Gaussian, an angle.

        Returns
        -------
        HealpixMap
            The smoothed map, without uncertainty, because the noise of neighboring pixels is
            correlated.
        """
        sigma = check_angle(smoothing, "smoothing").to_value(u.rad)
        if self.uncertainty is not None:
            warn_dropped("smoothed map", "the noise of neighboring pixels is correlated")
        lmax = smoothed_lmax(sigma, 3 * self.nside - 1)
        transform = SphericalTransform(self.pixels, self.index, lmax)
        transfer = gaussian_window(sigma, lmax)
        unmasked = (~self.mask).astype(float)
        weight = transform.smooth(unmasked, transfer)

        def smoothed(values):
            total = transform.smooth(np.where(self.mask, 0, values), transfer)
            return np.divide(total, weight, out=np.full(len(total), np.nan), where=~self.mask)

        done = [*self.meta.get("smoothed_by", []), str(check_angle(smoothing, "smoothing"))]
        return self.replace(
            data=smoothed(self.data), uncertainty=None,
            kappa_b=None if self.kappa_b is None else smoothed(self.kappa_b),
            meta={**self.meta, "smoothed_by": done},
        )

    def cutout(self, wcs: WCS) -> ConvergenceMap:
        """Return a part of the map on the pixels of an image.

        Kappa is interpolated between the centers of the nearest four HEALPix pixels. A pixel is
        masked if less than half of the weight of the interpolation is on unmasked pixels.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`
            Any celestial WCS with its ``array_shape``.

        Returns
        -------
        ConvergenceMap
            The map on these pixels, with the interpolated uncertainty, which remains that of the
            HEALPix pixels, and without counts.
        """
        from astropy_healpix.core import bilinear_interpolation_weights

        wcs = check_celestial_wcs(wcs)
        ny, nx = wcs.array_shape
        x, y = np.meshgrid(np.arange(nx), np.arange(ny))
        sky = SkyCoord(wcs.pixel_to_world(x, y)).transform_to(self.pixels.frame).spherical
        lon, lat = sky.lon.deg.ravel(), sky.lat.deg.ravel()
        on_sky = np.isfinite(lon) & np.isfinite(lat)
        ring, weight = bilinear_interpolation_weights(
            np.where(on_sky, lon, 0) * u.deg, np.where(on_sky, lat, 0) * u.deg, self.nside,
            order="ring",
        )
        place, found = self._places(self.pixels.from_ring(ring.ravel()))
        place, found = place.reshape(ring.shape), found.reshape(ring.shape)
        weight = np.where(found & ~self.mask[place], weight, 0.0)
        total = weight.sum(axis=0)

        def interpolated(values):
            if values is None:
                return None
            # A value that an unmasked pixel lacks, such as its uncertainty, is unknown and not 0.
            sums = np.sum(np.where(weight > 0, weight * values[place], 0), axis=0)
            result = np.divide(sums, total, out=np.full(len(total), np.nan), where=total > 0)
            return result.reshape(ny, nx)

        return ConvergenceMap(
            interpolated(self.data), wcs=wcs,
            mask=(~on_sky | (total < _MIN_UNMASKED)).reshape(ny, nx),
            uncertainty=interpolated(None if self.uncertainty is None else self.uncertainty.array),
            kappa_b=interpolated(self.kappa_b), meta={**self.meta, "nside": self.nside},
        )

    def _places(self, nested):
        """Return where pixels are in the map, and whether it holds them."""
        place = np.minimum(np.searchsorted(self.index, nested), len(self.index) - 1)
        return place, self.index[place] == nested


def _sorted_index(pixels, index, n, nest):
    """Return the order that sorts pixels by their nested index (None: sorted), and the index."""
    if index is None:
        if n != pixels.n_pixels:
            raise ParameterError(
                "data", f"the {pixels.n_pixels} pixels of the sphere at nside {pixels.nside}",
                f"{n} values", "give index for a part of the sphere", verb="hold",
            )
        index = np.arange(n)
    else:
        index = np.asarray(index)
        if index.dtype.kind not in "iu" or index.shape != (n,):
            raise ParameterTypeError(
                "index", f"integers, one for each of the {n} values",
                f"of type {index.dtype} and shape {index.shape}",
            )
        index = index.astype(np.int64)
        if n and not 0 <= index.min() <= index.max() < pixels.n_pixels:
            raise ParameterError(
                "index", f"from 0 to {pixels.n_pixels - 1} for nside {pixels.nside}",
                f"from {index.min()} to {index.max()}",
            )
    if not nest:
        index = pixels.from_ring(index)
    if np.all(np.diff(index) > 0):
        return None, index
    order = np.argsort(index, kind="stable")
    index = index[order]
    if np.any(np.diff(index) == 0):
        repeated = index[np.flatnonzero(np.diff(index) == 0)[0]]
        raise ParameterError("index", "different for all pixels", f"{repeated} more than once")
    return order, index
