# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
An estimator of your own
========================

A method is a class with its mathematics in one function, arrays in and arrays out. All else
(catalogs, WCS, masks, noise, FITS) it has from its base class, and it can be compared with the
others on skies of which the truth is known.
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
# A Wiener filter expects the same power everywhere; a sky has clusters in some places and nothing
# in others. So: take the Kaiser-Squires map apart into scales, each the difference of two
# Gaussian smoothings, measure the power of each scale *around each pixel*, and keep the part of
# it that the noise does not explain,
#
# .. math:: f = \max\left(0,\ 1 - \frac{\sigma_\mathrm{noise}^2}{\langle d^2 \rangle}\right) .
#
# What is smoother than the last scale is kept. This is not linear, so that the noise of the
# result is no simple sum; random rotations of the galaxies measure it, without a line of code
# here.


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
# ``grid.sum_wg`` is the weighted sum of the reduced shear in each pixel, in the basis of the
# pixel axes; ``grid.noise_sum`` the variance of that sum. In the place of None a B-mode may go
# back, in the same basis; the base class sets its sign on the sky. Parameters are keyword-only,
# with defaults, and stored under their own names: then ``repr``, ``replace`` and copies work.
#
# Is it right?
# ------------
# A sign, a half pixel or a forgotten mask is quickly wrong and slowly found.
# `lensmap.testing.check_estimator` knows the laws that every estimator obeys, wherever on the sky
# and however the image is rotated, and says which of them do not apply to this one.

print(check_estimator(LocalPower))

# %%
# :doc:`/development/architecture` explains each law.
#
# On the same skies
# -----------------
# `lensmap.validation.ValidationSetup` says what is simulated. Small fields serve here, and few of
# them; ``seed=1`` are other fields than those on which ``finest`` and ``extent`` were chosen.

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
# On several
# ----------
# All estimators see the same galaxies of the same fields. Means over the fields have errors:

table = summarize_scores(scores)
for row in table:
    print(f"{row['estimator']:16s} r = {row['pearson_r']:.3f} +- {row['pearson_r_err']:.3f}, "
          f"rmse = {row['rmse']:.4f} +- {row['rmse_err']:.4f}")

# %%
# Fields differ more than estimators do. Whether one is better than another on the *same* fields
# is a question of differences, field by field:

for rival in ("Kaiser-Squires", "Wiener filter"):
    rows = contrast(scores, "LocalPower", rival, metrics=["pearson_r", "rmse"])
    for row in rows:
        print(f"{row['metric']:9s} less that of the {rival:14s} "
              f"{row['difference']:+.4f} +- {row['difference_err']:.4f}")

# %%
# Before such a comparison is published, each rival has to be at its best:
# `lensmap.validation.tune_linear` finds the smoothing of Kaiser-Squires and the prior of the
# Wiener filter on fields that are not those of the comparison, and your own parameters deserve
# the same. Then take large fields, and some dozens of them.
