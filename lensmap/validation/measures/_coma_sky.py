# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Mock observations of the Coma cluster, with its three filament arms and without."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.grid import ShearGrid
from lensmap.maps import ConvergenceMap
from lensmap.profiles import fit_nfw, shear_profile, structure_covariance
from lensmap.simulate import ClusterField, MockSurvey
from lensmap.typing import RNGLike
from lensmap.validation._field_maps import MapMaker, timed_map
from lensmap.validation._seeds import seed_sequence

__all__ = ["ComaMaps", "ComaSky", "map_coma"]

_Z_LENS, _Z_SOURCE = 0.0231, 1.0
_RADII = np.geomspace(0.2, 2.5, 11) * u.Mpc
_MASS_UNIT = u.Unit("1e14 solMass")


@dataclass(frozen=True, eq=False)
class ComaSky:
    """Mocks of Coma with its three filament arms (Cha et al. 2025), and without the arms.

    ``ClusterField.preset("coma")`` defines the cluster and its arms. Each field has large-scale
    structure and 38 galaxies per square arcminute. The methods ``prepare`` and ``draw`` make this
    class a model for `lensmap.simulate.draw_fields`.
    """

    @cached_property
    def with_arms(self) -> ClusterField:
        """The `~lensmap.simulate.ClusterField` with arms."""
        return ClusterField.preset("coma", background=True)

    @cached_property
    def without_arms(self) -> ClusterField:
        """The `~lensmap.simulate.ClusterField` without arms."""
        return ClusterField.preset("coma", background=True, filaments=())

    @property
    def center(self) -> SkyCoord:
        """The position of the cluster center."""
        return self.with_arms.center

    @property
    def mass(self) -> float:
        """M200c of the cluster, 1e14 solar masses."""
        return float(self.with_arms.clusters[0].m200c.to_value(_MASS_UNIT))

    @property
    def angles(self) -> np.ndarray:
        """The position angles of the arms from the cluster center, degrees."""
        return np.array([arm.angle.to_value(u.deg) for arm in self.with_arms.filaments])

    @cached_property
    def _covariance(self):
        return structure_covariance(_RADII, z_lens=_Z_LENS, z_source=_Z_SOURCE)

    def prepare(self) -> "ComaSky":
        """Compute and keep the quantities that all mocks share.

        Returns
        -------
        ComaSky
            This object.
        """
        self.with_arms.prepare()
        self.without_arms.prepare()
        _ = self._covariance
        return self

    def draw(self, rng: RNGLike) -> tuple:
        """Draw a field with the arms and without, and fit the cluster mass in the field with arms.

        Parameters
        ----------
        rng : None, int, `numpy.random.SeedSequence` or `numpy.random.Generator`
            Seed or generator. Both fields have the same large-scale structure and galaxies.

        Returns
        -------
        grids : tuple of ShearGrid
            The binned shear with arms and without.
        mass : tuple of float
            The best-fit M200c of an NFW fit to the tangential shear, and the ends of its 68 per
            cent interval, in 1e14 solar masses.
        """
        survey = MockSurvey.preset("cha2025", density=38 / u.arcmin**2)
        structure, galaxies = seed_sequence(rng).spawn(2)
        field = self.with_arms.draw(structure)
        catalog = survey.observe(field, rng=galaxies)
        without = survey.observe_grid(self.without_arms.draw(structure), rng=galaxies)
        return (ShearGrid.from_catalog(catalog, field.wcs), without), self._fit(catalog)

    def _fit(self, catalog):
        profile = shear_profile(catalog, self.center, _RADII, z_lens=_Z_LENS, z_source=_Z_SOURCE)
        fit = fit_nfw(profile, z_lens=_Z_LENS, z_source=_Z_SOURCE, covariance=self._covariance)
        return tuple(
            float(m.to_value(_MASS_UNIT)) for m in (fit.m200c, fit.m200c_low, fit.m200c_high)
        )


@dataclass(frozen=True, eq=False)
class ComaMaps:
    """A mock of Coma and the maps that several estimators made of it.

    Attributes
    ----------
    number : int
        The number of the mock in the series of mocks, from 0.
    sky : ComaSky
        The model of the mocks.
    mass : tuple of float
        The fitted mass and its interval, as returned by `ComaSky.draw`.
    maps : dict
        A pair of `~lensmap.ConvergenceMap`, with arms and without, for each estimator, keyed by its
        name.
    """

    number: int
    sky: ComaSky
    mass: tuple[float, float, float]
    maps: Mapping[str, tuple[ConvergenceMap, ConvergenceMap]]


def map_coma(
    sky: ComaSky, estimators: Mapping[str, MapMaker], numbered: Iterable[tuple[int, tuple]]
) -> Iterator[ComaMaps]:
    """Map mocks of Coma with several estimators.

    Parameters
    ----------
    sky : ComaSky
        The model of the mocks.
    estimators : dict
        The estimators, keyed by name. An estimator has a method ``reconstruct(grid)``.
    numbered : iterable of tuple
        The number of each mock and the result of `ComaSky.draw`.

    Yields
    ------
    ComaMaps
        A mock and the maps that the estimators made of it.
    """
    for number, (grids, mass) in numbered:
        maps = {}
        for name, estimator in estimators.items():
            with_arms, without = (timed_map(name, estimator, grid)[0] for grid in grids)
            maps[name] = (with_arms, without)
        yield ComaMaps(number, sky, mass, maps)
