# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Write profiles of halos by CLMM and CCL, with which lensmap's are compared.

The two codes need many packages, so they are no part of ``lensmap[test]``; install them where
lensmap need not be, and write the values anew::

    pip install clmm pyccl
    python scripts/clmm_values.py tests/data/clmm.json

Nothing of lensmap is imported. ``tests/profiles/test_clmm.py`` reads the file. Radii are proper
Mpc, masses solar masses, and surface densities solar masses per square proper Mpc, all without h.
"""

import argparse
import json
import os
import warnings
from importlib.metadata import version

import numpy as np

os.environ["CLMM_MODELING_BACKEND"] = "ccl"
warnings.simplefilter("ignore")

import clmm  # noqa: E402
from clmm import dataops, theory  # noqa: E402

# CLMM adds massive neutrinos of 0.06 eV.
COSMOLOGY = {"H0": 70.0, "Omega_dm0": 0.254, "Omega_b0": 0.046, "Omega_k0": 0.0}
HALO = {"m200c": 6e14, "c200c": 4.0, "z_lens": 0.3}
Z_SOURCE = 1.0
RADIUS = np.geomspace(0.1, 3.0, 9)
BETAS = {"beta": 0.55, "beta_square": 0.33}  # of sources at infinite redshift
OFFSET = 0.3  # sigma of the Rayleigh distribution of wrong centers, Mpc
DIGITS = 9


def halo_values(cosmology):
    """Return the profiles of one halo."""
    common = {"halo_profile_model": "nfw", "massdef": "critical", "delta_mdef": 200}
    halo = (HALO["m200c"], HALO["c200c"])
    at = (*halo, HALO["z_lens"], Z_SOURCE, cosmology)
    excess = theory.compute_excess_surface_density
    values = {
        "sigma": theory.compute_surface_density(
            RADIUS, *halo, HALO["z_lens"], cosmology, **common
        ),
        "delta_sigma": excess(RADIUS, *halo, HALO["z_lens"], cosmology, **common),
        "gamma_t": theory.compute_tangential_shear(RADIUS, *at, **common),
        "kappa": theory.compute_convergence(RADIUS, *at, **common),
        "g_t": theory.compute_reduced_tangential_shear(RADIUS, *at, **common),
        "g_t_of_betas": theory.compute_reduced_tangential_shear(
            RADIUS, *halo, HALO["z_lens"], list(BETAS.values()), cosmology, z_src_info="beta",
            approx="order2", **common,
        ),
        "sigma_crit": cosmology.eval_sigma_crit(HALO["z_lens"], Z_SOURCE),
    }
    values["delta_sigma_miscentered"] = [
        _mean_over_offsets(radius, lambda offset, radius=radius: excess(
            np.array([radius]), *halo, HALO["z_lens"], cosmology, r_mis=offset, **common
        )[0])
        for radius in RADIUS
    ]
    return values


def _mean_over_offsets(radius, function):
    """Return the mean over a Rayleigh distribution, of a function with a cusp at the radius."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    limit, total = 5.5 * OFFSET, 0.0
    for low, high in ((0, min(radius, limit)), (min(radius, limit), limit)):
        for x, w in zip(nodes, weights):
            d = low + (x + 1) / 2 * (high - low)
            if high > low:
                density = d / OFFSET**2 * np.exp(-(d**2) / (2 * OFFSET**2))
                total += w / 2 * (high - low) * density * function(d)
    return total


def other_masses(cosmology):
    """Return masses and concentrations of the halo in other definitions."""
    found = {}
    for name, massdef, contrast in (("500c", "critical", 500), ("200m", "mean", 200)):
        found[name] = theory.convert_profile_mass_concentration(
            HALO["m200c"], HALO["c200c"], HALO["z_lens"], cosmology, "critical", 200, "nfw",
            massdef2=massdef, delta_mdef2=contrast,
        )
    return found


def stack_values(cosmology):
    """Return random galaxies and lenses, with their profiles in three rings."""
    rng = np.random.default_rng(5)
    n = 120
    galaxies = {
        "ra": 150 + rng.uniform(-0.2, 0.2, n), "dec": 1 + rng.uniform(-0.1, 0.1, n),
        "e1": 0.2 * rng.standard_normal(n), "e2": 0.2 * rng.standard_normal(n),
        "weight": rng.uniform(0.5, 2, n), "redshift": rng.uniform(0.6, 1.5, n),
    }
    galaxies = {name: np.round(values, 6) for name, values in galaxies.items()}
    lenses = {"ra": [149.98, 150.05], "dec": [1.01, 0.96], "z": [0.25, 0.4]}
    edges = np.array([0.5, 2.0, 4.0, 8.0])
    profiles = {"edges_arcmin": edges}
    # CLMM takes the direction at the lens, not at the galaxy, which are the same near the equator.
    # In CLMM, "celestial" has x to the east, as lensmap's; "euclidean" has x to the west.
    for frame in ("celestial", "euclidean"):
        sums = np.zeros((5, len(edges) - 1))
        for ra, dec, z in zip(*lenses.values()):
            crit = np.array([cosmology.eval_sigma_crit(z, zs) for zs in galaxies["redshift"]])
            common = {
                "ra_lens": ra, "dec_lens": dec, "ra_source": galaxies["ra"],
                "dec_source": galaxies["dec"], "shear1": galaxies["e1"],
                "shear2": galaxies["e2"], "geometry": "curve", "coordinate_system": frame,
            }
            theta, g_t, g_x = dataops.compute_tangential_and_cross_components(**common)
            _, excess, _ = dataops.compute_tangential_and_cross_components(
                **common, is_deltasigma=True, sigma_c=crit
            )
            w = galaxies["weight"]
            w_excess = w * dataops.compute_galaxy_weights(is_deltasigma=True, sigma_c=crit)
            ring = np.digitize(np.degrees(theta) * 60, edges) - 1
            for i in range(len(edges) - 1):
                at = ring == i
                sums[:, i] += [w[at].sum(), w[at] @ g_t[at], w[at] @ g_x[at],
                               w_excess[at].sum(), w_excess[at] @ excess[at]]
        profiles[frame] = {"g_t": sums[1] / sums[0], "g_x": sums[2] / sums[0],
                           "delta_sigma": sums[4] / sums[3]}
    return {"galaxies": galaxies, "lenses": lenses, "profiles": profiles}


def _plain(value):
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    array = np.asarray(value, dtype=float)
    rounded = [float(f"{one:.{DIGITS}g}") for one in array.ravel()]
    return rounded if array.ndim else rounded[0]


def main():
    """Write the values."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", help="the JSON file, tests/data/clmm.json")
    output = parser.parse_args().output
    cosmology = clmm.Cosmology(**COSMOLOGY)
    values = {
        "cosmology": COSMOLOGY, "halo": HALO, "z_source": Z_SOURCE, "betas": BETAS,
        "offset": OFFSET, "radius": RADIUS, "of_halo": halo_values(cosmology),
        "masses": other_masses(cosmology), "stack": stack_values(cosmology),
    }
    versions = {name: version(name) for name in ("clmm", "pyccl", "numpy", "astropy")}
    text = json.dumps({"versions": versions, **_plain(values)}, indent=None,
                      separators=(",", ":"))
    with open(output, "w", encoding="utf-8") as file:
        file.write(text.replace('},"', '},\n"').replace('],"', '],\n"') + "\n")


if __name__ == "__main__":
    main()
