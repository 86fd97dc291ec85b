# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap simulate survey``: the catalog that a survey would have of a known sky."""

from contextlib import ExitStack
from pathlib import Path

from lensmap.cli._field_input import add_input_arguments, move_field, read_any_field
from lensmap.cli._field_options import add_field_arguments, distribution_name, make_model
from lensmap.cli._tables import table_format, write_table
from lensmap.utils import FITS_SUFFIXES, HDF5_SUFFIXES, atomic_write, check_count, has_suffix

NAME = "survey"
SUMMARY = "make the shear catalog that a survey would have of a field"
DESCRIPTION = """Make the shear catalog that a survey would have of a field, which is drawn or
read. Its columns hold the truth of each galaxy, too. The file says its convention and
kind, so that 'lensmap reconstruct' takes it as it is."""
EXAMPLES = """examples:
  lensmap simulate survey -o shear.fits --shape 128 128 --truth truth.fits
  lensmap simulate survey -o shear.fits --field fields/field_0003.fits --preset cha2025 --seed 3
  lensmap simulate survey -o shear.parquet --preset lsst_y10 --random-mask 0.4 \\
      --write-mask mask.fits
  lensmap simulate survey -o shear.fits --field WLconv_z1.00_0001r.fits --center 150.1,2.2

exit codes: 0 done, 1 an error (nothing is written), 2 wrong usage"""

_FIELD_SUFFIXES = FITS_SUFFIXES + HDF5_SUFFIXES


# Some 100 bytes each.
_MOST_GALAXIES = 3e8


def add_arguments(parser):
    """Add the command's arguments."""
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="CAT",
        help="the catalog: FITS, ECSV, HDF5, Parquet or CSV (which says no convention) by its "
        "suffix",
    )
    add_input_arguments(parser)
    add_field_arguments(parser, "the field, where none is read")
    _add_survey_arguments(parser)
    group = parser.add_argument_group("what else")
    group.add_argument(
        "--truth",
        action="append",
        default=[],
        metavar="FILE",
        help="write the truth, too: the field (.fits, .h5), or its halos (.ecsv, .csv, .parquet); "
        "repeatable",
    )
    group.add_argument(
        "--write-mask", metavar="M.fits", help="write the random mask, too, as 'reconstruct "
        "--mask' takes it"
    )
    group.add_argument(
        "--seed",
        type=int,
        default=0,
        help="of all that is random (default 0): each catalog of a series needs its own",
    )
    group.add_argument("--overwrite", action="store_true", help="replace files that exist")


def _add_survey_arguments(parser):
    group = parser.add_argument_group("the survey")
    group.add_argument(
        "--preset",
        metavar="NAME",
        help="a survey whose numbers are known: cha2025, lsst_y1, lsst_y10, hsc_y3 or cosmos; "
        "other options override it",
    )
    group.add_argument(
        "--density", type=float, metavar="N", help="galaxies per square arcminute (default 33)"
    )
    group.add_argument(
        "--sigma-e",
        type=float,
        metavar="S",
        help="the dispersion of their ellipticities per component (default 0.24)",
    )
    group.add_argument(
        "--measurement-error",
        metavar="E",
        help="the error of an ellipticity per component: a number, or hsc (the default), which "
        "goes by the magnitude as in Subaru/HSC",
    )
    group.add_argument(
        "--mask",
        action="append",
        default=[],
        metavar="FILE",
        help="no galaxies inside: regions, FITS image, MOC or table of star holes; repeatable",
    )
    group.add_argument(
        "--random-mask",
        type=float,
        metavar="FRACTION",
        help="no galaxies in star holes and off a ragged edge, which make this part of the field",
    )
    group.add_argument(
        "--null", action="store_true", help="no lensing: noise alone, for tests of what remains"
    )


def run(arguments):
    """Run the command."""
    seed = seeds_of(arguments.seed)
    outputs = _outputs(arguments)
    with ExitStack() as stack:
        # Whatever can be wrong is asked before the work begins.
        temporary = {
            path: stack.enter_context(atomic_write(path, overwrite=arguments.overwrite))
            for path in outputs
        }
        survey = make_survey(arguments)
        field, wcs = _field(arguments, survey, seed)
        mask = draw_mask(arguments, wcs, seed)
        catalog = observe(survey, mask, None if arguments.null else field, wcs, seed)
        write_catalog(
            catalog, temporary[Path(arguments.output)], arguments.seed, lensed=not arguments.null
        )
        for path in map(Path, arguments.truth):
            write_truth(field, temporary[path])
        if arguments.write_mask:
            _write_mask(mask, wcs, temporary[Path(arguments.write_mask)])
        said = describe(catalog, wcs, None if arguments.null else field)
    print(said)
    print(f"written: {', '.join(map(str, outputs))}")
    return 0


def seeds_of(seed):
    """Return the seeds of the field, the galaxies and the mask, which do not depend on each other.

    Parameters
    ----------
    seed : int
        What the user said.

    Returns
    -------
    dict
        `numpy.random.SeedSequence` by ``"field"``, ``"galaxies"`` and ``"mask"``. The field is the
        first one of ``lensmap simulate fields``.
    """
    from lensmap.simulate import field_seed

    field = field_seed(check_count(seed, "seed"), 0)
    return {"field": field, **dict(zip(("galaxies", "mask"), field.spawn(2), strict=True))}


def _outputs(arguments):
    """Return the files that will be written, the catalog first."""
    table_format(arguments.output)
    outputs = [Path(arguments.output)]
    for name in arguments.truth:
        if arguments.null:
            raise ValueError("--null has no lensing, and so no --truth")
        if not has_suffix(name, _FIELD_SUFFIXES):
            table_format(name)
        outputs.append(Path(name))
    if arguments.write_mask:
        if arguments.random_mask is None:
            raise ValueError("--write-mask writes the mask of --random-mask, which is not given")
        if not arguments.write_mask.lower().endswith((".fits", ".fits.gz")):
            raise ValueError(f"--write-mask writes FITS, not {arguments.write_mask!r}")
        outputs.append(Path(arguments.write_mask))
    inputs = [arguments.field, *arguments.mask]
    for i, path in enumerate(outputs):
        if path.resolve() in [other.resolve() for other in outputs[:i]]:
            raise ValueError(f"two of the outputs are the same file {str(path)!r}")
        if any(name and Path(name).resolve() == path.resolve() for name in inputs):
            raise ValueError(f"{str(path)!r} is read: it would be lost")
    return outputs


def make_survey(arguments):
    """Return the `lensmap.simulate.MockSurvey` that the arguments describe, without random mask."""
    from astropy import units as u

    from lensmap.cosmology import SourceRedshifts
    from lensmap.masks import SkyMask
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
    if arguments.mask:
        changes["mask"] = SkyMask([SkyMask(path) for path in arguments.mask])
    if arguments.preset is None:
        return MockSurvey(**changes)
    return MockSurvey.preset(arguments.preset, **changes)


def _number(text):
    try:
        return float(text)
    except ValueError:
        return text


def _field(arguments, survey, seed):
    """Return the field (None without lensing) and its WCS."""
    if arguments.field is not None:
        field = read_any_field(arguments)
        # Without lensing, galaxies may be anywhere.
        named = distribution_name(arguments)
        if named and field.z_source is not None and not arguments.null:
            raise ValueError(
                f"--z-source {named}: {arguments.field!r} is for sources at "
                f"{field.z_source!r}, which are the redshifts of the galaxies"
            )
        if arguments.center is not None:
            field = move_field(field, arguments.center)
        return field, field.wcs
    if arguments.z_source is not None and len(arguments.z_source) > 1:
        raise ValueError("--z-source must be one redshift or one distribution: a catalog has one "
                         "for all galaxies")
    parameters = {} if arguments.center is None else {"center": arguments.center}
    if survey.z_source is not None and arguments.z_source is None:
        parameters["z_source"] = survey.z_source
    model = make_model(arguments, **parameters)
    return (None if arguments.null else model.draw(seed["field"])), model.wcs


def draw_mask(arguments, wcs, seed):
    """Return the random mask, a boolean array; None if none is asked for."""
    from lensmap.simulate import random_mask

    if arguments.random_mask is None:
        return None
    return random_mask(wcs, arguments.random_mask, seed["mask"])


def observe(survey, mask, field, wcs, seed):
    """Return the catalog of a field, or of nothing on a WCS, with one more mask."""
    from astropy.wcs.utils import proj_plane_pixel_area

    if mask is not None:
        survey = survey.replace(mask=mask if survey.mask is None else [survey.mask, mask])
    ny, nx = wcs.array_shape
    n = survey.expected_density.value * ny * nx * proj_plane_pixel_area(wcs) * 3600
    if n > _MOST_GALAXIES:
        raise ValueError(f"density times area makes {n:.2g} galaxies: more than "
                         f"{_MOST_GALAXIES:.0e} do not fit into memory")
    return survey.observe(field, None if field is not None else wcs, seed["galaxies"])


def write_catalog(catalog, path, seed, *, lensed):
    """Write a catalog that says its seed, and whether it is lensed."""
    table = catalog.table
    table.meta |= {"SEED": seed, "LENSED": lensed}
    write_table(table, path)


def write_truth(field, path):
    """Write a field or, where the suffix is that of a table, its halos."""
    if has_suffix(path, _FIELD_SUFFIXES):
        field.write(path, overwrite=True)
    else:
        write_table(field.halos, path)


def _write_mask(mask, wcs, path):
    from astropy.io import fits

    header = wcs.to_header(relax=True)
    header["COMMENT"] = "1 is excluded"
    fits.PrimaryHDU(mask.astype("uint8"), header).writeto(path, overwrite=True)


def describe(catalog, wcs, field):
    """Return what there is to say of a catalog, for people."""
    import numpy as np
    from astropy import units as u
    from astropy.wcs.utils import proj_plane_pixel_area

    (ny, nx), area = wcs.array_shape, proj_plane_pixel_area(wcs) * u.deg**2
    density = len(catalog) / (ny * nx * area.to_value(u.arcmin**2))
    lines = [
        f"{len(catalog)} galaxies on {ny} x {nx} pixels of {np.sqrt(area).to(u.arcmin):.3g}: "
        f"{density:.3g} per square arcminute of the field",
    ]
    redshift = catalog["redshift"]
    if redshift is None:
        lines.append("redshifts: not known")
    elif field is not None and isinstance(field.z_source, float):
        lines.append(f"redshifts: all at {field.z_source}, that of the field")
    else:
        lines.append(f"redshifts: mean {redshift.mean():.3g}")
    if field is None:
        lines.append("no lensing")
    else:
        g = np.hypot(catalog["g1_true"], catalog["g2_true"])
        e = np.hypot(catalog.e1, catalog.e2)
        lines.append(
            f"rms per component: reduced shear {np.sqrt((g**2).mean() / 2):.4f}, ellipticity "
            f"{np.sqrt((e**2).mean() / 2):.3f}; {len(field.halos)} halos in the field"
        )
    return "\n".join(lines)
