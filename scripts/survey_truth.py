# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Compare maps of simulated surveys with the true convergence: by scale, and in blending zones.

    python scripts/survey_truth.py FOLDER --skies 2 --area 200 --density 8 --method ks

Each sky is simulated in FOLDER, mapped tile by tile, and compared with its truth: transfer and
correlation by multipole; the scatter of the map about the truth over its error, and the share of
pixels whose error covers the truth, in the cores of tiles and where tiles are blended. A sky whose
maps are in the folder is not made again.
"""

import argparse
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable, vstack

from lensmap.estimators import make_estimator
from lensmap.maps import HealpixMap
from lensmap.simulate import MockSurvey, simulate_sky
from lensmap.sphere import HealpixPixels
from lensmap.survey import compare_maps, map_survey


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--skies", type=int, default=1)
    parser.add_argument("--area", type=float, default=200.0, help="square degrees")
    parser.add_argument("--density", type=float, default=8.0, help="galaxies per arcmin^2")
    parser.add_argument("--sigma-e", type=float, default=0.26, help="dispersion per component")
    parser.add_argument("--method", default="ks(smoothing=3arcmin, uncertainty=analytic)")
    parser.add_argument("--pixel-scale", default=None)
    parser.add_argument("--nside", type=int, default=None)
    parser.add_argument("--sky-nside", type=int, default=2048)
    parser.add_argument("--stars", type=float, default=0.0, help="holes per square degree")
    parser.add_argument("--workers", type=int, default=None)
    arguments = parser.parse_args()
    estimator = make_estimator(arguments.method)
    smoothing = getattr(estimator, "smoothing", None)
    tables, zones = [], []
    for seed in range(arguments.skies):
        folder = arguments.folder / f"sky_{seed}"
        sky = simulate_sky(
            folder / "sky", arguments.area * u.deg**2,
            MockSurvey(density=arguments.density / u.arcmin**2, sigma_e=arguments.sigma_e),
            center=SkyCoord(150, 30, unit="deg"), z_source=1.0, nside=arguments.sky_nside,
            star_density=arguments.stars / u.deg**2 if arguments.stars else None,
            seed=seed, workers=arguments.workers,
        )
        survey = map_survey(
            sky.galaxies, estimator, folder / "map", pixel_scale=arguments.pixel_scale,
            nside=arguments.nside, workers=arguments.workers, convention="celestial",
        )
        truth = HealpixMap.read(sky.kappa)
        tables.append(compare_maps(survey.to_map(), truth, smoothing=smoothing))
        zones.append(coverage(survey, truth, smoothing))
        print(survey, f"sky {seed}")
    print(summary(tables, ("ell_low", "ell_high"), ("transfer", "correlation", "power")))
    if zones[0] is not None:
        print(summary(zones, ("zone",), ("n", "pull", "covered")))


def coverage(survey, truth, smoothing):
    """Return the pulls of a map in the zones of its tiles; None for a map without errors."""
    if smoothing is not None:
        truth = truth.smooth(smoothing)
    order = HealpixPixels(survey.nside).order
    pulls = {"cores": [], "two tiles": [], "three or four": []}
    for block in survey.blocks():
        layers = block.layers
        if "error" not in layers:
            return None
        used = np.flatnonzero(np.isfinite(layers["error"]) & (layers["edge"] > 0.25))
        index = (block.pixel << 2 * (order - block.order)) + used
        parent = index >> 2 * (order - truth.pixels.order)
        place = np.searchsorted(truth.index, parent)
        place[place == len(truth.index)] = 0
        found = (truth.index[place] == parent) & ~truth.mask[place]
        used, place = used[found], place[found]
        pull = (layers["kappa"][used] - truth.data[place]) / layers["error"][used]
        number = layers["n_tiles"][used]
        for name, zone in zip(pulls, (number == 1, number == 2, number > 2), strict=True):
            pulls[name].append(pull[zone])
    rows = []
    for name, parts in pulls.items():
        pull = np.concatenate(parts)
        rows.append((name, len(pull), np.std(pull), np.mean(np.abs(pull) < 1)))
    return QTable(rows=rows, names=("zone", "n", "pull", "covered"))


def summary(tables, keys, names):
    """Return the means over skies, and their standard errors."""
    result = QTable({key: tables[0][key] for key in keys})
    for name in names:
        values = np.array([table[name] for table in tables], float)
        result[name] = np.round(values.mean(axis=0), 4)
        if len(tables) > 1:
            result[f"{name}_error"] = np.round(
                values.std(axis=0, ddof=1) / np.sqrt(len(tables)), 4
            )
    return vstack([result])


if __name__ == "__main__":
    main()
