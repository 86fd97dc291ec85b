# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap profile``: the shear about positions, and the mass of a halo there."""

import argparse

import numpy as np

from lensmap.cli._options import (
    add_catalog_arguments,
    count,
    position,
    read_catalog,
    source_redshift,
    sources_at,
    two_radii,
)
from lensmap.cli._outputs import check_outputs, open_outputs, say_outputs
from lensmap.cli._positions import numbers_of, read_positions
from lensmap.cli._tables import show_table, write_table

NAME = "profile"
SUMMARY = "measure the shear about a position, and fit a halo"
DESCRIPTION = """Measure the tangential and the cross shear of a catalog in rings about one
position or about many (stacked), and fit the mass of an NFW halo to it."""
EXAMPLES = """examples:
  lensmap profile shear.fits --at 36.91,12.57 --z-lens 0.3 --z-source 1 \\
      --radii 0.3Mpc 2.5Mpc --fit
  lensmap profile shear.fits --at clusters.txt --radii 1arcmin 20arcmin -o stack.ecsv
  lensmap profile shear.fits --at clusters.ecsv --z-lens z --radii 0.2Mpc 3Mpc --bootstrap 200
  lensmap profile shear.fits --at 36.91,12.57 --z-lens 0.3 --radii 0.2Mpc 3Mpc --plot shear.png"""


def add_arguments(parser):
    """Add the command's arguments."""
    add_catalog_arguments(parser)
    parser.add_argument("-o", "--output", metavar="TABLE", help="the profile, such as p.ecsv")
    group = parser.add_argument_group("the profile")
    group.add_argument(
        "--at", required=True, metavar="RA,DEC|FILE",
        help="a position in degrees (--at=-10,35 if it begins with a minus), or a table of "
        "positions with the columns ra and dec",
    )
    group.add_argument(
        "--radii", required=True, nargs=2, metavar=("INNER", "OUTER"),
        help="angles or lengths, such as 1arcmin 20arcmin or 0.3Mpc 2.5Mpc",
    )
    group.add_argument("--bins", type=count, default=10, metavar="N",
                       help="rings, even in the logarithm (default 10)")
    group.add_argument("--z-lens", metavar="Z|COLUMN",
                       help="the redshift of the lenses, or the column of the table of --at that "
                       "has that of each; needed for lengths and for --fit")
    group.add_argument(
        "--z-source", type=source_redshift, metavar="Z|NAME",
        help="the redshift of the galaxies, or their distribution: lsst_y1 or lsst_y10 (default: "
        "the column redshift, if there is one)",
    )
    group.add_argument("--background", type=float, metavar="MARGIN",
                       help="use only galaxies with a redshift that much beyond the lens")
    group.add_argument("--bootstrap", type=count, metavar="N",
                       help="errors from so many draws, instead of shape noise")
    group.add_argument("--seed", type=int, default=0, help="of these (default 0)")
    group = parser.add_argument_group("the halo")
    group.add_argument("--fit", action="store_true", help="fit the mass of an NFW halo")
    group.add_argument(
        "--concentration", metavar="C",
        help="prior (the default: the relation of Diemer & Joyce 2019 with its scatter), relation, "
        "free, or a number",
    )
    group.add_argument("--structure", action="store_true",
                       help="add the covariance of large-scale structure to the errors of the fit")
    group = parser.add_argument_group("more output")
    group.add_argument("--plot", metavar="FILE", help="a picture of the profile")
    group.add_argument("--overwrite", action="store_true", help="replace files that exist")


def run(arguments):
    """Run the command."""
    from lensmap.profiles import shear_profile

    _check(arguments)
    bins, z_source = _bins(arguments), sources_at(arguments.z_source)
    at, z_lens = _lenses(arguments)
    catalog = read_catalog(arguments)
    if arguments.background is not None:
        catalog = catalog.select_background(z_lens, margin=arguments.background)
    errors = {}
    if arguments.bootstrap is not None:
        errors = {"errors": "bootstrap", "n_bootstrap": arguments.bootstrap}
    profile = shear_profile(catalog, at, bins, z_lens=z_lens, z_source=z_source,
                            rng=arguments.seed, **errors)
    fit = _fit(profile, bins, z_source, arguments) if arguments.fit else None
    with open_outputs(arguments, "output", "plot") as paths:
        if "output" in paths:
            write_table(profile, paths["output"])
        if "plot" in paths:
            from lensmap.plotting import plot_shear_profile

            plot_shear_profile(profile, fit).figure.savefig(paths["plot"], dpi=150)
    _show(profile, fit)
    say_outputs(arguments, "output", "plot")
    return 0


def _check(arguments):
    """Check what can be checked before there is any work."""
    check_outputs(arguments)
    if (arguments.fit or arguments.background is not None) and arguments.z_lens is None:
        raise ValueError("--fit and --background need --z-lens")
    for option in ("structure", "concentration"):
        if getattr(arguments, option) and not arguments.fit:
            raise ValueError(f"--{option} needs --fit")


def _lenses(arguments):
    """Return the positions of the lenses, and the redshift of all or that of each."""
    try:
        at, table = position(arguments.at), None
    except argparse.ArgumentTypeError:
        at, table = read_positions(arguments.at)
    try:
        return at, None if arguments.z_lens is None else float(arguments.z_lens)
    except ValueError:
        pass
    if table is None:
        raise ValueError(
            f"--z-lens must be a number, or a column of the table of --at, not {arguments.z_lens!r}"
        )
    if arguments.background is not None:
        raise ValueError("--background needs one --z-lens for all")
    return at, numbers_of(table, arguments.z_lens, arguments.at)


def _fit(profile, bins, z_source, arguments):
    from lensmap.profiles import fit_nfw, structure_covariance

    # Of lenses at several redshifts, their mean.
    z_lens, structure = profile.meta["z_lens"], None
    if arguments.structure:
        if z_source is None:
            raise ValueError("--structure needs --z-source")
        structure = structure_covariance(bins, z_lens=z_lens, z_source=z_source)
        structure = structure / profile.meta["n_positions"]
    return fit_nfw(profile, z_lens=z_lens, z_source=z_source, covariance=structure,
                   concentration=_concentration(arguments.concentration))


def _bins(arguments):
    inner, outer = two_radii(arguments.radii, "--radii")
    return np.geomspace(inner.value, outer.value, arguments.bins + 1) * inner.unit


def _concentration(text):
    if text is None:
        return "prior"
    try:
        return float(text)
    except ValueError:
        return text


def _show(profile, fit):
    names = ["radius_low", "radius_high", "n_pairs", "g_t", "g_x", "g_err"]
    formats = dict.fromkeys(("radius_low", "radius_high"), ".3g")
    formats |= dict.fromkeys(("g_t", "g_x", "g_err"), ".4f")
    if "delta_sigma" in profile.colnames:
        names += ["delta_sigma", "delta_sigma_err"]
        formats |= dict.fromkeys(names[-2:], ".2e")
    show_table(profile[names], formats)
    if fit is None:
        return
    low, high = (m.to_value("solMass") for m in (fit.m200c_low, fit.m200c_high))
    if not fit.success:
        print(f"\nno halo: {fit.message}; M200c < {high:.3g} solMass (68%)")
        return
    print(f"\nM200c = {fit.m200c.to_value('solMass'):.3g} solMass, 68%: {low:.3g} to {high:.3g}")
    print(f"c200c = {fit.c200c:.2f}, r200c = {fit.r200c.to_value('Mpc'):.2f} Mpc, "
          f"chi2 = {fit.chi2:.1f} of {fit.n_data} bins")
