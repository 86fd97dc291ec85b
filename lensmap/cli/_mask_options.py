# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The options of masks: ``--mask`` and ``--footprint``, and the values of their images."""

from lensmap.cli._file_types import InputPart
from lensmap.cli._messages import CombinationError, OptionError, OptionNames
from lensmap.utils import ParameterError

__all__ = ["add_footprint_arguments", "add_mask_arguments", "read_mask"]


def add_mask_arguments(group, verb="exclude the area"):
    """Add ``--mask`` and the options for its images to a group of a parser.

    ``verb`` begins the help text of ``--mask``, before "inside the mask", such as
    ``"leave out galaxies"``.
    """
    group.add_argument(
        "--mask",
        type=InputPart,
        action="append",
        default=[],
        metavar="FILE",
        help=f"{verb} inside the mask in this file: regions, a FITS image, a HEALPix or HealSparse "
             "map, a MOC, or a table of circular holes with the columns ra, dec and radius. "
             "FILE:HDU or FILE[HDU] selects an HDU, FILE[HDU][COLUMN] a column of a HEALPix map, "
             "and FILE.reg[IMAGE] the image on which pixel regions were drawn. A folder of FITS "
             "images, or a quoted pattern such as 'masks/*.fits:MASK', is one mask of a survey "
             "with one image for each tract, patch or pointing: an area is used if an image that "
             "covers it allows it, and not used without an image; repeatable",
    )
    _add_value_arguments(group, "mask")


def add_footprint_arguments(group):
    """Add ``--footprint`` and the options for its images to a group of a parser."""
    group.add_argument(
        "--footprint",
        type=InputPart,
        action="append",
        default=[],
        metavar="FILE",
        help="use only the area inside the footprint in this file: inside its regions, or in the "
             "pixels of its image that are 1 (or above --footprint-above). The file formats are "
             "those of --mask; repeatable: only the area inside all footprints is used",
    )
    _add_value_arguments(group, "footprint")


def _add_value_arguments(group, name):
    group.add_argument(
        f"--{name}-bits",
        metavar="BITS",
        help=f"the bits that mark a pixel as inside the {name}, if --{name} is an image of integer "
             "flags: bit numbers from 0, such as 0,5; a hexadecimal value, such as 0x21; bit names "
             "from the FITS header, such as BAD,SAT; or any for all nonzero pixels",
    )
    group.add_argument(
        f"--{name}-above",
        type=float,
        metavar="VALUE",
        help=f"the value above which a pixel is inside the {name}, if --{name} is an image "
             "(default 0)",
    )


def read_mask(arguments):
    """Return the mask of ``--mask`` and ``--footprint``; None without these options."""
    from lensmap.masks import SkyMask

    parts = [
        _read(arguments, name, exclude)
        for name, exclude in (("mask", "inside"), ("footprint", "outside"))
        if hasattr(arguments, name)
    ]
    parts = [part for part in parts if part is not None]
    return SkyMask(parts) if parts else None


def _read(arguments, name, exclude):
    """Return the mask that ``--mask`` or ``--footprint`` names; None if it is not given.

    ``name`` is ``"mask"`` or ``"footprint"``, and ``exclude`` is the excluded side of the mask,
    ``"inside"`` or ``"outside"``.
    """
    from lensmap.masks import SkyMask

    paths = getattr(arguments, name)
    values = {key: getattr(arguments, f"{name}_{key}") for key in ("bits", "above")}
    if not paths:
        for key, value in values.items():
            if value is not None:
                raise CombinationError(f"{name}_{key}", f"--{name}-{key} needs --{name}")
        return None
    names = OptionNames({key: f"--{name}-{key}" for key in values})
    try:
        # Each footprint excludes its own outside, which leaves the area that all of them cover.
        return SkyMask([SkyMask(paths, **values)] if exclude == "inside" else [
            SkyMask(path, exclude=exclude, **values) for path in paths
        ])
    except ParameterError as error:
        if error.parameter not in values:
            raise
        raise OptionError(f"{name}_{error.parameter}", error.describe(names)) from error
