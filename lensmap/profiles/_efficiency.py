# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How strongly a lens acts on each galaxy behind it."""

import numpy as np
from astropy import constants
from astropy import units as u

from lensmap.cosmology import SourceRedshifts, check_z_source, distance_ratio, lensing_efficiency

__all__ = ["Efficiency"]

# Nodes of the table of distance ratios in redshift.
_N_NODES = 1500


class Efficiency:
    """1 / sigma_crit of the galaxies behind each lens, Mpc2 / solMass."""

    def __init__(self, z_lens, mean, spread, table=None, nodes=None, redshift=None):
        self._z_lens, self._mean, self._spread = z_lens, mean, spread
        self._table, self._nodes, self._redshift = table, nodes, redshift

    @classmethod
    def from_redshifts(cls, redshift, z_lens, z_source, cosmology):
        """Prepare; None where there is not enough to know it.

        Parameters
        ----------
        redshift : `numpy.ndarray` or None
            Those of the galaxies, NaN where missing; used if ``z_source`` is None.
        z_lens : `numpy.ndarray` or None
            Those of the lenses.
        z_source : float, `~lensmap.SourceRedshifts` or None
            One redshift or one distribution for all galaxies.
        cosmology : `~astropy.cosmology.FLRW`
            The cosmology.
        """
        if z_source is not None:
            z_source = check_z_source(z_source)
        if z_lens is None or (z_source is None and redshift is None):
            return None
        constant = (4 * np.pi * constants.G / constants.c**2).to_value(u.Mpc / u.solMass)
        scale = constant * cosmology.angular_diameter_distance(z_lens).to_value(u.Mpc)
        if z_source is not None:
            different, which = np.unique(z_lens, return_inverse=True)
            ratio = lensing_efficiency(different, z_source, cosmology)
            if np.any(ratio <= 0):
                raise ValueError(
                    f"z_lens must be lower than z_source: {different[-1]:g} and {z_source}"
                )
            spread = np.array([_spread(z, z_source, cosmology) for z in different])
            return cls(z_lens, scale * ratio[which], spread[which])
        known = redshift[np.isfinite(redshift)]
        highest = known.max() if len(known) else -np.inf
        if highest <= z_lens.max():
            has = f"the highest is {highest:g}" if len(known) else "none has any"
            raise ValueError(f"no galaxy has a redshift beyond z_lens = {z_lens.max():g}: {has}")
        # Even in the scale factor: catalogs have redshifts such as 99.
        nodes = 1 / np.linspace(1 / 1.0001, 1 / (1.001 + highest), _N_NODES) - 1
        table = distance_ratio(z_lens, nodes, cosmology) * scale[:, np.newaxis]
        return cls(z_lens, None, None, table, nodes, redshift)

    def inverse_sigma_crit(self, i, rows):
        """Return 1 / sigma_crit of some galaxies behind the lens i, and its mean square."""
        if self._table is None:
            value = np.full(len(rows), self._mean[i])
            return value, value**2 * self._spread[i]
        redshift = self._redshift[rows]
        value = np.interp(redshift, self._nodes, self._table[i], left=0.0)
        # Without a redshift: not known to be behind.
        value[~(redshift > self._z_lens[i])] = 0.0
        return value, value**2


def _spread(z_lens, z_source, cosmology):
    """Return <beta^2> / <beta>^2 of sources that have a distribution."""
    if not isinstance(z_source, SourceRedshifts):
        return 1.0
    z = np.linspace(max(z_source.z[0], 1e-4), z_source.z[-1], 2000)
    density = np.interp(z, z_source.z, z_source.pdf)
    beta = distance_ratio(np.array([z_lens]), z, cosmology)[0]
    total, first, second = (np.trapezoid(density * beta**k, z) for k in range(3))
    return float(second * total / first**2)
