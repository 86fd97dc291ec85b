# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Measure maps of catalogs that lack noise columns, redshifts or responses, for the documentation.

    python scripts/catalog_robustness.py                      # all sections
    python scripts/catalog_robustness.py --only noise -n 4    # one section, with 4 fields

Each section is a function that takes the number of simulated fields and prints its tables.
"""

import argparse
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from sheared_catalogs import metadetection

from lensmap import (
    CNNReconstructor,
    HaloModelField,
    KaiserSquires,
    MockSurvey,
    ShearCatalog,
    ShearGrid,
    WienerFilter,
)
from lensmap.flatsky import measure_power
from lensmap.grid import tangent_wcs
from lensmap.scores import mean_and_error, pearson_r
from lensmap.simulate import random_mask, resolution_transfer

Z_SOURCE, DENSITY = 1.0, 30 / u.arcmin**2
SMOOTHINGS = [1.0, 1.5, 2.0, 3.0, 4.0] * u.arcmin


# --- noise that no column states ----------------------------------------------------------------


class Galaxies(NamedTuple):
    """The noise of the ellipticities per component, and what a survey says of it."""

    sigma: np.ndarray
    weight: np.ndarray
    response: np.ndarray | float = 1.0  #: of the ellipticity to the reduced shear
    kind: str = "shear"
    columns: dict = {}


def inverse_variance(rng, x):
    """Draw noise over a factor of 5, with weights of the inverse variance."""
    sigma = 0.1 * 5 ** rng.random(len(x))
    return Galaxies(sigma, sigma**-2)


def lensfit(rng, x):
    """Draw weights as those of lensfit (Miller et al. 2013, MNRAS 429, 2858, eq. 8)."""
    intrinsic, largest = 0.255, 0.804
    error = np.minimum(0.12 * rng.lognormal(0, 0.7, len(x)), 0.5)
    weight = 1 / (error**2 * largest**2 / (largest**2 - 2 * error**2) + intrinsic**2)
    return Galaxies(np.hypot(intrinsic, error), weight)


def hsc(rng, x):
    """Draw distortions with the weights of HSC (Mandelbaum et al. 2018, PASJ 70, S25)."""
    rms, m = 0.36 + 0.06 * rng.random(len(x)), -0.1
    error = np.minimum(0.1 * rng.lognormal(0, 0.7, len(x)), 0.5)
    responsivity = 1 - np.average(rms**2, weights=1 / (rms**2 + error**2))
    return Galaxies(
        np.hypot(rms, error), 1 / (rms**2 + error**2), 2 * responsivity * (1 + m), "distortion",
        {"m": np.full(len(x), m)},
    )


def metacal(rng, x):
    """Draw responses and noise, with weights of the inverse variance of the shear."""
    sigma, response = rng.uniform(0.2, 0.5, len(x)), rng.uniform(0.3, 0.9, len(x))
    weight = (response / sigma) ** 2
    return Galaxies(sigma, weight, response, columns={"r11": response, "r22": response})


def constant(rng, x):
    """Draw noise of which constant weights say nothing."""
    return Galaxies(rng.uniform(0.15, 0.45, len(x)), np.ones(len(x)))


def varying_depth(rng, x):
    """Draw noise that doubles from one side of the field to the other, and its weights."""
    sigma = np.hypot(0.25, 0.1 * 4**x * 2 ** rng.random(len(x)))
    return Galaxies(sigma, sigma**-2)


SURVEYS = {
    "1 / sigma^2, factor of 5": inverse_variance,
    "as lensfit": lensfit,
    "HSC distortions": hsc,
    "(R / sigma)^2": metacal,
    "constant": constant,
    "1 / sigma^2, by place": varying_depth,
}


def shear_catalog(galaxies, ra, dec, e, given):
    """Return the catalog, with the noise in a column if it is given."""
    columns = {"ra": ra, "dec": dec, "e1": e.real, "e2": e.imag, "weight": galaxies.weight}
    columns |= galaxies.columns
    response = None
    if galaxies.kind == "distortion":
        response = galaxies.response / (1 + galaxies.columns["m"][0])
    if given:
        columns["sigma_e"] = galaxies.sigma
    return ShearCatalog(columns, "generic", "celestial", galaxies.kind, response=response,
                        max_ellipticity=np.inf)


def worst_decile(galaxies, rng):
    """Return the error of the noise map in the worst decile of weight, and of one dispersion.

    The galaxies of each decile fill a part of a map of their own, with the noise that is measured
    on all galaxies.
    """
    n = len(galaxies.sigma)
    e = galaxies.sigma * (rng.standard_normal(n) + 1j * rng.standard_normal(n))
    order = np.argsort(galaxies.weight, kind="stable")
    decile = np.empty(n, dtype=int)
    decile[order] = np.arange(n) * 10 // n
    wcs = tangent_wcs(SkyCoord(10 * u.deg, 0 * u.deg), (5, 10), 1 * u.arcmin)
    sky = wcs.pixel_to_world(decile + rng.uniform(-0.4, 0.4, n), rng.uniform(-0.4, 4.4, n))
    truth, measured = (
        ShearGrid.from_catalog(shear_catalog(galaxies, sky.ra.deg, sky.dec.deg, e, given), wcs)
        for given in (True, False)
    )
    one = measured.calibration.noise_squares()[0] * measured.calibration.gain**2
    totals = (np.sum(noise, axis=0) for noise in (measured.noise_sum, one * measured.sum_w2))
    return [np.abs(np.sqrt(total / truth.noise_sum.sum(axis=0)) - 1).max() for total in totals]


def noise_maps(n_galaxies=(2_000, 20_000, 200_000), n_draws=5):
    """Print how far the noise map is from the truth in the worst decile of weight."""
    print(f"noise map, worst decile of weight, mean of {n_draws} draws; in brackets one dispersion")
    print(f"{'weights':28s}" + "".join(f"{n:>12d} galaxies" for n in n_galaxies))
    for name, draw in SURVEYS.items():
        if draw is constant:
            continue  # its deciles are no different
        line = f"{name:28s}"
        for n in n_galaxies:
            errors = []
            for seed in range(n_draws):
                rng = np.random.default_rng(seed)
                errors.append(worst_decile(draw(rng, rng.random(n)), rng))
            found, one = np.mean(errors, axis=0)
            line += f"{found:12.1%} ({one:5.0%}) "
        print(line)
    allowed = "".join(f"{0.03 + np.sqrt(10 / n):12.1%}" + 9 * " " for n in n_galaxies)
    print(f"{'3 % + 1 / sqrt(N)':28s}{allowed}\n", flush=True)


def correlations(draw, n_fields):
    """Return the correlation with the truth by estimator, ``(n_fields, 3)`` each.

    The three columns are for the noise of each galaxy in a column, for noise that is measured as a
    function of the weight, and for one dispersion.
    """
    sky = HaloModelField(z_source=Z_SOURCE, shape=(256, 256), pixel_scale=0.5 * u.arcmin)
    survey = MockSurvey(density=DENSITY, sigma_e=0.01, measurement_error=0.0)
    estimators = {
        **{f"KS {angle:g}": KaiserSquires(smoothing=angle) for angle in SMOOTHINGS},
        "Wiener": WienerFilter(z_source=Z_SOURCE, dtype="float32"),
        "lensmap": CNNReconstructor(),
    }
    scores = {name: np.zeros((n_fields, 3)) for name in estimators}
    for i in range(n_fields):
        field = sky.draw(rng=100 + i)
        true = survey.observe(field, rng=200 + i)
        rng = np.random.default_rng(300 + i)
        x, _ = field.wcs.world_to_pixel(true.skycoord)
        galaxies = draw(rng, x / 256)
        n = len(true)
        e = galaxies.response * (true["g1_true"] + 1j * true["g2_true"])
        e += galaxies.sigma * (rng.standard_normal(n) + 1j * rng.standard_normal(n))
        given, measured = (
            shear_catalog(galaxies, true.ra, true.dec, e, known) for known in (True, False)
        )
        one = float(np.sqrt(ShearGrid.from_catalog(measured, field.wcs)
                            .calibration.noise_squares()[0]))
        for name, estimator in estimators.items():
            cases = ((given, None), (measured, None), (measured, one))
            if name.startswith("KS"):  # it does not depend on the noise
                cases = cases[:1]
            for k, (catalog, sigma_e) in enumerate(cases):
                kappa = estimator.replace(sigma_e=sigma_e).reconstruct(catalog, field.wcs)
                mask = kappa.mask | field.kappa.mask
                scores[name][i, k:] = pearson_r(field.kappa.data, kappa.data, mask)
    best = max((name for name in scores if name.startswith("KS")), key=lambda k: scores[k].mean())
    return {"best KS": scores[best], "Wiener": scores["Wiener"], "lensmap": scores["lensmap"]}


def noise(n_fields):
    """Print what is lost if the noise must be measured from the scatter and the weights."""
    noise_maps()
    print(f"correlation with the truth, {n_fields} fields of 2.1 deg, z_s = {Z_SOURCE:g}, "
          f"{DENSITY.value:g} galaxies per arcmin^2")
    print(f"{'weights':28s}{'estimator':12s}{'noise given':>12s}{'measured':>20s}"
          f"{'one dispersion':>20s}")
    for name, draw in SURVEYS.items():
        for estimator, r in correlations(draw, n_fields).items():
            differences = [mean_and_error(r[:, k] - r[:, 0]) for k in (1, 2)]
            texts = (f"{mean:+.4f} +- {error:.4f}" for mean, error in differences)
            print(f"{name:28s}{estimator:12s}{r[:, 0].mean():12.4f}"
                  + "".join(f"{text:>20s}" for text in texts), flush=True)


# --- the power spectrum of the Wiener filter without redshifts ----------------------------------

SHAPE, PIXEL = (256, 256), 0.82 * u.arcmin  # 12.2 deg^2
SOURCES = (0.5, 1.0, 2.5)
DENSITIES = (5, 30, 60)  # per square arcminute


def low_resolution(ell):
    """Return the amplitudes of a simulation with a resolution 2.5 times lower than MassiveNuS."""
    return resolution_transfer(2.5 * ell, "massivenus")


SKIES = {"MassiveNuS": "massivenus", "2.5 x lower": low_resolution}


def sky_model(resolution):
    """Return the simulated sky, with one field for each source redshift."""
    return HaloModelField(
        z_source=list(SOURCES), shape=SHAPE, pixel_scale=PIXEL, resolution=resolution
    ).prepare()


def survey_of(density, mask=None):
    """Return galaxies with an intrinsic dispersion of 0.26, without measurement errors."""
    return MockSurvey(density=density / u.arcmin**2, sigma_e=0.26, measurement_error=0.0, mask=mask)


def wiener_correlations(n_fields):
    """Print the correlation with the truth of the fitted, the matched and the old prior."""
    fitted = WienerFilter(dtype="float32")
    print(f"{n_fields} fields of 12.2 deg^2; matched: the measured power of these fields")
    print(f"{'resolution':14s}{'z_s':>4s}{'n':>4s}  {'mask':6s}{'matched':>8s}"
          f"{'fitted - matched':>22s}{'z_s = 1 - matched':>20s}{'amplitude':>11s}{'cutoff':>8s}")
    for name, resolution in SKIES.items():
        model = sky_model(resolution)
        draws = [model.draw(np.random.default_rng((1, i))) for i in range(n_fields)]
        mask = random_mask(draws[0][0].wcs, 0.2, rng=1)
        for k, z_source in enumerate(SOURCES):
            fields = [fields[k] for fields in draws]
            power = measure_power([f.kappa.data for f in fields], PIXEL.to_value(u.rad))
            estimators = (WienerFilter(power=power[:2], dtype="float32"), fitted,
                          WienerFilter(z_source=1.0, dtype="float32"))
            for density in DENSITIES:
                for masked in (False, True):
                    survey = survey_of(density, mask if masked else None)
                    scores, fits = [], []
                    for i, field in enumerate(fields):
                        grid = survey.observe_grid(field, rng=np.random.default_rng((2, i)))
                        maps = [one.reconstruct(grid) for one in estimators]
                        fits.append(maps[1].meta["prior_power"])
                        scores.append([
                            pearson_r(field.kappa.data, one.data, one.mask | field.kappa.mask)
                            for one in maps
                        ])
                    scores = np.array(scores)
                    texts = (
                        "{:+.4f} +- {:.4f}".format(*mean_and_error(scores[:, j] - scores[:, 0]))
                        for j in (1, 2)
                    )
                    amplitude, cutoff = (np.median([fit[key] for fit in fits])
                                         for key in ("amplitude", "cutoff"))
                    print(f"{name:14s}{z_source:4g}{density:4d}  {'holes' if masked else '':6s}"
                          f"{scores[:, 0].mean():8.4f}" + "".join(f"{t:>21s}" for t in texts)
                          + f"{amplitude:11.2f}{cutoff:8.0f}", flush=True)


def wiener_amplitudes(n_fields):
    """Print how often the fitted amplitude is within twice its error of that of the sky.

    The amplitude of the sky is that of one fit to the sums of all fields.
    """
    estimator, survey = WienerFilter(dtype="float32"), survey_of(30)
    sums: dict[float, list] = {z_source: [] for z_source in SOURCES}
    model = sky_model("massivenus")
    for i in range(n_fields):
        for z_source, field in zip(SOURCES, model.draw(np.random.default_rng((8, i)))):
            grid = survey.observe_grid(field, rng=np.random.default_rng((9, i)))
            sums[z_source].append(estimator.measure(grid))
    print(f"\namplitudes of {n_fields} fields for each source redshift, 30 per square arcminute")
    n_within = 0
    for z_source, parts in sums.items():
        # Grids on the same pixels would be added: the fields are different patches of the sky.
        truth = estimator.fit(type(parts[0])(*(grid for one in parts for grid in one.grids)))
        fits = [estimator.fit(one) for one in parts]
        pulls = np.array([(one.amplitude - truth.amplitude) / one.amplitude_error for one in fits])
        n_within += np.count_nonzero(np.abs(pulls) < 2)
        error = np.mean([one.amplitude_error for one in fits])
        scatter = np.std([one.amplitude for one in fits])
        print(f"z_s = {z_source:g}: {truth.amplitude:.3f}, mean error {error:.3f}, scatter "
              f"{scatter:.3f}, {np.mean(np.abs(pulls) < 2):.3f} within twice the error", flush=True)
    total = n_fields * len(sums)
    print(f"all: {n_within / total:.3f} of {total} fits within twice the error")


def wiener_posterior(n_fields):
    """Print how often the truth is within the error of the posterior."""
    estimator = WienerFilter(dtype="float32", uncertainty="posterior", n_realizations=15)
    model, survey, shares = sky_model("massivenus"), survey_of(30), []
    for i in range(n_fields):
        field = model.draw(np.random.default_rng((5, i)))[1]
        kappa = estimator.reconstruct(survey.observe_grid(field, rng=np.random.default_rng((6, i))))
        good = ~(kappa.mask | field.kappa.mask)
        difference = kappa.data - field.kappa.data
        shares.append(np.mean(np.abs(difference[good]) < kappa.uncertainty.array[good]))
    print("\nposterior error, z_s = 1: {:.3f} +- {:.3f} of the pixels are within it".format(
        *mean_and_error(np.array(shares))))


def wiener(n_fields):
    """Print what is lost if neither the redshifts nor the power of the sky are known."""
    wiener_correlations(n_fields)
    wiener_amplitudes(12 * n_fields)
    wiener_posterior(n_fields)


SECTIONS: dict[str, Callable[[int], None]] = {
    "noise": noise, "wiener": wiener, "metadetection": metadetection,
}


def main():
    """Print the tables of the sections."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS),
                        metavar="SECTION", help=f"sections to run: {', '.join(SECTIONS)}")
    parser.add_argument("-n", "--fields", type=int, default=4, help="fields of a section")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in arguments.only:
        print(f"== {name}\n")
        SECTIONS[name](arguments.fields)


if __name__ == "__main__":
    main()
