# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""E and B of the bundled catalog, declared rightly and with the other handedness."""

from importlib.resources import files

import matplotlib.pyplot as plt
from astropy import units as u
from astropy.table import Table

from lensmap import KaiserSquires, ShearCatalog, make_wcs


def main():
    """Draw two maps of each."""
    table = Table.read(files("lensmap") / "data" / "demo_catalog.fits")
    table.meta.clear()  # it says its convention, and would contradict
    figure = plt.figure(figsize=(7.2, 6.2), layout="constrained")
    for row, convention in enumerate(("celestial", "euclidean")):
        catalog = ShearCatalog(table, convention=convention, kind="shear")
        wcs = make_wcs(catalog, 0.3 * u.arcmin)
        kappa = KaiserSquires(smoothing=1 * u.arcmin).reconstruct(catalog, wcs)
        for column, quantity in enumerate(("kappa", "kappa_b")):
            ax = figure.add_subplot(2, 2, 1 + 2 * row + column, projection=kappa.wcs)
            kappa.plot(ax, quantity=quantity, vmin=-0.2, vmax=0.2, colorbar=False)
            mode = ("E-mode", "B-mode")[column]
            ax.coords[0].set_ticks(spacing=0.2 * u.deg)
            ax.set_title(f"{mode}, declared {convention!r}", fontsize=9)
            if column:
                ax.coords[1].set_ticklabel_visible(False)
                ax.coords[1].set_axislabel(" ")
            if not row:
                ax.coords[0].set_ticklabel_visible(False)
                ax.coords[0].set_axislabel(" ")
    figure.colorbar(figure.axes[0].images[0], ax=figure.axes, label=r"$\kappa$", shrink=0.6)


main()
