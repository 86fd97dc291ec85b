# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Rates of halos that were recovered, by hand."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table

from lensmap.grid import tangent_wcs
from lensmap.injection import HaloRecovery

WCS = tangent_wcs(SkyCoord(150, 2, unit="deg"), (40, 80), 0.5 * u.arcmin)
SETTINGS = {"m200c": [1e14], "redshift": [0.3], "by": "kappa", "threshold": 0.05, "radius": 1.5,
            "shape": [40, 80], "wcs": WCS.to_header_string(relax=True)}
NOTHING = HaloRecovery.empty(SETTINGS, {"area": 2.0, "n_peaks": 5})


def _with(recovered, controls, noise):
    n = len(recovered)
    sky = WCS.pixel_to_world(np.linspace(0, 79, n), np.full(n, 10.0)).icrs
    found = np.array(recovered)
    return NOTHING.with_realization(QTable({
        "ra": sky.ra, "dec": sky.dec, "m200c": np.full(n, 1e14) * u.solMass,
        "redshift": np.full(n, 0.3), "mass_true": np.full(n, 2.0) * u.solMass,
        "mass_map": np.arange(n) * u.solMass,
        "matched": np.ones(n, dtype=bool), "recovered": found, "snr": np.arange(n) + 4.0,
        "offset": np.full(n, 0.5) * u.arcmin,
    }), controls, noise)


def test_chance_is_subtracted():
    found = _with(4 * [False] + 4 * [True], {"n": 10, "matched": 5, "recovered": 2}, 3)
    (row,) = found.summary()
    assert (row["n"], row["n_matched"], row["n_recovered"]) == (8, 8, 4)
    assert found.chance == 0.2 and found.chance_matched == 0.5 and found.n_controls == 10
    assert row["corrected"] == pytest.approx((0.5 - 0.2) / 0.8)
    assert row["corrected_low"] == pytest.approx((row["rate_low"] - 0.2) / 0.8)
    ratio = np.array([4, 5, 6, 7]) / 2
    assert row["mass_ratio"] == pytest.approx(ratio.mean())
    assert row["mass_scatter"] == pytest.approx(ratio.std(ddof=1))
    assert row["mass_ratio_err"] == pytest.approx(ratio.std(ddof=1) / 2)
    assert row["snr"] == 9.5 and row["offset"] == 0.5 * u.arcmin
    assert found.peak_density == 2.5 / u.deg**2 and found.radius == 1.5 * u.arcmin


def test_noise_is_poisson():
    found = _with([True], {"n": 0, "matched": 0, "recovered": 0}, 3)
    rate, low, high = (value.to_value(u.deg**-2) for value in found.false_positives())
    # Gehrels 1986, ApJ 303, 336, tables 1 and 2, for 3 events.
    assert (rate, low, high) == pytest.approx((1.5, 1.367 / 2, 5.918 / 2), abs=1e-3)
    assert np.isnan(found.chance) and np.isnan(found.summary()["corrected"][0])


def test_cells_cover_the_map():
    cells = _with(4 * [False] + 4 * [True], {"n": 0, "matched": 0, "recovered": 0}, 0).cells(4)
    assert cells["row"].max() == 1 and cells["column"].max() == 3
    assert cells["x_low"].min() == cells["y_low"].min() == -0.5
    assert cells["x_high"].max() == 79.5 and cells["y_high"].max() == 39.5
    assert cells["n"].tolist() == [2, 2, 2, 2, 0, 0, 0, 0]
    np.testing.assert_array_equal(cells["rate"], [0, 0, 1, 1] + 4 * [np.nan])
    x, y = WCS.world_to_pixel(SkyCoord(cells["ra"], cells["dec"]))
    np.testing.assert_allclose(x[:4], [9.5, 29.5, 49.5, 69.5], atol=1e-6)
    assert cells[0]["rate_high"] > 0.2


def test_nothing_and_files(tmp_path):
    assert len(NOTHING) == NOTHING.n_realizations == 0
    (row,) = NOTHING.summary()
    assert row["n"] == 0 and np.isnan(row["rate"])
    assert NOTHING.cells(2)["n"].sum() == 0
    assert "0 halos in 0 realizations; 0 recovered above kappa of 0.05" in repr(NOTHING)
    found = _with([True, False], {"n": 2, "matched": 1, "recovered": 1}, 4)
    path = tmp_path / "found.ecsv"
    found.write(path)
    again = HaloRecovery.read(path)
    assert again.halos.meta == found.halos.meta and again.settings == SETTINGS
    np.testing.assert_array_equal(again.halos["ra"], found.halos["ra"])
    assert again.wcs.wcs.compare(WCS.wcs, tolerance=1e-12) and again.wcs.array_shape == (40, 80)
    with pytest.raises(FileExistsError):
        found.write(path)
    with pytest.raises(FileNotFoundError):
        HaloRecovery.read(tmp_path / "nothing.ecsv")
    Table({"a": [1]}).write(path, overwrite=True)
    with pytest.raises(ValueError, match="lacks the settings of an injection"):
        HaloRecovery.read(path)
