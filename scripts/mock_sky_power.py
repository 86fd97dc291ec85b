# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Compare the power of simulated skies with the theory, in bins of the multipole.

Each sky is the map of the true convergence of `lensmap.simulate.simulate_sky` in a disk. Its power
is divided by what the theory predicts in the same apodized disk. The number of massive halos in a
disk is random, and so is the power on small scales. The second result is free of this: the power of
the halos of each disk is replaced by its mean over disks.

The map has twice the resolution of the sky. In the pixels of the sky itself, power from multipoles
above 3 nside folds back: 3 per cent more at nside, 11 per cent at 2 nside.
"""

import argparse
import tempfile
import time

import numpy as np
from astropy import units as u
from astropy.table import QTable
from scipy.special import roots_legendre

from lensmap.cosmology import convergence_power, get_cosmology
from lensmap.halos import nfw_mass, radius_200c, truncated_nfw_fourier, truncated_nfw_mass
from lensmap.maps import HealpixMap
from lensmap.simulate import MockSurvey, simulate_sky
from lensmap.simulate.halo_model import HaloPhysics, mass_to_kappa
from lensmap.simulate.sky._powers import SkyPowers
from lensmap.sphere import SphericalTransform, pixel_window

EDGES = (30, 50, 100, 200, 300, 500, 700, 1000, 1500, 2000, 2500, 3000)
APODIZATION_DEG = 1.5


def legendre(values, nodes, weights, lmax):
    """Return the transform of a correlation function to power, ``(lmax + 1,)``."""
    result, before, now = np.empty(lmax + 1), np.zeros_like(nodes), np.ones_like(nodes)
    for ell in range(lmax + 1):
        result[ell] = 2 * np.pi * (weights * values) @ now
        before, now = now, ((2 * ell + 1) * nodes * now - ell * before) / (ell + 1)
    return result


def masked_power(power, mask, quadrature, lmax):
    """Return the expected power of a field with the given power, times a mask."""
    nodes, weights = quadrature
    ell = np.arange(len(power))
    one = np.polynomial.legendre.legval(nodes, (2 * ell + 1) / (4 * np.pi) * power)
    ell = np.arange(len(mask))
    other = np.polynomial.legendre.legval(nodes, (2 * ell + 1) / (4 * np.pi) * mask)
    return legendre(one * other, nodes, weights, lmax)


def halo_power(table, weights, z_source, ell):
    """Return the power of the halos of a disk without clustering, times the mask."""
    cosmology, z = get_cosmology(None), table["redshift"]
    tau = 2.5 * table["c200c"]
    distance = cosmology.angular_diameter_distance(z)
    scale = (radius_200c(table["m200c"], z, cosmology) / distance).value / table["c200c"]
    mass = table["m200c"].value * truncated_nfw_mass(tau) / nfw_mass(table["c200c"])
    squares = (weights * mass * mass_to_kappa(z, z_source, cosmology)) ** 2
    return np.array([
        np.sum(squares * truncated_nfw_fourier((one + 0.5) * scale, tau) ** 2) for one in ell
    ]) / (4 * np.pi)


def disk_weights(lon, lat, area):
    """Return the weights of positions (degrees) in the disk, which fall to 0 at its edge."""
    lon, lat = np.radians(lon), np.radians(lat)
    distance = np.degrees(np.arccos(np.clip(np.cos(lat) * np.cos(lon - np.pi), -1, 1)))
    radius = np.degrees(2 * np.arcsin(np.sqrt(area / 4 / np.pi)))
    share = np.clip((radius - distance) / APODIZATION_DEG, 0, 1)
    return np.sin(np.pi / 2 * share) ** 2


def main():
    """Print the ratio of the mean power of the skies to the theory, with its error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=8, help="skies (default 8)")
    parser.add_argument("--seed", type=int, default=0, help="of the first sky (default 0)")
    parser.add_argument("--area", type=float, default=400.0, help="deg2 (default 400)")
    parser.add_argument("--nside", type=int, default=2048, help="pixels (default 2048)")
    parser.add_argument("--z-source", type=float, default=1.0, help="sources (default 1)")
    arguments = parser.parse_args()
    lmax = 2 * arguments.nside
    theory = np.zeros(lmax + 1)
    theory[2:] = convergence_power(np.arange(2.0, lmax + 1), arguments.z_source)
    window = pixel_window(2 * arguments.nside, lmax) ** 2
    theory *= window
    powers = SkyPowers(
        get_cosmology(None), arguments.z_source, HaloPhysics(3e13, 2.5, 0.37, 1.0, 0.0, 0.0), lmax
    )
    edges = [edge for edge in EDGES if edge <= lmax]
    bins = list(zip(edges[:-1], edges[1:], strict=True))
    middle = np.array([(low + high) // 2 for low, high in bins])
    quadrature = roots_legendre(lmax + lmax // 2)
    ratios, steady, expected = [], [], None
    for seed in range(arguments.seed, arguments.seed + arguments.n):
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            files = simulate_sky(
                folder, arguments.area * u.deg**2, MockSurvey(density=0.01 / u.arcmin**2),
                nside=arguments.nside, truth_nside=2 * arguments.nside,
                z_source=arguments.z_source, seed=seed, workers=1,
            )
            kappa, halos = HealpixMap.read(files.kappa), QTable.read(files.halos)
        transform = SphericalTransform(kappa.pixels, kappa.index, lmax)
        area = files.area.to_value(u.sr)
        mask = disk_weights(*kappa.pixels.centers(kappa.index), area)
        if expected is None:
            of_mask = transform.power(transform.to_coefficients(mask))
            expected = masked_power(theory, of_mask, quadrature, lmax)
        # The mean of the disk is that of the sky, 0, only on average.
        power = transform.power(transform.to_coefficients(mask * kappa.data))
        ratios.append([np.mean(power[low:high] / expected[low:high]) for low, high in bins])
        weights = disk_weights(halos["ra"].value, halos["dec"].value, area)
        compensated = powers.compensation[middle] ** 2
        excess = halo_power(halos, weights, arguments.z_source, middle) * compensated
        excess -= powers.one_halo[middle] * np.mean(mask**2) * area / (4 * np.pi)
        steady.append(ratios[-1] - excess * window[middle] / expected[middle])
        print(f"sky {seed}: {time.perf_counter() - start:.0f} s", flush=True)
    for i, (low, high) in enumerate(bins):
        texts = [
            f"{np.mean(values, axis=0)[i]:.3f} +- "
            f"{np.std(values, axis=0)[i] / np.sqrt(max(1, arguments.n - 1)):.3f}"
            for values in (ratios, steady)
        ]
        print(f"{low:5} to {high:5}: {texts[0]}, with the mean number of halos {texts[1]}")


if __name__ == "__main__":
    main()
