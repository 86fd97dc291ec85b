# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A small part of a Gaussian sky on the sphere, its galaxies, and their HATS folder."""

import functools

import ducc0
import numpy as np

from lensmap.catalog import write_hats
from lensmap.cosmology import convergence_power
from lensmap.sphere import HealpixPixels

LMAX = 1500

#: The order of the partitions and of the tiles of the tests.
ORDER = 5


@functools.cache
def sky_modes(seed=1):
    """Return the coefficients of a Gaussian convergence with the theory's power, and their l."""
    rng = np.random.default_rng(seed)
    ell = np.concatenate([np.arange(m, LMAX + 1) for m in range(LMAX + 1)])
    table = np.geomspace(2, LMAX, 50)
    known = np.log(convergence_power(table, 1))
    power = np.interp(np.log(np.maximum(ell, 2)), np.log(table), known)
    modes = rng.standard_normal(len(ell)) + 1j * rng.standard_normal(len(ell))
    modes[: LMAX + 1] = np.sqrt(2) * modes[: LMAX + 1].real
    return modes * np.sqrt(np.exp(power) / 2) * (ell >= 2), ell


def _at(modes, ra, dec, spin):
    places = np.stack([np.radians(90 - dec), np.radians(np.mod(ra, 360))], axis=-1)
    return ducc0.sht.synthesis_general(
        alm=modes, spin=spin, lmax=LMAX, loc=places, epsilon=1e-6, nthreads=1
    )


def kappa_at(ra, dec, smoothing=0.0, seed=1):
    """Return the true convergence at positions, smoothed by a Gaussian (radians)."""
    modes, ell = sky_modes(seed)
    return _at((modes * np.exp(-0.5 * ell * (ell + 1) * smoothing**2))[np.newaxis], ra, dec, 0)[0]


def shear_at(ra, dec, seed=1):
    """Return the true shear at positions in the celestial basis, complex."""
    modes, ell = sky_modes(seed)
    number = np.maximum(ell, 2).astype(float)
    e_modes = modes * np.sqrt((number + 2) * (number - 1) / (number * (number + 1)))
    # HEALPix's basis is x to the south and y to the east: both components change sign.
    q, u = _at(np.stack([e_modes, np.zeros_like(e_modes)]), ra, dec, 2)
    return -(q + 1j * u)


def galaxies(center=(40.0, 30.0), side=5.0, density=2.0, sigma_e=0.0, seed=1):
    """Return the columns of galaxies in a square of the sky (degrees; density in arcmin^-2)."""
    rng = np.random.default_rng(seed)
    low, high = np.sin(np.radians([center[1] - side / 2, center[1] + side / 2]))
    width = side / np.cos(np.radians(center[1]))
    n = int(side**2 * 3600 * density)
    ra = np.mod(center[0] + width * (rng.random(n) - 0.5), 360)
    dec = np.degrees(np.arcsin(low + (high - low) * rng.random(n)))
    shear = shear_at(ra, dec)
    shear = shear + sigma_e * (rng.standard_normal(n) + 1j * rng.standard_normal(n))
    psf = 0.05 * shear_at(dec, ra / 8)  # a smooth field that has nothing to do with the shear
    return {
        "ra": ra, "dec": dec, "e1": shear.real, "e2": shear.imag,
        "redshift": rng.uniform(0.4, 1.2, n), "psf_e1": psf.real, "psf_e2": psf.imag,
    }


def write_survey(folder, columns, order=ORDER):
    """Write galaxies as a HATS folder."""
    pixel = HealpixPixels(1 << order).at(columns["ra"], columns["dec"])
    write_hats(
        folder,
        ((order, int(one), {name: values[pixel == one] for name, values in columns.items()})
         for one in np.unique(pixel)),
        convention="celestial", kind="shear",
    )
    return folder
