# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The class `SphereCase`: an estimator class under test, whose maps are on HEALPix pixels."""

from functools import lru_cache
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord

from lensmap.catalog import ShearCatalog
from lensmap.estimators import Estimator
from lensmap.grid import SphericalShearGrid
from lensmap.maps import HealpixMap
from lensmap.sphere import HealpixPixels
from lensmap.testing._case import Case
from lensmap.testing._sky import catalog_columns, uniform_sky

__all__ = ["SphereCase", "pixel_centers"]

# The pixels of the random galaxies, 1.8 deg, and the galaxies: about twenty per pixel. Their
# circle is off the equator and off the boundaries of the base pixels of HEALPix.
_PIXELS = HealpixPixels(32)
_CENTER = SkyCoord(158, 17, unit="deg")
_N_GALAXIES, _RADIUS = 4000, 15.0


@lru_cache(maxsize=4)
def _noise_columns(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    sky = uniform_sky(_CENTER, _RADIUS, _N_GALAXIES, rng)
    e = 0.25 * (rng.normal(size=_N_GALAXIES) + 1j * rng.normal(size=_N_GALAXIES))
    return catalog_columns(
        sky, e, weight=rng.uniform(0.5, 2, _N_GALAXIES), sigma_e=np.full(_N_GALAXIES, 0.25)
    )


class SphereCase(Case):
    """An estimator class under test, whose maps are on HEALPix pixels.

    The parameters are those of `Case`.
    """

    pixels = _PIXELS

    def grid(self, estimator: Estimator, catalog: ShearCatalog, wcs: Any = None) -> Any:
        """Return the grid of a catalog on the pixels ``wcs`` (None: ``pixels``)."""
        return SphericalShearGrid.from_catalog(
            catalog, self.pixels if wcs is None else wcs, sigma_e=estimator.sigma_e,
            extra_sums=estimator.extra_sums,
        )

    def noise(self) -> dict[str, np.ndarray]:
        """Return the catalog columns of galaxies with random ellipticities, as a new dict."""
        return dict(_noise_columns(self.seed))


def pixel_centers(kappa: HealpixMap) -> SkyCoord:
    """Return the centers of the pixels of a map, in the frame of the map."""
    lon, lat = kappa.pixels.centers(kappa.index)
    return SkyCoord(lon, lat, unit="deg", frame=kappa.pixels.frame)
