# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The mock of Coma, with large-scale structure: its mass and its filaments, many times over.

Each realisation has its own substructure, structure along the line of sight, galaxies and noise.
The mass is that of an NFW fit to the tangential shear of the galaxies. Filaments are looked for in
the map of an estimator, with and without the three arms of the preset on the same sky, in two ways:
by the excess of kappa in the directions of the arms, in units of its scatter in other skies that
have a cluster but no arms, and by paths of `find_filaments` that follow an arm. The rate at which
arms are found is compared with that at which the same test finds them where there are none.
"""

import argparse
import time

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap import (
    CNNReconstructor,
    ConvergenceMap,
    KaiserSquires,
    ShearGrid,
    WienerFilter,
    fit_nfw,
    shear_profile,
)
from lensmap.filaments import azimuthal_excess, find_filaments
from lensmap.profiles import structure_covariance
from lensmap.simulate import ClusterField, MockSurvey

ESTIMATORS = {
    "ks": lambda: KaiserSquires(smoothing=2 * u.arcmin),
    "wiener": lambda: WienerFilter(z_source=1.0, dtype="float32"),
    "lensmap": CNNReconstructor,
}
Z_LENS, Z_SOURCE = 0.0231, 1.0
BINS = np.geomspace(0.2, 2.5, 11) * u.Mpc
RADII = [28, 90] * u.arcmin
NEAR = 15  # degrees: a direction this far from that of an arm is that of the arm
BESIDE = 8  # arcmin: a path this far from the axis of an arm follows it
THRESHOLDS = (1.5, 2.0, 2.5, 3.0)


def draw(model, seed):
    """Return a field, and the seed of what is observed of it."""
    return model.draw(np.random.SeedSequence(seed)), np.random.SeedSequence([seed, 1])


def mass(catalog, centre, covariance):
    """Return M200c and its interval, 1e14 solar masses."""
    profile = shear_profile(catalog, centre, BINS, z_lens=Z_LENS, z_source=Z_SOURCE)
    fit = fit_nfw(profile, z_lens=Z_LENS, z_source=Z_SOURCE, covariance=covariance)
    return [m.to_value(1e14 * u.solMass) for m in (fit.m200c, fit.m200c_low, fit.m200c_high)]


def arms_by_excess(kappa, centre, others, angles):
    """Return the highest S/N of the excess near the direction of each arm."""
    found = azimuthal_excess(kappa, centre, RADII, others)
    away = np.abs((found["angle"].value - angles[:, np.newaxis] + 180) % 360 - 180)
    return np.max(np.where(away <= NEAR, found["snr"], -np.inf), axis=1)


def arms_by_paths(kappa, centre, angles, cut):
    """Return how much of the length of each arm, from 0 to 1, paths follow."""
    filaments = find_filaments(kappa, cut)
    rings = np.linspace(*RADII.to_value(u.arcmin), 13)
    share = np.zeros(len(angles))
    if not filaments.paths:
        return share
    sky = SkyCoord(np.concatenate([p.ra.deg for p in filaments.paths]),
                   np.concatenate([p.dec.deg for p in filaments.paths]), unit="deg")
    distance = centre.separation(sky).to_value(u.arcmin)
    direction = centre.position_angle(sky).rad
    for i, angle in enumerate(np.radians(angles)):
        along = distance * np.cos(direction - angle)
        beside = np.abs(distance * np.sin(direction - angle)) < BESIDE
        share[i] = np.mean(np.histogram(along[beside], rings)[0] > 0)
    return share


def rates(title, true, false, thresholds, unit):
    """Print how often arms are found, and where there are none."""
    for threshold in thresholds:
        a, b = np.mean(true >= threshold), np.mean(false >= threshold)
        error = np.sqrt((a * (1 - a) + b * (1 - b)) / true.size + 1e-12)
        by_arm = " ".join(f"{v:.2f}" for v in np.mean(true >= threshold, axis=0))
        print(f"  {title} {threshold:4.2f} {unit:6s}  arms found {a:.3f} ({by_arm}), without arms "
              f"{b:.3f}: {(a - b) / error:5.1f} sigma")


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=50, help="realisations (default 50)")
    parser.add_argument("--others", type=int, default=20,
                        help="skies without arms that give the scatter (default 20)")
    parser.add_argument("--cut", type=float, default=2.0, help="persistence, sigma (default 2)")
    parser.add_argument("--methods", default="wiener,lensmap",
                        help=f"of {', '.join(ESTIMATORS)}; 'none' for masses alone")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    start = time.perf_counter()
    with_arms = ClusterField.preset("coma", background=True)
    without = ClusterField.preset("coma", background=True, filaments=())
    survey = MockSurvey.preset("cha2025", density=38 / u.arcmin**2)
    centre, truth = with_arms.center, with_arms.clusters[0].m200c.to_value(1e14 * u.solMass)
    angles = np.array([arm.angle.to_value(u.deg) for arm in with_arms.filaments])
    covariance = structure_covariance(BINS, Z_SOURCE, z_lens=Z_LENS)
    names = [] if arguments.methods == "none" else arguments.methods.split(",")
    methods = {name: ESTIMATORS[name]() for name in names}

    others = {name: [] for name in methods}
    for i in range(arguments.others if methods else 0):
        field, seed = draw(without, arguments.seed * 1_000_000 + 500_000 + i)
        grid = survey.observe_grid(field, rng=seed)
        for name, method in methods.items():
            others[name].append(method.reconstruct(grid))
    # What they have in common is the cluster: its map is taken out of all.
    common = {name: np.mean([one.data for one in maps], axis=0) for name, maps in others.items()}

    def less_cluster(kappa, name):
        return ConvergenceMap(kappa.data - common[name], None, kappa.mask, kappa.wcs)

    noise = {name: [less_cluster(one, name) for one in maps] for name, maps in others.items()}
    masses = []
    excess = {name: ([], []) for name in methods}
    shares = {name: ([], []) for name in methods}
    for i in range(arguments.n):
        for k, model in enumerate((with_arms, without) if methods else (with_arms,)):
            field, seed = draw(model, arguments.seed * 1_000_000 + i)
            if k == 0:
                catalog = survey.observe(field, rng=seed)
                masses.append(mass(catalog, centre, covariance))
                grid = ShearGrid.from_catalog(catalog, field.kappa.wcs)
            else:
                grid = survey.observe_grid(field, rng=seed)
            for name, method in methods.items():
                kappa = method.reconstruct(grid)
                excess[name][k].append(
                    arms_by_excess(less_cluster(kappa, name), centre, noise[name], angles))
                shares[name][k].append(arms_by_paths(kappa, centre, angles, arguments.cut))

    best, low, high = np.array(masses).T
    covered = np.mean((low <= truth) & (truth <= high))
    ratio = np.log(best / truth)
    print(f"{arguments.n} realisations; M200c, 1e14 solar masses; truth {truth:.2f}: mean "
          f"{best.mean():.2f}, scatter {best.std():.2f}, mean interval -{np.mean(best - low):.2f} "
          f"+{np.mean(high - best):.2f}; mean ln(M / truth) {ratio.mean():+.3f} +- "
          f"{ratio.std() / np.sqrt(len(ratio)):.3f}; in 68 % {covered:.2f} +- "
          f"{np.sqrt(covered * (1 - covered) / len(best)):.2f}")
    for name in methods:
        print(name)
        rates("excess", *map(np.array, excess[name]), THRESHOLDS, "sigma")
        rates("paths ", *map(np.array, shares[name]), (0.3, 0.5, 0.7), "length")
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
