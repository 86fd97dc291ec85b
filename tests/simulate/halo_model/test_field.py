# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Simulated fields: what is known of them must be true."""

import warnings

import numpy as np
import pytest
import scipy.fft
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.cosmology import FlatLambdaCDM, LambdaCDM

from lensmap.cosmology import SourceRedshifts, _power, convergence_power
from lensmap.flatsky import shear_to_convergence
from lensmap.halos import NFWHalo, halo_counts
from lensmap.simulate import HaloModelField, LensingField, MockSurvey, draw_fields

SMALL = HaloModelField(z_source=1.0, shape=(96, 64), pixel_scale=1 * u.arcmin)
BOX = HaloModelField(
    z_source=1.0, shape=(128, 128), pixel_scale=0.8 * u.arcmin, padding=1, dtype="float64"
)


def test_a_field_has_convergence_shear_and_halos():
    field = SMALL.draw(1)
    kappa, halos = field
    assert isinstance(field, LensingField)
    assert kappa.shape == field.gamma.shape == (96, 64) and not kappa.mask.any()
    assert kappa.data.dtype == np.float32 and field.gamma.dtype == np.complex64
    assert kappa.pixel_scale.to_value(u.arcmin) == pytest.approx(1, rel=1e-4)
    assert kappa.meta["origin"] == "HaloModelField" and kappa.meta["z_source"] == 1.0
    assert kappa.meta["power"] == "halofit"
    assert np.all(np.diff(halos["m200c"].value) <= 0) and halos["m200c"].min() >= 1e13 * u.solMass
    assert np.all((halos["redshift"] > 0) & (halos["redshift"] < 1))
    x, y = kappa.wcs.world_to_pixel(field.halo_positions)
    assert np.all((x > -0.5) & (x < 63.5) & (y > -0.5) & (y < 95.5))


def test_the_heaviest_halos_are_where_the_table_says():
    """And nowhere else: kappa there is far above that of pixels drawn at random."""
    values = []
    for seed in range(6):
        kappa, halos = SMALL.draw(seed)
        near = (halos["redshift"] > 0.15) & (halos["redshift"] < 0.6)
        heavy = halos[near][:5]
        sky = SkyCoord(heavy["ra"], heavy["dec"])
        x, y = (np.rint(v).astype(int) for v in kappa.wcs.world_to_pixel(sky))
        values += [kappa.data[y, x].mean() / kappa.data.std()]
    assert np.mean(values) > 3


def test_a_seed_gives_the_same_bits():
    first, second = SMALL.draw(7), SMALL.replace().draw(np.random.default_rng(7))
    np.testing.assert_array_equal(first.kappa.data, second.kappa.data)
    np.testing.assert_array_equal(first.gamma, second.gamma)
    assert np.all(first.halos["m200c"] == second.halos["m200c"])
    assert not np.array_equal(first.kappa.data, SMALL.draw(8).kappa.data)


def test_truth_is_an_e_mode():
    """In the periodic box, to rounding."""
    field = BOX.draw(2)
    back = shear_to_convergence(field.gamma, padding=1)
    spectrum = scipy.fft.fft2(back)
    spectrum[64] = spectrum[:, 64] = 0  # the Nyquist modes, whose cross term is not defined
    back = scipy.fft.ifft2(spectrum)
    assert np.abs(back.imag).max() < 1e-10 * np.abs(back.real).max()
    # and the shear belongs to the convergence
    expected = scipy.fft.fft2(field.kappa.data)
    expected[64] = expected[:, 64] = 0
    np.testing.assert_allclose(back.real, scipy.fft.ifft2(expected).real, atol=1e-12)


def test_shear_feels_the_mass_outside_of_the_field():
    """The crop's shear is that of the whole box, not of the crop."""
    whole = SMALL.replace(padding=1, shape=(144, 96)).draw(3)
    crop = SMALL.draw(3)
    assert SMALL._box_shape == (144, 96)
    np.testing.assert_array_equal(crop.kappa.data, whole.kappa.data[24:120, 16:80])
    np.testing.assert_array_equal(crop.gamma, whole.gamma[24:120, 16:80])
    alone = LensingField.from_kappa(crop.kappa).gamma
    assert np.std(alone - crop.gamma) > 0.1 * np.std(crop.gamma)


def test_mass_is_conserved():
    """The mass that is drawn as halos is that of the mass function; the rest is smooth."""
    shares = []
    for seed in range(12):
        _, drawn = BOX._box.draw(np.random.default_rng(seed))
        shares.append(np.sum(drawn["mass"]))
    cosmology = BOX.cosmology
    from lensmap.halos import mass_function

    log_m = np.linspace(np.log(1e12), np.log(6e15), 300)
    masses = np.exp(log_m)
    side = 128 * 0.8 * u.arcmin
    area = side.to_value(u.rad) ** 2
    z = np.linspace(0, 1, 41)
    density = [
        np.trapezoid(mass_function(masses * u.solMass, one, cosmology).value * masses, log_m)
        for one in z
    ]
    volume = cosmology.differential_comoving_volume(z).to_value(u.Mpc**3 / u.sr)
    expected = np.trapezoid(np.array(density) * volume, z) * area
    error = np.std(shares) / np.sqrt(len(shares))
    assert np.mean(shares) == pytest.approx(expected, abs=3 * error + 0.01 * expected)


def test_power_is_that_of_the_theory():
    ell = np.geomspace(200, 4000, 6)
    pixel = (0.8 * u.arcmin).to_value(u.rad)
    k = np.hypot(scipy.fft.fftfreq(128, pixel)[:, None], scipy.fft.fftfreq(128, pixel)) * 2 * np.pi
    total = 0.0
    for seed in range(40):
        kappa = BOX.draw(seed).kappa.data
        total = total + np.abs(scipy.fft.fft2(kappa)) ** 2 * pixel**2 / 128**2 / 40
    window = np.outer(np.sinc(scipy.fft.fftfreq(128)), np.sinc(scipy.fft.fftfreq(128))) ** 2
    theory = np.interp(k, np.geomspace(50, 30000, 300),
                       convergence_power(np.geomspace(50, 30000, 300), 1.0)) * window
    found, expected = (np.histogram(k, ell, weights=values)[0] for values in (total, theory))
    # 2.9 square degrees, 40 times
    np.testing.assert_allclose(found / expected, 1, atol=0.15)
    np.testing.assert_allclose((found / expected)[2:], 1, atol=0.08)


def test_several_sources_share_the_matter():
    model = SMALL.replace(z_source=[0.4, 1.0])
    near, far = model.draw(4)
    assert (near.z_source, far.z_source) == (0.4, 1.0)
    assert far.kappa.data.std() > 2 * near.kappa.data.std()
    assert np.corrcoef(near.kappa.data.ravel(), far.kappa.data.ravel())[0, 1] > 0.3
    assert np.all(near.halos["m200c"] == far.halos["m200c"])


@pytest.mark.slow
def test_a_distribution_of_sources_lies_between():
    sources = SourceRedshifts([0.5, 1.5], [1, 1])
    low, wide, high = (
        np.mean([SMALL.replace(z_source=z).draw(s).kappa.data.var() for s in range(3)])
        for z in (0.5, sources, 1.5)
    )
    assert low < wide < high


def test_lower_resolution_takes_small_scales():
    sharp, coarse = SMALL.draw(5), SMALL.replace(resolution="massivenus").draw(5)
    assert coarse.kappa.data.std() < 0.95 * sharp.kappa.data.std()
    smooth = [f.kappa.smooth(5 * u.arcmin).data for f in (sharp, coarse)]
    assert np.corrcoef(smooth[0].ravel(), smooth[1].ravel())[0, 1] > 0.99
    assert coarse.kappa.meta["resolution"] == "massivenus"


@pytest.mark.slow
def test_halos_are_as_many_as_the_mass_function_says():
    """200 fields of 12.25 square degrees, within 3 empirical standard errors."""
    model = HaloModelField(
        z_source=1.0, shape=(84, 84), pixel_scale=2.5 * u.arcmin, padding=1,
        min_mass=5e13 * u.solMass, min_listed_mass=1e14 * u.solMass,
    )
    counts = {mass: [] for mass in (1e14, 2e14, 3e14, 5e14)}
    for field in draw_fields(model, 200, seed=11, workers=1):
        halos = field.halos
        between = (halos["redshift"] > 0.05) & (halos["redshift"] < 1)
        for mass, found in counts.items():
            found.append(np.count_nonzero(between & (halos["m200c"].value > mass)))
    for mass, found in counts.items():
        expected = halo_counts(mass * u.solMass, (0.05, 1.0), 12.25 * u.deg**2)
        error = np.std(found, ddof=1) / np.sqrt(len(found))
        assert np.mean(found) == pytest.approx(expected, abs=3 * error)


@pytest.mark.slow
def test_shear_around_halos_is_that_of_their_profile():
    """Reduced tangential shear in a survey, 0.2 to 1 r200c: 5 per cent and 2 standard errors."""
    model = HaloModelField(z_source=1.0, shape=(384, 384))
    survey = MockSurvey(density=60 / u.arcmin**2, sigma_e=0.05, measurement_error=0.0)
    edges = np.array([0.2, 0.35, 0.6, 1.0])
    ratios = []
    for seed in range(6):
        field = model.draw(seed)
        catalog = survey.observe(field, rng=seed)
        halos = field.halos
        good = (halos["redshift"] > 0.15) & (halos["redshift"] < 0.5)
        for halo in halos[good & (halos["m200c"] > 1.5e14 * u.solMass)]:
            ratios.append(_profile_ratio(halo, catalog, model, edges))
    # weighted by the signal: the sum of what is found over the sum of what is expected
    found, expected = np.array(ratios).transpose(1, 0, 2)
    assert len(found) > 60
    mean = found.sum(axis=0) / expected.sum(axis=0)
    scatter = (found - mean * expected).std(axis=0) * np.sqrt(len(found)) / expected.sum(axis=0)
    assert np.all(np.abs(mean - 1) < 0.05 + 2 * scatter), (mean, scatter)


def _profile_ratio(halo, catalog, model, edges):
    """Return the mean tangential shear in rings, and that of the halo's own profile."""
    lens = NFWHalo(halo["m200c"], float(halo["c200c"]), float(halo["redshift"]),
                   truncation=model.truncation, cosmology=model.cosmology)
    center = SkyCoord(halo["ra"], halo["dec"])
    distance = model.cosmology.angular_diameter_distance(lens.z_lens)
    r200 = (lens.r200c / distance).to_value(u.deg / u.rad * u.rad, u.dimensionless_angles())
    near = (np.abs(catalog.dec - center.dec.deg) < 1.1 * r200) & (
        np.abs(catalog.ra - center.ra.deg) < 1.3 * r200
    )
    sky = SkyCoord(catalog.ra[near], catalog.dec[near], unit=u.deg)
    theta = sky.separation(center)
    toward = np.pi / 2 - sky.position_angle(center).rad
    e = catalog.e1[near] + 1j * catalog.e2[near]
    tangential = -(e * np.exp(-2j * toward)).real
    x = theta.deg / r200
    ring = np.digitize(x, edges) - 1
    profile = lens.reduced_shear(np.maximum(x, 0.05) * lens.r200c, 1.0)
    found, expected = np.zeros((2, 3))
    for i in range(3):
        inside = ring == i
        if inside.any():
            found[i], expected[i] = tangential[inside].mean(), profile[inside].mean()
    return found, expected


@pytest.mark.slow
def test_many_draws_warn_of_nothing():
    model = HaloModelField(z_source=2.5, shape=(128, 128))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(100):
            field = model.draw(seed)
            assert np.isfinite(field.kappa.data).all() and np.isfinite(field.gamma).all()


def test_any_flat_cosmology_will_do():
    mine = FlatLambdaCDM(68, 0.31, Ob0=0.048, Tcmb0=2.7255, meta={"sigma8": 0.6, "n": 0.965})
    quiet = SMALL.replace(cosmology=mine).draw(1)
    assert quiet.kappa.data.std() < SMALL.draw(1).kappa.data.std()
    planck = SMALL.replace(cosmology="Planck18")
    assert planck.draw(1).kappa.meta["cosmology"] == "Planck18"


@pytest.mark.slow
def test_the_power_is_that_of_camb_on_request(monkeypatch):
    """A spectrum of four times the power, in the place of CAMB's, doubles the large scales."""
    monkeypatch.setattr(_power, "camb_power", lambda *args: 4 * _power._halofit_power(*args))
    cosmology = FlatLambdaCDM(
        70, 0.3, Ob0=0.046, Tcmb0=2.7255, meta={"sigma8": 0.8499, "n": 0.97}, name="other"
    )
    boosted = SMALL.replace(cosmology=cosmology, power="camb").draw(1)
    assert boosted.kappa.meta["power"] == "camb"
    plain = SMALL.replace(cosmology=cosmology).draw(1)
    assert 1.3 < boosted.kappa.data.std() / plain.kappa.data.std() < 2.2


def test_the_field_is_where_it_is_told():
    place = SkyCoord(10, -75, unit="deg")
    kappa, _ = SMALL.replace(center=place).draw(1)
    assert kappa.wcs.pixel_to_world(31.5, 47.5).separation(place) < 1 * u.arcsec


def test_repr_and_parameters():
    assert "96 x 64 pixels of 1.0 arcmin; z_source 1.0" in repr(SMALL)
    assert SMALL.replace(padding=2).get_params()["padding"] == 2


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"z_source": -1.0}, ValueError, "between 0.001 and 100, .*, not -1"),
        ({"z_source": 0.001}, ValueError, "z_source must be between 0.02 and 10"),
        ({"z_source": []}, ValueError, "z_source must hold at least one redshift"),
        ({"z_source": "1"}, TypeError, "z_source must be a number .* or a SourceRedshifts"),
        ({"shape": 512}, TypeError, "shape must be two whole numbers"),
        ({"shape": (511, 512)}, ValueError, "shape must be two even numbers .* of at least 8"),
        ({"shape": (4, 4)}, ValueError, "shape must be two even numbers .* of at least 8"),
        ({"pixel_scale": 0.4}, TypeError, "pixel_scale must be an angle with a unit"),
        ({"pixel_scale": -1 * u.arcmin}, ValueError, "pixel_scale must be positive"),
        ({"pixel_scale": 1 * u.deg}, ValueError, "is 144.0 deg wide, .* only up to 25 deg"),
        ({"padding": 0.5}, ValueError, "padding must be between 1 and 10, not 0.5"),
        ({"padding": "2"}, TypeError, "padding must be a number"),
        ({"resolution": "illustris"}, ValueError, "one of 'massivenus', not 'illustris'"),
        ({"cosmology": "mine"}, ValueError, "cosmology must be one of 'massivenus'"),
        (
            {"cosmology": LambdaCDM(70, 0.3, 0.6, Ob0=0.05, meta={"sigma8": 0.8, "n": 1.0})},
            ValueError,
            "cosmology must be flat, .* not one with Ok0 = 0.1",
        ),
        ({"center": (10, 20)}, TypeError, "center must be a SkyCoord of one position, or None"),
        ({"min_mass": 1e12}, TypeError, "min_mass must be a mass with a unit"),
        ({"min_mass": 1 * u.solMass}, ValueError, "min_mass must be between 1e\\+10 and 1e\\+15"),
        ({"truncation": 0}, ValueError, "truncation must be between 1 and 4, not 0"),
        ({"concentration_scatter": -0.1}, ValueError, "concentration_scatter must be between 0"),
        ({"ellipticity": 0.3}, TypeError, "ellipticity must be two numbers"),
        ({"ellipticity": (0.9, 0.1)}, ValueError, "ellipticity \\(mean\\) must be between 0 and"),
        ({"dtype": "float16"}, ValueError, "dtype must be one of 'float32', 'float64'"),
    ],
)
def test_bad_parameters_say_why(changes, error, message):
    with pytest.raises(error, match=message):
        SMALL.replace(**changes)
