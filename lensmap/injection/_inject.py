# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`inject_halos`: galaxies that are measured already, as if halos were in front of them, too."""

import numpy as np
from astropy import units as u

from lensmap.catalog import Calibration, as_shear_catalog
from lensmap.cosmology import SourceRedshifts, check_z_source, get_cosmology
from lensmap.halos import halos_from_table
from lensmap.profiles import Efficiency, Sources
from lensmap.simulate import compose
from lensmap.utils import CatalogWarning, ParameterError, as_generator, as_skycoord, warn_user

__all__ = ["Injector", "inject_halos"]

# A halo acts on galaxies up to this distance from it. Farther out, the shear of one of 1e15 solar
# masses is below 0.003.
_REACH = 10 * u.Mpc

# Nodes of the table of a halo's profile, even in the logarithm of the radius.
_N_NODES = 2000
_INNERMOST = 1e-6

_SURFACE = u.solMass / u.Mpc**2


def inject_halos(catalog, halos, *, z_source=None, cosmology=None, rng=None):
    r"""Put NFW halos in front of the galaxies of a catalog.

    What the galaxies have is kept: shapes, noise, weights, and all the lensing that is there. The
    calibrated ellipticity :math:`\epsilon` of each is sheared by the halos' reduced shear g,
    exactly (`lensmap.simulate.compose`), and what that changes is seen through the galaxy's own
    response and bias, as real shear is:

    .. math:: e \to e + (1 + m)\, \mathsf{R} \left[ \frac{\epsilon + g}{1 + g^* \epsilon}
              - \epsilon \right]

    The mean over galaxies that point anywhere is g, whatever their noise. An ellipticity that noise
    has made larger than 1 is none of an ellipse, and moves by g.

    Parameters
    ----------
    catalog : `~lensmap.ShearCatalog` or `~astropy.table.Table`
        The galaxies.
    halos : `~astropy.table.Table`
        One row for each halo: ``ra``, ``dec`` (degrees, ICRS), ``redshift``, ``m200c`` (a mass;
        without a unit solar masses; of 0 is no halo), and ``c200c``, without which concentrations
        are on the relation of Diemer & Joyce 2019. The halos of a simulated field are such a
        table (`lensmap.halos.halo_table`); their ellipticities are not used: all are spherical.
    z_source : float, `~lensmap.SourceRedshifts` or None
        The redshift of the galaxies, or a distribution from which each gets one. None takes the
        column ``redshift``. Galaxies in front of a halo, and those without a redshift, get nothing.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.
    rng : None, int or `numpy.random.Generator`
        For the redshifts that are drawn from a distribution.

    Returns
    -------
    `~lensmap.ShearCatalog`
        The same galaxies with other ellipticities, and nothing else changed.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or there is no redshift of the galaxies, or none behind a
        halo.

    Warns
    -----
    CatalogWarning
        If galaxies have no redshift.

    Notes
    -----
    Halos act up to 10 Mpc (proper) from their centers. The convergences of several halos, and their
    shears, are added. Real structure is lensed by none of them: shears are composed, as of lenses
    that do not know of each other. Magnification changes neither numbers nor weights of galaxies,
    and members of the halo are not added.

    References
    ----------
    Seitz & Schneider 1997, A&A 318, 687 (the composition); Wright & Brainerd 2000, ApJ 534, 34 (the
    shear of NFW halos).
    """
    injector = Injector(catalog, z_source=z_source, cosmology=cosmology, rng=rng)
    return injector.inject(halos)


class Injector:
    """The galaxies of a catalog, ready to be put behind one list of halos after the other.

    Parameters
    ----------
    catalog, z_source, cosmology, rng : object
        As for `inject_halos`.

    Attributes
    ----------
    catalog : `~lensmap.ShearCatalog`
        The galaxies.
    z_source : float or `~lensmap.SourceRedshifts`
        The redshift of the galaxies as a whole, by weight.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.
    """

    def __init__(self, catalog, z_source=None, cosmology=None, rng=None):
        self.catalog = as_shear_catalog(catalog)
        self.cosmology = get_cosmology(cosmology, structure=False)
        self._sources = Sources(self.catalog)
        self._calibration = Calibration.from_catalog(self.catalog)
        self._one_redshift, self._redshift = None, None
        if z_source is None:
            self._redshift = _known_redshifts(self.catalog)
            self.z_source = _distribution(self._redshift, self._sources.weight)
            return
        self.z_source = check_z_source(z_source)
        if isinstance(self.z_source, SourceRedshifts):
            self._redshift = self.z_source.sample(len(self.catalog), rng)
        else:
            self._one_redshift = self.z_source

    def efficiency(self, z_lens):
        """Return the lensing efficiency of lenses for the galaxies.

        Parameters
        ----------
        z_lens : `numpy.ndarray`
            Redshifts of lenses, ``(n,)``.

        Returns
        -------
        `lensmap.profiles.Efficiency`
            Of each lens and galaxy.

        Raises
        ------
        ValueError
            If a lens is behind all galaxies, which are at one redshift.
        """
        return Efficiency.from_redshifts(
            self._redshift, z_lens, self._one_redshift, self.cosmology
        )

    def inject(self, halos):
        """Return the catalog behind halos.

        Parameters
        ----------
        halos : `~astropy.table.Table`
            As for `inject_halos`.

        Returns
        -------
        `~lensmap.ShearCatalog`
            The catalog.
        """
        g = self.reduced_shear(halos)
        rows = np.flatnonzero(g)
        shape = self._sources.shear[rows]
        shape = np.where(np.abs(shape) < 1, shape, 0.0)
        change = self._seen(compose(shape, g[rows]) - shape, rows)
        e = self.catalog.e1 + 1j * self.catalog.e2
        e[rows] += change
        return self.catalog.with_ellipticities(e.real, e.imag)

    def reduced_shear(self, halos):
        """Return the reduced shear of halos at each galaxy.

        Parameters
        ----------
        halos : `~astropy.table.Table`
            As for `inject_halos`.

        Returns
        -------
        `numpy.ndarray`
            Complex, ``(n,)``, celestial basis; 0 for galaxies that they do not act on.
        """
        places = as_skycoord(halos, "halos")
        halos = halos_from_table(halos, self.cosmology)
        there = [i for i, halo in enumerate(halos) if halo is not None]
        kappa, gamma = np.zeros(len(self.catalog)), np.zeros(len(self.catalog), dtype=complex)
        if not there:
            return gamma
        z_lens = np.array([halos[i].z_lens for i in there])
        efficiency = self.efficiency(z_lens)
        distances = self.cosmology.angular_diameter_distance(z_lens)
        for k, i in enumerate(there):
            scale = (1 * u.Mpc / distances[k]).to_value(u.one)  # radians
            reach = min(_REACH.to_value(u.Mpc) * scale, 1.0)
            rows, theta, spin = self._sources.directions(places[i], reach)
            inverse, _ = efficiency.inverse_sigma_crit(k, rows)
            surface, excess = _profile(halos[i], theta / scale)
            kappa[rows] += inverse * surface
            gamma[rows] -= inverse * excess * np.conj(spin)
        rest = 1 - kappa
        rest[rest == 0] = np.finfo(float).eps
        return gamma / rest

    def turned(self, rng=None):
        """Return the catalog with each galaxy turned by a random angle: noise alone.

        Parameters
        ----------
        rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
            The angles.

        Returns
        -------
        `~lensmap.ShearCatalog`
            The catalog.
        """
        angle = as_generator(rng).uniform(0, 2 * np.pi, len(self.catalog))
        e = (self.catalog.e1 + 1j * self.catalog.e2) * np.exp(1j * angle)
        # The additive bias, which will be subtracted, does not turn.
        for column, unit in (("c1", 1.0), ("c2", 1j)):
            if self.catalog[column] is not None:
                e += _times(self._calibration.matrix, unit * self.catalog[column])
        return self.catalog.with_ellipticities(e.real, e.imag)

    def _seen(self, change, rows):
        """Return what a change of calibrated ellipticities looks like in those of the catalog."""
        catalog = self.catalog
        if catalog.response is None and self._calibration.has_response:
            r11, r22, r12, r21 = (
                None if catalog[name] is None else catalog[name][rows]
                for name in ("r11", "r22", "r12", "r21")
            )
            # As the calibration has it: one column is enough, and without the others they are 0.
            r11, r22 = (r22 if r11 is None else r11), (r11 if r22 is None else r22)
            seen = _times(((r11, 0.0 if r12 is None else r12),
                           (0.0 if r21 is None else r21, r22)), change)
        else:
            seen = _times(self._calibration.matrix, change)
        return seen if catalog["m"] is None else seen * (1 + catalog["m"][rows])


def _profile(halo, radius):
    """Return the surface density and its excess, solMass / Mpc2, at radii in Mpc."""
    nodes = np.geomspace(_INNERMOST, 1.001, _N_NODES) * _REACH
    surface = halo.surface_density(nodes).to_value(_SURFACE)
    excess = halo.mean_surface_density(nodes).to_value(_SURFACE) - surface
    radius = np.maximum(radius, nodes[0].value)
    place, nodes = np.log(radius), np.log(nodes.value)
    return np.interp(place, nodes, surface), np.interp(place, nodes, excess)


def _times(matrix, e):
    """Return a 2 x 2 matrix, or one for each, times ellipticities."""
    (r11, r12), (r21, r22) = matrix
    return r11 * e.real + r12 * e.imag + 1j * (r21 * e.real + r22 * e.imag)


def _known_redshifts(catalog):
    """Return the redshifts of galaxies, NaN for those that have none."""
    redshift = catalog["redshift"]
    if redshift is None:
        raise ParameterError(
            "z_source",
            "given",
            remedy="the catalog has no column redshift, and without redshifts of the galaxies a "
            "halo has no shear",
        )
    unknown = np.count_nonzero(~np.isfinite(redshift))
    if unknown == len(redshift):
        raise ParameterError("z_source", "given", remedy="no galaxy has a redshift")
    if unknown:
        warn_user(
            f"{unknown} of {len(redshift)} galaxies have no redshift: they get no shear of any "
            "halo",
            CatalogWarning,
            "no_redshift",
            "redshift",
        )
    return redshift


def _distribution(redshift, weight):
    """Return redshifts as a distribution, by weight; as a number if all are the same."""
    good = np.isfinite(redshift) & (redshift > 0)
    redshift, weight = redshift[good], weight[good]
    low, high = redshift.min(), redshift.max()
    if high - low < 1e-6:
        return float(high)
    # Redshifts such as 99 are beyond all that matters.
    number, edges = np.histogram(np.minimum(redshift, 10.0), 500, weights=weight)
    return SourceRedshifts((edges[1:] + edges[:-1]) / 2, number)
