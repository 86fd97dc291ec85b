# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The bundled mock catalog as files in the layouts of surveys, for the examples of the pages.

Each layout has the column names, signs, kind of ellipticity and calibration of its survey, so that
all files give the same map. Nothing here uses the presets of lensmap.
"""

from importlib.resources import files

import numpy as np
from astropy.table import Table, vstack

__all__ = ["demo_galaxies", "write_survey_files"]

_STEP = 0.01
_SHEARS = {"noshear": 0, "1p": _STEP, "1m": -_STEP, "2p": 1j * _STEP, "2m": -1j * _STEP}
_REDSHIFT = 1.0  # of the galaxies of the mock


def demo_galaxies():
    """Return the bundled mock catalog without its declarations: celestial shears."""
    table = Table.read(files("lensmap") / "data" / "demo_catalog.fits")
    table.meta.clear()
    return table


def write_survey_files():
    """Write one file for each survey to the current folder."""
    hsc_y3().write("hsc_y3.fits")
    des_y3().write("des_y3.fits")
    des_y6().write("des_y6.fits")
    kids().write("kids.fits")
    euclid().write("euclid.fits")
    rubin().write("rubin.parquet")
    unions().write("unions.fits")


def _shapes(table, *, east):
    """Return the complex ellipticities with x to the east, or to the west."""
    e = np.asarray(table["e1"] + 1j * table["e2"], dtype=complex)
    return e if east else np.conj(e)


def hsc_y3():
    """Return a table of HSC Year 3: distortions with x to the east, and their biases."""
    mock = demo_galaxies()
    n, shape = len(mock), "i_hsmshaperegauss_"
    e = _shapes(mock, east=True)
    m = np.random.default_rng(1).uniform(-0.15, -0.05, n)
    e = (1 + m) * 2 * e / (1 + np.abs(e) ** 2)
    flags = np.ones(n, dtype=bool)
    flags[::50] = False
    return Table({
        "i_ra": mock["ra"], "i_dec": mock["dec"], f"{shape}e1": e.real, f"{shape}e2": e.imag,
        f"{shape}derived_weight": mock["weight"],
        f"{shape}derived_sigma_e": 1.7 * mock["sigma_m"],
        f"{shape}derived_rms_e": np.full(n, 0.40),
        f"{shape}derived_shear_bias_m": m,
        f"{shape}derived_shear_bias_c1": np.zeros(n),
        f"{shape}derived_shear_bias_c2": np.zeros(n),
        "weak_lensing_flag": flags, "b_mode_mask": np.ones(n, dtype=bool),
        "dempz_photoz_best": np.full(n, _REDSHIFT),
    })


def des_y3():
    """Return a table of DES Year 3: shapes with x to the west, and the response of each galaxy."""
    mock = demo_galaxies()
    n, rng = len(mock), np.random.default_rng(1)
    e = 0.7 * _shapes(mock, east=False)
    return Table({
        "ra": mock["ra"], "dec": mock["dec"], "e_1": e.real, "e_2": e.imag,
        "weight": mock["weight"],
        "R11": rng.normal(0.7, 0.1, n), "R22": rng.normal(0.7, 0.1, n),
        "R12": rng.normal(0, 0.05, n), "R21": rng.normal(0, 0.05, n),
        "flags_select": np.zeros(n, dtype=int),
    })


def _versions(e):
    """Yield the name and the shapes of each sheared version, with a response of 0.7."""
    for name, shear in _SHEARS.items():
        yield name, 0.7 * (e + shear) / (1 + np.conj(shear) * e)


def des_y6():
    """Return a table of DES Year 6: a row for each sheared version of a galaxy."""
    mock = demo_galaxies()
    variance = (0.7 * mock["sigma_m"]) ** 2
    return vstack([
        Table({
            "ra": mock["ra"], "dec": mock["dec"], "mdet_step": np.full(len(mock), name),
            "gauss_g_1": e.real, "gauss_g_2": e.imag,
            "gauss_g_cov_1_1": variance, "gauss_g_cov_2_2": variance,
            "gauss_flags": np.zeros(len(mock), dtype=int),
            "psfrec_flags": np.zeros(len(mock), dtype=int),
        })
        for name, e in _versions(_shapes(mock, east=False))
    ])


def rubin():
    """Return a table of Rubin's ShearObject, in which overlapping tracts repeat some galaxies."""
    mock = demo_galaxies()
    variance = (0.7 * mock["sigma_m"]) ** 2
    n = len(mock)
    rows = np.concatenate([np.arange(n), np.arange(0, n, 20)])
    return vstack([
        Table({
            "ra": mock["ra"][rows], "dec": mock["dec"][rows],
            "metaStep": np.full(len(rows), "ns" if name == "noshear" else name),
            "gauss_g1": e.real[rows], "gauss_g2": e.imag[rows],
            "gauss_g1_g1_Cov": variance[rows], "gauss_g2_g2_Cov": variance[rows],
            "gauss_flags": np.zeros(len(rows), dtype=int),
            "psfOriginal_flags": np.zeros(len(rows), dtype=int),
            "is_primary": np.arange(len(rows)) < n,
        })
        for name, e in _versions(_shapes(mock, east=False))
    ])


def kids():
    """Return a table of KiDS-1000: lensfit shears with x to the west, without a column of m."""
    mock = demo_galaxies()
    rng = np.random.default_rng(1)
    z_b = rng.uniform(0.1, 1.2, len(mock))
    m = np.array([-0.009, -0.011, -0.015, 0.002, 0.007])[np.digitize(z_b, [0.3, 0.5, 0.7, 0.9])]
    e = (1 + m) * _shapes(mock, east=False)
    return Table({
        "ALPHA_J2000": mock["ra"], "DELTA_J2000": mock["dec"], "e1": e.real, "e2": e.imag,
        "weight": mock["weight"], "Z_B": z_b, "Flag_SOM_Fid": np.ones(len(mock), dtype=int),
    })


def euclid():
    """Return a table of Euclid: calibrated shears with x to the west."""
    mock = demo_galaxies()
    e = _shapes(mock, east=False)
    return Table({
        "RIGHT_ASCENSION": mock["ra"], "DECLINATION": mock["dec"],
        "SHE_LENSMC_G1": e.real, "SHE_LENSMC_G2": e.imag, "SHE_LENSMC_WEIGHT": mock["weight"],
        "PHZ_MEDIAN": np.full(len(mock), _REDSHIFT),
        "phz_flags": np.zeros(len(mock), dtype=int),
        "spurious_flag": np.zeros(len(mock), dtype=int),
    })


def unions():
    """Return a table of UNIONS: calibrated shears beside raw ones and their response."""
    mock = demo_galaxies()
    e = _shapes(mock, east=False)
    raw = 0.7 * e
    return Table({
        "RA": mock["ra"], "Dec": mock["dec"], "e1": e.real, "e2": e.imag, "w_des": mock["weight"],
        "e1_uncal": raw.real, "e2_uncal": raw.imag,
        "R_g11": np.full(len(mock), 0.7), "R_g22": np.full(len(mock), 0.7),
    })
