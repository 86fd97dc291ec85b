# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The galaxies behind a lens, and the redshift distribution of those that are left."""

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table
from scipy.stats import norm

from lensmap import ShearCatalog
from lensmap.catalog import catalog_facts
from lensmap.catalog._redshift_densities import integral_weights, sample_redshifts
from lensmap.cosmology import distance_ratio, lensing_efficiency
from lensmap.grid import ShearGrid, make_wcs
from lensmap.utils import CatalogWarning

GRID = np.linspace(0, 2, 201)


def _table(n, **columns):
    rng = np.random.default_rng(7)
    return Table({"ra": 10 + 0.1 * rng.random(n), "dec": 0.1 * rng.random(n), "e1": np.zeros(n),
                  "e2": np.zeros(n)} | columns)


def _catalog(n, *, pz=None, z_grid=None, extra_columns=(), **columns):
    names = {"preset": "generic"}
    if pz is not None:
        columns["pdf"], names["pz"] = pz, "pdf"
        z_grid = GRID if z_grid is None else z_grid
    return ShearCatalog(_table(n, **columns), names, "celestial", "shear", z_grid=z_grid,
                        extra_columns=extra_columns)


def _gaussians(mean, width=0.1, grid=GRID):
    return np.exp(-0.5 * ((grid - np.reshape(mean, (-1, 1))) / width) ** 2)


@pytest.mark.filterwarnings("ignore:.*count as galaxies without a redshift")
def test_by_redshift_with_the_number_left_out_for_each_cause():
    redshift = MaskedColumn([0.2, 0.35, 0.45, np.nan, 1.0, -99.0, 0.8, 0.3], mask=[False] * 6
                            + [True, False])
    catalog = _catalog(8, redshift=redshift)
    behind = catalog.behind(0.3)
    assert behind["redshift"].tolist() == [0.45, 1.0]
    assert behind.n_left_out == {"no redshift": 3, "redshift not above 0.4": 3}
    assert len(behind) + sum(behind.n_left_out.values()) == len(catalog)
    assert behind.source_selection == {
        "z_lens": 0.3, "margin": 0.1, "by": "redshift", "min_probability": None, "cut": False,
        "n_given": 8,
    }
    assert len(catalog.behind(0.3, margin=0)) == 3
    assert catalog.source_selection is None and catalog.n_left_out == {}


def test_causes_are_added_to_those_of_reading():
    table = _table(5, redshift=np.linspace(0.1, 0.9, 5))
    table["e1"][0] = np.nan
    with pytest.warns(CatalogWarning, match="1 of 5 rows are left out"):
        catalog = ShearCatalog(table, "generic", "celestial", "shear")
    behind = catalog.behind(0.4)
    assert behind.n_left_out == {"e1 not finite": 1, "redshift not above 0.5": 2}


@pytest.mark.parametrize("z_lens", [0.0137, 0.3, 0.46, 0.4999])
def test_the_cut_in_probability_is_that_of_the_integral(z_lens):
    mean = np.linspace(0.2, 1.4, 300)
    catalog = _catalog(300, pz=_gaussians(mean).astype(">f4"), redshift=mean)
    behind = catalog.behind(z_lens, margin=0.17)
    beyond = norm.sf(z_lens + 0.17, mean, 0.1) / norm.sf(0, mean, 0.1)
    # A linear interpolation of the density and two digits of the grid leave only one in doubt.
    doubtful = np.abs(beyond - 0.98) < 2e-3
    chosen = np.isin(mean, behind["redshift"])
    np.testing.assert_array_equal(chosen[~doubtful], (beyond >= 0.98)[~doubtful])
    assert behind.n_left_out == {f"P(z > {z_lens + 0.17:g}) below 0.98": 300 - len(behind)}
    assert behind.source_selection["by"] == "pz"
    half = catalog.behind(z_lens, margin=0.17, min_probability=0.5)
    assert half["redshift"].min() == pytest.approx(max(0.2, z_lens + 0.17), abs=0.005)


def test_weights_of_an_integral():
    rng = np.random.default_rng(1)
    grid = np.sort(rng.uniform(0, 2, 12))
    density = rng.random(12)
    for z in (-1.0, grid[0], 0.777, grid[5], 1.2, grid[-1], 3.0):
        fine = np.union1d(np.linspace(min(max(z, grid[0]), grid[-1]), grid[-1], 20_001),
                          grid[grid > z])
        expected = np.trapezoid(np.interp(fine, grid, density), fine)
        assert integral_weights(grid, z) @ density == pytest.approx(expected, abs=1e-12)


def test_probabilities_off_the_grid_and_galaxies_without_a_density():
    pz = np.zeros((5, 201))
    pz[0], pz[1, 100:], pz[3], pz[4] = 1.0, 1.0, -99.0, np.nan
    with pytest.warns(CatalogWarning, match="3 of 5 rows count as galaxies without p"):
        catalog = _catalog(5, pz=pz, z_grid=GRID + 1.0)
    behind = catalog.behind(1.0, margin=0)
    assert len(behind) == 2 and behind.n_left_out == {"no p(z)": 3}
    with pytest.raises(ValueError, match=r"z_lens must lie in front of galaxies of the catalog, "
                                         r"not 4: of 5 galaxies, none is selected: 3 no p\(z\), 2"):
        catalog.behind(4.0)


def test_by_a_cut_in_colors():
    color = np.array([0.2, 1.5, 0.4])
    catalog = _catalog(3, color=color, extra_columns=["color"])
    behind = catalog.behind(0.3, cut=lambda c: c["color"] < 1)
    assert behind["color"].tolist() == [0.2, 0.4]
    assert behind.n_left_out == {"left out by the cut": 1}
    assert behind.source_selection["by"] == "cut" and behind.source_selection["margin"] is None
    assert catalog_facts(behind)["source_selection"]["redshifts"] is None
    both = _catalog(3, redshift=[0.5, 0.5, 0.1], color=color, extra_columns=["color"])
    assert both.behind(0.3, cut=color < 1)["color"].tolist() == [0.2]


def test_the_grid_of_the_densities_from_the_meta_and_in_a_round_trip(tmp_path):
    table = _table(3, pdf=_gaussians([0.5, 0.7, 0.9]))
    table.meta["Z_GRID"] = GRID.tolist()
    catalog = ShearCatalog(table, "generic,pz=pdf", "celestial", "shear")
    np.testing.assert_array_equal(catalog.z_grid, GRID)
    table["pdf"].info.meta = {"z_grid": GRID + 0.1}
    shifted = ShearCatalog(table, "generic,pz=pdf", "celestial", "shear")
    np.testing.assert_array_equal(shifted.z_grid, GRID + 0.1)
    for name in ("c.fits", "c.ecsv"):
        catalog.table.write(tmp_path / name)
        again = ShearCatalog.read(tmp_path / name, "generic,pz=pz")
        np.testing.assert_allclose(again.z_grid, GRID)
        np.testing.assert_array_equal(again.pz, catalog.pz)
    # Large, so that nothing reads it unasked.
    assert ShearCatalog.read(tmp_path / "c.fits", "generic").pz is None


@pytest.mark.parametrize("with_pz", [False, True])
def test_the_distribution_integrates_to_the_weights_of_what_is_left(with_pz):
    rng = np.random.default_rng(3)
    n = 4000
    redshift, weight = rng.gamma(4, 0.2, n), rng.uniform(0.5, 2, n)
    redshift[:50] = np.nan
    pz = _gaussians(np.nan_to_num(redshift, nan=0.5), 0.05) * rng.uniform(1, 9, (n, 1))
    catalog = _catalog(n, redshift=redshift, weight=weight, pz=pz if with_pz else None)
    behind = catalog.behind(0.4)
    facts = catalog_facts(behind)
    recorded = facts["source_selection"]["redshifts"]
    assert np.trapezoid(recorded["n"], recorded["z"]) == pytest.approx(behind.weight.sum(), 1e-4)
    assert facts["n_galaxies"] + sum(facts["n_left_out"].values()) == n
    sources = behind.source_redshifts()
    mean = np.average(np.clip(behind["redshift"], None, 2) if with_pz else behind["redshift"],
                      weights=behind.weight)
    assert sources.mean == pytest.approx(mean, rel=3e-3 if with_pz else 1e-6)
    assert recorded["mean"] == pytest.approx(sources.mean, abs=1e-4)
    # Its lensing efficiency is the mean over the galaxies, for this lens and for others.
    for z_lens in (0.2, 0.4):
        beta = distance_ratio([z_lens], behind["redshift"])[0]
        expected = np.average(beta, weights=behind.weight)
        assert lensing_efficiency(z_lens, sources) == pytest.approx(
            expected, rel=5e-3 if with_pz else 3e-4
        )
    same = lensing_efficiency(0.4, recorded["effective"])
    assert same == pytest.approx(lensing_efficiency(0.4, sources), rel=1e-4)


def test_one_redshift_and_redshifts_next_to_zero():
    one = _catalog(5, redshift=np.full(5, 0.81)).source_redshifts()
    assert one.mean == pytest.approx(0.81) and np.ptp(one.z[one.pdf > 0]) < 0.03
    near = _catalog(4, redshift=[0.001, 0.005, 0.012, 1.5]).source_redshifts()
    assert np.trapezoid(near.pdf[near.z < 1], near.z[near.z < 1]) == pytest.approx(0.75)
    assert len(near.z) < 10  # no redshifts where there are no galaxies


def test_chunks_have_the_record_of_the_whole():
    rng = np.random.default_rng(2)
    catalog = _catalog(600, redshift=rng.gamma(4, 0.2, 600), weight=rng.random(600) + 0.5)
    wcs = make_wcs(catalog, "1 arcmin")
    parts = [catalog.select(slice(i, i + 300)).behind(0.4) for i in range(0, 600, 300)]
    grid, whole = ShearGrid.from_chunks(parts, wcs), catalog.behind(0.4)
    expected = catalog_facts(whole)
    assert grid.selection["n_left_out"] == expected["n_left_out"]
    selection, wanted = grid.selection["source_selection"], expected["source_selection"]
    assert selection["n_given"] == 600
    for key in ("mean", "effective", "z", "n"):
        np.testing.assert_allclose(
            selection["redshifts"][key], wanted["redshifts"][key], rtol=2e-4, atol=2e-3
        )


def test_redshifts_drawn_from_densities_have_their_distribution():
    pz = np.vstack([_gaussians([0.5, 1.2]), np.zeros(201)])
    pz = np.repeat(pz.astype(np.float32), 8_000, axis=0)
    drawn = sample_redshifts(pz, GRID, np.random.default_rng(0))
    assert np.isnan(drawn[16_000:]).all()
    for rows, mean in ((slice(0, 8_000), 0.5), (slice(8_000, 16_000), 1.2)):
        assert drawn[rows].mean() == pytest.approx(mean, abs=4e-3)
        assert drawn[rows].std() == pytest.approx(0.1, rel=0.03)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, r"columns must name a column of redshifts \('redshift'\) or of p\(z\)"),
        ({"cut": [1, 0]}, "cut must be one True or False for each of 2 galaxies"),
        ({"z_lens": -1.0, "cut": [True, True]}, "z_lens must be positive"),
        ({"margin": -1.0, "cut": [True, True]}, "margin must be 0 or more"),
        ({"min_probability": 98, "cut": [True, True]}, "min_probability must be from 0 to 1"),
    ],
)
def test_bad_input(change, message):
    with pytest.raises(ValueError, match=message):
        _catalog(2).behind(**({"z_lens": 0.3} | change))


@pytest.mark.parametrize(
    ("pz", "z_grid", "message"),
    [
        (np.ones((2, 3)), None, "z_grid must be given for a catalog with p"),
        (np.ones((2, 3)), [0, 1], "z_grid must have as many redshifts as the column 'pdf' has"),
        (np.ones(2), [0, 1], "2 redshifts for 1 numbers"),
        (np.ones((2, 2)), [1, 0], "0 or more and strictly increasing"),
        (np.ones((2, 2)), [-1, 0], "0 or more and strictly increasing"),
        (np.ones((2, 2)), "0,1", "0 or more and strictly increasing"),
        (np.array([["a", "b"]] * 2), [0, 1], "a column of numbers for 'pz'"),
        (None, [0, 1], "z_grid must be None for a catalog without p"),
    ],
)
def test_bad_densities(pz, z_grid, message):
    columns, names = ({}, {}) if pz is None else ({"pdf": pz}, {"pz": "pdf"})
    with pytest.raises((ValueError, TypeError), match=message):
        ShearCatalog(_table(2, **columns), {"preset": "generic"} | names, "celestial", "shear",
                     z_grid=z_grid)


def test_without_redshifts_there_is_no_distribution():
    with pytest.raises(ValueError, match="columns must name a column of redshifts"):
        _catalog(2).source_redshifts()
    with pytest.raises(ValueError, match="no galaxy with a positive weight has a redshift"):
        _catalog(2, redshift=[np.nan, np.nan]).source_redshifts()
