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
    with pytest.raises(ValueError, match=r"'r11': '\(g1_1p - g1_1m\) / 0.02'"):
        catalog_of(table)
    line = {"r11": "(g1_1p - g1_1m) / 0.02", "r22": "(g2_2p - g2_2m) / 0.02"}
    assert np.diag(matrix_of(catalog_of(table, columns=line))) == pytest.approx(np.diag(RESPONSE))
