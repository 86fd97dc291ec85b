"""
Score methods on simulated skies, with errors from field to field::

    python scripts/compare_methods.py -n 50 --z-source 1 --methods ks150,ks,wiener,lensmap
    python scripts/compare_methods.py -n 1000 --null --methods ks,wiener,lensmap

The survey is that of Cha et al. 2025: 33 galaxies per square arcminute, sigma_e = 0.24 and errors
as HSC's, fields of 512 x 512 pixels of 0.41 arcmin. ``ks150`` is Kaiser-Squires at 150 arcsec, the
baseline of that paper; ``ks`` and ``wiener`` are tuned on other fields of the same set-up;
``wiener-means`` is the same filter of the mean shears alone, which are what the networks of the
papers are fed with: it is not told how many galaxies a pixel has. The others are networks, or files
of weights (.h5) of networks of your own.
"""

import argparse
from dataclasses import replace
from functools import partial

import numpy as np
from astropy import units as u

import lensmap
from lensmap.validation import (
    ValidationSetup,
    compare,
    contrast,
    coverage_in_bins,
    distance_to_mask,
    pool_coverage,
    summarize,
    tune_linear,
)

LINEAR = ("ks150", "ks", "wiener", "wiener-means")
NETWORKS = ("lensmap", "cha2025", "h21like")
AT_95 = " 95%"  # the same map, with the errors of the other interval
DISTANCES = (0, 1, 2, 4, 8, 16, np.inf) * u.arcmin

# The columns that are printed: heading, name, how many decimals, whether it has an error.
SCORES = (
    ("r", "pearson_r", 4, True),
    ("RMSE", "rmse", 5, True),
    ("L", "loss", 1, True),
    ("L (H21)", "loss_h21", 1, True),
    ("slope", "slope", 3, True),
    ("t/p above", "ratio_above", 3, True),
    ("slope above", "slope_above", 3, True),
    ("TLS", "tls_slope", 3, True),
    ("TLS of r", "tls_slope_of_r", 3, False),
    ("in 68%", "coverage_68", 3, True),
    ("in 95%", "coverage_95", 3, True),
    ("68% above", "coverage_68_above", 3, True),
    ("s/map", "seconds", 3, False),
)
NULL_SCORES = (
    ("least", "kappa_min", 3, False),
    ("0.1%", "kappa_low", 4, True),
    ("mean", "mean", 5, True),
    ("rms", "rms", 4, True),
    ("99.9%", "kappa_high", 4, True),
    ("largest", "kappa_max", 3, False),
    ("skewness", "skewness", 3, True),
    *((f"S/N>{k}", f"peaks_{k}", 3, True) for k in (3, 4, 5)),
    *((f"peaks>.{k}", f"peaks_k{k}", 3, True) for k in ("02", "05", "10")),
    ("s/map", "seconds", 3, False),
)


def parse_arguments():
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    add = parser.add_argument
    add("-n", type=int, default=50, help="fields (default %(default)s)")
    add("--z-source", type=float, default=1.0, help="source redshift (default %(default)s)")
    add("--methods", default=",".join(LINEAR[:3]),
        help=f"of {','.join(LINEAR + NETWORKS)} and files of weights (default %(default)s)")
    add("--resolution", choices=["massivenus"], help="imitate that of a simulation")
    add("--mask-fraction", type=float, default=0.0, help="how much of each field is masked")
    add("--density", type=float, default=33.0, help="galaxies per arcmin2 (default %(default)s)")
    add("--size", type=int, default=512, help="pixels on a side (default %(default)s)")
    add("--above", type=float, default=0.1, help="high predictions (default %(default)s)")
    add("--null", action="store_true", help="skies without lensing")
    add("--errors", action="store_true",
        help="with errors about the truth where a method has them, and their coverage")
    add("--tuning", type=int, default=8, help="fields to tune on (default %(default)s)")
    add("--seed", type=int, default=0, help="which series of fields (default %(default)s)")
    add("--workers", type=int, help="processes that draw fields (default: one for each core)")
    add("--output", help="write the scores of all fields to this table, such as scores.ecsv")
    arguments = parser.parse_args()
    arguments.methods = arguments.methods.split(",")
    for method in arguments.methods:
        if method not in LINEAR + NETWORKS and not method.endswith(".h5"):
            parser.error(f"there is no method {method!r}; there are {', '.join(LINEAR + NETWORKS)}")
    return parser, arguments


def network(name, errors):
    """Return the estimators of a network: one, or one for each of the intervals that it gives."""
    if not hasattr(lensmap, "CNNReconstructor"):
        raise ImportError(f"{name!r} needs CNNReconstructor, which this lensmap does not have")
    from lensmap.networks import as_network  # TensorFlow, only if there is a network

    loaded = as_network(name)
    estimator = lensmap.CNNReconstructor(network=loaded)
    if not (errors and loaded.predicts_errors):
        return {name: estimator}
    estimator = estimator.replace(uncertainty="network")
    return {name: estimator, f"{name}{AT_95}": estimator.replace(confidence=0.95)}


def make_estimators(arguments, setup):
    """Return the estimators by name, those that cannot be made left out with a message."""
    estimators, rivals = {}, None
    for method in arguments.methods:
        if method not in LINEAR:
            try:
                estimators |= network(method, arguments.errors)
            except (ImportError, OSError, ValueError) as error:
                print(f"left out: {error}")
            continue
        if method == "ks150":
            estimators[method] = lensmap.KaiserSquires(smoothing=150 * u.arcsec, dtype="float32")
            continue
        if rivals is None:
            rivals = tune_linear(
                setup, arguments.tuning, seed=arguments.seed, workers=arguments.workers
            )
            print(f"tuned on {arguments.tuning} other fields:")
            rivals.scores["rmse"].info.format = ".5f"
            rivals.scores["pearson_r"].info.format = ".4f"
            print("\n".join(rivals.scores.pformat(max_lines=-1)), "\n")
        if method == "wiener-means":
            estimators[method] = OfMeans(rivals.wiener)
            continue
        estimators[method] = rivals.kaiser_squires if method == "ks" else rivals.wiener
        if method == "wiener" and arguments.errors:
            # Each realisation gives two samples of the posterior.
            estimators[method] = rivals.wiener.replace(uncertainty="posterior", n_realizations=15)
    return estimators


class OfMeans:
    """An estimator that is given the mean of each pixel, but not how many galaxies it is of."""

    def __init__(self, estimator):
        self.estimator = estimator

    def __repr__(self):
        return f"{self.estimator!r} of means"

    def reconstruct(self, grid):
        """Map a grid whose pixels with galaxies all have the same noise."""
        there = grid.sum_w > 0
        sum_w = np.where(there, grid.sum_w, 1.0)
        noise = np.where(there, np.mean(grid.sigma[there] ** 2), 0.0)
        return self.estimator.reconstruct(replace(
            grid, sum_we=grid.sum_we / sum_w, sum_w=there.astype(float), sum_w2v_e=noise,
            sum_w2v_m=np.zeros_like(noise),
        ))


class CoverageTables:
    """The coverage in bins, collected while fields go by."""

    def __init__(self, setup):
        self.setup, self.by_kappa, self.by_distance = setup, {}, {}

    def __call__(self, number, observation, maps):
        """Measure the maps of a field."""
        distance = distance_to_mask(observation.grid.mask, self.setup.pixel_scale)
        for name, kappa in maps.items():
            if kappa.uncertainty is None or kappa.meta.get("uncertainty") == "noise":
                continue
            measure = partial(coverage_in_bins, observation.truth, kappa.data,
                              kappa.uncertainty.array, kappa.mask)
            self.by_kappa.setdefault(name, []).append(measure())
            self.by_distance.setdefault(name, []).append(
                measure(by=distance, edges=DISTANCES)
            )

    def show(self):
        """Print the tables."""
        for what, tables in (("predicted kappa", self.by_kappa),
                             ("distance to the mask or the edge", self.by_distance)):
            for name, parts in tables.items():
                pooled = pool_coverage(parts)
                for column in pooled.colnames[3:]:
                    pooled[column].info.format = ".4f"
                print(f"\n{name}: coverage of its error by {what}")
                print("\n".join(pooled.pformat(max_lines=-1, max_width=-1)))


def cell(row, name, decimals, with_error):
    """Return a number with its error as text."""
    value = float(getattr(row[name], "value", row[name]))
    if np.isnan(value):
        return "-"
    text = f"{value:.{decimals}f}"
    if with_error:
        error = row[f"{name}_err"]
        error = float(getattr(error, "value", error))
        text += " +- ?" if np.isnan(error) else f" +- {error:.{decimals}f}"
    return text


def show(summary, columns):
    """Print a row for each number and a column for each method."""
    lines = [["", *summary["estimator"]]]
    for heading, name, decimals, with_error in columns:
        lines.append([heading, *(cell(row, name, decimals, with_error) for row in summary)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)))


def show_contrasts(scores, names):
    """Print each network against the better linear method, metric by metric."""
    linear = [name for name in names if name in LINEAR]
    if not linear:
        return
    summary = summarize(scores)
    summary.add_index("estimator")
    for name in names:
        if name in LINEAR or name.endswith(AT_95):
            continue
        print(f"\n{name} against the best of {', '.join(linear)}, paired by field "
              "(difference; its significance; mean ratio; ratio of sums)")
        for metric in ("pearson_r", "rmse", "loss", "loss_h21"):
            best = max if metric == "pearson_r" else min
            reference = best(linear, key=lambda other: summary.loc[other][metric])
            row = contrast(scores, name, reference, [metric])[0]
            digits = 1 if metric.startswith("loss") else 5
            print(f"{metric:>10s} - {reference:7s}"
                  f"{row['difference']:+.{digits}f} +- {row['difference_err']:.{digits}f}"
                  f"  {row['significance']:+6.1f} sigma"
                  f"  {row['mean_ratio']:.4f} +- {row['mean_ratio_err']:.4f}"
                  f"  {row['ratio_of_sums']:.4f} +- {row['ratio_of_sums_err']:.4f}")


def main():
    """Compare the methods and print the tables."""
    parser, arguments = parse_arguments()
    try:
        setup = ValidationSetup(
            z_source=arguments.z_source,
            density=arguments.density / u.arcmin**2,
            shape=(arguments.size, arguments.size),
            resolution=arguments.resolution,
            mask_fraction=arguments.mask_fraction,
            null=arguments.null,
        )
        estimators = make_estimators(arguments, setup)
    except ValueError as error:
        parser.error(str(error))
    if not estimators:
        parser.error("none of the methods can be had")
    tables = CoverageTables(setup) if arguments.errors and not arguments.null else None
    scores = compare(
        estimators, setup, arguments.n, seed=arguments.seed, above=arguments.above,
        workers=arguments.workers, progress=True, visit=tables,
    )
    if arguments.output:
        scores.write(arguments.output, overwrite=True)
    print(f"\n{arguments.n} fields" + (" without lensing" if arguments.null else "")
          + f", z_s = {arguments.z_source:g}, seed {arguments.seed}; "
          f"above: prediction > {arguments.above:g}; peaks per deg2\n")
    show(summarize(scores), NULL_SCORES if arguments.null else SCORES)
    if not arguments.null:
        show_contrasts(scores, list(estimators))
    if tables is not None:
        tables.show()


if __name__ == "__main__":
    main()
