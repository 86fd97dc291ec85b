# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The map of the lensing efficiency of the galaxies of a survey."""

import json

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from small_survey import galaxies, write_survey

from lensmap import KaiserSquires, ShearCatalog
from lensmap.catalog import HatsCatalog
from lensmap.cli import main
from lensmap.cosmology import (
    SourceRedshifts,
    distance_ratio,
    get_cosmology,
    lensing_efficiency,
    lensing_weight,
)
from lensmap.sphere import HealpixPixels
from lensmap.survey import map_survey, plan_survey
from lensmap.survey._efficiency import Efficiency, check_sources, fit_efficiency
from lensmap.utils import CatalogWarning

KS = KaiserSquires(smoothing=10 * u.arcmin)
OPTIONS = {
    "pixel_scale": 2 * u.arcmin, "nside": 2048, "tile_order": 4, "margin": 1.2 * u.deg,
    "workers": 1, "large_scales": False,
}
N_OF_Z = SourceRedshifts.smail(0.4, 1.2)


@pytest.fixture(scope="module")
def columns():
    """Galaxies whose redshift rises from west to east, without one in a corner, with weights."""
    found = galaxies(side=2.0, density=1.0)
    rng = np.random.default_rng(4)
    n = len(found["ra"])
    z = 0.8 + 0.3 * (found["ra"] - 40) + rng.uniform(-0.2, 0.2, n)
    corner = (found["ra"] > 40.4) & (found["dec"] > 30.3)
    return found | {
        "redshift": np.where(corner, np.nan, z), "weight": rng.uniform(0.2, 1.0, n),
        "field": np.where(found["dec"] > 30, "N", "S"),
    }


def efficiency_of(survey):
    """Return the map of the efficiency, its pixels' positions, and the map of the redshift."""
    order = HealpixPixels(survey.nside).order
    parts = []
    for block in survey.blocks():
        used = np.flatnonzero(np.isfinite(block.layers["kappa"]))
        first = block.pixel << 2 * (order - block.order)
        layers = [block.layers[name][used] for name in ("efficiency", "edge")]
        lon, lat = HealpixPixels(survey.nside).centers(first + used)
        redshift = block.layers.get("redshift")
        layers += [lon, lat, np.zeros(len(used)) if redshift is None else redshift[used]]
        parts.append(np.array(layers))
    return np.concatenate(parts, axis=1)


def test_map_is_the_direct_sum_over_galaxies(columns, tmp_path):
    """Each pixel has the mean of D_ls / D_s with the weights and a Gaussian of 2 arcmin."""
    survey = map_survey(write_survey(tmp_path / "hats", columns), KS, tmp_path / "s", z_lens=0.3,
                        **OPTIONS)
    value, edge, lon, lat, redshift = efficiency_of(survey)
    known = np.isfinite(columns["redshift"])
    sky = SkyCoord(columns["ra"], columns["dec"], unit="deg")
    ratio = distance_ratio([0.3], np.maximum(np.nan_to_num(columns["redshift"]), 1e-3))[0]
    rng = np.random.default_rng(1)
    rows = rng.choice(np.flatnonzero(np.isfinite(value) & (edge > 0.1)), 60)
    for row in rows:
        distance = sky.separation(SkyCoord(lon[row], lat[row], unit="deg")).arcmin
        # A pixel of the tile widens the Gaussian.
        weight = columns["weight"] * known * np.exp(-0.5 * distance**2 / (4 + 2**2 / 12))
        if weight.max() > 0.1:
            expected = np.sum(weight * ratio) / weight.sum()
            assert value[row] == pytest.approx(expected, abs=0.03)
    # Galaxies in front of the lens have no efficiency, and count.
    assert np.nanmin(value) < 0.3 and np.nanmax(value) > 0.5
    # Nothing is known where no galaxy has a redshift.
    corner = (lon > 40.75) & (lat > 30.65)
    assert corner.sum() > 20 and np.isnan(value[corner]).all() and np.isnan(redshift[corner]).all()
    west = lon < 39.8
    assert np.isfinite(value[west]).all() and np.all(value[west] < 1)


def test_kernel_average_is_the_integral(columns):
    """Without a lens redshift, the ratio is averaged over the kernel of all sources."""
    z, n = np.linspace(0.02, 3, 200), np.exp(-0.5 * ((np.linspace(0.02, 3, 200) - 1) / 0.3) ** 2)
    table = fit_efficiency((z, n), None, None, None, None)
    sources, flrw = SourceRedshifts(z, n), get_cosmology(None, structure=False)
    lenses = np.linspace(1e-4, 3, 4001)
    chi = flrw.comoving_distance(lenses).to_value(u.Mpc)
    kernel = lensing_weight(lenses, sources, flrw)
    for z_source in (0.2, 0.7, 1.0, 2.5):
        ratio = distance_ratio(lenses, [z_source], flrw)[:, 0]
        expected = np.trapezoid(kernel * ratio, chi) / np.trapezoid(kernel, chi)
        assert np.interp(z_source, table.z, table.value) == pytest.approx(expected, abs=5e-4)
    # The mean over all sources is that of a mean over their distribution.
    assert 0.2 < table.mean_of(sources) < 0.6


def test_means_over_distributions():
    table = fit_efficiency(None, None, N_OF_Z, 0.3, None)
    assert table.of_parts == pytest.approx((lensing_efficiency(0.3, N_OF_Z),), abs=1e-3)
    assert fit_efficiency(None, None, 0.9, 0.3, None).of_parts[0] == pytest.approx(
        lensing_efficiency(0.3, 0.9), abs=1e-4)
    by_part = fit_efficiency(
        None, {"N": 3.0, "S": 1.0}, {"N": N_OF_Z, "S": 0.5, "unused": 1.0}, 0.3, None
    )
    assert by_part.of_parts == pytest.approx(
        (lensing_efficiency(0.3, N_OF_Z), lensing_efficiency(0.3, 0.5)), abs=1e-3)
    again = Efficiency.from_record(by_part.to_record())
    assert again.of_parts == by_part.of_parts
    assert fit_efficiency(None, None, None, None, None) is None


def test_densities_of_galaxies_are_integrated():
    """The mean over p(z) is that over the same distribution of sources."""
    grid = np.linspace(0, 3, 61)
    rng = np.random.default_rng(3)
    centers = rng.uniform(0.3, 1.5, 20)
    pz = np.exp(-0.5 * ((grid - centers[:, np.newaxis]) / 0.15) ** 2)
    pz[7] = 0
    with pytest.warns(CatalogWarning, match="1 of 20 rows count as galaxies without p"):
        catalog = ShearCatalog(
            {"ra": np.arange(20.0), "dec": np.zeros(20), "e1": np.zeros(20), "e2": np.zeros(20),
             "pz": pz}, columns={"pz": "pz"}, convention="celestial", kind="shear", z_grid=grid,
        )
    table = fit_efficiency((grid, pz.sum(axis=0)), None, None, 0.3, None)
    found = table.of(catalog, np.zeros(20, int))
    for i, one in enumerate(found):
        if i == 7:
            assert np.isnan(one)
        else:
            expected = lensing_efficiency(0.3, SourceRedshifts(grid, pz[i]))
            assert one == pytest.approx(expected, abs=2e-3)


@pytest.mark.slow
def test_distributions_of_parts_make_a_map(columns, tmp_path):
    plain = {name: values for name, values in columns.items() if name != "redshift"}
    hats = write_survey(tmp_path / "hats", plain)
    survey = map_survey(
        hats, KS, tmp_path / "s", calibrate_by="field", z_lens=0.3,
        source_redshifts={"N": N_OF_Z, "S": 0.6}, **OPTIONS,
    )
    value, _, _, lat, _ = efficiency_of(survey)
    for side, sources in ((lat > 30.25, N_OF_Z), (lat < 29.75, 0.6)):
        np.testing.assert_allclose(value[side], lensing_efficiency(0.3, sources), atol=2e-3)
    bare = map_survey(hats, KS, tmp_path / "bare", **OPTIONS)
    assert "efficiency" not in bare.layer_names and "redshift" not in bare.layer_names


BAD = [
    ({"z_lens": 5.0}, ValueError, "z_lens must be lower than the redshift of some galaxies, not 5"),
    ({"z_lens": -1.0}, ValueError, "z_lens"),
    ({"source_redshifts": {"N": 1.0}}, ValueError, "one redshift or distribution for a survey"),
    ({"source_redshifts": {"N": 1.0}, "calibrate_by": "field"}, ValueError, "none of 'S'"),
    ({"source_redshifts": "lsst"}, TypeError, "a number"),
]


@pytest.mark.parametrize("options, kind, message", BAD)
def test_wrong_redshifts(options, kind, message, columns, tmp_path):
    hats = HatsCatalog(write_survey(tmp_path / "hats", columns))
    with pytest.raises(kind, match=message):
        plan_survey(hats, KS, tmp_path / "s", **OPTIONS, **options)


def test_lens_without_sources():
    assert check_sources(None, None) is None
    with pytest.raises(ValueError, match="None for a catalog without redshifts"):
        fit_efficiency(None, None, None, 0.3, None)


@pytest.mark.slow
def test_command_reads_distributions(columns, tmp_path, capsys):
    hats = write_survey(tmp_path / "hats", columns)
    table = tmp_path / "north.txt"
    np.savetxt(table, np.column_stack([N_OF_Z.z, N_OF_Z.pdf]))
    folder = tmp_path / "s"
    words = ["survey", str(hats), "-o", str(folder), "--method", "ks", "--smoothing", "10arcmin",
             "--pixel-scale", "2arcmin", "--nside", "2048", "--tile-order", "4", "--margin",
             "1.2deg", "--no-large-scales", "--workers", "1", "--calibrate-by", "field",
             "--z-lens", "0.3"]
    record = tmp_path / "r.json"
    sources = [f"--source-redshifts=N={table}", "--source-redshifts=S=0.6"]
    assert main([*words, *sources, "--json", str(record)]) == 0
    names = [one["path"] for one in json.loads(record.read_text())["inputs"]]
    assert "north.txt" in names
    from lensmap.survey import SurveyMap

    value, _, _, lat, _ = efficiency_of(SurveyMap(folder))
    np.testing.assert_allclose(value[lat > 30.25], lensing_efficiency(0.3, N_OF_Z), atol=2e-3)
    capsys.readouterr()
    words[3] = str(tmp_path / "other")
    assert main([*words, "--source-redshifts", "0.6", "--source-redshifts", "0.7"]) == 2
    table.write_text("no numbers")
    assert main([*words, "--source-redshifts", str(table)]) == 1
    assert "as two columns" in capsys.readouterr().err
