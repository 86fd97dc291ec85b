# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Measure how often the error of a mean over an aperture contains the truth.

    python scripts/aperture_coverage.py lensmap --workers 2 -o apertures.ecsv

A network maps simulated fields on which it was not trained. In each, the mean convergence within
circles of 2, 5 and 10 arcmin radius around every pixel is compared with the truth, whose mean over
the field is 0. The columns are the fraction of the circles whose truth lies within one standard
deviation, as derived from the error bars of the pixels in three ways:

* ``same``: all pixels of a circle have the same error (the mean error bar);
* ``independent``: their errors are independent;
* ``realizations``: the scatter of the circle's mean over random maps of the error
  (``CNNReconstructor(uncertainty="posterior").realizations``).

Standard errors are those of means over fields.
"""

import argparse
import multiprocessing
from functools import partial

import numpy as np
from astropy import units as u
from astropy.table import QTable
from network_corners import draw_field, source_of
from scipy.signal import fftconvolve

from lensmap.simulate import MockSurvey
from lensmap.validation import series_seed

RADII_ARCMIN = (2.0, 5.0, 10.0)
_WAYS = ("same", "independent", "realizations")
# The random maps of the error of each field.
_N_DRAWS = 50


def disk(radius):
    """Return the weights of the pixels of a circle, whose sum is 1."""
    side = int(np.ceil(radius))
    offset = np.arange(-side, side + 1)
    inside = np.hypot(offset[:, np.newaxis], offset) <= radius
    return (inside / inside.sum()).astype(np.float32)


def coverage_of_field(name, scale, source, corners, seed):
    """Return the coverage of one field for each corner, radius and way."""
    from lensmap.networks import as_network

    network = as_network(name)
    rng = np.random.default_rng(seed)
    field, truth = draw_field(scale, source, rng)
    truth = truth.astype(np.float32)
    result = np.empty((len(corners), len(RADII_ARCMIN), len(_WAYS)))
    for number, n_per_pixel in enumerate(corners):
        survey = MockSurvey(density=n_per_pixel / (scale * u.arcmin) ** 2, sigma_e=0.26)
        prediction = network.predict(survey.observe_grid(field, rng=rng))
        width = prediction.half_widths[0.68]
        draws = [network.draw_error(prediction, rng) for _ in range(_N_DRAWS)]
        for i, radius in enumerate(RADII_ARCMIN):
            kernel = disk(radius / scale)

            def mean(plane, kernel=kernel):
                return fftconvolve(plane, kernel, mode="valid")

            error = np.abs(mean(truth - prediction.kappa))
            square = np.mean([np.square(mean(draw)) for draw in draws], axis=0)
            scatters = (
                mean(width), np.sqrt(mean(width**2) / np.count_nonzero(kernel)), np.sqrt(square)
            )
            result[number, i] = [np.mean(error < scatter) for scatter in scatters]
    return result


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("network", nargs="?", default="lensmap", help="a name, or a file (.h5)")
    add("--pixels", type=float, nargs="+", default=[0.29, 0.41, 0.7], help="arcmin")
    add("--per-pixel", type=float, nargs="+", default=[3.0, 8.0], help="galaxies")
    add("--sources", nargs="+", default=["1.0", "lsst_y10"])
    add("-n", "--fields", type=int, default=20, help="fields of each kind (default 20)")
    add("--workers", type=int, default=1)
    add("-o", "--output", help="also write the table to this file")
    arguments = parser.parse_args()
    rows = []
    context = multiprocessing.get_context("spawn")
    with context.Pool(arguments.workers) as pool:
        for scale in arguments.pixels:
            for number, text in enumerate(arguments.sources):
                entropy = (series_seed("validation"), 7, round(1000 * scale), number)
                seeds = np.random.SeedSequence(entropy).spawn(arguments.fields)
                task = partial(coverage_of_field, arguments.network, scale, source_of(text),
                               arguments.per_pixel)
                fields = np.array(pool.map(task, seeds, chunksize=1))
                values = fields.mean(axis=0)
                errors = fields.std(axis=0, ddof=1) / np.sqrt(len(fields))
                for i, n_per_pixel in enumerate(arguments.per_pixel):
                    for j, radius in enumerate(RADII_ARCMIN):
                        rows.append([scale, n_per_pixel, text, radius,
                                     *np.ravel([values[i, j], errors[i, j]], "F")])
                        print(f"{scale:g} arcmin, {n_per_pixel:g} galaxies a pixel, sources {text},"
                              f" circles of {radius:g} arcmin: " + ", ".join(
                                  f"{way} {value:.3f} +- {error:.3f}" for way, value, error in
                                  zip(_WAYS, values[i, j], errors[i, j], strict=True)
                              ), flush=True)
    names = [name for way in _WAYS for name in (way, f"{way}_err")]
    table = QTable(rows=rows, names=["pixel", "per_pixel", "sources", "radius", *names])
    for way in _WAYS:
        print(f"{way}: mean {np.mean(table[way]):.3f}, from {np.min(table[way]):.3f} to "
              f"{np.max(table[way]):.3f}")
    if arguments.output:
        table.write(arguments.output, overwrite=True)


if __name__ == "__main__":
    main()
