# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap filaments --scan``: search for filaments about a position in a shear catalog."""

import numpy as np

from lensmap.cli._convention_check import check_on_the_way
from lensmap.cli._inputs import add_catalog_arguments, read_catalog
from lensmap.cli._mask_options import add_mask_arguments, read_mask
from lensmap.cli._messages import CombinationError
from lensmap.cli._options import count, one_radius, position, source_redshift, sources_at, two_radii
from lensmap.cli._progress import show_progress
from lensmap.cli._result import numbers_of_table
from lensmap.cli._tables import format_table

__all__ = [
    "MAP_OPTIONS",
    "SCAN_PARAMETERS",
    "add_scan_arguments",
    "check_scan_arguments",
    "describe_scan",
    "numbers_of_scan",
    "scan_catalog",
    "scan_segments",
]

# The options of the filaments of a map, which have no effect on a scan.
MAP_OPTIONS = ("by", "smoothing", "min_length", "width", "border", "connectivity")

_FORMATS = {"angle": ".1f", "kappa0 kappa0_err": ".4f", "snr snr_cross": ".1f",
            "false_probability": ".2g"}

# The words for parameters of the functions that have no option of the same name.
SCAN_PARAMETERS = {"cluster=False": "--no-cluster", "position": "--around"}

_NUMBERS = {"angle": "angle_deg", "kappa0": "kappa0", "kappa0_err": "kappa0_err", "snr": "snr",
            "kappa0_cross": "kappa0_cross", "kappa0_cross_err": "kappa0_cross_err",
            "snr_cross": "snr_cross", "false_probability": "false_probability",
            "covered": "covered", "is_peak": "is_peak"}


def add_scan_arguments(parser):
    """Add the options of a scan to the parser of ``lensmap filaments``."""
    from lensmap.cosmology import SourceRedshifts

    others = {action.dest for action in parser._actions}
    add_catalog_arguments(parser, as_option=True)
    group = parser.add_argument_group("scan options")
    group.add_argument(
        "--scan", action="store_true",
        help="search for filaments in all directions about the position --around, by a matched "
             "filter of the shear in --catalog; MAP is then only drawn (--plot)",
    )
    group.add_argument(
        "--around", type=position, metavar="RA,DEC",
        help="the position about which --scan searches, in degrees, or sexagesimal as "
             "10:00:24,+02:12:00 (--around=-10,35 if it begins with a minus)",
    )
    group.add_argument("--z-lens", type=float, metavar="Z",
                       help="the redshift of the cluster at --around; required for lengths, and "
                            "unless --no-cluster is given")
    group.add_argument(
        "--z-source", type=source_redshift, metavar="Z|NAME",
        help="the redshift of the source galaxies, or the name of their redshift distribution: "
             f"{', '.join(SourceRedshifts.available_presets())} (default: the redshifts of the "
             "catalog)",
    )
    group.add_argument("--radii", nargs=2, metavar=("INNER", "OUTER"),
                       help="the radii at which the filament of --scan begins and ends, angles or "
                            "proper lengths (default 0.7Mpc 2.7Mpc)")
    group.add_argument("--core-width", metavar="SIZE",
                       help="the half-width of the core of this filament, an angle or a proper "
                            "length (default 0.15Mpc)")
    group.add_argument("--directions", dest="n_directions", type=count, metavar="N",
                       help="the number of directions (default 72)")
    group.add_argument("--no-cluster", action="store_true",
                       help="fit no cluster at --around together with the filament")
    group.add_argument("--round", action="store_true",
                       help="fit a round cluster instead of an elliptical one")
    group.add_argument("--power", default="halofit", metavar="NAME",
                       help="what computes the power of large-scale structure in the errors: "
                            "halofit (the default), or camb, the package CAMB")
    group.add_argument(
        "--skies", dest="n_skies", type=count, metavar="N",
        help="measure the false probability in N skies of randomly rotated galaxies with simulated "
             "large-scale structure, halos included (default: compute it for Gaussian structure, "
             "which is too small by a factor of 3 to 10)",
    )
    group.add_argument("--seed", dest="rng", type=int, default=0, metavar="N",
                       help="the seed of these skies (default 0)")
    add_mask_arguments(group, "leave out galaxies")
    # Without --scan, all of these must have their defaults.
    parser.set_defaults(scan_defaults={
        action.dest: action.default for action in parser._actions
        if action.dest not in {*others, "scan"}
    })


def check_scan_arguments(arguments):
    """Raise a CombinationError if options of a scan and of a map are mixed.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments of ``lensmap filaments``.

    Raises
    ------
    CombinationError
        If an option lacks another one, or has no effect with or without ``--scan``.
    """
    names = arguments.option_names
    if arguments.scan:
        for name in ("catalog", "around"):
            if getattr(arguments, name) is None:
                raise CombinationError("scan", f"--scan needs {names[name]}")
        for name in MAP_OPTIONS:
            if getattr(arguments, name) is not None:
                raise CombinationError(name, f"{names[name]} has no effect with --scan: leave it "
                                       "out")
        return
    if arguments.map is None:
        raise CombinationError(
            "map", "the command needs a map, or --scan with --catalog and --around"
        )
    for name, default in arguments.scan_defaults.items():
        if getattr(arguments, name) != default:
            raise CombinationError(name, f"{names[name]} needs --scan")


def scan_catalog(arguments):
    """Scan the catalog that the arguments name.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments of ``lensmap filaments``.

    Returns
    -------
    scan : lensmap.filaments.ArmScan
        The scan.
    catalog : lensmap.ShearCatalog
        The galaxies.
    checked : dict
        The test of the sign convention, for the JSON record.
    """
    from lensmap.filaments import false_probability, matched_filter, random_scans

    sizes = {}
    if arguments.radii is not None:
        sizes["radii"] = two_radii(arguments.radii, "radii")
    if arguments.core_width is not None:
        sizes["core_width"] = one_radius(arguments.core_width, "core_width")
    catalog = read_catalog(arguments)
    checked = check_on_the_way(
        arguments, catalog, progress=show_progress(arguments),
        positions=None if arguments.no_cluster else arguments.around,
    )
    scan = matched_filter(
        catalog, arguments.around, **sizes, z_lens=arguments.z_lens,
        z_source=sources_at(arguments.z_source), mask=read_mask(arguments),
        cluster=not arguments.no_cluster, elliptical=not arguments.round, power=arguments.power,
        n_directions=arguments.n_directions or 72, threshold=arguments.threshold,
        rng=arguments.rng,
    )
    if arguments.n_skies is not None:
        skies = random_scans(scan, arguments.n_skies, rng=arguments.rng,
                             structure=_simulated_shears(scan, arguments, catalog),
                             progress=show_progress(arguments))
        scan.table["false_probability"] = false_probability(scan, skies)
    return scan, catalog, checked


def _simulated_shears(scan, arguments, catalog):
    """Yield the shear of simulated skies with halos on the pixels of a scan."""
    from lensmap.simulate import HaloModelField

    sources = sources_at(arguments.z_source)
    model = HaloModelField(
        z_source=catalog.source_redshifts() if sources is None else sources,
        shape=scan.wcs.array_shape, pixel_scale=scan.wcs.proj_plane_pixel_scales()[0],
        center=scan.position,
    )
    rng = np.random.default_rng(arguments.rng)
    for _ in range(arguments.n_skies):
        yield model.draw(rng).gamma


def numbers_of_scan(scan, catalog, threshold):
    """Return the numbers of a scan for the JSON record."""
    cluster = scan.cluster
    if cluster is not None:
        units = {"m200c": "_msun", "x": "_arcmin", "y": "_arcmin", "angle": "_deg"}
        cluster = {f"{name}{units.get(name.removesuffix('_err'), '')}": value
                   for name, value in cluster.items()}
    return {
        "n_galaxies": len(catalog),
        "n_peaks": int(np.count_nonzero(scan.table["is_peak"])),
        "threshold": float(threshold),
        "snr_of_false_probability": dict(scan.table.meta["snr_of_false_probability"]),
        "cluster": cluster,
        "directions": numbers_of_table(scan.table, _NUMBERS),
    }


def describe_scan(scan, threshold, *, simulated):
    """Return a scan as text for people: the peaks and the highest significance.

    ``simulated`` says whether the false probabilities are those of simulated skies.
    """
    table = scan.table
    peaks = table[np.asarray(table["is_peak"])]
    limit = table.meta["snr_of_false_probability"]["0.05"]
    plural = "" if len(peaks) == 1 else "s"
    lines = [
        f"{len(peaks)} direction{plural} above a significance of {threshold:g}; 5% of skies "
        f"without filaments exceed {limit:.1f} somewhere"
    ]
    if scan.cluster is not None:
        lines.append(
            f"cluster: M200c = ({scan.cluster['m200c'] / 1e14:.1f} +- "
            f"{scan.cluster['m200c_err'] / 1e14:.1f})e14 Msun, ellipticity "
            f"{scan.cluster['ellipticity']:.2f}"
        )
    shown = peaks if len(peaks) else table[[int(np.argmax(table["snr"]))]]
    if not len(peaks):
        lines.append("the highest significance:")
    columns = ["angle", "kappa0", "kappa0_err", "snr", "snr_cross", "false_probability"]
    lines.append(format_table(shown[columns], _FORMATS))
    if not simulated:
        lines.append(
            "false probabilities are those of Gaussian structure: on skies with halos, they are 3 "
            "to 10 times higher (--skies measures them)"
        )
    return "\n".join(lines)


def scan_segments(scan):
    """Return the numbers and the ends of the peaks of a scan, for a region file."""
    peaks = scan.table[np.asarray(scan.table["is_peak"])]
    return [
        (i, scan.position.directional_offset_by(row["angle"], scan.radii))
        for i, row in enumerate(peaks, start=1)
    ]
