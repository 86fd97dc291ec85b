# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Masses from a map at its edge, beside holes, and of several halos are those that were put in."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from lensmap import ConvergenceMap, KaiserSquires, NFWHalo, ShearCatalog, fit_nfw
from lensmap.grid import tangent_wcs

HALO = NFWHalo(1e15 * u.solMass, 4.0, 0.3)
FIT = {"z_lens": 0.3, "z_source": 1.0, "concentration": 4.0}
ESTIMATOR = KaiserSquires(smoothing=2 * u.arcmin, uncertainty="analytic")


def _map(shifts, hole=None, dec=2.0, axes="north up, east left", estimator=ESTIMATOR):
    """Map a field of 40 arcmin with a halo at each shift (arcmin east of the center).

    The galaxies in a ``hole``, its position (arcmin east of the center) and its radius, are left
    out.
    """
    center = SkyCoord(150, dec, unit="deg")
    halos = center.directional_offset_by(90 * u.deg, shifts * u.arcmin)
    wcs = tangent_wcs(center, (100, 100), 0.4 * u.arcmin)
    if axes == "mirrored":
        wcs.wcs.cdelt = np.abs(wcs.wcs.cdelt)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-0.5, 99.5, (2, 40_000))
    sky = wcs.pixel_to_world(x, y)
    # No galaxies where the halo has strong lensing.
    sky = sky[np.all([sky.separation(one) > 0.5 * u.arcmin for one in halos], axis=0)]
    shear = np.zeros(len(sky), dtype=complex)
    for position in halos:
        angle = np.pi / 2 - sky.position_angle(position).rad
        shear -= HALO.reduced_shear(sky.separation(position), 1.0) * np.exp(2j * angle)
    shear += 0.01 * (rng.standard_normal((len(sky), 2)) @ [1, 1j])
    columns = Table({"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": shear.real, "e2": shear.imag})
    if hole is not None:
        where = center.directional_offset_by(90 * u.deg, hole[0] * u.arcmin)
        columns = columns[sky.separation(where) > hole[1] * u.arcmin]
    catalog = ShearCatalog(columns, convention="celestial", kind="shear")
    return estimator.reconstruct(catalog, wcs), halos


@pytest.mark.parametrize(
    "field",
    [
        {"shifts": [0.0]},
        {"shifts": [15.0]},
        {"shifts": [-18.5]},
        {"shifts": [15.0], "axes": "mirrored"},
        {"shifts": [15.0], "dec": 89.9},
        {"shifts": [0.0], "hole": (0, 4)},
        {"shifts": [0.0], "hole": (6, 4)},
        {"shifts": [15.0], "estimator": ESTIMATOR.replace(padding=1.2)},
        {"shifts": [-15.0, 15.0]},
    ],
    ids=["center", "edge", "1.5 arcmin from the edge", "mirrored", "pole", "in a hole",
         "beside a hole", "other padding", "two halos"],
)
def test_masses(field):
    kappa, halos = _map(**field)
    mass = np.atleast_1d(fit_nfw(kappa, halos, **FIT | {"z_lens": [0.3] * len(halos)}).m200c)
    np.testing.assert_allclose(mass / HALO.m200c, 1, atol=0.03)


def test_a_file_says_how_the_map_was_made(tmp_path):
    kappa, halos = _map([15.0])
    kappa.write(tmp_path / "k.fits")
    again = fit_nfw(ConvergenceMap.read(tmp_path / "k.fits"), halos, **FIT)
    ratio = again.m200c / fit_nfw(kappa, halos, **FIT).m200c
    assert ratio.to_value(u.one) == pytest.approx(1, rel=1e-6)


def test_cutouts():
    """Galaxies outside a cutout contributed to it, so that its edges have no effect."""
    kappa, halos = _map([0.0])
    cutout = kappa.cutout(halos[0], 16 * u.arcmin)
    assert cutout.meta["cutout_of"] == [100, 100]
    assert cutout.cutout(halos[0], 12 * u.arcmin).meta["cutout_of"] == [100, 100]
    mass = fit_nfw(cutout, halos, radii=[0.2, 2] * u.Mpc, **FIT).m200c
    assert mass.to_value(1e15 * u.solMass) == pytest.approx(1, abs=0.06)


def test_holes_of_a_cutout_are_refused():
    kappa, halos = _map([0.0], hole=(8, 5))
    fit_nfw(kappa, halos, **FIT)
    message = (r"position must lie at least 7.48 arcmin from masked pixels in a cutout or a "
               r"resampled map, for these radii, not 7.\d+ arcmin from one: fit the whole map")
    with pytest.raises(ValueError, match=message):
        fit_nfw(kappa[:, :90], halos, **FIT)
    fit_nfw(kappa[:, :90], halos, radii=[0.2, 1.5] * u.Mpc, **FIT)
