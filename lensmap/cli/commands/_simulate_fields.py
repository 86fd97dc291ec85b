# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap simulate fields``: draw convergence fields into a folder, which can be extended."""

from pathlib import Path

from lensmap.cli._field_options import add_field_arguments, distribution_name, make_model
from lensmap.cli._file_types import OutputFolder
from lensmap.cli._messages import say
from lensmap.cli._options import add_take_over, count
from lensmap.cli._progress import show_progress
from lensmap.cli._result import Result

NAME = "fields"
SUMMARY = "draw convergence fields with their shear and halos"
DESCRIPTION = """Draw convergence fields with their shear and halos, each into a file of its own.
The same command resumes an interrupted run; existing files are kept. The same seed
makes the same fields, for any number of fields and of cores."""
EXAMPLES = """examples:
  lensmap simulate fields -o fields -n 100
  lensmap simulate fields -o planes -n 20 --z-source 1.0 2.5 --shape 256 256 --seed 7
  lensmap simulate fields -o lsst -n 1000 --z-source lsst_y10 --cosmology Planck18 --format hdf5

files: field_0000.fits, field_0001.fits, ... (with several source redshifts
field_0000_z1.0.fits, ...), and settings.json, the options that they were made with

exit codes: 5 some fields could not be drawn"""


def add_arguments(parser):
    """Add the arguments and options of ``lensmap simulate fields`` to its parser."""
    parser.add_argument(
        "-o", "--output", type=OutputFolder, required=True, metavar="DIR",
        help="the output folder, created if it does not exist",
    )
    parser.add_argument(
        "-n",
        "--number",
        type=count,
        required=True,
        metavar="N",
        help="the number of fields, existing ones included",
    )
    add_field_arguments(parser, several=True)
    group = parser.add_argument_group("run options")
    group.add_argument("--format", choices=("fits", "hdf5"), default="fits",
                       help="the format of the files (default fits)")
    group.add_argument("--seed", type=int, default=0, metavar="N",
                       help="the seed of the series of fields (default 0)")
    group.add_argument("--workers", type=count, metavar="N",
                       help="the number of processes that draw fields (default: one per core)")
    add_take_over(group)


def run(arguments):
    """Run ``lensmap simulate fields`` with parsed arguments, and return its `Result`."""
    from lensmap.simulate import FieldFolder

    model, folder, n = make_model(arguments), Path(arguments.output), arguments.number
    with FieldFolder(
        folder, model, seed=arguments.seed, format=arguments.format, take_over=arguments.take_over
    ) as fields:
        missing = fields.missing(n)
        try:
            fields.draw(missing, arguments.workers, progress=show_progress(arguments))
        except (KeyboardInterrupt, SystemExit):
            n_done = n - len(fields.missing(n))
            say(f"stopped: {n_done} of {n} fields are in {str(folder)!r}; the same command resumes")
            raise
        paths = fields.paths(n)
    n_before = n - len(missing)
    numbers = {
        "folder": str(folder),
        "n_fields": n,
        "n_existing": n_before,
        "shape": model.shape,
        "pixel_scale_arcmin": model.pixel_scale.to_value("arcmin"),
    }
    text = _describe(model, distribution_name(arguments), n, n_before, paths)
    return Result(text, numbers, folder=folder)


def _describe(model, distribution, n, n_before, paths):
    """Return the summary of the fields as three lines of text for people.

    ``distribution`` is the name of the source redshift distribution or None, ``n`` the number of
    fields, ``n_before`` the number of fields that existed before, and ``paths`` has the files.
    """
    ny, nx = model.shape
    sources = model.z_source if isinstance(model.z_source, list) else [model.z_source]
    sources = [distribution] if distribution else [f"z = {z}" for z in sources]
    before = f" ({n_before} of them existed)" if n_before else ""
    first, last = paths[0], paths[-1]
    return "\n".join(
        [
            f"{n} field{'s' * (n > 1)} of {ny} x {nx} pixels of {model.pixel_scale}{before}",
            f"sources: {', '.join(sources)}",
            ("written: " if n_before < n else "existing: ") + f"{first}"
            + (f" to {last.name}" if first != last else ""),
        ]
    )
