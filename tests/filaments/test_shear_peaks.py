# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Peaks of the aligned shear along a filament and in noise."""

import numpy as np
import pytest
from astropy import units as u

from lensmap.filaments import matched_filter, shear_peak_statistic

FILTER = {"radii": [10, 36] * u.arcmin, "core_width": 3 * u.arcmin, "z_lens": 0.07,
          "z_source": 1.0, "n_directions": 24, "cluster": False}


def _statistic(arm_catalog, kappa0, **changes):
    catalog, center = arm_catalog(kappa0, 120.0, noise=True, n_galaxies=60_000)
    scan = matched_filter(catalog, center, **FILTER)
    return shear_peak_statistic(scan, n_skies=40, **changes)


def test_a_filament_has_peaks_along_it(arm_catalog):
    table = _statistic(arm_catalog, 0.08)
    arm = 120 // 15
    assert len(table) == 24
    assert np.argmax(table["snr"]) == arm
    assert table["snr"][arm] > 3
    assert table["false_probability"][arm] == pytest.approx(1 / 41)
    assert table["other_directions"][arm] == 0
    # Perpendicular to the filament there is nothing.
    assert table["snr"][arm - 6] < 2 and table["snr"][arm + 6] < 2


def test_noise_has_the_expected_number_of_peaks(arm_catalog):
    table = _statistic(arm_catalog, 0.0, structure=False)
    assert abs(np.mean(table["n_peaks"] - table["n_expected"])) < 0.5 * np.mean(
        table["n_scatter"])
    assert np.nanmin(table["false_probability"]) > 1 / 41
    low = _statistic(arm_catalog, 0.0, structure=False, threshold=1.0)
    assert np.mean(low["n_expected"]) > 2 * np.mean(table["n_expected"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_skies": 1}, "n_skies must be"),
        ({"threshold": np.nan}, "threshold must be"),
        ({"length": 3.0}, "length must"),
        ({"half_width": -3 * u.arcmin}, "half_width must"),
    ],
)
def test_invalid_parameters(arm_catalog, changes, message):
    catalog, center = arm_catalog(0.0, 0.0, n_galaxies=5000)
    scan = matched_filter(catalog, center, **FILTER)
    with pytest.raises((TypeError, ValueError), match=message):
        shear_peak_statistic(scan, **changes)
