# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What a network's maps do when they are turned, cut into tiles, of noise alone, or large; times.

Numbers that stand in the documentation and on no report of ``lensmap validate``.
"""

import argparse
import resource
import time
from importlib.resources import files

import numpy as np
from astropy import units as u

from lensmap import (
    CNNReconstructor,
    ConvergenceMap,
    HaloModelField,
    KaiserSquires,
    MockSurvey,
    ShearCatalog,
    find_peaks,
    make_wcs,
)
from lensmap.grid import noise_realizations
from lensmap.networks import GridArrays, load_network


def turned(network):
    """Print how a map changes when the sky is turned by a quarter, with and without averaging."""
    for z_source in (1.0, 2.5):
        field = HaloModelField(z_source=z_source).draw(rng=11)
        catalog = MockSurvey.preset("cha2025").observe(field, rng=3)
        other = field.wcs.deepcopy()
        other.wcs.pc = [[0, -1], [1, 0]]
        other.array_shape = field.wcs.array_shape
        for symmetrize in (False, True):
            estimator = CNNReconstructor(network=network, symmetrize=symmetrize)
            one = estimator.reconstruct(catalog, field.wcs).data
            two = estimator.reconstruct(catalog, other).data
            change = min(np.std(np.rot90(two, k) - one) for k in range(4)) / one.std()
            print(f"turned, z_s = {z_source}, symmetrize={symmetrize}: {change:.1e} of the scatter")


def tiles(network):
    """Print how a map depends on the size of tiles."""
    field = HaloModelField(z_source=1.0, shape=(1024, 1024)).draw(rng=11)
    grid = MockSurvey.preset("cha2025").observe_grid(field, rng=3)
    whole = network.predict(grid, tile_size=1024).kappa
    for size in (512, 640, 768):
        change = network.predict(grid, tile_size=size).kappa - whole
        print(f"tiles of {size}: {np.std(change) / whole.std():.1e} of the scatter, at most "
              f"{np.abs(change).max() / whole.std():.1e}")


def peaks_of_noise(network, n=40):
    """Print how many peaks maps of noise have, by thresholds in units of three kinds of error."""
    catalog = ShearCatalog.read(files("lensmap") / "data/demo_catalog.fits", convention="celestial")
    wcs = make_wcs(catalog, 0.4 * u.arcmin)
    noise = list(noise_realizations(catalog, wcs, n_realizations=n, rng=1))
    kinds = ("rotations", "network") if network.predicts_errors else ("rotations",)
    for estimator, uncertainties in (
        (KaiserSquires(), ("analytic",)), (CNNReconstructor(network=network), kinds)
    ):
        maps = [estimator.reconstruct(turned) for turned in noise]
        for uncertainty in uncertainties:
            with_errors = estimator.replace(uncertainty=uncertainty)
            error = with_errors.reconstruct(catalog, wcs).uncertainty
            told = [ConvergenceMap(one, uncertainty=error) for one in maps]
            counts = (f"{sum(len(find_peaks(one, low)) for one in told) / n:.2f} above {low}"
                      for low in (2, 3, 4, 5, 10, 20))
            print(f"peaks in a map of noise, {type(estimator).__name__}, {uncertainty}: "
                  f"{', '.join(counts)}")


def times(network):
    """Print the time of a catalog of 1.4 million galaxies."""
    field = HaloModelField(z_source=1.0).draw(rng=11)
    catalog = MockSurvey.preset("cha2025").observe(field, rng=3)
    errors = "network" if network.predicts_errors else None
    estimator = CNNReconstructor(network=network, uncertainty=errors)
    seconds = []
    for _ in range(6):
        start = time.perf_counter()
        estimator.reconstruct(catalog, field.wcs)
        seconds.append(time.perf_counter() - start)
    print(f"{len(catalog)} galaxies to a map: {np.median(seconds[1:]):.2f} s, the first "
          f"{seconds[0]:.1f} s")


def large(network, side=2928):
    """Print the time and the memory of a field of 20 degrees."""
    rng = np.random.default_rng(0)
    shape = (side, side)
    shear = np.empty(shape, np.complex64)
    shear.real, shear.imag = (0.11 * rng.standard_normal(shape, np.float32) for _ in range(2))
    arrays = GridArrays(shear, np.full(shape, 82, np.float32), np.full(shape, 0.05), 0.41)
    start = time.perf_counter()
    network.predict(arrays)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{side} x {side} pixels ({side * 0.41 / 60:.0f} deg): "
          f"{time.perf_counter() - start:.0f} s; most memory of all these checks {peak:.1f} GiB")


def main():
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", nargs="?", default="lensmap", help="a name, or a file (.h5)")
    network = load_network(parser.parse_args().network)
    times(network)
    peaks_of_noise(network)
    turned(network)
    tiles(network)
    large(network)


if __name__ == "__main__":
    main()
