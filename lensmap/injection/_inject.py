# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Injection of the shear of NFW halos into the ellipticities of observed galaxies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from astropy import units as u

from lensmap.catalog import Calibration, as_shear_catalog, sample_redshifts
from lensmap.cosmology import SourceRedshifts, check_z_source, get_cosmology
from lensmap.halos import halos_from_table
from lensmap.profiles import Efficiency, Sources
from lensmap.simulate import compose
from lensmap.utils import CatalogWarning, ParameterError, as_generator, as_skycoord, warn_user

if TYPE_CHECKING:
    from astropy.table import Table

    from lensmap.catalog import ShearCatalog
    from lensmap.halos import NFWHalo
    from lensmap.typing import CatalogLike, CosmologyLike, RedshiftLike, RNGLike

__all__ = ["Injector", "inject_halos"]

# Halo profiles end at this radius, where the shear of a halo of 1e15 solar masses is below 0.003.
_MAX_RADIUS = 10 * u.Mpc

# Halo profiles are tabulated at radii evenly spaced in their logarithm.
_N_NODES = 2000
_MIN_RADIUS_FRACTION = 1e-6  # of _MAX_RADIUS

_SURFACE_DENSITY_UNIT = u.solMass / u.Mpc**2


def inject_halos(
    catalog: CatalogLike,
    halos: Table,
    *,
    z_source: RedshiftLike | None = None,
    cosmology: CosmologyLike = None,
    rng: RNGLike = None,
) -> ShearCatalog:
    r"""Add the shear of NFW halos to the ellipticities of a catalog.

    The galaxies keep their intrinsic shapes, noise and weights, and the shear of real structure.
    The reduced shear g of the halos is composed exactly (``lensmap.simulate.compose``) with the
    calibrated ellipticity :math:`\epsilon` of each galaxy. Like real shear, the resulting change is
    subject to the response R and the multiplicative bias m of the galaxy:

    .. math:: e \to e + (1 + m)\, \mathsf{R} \left[ \frac{\epsilon + g}{1 + g^* \epsilon}
              - \epsilon \right]

    Averaged over randomly oriented galaxies, the change of the calibrated ellipticity is g,
    whatever the noise. Calibrated ellipticities with a modulus of 1 or more, which are due to
    noise, change by g.

    Parameters
    ----------
    catalog : `~lensmap.ShearCatalog` or `~astropy.table.Table`
        The galaxies.
    halos : `~astropy.table.Table`
        One row for each halo, with the columns ``ra``, ``dec`` (degrees, ICRS), ``redshift``,
        ``m200c`` (solar masses if the column has no unit; 0 injects no halo) and optionally
        ``c200c``. Without ``c200c``, concentrations follow the relation of Diemer & Joyce 2019.
        `lensmap.halos.halo_table` returns such a table for a simulated field. All halos are
        spherical, and a column of ellipticities is ignored.
    z_source : float, `~lensmap.SourceRedshifts` or None
        The redshift of all galaxies, or the distribution from which a redshift is drawn for each
        galaxy. If None, a redshift that is drawn from the p(z) of each galaxy or, without p(z), the
        column ``redshift`` of the catalog. A halo does not shear galaxies in front of it or without
        a redshift.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See
        `lensmap.cosmology.get_cosmology`.
    rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
        Seed or generator for redshifts drawn from a distribution. None draws different redshifts in
        each call.

    Returns
    -------
    `~lensmap.ShearCatalog`
        The catalog with new ellipticities. All other columns are unchanged.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, the galaxies have no redshifts, or a halo is behind all galaxies.

    Warns
    -----
    CatalogWarning
        If some galaxies have no redshift.

    Notes
    -----
    The profile of a halo ends at 10 Mpc (proper) from its center. The convergences and shears of
    several halos are summed, and the reduced shear is computed from the sums. Lens-lens coupling
    among the halos, and between halos and real structure, is neglected. Magnification bias and
    cluster members are not modeled.

    References
    ----------
    Seitz & Schneider 1997, A&A 318, 687 (composition of shear and ellipticity); Wright & Brainerd
    2000, ApJ 534, 34 (shear of NFW halos).
    """
    injector = Injector(catalog, z_source=z_source, cosmology=cosmology, rng=rng)
    return injector.inject(halos)


class Injector:
    """A catalog prepared for the repeated injection of halos.

    Parameters
    ----------
    catalog : `~lensmap.ShearCatalog` or `~astropy.table.Table`
        The galaxies.
    z_source : float, `~lensmap.SourceRedshifts` or None
        The redshift of the galaxies, or their redshift distribution. If None, redshifts drawn from
        the p(z) of the catalog or, without p(z), its column ``redshift``.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See
        `lensmap.cosmology.get_cosmology`.
    rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
        Seed or generator for redshifts drawn from a distribution.

    Attributes
    ----------
    catalog : `~lensmap.ShearCatalog`
        The galaxies.
    z_source : float or `~lensmap.SourceRedshifts`
        The redshift of the galaxies, or their redshift distribution. If taken from the catalog, the
        distribution is weighted by the weights of the galaxies.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.
    """

    def __init__(
        self,
        catalog: CatalogLike,
        z_source: RedshiftLike | None = None,
        cosmology: CosmologyLike = None,
        rng: RNGLike = None,
    ):
        self.catalog = as_shear_catalog(catalog)
        self.cosmology = get_cosmology(cosmology, structure=False)
        self._sources = Sources(self.catalog)
        self._calibration = Calibration.from_catalog(self.catalog)
        self._one_redshift, self._redshift = None, None
        if z_source is None:
            self._redshift = _catalog_redshifts(self.catalog, rng)
            self.z_source = _distribution(self.catalog)
            return
        self.z_source = check_z_source(z_source)
        if isinstance(self.z_source, SourceRedshifts):
            self._redshift = self.z_source.sample(len(self.catalog), rng)
        else:
            self._one_redshift = self.z_source

    def efficiency(self, z_lens: np.ndarray) -> Efficiency:
        """Return the lensing efficiency of the galaxies behind lenses.

        Parameters
        ----------
        z_lens : `numpy.ndarray`
            Redshifts of the lenses, ``(n,)``.

        Returns
        -------
        `lensmap.profiles.Efficiency`
            The inverse critical surface density for each pair of a lens and a galaxy.

        Raises
        ------
        ValueError
            If a lens is behind all galaxies.
        """
        efficiency = Efficiency.from_redshifts(
            self._redshift, z_lens, self._one_redshift, self.cosmology
        )
        return cast(Efficiency, efficiency)  # None only without lens redshifts

    def inject(self, halos: Table) -> ShearCatalog:
        """Add the shear of halos to the ellipticities of the catalog.

        Parameters
        ----------
        halos : `~astropy.table.Table`
            One row for each halo, with the columns ``ra``, ``dec``, ``redshift``, ``m200c`` and
            optionally ``c200c``, as for `inject_halos`.

        Returns
        -------
        `~lensmap.ShearCatalog`
            The catalog with new ellipticities.
        """
        g = self.reduced_shear(halos)
        rows = np.flatnonzero(g)
        epsilon = self._sources.shear[rows]
        epsilon = np.where(np.abs(epsilon) < 1, epsilon, 0.0)
        change = self._uncalibrate(compose(epsilon, g[rows]) - epsilon, rows)
        e = self.catalog.e1 + 1j * self.catalog.e2
        e[rows] += change
        return self.catalog.with_ellipticities(e.real, e.imag)

    def reduced_shear(self, halos: Table) -> np.ndarray:
        """Return the reduced shear of halos at each galaxy.

        Parameters
        ----------
        halos : `~astropy.table.Table`
            One row for each halo, with the columns ``ra``, ``dec``, ``redshift``, ``m200c`` and
            optionally ``c200c``, as for `inject_halos`.

        Returns
        -------
        `numpy.ndarray`
            Complex reduced shear in the celestial basis, ``(n,)``. It is 0 for galaxies in front of
            all halos or outside the profiles of all halos.
        """
        positions = as_skycoord(halos, "halos")
        halos = halos_from_table(halos, self.cosmology)
        massive = [i for i, halo in enumerate(halos) if halo is not None]
        kappa, gamma = np.zeros(len(self.catalog)), np.zeros(len(self.catalog), dtype=complex)
        if not massive:
            return gamma
        z_lens = np.array([halos[i].z_lens for i in massive])
        efficiency = self.efficiency(z_lens)
        distances = self.cosmology.angular_diameter_distance(z_lens)
        centers = self._sources.coordinates(positions)
        for k, i in enumerate(massive):
            radians_per_mpc = (1 * u.Mpc / distances[k]).to_value(u.one)
            max_angle = min(_MAX_RADIUS.to_value(u.Mpc) * radians_per_mpc, 1.0)
            rows, theta, spin = self._sources.directions(centers[i], max_angle)
            inverse_sigma_crit, _ = efficiency.inverse_sigma_crit(k, rows)
            sigma, delta_sigma = _profile(halos[i], theta / radians_per_mpc)
            kappa[rows] += inverse_sigma_crit * sigma
            gamma[rows] -= inverse_sigma_crit * delta_sigma * np.conj(spin)
        one_minus_kappa = 1 - kappa
        one_minus_kappa[one_minus_kappa == 0] = np.finfo(float).eps
        return gamma / one_minus_kappa

    def rotated(self, rng: RNGLike = None) -> ShearCatalog:
        """Return a noise-only catalog, in which the galaxies are randomly rotated.

        Parameters
        ----------
        rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
            Seed or generator for the rotation angles. None draws different angles in each call.

        Returns
        -------
        `~lensmap.ShearCatalog`
            The catalog with rotated ellipticities and the same additive bias.
        """
        angle = as_generator(rng).uniform(0, 2 * np.pi, len(self.catalog))
        e = (self.catalog.e1 + 1j * self.catalog.e2) * np.exp(1j * angle)
        # Shapes are rotated, but their additive bias is not. The map subtracts the additive bias
        # after division by the response; to cancel there, the bias added here is multiplied by the
        # response.
        for column, unit in (("c1", 1.0), ("c2", 1j)):
            if self.catalog[column] is not None:
                e += _times(self._calibration.matrix, unit * self.catalog[column])
        return self.catalog.with_ellipticities(e.real, e.imag)

    def _uncalibrate(self, change: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Convert changes of calibrated ellipticities to changes of measured ellipticities.

        ``change`` is complex, ``(n,)``, and ``rows`` are the indices of the galaxies in the
        catalog, ``(n,)``. The changes are multiplied by the response and the factor (1 + m) of
        each galaxy.
        """
        catalog = self.catalog
        if catalog.response is None and self._calibration.has_response:
            r11, r22, r12, r21 = (
                None if catalog[name] is None else catalog[name][rows]
                for name in ("r11", "r22", "r12", "r21")
            )
            # As in the calibration, a missing r11 or r22 is replaced by the other one, and missing
            # r12 and r21 are 0.
            r11, r22 = (r22 if r11 is None else r11), (r11 if r22 is None else r22)
            change = _times(((r11, 0.0 if r12 is None else r12),
                             (0.0 if r21 is None else r21, r22)), change)
        else:
            change = _times(self._calibration.matrix, change)
        return change if catalog["m"] is None else change * (1 + catalog["m"][rows])


def _profile(halo: NFWHalo, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the surface density and the excess surface density of a halo at projected radii.

    The radii are in proper Mpc, any shape. The densities are in solar masses per square proper Mpc,
    interpolated in ln(radius), with the same shape.
    """
    nodes = np.geomspace(_MIN_RADIUS_FRACTION, 1.001, _N_NODES) * _MAX_RADIUS
    sigma = halo.surface_density(nodes).to_value(_SURFACE_DENSITY_UNIT)
    delta_sigma = halo.mean_surface_density(nodes).to_value(_SURFACE_DENSITY_UNIT) - sigma
    ln_radius, ln_nodes = np.log(np.maximum(radius, nodes[0].value)), np.log(nodes.value)
    return np.interp(ln_radius, ln_nodes, sigma), np.interp(ln_radius, ln_nodes, delta_sigma)


def _times(matrix: Any, e: np.ndarray) -> np.ndarray:
    """Multiply complex ellipticities ``(n,)`` by a 2 x 2 response matrix.

    The elements of the matrix are numbers, or arrays ``(n,)`` with one value for each galaxy.
    """
    (r11, r12), (r21, r22) = matrix
    return r11 * e.real + r12 * e.imag + 1j * (r21 * e.real + r22 * e.imag)


def _catalog_redshifts(catalog: ShearCatalog, rng: RNGLike) -> np.ndarray:
    """Return a redshift for each galaxy of a catalog, and warn if some have none.

    The redshifts are drawn from p(z) or, without p(z), those of the column ``redshift``.
    """
    if catalog.pz is not None and catalog.z_grid is not None:
        redshift = sample_redshifts(catalog.pz, catalog.z_grid, as_generator(rng))
    elif catalog["redshift"] is not None:
        redshift = catalog["redshift"]
    else:
        raise ParameterError(
            "z_source", "given", remedy="the catalog has no column 'redshift', and the shear of a "
            "halo depends on the redshifts of the galaxies"
        )
    n_missing = np.count_nonzero(~np.isfinite(redshift))
    name = "redshift" if catalog.pz is None else "pz"
    if n_missing == len(redshift):
        raise ParameterError(
            "z_source", "given",
            remedy=f"the column {name!r} of the catalog has no finite value"
        )
    if n_missing:
        warn_user(
            f"{n_missing} of {len(redshift)} galaxies have no finite value in the column "
            f"{name!r}, so injected halos do not shear them: give {{z_source}} in place of the "
            "column, or remove these galaxies",
            CatalogWarning,
            "no_redshift",
            name,
            placeholders=True,
        )
    return redshift


def _distribution(catalog: ShearCatalog) -> RedshiftLike:
    """Return the redshift distribution of the galaxies of a catalog, weighted by their weights.

    If all galaxies have the same redshift, this redshift is returned as a float.
    """
    if catalog.pz is None:
        redshift = catalog["redshift"][catalog["redshift"] > 0]
        if len(redshift) and np.ptp(redshift) < 1e-6:
            return float(redshift.max())
    return catalog.source_redshifts()
