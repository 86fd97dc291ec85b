# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
A Coma-like cluster: mass and filaments
=======================================

Make a map of a nearby cluster, fit its mass, and search for filaments. The cluster is a mock of
Coma with three filaments on large-scale structure, so that the results can be compared with the
truth.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u

from lensmap import (
    ClusterField,
    CNNReconstructor,
    ConvergenceMap,
    KaiserSquires,
    MockSurvey,
    ShearGrid,
    find_peaks,
    fit_nfw,
    shear_profile,
)
from lensmap.filaments import azimuthal_excess, find_filaments
from lensmap.plotting import plot_azimuthal_profile, plot_filaments, plot_peaks, plot_shear_profile
from lensmap.profiles import structure_covariance

# %%
# The field
# ---------
# A field of 3.5 degrees around a cluster of 7.4e14 solar masses at a redshift of 0.0231, with 38
# galaxies per square arcminute at a redshift of 1. ``background=True`` adds large-scale structure.
# With your own galaxies, start at the next section.

pixels = {"shape": (300, 300), "pixel_scale": 0.7 * u.arcmin}
model = ClusterField.preset("coma", background=True, **pixels)
survey = MockSurvey.preset("cha2025", density=38 / u.arcmin**2)
field = model.draw(rng=3)
catalog = survey.observe(field, rng=4)
center, wcs = model.center, field.kappa.wcs
z_lens, z_source = 0.0231, 1.0
print(f"{len(catalog)} galaxies")

# %%
# The map and its peaks
# ---------------------
# The galaxies are binned once for two estimators. The map by the network shows more structure. The
# noise of Kaiser-Squires is nearly Gaussian, so that its peaks have a clear significance
# (:doc:`/guide/peaks`).

grid = ShearGrid.from_catalog(catalog, wcs)
linear = KaiserSquires(smoothing=2 * u.arcmin, uncertainty="analytic").reconstruct(grid)
kappa = CNNReconstructor().reconstruct(grid)
peaks = find_peaks(linear, 5)
print(f"{len(peaks)} peaks above 5 sigma; the highest has {peaks['snr'][0]:.1f} sigma")


def panels(maps, size=(9, 4)):
    """Draw maps side by side on one color scale."""
    figure = plt.figure(figsize=size, layout="constrained")
    for i, (title, one) in enumerate(maps.items()):
        ax = figure.add_subplot(1, len(maps), i + 1, projection=wcs)
        one.plot(ax, vmin=-0.06, vmax=0.06, colorbar=False, title=title)
        if i:
            ax.coords[1].set_ticklabel_visible(False)
            ax.coords[1].set_axislabel(" ")
    figure.colorbar(figure.axes[0].images[0], ax=figure.axes, label="convergence", shrink=0.8)
    return figure


figure = panels({"truth": field.kappa, "map by CNNReconstructor": kappa})
plot_peaks(kappa, peaks, figure.axes[1], labels=False)
plt.show()

# %%
# Most of the peaks are other clusters along the line of sight: for sources at a redshift of 1,
# lensing is more efficient for clusters at 0.3 than at 0.02. Only redshifts of the member galaxies
# show which peaks belong to Coma.
#
# The mass
# --------
# Masses are fitted to the shear of the galaxies, not to the map. Structure in front of and behind
# the cluster shears the same galaxies, and the fit needs its covariance.

bins = np.geomspace(0.2, 2.5, 11) * u.Mpc
profile = shear_profile(catalog, center, bins, z_lens=z_lens, z_source=z_source)
shape_noise = fit_nfw(profile, z_lens=z_lens, z_source=z_source)
structure = structure_covariance(bins, z_lens=z_lens, z_source=z_source)
fit = fit_nfw(profile, z_lens=z_lens, z_source=z_source, covariance=structure)

truth = model.clusters[0].m200c.to_value(1e14 * u.solMass)
for name, one in {"shape noise alone": shape_noise, "with structure": fit}.items():
    low, best, high = (
        mass.to_value(1e14 * u.solMass) for mass in (one.m200c_low, one.m200c, one.m200c_high)
    )
    print(f"{name:17s} M200c = {best:.1f} ({low:.1f} to {high:.1f}), truth {truth:.1f} "
          "x 1e14 solar masses")

plot_shear_profile(profile, fit)
plt.show()

# %%
# With shape noise alone, the interval is too small. At this distance a degree is 1.7 Mpc, and the
# large-scale structure within it is not negligible. The validation pages show
# :ref:`how often intervals contain the true mass <masses-measured>`.
#
# Directions
# ----------
# A filament raises the convergence on its side of the cluster. To measure the significance, we
# compare with simulated fields that have the same cluster and no filament. The left panel has
# the cluster alone, the right panel the cluster on large-scale structure.

smooth = KaiserSquires(smoothing=3 * u.arcmin)
radii = [28, 90] * u.arcmin


def excess_by_direction(background, n_skies=12):
    """Return the excess of a cluster with arms, compared with fields without arms."""
    def observed(sky, seed):
        return smooth.reconstruct(survey.observe_grid(sky.draw(seed), rng=seed))

    with_arms = ClusterField.preset("coma", background=background, **pixels)
    without = with_arms.replace(filaments=())
    one = observed(with_arms, 3)
    skies = [observed(without, 100 + i) for i in range(n_skies)]
    # The cluster is common to all fields and is subtracted.
    common = np.mean([sky.data for sky in skies], axis=0)
    one, *skies = (ConvergenceMap(sky.data - common, wcs=wcs) for sky in (one, *skies))
    return azimuthal_excess(one, center, radii, skies)


titles = {None: "the cluster alone", True: "on large-scale structure"}
excess = {background: excess_by_direction(background) for background in titles}
figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", sharey=True)
for ax, (background, table) in zip(axes, excess.items(), strict=True):
    plot_azimuthal_profile(table, ax)
    ax.set_title(titles[background])
    print(titles[background])
    for arm in model.filaments:
        ax.axvline(arm.angle.to_value(u.deg), color="#009e73", linestyle="--", zorder=0)
        here = np.argmin(np.abs(table["angle"] - arm.angle))
        print(f"    arm at {arm.angle:.0f}: {table['snr'][here]:+.1f} sigma")
axes[1].set_ylabel("")
plt.show()

# %%
# Dashed lines are the true directions. Against shape noise alone, filaments of this strength are
# significant. Against large-scale structure they are not, and other directions exceed them. A
# significance that is measured with rotated galaxies includes shape noise only.
#
# Ridges
# ------
# `lensmap.filaments.find_filaments` follows persistent ridges from peak to peak in the whole map.

found = find_filaments(kappa, 3, smoothing=3 * u.arcmin, min_length=20 * u.arcmin)
figure = panels({f"{len(found)} ridges, and the true arms (dashed)": kappa}, size=(6.4, 5.4))
ax = figure.axes[0]
plot_filaments(kappa, found, ax)
for arm in model.filaments:
    ends = center.directional_offset_by(arm.angle, radii)
    ax.plot(ends.ra.deg, ends.dec.deg, "--", color="#009e73", linewidth=2.5,
            transform=ax.get_transform("icrs"))
plt.show()

# %%
# The ridges connect clusters at all redshifts. A ridge along a filament is not yet a detection:
# the validation pages have the :ref:`rates of true and false detections <filaments-measured>`.
