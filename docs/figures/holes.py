# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The same field without a mask, with star holes, and with small holes filled."""

from importlib.resources import files

import matplotlib.pyplot as plt
from astropy import units as u
from astropy.table import Table

from lensmap import KaiserSquires, ShearCatalog, make_wcs


def main():
    """Draw three maps."""
    catalog = ShearCatalog.read(files("lensmap") / "data" / "demo_catalog.fits")
    wcs = make_wcs(catalog, 0.3 * u.arcmin)
    stars = Table(
        {
            "ra": [36.93, 36.86, 37.05, 37.16, 37.05] * u.deg,
            "dec": [12.575, 12.62, 12.55, 12.37, 12.36] * u.deg,
            "radius": [0.7, 0.9, 3.0, 0.8, 1.6] * u.arcmin,
        }
    )
    figure = plt.figure(figsize=(7.2, 2.9), layout="constrained")
    for i, (title, mask, fill) in enumerate(
        (("no mask", None, False), ("mask", stars, False), ("mask, fill_holes=True", stars, True))
    ):
        kappa = KaiserSquires(fill_holes=fill).reconstruct(catalog, wcs, mask)
        ax = figure.add_subplot(1, 3, i + 1, projection=wcs)
        kappa.plot(ax, vmin=-0.2, vmax=0.2, colorbar=False)
        ax.coords[0].set_ticks(spacing=0.2 * u.deg)
        ax.set_facecolor("0.75")
        ax.set_title(title, fontsize=9)
        if i:
            ax.coords[1].set_ticklabel_visible(False)
            ax.coords[1].set_axislabel(" ")
    figure.colorbar(figure.axes[0].images[0], ax=figure.axes, label=r"$\kappa$", shrink=0.7)


main()
