# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Write and compare an estimator
==============================

Implement a reconstruction method as a class with one function, arrays in and arrays out. The base
class provides catalogs, WCS, masks, noise and FITS files. Then test it, and compare it with other
methods on simulated fields.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u

from lensmap import ConvergenceMap, KaiserSquires, WienerFilter
from lensmap.estimators import Estimator, Inversion
from lensmap.flatsky import gaussian_smooth, linear_noise, near_data, shear_to_convergence
from lensmap.simulate import HaloModelField
from lensmap.testing import check_estimator
from lensmap.utils import check_angle, check_count, check_number
from lensmap.validation import ValidationSetup, compare, contrast, summarize_scores

# %%
# The method
# ----------
# A Wiener filter assumes the same power everywhere, but clusters are in some places only. The
# method of this tutorial divides the Kaiser-Squires map into scales, each the difference of two
# Gaussian smoothings. It measures the power of each scale *around each pixel*, and keeps the
# fraction that exceeds the noise:
#
# .. math:: f = \max\left(0,\ 1 - \frac{\sigma_\mathrm{noise}^2}{\langle d^2 \rangle}\right) .
#
# Scales larger than the last one are kept. The method is not linear, so that its noise is not a
# simple sum. The base class measures it with random rotations of the galaxies.


class LocalPower(Estimator):
    """Kaiser-Squires whose scales are damped by their signal-to-noise around each pixel.

    Parameters
    ----------
    finest : `~astropy.units.Quantity` or str
        The smoothing of the finest scale, an angle; each further scale is twice as wide.
    n_scales : int
        How many scales.
    extent : float
        The Gaussian in which power is measured around each pixel, in smoothings of the scale.
    uncertainty, n_realizations, rng : object
        As for `lensmap.Estimator`.
    """

    def __init__(self, *, finest=0.8 * u.arcmin, n_scales=5, extent=2.0,
                 uncertainty=None, n_realizations=100, rng=0):
        self.finest = check_angle(finest, "finest")
        self.n_scales = check_count(n_scales, "n_scales", minimum=1)
        self.extent = check_number(extent, "extent", "positive", low=1e-3)
        self.uncertainty = uncertainty
        self.n_realizations = n_realizations
        self.rng = rng
        self.check_parameters()

    def invert(self, grid, state):
        some = grid.sum_w > 0
        shear = np.divide(grid.sum_wg, grid.sum_w, out=np.zeros_like(grid.sum_wg), where=some)
        variance = np.divide(grid.noise_sum, grid.sum_w**2, out=np.zeros(grid.shape), where=some)
        raw = shear_to_convergence(shear, padding=2).real
        widths = float(self.finest / grid.pixel_frame.scale) * 2.0 ** np.arange(self.n_scales + 1)
        smooth = [gaussian_smooth(raw, width) for width in widths]
        kappa = smooth[-1]
        for i, width in enumerate(widths[:-1]):
            detail = smooth[i] - smooth[i + 1]
            # White noise that is smoothed by s has a variance that falls as 1 / s^2; by s and by
            # 2 s, a covariance of 2 / 5 of the first.
            noise = linear_noise(variance, width) ** 2 * (1 + 1 / 4 - 2 * 2 / 5)
            power = gaussian_smooth(detail**2, self.extent * width)
            kappa = kappa + detail * np.clip(1 - noise / np.maximum(power, 1e-20), 0, None)
        return Inversion(kappa, None, unsupported=~near_data(some, 2 * max(widths[0], 2.0)))


print(LocalPower(extent=3))

# %%
# ``grid.sum_wg`` is the weighted sum of the reduced shear in each pixel, with respect to the
# pixel axes. ``grid.noise_sum`` is the variance of that sum. The second value of ``Inversion`` is
# the B-mode with respect to the pixel axes, or None; the base class sets its sign on the sky.
# Parameters are keyword-only, have defaults, and are stored under their own names, so that
# ``repr``, ``replace`` and copies work.
#
# Test it
# -------
# `lensmap.testing.check_estimator` tests the properties that every estimator must have, at many
# positions on the sky and image orientations. It finds wrong signs, shifts by half a pixel, and
# ignored masks, and lists the tests that do not apply.

print(check_estimator(LocalPower))

# %%
# :doc:`/development/architecture` explains each test.
#
# Compare methods on the same fields
# ----------------------------------
# `lensmap.validation.ValidationSetup` describes the fields and the survey. This example uses a few
# small fields. ``seed=1`` gives other fields than those on which ``finest`` and ``extent`` were
# chosen.

sky = HaloModelField(z_source=1.0, shape=(160, 160), pixel_scale=0.6 * u.arcmin)
setup = ValidationSetup(sky=sky)
estimators = {
    "Kaiser-Squires": KaiserSquires(smoothing=1.2 * u.arcmin),
    "Wiener filter": WienerFilter(z_source=1.0),
    "LocalPower": LocalPower(),
}
kept = {}


def keep_first(number, observation, maps):
    """Keep the maps of the first field, to look at them."""
    if number == 0:
        kept.update({"truth": ConvergenceMap(observation.truth, wcs=sky.wcs), **maps})


scores = compare(estimators, setup, n_fields=8, seed=1, workers=1, visit=keep_first)

figure = plt.figure(figsize=(8, 7), layout="constrained")
for i, (name, kappa) in enumerate(kept.items()):
    ax = figure.add_subplot(2, 2, 1 + i, projection=sky.wcs)
    kappa.plot(ax, vmin=-0.08, vmax=0.08, colorbar=False, title=name)
figure.colorbar(figure.axes[0].images[0], ax=figure.axes, label="convergence", shrink=0.6)
plt.show()

# %%
# Scores
# ------
# All estimators map the same galaxies of the same fields. The errors come from the scatter between
# fields:

table = summarize_scores(scores)
for row in table:
    print(f"{row['estimator']:16s} r = {row['pearson_r']:.3f} +- {row['pearson_r_err']:.3f}, "
          f"rmse = {row['rmse']:.4f} +- {row['rmse_err']:.4f}")

# %%
# Fields differ more than estimators. To compare two estimators, take the difference of their scores
# in each field:

for rival in ("Kaiser-Squires", "Wiener filter"):
    rows = contrast(scores, "LocalPower", rival, metrics=["pearson_r", "rmse"])
    for row in rows:
        print(f"{row['metric']:9s} minus that of {rival:14s} "
              f"{row['difference']:+.4f} +- {row['difference_err']:.4f}")

# %%
# Before you publish such a comparison, tune each method. `lensmap.validation.tune_linear` finds the
# smoothing of Kaiser-Squires and the prior of the Wiener filter on fields outside the comparison;
# do the same for your own parameters. Then compare on several dozen large fields
# (:doc:`/guide/validation`).
