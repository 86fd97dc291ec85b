# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap peaks``: find the peaks of a map; write them as a table and as regions."""

from pathlib import Path

from lensmap.cli._file_types import OutputPicture, OutputRegions, OutputTable
from lensmap.cli._files import open_outputs
from lensmap.cli._inputs import add_map_argument, read_map
from lensmap.cli._messages import CombinationError, OptionError
from lensmap.cli._options import (
    angle,
    count,
    one_radius,
    source_redshift,
    sources_at,
    two_radii,
)
from lensmap.cli._progress import show_progress
from lensmap.cli._result import Result, numbers_of_table
from lensmap.cli._tables import format_table
from lensmap.utils import write_table

NAME = "peaks"
SUMMARY = "find the peaks of a mass map"
DESCRIPTION = """Find the peaks of a mass map, the highest first: positions, convergence,
signal-to-noise and projected masses as a table, and as regions for DS9 or CARTA. The map
is a FITS file, or the folder of a survey map, in which each peak is found once. If the
map was made with --uncertainty N, it holds the peaks of maps of noise, and the number
of peaks in the field or survey that are expected to be false is given."""
EXAMPLES = """examples:
  lensmap peaks kappa.fits
  lensmap peaks kappa.fits -o peaks.ecsv --threshold 5 --regions peaks.reg
  lensmap peaks kappa.fits --by kappa --threshold 0.1 --plot peaks.png
  lensmap peaks survey/ --threshold 5 -o peaks.ecsv
  lensmap peaks kappa.fits --mass-within 0.5Mpc --z-lens 0.3 --z-source 1"""

_FORMATS = {"ra dec": ".5f", "kappa kappa_err": ".4f", "snr kappa_over_error": ".1f",
            "n_false": ".2g", "mass": ".3g", "mass_err": ".2g"}
_SHOWN = ("id", "ra", "dec", "kappa", "kappa_err", "snr", "kappa_over_error", "n_false", "at_edge",
          "mass", "mass_err")
_NUMBERS = {"id": "id", "ra": "ra_deg", "dec": "dec_deg", "kappa": "kappa",
            "kappa_err": "kappa_err", "snr": "snr", "kappa_over_error": "kappa_over_error",
            "n_false": "n_false", "at_edge": "at_edge", "mass": "mass_msun",
            "mass_err": "mass_err_msun"}
_FALSE = ("n_false", "n_false_err", "n_noise_maps", "n_false_unknown")


# The words for parameters of the functions that have no option of the same name.
PARAMETERS = {
    "kappa": "the map",
    "uncertainty='analytic'": "--uncertainty analytic of 'lensmap reconstruct'",
    "uncertainty='rotations'": "--uncertainty rotations of 'lensmap reconstruct'",
}


def add_arguments(parser):
    """Add the arguments and options of ``lensmap peaks`` to its parser."""
    from lensmap.cosmology import SourceRedshifts

    add_map_argument(parser, survey=True)
    parser.add_argument("-o", "--output", type=OutputTable, metavar="TABLE",
                        help="write the table of peaks to this file, such as peaks.ecsv")
    group = parser.add_argument_group("peak options")
    group.add_argument("--threshold", type=float, default=4.0, metavar="X",
                       help="the lowest height of a peak, in the unit of --by: signal-to-noise "
                            "ratio or kappa (default 4)")
    group.add_argument("--by", choices=("snr", "kappa", "kappa_over_error"), default="snr",
                       help="the quantity whose peaks are found, and the unit of --threshold: the "
                       "signal-to-noise ratio (snr, the default), kappa, or, for maps whose "
                       "uncertainty is the total error, kappa over this error")
    group.add_argument("--min-separation", type=angle, default="2arcmin", metavar="ANGLE",
                       help="the smallest separation of two peaks; of closer ones only the "
                            "highest is kept (default 2arcmin)")
    group.add_argument("--troughs", action="store_true",
                       help="find troughs, the minima of the map, instead of peaks")
    group = parser.add_argument_group("mass options")
    group.add_argument("--mass-within", dest="radius", metavar="RADIUS",
                       help="add the projected mass in a circle of this radius around each peak, "
                            "such as 0.5Mpc or 2arcmin; needs --z-lens, and --z-source unless the "
                            "map records the redshifts of its sources")
    group.add_argument("--ring", dest="background", nargs=2, metavar=("INNER", "OUTER"),
                       help="for --mass-within: first subtract the mean kappa between these two "
                            "radii around each peak, angles or proper lengths")
    group.add_argument("--mass-randoms", dest="n_random", type=count, metavar="N",
                       help="measure the errors of --mass-within at N random positions of the map "
                            "(default: compute them from the uncertainty of the map)")
    group.add_argument("--seed", dest="rng", type=int, default=0, metavar="N",
                       help="the seed of the random positions (default 0)")
    group.add_argument("--z-lens", type=float, metavar="Z",
                       help="the redshift of the lenses, for --mass-within")
    group.add_argument("--z-source", type=source_redshift, metavar="Z|NAME",
                       help="the redshift of the source galaxies, or the name of their redshift "
                            f"distribution: {', '.join(SourceRedshifts.available_presets())}, for "
                            "--mass-within (default: the redshift distribution that maps made with "
                            "--behind record)")
    group = parser.add_argument_group("more outputs")
    group.add_argument("--regions", type=OutputRegions, metavar="FILE",
                       help="also write the peaks as circular regions: .reg for DS9, .crtf for "
                            "CARTA")
    group.add_argument("--radius", dest="circle", type=angle, default="2arcmin", metavar="ANGLE",
                       help="the radius of the circles of --regions (default 2arcmin)")
    group.add_argument("--plot", type=OutputPicture, metavar="FILE",
                       help="also draw the map with its peaks to this picture file")


def run(arguments):
    """Run ``lensmap peaks`` with parsed arguments, and return its `Result`."""
    from lensmap.peaks import find_peaks, write_regions

    masses = _mass_options(arguments)
    is_survey = Path(arguments.map).is_dir()
    if is_survey and masses is not None:
        raise CombinationError(
            "radius", "--mass-within needs a map on a plane, not the folder of a survey: cut out "
            "a part of the map with SurveyMap.cutout",
        )
    options = {"by": arguments.by, "troughs": arguments.troughs,
               "min_separation": arguments.min_separation}
    with open_outputs(arguments) as temporary:
        if is_survey:
            from lensmap.survey import SurveyMap

            survey = SurveyMap(arguments.map)
            peaks = survey.find_peaks(
                arguments.threshold, progress=show_progress(arguments), **options
            )
        else:
            kappa = read_map(arguments.map)
            if kappa.mask.all():
                raise OptionError("map", f"the map {arguments.map!r} has only masked pixels")
            peaks = find_peaks(kappa, arguments.threshold, **options)
        if masses is not None:
            peaks = _with_masses(peaks, kappa, masses)
        peaks.meta["map"] = str(arguments.map)
        if arguments.output is not None:
            write_table(peaks, temporary[arguments.output])
        if arguments.regions is not None:
            write_regions(peaks, temporary[arguments.regions], arguments.circle, overwrite=True)
        if arguments.plot is not None:
            from lensmap.plotting import write_picture

            figure = _survey_figure(survey, peaks) if is_survey else _figure(kappa, peaks)
            write_picture(figure, temporary[arguments.plot])
        numbers = {
            "n_peaks": len(peaks),
            **{name: peaks.meta.get(name) for name in _FALSE},
            "peaks": numbers_of_table(peaks, _NUMBERS),
        }
        return Result(_describe(peaks), numbers, tuple(temporary))


def _figure(kappa, peaks):
    """Return the figure of a map with its peaks."""
    from lensmap.plotting import plot_peaks

    quantity = "kappa" if peaks.meta["by"] == "kappa" else "snr"
    return plot_peaks(kappa, peaks, quantity=quantity).figure


def _survey_figure(survey, peaks):
    """Return the figure of the sky of a survey with its peaks."""
    from lensmap.plotting import plot_sky

    sky = plot_sky(survey.folder / "kappa.hsp")
    sky.ax.scatter(peaks["ra"].value, peaks["dec"].value, s=30, facecolors="none",
                   edgecolors="k", linewidths=0.8, zorder=5)
    return sky.ax.figure


def _mass_options(arguments):
    """Return the parameters of `projected_mass`; None without ``--mass-within``."""
    if arguments.radius is None:
        for name in ("background", "n_random", "z_lens", "z_source"):
            if getattr(arguments, name) is not None:
                raise CombinationError(name, f"{arguments.option_names[name]} needs --mass-within")
        return None
    if arguments.z_lens is None:
        raise CombinationError("radius", "--mass-within needs --z-lens")
    background = None
    if arguments.background is not None:
        background = two_radii(arguments.background, "background")
    return {
        "radius": one_radius(arguments.radius, "radius"), "background": background,
        "z_lens": arguments.z_lens, "z_source": sources_at(arguments.z_source),
        "n_random": arguments.n_random or 0, "rng": arguments.rng,
    }


def _with_masses(peaks, kappa, options):
    from astropy.table import hstack

    from lensmap.profiles import projected_mass

    return hstack([peaks, projected_mass(kappa, peaks, **options)])


def _describe(peaks):
    """Return the peaks as text for people."""
    name = "trough" if peaks.meta["troughs"] else "peak"
    number = f"{len(peaks)} {name}{'' if len(peaks) == 1 else 's'}"
    area = "survey" if "tile" in peaks.colnames else "field"
    lines = [number, _describe_false(peaks.meta, name, area)]
    if len(peaks):
        hidden = {"snr"} if "kappa_over_error" in peaks.colnames else set()
        shown = peaks[[name for name in _SHOWN if name in peaks.colnames and name not in hidden]]
        lines.append(format_table(shown, _FORMATS))
    return "\n".join(lines)


def _describe_false(meta, name, area):
    """Return one line about the number of peaks or troughs that are expected to be false.

    ``name`` is ``"peak"`` or ``"trough"``, and ``area`` is ``"field"`` or ``"survey"``.
    """
    from lensmap.peaks import number_and_error

    if "n_false" in meta:
        number = number_and_error(meta["n_false"], meta["n_false_err"])
        return (
            f"expected false {name}s in this {area}: {number} (the mean of {meta['n_noise_maps']} "
            "maps of noise)"
        )
    remedy = "make the map with --uncertainty 100, for example"
    if "begins" in meta["n_false_unknown"]:
        remedy = "give a higher --threshold"
    return (f"expected false {name}s in this {area}: unknown, because "
            f"{meta['n_false_unknown']}: {remedy}")
