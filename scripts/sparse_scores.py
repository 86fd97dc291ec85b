# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Compare MCALens and sparse maps with Wiener-filtered maps of the same simulated fields.

MCALens and the Wiener filter have the power spectrum that is measured on 50 other fields of the
kind. The default parameters were chosen on the series ``tuning``, the numbers in the documentation
are of the series ``validation``::

    python scripts/sparse_scores.py --z-source 1 2.5 --density 33 10 5 100
    python scripts/sparse_scores.py --series tuning -n 10 --thresholds 3 4 5
    python scripts/sparse_scores.py --time --shape 512

A halo of more than 1e14 solar masses without a more massive one within 3 arcmin counts as
detectable if the shear of the field without noise is above 5 times the noise in a starlet
coefficient within 1 arcmin. It is detected if the map has a peak within 2 arcmin. A peak is false
if no halo of more than 5e13 solar masses lies within 2 arcmin, and without structure if the shear
without noise is below 3 times the noise in all coefficients within 2 arcmin.
"""

import argparse
import time

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from scipy.ndimage import maximum_filter

from lensmap import WienerFilter
from lensmap.estimators import MCALens, SparseReconstructor
from lensmap.flatsky import ActiveStarlets, PeriodicShear, measure_power
from lensmap.scores import pearson_r, rmse
from lensmap.simulate import HaloModelField, MockSurvey
from lensmap.validation import series_seed

PIXEL = 0.41 * u.arcmin
SIDE = PIXEL.to_value(u.arcmin)

#: The lowest masses of halos whose peaks are true and of halos to be detected, in solar masses.
MASS, MIN_MASS = 5e13, 1e14

#: The radii of matches, of heights and of isolated halos in arcmin.
MATCH, HEIGHT, ISOLATION = 2.0, 1.0, 3.0

#: The lowest significance of a detectable halo, and of a peak with structure.
SIGNIFICANCE, STRUCTURE = 5.0, 3.0


def parse():
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("-n", "--fields", type=int, default=50, help="the number of fields")
    add("--power-fields", type=int, default=50, help="the number of fields for the power spectrum")
    add("--z-source", type=float, nargs="+", default=[1.0, 2.5])
    add("--density", type=float, nargs="+", default=[33.0], help="galaxies per square arcmin")
    add("--shape", type=int, default=256, help="the pixels along the side of a field")
    add("--series", choices=("validation", "tuning"), default="validation")
    add("--thresholds", type=float, nargs="+", default=[4.0], help="thresholds of MCALens")
    add("--sparse-thresholds", type=float, nargs="+", default=[5.3], help="those of sparse maps")
    add("--sparse-tolerances", type=float, nargs="+", default=[SparseReconstructor().tolerance])
    add("--time", action="store_true", help="print the CPU-seconds of one map and nothing else")
    add("--null", type=int, default=100, help="the number of null fields")
    return parser.parse_args()


def fields(sky, series, n):
    """Yield simulated fields with a seed each."""
    for seed in np.random.SeedSequence(series_seed(series)).spawn(n):
        yield sky.draw(np.random.default_rng(seed)), seed.spawn(1)[0]


def mean_about(kappa, x, y):
    """Return the mean of a map within 1 arcmin of a position (pixels)."""
    rows, columns = np.indices(kappa.shape)
    return kappa[np.hypot(columns - x, rows - y) * SIDE < HEIGHT].mean()


def true_significance(grid, gamma):
    """Return the highest significance of the noise-free shear over the scales, ``(ny, nx)``."""
    lensing = PeriodicShear(grid.shape, tuple(3 * n // 2 for n in grid.shape))
    starlets = ActiveStarlets(lensing, (1, 5))
    sigma = np.asarray(grid.sigma, dtype=float)
    good = np.isfinite(sigma)
    weight = np.where(good, (sigma[good].min() / np.where(good, sigma, 1)) ** 2, 0)
    noise = starlets.noise(np.where(good, (weight * np.where(good, sigma, 1)) ** 2, 0))
    field = lensing.field(lensing.adjoint(lensing.as_shear(gamma * weight)))
    ny, nx = grid.shape
    ratio = starlets.coefficients(field)[:, :ny, :nx] / noise
    return ratio.max(axis=0)


def peaks_of(kappa):
    """Return the positions and heights of the positive maxima within 5 pixels (2 arcmin)."""
    y, x = np.nonzero((kappa == maximum_filter(kappa, size=11)) & (kappa > 0))
    return x, y, kappa[y, x]


class Detections:
    """Detected halos and false peaks of a method over many fields."""

    def __init__(self):
        self.best, self.ratios, self.false, self.n_empty = [], [], [], []

    def add(self, kappa, truth, halos, detectable, significance):
        """Add the map of one field; ``halos`` are the positions of all true halos."""
        x, y, heights = peaks_of(kappa)
        near = np.hypot(x[:, None] - halos[0], y[:, None] - halos[1]) * SIDE < MATCH
        self.false.append(heights[~near.any(axis=1)])
        nearby = maximum_filter(significance, size=11)
        self.n_empty.append(np.count_nonzero(nearby[y, x] < STRUCTURE))
        for k in np.flatnonzero(detectable):
            matched = heights[near[:, k]]
            self.best.append(matched.max() if len(matched) else 0.0)
            at = halos[0][k], halos[1][k]
            self.ratios.append(mean_about(kappa, *at) / mean_about(truth, *at))

    def at_completeness(self, completeness):
        """Return the number of false peaks per field at a given completeness."""
        best = np.sort(self.best)[::-1]
        n = max(int(np.rint(completeness * len(best))), 1)
        return np.mean([np.sum(one >= best[n - 1]) for one in self.false])


def print_map_scores(name, values, reference):
    """Print r and RMSE of a method, and the differences from the Wiener filter."""
    r, error = np.transpose(values)
    r0, error0 = np.transpose(reference)
    ratio = np.sqrt(np.mean(error**2) / np.mean(error0**2))
    spread = np.std(error / error0, ddof=1) / np.sqrt(len(error))
    print(f"  {name:22s} r {r.mean():.4f} ({np.mean(r - r0):+.4f})  RMSE "
          f"{np.sqrt(np.mean(error**2)):.5f} ({ratio:.4f} +- {spread:.4f} of Wiener)", flush=True)


def print_detections(name, detections, wiener):
    """Print the heights and the numbers of detections of sparse maps."""
    best, ratios = np.array(detections.best), np.array(detections.ratios)
    found = best > 0
    if not found.any():
        print(f"  {name}: no detectable halo among {len(best)} is detected")
        return
    scatter = np.diff(np.percentile(ratios[found], [16, 84]))[0] / 2
    print(f"  {name}: {found.sum()} of {len(best)} detectable halos ({found.mean():.0%}), median "
          f"height {np.median(ratios[found]):.3f} of the truth (scatter {scatter:.2f}; Wiener "
          f"{np.median(np.array(wiener.ratios)[found]):.3f})")
    counts = [
        f"{part * found.mean():.0%}: {detections.at_completeness(part * found.mean()):.2f} "
        f"({wiener.at_completeness(part * found.mean()):.2f})" for part in (1.0, 0.9, 0.75, 0.5)
    ]
    print(f"    false peaks a field (Wiener) at a completeness of {', '.join(counts)}; peaks "
          f"without structure {np.mean(detections.n_empty):.2f}", flush=True)


def print_null_fields(name, survey, estimator, sky, options):
    """Print the fraction of null fields whose sparse map is 0."""
    wcs, zero = sky.draw(np.random.default_rng(0)).kappa.wcs, 0
    series = series_seed("null", int(options.series == "tuning"))
    for seed in np.random.SeedSequence(series).spawn(options.null):
        grid = survey.observe_grid(None, wcs, rng=np.random.default_rng(seed))
        zero += not estimator.reconstruct(grid).data.any()
    if options.null:
        print(f"  {name}: the map of {zero} of {options.null} null fields is 0", flush=True)


def make_estimators(power, options):
    """Return the estimators to compare."""
    fast = {"b_mode": False, "dtype": "float32"}
    estimators = {"Wiener": WienerFilter(power=power, dtype="float32")}
    for threshold in options.thresholds:
        estimators[f"MCALens {threshold:g}"] = MCALens(power=power, threshold=threshold, **fast)
    for threshold in options.sparse_thresholds:
        for tolerance in options.sparse_tolerances:
            estimators[f"sparse {threshold:g} {tolerance:g}"] = SparseReconstructor(
                threshold=threshold, tolerance=tolerance, **fast
            )
    return estimators


def compare(z_source, options):
    """Print the scores for one redshift."""
    sky = HaloModelField(
        z_source=z_source, shape=(options.shape, options.shape), pixel_scale=PIXEL
    )
    other = {"validation": "tuning", "tuning": "calibration"}[options.series]
    power = measure_power(
        (field.kappa.data for field, _ in fields(sky, other, options.power_fields)),
        PIXEL.to_value(u.rad),
    )[:2]
    estimators = make_estimators(power, options)
    for density in options.density:
        survey = MockSurvey(density=density / u.arcmin**2)
        values = {name: [] for name in estimators}
        detections = {name: Detections() for name in estimators}
        for field, seed in fields(sky, options.series, options.fields):
            truth = field.kappa.data - field.kappa.data.mean()
            grid = survey.observe_grid(field, rng=np.random.default_rng(seed))
            significance = true_significance(grid, field.gamma)
            halos, detectable = detectable_halos(field, significance)
            for name, estimator in estimators.items():
                kappa = np.asarray(estimator.reconstruct(grid).data, dtype=float)
                centered = kappa - kappa.mean()
                r = pearson_r(truth, centered) if centered.any() else 0.0
                values[name].append((r, rmse(truth, centered)))
                detections[name].add(kappa, truth, halos, detectable, significance)
        print(f"z_source {z_source:g}, {density:g} per arcmin2, {options.fields} fields")
        for name, one in values.items():
            print_map_scores(name, one, values["Wiener"])
        for name in estimators:
            if name.startswith("sparse"):
                print_detections(name, detections[name], detections["Wiener"])
                print_null_fields(name, survey, estimators[name], sky, options)


def detectable_halos(field, significance):
    """Return the pixels of halos within the field, and whether each is detectable."""
    halos = field.halos[field.halos["m200c"].to_value(u.solMass) >= MASS]
    x, y = field.kappa.wcs.world_to_pixel(SkyCoord(halos["ra"], halos["dec"]))
    ny, nx = significance.shape
    margin = 3
    inside = (x > margin) & (y > margin) & (x < nx - 1 - margin) & (y < ny - 1 - margin)
    x, y, mass = x[inside], y[inside], halos["m200c"].to_value(u.solMass)[inside]
    distance = np.hypot(x[:, None] - x, y[:, None] - y) * SIDE
    isolated = ~((distance < ISOLATION) & (mass > mass[:, None])).any(axis=1)
    value = maximum_filter(significance, size=5)[np.rint(y).astype(int), np.rint(x).astype(int)]
    return (x, y), isolated & (mass >= MIN_MASS) & (value > SIGNIFICANCE)


def print_times(options):
    """Print the CPU-seconds of maps of one field."""
    sky = HaloModelField(z_source=1.0, shape=(options.shape, options.shape), pixel_scale=PIXEL)
    field = sky.draw(np.random.default_rng(0))
    survey = MockSurvey(density=options.density[0] / u.arcmin**2)
    grid = survey.observe_grid(field, rng=np.random.default_rng(1))
    print(f"CPU-seconds for {options.shape} x {options.shape} pixels")
    for cls, prior in ((MCALens, {"z_source": 1.0}), (SparseReconstructor, {})):
        for b_mode in (False, True):
            for dtype in ("float32", "float64"):
                estimator = cls(**prior, b_mode=b_mode, dtype=dtype)
                estimator.reconstruct(grid)  # fills the caches of the theory and the kernels
                start = time.process_time()
                estimator.reconstruct(grid)
                seconds = time.process_time() - start
                print(f"  {cls.__name__}, {dtype}, {'with' if b_mode else 'without'} B-mode: "
                      f"{seconds:.1f}", flush=True)


def main():
    """Print the tables."""
    options = parse()
    if options.time:
        print_times(options)
        return
    for z_source in options.z_source:
        compare(z_source, options)


if __name__ == "__main__":
    main()
