# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap inject``: which halos a map of these galaxies would show."""

import sys
from contextlib import ExitStack
from pathlib import Path

from lensmap.cli._load_networks import load_networks
from lensmap.cli._map_options import (
    add_map_arguments,
    make_estimator,
    map_pixels,
    read_mask,
    read_wcs,
    with_redshifts,
)
from lensmap.cli._messages import say
from lensmap.cli._options import (
    add_catalog_arguments,
    add_take_over,
    angle,
    count,
    positive,
    read_catalog,
    source_redshift,
    sources_at,
)
from lensmap.cli._tables import show_table
from lensmap.cli.commands._check import check_declared
from lensmap.utils import atomic_write, has_suffix

NAME = "inject"
SUMMARY = "say which halos a map of your galaxies would show"
DESCRIPTION = """Put NFW halos in front of the galaxies of a catalog at random places, make the
map anew, and count the halos that it shows: completeness by mass, redshift and place,
with errors and less what is chance; masses and positions against the truth; and the
peaks of maps of noise. What is on the sky already stays there. Interrupted, the same
command goes on from the last realization that was finished: they are kept in a folder
beside the table, H.run."""
EXAMPLES = """examples:
  lensmap inject shear.fits --mass 2e14 --z-lens 0.4 --z-source 1.2 -o halos.ecsv
  lensmap inject shear.fits --mass 1e14 2e14 4e14 --z-lens 0.2 0.4 0.6 --z-source 1.2 \\
      -n 60 -o halos.ecsv --plot halos.png
  lensmap inject shear.fits --mass 2e14 --z-lens 0.4 --z-source lsst_y1 --method wiener \\
      --peak-density 20 -o halos.ecsv --mask stars.reg"""
RENAMED = {"m200c": "--mass", "z_source": "--z-source"}


def add_arguments(parser):
    """Add the command's arguments."""
    add_catalog_arguments(parser)
    parser.add_argument("-o", "--output", required=True, metavar="H.ecsv",
                        help="the halos and what became of them")
    group = parser.add_argument_group("the halos")
    group.add_argument("--mass", type=float, nargs="+", required=True, metavar="M",
                       help="their M200c, solar masses, one or several, rising")
    group.add_argument("--z-lens", type=positive, nargs="+", required=True, metavar="Z",
                       help="their redshifts, one or several, rising")
    group.add_argument("--z-source", dest="galaxies_at", type=source_redshift, metavar="Z|NAME",
                       help="the redshift of the galaxies, or their distribution: lsst_y1 or "
                       "lsst_y10 (default: the column redshift)")
    group.add_argument("--halos", type=count, metavar="N",
                       help="in one realization (default: as many as have room, 10 at most)")
    group.add_argument("-n", "--realizations", type=count, default=20, metavar="N",
                       help="maps with halos, and as many of noise (default 20)")
    group = parser.add_argument_group("what counts as found")
    height = group.add_mutually_exclusive_group()
    height.add_argument("--threshold", type=positive, default=4.0, metavar="X",
                        help="what a peak exceeds (default 4)")
    height.add_argument("--peak-density", type=positive, metavar="N",
                        help="the threshold above which the map without halos has so many peaks "
                        "per square degree")
    group.add_argument("--by", choices=("snr", "kappa"), default="snr",
                       help="in units of the map's uncertainty (the default), or a convergence")
    group.add_argument("--radius", type=angle, default="2arcmin", metavar="ANGLE",
                       help="the largest distance of a peak from its halo (default 2arcmin)")
    group.add_argument("--min-separation", type=angle, default="2arcmin", metavar="ANGLE",
                       help="of closer peaks the highest counts (default 2arcmin)")
    add_map_arguments(parser, own_z_source=False)
    group = parser.add_argument_group("what else")
    group.add_argument("--plot", metavar="FILE", help="a picture of all this")
    group.add_argument("--cells", type=count, default=4, metavar="N",
                       help="how many cells of the picture's map its longer side has (default 4)")
    group.add_argument("--overwrite", action="store_true",
                       help="replace files that exist, and start anew")
    add_take_over(group)
    group.add_argument(
        "--no-check", action="store_true", help="do not test the declared convention"
    )


def run(arguments):
    """Run the command."""
    _check_outputs(arguments)
    with ExitStack() as stack:
        if arguments.plot:
            picture = stack.enter_context(
                atomic_write(arguments.plot, overwrite=arguments.overwrite)
            )
        estimator = _estimator(arguments)
        wcs, mask = read_wcs(arguments), read_mask(arguments)
        if "network" in estimator.get_params():
            load_networks()
        catalog = read_catalog(arguments)
        z_source = sources_at(arguments.galaxies_at)
        estimator = _expecting(estimator, z_source, catalog)
        if not arguments.no_check:
            check_declared(catalog)
        found = _recover(
            arguments, catalog, estimator, z_source=z_source, mask=mask,
            wcs=map_pixels(wcs, estimator, catalog, arguments),
        )
        _write_table(found, Path(arguments.output), arguments.overwrite)
        if arguments.plot:
            from lensmap.plotting import recovery_figure

            recovery_figure(found, n_cells=arguments.cells).savefig(picture, dpi=150)
        show_recovery(found)
    written = [arguments.output] + ([arguments.plot] if arguments.plot else [])
    print(f"written: {', '.join(written)}")
    return 0


def _recover(arguments, catalog, estimator, **more):
    """Put halos in and look for them, as the arguments say."""
    from astropy import units as u

    from lensmap.injection import recover_halos

    threshold = arguments.threshold
    if arguments.peak_density is not None:
        threshold = arguments.peak_density / u.deg**2
    folder = _folder(arguments)
    try:
        return recover_halos(
            catalog, estimator, arguments.mass * u.solMass, arguments.z_lens,
            n_halos=arguments.halos, n_realizations=arguments.realizations, threshold=threshold,
            by=arguments.by, radius=arguments.radius, min_separation=arguments.min_separation,
            rng=arguments.seed, folder=folder, overwrite=arguments.overwrite,
            take_over=arguments.take_over, progress=sys.stderr.isatty(), **more,
        )
    except (KeyboardInterrupt, SystemExit):
        if folder.is_dir():
            say(f"stopped: what was done is in {str(folder)!r}; the same command goes on from "
                "there")
        raise


def _folder(arguments):
    """Return the folder that keeps the realizations, beside the table."""
    return Path(arguments.output).with_suffix(".run")


def _write_table(found, output, overwrite):
    """Write the table, unless it holds the same realizations already."""
    from lensmap.injection import HaloRecovery

    if output.exists() and not overwrite:
        before = HaloRecovery.read(output)
        if before.settings == found.settings and before.n_realizations == found.n_realizations:
            return
    found.write(output, overwrite=True)


def _check_outputs(arguments):
    """Check the names of files."""
    from lensmap.injection import HaloRecovery
    from lensmap.plotting import check_picture

    output = Path(arguments.output)
    if not has_suffix(output, (".ecsv",)):
        raise ValueError(f"--output must end in .ecsv, not {str(output)!r}")
    for path in (arguments.output, arguments.plot):
        if path and Path(path).resolve() == Path(arguments.catalog).resolve():
            raise ValueError(f"{path!r} is the catalog: it would be lost")
    if arguments.plot:
        check_picture(arguments.plot)
    if output.exists() and not arguments.overwrite:
        HaloRecovery.read(output)  # a table of anything else is not replaced
        if not _folder(arguments).is_dir():
            raise FileExistsError(
                f"{str(output)!r} exists, without the folder {str(_folder(arguments))!r} of its "
                "realizations: overwrite=True starts anew"
            )
    if not output.parent.is_dir():
        raise FileNotFoundError(f"the directory {str(output.parent)!r} does not exist")


def _estimator(arguments):
    """Return the estimator, with an uncertainty if peaks are told by it."""
    estimator = make_estimator(arguments)
    if arguments.by == "kappa" or "uncertainty" not in estimator.get_params():
        return estimator
    if estimator.uncertainty is None:
        kinds = sorted(estimator.uncertainties, key=lambda kind: not kind.with_map)
        estimator = estimator.replace(uncertainty=kinds[0].name)
    return estimator


def _expecting(estimator, z_source, catalog):
    """Return an estimator that expects the matter in front of the galaxies, if it asks for that."""
    if z_source is None or "z_source" not in estimator.get_params():
        return with_redshifts(estimator, catalog)
    return estimator.replace(z_source=round(float(getattr(z_source, "mean", z_source)), 4))


def show_recovery(found):
    """Print what was found, for people."""
    what = "S/N" if found.by == "snr" else "kappa"
    rate, low, high = (value.value for value in found.false_positives())
    lines = [
        f"{found.size}, peaks above {what} of {found.threshold:.3g} within {found.radius:.3g}",
        f"the map without halos has {found.peak_density.value:.3g} such peaks per deg2, maps of "
        f"noise {rate:.2g} ({low:.2g} to {high:.2g})",
        f"of {found.n_controls} places without a halo {found.chance:.1%} count as recovered, and "
        f"{found.chance_matched:.1%} have a peak near",
    ]
    print("\n".join(lines), end="\n\n")
    table = found.summary()
    shown = table["m200c", "redshift", "n", "n_recovered"]
    shown["completeness"] = table["corrected"]
    shown["68%"] = [f"{max(a, 0):.2f} to {b:.2f}"
                    for a, b in zip(table["corrected_low"], table["corrected_high"], strict=True)]
    for name in ("snr", "offset", "mass_ratio", "mass_ratio_err", "mass_scatter"):
        shown[name] = table[name]
    formats = {"m200c": ".3g", "redshift": ".3g", "snr": ".1f"}
    names = ("completeness", "offset", "mass_ratio", "mass_ratio_err", "mass_scatter")
    show_table(shown, formats | dict.fromkeys(names, ".2f"))
