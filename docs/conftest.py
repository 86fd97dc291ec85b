# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The examples of the pages run as tests, each page in a folder of its own.

Small stand-ins for the files that a page speaks of lie in that folder: the bundled mock catalog
under the column names, the signs and the kind of ellipticity of a survey.
"""

from importlib.resources import files

import numpy as np
import pytest
from astropy.table import Table

# What needs Sphinx, or draws: the build of the documentation runs it.
collect_ignore_glob = ["conf.py", "_ext/*", "figures/*", "tutorials/*", "gallery/*"]

# They train a network, and make a whole validation with its report.
_SLOW_PAGES = {"networks", "validation"}

_HSC = "ishape_hsm_regauss_"


def pytest_collection_modifyitems(items):
    """Mark the pages that take long."""
    for item in items:
        if item.path.suffix == ".rst" and item.path.stem in _SLOW_PAGES:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _own_folder(request, tmp_path, monkeypatch):
    """Run each page where its files may be written."""
    monkeypatch.chdir(tmp_path)
    make = _FILES.get(request.path.stem)
    if make is not None:
        make()


def _galaxies(sign_1=1, sign_2=1):
    """Return the mock catalog with ellipticities of other signs."""
    table = Table.read(files("lensmap") / "data" / "demo_catalog.fits")
    table.meta.clear()
    table["e1"] *= sign_1
    table["e2"] *= sign_2
    return table


def _survey_files():
    n = len(_galaxies())
    rng = np.random.default_rng(1)

    hsc = _galaxies()
    # Distortions of the same ellipses: 2 e / (1 + |e|^2).
    factor = 2 / (1 + hsc["e1"] ** 2 + hsc["e2"] ** 2)
    hsc["e1"] *= factor
    hsc["e2"] *= factor
    hsc["sigma_m"] *= 1.7
    hsc["rms_e"] = np.full(n, 0.36)
    hsc["bias_m"] = np.full(n, -0.1)
    hsc["c1"] = hsc["c2"] = np.zeros(n)
    names = {"ra": "ira", "dec": "idec", "e1": f"{_HSC}e1", "e2": f"{_HSC}e2"}
    names |= {"weight": f"{_HSC}derived_shape_weight", "sigma_m": f"{_HSC}derived_sigma_e"}
    names |= {"rms_e": f"{_HSC}derived_rms_e", "bias_m": f"{_HSC}derived_shear_bias_m"}
    names |= {"c1": f"{_HSC}derived_shear_bias_c1", "c2": f"{_HSC}derived_shear_bias_c2"}
    hsc.rename_columns(list(names), list(names.values()))
    hsc.write("hsc_y1.fits")

    des = _galaxies(1, -1)
    des.remove_column("sigma_m")
    for name in ("R11", "R22"):
        des[name] = rng.normal(0.7, 0.1, n)
    des["R12"] = des["R21"] = rng.normal(0.0, 0.05, n)
    for name in ("e1", "e2"):
        des[name] *= 0.72
    des.rename_columns(["e1", "e2"], ["e_1", "e_2"])
    des.write("des_y3.fits")

    kids = _galaxies(1, -1)
    kids.remove_column("sigma_m")
    kids["Z_B"] = np.full(n, 0.8)
    kids.rename_columns(["ra", "dec"], ["ALPHA_J2000", "DELTA_J2000"])
    kids.write("kids.fits")

    cfhtlens = kids.copy()
    cfhtlens["m"] = np.full(n, -0.05)
    cfhtlens["c2"] = np.zeros(n)
    cfhtlens.write("cfhtlens.fits")

    euclid = _galaxies(1, -1)
    names = {"ra": "SHE_RA", "dec": "SHE_DEC", "e1": "SHE_LENSMC_G1", "e2": "SHE_LENSMC_G2"}
    names |= {"weight": "SHE_LENSMC_WEIGHT"}
    euclid.rename_columns(list(names), list(names.values()))
    euclid.write("euclid.fits")

    mine = _galaxies()
    mine.rename_columns(["ra", "dec", "e1", "e2"], ["RA", "DEC", "gal_e1", "gal_e2"])
    mine.write("mine.csv")


def _demo_file():
    _galaxies().write("shear.fits")


_FILES = {
    "aperture_mass": _demo_file,
    "catalogs": _survey_files,
    "conventions": _demo_file,
    "quickstart": _demo_file,
    "estimators": _demo_file,
    "injection": _demo_file,
    "kaiser_squires": _demo_file,
    "maximum_entropy": _demo_file,
    "own_estimator": _demo_file,
    "peaks": _demo_file,
    "profiles": _demo_file,
    "sparse": _demo_file,
    "statistics": _demo_file,
    "wiener": _demo_file,
}
