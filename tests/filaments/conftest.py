# Licensed under a 3-clause BSD style license - see LICENSE.rst
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from scipy.ndimage import map_coordinates

from lensmap import ShearCatalog
from lensmap.flatsky import convergence_to_shear
from lensmap.simulate import ClusterField

PIXEL = 0.5  # arcmin


@pytest.fixture(scope="session")
def arm_catalog():
    """Return a function that makes the catalog of a filament, with a cluster if there is one.

    The convergence is computed on small pixels with the shear of a periodic box three times as
    large, and galaxies have the shear of their own positions. Without ``noise``, the column
    ``sigma_e`` still has the dispersion, so that the filter is that for noisy galaxies.
    """

    def make(kappa0, angle, halo=None, *, radii=(10.0, 36.0), core=3.0, n_galaxies=60_000,
             noise=False, seed=1, center=SkyCoord(150 * u.deg, 20 * u.deg), cross=False,
             structure=None):
        n = 2 * int(1.5 * radii[1] / PIXEL)
        y, x = (np.indices((n, n)) - (n - 1) / 2) * PIXEL
        east, north = -x, y
        sin, cos = np.sin(np.radians(angle)), np.cos(np.radians(angle))
        along, across = east * sin + north * cos, np.abs(east * cos - north * sin)
        radius = np.hypot(x, y)
        kappa = kappa0 / (1 + (np.maximum(across - core, 0) / core) ** 2)
        kappa[(along < 0) | (radius < radii[0]) | (radius > radii[1])] = 0
        gamma = convergence_to_shear(kappa, padding=3.0)
        wcs = ClusterField.preset("coma", shape=(n, n), center=center,
                                  pixel_scale=PIXEL * u.arcmin, filaments=(),
                                  substructure=0.0).wcs
        if halo is not None:
            field = ClusterField(halo, shape=(n, n), pixel_scale=PIXEL * u.arcmin, center=center,
                                 z_source=1.0, dtype="float64").draw(0)
            kappa, gamma = kappa + field.kappa.data, gamma + field.gamma
        if structure is not None:
            kappa, gamma = kappa + structure.kappa.data, gamma + structure.gamma
        reduced = gamma / (1 - kappa)
        rng = np.random.default_rng(seed)
        x, y = rng.uniform(0, n - 1, (2, n_galaxies))
        shear = sum(factor * map_coordinates(part, [y, x], order=1)
                    for factor, part in ((1, reduced.real), (1j, reduced.imag)))
        if cross:
            shear = -1j * shear
        if noise:
            shear = shear + rng.normal(scale=0.26, size=(2, n_galaxies)).T @ [1, 1j]
        sky = wcs.pixel_to_world(x, y)
        # The pixels have east left, and +y is not exactly north.
        north = sky.position_angle(wcs.pixel_to_world(x, y + 0.1)).rad
        shear = np.conj(shear) * np.exp(-2j * north)
        table = Table({"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": shear.real, "e2": shear.imag,
                       "sigma_e": np.full(n_galaxies, 0.26)})
        table.meta.update(convention="celestial", kind="shear", frame="icrs")
        return ShearCatalog(table), center

    return make
