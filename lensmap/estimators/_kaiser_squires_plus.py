# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`KaiserSquiresPlus`: Kaiser-Squires with inpainted holes, for statistics of maps."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
from scipy import ndimage
from astropy import units as u

from lensmap.estimators._base import Estimator
from lensmap.estimators._contract import Contract
from lensmap.estimators._declarations import ROTATIONS, Inversion
from lensmap.estimators._support import Support, data_support
from lensmap.flatsky import (
    ShearInpainter,
    check_smoothing,
    normalized_smooth,
    shear_to_convergence,
)
from lensmap.grid import DEFAULT_PIXEL_SCALE, ShearGrid
from lensmap.typing import AngleLike, SeedLike
from lensmap.utils import check_angle, check_choice, check_count, check_number

__all__ = ["KaiserSquiresPlus"]

# The weight of a pixel without galaxies between others, in units of the median. The inpainted value
# adds nothing to the data around it; it counts if the smoothing is narrower than a pixel.
_EMPTY_WEIGHT = 1e-3

# A pixel with less weight than this, in units of the median, is inpainted as if it were empty.
_MIN_WEIGHT = 1e-2


class _State(NamedTuple):
    """Data shared by the inversions of a grid and of its noise realizations."""

    sigma: float  # smoothing length, pixels
    support: Support
    inpainter: ShearInpainter
    weight: np.ndarray  # of the pixels of the extended grid in the smoothing


class KaiserSquiresPlus(Estimator):
    r"""Kaiser-Squires with holes and surroundings inpainted by a sparse cosine transform.

    Kaiser-Squires takes the shear in holes and beyond the edges as 0, which lowers the map near
    them and turns E-modes into B-modes. Here, the shear in pixels without galaxies is that of a
    convergence field with few large coefficients in a discrete cosine transform,

    .. math:: \kappa_{i + 1} = T_{\lambda_i}\!\left[D^* \left(M g
              + (1 - M)\, D \kappa_i\right)\right] , \qquad
              \lambda_i = \lambda_0\, 10^{-3 i / (n - 1)} ,

    where M is 1 in pixels with galaxies, D is the Kaiser-Squires operator, and T sets coefficients
    below the threshold to 0. The threshold does not fall below 3 times the noise of a coefficient,
    which is measured in the map. By default, the field in pixels without galaxies has no B-modes.
    In holes, the standard deviation of each wavelet scale is scaled to that of the data. The
    completed shear is smoothed and inverted, as by `KaiserSquires`.

    The purpose of inpainting is the statistics of a map, such as its power spectrum and correlation
    function, and the values near holes. Do not read the convergence in holes: it is a guess that
    continues the surroundings, not a measurement. With shape noise, the map outside holes is no
    nearer to the truth than that of `KaiserSquires`.

    Parameters
    ----------
    smoothing : `~astropy.units.Quantity`, str or None
        The standard deviation of the Gaussian smoothing, an angle; None does not smooth. The shear
        is smoothed after the inpainting, with the weights of the galaxies.
    padding : float
        The ratio of the side of the extended field to that of the field, at least 1. With 1, the
        field is treated as periodic.
    n_iterations : int
        The number of iterations, at least 2.
    n_scales : int
        The number of wavelet scales, of 2, 4, 8 pixels and so on, whose variance in holes is scaled
        to that of the data; 0 leaves the variance as it is. Small fields have fewer scales.
    free_b_mode : bool
        Whether the convergence in pixels without galaxies has B-modes, which are sparse as the
        E-modes. If False, it has none.
    reduced_shear : bool
        Whether to correct for the difference between reduced shear and shear. The reduced shear is
        multiplied by :math:`1 - \kappa` three times during the iterations, with the convergence
        smoothed as the map.
    scheme : {"nearest", "cloud-in-cell"}
        The scheme that assigns galaxies to pixels.
    fill_holes : bool
        Whether pixels in holes that are enclosed by data have inpainted values in the map, instead
        of being masked. This is for statistics that need a map without holes.
    uncertainty : None or "rotations"
        The kind of uncertainty; None gives no uncertainty. ``"rotations"`` is the noise of the map:
        the scatter of maps of randomly rotated galaxies, made in the same way.
    n_realizations : int
        The number of random rotations of the galaxies, each of which takes the time of a map.
    rng : int or `numpy.random.SeedSequence`
        The seed of the random rotations.
    dtype : {"float64", "float32"}
        The floating-point precision of the transforms. Single precision takes about half of the
        time.

    Raises
    ------
    TypeError
        If ``smoothing`` is a number without a unit.
    ValueError
        If a parameter is out of range.

    Notes
    -----
    The map is not linear in the ellipticities, because the threshold depends on the data. In a
    field without holes, the map is that of `KaiserSquires` but for the surroundings, which are not
    zero here. The B-mode is that of the completed shear. Pixels without galaxies have little
    B-mode, so that the noise of the E-mode is not that of the B-mode there.

    Galaxies at all distances contribute to a pixel, so `reach` returns None, as for
    `KaiserSquires`.

    References
    ----------
    Pires et al. 2009, MNRAS 395, 1265 (inpainting); Pires et al. 2020, A&A 638, A141 (KS+); Kaiser
    & Squires 1993, ApJ 404, 441.

    Examples
    --------
    >>> from lensmap.estimators import KaiserSquiresPlus
    >>> KaiserSquiresPlus(smoothing="2 arcmin").replace(fill_holes=True)
    KaiserSquiresPlus(smoothing='2.0 arcmin', fill_holes=True)
    """

    uncertainties = (ROTATIONS,)
    contract = Contract()

    def __init__(
        self,
        *,
        smoothing: AngleLike | None = 1 * u.arcmin,
        padding: float = 1.5,
        n_iterations: int = 30,
        n_scales: int = 5,
        free_b_mode: bool = False,
        reduced_shear: bool = False,
        scheme: Literal["nearest", "cloud-in-cell"] = "nearest",
        fill_holes: bool = False,
        uncertainty: str | None = None,
        n_realizations: int = 20,
        rng: SeedLike = 0,
        dtype: Literal["float64", "float32"] = "float64",
    ) -> None:
        self.smoothing = check_angle(smoothing, "smoothing", allow_none=True)
        self.padding = check_number(padding, "padding", "a finite number of at least 1", low=1)
        self.n_iterations = check_count(n_iterations, "n_iterations", minimum=2)
        self.n_scales = check_count(n_scales, "n_scales")
        self.free_b_mode = bool(free_b_mode)
        self.reduced_shear = bool(reduced_shear)
        self.scheme = scheme
        self.fill_holes = bool(fill_holes)
        self.uncertainty = uncertainty
        self.n_realizations = n_realizations
        self.rng = rng
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
            The side of a pixel, an angle: as for `KaiserSquires`.
        """
        if self.smoothing is None:
            return super().survey_pixel_scale(density)
        return max(DEFAULT_PIXEL_SCALE, self.smoothing / 4)

    def prepare(self, grid: ShearGrid, fitted: None) -> _State:
        """Return the masks of the map, and the pixels without data that are inpainted.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        fitted : None
            None, because the method fits no model.

        Returns
        -------
        object
            The smoothing length in pixels, the masks of the map, the inpainting of the grid and the
            weights of the smoothing, which `invert` needs.
        """
        sigma = 0.0
        if self.smoothing is not None:
            scale = grid.pixel_frame.scale
            sigma = check_smoothing(
                float(self.smoothing / scale), grid.shape, scale.to_value(u.arcmin)
            )
        support = data_support(grid, False, sigma, self.dtype)
        has_data = (grid.sum_w > 0) & ~grid.mask
        typical = float(np.median(grid.sum_w[has_data]))
        has_data &= grid.sum_w > _MIN_WEIGHT * typical
        inpainter = ShearInpainter(
            has_data, padding=self.padding, n_iterations=self.n_iterations,
            n_scales=self.n_scales, free_b_mode=self.free_b_mode, dtype=self.dtype,
        )
        hole = grid.mask | support.unsupported
        support = support._replace(inpainted=ndimage.binary_fill_holes(~hole) & hole)
        weight = np.full(inpainter.shape, typical, self.dtype)
        weight[inpainter.field] = np.where(
            has_data, grid.sum_w, typical * np.where(hole, 1.0, _EMPTY_WEIGHT)
        )
        return _State(sigma, support, inpainter, weight)

    def invert(self, grid: ShearGrid, state: _State) -> Inversion:
        """Inpaint the shear of a grid, smooth it, and invert it to the convergence.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        state : object
            The result of `prepare`.

        Returns
        -------
        Inversion
            The E-mode and the B-mode.
        """
        completed = state.inpainter.solve(
            grid.shear, reduced=self.reduced_shear, smoothing=state.sigma
        )
        shear = completed.shear
        if state.sigma > 0:
            shear, _ = normalized_smooth(shear * state.weight, state.weight, state.sigma)
        kappa = shear_to_convergence(shear, padding=1)[completed.field]
        # Copies, because views would keep the extended complex array in memory.
        return Inversion(
            kappa.real.copy(), kappa.imag.copy(), *state.support, meta={"holes": "inpainted"}
        )

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
            The E-mode and, with ``free_b_mode``, the B-mode. Otherwise, the B-mode has less noise
            than the E-mode, because it is not continued into pixels without data.
        """
        kappa, kappa_b = self.invert(grid, state)[:2]
        return [kappa, kappa_b] if self.free_b_mode and kappa_b is not None else [kappa]
