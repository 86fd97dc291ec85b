# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap filaments``: the ridges of a map as a table and as regions."""

from lensmap.cli._map_input import add_map_argument, read_map
from lensmap.cli._options import angle
from lensmap.cli._outputs import check_outputs, open_outputs, say_outputs
from lensmap.cli._tables import show_table, write_table
from lensmap.utils import has_suffix

NAME = "filaments"
SUMMARY = "find the filaments of a mass map"
DESCRIPTION = """Follow the ridges of a mass map that persist, as DisPerSE does: length, persistence
and excess of each as a table, and the paths as regions for DS9."""
EXAMPLES = """examples:
  lensmap filaments kappa.fits --smoothing 1arcmin --min-length 10arcmin
  lensmap filaments kappa.fits -o filaments.ecsv --threshold 2 --regions filaments.reg
  lensmap filaments kappa.fits --threshold 0.02 --by kappa --plot filaments.png"""


def add_arguments(parser):
    """Add the command's arguments."""
    add_map_argument(parser)
    parser.add_argument("-o", "--output", metavar="TABLE", help="such as filaments.ecsv")
    group = parser.add_argument_group("the filaments")
    group.add_argument("--threshold", type=float, default=3.0, metavar="X",
                       help="the smallest persistence (default 3)")
    group.add_argument(
        "--by", choices=("scatter", "uncertainty", "kappa"), default="scatter",
        help="in units of the scatter of the map (default), of its median uncertainty, or kappa",
    )
    group.add_argument("--smoothing", type=angle, metavar="ANGLE", help="smooth the map first")
    group.add_argument("--min-length", type=angle, metavar="ANGLE", help="leave out shorter ones")
    group.add_argument("--width", type=angle, default="1arcmin", metavar="ANGLE",
                       help="of the strip whose excess is measured (default 1arcmin)")
    group = parser.add_argument_group("more output")
    group.add_argument("--regions", metavar="FILE", help="the paths, for DS9 (.reg)")
    group.add_argument("--plot", metavar="FILE", help="a picture of the map with its filaments")
    group.add_argument("--overwrite", action="store_true", help="replace files that exist")


def run(arguments):
    """Run the command."""
    from lensmap.filaments import find_filaments

    check_outputs(arguments)
    if arguments.regions is not None and not has_suffix(arguments.regions, (".reg", ".ds9")):
        raise ValueError(f"--regions must end in .reg or .ds9, not {arguments.regions!r}")
    kappa = read_map(arguments)
    found = find_filaments(
        kappa, arguments.threshold, by=arguments.by, smoothing=arguments.smoothing,
        min_length=arguments.min_length, width=arguments.width,
    )
    with open_outputs(arguments, "output", "regions", "plot") as paths:
        if "output" in paths:
            write_table(found.table, paths["output"])
        if "regions" in paths:
            _write_regions(found, paths["regions"])
        if "plot" in paths:
            from lensmap.plotting import plot_filaments

            plot_filaments(kappa, found).figure.savefig(paths["plot"], dpi=150)
    _show(found)
    say_outputs(arguments, "output", "regions", "plot")
    return 0


def _write_regions(found, path):
    """Write the paths as DS9's segments, which regions does not know."""
    lines = ["# Region file format: DS9", "icrs"]
    for row, one in zip(found.table, found.paths, strict=True):
        corners = ",".join(f"{p.ra.deg:.6f},{p.dec.deg:.6f}" for p in one)
        lines.append(f"# segment({corners}) text={{{row['id']}}}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _show(found):
    plural = "" if len(found) == 1 else "s"
    print(f"{len(found)} filament{plural} above a persistence of {found.threshold:g} x "
          f"{found.sigma:.4g}")
    if len(found) == 0:
        return
    show_table(found.table, {"persistence": ".4f", "persistence_sigma": ".1f", "length": ".1f",
                             "kappa_mean": ".4f", "kappa_saddle": ".4f", "excess": ".4f"})
