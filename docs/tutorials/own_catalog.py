# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
From your own table to a map in DS9
===================================

Read a table with your own column names, test its sign convention, make a mass map that aligns with
an image, and draw the peaks over it in DS9.
"""

from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import Table

from lensmap import (
    ConvergenceMap,
    KaiserSquires,
    ShearCatalog,
    check_convention,
    find_peaks,
    make_wcs,
)
from lensmap.peaks import write_regions
from lensmap.plotting import plot_peaks

# %%
# The table
# ---------
# ``mine.csv`` stands for your file. Here, it contains the galaxies of the bundled mock with other
# column names, and with the signs of image coordinates, as most shape-measurement codes write them:
# e2 has the opposite sign. Any file that `astropy.table.Table` reads will do.

scratch = TemporaryDirectory()
folder = Path(scratch.name)
path = folder / "mine.csv"

mock = Table.read(files("lensmap") / "data" / "demo_catalog.fits")
mine = Table({
    "RAJ2000": mock["ra"], "DEJ2000": mock["dec"],
    "g_one": mock["e1"], "g_two": -mock["e2"], "shape_wt": mock["weight"],
})
mine.write(path)
for line in path.read_text().splitlines()[:3]:
    print(line[:90])

# %%
# Column names, signs and kind of ellipticity
# -------------------------------------------
# Declare three things, which lensmap does not guess: the names of the columns, the *convention* of
# the signs, and the *kind* of ellipticity (:ref:`conventions` has a picture of each). The
# documentation of a catalog is often incomplete or wrong about signs. Declare what you believe, and
# test it on the galaxies:

columns = {"ra": "RAJ2000", "dec": "DEJ2000", "e1": "g_one", "e2": "g_two", "weight": "shape_wt"}
believed = ShearCatalog.read(path, columns, convention="celestial", kind="shear")
print(check_convention(believed, rng=0))

# %%
# The test rejects this convention: with the opposite sign of e2, the E-mode is much stronger and
# the B-mode vanishes. With the suggested convention, the test agrees:

catalog = ShearCatalog.read(path, columns, convention="euclidean", kind="shear")
verdict = check_convention(catalog, rng=0)
print(verdict.handedness, "/", verdict.sign)

# %%
# A wrong sign raises no error. The peaks fall apart, and the B-mode is as strong as the E-mode:

wcs = make_wcs(catalog, 0.25 * u.arcmin)
estimator = KaiserSquires(smoothing=1 * u.arcmin, uncertainty="rotations")
figure = plt.figure(figsize=(8, 7), layout="constrained")
for row, (name, galaxies) in enumerate([("celestial", believed), ("euclidean", catalog)]):
    kappa = estimator.replace(uncertainty=None).reconstruct(galaxies, wcs)
    for column, quantity in enumerate(["kappa", "kappa_b"]):
        ax = figure.add_subplot(2, 2, 1 + 2 * row + column, projection=wcs)
        kappa.plot(ax, quantity=quantity, vmin=-0.2, vmax=0.2, colorbar=False,
                   title=f"{'EB'[column]}-mode, taken as {name}")
        ax.coords[0].set_ticks(spacing=0.2 * u.deg)
figure.colorbar(figure.axes[0].images[0], ax=figure.axes, label="convergence", shrink=0.6)
plt.show()

# %%
# The map
# -------
# The pixels are those of a tangent plane over the galaxies. To use the pixels of an image of the
# field, take its WCS instead: Astropy's ``WCS(header)`` with its ``array_shape``
# (:ref:`full-resolution` shows how to join small pixels).

kappa = estimator.reconstruct(catalog, wcs)
print(f"{kappa.shape} pixels of {kappa.pixel_scale:.2f}, "
      f"{kappa.meta['n_galaxies']} galaxies used")

# %%
# The noise of each pixel comes from maps of randomly rotated galaxies. The highest B-mode shows the
# level of noise and systematic errors, which a peak must exceed.

peaks = find_peaks(kappa, 4)
noise = kappa.uncertainty.array
print(f"highest B-mode: {np.nanmax(np.abs(kappa.kappa_b) / noise):.1f} sigma")
for peak in peaks:
    print(f"peak {peak['id']}: RA {peak['ra']:.3f}, Dec {peak['dec']:.3f}, "
          f"{peak['snr']:.1f} sigma")

# %%

# sphinx_gallery_thumbnail_number = 2
ax = plot_peaks(kappa, peaks, contours=[4, 6, 9, 12, 15])
ax.set_title("mass map with its peaks; contours of signal-to-noise")
plt.show()

# %%
# Into DS9
# --------
# One FITS file contains the map, its B-mode, uncertainty, mask and counts, each with the same
# celestial header:

kappa.write(folder / "kappa.fits")
write_regions(peaks, folder / "peaks.reg", radius=2 * u.arcmin)
peaks.write(folder / "peaks.ecsv")
with fits.open(folder / "kappa.fits") as hdus:
    for hdu in hdus:
        print(f"{hdu.name:8s} {getattr(hdu, 'shape', '')}")
print((folder / "peaks.reg").read_text())

# %%
# Open the map with circles around the peaks, or next to an image with matched frames:
#
# .. code-block:: console
#
#     $ ds9 kappa.fits -cmap b -zoom to fit -regions load peaks.reg
#     $ ds9 image.fits -frame new kappa.fits -match frame wcs
#
# Aladin and CARTA also open ``kappa.fits``. For regions in CARTA, give ``write_regions`` the suffix
# ``.crtf``. In Python, read the file back:

again = ConvergenceMap.read(folder / "kappa.fits")
print(again.meta["estimator"], again.meta["convention"], again.meta["n_galaxies"])
scratch.cleanup()

# %%
# The same on the command line:
#
# .. code-block:: console
#
#     $ lensmap reconstruct mine.csv -o kappa.fits --convention euclidean --kind shear \
#           --columns ra=RAJ2000,dec=DEJ2000,e1=g_one,e2=g_two,weight=shape_wt \
#           --smoothing 1arcmin --pixel-scale 0.25arcmin --uncertainty 100 --plot kappa.png
#
# See also :doc:`/guide/catalogs` for known column names, :doc:`/guide/maps` for operations on maps,
# and :doc:`/guide/peaks` for thresholds and false peaks.
