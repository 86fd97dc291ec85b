# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap simulate survey``: simulate the shear catalog of a survey of a field."""

from lensmap.cli._field_input import add_input_arguments, move_field, read_any_field
from lensmap.cli._field_options import add_field_arguments, distribution_name, make_model
from lensmap.cli._file_types import OutputFits, OutputTable
from lensmap.cli._files import open_outputs
from lensmap.cli._mask_options import add_mask_arguments, read_mask
from lensmap.cli._messages import CombinationError, OptionError
from lensmap.cli._result import Result
from lensmap.utils import (
    FITS_SUFFIXES,
    HDF5_SUFFIXES,
    check_count,
    has_suffix,
    table_format,
    write_hdus,
    write_table,
)

NAME = "survey"
SUMMARY = "make a mock shear catalog from a simulated field"
DESCRIPTION = """Make the mock shear catalog of a survey of one field, which is drawn, or read with
--field. The catalog also has columns with the true shear, convergence and intrinsic
ellipticity of each galaxy. It declares its sign convention and its kind of ellipticity,
so that 'lensmap reconstruct' needs no options for it."""
EXAMPLES = """examples:
  lensmap simulate survey -o shear.fits --shape 128 128 --truth truth.fits
  lensmap simulate survey -o shear.fits --field fields/field_0003.fits --preset cha2025 --seed 3
  lensmap simulate survey -o shear.parquet --preset lsst_y10 --random-mask 0.4 \\
      --write-mask mask.fits
  lensmap simulate survey -o shear.fits --field WLconv_z1.00_0001r.fits --center 150.1,2.2"""

_FIELD_SUFFIXES = FITS_SUFFIXES + HDF5_SUFFIXES


class OutputTruth(OutputTable):
    """A file with a lensing field or with a table of its halos, depending on the suffix."""

    def check_name(self):
        """Check the suffix."""
        if not has_suffix(self, _FIELD_SUFFIXES):
            table_format(self)


def add_arguments(parser):
    """Add the arguments and options of ``lensmap simulate survey`` to its parser."""
    parser.add_argument(
        "-o",
        "--output",
        type=OutputTable,
        required=True,
        metavar="CAT",
        help="write the catalog to this file, whose suffix sets the format: FITS, ECSV, HDF5, "
        "Parquet or CSV; a CSV file cannot record the sign convention",
    )
    add_input_arguments(parser)
    add_field_arguments(parser, "options of a drawn field")
    _add_field_survey_arguments(parser)
    group = parser.add_argument_group("more options")
    group.add_argument(
        "--truth",
        type=OutputTruth,
        action="append",
        default=[],
        metavar="FILE",
        help="also write the true field (.fits, .h5) or a table of its halos (.ecsv, .csv, "
        ".parquet) to this file; repeatable",
    )
    group.add_argument(
        "--write-mask", type=OutputFits, metavar="M.fits",
        help="also write the mask of --random-mask to this file, for 'lensmap reconstruct --mask'",
    )
    group.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="the seed of all random numbers (default 0); independent catalogs need different "
        "seeds",
    )


def add_survey_arguments(parser):
    """Add the options that all mock surveys have to a parser, and return their group."""
    from lensmap.simulate import MockSurvey

    group = parser.add_argument_group("survey options")
    group.add_argument(
        "--preset",
        metavar="NAME",
        help=f"the name of a known survey: {', '.join(MockSurvey.available_presets())}; the other "
        "survey options override its values",
    )
    group.add_argument(
        "--density", type=float, metavar="N",
        help="the mean number of galaxies per square arcminute (default 33)",
    )
    group.add_argument(
        "--sigma-e",
        type=float,
        metavar="S",
        help="the intrinsic dispersion of the ellipticities per component (default 0.24)",
    )
    group.add_argument(
        "--measurement-error",
        metavar="E",
        help="the measurement error of an ellipticity per component: a number, or hsc (the "
             "default), the error of Subaru/HSC at each galaxy's magnitude",
    )
    add_mask_arguments(group, "leave out galaxies")
    return group


def _add_field_survey_arguments(parser):
    group = add_survey_arguments(parser)
    group.add_argument(
        "--random-mask",
        dest="fraction",
        type=float,
        metavar="FRACTION",
        help="mask this fraction of the field by a random mask, with the holes of bright stars and "
        "a ragged edge",
    )
    group.add_argument(
        "--null", action="store_true",
        help="make a null (noise-only) catalog, whose galaxies are not lensed",
    )


def run(arguments):
    """Run ``lensmap simulate survey`` with parsed arguments, and return its `Result`."""
    from lensmap.simulate import check_catalog_memory

    _check(arguments)
    seeds, null = seeds_of(arguments.seed), arguments.null
    with open_outputs(arguments) as temporary:
        survey = make_survey(arguments)
        make_field, wcs = _field(arguments, survey, seeds)
        check_catalog_memory(survey, wcs)
        mask = draw_mask(wcs, arguments.fraction, seeds)
        field = make_field()
        lensing = None if null else field
        catalog = observe(survey, mask, lensing, wcs, seeds)
        write_catalog(
            catalog, temporary[arguments.output], arguments.seed, lensed=not null
        )
        for path in arguments.truth:
            write_truth(field, temporary[path])
        if arguments.write_mask is not None:
            _write_mask(mask, wcs, temporary[arguments.write_mask])
        return Result(
            describe(catalog, wcs, lensing), numbers_of_catalog(catalog, wcs, lensing),
            tuple(temporary),
        )


def _check(arguments):
    """Raise an OptionError if options contradict each other or lack another option."""
    if arguments.truth and arguments.null:
        raise CombinationError(
            "truth",
            "--truth cannot be given, because the galaxies of --null are not lensed and have no "
            "true field",
        )
    if arguments.write_mask is not None and arguments.fraction is None:
        raise CombinationError(
            "write_mask", "--write-mask needs --random-mask, which draws the mask to write"
        )
    redshifts = arguments.z_source or ()
    if arguments.field is None and len(redshifts) > 1:
        raise OptionError(
            "z_source",
            "--z-source must be one redshift or the name of one distribution for all galaxies of "
            f"the catalog, not {len(redshifts)} values",
        )


def seeds_of(seed):
    """Return independent seeds for the field, the galaxies and the mask.

    Parameters
    ----------
    seed : int
        The seed of the command.

    Returns
    -------
    dict
        A `numpy.random.SeedSequence` for each of ``"field"``, ``"galaxies"`` and ``"mask"``. The
        field is the same as the first field of ``lensmap simulate fields`` with this seed.
    """
    from lensmap.simulate import field_seed

    field = field_seed(check_count(seed, "seed"), 0)
    return {"field": field, **dict(zip(("galaxies", "mask"), field.spawn(2), strict=True))}


def make_survey(arguments):
    """Return the `lensmap.simulate.MockSurvey` that the options define, without a random mask."""
    from astropy import units as u

    from lensmap.cosmology import SourceRedshifts
    from lensmap.simulate import MockSurvey

    changes = {}
    if arguments.density is not None:
        changes["density"] = arguments.density / u.arcmin**2
    if arguments.sigma_e is not None:
        changes["sigma_e"] = arguments.sigma_e
    if arguments.measurement_error is not None:
        changes["measurement_error"] = _number(arguments.measurement_error)
    if distribution_name(arguments):
        changes["z_source"] = SourceRedshifts.preset(distribution_name(arguments))
    mask = read_mask(arguments)
    if mask is not None:
        changes["mask"] = mask
    if arguments.preset is None:
        return MockSurvey(**changes)
    return MockSurvey.preset(arguments.preset, **changes)


def _number(text):
    try:
        return float(text)
    except ValueError:
        return text


def _field(arguments, survey, seeds):
    """Read the field that the options name, or prepare to draw one.

    Return a function without parameters, which returns the field (None for a null field that need
    not be drawn), and the WCS of the field. The function draws the field only when it is called,
    after the checks of memory.
    """
    if arguments.field is not None:
        field = read_any_field(arguments)
        # Galaxies without lensing need not be at the source redshift of the field.
        name = distribution_name(arguments)
        if name and field.z_source is not None and not arguments.null:
            raise OptionError(
                "z_source",
                f"--z-source {name} cannot be given, because the field in {arguments.field!r} was "
                f"made for sources at {field.z_source!r}, which the galaxies must have, too: leave "
                "this option out",
            )
        if arguments.center is not None:
            field = move_field(field, arguments.center)
        return (lambda: field), field.wcs
    parameters = {} if arguments.center is None else {"center": arguments.center}
    if survey.z_source is not None and arguments.z_source is None:
        parameters["z_source"] = survey.z_source
    model = make_model(arguments, **parameters)
    return (lambda: None if arguments.null else model.draw(seeds["field"])), model.wcs


def draw_mask(wcs, fraction, seeds):
    """Draw the random mask, a boolean array; return None if ``fraction`` is None.

    ``fraction`` is the masked fraction, and ``seeds`` the dict that `seeds_of` returns.
    """
    from lensmap.simulate import random_mask

    return None if fraction is None else random_mask(wcs, fraction, seeds["mask"])


def observe(survey, mask, field, wcs, seeds):
    """Draw the catalog of a survey.

    ``mask`` is a boolean array to add to the mask of the survey, or None. The galaxies are lensed
    by ``field``; if it is None, they are not lensed and cover the pixels of ``wcs``. ``seeds`` is
    the dict that `seeds_of` returns.
    """
    if mask is not None:
        survey = survey.replace(mask=mask if survey.mask is None else [survey.mask, mask])
    return survey.observe(field, None if field is not None else wcs, seeds["galaxies"])


def write_catalog(catalog, path, seed, *, lensed):
    """Write a catalog; the header holds its seed, and whether its galaxies are lensed."""
    table = catalog.table
    table.meta |= {"SEED": seed, "LENSED": lensed}
    write_table(table, path)


def write_truth(field, path):
    """Write a field, or only its halos if the suffix is that of a table."""
    if has_suffix(path, _FIELD_SUFFIXES):
        field.write(path, overwrite=True)
    else:
        write_table(field.halos, path)


def _write_mask(mask, wcs, path):
    from astropy.io import fits

    header = wcs.to_header(relax=True)
    header["COMMENT"] = "1 is excluded"
    write_hdus([fits.PrimaryHDU(mask.astype("uint8"), header)], path)


def describe(catalog, wcs, field):
    """Return the summary of a mock catalog as text for people.

    ``wcs`` is the WCS of the pixels that the galaxies cover. ``field`` is the field that lenses the
    galaxies, or None if they are not lensed.
    """
    numbers = numbers_of_catalog(catalog, wcs, field)
    ny, nx = numbers["shape"]
    lines = [
        f"{len(catalog)} galaxies on {ny} x {nx} pixels of "
        f"{numbers['pixel_scale_arcmin']:.3g} arcmin: {numbers['density_per_arcmin2']:.3g} per "
        "square arcminute of the field",
    ]
    if numbers["mean_redshift"] is None:
        lines.append("redshifts: not known")
    elif field is not None and isinstance(field.z_source, float):
        lines.append(f"redshifts: all at {field.z_source}, that of the field")
    else:
        lines.append(f"redshifts: mean {numbers['mean_redshift']:.3g}")
    if field is None:
        lines.append("no lensing")
    else:
        lines.append(
            f"rms per component: reduced shear {numbers['shear_rms']:.4f}, ellipticity "
            f"{numbers['ellipticity_rms']:.3f}; {len(field.halos)} halos in the field"
        )
    return "\n".join(lines)


def numbers_of_catalog(catalog, wcs, field):
    """Return the summary of a mock catalog as numbers for a JSON record.

    ``wcs`` is the WCS of the pixels that the galaxies cover. ``field`` is the field that lenses the
    galaxies, or None if they are not lensed.
    """
    import numpy as np
    from astropy.wcs.utils import proj_plane_pixel_area

    (ny, nx), area = wcs.array_shape, proj_plane_pixel_area(wcs) * 3600
    redshift = catalog["redshift"]
    numbers = {
        "shape": (ny, nx),
        "pixel_scale_arcmin": np.sqrt(area),
        "n_galaxies": len(catalog),
        "density_per_arcmin2": len(catalog) / (ny * nx * area),
        "mean_redshift": None if redshift is None else redshift.mean(),
        "lensed": field is not None,
        "ellipticity_rms": _rms(catalog.e1, catalog.e2),
        "shear_rms": None,
        "n_halos": None,
    }
    if field is not None:
        shear = _rms(catalog["g1_true"], catalog["g2_true"])
        numbers |= {"shear_rms": shear, "n_halos": len(field.halos)}
    return numbers


def _rms(first, second):
    """Return the root mean square per component of a shear or ellipticity."""
    import numpy as np

    return float(np.sqrt((np.hypot(first, second) ** 2).mean() / 2))
