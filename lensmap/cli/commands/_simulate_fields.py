# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap simulate fields``: a folder of convergence fields, which may grow by and by."""

import sys
from pathlib import Path

from lensmap.cli._field_options import add_field_arguments, distribution_name, make_model
from lensmap.cli._messages import say
from lensmap.cli._options import add_take_over, count
from lensmap.cli._outputs import check_folder

NAME = "fields"
SUMMARY = "draw convergence fields with their shear and halos"
DESCRIPTION = """Draw convergence fields with their shear and halos, each into a file of its own.
A run that was stopped goes on where it was: files that are there are kept. The same
seed makes the same fields, however many there are, and on however many cores."""
EXAMPLES = """examples:
  lensmap simulate fields -o fields -n 100
  lensmap simulate fields -o planes -n 20 --z-source 1.0 2.5 --shape 256 256 --seed 7
  lensmap simulate fields -o lsst -n 1000 --z-source lsst_y10 --cosmology Planck18 --format hdf5

files: field_0000.fits, field_0001.fits, ... (with several source redshifts
field_0000_z1.0.fits, ...), and settings.json, which says how they were made

exit codes: 0 done, 1 an error, 2 wrong usage, 5 some fields could not be drawn; what is there is
whole in any case"""


def add_arguments(parser):
    """Add the command's arguments."""
    parser.add_argument(
        "-o", "--output", required=True, metavar="DIR", help="the folder, made if need be"
    )
    parser.add_argument(
        "-n",
        "--number",
        type=count,
        required=True,
        metavar="N",
        help="how many fields there shall be, those that are there included",
    )
    add_field_arguments(parser, several=True)
    group = parser.add_argument_group("how")
    group.add_argument("--format", choices=("fits", "hdf5"), default="fits", help="default fits")
    group.add_argument("--seed", type=int, default=0, help="of the series (default 0)")
    group.add_argument(
        "--workers", type=count, metavar="N", help="how many processes (default: one per core)"
    )
    add_take_over(group)


def run(arguments):
    """Run the command."""
    from lensmap.simulate import FieldFolder
    from lensmap.utils import IncompleteRunError

    model, folder, n = make_model(arguments), Path(arguments.output), arguments.number
    check_folder(folder)
    with FieldFolder(
        folder, model, seed=arguments.seed, format=arguments.format, take_over=arguments.take_over
    ) as fields:
        missing = fields.missing(n)
        try:
            fields.draw(missing, arguments.workers, progress=sys.stderr.isatty())
        except (KeyboardInterrupt, SystemExit):
            n_done = n - len(fields.missing(n))
            say(f"stopped: {n_done} of {n} fields are in {str(folder)!r}; the same command goes on "
                "from there")
            raise
        except IncompleteRunError as error:
            say(f"error: {error}")
            return 5
    print(describe(model, arguments, fields.paths(n), n - len(missing)))
    return 0


def describe(model, arguments, paths, n_before):
    """Return a summary of the fields.

    Parameters
    ----------
    model : HaloModelField
        The model.
    arguments : argparse.Namespace
        Those of the command.
    paths : list of `pathlib.Path`
        The files.
    n_before : int
        The number of fields that an earlier run made.

    Returns
    -------
    str
        Three lines.
    """
    (ny, nx), n = model.shape, arguments.number
    sources = model.z_source if isinstance(model.z_source, list) else [model.z_source]
    if distribution_name(arguments):
        sources = [distribution_name(arguments)]
    before = f" ({n_before} of them were there)" if n_before else ""
    first, last = paths[0], paths[-1]
    return "\n".join(
        [
            f"{n} field{'s' * (n > 1)} of {ny} x {nx} pixels of {model.pixel_scale}{before}",
            f"sources: {', '.join(f'z = {z}' if isinstance(z, float) else z for z in sources)}",
            ("written: " if n_before < n else "there: ") + f"{first}"
            + (f" to {last.name}" if first != last else ""),
        ]
    )
