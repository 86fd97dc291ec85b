# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Compare maps of simulated surveys with the true convergence: means over several skies.

    python scripts/survey_truth.py FOLDER --skies 20 --area 200 --method ks --method wiener

Each sky is simulated in FOLDER and mapped tile by tile with each method, and
`lensmap.survey.SurveyMap.validate` compares the maps with the truth. Printed are the means over the
skies, with their errors. A sky or a map that is in the folder is not made again. ``expected`` is
P / (P + N), the transfer of a Wiener filter: P is the power of the theory and N that of the noise.
Galaxies have no measurement error, so N follows from their density and their dispersion alone.
"""

import argparse
import re
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from lensmap.cosmology import convergence_power
from lensmap.estimators import make_estimator
from lensmap.simulate import MockSurvey, simulate_sky
from lensmap.survey import map_survey

SHOWN = {
    "scales": (("ell_low", "ell_high"), ("transfer", "correlation", "power")),
    "coverage": (("zone",), ("n", "pull", "within_1", "within_2")),
    "seams": ((), ("difference", "step", "largest_step", "blend_over_core")),
    "completeness": (("mass_low", "mass_high"), ("n", "corrected", "chance", "height")),
    "purity": ((), ("n", "corrected", "chance")),
    "cost": (("step",), ("seconds", "memory")),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--skies", type=int, default=1)
    parser.add_argument("--area", type=float, default=200.0, help="square degrees")
    parser.add_argument("--density", type=float, default=8.0, help="galaxies per arcmin^2")
    parser.add_argument("--sigma-e", type=float, default=0.26, help="dispersion per component")
    parser.add_argument("--method", action="append", default=[], help="repeatable")
    parser.add_argument("--pixel-scale", default=None)
    parser.add_argument("--nside", type=int, default=None)
    parser.add_argument("--sky-nside", type=int, default=2048)
    parser.add_argument("--truth-nside", type=int, default=None)
    parser.add_argument("--min-mass", type=float, default=3e13, help="of halos, solar masses")
    parser.add_argument("--stars", type=float, default=0.0, help="holes per square degree")
    parser.add_argument("--workers", type=int, default=None)
    arguments = parser.parse_args()
    methods = arguments.method or ["ks(smoothing=3arcmin, uncertainty=analytic)"]
    results = {method: [] for method in methods}
    for seed in range(arguments.skies):
        folder = arguments.folder / f"sky_{seed}"
        sky = simulate_sky(
            folder / "sky", arguments.area * u.deg**2,
            MockSurvey(
                density=arguments.density / u.arcmin**2, sigma_e=arguments.sigma_e,
                measurement_error=0.0,
            ),
            center=SkyCoord(150, 30, unit="deg"), z_source=1.0, nside=arguments.sky_nside,
            truth_nside=arguments.truth_nside, min_mass=arguments.min_mass * u.solMass,
            star_density=arguments.stars / u.deg**2 if arguments.stars else None,
            seed=seed, workers=arguments.workers,
        )
        for method in methods:
            name = re.sub(r"\W+", "_", method).strip("_")
            survey = map_survey(
                sky.galaxies, make_estimator(method), folder / name,
                pixel_scale=arguments.pixel_scale, nside=arguments.nside,
                workers=arguments.workers, convention="celestial",
            )
            results[method].append(survey.validate(sky).tables)
        print(f"sky {seed}", flush=True)
    for method, tables in results.items():
        print(f"\n{method}")
        for name, (keys, quantities) in SHOWN.items():
            if name in tables[0]:
                summary = mean_of([one[name] for one in tables], keys, quantities)
                if name == "scales":
                    summary["expected"] = wiener_transfer(summary, arguments)
                summary.pprint(max_lines=-1, max_width=-1)


def mean_of(tables, keys, names):
    """Return the means of tables over skies, and their standard errors."""
    result = QTable({key: tables[0][key] for key in keys})
    for name in names:
        values = np.array([u.Quantity(table[name]).value for table in tables], float)
        known = np.maximum(np.sum(np.isfinite(values), axis=0), 1)
        result[name] = np.round(np.nansum(values, axis=0) / known, 4)
        if len(tables) > 1 and name not in ("n", "memory"):
            scatter = np.nanstd(values, axis=0) * np.sqrt(known / np.maximum(known - 1, 1))
            result[f"{name}_err"] = np.round(scatter / np.sqrt(known), 4)
    return result


def wiener_transfer(table, arguments):
    """Return the mean of P / (P + N) in bins of the multipole, weighted by modes times P."""
    density = arguments.density / (u.arcmin**2).to(u.sr)
    noise = arguments.sigma_e**2 / density
    result = []
    for low, high in zip(table["ell_low"], table["ell_high"], strict=True):
        ell = np.arange(low, high, dtype=float)
        power = convergence_power(ell, 1.0)
        weight = (2 * ell + 1) * power
        result.append(np.sum(weight * power / (power + noise)) / np.sum(weight))
    return np.round(result, 4)


if __name__ == "__main__":
    main()
