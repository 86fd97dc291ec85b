# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""From a table in the layout of a survey to the mass that is in it, without ``--columns``."""

import json

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from scipy.ndimage import maximum_position
from survey_tables import CENTER, CLUMPS, LAYOUTS, convergence

from lensmap import ConvergenceMap
from lensmap.cli import main

SMOOTHING = 1.0  # arcmin


def offsets(kappa):
    """Return the offsets of the pixels from the center, in arcmin to the west and to the north."""
    y, x = np.indices(kappa.shape)
    sky = kappa.wcs.pixel_to_world(x, y)
    frame = SkyCoord(*CENTER, unit="deg").skyoffset_frame()
    there = sky.transform_to(frame)
    return -there.lon.wrap_at("180d").to_value(u.arcmin), there.lat.to_value(u.arcmin)


def centroid(image, west, north):
    """Return the offset of the maximum, by a parabola through the pixels about it."""
    y, x = maximum_position(image)
    place = []
    rows, columns = slice(y - 1, y + 2), slice(x - 1, x + 2)
    for values, coordinates in (
        (image[y, columns], west[y, columns]), (image[rows, x], north[rows, x])
    ):
        low, mid, high = values
        shift = 0.5 * (low - high) / (low - 2 * mid + high)
        place.append(coordinates[1] + shift * (coordinates[2] - coordinates[1]))
    return np.array(place)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_mass_comes_back(layout, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    make, preset, convention, kind = LAYOUTS[layout]
    make().write("survey.fits")
    code = main([
        "reconstruct", "survey.fits", "-o", "k.fits", "--no-check", "--pixel-scale", "0.5arcmin",
        "--smoothing", f"{SMOOTHING}arcmin", "--reduced-shear-iterations", "3",
        "--convention", convention, "--kind", kind, "--json", "k.json",
    ])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    assert f"columns of the preset {preset!r}" in captured.err
    record = json.loads((tmp_path / "k.json").read_text())
    assert record["warnings"] == []
    kappa = ConvergenceMap.read("k.fits")
    west, north = offsets(kappa)
    truth = convergence(west, north, SMOOTHING)
    inside = (np.abs(west) < 15) & (np.abs(north) < 15) & ~kappa.mask
    slope, _ = np.polyfit(truth[inside], kappa.data[inside], 1)
    assert slope == pytest.approx(1.0, abs=0.02)
    residual = kappa.data[inside] - truth[inside]
    assert np.std(residual) < 0.03 * truth.max()
    assert np.nanstd(kappa.kappa_b[inside]) < 0.03 * truth.max()
    for _, _, (x, y) in CLUMPS:
        near = np.where(np.hypot(west - x, north - y) < 4, np.nan_to_num(kappa.data), -1.0)
        place = centroid(near, west, north)
        assert np.hypot(*(place - (x, y))) < 0.25, "half of a pixel"
