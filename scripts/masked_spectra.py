# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Spectra of shear and of maps with holes, against the theory and against whole fields.

Noise-free Gaussian fields of 3.5 deg are cut out of fields twice as large. A fifth of them is
covered by holes with radii of 1, 2 and 4 arcmin. Printed for each of 12 bins from 200 to 6000 are,
in per cent of the theory averaged over the modes of the bin: the expected deviation of the E-mode
(the window of the bin times the theory), the mean deviation over the fields and its error, the
expected and the mean B-mode and its error, the mean deviation of the scalar spectrum of the
convergence with the same holes, and of the scalar spectrum of the convergence that Kaiser-Squires
makes of the shear with holes, which is wrong.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from lensmap import ConvergenceMap
from lensmap.flatsky import mode_ell, shear_to_convergence
from lensmap.statistics import power_spectrum, shear_power_spectrum

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from gaussian_sky import (  # noqa: E402
    gaussian_fields,
    grid_of_pixels,
    lensing_power,
    round_holes,
)
from lenses import CENTERS, tangent_wcs  # noqa: E402

WIDTH = 210.0  # arcmin
EDGES = np.geomspace(200, 6000, 13)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=50)
    parser.add_argument("--pixels", type=int, default=256, help="pixels along a side")
    options = parser.parse_args()
    start, n = time.process_time(), options.pixels
    side = np.radians(WIDTH / 60 / n)
    wcs = tangent_wcs(CENTERS["equator"], (n, n), WIDTH / n)
    mask = round_holes((n, n), np.array([1, 2, 4]) * n / WIDTH, 0.2, 5)
    weight = np.where(mask, 0.0, 1.0)
    grid = grid_of_pixels(wcs, weight)
    found = []
    for seed in range(options.fields):
        kappa, shear = gaussian_fields((n, n), side, seed)
        one = grid.with_ellipticities(weight * shear)
        spectra = shear_power_spectrum(one, edges=EDGES, noise=None)
        scalar = power_spectrum(ConvergenceMap(kappa, None, mask, wcs), edges=EDGES)
        of_shear = ConvergenceMap(shear_to_convergence(one.shear).real, None, mask, wcs)
        wrong = power_spectrum(of_shear, edges=EDGES)
        found.append([spectra["ee"].value, spectra["bb"].value, scalar["power"].value,
                      wrong["power"].value])
    ell = mode_ell((8 * n, 8 * n), side)
    bins = np.digitize(ell, EDGES) - 1
    right = np.array([lensing_power(ell[bins == b]).mean() for b in range(12)])
    theory = lensing_power(np.array(spectra.meta["window_ell"]))
    ratio = 100 * np.array(found) / right
    mean, error = ratio.mean(axis=0), ratio.std(axis=0, ddof=1) / np.sqrt(options.fields)
    expected = 100 * np.array([spectra["window"] @ theory, spectra["leakage"] @ theory]) / right
    print(f"{options.fields} fields of {n} x {n} pixels, {mask.mean():.1%} in holes, "
          f"{time.process_time() - start:.0f} s of one CPU")
    print("   ell  E expected    E mean  error  B expected    B mean  error    scalar  error"
          "  Kaiser-Squires")
    for b in range(12):
        print(f"{spectra['ell'][b]:6.0f} {expected[0, b] - 100:11.2f} {mean[0, b] - 100:9.2f} "
              f"{error[0, b]:6.2f} {expected[1, b]:11.2f} {mean[1, b]:9.2f} {error[1, b]:6.2f} "
              f"{mean[2, b] - 100:9.2f} {error[2, b]:6.2f} {mean[3, b] - 100:15.1f}")


if __name__ == "__main__":
    main()
