# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The parameters of halos that are fitted, their limits and their priors."""

import numbers

import numpy as np
from astropy import units as u

from lensmap.halos import concentration as median_concentration
from lensmap.utils import check_choice, check_number

__all__ = ["HaloParameters"]

_LN_MASS = np.log(1e12), np.log(1e16)
_LN_C = np.log(0.5), np.log(30.0)
_START = np.log(3e14)

# The scatter of ln c at a given mass: 0.16 dex (Diemer & Joyce 2019).
_SCATTER = 0.16 * np.log(10)

_FARTHEST = np.radians(2 / 60)  # a free center


class HaloParameters:
    """What a fit varies, as a vector: for each halo ln M200c, then ln c200c, then offsets.

    Parameters
    ----------
    z_lens : `numpy.ndarray`
        Of the halos, ``(n_halos,)``.
    concentration : str or float
        As for `fit_nfw`.
    moving : bool
        Whether centers are free.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.
    """

    def __init__(self, z_lens, concentration, moving, cosmology):
        self.z_lens, self.moving, self.cosmology = z_lens, moving, cosmology
        if isinstance(concentration, numbers.Real) and not isinstance(concentration, bool):
            check_number(concentration, "concentration", "positive", low=1e-3)
            self._fixed = np.log(float(concentration))
        else:
            check_choice(concentration, "concentration", ("prior", "relation", "free"))
            self._fixed = None
        self.concentration = concentration
        self.frees_c = concentration in ("prior", "free")
        self._nodes = np.linspace(*_LN_MASS, 25)
        self._tables = {}
        if self._fixed is None:
            for z in np.unique(z_lens):
                masses = np.exp(self._nodes) * u.solMass
                self._tables[z] = np.log(median_concentration(masses, z, cosmology))
        one = ["ln_m200c"] + ["ln_c200c"] * self.frees_c + ["east", "north"] * moving
        n = len(z_lens)
        self.names = [f"{name}_{i + 1}" if n > 1 else name for i in range(n) for name in one]
        self._each = len(one)
        low = [_LN_MASS[0]] + [_LN_C[0]] * self.frees_c + [-_FARTHEST] * (2 * moving)
        high = [_LN_MASS[1]] + [_LN_C[1]] * self.frees_c + [_FARTHEST] * (2 * moving)
        self.low, self.high = np.tile(low, n), np.tile(high, n)
        # Steps of all parameters are of the order of 1 in these units.
        self.scale = np.tile([1.0] + [1.0] * self.frees_c + [_FARTHEST] * (2 * moving), n)

    @property
    def n(self):
        """How many there are."""
        return len(self.names)

    @property
    def n_halos(self):
        """How many halos there are."""
        return len(self.z_lens)

    def start(self):
        """Return where the search begins."""
        first = np.zeros((self.n_halos, self._each))
        first[:, 0] = _START
        if self.frees_c:
            first[:, 1] = [self._relation(_START, z) for z in self.z_lens]
        return first.ravel()

    def index_of_mass(self, i):
        """Return which parameter is the mass of a halo."""
        return i * self._each

    def halos(self, vector):
        """Return ln M, ln c and the offsets (east, north; radians) of each halo."""
        values = np.asarray(vector).reshape(self.n_halos, self._each)
        found = []
        for z, row in zip(self.z_lens, values, strict=True):
            if self._fixed is not None:
                ln_c = self._fixed
            else:
                ln_c = row[1] if self.frees_c else self._relation(row[0], z)
            offset = row[-2:] if self.moving else (0.0, 0.0)
            found.append((row[0], ln_c, *offset))
        return found

    def prior(self, vector):
        """Return what the priors add to the residuals."""
        if self.concentration != "prior":
            return np.zeros(0)
        values = np.asarray(vector).reshape(self.n_halos, self._each)
        return np.array([
            (row[1] - self._relation(row[0], z)) / _SCATTER
            for z, row in zip(self.z_lens, values, strict=True)
        ])

    def _relation(self, ln_mass, z):
        return np.interp(ln_mass, self._nodes, self._tables[z])
