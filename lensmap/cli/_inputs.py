# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The catalogs, maps and images that commands read."""

from pathlib import Path

from lensmap.cli._file_types import InputCatalog, InputFile, InputMap
from lensmap.cli._messages import CombinationError, OptionError
from lensmap.cli._options import columns_text, condition, units_of_columns
from lensmap.cli._source_options import (
    ZGrid,
    add_source_arguments,
    check_source_arguments,
    select_sources,
)
from lensmap.utils import (
    add_provenance,
    celestial_plane,
    check_celestial_wcs,
    find_hdus,
    header_wcs,
    list_names,
    reading,
)

__all__ = [
    "add_catalog_arguments",
    "add_map_argument",
    "add_table_options",
    "numbers_of_declaration",
    "read_catalog",
    "read_image_wcs",
    "read_map",
    "table_options",
]


def add_catalog_arguments(parser, *, each_lens=False, as_option=False):
    """Add the argument and the options for the shear catalog.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        The parser of the command.
    each_lens : bool
        Whether ``--behind lens`` selects the galaxies behind each lens of the command.
    as_option : bool
        Whether the catalog is the option ``--catalog`` instead of a required argument.
    """
    parser.add_argument("--catalog" if as_option else "catalog", type=InputCatalog, metavar="CAT",
                        help="the shear catalog: a table in FITS, ECSV, CSV, Parquet, HDF5 or "
                             "VOTable, or a HATS folder")
    group = parser.add_argument_group("catalog options")
    add_table_options(group)
    group.add_argument(
        "--where",
        type=condition,
        metavar="CONDITION",
        help="use only the rows that fulfill a condition, such as 'redshift < 1.5 and i_flag == "
             "0'; it compares columns, numbers and 'texts' by <, <=, >, >=, ==, != and in (...), "
             "and joins comparisons by and, or, not; column names with blanks or special "
             "characters are written in `backticks`",
    )
    group.add_argument(
        "--strict", action="store_true",
        help="end with an error, before any output is written, if rows of the catalog are left "
             "out, or if the sign convention or the kind of ellipticity is only assumed or "
             "contradicts the file or the survey (exit code 1), or if the test on the galaxies "
             "shows that the convention is wrong (exit code 3) or does not decide (exit code 4)",
    )
    add_source_arguments(parser, each_lens=each_lens)


def add_table_options(group):
    """Add the options that say how to read the tables of a catalog.

    Parameters
    ----------
    group : argparse._ArgumentGroup
        The group of options.
    """
    from lensmap.catalog import COLUMN_PRESETS

    group.add_argument(
        "--columns",
        type=columns_text,
        metavar="PRESET,ra=NAME,...",
        help="the names of the columns in the catalog: a preset of a survey, pairs such as "
             "ra=NAME, or both, as hsc-y3,redshift=photoz_best,m=none. In a pair, lensmap's name "
             "of the column comes first; NAME may be an expression, as in 'sigma_m=sqrt(var_e)', "
             "and none leaves the column out. pz=NAME is a vector column of the redshift "
             "probability density of each galaxy, see --z-grid. Presets: "
             f"{', '.join(COLUMN_PRESETS)}, or the path of a TOML file. Default: the preset whose "
             "required columns the catalog has",
    )
    group.add_argument(
        "--convention",
        metavar="NAME",
        help="the sign convention of e1, e2: celestial (x east, y north), euclidean (x west, y "
             "north), iau (position angle from north through east), or the two signs that convert "
             "e1, e2 to celestial, as --convention=-1,1; default: the convention that the file "
             "declares, else the convention of the survey with these column names, else "
             "celestial, with a warning",
    )
    group.add_argument(
        "--kind",
        choices=("shear", "distortion"),
        help="the kind of ellipticity of an ellipse with axes a > b: shear is (a-b)/(a+b), "
             "distortion is (a^2-b^2)/(a^2+b^2); default: the kind that the file declares, else "
             "the kind of the survey with these column names, else shear, with a warning",
    )
    group.add_argument(
        "--units",
        type=units_of_columns,
        metavar="ra=UNIT,...",
        help="the units of columns where the table states none or a wrong one, such as "
             "ra=hourangle,dec=deg; default: as stated in the table, else degrees for positions "
             "(hours for an ra that is text with colons or blanks)",
    )
    group.add_argument("--frame", help="the astropy frame of the positions, such as icrs or "
                                       "galactic (default: as declared in the file, else icrs)")
    group.add_argument(
        "--response",
        metavar="R|R11,R12,R21,R22",
        help="the mean shear response of the ellipticities, a number R or a matrix "
             "R11,R12,R21,R22, which replaces the response columns of the catalog; none uses the "
             "columns even if the file declares a mean response (default: the response that the "
             "file declares, else the columns)",
    )
    group.add_argument(
        "--z-grid", type=ZGrid, metavar="START,STOP,N|FILE",
        help="the redshifts at which the column pz of --columns is given: N redshifts from START "
             "to STOP in equal steps, or a text file with one redshift per line (default: the "
             "entry z_grid in the metadata of the file)",
    )
    group.add_argument("--format", help="the format of the file, by its name in astropy.table "
                                        "(default: determined from the file)")
    group.add_argument("--hdu", help="the HDU that holds the table (FITS): its number, its name, "
                                     "or NAME,EXTVER")
    group.add_argument("--path", help="the table within the file: the path of a dataset or of a "
                                      "group of columns (HDF5), or the ID, name or number "
                                      "(VOTable)")


def table_options(arguments):
    """Return the given options that say how to read the tables of a catalog.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments, with those that `add_table_options` adds.

    Returns
    -------
    dict
        The parameters of ``ShearCatalog.read`` by name.
    """
    options = {
        name: getattr(arguments, name)
        for name in ("columns", "convention", "kind", "frame", "response", "units", "format")
    }
    options["z_grid"] = None if arguments.z_grid is None else arguments.z_grid.redshifts()
    if arguments.hdu is not None:
        options["hdu"] = int(arguments.hdu) if arguments.hdu.isdigit() else arguments.hdu
    if arguments.path is not None:
        options["path"] = arguments.path
    return options


def read_catalog(arguments, *, z_lens=None, extra_columns=()):
    """Read the shear catalog, and select the galaxies behind a lens.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments, with those that `add_catalog_arguments` adds.
    z_lens : float or None
        The redshift of all lenses, for ``--behind lens``. None selects no galaxies by it.
    extra_columns : sequence of str
        Further columns of the table to keep.

    Returns
    -------
    lensmap.ShearCatalog
        The catalog.
    """
    from lensmap.catalog import ShearCatalog
    from lensmap.maps import is_healpix_file

    check_source_arguments(arguments)
    try:
        catalog = ShearCatalog.read(
            arguments.catalog,
            **table_options(arguments),
            where=arguments.where,
            extra_columns=extra_columns,
        )
    except Exception:
        if is_healpix_file(arguments.catalog):
            raise OptionError(
                "catalog",
                f"the file {str(arguments.catalog)!r} is a map on HEALPix pixels, and this command "
                "needs a catalog of galaxies: give a table with a row for each galaxy",
                "healpix_map",
            ) from None
        raise
    catalog = select_sources(arguments, catalog, z_lens)
    add_provenance(**numbers_of_catalog(catalog))
    return catalog


def folder_options(arguments, folder):
    """Return the given options that say how to read a HATS folder.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments, with those that `add_table_options` adds, and ``where``.
    folder : path-like
        The folder.

    Returns
    -------
    dict
        The parameters of ``HatsCatalog`` by name.

    Raises
    ------
    CombinationError
        If an option is given that applies to files only.
    """
    settings = table_options(arguments) | {"where": arguments.where}
    settings = {name: value for name, value in settings.items() if value is not None}
    for name in ("format", "hdu", "path"):
        if name in settings:
            raise CombinationError(
                name, f"--{name} applies to files, and {str(folder)!r} is a HATS folder: leave "
                f"out --{name}",
            )
    return settings


def numbers_of_catalog(catalog):
    """Return what the files and the JSON record of a command say about its catalog.

    Parameters
    ----------
    catalog : lensmap.ShearCatalog
        The catalog.

    Returns
    -------
    dict
        ``declaration``: the convention, kind, frame and response, the origin of each
        (``convention_from``, ...), and the survey with its reference. ``catalog``: the columns, the
        numbers of rows used and left out, and the calibration.
    """
    from lensmap.catalog import catalog_facts

    return {"declaration": numbers_of_declaration(catalog), "catalog": catalog_facts(catalog)}


def numbers_of_declaration(catalog):
    """Return the convention, kind, frame and response of a catalog, and the origin of each.

    Parameters
    ----------
    catalog : lensmap.ShearCatalog or lensmap.catalog.HatsCatalog
        The catalog.

    Returns
    -------
    dict
        The values, their origins, and the survey with its reference.
    """
    values = {}
    for name, origin in catalog.origins.items():
        values |= {name: getattr(catalog, name), f"{name}_from": origin}
    return {
        **values,
        # The name of a preset file without its folder.
        "survey": catalog.survey and Path(catalog.survey).name,
        "reference": catalog.documented.get("reference"),
    }


def add_map_argument(parser, *, survey=False, optional=False):
    """Add the argument for the file of a map.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        The parser of the command.
    survey : bool
        Whether the folder of a survey map is allowed, too.
    optional : bool
        Whether the argument may be left out.
    """
    help_text = "the FITS file of a map that 'lensmap reconstruct' wrote"
    if survey:
        help_text += ", or the folder of a survey map"
    parser.add_argument(
        "map", type=InputMap if survey else InputFile, metavar="MAP", help=help_text,
        nargs="?" if optional else None,
    )


def read_map(path):
    """Read a map.

    Parameters
    ----------
    path : path-like
        A FITS file.

    Returns
    -------
    lensmap.ConvergenceMap
        The map.

    Raises
    ------
    OptionError
        If the file holds a map on HEALPix pixels.
    ValueError
        If the file is not a map.
    """
    from lensmap import ConvergenceMap
    from lensmap.maps import is_healpix_file

    if is_healpix_file(path):
        raise OptionError(
            "map",
            f"the file {str(path)!r} is a map on HEALPix pixels, and this command needs a map on a "
            "plane: write a part of the map with "
            "HealpixMap.read(file).cutout(wcs).write('part.fits'), and give this file",
            "healpix_map",
        )
    with reading(path, "map"):
        return ConvergenceMap.read(path, format="fits")


def read_image_wcs(name):
    """Read the WCS of an image.

    Parameters
    ----------
    name : path-like
        A FITS file, with the HDU (``image.fits:HDU``) if the file has images with different pixels.

    Returns
    -------
    `~astropy.wcs.WCS`
        The celestial WCS with its ``array_shape``.

    Raises
    ------
    OptionError
        If the file has no such HDU, or has images with different pixels, and ``name`` has no HDU.
    ValueError
        If the file holds no image with a celestial WCS.
    """
    from astropy.io import fits

    from lensmap.maps import same_pixels
    from lensmap.masks import as_path_and_part

    path, part = as_path_and_part(name)
    with reading(path, "image"), fits.open(path) as hdus:
        found = {i: _image_wcs(hdu, hdus) for i, hdu in enumerate(hdus) if hdu.is_image}
        found = {i: wcs for i, wcs in found.items() if wcs is not None}
        names = {i: f"{i} ({hdus[i].name})" if hdus[i].name else str(i) for i in found}
        if part is not None:
            chosen = find_hdus(hdus, part[0])
            selected = {i: wcs for i, wcs in found.items() if i in chosen}
    if not found:
        raise ValueError(
            f"no image in the FITS file {str(path)!r} has a celestial WCS in its header: give "
            "another file"
        )
    listed = list_names(names.values(), quoted=False)
    if part is not None and not selected:
        raise OptionError(
            "wcs",
            f"--wcs must name an image with a celestial WCS, not the HDU {part[0]!r}: the file "
            f"{str(path)!r} has such images in HDU {listed}",
        )
    first, *others = (found if part is None else selected).values()
    if any(wcs.array_shape != first.array_shape or not same_pixels(first, wcs, first.array_shape)
           for wcs in others):
        raise OptionError(
            "wcs",
            f"--wcs must name one HDU, because the images in {str(path)!r} have different pixels: "
            f"give --wcs {path}:HDU, with one of HDU {listed}",
        )
    return check_celestial_wcs(first)


def _image_wcs(hdu, hdus):
    """Return the celestial WCS of the image in a FITS HDU, or None if it has none."""
    if hdu.header.get("NAXIS", 0) < 2:
        return None
    wcs = header_wcs(hdu.header, hdus)
    if not wcs.has_celestial:
        return None
    # All planes of a cube have the same pixels on the sky.
    axes = {len(hdu.shape) - 1 - axis for axis in (wcs.wcs.lng, wcs.wcs.lat)}
    shape = tuple(n if i in axes else 1 for i, n in enumerate(hdu.shape))
    return celestial_plane(wcs, shape)[0]
