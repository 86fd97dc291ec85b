# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Compare maximum-entropy maps with Wiener-filtered maps of the same simulated fields.

Both methods have the power spectrum that is measured on 50 other fields of the kind. The default
strength of `lensmap.MaximumEntropy` was chosen on the series ``tuning``, the numbers in the
documentation are of the series ``validation``::

    python scripts/maximum_entropy_scores.py --z-source 1 2.5 --density 33 5 10 100
    python scripts/maximum_entropy_scores.py --series tuning --strengths 0.06,0.5 0.14,0.5 0.3,0.7
"""

import argparse

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.stats import mad_std

from lensmap import MaximumEntropy, WienerFilter
from lensmap.estimators import make_estimator
from lensmap.flatsky import measure_power
from lensmap.scores import pearson_r, rmse
from lensmap.simulate import HaloModelField, MockSurvey
from lensmap.validation import series_seed

PIXEL = 0.41 * u.arcmin

#: The lowest mass of the halos whose peaks are measured, and the rings around them in arcmin.
MASS, RING = 1e14 * u.solMass, (3.0, 6.0)


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
    add("--strengths", nargs="+", default=["0.14,0.5"], metavar="EVENTS,FACTOR",
        help="event_density and power_factor")
    add("--also", action="append", default=[], metavar="METHOD",
        help="another method to compare, such as cnn; repeatable")
    add("--reduced-shear", action="store_true", help="use the likelihood of the reduced shear")
    add("--chi-square", type=int, default=0, metavar="N",
        help="compare chi square with the response of the fit on N fields, which is slow")
    return parser.parse_args()


def fields(sky, series, n):
    """Yield simulated fields with a seed each."""
    for seed in np.random.SeedSequence(series_seed(series)).spawn(n):
        yield sky.draw(np.random.default_rng(seed)), seed.spawn(1)[0]


def peaks(kappa, field):
    """Return the heights of the map at halos within the field, and the means of rings around."""
    halos = field.halos[field.halos["m200c"] >= MASS]
    positions = field.kappa.wcs.world_to_pixel(SkyCoord(halos["ra"], halos["dec"]))
    y, x = np.indices(kappa.shape)
    side = PIXEL.to_value(u.arcmin)
    heights, rings = [], []
    for x_halo, y_halo in zip(*positions, strict=True):
        radius = np.hypot(x - x_halo, y - y_halo) * side
        inside = radius < 1
        if inside.sum() < 12:
            continue
        heights.append(kappa[inside].mean())
        rings.append(kappa[(radius > RING[0]) & (radius < RING[1])].mean())
    return heights, rings


def scores(kappa, truth, field):
    """Return r, RMSE, heights of halos and means of rings of a map whose mean is 0."""
    kappa = kappa - kappa.mean()
    return (pearson_r(truth, kappa), rmse(truth, kappa), *peaks(kappa, field))


def summary(name, values, reference):
    """Print the mean scores of a method, and the differences from the reference."""
    r, error = (np.array([one[i] for one in values]) for i in (0, 1))
    r0, error0 = (np.array([one[i] for one in reference]) for i in (0, 1))
    heights, rings, heights0, true = (
        np.concatenate([one[i] for one in group])
        for group, i in ((values, 2), (values, 3), (reference, 2), (values, 4))
    )
    print(f"  {name:22s} r {r.mean():.4f} ({np.mean(r - r0):+.4f} +- "
          f"{np.std(r - r0, ddof=1) / np.sqrt(len(r)):.4f})  RMSE {np.sqrt(np.mean(error**2)):.5f} "
          f"({np.sqrt(np.mean(error**2) / np.mean(error0**2)):.4f})  halos {heights.mean():.4f} "
          f"({np.mean(heights) / np.mean(true):.2f} of the truth, "
          f"{np.mean(heights) / np.mean(heights0):.2f} of Wiener)  rings {rings.mean():+.5f} +- "
          f"{mad_std(rings) / np.sqrt(len(rings)):.5f}", flush=True)


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
    estimators = {"Wiener": WienerFilter(power=power, dtype="float32")}
    for text in options.strengths:
        events, factor = map(float, text.split(","))
        estimators[f"entropy {text}"] = MaximumEntropy(
            power=power, event_density=events, power_factor=factor, b_mode=False, dtype="float32",
            reduced_shear=options.reduced_shear,
        )
    estimators |= {name: make_estimator(name) for name in options.also}
    for density in options.density:
        survey = MockSurvey(density=density / u.arcmin**2)
        values = {name: [] for name in estimators}
        excess = []
        for field, seed in fields(sky, options.series, options.fields):
            truth = field.kappa.data
            grid = survey.observe_grid(field, rng=np.random.default_rng(seed))
            true = peaks(truth - truth.mean(), field)[0]
            for name, estimator in estimators.items():
                kappa = estimator.reconstruct(grid)
                values[name].append((*scores(kappa.data, truth, field), true))
                if name.startswith("entropy") and len(excess) < options.chi_square:
                    excess.append(chi_square_excess(estimator, grid, field))
        print(f"z_source {z_source:g}, {density:g} per arcmin2, {options.fields} fields")
        for name, one in values.items():
            summary(name, one, values["Wiener"])
        if excess:
            print(f"  chi square a datum - (1 - tr R / N): {np.mean(excess):+.4f} +- "
                  f"{np.std(excess) / np.sqrt(len(excess)):.4f}", flush=True)


def chi_square_excess(estimator, grid, field):
    """Return chi square a datum minus what follows from the response, less that of the noise."""
    rng = np.random.default_rng(1)
    state = estimator.replace(tolerance=1e-11, dtype="float64").prepare(grid, None)
    good = grid.sum_w > 0
    sigma = np.where(good, grid.sigma, 0.0)
    white = rng.normal(size=grid.shape) + 1j * rng.normal(size=grid.shape)
    shear, step = np.asarray(grid.shear), 0.02
    best, plus, minus = state.solver.solve(
        shear, shear + step * sigma * white, shear - step * sigma * white
    )
    change = (plus.gamma - minus.gamma)[good] / (2 * step * sigma[good])
    n = 2 * np.count_nonzero(good)
    trace = np.sum((np.conj(white[good]) * change).real)
    reduced = field.gamma / (1 - field.kappa.data)
    noise = (shear - reduced)[good] / sigma[good]
    return best.chi_square / n - (1 - trace / n) - (np.sum(np.abs(noise) ** 2) / n - 1)


def main():
    """Print the tables."""
    options = parse()
    for z_source in options.z_source:
        compare(z_source, options)


if __name__ == "__main__":
    main()
