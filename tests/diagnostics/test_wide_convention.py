# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`check_convention` on catalogs that are too wide for a plane."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits

from lensmap import ShearCatalog, check_convention
from lensmap.catalog import convention_signs
from lensmap.diagnostics import _sphere_maps
from lensmap.sphere import HealpixPixels, SphericalTransform, random_modes

pytest.importorskip("ducc0")

SIGNS = {"celestial": (1, 1), "euclidean": (1, -1), "iau": (-1, 1), "healpix": (-1, -1)}


@pytest.fixture
def coarse(monkeypatch):
    """Let the test have large pixels, which are quick."""
    monkeypatch.setattr(_sphere_maps, "_NSIDE", 32)
    monkeypatch.setattr(_sphere_maps, "_SMOOTHINGS_ARCMIN", (80.0, 160.0, 320.0))


@pytest.fixture(scope="module")
def sky():
    """Return galaxies with the shear of a skewed sky, in the celestial basis, and its peaks.

    The sky is the exponential of a Gaussian field, on one eighth of the sphere.
    """
    pixels, rng = HealpixPixels(64), np.random.default_rng(5)
    transform = SphericalTransform(pixels, lmax=128)
    power = np.zeros(129)
    power[2:] = 1 / np.arange(2.0, 129) ** 2 * np.exp(-((np.arange(2, 129) / 60) ** 2))
    field = transform.to_map(random_modes(transform, power, rng))
    kappa = 0.01 * np.expm1(1.2 * field / field.std())
    shear = transform.to_shear(transform.to_coefficients(kappa - kappa.mean()))
    lon, lat = pixels.centers(np.arange(pixels.n_pixels))
    inside = (lon < 89) & (lat > 0) & (lat < 61)
    e = shear + 0.02 * (rng.standard_normal((2, len(lon))).T @ [1, 1j])
    highest = np.flatnonzero(inside)[np.argsort(kappa[inside])[-30:]]
    return lon[inside], lat[inside], e[inside], SkyCoord(lon[highest], lat[highest], unit="deg")


def catalog_of(sky, signs, convention):
    lon, lat, e, _ = sky
    table = {"ra": lon, "dec": lat, "e1": signs[0] * e.real, "e2": signs[1] * e.imag}
    return ShearCatalog(table, "generic", convention, "shear")


pytestmark = pytest.mark.filterwarnings("ignore:.*per square arcminute")


@pytest.mark.parametrize("truth", SIGNS)
def test_each_convention_is_found(coarse, sky, truth):
    for convention in ("celestial", "iau"):
        check = check_convention(catalog_of(sky, SIGNS[truth], convention), n_rotations=40, rng=1)
        assert [convention_signs(one) for one in check.suggestions] == [SIGNS[truth]]
        same = convention_signs(convention) == SIGNS[truth]
        assert check.verdict == ("right" if same else "wrong")
        assert check.sign_from == "skewness" and check.handedness_from == "power"


def test_positions_of_masses(coarse, sky):
    """The mean kappa at masses decides, in the frame of the positions."""
    peaks = sky[3].galactic
    check = check_convention(
        catalog_of(sky, SIGNS["healpix"], "celestial"), peaks, n_rotations=40, rng=1
    )
    assert (check.handedness, check.sign, check.n_positions) == ("confirmed", "reversed", 30)
    assert check.sign_from == "positions" and check.sign_significance < -10
    far = SkyCoord(200, -50, unit="deg")
    with pytest.raises(ValueError, match="none of the 1 positions lies within the area"):
        check_convention(catalog_of(sky, (1, 1), "celestial"), far, n_rotations=30)


def test_noise_is_undecided(coarse, sky):
    lon, lat, e, peaks = sky
    rng = np.random.default_rng(3)
    noise = 0.05 * (rng.standard_normal((2, len(e))).T @ [1, 1j]) + 0.03  # with a mean ellipticity
    check = check_convention(
        catalog_of((lon, lat, noise, peaks), (1, 1), "celestial"), n_rotations=60, rng=2
    )
    assert check.verdict == "undecided" and len(check.suggestions) == 4
    assert abs(check.handedness_significance) < 3 and abs(check.sign_significance) < 3


def test_width():
    """Caps up to 20 deg from their mean are on a plane, also across RA = 0 and next to a pole."""
    for lon, lat in ((0, 0), (210, 60), (10, -89)):
        center, angles = SkyCoord(lon, lat, unit="deg"), np.arange(0, 360, 5) * u.deg
        for radius, wide in ((19.5, False), (20.5, True), (60, True), (120, True)):
            rim = center.directional_offset_by(angles, radius * u.deg)
            zero = np.zeros(len(rim))
            catalog = ShearCatalog(
                {"ra": rim.ra.deg, "dec": rim.dec.deg, "e1": zero, "e2": zero}, "generic",
                "celestial", "shear",
            )
            assert _sphere_maps.is_wide(catalog) == wide


@pytest.mark.slow
def test_the_octant_of_a_public_simulation(cosmos_path):
    """Its shear is in the basis of HEALPix: x to the south, y to the east."""
    table = fits.getdata(cosmos_path / "octant_shear_kappa.fits")[1::2]
    columns = {name: table[name].astype(float) for name in ("ra", "dec", "gamma1", "gamma2")}
    catalog = ShearCatalog(
        {"ra": columns["ra"], "dec": columns["dec"], "e1": columns["gamma1"],
         "e2": columns["gamma2"]},
        "generic", "celestial", "shear",
    )
    check = check_convention(catalog, n_rotations=30, rng=0)
    assert check.handedness == "confirmed" and check.handedness_significance > 50
    # The skewness is weak evidence; kappa at the sources behind the largest masses is strong.
    highest = np.argsort(table["kappa"])[-2000:]
    masses = SkyCoord(columns["ra"][highest], columns["dec"][highest], unit="deg")
    check = check_convention(catalog, masses, n_rotations=30, rng=0)
    assert [convention_signs(one) for one in check.suggestions] == [(-1, -1)]
    assert check.verdict == "wrong"
