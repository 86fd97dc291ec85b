# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The simulated data on which methods are compared."""

import pickle

import numpy as np
import pytest
from astropy import units as u

from lensmap.cosmology import SourceRedshifts
from lensmap.simulate import draw_fields, field_seed
from lensmap.validation import ValidationSetup, series_seed

SETUP = ValidationSetup(z_source=1.0, shape=(48, 64), pixel_scale=1 * u.arcmin)


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
    shallow = SETUP.replace(density=5 / u.arcmin**2, mask_fraction=0.3).draw(5)
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
    assert (paper.z_source, paper.resolution, paper.shape) == (2.5, "massivenus", (512, 512))
    assert paper.density == 33 / u.arcmin**2 and paper.measurement_error == "hsc"
    near = ValidationSetup.preset("cha2025", z_source=1.0, resolution=None)
    assert near.z_source == 1 and near.resolution is None
    lsst = ValidationSetup.preset("lsst_y10")
    assert isinstance(lsst.z_source, SourceRedshifts) and lsst.density == 27 / u.arcmin**2
    assert ValidationSetup.preset("hsc_y3", z_source=0.8).z_source == 0.8
    hsc = ValidationSetup.preset("hsc-y3")
    assert {"masked", "hsc_y3", "lsst_y1"} <= set(ValidationSetup.available_presets())
    assert hsc.z_source.mean == pytest.approx(3 * 0.278, rel=0.01)
    cosmos = ValidationSetup.preset("cosmos")
    assert cosmos.shape == (192, 192) and cosmos.density == 64 / u.arcmin**2
    masked = ValidationSetup.preset("masked", mask_fraction=0.2)
    assert masked.mask_fraction == 0.2 and masked.resolution == "massivenus"
    with pytest.raises(ValueError, match="no survey preset 'euclid'"):
        ValidationSetup.preset("euclid")


def test_it_describes_itself():
    words = ValidationSetup.preset("lsst_y1", resolution=np.sqrt).describe()
    assert words["pixel_scale"] == "0.41 arcmin" and words["shape"] == [512, 512]
    assert words["cosmology"] == "massivenus" and words["resolution"] == "sqrt"
    assert isinstance(words["z_source"], str) and words["null"] is False


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"mask_fraction": 1}, ValueError, "mask_fraction must be from 0 to below 1"),
        ({"mask_fraction": "0.1"}, TypeError, "mask_fraction must be a number"),
        ({"null": 1}, TypeError, "null must be a bool"),
        ({"z_source": -1}, ValueError, "z_source must be a positive finite redshift"),
        ({"density": 33}, TypeError, "density must be a number per solid angle"),
        ({"shape": (63, 64)}, ValueError, "shape must be even"),
        ({"pixel_scale": 0.4}, TypeError, "pixel_scale must be an angle"),
        ({"resolution": "kappatng"}, ValueError, "resolution must be None, a callable or"),
    ],
)
def test_bad_parameters(changes, error, message):
    with pytest.raises(error, match=message):
        SETUP.replace(**changes)
