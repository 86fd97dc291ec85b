# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The matched filter against filaments whose convergence is known."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion

from lensmap.filaments import ArmScan, matched_filter
from lensmap.halos import NFWHalo

#: The filament of the tests, and the parameters of its filter.
KAPPA0, ANGLE = 0.02, 120.0
FILTER = {
    "radii": [10, 36] * u.arcmin, "core_width": 3 * u.arcmin, "z_lens": 0.07, "z_source": 1.0,
    "n_directions": 12,
}


def _at_arm(scan, name="kappa0"):
    return float(scan.table[name][int(round(ANGLE / 30))])


@pytest.mark.parametrize("cluster", [True, False])
def test_amplitude_of_a_bare_filament_is_unbiased(arm_catalog, cluster):
    catalog, center = arm_catalog(KAPPA0, ANGLE)
    scan = matched_filter(catalog, center, cluster=cluster, **FILTER)
    assert isinstance(scan, ArmScan) and len(scan) == 12
    assert _at_arm(scan) == pytest.approx(KAPPA0, rel=0.03)
    assert abs(_at_arm(scan, "kappa0_cross")) < 0.03 * KAPPA0
    assert np.argmax(scan.table["snr"]) == 4
    others = np.delete(np.asarray(scan.table["kappa0"]), 4)
    assert np.abs(others).max() < 0.4 * KAPPA0
    assert (scan.cluster is None) != cluster
    assert f"at {ANGLE:g} deg" in repr(scan)


@pytest.mark.parametrize(
    "center", [SkyCoord(0.1, -60, unit="deg"), SkyCoord(200, 88.5, unit="deg")]
)
def test_position_angles_hold_anywhere_on_the_sky(arm_catalog, center):
    catalog, _ = arm_catalog(KAPPA0, ANGLE, center=center)
    scan = matched_filter(catalog, center, cluster=False, **FILTER)
    assert np.argmax(scan.table["snr"]) == 4
    assert _at_arm(scan) == pytest.approx(KAPPA0, rel=0.05)


@pytest.mark.parametrize(("ellipticity", "offset"), [(0.0, 0), (0.25, 0), (0.25, 90)])
def test_amplitude_beside_a_cluster(arm_catalog, ellipticity, offset):
    """Beside a cluster of 7e14 solar masses, also elliptical, the bias is below a tenth."""
    halo = NFWHalo(7e14 * u.solMass, 4.0, 0.07, ellipticity=ellipticity,
                   angle=(ANGLE + 90 + offset) * u.deg)
    catalog, center = arm_catalog(KAPPA0, ANGLE, halo)
    scan = matched_filter(catalog, center, **FILTER)
    assert _at_arm(scan) == pytest.approx(KAPPA0, rel=0.1)
    assert scan.cluster["m200c"] == pytest.approx(7e14, rel=0.15)
    assert np.hypot(scan.cluster["x"], scan.cluster["y"]) < 1
    if ellipticity:
        assert 0.07 < scan.cluster["ellipticity"] < 1.2 * ellipticity
        difference = (scan.cluster["angle"] - ANGLE - offset + 90) % 180 - 90
        assert abs(difference) < 5


def test_holes_do_not_bias_the_amplitude(arm_catalog):
    catalog, center = arm_catalog(KAPPA0, ANGLE)
    hole = center.directional_offset_by(ANGLE * u.deg, 22 * u.arcmin)
    mask = CircleSkyRegion(hole, 6 * u.arcmin)
    scan = matched_filter(catalog, center, cluster=False, mask=mask, **FILTER)
    whole = matched_filter(catalog, center, cluster=False, **FILTER)
    assert _at_arm(scan) == pytest.approx(KAPPA0, rel=0.05)
    assert _at_arm(scan, "covered") < 0.8 < _at_arm(whole, "covered")
    assert _at_arm(scan, "kappa0_err") > 1.02 * _at_arm(whole, "kappa0_err")


def test_rotated_shear_is_in_the_cross_component(arm_catalog):
    catalog, center = arm_catalog(KAPPA0, ANGLE, cross=True)
    scan = matched_filter(catalog, center, cluster=False, **FILTER)
    assert _at_arm(scan, "kappa0_cross") == pytest.approx(KAPPA0, rel=0.03)
    assert abs(_at_arm(scan)) < 0.03 * KAPPA0


def test_false_probability_falls_with_significance_and_counts_all_directions(arm_catalog):
    catalog, center = arm_catalog(0.1, ANGLE)
    table = matched_filter(catalog, center, cluster=False, **FILTER).table
    order = np.argsort(table["snr"])
    assert np.all(np.diff(table["false_probability"][order]) <= 0)
    assert table["false_probability"][4] < 1e-3
    assert list(np.flatnonzero(table["is_peak"])) == [4]


def test_structure_enlarges_the_errors(arm_catalog):
    catalog, center = arm_catalog(KAPPA0, ANGLE)
    errors = [
        _at_arm(matched_filter(catalog, center, cluster=False, power=power, **FILTER),
                "kappa0_err")
        for power in (None, "halofit", lambda ell: np.full_like(ell, 3e-9),
                      ([10.0, 1e5], [3e-9, 3e-9]))
    ]
    assert errors[0] < 0.8 * errors[1]
    assert errors[2] == pytest.approx(errors[3], rel=0.01)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"z_lens": None}, "z_lens must be the redshift of the cluster"),
        ({"z_lens": None, "cluster": False, "core_width": 0.1 * u.Mpc}, "z_lens must be given"),
        ({"z_source": None}, "z_source must be the redshift"),
        ({"z_source": "unknown"}, "z_source must be"),
        ({"radii": [30, 20] * u.arcmin}, "radii must be"),
        ({"radii": 3 * u.arcmin}, "radii must be two angles"),
        ({"core_width": 3.0}, "core_width must be an angle"),
        ({"n_directions": 2}, "n_directions must be"),
        ({"pixel_scale": 4 * u.arcmin}, "pixel_scale must be at most"),
        ({"power": "unknown"}, "power must be"),
        ({"power": ([1, 2], [3])}, "power must be"),
        ({"position": SkyCoord(10, 10, unit="deg")}, "position must lie within"),
    ],
)
def test_invalid_parameters(arm_catalog, changes, message):
    catalog, center = arm_catalog(KAPPA0, ANGLE, n_galaxies=1000)
    parameters = {"position": center, **FILTER, **changes}
    with pytest.raises((TypeError, ValueError), match=message):
        matched_filter(catalog, **parameters)
