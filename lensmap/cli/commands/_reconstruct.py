# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap reconstruct``: a catalog in, a mass map out."""

import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from lensmap.cli._load_networks import load_networks
from lensmap.cli._map_options import (
    add_map_arguments,
    make_estimator,
    map_pixels,
    read_mask,
    read_wcs,
    with_redshifts,
)
from lensmap.cli._options import add_catalog_arguments, read_catalog
from lensmap.cli.commands._check import check_declared
from lensmap.utils import atomic_write

NAME = "reconstruct"
SUMMARY = "make a mass map of a shear catalog"
DESCRIPTION = """Make a mass map of a shear catalog and write it as FITS: kappa, B-mode,
uncertainty, mask and galaxy counts, each with its WCS. The declared sign convention
is tested on the way (--no-check)."""
EXAMPLES = """examples:
  lensmap reconstruct shear.fits -o kappa.fits --smoothing 1arcmin
  lensmap reconstruct shear.fits -o kappa.fits --convention euclidean \\
      --uncertainty 100 --plot kappa.png
  lensmap reconstruct shear.fits -o kappa.fits --method wiener --z-source 1.2 \\
      --uncertainty posterior
  lensmap reconstruct shear.fits -o kappa.fits --method cnn --uncertainty network
  lensmap reconstruct shear.csv -o kappa.fits --columns ra=RA,dec=DEC,e1=G1,e2=G2,weight=W \\
      --pixel-scale 0.3arcmin --mask stars.reg --footprint survey_moc.fits

exit codes: 0 done, 1 an error (nothing is written), 2 wrong usage"""


def add_arguments(parser):
    """Add the command's arguments."""
    add_catalog_arguments(parser)
    parser.add_argument("-o", "--output", required=True, metavar="K.fits", help="the map")
    add_map_arguments(parser)
    group = parser.add_argument_group("what else")
    group.add_argument("--plot", metavar="K.png", help="draw the map (and its S/N), too")
    group.add_argument("--overwrite", action="store_true", help="replace files that exist")
    group.add_argument(
        "--no-check", action="store_true", help="do not test the declared convention"
    )


def run(arguments):
    """Run the command."""
    outputs = _outputs(arguments)
    with ExitStack() as stack:
        # Whatever can be wrong is asked before the work begins: minutes later is late.
        temporary = [
            stack.enter_context(atomic_write(path, overwrite=arguments.overwrite))
            for path in outputs
        ]
        estimator = make_estimator(arguments)
        wcs, mask = read_wcs(arguments), read_mask(arguments)
        if "network" in estimator.get_params():
            load_networks()
        catalog = read_catalog(arguments)
        if "z_source" not in arguments:
            estimator = with_redshifts(estimator, catalog)
        if not arguments.no_check:
            check_declared(catalog)
        wcs = map_pixels(wcs, estimator, catalog, arguments)
        kappa = estimator.reconstruct(catalog, wcs, mask, progress=sys.stderr.isatty())
        kappa.write(temporary[0], format="fits", overwrite=True)
        if arguments.plot:
            _plot(kappa, temporary[1], _title(kappa))
        said = describe(kappa)  # what can go wrong goes wrong before the files are there
    print(said)
    print(f"written: {', '.join(map(str, outputs))}")
    return 0


def describe(kappa):
    """Return what there is to say of a map, for people."""
    from astropy import units as u

    (ny, nx), meta = kappa.shape, kappa.meta
    size = kappa.pixel_scale.to(u.arcmin)
    lines = [
        f"{ny} x {nx} pixels of {size:.3g}, {kappa.mask.mean():.0%} of them masked",
        f"{meta['n_galaxies']} galaxies used"
        + "".join(
            f", {meta[key]} {what}"
            for key, what in (("n_outside", "outside"), ("n_masked", "masked"))
            if meta[key]
        ),
    ]
    if "z_source" in meta["parameters"]:
        lines.append(f"expected: the matter in front of redshift {meta['parameters']['z_source']}")
    if kappa.uncertainty is not None and np.isfinite(kappa.snr).any():
        y, x = np.unravel_index(np.nanargmax(kappa.snr), kappa.shape)
        place = kappa.wcs.pixel_to_world(x, y).to_string("decimal", precision=4)
        what = "sigma" if meta["uncertainty"] == "noise" else "times its error about the truth"
        lines.append(f"highest peak: {kappa.snr[y, x]:.1f} {what} at {place} (deg)")
    return "\n".join(lines)


def _outputs(arguments):
    """Return the files that will be written, the map first."""
    outputs = [Path(arguments.output)]
    for path in (arguments.output, arguments.plot):
        if path and Path(path).resolve() == Path(arguments.catalog).resolve():
            raise ValueError(f"{path!r} is the catalog: it would be lost")
    if arguments.plot:
        from lensmap.plotting import check_picture

        check_picture(arguments.plot)
        outputs.append(Path(arguments.plot))
        if outputs[0].resolve() == outputs[1].resolve():
            raise ValueError("--output and --plot are the same file")
    return outputs


def _title(kappa):
    """Return the picture's title."""
    smoothing = kappa.meta["parameters"].get("smoothing")
    method = kappa.meta["estimator"] + (f", smoothing {smoothing}" if smoothing else "")
    return f"{method}, {kappa.meta['n_galaxies']} galaxies"


def _plot(kappa, path, title):
    from lensmap.plotting import save_map

    save_map(kappa, path, title=title, overwrite=True)
