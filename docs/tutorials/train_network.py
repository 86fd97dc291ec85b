# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Train a network on your own maps
================================

This tutorial reads convergence maps from FITS files, trains the bundled network further on them,
resumes the training after an interruption, and makes maps of a catalog with the result. It then
trains a small Keras model.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import Table

from lensmap import CNNReconstructor, HaloModelField, MockSurvey
from lensmap.networks import Architecture, FieldSet, read_card, train
from lensmap.plotting import plot_learning_curve
from lensmap.scores import pearson_r

# %%
# Read the maps
# -------------
# Eight small maps stand for the hundreds or thousands of maps of a simulation. Each is a FITS image
# of the convergence, without a WCS.

scratch = TemporaryDirectory()
folder = Path(scratch.name)
z_source, side = 1.0, 128
model = HaloModelField(z_source=z_source, shape=(side, side), pixel_scale=0.41 * u.arcmin)
for i in range(8):
    kappa = model.draw(rng=1000 + i).kappa.data
    fits.writeto(folder / f"map_{i:04d}.fits", kappa.astype(np.float32))

# %%
# `lensmap.networks.FieldSet` computes the shear of each map and stores both in half precision. It
# reads FITS, HDF5 and NumPy files, ``(ny, nx)``. The files do not hold the pixel scale and the
# source redshift, so they are given here.

paths = sorted(folder.glob("map_*.fits"))
fields = FieldSet.from_files(
    folder / "fields", paths, pixel_scale=0.41 * u.arcmin, z_source=z_source
)
print(len(fields), "fields with pixels of", fields.pixel_scale, "arcmin")

# %%
# Train, and resume
# -----------------
# Each step takes a field in a random orientation, observes it with a survey of random depth and
# mask, and updates the weights. ``start="lensmap"`` starts from the bundled weights. Two fields are
# held back for the checks. The 12 steps of this tutorial show the procedure; a useful training
# needs thousands (:doc:`/development/weights`).
#
# The training is interrupted after the fifth step:


def stop_after_five(done, total):
    """Interrupt the training, as the key combination Ctrl-C would."""
    if done == 5:
        raise KeyboardInterrupt


options = {
    "steps": 12, "start": "lensmap", "learning_rate": 1e-4, "held_back": 2, "check_every": 4,
}
try:
    train("lensmap", fields, folder / "run", progress=stop_after_five, **options)
except KeyboardInterrupt:
    print("interrupted; in the folder:", sorted(path.name for path in (folder / "run").iterdir()))

# %%
# The same call resumes the training. The final weights are those of a training without
# interruption.

steps_done = []
train("lensmap", fields, folder / "run",
      progress=lambda done, total: steps_done.append(done), **options)
print(f"{len(steps_done)} more steps")

# %%
# Inspect the result
# ------------------
# The learning curve has the loss of the training examples, and the correlation of the map with the
# true convergence on the fields that were held back. If the correlation stops rising, more fields
# may help, but more steps do not.

curve = Table.read(folder / "run" / "curve.ecsv")
print(curve["step", "learning_rate", "loss", "r"])
ax = plot_learning_curve(curve)
plt.show()

# %%
# The card beside the weights has the domain of the network. A map of a catalog outside of the
# domain comes with a warning.

card = read_card(folder / "run" / "weights.h5")
for name in ("pixel_scale", "galaxies_per_pixel", "shape_noise", "sha256"):
    print(f"{name:12s} {card[name]}")

# %%
# Use the network
# ---------------
# Give the file in place of the name of a network. The field below was not used for training.

sky = model.draw(rng=1)
catalog = MockSurvey.preset("cha2025").observe(sky, rng=2)
networks = {"bundled": "lensmap", "trained further": folder / "run" / "weights.h5"}
# sphinx_gallery_thumbnail_number = 2
figure = plt.figure(figsize=(9.5, 3.2), layout="constrained")
ax = figure.add_subplot(1, 3, 1, projection=sky.kappa.wcs)
sky.kappa.plot(ax, vmin=-0.08, vmax=0.08, colorbar=False, title="truth")
for i, (name, weights) in enumerate(networks.items()):
    kappa = CNNReconstructor(network=weights).reconstruct(catalog, sky.kappa.wcs)
    ax = figure.add_subplot(1, 3, 2 + i, projection=sky.kappa.wcs)
    kappa.plot(ax, vmin=-0.08, vmax=0.08, colorbar=False, title=name)
    ax.coords[1].set_ticklabel_visible(False)
    ax.coords[1].set_axislabel(" ")
    print(f"{name:16s} r = {pearson_r(sky.kappa.data, kappa.data):.3f}")
figure.colorbar(figure.axes[0].images[0], ax=figure.axes, label="convergence", shrink=0.8)
plt.show()

# %%
# Train a Keras model
# -------------------
# `lensmap.networks.train` takes any Keras model for images of any size. Its inputs are one of the
# kinds of :ref:`network-channels`; here it has the three channels of ``"smoothed"``. The loss is an
# absolute error, and the optimizer Muon.

image = keras.Input((None, None, 3))
planes = keras.layers.Conv2D(8, 9, padding="same", activation="gelu")(image)
model = keras.Model(image, keras.layers.Conv2D(1, 9, padding="same")(planes))
own = train(
    model, fields, folder / "own", architecture=Architecture("smoothed", reach=8),
    loss="mae", optimizer="muon", steps=20, held_back=2, check_every=20,
)
kappa = CNNReconstructor(network=folder / "own" / "weights.keras").reconstruct(
    catalog, sky.kappa.wcs
)
print(f"after 20 steps: r = {pearson_r(sky.kappa.data, kappa.data):.3f}")
scratch.cleanup()

# %%
# For a network of production quality, use fields for several source redshifts and pixel scales,
# each set with its share in a dictionary, and run ``lensmap train`` in a terminal
# (:doc:`/guide/command_line`). Compare the result with other methods on fields that were used
# neither for training nor for tuning (`lensmap.validation.compare`, and the next tutorial).
