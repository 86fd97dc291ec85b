# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pictures of halos that were injected show the numbers that they are made of."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from lensmap import plotting
from lensmap.grid import tangent_wcs
from lensmap.injection import HaloRecovery

WCS = tangent_wcs(SkyCoord(150, 2, unit="deg"), (60, 120), 0.5 * u.arcmin)


def _recovery(n=24, recovered=True, masses=(1e14, 4e14)):
    """Halos of two masses at two redshifts, of which the heavier ones are recovered."""
    rng = np.random.default_rng(1)
    sky = WCS.pixel_to_world(rng.uniform(0, 60, n), rng.uniform(0, 59, n)).icrs  # in the left half
    mass = np.tile(masses, n // 2)
    found = (mass > 2e14) & recovered
    table = QTable({
        "realization": np.zeros(n, dtype=int), "ra": sky.ra, "dec": sky.dec,
        "m200c": mass * u.solMass, "redshift": np.repeat([0.2, 0.4], n // 2),
        "c200c": np.full(n, 4.0), "mass_true": 0.9 * mass * u.solMass, "matched": found,
        "already": ~found, "recovered": found, "snr": np.where(found, 6.0, np.nan),
        "offset": np.where(found, 0.3, np.nan) * u.arcmin,
        "mass_map": np.where(found, 0.8 * mass, np.nan) * u.solMass,
    })
    settings = {"m200c": sorted(set(masses)), "redshift": [0.2, 0.4], "by": "snr", "threshold": 4.0,
                "radius": 2.0, "shape": [60, 120], "wcs": WCS.to_header_string(relax=True)}
    empty = HaloRecovery.empty(settings, {"area": 0.5, "n_peaks": 3})
    return empty.with_realization(table, {"n": 20, "matched": 4, "recovered": 0}, 1)


def test_completeness_of_each_redshift():
    ax = plotting.plot_recovery_rate(_recovery())
    assert ax.get_legend_handles_labels()[1] == ["z = 0.2", "z = 0.4"]
    for container in ax.containers:
        assert container.lines[0].get_ydata().tolist() == [0.0, 1.0]
        np.testing.assert_allclose(container.lines[0].get_xdata(), [1, 4], rtol=0.03)


def test_one_mass_has_an_axis_around_it():
    ax = plotting.plot_recovery_rate(_recovery(masses=(4e14, 4e14)))
    low, high = ax.get_xlim()
    assert ax.get_xscale() == "log" and low < 3 and high > 5


def test_cells_say_how_many_of_how_many():
    recovery = _recovery()
    ax = plotting.plot_recovery_cells(recovery, n_cells=2)
    (image,) = ax.images
    assert image.get_array().shape == (1, 2)
    assert [text.get_text() for text in ax.texts] == ["12/24"]  # nothing in the right half
    assert image.get_array()[0, 0] == 0.5 and np.ma.getmaskarray(image.get_array())[0, 1]
    assert [c.get_axislabel() for c in ax.coords] == ["RA (deg)", "Dec (deg)"]


def test_masses_of_recovered_halos():
    ax = plotting.plot_recovery_masses(_recovery())
    means = [c.lines[0].get_xydata()[0].tolist() for c in ax.containers]
    np.testing.assert_allclose(means, 2 * [[3.6, 3.2]])


@pytest.mark.parametrize("recovered", [True, False])
def test_all_in_one_figure(tmp_path, recovered):
    figure = plotting.recovery_figure(_recovery(recovered=recovered), n_cells=3)
    assert "24 halos in 1 realization, peaks above S/N of 4" in figure.get_suptitle()
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert {"6", "2"} <= set(texts)  # 3 and 1 peaks on half a square degree
    figure.savefig(tmp_path / "recovery.png")
