# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Judge the maps and the error bars of a network over the range of surveys.

    python scripts/network_corners.py lensmap --workers 2 -o corners.ecsv

A corner is a pixel scale, a mean number of galaxies per pixel and a sample of sources. Corners with
fewer than 3 or more than 130 galaxies per square arcminute are left out: no survey has them. In
each, the network maps simulated fields of at least 3 square degrees on which it was not trained,
without masks. The mean of the truth is 0 in each field. The columns are:

* ``r`` and ``rmse``: Pearson's r, and the rms of the map minus the truth over that of the truth;
* ``cover_68``, ``cover_95``: the fraction of pixels whose truth is within the error bars;
* ``high_68``, ``high_95``: the same for the highest 0.5 per cent of the pixels of the maps;
* ``slope``: the mean of the truth over that of the map in these highest pixels;
* ``offset``: the mean of the map minus the truth;
* ``null_offset``: the mean of maps of noise alone.

Standard errors are those of means over fields (a jackknife).
"""

import argparse
import multiprocessing
from functools import partial
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.cosmology import SourceRedshifts
from lensmap.simulate import HaloModelField, MockSurvey
from lensmap.validation import series_seed

# The number of galaxies per square arcminute of the shallowest and of the deepest survey.
_DENSITIES = (3.0, 130.0)
# The smallest area of a field in square degrees, and the fraction of pixels that are high.
_AREA_DEG2, _HIGH = 3.0, 0.005
_COLUMNS = ("cover_68", "cover_95", "high_68", "high_95", "slope", "offset", "null_offset",
            "r", "rmse")


# The goals: column, value, and the distance that is allowed besides two standard errors.
_GOALS = (
    ("cover_68", 0.68, 0.03), ("cover_95", 0.95, 0.02), ("high_68", 0.68, 0.03),
    ("high_95", 0.95, 0.02), ("slope", 1.0, 0.04), ("offset", 0.0, 5e-4),
    ("null_offset", 0.0, 5e-4),
)
_TITLES = {
    "cover_68": "coverage of the 68 per cent bars", "cover_95": "coverage of the 95 per cent bars",
    "high_68": "68 per cent bars, highest pixels", "high_95": "95 per cent bars, highest pixels",
    "slope": "truth over map, highest pixels", "offset": "mean of map minus truth",
    "null_offset": "mean of null maps",
}


def source_of(text):
    """Return a redshift, or the redshift distribution of a name."""
    try:
        return float(text)
    except ValueError:
        return SourceRedshifts.preset(text)


def shape_of(scale_arcmin):
    """Return the number of pixels along the side of a field, a multiple of 64."""
    return int(np.ceil(np.sqrt(_AREA_DEG2) * 60 / scale_arcmin / 64)) * 64


def draw_field(scale, source, rng):
    """Return a field of at least 3 square degrees, and its convergence without the mean."""
    side = shape_of(scale)
    model = HaloModelField(z_source=source, pixel_scale=scale * u.arcmin, shape=(side, side))
    field = model.draw(rng)
    return field, field.kappa.data - field.kappa.data.mean()


def sums_of(prediction, truth):
    """Return the sums over a field from which all columns follow."""
    kappa = prediction.kappa.astype(float)
    error = kappa - truth
    high = kappa >= np.quantile(kappa, 1 - _HIGH)
    covered = [np.abs(error) <= prediction.half_widths[level] for level in (0.68, 0.95)]
    moments = np.array([[np.mean(a * b) for b in (kappa, truth)] for a in (kappa, truth)])
    return [
        *(one.mean() for one in covered), *(one[high].mean() for one in covered),
        truth[high].mean(), kappa[high].mean(), error.mean(), moments[0, 0] - kappa.mean() ** 2,
        moments[0, 1] - kappa.mean() * truth.mean(), moments[1, 1] - truth.mean() ** 2,
        np.mean(error**2),
    ]


def columns_of(sums, null):
    """Return the values of the columns from the mean sums of fields, and of maps of noise."""
    (one, two, high_one, high_two, truth, kappa, offset, map_power, cross, power, square) = sums
    return np.array([one, two, high_one, high_two, truth / kappa, offset, null,
                     cross / np.sqrt(map_power * power), np.sqrt(square / power)])


def observe_field(name, scale, source, corners, seed):
    """Return the sums of one field in all corners of its kind."""
    from lensmap.networks import as_network

    network = as_network(name)
    rng = np.random.default_rng(seed)
    field, truth = draw_field(scale, source, rng)
    result = []
    for n_per_pixel in corners:
        survey = MockSurvey(density=n_per_pixel / (scale * u.arcmin) ** 2, sigma_e=0.26)
        prediction = network.predict(survey.observe_grid(field, rng=rng))
        null = network.predict(survey.observe_grid(None, field.wcs, rng=rng)).kappa.mean()
        result.append((sums_of(prediction, truth), float(null)))
    return result


def judge(rows):
    """Return the values of the columns over fields and their jackknife errors."""
    sums = np.array([row[0] for row in rows])
    null = np.array([row[1] for row in rows])
    values = columns_of(sums.mean(axis=0), null.mean())
    n = len(rows)
    without = np.array([
        columns_of(np.delete(sums, i, axis=0).mean(axis=0), np.delete(null, i).mean())
        for i in range(n)
    ])
    return values, np.sqrt((n - 1) / n * np.sum((without - without.mean(axis=0)) ** 2, axis=0))


def measure(arguments):
    """Return the table of all corners."""
    table = []
    context = multiprocessing.get_context("spawn")
    with context.Pool(arguments.workers) as pool:
        for scale in arguments.pixels:
            corners = [n for n in arguments.per_pixel
                       if _DENSITIES[0] <= n / scale**2 <= _DENSITIES[1]]
            for number, text in enumerate(arguments.sources):
                rows = {n: [] for n in corners}
                for few in (False, True):
                    kind = [n for n in corners if n < 3 or not few]
                    if not kind:
                        continue
                    # Other series than those of reports: equal for all networks.
                    entropy = (series_seed(arguments.series), round(1000 * scale), number, few)
                    seeds = np.random.SeedSequence(entropy).spawn(arguments.fields)
                    task = partial(observe_field, arguments.network, scale, source_of(text), kind)
                    for result in pool.imap(task, seeds):
                        for n, row in zip(kind, result, strict=True):
                            rows[n].append(row)
                for n in corners:
                    values, errors = judge(rows[n])
                    table.append([scale, n, text, len(rows[n]), *np.ravel([values, errors], "F")])
                    print(f"{scale:g} arcmin, {n:g} galaxies a pixel, sources {text}: " + ", ".join(
                        f"{name} {value:.4f} +- {error:.4f}"
                        for name, value, error in zip(_COLUMNS, values, errors, strict=True)
                    ), flush=True)
    names = [name for column in _COLUMNS for name in (column, f"{column}_err")]
    return QTable(rows=table, names=["pixel", "per_pixel", "sources", "n_fields", *names])


def judged(table):
    """Yield the column, its goal, the allowed distance, and whether each corner is within it."""
    for column, goal, allowed in _GOALS:
        miss = np.abs(table[column] - goal) - 2 * table[f"{column}_err"]
        yield column, goal, allowed, miss <= allowed


def summary(table):
    """Return a line for each goal."""
    return [
        f"{column}: mean over corners {np.mean(table[column]):.4f}, from "
        f"{np.min(table[column]):.4f} to {np.max(table[column]):.4f}; {np.sum(within)} of "
        f"{len(table)} corners within {allowed:g} of {goal:g} and two standard errors"
        for column, goal, allowed, within in judged(table)
    ]


def write_text(table, path):
    """Write the summary as reStructuredText for the documentation."""
    rows = [("quantity", "goal", "mean", "lowest", "highest", "corners within the goal")]
    for column, goal, allowed, within in judged(table):
        values = table[column]
        digits = 4 if allowed < 0.01 else 2
        rows.append((_TITLES[column], f"{goal:g} +- {allowed:g}", *(
            f"{value:.{digits}f}" for value in (np.mean(values), np.min(values), np.max(values))
        ), f"{np.sum(within)} of {len(table)}"))
    lines = [".. list-table::", "   :header-rows: 1", "   :class: network-card", ""]
    for row in rows:
        lines += [f"   {'  ' if i else '* '}- {cell}" for i, cell in enumerate(row)]
    Path(path).write_text("\n".join([*lines, ""]), encoding="utf-8")


def main():
    """Print the table of corners, and whether the goals are met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("network", nargs="?", default="lensmap", help="a name, or a file (.h5)")
    add("--pixels", type=float, nargs="+", default=[0.2, 0.29, 0.41, 0.7, 1.0], help="arcmin")
    add("--per-pixel", type=float, nargs="+", default=[1.5, 3.0, 6.0, 12.0], help="galaxies")
    add("--sources", nargs="+", default=["0.6", "1.0", "2.0", "lsst_y10"])
    add("-n", "--fields", type=int, default=20,
        help="fields of a corner; twice as many below 3 galaxies a pixel (default 20)")
    add("--series", choices=("validation", "tuning"), default="validation")
    add("--workers", type=int, default=1)
    add("-o", "--output", help="also write the table to this file")
    add("--table", help="read the table from this file instead of measuring it")
    add("--text", help="also write a summary to this file, as reStructuredText")
    arguments = parser.parse_args()
    if arguments.table:
        table = QTable.read(arguments.table)
    else:
        table = measure(arguments)
    lines = summary(table)
    print("\n".join(lines))
    if arguments.output:
        table.write(arguments.output, overwrite=True)
    if arguments.text:
        write_text(table, arguments.text)


if __name__ == "__main__":
    main()
