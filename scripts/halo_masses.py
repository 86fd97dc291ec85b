# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Masses of NFW fits against the truth: pairs of noise, halos alone, few galaxies, and surveys.

In pairs, the same galaxies have noise of either sign, and the concentration deviates from the
relation to either side, so that the mean of M is free of all noise of odd order. A halo of 5e14
solar masses is fitted at several ratios of signal to noise from profiles, catalogs and maps.
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
from itertools import islice

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap import KaiserSquires, NFWHalo, ShearCatalog, fit_nfw, make_wcs, shear_profile
from lensmap.cosmology import get_cosmology
from lensmap.halos import concentration
from lensmap.profiles import structure_covariance
from lensmap.simulate import HaloModelField, MockSurvey, compose, draw_fields
from lensmap.utils import LensmapWarning, thread_map, without_warnings

Z_SOURCE = 1.0
SCATTER = 0.37  # of ln c, 0.16 dex
REDSHIFTS = (0.1, 0.5)
BINS = np.geomspace(0.3, 2.0, 9) * u.Mpc

# The halo of pairs, and the square field and the density of its galaxies.
PAIR_MASS, PAIR_REDSHIFT, PAIR_RADII = 5e14, 0.3, [0.3, 2.5] * u.Mpc
PAIR_SIDE, PAIR_DENSITY = 25 * u.arcmin, 10 / u.arcmin**2
PAIR_FITS = ("profile, concentration known", "profile", "catalog", "Kaiser-Squires map")


def in_pairs(number, signal_to_noise, n_fits=len(PAIR_FITS)):
    """Fit a halo with noise of either sign.

    Return M / M_true with the 68 and the 95 per cent interval, as an array (fit, sign, 5), of the
    first of ``PAIR_FITS``. Signal over noise is that of the known profile in the radii of the fit.
    """
    rng = np.random.default_rng([number, 2])
    center = SkyCoord(150, 2, unit="deg")
    n = rng.poisson((PAIR_SIDE**2 * PAIR_DENSITY).to_value(u.one))
    x, y = PAIR_SIDE * (rng.random((2, n)) - 0.5)
    sky = center.spherical_offsets_by(x, y)
    distance, toward = center.separation(sky), np.pi / 2 - sky.position_angle(center).rad
    c = float(concentration(PAIR_MASS * u.solMass, PAIR_REDSHIFT))
    shear = partial(_shear, distance=distance)
    low, high = PAIR_RADII / get_cosmology(None).angular_diameter_distance(PAIR_REDSHIFT)
    fitted = (distance.rad > low) & (distance.rad < high)
    sigma = np.sqrt(np.sum(shear(c)[fitted] ** 2)) / signal_to_noise
    noise = sigma * (rng.standard_normal(n) + 1j * rng.standard_normal(n))
    deviation = SCATTER * rng.standard_normal()
    rows = []
    for sign in (1, -1):
        known, scattered = (
            _catalog(sky, -shear(one) * np.exp(2j * toward) + sign * noise)
            for one in (c, c * np.exp(sign * deviation))
        )
        with without_warnings(LensmapWarning):  # of fits that found no halo
            fits = islice(_fits_of_pair(known, scattered, center, c), n_fits)
            rows.append([_row_of_pair(fit) for fit in fits])
    return np.swapaxes(rows, 0, 1)


def _shear(c, distance):
    return NFWHalo(PAIR_MASS * u.solMass, c, PAIR_REDSHIFT).reduced_shear(distance, Z_SOURCE)


def _fits_of_pair(known, scattered, center, c):
    """Yield the fits in the order of ``PAIR_FITS``."""
    lens = {"z_lens": PAIR_REDSHIFT, "z_source": Z_SOURCE}
    bins = np.geomspace(*PAIR_RADII.value, 9) * u.Mpc
    yield fit_nfw(shear_profile(known, center, bins, **lens), **lens, concentration=c)
    yield fit_nfw(shear_profile(scattered, center, bins, **lens), **lens)
    yield fit_nfw(scattered, center, **lens, radii=PAIR_RADII)
    estimator = KaiserSquires(smoothing=1 * u.arcmin, uncertainty="analytic")
    kappa = estimator.reconstruct(scattered, make_wcs(scattered, "0.5 arcmin"))
    yield fit_nfw(kappa, center, **lens, radii=PAIR_RADII)


def _row_of_pair(fit):
    masses = (fit.m200c, fit.m200c_low, fit.m200c_high, *fit.interval(0.95))
    return [m.to_value(u.solMass) / PAIR_MASS for m in masses]


def report_pairs(number, ratios, n_fits):
    """Print mean and median of M / M_true over pairs of noise, and the coverage of intervals."""
    print("pairs of noise, S/N             pairs    mean of M / M_true  median  scatter  "
          "in 68 %          in 95 %")
    for ratio in ratios:
        then = partial(in_pairs, signal_to_noise=ratio, n_fits=n_fits)
        found = np.array(thread_map(then, range(number)))
        for title, rows in zip(PAIR_FITS, np.swapaxes(found, 0, 1)):
            mass, low, high, low95, high95 = np.moveaxis(rows, 2, 0)
            pair = mass.mean(axis=1)
            shares = []
            for inside in ((low <= 1) & (1 <= high), (low95 <= 1) & (1 <= high95)):
                share = inside.mean(axis=1)
                shares.append(f"{share.mean():.3f} +- {share.std() / np.sqrt(number):.3f}")
            print(f"{title:28s} {ratio:2g} {number:6d}  {pair.mean():.4f} +- "
                  f"{pair.std() / np.sqrt(number):.4f}    {np.median(mass):.4f}  {mass.std():.3f}"
                  f"    {'  '.join(shares)}", flush=True)


def _catalog(sky, e, **columns):
    columns |= {"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": e.real, "e2": e.imag}
    return ShearCatalog(columns, "generic", "celestial", "shear", max_ellipticity=np.inf)


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
    catalog = _catalog(sky, e, weight=survey.measurement.weights(sigma_m))
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
    catalog = _catalog(sky, e)
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
    parser.add_argument("--pairs", type=int, default=20,
                        help="pairs of noise of either sign (default 20; 0: none)")
    parser.add_argument("--signal-to-noise", type=float, nargs="+", default=[4, 6, 8, 12, 20],
                        help="of pairs (default 4 6 8 12 20)")
    parser.add_argument("--profiles-only", action="store_true",
                        help="leave out the fits of catalogs and maps in pairs")
    parser.add_argument("--fits", type=int, default=1000,
                        help="halos alone (default 1000; 0: none)")
    parser.add_argument("--few", type=int, default=200,
                        help="catalogs of rings with few galaxies (default 200; 0: none)")
    parser.add_argument("--fields", type=int, default=80, help="of 3.8 deg (default 80; 0: none)")
    parser.add_argument("--min-mass", type=float, default=3e14, help="in fields (default 3e14)")
    parser.add_argument("--seed", type=int, default=11)
    arguments = parser.parse_args()
    start = time.perf_counter()
    if arguments.pairs:
        n_fits = 2 if arguments.profiles_only else len(PAIR_FITS)
        report_pairs(arguments.pairs, arguments.signal_to_noise, n_fits)
    if arguments.few:
        report_few(arguments.few)
    if arguments.fits or arguments.fields:
        print("halos                                  n  mean of ln(M / M_true)    median  "
              "scatter  in 68 %          chi2/dof  failed")
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
