# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Free parameters of a halo fit, with their limits and priors."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from astropy import units as u

from lensmap.halos import concentration as median_concentration
from lensmap.utils import check_choice, check_plausible

if TYPE_CHECKING:
    from astropy.cosmology import FLRW
    from numpy.typing import ArrayLike

__all__ = ["HaloParameters", "HaloValues"]

# Masses are in solar masses.
_LN_MASS_LIMITS = np.log(1e12), np.log(1e16)
_START_LN_MASS = np.log(3e14)
_LN_C_LIMITS = np.log(0.5), np.log(30.0)

# Scatter of ln c200c at fixed mass, 0.16 dex (Diemer & Joyce 2019).
_LN_C_SCATTER = 0.16 * np.log(10)

# The limit of the offset of a free center, along each axis.
_MAX_OFFSET_RAD = np.radians(2 / 60)


class HaloValues(NamedTuple):
    """The parameters of one halo.

    Attributes
    ----------
    ln_m200c, ln_c200c : float
        Natural logarithms of the mass M200c (solar masses) and the concentration c200c.
    east, north : float
        The offset of the center from the input position, radians.
    """

    ln_m200c: float
    ln_c200c: float
    east: float
    north: float


class HaloParameters:
    """The free parameters of a halo fit, as a vector.

    For each halo, the vector contains ln M200c, then ln c200c if the concentration is free, then
    the offsets east and north (radians) if the center is free.

    Parameters
    ----------
    z_lens : `numpy.ndarray`
        Redshifts of the halos, ``(n_halos,)``.
    concentration : {"prior", "relation", "free"} or float
        ``"prior"``: c200c is free, with a log-normal prior around the concentration-mass relation.
        ``"relation"``: c200c follows this relation. ``"free"``: c200c is free, with a flat prior in
        ln c200c. A number fixes c200c.
    free_center : bool
        Whether the centers of the halos are free.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.

    Attributes
    ----------
    names : list of str
        Names of the parameters, ``(n,)``.
    low, high, scale : `numpy.ndarray`
        Limits and typical steps of the parameters, ``(n,)``.

    Raises
    ------
    ValueError
        If ``concentration`` is not allowed.
    """

    def __init__(
        self,
        z_lens: np.ndarray,
        concentration: str | float,
        free_center: bool,
        cosmology: FLRW,
    ) -> None:
        self.z_lens, self.free_center, self.cosmology = z_lens, free_center, cosmology
        self._fixed_ln_c = None
        if isinstance(concentration, numbers.Real) and not isinstance(concentration, bool):
            check_plausible(float(concentration), "concentration", "a concentration")
            self._fixed_ln_c = np.log(float(concentration))
        else:
            check_choice(concentration, "concentration", ("prior", "relation", "free"))
        self.concentration = concentration
        self.free_concentration = concentration in ("prior", "free")
        self._ln_mass_nodes = np.linspace(*_LN_MASS_LIMITS, 25)
        self._ln_c_tables = {}
        if self._fixed_ln_c is None:
            for z in np.unique(z_lens):
                masses = np.exp(self._ln_mass_nodes) * u.solMass
                self._ln_c_tables[z] = np.log(median_concentration(masses, z, cosmology))
        n_c, n_center = int(self.free_concentration), int(free_center)
        one = ["ln_m200c"] + ["ln_c200c"] * n_c + ["east", "north"] * n_center
        n = len(z_lens)
        self.names = [f"{name}_{i + 1}" if n > 1 else name for i in range(n) for name in one]
        self._n_each = len(one)
        low, high = (
            [_LN_MASS_LIMITS[k]] + [_LN_C_LIMITS[k]] * n_c
            + [sign * _MAX_OFFSET_RAD] * (2 * n_center)
            for k, sign in ((0, -1), (1, 1))
        )
        self.low, self.high = np.tile(low, n), np.tile(high, n)
        self.scale = np.tile([1.0] + [1.0] * n_c + [_MAX_OFFSET_RAD] * (2 * n_center), n)

    @property
    def n(self) -> int:
        """The number of free parameters."""
        return len(self.names)

    @property
    def n_halos(self) -> int:
        """The number of halos."""
        return len(self.z_lens)

    def start(self) -> np.ndarray:
        """Return the initial values of the free parameters for the search, ``(n,)``."""
        rows = np.zeros((self.n_halos, self._n_each))
        rows[:, 0] = _START_LN_MASS
        if self.free_concentration:
            rows[:, 1] = [self._relation(_START_LN_MASS, z) for z in self.z_lens]
        return rows.ravel()

    def index_of_mass(self, i: int) -> int:
        """Return the index of ln M200c of halo i in the vector of free parameters."""
        return i * self._n_each

    def halos(self, vector: ArrayLike) -> list[HaloValues]:
        """Return the parameters of each halo, both free and fixed.

        Parameters
        ----------
        vector : array_like
            The free parameters, ``(n,)``.

        Returns
        -------
        list of HaloValues
            The parameters, one item for each halo.
        """
        halos = []
        for z, row in zip(self.z_lens, self._rows(vector), strict=True):
            if self._fixed_ln_c is not None:
                ln_c = self._fixed_ln_c
            else:
                ln_c = row[1] if self.free_concentration else self._relation(row[0], z)
            offset = row[-2:] if self.free_center else (0.0, 0.0)
            halos.append(HaloValues(row[0], ln_c, *offset))
        return halos

    def prior(self, vector: ArrayLike) -> np.ndarray:
        """Return the residuals of ln c200c from the mean of the prior, in units of its scatter.

        Parameters
        ----------
        vector : array_like
            The free parameters, ``(n,)``.

        Returns
        -------
        `numpy.ndarray`
            One residual for each halo, ``(n_halos,)``; empty without a prior.
        """
        if self.concentration != "prior":
            return np.zeros(0)
        return np.array([
            (row[1] - self._relation(row[0], z)) / _LN_C_SCATTER
            for z, row in zip(self.z_lens, self._rows(vector), strict=True)
        ])

    def describe_priors(self) -> dict[str, dict[str, object]]:
        """Return the priors of the mass and the concentration.

        Returns
        -------
        dict
            For ``m200c_msun`` (solar masses) and ``c200c`` a dict with ``prior``, the form of the
            prior; ``low`` and ``high``, the limits of a free parameter; and ``scatter_ln``, the
            standard deviation of a log-normal prior.
        """
        low_mass, high_mass = (float(f"{mass:.6g}") for mass in np.exp(_LN_MASS_LIMITS))
        forms = {
            "prior": "log-normal about the concentration-mass relation",
            "relation": "fixed to the concentration-mass relation",
            "free": "flat in the logarithm",
        }
        concentration: dict[str, object] = {
            "prior": forms.get(str(self.concentration), "fixed to a number")
        }
        if self.free_concentration:
            low, high = (float(f"{c200c:.6g}") for c200c in np.exp(_LN_C_LIMITS))
            concentration |= {"low": low, "high": high}
        if self.concentration == "prior":
            concentration["scatter_ln"] = _LN_C_SCATTER
        return {
            "m200c_msun": {
                "prior": "flat in the logarithm", "low": low_mass, "high": high_mass
            },
            "c200c": concentration,
        }

    def _rows(self, vector: ArrayLike) -> np.ndarray:
        return np.asarray(vector).reshape(self.n_halos, self._n_each)

    def _relation(self, ln_mass: float, z: float) -> float:
        """Return the median ln c200c of halos of mass exp(ln_mass), solar masses, at redshift z."""
        return np.interp(ln_mass, self._ln_mass_nodes, self._ln_c_tables[z])
