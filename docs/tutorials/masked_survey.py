# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
A survey field with holes and a footprint
=========================================

Bright stars, satellite trails and the edge of the camera leave holes and a footprint. This tutorial
maps a masked simulated field with Kaiser-Squires and with a network, and compares both with the
truth near and inside holes.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion

from lensmap import HaloModelField, KaiserSquires, MaskedCNN, MockSurvey, SkyMask
from lensmap.masks import pixel_mask
from lensmap.scores import distance_to_mask, pearson_r, rmse
from lensmap.simulate import star_holes

# %%
# A field and its galaxies
# ------------------------
# A field of 1.6 degrees with sources at a redshift of 1, and 33 galaxies per square arcminute with
# the shape noise and the measurement errors of Subaru/HSC.

field = HaloModelField(z_source=1.0, shape=(192, 192), pixel_scale=0.5 * u.arcmin).draw(rng=11)
wcs, truth = field.kappa.wcs, field.kappa.data
catalog = MockSurvey.preset("cha2025").observe(field, rng=1)
print(f"{len(catalog)} galaxies, true kappa from {truth.min():.2f} to {truth.max():.2f}")

# %%
# The mask
# --------
# Here, the holes around stars are an array of pixels. A region file, a table of stars, a FITS
# image on another WCS or a MOC works as well (:doc:`/guide/masks`). The footprint is the area
# *with* data, so that its outside is excluded. Holes and footprint are combined to one mask,
# which applies to galaxies and to pixels.

stars = star_holes(wcs, 60 / u.deg**2, rng=5, radius=(0.8 * u.arcmin, 4 * u.arcmin))
camera = CircleSkyRegion(SkyCoord(*field.kappa.wcs.wcs.crval, unit="deg"), 46 * u.arcmin)
mask = SkyMask([stars, SkyMask(camera, exclude="outside")])
excluded = pixel_mask(mask, wcs)
print(f"{excluded.mean():.0%} of the field are excluded")

# %%
# Three maps
# ----------
# Kaiser-Squires excludes masked pixels from its smoothing, so that a hole does not count as zero
# shear. With ``fill_holes=True``, it fills holes that are small compared to the smoothing.
# `lensmap.MaskedCNN` is a network that was trained on masked fields and also fills holes.

smoothing = 1.2 * u.arcmin
maps = {
    "Kaiser-Squires": KaiserSquires(smoothing=smoothing, uncertainty="analytic"),
    "Kaiser-Squires, small holes filled": KaiserSquires(smoothing=smoothing, fill_holes=True),
    "MaskedCNN": MaskedCNN(uncertainty="network"),
}
maps = {name: one.reconstruct(catalog, wcs, mask) for name, one in maps.items()}

figure = plt.figure(figsize=(8, 7), layout="constrained")
for i, (name, kappa) in enumerate({"truth": field.kappa, **maps}.items()):
    ax = figure.add_subplot(2, 2, i + 1, projection=wcs)
    kappa.plot(ax, vmin=-0.08, vmax=0.08, colorbar=False, title=name)
figure.colorbar(figure.axes[0].images[0], ax=figure.axes, label="convergence", shrink=0.6)
plt.show()

# %%
# Accuracy near and far from holes
# --------------------------------
# All maps are compared with the truth on the same pixels: far from holes and edges, and next to
# them. ``r`` is the correlation with the truth. The root mean square error (``rmse``) of a map of
# zeros would be the scatter of the truth.

near = 3 * u.arcmin
distance = distance_to_mask(excluded, 0.5 * u.arcmin, edges=False)
places = {
    "more than 3 arcmin inside": distance > near,
    "within 3 arcmin of a hole or edge": (distance > 0) & (distance <= near),
    "in holes that are filled": excluded & ~maps["MaskedCNN"].mask,
}
for place, where in places.items():
    print(f"{place}: {where.sum()} pixels, scatter of the truth {truth[where].std():.4f}")
    for name, kappa in maps.items():
        here = where & ~kappa.mask
        if here.any():
            r, error = (score(truth, kappa.data, mask=~here) for score in (pearson_r, rmse))
            print(f"    {name:35s} r = {r:.2f}  rmse = {error:.4f}  on {here.sum()} pixels")

# %%
# These are the numbers of one field. :doc:`/validation/measured` has the means of many. Filled
# holes are for figures and contain no data: exclude them from statistics with your mask.
#
# Errors of the map
# -----------------
# Near holes, fewer galaxies contribute, and the error of a map must be larger there. The error of
# Kaiser-Squires is the *noise*. That of the network is the difference from the *truth*, which
# includes the noise (:ref:`conventions`).

figure = plt.figure(figsize=(8, 3.4), layout="constrained")
titles = ["Kaiser-Squires: noise", "MaskedCNN: about the truth"]
for i, name in enumerate(["Kaiser-Squires", "MaskedCNN"]):
    ax = figure.add_subplot(1, 2, i + 1, projection=wcs)
    maps[name].plot(ax, quantity="uncertainty", title=titles[i])
plt.show()

kappa = maps["MaskedCNN"]
for place, where in places.items():
    where = where & ~kappa.mask
    held = np.abs(kappa.data - truth)[where] < kappa.uncertainty.array[where]
    print(f"{place}: the error bar (68 per cent) holds the truth in {held.mean():.0%}")

# %%
# From the command line, with the mask as files:
#
# .. code-block:: console
#
#     $ lensmap reconstruct shear.fits -o kappa.fits --method masked-cnn --uncertainty network \
#           --mask stars.reg --footprint survey.moc.fits
