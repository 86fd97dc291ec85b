# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The COSMOS field and its X-ray clusters
=======================================

Map the HST COSMOS shear catalog (Schrabback et al. 2010), test its undocumented sign convention,
and compare the map with X-ray clusters (Finoguenov et al. 2007).

The catalogs are not part of lensmap. The variable ``LENSMAP_DATA`` names the folder with
``cosmos_shear.fits`` (columns ``ra``, ``dec``, ``e1``, ``e2``, ``weight``) and
``cosmos_xray_clusters.txt``. Where this variable is not set, this page shows the script without
output.
"""

import os
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from lensmap import (
    KaiserSquires,
    ShearCatalog,
    WienerFilter,
    check_convention,
    find_peaks,
    make_wcs,
)
from lensmap.peaks import completeness, peaks_at_density, purity
from lensmap.statistics import b_mode_test, stack_at

folder = Path(os.environ["LENSMAP_DATA"])

# %%
# Which sign convention?
# ----------------------
# The catalog does not document its convention. We declare one and test it on the galaxies.

path = folder / "cosmos_shear.fits"
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # some calibrated ellipticities exceed 1, as they may
    trial = ShearCatalog.read(path, convention="celestial", kind="shear")
    print(check_convention(trial, rng=0))
    catalog = ShearCatalog.read(path, convention="euclidean", kind="shear")

# %%
# With the other sign of e2, the E-mode is stronger and the B-mode weaker: the convention is
# ``"euclidean"``. Some B-mode remains, from systematic errors or from gaps in the data.
#
# The map
# -------
# Kaiser-Squires with a smoothing of 0.6 arcmin, and the Wiener filter for sources at a mean
# redshift of 1.2.

wcs = make_wcs(catalog, 0.3 * u.arcmin)
linear = KaiserSquires(smoothing=0.6 * u.arcmin, uncertainty="analytic").reconstruct(catalog, wcs)
wiener = WienerFilter(z_source=1.2, dtype="float32").reconstruct(catalog, wcs)
test = b_mode_test(linear)
print(f"{len(catalog)} galaxies; B-mode: {test.rms:.2f} +- {test.rms_err:.2f} of the noise")

# %%
# X-ray clusters
# --------------
# Crosses are X-ray clusters and groups. Most have less than 1e14 solar masses.

ra, dec, redshift = np.loadtxt(
    folder / "cosmos_xray_clusters.txt", delimiter="\t", usecols=(1, 2, 5), unpack=True,
    encoding="latin-1",
)
clusters = SkyCoord(ra, dec, unit="deg")
figure = plt.figure(figsize=(9.5, 4.4), layout="constrained")
for i, (title, kappa) in enumerate({"Kaiser-Squires": linear, "Wiener filter": wiener}.items()):
    ax = figure.add_subplot(1, 2, i + 1, projection=wcs)
    kappa.plot(ax, vmin=-0.08, vmax=0.08, colorbar=False, title=title)
    ax.plot(ra, dec, "x", color="black", markersize=4, transform=ax.get_transform("icrs"))
    if i:
        ax.coords[1].set_ticklabel_visible(False)
        ax.coords[1].set_axislabel(" ")
figure.colorbar(figure.axes[0].images[0], ax=figure.axes, label="convergence", extend="both")
plt.show()

# %%
# Stack the map at the clusters
# -----------------------------
# The mean convergence at the clusters is compared with the mean at random unmasked positions. The
# B-mode at the same positions is a null test.

for title, kappa in {"Kaiser-Squires": linear, "Wiener filter": wiener}.items():
    signal, null = (stack_at(kappa, clusters, b_mode=b_mode, rng=1) for b_mode in (False, True))
    print(f"{title:15s} E-mode {signal.significance:5.1f} sigma, "
          f"B-mode {null.significance:+.1f} sigma")

# %%
# Peaks and clusters
# ------------------
# Which clusters have one of the highest 20 peaks per square degree within 1.5 arcmin? Both numbers
# are corrected for chance matches.

table = Table({"ra": ra, "dec": dec, "redshift": redshift})
for title, kappa in {"Kaiser-Squires": linear, "Wiener filter": wiener}.items():
    highest = find_peaks(kappa, 0, by="kappa", min_separation=1.5 * u.arcmin)
    highest = peaks_at_density(highest, 20 / u.deg**2, kappa)
    complete = completeness(highest, table, 1.5 * u.arcmin, kappa=kappa, rng=1)
    pure = purity(highest, table, 1.5 * u.arcmin, kappa=kappa, rng=1)
    print(f"{title:15s} completeness {complete['corrected'][0]:.2f}, "
          f"purity {pure['corrected'][0]:.2f}")

# %%
# Most of these groups have too little mass to be detected one by one, while their mean convergence
# is. The validation pages :ref:`compare more methods <peaks-cosmos>`, and show :ref:`which halos
# this catalog can detect <injection-cosmos>`.
