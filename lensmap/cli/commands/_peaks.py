# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap peaks``: the peaks of a map as a table and as regions."""

from lensmap.cli._map_input import add_map_argument, read_map
from lensmap.cli._options import angle, one_radius, two_radii
from lensmap.cli._outputs import check_outputs, open_outputs, say_outputs
from lensmap.cli._tables import show_table, write_table

NAME = "peaks"
SUMMARY = "find the peaks of a mass map"
DESCRIPTION = """Find the peaks of a mass map, the highest first: positions, convergence,
signal-to-noise and projected masses as a table, and as regions for DS9 or CARTA."""
EXAMPLES = """examples:
  lensmap peaks kappa.fits
  lensmap peaks kappa.fits -o peaks.ecsv --threshold 5 --regions peaks.reg
  lensmap peaks kappa.fits --by kappa --threshold 0.1 --plot peaks.png
  lensmap peaks kappa.fits --mass-within 0.5Mpc --z-lens 0.3 --z-source 1"""


def add_arguments(parser):
    """Add the command's arguments."""
    add_map_argument(parser)
    parser.add_argument("-o", "--output", metavar="TABLE", help="the peaks, such as peaks.ecsv")
    group = parser.add_argument_group("the peaks")
    group.add_argument("--threshold", type=float, default=4.0, metavar="X",
                       help="what a peak exceeds (default 4)")
    group.add_argument("--by", choices=("snr", "kappa"), default="snr",
                       help="in units of the map's uncertainty (the default), or a convergence")
    group.add_argument("--min-separation", type=angle, default="2arcmin", metavar="ANGLE",
                       help="of closer ones the highest counts (default 2arcmin)")
    group.add_argument("--troughs", action="store_true", help="find minima instead")
    group = parser.add_argument_group("their masses")
    group.add_argument("--mass-within", metavar="RADIUS",
                       help="add the projected mass in a circle, such as 0.5Mpc or 2arcmin")
    group.add_argument("--ring", nargs=2, metavar=("INNER", "OUTER"),
                       help="less what there would be by the mean of the map between these radii")
    group.add_argument("--z-lens", type=float, metavar="Z", help="the redshift of the lenses")
    group.add_argument("--z-source", type=float, metavar="Z", help="and of the galaxies")
    group = parser.add_argument_group("more output")
    group.add_argument("--regions", metavar="FILE", help="circles: .reg for DS9, .crtf for CARTA")
    group.add_argument("--radius", type=angle, default="2arcmin", metavar="ANGLE",
                       help="of the circles (default 2arcmin)")
    group.add_argument("--plot", metavar="FILE", help="a picture of the map with its peaks")
    group.add_argument("--overwrite", action="store_true", help="replace files that exist")


def run(arguments):
    """Run the command."""
    from lensmap.peaks import find_peaks, region_format, write_regions

    check_outputs(arguments)
    if arguments.regions is not None:
        region_format(arguments.regions, "--regions")
    masses = _mass_options(arguments)
    kappa = read_map(arguments)
    peaks = find_peaks(
        kappa, arguments.threshold, by=arguments.by, min_separation=arguments.min_separation,
        troughs=arguments.troughs,
    )
    if masses is not None:
        peaks = _with_masses(peaks, kappa, masses)
    peaks.meta["map"] = str(arguments.map)
    with open_outputs(arguments, "output", "regions", "plot") as paths:
        if "output" in paths:
            write_table(peaks, paths["output"])
        if "regions" in paths:
            write_regions(peaks, paths["regions"], arguments.radius, overwrite=True)
        if "plot" in paths:
            from lensmap.plotting import plot_peaks

            quantity = "snr" if arguments.by == "snr" else "kappa"
            plot_peaks(kappa, peaks, quantity=quantity).figure.savefig(paths["plot"], dpi=150)
    _show(peaks)
    say_outputs(arguments, "output", "regions", "plot")
    return 0


def _mass_options(arguments):
    """Return what `projected_mass` takes, None if no masses are asked for."""
    if arguments.mass_within is None:
        if arguments.ring is not None:
            raise ValueError("--ring needs --mass-within")
        return None
    if arguments.z_lens is None or arguments.z_source is None:
        raise ValueError("--mass-within needs --z-lens and --z-source")
    background = None
    if arguments.ring is not None:
        background = two_radii(arguments.ring, "--ring")
    return {
        "radius": one_radius(arguments.mass_within, "--mass-within"), "background": background,
        "z_lens": arguments.z_lens, "z_source": arguments.z_source,
    }


def _with_masses(peaks, kappa, options):
    from astropy.table import hstack

    from lensmap.profiles import projected_mass

    return hstack([peaks, projected_mass(kappa, peaks, **options)])


def _show(peaks):
    print(f"{len(peaks)} peak{'' if len(peaks) == 1 else 's'}")
    if len(peaks) == 0:
        return
    names = ["id", "ra", "dec", "kappa", "kappa_err", "snr", "at_edge"]
    formats = {"ra": ".5f", "dec": ".5f", "kappa": ".4f", "kappa_err": ".4f", "snr": ".1f"}
    if "mass" in peaks.colnames:
        names += ["mass", "mass_err"]
        formats |= {"mass": ".3g", "mass_err": ".2g"}
    show_table(peaks[names], formats)
