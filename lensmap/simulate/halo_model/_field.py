# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The model `HaloModelField`, which draws realistic random convergence fields with known halos."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.fft
from astropy import units as u

from lensmap.cosmology import (
    SourceRedshifts,
    check_power,
    check_z_source,
    farthest_source,
    get_cosmology,
)
from lensmap.halos import halo_table
from lensmap.maps import ConvergenceMap
from lensmap.simulate.fields import (
    DEFAULT_PIXEL_SCALE,
    DEFAULT_SHAPE,
    DEFAULT_Z_SOURCE,
    MAX_SIDE_DEG,
    NOWHERE,
    LensingField,
    flat_wcs,
)
from lensmap.simulate.halo_model._box import Box
from lensmap.simulate.halo_model._multipoles import MAX_ELLIPTICITY
from lensmap.simulate.halo_model._planes import HaloPhysics
from lensmap.simulate.halo_model._resolution import Resolution, resolution_transfer
from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    Parametrized,
    as_generator,
    check_angle,
    check_choice,
    check_number,
)

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.wcs import WCS

    from lensmap.typing import AngleLike, CosmologyLike, RedshiftLike, RNGLike

__all__ = ["HaloModelField"]

# The largest |Ok0| of a cosmology that counts as flat.
_MAX_CURVATURE = 2e-3


class HaloModelField(Parametrized):
    r"""Convergence fields from a halo model: clustered NFW halos and diffuse matter.

    The line of sight is divided into planes of equal comoving thickness. In each plane, a lognormal
    density describes the large-scale structure. Halos are drawn from the mass function, trace the
    density according to their bias, and are painted as truncated elliptical NFW halos with scatter
    in concentration. Matter outside the painted halos is proportional to the density. The power of
    the density is chosen so that halos and diffuse matter together have the non-linear matter
    power spectrum. Halos too small to be painted are replaced by Gaussian noise with their power.
    The convergence is the sum over the planes along straight lines of sight (Born approximation).
    The periodic box is larger than the field, so that the shear includes the effect of mass outside
    the field.

    Parameters
    ----------
    z_source : float, SourceRedshifts or sequence of them
        The source redshift or redshift distribution. For a sequence, each draw gives one field for
        each item, all with the same matter along the line of sight.
    shape : tuple of int
        The shape of the fields in pixels, ``(ny, nx)``. Both numbers must be even.
    pixel_scale : `~astropy.units.Quantity` or str
        The angular side of a pixel. Each pixel holds the mean convergence over its area.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        A flat cosmology or its name; None is ``"massivenus"``. See
        `lensmap.cosmology.get_cosmology`.
    padding : float
        The size of the periodic box in units of the size of the field, 1 to 10. With 1, the field
        itself is periodic.
    resolution : None, str or callable
        The simulation whose finite resolution is imitated: ``"massivenus"``, or a function that
        returns the factor on the Fourier amplitudes for given multipoles. If None, only the pixels
        limit the resolution.
    center : `~astropy.coordinates.SkyCoord` or None
        The center of the fields on the sky. If None, RA 180 deg, Dec 0.
    min_mass : `~astropy.units.Quantity`
        The lowest M200c of the halos that are painted individually.
    truncation : float
        The truncation radius of halos in units of r200c, between 1 and 4.
    concentration_scatter : float
        The standard deviation of ln c200c at a given mass and redshift, at most 0.6. Concentrations
        are clipped to the range 1 to 30.
    concentration_factor : float
        A factor that multiplies the median c200c(M, z), between 0.5 and 2.
    ellipticity : tuple of float
        The mean and the standard deviation of the ellipticity (a - b) / (a + b) of the projected
        halos. With (0, 0), all halos are round.
    min_listed_mass : `~astropy.units.Quantity`
        The lowest M200c of the halos in the halo table of a field.
    dtype : {"float32", "float64"}
        The floating-point precision of the fields.
    power : {"halofit", "camb"}
        What computes the matter power spectrum; see `lensmap.cosmology.nonlinear_power`.

    Raises
    ------
    TypeError
        If a parameter has the wrong type.
    ValueError
        If a parameter is out of range, the cosmology is not flat or its neutrinos are too massive
        for the mass function, or the box exceeds 25 deg.

    Notes
    -----
    The mass function is from Tinker et al. 2008, the halo bias from Tinker et al. 2010, and the
    concentration from Diemer & Joyce 2019, all computed with colossus. The non-linear matter power
    spectrum is from Takahashi et al. 2012. The mean convergence of the box is 0. The model does not
    include substructure, alignment of halos with the structure around them, correlation between
    planes, or deflection of light between planes.

    References
    ----------
    Cooray & Sheth 2002, Phys. Rep. 372, 1 (halo model); Oguri & Hamana 2011, MNRAS 414, 1851
    (truncation).

    Examples
    --------
    >>> from astropy import units as u
    >>> from lensmap.simulate import HaloModelField
    >>> model = HaloModelField(z_source=1.0, shape=(64, 64), pixel_scale=0.8 * u.arcmin)
    >>> kappa, halos = model.draw(rng=1)
    >>> kappa.shape, halos.colnames[:4]
    ((64, 64), ['ra', 'dec', 'redshift', 'm200c'])
    """

    def __init__(
        self,
        *,
        z_source: RedshiftLike | Sequence[RedshiftLike] = DEFAULT_Z_SOURCE,
        shape: tuple[int, int] = DEFAULT_SHAPE,
        pixel_scale: AngleLike = DEFAULT_PIXEL_SCALE,
        cosmology: CosmologyLike = None,
        padding: float = 1.5,
        resolution: Resolution = None,
        center: SkyCoord | None = None,
        min_mass: u.Quantity = 1e12 * u.solMass,
        truncation: float = 2.5,
        concentration_scatter: float = 0.37,
        concentration_factor: float = 1.0,
        ellipticity: tuple[float, float] = (0.18, 0.09),
        min_listed_mass: u.Quantity = 1e13 * u.solMass,
        dtype: str = "float32",
        power: str = "halofit",
    ) -> None:
        self.z_source = z_source
        self._z_sources, self._several = _check_sources(z_source)
        self.shape = _check_shape(shape)
        self.pixel_scale = check_angle(pixel_scale, "pixel_scale")
        self.cosmology = get_cosmology(cosmology)
        self.power = check_power(power)
        curvature = float(self.cosmology.Ok0)
        if abs(curvature) > _MAX_CURVATURE:
            raise ParameterError(
                "cosmology", f"flat, with |Ok0| of at most {_MAX_CURVATURE:g}",
                f"one with Ok0 = {curvature:.3g}",
            )
        self.padding = _between(padding, "padding", 1.0, 10.0)
        resolution_transfer(np.array([100.0, 1000.0]), resolution)  # checks it
        self.resolution = resolution
        self.center = NOWHERE if center is None else center
        _ = self.wcs  # checks the center
        self.min_mass = _check_mass(min_mass, "min_mass", 1e10, 1e15)
        self.truncation = _between(truncation, "truncation", 1.0, 4.0)
        self.concentration_scatter = _between(
            concentration_scatter, "concentration_scatter", 0.0, 0.6
        )
        self.concentration_factor = _between(
            concentration_factor, "concentration_factor", 0.5, 2.0
        )
        mean, scatter = _check_pair(ellipticity, "ellipticity")
        self.ellipticity = (
            _between(mean, "ellipticity (mean)", 0.0, MAX_ELLIPTICITY),
            _between(scatter, "ellipticity (scatter)", 0.0, MAX_ELLIPTICITY),
        )
        self.min_listed_mass = _check_mass(min_listed_mass, "min_listed_mass", 1e10, 1e17)
        self.dtype = check_choice(dtype, "dtype", ("float32", "float64"))
        side = max(self._box_shape) * self.pixel_scale.to_value(u.deg)
        if side > MAX_SIDE_DEG:
            raise ParameterError(
                "pixel_scale",
                "smaller for this {shape} and {padding}",
                remedy=f"the padded field is {side:.1f} deg wide, but the flat-sky approximation "
                f"holds only up to {MAX_SIDE_DEG:g} deg",
            )

    def __repr__(self):
        sources = ", ".join(map(repr, self._z_sources))
        ny, nx = self.shape
        return (
            f"<HaloModelField of {ny} x {nx} pixels of {self.pixel_scale}; z_source {sources}; "
            f"cosmology {self.cosmology.name!r}, resolution {self.resolution!r}>"
        )

    # --- geometry ---------------------------------------------------------------------------

    @property
    def _box_shape(self):
        """The shape of the periodic box around the field in pixels, ``(ny, nx)``.

        Padded sides are even numbers for which Fourier transforms are fast.
        """
        return tuple(
            2 * scipy.fft.next_fast_len(int(np.ceil(self.padding * n / 2)), real=True)
            if self.padding > 1
            else n
            for n in self.shape
        )

    @property
    def _corner(self):
        """The position (y, x) of the first pixel of the field in the periodic box, in pixels."""
        return tuple((box - n) // 2 for box, n in zip(self._box_shape, self.shape, strict=True))

    @cached_property
    def wcs(self) -> WCS:
        """The `~astropy.wcs.WCS` of drawn fields: a tangent plane with north up and east left."""
        return flat_wcs(self.shape, self.pixel_scale, self.center)

    # --- draws ------------------------------------------------------------------------------

    @cached_property
    def _box(self):
        mean, scatter = self.ellipticity
        physics = HaloPhysics(
            min_mass=float(self.min_mass.to_value(u.solMass)),
            truncation=self.truncation,
            concentration_scatter=self.concentration_scatter,
            concentration_factor=self.concentration_factor,
            mean_ellipticity=mean,
            ellipticity_scatter=scatter,
        )
        return Box(
            self.cosmology,
            self._z_sources,
            self._box_shape,
            self.pixel_scale.to_value(u.rad),
            physics,
            self.resolution,
            np.dtype(self.dtype),
            self.power,
        )

    def prepare(self) -> HaloModelField:
        """Compute the halo statistics and tables that all drawn fields share, in some seconds.

        If ``prepare`` was not called, the first call of ``draw`` computes them.

        Returns
        -------
        HaloModelField
            The model itself.
        """
        _ = self._box
        return self

    def estimate_memory(self) -> float:
        """Estimate the memory that a process needs to draw fields.

        Returns
        -------
        float
            The peak memory in bytes, accurate to about 30 percent. It includes the arrays that
            ``prepare`` computes, but not the memory of Python and its libraries.
        """
        return self._box.memory

    # "| Any" lets type checkers accept the result as a field or as a list: which of the two it is
    # depends on ``z_source``.
    def draw(self, rng: RNGLike = None) -> LensingField | Any:
        """Draw a random convergence and shear field with its halos.

        Parameters
        ----------
        rng : None, int, `~numpy.random.SeedSequence` or `numpy.random.Generator`
            Seed or generator for the random matter. None draws a new seed in each call.

        Returns
        -------
        LensingField or list of LensingField
            The field, which unpacks as ``kappa, halos = ...``. If ``z_source`` is a sequence, a
            list with one field for each source redshift. The halo table lists the halos in the
            field with at least ``min_listed_mass``, out to the farthest sources, even in the fields
            of nearer sources. Its column ``angle`` is the angle of the long axis, from +x to +y.

        Notes
        -----
        On one machine, the same seed gives bitwise identical fields for any number of workers. On
        another machine, rounding errors may differ.
        """
        kappa_hat, drawn = self._box.draw(as_generator(rng))
        halos = self._halo_table(drawn)
        (y, x), (ny, nx) = self._corner, self.shape
        field = np.s_[y : y + ny, x : x + nx]
        result = []
        for transform, z_source in zip(kappa_hat, self._z_sources, strict=True):
            kappa = ConvergenceMap(
                self._box.kappa(transform)[field].copy(), wcs=self.wcs, meta=self._meta(z_source)
            )
            gamma = self._box.gamma(transform)[field].copy()
            result.append(LensingField(kappa, gamma, halos, z_source))
        return result if self._several else result[0]

    def _halo_table(self, drawn):
        """Return a table of the drawn halos that lie in the field, most massive first.

        Halos below ``min_listed_mass`` are left out. ``drawn`` holds the halos in the periodic box,
        as arrays keyed by name.
        """
        (y0, x0), (ny, nx) = self._corner, self.shape
        box_ny, box_nx = self._box_shape
        x = (drawn["x"] - x0 + 0.5) % box_nx - 0.5
        y = (drawn["y"] - y0 + 0.5) % box_ny - 0.5
        keep = (x < nx - 0.5) & (y < ny - 0.5)
        keep &= drawn["mass"] >= self.min_listed_mass.to_value(u.solMass)
        keep = np.flatnonzero(keep)
        keep = keep[np.argsort(-drawn["mass"][keep], kind="stable")]
        return halo_table(
            self.wcs.pixel_to_world(x[keep], y[keep]) if len(keep) else None,
            drawn["redshift"][keep],
            drawn["mass"][keep] * u.solMass,
            drawn["concentration"][keep],
            drawn["ellipticity"][keep],
            np.degrees(drawn["angle"][keep]) * u.deg,
        )

    def _meta(self, z_source):
        meta = {
            "origin": "HaloModelField",
            "z_source": repr(z_source) if isinstance(z_source, SourceRedshifts) else z_source,
            "cosmology": self.cosmology.name or "unnamed",
            "power": self.power,
        }
        if self.resolution is not None:
            name = self.resolution
            meta["resolution"] = name if isinstance(name, str) else "callable"
        return meta


def _check_sources(z_source):
    """Return the source redshifts as a tuple, and whether ``z_source`` is a sequence."""
    several = isinstance(z_source, (list, tuple)) or np.ndim(z_source) == 1
    sources = tuple(map(check_z_source, z_source if several else [z_source]))
    if not sources:
        raise ParameterError("z_source", "at least one redshift", "an empty sequence", verb="hold")
    for z in sources:
        if not 0.02 <= farthest_source(z) <= 10:
            raise ParameterError(
                "z_source", "between 0.02 and 10 (for a distribution, its highest redshift)",
                repr(z),
            )
    return sources, several


def _check_shape(shape):
    is_pair = isinstance(shape, (tuple, list)) and len(shape) == 2
    if not is_pair or not all(isinstance(n, numbers.Integral) for n in shape):
        raise ParameterTypeError("shape", "two whole numbers (ny, nx)", repr(shape))
    if min(shape) < 8 or any(n % 2 for n in shape):
        raise ParameterError(
            "shape", "two even numbers (ny, nx) of at least 8", str(tuple(shape))
        )
    return tuple(int(n) for n in shape)


def _between(value, name, low, high):
    return float(check_number(value, name, f"between {low:g} and {high:g}", low=low, high=high))


def _check_pair(value, name):
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ParameterTypeError(name, "two numbers (mean, scatter)", repr(value))
    return value


def _check_mass(value, name, low, high):
    if not isinstance(value, u.Quantity) or not value.unit.is_equivalent(u.solMass):
        raise ParameterTypeError(
            name, "a mass with a unit, such as 1e12 * u.solMass", repr(value)
        )
    if not value.isscalar or not low <= value.to_value(u.solMass) <= high:
        raise ParameterError(name, f"between {low:g} and {high:g} solar masses", str(value))
    return value
