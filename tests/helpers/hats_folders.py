# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Galaxies by HEALPix pixel, and HATS folders that hold them."""

import healpy
import numpy as np

from lensmap.catalog import write_hats


def galaxies_in(order, pixel, n, seed=0):
    """Return the columns of ``n`` galaxies at random places of a nested HEALPix pixel."""
    rng = np.random.default_rng([seed, order, pixel])
    shift = 2 * (29 - order)
    fine = (pixel << shift) + rng.integers(0, 1 << shift, n)
    ra, dec = healpy.pix2ang(2**29, fine, nest=True, lonlat=True)
    return {
        "ra": ra,
        "dec": dec,
        "e1": rng.normal(0.0, 0.2, n),
        "e2": rng.normal(0.0, 0.2, n),
        "weight": rng.uniform(0.5, 1.5, n),
        "redshift": rng.uniform(0.2, 1.5, n),
    }


#: Mixed orders, two of them neighbors, and one next to RA = 0.
PIXELS = [(5, 1023), (6, 4096), (6, 4097), (5, 1025)]
N_GALAXIES = 300


def partitions(pixels=PIXELS, n=N_GALAXIES):
    """Return the partitions for `write_hats`."""
    return [(order, pixel, galaxies_in(order, pixel, n)) for order, pixel in pixels]


def make_folder(folder, pixels=PIXELS, n=N_GALAXIES, **kwargs):
    """Write a HATS folder, and return its columns in the order of the nested curve."""
    parts = partitions(pixels, n)
    write_hats(folder, parts, **kwargs)
    parts.sort(key=lambda part: part[1] << 2 * (29 - part[0]))
    return {name: np.concatenate([part[2][name] for part in parts]) for name in parts[0][2]}
