# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Catalogs with sheared versions of each galaxy give the true convergence, or say why not."""

import logging
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from regions import CircleSkyRegion
from sheared_galaxies import CENTER, SHEARS, Galaxies, stacked

from lensmap import KaiserSquires, ShearCatalog, ShearGrid, make_wcs
from lensmap.catalog import Calibration

RUBIN = {"noshear": "ns"} | {name: name for name in list(SHEARS)[1:]}
CUT = {"rubin": "gauss_snr > 10", "des_y6": "gauss_s2n > 10"}
OPTIONS = {"convention": "euclidean", "kind": "shear"}


@pytest.fixture(scope="module")
def galaxies():
    return Galaxies(120_000)


def rubin_table(galaxies):
    """Return a table in the layout of Rubin's ShearObject, with flagged and secondary rows."""
    table = stacked({name: galaxies.version(name) for name in SHEARS}, "metaStep", RUBIN)
    n = len(table["ra"])
    names = {"e1": "gauss_g1", "e2": "gauss_g2", "snr": "gauss_snr"}
    table = {names.get(name, name): values for name, values in table.items()}
    # The mean of the two variances is sigma^2.
    table["gauss_g1_g1_Cov"] = 1.2 * table["sigma"] ** 2
    table["gauss_g2_g2_Cov"] = 0.8 * table.pop("sigma") ** 2
    table["gauss_flags"] = np.zeros(n, dtype=int)
    table["is_primary"] = np.ones(n, dtype=bool)
    # Rows of the overlap of tracts, and rows whose shapes are useless, stand in between.
    rng = np.random.default_rng(5)
    twice, bad = rng.integers(0, n, n // 20), rng.integers(0, n, n // 30)
    table = {name: np.concatenate([v, v[twice], v[bad]]) for name, v in table.items()}
    table["is_primary"][n:n + len(twice)] = False
    table["gauss_flags"][n + len(twice):] = 4
    table["gauss_g1"][n + len(twice):] = 0.9
    return table


def des_table(galaxies):
    table = stacked({name: galaxies.version(name) for name in SHEARS}, "mdet_step")
    names = {"e1": "gauss_g_1", "e2": "gauss_g_2", "snr": "gauss_s2n"}
    table = {names.get(name, name): values for name, values in table.items()}
    sigma = table.pop("sigma")
    return table | {"gauss_g_cov_1_1": sigma**2, "gauss_g_cov_2_2": sigma**2}


def versions_of(galaxies):
    tables = {name: galaxies.version(name) for name in SHEARS}
    for table in tables.values():
        table["weight"] = 1 / (0.25**2 + table.pop("sigma") ** 2)
    return tables


def catalog_of(table, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ShearCatalog(table, **OPTIONS | options)


def ratio_to_truth(catalog, galaxies):
    """Return the amplitude of the map in units of that of the map of the true shear."""
    estimator = KaiserSquires(smoothing=1.5 * u.arcmin)
    wcs = make_wcs(catalog, 1 * u.arcmin)
    kappa = estimator.reconstruct(catalog, wcs)
    kept = ~galaxies.lost["noshear"]
    e1, e2 = galaxies.celestial[:, kept]
    truth = ShearCatalog(
        {"ra": galaxies.ra[kept], "dec": galaxies.dec[kept], "e1": e1, "e2": e2},
        convention="celestial", kind="shear",
    )
    true = estimator.reconstruct(truth, wcs)
    good = ~(kappa.mask | true.mask)
    return np.sum((kappa.data * true.data)[good]) / np.sum(true.data[good] ** 2)


LAYOUTS = {"rubin": rubin_table, "des_y6": des_table}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows(layout, galaxies):
    table = LAYOUTS[layout](galaxies)
    where = CUT[layout]
    if layout == "rubin":
        where += " and is_primary and gauss_flags == 0"
    catalog = catalog_of(table, where=where)
    assert catalog.preset == layout
    assert len(catalog) == np.count_nonzero(galaxies.version("noshear")["snr"] > 10)
    assert ratio_to_truth(catalog, galaxies) == pytest.approx(1, abs=0.01)
    uncut = catalog_of(table, where=where.partition(" and ")[2] or None)
    selection = np.trace(catalog.response) / np.trace(uncut.response)
    assert selection > 1.05  # what would be missed without the sheared selections


def test_five_tables(galaxies, tmp_path):
    tables = versions_of(galaxies)
    catalog = catalog_of(tables, where="snr > 10")
    assert ratio_to_truth(catalog, galaxies) == pytest.approx(1, abs=0.01)
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "mdet.hdf5", "w") as file:
        for name, table in tables.items():
            for column, values in table.items():
                file[f"mdet/{name}/{column}"] = values
        file["other/ra"] = np.zeros(3)
    for within in ({}, {"path": "mdet"}):
        read = ShearCatalog.read(tmp_path / "mdet.hdf5", where="snr > 10", **OPTIONS, **within)
        assert read.response == pytest.approx(np.array(catalog.response))
        assert len(read) == len(catalog)


def test_two_groups_of_versions(tmp_path):
    h5py = pytest.importorskip("h5py")
    tables = versions_of(Galaxies(2000))
    with h5py.File(tmp_path / "mdet.hdf5", "w") as file:
        for group in ("one", "two"):
            for name, table in tables.items():
                for column, values in table.items():
                    file[f"{group}/{name}/{column}"] = values
    with pytest.raises(ValueError, match="2 tables have the columns .* in '/one', .*; give, for "
                                         "example, path='one'"):
        ShearCatalog.read(tmp_path / "mdet.hdf5", **OPTIONS)
    one = ShearCatalog.read(tmp_path / "mdet.hdf5", path="two", **OPTIONS)
    assert one.response == catalog_of(tables).response


def test_extensions_of_a_fits_file(tmp_path):
    tables = versions_of(Galaxies(2000))
    for table in tables.values():
        table["unused"] = np.full(len(table["ra"]), "text")
    hdus = [fits.table_to_hdu(Table(table)) for table in tables.values()]
    for name, hdu in zip(RUBIN.values(), hdus, strict=True):
        hdu.name = name
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / "mdet.fits")
    read = ShearCatalog.read(tmp_path / "mdet.fits", **OPTIONS)
    assert read.response == catalog_of(tables).response
    with pytest.raises(ValueError, match="only noshear in the column 'variant'"):
        ShearCatalog.read(tmp_path / "mdet.fits", hdu="ns", **OPTIONS)


def test_groups_of_metacalibration(galaxies, tmp_path):
    """The sheared tables lack the positions; their rows are those of the unsheared table."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "mcal.hdf5", "w") as file:
        for name in SHEARS:
            own = galaxies.measured(name)
            group = "unsheared" if name == "noshear" else f"sheared_{name}"
            for column, theirs in (("e1", "e_1"), ("e2", "e_2"), ("snr", "snr")):
                file[f"catalog/{group}/{theirs}"] = own[column]
        file["catalog/unsheared/ra"], file["catalog/unsheared/dec"] = galaxies.ra, galaxies.dec
        for name in ("R11", "R22"):
            file[f"catalog/unsheared/{name}"] = np.full(len(galaxies.ra), 0.76)
    read = ShearCatalog.read(tmp_path / "mcal.hdf5", where="snr > 10", **OPTIONS)
    tables = versions_of(galaxies)
    for table in tables.values():
        table["weight"][:] = 1.0
    truth = np.trace(catalog_of(tables, where="snr > 10").response)
    assert np.trace(read.response) == pytest.approx(truth, rel=0.01)
    own = ShearCatalog.read(tmp_path / "mcal.hdf5", path="catalog/unsheared", **OPTIONS)
    assert Calibration.from_catalog(own).matrix == pytest.approx(0.76 * np.eye(2))
    with pytest.raises(ValueError, match="missing: snr_1p"):
        ShearCatalog.read(
            tmp_path / "mcal.hdf5", path="catalog/unsheared", where="snr > 10", **OPTIONS
        )


def test_tables_of_other_galaxies_need_all_columns():
    tables = {name: Galaxies(400).version(name) for name in SHEARS}
    del tables["1p"]["dec"]
    with pytest.raises(ValueError, match="table '1p' lacks the column 'dec', and its rows are not"):
        catalog_of(tables)


def test_dispersion_and_errors_give_weights(galaxies):
    catalog = catalog_of(des_table(galaxies))
    truth = 1 / (np.trace([[0.82, 0.03], [0.01, 0.70]]) / 2 * 0.3) ** 2
    intrinsic = 1 / catalog.weight - catalog["sigma_m"] ** 2
    assert np.ptp(intrinsic) < 1e-12
    assert intrinsic[0] == pytest.approx(1 / truth, rel=0.03)
    given = catalog_of(des_table(galaxies) | {"weight": np.ones(len(des_table(galaxies)["ra"]))})
    assert np.all(given.weight == 1)


def test_error_is_recorded(galaxies):
    catalog = catalog_of(versions_of(galaxies))
    error = Calibration.from_catalog(catalog).matrix_error
    assert catalog.response_error == pytest.approx(error)
    assert np.all(error > 0) and error.max() < 0.01
    kappa = KaiserSquires().reconstruct(catalog, make_wcs(catalog, 2 * u.arcmin))
    assert np.array(kappa.meta["response"]) == pytest.approx(np.array(catalog.response))
    assert np.array(kappa.meta["response_error"]) == pytest.approx(error)


def test_chunks(galaxies):
    """Chunks measure their own response; the grid has that of all."""
    tables = versions_of(galaxies)
    wcs = make_wcs(catalog_of(tables), 2 * u.arcmin)
    whole = ShearGrid.from_catalog(catalog_of(tables), wcs)
    north = [catalog_of(tables, where=f"dec {sign} {CENTER[1]}") for sign in (">", "<=")]
    chunks = ShearGrid.from_chunks(north, wcs)
    assert chunks.g1 == pytest.approx(whole.g1, abs=1e-5, nan_ok=True)
    assert chunks.calibration.matrix_error == pytest.approx(
        whole.calibration.matrix_error, rel=0.35)


def test_parts_have_the_response_of_the_whole(galaxies, caplog):
    catalog = catalog_of(versions_of(galaxies))
    caplog.set_level(logging.INFO, logger="astropy")
    part = catalog.behind(0.5)
    assert part.response == catalog.response and len(part) < len(catalog)
    assert f"{len(part)} galaxies have the mean response" in caplog.text
    assert "fewer than 500000" in caplog.text
    assert part.select(slice(0, 10)).response == catalog.response


def test_large_parts_have_their_own_response(monkeypatch):
    monkeypatch.setattr("lensmap.catalog._metadetection.MIN_GALAXIES_OF_PART", 20_000)
    monkeypatch.setattr("lensmap.catalog._shear_catalog.MIN_GALAXIES_OF_PART", 20_000)
    galaxies = Galaxies(60_000)
    tables = versions_of(galaxies)
    for table in tables.values():  # the response of the far galaxies is half as large
        for name in ("e1", "e2"):
            table[name] *= np.where(table["redshift"] > 0.8, 0.5, 1.0)
    catalog = catalog_of(tables)
    far = catalog.behind(0.7)
    own = catalog_of(tables, where="redshift > 0.8")
    assert np.array(far.response) == pytest.approx(np.array(own.response), abs=2e-3)
    assert np.trace(far.response) < 0.8 * np.trace(catalog.response)
    circle = CircleSkyRegion(SkyCoord(*CENTER, unit="deg"), 25 * u.arcmin)
    inside = catalog.within(circle)
    assert len(inside) > 20_000 and inside.response != catalog.response
    by_number = catalog.select(np.arange(30_000))
    assert by_number.response == by_number.behind(0.2).response == catalog.response


def test_cleaning_is_made_in_each_version(galaxies):
    """Placeholders and masked values in some versions leave these rows out, and no others."""
    tables = versions_of(galaxies)
    clean = catalog_of(tables)
    for name in ("1p", "2m"):
        n = len(tables[name]["ra"])
        for column, value in (("e1", -9999.0), ("weight", np.nan)):
            tables[name] |= {
                "ra": np.append(tables[name]["ra"], CENTER[0]),
                "dec": np.append(tables[name]["dec"], CENTER[1]),
            } | {c: np.append(v, value if c == column else v[0])
                 for c, v in tables[name].items() if c not in ("ra", "dec")}
        assert len(tables[name]["ra"]) == n + 2
    catalog = catalog_of(tables)
    assert np.array(catalog.response) == pytest.approx(np.array(clean.response), abs=1e-12)
    assert sum(catalog.n_left_out.values()) == sum(clean.n_left_out.values()) + 4


def test_masked_columns_and_units():
    tables = versions_of(Galaxies(4000))
    tables["noshear"] = Table(tables["noshear"])
    tables["noshear"]["ra"].unit = tables["noshear"]["dec"].unit = "deg"
    n = len(tables["1p"]["ra"])
    tables["1p"]["e1"] = MaskedColumn(tables["1p"]["e1"], mask=np.arange(n) < 7)
    catalog = catalog_of({name: Table(table) for name, table in tables.items()})
    assert catalog.n_left_out == {"e1 not finite": 7}


def test_written_and_read_again(galaxies, tmp_path):
    catalog = catalog_of(versions_of(galaxies))
    catalog.table.write(tmp_path / "galaxies.fits")
    again = ShearCatalog.read(tmp_path / "galaxies.fits")
    assert np.array(again.response) == pytest.approx(np.array(catalog.response))
    assert again.response_error is None


# ---- Errors


def small(n=400, **more):
    table = stacked({name: Galaxies(n).version(name) for name in SHEARS}, "mdet_step")
    table.pop("sigma")
    return table | more


def test_one_version_only_needs_a_response():
    table = small()
    with pytest.raises(ValueError, match="only noshear in the column 'mdet_step'; keep 1p, 1m, 2p, "
                                         "2m, too, or give the mean response"):
        catalog_of(table, where="mdet_step == 'noshear'")
    given = catalog_of(table, where="mdet_step == 'noshear'", response=0.7)
    assert given.response == 0.7 and given.response_error is None
    every = catalog_of(table, response=0.7)
    assert len(every) == len(given) and every.response == 0.7


def test_galaxies_without_artificial_shear_are_needed():
    with pytest.raises(ValueError, match="where must select the galaxies without artificial shear"):
        catalog_of(small(), where="mdet_step != 'noshear'", response=0.7)


@pytest.mark.parametrize("convention", ["celestial", "euclidean", (-1, -1)])
@pytest.mark.parametrize("missing", [("1m",), ("2p",), ("1p", "2m"), ("noshear",)])
def test_versions_without_usable_rows_are_named_as_in_the_file(convention, missing):
    """A convention that changes a sign exchanges the versions, but not their names."""
    table = small()
    bad = np.isin(table["mdet_step"], missing)
    table["e1"] = np.where(bad, np.nan, table["e1"])
    table["weight"] = np.ones(len(bad))
    names = ", ".join(missing)
    plural = "s" if len(missing) > 1 else ""
    text = f"left of the version{plural} {names} of the galaxies"
    with pytest.raises(ValueError, match=text):
        catalog_of(table, convention=convention)
    if missing == ("noshear",):
        with pytest.raises(ValueError, match=text):
            catalog_of(table, convention=convention, response=0.7)


def test_uncertain_response_is_refused():
    tables = {name: Galaxies(400, alone=0).version(name) for name in SHEARS}
    rng = np.random.default_rng(2)
    for table in tables.values():
        table["e1"] = table["e1"] + rng.normal(0, 0.3, 400)
        del table["sigma"]
    with pytest.raises(ValueError, match="an error of more than 5 per cent: the sheared versions "
                                         "of 400 galaxies give .* response=0.8"):
        catalog_of(tables)
    assert catalog_of(tables, response=0.76).response == 0.76


def test_column_of_other_names_is_refused_with_the_line_to_type():
    table = small()
    table["my_steps"] = table.pop("mdet_step")
    with pytest.raises(ValueError, match="give columns={'variant': 'my_steps'}"):
        catalog_of(table)
    catalog = catalog_of(table, columns={"variant": "my_steps"})
    assert len(catalog) < 400
    assert len(catalog_of(table, columns={"variant": None})) == len(table["ra"])


def test_columns_that_the_user_names_are_versions_too():
    table = small()
    names = {name: f"my_{name}" for name in ("ra", "dec", "e1", "e2")}
    table = {names.get(name, name): values for name, values in table.items()}
    assert len(catalog_of(table, columns=names)) < 400


def test_column_without_versions():
    table = small(variant=np.repeat("a", len(small()["ra"])))
    table.pop("mdet_step")
    with pytest.raises(ValueError, match="the column holds a; .* leave it out by columns"):
        catalog_of(table)


def test_other_versions_are_left_out():
    table = small()
    extra = {name: values[:50] for name, values in table.items()}
    extra["mdet_step"] = np.repeat("1p_psf", 50)
    both = {name: np.concatenate([values, extra[name]]) for name, values in table.items()}
    assert catalog_of(both).response == catalog_of(table).response


@pytest.mark.parametrize("keep, message", [
    (("1p", "1m"), "hold a table of the galaxies without artificial shear"),
    (("noshear", "1p", "1m", "2p"), "keep 2m, too"),
])
def test_missing_tables(keep, message):
    tables = {name: Galaxies(400).version(name) for name in keep}
    for table in tables.values():
        table.pop("sigma")
    with pytest.raises(ValueError, match=message):
        catalog_of(tables)
