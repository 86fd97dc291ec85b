# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap reconstruct``: a catalogue in, a mass map out."""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from lensmap.cli.chatter import load_networks
from lensmap.cli.check import warn_if_wrong
from lensmap.cli.options import add_catalog_arguments, angle, angle_or_none, noise, read_catalog
from lensmap.utils import ConventionWarning, atomic_write, warn_user

# The convention is tested on so many galaxies at most.
_CHECKED = 500_000

NAME = "reconstruct"
SUMMARY = "make a mass map of a shear catalogue"
DESCRIPTION = """Make a mass map of a shear catalogue and write it as FITS: kappa, B-mode,
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
    group = parser.add_argument_group("the map")
    group.add_argument(
        "--method",
        default="ks",
        help="the estimator: ks (Kaiser-Squires, the default), wiener, cnn (a trained network) or "
        "masked-cnn (the same, which fills small holes)",
    )
    group.add_argument(
        "--pixel-scale",
        type=angle,
        metavar="ANGLE",
        help="the pixels of a tangent plane that covers the catalogue (default 0.4arcmin; with cnn "
        "what suits the density of the galaxies)",
    )
    group.add_argument(
        "--wcs",
        metavar="FITS",
        help="take the pixels of this image instead (its first celestial HDU)",
    )
    group.add_argument(
        "--smoothing",
        type=angle_or_none,
        default=argparse.SUPPRESS,
        metavar="ANGLE",
        help="the sigma of the Gaussian as an angle, or none (default 1arcmin; only ks has one)",
    )
    group.add_argument(
        "--z-source",
        type=float,
        default=argparse.SUPPRESS,
        metavar="Z",
        help="the redshift of the galaxies, from which wiener knows how much mass to expect "
        "(default: the mean of the column redshift, 1 without one)",
    )
    group.add_argument(
        "--network",
        default=argparse.SUPPRESS,
        metavar="NAME",
        help="the network of cnn: lensmap (the default), another that comes with lensmap, or a "
        "file of weights (.h5) of lensmap train",
    )
    group.add_argument(
        "--symmetrize",
        action="store_true",
        default=argparse.SUPPRESS,
        help="the mean of cnn over eight rotations and mirrors, in eight times the time",
    )
    group.add_argument(
        "--mask",
        action="append",
        default=[],
        metavar="FILE",
        help="exclude what is inside: regions, FITS image, MOC or table of star holes; repeatable",
    )
    group.add_argument(
        "--footprint",
        action="append",
        default=[],
        metavar="FILE",
        help="exclude what is outside; repeatable",
    )
    group.add_argument(
        "--uncertainty",
        type=noise,
        default={},
        metavar="N",
        help="noise from N random rotations of the galaxies; or analytic (ks), the noise by "
        "calculation; or posterior (wiener), the error about the truth, from 100 solutions "
        "(minutes for 512 x 512), or posterior:N from N; or network (cnn), the error about the "
        "truth as the network has learned it",
    )
    group.add_argument("--seed", type=int, default=0, help="of what is random (default 0)")
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
        wcs, mask = _wcs(arguments), _mask(arguments)
        if "network" in estimator.get_params():
            load_networks()
        catalog = read_catalog(arguments)
        if "z_source" not in arguments:
            estimator = _with_redshifts(estimator, catalog)
        if not arguments.no_check:
            _check(catalog)
        if wcs is None and not (arguments.pixel_scale is None and _knows_pixels(estimator)):
            wcs = _make_wcs(catalog, arguments)
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
            raise ValueError(f"{path!r} is the catalogue: it would be lost")
    if arguments.plot:
        from lensmap.plotting import check_picture

        check_picture(arguments.plot)
        outputs.append(Path(arguments.plot))
        if outputs[0].resolve() == outputs[1].resolve():
            raise ValueError("--output and --plot are the same file")
    return outputs


def make_estimator(arguments):
    """Return the estimator that the arguments describe."""
    from lensmap.estimators import get_estimator

    cls = get_estimator(arguments.method)
    options = {"rng": arguments.seed, **arguments.uncertainty}
    known = cls().get_params()
    for name in ("smoothing", "z_source", "network", "symmetrize"):
        if name not in arguments:  # None is a choice, too
            continue
        if name not in known:
            raise ValueError(
                f"--{name.replace('_', '-')} is not for --method {arguments.method}"
            )
        options[name] = getattr(arguments, name)
    uncertainty = options.get("uncertainty")
    if uncertainty not in (None, *cls.uncertainties):
        others = [name for name in cls.uncertainties if name not in (None, "rotations")]
        raise ValueError(
            f"--uncertainty {uncertainty} is not for --method {arguments.method}, which has a "
            f"number of random rotations or {' or '.join(others)}"
        )
    return cls(**options)


def _with_redshifts(estimator, catalog):
    """Return an estimator that expects the matter in front of the galaxies, if it asks for that."""
    redshift = catalog["redshift"]
    if redshift is None or "z_source" not in estimator.get_params():
        return estimator
    redshift = redshift[np.isfinite(redshift) & (redshift > 0)]
    if len(redshift) == 0:
        return estimator
    return estimator.replace(z_source=round(float(redshift.mean()), 4))


def _wcs(arguments):
    if arguments.wcs is None:
        return None
    if arguments.pixel_scale is not None:
        raise ValueError("--wcs has its own pixels: --pixel-scale cannot be given with it")
    from astropy.io import fits
    from astropy.wcs import WCS

    if not Path(arguments.wcs).is_file():
        raise FileNotFoundError(f"there is no file {arguments.wcs!r}")
    with fits.open(arguments.wcs) as hdus:
        for hdu in hdus:
            if not hdu.is_image or hdu.header.get("NAXIS", 0) < 2:
                continue
            wcs = WCS(hdu.header, hdus)
            if wcs.has_celestial:
                wcs = wcs if wcs.naxis == 2 else wcs.celestial
                wcs.array_shape = hdu.shape[-2:]
                return wcs
    raise ValueError(f"{arguments.wcs!r} holds no image with a celestial WCS")


def _knows_pixels(estimator):
    """Say whether an estimator chooses the pixels by itself."""
    return "network" in estimator.get_params()


def _make_wcs(catalog, arguments):
    from lensmap.grid import make_wcs

    wcs = make_wcs(catalog, *([] if arguments.pixel_scale is None else [arguments.pixel_scale]))
    if arguments.pixel_scale is not None and max(wcs.array_shape) < 2:
        raise ValueError(
            f"--pixel-scale {arguments.pixel_scale}: one pixel would be larger than the field"
        )
    return wcs


def _mask(arguments):
    from lensmap.masks import SkyMask

    parts = [SkyMask(path) for path in arguments.mask]
    parts += [SkyMask(path, exclude="outside") for path in arguments.footprint]
    return SkyMask(parts) if parts else None


def _check(catalog):
    """Test the declared convention, and warn; a test that cannot be made stops nothing."""
    from lensmap.diagnostics import check_convention

    if len(catalog) > _CHECKED:
        # More decide no better, and would take longer than the map.
        rows = np.random.default_rng(0).choice(len(catalog), _CHECKED, replace=False)
        catalog = catalog[np.sort(rows)]
    try:
        result = check_convention(catalog, n_rotations=50, progress=sys.stderr.isatty())
    except ValueError as error:
        warn_user(f"the convention could not be tested: {error}", ConventionWarning)
    else:
        warn_if_wrong(result)


def _title(kappa):
    """Return the picture's title."""
    smoothing = kappa.meta["parameters"].get("smoothing")
    method = kappa.meta["estimator"] + (f", smoothing {smoothing}" if smoothing else "")
    return f"{method}, {kappa.meta['n_galaxies']} galaxies"


def _plot(kappa, path, title):
    from lensmap.plotting import save_map

    save_map(kappa, path, title=title)
