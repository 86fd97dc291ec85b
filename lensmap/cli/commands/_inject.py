# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap inject``: inject halos into a catalog, and measure how many the map recovers."""

from pathlib import Path

from lensmap.cli._convention_check import add_check_argument, check_on_the_way
from lensmap.cli._estimator_options import (
    add_estimator_options,
    has_parameter,
    is_given,
    make_estimator,
)
from lensmap.cli._file_types import OutputPicture, ResumedTable
from lensmap.cli._files import open_outputs
from lensmap.cli._inputs import add_catalog_arguments, read_catalog
from lensmap.cli._map_options import (
    add_map_arguments,
    map_pixels,
    read_wcs,
    with_redshifts,
)
from lensmap.cli._mask_options import read_mask
from lensmap.cli._messages import OptionError, load_networks, say
from lensmap.cli._options import (
    add_take_over,
    angle,
    count,
    positive,
    source_redshift,
    sources_at,
)
from lensmap.cli._progress import show_progress
from lensmap.cli._result import Result, numbers_of_table
from lensmap.cli._source_options import describe_sources
from lensmap.cli._sphere_options import check_geometry
from lensmap.cli._tables import format_table

NAME = "inject"
SUMMARY = "inject halos into a catalog, and measure how many the map recovers"
DESCRIPTION = """Inject NFW halos at random positions in front of the galaxies of a catalog, make
the map again, and count the injected halos that have a peak in the map. The results are
the completeness as a function of halo mass, redshift and position, with errors and
corrected for chance matches; the errors of the masses and positions of the recovered
halos; and the density of peaks in noise-only maps. The real structures of the field
remain in the maps. The realizations are stored in the folder H.run beside the table
H.ecsv, and the same command resumes from them."""
EXAMPLES = """examples:
  lensmap inject shear.fits --mass 2e14 --z-lens 0.4 --z-source 1.2 -o halos.ecsv
  lensmap inject shear.fits --mass 1e14 2e14 4e14 --z-lens 0.2 0.4 0.6 --z-source 1.2 \\
      -n 60 -o halos.ecsv --plot halos.png
  lensmap inject shear.fits --mass 2e14 --z-lens 0.4 --z-source lsst_y1 --method wiener \\
      --peak-density 20 -o halos.ecsv --mask stars.reg"""

_FORMATS = {
    "m200c redshift": ".3g", "snr": ".1f",
    "completeness offset mass_ratio mass_ratio_err mass_scatter": ".2f",
}
_NUMBERS = {
    "m200c": "m200c_msun", "redshift": "redshift", "n": "n", "n_matched": "n_matched",
    "n_recovered": "n_recovered", "rate": "rate", "rate_low": "rate_low",
    "rate_high": "rate_high", "chance": "chance", "corrected": "completeness",
    "corrected_low": "completeness_low", "corrected_high": "completeness_high", "snr": "snr",
    "offset": "offset_arcmin", "mass_ratio": "mass_ratio", "mass_ratio_err": "mass_ratio_err",
    "mass_scatter": "mass_scatter",
}


def add_arguments(parser):
    """Add the arguments and options of ``lensmap inject`` to its parser."""
    from lensmap.cosmology import SourceRedshifts

    add_catalog_arguments(parser)
    parser.add_argument("-o", "--output", type=ResumedTable, required=True, metavar="H.ecsv",
                        help="write the table of injected halos and their peaks to this file")
    group = parser.add_argument_group("halo options")
    group.add_argument("--mass", dest="m200c", type=float, nargs="+", required=True, metavar="M",
                       help="the M200c of the halos in solar masses, one or several in increasing "
                            "order")
    group.add_argument("--z-lens", type=positive, nargs="+", required=True,
                       metavar="Z", help="the redshifts of the halos, one or several in increasing "
                                         "order")
    group.add_argument("--z-source", type=source_redshift, metavar="Z|NAME",
                       help="the redshift of the galaxies, or the name of their redshift "
                            f"distribution: {', '.join(SourceRedshifts.available_presets())} "
                            "(default: redshifts drawn from the column pz of --columns, else the "
                            "column redshift)")
    group.add_argument("--halos", dest="n_halos", type=count, metavar="N",
                       help="the number of halos in one realization (default: as many as fit on "
                            "the map, but at most 10)")
    group.add_argument("-n", "--realizations", dest="n_realizations", type=count, default=20,
                       metavar="N", help="the number of maps with injected halos, and of "
                                         "noise-only maps (default 20)")
    group = parser.add_argument_group("detection options")
    height = group.add_mutually_exclusive_group()
    height.add_argument("--threshold", type=positive, default=4.0, metavar="X",
                        help="the lowest height of a peak, in the unit of --by: signal-to-noise "
                             "ratio or kappa (default 4)")
    height.add_argument("--peak-density", type=positive, metavar="N",
                        help="set the threshold so that the map without injected halos has N peaks "
                             "per square degree")
    group.add_argument("--by", choices=("snr", "kappa"), default="snr",
                       help="the quantity whose peaks are found, and the unit of --threshold: the "
                       "signal-to-noise ratio (snr, the default) or kappa")
    group.add_argument("--radius", type=angle, default="2arcmin", metavar="ANGLE",
                       help="the largest separation of a peak from the halo that it matches "
                            "(default 2arcmin)")
    group.add_argument("--min-separation", type=angle, default="2arcmin", metavar="ANGLE",
                       help="the smallest separation of two peaks; of closer ones only the "
                            "highest is kept (default 2arcmin)")
    add_map_arguments(parser)
    group = parser.add_argument_group("more options")
    group.add_argument("--plot", type=OutputPicture, metavar="FILE",
                       help="also draw the completeness to this picture file")
    group.add_argument("--cells", type=count, default=4, metavar="N",
                       help="--plot shows the completeness in square cells of the map; N is their "
                       "number along its longer side (default 4)")
    add_take_over(group)
    add_check_argument(group)
    add_estimator_options(parser)


def run(arguments):
    """Run ``lensmap inject`` with parsed arguments, and return its `Result`."""
    from lensmap.catalog import selection_facts

    output = Path(arguments.output)
    if not arguments.overwrite:
        _check_previous(output)
    progress = show_progress(arguments)
    with open_outputs(arguments) as temporary:
        estimator = make_estimator(arguments)
        check_geometry(arguments, estimator)
        estimator = _with_uncertainty(estimator, arguments.by)
        wcs, mask = read_wcs(arguments), read_mask(arguments)
        z_source = sources_at(arguments.z_source)
        if has_parameter(estimator, "network"):
            load_networks()
        catalog = read_catalog(arguments)
        if not is_given(arguments, "z_source"):
            estimator = _expecting(estimator, z_source, catalog)
        checked = check_on_the_way(arguments, catalog, progress=progress)
        wcs, binning = map_pixels(arguments, wcs, estimator, catalog)
        recovery = _recover(
            arguments, catalog, estimator, z_source=z_source, mask=mask, wcs=wcs,
            progress=progress,
        )
        _write_table(recovery, output, arguments.overwrite)
        if arguments.plot is not None:
            from lensmap.plotting import recovery_figure, write_picture

            figure = recovery_figure(recovery, n_cells=arguments.cells)
            write_picture(figure, temporary[arguments.plot])
        numbers = _numbers(recovery) | {"binning": binning}
        numbers |= checked
        sources = describe_sources(selection_facts(catalog))
        text = "\n".join(part for part in (sources, _describe(recovery)) if part)
        return Result(text, numbers, (output, *temporary))


def _recover(arguments, catalog, estimator, **options):
    """Run `lensmap.injection.recover_halos` with the options of the command.

    ``options`` are further parameters of `recover_halos`. If the run is interrupted, a message
    names the folder that keeps the realizations.
    """
    from astropy import units as u

    from lensmap.injection import recover_halos

    threshold, folder = arguments.threshold, _folder_of(Path(arguments.output))
    if arguments.peak_density is not None:
        threshold = arguments.peak_density / u.deg**2
        arguments.option_names["threshold"] = arguments.option_names["peak_density"]
    try:
        return recover_halos(
            catalog, estimator, arguments.m200c * u.solMass, arguments.z_lens,
            n_halos=arguments.n_halos, n_realizations=arguments.n_realizations,
            threshold=threshold, by=arguments.by, radius=arguments.radius,
            min_separation=arguments.min_separation, rng=arguments.rng or 0, folder=folder,
            overwrite=arguments.overwrite, take_over=arguments.take_over, **options,
        )
    except (KeyboardInterrupt, SystemExit):
        if folder.is_dir():
            say(f"stopped: the realizations so far are in {str(folder)!r}; the same command "
                "resumes")
        raise


def _folder_of(output):
    """Return the path of the folder of realizations that belongs to the table ``output``."""
    return output.with_suffix(".run")


def _check_previous(output):
    """Raise an error if the table exists and this run cannot resume it."""
    from lensmap.injection import HaloRecovery

    if not output.exists():
        return
    HaloRecovery.read(output)  # raises an error for any other table, which is not replaced
    if not _folder_of(output).is_dir():
        raise OptionError(
            "output",
            f"--output: the table {str(output)!r} exists, but the command cannot resume, because "
            f"the folder {str(_folder_of(output))!r} with the realizations is missing: give "
            "another name, or --overwrite to start again",
            "file_exists",
        )


def _write_table(recovery, output, overwrite):
    """Write the table, unless the file already holds the same realizations."""
    from lensmap.injection import HaloRecovery

    if output.exists() and not overwrite:
        before = HaloRecovery.read(output)
        same_run = before.settings == recovery.settings
        if same_run and before.n_realizations == recovery.n_realizations:
            return
    recovery.write(output, overwrite=True)


def _with_uncertainty(estimator, by):
    """Return the estimator with an uncertainty, if peaks are found by their S/N.

    An estimator without an uncertainty gets the fastest kind that it offers. For ``by="kappa"``,
    the estimator is returned unchanged.
    """
    if by == "kappa" or not has_parameter(estimator, "uncertainty"):
        return estimator
    if estimator.uncertainty is None:
        kinds = sorted(estimator.uncertainties, key=lambda kind: not kind.with_map)
        estimator = estimator.replace(uncertainty=kinds[0].name)
    return estimator


def _expecting(estimator, z_source, catalog):
    """Set ``z_source`` of an estimator, if it has this parameter, to the mean source redshift.

    ``z_source`` is the redshift or redshift distribution of the galaxies; None takes the column
    ``redshift`` of the catalog.
    """
    if z_source is None or not has_parameter(estimator, "z_source"):
        return with_redshifts(estimator, catalog)
    return estimator.replace(z_source=round(float(getattr(z_source, "mean", z_source)), 4))


def _describe(recovery):
    """Return the completeness as text for people."""
    height = "S/N" if recovery.by == "snr" else "kappa"
    rate, low, high = (value.value for value in recovery.false_positives())
    lines = [
        f"{recovery.size}, peaks above {height} of {recovery.threshold:.3g} within "
        f"{recovery.radius:.3g}",
        f"the map without halos has {recovery.peak_density.value:.3g} such peaks per deg2, maps of "
        f"noise {rate:.2g} ({low:.2g} to {high:.2g})",
        f"of {recovery.n_controls} places without a halo {recovery.chance:.1%} count as "
        f"recovered, and {recovery.chance_matched:.1%} have a peak near",
    ]
    table = recovery.summary()
    shown = table["m200c", "redshift", "n", "n_recovered"]
    shown["completeness"] = table["corrected"]
    shown["68%"] = [f"{max(a, 0):.2f} to {b:.2f}"
                    for a, b in zip(table["corrected_low"], table["corrected_high"], strict=True)]
    for name in ("snr", "offset", "mass_ratio", "mass_ratio_err", "mass_scatter"):
        shown[name] = table[name]
    return "\n".join([*lines, "", format_table(shown, _FORMATS)])


def _numbers(recovery):
    """Return the completeness as numbers for a JSON record."""
    rate, low, high = (value.to_value("1 / deg2") for value in recovery.false_positives())
    return {
        "n_halos": len(recovery),
        "n_realizations": recovery.n_realizations,
        "by": recovery.by,
        "threshold": recovery.threshold,
        "radius_arcmin": recovery.radius.to_value("arcmin"),
        "peak_density_per_deg2": recovery.peak_density.to_value("1 / deg2"),
        "noise_peak_density_per_deg2": rate,
        "noise_peak_density_low_per_deg2": low,
        "noise_peak_density_high_per_deg2": high,
        "n_controls": recovery.n_controls,
        "chance": recovery.chance,
        "chance_matched": recovery.chance_matched,
        "halos": numbers_of_table(recovery.summary(), _NUMBERS),
    }
