# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""An NFW halo as a gravitational lens, with quantities that have units."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u

from lensmap.cosmology import get_cosmology, sigma_crit
from lensmap.halos._profiles import (
    nfw_mass,
    nfw_mean_sigma,
    nfw_sigma,
    nfw_surface_scale,
    truncated_nfw_mass,
    truncated_nfw_mean_sigma,
    truncated_nfw_sigma,
)
from lensmap.utils import ParameterError, ParameterTypeError, check_plausible

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lensmap.typing import CosmologyLike, RedshiftLike

__all__ = ["NFWHalo", "radius_200c"]

_SURFACE_DENSITY = u.solMass / u.Mpc**2


def radius_200c(
    m200c: u.Quantity, z: ArrayLike, cosmology: CosmologyLike = None
) -> u.Quantity:
    """Return r200c, the radius inside which the mean density is 200 times the critical density.

    Parameters
    ----------
    m200c : `~astropy.units.Quantity`
        The mass within r200c (without h); any shape.
    z : float or array_like
        The redshift of the halo, broadcast against ``m200c``.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See
        `lensmap.cosmology.get_cosmology`.

    Returns
    -------
    `~astropy.units.Quantity`
        r200c in proper Mpc.
    """
    flrw = get_cosmology(cosmology, structure=False)
    critical = flrw.critical_density(z).to_value(u.solMass / u.Mpc**3)
    mass = m200c.to_value(u.solMass)
    return (3 * mass / (4 * np.pi * 200 * critical)) ** (1 / 3) * u.Mpc


@dataclass(frozen=True)
class NFWHalo:
    r"""An NFW halo as a lens, optionally truncated and elliptical.

    Attributes
    ----------
    m200c : `~astropy.units.Quantity`
        The mass (without h) within r200c, the radius inside which the mean density is 200 times
        the critical density.
    c200c : float
        The concentration, r200c divided by the scale radius.
    z_lens : float
        The redshift of the halo, positive.
    truncation : float or None
        The truncation radius in units of r200c; None does not truncate the profile. ``m200c`` is
        the mass of the profile without truncation.
    ellipticity : float
        The ellipticity :math:`(a - b) / (a + b)` of the surface density contours, at least 0 and
        below 1.
    angle : `~astropy.units.Quantity`
        The angle of the major axis, measured from +x towards +y, the axes of `elliptical_kappa`.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See
        `lensmap.cosmology.get_cosmology`.

    Raises
    ------
    TypeError
        If the mass or the angle has no unit.
    ValueError
        If a parameter is out of range.

    References
    ----------
    Navarro, Frenk & White 1997, ApJ 490, 493; Wright & Brainerd 2000, ApJ 534, 34; Baltz,
    Marshall & Oguri 2009, JCAP 01, 015 (truncation).

    Examples
    --------
    >>> from astropy import units as u
    >>> from lensmap.halos import NFWHalo
    >>> halo = NFWHalo(1e15 * u.solMass, c200c=4, z_lens=0.3)
    >>> print(f"{halo.r200c:.3f} {halo.tangential_shear(1 * u.Mpc, z_source=1.0):.4f}")
    1.862 Mpc 0.0512
    """

    m200c: u.Quantity
    c200c: float
    z_lens: float
    truncation: float | None = None
    ellipticity: float = 0.0
    angle: u.Quantity = 0.0 * u.deg
    cosmology: CosmologyLike = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.m200c, u.Quantity) or not self.m200c.unit.is_equivalent(u.solMass):
            raise ParameterTypeError(
                "m200c", "a mass with a unit, such as 1e14 * u.solMass", repr(self.m200c)
            )
        for name in ("m200c", "c200c", "z_lens", "truncation"):
            value = getattr(self, name)
            number = value.value if isinstance(value, u.Quantity) else value
            if name == "truncation" and value is None:
                continue
            if np.ndim(number) != 0 or not (np.isfinite(number) and number > 0):
                or_none = ", or None" if name == "truncation" else ""
                raise ParameterError(name, f"one positive finite number{or_none}", str(value))
        check_plausible(self.m200c, "m200c", "a halo mass")
        check_plausible(self.c200c, "c200c", "a concentration")
        check_plausible(self.z_lens, "z_lens", "a lens redshift")
        angle = self.angle
        if not (isinstance(angle, u.Quantity) and angle.isscalar and np.isfinite(angle)
                and angle.unit.is_equivalent(u.rad)):
            raise ParameterTypeError(
                "angle", "one angle with a unit, such as 30 * u.deg", repr(angle)
            )
        if not 0 <= self.ellipticity < 1:
            raise ParameterError("ellipticity", "at least 0 and below 1", str(self.ellipticity))
        object.__setattr__(self, "cosmology", get_cosmology(self.cosmology, structure=False))

    # --- sizes ------------------------------------------------------------------------------

    @cached_property
    def r200c(self) -> u.Quantity:
        """The radius r200c (proper Mpc), within which the mean density is 200 times critical."""
        return radius_200c(self.m200c, self.z_lens, self.cosmology)

    @property
    def scale_radius(self) -> u.Quantity:
        """The scale radius, proper Mpc."""
        return self.r200c / self.c200c

    @property
    def total_mass(self) -> u.Quantity:
        """The total mass of the truncated profile, solar masses; infinite without truncation."""
        if self.truncation is None:
            return np.inf * u.solMass
        ratio = truncated_nfw_mass(self.truncation * self.c200c) / nfw_mass(self.c200c)
        return (self.m200c * ratio).to(u.solMass)

    @cached_property
    def _distance(self) -> u.Quantity:
        flrw = get_cosmology(self.cosmology, structure=False)
        return flrw.angular_diameter_distance(self.z_lens).to(u.Mpc)

    @cached_property
    def _surface_scale(self) -> u.Quantity:
        """The scale density times the scale radius, in solar masses per square proper Mpc."""
        scale = nfw_surface_scale(self.m200c, self.scale_radius, self.c200c)
        return u.Quantity(scale, _SURFACE_DENSITY)

    def _x(self, radius: u.Quantity, name: str = "radius") -> np.ndarray:
        """Return a projected radius, a proper length or an angle, in units of the scale radius."""
        if not isinstance(radius, u.Quantity):
            raise ParameterTypeError(name, "a length or an angle with a unit", repr(radius))
        if radius.unit.is_equivalent(u.rad):
            radius = radius.to_value(u.rad) * self._distance
        elif not radius.unit.is_equivalent(u.Mpc):
            raise ParameterTypeError(name, "a length or an angle", f"a quantity in {radius.unit}")
        return (radius / self.scale_radius).to_value(u.one)

    def _positive_x(self, radius: u.Quantity) -> np.ndarray:
        x = self._x(radius)
        invalid = ~(np.isfinite(x) & (np.asarray(x) > 0))
        if np.any(invalid):
            found = np.ravel(radius)[np.ravel(invalid)][0]
            raise ParameterError("radius", "positive and finite", str(found))
        return x

    # --- surface density --------------------------------------------------------------------

    def _sigma(self, x: np.ndarray) -> np.ndarray:
        """Return the surface density at a projected radius of x scale radii.

        The unit is the scale density times the scale radius.
        """
        if self.truncation is None:
            return nfw_sigma(x)
        return truncated_nfw_sigma(x, self.truncation * self.c200c)

    def surface_density(self, radius: u.Quantity) -> u.Quantity:
        """Return the surface density of the circular halo at a projected radius.

        Parameters
        ----------
        radius : `~astropy.units.Quantity`
            The projected radius, a proper length or an angle, positive; any shape.

        Returns
        -------
        `~astropy.units.Quantity`
            The surface density in solar masses per square proper Mpc, with the same shape as
            ``radius``.
        """
        return self._sigma(self._positive_x(radius)) * self._surface_scale

    def mean_surface_density(self, radius: u.Quantity) -> u.Quantity:
        """Return the mean surface density of the circular halo within a projected radius.

        Parameters
        ----------
        radius : `~astropy.units.Quantity`
            The projected radius, a proper length or an angle, positive; any shape.

        Returns
        -------
        `~astropy.units.Quantity`
            The mean surface density in solar masses per square proper Mpc, with the same shape as
            ``radius``.
        """
        x = self._positive_x(radius)
        if self.truncation is None:
            return nfw_mean_sigma(x) * self._surface_scale
        return truncated_nfw_mean_sigma(x, self.truncation * self.c200c) * self._surface_scale

    # --- lensing ----------------------------------------------------------------------------

    def _sigma_crit(self, z_source: RedshiftLike) -> u.Quantity:
        return sigma_crit(self.z_lens, z_source, self.cosmology)

    def kappa(self, radius: u.Quantity, z_source: RedshiftLike) -> np.ndarray | float:
        """Return the convergence of the circular halo at a projected radius.

        Parameters
        ----------
        radius : `~astropy.units.Quantity`
            The projected radius, a proper length or an angle, positive; any shape.
        z_source : float or SourceRedshifts
            The redshift of the sources, or their redshift distribution.

        Returns
        -------
        `numpy.ndarray` or float
            The convergence, with the same shape as ``radius``.
        """
        return (self.surface_density(radius) / self._sigma_crit(z_source)).to_value(u.one)

    def tangential_shear(
        self, radius: u.Quantity, z_source: RedshiftLike
    ) -> np.ndarray | float:
        """Return the tangential shear (not reduced) of the circular halo at a projected radius.

        Parameters
        ----------
        radius : `~astropy.units.Quantity`
            The projected radius, a proper length or an angle, positive; any shape.
        z_source : float or SourceRedshifts
            The redshift of the sources, or their redshift distribution.

        Returns
        -------
        `numpy.ndarray` or float
            The tangential shear, with the same shape as ``radius``.
        """
        excess = self.mean_surface_density(radius) - self.surface_density(radius)
        return (excess / self._sigma_crit(z_source)).to_value(u.one)

    def reduced_shear(self, radius: u.Quantity, z_source: RedshiftLike) -> np.ndarray | float:
        r"""Return the reduced tangential shear of the circular halo at a projected radius.

        It is :math:`\gamma_t / (1 - \kappa)`.

        Parameters
        ----------
        radius : `~astropy.units.Quantity`
            The projected radius, a proper length or an angle, positive; any shape.
        z_source : float or SourceRedshifts
            The redshift of the sources, or their redshift distribution. For a distribution, the
            shear and the convergence are averaged over the sources before the division.

        Returns
        -------
        `numpy.ndarray` or float
            The reduced shear, with the same shape as ``radius``.
        """
        return self.tangential_shear(radius, z_source) / (1 - self.kappa(radius, z_source))

    def elliptical_kappa(
        self, x: u.Quantity, y: u.Quantity, z_source: RedshiftLike
    ) -> np.ndarray | float:
        r"""Return the convergence of the elliptical halo at offsets from its center.

        The convergence equals that of the circular halo at the radius
        :math:`\sqrt{q x'^2 + y'^2 / q}`, where x' runs along the major axis, y' along the minor
        axis, and q is the axis ratio. The total mass is the same for all q.

        Parameters
        ----------
        x, y : `~astropy.units.Quantity`
            Offsets from the center as proper lengths or (small) angles, of the same shape.
        z_source : float or SourceRedshifts
            The redshift of the sources, or their redshift distribution.

        Returns
        -------
        `numpy.ndarray` or float
            The convergence, with the same shape as ``x``; infinite at the center.
        """
        x, y = self._x(x, "x"), self._x(y, "y")
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        along, across = x * cos + y * sin, y * cos - x * sin
        q = (1 - self.ellipticity) / (1 + self.ellipticity)
        radius = np.sqrt(q * along**2 + across**2 / q)
        with np.errstate(divide="ignore"):
            profile = np.where(radius > 0, self._sigma(np.maximum(radius, 1e-12)), np.inf)
        value = profile * (self._surface_scale / self._sigma_crit(z_source)).to_value(u.one)
        return float(value) if value.ndim == 0 else value
