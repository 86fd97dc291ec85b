# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`SphericalWiener`: the Wiener filter on HEALPix pixels."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np

from lensmap.estimators._contract import Contract
from lensmap.estimators._declarations import POSTERIOR, ROTATIONS
from lensmap.estimators._prior import check_prior_power, describe_prior_power
from lensmap.estimators._sphere import (
    SphericalEstimator,
    SphericalState,
    check_sphere_theory,
    filter_response,
    set_common,
    theory_power,
)
from lensmap.flatsky import interpolate_power
from lensmap.sphere import random_modes
from lensmap.typing import CosmologyLike, RedshiftLike, SeedLike

__all__ = ["SphericalWiener"]


def _response(estimator, ell_x, ell_y, pixel_scale, density):
    """Return the transfer function: signal / (signal + noise), as for `Contract.response`."""
    nside = round(np.sqrt(4 * np.pi / 12) / pixel_scale)
    return filter_response(estimator, np.hypot(ell_x, ell_y), nside, density)


class SphericalWiener(SphericalEstimator):
    r"""The Wiener filter on the sphere: the posterior mean for a Gaussian signal of known power.

    .. math:: (C^{-1} + A^\dagger N^{-1} A)\, \kappa = A^\dagger N^{-1} g

    C is the power of the convergence, N the noise of the mean shear of each pixel with galaxies,
    and A gives the shear of a convergence, averaged over pixels. Pixels without galaxies do not
    count as zero shear.

    Parameters
    ----------
    power : {"halofit", "camb"}, callable or pair of array_like
        What computes the matter power spectrum, from which the power spectrum of the convergence is
        computed for ``z_source`` and ``cosmology``; or this spectrum itself, :math:`C_\ell` in
        steradians, without the pixel window, as for `WienerFilter`.
    z_source : float, str or `lensmap.cosmology.SourceRedshifts`
        The redshift of the galaxies, or their redshift distribution or its name. It is not used if
        ``power`` is a spectrum.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology of the theoretical power spectrum; None is ``"massivenus"``.
    tolerance : float
        The relative residual of the linear equations at which the solver stops.
    max_iterations : int
        The largest number of iterations of the solver. A warning is given if it is reached.
    reduced_shear_iterations : int
        The number of iterations that correct for the difference between reduced shear and shear; 0
        uses the reduced shear as the shear.
    fill_holes : bool
        Whether masked pixels are inpainted where at least half of a Gaussian of two pixels lies on
        unmasked pixels.
    uncertainty : None, "rotations" or "posterior"
        The kind of uncertainty; None gives no uncertainty. ``"posterior"`` is the total error with
        respect to the true convergence, from samples of the posterior. ``"rotations"`` is the noise
        of the filtered map.
    n_realizations : int
        The number of random realizations, each of which gives two maps.
    rng : int or `numpy.random.SeedSequence`
        The seed of the random realizations.
    sigma_e : float or None
        The intrinsic dispersion of the ellipticities per component; None takes the column
        ``sigma_e`` or, without this column, measures the dispersion as a function of the weight.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or out of range.

    References
    ----------
    Jeffrey et al. 2021, MNRAS 505, 4626 (DES Y3); Hoffman & Ribak 1991, ApJ 380, L5 (samples of the
    posterior).

    Examples
    --------
    >>> from lensmap.estimators import SphericalWiener
    >>> SphericalWiener(z_source=0.8, uncertainty="posterior")
    SphericalWiener(z_source=0.8, uncertainty='posterior')
    """

    uncertainties = (ROTATIONS, POSTERIOR)
    # Fix the noise, so that the map is linear in the ellipticities. The laws hold to the tolerance
    # of the solver, set lower than by default.
    contract = Contract(
        settings={"sigma_e": 0.25, "tolerance": 1e-8},
        noiseless={"sigma_e": 0.005, "tolerance": 1e-3},
        response=_response,
        tolerance=2e-8,
    )

    def __init__(
        self,
        *,
        power: Literal["halofit", "camb"] | Callable | tuple = "halofit",
        z_source: RedshiftLike | str = 1.0,
        cosmology: CosmologyLike = None,
        tolerance: float = 1e-4,
        max_iterations: int = 300,
        reduced_shear_iterations: int = 0,
        fill_holes: bool = False,
        uncertainty: str | None = None,
        n_realizations: int = 20,
        rng: SeedLike = 0,
        sigma_e: float | None = None,
    ) -> None:
        self.power = check_prior_power(power)
        self.z_source, self.cosmology = check_sphere_theory(z_source, cosmology)
        set_common(self, tolerance, max_iterations, reduced_shear_iterations, sigma_e)
        self.fill_holes = bool(fill_holes)
        self.uncertainty = uncertainty
        self.n_realizations = n_realizations
        self.rng = rng
        self.check_parameters()

    def _prior(self, lmax: int) -> np.ndarray:
        if isinstance(self.power, str):
            return theory_power(lmax, self.z_source, self.cosmology, self.power)
        ell = np.arange(2.0, lmax + 1)
        values = self.power(ell) if callable(self.power) else interpolate_power(ell, *self.power)
        return np.concatenate([[0, 0], values])

    def describe_params(self) -> dict[str, object]:
        """Return the parameters in the form stored in the metadata of a map.

        Returns
        -------
        dict
            The values of the parameters, keyed by name. A tabulated power spectrum is described by
            the number of its multipoles, the lowest and the highest.
        """
        return describe_prior_power(super().describe_params(), self.power)

    def noise(
        self, grid: Any, state: SphericalState, rng: np.random.Generator
    ) -> Iterable[np.ndarray]:
        """Return two noise maps, or the deviations of two posterior samples from the mean.

        Parameters
        ----------
        grid : lensmap.grid.SphericalShearGrid
            Randomly rotated galaxies, or the grid of the map for ``"posterior"``.
        state : object
            The result of `prepare`.
        rng : `numpy.random.Generator`
            Generator for the samples.

        Returns
        -------
        list of `numpy.ndarray`
            Two maps, ``(n,)``.
        """
        if self.uncertainty != "posterior":
            return super().noise(grid, state, rng)
        return [self._fluctuation(state, rng) for _ in range(2)]

    def _fluctuation(self, state: SphericalState, rng: np.random.Generator) -> np.ndarray:
        """Return a sample of the prior minus the map of its noisy shear (Hoffman & Ribak 1991)."""
        assert state.power is not None and state.variance is not None
        transform = state.data
        modes = random_modes(transform, state.power, rng)
        shear = transform.to_shear(modes * state.window[transform.ell])
        noise = rng.standard_normal(len(shear)) + 1j * rng.standard_normal(len(shear))
        mean = self._e_modes(shear + np.sqrt(state.variance) * noise, state)
        return state.map.to_map(modes - mean)
