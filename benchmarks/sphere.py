# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A map of the whole sphere by Kaiser-Squires, compared with the transforms of ducc0 alone.

The grid has galaxies in all pixels. The transforms are one analysis and one synthesis of spin 2
with the same lmax. At nside 2048, the script needs some 12 GB.
"""

import argparse
import time

import numpy as np

from lensmap.catalog import Calibration
from lensmap.estimators import SphericalKaiserSquires
from lensmap.grid import SphericalShearGrid
from lensmap.sphere import HealpixPixels, import_ducc
from lensmap.utils import n_threads


def seconds(function):
    """Return the duration of a call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main():
    """Print the durations and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nside", type=int, default=2048)
    nside = parser.parse_args().nside
    pixels, n, rng = HealpixPixels(nside), 12 * nside**2, np.random.default_rng(0)
    sht = import_ducc().sht
    rings = import_ducc().healpix.Healpix_Base(nside, "RING").sht_info()
    shear = rng.standard_normal((2, n))
    common = {"spin": 2, "lmax": 2 * nside, "nthreads": n_threads(), **rings}
    parts = [seconds(lambda: sht.adjoint_synthesis(map=shear, **common))]
    modes = np.zeros((2, (2 * nside + 1) * (2 * nside + 2) // 2), complex)
    parts.append(seconds(lambda: sht.synthesis(alm=modes, **common)))
    grid = SphericalShearGrid(
        pixels=pixels, index=np.arange(n), mask=np.zeros(n, bool), sum_we=shear[0] + 1j * shear[1],
        sum_w=np.ones(n, np.float32), sum_w2=np.ones(n, np.float32), sum_wc=None, sum_w2v_m=None,
        sum_w2v_e=None, count=np.ones(n, np.int32), calibration=Calibration(), sigma_e=0.3,
    )
    # The smoothing leaves all multipoles up to 2 nside.
    estimator = SphericalKaiserSquires(smoothing=f"{2 / nside} rad", gaps="zero")
    total = seconds(lambda: estimator.reconstruct(grid))
    print(f"nside {nside}, {n_threads()} threads: analysis {parts[0]:.1f} s, synthesis "
          f"{parts[1]:.1f} s; map {total:.1f} s, {total / sum(parts):.2f} times the transforms")


if __name__ == "__main__":
    main()
