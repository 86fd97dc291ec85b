# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How near to the truth the linear maps come: correlation and error on simulated skies.

33 galaxies per square arcmin, sigma_e = .24 and measurement errors as HSC's, fields of 512 x 512
pixels of 0.41 arcmin; the power of the Wiener filter is the theory's. "Limit" is the correlation
of the best linear map of a Gaussian field that fills the sky.
"""

import argparse

import numpy as np
from astropy import units as u

from lensmap import HaloModelField, KaiserSquires, MockSurvey, WienerFilter
from lensmap.cosmology import convergence_power
from lensmap.flatsky import convergence_to_shear, mode_power
from lensmap.maps import ConvergenceMap
from lensmap.scores import pearson_r, rmse
from lensmap.simulate import LensingField

SMOOTHINGS = (0.7, 0.85, 1.0, 1.25, 1.5, 2.5)  # arcmin; 2.5 is the 150 arcsec of Cha et al. 2025


def limit(grid, pixel, z_source):
    """Return sqrt(sum P^2 / (P + N) / sum P) over the modes of the field."""
    power = mode_power(grid.shape, pixel, lambda ell: convergence_power(ell, z_source))
    noise = 1 / np.mean(1 / grid.sigma**2)
    return np.sqrt(np.sum(power**2 / (power + noise)) / power.sum())


def gaussian_field(model, z_source, rng):
    """Return a Gaussian field of the theory's power, cut out of a larger one."""
    shape = tuple(2 * round(0.875 * n) for n in model.shape)
    pixel = model.pixel_scale.to_value(u.rad)
    power = mode_power(shape, pixel, lambda ell: convergence_power(ell, z_source))
    kappa = np.fft.ifft2(np.fft.fft2(rng.standard_normal(shape)) * np.sqrt(power)).real
    cut = tuple(slice((n - m) // 2, (n - m) // 2 + m) for n, m in zip(shape, model.shape))
    return LensingField(ConvergenceMap(kappa[cut], wcs=model.wcs),
                        convergence_to_shear(kappa)[cut], None, z_source)


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Score the linear maps on simulated skies.")
    parser.add_argument("-n", type=int, default=20, help="fields (default %(default)s)")
    n_fields = parser.parse_args().n
    survey = MockSurvey.preset("cha2025")
    estimators = {
        f"Kaiser-Squires, {60 * s:.0f} arcsec": KaiserSquires(smoothing=s * u.arcmin)
        for s in SMOOTHINGS
    }
    for z_source in (1.0, 2.5):
        model = HaloModelField(z_source=z_source).prepare()
        estimators["Wiener"] = WienerFilter(z_source=z_source, dtype="float32")
        for what in ("Gaussian", "halo model"):
            results = {name: [] for name in estimators}
            limits = []
            for seed in range(n_fields):
                rng = np.random.default_rng((1, seed))
                field = model.draw(rng) if what == "halo model" else gaussian_field(
                    model, z_source, rng)
                grid = survey.observe_grid(field, rng=rng)
                limits.append(limit(grid, model.pixel_scale.to_value(u.rad), z_source))
                for name, estimator in estimators.items():
                    found = estimator.reconstruct(grid).data
                    truth = field.kappa.data
                    results[name].append((pearson_r(truth, found), rmse(truth, found)))
            print(f"\n{what} fields, z_s = {z_source:g}, {n_fields} of them; "
                  f"limit r = {np.mean(limits):.3f}")
            for name, values in results.items():
                (r, rms), error = np.mean(values, axis=0), np.std(values, axis=0)
                error = error / np.sqrt(n_fields)
                print(f"{name:30s} r = {r:.3f} +- {error[0]:.3f}   rmse = {rms:.4f} +- "
                      f"{error[1]:.4f}", flush=True)


if __name__ == "__main__":
    main()
