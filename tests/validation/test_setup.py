# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The simulated data on which methods are compared."""

import json
import pickle

import numpy as np
import pytest
from astropy import units as u

from lensmap.cosmology import SourceRedshifts
from lensmap.simulate import HaloModelField, MockSurvey, draw_fields, field_seed
from lensmap.validation import ValidationSetup, series_seed

SKY = HaloModelField(z_source=1.0, shape=(48, 64), pixel_scale=1 * u.arcmin)
SETUP = ValidationSetup(sky=SKY)


def test_series_have_no_field_in_common():
    seeds = [series_seed(p, s) for p in ("validation", "tuning", "calibration", "null")
             for s in (0, 1, 2**64 - 1)]
    assert len(set(seeds)) == len(seeds) and min(seeds) >= 2**64
    states = {tuple(field_seed(seed, i).generate_state(4))
              for seed in (0, 1, 2**64 - 1, *seeds) for i in range(20)}
    assert len(states) == 20 * (3 + len(seeds))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("training",), ValueError, "purpose must be one of 'validation', 'tuning'"),
        (("null", -1), ValueError, "seed must be at least 0"),
        (("null", 2**64), ValueError, r"seed must be below 2\*\*64"),
        (("null", 0.5), TypeError, "seed must be a whole number"),
    ],
)
def test_bad_series(arguments, error, message):
    with pytest.raises(error, match=message):
        series_seed(*arguments)


def test_a_field_is_that_of_its_seed():
    one, other = SETUP.draw(5), SETUP.draw(5)
    np.testing.assert_array_equal(one.truth, other.truth)
    np.testing.assert_array_equal(one.grid.sum_we, other.grid.sum_we)
    assert one.truth.shape == one.grid.shape == (48, 64)
    assert not np.array_equal(one.truth, SETUP.draw(6).truth)
    assert one.grid.n_used == pytest.approx(33 * 48 * 64, rel=0.02)
    # another survey sees the same sky; a mask hides it, but not from the judge
    few = MockSurvey(density=5 / u.arcmin**2)
    shallow = SETUP.replace(survey=few, mask_fraction=0.3).draw(5)
    np.testing.assert_array_equal(shallow.truth, one.truth)
    assert shallow.grid.mask.mean() == pytest.approx(0.3, abs=0.001)
    assert shallow.grid.count[shallow.grid.mask].sum() == 0
    assert not np.array_equal(
        shallow.grid.mask, SETUP.replace(mask_fraction=0.3).draw(6).grid.mask
    )


def test_a_sky_without_lensing():
    null = SETUP.replace(null=True, mask_fraction=0.2)
    truth, grid, halos = next(draw_fields(null, 1, seed=3, workers=1))
    assert not truth.any() and len(halos) == 0
    assert grid.mask.mean() == pytest.approx(0.2, abs=0.001)
    assert np.abs(grid.sum_we).max() > 0
    assert grid.shear[~grid.mask].std() == pytest.approx(
        np.sqrt(2 * np.mean(grid.sigma[grid.sum_w > 0] ** 2)), rel=0.05
    )


def test_it_can_be_sent_to_another_process():
    setup = pickle.loads(pickle.dumps(SETUP.prepare()))
    np.testing.assert_array_equal(setup.draw(7).truth, SETUP.draw(7).truth)


def test_presets():
    paper = ValidationSetup.preset("cha2025")
    assert (paper.sky.z_source, paper.sky.resolution) == (2.5, "massivenus")
    assert paper.sky.shape == (512, 512) and paper.sky.pixel_scale == 0.41 * u.arcmin
    assert paper.survey.density == 33 / u.arcmin**2 and paper.survey.measurement_error == "hsc"
    near = paper.replace(sky=paper.sky.replace(z_source=1.0, resolution=None))
    assert near.sky.z_source == 1 and near.sky.resolution is None
    lsst = ValidationSetup.preset("lsst_y10")
    assert isinstance(lsst.sky.z_source, SourceRedshifts)
    assert lsst.survey.density == 27 / u.arcmin**2
    hsc = ValidationSetup.preset("hsc-y3")
    assert hsc.sky.z_source.mean == pytest.approx(3 * 0.278, rel=0.01)
    cosmos = ValidationSetup.preset("cosmos")
    assert cosmos.sky.shape == (192, 192) and cosmos.survey.density == 64 / u.arcmin**2
    masked = ValidationSetup.preset("masked")
    assert masked.mask_fraction == pytest.approx(1 / 3)
    masked = ValidationSetup.preset("masked", mask_fraction=0.2)
    assert masked.mask_fraction == 0.2 and masked.sky.resolution == "massivenus"
    with pytest.raises(ValueError, match="no validation preset 'euclid'"):
        ValidationSetup.preset("euclid")


def test_every_preset_is_available():
    names = ValidationSetup.available_presets()
    surveys = MockSurvey.available_presets()
    assert set(names) == {"masked", *surveys} and len(set(names)) == len(names)
    for name in names:
        setup = ValidationSetup.preset(name)
        assert name == "masked" or setup.survey.density == MockSurvey.preset(name).density


def test_it_describes_itself_in_fixed_units():
    sky = HaloModelField(z_source=1.0, shape=(48, 64), pixel_scale=0.4 * u.arcmin)
    facts = ValidationSetup(sky=sky).describe()
    assert facts["sky"]["pixel_scale_arcmin"] == 0.4 and facts["sky"]["shape"] == [48, 64]
    assert facts["sky"]["cosmology"]["name"] == "massivenus"
    assert facts["survey"]["density_per_arcmin2"] == 33 and facts["null"] is False
    seconds = sky.replace(pixel_scale=24 * u.arcsec)
    survey = MockSurvey(density=33 * 3600 / u.deg**2)
    assert ValidationSetup(sky=seconds, survey=survey).describe() == facts
    json.dumps(facts)


def test_functions_and_distributions_are_described_by_name():
    setup = ValidationSetup.preset("lsst_y1")
    setup = setup.replace(sky=setup.sky.replace(resolution=blur))
    facts = json.loads(json.dumps(setup.describe()))
    assert facts["sky"]["resolution"].endswith("test_setup.blur")
    assert facts["sky"]["z_source"]["mean"] == pytest.approx(0.764, abs=0.001)
    assert setup.replace(sky=setup.sky.replace(resolution=np.cos)).describe()["sky"][
        "resolution"] == "cos"
    other = ValidationSetup.preset("lsst_y10").describe()
    assert facts["sky"]["z_source"]["sha256"] != other["sky"]["z_source"]["sha256"]


def blur(ell):
    return np.exp(-((ell / 1000) ** 2))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"mask_fraction": 1}, ValueError, "mask_fraction must be from 0 to below 1"),
        ({"mask_fraction": "0.1"}, TypeError, "mask_fraction must be a number"),
        ({"null": 1}, TypeError, "null must be True or False"),
        ({"survey": "cha2025"}, TypeError, "survey must be a MockSurvey, not 'cha2025'"),
        ({"sky": 33}, TypeError, "sky must be a HaloModelField, .* lacks prepare"),
        ({"sky": SKY.replace(z_source=[1, 2])}, ValueError, "a model with a single z_source"),
    ],
)
def test_bad_parameters(changes, error, message):
    with pytest.raises(error, match=message):
        SETUP.replace(**changes)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"z_source": -1}, ValueError, "z_source must be between 0.001 and 100"),
        ({"shape": (63, 64)}, ValueError, "shape must be two even"),
        ({"pixel_scale": 0.4}, TypeError, "pixel_scale must be an angle"),
        ({"resolution": "kappatng"}, ValueError, "a function of the multipoles or one of"),
    ],
)
def test_bad_parameters_of_the_sky(changes, error, message):
    with pytest.raises(error, match=message):
        SETUP.replace(sky=SKY.replace(**changes))


def test_bad_parameters_of_the_survey():
    with pytest.raises(TypeError, match="density must be a number per solid angle"):
        SETUP.replace(survey=SETUP.survey.replace(density=33))
