# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Random fields on the sphere."""

from __future__ import annotations

import numpy as np

from lensmap.sphere._transforms import SphericalTransform

__all__ = ["random_modes"]


def random_modes(
    transform: SphericalTransform, power: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw the coefficients of a real Gaussian random field.

    Parameters
    ----------
    transform : SphericalTransform
        The transform, which determines the highest multipole and the order of the coefficients.
    power : `numpy.ndarray`
        The power spectrum at the multipoles 0 to lmax, steradian, ``(lmax + 1,)``.
    rng : `numpy.random.Generator`
        Generator for the coefficients.

    Returns
    -------
    `numpy.ndarray`
        The coefficients, complex, ``(n_modes,)``. Those with m = 0 are real.
    """
    n_modes = len(transform.ell)
    modes = rng.standard_normal(n_modes) + 1j * rng.standard_normal(n_modes)
    modes /= np.sqrt(2)
    # The first coefficients have m = 0. Without an imaginary part, all variance is in the real one.
    modes[: transform.lmax + 1] = np.sqrt(2) * modes[: transform.lmax + 1].real
    return modes * np.sqrt(power)[transform.ell]
