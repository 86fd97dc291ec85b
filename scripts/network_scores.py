# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Compare networks with the Wiener filter on simulated fields of several kinds.

    python scripts/network_scores.py lensmap run/weights.h5 --workers 2

The Wiener filter has the power spectrum that is measured on 50 other fields of the kind. All
methods map the same fields of the series "validation". The kinds are sources at redshift 1 and 2.5
in pixels of 0.41 arcmin with 33 galaxies per square arcminute, and redshift distributions like
those of LSST Y10, HSC and COSMOS in pixels of 0.29 arcmin with 32. ``weights`` has galaxies with
the errors of Subaru/HSC at a lower depth and inverse-variance weights, and ``null`` no lensing.

The columns are Pearson's r and the difference of r from that of the Wiener filter; the root mean
square error over that of the Wiener filter; the slope of the truth on the map over all pixels; the
coverage of the error bars; and the mean of the map minus the truth, whose mean over a field is 0.
For null fields they are the mean of the map, and the peaks above 0.05 per square degree. Errors are
those of means over fields.
"""

import argparse
import multiprocessing
from functools import partial

import numpy as np
from astropy import units as u
from train_network import sources

from lensmap import WienerFilter
from lensmap.cosmology import SourceRedshifts
from lensmap.flatsky import measure_power
from lensmap.simulate import HaloModelField, MockSurvey
from lensmap.validation import series_seed

_PER_AREA = u.arcmin**-2
DEEP, WIDE = MockSurvey(density=33 * _PER_AREA), MockSurvey(density=32 * _PER_AREA)

# Name: sources, pixel scale (arcmin), survey, whether the fields are lensed.
KINDS = {
    "z1": (1.0, 0.41, DEEP, True),
    "z2.5": (2.5, 0.41, DEEP, True),
    "lsst_y10": (SourceRedshifts.preset("lsst_y10"), 0.29, WIDE, True),
    "hsc": (sources(1.0), 0.29, WIDE, True),
    "cosmos": (sources(1.2), 0.29, WIDE, True),
    "weights": (1.0, 0.41, MockSurvey(density=33 * _PER_AREA, m5=25.5), True),
    "null": (1.0, 0.41, DEEP, False),
}

_MIN_PEAK = 0.05


def model_of(kind, side):
    """Return the model of the fields of a kind."""
    z_source, scale, _, _ = KINDS[kind]
    return HaloModelField(z_source=z_source, pixel_scale=scale * u.arcmin, shape=(side, side))


def power_of(kind, side, n):
    """Return the mean power spectrum of fields that are used for nothing else."""
    number = list(KINDS).index(kind)
    seeds = np.random.SeedSequence((series_seed("tuning"), 29, number)).spawn(n)
    model = model_of(kind, side)
    fields = [model.draw(np.random.default_rng(seed)).kappa.data for seed in seeds]
    return measure_power(fields, model.pixel_scale.to_value(u.rad))[:2]


def scores_of(kind, side, networks, power, seed):
    """Return the scores of each method on one field, ``(n_methods, n_scores)``."""
    from lensmap.networks import as_network

    _, scale, survey, is_lensed = KINDS[kind]
    rng = np.random.default_rng(seed)
    model = model_of(kind, side)
    if is_lensed:
        field = model.draw(rng)
        grid, truth = survey.observe_grid(field, rng=rng), field.kappa.data
    else:
        grid, truth = survey.observe_grid(None, model.wcs, rng=rng), np.zeros(model.shape)
    truth = truth - truth.mean()
    rows = []
    for network in networks:
        prediction = as_network(network).predict(grid)
        rows.append(_scores(prediction.kappa, truth, prediction.half_widths, scale))
    if power is not None:
        kappa = WienerFilter(power=power).reconstruct(grid)
        rows.append(_scores(kappa.data, truth, {}, scale))
    return rows


def _scores(kappa, truth, half_widths, scale):
    kappa = kappa.astype(float)
    error = kappa - truth
    if not truth.any():
        inner = kappa[1:-1, 1:-1]
        around = [kappa[1 + dy : kappa.shape[0] - 1 + dy, 1 + dx : kappa.shape[1] - 1 + dx]
                  for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
        peaks = (inner > _MIN_PEAK) & (inner > np.max(around, axis=0))
        return [kappa.mean(), np.count_nonzero(peaks) / (kappa.size * (scale / 60) ** 2)]
    slope = np.cov(kappa.ravel(), truth.ravel())
    covered = [np.mean(np.abs(error) < half_widths[level]) if half_widths else np.nan
               for level in (0.68, 0.95)]
    return [np.corrcoef(kappa.ravel(), truth.ravel())[0, 1], np.mean(error**2),
            slope[0, 1] / slope[0, 0], *covered, error.mean()]


def describe(name, rows, reference):
    """Print the scores of a method on the fields of a kind."""
    n = len(rows)

    def mean(values):
        return f"{np.mean(values):+.4f} +- {np.std(values, ddof=1) / np.sqrt(n):.4f}"

    if rows.shape[1] == 2:
        print(f"  {name:30s} mean {mean(rows[:, 0])}, peaks {mean(rows[:, 1])}")
        return
    r, square, slope, one, two, offset = rows.T
    ratio = np.sqrt(square.mean() / reference[:, 1].mean())
    spread = np.std(np.sqrt(square / reference[:, 1]), ddof=1) / np.sqrt(n)
    print(f"  {name:30s} r {r.mean():.4f} ({mean(r - reference[:, 0])}), RMSE over Wiener's "
          f"{ratio:.4f} +- {spread:.4f}, slope {mean(slope)}, coverage {np.mean(one):.3f} "
          f"{np.mean(two):.3f}, offset {mean(offset)}", flush=True)


def main():
    """Print the scores of all kinds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("networks", nargs="*", default=["lensmap"], help="names or files (.h5)")
    add("-n", "--fields", type=int, default=50, help="fields of a kind (default 50)")
    add("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    add("--side", type=int, default=256, help="pixels along the side of a field (default 256)")
    add("--power-fields", type=int, default=50, help="fields for the power spectrum (default 50)")
    add("--workers", type=int, default=1)
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with context.Pool(arguments.workers) as pool:
        for number, kind in enumerate(KINDS):
            if kind not in arguments.kinds:
                continue
            is_lensed = KINDS[kind][3]
            power = power_of(kind, arguments.side, arguments.power_fields) if is_lensed else None
            seeds = np.random.SeedSequence((series_seed("validation"), 29, number)).spawn(
                arguments.fields
            )
            task = partial(scores_of, kind, arguments.side, arguments.networks, power)
            rows = np.array(pool.map(task, seeds, chunksize=1))
            print(kind)
            names = [*arguments.networks, "Wiener filter"][: rows.shape[1]]
            for i, name in enumerate(names):
                describe(name, rows[:, i], rows[:, -1])


if __name__ == "__main__":
    main()
