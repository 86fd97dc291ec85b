# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap filaments``: find the filaments of a map or, with --scan, those about a position."""

from lensmap.cli._convention_check import add_check_argument
from lensmap.cli._file_types import OutputPicture, OutputSegments, OutputTable
from lensmap.cli._files import open_outputs
from lensmap.cli._inputs import add_map_argument, read_map
from lensmap.cli._mask_options import read_mask
from lensmap.cli._options import angle
from lensmap.cli._result import Result, numbers_of_table
from lensmap.cli._tables import format_table
from lensmap.cli.commands._filament_scan import (
    MAP_OPTIONS,
    SCAN_PARAMETERS,
    add_scan_arguments,
    check_scan_arguments,
    describe_scan,
    numbers_of_scan,
    scan_catalog,
    scan_segments,
)
from lensmap.utils import write_table

NAME = "filaments"
SUMMARY = "find the filaments of a mass map, or about a position of a shear catalog"
DESCRIPTION = """Find the filaments of a mass map: its persistent ridges, as in DisPerSE. The
output is a table with the length, persistence and excess convergence of each filament,
and optionally the paths of the filaments as regions for DS9. With --scan, search for
straight filaments in all directions about a cluster, in the shear itself: the output is a
table of the significance of each direction."""
EXAMPLES = """examples:
  lensmap filaments kappa.fits --smoothing 1arcmin --min-length 10arcmin
  lensmap filaments kappa.fits -o filaments.ecsv --threshold 2 --regions filaments.reg
  lensmap filaments kappa.fits --threshold 0.02 --by kappa --plot filaments.png
  lensmap filaments kappa.fits --border open --connectivity triangles  # as DisPerSE
  lensmap filaments --catalog shear.fits --around 194.9,27.96 --scan --z-lens 0.0231 \\
      --z-source 1 --radii 25arcmin 95arcmin -o directions.ecsv --plot scan.png"""

# The words for parameters of the functions that have no option of the same name.
PARAMETERS = SCAN_PARAMETERS

_FORMATS = {"persistence kappa_mean kappa_saddle excess": ".4f", "persistence_sigma length": ".1f"}
_NUMBERS = {"id": "id", "persistence": "persistence", "persistence_sigma": "persistence_sigma",
            "length": "length_arcmin", "kappa_mean": "kappa_mean", "kappa_saddle": "kappa_saddle",
            "excess": "excess_kappa"}


def add_arguments(parser):
    """Add the arguments and options of ``lensmap filaments`` to its parser."""
    add_map_argument(parser, optional=True)
    parser.add_argument("-o", "--output", type=OutputTable, metavar="TABLE",
                        help="write the table of filaments, or of directions with --scan, to this "
                             "file, such as filaments.ecsv")
    group = parser.add_argument_group("filament options")
    group.add_argument("--threshold", type=float, default=3.0, metavar="X",
                       help="the smallest persistence of a filament, in the unit of --by (default "
                            "3); the persistence is the difference in kappa between the saddle "
                            "point of a ridge and the extremum that is paired with the saddle; "
                            "with --scan, the smallest significance of a direction")
    group.add_argument(
        "--by", choices=("scatter", "uncertainty", "kappa"),
        help="the unit of --threshold: scatter is the standard deviation of the map (default), "
        "uncertainty is the median uncertainty of the map, kappa is kappa itself",
    )
    group.add_argument("--smoothing", type=angle, metavar="ANGLE",
                       help="smooth the map first with a Gaussian of this standard deviation "
                            "(default: no smoothing)")
    group.add_argument("--min-length", type=angle, metavar="ANGLE",
                       help="the smallest length of a filament on the sky (default: no limit)")
    group.add_argument("--width", type=angle, metavar="ANGLE",
                       help="the half-width of the strip along a filament in which the excess "
                            "convergence is measured (default 1arcmin)")
    group.add_argument(
        "--border", choices=("closed", "open"),
        help="closed: filaments lie between maxima inside the map (default); open: also ridges "
        "that cross the border of the map or of masked pixels. They correspond to the options "
        "torus and natural of DisPerSE",
    )
    group.add_argument(
        "--connectivity", choices=("pixels", "triangles"),
        help="pixels: pixels are connected by sides and corners (default); triangles: as in "
        "DisPerSE, so that persistences are equal to those of DisPerSE",
    )
    add_scan_arguments(parser)
    group = parser.add_argument_group("more outputs")
    group.add_argument("--regions", type=OutputSegments, metavar="FILE",
                       help="also write the paths of the filaments as DS9 regions (.reg)")
    group.add_argument("--plot", type=OutputPicture, metavar="FILE",
                       help="also draw the map with its filaments to this picture file; with "
                            "--scan, the significance against the direction, and MAP or else a map "
                            "of the catalog with the directions")
    add_check_argument(group)


def run(arguments):
    """Run ``lensmap filaments`` with parsed arguments, and return its `Result`."""
    check_scan_arguments(arguments)
    with open_outputs(arguments) as temporary:
        if arguments.scan:
            table, regions, draw, numbers, text = _scan(arguments)
        else:
            table, regions, draw, numbers, text = _find(arguments)
        if arguments.output is not None:
            write_table(table, temporary[arguments.output])
        if arguments.regions is not None:
            _write_regions(regions, temporary[arguments.regions])
        if arguments.plot is not None:
            from lensmap.plotting import write_picture

            write_picture(draw(), temporary[arguments.plot])
        return Result(text, numbers, tuple(temporary))


def _find(arguments):
    """Find the filaments of a map: table, paths, function of the figure, numbers and text."""
    from lensmap.filaments import find_filaments

    kappa = read_map(arguments.map)
    given = {name: getattr(arguments, name) for name in MAP_OPTIONS
             if getattr(arguments, name) is not None}
    filaments = find_filaments(kappa, arguments.threshold, **given)

    def draw():
        from lensmap.plotting import plot_filaments

        return plot_filaments(kappa, filaments).figure

    numbers = {
        "n_filaments": len(filaments),
        "threshold": filaments.threshold,
        "threshold_kappa": filaments.threshold * filaments.sigma,
        "filaments": numbers_of_table(filaments.table, _NUMBERS),
    }
    regions = list(zip(filaments.table["id"], filaments.paths, strict=True))
    return filaments.table, regions, draw, numbers, _describe(filaments)


def _scan(arguments):
    """Scan the directions about a position, with results as those of `_find`."""
    kappa = None if arguments.map is None else read_map(arguments.map)
    scan, catalog, checked = scan_catalog(arguments)

    def draw():
        from lensmap import KaiserSquires
        from lensmap.plotting import arm_scan_figure

        shown = kappa
        if shown is None:
            estimator = KaiserSquires(smoothing=scan.core_width / 2)
            shown = estimator.reconstruct(catalog, scan.wcs, read_mask(arguments))
        return arm_scan_figure(scan, shown)

    numbers = numbers_of_scan(scan, catalog, arguments.threshold) | checked
    text = describe_scan(scan, arguments.threshold, simulated=arguments.n_skies is not None)
    return scan.table, scan_segments(scan), draw, numbers, text


def _write_regions(regions, path):
    """Write numbered lines as DS9 segments, which the regions package cannot write."""
    lines = ["# Region file format: DS9", "icrs"]
    for number, one in regions:
        corners = ",".join(f"{p.ra.deg:.6f},{p.dec.deg:.6f}" for p in one)
        lines.append(f"# segment({corners}) text={{{number}}}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _describe(filaments):
    """Return the filaments as text for people."""
    plural = "" if len(filaments) == 1 else "s"
    lines = [
        f"{len(filaments)} filament{plural} above a persistence of {filaments.threshold:g} x "
        f"{filaments.sigma:.4g}"
    ]
    if len(filaments):
        lines.append(format_table(filaments.table, _FORMATS))
    return "\n".join(lines)
