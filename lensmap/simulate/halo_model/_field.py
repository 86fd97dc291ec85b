# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`HaloModelField`: realistic convergence fields with known halos, a second each."""

import numbers
from functools import cached_property

import numpy as np
import scipy.fft
from astropy import units as u

from lensmap.cosmology import SourceRedshifts, check_z_source, farthest_source, get_cosmology
from lensmap.halos import halo_table
from lensmap.maps import ConvergenceMap
from lensmap.simulate.fields import NOWHERE, LensingField, flat_wcs
from lensmap.simulate.halo_model._box import Box
from lensmap.simulate.halo_model._planes import HaloPhysics
from lensmap.simulate.halo_model._resolution import resolution_transfer
from lensmap.utils import Parametrized, as_generator, check_angle, check_choice, check_number

__all__ = ["HaloModelField"]

# A larger field is not flat, and its box no box.
_LARGEST_SIDE = 25.0  # deg


class HaloModelField(Parametrized):
    r"""Convergence fields of a halo model: planes of clustered halos and of matter between them.

    The line of sight is cut into planes of comoving distance. In each, a lognormal density
    carries the large-scale structure; halos are drawn from the mass function where it is high,
    by their bias, and painted as truncated elliptical NFW halos with scatter in concentration;
    what is not in halos follows the density itself. The power of the density is chosen so that
    the whole has the non-linear power of matter; the many small halos that are not painted add
    Gaussian power. The planes add up along straight lines (Born), in a periodic box that is
    larger than the field, so that shear feels mass outside of it.

    Parameters
    ----------
    z_source : float, SourceRedshifts or sequence of them
        The source redshift, or their distribution. Several give one field for each, of the same
        matter.
    shape : tuple of int
        ``(ny, nx)`` of the fields.
    pixel_scale : `~astropy.units.Quantity` or str
        The side of a pixel, an angle. Pixels hold the mean of the convergence over their area.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        Flat; as for `lensmap.cosmology.get_cosmology`.
    padding : float
        The box is so many times as large as the field, at least 1; with 1 the field is the
        periodic box itself.
    resolution : None, str or callable
        Imitates the finite resolution of a simulation: ``"massivenus"``, or a function from
        multipoles to factors of the amplitude. None: none is lost but by pixels.
    center : `~astropy.coordinates.SkyCoord` or None
        Where the field is on the sky; None is RA 180, dec 0.
    min_mass : `~astropy.units.Quantity`
        The lowest M200c that is painted halo by halo.
    truncation : float
        The truncation radius of halos in units of r200c, between 1 and 4.
    concentration_scatter : float
        The standard deviation of ln c200c at a given mass and redshift, at most 0.6. (No halo has
        a concentration below 1 or above 30.)
    concentration_factor : float
        What the median c(M, z) is multiplied by, between 0.5 and 2.
    ellipticity : tuple of float
        Mean and scatter of (a - b) / (a + b) of the projected halos; (0, 0) makes them round.
    min_listed_mass : `~astropy.units.Quantity`
        The lowest M200c in the tables of halos.
    dtype : {"float32", "float64"}
        The precision of fields.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or out of range.

    Notes
    -----
    The mass function is that of Tinker et al. 2008, the bias that of Tinker et al. 2010, the
    concentrations are those of Diemer & Joyce 2019, all through colossus, and the non-linear power
    that of Takahashi et al. 2012. The mean convergence of a box is 0. Not modeled: substructure
    of halos, their alignment with the structure around them, correlation of planes, and
    deflection between planes.

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
        z_source=1.0,
        shape=(512, 512),
        pixel_scale=0.41 * u.arcmin,
        cosmology=None,
        padding=1.5,
        resolution=None,
        center=None,
        min_mass=1e12 * u.solMass,
        truncation=2.5,
        concentration_scatter=0.37,
        concentration_factor=1.0,
        ellipticity=(0.18, 0.09),
        min_listed_mass=1e13 * u.solMass,
        dtype="float32",
    ):
        self.z_source = z_source
        self._z_sources, self._several = _check_sources(z_source)
        self.shape = _check_shape(shape)
        self.pixel_scale = check_angle(pixel_scale, "pixel_scale")
        self.cosmology = get_cosmology(cosmology)
        if abs(float(self.cosmology.Ok0)) > 2e-3:
            raise ValueError(
                f"cosmology must be flat for fields; its curvature is {self.cosmology.Ok0:.3g}"
            )
        self.padding = _between(padding, "padding", 1.0, 10.0)
        resolution_transfer(np.array([100.0, 1000.0]), resolution)  # says what is wrong with it
        self.resolution = resolution
        self.center = NOWHERE if center is None else center
        _ = self.wcs  # says what is wrong with the center
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
            _between(mean, "ellipticity (mean)", 0.0, 0.6),
            _between(scatter, "ellipticity (scatter)", 0.0, 0.6),
        )
        self.min_listed_mass = _check_mass(min_listed_mass, "min_listed_mass", 1e10, 1e17)
        self.dtype = check_choice(dtype, "dtype", ("float32", "float64"))
        side = max(self._box_shape) * self.pixel_scale.to_value(u.deg)
        if side > _LARGEST_SIDE:
            raise ValueError(
                f"shape, pixel_scale and padding make a box of {side:.1f} deg: more than "
                f"{_LARGEST_SIDE:g} deg is not flat"
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
        """``(ny, nx)`` of the box: even, and quick to transform."""
        return tuple(
            2 * scipy.fft.next_fast_len(int(np.ceil(self.padding * n / 2)), real=True)
            if self.padding > 1
            else n
            for n in self.shape
        )

    @property
    def _corner(self):
        """The first pixel (y, x) of the field in the box."""
        return tuple((box - n) // 2 for box, n in zip(self._box_shape, self.shape, strict=True))

    @cached_property
    def wcs(self):
        """The `~astropy.wcs.WCS` of the fields: a tangent plane, north up and east left."""
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
        )

    def prepare(self):
        """Work out all that does not depend on a draw, some seconds of work, if not yet done.

        Returns
        -------
        HaloModelField
            The model itself.
        """
        _ = self._box
        return self

    def draw(self, rng=None):
        """Draw a field.

        Parameters
        ----------
        rng : None, int, `~numpy.random.SeedSequence` or `numpy.random.Generator`
            The source of random numbers; None is different in each call.

        Returns
        -------
        LensingField or list of LensingField
            Convergence, shear and halos, which unpack as ``kappa, halos = ...``; a list with one
            for each source redshift where there are several. The halos are those in the field
            with at least ``min_listed_mass`` in front of the farthest sources; ``angle`` is that
            of the long axis from +x to +y. Bit for bit the same for a seed on one machine,
            whatever the number of workers; elsewhere to rounding.
        """
        kappa_hat, drawn = self._box.draw(as_generator(rng))
        halos = self._listed(drawn)
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

    def _listed(self, drawn):
        """Return the table of the halos in the field that are massive enough."""
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
        }
        if self.resolution is not None:
            name = self.resolution
            meta["resolution"] = name if isinstance(name, str) else "callable"
        return meta


def _check_sources(z_source):
    """Return the source redshifts as a tuple, and whether several were asked for."""
    several = isinstance(z_source, (list, tuple)) or np.ndim(z_source) == 1
    sources = tuple(check_z_source(_plain(z)) for z in (z_source if several else [z_source]))
    if not sources:
        raise ValueError("z_source must hold at least one redshift, but is empty")
    for z in sources:
        if not 0.02 <= farthest_source(z) <= 10:
            raise ValueError(f"z_source must be between 0.02 and 10 for fields, not {z!r}")
    return sources, several


def _plain(z):
    return float(z) if isinstance(z, np.generic) else z


def _check_shape(shape):
    good = isinstance(shape, (tuple, list)) and len(shape) == 2
    if not good or not all(isinstance(n, numbers.Integral) for n in shape):
        raise TypeError(f"shape must be two whole numbers (ny, nx), not {shape!r}")
    if min(shape) < 8 or any(n % 2 for n in shape):
        raise ValueError(f"shape must be even numbers of at least 8, not {tuple(shape)}")
    return tuple(int(n) for n in shape)


def _between(value, name, low, high):
    return float(check_number(value, name, f"between {low:g} and {high:g}", low=low, high=high))


def _check_pair(value, name):
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name} must be two numbers (mean, scatter), not {value!r}")
    return value


def _check_mass(value, name, low, high):
    if not isinstance(value, u.Quantity) or not value.unit.is_equivalent(u.solMass):
        raise TypeError(
            f"{name} must be a mass with a unit, such as 1e12 * u.solMass, not {value!r}"
        )
    if not value.isscalar or not low <= value.to_value(u.solMass) <= high:
        raise ValueError(f"{name} must be between {low:g} and {high:g} solar masses, not {value}")
    return value
