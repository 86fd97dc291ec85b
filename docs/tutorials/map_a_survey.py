# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Map 100 square degrees
======================

Make a mass map of a mock survey of 1.4 million galaxies on the curved sky: plan the run, interrupt
and resume it, compare the map with the truth, cut out a cluster, find peaks, and write files for
Aladin and other programs. The tutorial takes about a minute on two cores.
"""

import shlex
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from lensmap.grid import tangent_wcs
from lensmap.maps import HealpixMap
from lensmap.plotting import plot_sky
from lensmap.survey import SurveyMap, compare_maps

scratch = TemporaryDirectory()
folder = Path(scratch.name)


def words_of(command):
    """Return the words of a lensmap command."""
    return [sys.executable, "-m", "lensmap", *shlex.split(command)]


def run(command):
    """Run a command in the folder, as a shell does, and print its output."""
    print("$ lensmap", command)
    print(subprocess.check_output(words_of(command), cwd=folder, text=True))


# %%
# A sky with a known truth
# ------------------------
# ``lensmap simulate sky`` draws the matter in front of sources at redshift 1 on the curved sky,
# with all halos above :math:`10^{14}` solar masses, and 4 galaxies per square arcminute with the
# shape noise and the measurement errors of Subaru/HSC. Bright stars leave holes. The galaxies are
# written as a HATS folder, the format of Rubin and Euclid catalogs. For your own survey, give your
# files instead (:doc:`/guide/survey_catalogs`).

run("simulate sky -o mock --area 100 --center 40,20 --density 4 --star-density 10 "
    "--nside 1024 --min-mass 1e14 --seed 3 --workers 2")

# %%
# The plan
# --------
# ``--dry-run`` reads the galaxies once, prints the tiles, the memory and the disk space that the
# map needs, and stops. Eight tiles cover the disk; each is mapped on a tangent plane with a margin
# of 2 degrees.

survey_command = (
    "survey mock/galaxies -o survey --method ks --smoothing 3arcmin --uncertainty analytic "
    "--pixel-scale 1arcmin --products hips,moc,picture --workers 2"
)
run(f"{survey_command} --dry-run")

# %%
# The map, and an interruption
# ----------------------------
# The same command without ``--dry-run`` makes the map. Here, ``terminate()`` interrupts the run as
# soon as one tile is finished, as a batch system could.

process = subprocess.Popen(
    words_of(survey_command), cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
)
while process.poll() is None and not list(folder.glob("survey/tiles/*.npz")):
    time.sleep(0.1)
process.terminate()
_, messages = process.communicate()
print(messages)

# %%
# Finished tiles are kept, and the same command maps the others. The result is identical to that of
# an uninterrupted run.

run(survey_command)

# %%
# The survey in Python
# --------------------
# `lensmap.survey.SurveyMap` opens the folder and reads only what is needed. Peaks are found tile
# by tile, and each appears once in the table. `lensmap.plotting.plot_sky` reads the file at the
# resolution of the figure, so that it can draw a map of any size.

survey = SurveyMap(folder / "survey")
print(survey)
peaks = survey.find_peaks(5.0, exclude_edges=True)
print(peaks["ra", "dec", "kappa", "snr", "tile"][:5])

sky = plot_sky(survey.folder / "kappa.hsp", vmin=-0.1, vmax=0.1, title="100 square degrees")
sky.ax.plot(peaks["ra"], peaks["dec"], "o", color="black", fillstyle="none", markersize=9)
plt.show()

# %%
# Circles are peaks above 5 sigma. The borders of the tiles are not visible: neighboring tiles are
# blended, and scales larger than a tile come from one solution on the whole sphere.
#
# The map and the truth
# ---------------------
# `lensmap.survey.SurveyMap.cutout` returns a part of the survey on any WCS, here an image of the
# whole survey. The truth is smoothed like the map.

truth = HealpixMap.read(folder / "mock" / "kappa_true.fits")
smooth_truth = truth.smooth(3 * u.arcmin)
wcs = tangent_wcs(SkyCoord(40, 20, unit="deg"), (360, 360), 2 * u.arcmin)
figure = plt.figure(figsize=(9, 4.4), layout="constrained")
for i, (title, kappa) in enumerate(
    {"true convergence": smooth_truth.cutout(wcs), "map": survey.cutout(wcs)}.items()
):
    ax = figure.add_subplot(1, 2, i + 1, projection=wcs)
    kappa.plot(ax, vmin=-0.06, vmax=0.06, colorbar=False, title=title)
figure.colorbar(figure.axes[0].images[0], ax=figure.axes, label="convergence", extend="both")
plt.show()

# %%
# With 4 galaxies per square arcminute, noise dominates the image. A comparison by scale shows that
# the map is right. The transfer is the cross-power of map and truth divided by the power of the
# truth, and is 1 within its errors. The errors follow from the number of modes, of which 100 square
# degrees have few on large scales. The correlation with the truth falls where the noise exceeds
# the signal.

table = compare_maps(survey.to_map(), truth, smoothing=3 * u.arcmin)
low, high = (np.asarray(table[name], float) for name in ("ell_low", "ell_high"))
n_modes = (high**2 - low**2) * table.meta["sky_fraction"]
error = table["transfer"] * np.sqrt((1 / table["correlation"] ** 2 - 1) / n_modes)
multipole = np.sqrt(low * high)
figure, ax = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
ax.axhline(1, color="0.7", linewidth=0.8)
ax.errorbar(multipole, table["transfer"], error, fmt="o", color="C0", label="transfer")
ax.plot(multipole, table["correlation"], "s--", color="C1", label="correlation")
ax.set(xscale="log", xlabel="multipole $\\ell$", ylabel="map and truth", ylim=(0, 1.6))
ax.legend(frameon=False)
plt.show()

# %%
# One cluster
# -----------
# A cutout is a `lensmap.ConvergenceMap`, which every function for fields accepts. The figure shows
# the highest peak more than a degree from the edge, with contours of 3, 5 and 7 sigma. Crosses
# are halos above :math:`2 \times 10^{14}` solar masses at redshifts below 0.7, with their masses in
# units of :math:`10^{14}`.

halos = QTable.read(folder / "mock" / "halos.fits")
positions = SkyCoord(halos["ra"], halos["dec"])
peak_positions = SkyCoord(peaks["ra"], peaks["dec"])
inner = peak_positions.separation(SkyCoord(40, 20, unit="deg")) < 4.6 * u.deg
wcs = tangent_wcs(peak_positions[inner][0], (60, 60), 1 * u.arcmin)
cluster = survey.cutout(wcs)

figure = plt.figure(figsize=(5.4, 4.4), layout="constrained")
ax = figure.add_subplot(projection=wcs)
cluster.plot(ax, vmin=-0.1, vmax=0.1)
ax.contour(cluster.snr, levels=[3, 5, 7], colors="black", linewidths=0.8)
x, y = wcs.world_to_pixel(positions)
shown = (halos["m200c"] > 2e14 * u.solMass) & (halos["redshift"] < 0.7)
for i in np.flatnonzero(shown & (x > 0) & (x < 56) & (y > 0) & (y < 57)):
    ax.plot(x[i], y[i], "+", color="black")
    mass = halos["m200c"][i].value / 1e14
    ax.annotate(f"{mass:.1f}", (x[i], y[i]), (4, 3), textcoords="offset points")
plt.show()

# %%
# Peaks and halos
# ---------------
# A halo counts as found if a peak above 4 sigma lies within 4 arcmin. Shifting all peaks by half a
# degree gives the rate of chance matches.

candidates = survey.find_peaks(4.0)
candidates = SkyCoord(candidates["ra"], candidates["dec"])
moved = candidates.directional_offset_by(0 * u.deg, 0.5 * u.deg)


def has_peak(catalog):
    """Return which halos have a peak of a catalog within 4 arcmin."""
    return positions.match_to_catalog_sky(catalog)[1] < 4 * u.arcmin


found, by_chance = has_peak(candidates), has_peak(moved)
mass = halos["m200c"].value
print("M200c (1e14 Msun)  halos  found  by chance")
for low, high in ((1, 2), (2, 4), (4, 8), (8, 30)):
    near = (halos["redshift"] < 0.6) & (mass >= low * 1e14) & (mass < high * 1e14)
    print(f"{low:8d} to {high:2d}      {near.sum():5d}"
          f"{np.mean(found[near]):7.0%}{np.mean(by_chance[near]):11.0%}")

figure, ax = plt.subplots(figsize=(5.6, 3.8), layout="constrained")
ax.scatter(halos["redshift"][~found], mass[~found], s=5, color="0.75", label="not found")
ax.scatter(halos["redshift"][found], mass[found], s=22, color="C3", label="with a peak")
ax.set(yscale="log", xlabel="redshift", ylabel="$M_{200c}$ (solar masses)", xlim=(0, 1))
ax.legend(frameon=False)
plt.show()

# %%
# Massive halos about half way to the sources are found. Halos close to the sources hardly lens:
# most of the peaks at their positions are chance matches. :doc:`/guide/survey_analysis` shows how
# to measure the masses of halos with the same galaxies.
#
# Files for other programs
# ------------------------
# The folder contains the maps as HealSparse files, and the HiPS, the footprint and the picture that
# ``--products`` added.

for path in sorted(survey.product_paths):
    parts = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    print(f"{path.name:15s} {sum(one.stat().st_size for one in parts) / 1e6:6.1f} MB")

# %%
# For Aladin, serve the folder with ``python -m http.server`` and open
# ``http://localhost:8000/survey/hips``. ``healsparse.HealSparseMap.read`` reads the maps, and any
# tool for MOCs reads the footprint (:doc:`/guide/survey_products`).
#
# The survey report
# -----------------
# One HTML file shows the maps, the tiles, the seams between them, the B-mode and the quality of
# the data.

report = survey.write_report()
print(f"{report.name}: {report.stat().st_size / 1e6:.1f} MB")
scratch.cleanup()

# %%
# For your own survey, change the path of the catalog, and add the options that declare its columns.
# ``--method cnn --uncertainty network`` uses the network, and ``--dask tcp://head:8786`` runs the
# tiles on a cluster (:doc:`/guide/survey`).
