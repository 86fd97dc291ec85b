# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pictures of scans for filaments, by their content."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from matplotlib import pyplot

from lensmap import ConvergenceMap, ShearCatalog, plotting
from lensmap.filaments import matched_filter

CENTER = SkyCoord(150, 2, unit="deg")


@pytest.fixture(scope="module")
def scan():
    rng = np.random.default_rng(0)
    table = Table({"ra": 150 + rng.uniform(-0.3, 0.3, 4000),
                   "dec": 2 + rng.uniform(-0.3, 0.3, 4000),
                   "e1": rng.normal(scale=0.26, size=4000),
                   "e2": rng.normal(scale=0.26, size=4000)})
    table.meta.update(convention="celestial", kind="shear")
    return matched_filter(
        ShearCatalog(table), CENTER, [3, 12] * u.arcmin, core_width=2 * u.arcmin, cluster=False,
        z_source=1.0, n_directions=12, threshold=0.5,
    )


def test_significance_against_direction(scan):
    ax = plotting.plot_arm_scan(scan)
    lines = {line.get_label(): line for line in ax.get_lines()}
    x, y = lines["filament"].get_data()
    np.testing.assert_allclose(x, np.arange(13) * 30)
    np.testing.assert_allclose(y[:12], scan.table["snr"])
    assert y[12] == y[0]
    np.testing.assert_allclose(lines["cross component"].get_ydata()[:12],
                               scan.table["snr_cross"])
    labels = [text.get_text() for text in ax.texts]
    peaks = scan.table[np.asarray(scan.table["is_peak"])]
    assert len(labels) == len(peaks) >= 1
    assert f"{peaks['snr'][0]:.1f}" in labels[0]
    pyplot.close(ax.figure)


def test_directions_on_a_map(scan):
    kappa = ConvergenceMap(np.zeros(scan.wcs.array_shape), wcs=scan.wcs)
    ax = plotting.plot_arm_directions(scan, kappa)
    n_peaks = np.count_nonzero(scan.table["is_peak"])
    assert len(ax.get_lines()) == 2 + n_peaks and len(ax.texts) == n_peaks
    # The two circles, and the strip of the first peak in its direction.
    for line, radius in zip(ax.get_lines(), scan.radii, strict=False):
        distance = CENTER.separation(SkyCoord(*line.get_data(), unit="deg"))
        np.testing.assert_allclose(distance.arcmin, radius.value, rtol=1e-6)
    strip = SkyCoord(*ax.get_lines()[2].get_data(), unit="deg")
    angle = CENTER.position_angle(strip[1:3]).deg.mean()
    expected = scan.table["angle"][np.asarray(scan.table["is_peak"])][0].value
    assert abs((angle - expected + 180) % 360 - 180) < 2 or expected == 0
    pyplot.close(ax.figure)
