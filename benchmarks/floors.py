# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Times that cannot be beaten on the machine that runs: each is measured, and says what it is.

Each function returns a pair: the seconds (the least of several runs), and what takes them.
"""

import numpy as np
import scipy.fft
from timing import timed

from lensmap.utils import chunk_slices, n_threads, thread_map


def reading(*arrays, repeats=3):
    """Every element of some arrays is read once, on all cores."""

    def read():
        for array in arrays:
            flat = array.reshape(-1)
            thread_map(lambda rows, a=flat: a[rows].max(), chunk_slices(len(flat), 500_000))

    size = sum(array.nbytes for array in arrays)
    return timed(read, repeats)[1], f"reading {size / 2**20:.0f} MiB once"


def wcslib(wcs, lon, lat, repeats=3):
    """Positions go through wcslib alone, on all cores."""

    def project():
        def part(rows):
            wcs.deepcopy().wcs_world2pix(np.stack([lon[rows], lat[rows]], axis=1), 0)

        thread_map(part, chunk_slices(len(lon), 500_000))

    return timed(project, repeats)[1], f"wcslib alone for {len(lon) / 1e6:g} million positions"


def drawing(n_uniform, n_normal, repeats=3):
    """So many random numbers are drawn, in single precision where they are normal."""
    rng = np.random.default_rng(0)

    def draw():
        rng.random(n_uniform)
        rng.standard_normal(n_normal, dtype=np.float32)

    return timed(draw, repeats)[1], (
        f"drawing {(n_uniform + n_normal) / 1e6:.2g} million random numbers, one core"
    )


def transforms(shape, padded=None, dtype="complex64", pairs=1, repeats=3):
    """A field is transformed and transformed back, rows that are only padding left out.

    Columns go in blocks, so that a padded field never exists.
    """
    padded = shape if padded is None else padded
    dtype = np.dtype(dtype)
    real = dtype.kind == "f"
    field, threads = np.zeros(shape, dtype), n_threads(shape[0] * shape[1])
    there, back = (scipy.fft.rfft, scipy.fft.irfft) if real else (scipy.fft.fft, scipy.fft.ifft)

    def both():
        work = there(field, padded[1], axis=1, workers=threads)
        for block in chunk_slices(work.shape[1], 128):
            part = scipy.fft.fft(work[:, block], padded[0], axis=0, workers=threads)
            part = scipy.fft.ifft(part, axis=0, overwrite_x=True, workers=threads)
            work[:, block] = part[: shape[0]]
        back(work, padded[1], axis=1, workers=threads)

    seconds = pairs * timed(both, repeats)[1]
    what = "a bare FFT and its inverse" if pairs == 1 else f"{pairs} bare pairs of FFTs"
    return seconds, f"{what} of {padded[0]} x {padded[1]}, {dtype.name}"


def products(multiply_adds, repeats=3):
    """So many multiply-adds at the rate of a large product of matrices in single precision."""
    n = 2048
    a, b = (np.random.default_rng(i).normal(size=(n, n)).astype(np.float32) for i in (0, 1))
    rate = n**3 / timed(lambda: a @ b, repeats)[1]
    return multiply_adds / rate, (
        f"{multiply_adds / 1e9:.3g} G multiply-adds at the {rate / 1e9:.0f} G/s of a matrix product"
    )
