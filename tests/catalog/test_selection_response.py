# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Selections of catalogs with a response for each galaxy give the true convergence."""

import warnings

import numpy as np
import pytest
from astropy import units as u
from sheared_galaxies import RESPONSE, SHEARS, Galaxies, anacal_table, metacal_table

from lensmap import KaiserSquires, ShearCatalog, make_wcs
from lensmap.catalog import Calibration

OPTIONS = {"convention": "euclidean", "kind": "shear"}


@pytest.fixture(scope="module")
def galaxies():
    return Galaxies(100_000, alone=0)


def catalog_of(table, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ShearCatalog(table, **OPTIONS | options)


def matrix_of(catalog):
    return Calibration.from_catalog(catalog).matrix


def ratio_to_truth(catalog, galaxies):
    """Return the amplitude of the map in units of that of the map of the true shear."""
    estimator = KaiserSquires(smoothing=1.5 * u.arcmin)
    wcs = make_wcs(catalog, 1 * u.arcmin)
    e1, e2 = galaxies.celestial
    truth = ShearCatalog({"ra": galaxies.ra, "dec": galaxies.dec, "e1": e1, "e2": e2},
                         convention="celestial", kind="shear")
    kappa, true = (estimator.reconstruct(c, wcs) for c in (catalog, truth))
    good = ~(kappa.mask | true.mask)
    return np.sum((kappa.data * true.data)[good]) / np.sum(true.data[good] ** 2)


@pytest.mark.parametrize("where", [None, "snr > 10", "snr > 10 and zmean_sof < 1.2"])
def test_metacalibration(where, galaxies):
    table = metacal_table(galaxies)
    catalog = catalog_of(table, where=where)
    assert catalog.preset == "des_y3"
    assert ratio_to_truth(catalog, galaxies) == pytest.approx(1, abs=0.01)
    without = {k: v for k, v in table.items() if k.startswith(("R", "e_", "ra", "dec"))}
    assert np.trace(matrix_of(catalog)) > 1.05 * np.trace(matrix_of(catalog_of(without)))


@pytest.mark.parametrize("where", [None, "i_flux > 11"])
def test_anacal(where, galaxies):
    catalog = catalog_of(anacal_table(galaxies), where=where)
    assert catalog.preset == "anacal"
    assert ratio_to_truth(catalog, galaxies) == pytest.approx(1, abs=0.01)
    assert np.trace(matrix_of(catalog)) > 1.05 * np.trace(RESPONSE)


def test_names_of_decade(galaxies):
    """Sheared columns with the suffix of the unsheared ones replaced, and no column R11."""
    table = metacal_table(galaxies)
    new = {"RA": table["ra"], "DEC": table["dec"]}
    for name in SHEARS:
        suffix = "" if name == "noshear" else f"_{name}"
        own = galaxies.measured(name)
        new |= {f"MCAL_G_{i}_{name.upper()}": own[f"e{i}"] for i in (1, 2)}
        new[f"MCAL_W_{name.upper()}"] = table[f"weight{suffix}"]
        new[f"mcal_sel_{name}"] = (table[f"snr{suffix}"] > 10).astype(int)
    catalog = catalog_of(new, where="mcal_sel_noshear > 0")
    assert catalog.preset == "decade"
    assert ratio_to_truth(catalog, galaxies) == pytest.approx(1, abs=0.01)


def test_missing_columns_are_named(galaxies):
    table = metacal_table(galaxies)
    del table["snr_1p"]
    with pytest.raises(ValueError, match="selection by snr responds .* missing: snr_1p, snr_1m, "
                                         "snr_2p, snr_2m; .* response=0.7"):
        catalog_of(table, where="snr > 10")
    assert len(catalog_of(table, where="snr > 10", response=0.8)) > 0
    assert len(catalog_of(table, where="zmean_sof < 1 and dec > 2")) > 0
    table["mask"], table["flags_select"] = np.zeros((2, len(table["ra"])), dtype=int)
    assert len(catalog_of(table, where="mask == 0")) == len(catalog_of(table))
    with pytest.raises(ValueError, match="missing: flags_select_1p"):
        catalog_of(table, where="flags_select == 0")


def test_derivatives_that_are_not_used_are_refused(galaxies):
    table = anacal_table(galaxies)
    # Under other names, no survey's columns are found.
    other = {name.replace("fpfs_", "own_"): values for name, values in table.items()}
    lines = [rf"own_de{i}_dg{i} \+ own_e{i} \* dwsel_dg{i} / wsel'" for i in (1, 2)]
    with pytest.raises(ValueError, match=f"'r11': '{lines[0]}, 'r22': '{lines[1]}"):
        catalog_of(other, columns={"e1": "own_e1", "e2": "own_e2", "weight": "wsel"})
    del table["dwsel_dg2"]
    with pytest.raises(ValueError, match="must have the derivatives of the weight 'wsel'"):
        catalog_of(table, columns={"e1": "fpfs_e1", "e2": "fpfs_e2", "weight": "wsel"})
    with pytest.raises(ValueError, match="'r11': 'fpfs_de1_dg1', 'r22': 'fpfs_de2_dg2'"):
        catalog_of(table, columns={"e1": "fpfs_e1", "e2": "fpfs_e2"})
    own = {"e1": "fpfs_e1", "e2": "fpfs_e2", "r11": "fpfs_de1_dg1", "r22": "fpfs_de2_dg2"}
    assert np.diag(matrix_of(catalog_of(table, columns=own))) == pytest.approx(np.diag(RESPONSE))
    assert catalog_of(table, columns=own | {"r11": None, "r22": None}).response is None


def test_sheared_ellipticities_that_are_not_used_are_refused(galaxies):
    own = {name: galaxies.measured(name) for name in SHEARS}
    table = {"ra": galaxies.ra, "dec": galaxies.dec}
    for i in (1, 2):
        table |= {f"g{i}{'' if n == 'noshear' else '_' + n}": own[n][f"e{i}"] for n in SHEARS}
    message = r"'r11': '\(g1_1p - g1_1m\) / 0.02', 'r22': '\(g2_2p - g2_2m\) / 0.02'"
    with pytest.raises(ValueError, match=message):
        catalog_of(table)
    line = {"r11": "(g1_1p - g1_1m) / 0.02", "r22": "(g2_2p - g2_2m) / 0.02"}
    assert np.diag(matrix_of(catalog_of(table, columns=line))) == pytest.approx(np.diag(RESPONSE))


def by_hand(seed=0, n=400):
    """Return a table, and the selection response of ``snr > 10`` without and with its weights."""
    rng = np.random.default_rng(seed)
    table = {"ra": 10 + rng.random(n), "dec": rng.random(n)}
    table |= {"e1": rng.normal(0, 0.2, n), "e2": rng.normal(0, 0.2, n)}
    table |= {f"r{i}{j}": np.full(n, 0.7 * (i == j) + 0.01 * i) for i in (1, 2) for j in (1, 2)}
    for name in ("", "_1p", "_1m", "_2p", "_2m"):
        table["snr" + name] = rng.uniform(8, 20, n)
        table["own" + name] = rng.uniform(0.5, 2, n)
    table["e1"][3], table["e2"][5] = np.nan, 7.0
    # Weights that are missing in one version.
    table["snr_1p"][7] = table["snr_2m"][9] = table["snr_1m"][11] = 15.0
    table["own_1p"][7], table["own_2m"][9] = np.nan, -1.0
    table["own_1m"] = np.ma.array(table["own_1m"], mask=np.arange(n) == 11)
    plain, weighted = np.zeros((2, 2, 2))
    for j in (1, 2):
        for sign, version in ((1, f"_{j}p"), (-1, f"_{j}m")):
            selected = (table["snr" + version] > 10) & (np.arange(n) != 3) & (np.arange(n) != 5)
            w = np.ma.filled(table["own" + version], np.nan)
            valid = selected & (w >= 0)
            for i in (1, 2):
                e = table[f"e{i}"]
                plain[i - 1, j - 1] += sign * np.mean(e[selected]) / 0.02
                weighted[i - 1, j - 1] += sign * np.sum((w * e)[valid]) / np.sum(w[valid]) / 0.02
    return table, plain, weighted


MEAN = np.array([[0.71, 0.01], [0.02, 0.72]])


def test_the_matrix_by_hand():
    """Rows that cannot be used are in no version, and a weight counts where it can be used."""
    table, plain, weighted = by_hand()
    options = {"where": "snr > 10", "convention": "celestial"}
    assert np.abs(plain).min() > 0.02
    np.testing.assert_allclose(matrix_of(catalog_of(table, **options)), MEAN + plain)
    catalog = catalog_of(table, columns={"weight": "own"}, **options)
    np.testing.assert_allclose(matrix_of(catalog), MEAN + weighted)
    # The elements that the table does not have stay away.
    del table["r21"], table["r22"]
    assert matrix_of(catalog_of(table, **options))[0] == pytest.approx((MEAN + plain)[0])


@pytest.mark.parametrize(
    ("own", "name"),
    [("snr", "snr_sheared_{}"), ("snr", "SHEARED_{}_SNR"), ("snr", "dsnr_dg{}"),
     ("snr", "snr_g{}"), ("snr_best", "dsnr_best_dg{}"), ("snr_best", "snr_dbest_dg{}"),
     ("SNR_noshear", "snr_{}"), ("snr_0", "snr_{}")],
)
def test_names_by_hand(own, name):
    table, plain, _ = by_hand()
    snr = {version: table.pop(f"snr_{version}") for version in ("1p", "1m", "2p", "2m")}
    derivatives = name.endswith("g{}")
    table[own] = table.pop("snr")
    for version, values in snr.items():
        if not derivatives:
            table[name.format(version)] = values
        elif version.endswith("p"):
            # The steps to both sides are opposite.
            table[name.format(version[0])] = (values - table[own]) / 0.01
            snr[f"{version[0]}m"] = 2 * table[own] - values
    if derivatives:
        by_version = {f"snr_{version}": values for version, values in snr.items()}
        catalog = catalog_of(table | by_version, where=f"{own} > 10", convention="celestial")
        plain = matrix_of(catalog) - MEAN
    catalog = catalog_of(table, where=f"{own} > 10", convention="celestial")
    np.testing.assert_allclose(matrix_of(catalog), MEAN + plain)
