# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap verify``: test whether products of lensmap and their inputs are unchanged."""

from lensmap.cli._exit_codes import ExitCode
from lensmap.cli._file_types import InputFile
from lensmap.cli._messages import OptionError
from lensmap.cli._result import Result

NAME = "verify"
SUMMARY = "test whether products of lensmap and their inputs are unchanged"
DESCRIPTION = """Test files and run folders that lensmap wrote: their checksums, the versions of
lensmap and other packages that made them, and whether the inputs that they record are still
the same. Inputs are looked for at their recorded path, next to the product, in the working
directory, and in the folders of --inputs. A --json file, and the file run.json of a run
folder, also list the outputs of the run, which are tested, too."""
EXAMPLES = """examples:
  lensmap verify kappa.fits
  lensmap verify kappa.fits profile.ecsv --inputs catalogs
  lensmap verify map.json
  lensmap verify fields

exit codes: 0 all is as it was, 3 a product or an input was changed, 4 undecided: an input
is missing, another version made a product, or it has no checksum"""

_CODES = {
    "right": ExitCode.DONE, "wrong": ExitCode.WRONG, "undecided": ExitCode.UNDECIDED,
}


def add_arguments(parser):
    """Add the arguments and options of ``lensmap verify`` to its parser."""
    parser.add_argument("products", type=InputFile, nargs="+", metavar="PRODUCT|FOLDER",
                        help="a file that lensmap wrote (FITS, ECSV, HDF5, Parquet, VOTable, JSON, "
                             "weights of a network), or the folder of a run")
    parser.add_argument("--inputs", type=InputFile, action="append", default=[], metavar="DIR",
                        help="also look for the inputs in this folder; repeatable")


def run(arguments):
    """Run ``lensmap verify`` with parsed arguments, and return its `Result`."""
    from pathlib import Path

    from lensmap.provenance import verify

    for folder in arguments.inputs:
        if not Path(folder).is_dir():
            raise OptionError("inputs", f"--inputs: {str(folder)!r} is a file, not a folder")
    results = [verify(path, inputs=arguments.inputs) for path in arguments.products]
    verdicts = {result.verdict for result in results}
    verdict = next((name for name in ("wrong", "undecided") if name in verdicts), "right")
    numbers = {"verdict": verdict, "products": [_numbers(result) for result in results]}
    return Result("\n".join(map(str, results)), numbers, code=_CODES[verdict])


def _numbers(result):
    """Return the verification of a product as values for a JSON record."""
    record = result.provenance
    return {
        "path": result.path,
        "verdict": result.verdict,
        "made_by": record.get("lensmap"),
        "made_on": record.get("date"),
        "made_with": record.get("command_line"),
        "n_checks": dict(result.n_checks),
        "findings": [finding.to_record() for finding in result.findings],
    }
