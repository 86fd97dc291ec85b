# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap demo``: the whole main job on a bundled catalog of which the truth is known."""

import sys
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from lensmap.cli._outputs import check_folder
from lensmap.cli.commands._reconstruct import describe
from lensmap.utils import atomic_write

NAME = "demo"
SUMMARY = "map a bundled cluster field and compare with the truth"
DESCRIPTION = """Make a mass map of a bundled mock catalog with two clusters of galaxies, find
them in the map, and compare their positions with the truth. Writes lensmap_demo.fits
(open it in DS9), lensmap_demo.png, and the catalog, lensmap_demo_shear.fits."""
EXAMPLES = """examples:
  lensmap demo
  lensmap demo --output-dir /tmp/demo --overwrite"""

# Peaks of shape noise alone reach 4 sigma once in a few fields of this size.
_THRESHOLD = 4.0


def add_arguments(parser):
    """Add the command's arguments."""
    parser.add_argument(
        "--output-dir", default=".", metavar="DIR", help="where to write (default: here)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")


def run(arguments):
    """Run the command."""
    from lensmap import KaiserSquires, ShearCatalog, make_wcs
    from lensmap.plotting import check_picture, save_map

    directory = Path(arguments.output_dir)
    check_folder(directory, "--output-dir")
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / f"lensmap_demo{end}" for end in (".fits", ".png", "_shear.fits")]
    check_picture(paths[1])
    with (
        atomic_write(paths[0], overwrite=arguments.overwrite) as fits_path,
        atomic_write(paths[1], overwrite=arguments.overwrite) as png_path,
        atomic_write(paths[2], overwrite=arguments.overwrite) as shear_path,
    ):
        table = demo_table()
        catalog = ShearCatalog(table, columns="generic", convention=table.meta["CONVENTN"])
        estimator = KaiserSquires(smoothing=1 * u.arcmin, uncertainty="rotations")
        kappa = estimator.reconstruct(
            catalog, make_wcs(catalog, 0.25 * u.arcmin), progress=sys.stderr.isatty()
        )
        found = compare(kappa, table.meta)
        kappa.write(fits_path, format="fits", overwrite=True)
        table.write(shear_path, format="fits", overwrite=True)
        save_map(kappa, png_path, title="lensmap demo: a mock field with two clusters", marks=found,
                 overwrite=True)
    print(describe(kappa), end="\n\n")
    print("peaks above 4 sigma, each with the nearest true cluster:")
    print("\n".join(found.pformat(max_lines=-1, max_width=-1)))
    print(f"\nwritten: {', '.join(map(str, paths))}")
    return 0


def demo_table():
    """Return the bundled catalog.

    Returns
    -------
    `~astropy.table.Table`
        Its meta holds the truth.
    """
    from astropy.table import Table

    with as_file(files("lensmap") / "data" / "demo_catalog.fits") as path:
        return Table.read(path)


def compare(kappa, truth):
    """Find the peaks of the signal-to-noise map and put the true clusters beside them.

    Parameters
    ----------
    kappa : ConvergenceMap
        The map.
    truth : dict
        The bundled catalog's meta.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each peak, the highest first, with the nearest true cluster; none if there
        is no peak.
    """
    from lensmap import find_peaks

    # Two peaks closer than twice the smoothing are one.
    peaks = find_peaks(kappa, _THRESHOLD, min_separation=2 * u.arcmin)
    sky = SkyCoord(peaks["ra"], peaks["dec"])
    clusters = SkyCoord(
        [truth["TRUTHRA1"], truth["TRUTHRA2"]], [truth["TRUTHDE1"], truth["TRUTHDE2"]], unit=u.deg
    )
    nearest, separation, _ = sky.match_to_catalog_sky(clusters)
    mass = np.array([truth["TRUTHM1"], truth["TRUTHM2"]])[nearest] * u.Msun
    table = QTable(
        {
            "ra": peaks["ra"],
            "dec": peaks["dec"],
            "kappa": peaks["kappa"],
            "snr": peaks["snr"],
            "true_ra": clusters.ra[nearest],
            "true_dec": clusters.dec[nearest],
            "true_m200c": mass,
            "offset": separation.to(u.arcmin),
        }
    )
    for name, text in {"ra": ".4f", "dec": ".4f", "kappa": ".3f", "snr": ".1f", "true_ra": ".4f",
                       "true_dec": ".4f", "true_m200c": ".1e", "offset": ".2f"}.items():
        table[name].info.format = text
    return table
