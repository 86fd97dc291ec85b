# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`KaiserSquires`: the linear inversion in Fourier space."""

import numpy as np
from astropy import units as u

from lensmap.estimators._base import Estimator, Inversion
from lensmap.estimators._registry import register_estimator
from lensmap.flatsky import (
    gaussian_smooth,
    linear_noise,
    near_data,
    normalized_smooth,
    shear_to_convergence,
)
from lensmap.utils import MapWarning, check_angle, check_choice, check_count, warn_user

__all__ = ["KaiserSquires"]

# A pixel has data near it if there is a galaxy within this many smoothing lengths.
_SUPPORT = 2.0

# A masked pixel is bridged if at least this part of the smoothing kernel sees data.
_BRIDGE = 0.5

# A smoothed weight that is less than this part of the largest is a rounding error.
_ROUNDING = {"float64": 1e-9, "float32": 1e-5}


@register_estimator("ks")
class KaiserSquires(Estimator):
    r"""The inversion of Kaiser & Squires, with smoothing that knows the mask.

    The weighted mean shear is smoothed by normalised convolution,
    :math:`G * (w g) / (G * w)`, so that holes and edges are not read as zero shear, surrounded
    with zeros, and inverted: :math:`\tilde\kappa = D^* \tilde g`. The zero mode is 0: the mass
    sheet is not measured.

    Parameters
    ----------
    smoothing : `~astropy.units.Quantity`, str or None
        The standard deviation of the Gaussian, an angle; None does not smooth: pixels without
        galaxies count as zero shear then, with a warning.
    padding : float
        The field is surrounded with zeros to this multiple of its size, at least 1; 1 takes it
        as periodic.
    reduced_shear_iterations : int
        What is measured is the reduced shear :math:`g = \gamma / (1 - \kappa)`. Each iteration
        multiplies g by :math:`1 - \kappa` of the map before; 0 takes g for the shear.
    scheme : {"nearest", "cloud-in-cell"}
        How galaxies are assigned to pixels.
    fill_holes : bool
        Whether masked pixels keep their value where at least half of the smoothing kernel sees
        data, as in holes smaller than the smoothing.
    uncertainty : None, "analytic" or "rotations"
        ``"analytic"`` (not with cloud-in-cell): shape noise through the linear map, quick, and
        exact away from the edges of the data; within a few smoothing lengths of an edge it is wrong
        by ten or twenty per cent, and outside of the data by more. ``"rotations"``: the
        scatter of randomly turned galaxies, right everywhere. Both are noise about the smoothed
        truth. None: none.
    n_realizations : int
        The number of random rotations; each gives two noise maps (E and B).
    rng : int or `numpy.random.SeedSequence`
        The seed of the random rotations.
    sigma_e : float or None
        The intrinsic dispersion of ellipticities per component, for ``"analytic"``; None takes
        the column ``sigma_e``, and measures it where there is none.
    dtype : {"float64", "float32"}
        The precision of the transforms.

    Raises
    ------
    TypeError
        If ``smoothing`` is a bare number.
    ValueError
        If a parameter is out of range.

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
    uncertainties = (None, "analytic", "rotations")

    def __init__(
        self,
        *,
        smoothing=1 * u.arcmin,
        padding=2.0,
        reduced_shear_iterations=0,
        scheme="nearest",
        fill_holes=False,
        uncertainty=None,
        n_realizations=100,
        rng=0,
        sigma_e=None,
        dtype="float64",
    ):
        self.smoothing = check_angle(smoothing, "smoothing", allow_none=True)
        if not (np.isfinite(padding) and padding >= 1):
            raise ValueError(f"padding must be a finite number of at least 1, not {padding!r}")
        self.padding = padding
        self.reduced_shear_iterations = check_count(
            reduced_shear_iterations, "reduced_shear_iterations"
        )
        self.scheme = scheme
        self.fill_holes = bool(fill_holes)
        self.uncertainty = uncertainty
        self.n_realizations = n_realizations
        self.rng = rng
        if uncertainty == "analytic" and scheme == "cloud-in-cell":
            raise ValueError("uncertainty='analytic' needs scheme='nearest'; use 'rotations'")
        if sigma_e is not None and not (np.isfinite(sigma_e) and sigma_e > 0):
            raise ValueError(f"sigma_e must be None or a positive number, not {sigma_e!r}")
        self.sigma_e = sigma_e
        self.dtype = check_choice(dtype, "dtype", ("float64", "float32"))
        self._check_common()

    def _check_grid(self, grid):
        empty = np.count_nonzero((grid.sum_w <= 0) & ~grid.mask) / max(1, (~grid.mask).sum())
        if self.smoothing is None and empty > 0.05:
            warn_user(
                f"{empty:.0%} of the pixels have no galaxies and, without smoothing, count as zero "
                "shear, which makes the map too low: give smoothing=, or larger pixels",
                MapWarning,
                "empty_pixels",
                "smoothing",
            )

    def _sigma_pixels(self, grid):
        """Return the smoothing in pixels."""
        if self.smoothing is None:
            return 0.0
        return float(self.smoothing / grid.pixel_frame.scale)

    def _invert(self, grid):
        real, complex_ = (np.float32, np.complex64)
        if self.dtype == "float64":
            real, complex_ = (np.float64, np.complex128)
        sigma = self._sigma_pixels(grid)
        weight = grid.sum_w.astype(real)
        shear, _ = normalized_smooth(grid.sum_wg.astype(complex_), weight, sigma)
        unsupported = self._unsupported(grid, sigma)
        shear[unsupported] = 0.0
        kappa = shear_to_convergence(shear, padding=self.padding)
        for _ in range(self.reduced_shear_iterations):
            kappa = shear_to_convergence(shear * (1 - kappa.real), padding=self.padding)
        bridged = None
        if self.fill_holes and sigma > 0:
            good = (~grid.mask).astype(real)
            bridged = grid.mask & (gaussian_smooth(good, sigma) >= _BRIDGE) & ~unsupported
        # As views of one complex array, which is padded, they would keep four times their size.
        return Inversion(kappa.real.copy(), kappa.imag.copy(), unsupported, bridged)

    @staticmethod
    def _unsupported(grid, sigma):
        """Return the pixels with no galaxy within two smoothing lengths.

        Or within two mean distances between galaxies, where that is more: unsmoothed maps of
        sparse catalogues are not full of holes.
        """
        occupied = grid.sum_w > 0
        distance = np.sqrt((~grid.mask).sum() / np.count_nonzero(occupied))
        # Where most of the map has no galaxies, the mean distance says nothing.
        reach = max(sigma, min(distance, 2.0))
        return ~near_data(occupied, _SUPPORT * reach)

    def _analytic_noise(self, grid):
        """Return the noise of the smoothed shear through the inversion.

        Normalised smoothing divides by G * w, which varies at edges and holes. Without smoothing,
        that is the weight of the pixel itself, and exact. With it, the variance is taken with
        G * w at the galaxies for one factor and at the map's pixel for the other: exact where it
        is constant, and the best simple choice where it is not.
        """
        if grid.scheme != "nearest":
            raise ValueError(
                "uncertainty='analytic' needs scheme='nearest': galaxies that are shared by pixels "
                "make their noise correlated; use 'rotations'"
            )
        sigma = self._sigma_pixels(grid)
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
