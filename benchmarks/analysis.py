# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""From maps and catalogs to peaks, profiles, masses, fits, filaments and correlations."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from floors import reading
from scipy.ndimage import gaussian_filter, maximum_filter
from timing import report, say_machine, timed

from lensmap import ConvergenceMap, NFWHalo, ShearCatalog, find_peaks, fit_nfw, shear_profile
from lensmap.filaments import find_filaments
from lensmap.grid import tangent_wcs
from lensmap.profiles import azimuthal_profile, kappa_profile, projected_mass
from lensmap.statistics import kappa_correlation

N_GALAXIES, N_CLUSTERS = 10_000_000, 1000


def catalog(n, rng):
    """Return galaxies on 15 x 15 deg with redshifts."""
    dec = np.degrees(np.arcsin(rng.uniform(0, np.sin(np.radians(15)), n)))
    return ShearCatalog(
        {"ra": rng.uniform(100, 115, n), "dec": dec, "e1": 0.2 * rng.normal(size=n),
         "e2": 0.2 * rng.normal(size=n), "redshift": rng.uniform(0.2, 1.5, n)},
        "generic", "celestial", "shear",
    )


def of_maps(rng):
    """Time what is made of a map."""
    wcs = tangent_wcs(SkyCoord(30, 20, unit="deg"), (512, 512), 0.41 * u.arcmin)
    data = gaussian_filter(rng.normal(size=(512, 512)), 2.5)
    kappa = ConvergenceMap(0.03 * data / data.std(), np.full((512, 512), 0.03), None, wcs)
    report("find_peaks, 512 x 512", timed(lambda: find_peaks(kappa, 2), 3), 0.5,
           (timed(lambda: maximum_filter(data, 3), 5)[1], "one maximum filter of 3 x 3"))
    peaks = find_peaks(kappa, 2)
    report("find_filaments, 512 x 512", timed(lambda: find_filaments(kappa, 2), 3), 5,
           (timed(lambda: np.argsort(data, axis=None), 5)[1], "the pixels in order of height"))
    report("kappa_correlation, 512 x 512, to 12 arcmin", timed(
        lambda: kappa_correlation(kappa, min_sep="0.8 arcmin", max_sep="12 arcmin", rng=0), 1), 10)
    angles = np.geomspace(1, 15, 9) * u.arcmin
    around = [n for n in range(len(peaks)) if not peaks["at_edge"][n]]
    one = peaks[around[0]]
    center = SkyCoord(one["ra"], one["dec"])
    # A circle of 15 arcmin has so many pixels: they are read.
    part = np.ascontiguousarray(data[:73, :73])
    floor = reading(*[part] * len(peaks))
    report(f"kappa_profile about {len(peaks)} peaks", timed(
        lambda: kappa_profile(kappa, peaks, angles), 3), floor=floor)
    report("azimuthal_profile about one", timed(
        lambda: azimuthal_profile(kappa, center, [2, 10] * u.arcmin), 3), floor=reading(part))
    report(f"projected_mass of {len(peaks)} peaks", timed(
        lambda: projected_mass(kappa, peaks, 3 * u.arcmin, z_lens=0.3, z_source=1.0), 3),
        floor=floor)


def of_galaxies(rng):
    """Time what is made of a catalog."""
    galaxies = catalog(N_GALAXIES, rng)
    positions = SkyCoord(rng.uniform(101, 114, N_CLUSTERS), rng.uniform(1, 14, N_CLUSTERS),
                         unit="deg")
    redshift, bins = rng.uniform(0.1, 0.5, N_CLUSTERS), np.geomspace(0.2, 3, 11) * u.Mpc
    columns = (galaxies.ra, galaxies.dec, galaxies.e1, galaxies.e2, galaxies["redshift"])
    report("shear_profile, 1000 clusters, 10 million galaxies with redshifts", timed(
        lambda: shear_profile(galaxies, positions, bins, z_lens=redshift), 1), 60,
        reading(*columns))

    halo = NFWHalo(8e14 * u.solMass, 4.0, 0.3)
    profile = shear_profile(galaxies, positions[:1], bins, z_lens=0.3)
    profile["g_t"] = halo.reduced_shear(profile["radius"], 1.0)
    model = timed(lambda: halo.reduced_shear(profile["radius"], 1.0), 20)[1]
    report("fit_nfw, a profile of ten bins", timed(
        lambda: fit_nfw(profile, z_lens=0.3, z_source=1.0), 3), 0.5,
        (model, "the shear of one halo at ten radii"))


def main():
    """Print the table."""
    say_machine()
    rng = np.random.default_rng(0)
    of_maps(rng)
    of_galaxies(rng)


if __name__ == "__main__":
    main()
