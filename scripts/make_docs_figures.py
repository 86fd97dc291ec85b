"""
Draw ``docs/_static/demo.png``, the picture in the README: what ``lensmap demo`` finds.

All other figures of the documentation are drawn when it is built. Run it again when the look of
maps changes::

    python scripts/make_docs_figures.py [-o OUTPUT]
"""

import argparse
from importlib.resources import files
from pathlib import Path

from astropy import units as u
from matplotlib.figure import Figure

from lensmap import KaiserSquires, ShearCatalog, make_wcs

OUTPUT = Path(__file__).resolve().parents[1] / "docs" / "_static" / "demo.png"
CLUSTERS_RA, CLUSTERS_DEC = (36.91, 37.14), (12.57, 12.36)  # deg, as make_demo_catalog.py has them
LEVELS = (4, 6, 9, 12, 15)


def draw():
    """Return the figure: kappa and the B-mode on one color scale, with contours of S/N."""
    catalog = ShearCatalog.read(files("lensmap") / "data" / "demo_catalog.fits")
    kappa = KaiserSquires(smoothing=1 * u.arcmin, uncertainty="rotations").reconstruct(
        catalog, make_wcs(catalog, 0.2 * u.arcmin)
    )
    figure = Figure(figsize=(8, 3.6), layout="constrained", dpi=130)
    for i, quantity in enumerate(("kappa", "kappa_b")):
        ax = figure.add_subplot(1, 2, i + 1, projection=kappa.wcs)
        levels = LEVELS if quantity == "kappa" else None
        kappa.plot(ax, quantity=quantity, contours=levels, colorbar=False, vmin=-0.2, vmax=0.2)
        ax.coords[0].set_ticks(spacing=0.2 * u.deg)
        ax.set_title(("mass map, contours of signal-to-noise", "B-mode: no mass")[i], fontsize=10)
    figure.axes[0].plot(
        CLUSTERS_RA, CLUSTERS_DEC, "x", color="black", markersize=6,
        transform=figure.axes[0].get_transform("icrs"),
    )
    figure.axes[1].coords[1].set_axislabel(" ")
    figure.axes[1].coords[1].set_ticklabel_visible(False)
    figure.colorbar(
        figure.axes[0].images[0], ax=figure.axes, label=r"convergence $\kappa$", shrink=0.85
    )
    return figure


def main():
    """Write the picture, replacing the one that is there."""
    parser = argparse.ArgumentParser(description="Draw the picture of the README.")
    parser.add_argument("-o", "--output", type=Path, default=OUTPUT, help="default: %(default)s")
    output = parser.parse_args().output
    # No version of matplotlib in the file: it changes only when the picture does.
    draw().savefig(output, bbox_inches="tight", metadata={"Software": None})
    print(f"{output}: {output.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
