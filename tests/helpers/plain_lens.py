# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A lens whose surface densities anyone can write down, for tests of halo fits by hand."""

import numpy as np

__all__ = ["LogLens"]


class LogLens:
    """Surface densities that are linear in the logarithm of the angle.

    Linear interpolation in this logarithm is therefore exact, whatever its nodes are.
    """

    def surface_density(self, theta, ln_m200c, ln_c200c):
        """Return the surface density and the excess surface density, as NFWLens does."""
        mass, c = np.exp(ln_m200c), np.exp(ln_c200c)
        return mass * (1 - 0.1 * c * np.log(theta)), mass * (0.5 * c - 0.2 * np.log(theta))
