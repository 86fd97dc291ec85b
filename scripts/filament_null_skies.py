# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Scan skies without filaments: how often the matched filter exceeds a significance.

The scan is that of a mock of Coma without arms and structure. Its galaxies are rotated, and the
shear of Gaussian fields or of simulated skies (halos and diffuse matter,
`lensmap.simulate.HaloModelField`) is added. Fewer galaxies of smaller dispersion have the same
noise::

    python scripts/filament_null_skies.py --skies 1000 --density 10 --sigma-e 0.133
"""

import argparse

import numpy as np
from astropy import units as u

from lensmap.filaments import matched_filter, random_scans
from lensmap.simulate import ClusterField, HaloModelField, MockSurvey
from lensmap.validation import series_seed

RADII, Z_LENS, Z_SOURCE = [25, 95] * u.arcmin, 0.0231, 1.0


def parse():
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--skies", type=int, default=1000)
    parser.add_argument("--density", type=float, default=38.0, help="galaxies per square arcmin")
    parser.add_argument("--sigma-e", type=float, default=0.26, help="dispersion per component")
    parser.add_argument("--round", action="store_true", help="fit a round cluster")
    parser.add_argument("--structure", nargs="+", choices=("gaussian", "halos"),
                        default=["gaussian", "halos"])
    return parser.parse_args()


def fields(scan, n):
    """Yield the shear of simulated skies on the pixels of a scan."""
    model = HaloModelField(z_source=Z_SOURCE, shape=scan.wcs.array_shape, center=scan.position,
                           pixel_scale=abs(scan.wcs.wcs.cdelt[1]) * u.deg)
    for seed in np.random.SeedSequence(series_seed("null", 28)).spawn(n):
        yield model.draw(np.random.default_rng(seed)).gamma


def rate(values):
    """Return a fraction and its binomial error as text."""
    mean = np.mean(values)
    return f"{mean:.3f} +- {np.sqrt(max(mean * (1 - mean), 1e-9) / len(values)):.3f}"


def main():
    """Print the rates."""
    options = parse()
    model = ClusterField.preset("coma", filaments=(), substructure=0.0)
    survey = MockSurvey(density=options.density / u.arcmin**2, sigma_e=options.sigma_e)
    catalog = survey.observe(model.draw(0), rng=1)
    scan = matched_filter(catalog, model.center, RADII, z_lens=Z_LENS, z_source=Z_SOURCE,
                          elliptical=not options.round)
    # The probability of each significance for Gaussian skies, from the covariance of the scan.
    values, vectors = np.linalg.eigh(scan.correlation)
    root = vectors * np.sqrt(np.maximum(values, 0))
    white = np.random.default_rng(2).standard_normal((20000, len(values)))
    theory = np.sort(np.max(white @ root.T, axis=1))
    print(f"{options.skies} skies, kappa0_err {np.mean(scan.table['kappa0_err']):.5f}")
    for kind in options.structure:
        structure = True if kind == "gaussian" else fields(scan, options.skies)
        skies = random_scans(scan, options.skies, structure=structure, rng=3)
        highest = np.max(skies, axis=1)
        print(f"{kind}: mean of snr {np.mean(skies):+.3f}, variance {np.var(skies):.3f}")
        for limit in (2.5, 3.0, 3.5):
            print(f"  skies above {limit:g} sigma {rate(highest > limit)}, expected "
                  f"{np.mean(theory > limit):.3f}")
        for p in (0.1, 0.05, 0.01):
            print(f"  skies with a false probability below {p:g}: "
                  f"{rate(highest > np.quantile(theory, 1 - p))}", flush=True)
        # The same probability measured in half of the skies holds in the other half.
        known, others = np.array_split(highest, 2)
        for p in (0.1, 0.05):
            print(f"  skies with a false probability below {p:g} by {len(known)} other skies: "
                  f"{rate(others > np.quantile(known, 1 - p))}", flush=True)


if __name__ == "__main__":
    main()
