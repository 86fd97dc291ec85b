# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Maps that a command reads."""

from pathlib import Path

__all__ = ["add_map_argument", "read_map"]


def add_map_argument(parser):
    """Add the map's file."""
    parser.add_argument("map", metavar="MAP", help="a map of 'lensmap reconstruct', as FITS")


def read_map(arguments):
    """Return the `lensmap.ConvergenceMap` of the file that the arguments name."""
    from lensmap import ConvergenceMap

    if not Path(arguments.map).is_file():
        raise FileNotFoundError(f"there is no file {arguments.map!r}")
    try:
        return ConvergenceMap.read(arguments.map, format="fits")
    except OSError as error:
        raise ValueError(f"{arguments.map!r} is no FITS file, or it is broken") from error
