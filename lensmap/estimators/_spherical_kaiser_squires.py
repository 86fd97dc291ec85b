# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`SphericalKaiserSquires`: the Kaiser-Squires inversion on HEALPix pixels."""

from typing import Any, Literal

import numpy as np
from astropy import units as u

from lensmap.estimators._contract import Contract
from lensmap.estimators._sphere import (
    SphericalEstimator,
    SphericalState,
    check_sphere_theory,
    filter_response,
    nside_below,
    set_common,
    theory_power,
)
from lensmap.sphere import HealpixPixels, gaussian_window, smoothed_lmax
from lensmap.typing import AngleLike, RedshiftLike, SeedLike
from lensmap.utils import check_angle, check_choice

__all__ = ["SphericalKaiserSquires"]

# The prior has this factor times the power of the theory. Modes that the data determine are then
# hardly filtered, and modes in holes stay finite.
_PRIOR_FACTOR = 10.0


def _response(estimator, ell_x, ell_y, pixel_scale, density):
    """Return the transfer function: the Gaussian, and the weak filter of the prior.

    The parameters are those of `Contract.response`.
    """
    ell = np.hypot(ell_x, ell_y)
    nside = round(np.sqrt(4 * np.pi / 12) / pixel_scale)
    sigma = estimator.smoothing.to_value(u.rad)
    gaussian = np.exp(-0.5 * ell * (ell + 1) * sigma**2)
    return gaussian * filter_response(estimator, ell, nside, density)


class SphericalKaiserSquires(SphericalEstimator):
    r"""The Kaiser-Squires inversion on the sphere, for any footprint.

    The coefficients of the convergence are those of the E-mode of the shear times
    :math:`\sqrt{\ell (\ell + 1) / ((\ell + 2) (\ell - 1))}`, smoothed with a Gaussian. By default,
    they are the solution of the linear equations for the pixels with galaxies, with a weak Gaussian
    prior. Its power is ten times that of the theory, so that well-measured modes are hardly
    filtered and modes in holes stay finite.

    Parameters
    ----------
    smoothing : `~astropy.units.Quantity` or str
        The standard deviation of the Gaussian smoothing, an angle.
    gaps : {"solve", "zero"}
        The treatment of pixels without galaxies. With ``"solve"``, they do not count; for maps of a
        part of the sphere. With ``"zero"``, they count as zero shear, which is many times faster.
    z_source : float, str or `lensmap.cosmology.SourceRedshifts`
        The redshift of the galaxies, or their redshift distribution or its name, for the prior of
        ``gaps="solve"``.
    tolerance : float
        The relative residual of the linear equations at which the solver stops.
    max_iterations : int
        The largest number of iterations of the solver. A warning is given if it is reached.
    reduced_shear_iterations : int
        The number of iterations that correct for the difference between reduced shear and shear; 0
        uses the reduced shear as the shear.
    fill_holes : bool
        Whether masked pixels are inpainted where at least half of the smoothing kernel lies on
        unmasked pixels.
    uncertainty : None or "rotations"
        The kind of uncertainty; None gives no uncertainty. ``"rotations"`` is the noise of the
        smoothed map, the scatter of maps of randomly rotated galaxies.
    n_realizations : int
        The number of random rotations of the galaxies, each of which gives two noise maps.
    rng : int or `numpy.random.SeedSequence`
        The seed of the random rotations.
    sigma_e : float or None
        The intrinsic dispersion of the ellipticities per component; None takes the column
        ``sigma_e`` or, without this column, measures the dispersion as a function of the weight.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or out of range.

    Notes
    -----
    The monopole and the dipole of the convergence are 0, because they have no shear. The B-mode is
    the result of the same inversion for the shear rotated by 45 degrees.

    References
    ----------
    Wallis et al. 2022, MNRAS 509, 4480; Chang et al. 2018, MNRAS 475, 3165 (Kaiser-Squires on the
    sphere); Jeffrey et al. 2021, MNRAS 505, 4626.

    Examples
    --------
    >>> from lensmap.estimators import SphericalKaiserSquires
    >>> SphericalKaiserSquires(smoothing="20 arcmin")
    SphericalKaiserSquires(smoothing='20.0 arcmin')
    """

    # Fix the noise, so that the map is linear in the ellipticities. The laws hold to the tolerance
    # of the solver, set lower than by default.
    contract = Contract(
        settings={"sigma_e": 0.25, "tolerance": 1e-8, "smoothing": 90 * u.arcmin},
        noiseless={"sigma_e": 0.02, "tolerance": 1e-3, "smoothing": 40 * u.arcmin},
        response=_response,
        tolerance=2e-8,
    )

    def __init__(
        self,
        *,
        smoothing: AngleLike = 10 * u.arcmin,
        gaps: Literal["solve", "zero"] = "solve",
        z_source: RedshiftLike | str = 1.0,
        tolerance: float = 1e-4,
        max_iterations: int = 300,
        reduced_shear_iterations: int = 0,
        fill_holes: bool = False,
        uncertainty: str | None = None,
        n_realizations: int = 100,
        rng: SeedLike = 0,
        sigma_e: float | None = None,
    ) -> None:
        self.smoothing = check_angle(smoothing, "smoothing")
        self.gaps = check_choice(gaps, "gaps", ("solve", "zero"))
        self.z_source = check_sphere_theory(z_source, None)[0]
        set_common(self, tolerance, max_iterations, reduced_shear_iterations, sigma_e)
        self.fill_holes = bool(fill_holes)
        self.uncertainty = uncertainty
        self.n_realizations = n_realizations
        self.rng = rng
        self.check_parameters()

    def pixels_for(self, density: float) -> HealpixPixels:
        """Return pixels of at most half of the smoothing length; ``density`` has no effect."""
        return HealpixPixels(nside_below(self.smoothing.to_value(u.arcmin) / 2))

    def _smoothing_radians(self, pixels: HealpixPixels) -> float:
        return self.smoothing.to_value(u.rad)

    def _lmax(self, pixels: HealpixPixels) -> int:
        return smoothed_lmax(self.smoothing.to_value(u.rad), 2 * pixels.nside)

    def _transfer(self, lmax: int) -> np.ndarray:
        return gaussian_window(self.smoothing.to_value(u.rad), lmax)

    def _prior(self, lmax: int) -> np.ndarray:
        return _PRIOR_FACTOR * theory_power(lmax, self.z_source, None)

    def _model(self, grid: Any, has_galaxies: np.ndarray, lmax: int) -> dict[str, Any]:
        if self.gaps == "zero":  # one quadrature, without noise and prior
            return {"variance": None, "power": None}
        return super()._model(grid, has_galaxies, lmax)

    def _e_modes(self, shear: np.ndarray, state: SphericalState) -> np.ndarray:
        if self.gaps == "zero":
            return state.data.to_convergence(shear)[0] / state.window[state.data.ell]
        return super()._e_modes(shear, state)

    def _modes(
        self, shear: np.ndarray, reduced: np.ndarray, state: SphericalState
    ) -> tuple[np.ndarray, np.ndarray]:
        if self.gaps == "zero" and shear is reduced:  # one transform gives both modes
            inverse = 1 / state.window[state.data.ell]
            kappa, kappa_b = state.data.to_convergence(shear)
            return kappa * inverse, kappa_b * inverse
        return super()._modes(shear, reduced, state)
