# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
HSC, DES and KiDS columns
=========================

Read catalogs in the formats of HSC, DES and KiDS with the column presets of lensmap. The surveys
differ in column names, signs, kind of ellipticity and calibration. The same galaxies in the three
formats give the same map.
"""

import warnings
from importlib.resources import files
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.table import Table

from lensmap import KaiserSquires, ShearCatalog, check_convention, make_wcs
from lensmap.catalog import COLUMN_PRESETS, Calibration

print("presets:", ", ".join(COLUMN_PRESETS))

# %%
# The galaxies are those of the bundled mock: 30 500 behind two clusters. We write them as each
# survey would, including the biases that its calibration removes. In your script, you need only
# the line after each of these tables: ``ShearCatalog.read(path, ...)``.

mock = Table.read(files("lensmap") / "data" / "demo_catalog.fits")
mock.meta.clear()
n = len(mock)
rng = np.random.default_rng(1)

# %%
# HSC
# ---
# HSC has distortions, :math:`(a^2 - b^2) / (a^2 + b^2)`, in sky coordinates. The response of a
# distortion to shear is :math:`2 R`, and the responsivity R comes from the column with the
# intrinsic dispersion. The HSC column ``sigma_e`` is the *measurement* error. The biases m and c
# of each galaxy are columns.

e = mock["e1"] + 1j * mock["e2"]
e = 2 * e / (1 + np.abs(e) ** 2)
m = -0.1
shape = "ishape_hsm_regauss_"
hsc = Table({
    "ira": mock["ra"], "idec": mock["dec"],
    f"{shape}e1": (1 + m) * e.real, f"{shape}e2": (1 + m) * e.imag,
    f"{shape}derived_shape_weight": mock["weight"],
    f"{shape}derived_sigma_e": 1.7 * mock["sigma_m"],
    f"{shape}derived_rms_e": np.full(n, 0.40),
    f"{shape}derived_shear_bias_m": np.full(n, m),
    f"{shape}derived_shear_bias_c1": np.zeros(n),
    f"{shape}derived_shear_bias_c2": np.zeros(n),
})
from_hsc = ShearCatalog(hsc, "hsc_y1", convention="celestial", kind="distortion")
print(fill(str(from_hsc), 90))
calibration = Calibration.from_catalog(from_hsc)
print(f"R = {calibration.responsivity:.3f}, m = {calibration.m:+.2f}")

# %%
# DES
# ---
# DES has metacalibration: ellipticities with respect to the image axes (*euclidean*), and the
# response of each galaxy to shear in four columns. The mean over the catalog is the calibration;
# the response of a single galaxy is mostly noise. A selection by ``where=`` needs its columns on
# the sheared images, which give the response of the selection (:doc:`/guide/recipes`).

response = 0.7
des = Table({
    "ra": mock["ra"], "dec": mock["dec"],
    "e_1": response * mock["e1"], "e_2": -response * mock["e2"], "weight": mock["weight"],
    "R11": rng.normal(response, 0.2, n), "R22": rng.normal(response, 0.2, n),
    "R12": rng.normal(0, 0.1, n), "R21": rng.normal(0, 0.1, n),
})
from_des = ShearCatalog(des, "des_y3", convention="euclidean", kind="shear")
print(fill(str(from_des), 90))
print(Calibration.from_catalog(from_des).matrix.round(2))

# %%
# KiDS
# ----
# KiDS has *lensfit* shears, euclidean. The multiplicative bias is published for each tomographic
# bin and not as a column. Give every galaxy the value of its bin as ``m``, and the mean
# ellipticity of the bin as ``c1`` and ``c2``.

m_of_bin = np.array([-0.009, -0.011, -0.015, 0.002, 0.007])  # yours: from the paper of the release
redshift = rng.uniform(0.1, 1.2, n)
tomographic_bin = np.digitize(redshift, [0.3, 0.5, 0.7, 0.9])
bias = m_of_bin[tomographic_bin]
kids = Table({
    "ALPHA_J2000": mock["ra"], "DELTA_J2000": mock["dec"],
    "e1": (1 + bias) * mock["e1"], "e2": -(1 + bias) * mock["e2"], "weight": mock["weight"],
    "Z_B": redshift, "m": bias,
})
for name in ("c1", "c2"):
    kids[name] = np.zeros(n)  # yours: the mean ellipticity of the galaxy's bin
from_kids = ShearCatalog(kids, "kids", convention="euclidean", kind="shear")
print(fill(str(from_kids), 90))
print(f"m = {Calibration.from_catalog(from_kids).m:+.4f}")

# %%
# One map
# -------

wcs = make_wcs(from_hsc, 0.3 * u.arcmin)
estimator = KaiserSquires(smoothing=1 * u.arcmin)
catalogs = {"as HSC writes it": from_hsc, "as DES does": from_des, "as KiDS does": from_kids}
figure = plt.figure(figsize=(9.5, 3.1), layout="constrained")
for i, (name, catalog) in enumerate(catalogs.items()):
    kappa = estimator.reconstruct(catalog, wcs)
    ax = figure.add_subplot(1, 3, i + 1, projection=wcs)
    kappa.plot(ax, vmin=-0.2, vmax=0.2, colorbar=False, title=name)
    ax.coords[0].set_ticks(spacing=0.2 * u.deg)
    if i:
        ax.coords[1].set_ticklabel_visible(False)
        ax.coords[1].set_axislabel(" ")
    print(f"{name:17s} highest kappa {np.nanmax(kappa.data):.3f}")
figure.colorbar(figure.axes[0].images[0], ax=figure.axes, label="convergence", shrink=0.8)
plt.show()

# %%
# The maps differ slightly, because the responses are noisy, and because the responsivity assumes a
# single dispersion.
#
# Common mistakes
# ---------------
# If HSC distortions are read as shears, the map is too high by a constant factor. Nothing in the
# map shows this, but the preset knows the documented kind, and warns:

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    wrong = ShearCatalog(hsc, "hsc_y1", convention="celestial", kind="shear")
print(fill(str(caught[0].message), 90))
right = np.nanmax(estimator.reconstruct(from_hsc, wcs).data)
print(f"too high by {np.nanmax(estimator.reconstruct(wrong, wcs).data) / right:.2f}")

# %%
# A wrong sign can be detected from the galaxies:

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    wrong = ShearCatalog(des, "des_y3", convention="celestial", kind="shear")
print(check_convention(wrong, rng=0).suggestions)

# %%
# ``lensmap check des.fits --columns des_y3`` runs the same test on the command line.
# :doc:`/guide/column_presets` lists every preset with its columns and references.
