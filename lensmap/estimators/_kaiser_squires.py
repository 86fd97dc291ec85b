# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`KaiserSquires`: the linear inversion in Fourier space."""

from typing import Literal, NamedTuple

import numpy as np
from astropy import units as u

from lensmap.estimators._base import Estimator
from lensmap.estimators._contract import Contract
from lensmap.estimators._declarations import ROTATIONS, Inversion, Uncertainty
from lensmap.estimators._support import Support, data_support
from lensmap.flatsky import (
    gaussian_smooth,
    linear_noise,
    normalized_smooth,
    shear_to_convergence,
)
from lensmap.grid import ShearGrid
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

# A smoothed weight below this fraction of the largest is a rounding error.
_ROUNDING = {"float64": 1e-9, "float32": 1e-5}

# A larger fraction of pixels without galaxies makes an unsmoothed map too low.
_MAX_EMPTY_FRACTION = 0.05


class _State(NamedTuple):
    """The state shared by inversions on the same pixels."""

    sigma: float  # pixels
    support: Support


def _gaussian_response(estimator, ell_x, ell_y, pixel_scale, density):
    """Return the transfer function of the pixel and the smoothing."""
    x, y = (ell * pixel_scale / (2 * np.pi) for ell in (ell_x, ell_y))
    sigma = 0.0 if estimator.smoothing is None else estimator.smoothing.to_value(u.rad)
    return np.sinc(x) * np.sinc(y) * np.exp(-0.5 * (ell_x**2 + ell_y**2) * sigma**2)


class KaiserSquires(Estimator):
    r"""The Kaiser-Squires inversion, with smoothing that accounts for the mask.

    The weighted mean shear is smoothed by normalized convolution, :math:`G * (w g) / (G * w)`, so
    that holes and edges do not count as zero shear, padded with zeros, and inverted:
    :math:`\tilde\kappa = D^* \tilde g`. The zero mode is 0: the mass sheet is not measured.

    Parameters
    ----------
    smoothing : `~astropy.units.Quantity`, str or None
        The standard deviation of the Gaussian smoothing, an angle; None does not smooth, so that
        pixels without galaxies count as zero shear, with a warning.
    padding : float
        The side of the zero-padded field over that of the field, at least 1; 1 takes the field as
        periodic.
    reduced_shear_iterations : int
        The number of corrections for the reduced shear. Galaxies measure
        :math:`g = \gamma / (1 - \kappa)`: each correction multiplies g by :math:`1 - \kappa` of the
        previous map; 0 takes g for the shear.
    scheme : {"nearest", "cloud-in-cell"}
        The assignment of galaxies to pixels.
    fill_holes : bool
        Whether masked pixels are inpainted where at least half of the smoothing kernel lies on
        unmasked pixels, as in holes smaller than the smoothing.
    uncertainty : None, "analytic" or "rotations"
        The kind of uncertainty; None gives none. ``"analytic"`` (not with cloud-in-cell) propagates
        shape noise through the linear map: quick, exact away from the edges of the data, wrong by
        ten or twenty per cent within a few smoothing lengths of an edge, and by more outside of the
        data. ``"rotations"`` is the scatter of maps of randomly rotated galaxies, right everywhere.
        Both are noise about the smoothed truth.
    n_realizations : int
        The number of random rotations of the galaxies; each gives two noise maps (E and B).
    rng : int or `numpy.random.SeedSequence`
        The seed of the random rotations.
    sigma_e : float or None
        The intrinsic dispersion of the ellipticities per component, for ``"analytic"``; None takes
        the column ``sigma_e``, and measures it where there is none.
    dtype : {"float64", "float32"}
        The precision of the transforms.

    Raises
    ------
    TypeError
        If ``smoothing`` is a bare number.
    ValueError
        If a parameter is out of range.

    Notes
    -----
    Galaxies at all distances contribute to a pixel: `reach` is None. A tile of 48 arcmin that is
    cut with a margin of 16 arcmin differs from the map of the whole by 8 per cent of the scatter of
    the map, with a margin of 32 arcmin by 3 per cent, beside a constant (mean of two simulated
    fields of 3.2 deg, 30 galaxies per square arcminute).

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
                "galaxies that are shared by pixels make their noise correlated; use 'rotations'",
            )
        if sigma_e is not None:
            check_number(sigma_e, "sigma_e", "None or a positive number", low=1e-300)
        self.sigma_e = sigma_e
        self.dtype = check_choice(dtype, "dtype", ("float64", "float32"))
        self.check_parameters()

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
                "shear, which makes the map too low: give smoothing=, or larger pixels",
                MapWarning,
                "empty_pixels",
                "smoothing",
            )

    def prepare(self, grid: ShearGrid, fitted: None) -> _State:
        """Return the smoothing in pixels and the pixels that galaxies support.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        fitted : None
            Nothing is fitted.

        Returns
        -------
        object
            The state for `invert`.
        """
        sigma = 0.0
        if self.smoothing is not None:
            sigma = float(self.smoothing / grid.pixel_frame.scale)
        return _State(sigma, data_support(grid, self.fill_holes, sigma, self.dtype))

    def invert(self, grid: ShearGrid, state: _State) -> Inversion:
        """Smooth the shear and invert it.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        state : object
            The result of `prepare`.

        Returns
        -------
        Inversion
            E- and B-mode, and the analytic noise if it was chosen.
        """
        complex_dtype = {"float64": "complex128", "float32": "complex64"}[self.dtype]
        shear, _ = normalized_smooth(
            grid.sum_wg.astype(complex_dtype), grid.sum_w.astype(self.dtype), state.sigma
        )
        shear[state.support.unsupported] = 0.0
        kappa = shear_to_convergence(shear, padding=self.padding)
        for _ in range(self.reduced_shear_iterations):
            kappa = shear_to_convergence(shear * (1 - kappa.real), padding=self.padding)
        del shear
        noise = self._analytic_noise(grid, state.sigma) if self.uncertainty == "analytic" else None
        # Views of one complex array, which is padded, would keep four times their size.
        return Inversion(kappa.real.copy(), kappa.imag.copy(), *state.support, noise)

    def _analytic_noise(self, grid: ShearGrid, sigma: float) -> np.ndarray:
        """Return the noise of the smoothed shear through the inversion.

        Normalized smoothing divides by G * w, which varies at edges and holes. Without smoothing,
        that is the weight of the pixel itself, and exact. With it, the variance is taken with
        G * w at the galaxies for one factor and at the map's pixel for the other: exact where it
        is constant, and the best simple choice where it is not.
        """
        if grid.scheme != "nearest":
            raise ParameterError(
                "scheme",
                "'nearest' with {uncertainty='analytic'}",
                repr(grid.scheme),
                "galaxies that are shared by pixels make their noise correlated; use 'rotations'",
            )
        smoothed_weight = gaussian_smooth(grid.sum_w.astype(self.dtype, copy=False), sigma)
        inverse = np.zeros_like(smoothed_weight)
        # below it there are rounding errors
        floor = _ROUNDING[self.dtype] * smoothed_weight.max()
        np.divide(1.0, smoothed_weight, out=inverse, where=smoothed_weight > floor)
        variance = grid.noise_sum.astype(self.dtype, copy=False) * inverse
        if sigma < 1:  # a kernel of one pixel sees its own galaxies only
            variance *= inverse
            return linear_noise(variance, sigma, padding=self.padding)
        noise = linear_noise(variance, sigma, padding=self.padding)
        noise *= np.sqrt(inverse)
        return noise
