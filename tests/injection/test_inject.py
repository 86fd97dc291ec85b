# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Halos in front of galaxies: the shear is that of an NFW halo, as a real one would be seen."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table
from lenses import NFW, shear_of, uniform_sky

from lensmap import NFWHalo, ShearCatalog, SourceRedshifts, fit_nfw, shear_profile
from lensmap.cosmology import sigma_crit
from lensmap.halos import nfw_mass
from lensmap.injection import inject_halos
from lensmap.injection._inject import Injector
from lensmap.simulate import ClusterField, MockSurvey
from lensmap.utils import CatalogWarning

CENTER = SkyCoord(150.0, 40.0, unit="deg")
SKY = uniform_sky(CENTER, 0.5, 30_000, np.random.default_rng(1))
HALO = NFWHalo(5e14 * u.solMass, 4.0, 0.4)


def _table(*masses, z=0.4, at=(CENTER,)):
    return QTable({"ra": [p.ra.deg for p in at] * u.deg, "dec": [p.dec.deg for p in at] * u.deg,
                   "m200c": masses * u.solMass, "redshift": np.full(len(masses), z),
                   "c200c": np.full(len(masses), 4.0)})


ONE = _table(5e14)


def _catalog(e=None, kind="shear", convention="celestial", **columns):
    """Galaxies of these ellipticities (of a dispersion of 0.003 if not given)."""
    if e is None:
        rng = np.random.default_rng(2)
        e = 0.003 * (rng.normal(size=len(SKY)) + 1j * rng.normal(size=len(SKY)))
    table = Table({"ra": SKY.ra.deg, "dec": SKY.dec.deg, "e1": e.real, "e2": e.imag, **columns})
    return ShearCatalog(table, "generic", convention, kind)


def _expected(halo, position, z_source):
    """Convergence and shear of a halo, written apart from lensmap."""
    scale = halo.scale_radius / halo.cosmology.angular_diameter_distance(halo.z_lens)
    density = halo.m200c / (4 * np.pi * halo.scale_radius**2 * nfw_mass(halo.c200c))
    kappa_s = (density / sigma_crit(halo.z_lens, z_source)).to_value(u.one)
    lens = NFW(kappa_s, (scale.to_value(u.one) * u.rad).to_value(u.arcmin))
    return shear_of(SKY, [(position, lens)])


def _fitted(catalog, **more):
    bins = np.geomspace(0.3, 3, 8) * u.Mpc
    profile = shear_profile(catalog, CENTER, bins, z_lens=0.4, **more)
    return fit_nfw(profile, z_lens=0.4, concentration=4.0).m200c.to_value(5e14 * u.solMass)


def test_round_galaxies_show_the_reduced_shear_of_the_halos():
    other = CENTER.directional_offset_by(60 * u.deg, 12 * u.arcmin)
    both = _table(5e14, 2e15, at=(CENTER, other))
    found = inject_halos(_catalog(np.zeros(len(SKY))), both, z_source=1.0)
    parts = [_expected(HALO, CENTER, 1.0),
             _expected(NFWHalo(2e15 * u.solMass, 4.0, 0.4), other, 1.0)]
    gamma, kappa = (sum(part[k] for part in parts) for k in (0, 1))
    g = gamma / (1 - kappa)
    expected = np.where(np.abs(g) > 1, 1 / np.conj(g), g)
    assert np.max(np.abs(expected)) > 0.5
    near = SKY.separation(other) < 30 * u.arcmin  # 10 Mpc are 31
    e = found.e1 + 1j * found.e2
    np.testing.assert_allclose(e[near], expected[near], rtol=0, atol=1e-5)
    # Farther out there is less, but not much.
    assert 0.002 < np.max(np.abs(e - expected)[~near]) < 0.006


@pytest.mark.parametrize("case", ["plain", "euclidean", "m", "response", "given", "distortion"])
def test_fit_returns_the_mass_through_the_calibration(case):
    rng = np.random.default_rng(3)
    n = len(SKY)
    noise = rng.normal(size=n) + 1j * rng.normal(size=n)
    if case == "plain":
        catalog = _catalog()
    elif case == "euclidean":
        catalog = _catalog(convention="euclidean")
    elif case == "m":
        catalog = _catalog(m=rng.normal(-0.2, 0.1, n), c1=np.full(n, 0.01))
    elif case == "response":
        catalog = _catalog(r11=rng.normal(0.6, 0.3, n), r22=rng.normal(0.8, 0.3, n),
                           r12=rng.normal(0.1, 0.1, n), convention="euclidean")
    elif case == "given":
        table = _catalog().table
        catalog = ShearCatalog(table, response=0.7, convention="celestial", kind="shear")
    else:  # half of it measurement errors, which the responsivity does not know of
        catalog = _catalog(0.2 * noise, kind="distortion",
                           sigma_m=np.full(n, np.sqrt(0.5) * 0.2))
    before = _fitted_shear(catalog)
    after = _fitted_shear(inject_halos(catalog, ONE, z_source=1.0))
    gamma, kappa = _expected(HALO, CENTER, 1.0)
    ring = _ring()
    expected = np.mean(_tangential(gamma / (1 - kappa))[ring])
    # Shapes are the same before and after, so that their noise falls out to first order.
    assert after - before == pytest.approx(expected, rel=0.01 if case != "response" else 0.02)
    if case in ("plain", "euclidean"):
        assert _fitted(inject_halos(catalog, ONE, z_source=1.0), z_source=1.0) == pytest.approx(
            1, abs=0.01
        )


def _ring():
    theta = SKY.separation(CENTER).to_value(u.arcmin)
    return (theta > 1) & (theta < 6)


def _tangential(g):
    toward = np.pi / 2 - SKY.position_angle(CENTER).rad
    return -(g * np.exp(-2j * toward)).real


def _fitted_shear(catalog):
    """The mean tangential shear in a ring, calibrated."""
    profile = shear_profile(catalog, CENTER, [1, 6] * u.arcmin)
    return profile["g_t"][0]


def test_what_a_survey_would_see_of_the_halo():
    # The same seed gives the same galaxies, whatever lenses them.
    halo = NFWHalo(8e14 * u.solMass, 4.0, 0.3)
    model = ClusterField([halo], shape=(96, 96), pixel_scale=0.4 * u.arcmin, z_source=1.0)
    field = model.draw()
    survey = MockSurvey(density=30 / u.arcmin**2, measurement_error=0.0)
    seen, without = survey.observe(field, rng=1), survey.observe(None, field.wcs, rng=1)
    halos = _table(8e14, z=0.3, at=(model.center,))
    found = inject_halos(without, halos, z_source=1.0)
    differ = np.hypot(found.e1 - seen.e1, found.e2 - seen.e2)
    theta = seen.skycoord.separation(model.center).to_value(u.arcmin)
    assert np.max(differ[theta > 2]) < 1e-3  # nearer, pixels blur the field
    assert np.median(differ[theta > 1]) < 1e-5
    assert np.max(np.abs(found.e1 - without.e1)[theta > 2]) > 0.05


def test_halos_of_a_field_are_injected_as_they_are():
    model = ClusterField([HALO], shape=(32, 32), pixel_scale=0.5 * u.arcmin, center=CENTER)
    halos = model.draw().halos
    assert halos.colnames[:5] == ["ra", "dec", "redshift", "m200c", "c200c"]
    found = inject_halos(_catalog(), halos, z_source=1.0)
    expected = inject_halos(_catalog(), ONE, z_source=1.0)
    np.testing.assert_allclose(found.e1, expected.e1, rtol=0, atol=1e-6)
    assert np.max(np.abs(found.e1 - _catalog().e1)) > 0.1


def test_ellipticities_above_1_move_by_the_shear():
    angle = np.random.default_rng(4).uniform(0, 2 * np.pi, len(SKY))
    e = np.where(np.arange(len(SKY)) % 2, 1.3, 0.7) * np.exp(1j * angle)
    catalog = _catalog(e)
    found = inject_halos(catalog, _table(2e15), z_source=1.0)
    g = Injector(catalog, 1.0).reduced_shear(_table(2e15))
    large = np.abs(e) > 1
    change = found.e1 + 1j * found.e2 - e
    weak = large & (np.abs(g) < 1)
    np.testing.assert_allclose(change[weak], g[weak], rtol=0, atol=1e-12)
    assert np.all(np.abs(found.e1 + 1j * found.e2)[~large] < 1)


def test_sources_in_front_are_not_lensed():
    rng = np.random.default_rng(5)
    redshift = rng.uniform(0.1, 2, len(SKY))
    catalog = _catalog(redshift=redshift, weight=rng.uniform(1, 2, len(SKY)))
    found = inject_halos(catalog, ONE)
    front = redshift <= 0.4
    assert np.array_equal(found.e1[front], catalog.e1[front])
    assert np.all(found.e1[~front] != catalog.e1[~front])
    assert found.weight is catalog.weight and found.convention == catalog.convention
    assert _fitted(found) == pytest.approx(1, abs=0.01)
    redshift[:100] = np.nan
    with pytest.warns(CatalogWarning, match="100 of 30000 galaxies have no finite value"):
        found = inject_halos(_catalog(redshift=redshift), ONE)
    assert np.array_equal(found.e1[:100], _catalog().e1[:100])


def test_sources_of_a_distribution():
    sources = SourceRedshifts.smail(0.3, 1.2)
    drawn = [inject_halos(_catalog(), ONE, z_source=sources, rng=rng) for rng in range(3, 11)]
    masses = [_fitted(one, z_source=sources) for one in drawn]
    # The redshifts drawn for the few galaxies near the center scatter the mass by 0.026.
    assert np.mean(masses) == pytest.approx(1, abs=0.03)
    found = drawn[0]
    again = inject_halos(_catalog(), ONE, z_source=sources, rng=3)
    assert np.array_equal(found.e1, again.e1)
    assert 0.2 < np.mean(found.e1 == _catalog().e1) < 0.6  # in front


def test_nothing_is_injected_by_no_mass():
    catalog = _catalog()
    for halos in (_table(0.0), ONE[:0]):
        found = inject_halos(catalog, halos, z_source=1.0)
        assert np.array_equal(found.e1, catalog.e1) and np.array_equal(found.e2, catalog.e2)


def test_concentrations_are_on_the_relation_without_a_column():
    halos = ONE["ra", "dec", "m200c", "redshift"]
    found = inject_halos(_catalog(), halos, z_source=1.0)
    fit = fit_nfw(shear_profile(found, CENTER, np.geomspace(0.1, 3, 12) * u.Mpc, z_lens=0.4,
                                z_source=1.0), z_lens=0.4, concentration="relation")
    assert fit.m200c.to_value(5e14 * u.solMass) == pytest.approx(1, abs=0.01)


def test_rotated_galaxies_have_no_shear_but_their_bias():
    catalog = inject_halos(_catalog(c1=np.full(len(SKY), 0.02), r11=np.full(len(SKY), 0.7)), ONE,
                           z_source=1.0)
    rotated = Injector(catalog, 1.0).rotated(7)
    assert np.mean(rotated.e1) == pytest.approx(0.7 * 0.02, abs=1e-3)
    assert abs(_fitted_shear(rotated)) < 0.003 < 0.02 < _fitted_shear(catalog)
    assert np.array_equal(rotated.e1, Injector(catalog, 1.0).rotated(7).e1)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"z_source": None}, ValueError, "z_source must be given"),
        ({"z_source": 0.3}, ValueError, "z_lens must be lower than z_source"),
        ({"z_source": "1"}, TypeError, "z_source must be a number"),
        ({"halos": ONE["ra", "dec", "redshift"]}, ValueError, "must have a column 'm200c'"),
        ({"halos": ONE["m200c", "redshift"]}, ValueError,
         "must have the columns 'ra' and 'dec'"),
        ({"halos": _table(-1.0)}, ValueError, "0 or more"),
        ({"halos": CENTER}, TypeError, "must be an astropy Table"),
    ],
)
def test_what_cannot_be(change, error, match):
    parameters = {"halos": ONE, "z_source": 1.0, **change}
    with pytest.raises(error, match=match):
        inject_halos(_catalog(), **parameters)
