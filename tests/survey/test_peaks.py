# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Peaks of a survey map: each is found once, wherever the borders of tiles lie."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from lensmap import ConvergenceMap, find_peaks
from lensmap.cli import main
from lensmap.grid import tangent_wcs
from lensmap.peaks import match_peaks
from lensmap.sphere import HealpixPixels
from lensmap.survey._peaks import find_survey_peaks
from lensmap.survey._tiles import Tile

ORDER, SCALE = 5, 1.5 / 60
# Two tiles side by side, and two above and below; they meet in one point.
TILES = (228, 229, 230, 231)
WIDTH = 4.0  # arcmin


def peaks_of(places, heights, tiles=TILES, **options):
    """Find the peaks of a map with Gaussian peaks at known places."""
    def cutout(wcs):
        ny, nx = wcs.array_shape
        y, x = np.indices((ny, nx))
        sky = wcs.pixel_to_world(x, y)
        kappa = sum(
            height * np.exp(-0.5 * (sky.separation(place).arcmin / WIDTH) ** 2)
            for place, height in zip(places, heights, strict=True)
        )
        return ConvergenceMap(kappa, np.full((ny, nx), 0.1), wcs=wcs)

    options = {"threshold": 3.0, "by": "snr", "min_separation": "2 arcmin", **options}
    return find_survey_peaks(cutout, tiles, ORDER, SCALE, progress=None, **options)


def border_places(n=12):
    """Return places on the borders between the tiles, their common corner among them."""
    points = []
    for tile in TILES:
        one = Tile(ORDER, tile, 0.2)
        lon, lat = _boundary(one, n)
        others = HealpixPixels(1 << ORDER)
        # Points of which a small step outwards reaches another of the tiles.
        center = SkyCoord(*one.center, unit="deg")
        sky = SkyCoord(lon, lat, unit="deg")
        outside = center.directional_offset_by(
            center.position_angle(sky), center.separation(sky) + 1 * u.arcsec
        )
        owner = others.at(outside.ra.deg, outside.dec.deg)
        points += [place for place, owns in zip(sky, owner, strict=True) if owns in TILES]
    return SkyCoord(points)


def _boundary(tile, n):
    from astropy_healpix import HEALPix

    lon, lat = HEALPix(1 << tile.order, order="nested").boundaries_lonlat([tile.pixel], n)
    return lon.deg.ravel(), lat.deg.ravel()


def test_peaks_on_borders_are_found_once():
    """Exactly on a border, it depends on the lattice in which tile the centroid lies."""
    places = border_places()
    keep = [0]
    for i in range(1, len(places)):
        if places[i].separation(places[keep]).arcmin.min() > 6 * WIDTH / 2:
            keep.append(i)
    places = places[keep]
    assert len(places) > 12
    table = peaks_of(places, np.linspace(1, 2, len(places)))
    match = match_peaks(table, places, 0.5 * SCALE * u.deg)
    assert len(table) == len(match) == len(places)
    assert match["separation"].max() < 0.3 * SCALE * 60 * u.arcmin
    assert len(set(table["tile"])) > 2
    assert table["id"].tolist() == list(range(1, len(table) + 1))
    assert np.all(np.diff(table["snr"]) <= 0)


def test_order_of_tiles_does_not_matter():
    places = border_places(6)
    heights = np.linspace(1, 2, len(places))
    one, other = (peaks_of(places, heights, tiles=tiles) for tiles in (TILES, TILES[::-1]))
    for name in one.colnames:
        np.testing.assert_array_equal(one[name], other[name])


def test_separation_is_that_of_the_whole_survey():
    """A peak next to a higher one of another tile is left out; farther ones are kept."""
    border = SkyCoord(*_boundary(Tile(ORDER, TILES[0], 0.2), 4), unit="deg")
    inside = SkyCoord(*Tile(ORDER, TILES[0], 0.2).center, unit="deg")
    # The corner that all tiles share.
    tiles = HealpixPixels(1 << ORDER)
    corner = max(border, key=lambda place: len(
        {int(owner) for owner in tiles.at(
            place.ra.deg + np.array([0.02, -0.02, 0, 0]),
            place.dec.deg + np.array([0, 0, 0.02, -0.02]))} & set(TILES)))
    angle = corner.position_angle(inside)
    places = SkyCoord([
        corner.directional_offset_by(angle, 8 * u.arcmin),
        corner.directional_offset_by(angle + 180 * u.deg, 8 * u.arcmin),
        inside,
    ])
    near = peaks_of(places, [1, 2, 3], min_separation="20 arcmin")
    assert np.round(near["kappa"], 1).tolist() == [3, 2]
    both = peaks_of(places, [1, 2, 3], min_separation="10 arcmin")
    assert np.round(both["kappa"], 1).tolist() == [3, 2, 1]
    assert near.meta["min_separation_arcmin"] == pytest.approx(20)


def test_troughs_and_units():
    places = border_places(2)
    heights = -np.linspace(1, 2, len(places))
    table = peaks_of(places, heights, troughs=True, by="kappa", threshold=0.5)
    assert np.all(table["kappa"] < 0) and np.all(np.diff(table["kappa"]) >= 0)
    assert table["ra"].unit == u.deg and table["smoothing"].unit == u.arcmin
    assert table.meta["troughs"] and "no record" in table.meta["n_false_unknown"]
    assert not {"x", "y", "x_peak", "y_peak", "highest", "border"} & set(table.colnames)


def test_peaks_of_a_survey_are_those_of_one_flat_map(analyzed):
    options = {"threshold": 0.01, "by": "kappa", "exclude_edges": True}
    table = analyzed.find_peaks(**options)
    wcs = tangent_wcs(SkyCoord(40, 30, unit="deg"), (110, 110), 3 * u.arcmin)
    flat = find_peaks(analyzed.cutout(wcs), **options)
    # Next to the edge, where no galaxies are, the map falls off and has flat tops.
    # Peaks just above the threshold are below it on other pixels.
    inner = [
        (abs(one["dec"].to_value("deg") - 30) < 1.8) & (one["kappa"] > 0.012)
        & (abs(one["ra"].to_value("deg") - 40) < 2.0) for one in (table, flat)
    ]
    pixel = 3 * u.arcmin
    forth = match_peaks(table[inner[0]], flat, 1.5 * pixel)
    back = match_peaks(table, flat[inner[1]], 1.5 * pixel)
    # A shoulder that hardly rises above its neighbors is a maximum on some pixels only.
    n_forth, n_back = (np.sum(one) for one in inner)
    assert n_forth > 15 and abs(n_forth - n_back) <= 3
    assert len(forth) >= 0.85 * n_forth and len(back) >= 0.85 * n_back
    ratio = table["kappa"][inner[0]][forth["peak"]] / flat["kappa"][forth["reference"]]
    np.testing.assert_allclose(ratio, 1, atol=0.15)
    assert len(set(table["tile"])) > 2


@pytest.mark.slow
def test_command_takes_the_folder_of_a_survey(analyzed, tmp_path, capsys):
    table, picture = tmp_path / "p.ecsv", tmp_path / "p.png"
    words = ["peaks", str(analyzed.folder), "--threshold", "0.02", "--by", "kappa"]
    assert main([*words, "-o", str(table), "--plot", str(picture)]) == 0
    expected = analyzed.find_peaks(0.02, by="kappa")
    found = QTable.read(table)
    np.testing.assert_allclose(found["ra"], expected["ra"])
    assert found["tile"].tolist() == expected["tile"].tolist()
    assert picture.stat().st_size > 10_000
    assert "expected false peaks in this survey: " in capsys.readouterr().out
    # The record begins at 1.5 times the median error of the noisiest tile.
    assert main([*words[:3], "0.002", *words[4:]]) == 0
    assert "unknown, because the record of noise peaks begins at kappa" in capsys.readouterr().out
    assert main([*words, "--mass-within", "1Mpc", "--z-lens", "0.3", "--z-source", "1"]) == 2
    assert "--mass-within" in capsys.readouterr().err


def test_survey_without_products(analyzed, monkeypatch, tmp_path):
    monkeypatch.setattr(analyzed, "folder", tmp_path)
    with pytest.raises(FileNotFoundError, match="kappa.hsp"):
        analyzed.find_peaks()
