# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Source galaxies of a survey on disk, of which those near the lenses are read."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.catalog import (
    Calibration,
    HatsCatalog,
    add_facts,
    calibration_facts,
    galaxy_response,
    selection_facts,
)
from lensmap.profiles._pair_calibration import MIN_CALIBRATING
from lensmap.profiles._pairs import Sources
from lensmap.utils import CatalogWarning, ParameterTypeError

if TYPE_CHECKING:
    from lensmap.catalog import ShearCatalog
    from lensmap.profiles._efficiency import Efficiency

__all__ = [
    "SurveySources", "extra_columns_for", "groups_of_positions", "pair_weights", "survey_facts",
]

# Beyond the outermost radius, galaxies tell whether a lens is in the footprint.
_MIN_RADIUS = 15 * u.arcmin

# More than the rounding errors of separations.
_ROOM = 1 + 1e-6

# Lenses are read in groups of pixels that are about this wide, degrees, or wider for wide rings.
_GROUP_WIDTH = 1.0
_MAX_GROUP_NSIDE = 64


@dataclass(frozen=True)
class _Facts:
    """Numbers of all galaxies of a survey.

    Attributes
    ----------
    calibration : `lensmap.catalog.Calibration`
        Their calibration.
    highest : float
        The highest redshift; minus infinity if none is known.
    selection : dict
        The columns, and the numbers of rows used and left out.
    """

    calibration: Calibration
    highest: float
    selection: dict[str, Any]


# Facts need one pass over all galaxies; they are kept as long as the catalog.
_FACTS: WeakKeyDictionary[HatsCatalog, _Facts] = WeakKeyDictionary()


class SurveySources:
    """The galaxies of a survey, which are read near positions and calibrated as a whole.

    Parameters
    ----------
    catalog : `~lensmap.catalog.HatsCatalog`
        The galaxies. Their calibration, for which all are read once, partition by partition, is
        kept with the object.
    extra_columns : sequence of str
        Further columns that are read.
    """

    def __init__(self, catalog: HatsCatalog, extra_columns: tuple[str, ...] = ()) -> None:
        self._catalog, self._extra = catalog, extra_columns
        self._facts = _known_facts(catalog)

    @property
    def calibration(self) -> Calibration:
        """The calibration of all galaxies."""
        return self._facts.calibration

    @property
    def highest(self) -> float:
        """The highest redshift of a galaxy; minus infinity if none is known."""
        return self._facts.highest

    def near(self, positions: SkyCoord, angles: np.ndarray) -> Sources | None:
        """Return the galaxies around positions that are near each other.

        Parameters
        ----------
        positions : `~astropy.coordinates.SkyCoord`
            The positions, ``(n,)``.
        angles : `numpy.ndarray`
            The angle around each position, radians, ``(n,)``.

        Returns
        -------
        Sources or None
            All galaxies within the angles, and others; None if there are none.
        """
        sky = positions.icrs
        mean = sky.cartesian.mean()
        center = sky[0] if len(sky) == 1 or mean.norm() < 0.1 else SkyCoord(mean, frame="icrs")
        center = SkyCoord(center.spherical.lon, center.spherical.lat)
        reach = np.max(center.separation(sky).rad + angles) * u.rad
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CatalogWarning)  # the pass over all has warned
            part = self._catalog.near(
                center, min(max(reach, _MIN_RADIUS) * _ROOM, 179 * u.deg), self._extra
            )
        return None if part is None else Sources(part, self.calibration)

    def chunks(self) -> Iterator[Sources]:
        """Iterate over all galaxies, one partition at a time."""
        parts = self._catalog.chunks(extra_columns=self._extra)
        while True:
            with warnings.catch_warnings():  # closed before each yield
                warnings.simplefilter("ignore", CatalogWarning)
                part = next(parts, None)
            if part is None:
                return
            yield Sources(part, self.calibration)

    @property
    def is_noisy(self) -> bool:
        """Whether responses contain the noise of each galaxy, so that all calibrate."""
        for sources in self.chunks():
            response = galaxy_response(sources.catalog, self.calibration)
            return response is not None and response.noisy
        return False

    def behind(self, weights: Callable[[Sources], np.ndarray], n: int) -> np.ndarray:
        """Return means of the relative response over all galaxies, as by `mean_response`.

        Parameters
        ----------
        weights : callable
            Returns n sets of weights of some galaxies, ``(n, n_galaxies)``.
        n : int
            The number of sets.

        Returns
        -------
        `numpy.ndarray`
            The means, ``(n,)``. Galaxies that lack to 1000 used ones count with the mean of the
            survey, 1.
        """
        above, below, used = np.zeros((3, n))
        for sources in self.chunks():
            response = galaxy_response(sources.catalog, self.calibration)
            assert response is not None
            for i, weight in enumerate(weights(sources)):
                above[i] += np.sum(response.values[weight > 0] * weight[weight > 0])
                below[i] += np.sum(weight)
                used[i] += np.count_nonzero(weight > 0)
        share = np.minimum(used / MIN_CALIBRATING, 1.0)
        mean = np.divide(above, below, out=np.ones(n), where=below > 0)
        return share * mean + 1 - share


def pair_weights(
    efficiency: Callable[[ShearCatalog], Efficiency | None], n_lenses: int
) -> Callable[[Sources], np.ndarray]:
    """Return a function that gives the weights w b and w b^2 of galaxies for each lens.

    Parameters
    ----------
    efficiency : callable
        Returns the inverse critical surface density b of galaxies for the lenses.
    n_lenses : int
        The number of lenses.

    Returns
    -------
    callable
        Takes `Sources`, and returns the weights, ``(2 * n_lenses, n)``: w b and w b^2 of the first
        lens, of the second, and so on.
    """
    def weights(sources: Sources) -> np.ndarray:
        known = efficiency(sources.catalog)
        assert known is not None
        rows, result = np.arange(len(sources)), []
        for i in range(n_lenses):
            inverse, _ = known.inverse_sigma_crit(i, rows)
            result += [sources.weight * inverse, sources.weight * inverse**2]
        return np.array(result)

    return weights


def extra_columns_for(inverse_sigma_crit: object) -> tuple[str, ...]:
    """Return the columns that are read for ``inverse_sigma_crit``: none, or the one it names."""
    if inverse_sigma_crit is None:
        return ()
    if not isinstance(inverse_sigma_crit, str):
        raise ParameterTypeError(
            "inverse_sigma_crit", "the name of a column for a catalog on disk",
            f"an object of type {type(inverse_sigma_crit).__name__}",
        )
    return (inverse_sigma_crit,)


def groups_of_positions(positions: SkyCoord, max_angle: float) -> list[np.ndarray]:
    """Divide positions into groups of neighbors, whose galaxies are read together.

    Parameters
    ----------
    positions : `~astropy.coordinates.SkyCoord`
        The positions, ``(n,)``.
    max_angle : float
        The largest angle around a position, radians.

    Returns
    -------
    list of `numpy.ndarray`
        The indices of each group, increasing.
    """
    from astropy_healpix import HEALPix

    width = max(_GROUP_WIDTH, np.degrees(max_angle))
    nside = 1
    while nside < _MAX_GROUP_NSIDE and 58.6 / (2 * nside) >= width:
        nside *= 2
    sky = positions.icrs
    pixel = HEALPix(nside, order="nested").lonlat_to_healpix(sky.ra, sky.dec)
    order = np.argsort(pixel, kind="stable")
    starts = np.flatnonzero(np.diff(pixel[order], prepend=-1))
    return np.split(order, starts[1:])


def survey_facts(catalog: HatsCatalog) -> dict[str, Any]:
    """Return what files record about a catalog on disk, as for a catalog in memory.

    All galaxies are read once, as for the first profile; what is found is kept with the catalog.

    Parameters
    ----------
    catalog : `~lensmap.catalog.HatsCatalog`
        The galaxies.

    Returns
    -------
    dict
        The columns, the numbers of rows used and left out, and ``calibration``.
    """
    facts = _known_facts(catalog)
    return {
        **facts.selection, "columns": dict(catalog.column_names), "where": catalog.where,
        "calibration": calibration_facts(facts.calibration),
    }


def _known_facts(catalog: HatsCatalog) -> _Facts:
    if catalog not in _FACTS:
        _FACTS[catalog] = _facts_of(catalog)
    return _FACTS[catalog]


def _facts_of(catalog: HatsCatalog) -> _Facts:
    """Read all galaxies once, and return what is known of them."""
    calibration: Calibration | None = None
    highest = -np.inf
    selection: dict[str, Any] = {}
    for part in catalog.chunks():
        mine = selection_facts(part)
        selection = add_facts(selection, mine) if selection else mine
        one = Calibration.from_catalog(part)
        calibration = one if calibration is None else calibration + one
        redshift = part["redshift"]
        if redshift is not None and np.isfinite(redshift).any():
            highest = max(highest, float(redshift[np.isfinite(redshift)].max()))
    if calibration is None:
        raise ValueError(f"no galaxy of the catalog in {str(catalog.folder)!r} can be used")
    return _Facts(calibration, highest, selection)
