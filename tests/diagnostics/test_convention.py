# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The check on catalogs of which the convention is known, and on pure noise."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from lenses import NFW, catalog_columns, shear_of, uniform_sky

from lensmap import ShearCatalog, check_convention

CENTER = SkyCoord(0.1, 50, unit="deg")
HALOS = [
    (CENTER.directional_offset_by(angle * u.deg, distance * u.arcmin), NFW(kappa_s, 1.5))
    for angle, distance, kappa_s in ((10, 8, 0.15), (130, 11, 0.12), (250, 6, 0.15))
]


def _columns(halos, n=20_000, noise=0.25, seed=1, radius=0.35):
    rng = np.random.default_rng(seed)
    sky = uniform_sky(CENTER, radius, n, rng)
    gamma, kappa = shear_of(sky, halos)
    g = gamma / (1 - kappa)
    e_s = noise * (rng.normal(size=n) + 1j * rng.normal(size=n))
    return catalog_columns(sky, (e_s + g) / (1 + np.conj(g) * e_s))


COLUMNS = _columns(HALOS)
AT = SkyCoord([position for position, _ in HALOS])


@pytest.mark.parametrize("at", [None, AT], ids=["skewness", "positions"])
@pytest.mark.parametrize(
    ("declared", "handedness", "sign"),
    [
        ("celestial", "as declared", "as declared"),
        ("euclidean", "mirrored", "as declared"),
        ("iau", "mirrored", "reversed"),
        ((-1, -1), "as declared", "reversed"),
    ],
)
def test_finds_the_true_convention(declared, handedness, sign, at):
    result = check_convention(ShearCatalog(COLUMNS, "generic", declared), at, n_rotations=50, rng=0)
    assert (result.handedness, result.sign) == (handedness, sign)
    assert result.suggestions == ["celestial"]
    assert result.clearly_wrong == (declared != "celestial")
    assert result.sign_from == ("skewness" if at is None else "positions")
    best = result.choices["convention"][np.argmax(result.choices["skewness"])]
    assert best == "celestial"
    text = str(result)
    assert ("clearly wrong" in text) == (declared != "celestial") and "sigma" in text


def test_noise_alone_is_undecided():
    result = check_convention(ShearCatalog(_columns([], seed=3), "generic"), n_rotations=50, rng=0)
    assert (result.handedness, result.sign) == ("undecided", "undecided")
    assert not result.clearly_wrong and len(result.suggestions) == 4
    assert "nothing contradicts the declaration clearly" in str(result)


@pytest.mark.slow
def test_false_alarms_are_rarer_than_one_in_a_hundred():
    alarms = 0
    for seed in range(1000):
        columns = _columns([], n=1500, seed=seed, radius=0.2)
        result = check_convention(ShearCatalog(columns, "generic"), n_rotations=50, rng=0)
        alarms += result.clearly_wrong
    assert alarms < 10


def test_the_catalog_is_left_alone_and_the_seed_decides():
    catalog = ShearCatalog(COLUMNS, "generic")
    before = catalog.e1.copy()
    first, second = (check_convention(catalog, n_rotations=30, rng=4) for _ in range(2))
    assert first.handedness_significance == second.handedness_significance
    np.testing.assert_array_equal(catalog.e1, before)


def test_bad_arguments():
    catalog = ShearCatalog(COLUMNS, "generic")
    with pytest.raises(ValueError, match="n_rotations must be at least 30"):
        check_convention(catalog, n_rotations=5, rng=0)
    with pytest.raises(TypeError, match="positions must be a SkyCoord or None"):
        check_convention(catalog, positions=[(1, 2)], rng=0)
    with pytest.raises(ValueError, match="none of the 1 positions"):
        check_convention(catalog, positions=SkyCoord([90], [0], unit="deg"), rng=0)


def test_a_constant_bias_is_no_handedness():
    """In a long field that lies askew, a constant ellipticity has E and B of its own."""
    rng = np.random.default_rng(7)
    n = 60_000
    along, across = rng.uniform(-0.5, 0.5, n), rng.uniform(-0.12, 0.12, n)
    turn = np.radians(-22)
    e = 0.25 * (rng.normal(size=n) + 1j * rng.normal(size=n)) + 0.03
    columns = {
        "ra": 40 + along * np.cos(turn) - across * np.sin(turn),
        "dec": along * np.sin(turn) + across * np.cos(turn),
        "e1": e.real,
        "e2": e.imag,
    }
    result = check_convention(ShearCatalog(columns, "generic"), n_rotations=60, rng=0)
    assert result.handedness == "undecided" and abs(result.handedness_significance) < 3
