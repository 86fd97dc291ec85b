# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A simulated field, and what two linear methods make of a survey of it."""

import matplotlib.pyplot as plt
from astropy import units as u

from lensmap import HaloModelField, KaiserSquires, MockSurvey, WienerFilter


def main():
    """Draw the truth and two maps of it."""
    model = HaloModelField(z_source=1.0, shape=(220, 220))
    field = model.draw(rng=4)
    kappa, halos = field
    grid = MockSurvey.preset("cha2025").observe_grid(field, rng=4)
    heavy = halos[halos["m200c"] > 1e14 * u.solMass]
    figure = plt.figure(figsize=(7.2, 2.9), layout="constrained")
    maps = (
        ("truth", kappa),
        ("Kaiser-Squires, 1 arcmin", KaiserSquires().reconstruct(grid)),
        ("Wiener", WienerFilter(z_source=1.0).reconstruct(grid)),
    )
    for i, (title, one) in enumerate(maps):
        ax = figure.add_subplot(1, 3, i + 1, projection=kappa.wcs)
        one.plot(ax, vmin=-0.05, vmax=0.05, colorbar=False)
        ax.scatter(heavy["ra"], heavy["dec"], s=45, transform=ax.get_transform("world"),
                   facecolor="none", edgecolor="k", linewidth=0.7)
        ax.set_title(title, fontsize=9)
        ax.coords[0].set_ticks(spacing=0.5 * u.deg)
        if i:
            ax.coords[1].set_ticklabel_visible(False)
            ax.coords[1].set_axislabel(" ")
    figure.colorbar(figure.axes[0].images[0], ax=figure.axes, label=r"$\kappa$", shrink=0.7)


main()
