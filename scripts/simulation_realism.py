"""
Hold simulated fields against published statistics and write the table of the documentation::

    python scripts/simulation_realism.py [-n FIELDS] [-o docs/guide/realism.txt]

The references are in ``tests/data``: statistics of public ray-traced maps, and halofit; the power
spectrum is that of CAMB (``pip install camb``), which lensmap itself does not use. 200 fields of
5.25 deg take some ten minutes on two cores.
"""

import argparse
from pathlib import Path

import numpy as np
import scipy.fft
from astropy import units as u
from astropy.table import Table

from lensmap.flatsky import mode_ell, pixel_window
from lensmap.simulate import HaloModelField, draw_fields
from lensmap.simulate.halo_model._resolution import resolution_transfer

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "docs" / "guide" / "realism.txt"
REFERENCE = ROOT / "tests" / "data" / "kappa_statistics.ecsv"

SEED = 20261
Z_SOURCES = (0.5, 1.0, 1.5, 2.0, 2.5)
N = 768  # the periodic box; fields of 3.5 deg and the cut-outs are its middle
PIXEL = 0.41 * u.arcmin
SMOOTHINGS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0)  # arcmin
CUT = 320  # pixels: the public map's
EDGES = np.geomspace(100, 8000, 9)

# Of the one public MassiveNuS map, unsmoothed, as `kappa_statistics.ecsv` has them.
TAILS = {"above .05 (per cent)": 1.95, "above .1 (per cent)": 0.27,
         "peaks above .05 per deg2": 42.8, "peaks above .1 per deg2": 6.1}


def model():
    """Return the simulator: the periodic box itself, so that its power is exact."""
    return HaloModelField(
        z_source=list(Z_SOURCES), shape=(N, N), pixel_scale=PIXEL, padding=1, cosmology="massivenus"
    )


ELL = mode_ell((N, N), PIXEL.to_value(u.rad))[:, : N // 2 + 1]  # as of rfft2
MODES = np.full(ELL.shape, 2.0)
MODES[:, 0] = MODES[:, -1] = 1.0


def middle(field, n):
    """Return the middle n x n pixels less their mean."""
    start = (N - n) // 2
    cut = field[start : start + n, start : start + n]
    return cut - cut.mean()


def local_maxima(field, threshold):
    """Return how many pixels are above a threshold and above their eight neighbors."""
    inside = field[1:-1, 1:-1]
    peak = inside > threshold
    n = len(field)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            if dx or dy:
                peak &= inside > field[1 + dy : n - 1 + dy, 1 + dx : n - 1 + dx]
    return np.count_nonzero(peak)


def smoothed(field, sigma):
    """Return a square field after a Gaussian of sigma arcmin, as if it were periodic.

    A published map of 3.5 deg is smoothed by itself, without what lies outside of it; with what
    does, sigma at 15 arcmin would be 7 per cent higher.
    """
    pixels = float(sigma * u.arcmin / PIXEL)
    n = len(field)
    transfer = np.exp(-2 * (np.pi * pixels * scipy.fft.fftfreq(n)) ** 2)
    spectrum = scipy.fft.rfft2(field) * transfer[:, np.newaxis] * transfer[: n // 2 + 1]
    return scipy.fft.irfft2(spectrum, field.shape)


def measure(fields, seed):
    """Return the statistics of one draw."""
    result = {}
    pixel = PIXEL.to_value(u.rad)
    area = (CUT * PIXEL.to_value(u.deg)) ** 2
    for z, field in zip(Z_SOURCES, fields, strict=True):
        transform = scipy.fft.rfft2(field.kappa.data.astype(float))
        power = np.abs(transform) ** 2 * pixel**2 / N**2 * MODES
        result["power", z] = np.histogram(ELL, EDGES, weights=power)[0]
        whole = middle(scipy.fft.irfft2(transform, (N, N)), 512)
        coarse = scipy.fft.irfft2(transform * resolution_transfer(ELL, "massivenus"), (N, N))
        for s in SMOOTHINGS:
            result["variance", z, s] = np.var(smoothed(whole, s))
            cut = smoothed(middle(coarse, CUT), s)
            result["cut sigma", z, s] = cut.std()
            result["cut skewness", z, s] = np.mean(cut**3) / cut.std() ** 3
        cut = middle(coarse, CUT)
        values = (100 * np.mean(cut > 0.05), 100 * np.mean(cut > 0.1),
                  local_maxima(cut, 0.05) / area, local_maxima(cut, 0.1) / area)
        result |= {(name, z): value for name, value in zip(TAILS, values, strict=True)}
    halos = fields[0].halos
    near = (halos["redshift"] > 0.05) & (halos["redshift"] < 1)
    scale = 12.25 / (N * PIXEL.to_value(u.deg)) ** 2
    for mass in (1e14, 2e14, 3e14, 5e14):
        result["halos", mass] = scale * np.count_nonzero(near & (halos["m200c"].value > mass))
    return result


def camb_power(ell, z_source):
    """Return the convergence power of CAMB's halofit (Takahashi et al. 2012), Limber."""
    import camb

    parameters = camb.set_params(
        H0=70, ombh2=0.046 * 0.49, omch2=0.254 * 0.49, mnu=0, num_massive_neutrinos=0, omk=0,
        TCMB=2.7255, ns=0.97, As=2.1e-9, halofit_version="takahashi",
    )
    results = camb.get_background(parameters)
    power = camb.get_matter_power_interpolator(
        parameters, nonlinear=True, hubble_units=False, k_hunit=False, kmax=60, zmax=z_source + 0.1
    )
    end = results.comoving_radial_distance(z_source)
    chi = (np.arange(200) + 0.5) / 200 * end
    z = results.redshift_at_comoving_radial_distance(chi)
    weight = 1.5 * 0.3 * (70 / 299792.458) ** 2 * (1 + z) * chi * (1 - chi / end)
    weight *= np.sqrt(end / 200) / chi
    return np.array([
        sum(w**2 * power.P(a, (x + 0.5) / c) for a, c, w in zip(z, chi, weight, strict=True))
        for x in np.atleast_1d(ell)
    ])


def binned_camb(z):
    """Return CAMB's power in the bins, with the window of the pixels."""
    nodes = np.geomspace(60, 12000, 60)
    window = pixel_window((N, N))[:, : N // 2 + 1]
    power = np.interp(np.log(np.maximum(ELL, 1)), np.log(nodes), np.log(camb_power(nodes, z)))
    return np.histogram(ELL, EDGES, weights=np.exp(power) * window**2 * MODES)[0]


def rows_of(results):
    """Yield the rows: what, z_s, reference, simulator, what is asked, whether it holds."""
    def all_of(*key):
        return np.array([r[key] for r in results])

    root_n = np.sqrt(len(results))
    for z in (1.0, 1.5, 2.5):
        ratio = all_of("power", z) / binned_camb(z)
        for low, high, mean, error in zip(EDGES, EDGES[1:], ratio.mean(axis=0),
                                          ratio.std(axis=0) / root_n, strict=False):
            yield (f"power / halofit, l = {low:.0f} to {high:.0f}", z, "1", f"{mean:.3f} +- "
                   f"{error:.3f}", "10 per cent", abs(mean - 1) < 0.1)
    reference = Table.read(REFERENCE)
    for row in reference:
        z, s, value = row["z_source"], row["smoothing"], row["sigma_kappa"]
        if row["source"] not in ("halofit", "MassiveNuS-mean"):
            continue
        variance = all_of("variance", z, s)
        sigma = np.sqrt(variance.mean())
        error = variance.std() / root_n / (2 * sigma)
        limit = 0.05 if row["source"] == "halofit" else 0.10
        yield (f"sigma at {s:g}', {row['source']}", z, f"{value:.5g}",
               f"{sigma:.5f} +- {error:.5f} ({sigma / value - 1:+.1%})", f"{limit:.0%}",
               abs(sigma / value - 1) < limit)
    one = {row["smoothing"]: row for row in reference if row["source"] == "MassiveNuS-1map"}
    inside = "central 95 per cent"
    for s in (0.0, 0.5, 1.0, 2.0):
        value = one[s]["sigma_kappa"] / one[5.0]["sigma_kappa"]
        found = all_of("cut sigma", 1.0, s) / all_of("cut sigma", 1.0, 5.0)
        yield _range(f"sigma({s:g}') / sigma(5')", value, found, inside)
    for s in (1.0, 2.0):
        yield _range(f"skewness at {s:g}'", one[s]["skewness"], all_of("cut skewness", 1.0, s),
                     inside)
    for name, value in TAILS.items():
        yield _range(name, value, all_of(name, 1.0), inside)
    for mass, value in ((1e14, 217.4), (2e14, 52.2), (3e14, 19.6), (5e14, 4.64)):
        found = all_of("halos", mass)
        error = found.std(ddof=1) / root_n
        yield (f"halos above {mass:.0e} in 12.25 deg2, .05 < z < 1", np.nan, f"{value:g}",
               f"{found.mean():.2f} +- {error:.2f}", "3 standard errors",
               abs(found.mean() - value) < 3 * error)


def _range(what, value, found, asked):
    low, high = np.percentile(found, [2.5, 97.5])
    return (f"{what}, one MassiveNuS map", 1.0, f"{value:.3g}",
            f"{low:.3g} to {high:.3g} (mean {found.mean():.3g})", asked, low <= value <= high)


def table_of(rows, n_fields):
    """Return the table as reStructuredText."""
    lines = [f".. list-table:: {n_fields} fields, seed {SEED}", "   :header-rows: 1", ""]
    head = ("statistic", "z_s", "reference", "simulator", "required", "passed")
    for row in [head, *rows]:
        what, z, *rest, last = row
        z = z if isinstance(z, str) else ("" if np.isnan(z) else f"{z:g}")
        last = last if isinstance(last, str) else ("yes" if last else "**no**")
        cells = [what, z, *rest, last]
        lines += [f"   {'*' if i == 0 else ' '} - {cell}".rstrip() for i, cell in enumerate(cells)]
    return "\n".join(lines) + "\n"


def main():
    """Draw, measure, print and write."""
    parser = argparse.ArgumentParser(description="Hold simulated fields against references.")
    parser.add_argument("-n", type=int, default=200, help="fields (default %(default)s)")
    parser.add_argument("-o", "--output", type=Path, default=OUTPUT, help="default: %(default)s")
    parser.add_argument("--workers", type=int, default=None, help="processes (default: cores)")
    arguments = parser.parse_args()
    results = list(draw_fields(model(), arguments.n, seed=SEED, workers=arguments.workers,
                               progress=True, then=measure))
    rows = list(rows_of(results))
    for what, z, value, found, asked, holds in rows:
        print(f"{what:52s} {z:4g} {value:>8s}  {found:40s} {asked:20s} {'ok' if holds else 'NO'}")
    arguments.output.write_text(table_of(rows, arguments.n))
    print(f"{arguments.output}: {sum(row[-1] for row in rows)} of {len(rows)} hold")


if __name__ == "__main__":
    main()
