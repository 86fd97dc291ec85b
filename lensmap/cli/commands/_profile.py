# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap profile``: measure the shear profile about positions, and fit the mass of a halo."""

import argparse

import numpy as np

from lensmap.cli._convention_check import add_check_argument, check_on_the_way
from lensmap.cli._file_types import MaybeFile, OutputPicture, OutputTable
from lensmap.cli._files import open_outputs
from lensmap.cli._inputs import add_catalog_arguments, read_catalog
from lensmap.cli._messages import CombinationError
from lensmap.cli._options import count, position, source_redshift, sources_at, two_radii
from lensmap.cli._near_lenses import open_folder, reads_near_lenses
from lensmap.cli._positions import read_positions
from lensmap.cli._progress import show_progress
from lensmap.cli._result import Result, numbers_of_table
from lensmap.cli._source_options import EACH_LENS, behind_options, describe_sources
from lensmap.cli._tables import format_table
from lensmap.cli.commands._profile_stack import (
    BIN_NUMBERS,
    add_stack_arguments,
    check_stack,
    correct_by_randoms,
    describe_stack,
    miscentering,
    numbers_of_fit_options,
    numbers_of_stack,
    read_randoms,
)
from lensmap.utils import LensmapWarning, warn_user, write_table

NAME = "profile"
SUMMARY = "measure the tangential shear profile about positions, and fit a halo"
DESCRIPTION = """Measure the tangential and the cross shear of a catalog in rings about one
position or about many (stacked), and fit the mass of an NFW halo to the tangential shear.
The sign convention of the ellipticities is tested first, unless --no-check is given.
Of a HATS folder, only galaxies near the positions are in memory at a time."""
EXAMPLES = """examples:
  lensmap profile shear.fits --at 36.91,12.57 --z-lens 0.3 --z-source 1 \\
      --radii 0.3Mpc 2.5Mpc --fit
  lensmap profile shear.fits --at clusters.txt --radii 1arcmin 20arcmin -o stack.ecsv
  lensmap profile shear.fits --at clusters.ecsv --z-lens z --radii 0.2Mpc 3Mpc --jackknife 50 \\
      --lens-weight richness --randoms randoms.ecsv --boost --fit --miscentering 0.2,0.3Mpc
  lensmap profile shear.fits --at 36.91,12.57 --z-lens 0.3 --radii 0.2Mpc 3Mpc --plot shear.png"""

_SHOWN = ("radius_low", "radius_high", "n_pairs", "g_t", "g_x", "g_err", "delta_sigma",
          "delta_sigma_err", "boost", "boost_delta_sigma")
_FORMATS = {"radius_low radius_high": ".3g", "g_t g_x g_err": ".4f",
            "delta_sigma delta_sigma_err": ".2e", "boost boost_delta_sigma": ".3f"}
_NUMBERS = {"n_pairs": "n_pairs", "g_t": "g_t", "g_x": "g_x", "g_err": "g_err",
            "delta_sigma": "delta_sigma_msun_per_mpc2",
            "delta_sigma_err": "delta_sigma_err_msun_per_mpc2"} | BIN_NUMBERS

# The words for parameters of the functions that have no option of the same name.
PARAMETERS = {
    "data": "the profile",
    "positions": "--at",
    "errors": "--bootstrap or --jackknife",
    "errors='shape noise'": "neither --bootstrap nor --jackknife",
    "errors='bootstrap'": "--bootstrap",
    "errors='jackknife'": "--jackknife",
}


def add_arguments(parser):
    """Add the arguments and options of ``lensmap profile`` to its parser."""
    from lensmap.cosmology import SourceRedshifts

    add_catalog_arguments(parser, each_lens=True)
    parser.add_argument("-o", "--output", type=OutputTable, metavar="TABLE",
                        help="write the table of the profile to this file, such as p.ecsv")
    group = parser.add_argument_group("profile options")
    group.add_argument(
        "--at", type=MaybeFile, required=True, metavar="RA,DEC|FILE",
        help="a position in degrees, or sexagesimal as 10:00:24,+02:12:00 (--at=-10,35 if it "
        "begins with a minus), or a table of positions with the columns ra and dec",
    )
    group.add_argument(
        "--radii", dest="bins", required=True, nargs=2, metavar=("INNER", "OUTER"),
        help="the innermost and outermost radius, angles or proper lengths, such as 1arcmin "
             "20arcmin or 0.3Mpc 2.5Mpc",
    )
    group.add_argument("--bins", dest="n_bins", type=count, default=10, metavar="N",
                       help="the number of radial bins, of equal width in log radius (default 10)")
    group.add_argument("--z-lens", metavar="Z|COLUMN",
                       help="the redshift of the lenses, or the column of lens redshifts in the "
                       "table of --at; required if --radii are lengths, for --behind lens and for "
                       "--fit")
    group.add_argument(
        "--z-source", type=source_redshift, metavar="Z|NAME",
        help="the redshift of the source galaxies, or the name of their redshift distribution: "
        f"{', '.join(SourceRedshifts.available_presets())} (default: the column pz of --columns, "
        "over which the inverse critical surface density of a galaxy is averaged, else the column "
        "redshift, if there is one)",
    )
    group.add_argument(
        "--inverse-sigma-crit", metavar="NAME",
        help="the column of the mean inverse critical surface density of each galaxy, for one lens "
             "redshift, in the unit of the column or Mpc2 / solMass (default: compute it from "
             "redshifts)",
    )
    resampling = group.add_mutually_exclusive_group()
    resampling.add_argument(
        "--bootstrap", dest="n_bootstrap", type=count, metavar="N",
        help="measure the errors of the profile from N bootstrap samples of the noise of the "
             "galaxies or, with several positions, of the positions (default: compute the errors "
             "from the shape noise)",
    )
    resampling.add_argument(
        "--jackknife", dest="n_patches", type=count, metavar="N",
        help="measure the errors of the profile of many positions by leaving out one of N patches "
             "of neighboring positions at a time (default: compute the errors from the shape "
             "noise)",
    )
    group.add_argument("--seed", dest="rng", type=int, default=0, metavar="N",
                       help="the seed of the bootstrap samples or the patches (default 0)")
    add_stack_arguments(parser)
    group = parser.add_argument_group("halo options")
    group.add_argument("--fit", action="store_true",
                       help="fit an NFW halo to the tangential shear, and print its mass M200c")
    group.add_argument(
        "--concentration", metavar="C",
        help="the concentration c200c of the halo in --fit: prior (the default) fits it with a "
             "prior around the concentration-mass relation of Diemer & Joyce 2019, relation fixes "
             "it to this relation, free fits it without this prior, and a number fixes it to the "
             "number",
    )
    group.add_argument(
        "--miscentering", type=miscentering, metavar="F,SIGMA",
        help="the fraction F of wrong centers in --fit, and the parameter SIGMA of the Rayleigh "
             "distribution of their offsets, a proper length or an angle, such as 0.2,0.3Mpc "
             "(default: all centers are right)",
    )
    group.add_argument("--structure", action="store_true",
                       help="add the covariance from large-scale structure along the line of sight "
                            "to the errors of --fit; needs --z-source, or --behind with "
                            "one redshift: then the redshifts are those of the selected galaxies")
    group.add_argument("--power", metavar="NAME",
                       help="what computes the matter power spectrum of --structure: halofit (the "
                            "default), or camb, the package CAMB")
    group = parser.add_argument_group("more outputs")
    group.add_argument("--plot", type=OutputPicture, metavar="FILE",
                       help="also draw the profile to this picture file")
    add_check_argument(group)


def run(arguments):
    """Run ``lensmap profile`` with parsed arguments, and return its `Result`."""
    from lensmap.catalog import selection_facts
    from lensmap.profiles import shear_profile

    power = _check(arguments)
    bins, z_source = _bins(arguments.bins, arguments.n_bins), sources_at(arguments.z_source)
    concentration = _number(arguments.concentration)
    errors = _error_options(arguments)
    with open_outputs(arguments) as temporary:
        at, z_lens, weight = _lenses(arguments)
        each_redshift = np.ndim(z_lens) > 0
        randoms = read_randoms(arguments, _number(arguments.z_lens))
        column = arguments.inverse_sigma_crit
        in_folder = reads_near_lenses(arguments)
        if in_folder:
            catalog, sample, n_galaxies = open_folder(arguments, at)
        else:
            catalog = sample = read_catalog(
                arguments, z_lens=None if each_redshift else z_lens,
                extra_columns=() if column is None else (column,),
            )
            n_galaxies = len(catalog)
        # Only whoever fits halos says that there are masses at the positions.
        checked = check_on_the_way(arguments, sample, progress=show_progress(arguments),
                                   positions=at if arguments.fit else None)
        selection = {}
        if (each_redshift or in_folder) and arguments.behind == EACH_LENS:
            selection = {"margin": 0.1} | behind_options(arguments)

        def measure(at, z_lens, weight):
            return shear_profile(catalog, at, bins, z_lens=z_lens, z_source=z_source,
                                 inverse_sigma_crit=column, lens_weight=weight, rng=arguments.rng,
                                 **selection, **errors)

        profile = measure(at, z_lens, weight)
        if randoms is not None:
            profile = correct_by_randoms(profile, measure(*randoms), boost=arguments.boost)
        fit = None
        if arguments.fit:
            sources = z_source if z_source is not None or power is None else (
                catalog.source_redshifts()  # of the galaxies that --behind selected
            )
            fit = _fit(profile, bins, z_source, concentration, arguments.miscentering,
                       power=power, sources=sources)
        if arguments.correct_reduced_shear:
            profile = _corrected(profile, fit)
        numbers = _numbers(profile, fit, n_galaxies, power=power)
        if arguments.output is not None:
            # The bins are the rows of the table, and its meta has the covariances.
            results = {name: value for name, value in numbers.items()
                       if name != "bins" and not name.startswith("covariance")}
            write_table(profile, temporary[arguments.output], results=results)
        if arguments.plot is not None:
            from lensmap.plotting import plot_shear_profile, write_picture

            write_picture(plot_shear_profile(profile, fit).figure, temporary[arguments.plot])
        numbers |= checked
        sources = None if in_folder else describe_sources(selection_facts(catalog))
        text = "\n\n".join(part for part in (sources, _describe(profile, fit)) if part)
        return Result(text, numbers, tuple(temporary))


def _error_options(arguments):
    """Return the parameters of `shear_profile` for the errors of the profile."""
    if arguments.n_bootstrap is not None:
        return {"errors": "bootstrap", "n_bootstrap": arguments.n_bootstrap}
    if arguments.n_patches is not None:
        return {"errors": "jackknife", "n_patches": arguments.n_patches}
    return {}


def _check(arguments):
    """Return what computes the power spectrum of large-scale structure, or None without it.

    Raise a CombinationError if an option lacks another option that it needs.
    """
    from lensmap.cosmology import check_power

    if (arguments.fit or arguments.behind == EACH_LENS) and arguments.z_lens is None:
        raise CombinationError("z_lens", "--fit and --behind lens need --z-lens")
    for name in ("structure", "concentration"):
        if getattr(arguments, name) and not arguments.fit:
            raise CombinationError(name, f"--{name} needs --fit")
    if arguments.power is not None and not arguments.structure:
        raise CombinationError("power", "--power needs --structure")
    is_table, z_lens = _position(arguments.at) is None, _number(arguments.z_lens)
    if arguments.structure and arguments.z_source is None:
        # The galaxies behind each lens of several redshifts have no common distribution.
        has_several = arguments.behind == EACH_LENS and isinstance(z_lens, str)
        if arguments.behind is None or has_several or arguments.inverse_sigma_crit is not None:
            raise CombinationError(
                "structure", "--structure needs --z-source, or --behind with one redshift"
            )
    if arguments.n_patches is not None and not is_table:
        raise CombinationError("n_patches", "--jackknife needs a table of positions as --at")
    check_stack(arguments, is_table=is_table)
    if isinstance(z_lens, str) and not is_table:
        raise CombinationError(
            "z_lens",
            "--z-lens must be a number, or the name of a column if --at names a table, not "
            f"{z_lens!r}",
        )
    return check_power(arguments.power or "halofit") if arguments.structure else None


def _position(text):
    """Return the position that a word gives, or None if the word is the name of a table."""
    try:
        return position(text)
    except argparse.ArgumentTypeError:
        return None


def _lenses(arguments):
    """Return the positions of the lenses, their redshift or redshifts, and their weights."""
    z_lens, at = _number(arguments.z_lens), _position(arguments.at)
    if at is not None:
        return at, z_lens, None
    column = z_lens if isinstance(z_lens, str) else None
    at, redshifts, weight = read_positions(arguments.at, column, arguments.lens_weight)
    return at, z_lens if column is None else redshifts, weight


def _fit(profile, bins, z_source, concentration, centers, *, power, sources):
    """Fit an NFW halo to a shear profile, at the mean redshift of its lenses.

    ``bins`` are the edges of the radial bins, and ``centers`` the fraction and the offsets of wrong
    centers, or None. The covariance of large-scale structure is added to the errors of the profile,
    with a matter power spectrum that ``power`` computes, for galaxies with the redshift or the
    distribution ``sources``; not if ``power`` is None.
    """
    from lensmap.profiles import fit_nfw, structure_covariance

    z_lens, covariance = profile.meta["z_lens"], None
    if power is not None:
        covariance = structure_covariance(bins, z_lens=z_lens, z_source=sources, power=power)
        covariance = covariance / profile.meta["n_effective_positions"]
    return fit_nfw(
        profile, z_lens=z_lens, z_source=z_source, covariance=covariance,
        concentration="prior" if concentration is None else concentration, miscentering=centers,
    )


def _corrected(profile, fit):
    """Return a profile whose delta_sigma is that of shear, by the convergence of a fit."""
    from lensmap.profiles import correct_reduced_shear

    if fit.success:
        return correct_reduced_shear(profile, fit)
    warn_user("--correct-reduced-shear has no effect, because --fit found no halo", LensmapWarning,
              "not_corrected", "correct_reduced_shear")
    return profile


def _bins(radii, n_bins):
    """Return the ``n_bins + 1`` edges of logarithmic bins between two radii."""
    inner, outer = two_radii(radii, "bins")
    return np.geomspace(inner.value, outer.value, n_bins + 1) * inner.unit


def _number(text):
    """Convert a word to a number; return a word that is not a number unchanged."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def _describe(profile, fit):
    """Return the profile and the fitted halo as text for people."""
    shown = profile[[name for name in _SHOWN if name in profile.colnames]]
    text = format_table(shown, _FORMATS) + describe_stack(profile)
    if fit is None:
        return text
    low, high = (m.to_value("solMass") for m in (fit.m200c_low, fit.m200c_high))
    if not fit.success:
        return f"{text}\n\nno halo: {fit.message}; M200c < {high:.3g} solMass (68%)"
    return (
        f"{text}\n\nM200c = {fit.m200c.to_value('solMass'):.3g} solMass, 68%: {low:.3g} to "
        f"{high:.3g}\nc200c = {fit.c200c:.2f}, r200c = {fit.r200c.to_value('Mpc'):.2f} Mpc, "
        f"chi2 = {fit.chi2:.1f} of {fit.n_data} bins"
    )


def _numbers(profile, fit, n_galaxies, *, power):
    """Return the profile and the fitted halo as numbers for a JSON record.

    ``n_galaxies`` is the number of galaxies of which the profile is made. ``power`` names what
    computed the power spectrum of large-scale structure in the errors of the fit; None without it.
    """
    is_length = profile["radius"].unit.physical_type == "length"
    unit = "mpc" if is_length else "arcmin"
    columns = {name: f"{name}_{unit}" for name in ("radius_low", "radius_high", "radius")}
    numbers = {
        "n_galaxies": n_galaxies,
        **numbers_of_stack(profile),
        "z_lens": profile.meta.get("z_lens"),
        **{name: profile.meta.get(name) for name in ("n_pairs_left_out", "margin",
                                                     "min_probability")},
        "bins": numbers_of_table(profile, columns | _NUMBERS),
        "fit": None,
    }
    if fit is not None:
        masses = {
            f"{name}_msun": getattr(fit, name).to_value("solMass")
            for name in ("m200c", "m200c_low", "m200c_high")
        }
        numbers["fit"] = {
            "success": fit.success,
            "message": fit.message,
            **masses,
            "c200c": fit.c200c,
            "r200c_mpc": fit.r200c.to_value("Mpc"),
            "chi2": fit.chi2,
            "n_data": fit.n_data,
            "degrees_of_freedom": fit.degrees_of_freedom,
            "z_lens": fit.z_lens,
            "parameters": fit.names,
            "values": fit.values,
            "covariance": fit.covariance,
            "priors": fit.priors,
            **numbers_of_fit_options(fit),
            "structure": power is not None,
            "power": power,
        }
    return numbers
