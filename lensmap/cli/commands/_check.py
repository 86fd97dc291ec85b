# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap check``: what is in a catalog, and is its convention what you say?"""

import sys
import warnings

import numpy as np

from lensmap.cli._options import add_catalog_arguments, read_catalog
from lensmap.cli._positions import read_positions
from lensmap.utils import ConventionWarning, warn_user

# On the way to something else, the convention is tested on so many galaxies at most.
_CHECKED = 500_000

NAME = "check"
SUMMARY = "say what is in a catalog, and test its sign convention"
DESCRIPTION = """Say what is in a catalog, and test its declared sign convention on the galaxies:
the handedness by E against B power, the overall sign by the skewness of the map
or by the mean kappa at known masses (--at). Below 3 sigma it says "undecided"."""
EXAMPLES = """examples:
  lensmap check shear.fits
  lensmap check shear.fits --convention euclidean --at clusters.txt
  lensmap check shear.csv --columns ra=RA,dec=DEC,e1=G1,e2=G2

exit codes: 0 nothing speaks clearly against the declaration, 1 an error, 2 wrong usage,
3 the declared convention is clearly wrong"""


def add_arguments(parser):
    """Add the command's arguments."""
    add_catalog_arguments(parser)
    group = parser.add_argument_group("the test")
    group.add_argument(
        "--at",
        metavar="FILE",
        help="positions of known masses, such as clusters: a table with the columns ra and dec in "
        "degrees, or plain text in columns that a line beginning with # names (# ID RA DEC ...)",
    )
    group.add_argument(
        "--rotations", type=int, default=100, metavar="N", help="random rotations (default 100)"
    )
    group.add_argument("--seed", type=int, default=0, help="their seed (default 0)")


def run(arguments):
    """Run the command."""
    from lensmap.diagnostics import check_convention, summarize_catalog

    at = None if arguments.at is None else read_positions(arguments.at)[0]
    catalog = read_catalog(arguments)
    print(summarize_catalog(catalog), end="\n\n")
    result = check_convention(
        catalog,
        at,
        n_rotations=arguments.rotations,
        rng=arguments.seed,
        progress=sys.stderr.isatty(),
    )
    print(result)
    warn_if_wrong(result)
    return 3 if result.clearly_wrong else 0


def warn_if_wrong(result):
    """Warn if the declared convention is clearly wrong."""
    if result.clearly_wrong:
        allowed = " or ".join(map(repr, result.suggestions))
        warnings.warn(
            f"the declared convention {result.declared!r} is clearly wrong (handedness "
            f"{result.handedness} at {result.handedness_significance:+.1f} sigma, sign "
            f"{result.sign} at {result.sign_significance:+.1f} sigma): it should be {allowed}",
            ConventionWarning,
            stacklevel=2,
        )


def check_declared(catalog):
    """Test the declared convention, and warn; a test that cannot be made stops nothing."""
    from lensmap.diagnostics import check_convention

    if len(catalog) > _CHECKED:
        # More decide no better, and would take longer than the map.
        rows = np.random.default_rng(0).choice(len(catalog), _CHECKED, replace=False)
        catalog = catalog.select(np.sort(rows))
    try:
        result = check_convention(
            catalog, n_rotations=50, rng=0, progress=sys.stderr.isatty()
        )
    except ValueError as error:
        warn_user(
            f"the convention could not be tested: {error}", ConventionWarning, "not_tested"
        )
    else:
        warn_if_wrong(result)
