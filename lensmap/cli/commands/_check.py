# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap check``: summarize a catalog and test its declared convention."""

import numpy as np

from lensmap.cli._exit_codes import ExitCode
from lensmap.cli._files import InputFile
from lensmap.cli._inputs import add_catalog_arguments, read_catalog
from lensmap.cli._messages import show_progress
from lensmap.cli._positions import read_positions
from lensmap.cli._result import Result, numbers_of_table, value_in
from lensmap.utils import ConventionWarning, warn_user

# Other commands than this one test the convention on at most this many galaxies.
_MAX_GALAXIES = 500_000

NAME = "check"
SUMMARY = "summarize a catalog, and test its sign convention"
DESCRIPTION = """Summarize a catalog, and test its declared sign convention on the galaxies: the
handedness by E against B power, the overall sign by the skewness of the map
or by the mean kappa at known masses (--at). Below 3 sigma a test is undecided."""
EXAMPLES = """examples:
  lensmap check shear.fits
  lensmap check shear.fits --convention euclidean --at clusters.txt
  lensmap check shear.csv --columns ra=RA,dec=DEC,e1=G1,e2=G2 --json check.json

exit codes: 0 the declared convention is right, 3 it is clearly wrong, 4 undecided"""

# From the attributes of the catalog's summary to the names in the JSON record.
_SUMMARY = {
    "n_galaxies": "n_galaxies",
    "n_left_out": "n_left_out",
    "area": "area_deg2",
    "density": "density_per_arcmin2",
    "effective_density": "effective_density_per_arcmin2",
    "scatter": "ellipticity_scatter",
    "n_above_one": "n_above_one",
    "n_zero_weight": "n_zero_weight",
    "n_duplicates": "n_duplicates",
    "mean_e1": "mean_e1",
    "mean_e2": "mean_e2",
    "m": "mean_m",
    "response": "mean_response",
    "columns": "columns",
    "kind": "kind",
    "preset": "preset",
}
_CHOICES = {
    "convention": "convention",
    "e_excess": "e_excess_sigma",
    "b_excess": "b_excess_sigma",
    "skewness": "skewness_sigma",
    "at_positions": "kappa_at_positions_sigma",
}


def add_arguments(parser):
    """Add the command's arguments."""
    add_catalog_arguments(parser)
    group = parser.add_argument_group("test options")
    group.add_argument(
        "--at",
        type=InputFile,
        metavar="FILE",
        help="positions of known masses, such as clusters: a table with the columns ra and dec in "
        "degrees, or plain text in columns that a line beginning with # names (# ID RA DEC ...)",
    )
    group.add_argument("--rotations", dest="n_rotations", type=int, default=100, metavar="N",
                       help="the number of random rotations of the galaxies (default 100)")
    group.add_argument("--seed", dest="rng", type=int, default=0, metavar="N",
                       help="the seed of the rotations (default 0)")


def run(arguments):
    """Run the command."""
    from lensmap.diagnostics import check_convention, summarize_catalog

    at = None if arguments.at is None else read_positions(arguments.at)[0]
    catalog = read_catalog(arguments)
    summary = summarize_catalog(catalog)
    check = check_convention(
        catalog,
        at,
        n_rotations=arguments.n_rotations,
        rng=arguments.rng,
        progress=show_progress(arguments),
    )
    _warn_if_wrong(check)
    numbers = {name: value_in(name, getattr(summary, key)) for key, name in _SUMMARY.items()}
    return Result(f"{summary}\n\n{check}", numbers | numbers_of_check(check), code=_code_of(check))


def _code_of(check):
    """Return the exit code of a convention test: wrong if either part is clearly contradicted."""
    if check.clearly_wrong:
        return ExitCode.WRONG
    undecided = "undecided" in (check.handedness, check.sign)
    return ExitCode.UNDECIDED if undecided else ExitCode.DONE


def numbers_of_check(check):
    """Return the result of a convention test as numbers for a JSON record.

    Parameters
    ----------
    check : ConventionCheck
        The result of the test.

    Returns
    -------
    dict
        The declared convention, the verdicts on handedness and sign with their significance, and
        the test statistics of the four possible conventions.
    """
    return {
        "convention": check.declared,
        "handedness": check.handedness,
        "handedness_sigma": check.handedness_significance,
        "sign": check.sign,
        "sign_sigma": check.sign_significance,
        "sign_from": check.sign_from,
        "n_positions": check.n_positions,
        "possible_conventions": check.suggestions,
        "choices": numbers_of_table(check.choices, _CHOICES),
    }


def _warn_if_wrong(check):
    """Warn if the declared convention is clearly wrong."""
    if check.clearly_wrong:
        allowed = " or ".join(map(repr, check.suggestions))
        warn_user(
            f"the declared convention {check.declared!r} of the ellipticities is clearly wrong "
            f"(handedness {check.handedness} at {check.handedness_significance:+.1f} sigma, sign "
            f"{check.sign} at {check.sign_significance:+.1f} sigma): declare {allowed} instead",
            ConventionWarning,
            "convention_wrong",
            "convention",
        )


def check_declared(catalog, *, progress):
    """Test the declared convention, and warn if it is clearly wrong or cannot be tested.

    Parameters
    ----------
    catalog : lensmap.ShearCatalog
        The galaxies. If there are more than 500 000, a random sample of this size is tested.
    progress : bool
        Whether to show a progress bar.
    """
    from lensmap.diagnostics import check_convention

    if len(catalog) > _MAX_GALAXIES:
        # More galaxies do not improve the verdict, and their test would take longer than the map.
        rows = np.random.default_rng(0).choice(len(catalog), _MAX_GALAXIES, replace=False)
        catalog = catalog.select(np.sort(rows))
    try:
        check = check_convention(catalog, n_rotations=50, rng=0, progress=progress)
    except ValueError as error:
        warn_user(
            f"the declared sign convention of the ellipticities could not be tested: {error}",
            ConventionWarning,
            "not_tested",
        )
    else:
        _warn_if_wrong(check)
