# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Mock catalogs, against what is known of them apart from lensmap."""

import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from lenses import CENTERS, NFW, ORIENTATIONS, pixel_sky, shear_of, tangent_wcs

from lensmap import ConvergenceMap, KaiserSquires, ShearCatalog, ShearGrid
from lensmap.cosmology import SourceRedshifts
from lensmap.simulate import LensingField, MockSurvey
from lensmap.simulate.surveys._interpolation import lensing_at
from lensmap.simulate.surveys._presets import SURVEYS

CENTER = SkyCoord(150, 2, unit="deg")
SHAPE = (40, 50)
WCS = tangent_wcs(CENTER, SHAPE, 0.5)
EXACT = {"sigma_e": 0.001, "measurement_error": 0.0}  # next to no noise
DENSE = 200 / u.arcmin**2

every_sky = pytest.mark.parametrize(
    ("center", "orientation"),
    [(center, o) for center in CENTERS for o in ORIENTATIONS],
)


def _complex(catalog, name):
    if name == "e":
        return catalog.e1 + 1j * catalog.e2
    if name == "int":
        return catalog["e1_int"] + 1j * catalog["e2_int"]
    return catalog["g1_true"] + 1j * catalog["g2_true"]


def _constant(kappa, gamma, wcs=WCS, **more):
    shape = wcs.array_shape
    kappa = ConvergenceMap(np.full(shape, kappa), wcs=wcs)
    return LensingField(kappa, np.full(shape, gamma, dtype=complex), **more)


def _cluster(wcs, lens, offset=(70, 6)):
    """Paint an analytic lens, each pixel the mean of 3 x 3 points; return it and its place."""
    center = wcs.pixel_to_world(*((n - 1) / 2 for n in wcs.array_shape[::-1])).icrs
    position = center.directional_offset_by(offset[0] * u.deg, offset[1] * u.arcmin)
    y, x = np.indices(wcs.array_shape)
    kappa = 0
    for dy in (-1 / 3, 0, 1 / 3):
        for dx in (-1 / 3, 0, 1 / 3):
            sky = wcs.pixel_to_world((x + dx).ravel(), (y + dy).ravel()).icrs
            kappa = kappa + lens.kappa(sky.separation(position).to_value(u.arcmin)) / 9
    return ConvergenceMap(kappa.reshape(wcs.array_shape), wcs=wcs), position


# --- signs, end to end ----------------------------------------------------------------------


@every_sky
def test_galaxies_behind_a_cluster_have_its_analytic_shear(center, orientation):
    wcs = tangent_wcs(CENTERS[center], (128, 128), 0.5, **ORIENTATIONS[orientation])
    lens = NFW(0.15, 4.0)
    kappa, position = _cluster(wcs, lens)
    catalog = MockSurvey(density=5 / u.arcmin**2, **EXACT).observe(kappa, rng=1)
    theta = catalog.skycoord.separation(position).to_value(u.arcmin)
    # close enough that the edge of the map is far, and not within the pixels of the core
    near = catalog.select((theta > 4) & (theta < 15))
    gamma, kappa_true = shear_of(near.skycoord, [(position, lens)])
    g = gamma / (1 - kappa_true)
    assert len(near) > 2000 and np.abs(g).max() > 0.08
    np.testing.assert_allclose(_complex(near, "true"), g, atol=7e-3)
    np.testing.assert_allclose(near["kappa_true"], kappa_true, atol=5e-3)
    np.testing.assert_allclose(_complex(near, "e"), g, atol=1e-2)
    # a wrong sign or a wrong handedness would be off by twice the shear
    assert np.abs(_complex(near, "true") - g).mean() < 0.03 * np.abs(g).mean()


@every_sky
def test_kaiser_squires_gives_the_field_back(center, orientation):
    wcs = tangent_wcs(CENTERS[center], (64, 64), 0.5, **ORIENTATIONS[orientation])
    kappa, position = _cluster(wcs, NFW(0.1, 3.0))
    catalog = MockSurvey(density=60 / u.arcmin**2, **EXACT).observe(kappa, rng=1)
    found = KaiserSquires(smoothing=1 * u.arcmin).reconstruct(catalog, wcs)
    peak = wcs.array_index_to_world(*np.unravel_index(np.nanargmax(found.data), found.shape))
    assert peak.separation(position) < 0.6 * u.arcmin
    truth = kappa.smooth(1 * u.arcmin)
    good = ~found.mask
    r = np.corrcoef(found.data[good], truth.data[good])[0, 1]
    assert r > 0.95 and found.kappa_b[good].std() < 0.25 * found.data[good].std()


def test_the_field_is_put_elsewhere():
    kappa, position = _cluster(WCS, NFW(0.1, 3.0), (40, 3))
    field = LensingField.from_kappa(kappa)
    at = WCS.world_to_pixel(position)
    for name, orientation in ORIENTATIONS.items():
        wcs = tangent_wcs(SkyCoord(300, 75, unit="deg"), SHAPE, 0.5, **orientation)
        catalog = MockSurvey(density=60 / u.arcmin**2, **EXACT).observe(field, wcs, rng=1)
        found = KaiserSquires(smoothing=1 * u.arcmin).reconstruct(catalog, wcs)
        y, x = np.unravel_index(np.nanargmax(found.data), found.shape)
        assert abs(x - at[0]) <= 1.5 and abs(y - at[1]) <= 1.5, name


# --- shapes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma_m", [0.0, 0.15])
def test_shape_noise_and_measurement_error(sigma_m):
    survey = MockSurvey(density=DENSE, sigma_e=0.24, measurement_error=sigma_m)
    catalog = survey.observe(None, tangent_wcs(CENTER, (100, 100), 0.5), rng=1)
    n = len(catalog)
    assert n == pytest.approx(500_000, abs=5000)
    for values, expected in (
        (_complex(catalog, "int"), 0.24),
        (_complex(catalog, "e"), np.hypot(0.24, sigma_m)),
    ):
        for component in (values.real, values.imag):
            assert component.std() == pytest.approx(expected, rel=0.005)
            assert abs(component.mean()) < 5 * expected / np.sqrt(n)
    assert np.all(_complex(catalog, "true") == 0) and np.all(catalog["kappa_true"] == 0)
    np.testing.assert_allclose(catalog.weight, 1 / (0.24**2 + sigma_m**2), rtol=1e-6)
    np.testing.assert_allclose(catalog["sigma_e"], 0.24, rtol=1e-6)


@pytest.mark.parametrize("g", [0.05 - 0.03j, 0.4 + 0.3j, 1.5 - 1j])
def test_the_mean_ellipticity_is_the_reduced_shear(g):
    wcs = tangent_wcs(CENTER, (60, 60), 0.5, flip=True)  # east right: the basis of the sky
    catalog = MockSurvey(density=DENSE, sigma_e=0.3, measurement_error=0.1).observe(
        _constant(0.4, 0.6 * g, wcs), rng=2
    )
    expected = g if abs(g) < 1 else 1 / np.conj(g)
    rounding = 5 * 0.32 / np.sqrt(len(catalog)) + 2e-4  # and the turning of north
    mean = _complex(catalog, "e").mean()
    assert mean.real == pytest.approx(expected.real, abs=rounding)
    assert mean.imag == pytest.approx(expected.imag, abs=rounding)
    # the truth is g itself, in both branches
    assert _complex(catalog, "true").mean() == pytest.approx(g, abs=5e-3)


def test_where_kappa_is_one_an_image_is_a_line_or_mirrored():
    catalog = MockSurvey(density=DENSE, **EXACT).observe(_constant(1.0, 0.2), rng=1)
    assert np.all(np.isfinite(catalog.e1)) and np.abs(_complex(catalog, "e")).max() < 0.01


def test_errors_and_weights_follow_magnitudes():
    catalog = MockSurvey().observe(None, tangent_wcs(CENTER, (100, 100), 1.0), rng=3)
    snr = 3 * 10 ** (0.4 * (27 - catalog["magnitude"].astype(float)))
    sigma_m = 0.264 * (snr / 20) ** -0.891 / 1.68
    np.testing.assert_allclose(catalog["sigma_m"], sigma_m, rtol=1e-5)
    np.testing.assert_allclose(catalog.weight, 1 / (0.24**2 + sigma_m**2), rtol=1e-5)
    total = _complex(catalog, "e")
    assert np.hypot(total.real.std(), total.imag.std()) / np.sqrt(2) == pytest.approx(
        0.247, rel=0.005
    )
    faint = catalog["magnitude"] > 24
    noise = (_complex(catalog, "e") - _complex(catalog, "int"))[faint]
    assert noise.real.std() == pytest.approx(np.sqrt(np.mean(sigma_m[faint] ** 2)), rel=0.01)


# --- the field between pixels ---------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.* per square arcminute")
def test_binned_galaxies_give_the_field_back_neither_blurred_nor_sharpened():
    values = np.random.default_rng(1).normal(0, 0.05, SHAPE)
    field = LensingField.from_kappa(ConvergenceMap(values, wcs=WCS))
    slopes = {}
    for interpolation in ("spline", "bilinear", "nearest"):
        survey = MockSurvey(density=2000 / u.arcmin**2, interpolation=interpolation, **EXACT)
        catalog = survey.observe(field, rng=1)
        x, y = WCS.world_to_pixel(catalog.skycoord)
        pixel = np.round(y).astype(int) * SHAPE[1] + np.round(x).astype(int)
        mean = np.bincount(pixel, catalog["kappa_true"]) / np.bincount(pixel)
        slopes[interpolation] = np.polyfit(values.ravel(), mean, 1)[0]
    assert slopes["nearest"] == pytest.approx(1, abs=1e-4)
    assert slopes["spline"] == pytest.approx(1, abs=5e-3)
    assert slopes["bilinear"] == pytest.approx(0.75**2, abs=0.02)


def test_a_peak_of_one_pixel_between_the_pixels():
    values = np.zeros(SHAPE)
    values[20, 25] = 1
    field = LensingField.from_kappa(ConvergenceMap(values, wcs=WCS))
    y, x = np.mgrid[16:24:321j, 21:29:321j]
    ends = {}
    for interpolation in ("spline", "bilinear", "nearest"):
        kappa, _ = lensing_at([field], x.ravel(), y.ravel(), None, interpolation)
        ends[interpolation] = kappa.min(), kappa.max()
    # A spline filter is one of single directions: the square of 1.183, and 1.183 times -0.232.
    assert ends["spline"] == pytest.approx((-0.2743, 1.3995), abs=1e-4)
    assert ends["bilinear"] == ends["nearest"] == (0, 1)


def test_waves_of_two_pixels_are_a_quarter_by_bilinear_interpolation():
    wave = (-1.0) ** np.indices(SHAPE)[1]
    field = LensingField.from_kappa(ConvergenceMap(wave, wcs=WCS))
    parts = (np.arange(40) + 0.5) / 40 - 0.5  # of a pixel
    x = np.add.outer(np.arange(20, 24), parts).ravel()
    kappa, _ = lensing_at([field], x, np.full_like(x, 20), None, "bilinear")
    means = kappa.reshape(4, 40).mean(axis=1)
    np.testing.assert_allclose(means**2, 1 / 4, rtol=1e-6)


def test_masked_pixels_of_the_field_have_no_galaxies():
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, :20] = True
    own = np.zeros(SHAPE, dtype=bool)
    own[:10] = True
    kappa = ConvergenceMap(np.full(SHAPE, 0.1), wcs=WCS, mask=mask)
    catalog = MockSurvey(density=DENSE, mask=own).observe(kappa, rng=1)
    x, y = WCS.world_to_pixel(catalog.skycoord)
    assert x.min() > 19.5 and y.min() > 9.5
    assert len(catalog) == pytest.approx(200 * 30 * 30 / 4, rel=0.03)
    np.testing.assert_allclose(catalog["kappa_true"], 0.1, rtol=1e-6)


# --- redshifts ------------------------------------------------------------------------------


def test_redshifts_are_those_of_the_field_or_of_the_survey():
    sources, other = SourceRedshifts.smail(0.3, 1.2), SourceRedshifts.smail(0.1, 0.7)
    survey = MockSurvey(density=DENSE)
    assert survey.observe(_constant(0, 0), rng=1)["redshift"] is None
    assert survey.observe(None, WCS, rng=1)["redshift"] is None
    assert np.all(survey.observe(_constant(0, 0, z_source=1.5), rng=1)["redshift"] == 1.5)
    for survey, field in (
        (survey.replace(z_source=sources), None),
        (survey.replace(z_source=sources), _constant(0, 0)),
        (survey.replace(z_source=other), _constant(0, 0, z_source=sources)),
    ):
        redshift = survey.observe(field, WCS, rng=1)["redshift"]
        assert redshift.mean() == pytest.approx(sources.mean, rel=0.01)
    assert np.all(
        survey.observe(_constant(0, 0, z_source=1.5), rng=1)["redshift"] == 1.5
    )


def test_between_fields_the_lensing_is_linear_in_redshift():
    fields = [_constant(0.02, 0.01j, z_source=0.5), _constant(0.1, 0.06j, z_source=1.5)]
    sources = SourceRedshifts([0, 3], [1, 1])
    survey = MockSurvey(density=DENSE, z_source=sources, **EXACT)
    catalog = survey.observe(fields, rng=1)
    z = catalog["redshift"]
    kappa = np.interp(z, [0, 0.5, 1.5], [0, 0.02, 0.1])
    gamma = np.interp(z, [0, 0.5, 1.5], [0, 0.01, 0.06])
    np.testing.assert_allclose(catalog["kappa_true"], kappa, atol=1e-6)
    np.testing.assert_allclose(np.abs(_complex(catalog, "true")), gamma / (1 - kappa), atol=1e-6)
    assert z.max() > 2.9 and z.min() < 0.1
    grid = survey.observe_grid(fields, rng=1)
    found = grid.shear[grid.count > 0].mean()
    expected = gamma.mean() / (1 - kappa.mean())
    assert abs(found) == pytest.approx(expected, rel=0.01)


def test_all_galaxies_of_a_survey_may_be_at_one_redshift():
    fields = [_constant(0.02, 0.01j, z_source=0.5), _constant(0.1, 0.06j, z_source=1.5)]
    survey = MockSurvey(density=DENSE, z_source=1.0, **EXACT)
    assert np.all(survey.observe(None, WCS, rng=1)["redshift"] == 1.0)
    catalog = survey.observe(fields, rng=1)
    np.testing.assert_allclose(catalog["kappa_true"], 0.06, atol=1e-6)
    grid = survey.observe_grid(fields, rng=1)
    found = grid.shear[grid.count > 0].mean()
    assert abs(found) == pytest.approx(0.035 / 0.94, rel=0.01)


# --- the survey itself ----------------------------------------------------------------------


@pytest.mark.parametrize("name", SURVEYS)
def test_presets(name):
    survey = MockSurvey.preset(name)
    assert survey.expected_density == SURVEYS[name]["density"]
    assert 5 < survey.effective_density.value <= survey.expected_density.value * (1 + 1e-9)
    assert MockSurvey.preset(name, sigma_e=0.3).sigma_e == 0.3
    catalog = survey.observe(None, WCS, rng=1)
    area = 40 * 50 / 4
    assert len(catalog) == pytest.approx(area * survey.expected_density.value, rel=0.05)
    if name.startswith("lsst"):
        z0, alpha = {"lsst_y10": (0.11, 0.68), "lsst_y1": (0.13, 0.78)}[name]
        z = np.linspace(0, 6, 2000)
        weight = z**2 * np.exp(-((z / z0) ** alpha))
        assert survey.z_source.mean == pytest.approx(np.average(z, weights=weight), abs=5e-3)


def test_names_of_presets():
    assert MockSurvey.available_presets() == list(SURVEYS)
    assert repr(MockSurvey.preset("hsc-y3")) == repr(MockSurvey.preset("hsc_y3"))


def test_the_paper_s_numbers():
    survey = MockSurvey.preset("cha2025")
    wcs = tangent_wcs(CENTER, (512, 512), 0.41)
    catalog = survey.observe(None, wcs, rng=1)
    assert len(catalog) / 512**2 == pytest.approx(5.55, abs=0.02)
    assert catalog["sigma_m"].mean() == pytest.approx(0.051, abs=0.001)


def test_the_defaults_are_a_preset():
    survey, preset = MockSurvey(), MockSurvey.preset("cha2025")
    assert survey.get_params() == preset.get_params()


def test_unknown_presets_are_refused():
    with pytest.raises(ValueError, match="no survey preset 'euclid': choose one of 'cha2025', "):
        MockSurvey.preset("euclid")


def test_seeds_reproduce():
    field = LensingField.from_kappa(_cluster(WCS, NFW())[0])
    survey = MockSurvey()
    one = survey.observe(field, rng=5).table
    for rng in (5, np.random.default_rng(5)):
        other = survey.observe(field, rng=rng).table
        for name in one.colnames:
            np.testing.assert_array_equal(other[name], one[name])
    assert len(survey.observe(field, rng=6)) != len(one) or np.any(
        survey.observe(field, rng=6).ra != one["ra"]
    )
    rng = np.random.default_rng(5)
    assert np.any(survey.observe(field, rng=rng).ra[:9] != survey.observe(field, rng=rng).ra[:9])


def test_the_catalog_is_written_and_read(tmp_path):
    catalog = MockSurvey().observe(_constant(0.1, 0.05), rng=1)
    catalog.table.write(tmp_path / "mock.fits")
    again = ShearCatalog.read(tmp_path / "mock.fits", extra_columns=("g1_true", "kappa_true"))
    np.testing.assert_array_equal(again.e2, catalog.e2)
    np.testing.assert_array_equal(again["g1_true"], catalog["g1_true"])
    grid, same = (ShearGrid.from_catalog(c, WCS) for c in (catalog, again))
    np.testing.assert_array_equal(grid.shear, same.shear)


def test_surveys_are_values():
    survey = MockSurvey(density="12 / arcmin2")
    assert survey.expected_density == 12 / u.arcmin**2
    assert MockSurvey(density=3600 / u.deg**2).expected_density.value == pytest.approx(1)
    assert survey.replace(sigma_e=0.3).density == survey.density
    assert "sigma_e=0.24" in repr(survey)
    used = MockSurvey(mask=np.zeros(SHAPE, dtype=bool))
    grid = used.observe_grid(None, WCS, rng=1)
    as_bytes = pickle.dumps(used)
    assert len(as_bytes) < 10_000  # the parameters, not what was worked out from them
    again = pickle.loads(as_bytes)
    assert again.density == 33 / u.arcmin**2
    np.testing.assert_array_equal(again.observe_grid(None, WCS, rng=1).sum_we, grid.sum_we)
    assert again._samplers.last.fits(WCS) and used.replace(sigma_e=0.3)._samplers.last is None
    with pytest.raises(AttributeError):
        survey.sigma_e = 0.3
    with pytest.raises(TypeError):
        MockSurvey(33 / u.arcmin**2)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"density": 33}, TypeError, "density must be a number per solid angle.*not 33"),
        ({"density": 33 * u.arcmin}, TypeError, "density must be a number per solid angle"),
        ({"density": "many"}, ValueError, "density must be a number per solid angle, such as"),
        ({"density": 0 / u.arcmin**2}, ValueError, "density must be one positive and finite"),
        ({"density": -1 / u.arcmin**2}, ValueError, "density must be one positive"),
        ({"density": [1, 2] / u.arcmin**2}, ValueError, "density must be one positive"),
        ({"sigma_e": 0}, ValueError, "sigma_e must be above 0 and at most 0.49"),
        ({"sigma_e": 0.6}, ValueError, "sigma_e must be above 0 .* not 0.6"),
        ({"measurement_error": "des"}, ValueError, "measurement_error must be 'hsc'"),
        ({"z_source": "1"}, TypeError, "a number .* or a SourceRedshifts, not '1'"),
        ({"magnitude_limit": None}, TypeError, "magnitude_limit must be a number, .* not None"),
        ({"m5": np.inf}, ValueError, "m5 must be a finite magnitude"),
        ({"mask": 3}, TypeError, "mask"),
        ({"interpolation": "cubic"}, ValueError, "interpolation must be one of 'spline', 'bil"),
    ],
)
def test_bad_parameters_are_refused_at_once(changes, error, message):
    with pytest.raises(error, match=message):
        MockSurvey(**changes)


@pytest.mark.parametrize("method", ["observe", "observe_grid"])
def test_bad_fields_are_refused(method):
    draw = getattr(MockSurvey(), method)
    near, far = _constant(0, 0, z_source=1), _constant(0, 0, z_source=2)
    with pytest.raises(ValueError, match="wcs must be given if field=None"):
        draw(None)
    with pytest.raises(TypeError, match="field must be a LensingField, .*, not ndarray"):
        draw(np.zeros(SHAPE))
    with pytest.raises(TypeError, match="field must be a LensingField"):
        draw([near, "far"])
    with pytest.raises(ValueError, match="field must be a list .* each with a single redshift"):
        draw([near, _constant(0, 0)])
    with pytest.raises(ValueError, match="field must be a list of at least one field"):
        draw([])
    with pytest.raises(ValueError, match=r"strictly increasing z_source, .* \[2.0, 1.0\]"):
        draw([far, near])
    with pytest.raises(ValueError, match="the same shape and WCS"):
        draw([near, _constant(0, 0, tangent_wcs(CENTER, SHAPE, 0.6), z_source=2)])
    with pytest.raises(ValueError, match="z_source must be given to the survey if field is a list"):
        draw([near, far])
    with pytest.raises(ValueError, match=r"array_shape of the field, .*, not \(30, 30\)"):
        draw(near, tangent_wcs(CENTER, (30, 30), 0.5))
    with pytest.raises(TypeError, match="wcs must be an astropy.wcs.WCS or .*, not str"):
        draw(None, "here")
    with pytest.raises(ValueError, match=r"the mask has the shape \(9, 9\), but the map has"):
        getattr(MockSurvey(mask=np.eye(9, dtype=bool)), method)(near)


def test_a_map_without_galaxies_is_an_error():
    survey = MockSurvey(mask=np.ones(SHAPE, dtype=bool))
    with pytest.raises(ValueError, match="no galaxy was drawn on the map, at a density of 33"):
        survey.observe(None, WCS, rng=1)
    assert survey.observe_grid(None, WCS, rng=1).n_used == 0


def test_pixels_of_the_sky_of_a_galactic_map():
    wcs = tangent_wcs(CENTER, SHAPE, 0.5, frame="galactic")
    catalog = MockSurvey().observe(None, wcs, rng=1)
    sky = pixel_sky(wcs)
    assert catalog.frame == "icrs"
    assert catalog.skycoord.separation(CENTER).max() <= sky.separation(CENTER).max() + 1 * u.arcmin


def test_a_seed_gives_the_same_galaxies_whatever_lenses_them():
    field = LensingField.from_kappa(
        ConvergenceMap(np.full((32, 32), 0.1), wcs=tangent_wcs(CENTER, (32, 32), 0.5)), z_source=1.0
    )
    survey = MockSurvey(z_source=SourceRedshifts([0.2, 2.0], [1, 1]))
    seed = np.random.SeedSequence(3, spawn_key=(1,))
    lensed, unlensed, again = (
        survey.observe(one, None if one else field.wcs, rng=seed) for one in (field, None, field)
    )
    for name in ("ra", "e1_int", "sigma_m"):
        np.testing.assert_array_equal(lensed[name], unlensed[name])
    np.testing.assert_array_equal(lensed.e1, again.e1)  # the seed is not used up
    assert np.ptp(unlensed["redshift"]) > 1 and np.ptp(lensed["redshift"]) == 0
    grids = [survey.observe_grid(field, rng=seed).sum_we for _ in range(2)]
    np.testing.assert_array_equal(*grids)


def test_many_galaxies_in_a_pixel_take_no_more_memory():
    wcs = tangent_wcs(CENTER, (16, 16), 20.0)
    survey = MockSurvey(density=100 / u.arcmin**2)
    grid = survey.observe_grid(None, wcs, rng=1)
    assert grid.count.sum() == pytest.approx(100 * 16**2 * 20**2, rel=0.01)
    assert survey._samplers.last._pixels._chunk * 100 * 20**2 <= 4e6
    # The number of pixels that share a generator decides what a seed gives: it is the same for all
    # shallower surveys.
    usual = MockSurvey()
    usual.observe_grid(None, WCS, rng=1)
    assert usual._samplers.last._pixels._chunk == 32_768
