# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Maps of catalogs with sheared versions of the galaxies, a section of `catalog_robustness.py`.

The mocks are those of the tests, of known response. They are cut at a signal-to-noise ratio of 10,
which depends on the shear, and each version lacks 4 per cent of the galaxies.
"""

import sys
from pathlib import Path

import numpy as np
from astropy import units as u

from lensmap import KaiserSquires, ShearCatalog, make_wcs
from lensmap.catalog import Calibration
from lensmap.scores import mean_and_error

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

from sheared_galaxies import (  # noqa: E402
    RESPONSE,
    SHEARS,
    Galaxies,
    anacal_table,
    metacal_table,
    stacked,
)


def metadetection_rows(galaxies):
    """Return a table of all versions, with the measurement errors."""
    table = stacked({name: galaxies.version(name) for name in SHEARS}, "mdet_step")
    return table | {"sigma_m": table.pop("sigma")}


LAYOUTS = {
    "metadetection": (metadetection_rows, "snr > 10"),
    "metacalibration": (metacal_table, "snr > 10"),
    "AnaCal": (anacal_table, "i_flux > 10"),
}


def amplitude(catalog, galaxies):
    """Return the amplitude of the map in units of that of the true shear on the same pixels."""
    estimator = KaiserSquires(smoothing=1.5 * u.arcmin)
    wcs = make_wcs(catalog, 1 * u.arcmin)
    g1, g2 = galaxies.celestial
    truth = ShearCatalog({"ra": galaxies.ra, "dec": galaxies.dec, "e1": g1, "e2": g2},
                         convention="celestial", kind="shear")
    kappa, true = (estimator.reconstruct(c, wcs) for c in (catalog, truth))
    good = ~(kappa.mask | true.mask)
    return np.sum((kappa.data * true.data)[good]) / np.sum(true.data[good] ** 2)


def metadetection(n_fields):
    """Print the amplitude of maps, and what is lost without the response of the selection."""
    n_galaxies = 60_000
    print(f"amplitude of the convergence, {n_fields} fields of 1 deg with {n_galaxies} galaxies")
    print(f"{'layout':18s}{'kappa / truth':>20s}{'response':>11s}{'its error':>11s}"
          f"{'kappa / truth without selection':>33s}")
    for name, (make, where) in LAYOUTS.items():
        ratios, responses, errors = [], [], []
        for seed in range(n_fields):
            galaxies = Galaxies(n_galaxies, seed=seed)
            catalog = ShearCatalog(make(galaxies), convention="euclidean", kind="shear",
                                   where=where)
            calibration = Calibration.from_catalog(catalog)
            ratios.append(amplitude(catalog, galaxies))
            responses.append(np.trace(calibration.matrix) / 2)
            if calibration.matrix_error is not None:
                errors.append(np.hypot(*np.diag(calibration.matrix_error)) / 2)
        mean, error = mean_and_error(np.array(ratios))
        without = mean * np.mean(responses) / (np.trace(RESPONSE) / 2)
        own = f"{np.mean(errors):.4f}" if errors else "-"
        print(f"{name:18s}{f'{mean:.4f} +- {error:.4f}':>20s}{np.mean(responses):11.4f}{own:>11s}"
              f"{without:33.3f}", flush=True)
