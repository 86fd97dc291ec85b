# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap check``: summarize a catalog and test its convention."""

from lensmap.cli._convention_check import CODES, numbers_of_check, warn_of_kind
from lensmap.cli._file_types import InputFile
from lensmap.cli._inputs import add_catalog_arguments, read_catalog
from lensmap.cli._positions import read_positions
from lensmap.cli._progress import show_progress
from lensmap.cli._result import Result, value_in
from lensmap.cli._source_options import describe_sources
from lensmap.utils import ConventionWarning, warn_user

NAME = "check"
SUMMARY = "summarize a catalog, and test its sign convention"
DESCRIPTION = """Summarize a shear catalog, and test the sign convention of e1, e2 on its
galaxies. The test of the handedness (whether the catalog is mirrored) compares the E-mode
and B-mode power, and uses the mean kappa at known masses (--at). The test of the overall
sign uses the mean kappa at known masses or, without --at, the skewness of the map. A test
below about 3 sigma is undecided. The kind of ellipticity (--kind) cannot be tested; the
command prints where the assumed kind comes from, and any reason to doubt it."""
EXAMPLES = """examples:
  lensmap check shear.fits
  lensmap check shear.fits --convention euclidean --at clusters.txt
  lensmap check shear.csv --columns ra=RA,dec=DEC,e1=G1,e2=G2 --json check.json

exit codes: 0 the convention is right, 3 it is clearly wrong, 4 undecided"""

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
    "response_error": "mean_response_error",
    "columns": "columns",
    "kind": "kind",
    "kind_hint": "kind_hint",
    "preset": "preset",
    "preset_sha256": "preset_sha256",
}


def add_arguments(parser):
    """Add the arguments and options of ``lensmap check`` to its parser."""
    add_catalog_arguments(parser)
    group = parser.add_argument_group("test options")
    group.add_argument(
        "--at",
        type=InputFile,
        metavar="FILE",
        help="positions of known masses, such as clusters: a table with the columns ra and dec in "
        "degrees; in plain text, a line that begins with # has the column names (# ID RA DEC ...)",
    )
    group.add_argument("--rotations", dest="n_rotations", type=int, default=100, metavar="N",
                       help="the number of random rotations of the galaxies, which give the noise "
                            "of the test; at least 30 (default 100)")
    group.add_argument("--seed", dest="rng", type=int, default=0, metavar="N",
                       help="the seed of the random rotations (default 0)")


def run(arguments):
    """Run ``lensmap check`` with parsed arguments, and return its `Result`."""
    from lensmap.catalog import selection_facts
    from lensmap.diagnostics import check_convention, summarize_catalog

    at = None if arguments.at is None else read_positions(arguments.at)[0]
    catalog = read_catalog(arguments)
    summary = summarize_catalog(catalog)
    warn_of_kind(catalog)
    check = check_convention(
        catalog,
        at,
        n_rotations=arguments.n_rotations,
        rng=arguments.rng,
        progress=show_progress(arguments),
    )
    if check.verdict == "wrong" and not arguments.strict:  # the exit code is strict
        warn_user(check.conclusion, ConventionWarning, "convention_wrong", "convention")
    numbers = {name: value_in(name, getattr(summary, key)) for key, name in _SUMMARY.items()}
    numbers["documented_kind"] = summary.documented.get("kind")
    numbers |= numbers_of_check(check)
    sources = describe_sources(selection_facts(catalog))
    text = "\n\n".join(str(part) for part in (sources, summary, check) if part is not None)
    return Result(text, numbers, code=CODES[check.verdict])
