# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap demo``: map a bundled mock catalog, and compare the peaks with the true clusters."""

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from lensmap.cli._file_types import OutputFolder
from lensmap.cli._files import check_new_files
from lensmap.cli._progress import show_progress
from lensmap.cli._result import Result, numbers_of_table
from lensmap.cli._tables import format_table
from lensmap.cli.commands._reconstruct import describe, numbers_of_map
from lensmap.utils import atomic_writes, set_formats, write_table

NAME = "demo"
SUMMARY = "make a mass map of a bundled mock catalog and compare it with the truth"
DESCRIPTION = """Make a mass map of a bundled mock catalog with two clusters of galaxies, find
them in the map, and compare their positions with the truth. Writes lensmap_demo.fits
(open it in DS9), lensmap_demo.png, and the catalog, lensmap_demo_shear.fits."""
EXAMPLES = """examples:
  lensmap demo
  lensmap demo --output-dir /tmp/demo --overwrite"""

# In a few fields of this size, about one peak of pure shape noise exceeds 4 sigma.
_THRESHOLD = 4.0

_FORMATS = {"ra": ".4f", "dec": ".4f", "kappa": ".3f", "snr": ".1f", "true_ra": ".4f",
            "true_dec": ".4f", "true_m200c": ".1e", "offset": ".2f"}
_NUMBERS = {"ra": "ra_deg", "dec": "dec_deg", "kappa": "kappa", "snr": "snr",
            "true_ra": "true_ra_deg", "true_dec": "true_dec_deg",
            "true_m200c": "true_m200c_msun", "offset": "offset_arcmin"}


def add_arguments(parser):
    """Add the arguments and options of ``lensmap demo`` to its parser."""
    parser.add_argument(
        "--output-dir", type=OutputFolder, default=".", metavar="DIR",
        help="the folder for the output files (default: the working directory)",
    )


def run(arguments):
    """Run ``lensmap demo`` with parsed arguments, and return its `Result`."""
    from lensmap import KaiserSquires, ShearCatalog, make_wcs
    from lensmap.plotting import check_picture, save_map

    directory, overwrite = Path(arguments.output_dir), arguments.overwrite
    paths = [directory / f"lensmap_demo{end}" for end in (".fits", ".png", "_shear.fits")]
    check_new_files(paths, "output_dir", "--output-dir", overwrite=overwrite)
    check_picture(paths[1])
    directory.mkdir(parents=True, exist_ok=True)
    with atomic_writes(paths, overwrite=overwrite) as (fits_path, png_path, shear_path):
        table = demo_table()
        catalog = ShearCatalog(table)
        estimator = KaiserSquires(smoothing=1 * u.arcmin, uncertainty="rotations")
        kappa = estimator.reconstruct(
            catalog, make_wcs(catalog, 0.25 * u.arcmin), progress=show_progress(arguments)
        )
        peaks = compare(kappa, table.meta)
        kappa.write(fits_path, format="fits", overwrite=True)
        write_table(table, shear_path)
        save_map(kappa, png_path, title="lensmap demo: a mock field with two clusters",
                 marks=peaks, overwrite=True)
    text = (
        f"{describe(kappa)}\n\npeaks above {_THRESHOLD:g} sigma, each with the nearest true "
        f"cluster:\n{format_table(peaks, {})}\n"
    )
    numbers = numbers_of_map(kappa) | {"peaks": numbers_of_table(peaks, _NUMBERS)}
    return Result(text, numbers, tuple(paths))


def demo_table():
    """Return the bundled catalog.

    Returns
    -------
    `~astropy.table.Table`
        The galaxies; the meta holds the true clusters.
    """
    from astropy.table import Table

    with as_file(files("lensmap") / "data" / "demo_catalog.fits") as path:
        return Table.read(path)


def compare(kappa, truth):
    """Find the peaks of the signal-to-noise map, and the true cluster nearest to each peak.

    Parameters
    ----------
    kappa : ConvergenceMap
        The map.
    truth : dict
        The meta of the bundled catalog, with the true clusters.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each peak, the highest first, with the nearest true cluster.
    """
    from lensmap import find_peaks

    # Peaks closer to each other than twice the smoothing count as one.
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
    return set_formats(table, _FORMATS)
