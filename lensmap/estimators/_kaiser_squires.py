# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`KaiserSquires`: the linear inversion of shear in Fourier space."""

from collections.abc import Iterable
from typing import Literal, NamedTuple, Self

import numpy as np
from astropy import units as u

from lensmap.estimators._base import Estimator
from lensmap.estimators._contract import Contract
from lensmap.estimators._declarations import ROTATIONS, Inversion, Uncertainty
from lensmap.estimators._support import Support, data_support
from lensmap.flatsky import (
    check_smoothing,
    convergence_to_shear,
    gaussian_smooth,
    linear_noise,
    near_data,
    normalized_smooth,
    padded_shape,
    shear_to_convergence,
)
from lensmap.grid import DEFAULT_PIXEL_SCALE, ShearGrid
from lensmap.typing import AngleLike, SeedLike
from lensmap.utils import (
    MapWarning,
    ParameterError,
    check_angle,
    check_choice,
    check_count,
    check_number,
    warn_user,
)

__all__ = ["KaiserSquires"]

# Smoothed weights below this fraction of the largest one are rounding errors.
_ROUNDING = {"float64": 1e-9, "float32": 1e-5}

# Pixels with less of the smoothing kernel on pixels with galaxies near them are filled.
_MIN_KERNEL = 0.5

# A pixel without galaxies is part of a hole beyond this distance from one with galaxies, pixels.
_MAX_DISTANCE = 2.0

# The number of iterations, and the largest padding, of the tiles of a survey.
_SURVEY_FILL_ITERATIONS = 10
_SURVEY_PADDING = 1.25

# With more pixels without galaxies than this, an unsmoothed map is noticeably too low.
_MAX_EMPTY_FRACTION = 0.05


class _State(NamedTuple):
    """The smoothing length in pixels, and the masks that follow from galaxy positions.

    The inversions of a grid and of its noise realizations share these data.
    """

    sigma: float  # pixels
    support: Support
    empty: np.ndarray | None = None  # on the padded field


def _gaussian_response(estimator, ell_x, ell_y, pixel_scale, density):
    """Return the transfer function of `KaiserSquires`: pixel window times Gaussian smoothing.

    The result is the amplitude of the map divided by that of the true convergence, at the
    multipoles ``ell_x`` and ``ell_y`` (radian^-1). ``pixel_scale`` is the side of a pixel in
    radians. ``density``, the number of galaxies per steradian, has no effect.
    """
    x, y = (ell * pixel_scale / (2 * np.pi) for ell in (ell_x, ell_y))
    sigma = 0.0 if estimator.smoothing is None else estimator.smoothing.to_value(u.rad)
    return np.sinc(x) * np.sinc(y) * np.exp(-0.5 * (ell_x**2 + ell_y**2) * sigma**2)


class KaiserSquires(Estimator):
    r"""The Kaiser-Squires inversion, with smoothing that accounts for the mask.

    The weighted mean shear is smoothed by normalized convolution, :math:`G * (w g) / (G * w)`, so
    that holes and edges do not count as zero shear. The smoothed shear is padded with zeros and
    inverted, :math:`\tilde\kappa = D^* \tilde g`. The zero mode is set to 0, because the mass sheet
    is not measured.

    Parameters
    ----------
    smoothing : `~astropy.units.Quantity`, str or None
        The standard deviation of the Gaussian smoothing, an angle; None does not smooth. Without
        smoothing, pixels without galaxies count as zero shear, and a warning is given if there are
        many of them.
    padding : float
        The ratio of the side of the zero-padded field to that of the field, at least 1. With 1, the
        field is treated as periodic.
    reduced_shear_iterations : int
        The number of iterations that correct for the difference between reduced shear and shear; 0
        uses the reduced shear as the shear. Galaxies measure the reduced shear
        :math:`g = \gamma / (1 - \kappa)`. Each iteration multiplies g by :math:`1 - \kappa` of the
        previous map.
    fill_iterations : int
        The number of iterations in which the shear in holes and beyond the edges of the data is
        replaced by the shear of the convergence of the last iteration; 0 takes it as 0, which makes
        the map too low near holes and turns E-modes into B-modes. Pixels with less than half of the
        smoothing kernel on data are replaced, and masked. On a simulated sky of 270 square degrees
        with 15 per cent in holes, without noise, 10 iterations reduced the B-mode from 20 to 5 per
        cent of the E-mode. Tiles of a survey take 10 iterations if this is 0.
    scheme : {"nearest", "cloud-in-cell"}
        The scheme that assigns galaxies to pixels.
    fill_holes : bool
        Whether masked pixels are inpainted where at least half of the smoothing kernel lies on
        unmasked pixels, as in holes smaller than the smoothing.
    uncertainty : None, "analytic" or "rotations"
        The kind of uncertainty; None gives no uncertainty. Both kinds are the noise of the smoothed
        map. ``"analytic"`` propagates the shape noise through the linear inversion, which is fast.
        It is exact away from the edges of the data, wrong by 10 to 20 per cent within a few
        smoothing lengths of an edge, and worse outside the data; it cannot be used with
        cloud-in-cell. ``"rotations"`` is the scatter of maps of randomly rotated galaxies, which is
        correct everywhere.
    n_realizations : int
        The number of random rotations of the galaxies. Each rotation gives two noise maps, the
        E-mode and the B-mode.
    rng : int or `numpy.random.SeedSequence`
        The seed of the random rotations.
    sigma_e : float or None
        The intrinsic dispersion of the ellipticities per component, from which the noise level is
        computed; None takes the column ``sigma_e`` of the catalog or, without this column, measures
        the dispersion as a function of the weight. Only ``"analytic"`` uses the noise level.
    dtype : {"float64", "float32"}
        The floating-point precision of the Fourier transforms.

    Raises
    ------
    TypeError
        If ``smoothing`` is a number without a unit.
    ValueError
        If a parameter is out of range.

    Notes
    -----
    Galaxies at all distances contribute to a pixel, so `reach` returns None. If a tile of 48 arcmin
    is mapped with a margin of 16 arcmin around it, its map differs from that part of the map of the
    whole field by a constant and by 8 per cent of the scatter of the map. With a margin of 32
    arcmin, the second difference is 3 per cent. (Both percentages are means of two simulated fields
    of 3.2 deg with 30 galaxies per square arcminute.)

    References
    ----------
    Kaiser & Squires 1993, ApJ 404, 441; Seitz & Schneider 1995, A&A 297, 287 (iteration for the
    reduced shear).

    Examples
    --------
    >>> from astropy import units as u
    >>> from lensmap import KaiserSquires
    >>> KaiserSquires(smoothing=0.6 * u.arcmin).replace(padding=3)
    KaiserSquires(smoothing='0.6 arcmin', padding=3)
    """

    linear = True
    residual_shear = True
    uncertainties = (Uncertainty("analytic", "noise", with_map=True), ROTATIONS)
    contract = Contract(
        periodic={"padding": 1},
        outside="zero",
        aperture={"padding": 4, "smoothing": 0.5 * u.arcmin},
        response=_gaussian_response,
    )

    def __init__(
        self,
        *,
        smoothing: AngleLike | None = 1 * u.arcmin,
        padding: float = 2.0,
        reduced_shear_iterations: int = 0,
        fill_iterations: int = 0,
        scheme: Literal["nearest", "cloud-in-cell"] = "nearest",
        fill_holes: bool = False,
        uncertainty: str | None = None,
        n_realizations: int = 100,
        rng: SeedLike = 0,
        sigma_e: float | None = None,
        dtype: Literal["float64", "float32"] = "float64",
    ) -> None:
        self.smoothing = check_angle(smoothing, "smoothing", allow_none=True)
        self.padding = check_number(padding, "padding", "a finite number of at least 1", low=1)
        self.reduced_shear_iterations = check_count(
            reduced_shear_iterations, "reduced_shear_iterations"
        )
        self.fill_iterations = check_count(fill_iterations, "fill_iterations")
        self.scheme = scheme
        self.fill_holes = bool(fill_holes)
        self.uncertainty = uncertainty
        self.n_realizations = n_realizations
        self.rng = rng
        if uncertainty == "analytic" and scheme == "cloud-in-cell":
            raise ParameterError(
                "scheme",
                "'nearest' with {uncertainty='analytic'}",
                repr(scheme),
                "other schemes share galaxies between pixels, which correlates the noise of the "
                "pixels; use {uncertainty='rotations'} instead",
            )
        if sigma_e is not None:
            check_number(sigma_e, "sigma_e", "None or a positive number", low=1e-300)
        self.sigma_e = sigma_e
        self.dtype = check_choice(dtype, "dtype", ("float64", "float32"))
        self.check_parameters()

    def survey_pixel_scale(self, density: float) -> u.Quantity:
        """Return the side of the pixels of the tiles of a survey, if the user gives none.

        Parameters
        ----------
        density : float
            The number of galaxies per square arcminute.

        Returns
        -------
        `~astropy.units.Quantity`
            The side of a pixel, an angle: 0.4 arcmin or, if that is larger, a quarter of the
            smoothing length. Without smoothing, as for other estimators.
        """
        if self.smoothing is None:
            return super().survey_pixel_scale(density)
        return max(DEFAULT_PIXEL_SCALE, self.smoothing / 4)

    def for_tiles(self) -> Self:
        """Return the estimator for the tiles of a survey, which have more edges than a field.

        Returns
        -------
        KaiserSquires
            The estimator, with 10 ``fill_iterations`` if it has none, and a ``padding`` of at most
            1.25: tiles have a margin, and the iterations continue the shear beyond it.
        """
        return self.replace(
            fill_iterations=self.fill_iterations or _SURVEY_FILL_ITERATIONS,
            padding=min(self.padding, _SURVEY_PADDING),
        )

    def check(self, grid: ShearGrid) -> None:
        """Warn if an unsmoothed map has many pixels without galaxies.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        """
        empty = np.count_nonzero((grid.sum_w <= 0) & ~grid.mask) / max(1, (~grid.mask).sum())
        if self.smoothing is None and empty > _MAX_EMPTY_FRACTION:
            warn_user(
                f"{empty:.0%} of the pixels have no galaxies and, without smoothing, count as zero "
                "shear, so that the convergence in the map is too low: smooth the shear, for "
                "example with {smoothing='1arcmin'}, or use larger pixels",
                MapWarning,
                "empty_pixels",
                "smoothing",
                placeholders=True,
            )

    def prepare(self, grid: ShearGrid, fitted: None) -> _State:
        """Return the smoothing length in pixels, and the pixels that have galaxies near them.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        fitted : None
            None, because the method fits no model.

        Returns
        -------
        object
            The smoothing length in pixels and the masks of the map, which `invert` needs.
        """
        sigma = 0.0
        if self.smoothing is not None:
            scale = grid.pixel_frame.scale
            sigma = check_smoothing(
                float(self.smoothing / scale), grid.shape, scale.to_value(u.arcmin)
            )
        state = _State(sigma, data_support(grid, self.fill_holes, sigma, self.dtype))
        if not self.fill_iterations:
            return state
        empty = self._empty_pixels(grid, state)
        ny, nx = grid.shape
        # Filled pixels have values without data of their own.
        support = state.support._replace(
            unsupported=state.support.unsupported | empty[:ny, :nx]
        )
        return state._replace(empty=empty, support=support)

    def noise(
        self, grid: ShearGrid, state: _State, rng: np.random.Generator
    ) -> Iterable[np.ndarray]:
        """Return one realization of the error of the map.

        Parameters
        ----------
        grid, state, rng
            As for `Estimator.noise`.

        Returns
        -------
        iterable of `numpy.ndarray`
            The E-mode and the B-mode. With ``fill_iterations``, the E-mode alone: only E-modes are
            continued into holes and beyond the edges, so that the B-mode has less noise there.
        """
        inversion = self.invert(grid, state)
        if self.fill_iterations or inversion.kappa_b is None:
            return [inversion.kappa]
        return [inversion.kappa, inversion.kappa_b]

    def invert(self, grid: ShearGrid, state: _State) -> Inversion:
        """Smooth the shear of a grid, and invert it to the convergence.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        state : object
            The result of `prepare`.

        Returns
        -------
        Inversion
            The E-mode and the B-mode, and the analytic noise if it was chosen.
        """
        complex_dtype = {"float64": "complex128", "float32": "complex64"}[self.dtype]
        shear, _ = normalized_smooth(
            grid.sum_wg.astype(complex_dtype), grid.sum_w.astype(self.dtype), state.sigma
        )
        shear[state.support.unsupported] = 0.0
        kappa = self._convergence(shear, state)
        for _ in range(self.reduced_shear_iterations):
            kappa = self._convergence(shear * (1 - kappa.real), state)
        del shear
        noise = self._analytic_noise(grid, state.sigma) if self.uncertainty == "analytic" else None
        # Copies, because views would keep the padded complex array, four times as large, in memory.
        return Inversion(kappa.real.copy(), kappa.imag.copy(), *state.support, noise)

    def _convergence(self, shear: np.ndarray, state: _State) -> np.ndarray:
        """Return the complex convergence of smoothed shear, ``(ny, nx)``."""
        if state.empty is None:
            return shear_to_convergence(shear, padding=self.padding)
        ny, nx = shear.shape
        known = np.zeros(state.empty.shape, shear.dtype)
        known[:ny, :nx] = shear
        known[state.empty] = 0.0
        filled = known
        for _ in range(self.fill_iterations):
            kappa = shear_to_convergence(filled, padding=1).real
            filled = np.where(state.empty, convergence_to_shear(kappa, padding=1), known)
        return shear_to_convergence(filled, padding=1)[:ny, :nx]

    def _empty_pixels(self, grid: ShearGrid, state: _State) -> np.ndarray:
        """Return the pixels of the padded field that are filled with the shear of the map.

        They are those in which less than half of the smoothing kernel lies on pixels with galaxies
        near them, bool, ``(n_padded_y, n_padded_x)``.
        """
        occupied = grid.sum_w > 0
        # Empty pixels between galaxies are no holes.
        distance = np.sqrt((~grid.mask).sum() / np.count_nonzero(occupied))
        covered = near_data(occupied, min(distance, _MAX_DISTANCE)) & ~grid.mask
        share = gaussian_smooth(covered.astype(self.dtype), state.sigma)
        ny, nx = grid.shape
        empty = np.ones(padded_shape(grid.shape, self.padding), dtype=bool)
        empty[:ny, :nx] = state.support.unsupported | (share < _MIN_KERNEL)
        return empty

    def _analytic_noise(self, grid: ShearGrid, sigma: float) -> np.ndarray:
        """Return the shape noise of the map, propagated through smoothing and inversion.

        Normalized smoothing divides the shear by the smoothed weight G * w, which varies near edges
        and holes. The noise variance contains this factor twice. Without smoothing, G * w is the
        weight of the pixel itself, and the result is exact. With smoothing, one factor is evaluated
        at the pixels of the galaxies and the other at the pixel of the map. This approximation is
        exact where G * w is constant. ``sigma`` is the smoothing length in pixels. The result has
        the shape ``(ny, nx)``.
        """
        if grid.scheme != "nearest":
            raise ParameterError(
                "scheme",
                "'nearest' with {uncertainty='analytic'}",
                repr(grid.scheme),
                "other schemes share galaxies between pixels, which correlates the noise of the "
                "pixels; use {uncertainty='rotations'} instead",
            )
        smoothed_weight = gaussian_smooth(grid.sum_w.astype(self.dtype, copy=False), sigma)
        inverse = np.zeros_like(smoothed_weight)
        # smoothed weights below the floor are rounding errors
        floor = _ROUNDING[self.dtype] * smoothed_weight.max()
        np.divide(1.0, smoothed_weight, out=inverse, where=smoothed_weight > floor)
        variance = grid.noise_sum.astype(self.dtype, copy=False) * inverse
        if sigma < 1:  # the kernel covers one pixel, so only galaxies in the pixel contribute
            variance *= inverse
            return linear_noise(variance, sigma, padding=self.padding)
        noise = linear_noise(variance, sigma, padding=self.padding)
        noise *= np.sqrt(inverse)
        return noise
