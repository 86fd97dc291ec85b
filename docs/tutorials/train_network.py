# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
A network trained on your own simulations
=========================================

From a folder of convergence maps in FITS to a network that makes maps of catalogs: fields are
read, training begins from the bundled network, is interrupted, goes on, and what came out is
used.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import Table

from lensmap import CNNReconstructor, HaloModelField, MockSurvey
from lensmap.networks import FieldSet, read_card, train
from lensmap.plotting import plot_learning_curve
from lensmap.scores import pearson_r
from lensmap.simulate import read_lenstools

# %%
# The simulations
# ---------------
# Maps of the convergence as LensTools and MassiveNuS write them: an image, and its side in
# degrees on the card ANGLE. Eight small ones are written here, in the place of some thousands of
# yours.

scratch = TemporaryDirectory()
folder = Path(scratch.name)
z_source, side = 1.0, 128
model = HaloModelField(z_source=z_source, shape=(side, side), pixel_scale=0.41 * u.arcmin)
for i in range(8):
    kappa = model.draw(rng=1000 + i).kappa.data
    header = fits.Header({"ANGLE": side * 0.41 / 60})
    fits.writeto(folder / f"map_{i:04d}.fits", kappa.astype(np.float32), header)

# %%
# `lensmap.networks.FieldSet` takes them in. It makes the shear of each map, and keeps both in
# half precision where training reads them quickly. ``read`` is how one file is read:
# `lensmap.simulate.read_massivenus`, `lensmap.simulate.read_kappatng`, or a function of your own
# that returns a `lensmap.LensingField`.


def read(path):
    """Read a map, whose header does not say the redshift of its sources."""
    return read_lenstools(path, z_source=z_source)


fields = FieldSet.from_files(folder / "fields", sorted(folder.glob("map_*.fits")), read=read)
print(len(fields), "fields with pixels of", fields.pixel_scale, "arcmin")

# %%
# Training, and an interruption
# -----------------------------
# Each step draws a field, turns it, observes it with a survey of random depth and mask, and
# corrects the network. ``start="lensmap"`` begins with the bundled weights; without it training
# begins anew, and takes many hours. Two fields are held back for the checks. 12 steps are enough
# to see that it runs, and far too few to learn anything: the bundled network had thousands
# (:doc:`/development/weights`).
#
# Somebody stops the machine after the fifth step:


def stop_after_five(done, total):
    """Interrupt the training, as the key combination Ctrl-C would."""
    if done == 5:
        raise KeyboardInterrupt


options = {
    "steps": 12, "start": "lensmap", "learning_rate": 1e-4, "held_back": 2, "check_every": 4,
}
try:
    train("lensmap", {fields: 1.0}, folder / "run", progress=stop_after_five, **options)
except KeyboardInterrupt:
    print("interrupted; in the folder:", sorted(path.name for path in (folder / "run").iterdir()))

# %%
# The same call goes on where it was, and ends with the same weights as if nothing had happened:

steps_done = []
train("lensmap", {fields: 1.0}, folder / "run",
      progress=lambda done, total: steps_done.append(done), **options)
print(f"{len(steps_done)} more steps")

# %%
# What was learned
# ----------------
# The curve holds the loss of the fields that are learned from, and the correlation with the truth
# on those that are not. When the second stops to rise, more steps do not help, but more fields
# may.

curve = Table.read(folder / "run" / "curve.ecsv")
print(curve["step", "learning_rate", "loss", "r"])
ax = plot_learning_curve(curve)
plt.show()

# %%
# The weights come with a card, which says where the network may be used. Outside of that it
# warns.

card = read_card(folder / "run" / "weights.h5")
for name in ("pixel_scale", "galaxies_per_pixel", "shape_noise", "sha256"):
    print(f"{name:12s} {card[name]}")

# %%
# Use it
# ------
# The file takes the place of a bundled name. Here is a sky that it has not seen, beside the
# network from which training began:

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
scratch.cleanup()

# %%
# For a network that is worth it: thousands of steps, fields for several source redshifts and
# pixel scales, each with its part in the dictionary of sets, and ``lensmap train`` in a terminal,
# which shows how far it is (:doc:`/guide/command_line`). Whether the result is better, only skies
# that nothing was trained or tuned on can say: `lensmap.validation.compare`, with the next
# tutorial as an example.
