# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The surface density of a map is that of the halo which made its convergence."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.cosmology import FlatLambdaCDM
from astropy.nddata import NDData

from lensmap import ConvergenceMap, NFWHalo, SourceRedshifts
from lensmap.cosmology import sigma_crit
from lensmap.grid import tangent_wcs

CENTER = SkyCoord(150, 2, unit="deg")
HALO = NFWHalo(5e14 * u.solMass, 4.0, 0.3)
# A mixture of galaxies before and behind the lens.
SOURCES = SourceRedshifts([0.2, 0.8, 1.5], [1, 2, 1])


def _map(z_source, **parts):
    wcs = tangent_wcs(CENTER, (20, 30), 1 * u.arcmin)
    y, x = np.indices((20, 30))
    theta = wcs.pixel_to_world(x, y).separation(CENTER)
    return ConvergenceMap(HALO.kappa(theta, z_source), wcs=wcs, **parts), theta


@pytest.mark.parametrize("z_source", [1.0, SOURCES])
def test_of_a_halo(z_source):
    kappa, theta = _map(z_source, uncertainty=np.full((20, 30), 0.01), mask=np.eye(20, 30) > 0)
    result = kappa.surface_density(0.3, z_source)
    assert type(result) is NDData and result.unit == u.solMass / u.Mpc**2
    expected = HALO.surface_density(theta).to_value(result.unit)
    np.testing.assert_array_equal(np.isnan(result.data), kappa.mask)
    np.testing.assert_allclose(result.data[~kappa.mask], expected[~kappa.mask], rtol=1e-6)
    ratio = result.uncertainty.array / result.data
    np.testing.assert_allclose(ratio[~kappa.mask], (0.01 / kappa.data)[~kappa.mask])
    assert result.uncertainty.unit in (None, result.unit)
    assert result.wcs.wcs.compare(kappa.wcs.wcs)
    assert result.meta["z_lens"] == 0.3 and result.meta["quantity"] == "surface density"


def test_no_sigma8_is_needed():
    plain = FlatLambdaCDM(70, 0.3)
    kappa, _ = _map(1.0)
    result = kappa.surface_density(0.3, 1.0, cosmology=plain)
    critical = sigma_crit(0.3, 1.0, plain).to_value(result.unit)
    np.testing.assert_allclose(result.data, kappa.data * critical)
    assert result.uncertainty is None and result.meta["sigma_crit"] == pytest.approx(critical)


@pytest.mark.parametrize(
    ("meta", "z_lens", "message"),
    [
        ({}, 1.2, "z_lens must be lower than z_source, not 1.2"),
        ({}, -1, "z_lens must be positive"),
        ({}, [0.3, 0.4], "z_lens must be one redshift"),
        ({"quantity": "aperture mass"}, 0.3, "of a map of kappa, not of aperture mass"),
    ],
)
def test_bad_values(meta, z_lens, message):
    kappa, _ = _map(1.0, meta=meta)
    with pytest.raises(ValueError, match=message):
        kappa.surface_density(z_lens, 1.0)
