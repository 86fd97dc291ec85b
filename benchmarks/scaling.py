# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Time and memory against size: galaxies from 10^5 to 10^8, maps from 512^2 to 8192^2 pixels.

Each row is a process of its own, so that its peak memory is its own. Galaxies are made from a seed,
a million at a time, and stream into a map through ShearGrid.from_chunks; the time that makes them
is not counted. Maps are made of a grid of random shear with 5 galaxies in each pixel. Beside each
time stands its floor, see floors.py, and beside the peak of memory the arrays that must exist: for
galaxies a piece and the grid, for maps the grid, the maps that come out and what a method keeps.
The peak counts the whole process, of which "empty" had the libraries alone.
"""

import argparse
import json
import subprocess
import sys
import time
import warnings

import numpy as np
from floors import products, transforms, wcslib
from networks import multiply_adds
from timing import peak, say_machine

GALAXIES = (10**5, 10**6, 10**7, 10**8)
SIDES = (512, 1024, 2048, 4096, 8192)
PIECE = 10**6


def field(side):
    """Return a tangent plane of 8192 x 8192 pixels of 6 arcsec, or a part of it."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    from lensmap.grid import tangent_wcs

    return tangent_wcs(SkyCoord(10, 0, unit="deg"), (side, side), 0.1 * u.arcmin)


def random_grid(side):
    """Return a grid of random shear, as gridding makes it of 5 galaxies per pixel."""
    from lensmap import ShearGrid
    from lensmap.catalog import Calibration

    rng, shape = np.random.default_rng(side), (side, side)
    count = rng.poisson(5, shape)
    pair = rng.standard_normal((*shape, 2))
    for row, n in zip(pair, count, strict=True):
        row *= 0.27 * np.sqrt(n)[:, np.newaxis]
    weight = count.astype(float)
    return ShearGrid(
        wcs=field(side), parity=-1, mask=np.zeros(shape, dtype=bool),
        sum_we=pair.view(complex)[..., 0], sum_w=weight, sum_w2=weight.copy(), sum_wc=None,
        sum_w2v_m=None, sum_w2v_e=None, count=count, calibration=Calibration(), sigma_e=0.27,
    )


def size_of(grid):
    """Return the bytes of a grid's arrays per pixel: the sums, the counts and the mask."""
    arrays = (grid.sum_we, grid.sum_w, grid.sum_w2, grid.count, grid.mask)
    return sum(array.nbytes for array in arrays) // grid.mask.size


def stream(n, side):
    """Time gridding of n galaxies that come in pieces."""
    from mock import columns

    from lensmap import ShearCatalog, ShearGrid

    wcs, making = field(side), 0.0
    width = side * 0.1 / 60

    def pieces():
        nonlocal making
        for seed in range(max(1, n // PIECE)):
            start = time.perf_counter()
            data = columns(min(n, PIECE), width, width, dec=0, seed=seed)
            making += time.perf_counter() - start
            yield ShearCatalog(data, "generic", "celestial", "shear")

    start = time.perf_counter()
    grid = ShearGrid.from_chunks(pieces(), wcs)
    seconds = time.perf_counter() - start - making
    reached = peak()
    data = columns(min(n, PIECE), width, width, dec=0)
    floor, what = wcslib(wcs, data["ra"], data["dec"])
    must = 28 * min(n, PIECE) + size_of(grid) * side**2
    assert grid.n_used + grid.n_outside == n
    return seconds, floor * max(1, n / PIECE), "wcslib alone, all cores", reached, must


def map_of(estimator, side, kept, floor):
    """Time a map of a grid; ``kept`` is what must exist per pixel besides the grid."""
    grid = random_grid(side)
    start = time.perf_counter()
    found = estimator.reconstruct(grid)
    seconds = time.perf_counter() - start
    reached = peak()
    must = (size_of(grid) + kept) * side**2
    assert np.isfinite(found.data).all()
    del found, grid
    return seconds, *floor(), reached, must


def kaiser_squires(side, uncertainty=None):
    """Time Kaiser-Squires in single precision, with twofold padding."""
    from lensmap import KaiserSquires

    estimator = KaiserSquires(dtype="float32", uncertainty=uncertainty, smoothing="0.2 arcmin")
    pairs = 1 if uncertainty is None else 2
    # E and B, and the rows of the transform, of which the padding is as much again.
    return map_of(estimator, side, 8 + 16 + (4 if uncertainty else 0), lambda: transforms(
        (side, side), (2 * side, 2 * side), pairs=pairs, repeats=1))


def wiener(side):
    """Time the Wiener filter in single precision."""
    from lensmap import WienerFilter
    from lensmap.flatsky import padded_shape

    estimator, steps = WienerFilter(dtype="float32"), []
    solver = estimator._solver

    def watched(grid):
        steps.append(solver(grid))
        return steps[-1]

    estimator._solver = watched
    padded = padded_shape((side, side), estimator.padding)
    # Two components of the prior, and the four vectors of conjugate gradients on the padded field.
    kept = 8 + (2 * 4 + 4 * 8) * padded[0] * padded[1] // side**2
    return map_of(estimator, side, kept, lambda: transforms(
        (side, side), padded, pairs=2 * steps[-1].n_iterations + 1, repeats=1))


def network(side):
    """Time the network lensmap, one pass, in tiles where the map is larger than one."""
    from lensmap import CNNReconstructor
    from lensmap.networks import as_network

    model = as_network("lensmap").model
    model(np.zeros((1, 64, 64, model.input_shape[-1]), np.float32))
    # 18 channels go in, three planes come out.
    return map_of(CNNReconstructor(), side, (18 + 3) * 4,
                  lambda: products(multiply_adds(model, side)))


ROWS = {
    "empty": ("nothing but the libraries", lambda _: (0.0, 0.0, "", peak(), 0)),
    "galaxies": ("{:.0e} galaxies onto 1024^2", lambda n: stream(n, 1024)),
    "wide": ("{:.0e} galaxies onto 8192^2", lambda n: stream(n, 8192)),
    "ks": ("KaiserSquires, {}^2", kaiser_squires),
    "analytic": ("the same with its noise, {}^2", lambda n: kaiser_squires(n, "analytic")),
    "wiener": ("WienerFilter, {}^2", wiener),
    "network": ("lensmap (network), {}^2", network),
}


def table(which, largest):
    """Print the rows of some kinds, each made by a process of its own."""
    print(f"{'what':38s}{'seconds':>9s}{'floor':>9s}{'peak GiB':>10s}{'must be':>9s}"
          "   the floor is")
    for kind in which:
        if kind == "empty":
            sizes = (0,)
        elif kind in ("galaxies", "wide"):
            sizes = GALAXIES if kind == "galaxies" else GALAXIES[-2:]
        else:
            sizes = [n for n in SIDES if n <= largest]
        for n in sizes:
            command = [sys.executable, __file__, "--row", kind, str(n)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                last = (done.stderr.strip().splitlines() or [f"signal {-done.returncode}"])[-1]
                print(f"{ROWS[kind][0].format(n):38s} failed: {last}", flush=True)
                continue
            seconds, floor, what, reached, must = json.loads(done.stdout.splitlines()[-1])
            print(f"{ROWS[kind][0].format(n):38s}{seconds:9.2f}{floor:9.2f}{reached:10.2f}"
                  f"{must / 2**30:9.2f}   {what}", flush=True)


def main():
    """Print the table, or be one row of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--largest", type=int, default=max(SIDES), help="side of the largest map")
    parser.add_argument("--row", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        warnings.simplefilter("ignore")
        print(json.dumps(ROWS[arguments.row[0]][1](int(arguments.row[1]))))
        return
    say_machine()
    table(arguments.only, arguments.largest)


if __name__ == "__main__":
    main()
