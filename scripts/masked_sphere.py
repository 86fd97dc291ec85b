# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Compare the masked solution of the sphere with zero-filled gaps, on Gaussian skies.

The footprint is 5 per cent of the sphere, with an irregular edge and 15 per cent of holes of 2 deg.
The error is the scatter of the map minus the truth at multipoles below 100, in units of the scatter
of the truth there.
"""

import argparse
import time

import numpy as np

from lensmap.cosmology import convergence_power
from lensmap.sphere import HealpixPixels, SphericalTransform, random_modes, solve_masked_shear

NSIDE, LMAX, LOW = 256, 640, 100

# The intrinsic dispersion per component. A density of 3000 stands for no noise.
SIGMA_E, DENSITIES = 0.27, {"no noise": 3000, "30 per arcmin^2": 30}


def footprint(pixels, rng):
    """Return the nested indices of the pixels with data."""
    index = np.arange(pixels.n_pixels)
    lon, lat = pixels.centers(index)
    inside = (np.abs(lat - 20) < 22 + 6 * np.sin(7 * np.radians(lon))) & (np.abs(lon - 180) < 28)
    coarse = HealpixPixels(32)
    hole = rng.random(coarse.n_pixels) < 0.15
    return index[inside & ~hole[index >> (2 * (pixels.order - coarse.order))]]


def main():
    """Print the errors of the solutions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=4, help="skies (default 4)")
    n_skies = parser.parse_args().n
    pixels = HealpixPixels(NSIDE)
    whole = SphericalTransform(pixels, lmax=LMAX)
    power = np.zeros(LMAX + 1)
    power[2:] = convergence_power(np.arange(2.0, LMAX + 1), 1.0)
    low = whole.ell < LOW
    for name, density in DENSITIES.items():
        errors = {"E": [], "E, prior times 10": [], "E and B": [], "zero-filled": []}
        seconds = []
        for seed in range(n_skies):
            rng = np.random.default_rng(seed)
            index = footprint(pixels, rng)
            part = SphericalTransform(pixels, index, LMAX)
            kappa = random_modes(whole, power, rng)
            truth = part.to_map(np.where(low, kappa, 0))
            sigma = SIGMA_E / np.sqrt(density * pixels.scale.value**2)
            noise = rng.standard_normal((2, len(index))).T @ [1, 1j]
            shear, variance = part.to_shear(kappa) + sigma * noise, np.full(len(index), sigma**2)
            start = time.perf_counter()
            found = {"E": solve_masked_shear(part, shear, variance, power)[0]}
            seconds.append(time.perf_counter() - start)
            found["E, prior times 10"] = solve_masked_shear(part, shear, variance, 10 * power)[0]
            found["E and B"] = solve_masked_shear(part, shear, variance, power, power_b=power)[0]
            found["zero-filled"] = part.to_convergence(shear)[0]
            for key, modes in found.items():
                difference = part.to_map(np.where(low, modes, 0)) - truth
                errors[key].append(np.std(difference) / np.std(truth))
        print(f"{name} ({len(index) / pixels.n_pixels:.3f} of the sphere, "
              f"{np.mean(seconds):.1f} s a solution)")
        for key, values in errors.items():
            ratio = np.array(values) / errors["zero-filled"]
            print(f"  {key:20} error {np.mean(values):.3f}, of zero-filled {np.mean(ratio):.3f} "
                  f"+- {np.std(ratio) / np.sqrt(max(1, n_skies - 1)):.3f}")


if __name__ == "__main__":
    main()
