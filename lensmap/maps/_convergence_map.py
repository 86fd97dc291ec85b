# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ConvergenceMap`: a mass map with its place on the sky, its errors and its history."""

import copy as copy_module
import numbers

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.nddata import Cutout2D, NDData, NDIOMixin, NoOverlapError, StdDevUncertainty

from lensmap.flatsky import normalized_smooth
from lensmap.maps._fits import register_fits
from lensmap.maps._parts import blanked, deviation, own_wcs, plane, unpacked
from lensmap.maps._pixels import pixel_anisotropy, pixel_sides, pixel_size, same_pixels
from lensmap.maps._resampling import resample, resample_counts
from lensmap.utils import (
    MapWarning,
    ParameterTypeError,
    check_angle,
    check_celestial_wcs,
    check_choice,
    warn_user,
)

__all__ = ["ConvergenceMap"]

# Smoothing in pixels is round on the sky where pixels are this close to squares.
_MAX_ANISOTROPY = 1.03

_PARTS = ("uncertainty", "mask", "wcs", "meta", "unit", "kappa_b", "counts")


class ConvergenceMap(NDIOMixin, NDData):
    """A convergence map (kappa) with B-mode, uncertainty, mask, galaxy counts and WCS.

    One rule for masked pixels: where ``mask`` is True, the data, the B-mode and the uncertainty
    are NaN; and where the data are not finite, the mask is True.

    Parameters
    ----------
    data : array_like or `~astropy.nddata.NDData`
        Kappa, ``(ny, nx)``, dimensionless. An NDData brings its other parts along, where they
        are not given.
    uncertainty : `~astropy.nddata.NDUncertainty`, array_like or None
        The standard deviation of each pixel, ``(ny, nx)``, or what can be turned into one; None
        if it is not known.
        ``meta["uncertainty"]`` says what it is about: ``noise`` or ``total``.
    mask : array_like or None
        Bool, ``(ny, nx)``, True = excluded.
    wcs : `~astropy.wcs.WCS`
        A two-dimensional celestial WCS.
    meta : dict or None
        Where the map comes from.
    unit : None or `~astropy.units.Unit`
        Dimensionless, if given at all.
    copy : bool
        Whether arrays that need no change are copied.
    kappa_b : array_like or None
        The B-mode in the celestial basis, ``(ny, nx)``.
    counts : array_like or None
        The number of galaxies in each pixel, ``(ny, nx)``.

    Raises
    ------
    TypeError, ValueError
        If the WCS is not celestial, or shapes differ.

    Notes
    -----
    The noise of neighboring pixels is strongly correlated. Smoothing, resampling and adding two
    maps therefore drop the uncertainty, with a warning; multiplying by a number or adding one
    keeps it.
    """

    def __init__(
        self,
        data,
        uncertainty=None,
        mask=None,
        wcs=None,
        meta=None,
        unit=None,
        copy=False,
        *,
        kappa_b=None,
        counts=None,
    ):
        given = (uncertainty, mask, wcs, meta, unit, kappa_b, counts)
        data, parts = unpacked(data, dict(zip(_PARTS, given, strict=True)))
        unit = parts["unit"]
        if unit is not None and u.Unit(unit) != u.dimensionless_unscaled:
            raise ValueError(f"unit must be dimensionless: kappa has none, not {str(unit)!r}")
        data = plane(data, "data")
        bad = ~np.isfinite(data)
        if parts["mask"] is not None:
            bad |= plane(parts["mask"], "mask", data.shape, bool)
        uncertainty = deviation(parts["uncertainty"], data.shape)
        kappa_b = plane(parts["kappa_b"], "kappa_b", data.shape)
        super().__init__(
            blanked(data, bad, copy),
            uncertainty=(
                None if uncertainty is None else StdDevUncertainty(blanked(uncertainty, bad, copy))
            ),
            mask=bad,
            wcs=own_wcs(parts["wcs"], data.shape),
            meta=copy_module.deepcopy(dict(parts["meta"] or {})),
            unit=u.dimensionless_unscaled,
        )
        self.kappa_b = None if kappa_b is None else blanked(kappa_b, bad, copy)
        counts = plane(parts["counts"], "counts", data.shape, None)
        self.counts = counts.copy() if copy and counts is not None else counts

    # Without this, numpy would take a map for a scalar of an array of objects.
    __array_ufunc__ = None

    @property
    def shape(self):
        """``(ny, nx)``."""
        return self.data.shape

    @property
    def pixel_scale(self):
        """The size of the pixel at the center, an angle `~astropy.units.Quantity`.

        The square root of the pixel's area on the sky.
        """
        return pixel_size(self.wcs, self.shape)

    @property
    def smoothing(self):
        """The standard deviation of all Gaussians that the map was smoothed with, or None.

        As far as it says so: the parameter ``smoothing`` of its estimator (0 where that is None),
        and `smooth` since. None: it does not say, and its noise may be correlated over any scale.
        """
        parameters = self.meta.get("parameters", {})
        scales = [*self.meta.get("smoothed_by", [])]
        if "smoothing" in parameters:
            scales.append(parameters["smoothing"] or 0 * u.arcmin)
        elif "estimator" in self.meta:  # it smooths in its own way
            return None
        try:
            squares = [u.Quantity(scale).to_value(u.arcmin) ** 2 for scale in scales]
        except (TypeError, ValueError):  # a map of another origin
            return None
        return np.sqrt(sum(squares)) * u.arcmin if squares else None

    @property
    def smoothing_pixels(self):
        """The same in pixels; 0 if the map does not say that it was smoothed."""
        return 0.0 if self.smoothing is None else float(self.smoothing / self.pixel_scale)

    @property
    def snr(self):
        """Kappa over its uncertainty, ``(ny, nx)``; NaN where masked.

        Raises
        ------
        ValueError
            If the map has no uncertainty.
        """
        if self.uncertainty is None:
            raise ValueError(
                "the map has no uncertainty: reconstruct it with uncertainty='analytic' or "
                "'rotations'"
            )
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.data / self.uncertainty.array

    def __repr__(self):
        ny, nx = self.shape
        kept = np.count_nonzero(~self.mask)
        has = [
            name
            for name, value in (
                ("kappa_b", self.kappa_b),
                ("uncertainty", self.uncertainty),
                ("counts", self.counts),
            )
            if value is not None
        ]
        what = f"; with {', '.join(has)}" if has else ""
        return (
            f"<ConvergenceMap of {ny} x {nx} pixels of {self.pixel_scale.to(u.arcmin):.3g}; "
            f"{kept} not masked{what}; by {self.meta.get('estimator', 'unknown')}>"
        )

    __str__ = __repr__

    # --- parts ------------------------------------------------------------------------------

    def replace(self, **parts: object) -> "ConvergenceMap":
        """Return a map with some parts replaced; all other parts stay as they are.

        Parameters
        ----------
        **parts
            ``data``, ``uncertainty``, ``mask``, ``wcs``, ``meta``, ``kappa_b`` or ``counts``, as
            for the constructor. None drops a part: without ``uncertainty``, ``meta`` loses its
            entry of that name, and without ``mask`` only pixels that are not finite are masked.

        Returns
        -------
        ConvergenceMap
            A new map; arrays that do not change are shared.

        Raises
        ------
        TypeError
            If a map has no such part.
        ValueError
            If shapes differ.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.coordinates import SkyCoord
        >>> from lensmap import ConvergenceMap
        >>> from lensmap.grid import tangent_wcs
        >>> wcs = tangent_wcs(SkyCoord(150, 2, unit="deg"), (4, 6), "1 arcmin")
        >>> kappa = ConvergenceMap(np.zeros((4, 6)), np.ones((4, 6)), wcs=wcs)
        >>> kappa.replace(uncertainty=None).uncertainty is None
        True
        """
        allowed = ["data", *(name for name in _PARTS if name != "unit")]
        unknown = parts.keys() - set(allowed)
        if unknown:
            raise ParameterTypeError("parts", f"some of {', '.join(allowed)}", repr(min(unknown)))
        all_parts = {
            "data": self.data,
            "wcs": self.wcs,
            "mask": self.mask,
            "uncertainty": None if self.uncertainty is None else self.uncertainty.array,
            "kappa_b": self.kappa_b,
            "counts": self.counts,
            "meta": self.meta,
        } | parts
        if all_parts["uncertainty"] is None:
            meta = all_parts["meta"] or {}
            all_parts["meta"] = {k: v for k, v in meta.items() if k != "uncertainty"}
        return ConvergenceMap(**all_parts)

    def __getitem__(self, item):
        """Return a part of the map: all that belongs to it comes along.

        Parameters
        ----------
        item : slice or tuple of slice
            One or two slices (y, x) without a step.

        Returns
        -------
        ConvergenceMap
            The part.
        """
        items = item if isinstance(item, tuple) else (item,)
        if not all(isinstance(i, slice) and i.step in (None, 1) for i in items) or len(items) > 2:
            raise IndexError(
                f"a map is cut by one or two slices without a step, (y, x), not by {item!r}; "
                "reproject makes other pixels"
            )
        bounds = [
            i.indices(n)[:2] for i, n in zip(items + (slice(None),) * 2, self.shape, strict=False)
        ]
        if any(start >= stop for start, stop in bounds):
            raise IndexError(f"{item!r} leaves nothing of a map of {self.shape} (ny, nx)")
        view = tuple(slice(start, stop) for start, stop in bounds)
        return self.replace(
            data=self.data[view],
            wcs=self.wcs.slice(view),
            mask=self.mask[view],
            uncertainty=None if self.uncertainty is None else self.uncertainty.array[view],
            kappa_b=None if self.kappa_b is None else self.kappa_b[view],
            counts=None if self.counts is None else self.counts[view],
        )

    def cutout(self, position, size):
        """Return the part of the map around a position, trimmed at the map's edge.

        Parameters
        ----------
        position : `~astropy.coordinates.SkyCoord`
            The center, in any frame.
        size : `~astropy.units.Quantity` or str
            An angle, or two for (height, width), along the pixel axes.

        Returns
        -------
        ConvergenceMap
            The part.

        Raises
        ------
        TypeError
            If ``position`` is no position or ``size`` no angle.
        ValueError
            If nothing of it lies on the map.
        """
        if not isinstance(position, SkyCoord) or not position.isscalar:
            raise TypeError(f"position must be one SkyCoord, not {position!r}")
        pair = isinstance(size, (tuple, list, u.Quantity)) and np.shape(size) == (2,)
        sides = [check_angle(side, "size") for side in (size if pair else (size, size))]
        own = pixel_sides(self.wcs, self.shape)
        pixels = [float(side / pixel) for side, pixel in zip(sides, own, strict=True)]
        center = self.wcs.world_to_pixel(position)
        try:
            if not np.all(np.isfinite(center)):  # on the other side of the sky
                raise NoOverlapError
            cut = Cutout2D(self.data, tuple(map(float, center)), pixels, mode="trim")
        except NoOverlapError:
            raise ValueError(
                f"position {position.to_string('decimal')} and size {size} do not overlap the map"
            ) from None
        return self[cut.slices_original]

    # --- arithmetic -------------------------------------------------------------------------

    def __neg__(self):
        return self * -1

    def __mul__(self, factor):
        if not _is_number(factor):
            return NotImplemented
        factor = float(factor)
        return self.replace(
            data=self.data * factor,
            uncertainty=(
                None if self.uncertainty is None else self.uncertainty.array * abs(factor)
            ),
            kappa_b=None if self.kappa_b is None else self.kappa_b * factor,
        )

    __rmul__ = __mul__

    def __truediv__(self, divisor):
        return self * (1.0 / float(divisor)) if _is_number(divisor) else NotImplemented

    def __add__(self, other):
        return self._plus(other, 1)

    __radd__ = __add__

    def __sub__(self, other):
        return self._plus(other, -1)

    def __rsub__(self, other):
        return (-self)._plus(other, 1)

    def _plus(self, other, sign):
        if _is_number(other):
            return self.replace(data=self.data + sign * float(other))
        if not isinstance(other, ConvergenceMap):
            return NotImplemented
        if self.shape != other.shape or not same_pixels(self.wcs, other.wcs, self.shape):
            raise ValueError("maps can be added only on the same WCS: reproject one of them first")
        if self.uncertainty is not None or other.uncertainty is not None:
            _warn_dropped("the two maps may share their noise")
        both_b = self.kappa_b is not None and other.kappa_b is not None
        # Two maps of the same galaxies have the same counts; of others, neither's are the sum's.
        same_counts = self.counts is not None and np.array_equal(self.counts, other.counts)
        return self.replace(
            data=self.data + sign * other.data,
            mask=self.mask | other.mask,
            uncertainty=None,
            kappa_b=self.kappa_b + sign * other.kappa_b if both_b else None,
            counts=self.counts if same_counts else None,
        )

    # --- other pixels -----------------------------------------------------------------------

    def smooth(self, smoothing):
        """Smooth with a Gaussian; masked pixels have no influence and stay masked.

        Parameters
        ----------
        smoothing : `~astropy.units.Quantity` or str
            The standard deviation, an angle.

        Returns
        -------
        ConvergenceMap
            The smoothed map (E and B), without uncertainty.

        Raises
        ------
        TypeError
            If ``smoothing`` is a bare number.
        ValueError
            If the pixels are far from squares.

        Warns
        -----
        MapWarning
            If the map had an uncertainty.
        """
        smoothing = check_angle(smoothing, "smoothing")
        anisotropy = pixel_anisotropy(self.wcs, self.shape)
        if anisotropy > _MAX_ANISOTROPY:
            raise ValueError(
                f"the pixels are far from squares ({anisotropy:.3g} : 1), so that a Gaussian would "
                "not be round on the sky: reproject the map first"
            )
        pixels = float(smoothing / self.pixel_scale)

        def smoothed(values):
            # The B-mode may have holes of its own, and one NaN would empty a Fourier transform.
            good = np.isfinite(values)
            weight = good.astype(values.dtype)
            smooth = normalized_smooth(np.where(good, values, 0), weight, pixels)[0]
            return np.where(good, smooth, np.nan)

        if self.uncertainty is not None:
            _warn_dropped("smoothed noise depends on its correlation")
        meta = {**self.meta, "smoothed_by": [*self.meta.get("smoothed_by", []), str(smoothing)]}
        return self.replace(
            data=smoothed(self.data),
            uncertainty=None,
            kappa_b=None if self.kappa_b is None else smoothed(self.kappa_b),
            meta=meta,
        )

    def reproject(self, wcs, *, order="bilinear"):
        """Resample onto another WCS.

        Kappa and the B-mode are interpolated. Counts are shared out among the pixels that lie at
        the same place, so that none is lost. A pixel is masked if its center lies off the map, or
        masked pixels enter its value.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`
            A celestial WCS with its ``array_shape``.
        order : {"bilinear", "nearest-neighbor"}
            The order of interpolation. (Splines of higher order would carry masked pixels far.)

        Returns
        -------
        ConvergenceMap
            The map on ``wcs``, without uncertainty.

        Raises
        ------
        TypeError, ValueError
            If ``wcs`` cannot be used, or the two do not overlap.

        Warns
        -----
        MapWarning
            If the map had an uncertainty.
        """
        check_celestial_wcs(wcs)
        check_choice(order, "order", ("bilinear", "nearest-neighbor"))
        planes = [self.data] if self.kappa_b is None else [self.data, self.kappa_b]
        (kappa, *kappa_b), bad = resample(planes, self.mask, self.wcs, wcs, order=order)
        if bad.all():
            raise ValueError("wcs does not overlap the map (or only its masked pixels)")
        if self.uncertainty is not None:
            _warn_dropped("resampled noise depends on its correlation")
        return self.replace(
            data=kappa,
            wcs=wcs,
            mask=bad,
            uncertainty=None,
            kappa_b=kappa_b[0] if kappa_b else None,
            counts=None if self.counts is None else resample_counts(self.counts, self.wcs, wcs),
            meta={**self.meta, "resampled_by": f"{order} (counts: shared out)"},
        )

    # --- pictures ---------------------------------------------------------------------------

    def plot(self, ax=None, **kwargs):
        """Draw the map; see `lensmap.plotting.plot_map`.

        Parameters
        ----------
        ax : `~astropy.visualization.wcsaxes.WCSAxes` or None
            Where to draw; None makes a new figure.
        **kwargs
            As for `lensmap.plotting.plot_map`.

        Returns
        -------
        `~astropy.visualization.wcsaxes.WCSAxes`
            The axes.
        """
        from lensmap.plotting import plot_map  # matplotlib only when a picture is wanted

        return plot_map(self, ax, **kwargs)


register_fits(ConvergenceMap)


def _is_number(value):
    return isinstance(value, numbers.Real) or (
        isinstance(value, (np.ndarray, u.Quantity)) and np.ndim(value) == 0
    )


def _warn_dropped(why):
    warn_user(f"the uncertainty is dropped: {why}", MapWarning, "uncertainty_dropped")
