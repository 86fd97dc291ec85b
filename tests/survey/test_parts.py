# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Surveys in parts, each of which is calibrated by its own galaxies."""

import json

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, Table
from regions import CircleSkyRegion, RectangleSkyRegion
from small_survey import galaxies, write_survey

from lensmap import KaiserSquires, ShearCatalog
from lensmap.catalog import Calibration, PartNumbers, calibrated_catalog
from lensmap.cli import main
from lensmap.sphere import HealpixPixels
from lensmap.survey import map_survey, plan_survey
from lensmap.survey._parts import NO_PART, SEVERAL_PARTS, Parts, check_parts, joined_grid
from lensmap.survey._scan import Scan, ScanTask, scan_partition

KS = KaiserSquires(smoothing=10 * u.arcmin)
OPTIONS = {
    "pixel_scale": 4 * u.arcmin, "nside": 512, "tile_order": 4, "margin": 1.2 * u.deg,
    "workers": 1, "large_scales": False,
}
BORDER = 30.0  # of the two parts, degrees of declination

#: Bias and additive bias of the northern and of the southern part, which no column holds.
M, C = (0.3, -0.3), (0.02 + 0.01j, -0.03 + 0.02j)


def two_parts(sigma_e=(0.0, 0.0), density=1.0, side=4.0):
    """Return galaxies of two parts with biases of their own, and the galaxies without them."""
    true = galaxies(side=side, density=density)
    north = true["dec"] > BORDER
    rng = np.random.default_rng(5)
    e = true["e1"] + 1j * true["e2"]
    n = len(e)
    e = e * (1 + np.where(north, *M)) + np.where(north, *C)
    e += np.where(north, *sigma_e) * (rng.standard_normal(n) + 1j * rng.standard_normal(n))
    biased = true | {"e1": e.real, "e2": e.imag, "m": np.where(north, *M)}
    return biased | {"field": np.where(north, "XMM", "GAMA15H")}, true


def layers_of(survey):
    """Return all layers of a survey by pixel, and the declinations."""
    order = HealpixPixels(survey.nside).order
    found = {}
    for block in survey.blocks():
        used = np.isfinite(block.layers["kappa"])
        first = block.pixel << 2 * (order - block.order)
        found.setdefault("index", []).append(first + np.flatnonzero(used))
        for name, values in block.layers.items():
            found.setdefault(name, []).append(values[used])
    layers = {name: np.concatenate(values) for name, values in found.items()}
    layers["dec"] = HealpixPixels(survey.nside).centers(layers["index"])[1]
    return layers


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """Maps without bias, and with it: calibrated as a whole, by column and by regions."""
    folder = tmp_path_factory.mktemp("parts")
    biased, true = two_parts()
    hats = write_survey(folder / "biased", biased)
    regions = {
        "GAMA15H": RectangleSkyRegion(
            SkyCoord(40, BORDER - 5, unit="deg"), 20 * u.deg, 10 * u.deg),
    }
    # Regions are evaluated on tangent planes, so the rest of the sky is made of masks.
    from lensmap.masks import SkyMask

    regions["XMM"] = SkyMask(regions["GAMA15H"], exclude="outside")
    options = OPTIONS | {"subtract_mean": True}
    return {
        "true": map_survey(write_survey(folder / "true", true), KS, folder / "t", **options),
        "whole": map_survey(hats, KS, folder / "w", **options),
        "column": map_survey(hats, KS, folder / "c", calibrate_by="field", **options),
        "regions": map_survey(hats, KS, folder / "r", calibrate_by=regions, **options),
    }


def slopes(survey, truth):
    """Return the slopes of a map over another one in the two parts, and the rms differences."""
    one, two = layers_of(survey), layers_of(truth)
    np.testing.assert_array_equal(one["index"], two["index"])
    result = []
    for side in (one["dec"] > BORDER + 0.3, one["dec"] < BORDER - 0.3):
        inside = side & (one["edge"] > 0.25)
        x, y = two["kappa"][inside], one["kappa"][inside]
        result.append((np.polyfit(x, y, 1)[0], np.std(y - x) / np.std(x)))
    return result


@pytest.mark.slow
def test_each_part_is_unbiased_by_its_own_numbers_only(maps):
    """The biases are exact, and the galaxies have no shape noise."""
    for name in ("column", "regions"):
        for slope, difference in slopes(maps[name], maps["true"]):
            assert slope == pytest.approx(1, abs=0.03) and difference < 0.1
    # One mean bias for both, and the step of the additive bias between them.
    for _, difference in slopes(maps["whole"], maps["true"]):
        assert difference > 0.3


@pytest.mark.slow
def test_numbers_of_the_parts_are_kept(maps):
    table = maps["column"].parts
    assert table["part"].tolist() == ["GAMA15H", "XMM"]
    np.testing.assert_allclose(table["m"], M[::-1], rtol=1e-5)
    mean = table["mean_g1"] + 1j * table["mean_g2"]
    # The mean shear of 8 square degrees is some 0.002.
    np.testing.assert_allclose(mean, np.array(C[::-1]) / (1 + np.array(M[::-1])), atol=0.006)
    assert table["n_galaxies"].sum() == maps["column"].plan["n_galaxies"]
    # Near the border, the regions differ from the column by the curvature of a great circle.
    other = maps["regions"].parts
    assert sorted(other["part"]) == ["GAMA15H", "XMM"]
    assert len(maps["whole"].parts) == 1 and maps["whole"].parts["part"][0] == "survey"


@pytest.mark.slow
def test_noise_is_that_of_the_parts(tmp_path):
    """The noise, also of rotations, is that of galaxies that are calibrated one by one."""
    columns, _ = two_parts(sigma_e=(0.1, 0.3), side=3.0)
    factor = 1 + columns["m"]
    calibrated = columns | {
        "e1": columns["e1"] / factor, "e2": columns["e2"] / factor, "m": np.zeros(len(factor))
    }
    rotations = KS.replace(uncertainty="rotations", n_realizations=4)
    maps = []
    for name, one, more in (("a", columns, {"calibrate_by": "field"}), ("b", calibrated, {})):
        hats = write_survey(tmp_path / f"hats_{name}", one)
        maps.append(layers_of(map_survey(hats, rotations, tmp_path / name, **OPTIONS, **more)))
    parts, whole = maps
    np.testing.assert_allclose(parts["error"], whole["error"], rtol=1e-3)
    np.testing.assert_allclose(parts["kappa"], whole["kappa"], atol=1e-5)
    for side, sigma in ((1, 0.1 / (1 + M[0])), (-1, 0.3 / (1 + M[1]))):
        here = side * (parts["dec"] - BORDER) > 0.4
        assert np.median(parts["sigma_e"][here]) == pytest.approx(sigma, rel=0.05)
        # One dispersion of the whole survey is wrong for both.
        assert abs(np.median(whole["sigma_e"][here]) / sigma - 1) > 0.2


def test_calibrated_catalog_has_the_means_of_its_parts():
    """Weighted means and noise are those of Calibration, for each part and response."""
    rng = np.random.default_rng(2)
    n = 4000
    columns = {
        "ra": rng.uniform(10, 11, n), "dec": rng.uniform(0, 1, n),
        "e1": rng.normal(0.02, 0.3, n), "e2": rng.normal(-0.01, 0.3, n),
        "weight": rng.uniform(0.2, 2, n), "c1": rng.normal(0.01, 0.001, n),
        "r11": rng.normal(0.7, 0.1, n), "r22": rng.normal(0.6, 0.1, n), "r12": np.full(n, 0.05),
        "r21": np.full(n, -0.02), "sigma_m": rng.uniform(0.1, 0.2, n),
    }
    catalog = ShearCatalog(columns, convention="celestial", kind="shear")
    part = (catalog.ra > 10.4).astype(int)
    halves = [catalog.select(part == i) for i in range(2)]
    numbers = [PartNumbers(Calibration.from_catalog(half), len(half)) for half in halves]
    found = calibrated_catalog(catalog, part, numbers)
    assert found["c1"] is None and found["r11"] is None and found.response is None
    unit = Calibration.from_catalog(found)
    for i, half in enumerate(halves):
        here = part == i
        w = catalog.weight[here]
        expected = np.average(numbers[i].calibration.shear(half), weights=w)
        mean = np.average((found.e1 + 1j * found.e2)[here], weights=w)
        assert mean == pytest.approx(expected, rel=1e-6)
        np.testing.assert_allclose(
            unit.noise_variance(found)[here], numbers[i].calibration.noise_variance(half),
            rtol=1e-5,
        )
    given = calibrated_catalog(catalog, part, numbers, sigma_e=0.25)
    np.testing.assert_allclose(
        given["sigma_e"][part == 0], 0.25 * numbers[0].calibration.gain, rtol=1e-6
    )


def test_sphere_joins_parts_as_tiles_do(tmp_path):
    """The grid of the sphere from sums of parts is that of calibrated galaxies."""
    from lensmap.catalog import HatsCatalog
    from lensmap.grid import SphericalAssignment, SphericalPixels, SphericalShearGrid

    columns, _ = two_parts(sigma_e=(0.1, 0.3), side=2.0)
    hats = HatsCatalog(write_survey(tmp_path / "hats", columns))
    parts = Parts("field")
    task = ScanTask(hats, None, 256, None, parts)
    scan = Scan([scan_partition(task, i) for i in range(len(hats.partitions))], 256, None, parts,
                subtract_mean=True)
    grid = scan.grid()
    catalog = ShearCatalog(Table(columns), convention="celestial", kind="shear",
                           extra_columns=["field"])
    part = parts.of_known(catalog, list(scan.parts))
    direct = calibrated_catalog(catalog, part, list(scan.parts.values()))
    on = SphericalPixels.around([direct], HealpixPixels(256), None)
    expected = SphericalShearGrid.from_assignment(SphericalAssignment(direct, on))
    used = np.flatnonzero(expected.count)
    np.testing.assert_array_equal(grid.index, expected.index[used])
    np.testing.assert_array_equal(grid.count, expected.count[used])
    # The mean is subtracted at the galaxies here, and at the centers of pixels there.
    np.testing.assert_allclose(grid.shear, expected.shear[used], atol=3e-4)
    np.testing.assert_allclose(grid.sigma, expected.sigma[used], rtol=2e-3)
    whole = joined_grid([scan._whole.grid(None)], [PartNumbers(scan.calibration, 1)])
    np.testing.assert_allclose(whole.shear, scan._whole.grid(None).shear, atol=1e-12)


NAMES = [
    (np.array(["A", "B ", "A", ""]), ["A", "B"], [0, 1, 0, -1]),
    (np.array([b"A", b"B", b"A", b" "]), ["A", "B"], [0, 1, 0, -1]),
    (np.array([7, 3, 7, 3]), ["3", "7"], [1, 0, 1, 0]),
    (np.array([7.0, 3.0, np.nan, 3.0]), ["3", "7"], [1, 0, -1, 0]),
    (MaskedColumn([7, 3, 7, 3], mask=[0, 0, 1, 0]), ["3", "7"], [1, 0, -1, 0]),
    (np.array(["A", "B", "A", ""], object), ["A", "B"], [0, 1, 0, -1]),
]


@pytest.mark.parametrize("values, names, numbers", NAMES)
def test_columns_name_parts(values, names, numbers):
    table = Table({"ra": np.arange(4.0), "dec": np.zeros(4), "e1": np.zeros(4), "e2": np.zeros(4)})
    table["part"] = values
    catalog = ShearCatalog(table, convention="celestial", kind="shear", extra_columns=["part"])
    found, number = Parts("part").of(catalog)
    known = [found[i] if i >= 0 else i for i in number]
    assert known == [names[i] if i >= 0 else i for i in numbers]


def test_regions_name_parts():
    catalog = ShearCatalog({"ra": [1.0, 2.0, 3.0, 9.0], "dec": np.zeros(4), "e1": np.zeros(4),
                            "e2": np.zeros(4)}, convention="celestial", kind="shear")
    parts = check_parts({
        "one": CircleSkyRegion(SkyCoord(1, 0, unit="deg"), 1.5 * u.deg),
        "two": CircleSkyRegion(SkyCoord(3, 0, unit="deg"), 1.5 * u.deg),
    })
    names, number = parts.of(catalog)
    assert names == ["one", "two"] and number.tolist() == [0, SEVERAL_PARTS, 1, NO_PART]


def blank(columns):
    return columns | {"field": np.where(np.arange(len(columns["ra"])) < 7, "", columns["field"])}


def tiny(columns):
    return columns | {"field": np.where(np.arange(len(columns["ra"])) < 9, "Tiny", "Rest")}


BAD = [
    (blank, "field", r"7 of \d+ galaxies in no part: leave these galaxies out by where"),
    (tiny, "field", r"parts of at least 1000 galaxies each, not 1 of 2 with fewer: Tiny \(9\)"),
    (None, "redshift", "one of lensmap's own columns"),
    (None, "fild", "calibrate_by must name columns of the catalog"),
    (None, "psf_e1", "must be a column of names or whole numbers"),
    (None, {"a": CircleSkyRegion(SkyCoord(40, 30, unit="deg"), 0.5 * u.deg)},
     r"\d+ of \d+ galaxies in no part: mask these galaxies, or change the regions"),
    (None, {name: CircleSkyRegion(SkyCoord(40, 30, unit="deg"), 9 * u.deg) for name in "ab"},
     "galaxies in more than one part"),
]


@pytest.mark.parametrize("change, calibrate_by, message", BAD)
def test_galaxies_that_cannot_be_assigned(change, calibrate_by, message, tmp_path):
    columns, _ = two_parts(side=2.0)
    hats = write_survey(tmp_path / "hats", columns if change is None else change(columns))
    with pytest.raises(ValueError, match=message):
        plan_survey(hats, KS, tmp_path / "s", calibrate_by=calibrate_by, **OPTIONS)


def test_masked_galaxies_need_no_part(tmp_path):
    columns, _ = two_parts(side=2.0)
    hole = CircleSkyRegion(SkyCoord(40, 30, unit="deg"), 0.3 * u.deg)
    near = np.hypot((columns["ra"] - 40) * np.cos(np.radians(30)), columns["dec"] - 30) < 0.29
    columns["field"] = np.where(near, "", columns["field"])
    hats = write_survey(tmp_path / "hats", columns)
    survey = map_survey(hats, KS, tmp_path / "s", calibrate_by="field", mask=hole, **OPTIONS)
    assert len(survey.parts) == 2


def test_wrong_kind():
    with pytest.raises(TypeError, match="calibrate_by must be the name of a column, or a dict"):
        check_parts(["a", "b"])
    with pytest.raises(TypeError, match="calibrate_by"):
        check_parts({})


@pytest.mark.slow
def test_update_keeps_numbers_and_refuses_new_parts(tmp_path):
    columns, _ = two_parts(side=2.5, density=1.0)
    table = Table(columns)
    path, folder = tmp_path / "c.fits", tmp_path / "s"
    table.write(path)
    options = OPTIONS | {"convention": "celestial", "kind": "shear", "calibrate_by": "field"}
    first = map_survey(path, KS, folder, **options)
    before = first.parts
    table["m"] = np.where(table["dec"] > BORDER, 0.0, table["m"])
    table.write(path, overwrite=True)
    with pytest.raises(ValueError, match="update=True"):
        map_survey(path, KS, folder, **options)
    again = map_survey(path, KS, folder, update=True, **options)
    assert again.parts["m"].tolist() == before["m"].tolist()
    table["field"] = np.where(table["dec"] > 30.5, "NEW", table["field"])
    table.write(path, overwrite=True)
    with pytest.raises(ValueError, match="whose numbers were measured.*'NEW'"):
        map_survey(path, KS, folder, update=True, **options)


@pytest.mark.slow
def test_command_tells_the_parts(tmp_path, capsys):
    columns, _ = two_parts(side=2.0)
    hats = write_survey(tmp_path / "hats", columns)
    words = ["survey", str(hats), "-o", str(tmp_path / "s"), "--method", "ks", "--smoothing",
             "8arcmin", "--pixel-scale", "4arcmin", "--nside", "512", "--tile-order", "4",
             "--margin", "1.2deg", "--no-large-scales", "--workers", "1"]
    record = tmp_path / "r.json"
    assert main([*words, "--calibrate-by", "field", "--subtract-mean", "--dry-run", "--json",
                 str(record)]) == 0
    found = json.loads(record.read_text())["parts"]
    assert [one["part"] for one in found] == ["GAMA15H", "XMM"]
    assert [one["m"] for one in found] == pytest.approx(M[::-1], rel=1e-5)
    assert "part XMM: " in "".join(capsys.readouterr())
    for name, low, high in (("n", 30, 36), ("s", 24, 30)):
        (tmp_path / f"{name}.reg").write_text(
            "fk5\n" f"polygon(30,{low},50,{low},50,{high},30,{high})\n")
    options = [f"--calibrate-by=north={tmp_path / 'n.reg'}",
               f"--calibrate-by=south={tmp_path / 's.reg'}"]
    words[3] = str(tmp_path / "by_region")
    assert main([*words, *options, "--dry-run"]) == 0
    output = capsys.readouterr()
    assert "part north: " in output.out and "part south: " in output.out
    words[3] = str(tmp_path / "half")
    assert main([*words, *options[:1]]) == 1
    assert "--calibrate-by must give regions of which" in capsys.readouterr().err
    assert main([*words, "--calibrate-by", "a", "--calibrate-by", "b"]) == 2
    assert "must be one column" in capsys.readouterr().err
