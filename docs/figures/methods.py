# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One simulated field by all methods."""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u

from lensmap import CNNReconstructor, KaiserSquires, MaximumEntropy, WienerFilter
from lensmap.estimators import (
    ApertureMass,
    KaiserSquiresPlus,
    MCALens,
    SparseReconstructor,
)
from lensmap.simulate import HaloModelField, MockSurvey
from lensmap.validation import series_seed

SIDE, SCALE = 256, 0.41
# The range of the colors, in convergence.
RANGE = 0.1


def one_field():
    """Draw the truth of a field and the maps of all methods, each with its correlation."""
    seed = np.random.SeedSequence(series_seed("tuning")).spawn(1)[0]
    field = HaloModelField(
        z_source=1.0, pixel_scale=SCALE * u.arcmin, shape=(SIDE, SIDE)
    ).draw(np.random.default_rng(seed))
    catalog = MockSurvey(density=33 / u.arcmin**2, sigma_e=0.26).observe(field, rng=1)
    truth = field.kappa.data - field.kappa.data.mean()
    y, x = np.indices(truth.shape)
    hole = np.hypot(y - 90, x - 170) < 17
    prior = {"z_source": 1.0}
    methods = {
        "Kaiser-Squires, 1.5 arcmin": KaiserSquires(smoothing=1.5 * u.arcmin),
        "Kaiser-Squires plus, 1.5 arcmin": KaiserSquiresPlus(smoothing=1.5 * u.arcmin),
        "Wiener filter": WienerFilter(**prior),
        "maximum entropy": MaximumEntropy(**prior),
        "MCALens": MCALens(**prior),
        "sparse": SparseReconstructor(),
        "network": CNNReconstructor(),
        "aperture mass, significance": ApertureMass(radius=5 * u.arcmin),
    }
    figure, axes = plt.subplots(3, 3, figsize=(8.4, 8.6), layout="constrained")
    extent = np.array([0, SIDE, 0, SIDE]) * SCALE / 60
    style = {"origin": "lower", "cmap": "RdBu_r", "extent": extent}
    image = axes.flat[0].imshow(truth, vmin=-RANGE, vmax=RANGE, **style)
    axes.flat[0].set_title("truth", fontsize=9)
    for ax, (name, estimator) in zip(axes.flat[1:], methods.items(), strict=True):
        result = estimator.reconstruct(catalog, field.wcs, hole)
        good = ~result.mask
        if isinstance(estimator, ApertureMass):
            shown, limit = result.snr, 6
        else:
            shown, limit = result.data - result.data[good].mean(), RANGE
        r = np.corrcoef(result.data[good], truth[good])[0, 1]
        ax.imshow(np.where(good, shown, np.nan), vmin=-limit, vmax=limit, **style)
        text = "" if isinstance(estimator, ApertureMass) else f": r = {r:.2f}"
        ax.set_title(f"{name}{text}", fontsize=9)
    for ax in axes.flat:
        ax.set_facecolor("0.8")
        ax.label_outer()
    for ax in axes[-1]:
        ax.set_xlabel("x (deg)")
    for ax in axes[:, 0]:
        ax.set_ylabel("y (deg)")
    figure.colorbar(image, ax=axes, location="bottom", shrink=0.5, aspect=40,
                    ticks=[-RANGE, -RANGE / 2, 0, RANGE / 2, RANGE],
                    label="convergence (significance from -6 to 6)")
    return figure
