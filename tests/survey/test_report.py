# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The page of a survey map, and the numbers in it."""

import html
import re

import numpy as np
import pytest

from lensmap.survey._map_numbers import map_numbers
from lensmap.survey._report import Section, _as_text, _with_unit
from lensmap.survey._seams import compare_lattices, measure_seams
from lensmap.survey._tile_files import TileFiles
from lensmap.survey.products import Block


@pytest.fixture(scope="module")
def page(analyzed, tmp_path_factory):
    path = analyzed.write_report(tmp_path_factory.mktemp("page"))
    assert path.name == "report.html"
    return path.read_text(encoding="utf-8")


def test_page_is_complete_and_needs_no_other_file(page, analyzed):
    assert page.startswith("<!DOCTYPE html>") and "viewport" in page
    assert page.count("data:image/png;base64,") == 3
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    text = html.unescape(re.sub("<[^>]+>", " ", page))
    for heading in ("Map", "Tiles", "Seams between tiles", "Null tests", "Quality of the data",
                    "Run"):
        assert heading in text
    for tile in analyzed.tiles["tile"]:
        assert f"{tile}" in text
    assert f"{analyzed.plan['n_galaxies']:,}" in text
    assert "Cross-power of κ with psf_e" in text and "Cross-power of κ with other_e" in text
    assert "nan" not in text.lower().split()


def test_settings_are_words(page):
    text = html.unescape(re.sub("<[^>]+>", " ", page))
    assert "None" not in text and "{" not in text.rpartition("Mass map of")[2]
    assert "margin (arcmin)" in text
    assert _with_unit("pixel_scale_arcmin") == "pixel scale (arcmin)"
    assert _as_text({"inside": None, "tile_order": 5}) == "tile order 5"
    assert [_as_text(one) for one in (None, {}, [], True, (0.0, 0.5), "ks")] == [
        "none", "none", "none", "yes", "0, 0.5", "ks"
    ]


def test_failed_tiles_are_named_and_escaped(analyzed, tmp_path, monkeypatch):
    failed = property(lambda self: {77: "a <b>file</b> is damaged"})
    monkeypatch.setattr(type(analyzed), "failed", failed)
    monkeypatch.setattr("lensmap.survey._report._PICTURES", ())
    monkeypatch.setattr("lensmap.survey._report._null_section", lambda *_: Section("Null tests"))
    page = analyzed.write_report(tmp_path / "p.html").read_text(encoding="utf-8")
    assert "a &lt;b&gt;file&lt;/b&gt; is damaged" in page and "<b>file" not in page
    assert "1 of " in page and "tiles failed" in page
    with pytest.raises(FileExistsError, match="overwrite"):
        analyzed.write_report(tmp_path / "p.html")


def test_small_areas_are_not_zero(analyzed, monkeypatch):
    assert repr(analyzed).startswith("<SurveyMap of 16 deg2, nside 1024; ")
    monkeypatch.setitem(analyzed._plan, "area_deg2", 0.4721)
    assert repr(analyzed).startswith("<SurveyMap of 0.47 deg2, ")


def test_numbers_of_the_map(analyzed):
    numbers = map_numbers(analyzed.blocks())
    whole = analyzed.to_map()
    good = ~whole.mask
    assert numbers.n_pixels == good.sum()
    assert numbers.kappa[1] == pytest.approx(np.std(whole.data[good]), rel=1e-5)
    error = whole.uncertainty.array[good]
    assert numbers.error == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-5)
    pull = whole.kappa_b[good] / error
    assert numbers.b_over_error[0] == pytest.approx(np.sqrt(np.mean(pull**2)), rel=1e-4)
    assert set(numbers.quality) <= set(numbers.layers)
    # Pixels outside of the footprint, to which no tile contributes, do not count.
    mean, lowest, highest = numbers.quality["n_tiles"]
    assert lowest == 1 and 1 < mean < highest


def test_seams_of_known_tiles(tmp_path):
    """Two tiles whose maps differ by a constant and by noise in the pixels that they share."""
    files = TileFiles(str(tmp_path), "stamp")
    order, map_order = 2, 6
    n = 4 ** (map_order - order)
    rng = np.random.default_rng(2)
    sky = rng.normal(0, 1, 2 * n)
    noise = rng.normal(0, 0.1, 2 * n)
    for tile, shift in ((0, 0.0), (1, 0.3)):
        layers = {
            "index": np.arange(2 * n), "kappa": (sky + shift + (noise if tile else 0)),
            "weight": np.full(2 * n, 0.5), "unmasked": np.ones(2 * n), "outside": np.zeros(2 * n),
        }
        layers["unmasked"][:20] = 0.2  # masked pixels do not count
        layers["kappa"][:20] = 99 * tile
        layers["weight"][20:40] = 0.01  # nor do those in which a tile has no weight
        files.write(tile, order, map_order, layers, {"stamp": "stamp"})
    seams = measure_seams(files, [0, 1], order)
    assert seams.n_pairs == 1
    assert seams.n_pixels == 2 * n - 40
    assert seams.step == pytest.approx(0.3, abs=0.02)
    assert seams.rms == pytest.approx(np.hypot(0.3, 0.1), abs=0.02)
    assert seams.scatter_blended == pytest.approx(1, abs=0.1)
    alone = measure_seams(files, [0], order)
    assert alone.n_pairs == 0 and np.isnan(alone.rms) and np.isnan(alone.step)
    # A third tile that shares few pixels with the first counts by their number.
    layers = {
        "index": np.arange(2 * n - 60, 2 * n), "kappa": sky[-60:] + 1.2,
        "weight": np.full(60, 0.5), "unmasked": np.ones(60), "outside": np.zeros(60),
    }
    files.write(4, order, map_order, layers, {"stamp": "stamp"})
    three = measure_seams(files, [0, 1, 4], order)
    assert three.n_pairs == 3
    assert three.largest_step == pytest.approx(1.2, abs=0.01)
    assert three.step == pytest.approx(0.548, abs=0.03)


def test_change_of_lattices():
    rng = np.random.default_rng(3)
    n = 4000
    sky, noise = rng.normal(0, 2, 2 * n), rng.normal(0, 0.1, 2 * n)
    noise[n:] *= 2  # in the second tile, where tiles are blended
    edge = np.where(np.arange(2 * n) % n < 100, 0.0, 1.0)
    blocks = []
    for kappa in (sky, sky + noise + np.where(edge == 0, 9, 0)):
        blocks.append([
            Block(2, i, {
                "kappa": kappa[i * n : (i + 1) * n], "edge": edge[i * n : (i + 1) * n],
                "n_tiles": np.full(n, 1 + i),
            }) for i in range(2)
        ])
    change = compare_lattices(*blocks, 0.3)
    assert change.n_pixels == 2 * n - 200
    assert change.scatter == pytest.approx(2, rel=0.03)
    assert change.core == pytest.approx(0.05, rel=0.05)
    assert change.blended == pytest.approx(0.1, rel=0.05)
    assert change.rms == pytest.approx(np.hypot(0.05, 0.1) / np.sqrt(2), rel=0.05)
    assert 0.2 < change.most < 0.5
    with pytest.raises(ValueError, match="different tiles"):
        compare_lattices(blocks[0], blocks[1][::-1], 0.3)
