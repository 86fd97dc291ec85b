# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The options of ``lensmap profile`` for stacks: weights, random positions, wrong centers."""

import argparse

from lensmap.cli._file_types import InputFile
from lensmap.cli._messages import CombinationError, OptionError
from lensmap.cli._options import one_radius
from lensmap.cli._positions import read_positions

__all__ = [
    "BIN_NUMBERS",
    "add_stack_arguments",
    "check_stack",
    "correct_by_randoms",
    "describe_stack",
    "miscentering",
    "numbers_of_fit_options",
    "numbers_of_stack",
    "read_randoms",
]

_DENSITY = "msun_per_mpc2"

# The names of columns in the JSON record of a profile.
BIN_NUMBERS = {
    "weight": "weight",
    "delta_sigma_x": f"delta_sigma_x_{_DENSITY}",
    "sigma_crit": f"sigma_crit_{_DENSITY}",
    "efficiency_ratio": "efficiency_ratio",
    "sigma_crit_kappa": f"sigma_crit_kappa_{_DENSITY}",
    "weight_delta_sigma": "weight_delta_sigma_mpc4_per_msun2",
    "boost": "boost",
    "boost_err": "boost_err",
    "boost_delta_sigma": "boost_delta_sigma",
    "boost_delta_sigma_err": "boost_delta_sigma_err",
    "n_pairs_random": "n_pairs_random",
    "g_t_random": "g_t_random",
    "g_x_random": "g_x_random",
    "g_err_random": "g_err_random",
    "delta_sigma_random": f"delta_sigma_random_{_DENSITY}",
    "delta_sigma_x_random": f"delta_sigma_x_random_{_DENSITY}",
    "delta_sigma_err_random": f"delta_sigma_err_random_{_DENSITY}",
}


def add_stack_arguments(parser):
    """Add the options for weights of lenses and random positions to the parser."""
    group = parser.add_argument_group("stack options")
    group.add_argument("--lens-weight", metavar="COLUMN",
                       help="the column of weights of the lenses in the table of --at (default: "
                            "all lenses have the same weight)")
    group.add_argument(
        "--randoms", type=InputFile, metavar="FILE",
        help="a table of random positions with the survey mask and the redshifts of the lenses; "
             "the profile around them is subtracted. The columns are ra and dec and, if --z-lens "
             "is a column, this column",
    )
    group.add_argument("--random-weight", metavar="COLUMN",
                       help="the column of weights of the random positions in the table of "
                            "--randoms (default: all have the same weight)")
    group.add_argument(
        "--boost", action="store_true",
        help="multiply the profile by the boost factor, which corrects for unlensed cluster "
             "members among the sources: the total weight of sources per lens divided by that per "
             "random position of --randoms",
    )
    group.add_argument(
        "--correct-reduced-shear", action="store_true",
        help="correct delta_sigma from reduced shear to shear by the convergence of the halo of "
             "--fit",
    )


def miscentering(text):
    """Convert a word such as ``0.2,0.3Mpc`` to a fraction and a length or an angle."""
    fraction, _, sigma = text.partition(",")
    try:
        pair = float(fraction), one_radius(sigma, "miscentering")
        if 0 <= pair[0] <= 1:
            return pair
    except (TypeError, ValueError):
        pass
    raise argparse.ArgumentTypeError(
        "the value must be F,SIGMA: a fraction of the centers, 0 to 1, and a positive length or "
        f"angle, such as 0.2,0.3Mpc, not {text!r}"
    )


def check_stack(arguments, *, is_table):
    """Check the options of a stack, before any file is read.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments of the command.
    is_table : bool
        Whether ``--at`` names a table.

    Raises
    ------
    CombinationError
        If an option lacks another option that it needs.
    """
    needed = (
        ("lens_weight", is_table, "a table of positions as --at"),
        ("boost", arguments.randoms, "--randoms"),
        ("random_weight", arguments.randoms, "--randoms"),
        ("miscentering", arguments.fit, "--fit"),
        ("correct_reduced_shear", arguments.fit, "--fit"),
    )
    for name, companion, what in needed:
        if getattr(arguments, name) and not companion:
            raise CombinationError(name, f"{arguments.option_names[name]} needs {what}")


def read_randoms(arguments, z_lens):
    """Read the table of random positions.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments of the command.
    z_lens : float, str or None
        The redshift of all lenses, or the name of the column of redshifts; None if not known.

    Returns
    -------
    tuple or None
        The positions, their redshifts and their weights, as for `lensmap.shear_profile`. None
        without ``--randoms``.

    Raises
    ------
    OptionError
        If there are fewer random positions than patches of a jackknife.
    """
    if arguments.randoms is None:
        return None
    column = z_lens if isinstance(z_lens, str) else None
    at, redshifts, weight = read_positions(
        arguments.randoms, column, arguments.random_weight, option="randoms"
    )
    if arguments.n_patches is not None and arguments.n_patches > len(at):
        raise OptionError(
            "n_patches",
            f"--jackknife must be at most the number of random positions in "
            f"{arguments.randoms!r}, {len(at)}, not {arguments.n_patches}",
        )
    return at, z_lens if column is None else redshifts, weight


def correct_by_randoms(profile, reference, *, boost):
    """Subtract the profile around random positions, after the boost factor.

    Parameters
    ----------
    profile, reference : `~astropy.table.QTable`
        The profiles around lenses and around random positions.
    boost : bool
        Whether the boost factor is applied.

    Returns
    -------
    `~astropy.table.QTable`
        The corrected profile.
    """
    from lensmap.profiles import apply_boost, boost_factor, subtract_random

    if boost:
        profile = apply_boost(profile, boost_factor(profile, reference))
    return subtract_random(profile, reference)


def describe_stack(profile):
    """Return the corrections of a profile as lines of text; empty if there are none."""
    lines = []
    if "n_random_positions" in profile.meta:
        boost = ", after the boost factor" if "boost" in profile.colnames else ""
        lines.append(
            f"the profile around {profile.meta['n_random_positions']} random positions is "
            f"subtracted{boost}"
        )
    if profile.meta.get("delta_sigma_of") == "shear":
        lines.append("delta_sigma is corrected from reduced shear to shear")
    return "".join(f"\n{line}" for line in lines)


def numbers_of_stack(profile):
    """Return what the meta of a profile says of its positions and errors, for a JSON record.

    Parameters
    ----------
    profile : `~astropy.table.QTable`
        The profile.

    Returns
    -------
    dict
        The numbers, by their names in the JSON schema.
    """
    meta = profile.meta
    return {
        "n_positions": meta["n_positions"],
        "n_effective_positions": meta["n_effective_positions"],
        "lens_weight": meta["lens_weight"],
        "n_random_positions": meta.get("n_random_positions"),
        "delta_sigma_of": meta.get("delta_sigma_of"),
        "errors_from": meta["errors"],
        "bins_with_noise_errors": meta.get("bins_with_noise_errors", []),
        "covariance": meta.get("covariance"),
        "covariance_delta_sigma_msun2_per_mpc4": meta.get("covariance_delta_sigma"),
    }


def numbers_of_fit_options(fit):
    """Return the treatment of the concentration and of wrong centers in a halo fit.

    Parameters
    ----------
    fit : `lensmap.profiles.NFWFit`
        The fit.

    Returns
    -------
    dict
        ``concentration``, and ``miscentering``: None, or the fraction and the sigma of the wrong
        centers.
    """
    if fit.miscentering is None:
        return {"concentration": fit.concentration, "miscentering": None}
    fraction, sigma = fit.miscentering
    unit = "Mpc" if sigma.unit.physical_type == "length" else "arcmin"
    return {
        "concentration": fit.concentration,
        "miscentering": {
            "fraction": fraction, f"sigma_{unit.lower()}": float(sigma.to_value(unit))
        },
    }
