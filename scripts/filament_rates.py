# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Compare four ways to find the filament arms of mocks of Coma: detection and false rates.

Each mock (`ClusterField.preset("coma", background=True)`, 38 galaxies per square arcmin at redshift
1) is observed with its three arms and without, with the same large-scale structure and galaxies. A
test of a direction scores each arm in both fields::

    python scripts/filament_rates.py measure scores.npz --mocks 50 --processes 2
    python scripts/filament_rates.py report scores.npz --table rates.txt --curves rates.ecsv

The tests, each at the direction of the arm, as if it were known, and with its highest
score within 15 deg of it:

* ``matched filter``: the significance of `lensmap.filaments.matched_filter`, 25 to 95 arcmin;
* ``shear peaks``: the number of peaks of `lensmap.filaments.shear_peak_statistic`;
* ``azimuthal excess``: the excess of the Wiener-filtered map, 28 to 90 arcmin, as
  `lensmap.validation` measures it;
* ``persistence``: the fraction of the length of a direction with a path of
  `lensmap.filaments.find_filaments` (threshold 2) within 8 arcmin, on the same map.

Scores of shear peaks and of the azimuthal excess are in units of their scatter in the other fields
without arms.
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Table

from lensmap import ShearGrid, WienerFilter
from lensmap.filaments import find_filaments, matched_filter, shear_peak_statistic
from lensmap.profiles import azimuthal_profile
from lensmap.simulate import ClusterField, MockSurvey
from lensmap.validation import series_seed

RADII, RING = [25, 95] * u.arcmin, [28, 90] * u.arcmin
N_DIRECTIONS, WIDTH = 72, 4.0
MAX_ANGLES, MAX_DISTANCE = (0.0, 15.0), 8.0
Z_LENS, Z_SOURCE = 0.0231, 1.0
TESTS = ("matched filter", "shear peaks", "azimuthal excess", "persistence")
TITLES = ("at the direction of the arm", "the highest within 15 deg of the arm")

_models = None


def parse():
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    measure = commands.add_parser("measure", help="measure mocks, and write their scores")
    measure.add_argument("scores")
    measure.add_argument("--mocks", type=int, default=50)
    measure.add_argument("--processes", type=int, default=1)
    report = commands.add_parser("report", help="print the rates")
    report.add_argument("scores")
    report.add_argument("--table", help="write the table of rates to this file")
    report.add_argument("--curves", help="write the curves of the rates to this table")
    return parser.parse_args()


def models():
    """Return the models of Coma with its arms and without, made once for each process."""
    global _models
    if _models is None:
        _models = (ClusterField.preset("coma", background=True),
                   ClusterField.preset("coma", background=True, filaments=()))
    return _models


def measure_mock(seed):
    """Return the measurements of one mock, with arms and without, by name."""
    structure, galaxies = seed.spawn(2)
    survey = MockSurvey.preset("cha2025", density=38 / u.arcmin**2)
    wiener = WienerFilter(z_source=Z_SOURCE, dtype="float32")
    values = {}
    for model in models():
        center = model.center
        field = model.draw(np.random.default_rng(structure))
        catalog = survey.observe(field, rng=np.random.default_rng(galaxies))
        scan = matched_filter(catalog, center, RADII, z_lens=Z_LENS, z_source=Z_SOURCE,
                              n_directions=N_DIRECTIONS)
        peaks = shear_peak_statistic(scan, n_skies=2)["n_peaks"]
        kappa = wiener.reconstruct(ShearGrid.from_catalog(catalog, field.wcs))
        excess = azimuthal_profile(kappa, center, RING, n_bins=N_DIRECTIONS, width=WIDTH)["kappa"]
        shares = arm_shares(find_filaments(kappa, 2.0).paths, center)
        for name, value in (
            *((name, scan.table[name]) for name in (
                "kappa0", "kappa0_err", "snr", "snr_cross", "false_probability")),
            ("peaks", peaks), ("excess", excess), ("shares", shares),
        ):
            values.setdefault(name, []).append(np.asarray(value, dtype=float))
    return {name: np.array(pair) for name, pair in values.items()}


def arm_shares(paths, center):
    """Return the fraction of a straight line in each direction that has a path nearby."""
    rings = np.linspace(*RING.to_value(u.arcmin), 13)
    angles = np.arange(N_DIRECTIONS) * (2 * np.pi / N_DIRECTIONS)
    shares = np.zeros(N_DIRECTIONS)
    if not paths:
        return shares
    distance = np.concatenate([center.separation(path).arcmin for path in paths])
    direction = np.concatenate([center.position_angle(path).rad for path in paths])
    for i, angle in enumerate(angles):
        near = np.abs(distance * np.sin(direction - angle)) < MAX_DISTANCE
        along = distance * np.cos(direction - angle)
        shares[i] = np.mean(np.histogram(along[near], rings)[0] > 0)
    return shares


def measure(options):
    """Measure the mocks that are missing, and write the arrays ``(n_mocks, 2, n_directions)``."""
    seeds = np.random.SeedSequence(series_seed("validation", 28)).spawn(options.mocks)
    records, start = [], time.time()
    if Path(options.scores).exists():
        with np.load(options.scores) as file:
            arrays = {name: file[name] for name in file.files}
        records = [dict(zip(arrays, row, strict=True))
                   for row in zip(*arrays.values(), strict=True)]
    with ProcessPoolExecutor(options.processes) as pool:
        for record in pool.map(measure_mock, seeds[len(records) :]):
            records.append(record)
            print(f"{len(records)} mocks after {time.time() - start:.0f} s", flush=True)
            np.savez(options.scores, **{
                name: np.array([one[name] for one in records]) for name in record
            })


def standardized(values):
    """Return values in units of their scatter in the other fields without arms."""
    values = values - values.mean(axis=-1, keepdims=True)
    result = np.empty_like(values)
    for i in range(len(values)):
        others = np.delete(values[:, 1], i, axis=0)
        result[i] = (values[i] - others.mean(axis=0)) / np.sqrt(
            np.mean(np.var(others, axis=0, ddof=1)))
    return result


def arm_angles():
    """Return the position angles of the arms in degrees."""
    return np.array([arm.angle.to_value(u.deg)
                     for arm in ClusterField.preset("coma").filaments])


def scores_at_arms(records, max_angle):
    """Return the score of each test at each arm, ``(n_mocks, 2, n_arms)``, by name.

    The score is the highest one within ``max_angle`` (degrees) of the arm.
    """
    by_direction = {
        "matched filter": records["snr"], "shear peaks": standardized(records["peaks"]),
        "azimuthal excess": standardized(records["excess"]), "persistence": records["shares"],
    }
    directions = np.arange(N_DIRECTIONS) * (360 / N_DIRECTIONS)
    scores = {}
    for name, values in by_direction.items():
        at_arms = []
        for angle in arm_angles():
            offset = np.abs((directions - angle + 180) % 360 - 180)
            at_arms.append(values[..., offset <= max_angle].max(axis=-1))
        scores[name] = np.stack(at_arms, axis=-1)
    return scores


def rates(scores):
    """Return the false rates and the detection rates at all thresholds, the highest first."""
    thresholds = np.unique(scores)[::-1]
    false, found = ((scores[:, i, :, np.newaxis] >= thresholds).mean(axis=(0, 1)) for i in (1, 0))
    return np.concatenate([[0], false, [1]]), np.concatenate([[0], found, [1]])


def rate_at(scores, false_rate, arms=slice(None)):
    """Return the detection rate at a false rate, interpolated between thresholds."""
    return float(np.interp(false_rate, *rates(scores[:, :, arms])))


def area(scores):
    """Return the area under the curve of detection rate against false rate."""
    false, found = rates(scores)
    return float(np.trapezoid(found, false))


def with_error(function, scores, *arguments, n_samples=200):
    """Return a function of the scores, and its error from bootstrap samples of the mocks."""
    rng = np.random.default_rng(0)
    samples = [function(scores[rng.integers(len(scores), size=len(scores))], *arguments)
               for _ in range(n_samples)]
    return function(scores, *arguments), float(np.std(samples))


def report(options):
    """Print the rates, and write the table and the figure."""
    with np.load(options.scores) as file:
        records = {name: file[name] for name in file.files}
    scores = {angle: scores_at_arms(records, angle) for angle in MAX_ANGLES}
    lines = [f"{len(records['snr'])} mocks of Coma with 3 arms, and the same without",
             f"{'':18s}{'found at a false rate of 5 %':>42s}{'of 10 %':>15s}{'area':>15s}",
             f"{'test':18s}{'all arms':>14s}{'strong arm':>14s}{'weak arms':>14s}"
             f"{'all arms':>15s}{'of the curve':>15s}"]
    for angle, title in zip(MAX_ANGLES, TITLES, strict=True):
        lines += ["", title]
        lines += [line_of(name, scores[angle][name]) for name in TESTS]
    lines += ["", *filter_lines(records)]
    print("\n".join(lines))
    if options.table:
        with open(options.table, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    if options.curves:
        curves_of(scores).write(options.curves, overwrite=True)


def curves_of(scores):
    """Return the detection rates of all tests at false rates from 0 to 1, as a table."""
    false = np.linspace(0, 1, 51)
    table = Table({"false": false})
    for angle in MAX_ANGLES:
        for name in TESTS:
            found = np.interp(false, *rates(scores[angle][name]))
            table[f"{name}, {angle:g} deg"] = np.round(found, 3)
    return table


def line_of(name, scores):
    """Return the rates of a test as a line of the table."""
    columns = [with_error(rate_at, scores, 0.05, arms)
               for arms in (slice(None), slice(0, 1), slice(1, None))]
    columns += [with_error(rate_at, scores, 0.1), with_error(area, scores)]
    return f"{name:18s}" + "".join(
        f"{f'{value:.2f} +- {error:.2f}':>{width}s}"
        for (value, error), width in zip(columns, (14, 14, 14, 15, 15), strict=True))


def filter_lines(records):
    """Return what the matched filter measures: amplitudes, scatter and global probabilities."""
    directions = np.arange(N_DIRECTIONS) * (360 / N_DIRECTIONS)
    at_arm = [int(np.argmin(np.abs(directions - angle))) for angle in arm_angles()]
    n = len(records["snr"])
    difference = (records["kappa0"][:, 0] - records["kappa0"][:, 1])[:, at_arm]
    lines = ["matched filter:",
             "kappa0 at the arms: " + ", ".join(
                 f"{angle:g} deg {value:.5f} +- {error:.5f}" for angle, value, error in zip(
                     arm_angles(), difference.mean(axis=0),
                     difference.std(axis=0, ddof=1) / np.sqrt(n), strict=True))
             + " (with arms - without)",
             f"kappa0_err {records['kappa0_err'].mean():.5f}",
             "without arms, standard deviation of snr "
             f"{records['snr'][:, 1].std():.3f}, of snr_cross "
             f"{records['snr_cross'][:, 1].std():.3f}"]
    for limit in (0.3, 0.1, 0.05):
        above = [(records["false_probability"][:, i].min(axis=-1) <= limit).mean() for i in (0, 1)]
        lines.append(f"fields with a direction below the false probability {limit:g}: "
                     f"{above[0]:.2f} with arms, {above[1]:.2f} without")
    return lines


def main():
    """Run a command."""
    options = parse()
    {"measure": measure, "report": report}[options.command](options)


if __name__ == "__main__":
    main()
