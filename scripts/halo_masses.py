# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Masses of NFW fits against the truth: halos alone, in few galaxies, and in surveys.

Alone, each halo has a catalog of its own, exact shear, shape noise and measurement errors, and a
concentration drawn from the scatter about the relation. In few galaxies, halos of 1e15 solar masses
and a known concentration are fitted from rings that are ever narrower, or begin ever closer to the
center. In surveys, halos are the massive ones of
simulated skies, elliptical, with all that else is along the line of sight; their fits take the
covariance of large-scale structure. Printed are the mean of ln M - ln M_true, its scatter and its
error, and how many of the 68 per cent intervals hold the true mass; for few galaxies, the mean of
M / M_true.
"""

import argparse
import time
from functools import partial

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap import NFWHalo, ShearCatalog, fit_nfw, shear_profile
from lensmap.cosmology import get_cosmology
from lensmap.halos import concentration
from lensmap.profiles import structure_covariance
from lensmap.simulate import HaloModelField, MockSurvey, compose, draw_fields
from lensmap.utils import thread_map

Z_SOURCE = 1.0
SCATTER = 0.37  # of ln c, 0.16 dex
REDSHIFTS = (0.1, 0.5)
BINS = np.geomspace(0.3, 2.0, 9) * u.Mpc


def alone(number, mass, z_lens):
    """Fit a halo alone."""
    rng = np.random.default_rng([number, int(mass / 1e12)])
    c = concentration(mass * u.solMass, z_lens) * np.exp(SCATTER * rng.standard_normal())
    halo = NFWHalo(mass * u.solMass, float(c), z_lens)
    radius = BINS[-1].value / get_cosmology(None).angular_diameter_distance(z_lens).value
    survey = MockSurvey.preset("cha2025")
    n = rng.poisson(survey.expected_density.to_value(1 / u.rad**2) * np.pi * radius**2)
    distance = radius * np.sqrt(rng.random(n)) * u.rad
    angle = 2 * np.pi * rng.random(n) * u.rad
    center = SkyCoord(30, 20, unit="deg")
    sky = center.directional_offset_by(angle, distance)
    # Tangential: the ellipse is perpendicular to the direction of the center, seen from there.
    back = sky.position_angle(center).rad
    g = -halo.reduced_shear(distance, Z_SOURCE) * np.exp(2j * (np.pi / 2 - back))
    e = survey.intrinsic.draw(n, rng)
    _, sigma_m = survey.measurement.draw(n, rng)
    e = compose(e, g)
    e += sigma_m * (rng.standard_normal(n) + 1j * rng.standard_normal(n))
    catalog = ShearCatalog(
        {"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": e.real, "e2": e.imag,
         "weight": survey.measurement.weights(sigma_m)},
        "generic", "celestial", "shear", max_ellipticity=np.inf,
    )
    return mass, *_fit(catalog, center, z_lens, None)


def in_few_galaxies(number, n_bins, inner, density):
    """Fit a halo of 1e15 solar masses from rings with few galaxies, and return M / M_true."""
    rng, z_lens, outer = np.random.default_rng([number, 1]), 0.3, 2.5
    halo, center = NFWHalo(1e15 * u.solMass, 4.0, z_lens), SkyCoord(150, 2, unit="deg")
    distance = get_cosmology(None).angular_diameter_distance(z_lens).to_value(u.Mpc)
    area = np.pi * (outer**2 - inner**2) / distance**2
    n = rng.poisson(density * (180 * 60 / np.pi) ** 2 * area)
    r = np.sqrt(rng.uniform(inner**2, outer**2, n))
    sky = center.directional_offset_by(2 * np.pi * rng.random(n) * u.rad, r / distance * u.rad)
    toward = np.pi / 2 - sky.position_angle(center).rad
    e = -halo.reduced_shear(r * u.Mpc, Z_SOURCE) * np.exp(2j * toward)
    e += 0.25 * (rng.standard_normal(n) + 1j * rng.standard_normal(n))
    catalog = ShearCatalog({"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": e.real, "e2": e.imag},
                           "generic", "celestial", "shear", max_ellipticity=np.inf)
    ratios = []
    for count in n_bins:
        bins = np.geomspace(inner, outer, count + 1) * u.Mpc
        profile = shear_profile(catalog, center, bins, z_lens=z_lens, z_source=Z_SOURCE)
        fit = fit_nfw(profile, z_lens=z_lens, concentration=4.0)
        ratios.append(fit.m200c.to_value(u.solMass) / 1e15)
    return ratios


def report_few(number):
    """Print the mean of M / M_true for rings with few galaxies."""
    n_bins = (8, 40, 150)
    print("rings with few galaxies                n  mean of M / M_true  median  scatter")
    for inner, density in ((0.3, 4.4), (0.1, 6.0), (0.1, 60.0)):
        then = partial(in_few_galaxies, n_bins=n_bins, inner=inner, density=density)
        found = np.array(thread_map(then, range(number))).T
        for count, ratio in zip(n_bins, found, strict=True):
            title = f"{count} from {inner} Mpc, {density:g} arcmin^-2"
            print(f"{title:34s} {number:5d} {ratio.mean():.4f} +- "
                  f"{ratio.std() / np.sqrt(number):.4f}  {np.median(ratio):.4f}  "
                  f"{ratio.std():.3f}", flush=True)


def in_survey(field, seed, min_mass):
    """Fit the massive halos of a field that lie in it whole."""
    halos = field.halos
    reach = (BINS[-1] / get_cosmology(None).angular_diameter_distance(halos["redshift"]))
    reach = reach.to_value(u.dimensionless_unscaled) / field.kappa.pixel_scale.to_value(u.rad)
    sky = SkyCoord(halos["ra"], halos["dec"])
    x, y = field.kappa.wcs.world_to_pixel(sky)
    ny, nx = field.shape
    inside = (np.minimum(x, nx - 1 - x) > reach) & (np.minimum(y, ny - 1 - y) > reach)
    z = halos["redshift"]
    inside &= (halos["m200c"] > min_mass * u.solMass) & (z > REDSHIFTS[0]) & (z < REDSHIFTS[1])
    rows = []
    catalog = None
    for i in np.flatnonzero(inside):
        if catalog is None:
            catalog = MockSurvey.preset("cha2025").observe(field, rng=seed.spawn(1)[0])
        covariance = structure_covariance(BINS, z_lens=z[i], z_source=Z_SOURCE)
        rows.append((halos["m200c"][i].to_value(u.solMass),
                     *_fit(catalog, sky[i], z[i], covariance)))
    return rows


def _fit(catalog, center, z_lens, covariance):
    profile = shear_profile(catalog, center, BINS, z_lens=z_lens, z_source=Z_SOURCE)
    fit = fit_nfw(profile, z_lens=z_lens, z_source=Z_SOURCE, covariance=covariance)
    return (z_lens, *(m.to_value(u.solMass) for m in (fit.m200c, fit.m200c_low, fit.m200c_high)),
            fit.chi2 / fit.degrees_of_freedom, fit.success)


def report(title, rows):
    """Print what came out."""
    true, _, mass, low, high, chi2, success = np.array(rows).T
    n = len(true)
    difference = np.log(mass / true)
    covered = np.mean((low <= true) & (true <= high))
    print(f"{title:34s} {n:5d} {difference.mean():+.4f} +- {difference.std() / np.sqrt(n):.4f}"
          f"  {np.median(difference):+.4f}  {difference.std():.3f}  {covered:.3f} +- "
          f"{np.sqrt(covered * (1 - covered) / n):.3f}  {chi2.mean():.3f}"
          f"  {int(n - success.sum())}", flush=True)


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=1000,
                        help="halos alone (default 1000; 0: none)")
    parser.add_argument("--few", type=int, default=200,
                        help="catalogs of rings with few galaxies (default 200; 0: none)")
    parser.add_argument("--fields", type=int, default=80, help="of 3.8 deg (default 80; 0: none)")
    parser.add_argument("--min-mass", type=float, default=3e14, help="in fields (default 3e14)")
    parser.add_argument("--seed", type=int, default=11)
    arguments = parser.parse_args()
    start = time.perf_counter()
    if arguments.few:
        report_few(arguments.few)
    print("halos                                  n  mean of ln(M / M_true)    median  scatter  "
          "in 68 %          chi2/dof  failed")
    for mass, z_lens in ((8e14, 0.3), (3e14, 0.2)) if arguments.fits else ():
        rows = thread_map(partial(alone, mass=mass, z_lens=z_lens), range(arguments.fits))
        report(f"alone, {mass:.0e} at z = {z_lens}", rows)
    if arguments.fields:
        model = HaloModelField(z_source=Z_SOURCE, shape=(768, 768), pixel_scale=0.3 * u.arcmin)
        then = partial(in_survey, min_mass=arguments.min_mass)
        rows = [row for some in draw_fields(model, arguments.fields, seed=arguments.seed, then=then)
                for row in some]
        report("in surveys", rows)
        masses = np.array(rows)[:, 0]
        for low, high in ((3e14, 4e14), (4e14, 6e14), (6e14, 1e16)):
            some = [row for row, m in zip(rows, masses, strict=True) if low <= m < high]
            if some:
                report(f"  {low:.0e} to {high:.0e}", some)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
