# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ConvergenceMap`: a mass map with WCS, uncertainty, mask and metadata."""

import copy as copy_module
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.nddata import (
    Cutout2D,
    NDData,
    NDIOMixin,
    NDUncertainty,
    NoOverlapError,
    StdDevUncertainty,
)
from astropy.table import Table
from astropy.wcs import WCS
from numpy.typing import ArrayLike

from lensmap.flatsky import check_smoothing, normalized_smooth
from lensmap.maps._arithmetic import MapArithmetic, warn_dropped
from lensmap.maps._fits import register_fits
from lensmap.maps._html import html_of_map
from lensmap.maps._noise_peaks import check_noise_peaks, noise_peaks_of_part, noise_peaks_times
from lensmap.maps._parts import as_plane, copy_wcs, mask_values, standard_deviation, unpack
from lensmap.maps._pixels import check_pixels, pixel_sides, same_pixels
from lensmap.maps._resampling import resample, resample_counts
from lensmap.maps._surface_density import surface_density
from lensmap.typing import AngleLike
from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    as_icrs,
    check_angle,
    check_celestial_wcs,
    check_choice,
    pixel_size,
    rounding_level,
)

if TYPE_CHECKING:
    from astropy.visualization.wcsaxes import WCSAxes

    from lensmap.typing import CosmologyLike, RedshiftLike

__all__ = ["ConvergenceMap"]

_PARTS = ("uncertainty", "mask", "wcs", "meta", "unit", "kappa_b", "counts", "noise_peaks")


class ConvergenceMap(MapArithmetic, NDIOMixin, NDData):
    """A convergence map (kappa) with B-mode, uncertainty, mask, galaxy counts and WCS.

    In masked pixels, the data, the B-mode and the uncertainty are NaN. Pixels whose data are not
    finite are always masked.

    Parameters
    ----------
    data : array_like or `~astropy.nddata.NDData`
        The convergence, dimensionless, ``(ny, nx)``. If it is an NDData, its WCS, mask, uncertainty
        and other parts are used, unless they are given as parameters.
    uncertainty : `~astropy.nddata.NDUncertainty`, array_like or None
        The standard deviation of each pixel, ``(ny, nx)``, or an uncertainty that can be converted
        to a standard deviation. None if it is unknown. The entry ``meta["uncertainty"]`` holds its
        meaning: ``"noise"`` is the scatter about the true convergence as smoothed by the estimator,
        ``"total"`` is the error with respect to the true convergence itself.
    mask : array_like or None
        True for masked pixels, bool, ``(ny, nx)``. None masks only pixels that are not finite.
    wcs : `~astropy.wcs.WCS`
        The two-dimensional celestial WCS of the map.
    meta : dict or None
        Metadata that describe the origin of the map, such as the estimator and its parameters.
    unit : None or `~astropy.units.Unit`
        The unit of the data, which must be dimensionless. None means dimensionless.
    copy : bool
        Whether to copy arrays that need no change.
    kappa_b : array_like or None
        The B-mode in the celestial basis, ``(ny, nx)``. None if the map has no B-mode.
    counts : array_like or None
        The galaxy counts per pixel, ``(ny, nx)``. None if they are unknown.
    noise_peaks : `~astropy.table.Table` or None
        The peaks of noise-only maps of the field, from which `lensmap.find_peaks` computes how many
        peaks are false. Estimators record them with ``uncertainty="rotations"``. Each row is a peak
        or, where ``kappa`` is negative, a trough: the number ``noise_map`` of its map, its pixel
        ``x``, ``y``, the convergence ``kappa``, and whether it is a local extremum of the
        signal-to-noise ratio (``in_snr``) and of kappa (``in_kappa``). ``meta`` holds the number of
        maps that were searched (``n_maps``), that of maps from which the uncertainty was computed
        (``n_in_uncertainty``), and the heights above which no peak is missing (``min_snr``,
        ``min_kappa``). None if there is no such record.

    Raises
    ------
    TypeError, ValueError
        If the WCS is not celestial, if an array has the wrong type, if the shapes of arrays differ,
        or if the unit is not dimensionless.

    Notes
    -----
    The noise of neighboring pixels is strongly correlated. Smoothing or resampling a map, or adding
    two maps, therefore drops the uncertainty, with a warning. Multiplying a map by a number, or
    adding a number, keeps the uncertainty.
    """

    def __init__(
        self,
        data: ArrayLike | NDData,
        uncertainty: NDUncertainty | ArrayLike | None = None,
        mask: ArrayLike | None = None,
        wcs: WCS | None = None,
        meta: dict | None = None,
        unit: u.UnitBase | str | None = None,
        copy: bool = False,
        *,
        kappa_b: ArrayLike | None = None,
        counts: ArrayLike | None = None,
        noise_peaks: Table | None = None,
    ) -> None:
        given = (uncertainty, mask, wcs, meta, unit, kappa_b, counts, noise_peaks)
        values, parts = unpack(data, dict(zip(_PARTS, given, strict=True)))
        unit = parts["unit"]
        if unit is not None and u.Unit(unit) != u.dimensionless_unscaled:
            raise ParameterError(
                "unit", "dimensionless, because kappa has no unit", repr(str(unit))
            )
        values = as_plane(values, "data")
        masked = ~np.isfinite(values)
        if parts["mask"] is not None:
            masked |= as_plane(parts["mask"], "mask", values.shape, bool)
        sigma = standard_deviation(parts["uncertainty"], masked)
        b_mode = as_plane(parts["kappa_b"], "kappa_b", values.shape)
        super().__init__(
            mask_values(values, masked, copy),
            uncertainty=(
                None if sigma is None else StdDevUncertainty(mask_values(sigma, masked, copy))
            ),
            mask=masked,
            wcs=copy_wcs(parts["wcs"], values.shape),
            meta=copy_module.deepcopy(dict(parts["meta"] or {})),
            unit=u.dimensionless_unscaled,
        )
        self.kappa_b = None if b_mode is None else mask_values(b_mode, masked, copy)
        n_galaxies = as_plane(parts["counts"], "counts", values.shape, None)
        self.counts = n_galaxies.copy() if copy and n_galaxies is not None else n_galaxies
        check_noise_peaks(parts["noise_peaks"], values.shape)
        self.noise_peaks = parts["noise_peaks"]

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the map, ``(ny, nx)``."""
        return self.data.shape

    @property
    def pixel_scale(self) -> u.Quantity:
        """The pixel scale, an angle: the square root of the area of the central pixel."""
        return pixel_size(self.wcs, self.shape)

    @property
    def smoothing(self) -> u.Quantity | None:
        """The standard deviation of the Gaussian smoothing of the map, an angle; None if unknown.

        The parameter ``smoothing`` of the estimator (0 if it is None) and the smoothing of every
        later call of `smooth` are added in quadrature. If the smoothing is unknown, the noise may
        be correlated on any scale.
        """
        parameters = self.meta.get("parameters", {})
        scales = [*self.meta.get("smoothed_by", [])]
        if "smoothing" in parameters:
            scales.append(parameters["smoothing"] or 0 * u.arcmin)
        elif "estimator" in self.meta:  # the estimator does not smooth with a Gaussian
            return None
        try:
            squares = [u.Quantity(scale).to_value(u.arcmin) ** 2 for scale in scales]
        except (TypeError, ValueError):  # meta written by another program
            return None
        return np.sqrt(sum(squares)) * u.arcmin if squares else None

    @property
    def smoothing_pixels(self) -> float:
        """The standard deviation of the Gaussian smoothing in pixels; 0 if it is unknown."""
        return 0.0 if self.smoothing is None else float(self.smoothing / self.pixel_scale)

    @property
    def snr(self) -> np.ndarray:
        """The signal-to-noise ratio, kappa / uncertainty, ``(ny, nx)``; NaN in masked pixels.

        It is also NaN where the uncertainty is no more than a rounding error of kappa. If the
        uncertainty is the total error (``meta["uncertainty"]`` is ``"total"``), the ratio is no
        significance.

        Raises
        ------
        ValueError
            If the map has no uncertainty.
        """
        if self.uncertainty is None:
            raise ParameterError(
                "kappa", "an uncertainty for its signal-to-noise ratio",
                remedy="reconstruct the map with {uncertainty='analytic'} or "
                "{uncertainty='rotations'}", verb="have",
            )
        sigma = self.uncertainty.array
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(sigma > rounding_level(self.data), self.data / sigma, np.nan)

    def __repr__(self) -> str:
        ny, nx = self.shape
        n_unmasked = np.count_nonzero(~self.mask)
        parts = [
            name for name in ("kappa_b", "uncertainty", "counts") if getattr(self, name) is not None
        ]
        with_parts = f"; with {', '.join(parts)}" if parts else ""
        return (
            f"<ConvergenceMap of {ny} x {nx} pixels of {self.pixel_scale.to(u.arcmin):.3g}; "
            f"{n_unmasked} unmasked{with_parts}; by {self.meta.get('estimator', 'unknown')}>"
        )

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return html_of_map(self)

    # --- parts ------------------------------------------------------------------------------

    def replace(self, **parts: object) -> "ConvergenceMap":
        """Return a copy of the map with some parts replaced.

        Parameters
        ----------
        **parts
            The new parts: ``data``, ``uncertainty``, ``mask``, ``wcs``, ``meta``, ``kappa_b``,
            ``counts`` or ``noise_peaks``, as for the constructor. None removes a part. If
            ``uncertainty`` is removed, ``meta["uncertainty"]`` is removed, too. If ``mask`` is
            removed, only pixels that are not finite are masked. A new ``uncertainty`` removes
            ``noise_peaks``, which belong to the old one, unless they are given, too.

        Returns
        -------
        ConvergenceMap
            A new map. Arrays that do not change are shared with this map.

        Raises
        ------
        TypeError
            If a map has no part of this name.
        ValueError
            If the shapes of the parts differ.

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
            raise ParameterTypeError(
                min(unknown), "the name of a part", remedy=f"the parts are {', '.join(allowed)}"
            )
        all_parts = {
            "data": self.data,
            "wcs": self.wcs,
            "mask": self.mask,
            "uncertainty": None if self.uncertainty is None else self.uncertainty.array,
            "kappa_b": self.kappa_b,
            "counts": self.counts,
            "meta": self.meta,
            "noise_peaks": None if "uncertainty" in parts else self.noise_peaks,
        } | parts
        if all_parts["uncertainty"] is None:
            meta = all_parts["meta"] or {}
            all_parts["meta"] = {k: v for k, v in meta.items() if k != "uncertainty"}
        return ConvergenceMap(**all_parts)

    def __getitem__(self, item: slice | tuple[slice, ...]) -> "ConvergenceMap":
        """Return a rectangular cutout of the map, with its WCS, mask, uncertainty and other parts.

        Parameters
        ----------
        item : slice or tuple of slice
            One or two slices, in the order y, x, without a step.

        Returns
        -------
        ConvergenceMap
            The cutout, with the shape ``(ny, nx)`` of the whole map in ``meta["cutout_of"]``.
        """
        items = item if isinstance(item, tuple) else (item,)
        if not all(isinstance(i, slice) and i.step in (None, 1) for i in items) or len(items) > 2:
            raise IndexError(
                "the index of a map must be one or two slices [y, x] without a step, such as "
                f"kappa[10:20, 30:50], not {item!r}: take single pixels from kappa.data, and make "
                "larger pixels with reproject"
            )
        bounds = [
            i.indices(n)[:2] for i, n in zip(items + (slice(None),) * 2, self.shape, strict=False)
        ]
        if any(start >= stop for start, stop in bounds):
            raise IndexError(
                f"the index {item!r} selects no pixel of the map, whose shape is {self.shape} "
                "(ny, nx)"
            )
        view = tuple(slice(start, stop) for start, stop in bounds)
        meta = self.meta
        if any(stop - start < n for (start, stop), n in zip(bounds, self.shape, strict=True)):
            # Galaxies outside the cutout contributed to its pixels.
            meta = {"cutout_of": list(self.shape), **meta}
        return self.replace(
            meta=meta,
            data=self.data[view],
            wcs=self.wcs.slice(view),
            mask=self.mask[view],
            uncertainty=None if self.uncertainty is None else self.uncertainty.array[view],
            kappa_b=None if self.kappa_b is None else self.kappa_b[view],
            counts=None if self.counts is None else self.counts[view],
            noise_peaks=noise_peaks_of_part(self.noise_peaks, view),
        )

    def cutout(self, position: SkyCoord, size: Any) -> "ConvergenceMap":
        """Return a cutout of the map around a position, trimmed at the edge of the map.

        Parameters
        ----------
        position : `~astropy.coordinates.SkyCoord`
            The center of the cutout, in any frame.
        size : `~astropy.units.Quantity`, str or pair of these
            The side of a square cutout, an angle. A pair gives the height and the width along the
            pixel axes.

        Returns
        -------
        ConvergenceMap
            The cutout.

        Raises
        ------
        TypeError
            If ``position`` is not a single `~astropy.coordinates.SkyCoord`, or ``size`` is not an
            angle.
        ValueError
            If the cutout does not overlap the map.
        """
        if not isinstance(position, SkyCoord) or not position.isscalar:
            raise ParameterTypeError("position", "a SkyCoord of one position", repr(position))
        is_pair = isinstance(size, (tuple, list, u.Quantity)) and np.shape(size) == (2,)
        sides = [check_angle(side, "size") for side in (size if is_pair else (size, size))]
        pixels = pixel_sides(self.wcs, self.shape)
        n_pixels = [float(side / pixel) for side, pixel in zip(sides, pixels, strict=True)]
        position = as_icrs(position, "position")
        center = self.wcs.world_to_pixel(position)
        try:
            if not np.all(np.isfinite(center)):  # the projection is not defined at the position
                raise NoOverlapError
            cut = Cutout2D(self.data, tuple(map(float, center)), n_pixels, mode="trim")
        except NoOverlapError:
            raise ValueError(
                f"the cutout of size {size} around position {position.to_string('decimal')} deg "
                f"({position.frame.name}) does not overlap the map"
            ) from None
        return self[cut.slices_original]

    def __mul__(self, factor):
        product = super().__mul__(factor)
        if product is not NotImplemented:
            product.noise_peaks = noise_peaks_times(self.noise_peaks, float(factor))
        return product

    __rmul__ = __mul__

    def _check_same_pixels(self, other):
        if self.shape != other.shape or not same_pixels(self.wcs, other.wcs, self.shape):
            raise ValueError(
                "maps that are added or subtracted must have the same pixels: reproject one of "
                "them to the wcs of the other first"
            )

    # --- other pixels -----------------------------------------------------------------------

    def smooth(self, smoothing: AngleLike) -> "ConvergenceMap":
        """Smooth the map with a Gaussian; masked pixels get zero weight and stay masked.

        Parameters
        ----------
        smoothing : `~astropy.units.Quantity` or str
            The standard deviation of the Gaussian, an angle.

        Returns
        -------
        ConvergenceMap
            The smoothed map. Its B-mode is smoothed, too, and its uncertainty is dropped.

        Raises
        ------
        TypeError
            If ``smoothing`` is not an angle.
        ValueError
            If pixels are not squares of one size (their sides differ by more than 3 per cent at the
            center of the map), or if the Gaussian is far wider than the map.

        Warns
        -----
        MapWarning
            If the map had an uncertainty.
        """
        smoothing = check_angle(smoothing, "smoothing")
        check_pixels(self.wcs, self.shape)
        scale = self.pixel_scale
        pixels = check_smoothing(float(smoothing / scale), self.shape, scale.to_value(u.arcmin))

        def smoothed(values):
            # The mask is not enough: the B-mode can be NaN in further pixels, and a single NaN
            # would spread over the whole map in the Fourier transform.
            is_finite = np.isfinite(values)
            weight = is_finite.astype(values.dtype)
            smooth = normalized_smooth(np.where(is_finite, values, 0), weight, pixels)[0]
            return np.where(is_finite, smooth, np.nan)

        if self.uncertainty is not None:
            warn_dropped(
                "smoothed map",
                "the correlation of the noise between pixels is not known: for an uncertainty, "
                "reconstruct the map with this smoothing",
            )
        meta = {**self.meta, "smoothed_by": [*self.meta.get("smoothed_by", []), str(smoothing)]}
        return self.replace(
            data=smoothed(self.data),
            uncertainty=None,
            kappa_b=None if self.kappa_b is None else smoothed(self.kappa_b),
            meta=meta,
        )

    def reproject(
        self, wcs: WCS, *, order: Literal["bilinear", "nearest-neighbor"] = "bilinear"
    ) -> "ConvergenceMap":
        """Resample the map to another WCS.

        Kappa and the B-mode are interpolated. Galaxy counts are distributed over the new pixels by
        area, so that their sum is conserved. A new pixel is masked if its center lies outside the
        original map, or if masked pixels contribute to its value.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`
            The new celestial WCS, with its ``array_shape``.
        order : {"bilinear", "nearest-neighbor"}
            The order of the interpolation. Higher orders are not offered, because they would mask
            many pixels around each masked pixel.

        Returns
        -------
        ConvergenceMap
            The map on ``wcs``, without uncertainty.

        Raises
        ------
        TypeError, ValueError
            If ``wcs`` is not a celestial WCS with its ``array_shape``, or does not overlap the map.

        Warns
        -----
        MapWarning
            If the map had an uncertainty.
        """
        wcs = check_celestial_wcs(wcs)
        check_choice(order, "order", ("bilinear", "nearest-neighbor"))
        planes = [self.data] if self.kappa_b is None else [self.data, self.kappa_b]
        (kappa, *kappa_b), masked = resample(planes, self.mask, self.wcs, wcs, order=order)
        if masked.all():
            raise ValueError(
                "wcs does not overlap any unmasked pixel of the map: check the position (CRVAL, "
                "CRPIX) and the array_shape of wcs"
            )
        if self.uncertainty is not None:
            warn_dropped(
                "resampled map",
                "the correlation of the noise between pixels is not known: for an uncertainty, "
                "reconstruct the map on this wcs",
            )
        return self.replace(
            data=kappa,
            wcs=wcs,
            mask=masked,
            uncertainty=None,
            kappa_b=kappa_b[0] if kappa_b else None,
            counts=None if self.counts is None else resample_counts(self.counts, self.wcs, wcs),
            meta={**self.meta, "resampled_by": f"{order} (counts: shared out)"},
        )

    # --- other quantities -------------------------------------------------------------------

    def surface_density(
        self,
        z_lens: float,
        z_source: "RedshiftLike | None" = None,
        *,
        cosmology: "CosmologyLike" = None,
    ) -> NDData:
        r"""Return the surface mass density, :math:`\Sigma = \kappa\, \Sigma_\mathrm{cr}`.

        All mass along the line of sight counts as if it were at the redshift of the lens. Like
        kappa itself, the result is known up to a constant, the mass sheet, and is smoothed as the
        map is.

        Parameters
        ----------
        z_lens : float
            The redshift of the lens.
        z_source : float, `~lensmap.SourceRedshifts` or None
            The redshift of the galaxies of the map, or their distribution. None takes the
            distribution that a map of the galaxies behind a lens (`ShearCatalog.behind
            <lensmap.catalog.ShearCatalog.behind>`) records.
        cosmology : `~astropy.cosmology.FLRW`, str or None
            The cosmology or its name, as for `lensmap.cosmology.get_cosmology`. None is the default
            cosmology of lensmap.

        Returns
        -------
        `~astropy.nddata.NDData`
            The surface density in solar masses per square proper Mpc, ``(ny, nx)``, with the mask,
            the WCS and the uncertainty of the map, in the same unit. ``meta["sigma_crit"]`` is the
            critical surface density. In masked pixels, the density is NaN.

        Raises
        ------
        TypeError, ValueError
            If a parameter is invalid, the lens is not in front of the sources, or the map is one
            of another quantity than kappa.

        References
        ----------
        Bartelmann & Schneider 2001, Phys. Rep. 340, 291, eq. 3.7.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.coordinates import SkyCoord
        >>> from lensmap import ConvergenceMap
        >>> from lensmap.grid import tangent_wcs
        >>> wcs = tangent_wcs(SkyCoord(150, 2, unit="deg"), (4, 6), "1 arcmin")
        >>> kappa = ConvergenceMap(np.full((4, 6), 0.1), wcs=wcs)
        >>> sigma = kappa.surface_density(0.3, 1.0)
        >>> print(f"{sigma.data[0, 0]:.3e} {sigma.unit}")
        2.835e+14 solMass / Mpc2
        """
        return surface_density(self, z_lens, z_source, cosmology)

    # --- figures ----------------------------------------------------------------------------

    def plot(self, ax: "WCSAxes | None" = None, **kwargs: Any) -> "WCSAxes":
        """Draw the map, as `lensmap.plotting.plot_map` does.

        Parameters
        ----------
        ax : `~astropy.visualization.wcsaxes.WCSAxes` or None
            The axes to draw on. None makes a new figure.
        **kwargs
            Further parameters of `lensmap.plotting.plot_map`.

        Returns
        -------
        `~astropy.visualization.wcsaxes.WCSAxes`
            The axes with the map.
        """
        from lensmap.plotting import plot_map  # here, because matplotlib is slow to import

        return plot_map(self, ax, **kwargs)


register_fits(ConvergenceMap)
