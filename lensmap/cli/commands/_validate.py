# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap validate``: test estimators as in Cha et al. (2025), with further tests."""

import argparse
import re
import shlex
from pathlib import Path

from lensmap.cli._estimator_options import record_networks
from lensmap.cli._field_input import read_field_of
from lensmap.cli._file_types import EstimatorText, InputFile, NamedFolder, OutputFolder
from lensmap.cli._messages import load_networks, say
from lensmap.cli._options import add_take_over, angle, count
from lensmap.cli._progress import show_progress
from lensmap.cli._result import Result, numbers_of_table
from lensmap.cli._tables import format_table
from lensmap.utils import ParameterError, check_count, match_name, to_plain

NAME = "validate"
SUMMARY = "measure the accuracy of mass-map estimators, and write a report"
DESCRIPTION = """Measure the accuracy of mass maps on simulated fields, or on true maps of your own
(--truth). The tests cover the pixel values and their distribution, the power on each scale, the
detection and masses of clusters, uncertainties, edges, masks, null (noise-only) fields, and mock
observations of the Coma cluster. Each number has an error from the scatter between fields. The
report is one web page; all numbers are also in a table. The same command resumes an interrupted
run."""
EXAMPLES = """examples:
  lensmap validate -o report
  lensmap validate -o report -n 20 --null 20 --masked 0 --coma 0 -e ks:tuned,wiener:tuned,lensmap
  lensmap validate -o hsc --preset hsc_y3 --estimators wiener:tuned,lensmap,mine.py:MyEstimator
  lensmap validate -o smoothings --estimators "ks(smoothing=1arcmin),ks(smoothing=2arcmin)"
  lensmap validate -o massivenus --truth Maps25/*.fits --z-source 2.5 -n 100
  lensmap validate --export-fields fields -n 20 --null 20 --masked 0 --coma 0
  lensmap validate -o report -n 20 --null 20 --masked 0 --coma 0 --maps glimpse=fields/glimpse

written: report.html (needs no other file), results.ecsv (all numbers), scores.ecsv (a row for each
field and estimator), figures (PNG and PDF), and the measurements from which an interrupted run
resumes"""

_DEFAULT = "ks150,ks:tuned,wiener:tuned,h21like,cha2025,lensmap"


def _zero_or_count(text):
    return 0 if text == "0" else count(text)


def _names(text):
    """Split a list of estimators at the commas outside parentheses."""
    return [EstimatorText(name.strip()) for name in re.split(r",(?![^()]*\))", text)]


def _preset(text):
    """Check the name of a preset while the command line is parsed, and return it."""
    from lensmap.validation import ValidationSetup

    names = ValidationSetup.available_presets()
    name = match_name(names, text)
    if name is None:
        raise argparse.ArgumentTypeError(
            f"the value must be one of {', '.join(names)}, not {text!r}"
        )
    return name


def add_arguments(parser):
    """Add the arguments and options of ``lensmap validate`` to its parser."""
    add = parser.add_argument
    written = parser.add_mutually_exclusive_group(required=True)
    written.add_argument("-o", "--output", type=OutputFolder, metavar="DIR",
                         help="the folder of the report, created if it does not exist")
    written.add_argument(
        "--export-fields", type=OutputFolder, metavar="DIR",
        help="instead of a validation, write its fields to this folder, so that other programs can "
        "make maps of them: the binned shear with noise, mask and WCS (FITS), the truth, and a "
        "README.txt")
    add("-e", "--estimators", type=_names, default=_DEFAULT, metavar="NAMES",
        help="the estimators, separated by commas: ks150 (Kaiser-Squires with a smoothing of 150 "
        "arcsec); ks:tuned, wiener:tuned and me:tuned (parameters that are best on other simulated "
        "fields); ks, ksplus, wiener, me and cnn with parameters, such as ks(smoothing=2arcmin); "
        "networks h21like, cha2025 and lensmap; files of networks (.h5, .keras); your own "
        "estimator as file.py:Class, a Python file whose code is run (default: %(default)s)")
    add("--maps", type=NamedFolder, action="append", default=[], metavar="NAME=DIR",
        help="also score maps that another program made of the fields of --export-fields: the name "
        "for the tables, and the folder of the maps; repeatable. The options of the fields must be "
        "those of the export")
    from lensmap.validation import ValidationSetup

    presets = ", ".join(ValidationSetup.available_presets())
    group = parser.add_argument_group("fields and survey")
    group.add_argument(
        "--preset", type=_preset, default="cha2025", metavar="NAME",
        help=f"the name of a known survey: {presets}; masked is cha2025 with a third of each field "
        "masked (default %(default)s)")
    group.add_argument("--truth", type=InputFile, nargs="+", metavar="FILE",
                       help="files of true maps, all of one shape and pixel scale, in place of "
                       "simulated fields; names with :tuned are tuned on the last files, "
                       "as many as --tuning sets")
    group.add_argument("--z-source", type=float, metavar="Z",
                       help="the redshift of the source galaxies (default: that of --preset)")
    group.add_argument("--density", type=float, metavar="N",
                       help="the mean number of galaxies per square arcminute (default: that of "
                       "--preset)")
    group.add_argument("--shape", type=int, nargs=2, metavar=("NY", "NX"),
                       help="the numbers of pixels of a field along y and x, both even (default: "
                       "those of --preset)")
    group.add_argument("--pixel-scale", type=angle, metavar="ANGLE",
                       help="the side of a square pixel (default: that of --preset)")
    group.add_argument("--resolution", choices=("massivenus", "none"),
                       help="the simulation whose resolution the fields imitate; with none, only "
                       "the pixels limit the resolution (default: that of --preset)")
    group = parser.add_argument_group("numbers of fields")
    group.add_argument("-n", "--fields", dest="n_fields", type=count, default=200, metavar="N",
                       help="the number of fields that are mapped (default %(default)s)")
    group.add_argument("--null", dest="n_null", type=_zero_or_count, metavar="N",
                       help="the number of null (noise-only) fields (default: that of --fields)")
    group.add_argument("--masked", dest="n_masked", type=_zero_or_count, default=50, metavar="N",
                       help="the number of fields that are mapped a second time with a mask "
                            "(default %(default)s)")
    group.add_argument("--coma", dest="n_coma", type=_zero_or_count, default=12, metavar="N",
                       help="the number of mock observations of the Coma cluster, 0 or at least 4 "
                            "(default %(default)s)")
    group.add_argument("--full", dest="n_more", type=count, nargs="?", const=50, metavar="N",
                       help="also test slow variants of the estimators on N fields (50 if N is "
                       "left out): networks averaged over the eight rotations and mirror images, "
                       "networks with 95 per cent intervals, and the Wiener filter with posterior "
                       "errors")
    group.add_argument("--tuning", dest="n_tuning", type=count, default=8, metavar="N",
                       help="the number of other fields on which ks:tuned, wiener:tuned and "
                            "me:tuned are tuned (default %(default)s)")
    group.add_argument("--seed", type=int, default=0,
                       metavar="N",
                       help="the seed of the series of fields (default 0)")
    group.add_argument("--workers", type=count, metavar="N",
                       help="the number of processes that draw fields (default: one per core)")
    add_take_over(group)


def run(arguments):
    """Run ``lensmap validate`` with parsed arguments, and return its `Result`."""
    progress = show_progress(arguments)
    check_count(arguments.seed, "seed")
    if arguments.export_fields is not None:
        return _export(arguments, progress)
    folder = Path(arguments.output)
    from lensmap.estimators import CNNReconstructor, estimator_class
    from lensmap.validation import (
        ValidationResults,
        long_estimators,
        named_estimators,
        validate,
        write_report,
    )

    external = _external_maps(arguments)
    classes = [estimator_class(name) for name in arguments.estimators]
    if any(issubclass(cls, CNNReconstructor) for cls in classes):
        load_networks()
    plan = _plan(arguments)
    setup, tuning = _setups(arguments)
    estimators = named_estimators(
        arguments.estimators, tuning, n_tuning=arguments.n_tuning, seed=arguments.seed,
        workers=arguments.workers, progress=progress,
    )
    record_networks(estimators.values())
    try:
        validate(
            {**estimators, **external}, setup, folder, plan, seed=arguments.seed,
            workers=arguments.workers,
            more=long_estimators(estimators) if arguments.n_more else None, progress=progress,
            take_over=arguments.take_over,
        )
    except (KeyboardInterrupt, SystemExit):
        say(f"interrupted: the measurements are in {str(folder)!r}; the same command resumes")
        raise
    results = ValidationResults.read(folder)
    path = write_report(
        results, command="lensmap " + shlex.join(arguments.words), overwrite=True
    )
    text = f"{_describe(results)}\nwritten: {path}, results.ecsv, scores.ecsv, figures"
    return Result(text, _numbers(results, folder), folder=folder)


def _plan(arguments):
    """Return the number of fields in each part of the validation."""
    from lensmap.validation import ValidationPlan

    return ValidationPlan(
        n_fields=arguments.n_fields,
        n_null=arguments.n_fields if arguments.n_null is None else arguments.n_null,
        n_masked=arguments.n_masked, n_coma=arguments.n_coma, n_more=arguments.n_more or 0,
    )


def _export(arguments, progress):
    """Write the fields of the validation to files, and return the `Result`."""
    from lensmap.validation import export_fields

    if arguments.maps:
        raise ParameterError("maps", "left out with {export_fields}")
    folder, plan = Path(arguments.export_fields), _plan(arguments)
    setup, _ = _setups(arguments)
    try:
        export_fields(setup, folder, plan, seed=arguments.seed, workers=arguments.workers,
                      progress=progress, take_over=arguments.take_over)
    except (KeyboardInterrupt, SystemExit):
        say(f"interrupted: the fields are in {str(folder)!r}; the same command resumes")
        raise
    return Result(
        f"written: the fields in {str(folder)!r}; README.txt describes the files and the maps",
        {"folder": str(folder), "n_fields": plan.n_fields, "scores": []}, folder=folder,
    )


def _external_maps(arguments):
    """Return the maps of ``--maps``, keyed by name."""
    from lensmap.validation import ExternalMaps, estimator_label

    labels = {estimator_label(name) for name in arguments.estimators}
    maps = {}
    for text in arguments.maps:
        name, equals, folder = text.partition("=")
        if not (name.strip() and equals and folder):
            raise ParameterError("maps", "NAME=DIR", repr(str(text)))
        name = name.strip()
        if name in maps or name in labels:
            raise ParameterError(
                "maps", "names that differ from each other and from those of {estimators}",
                f"{name!r} twice", "use another name before the equals sign", verb="have",
            )
        maps[name] = ExternalMaps(folder)
    return maps


def _setups(arguments):
    """Return the setup of the validation, and the setup for tuning the linear estimators."""
    from astropy import units as u

    from lensmap.validation import GivenFields, ValidationSetup

    setup = ValidationSetup.preset(arguments.preset)
    if arguments.density is not None:
        survey = setup.survey.replace(density=arguments.density / u.arcmin**2)
        setup = setup.replace(survey=survey)
    changes = _sky_changes(arguments)
    if arguments.truth is None:
        setup = setup.replace(sky=setup.sky.replace(**changes))
        return setup, setup
    given = [name for name in ("shape", "pixel_scale", "resolution") if name in changes]
    if given:
        raise ParameterError(
            given[0], "left out with {truth}", remedy="the files of {truth} define it"
        )
    needed = arguments.n_fields + arguments.n_tuning
    if len(arguments.truth) < needed:
        raise ParameterError(
            "truth",
            f"at least {needed} files ({arguments.n_fields} fields and {arguments.n_tuning} for "
            "tuning)",
            str(len(arguments.truth)),
            "give more files, or smaller {n_fields} and {n_tuning}",
            verb="name",
        )
    sky = GivenFields(arguments.truth, read_field_of, **{"z_source": setup.sky.z_source} | changes)
    setup = setup.replace(sky=sky[: arguments.n_fields])
    return setup, setup.replace(sky=sky[arguments.n_fields :])


def _sky_changes(arguments):
    """Return the parameters of the sky model that the options set."""
    from astropy import units as u

    changes = {}
    if arguments.z_source is not None:
        changes["z_source"] = arguments.z_source
    if arguments.shape is not None:
        changes["shape"] = tuple(arguments.shape)
    if arguments.pixel_scale is not None:
        # Converted to one unit, so that 24 arcsec and 0.4 arcmin are equal to the last digit.
        changes["pixel_scale"] = to_plain({"side": arguments.pixel_scale})["side_arcmin"] * u.arcmin
    if arguments.resolution is not None:
        changes["resolution"] = None if arguments.resolution == "none" else arguments.resolution
    return changes


def _numbers(results, folder):
    """Return the mean scores over all fields as numbers for a JSON record."""
    names = ("pearson_r", "rmse", "loss", "slope", "coverage_68")
    columns = ["estimator", *names, *(f"{name}_err" for name in names)]
    return {
        "folder": str(folder),
        "n_fields": results.n_fields["fields"],
        "scores": numbers_of_table(
            results.tables["summary"], dict(zip(columns, columns, strict=True))
        ),
    }


def _describe(results):
    """Return the mean scores over all fields as text for people."""
    from astropy.table import Table

    from lensmap.validation import describe_quantities, plus_minus

    rows = results.tables["summary"]
    columns = Table({"estimator": rows["estimator"]})
    for heading, name, decimals in (
        ("r", "pearson_r", 4), ("RMSE", "rmse", 5), ("L", "loss", 1), ("slope", "slope", 3),
        ("in 68 %", "coverage_68", 3),
    ):
        columns[heading] = [
            plus_minus(row[name], row[f"{name}_err"], decimals, "+-") for row in rows
        ]
    text = f"{results.n_fields['fields']} fields\n\n{format_table(columns, {})}\n"
    quantities = describe_quantities(results.settings["estimators"])
    return f"{text}\n{quantities}\n" if quantities else text
