# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Convergence at the X-ray clusters of the COSMOS field, against random places in the same mask.

The folder that LENSMAP_DATA names (or the first argument) holds cosmos_shear.fits (Schrabback et
al. 2010) and cosmos_xray_clusters.txt (Finoguenov et al. 2007). All methods map the same galaxies
on the same pixels. Significance: the mean at the clusters less that of random sets of as many
places, over the scatter of the random sets. Kaiser-Squires is shown at all smoothings: the one at
which it is most significant is favored. Then the highest peaks of each map, as many for all
methods, are matched with the clusters: completeness and purity with binomial errors, and without
the matches that chance makes. Last, the tangential and the cross shear about all clusters.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
from astropy import units as u

from lensmap import (
    CNNReconstructor,
    KaiserSquires,
    ShearCatalog,
    WienerFilter,
    make_wcs,
    shear_profile,
)
from lensmap.cli._positions import read_positions
from lensmap.networks import available_networks
from lensmap.peaks import completeness, find_peaks, peaks_at_density, purity, unmasked_area
from lensmap.statistics import stack_at

SMOOTHINGS = (0.5, 0.6, 0.7, 0.85, 1.0, 1.25, 1.5, 2.0)  # arcmin


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=os.environ.get("LENSMAP_DATA"))
    parser.add_argument("--pixel-scale", type=float, default=0.29, help="arcmin (default 0.29)")
    parser.add_argument("--sets", type=int, default=1000, help="random sets (default 1000)")
    parser.add_argument("--z-source", type=float, default=1.2, help="of Wiener (default 1.2)")
    parser.add_argument("--network", action="append", help="a name or file; repeatable")
    parser.add_argument("--peak-density", type=float, action="append",
                        help="peaks per square degree; repeatable (default 20 and 40)")
    parser.add_argument("--radius", type=float, default=1.5,
                        help="of matches, arcmin (default 1.5)")
    arguments = parser.parse_args()
    if arguments.folder is None:
        parser.error("no folder is given, and LENSMAP_DATA is not set")
    folder = Path(arguments.folder)
    catalog = ShearCatalog.read(folder / "cosmos_shear.fits", convention="euclidean", kind="shear")
    sky, *_ = read_positions(str(folder / "cosmos_xray_clusters.txt"))
    wcs = make_wcs(catalog, arguments.pixel_scale * u.arcmin)
    methods = {f"KS {s:g}'": KaiserSquires(smoothing=s * u.arcmin) for s in SMOOTHINGS}
    methods["Wiener"] = WienerFilter(z_source=arguments.z_source, dtype="float32")
    for name in arguments.network or available_networks():
        methods[name] = CNNReconstructor(network=name)
        methods[f"{name}, symmetrized"] = CNNReconstructor(network=name, symmetrize=True)
    print(f"{len(catalog)} galaxies, {wcs.array_shape} pixels of {arguments.pixel_scale} arcmin")
    maps, seconds = {}, {}
    for name, method in methods.items():
        start = time.perf_counter()
        maps[name] = method.reconstruct(catalog, wcs)
        seconds[name] = time.perf_counter() - start
    # Each has its own idea of where it has data: the places are those that all have.
    mask = np.logical_or.reduce([kappa.mask for kappa in maps.values()])
    for name, kappa in maps.items():
        kappa.mask = mask
        stack = stack_at(kappa, sky, n_random=arguments.sets, rng=1)
        print(f"{name:24s} kappa at {stack.n_positions} clusters {stack.mean:.4f}, at random "
              f"{stack.random_mean:+.5f} +- {stack.random_std:.5f}: {stack.significance:5.1f} sigma"
              f"   ({seconds[name]:.1f} s)", flush=True)
    radius = arguments.radius * u.arcmin
    for density in arguments.peak_density or (20, 40):
        print(f"\nthe highest {density:g} peaks per deg2, {unmasked_area(kappa):.2f}; matches "
              f"within {radius}")
        for name, kappa in maps.items():
            peaks = find_peaks(kappa, 0, by="kappa", min_separation=radius)
            peaks = peaks_at_density(peaks, density / u.deg**2, kappa)
            found = completeness(peaks, sky, radius, kappa=kappa, n_random=200, rng=0)[0]
            pure = purity(peaks, sky, radius, kappa=kappa, n_random=200, rng=0)[0]
            print(f"{name:24s} completeness {_rate(found)}   purity {_rate(pure)}", flush=True)

    print()
    for errors, words in (("shape noise", "shape noise"), ("bootstrap", "clusters drawn anew")):
        profile = shear_profile(catalog, sky, [0.5, 1, 2, 3.5, 5] * u.arcmin, errors=errors, rng=0)
        weight = 1 / profile["g_err"] ** 2
        for name in ("g_t", "g_x"):
            mean = np.sum(weight * profile[name]) / np.sum(weight)
            print(f"{name} from 0.5 to 5 arcmin about {profile.meta['n_positions']} clusters: "
                  f"{mean:+.5f} +- {np.sum(weight) ** -0.5:.5f} ({words}), "
                  f"{mean * np.sum(weight) ** 0.5:+.1f} sigma")


def _rate(row):
    return (f"of {row['n']} {row['rate']:.2f} ({row['rate_low']:.2f} to {row['rate_high']:.2f}), "
            f"by chance {row['chance']:.2f}, beyond it {row['corrected']:.2f}")


if __name__ == "__main__":
    main()
