# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap partition``: partition files of galaxies into a HATS folder."""

from pathlib import Path

from lensmap.cli._file_types import InputCatalog, OutputFolder
from lensmap.cli._inputs import add_table_options, numbers_of_declaration, table_options
from lensmap.cli._options import add_take_over, condition, count
from lensmap.cli._progress import show_progress
from lensmap.cli._result import Result
from lensmap.utils import IncompleteRunError, add_provenance

NAME = "partition"
SUMMARY = "partition the files of a survey into a HATS folder"
DESCRIPTION = """Partition the files of a survey by HEALPix pixel into a HATS folder of Parquet
files, which all commands take as a catalog. Files of any size are read in parts, and the
same command resumes an interrupted run. Ellipticities are stored as they are: the sign
convention, the calibration and --where are applied when the folder is read."""
EXAMPLES = """examples:
  lensmap partition part1.fits part2.fits -o survey
  lensmap partition shear.h5 -o survey --path table --where 'flag == 0' --keep mag_i,mag_r
  lensmap partition *.parquet -o survey --convention euclidean --kind shear --workers 2
  lensmap reconstruct survey -o kappa.fits

files: dataset/Norder=K/Dir=D/Npix=N.parquet, one for each partition; hats.properties and
other files that describe them; and settings.json, the options that they were made with

exit codes: 5 some files are damaged, and the galaxies of the others are partitioned"""
PARAMETERS = {
    "files": "the catalog", "folder": "--output", "extra_columns": "--keep",
    "rows_per_partition": "--rows",
}

_KEEP_HELP = (
    "further columns to store, under their own names, separated by commas, such as mag_i,mag_r"
)
_WHERE_HELP = (
    "a condition on rows, such as 'redshift < 1.5 and i_flag == 0', that is applied whenever the "
    "folder is read; all rows are stored, with the columns of the condition (see 'lensmap "
    "reconstruct --help' for the conditions)"
)


def add_arguments(parser):
    """Add the arguments and options of ``lensmap partition`` to its parser."""
    parser.add_argument(
        "catalog", type=InputCatalog, nargs="+", metavar="CAT",
        help="the files of the survey: tables in FITS, ECSV, CSV, Parquet, HDF5 or VOTable, with "
             "the same columns",
    )
    parser.add_argument("-o", "--output", type=OutputFolder, required=True, metavar="DIR",
                        help="the HATS folder, created if it does not exist")
    group = parser.add_argument_group("catalog options")
    add_table_options(group)
    group.add_argument("--where", type=condition, metavar="CONDITION", help=_WHERE_HELP)
    group.add_argument("--keep", metavar="NAME,...", help=_KEEP_HELP)
    group = parser.add_argument_group("run options")
    group.add_argument("--name", metavar="NAME",
                       help="the name of the catalog in its properties (default: that of the "
                            "folder)")
    group.add_argument("--rows", dest="rows_per_partition", type=count, default=1_000_000,
                       metavar="N",
                       help="the largest number of galaxies in a partition (default 1000000)")
    group.add_argument("--workers", type=count, metavar="N",
                       help="the number of processes (default: one per core, one for files of up "
                            "to 2 GB)")
    add_take_over(group)


def run(arguments):
    """Run ``lensmap partition`` with parsed arguments, and return its `Result`."""
    from lensmap.catalog import HatsCatalog, partition_catalog

    keep = [name.strip() for name in (arguments.keep or "").split(",") if name.strip()]
    folder = Path(arguments.output)
    try:
        catalog = partition_catalog(
            arguments.catalog,
            folder,
            **table_options(arguments),
            where=arguments.where,
            keep=keep,
            name=arguments.name,
            rows_per_partition=arguments.rows_per_partition,
            workers=arguments.workers,
            overwrite=arguments.overwrite,
            take_over=arguments.take_over,
            progress=show_progress(arguments),
        )
    except IncompleteRunError as error:
        error.numbers = _numbers(HatsCatalog(folder), arguments)
        raise
    numbers = _numbers(catalog, arguments)
    add_provenance(declaration=numbers["declaration"])
    return Result(_describe(numbers), numbers, folder=folder)


def _numbers(catalog, arguments):
    """Return the summary of a partitioned catalog as numbers for a JSON record."""
    orders = [part.order for part in catalog.partitions]
    return {
        "folder": str(arguments.output),
        "n_files": len(arguments.catalog),
        "n_rows": len(catalog),
        "n_partitions": len(orders),
        "min_order": min(orders),
        "max_order": max(orders),
        "columns": catalog.column_names,
        "where": catalog.where,
        "declaration": numbers_of_declaration(catalog),
    }


def _describe(numbers):
    """Return the summary of a partitioned catalog as text for people."""
    low, high = numbers["min_order"], numbers["max_order"]
    declared = numbers["declaration"]
    where = f"\nrows when it is read: {numbers['where']}" if numbers["where"] else ""
    return (
        f"{numbers['n_rows']} rows of {numbers['n_files']} "
        f"file{'s' * (numbers['n_files'] > 1)} in {numbers['n_partitions']} partitions of HEALPix "
        f"order {low}{f' to {high}' if high > low else ''}\n"
        f"columns: {', '.join(numbers['columns'])}; convention {declared['convention']}, kind "
        f"{declared['kind']}{where}\n"
        f"written: {numbers['folder']}"
    )
