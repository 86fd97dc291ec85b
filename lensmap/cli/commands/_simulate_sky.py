# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap simulate sky``: simulate a survey of the curved sky."""

from pathlib import Path

from lensmap.cli._field_options import distribution_name
from lensmap.cli._file_types import OutputFolder
from lensmap.cli._mask_options import add_footprint_arguments
from lensmap.cli._options import add_take_over, count, position, positive, source_redshift
from lensmap.cli._progress import show_progress
from lensmap.cli._result import Result
from lensmap.cli.commands._simulate_survey import add_survey_arguments, make_survey

NAME = "sky"
SUMMARY = "make a mock survey of hundreds or thousands of square degrees"
DESCRIPTION = """Make a mock survey of the curved sky: galaxies by HEALPix pixel in a HATS folder, a
map of their true convergence, and a table of the halos. The convergence has the power of
the theory, with halos whose shear is exact down to their cores. The same command resumes
an interrupted run."""
EXAMPLES = """examples:
  lensmap simulate sky -o mock --area 1000
  lensmap simulate sky -o lsst --area 300 --center 30,-40 --preset lsst_y10 --star-density 20
  lensmap simulate sky -o deep --area 50 --z-source 2 --nside 8192 --seed 7

files: galaxies (a HATS folder of Parquet files), kappa_true.fits, halos.fits, and
settings.json, the options that they were made with"""


def add_arguments(parser):
    """Add the arguments and options of ``lensmap simulate sky`` to its parser."""
    parser.add_argument(
        "-o", "--output", type=OutputFolder, required=True, metavar="DIR",
        help="the output folder, created if it does not exist",
    )
    parser.add_argument(
        "--area", type=positive, required=True, metavar="DEG2",
        help="the area of the survey in square degrees, a disk on the sky",
    )
    parser.add_argument(
        "--center", type=position, metavar="RA,DEC",
        help="the center of the disk in degrees (default 180,0)",
    )
    _add_survey_arguments(parser)
    _add_matter_arguments(parser)
    group = parser.add_argument_group("run options")
    group.add_argument("--seed", type=int, default=0, metavar="N",
                       help="the seed of all random numbers (default 0)")
    group.add_argument("--workers", type=count, metavar="N",
                       help="the number of processes that draw galaxies (default: one per core)")
    add_take_over(group)


def _add_survey_arguments(parser):
    group = add_survey_arguments(parser)
    add_footprint_arguments(group)
    group.add_argument(
        "--star-density", type=positive, metavar="N",
        help="the number of bright stars per square degree, each with a hole of 0.3 to 3 arcmin "
             "without galaxies (default: no holes)",
    )
    group.add_argument(
        "--unreduced", action="store_true",
        help="apply the shear to the galaxies, instead of the reduced shear",
    )


def _add_matter_arguments(parser):
    from lensmap.cosmology import SourceRedshifts

    group = parser.add_argument_group("matter options")
    group.add_argument(
        "--z-source", type=source_redshift, nargs=1, metavar="Z|NAME",
        help="the redshift of the galaxies (default 1), or the name of their redshift "
        f"distribution: {', '.join(SourceRedshifts.available_presets())}",
    )
    group.add_argument(
        "--cosmology", metavar="NAME",
        help="the cosmology: massivenus (flat, Om0 = 0.3, sigma8 = 0.85; the default), or the name "
        "of a cosmology in astropy, such as Planck18",
    )
    group.add_argument(
        "--power", metavar="NAME",
        help="what computes the matter power spectrum: halofit (the default), or camb, the package "
        "CAMB",
    )
    group.add_argument(
        "--nside", type=int, metavar="N",
        help="the HEALPix resolution of the smooth matter: its multipoles reach 2 N (default 4096)",
    )
    group.add_argument(
        "--truth-nside", type=int, metavar="N",
        help="the HEALPix resolution of the map of the true convergence (default: that of --nside)",
    )
    group.add_argument(
        "--min-mass", type=positive, metavar="M",
        help="the lowest M200c of the halos in solar masses (default 3e13)",
    )


def run(arguments):
    """Run ``lensmap simulate sky`` with parsed arguments, and return its `Result`."""
    from astropy import units as u

    from lensmap.simulate import simulate_sky

    options = {
        name: getattr(arguments, name)
        for name in ("center", "cosmology", "power", "nside", "truth_nside")
        if getattr(arguments, name) is not None
    }
    if arguments.z_source is not None and distribution_name(arguments) is None:
        options["z_source"] = arguments.z_source[0]
    if arguments.min_mass is not None:
        options["min_mass"] = arguments.min_mass * u.solMass
    if arguments.star_density is not None:
        options["star_density"] = arguments.star_density / u.deg**2
    folder = Path(arguments.output)
    files = simulate_sky(
        folder, arguments.area * u.deg**2, make_survey(arguments),
        reduced_shear=not arguments.unreduced, seed=arguments.seed, workers=arguments.workers,
        progress=show_progress(arguments), take_over=arguments.take_over, **options,
    )
    area = files.area.to_value(u.deg**2)
    numbers = {
        "folder": str(folder), "area_deg2": area, "n_galaxies": files.n_galaxies,
        "density_per_arcmin2": files.n_galaxies / (area * 3600), "n_halos": files.n_halos,
    }
    text = (
        f"{files.n_galaxies} galaxies in {area:.4g} square degrees: "
        f"{numbers['density_per_arcmin2']:.3g} per square arcminute of the disk\n"
        f"{files.n_halos} halos in the disk\n"
        f"written: {', '.join(str(path) for path in files[:3])}"
    )
    return Result(text, numbers, folder=folder)
