# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The expected number of false peaks of a survey, from the noise realizations of its tiles."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from small_survey import galaxies, write_survey

from lensmap import ConvergenceMap, KaiserSquires
from lensmap.catalog import HatsCatalog
from lensmap.sphere import HealpixPixels
from lensmap.survey import map_survey
from lensmap.survey._false_peaks import NoisePeaks, SurveyFalsePeaks, tile_noise_peaks
from lensmap.survey._peaks import find_survey_peaks, peak_lattice
from lensmap.survey._tiles import Tile

ORDER, SCALE = 5, 1.5 / 60
# Two tiles side by side, and two above and below; they meet in one point.
TILES = (228, 229, 230, 231)
WIDTH = 6.0  # arcmin
ERROR = 0.1
PIXELS = HealpixPixels(4096)


def field_of(places, heights):
    """Return a function of the sky with Gaussian peaks at known places."""
    def field(sky):
        return sum(
            height * np.exp(-0.5 * (sky.separation(place).arcmin / WIDTH) ** 2)
            for place, height in zip(places, heights, strict=True)
        )
    return field


def border_places():
    """Return places on the borders of the tiles and within them, far from each other."""
    from astropy_healpix import HEALPix

    points = []
    for tile in TILES:
        lon, lat = HEALPix(1 << ORDER, order="nested").boundaries_lonlat([tile], 4)
        center = SkyCoord(*Tile(ORDER, tile, 0.2).center, unit="deg")
        points += [SkyCoord(lon.ravel(), lat.ravel()), center.reshape(1)]
    sky = SkyCoord(np.concatenate([one.ra.deg for one in points]),
                   np.concatenate([one.dec.deg for one in points]), unit="deg")
    # On the outer border, it is chance whether a peak lies in one of the tiles.
    around = [sky.directional_offset_by(angle * u.deg, 8 * u.arcmin) for angle in range(0, 360, 30)]
    owners = [HealpixPixels(1 << ORDER).at(one.ra.deg, one.dec.deg) for one in around]
    inside = np.all(np.isin(owners, TILES), axis=0)
    sky, keep = sky[inside], []
    for i, place in enumerate(sky):
        if not keep or place.separation(sky[keep]).arcmin.min() > 5 * WIDTH:
            keep.append(i)
    return sky[keep]


def record_of(tile, fields, n_in_error=10**9):
    """Return the record of the noise peaks of a tile whose noise maps are known functions."""
    index = Tile(ORDER, tile, 0.5).blended_pixels(PIXELS.order)
    sky = SkyCoord(*PIXELS.centers(index), unit="deg")
    layers = {"index": index, "error": np.full(len(index), ERROR, np.float32)}
    noise = [field(sky) for field in fields]
    return tile_noise_peaks(
        (ORDER, tile, SCALE), PIXELS, layers, np.zeros(len(index), bool), noise, n_in_error
    )


def flat(field, sigma=ERROR):
    """Return a cutout function of a field with a constant error."""
    def cutout(wcs):
        ny, nx = wcs.array_shape
        y, x = np.indices((ny, nx))
        return ConvergenceMap(field(wcs.pixel_to_world(x, y)), np.full((ny, nx), sigma), wcs=wcs)
    return cutout


@pytest.fixture(scope="module")
def known():
    """Noise maps with peaks and troughs of known heights, many of them on borders of tiles."""
    places = border_places()
    assert len(places) >= 8
    heights = [np.linspace(0.45, 0.9, len(places)) * (-1.0) ** number for number in range(6)]
    fields = [field_of(places, one) for one in heights]
    return places, heights, {tile: record_of(tile, fields) for tile in TILES}


@pytest.mark.parametrize("troughs", [False, True])
@pytest.mark.parametrize("by", ["snr", "kappa"])
def test_each_peak_of_noise_counts_once(known, by, troughs):
    """Three of six maps have all peaks, the others all troughs, wherever the borders lie."""
    places, heights, records = known
    threshold = 4.0 if by == "snr" else 0.4
    table = find_survey_peaks(
        flat(field_of(places[:2], [2.0, 2.0])), TILES, ORDER, SCALE, progress=None,
        noise_of=records.get, min_separation="2 arcmin", threshold=threshold, by=by,
        troughs=troughs,
    )
    assert table.meta["n_false"] == pytest.approx(len(places) / 2)
    assert table.meta["n_noise_maps"] == 6
    false = SurveyFalsePeaks(SCALE, 2 * u.arcmin, threshold=threshold, by=by, troughs=troughs)
    for tile in TILES:
        false.add(tile, records[tile], flat(field_of(places, heights[0]))(
            peak_lattice(ORDER, tile, SCALE)[1]))
    found = false.found().heights
    scale = ERROR if by == "snr" else 1.0
    for number, one in enumerate(found):
        expected = [] if (number % 2 == 0) == troughs else np.sort(np.abs(heights[number])) / scale
        np.testing.assert_allclose(one, expected, rtol=0.05)


def test_numbers_are_those_of_the_noise_maps_as_data(known):
    """A noise map as data has the peaks that the record has of it, and the separation holds."""
    places, heights, records = known
    options = {"threshold": 4.0, "by": "snr", "min_separation": "60 arcmin"}
    data = find_survey_peaks(
        flat(field_of(places, heights[0])), TILES, ORDER, SCALE, progress=None,
        noise_of=records.get, **options,
    )
    assert 0 < len(data) < len(places)
    assert 2 * data.meta["n_false"] == len(data)  # three of the six maps have no peaks
    # The column counts the false peaks that are at least as high, the highest peak first.
    np.testing.assert_allclose(data["n_false"][1:], 0.5 * np.arange(1, len(data)), atol=0.51)


def test_kappa_of_noise_has_the_error_of_the_blend(known):
    """In a map whose blended error is half that of the tiles, noise is half as high."""
    places, heights, records = known
    table = find_survey_peaks(
        flat(field_of(places[:2], [2.0, 2.0]), sigma=0.5 * ERROR), TILES, ORDER, SCALE,
        progress=None, noise_of=records.get, min_separation="2 arcmin", threshold=0.35, by="kappa",
    )
    n_high = np.sum(0.5 * heights[0] > 0.35)
    assert 0 < n_high < len(places)
    assert table.meta["n_false"] == pytest.approx(0.5 * n_high, abs=0.51)


def test_unknown_numbers(known):
    places, _, records = known
    options = {"progress": None, "min_separation": "2 arcmin", "by": "snr"}
    cutout = flat(field_of(places[:2], [2.0, 2.0]))
    low = find_survey_peaks(cutout, TILES, ORDER, SCALE, noise_of=records.get, threshold=2.5,
                            **options)
    assert "begins at snr = 3" in low.meta["n_false_unknown"] and "n_false" in low.colnames
    for noise_of in (None, {**records, TILES[1]: None}.get):
        table = find_survey_peaks(cutout, TILES, ORDER, SCALE, noise_of=noise_of, threshold=4.0,
                                  **options)
        assert "no record" in table.meta["n_false_unknown"] and "n_false" not in table.meta
    few = {tile: record_of(tile, [field_of(places[:1], [1.0])] * 4) for tile in TILES}
    table = find_survey_peaks(cutout, TILES, ORDER, SCALE, noise_of=few.get, threshold=4.0,
                              **options)
    assert "fewer than 5" in table.meta["n_false_unknown"]


def test_record_survives_its_file(known):
    record = known[2][TILES[0]]
    again = NoisePeaks.from_arrays(record.to_arrays())
    for name, values in record.to_arrays().items():
        np.testing.assert_array_equal(getattr(again, name), values)
    assert isinstance(again.n_maps, int)


@pytest.mark.slow
def test_false_peaks_of_independent_noise_surveys(tmp_path):
    """As many peaks are expected as other noise of the same galaxies has, with its error."""
    columns = galaxies(side=7.0, density=0.4)
    rng = np.random.default_rng(11)
    options = {
        "pixel_scale": 4 * u.arcmin, "nside": 512, "tile_order": 3, "margin": 1.2 * u.deg,
        "workers": 1, "large_scales": False,
    }
    ks = KaiserSquires(smoothing=6 * u.arcmin)
    maps = []
    for number in range(4):
        e = 0.3 * rng.standard_normal((2, len(columns["ra"])))
        hats = write_survey(tmp_path / f"hats{number}", {
            "ra": columns["ra"], "dec": columns["dec"], "e1": e[0], "e2": e[1],
        })
        estimator = ks if number else ks.replace(uncertainty="rotations", n_realizations=12)
        maps.append(map_survey(HatsCatalog(hats), estimator, tmp_path / f"{number}", **options))
    threshold = 2.5 * float(np.nanmedian(np.concatenate(
        [block.layers["error"][np.isfinite(block.layers["error"])] for block in maps[0].blocks()]
    )))
    selection = {"by": "kappa", "threshold": threshold, "exclude_edges": True}
    expected = [maps[0].find_peaks(troughs=troughs, **selection).meta for troughs in (False, True)]
    n_expected = sum(one["n_false"] for one in expected)
    error = np.hypot(*(one["n_false_err"] for one in expected))
    n_found = sum(len(one.find_peaks(troughs=troughs, **selection))
                  for one in maps[1:] for troughs in (False, True))
    assert n_found > 30 and expected[0]["n_noise_maps"] == 10
    assert abs(n_found - 3 * n_expected) < 3 * np.hypot(np.sqrt(n_found), 3 * error)
    # Near edges, where the shear is continued, the error is that of the E-mode as well.
    layers = [{name: np.concatenate([block.layers[name] for block in one.blocks()])
               for name in ("kappa", "edge")} for one in maps]
    error_map = np.concatenate([block.layers["error"] for block in maps[0].blocks()])
    for zone in (layers[0]["edge"] < 0.25, layers[0]["edge"] >= 0.25):
        pull = [one["kappa"][zone] / error_map[zone] for one in layers[1:]]
        assert np.sqrt(np.nanmean(np.square(pull))) == pytest.approx(1, abs=0.12)
    # The observed noise is another draw, too; its signal-to-noise ratio has the same law.
    own = [maps[0].find_peaks(3.0, troughs=troughs) for troughs in (False, True)]
    n_own, n_false = sum(map(len, own)), sum(one.meta["n_false"] for one in own)
    assert abs(n_own - n_false) < 3 * np.sqrt(n_own + n_false / 10) + 1
