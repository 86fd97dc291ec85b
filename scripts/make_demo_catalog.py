"""
Make ``lensmap/data/demo_catalog.fits``, the mock catalog behind ``lensmap demo``.

Two clusters at redshift 0.3 in an invented field, sources on one plane at redshift 1::

    python scripts/make_demo_catalog.py [-o OUTPUT]

It needs numpy, astropy and galsim. Nothing of lensmap is imported: the lens model, the geometry
and the signs are worked out without it, so the catalog is also an independent test. Left out,
so that the truth stays simple: multiple images and magnification (galaxies are uniform on the
observed sky), matter along the line of sight, and cluster members.
"""

import argparse
import warnings
from pathlib import Path

import astropy.units as u
import galsim
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table

OUTPUT = Path(__file__).resolve().parents[1] / "lensmap" / "data" / "demo_catalog.fits"
SEED = 20250314
N_GALAXIES = 30_500  # 28 per arcmin^2; at 32 bytes a row the file stays below 1 MB
FIELD_RA, FIELD_DEC, FIELD_SIZE = 37.0, 12.5, 0.55  # deg
Z_SOURCE, SIGMA_E = 1.0, 0.25  # sigma_e is intrinsic, per component
H0, OMEGA_M = 70.0, 0.3  # flat

# Neither cluster is at a mirror image of itself or of the other: a flipped map is noticed.
CLUSTERS = (  # ra and dec in deg (ICRS), m200c in solar masses without h
    {"ra": 36.91, "dec": 12.57, "m200c": 1.0e15, "c200c": 4.0, "z": 0.3},
    {"ra": 37.14, "dec": 12.36, "m200c": 3.0e14, "c200c": 4.0, "z": 0.3},
)

DESCRIPTIONS = {
    "ra": "right ascension (ICRS)",
    "dec": "declination (ICRS)",
    "e1": "ellipticity, positive: elongated east-west",
    "e2": "ellipticity, positive: elongated north-east to south-west",
    "sigma_m": "measurement error of e1 and of e2, each",
    "weight": "1 / (sigma_e^2 + sigma_m^2)",
}


def draw_positions(rng):
    """Draw positions uniform in solid angle; return a `~astropy.coordinates.SkyCoord`."""
    half = FIELD_SIZE / 2
    half_ra = half / np.cos(np.radians(FIELD_DEC))
    ra = rng.uniform(FIELD_RA - half_ra, FIELD_RA + half_ra, N_GALAXIES)
    # The area of a strip goes as the difference of sin(dec) at its edges, not of dec.
    sin_dec = rng.uniform(*np.sin(np.radians([FIELD_DEC - half, FIELD_DEC + half])), N_GALAXIES)
    return SkyCoord(ra * u.deg, np.degrees(np.arcsin(sin_dec)) * u.deg)


def draw_intrinsic(rng):
    """Draw complex intrinsic ellipticities: Gaussian with `SIGMA_E` per component, modulus < 1.

    Redrawing the 0.03 % at or above 1, which no ellipse has, lowers the scatter by 0.13 %.
    """
    e_s = np.full(N_GALAXIES, np.inf, dtype=complex)
    while (bad := np.abs(e_s) >= 1).any():
        e_s[bad] = SIGMA_E * (rng.standard_normal(bad.sum()) + 1j * rng.standard_normal(bad.sum()))
    return e_s


def draw_measurement_error(rng):
    """Draw the measurement error of each galaxy, in shear units, per component.

    Number counts go as 10^(0.31 m) over the 6 mag above a limit of signal-to-noise ratio 30; the
    error follows from that ratio as in Subaru/HSC (Mandelbaum et al. 2018, MNRAS 481, 3170).
    """
    snr = 30 * rng.uniform(10 ** (-0.31 * 6), 1, N_GALAXIES) ** (-0.4 / 0.31)
    return 0.264 * (snr / 20) ** -0.891 / 1.68  # 1.68: from distortion to shear


def nfw_lensing(theta, cluster):
    """Compute tangential shear and convergence of a Navarro-Frenk-White halo.

    Wright & Brainerd 2000, ApJ 534, 34, equations 11 to 16, as galsim has them.

    Parameters
    ----------
    theta : `~astropy.units.Quantity`
        Separation from the halo center, an angle.
    cluster : dict
        One of `CLUSTERS`.

    Returns
    -------
    gamma_t, kappa : `numpy.ndarray`
        Dimensionless, for sources at `Z_SOURCE`.
    """
    halo = galsim.NFWHalo(
        mass=cluster["m200c"] * H0 / 100,  # galsim takes solar masses over h
        conc=cluster["c200c"], redshift=cluster["z"], omega_m=OMEGA_M, omega_lam=1 - OMEGA_M)
    along_x = (theta.to_value(u.arcsec), np.zeros(len(theta)))
    with warnings.catch_warnings():
        # galsim's np.divide(where=...) has no out=; that matters only at separation zero.
        warnings.filterwarnings("ignore", message="'where' used without 'out'")
        gamma1, _ = halo.getShear(along_x, Z_SOURCE, reduced=False)
    return -gamma1, halo.getConvergence(along_x, Z_SOURCE)


def reduced_shear(galaxies):
    """Compute the complex reduced shear of all clusters at the galaxies, x to the east.

    One lens plane, so that the shears and the convergences of the clusters add up.
    """
    gamma, kappa = np.zeros(len(galaxies), dtype=complex), np.zeros(len(galaxies))
    for cluster in CLUSTERS:
        center = SkyCoord(cluster["ra"] * u.deg, cluster["dec"] * u.deg)
        gamma_t, kappa_one = nfw_lensing(galaxies.separation(center), cluster)
        # Position angles run from north through east and differ at the two ends of an arc; the
        # shear lives in the frame at the galaxy, where alpha runs from east through north.
        alpha = np.pi / 2 - galaxies.position_angle(center).radian
        gamma -= gamma_t * np.exp(2j * alpha)
        kappa += kappa_one
    return gamma / (1 - kappa)


def compose(e_s, g):
    """Shear intrinsic ellipticities of modulus (a - b) / (a + b) by a reduced shear.

    Seitz & Schneider 1997, A&A 318, 687; the second branch is for parity-inverted images.

    Parameters
    ----------
    e_s, g : `numpy.ndarray`
        Complex intrinsic ellipticity and reduced shear, dimensionless.

    Returns
    -------
    e : `numpy.ndarray`
        Complex ellipticity of the image; its mean is g, or 1 / conj(g) where abs(g) > 1.
    """
    return np.where(np.abs(g) < 1, (e_s + g) / (1 + np.conj(g) * e_s),
                    (1 + g * np.conj(e_s)) / (np.conj(e_s) + np.conj(g)))


def header_cards():
    """List what the header says about the catalog and its truth: key, value, comment."""
    cards = [
        ("EXTNAME", "SHEAR", "mock weak-lensing shear catalog"),
        ("RADESYS", "ICRS", "frame of ra and dec"),
        ("CONVENTN", "celestial", "x to the east, y to the north"),
        ("KIND", "shear", "|e| = (a-b)/(a+b)"),
        ("ZSOURCE", Z_SOURCE, "redshift of all sources"),
        ("SIGMAE", SIGMA_E, "intrinsic ellipticity scatter per component"),
        ("HUBBLE", H0, "[km/s/Mpc] flat cosmology"),
        ("OMEGAM", OMEGA_M, "matter density"),
    ]
    for i, cluster in enumerate(CLUSTERS, start=1):
        cards += [
            (f"TRUTHRA{i}", cluster["ra"], f"[deg] center of cluster {i}"),
            (f"TRUTHDE{i}", cluster["dec"], f"[deg] center of cluster {i}"),
            (f"TRUTHM{i}", cluster["m200c"], "[solMass] M200c, without h, NFW"),
            (f"TRUTHC{i}", cluster["c200c"], "concentration c200c"),
            (f"TRUTHZ{i}", cluster["z"], f"redshift of cluster {i}"),
        ]
    return cards + [
        ("SEED", SEED, "of the random numbers"),
        ("ORIGIN", "lensmap: scripts/make_demo_catalog.py", "simulated, not observed"),
    ]


def make_catalog():
    """Make the catalog as a `~astropy.table.Table`; the same every time."""
    rng = np.random.default_rng(SEED)
    galaxies = draw_positions(rng)
    sigma_m = draw_measurement_error(rng)
    ellipticity = compose(draw_intrinsic(rng), reduced_shear(galaxies))
    noise = rng.standard_normal((2, N_GALAXIES))
    ellipticity += sigma_m * (noise[0] + 1j * noise[1])
    return Table({
        "ra": galaxies.ra.deg, "dec": galaxies.dec.deg,
        "e1": ellipticity.real.astype("f4"), "e2": ellipticity.imag.astype("f4"),
        "sigma_m": sigma_m.astype("f4"), "weight": (1 / (SIGMA_E**2 + sigma_m**2)).astype("f4"),
    }, descriptions=DESCRIPTIONS, units={"ra": u.deg, "dec": u.deg},
        meta={key: value for key, value, _ in header_cards()})


def main():
    """Write the catalog, replacing the file that is there."""
    parser = argparse.ArgumentParser(description="Make the bundled demo catalog.")
    parser.add_argument("-o", "--output", type=Path, default=OUTPUT, help="default: %(default)s")
    output = parser.parse_args().output
    make_catalog().write(output, format="fits", overwrite=True)
    # A table's meta has no room for the comments of the cards.
    with fits.open(output, mode="update") as hdus:
        for key, _, comment in header_cards():
            hdus[1].header.comments[key] = comment
    print(f"{output}: {N_GALAXIES} galaxies, {output.stat().st_size / 1e6:.3f} MB")


if __name__ == "__main__":
    main()
