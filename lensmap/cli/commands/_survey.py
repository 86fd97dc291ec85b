# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap survey``: map a survey of any size, tile by tile."""

import argparse
import math
import shutil
import time
from contextlib import ExitStack
from pathlib import Path

from lensmap.cli._dask import dask_executor
from lensmap.cli._estimator_options import (
    add_estimator_options,
    add_method_argument,
    has_parameter,
    make_estimator,
)
from lensmap.cli._file_types import InputCatalog, InputPart, NamedRegion, OutputFolder
from lensmap.cli._inputs import (
    add_table_options,
    folder_options,
    numbers_of_declaration,
    table_options,
)
from lensmap.cli._mask_options import add_footprint_arguments, add_mask_arguments, read_mask
from lensmap.cli._messages import CombinationError, OptionError, load_networks, say
from lensmap.cli._options import (
    add_take_over,
    angle,
    condition,
    count,
    source_redshift,
    sources_at,
)
from lensmap.cli._progress import show_progress
from lensmap.cli._result import Result
from lensmap.utils import (
    IncompleteRunError,
    LostExecutorError,
    ParameterError,
    add_provenance,
    free_memory,
)

NAME = "survey"
SUMMARY = "make a mass map of a survey of any size, tile by tile"
DESCRIPTION = """Make the mass map of a survey of any size on HEALPix pixels. The survey is divided
into tiles, which any method for planes maps one by one, on several processes or on a dask cluster;
the tiles are blended, and take the scales that are wider than a tile from one map of the sphere.
The calibration and the models of the method are fitted once, to the whole survey. The same command
resumes an interrupted run. The Wiener filter fits its power spectrum to the survey, unless
--z-source is given."""
EXAMPLES = """examples:
  lensmap survey part1.fits part2.fits -o survey --dry-run
  lensmap survey part1.fits part2.fits -o survey --method ks --smoothing 2arcmin
  lensmap survey hats_folder -o survey --method cnn --uncertainty network --nside 8192 --workers 2
  lensmap survey hats_folder -o survey --method wiener --dask tcp://head:8786
  lensmap survey hats_folder -o survey --products fits,hips,moc,picture \\
      --also-map psf_e1,psf_e2 --mask stars.reg

files: kappa.hsp, kappa_b.hsp, error.hsp, counts.hsp, footprint.hsp and quality.hsp, as far as the
method gives them; tiles.ecsv, one row for each tile; tiles, the maps of tiles; catalog, the
galaxies of files by HEALPix pixel; and data and settings.json, from which the run resumes

exit codes: 5 some tiles, partitions or files failed, or the dask scheduler was lost; the same
command tries what is missing"""
PARAMETERS = {
    "source": "the catalog", "files": "the catalog", "folder": "--output",
    "keep": "--also-map or --calibrate-by", "extra_columns": "--also-map or --calibrate-by",
    "executor": "--dask",
    "large_scales=False": "--no-large-scales",
}

_PRODUCTS = {
    "fits": "maps.fits, a HEALPix table of all maps", "hips": "hips, for Aladin",
    "moc": "moc.fits, the footprint", "picture": "kappa.png",
}


def add_arguments(parser):
    """Add the arguments and options of ``lensmap survey`` to its parser."""
    parser.add_argument(
        "catalog", type=InputCatalog, nargs="+", metavar="CAT",
        help="a HATS folder, or the files of the survey: tables in FITS, ECSV, CSV, Parquet, HDF5 "
             "or VOTable with the same columns, which are partitioned into a HATS folder first",
    )
    parser.add_argument("-o", "--output", type=OutputFolder, required=True, metavar="DIR",
                        help="the folder of the run, created if it does not exist")
    group = parser.add_argument_group("catalog options")
    add_table_options(group)
    group.add_argument("--where", type=condition, metavar="CONDITION",
                       help="use only the rows that fulfill a condition, such as 'redshift > 0.4' "
                            "(see 'lensmap reconstruct --help')")
    _add_map_options(parser)
    _add_part_options(parser)
    _add_run_options(parser)
    add_estimator_options(parser, mean_redshift=False)


def _add_map_options(parser):
    group = parser.add_argument_group("map options")
    add_method_argument(group)
    group.add_argument("--nside", type=int, metavar="N",
                       help="the resolution of the map, a power of 2; the side of a pixel is 3518 "
                            "/ N arcmin (default: the lowest with pixels below 1.1 times those of "
                            "the tiles)")
    group.add_argument("--pixel-scale", type=angle, metavar="ANGLE",
                       help="the side of the pixels of the tiles (default: chosen by the method "
                            "for the density of the galaxies)")
    add_mask_arguments(group)
    add_footprint_arguments(group)
    group.add_argument("--only", type=InputPart, action="append", default=[], metavar="FILE",
                       help="map only the tiles that have galaxies inside the regions, MOC or map "
                            "of this file; what is fitted is fitted to the whole survey "
                            "nevertheless; repeatable")
    group.add_argument("--also-map", action="append", default=[], metavar="E1,E2",
                       help="also map two columns of the catalog like the shear, such as "
                            "psf_e1,psf_e2, as a test of systematic errors; repeatable")
    group.add_argument("--products", type=_products, default=(), metavar="NAME,...",
                       help="also write "
                            + "; ".join(f"{name}: {text}" for name, text in _PRODUCTS.items()))
    group = parser.add_argument_group("tile options")
    group.add_argument("--tile-order", type=int, metavar="K",
                       help="the HEALPix order of the tiles, from 0 to 7 (default 3, tiles of 7.3 "
                            "degrees, or more where tiles would have too many pixels)")
    group.add_argument("--margin", type=angle, default="2deg", metavar="ANGLE",
                       help="the margin that is mapped around each tile (default 2deg)")
    group.add_argument("--dither", type=int, choices=(1, 4), default=1,
                       help="with 4, the map of each tile is the mean of four, whose pixels are "
                            "shifted by half a pixel (default 1)")
    group.add_argument("--no-large-scales", action="store_true",
                       help="do not take the scales that are wider than a tile from a map of the "
                            "sphere")


def _add_part_options(parser):
    group = parser.add_argument_group("calibration options")
    group.add_argument("--calibrate-by", type=NamedRegion, action="append", default=[],
                       metavar="COLUMN|NAME=FILE",
                       help="calibrate each part of the survey, such as its fields, by its own "
                            "galaxies (bias, response and noise): the column that names the part "
                            "of each galaxy, or NAME=FILE for each part, with the file of its "
                            "region (as for --mask); repeatable (default: one calibration of the "
                            "whole survey)")
    group.add_argument("--subtract-mean", action="store_true",
                       help="subtract the mean shear of each part of --calibrate-by, or of the "
                            "survey, an additive bias that no column holds")

    group = parser.add_argument_group("efficiency options")
    group.add_argument("--z-lens", type=float, metavar="Z",
                       help="the redshift of lenses for the map of the lensing efficiency of the "
                            "galaxies (default: the mean over the lensing kernel of the survey)")
    group.add_argument("--source-redshifts", type=NamedRegion, action="append", default=[],
                       metavar="Z|NAME|FILE",
                       help="the redshift of the galaxies for this map, the name of their redshift "
                            "distribution, or a text file of it with two columns, redshift and "
                            "density; PART=Z|NAME|FILE for each part of --calibrate-by; repeatable "
                            "(default: the p(z) or the column redshift of the catalog)")


def _add_run_options(parser):
    group = parser.add_argument_group("run options")
    group.add_argument("--workers", type=count, metavar="N",
                       help="the number of processes (default: one per core, but no more than fit "
                            "into memory); with --dask, the number of workers to wait for "
                            "(default: those that are connected)")
    group.add_argument("--dask", metavar="ADDRESS",
                       help="run on the workers of the dask scheduler at this address, such as "
                            "tcp://head:8786; each worker has one thread (dask worker --nthreads "
                            "1), and all see the folder and the catalog under the same paths")
    group.add_argument("--dry-run", action="store_true",
                       help="read the catalog, print the plan, the memory and the disk space that "
                            "the map needs, and stop")
    group.add_argument("--update", action="store_true",
                       help="if the catalog has changed since the run began, map the tiles that "
                            "changed, with what was fitted then")
    add_take_over(group)


def _products(text):
    """Return the names of the further products in a list."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in _PRODUCTS:
            raise argparse.ArgumentTypeError(
                f"the value must be a list of {', '.join(_PRODUCTS)}, not {text!r}"
            )
    return tuple(names)


def run(arguments):
    """Run ``lensmap survey`` with parsed arguments, and return its `Result`."""
    began = time.monotonic()
    try:
        with ExitStack() as stack:
            return _map(arguments, stack, began)
    except (KeyboardInterrupt, SystemExit):
        say(f"interrupted: the finished tiles are in {arguments.output!r}; the same command "
            "resumes")
        raise


def _map(arguments, stack, began):
    """Map the survey, or print its plan, and return the result.

    ``stack`` is an ExitStack that closes the run and the cluster, and ``began`` is the value of
    `time.monotonic` at the beginning.
    """
    from lensmap.survey import SurveyMap, check_nside, check_products

    check_products(arguments.products or True)
    if arguments.nside is not None:
        check_nside(arguments.products, arguments.nside)
    survey_run, only = _open(arguments, stack)
    plan = survey_run.plan()
    tiles = survey_run.tiles(only)
    numbers = _numbers_of_plan(plan, survey_run, tiles, arguments)
    add_provenance(declaration=numbers["declaration"])
    lines = _describe_plan(plan, numbers)
    if arguments.dry_run:
        try:
            survey_run.check_resources(len(tiles), arguments.products)
        except (MemoryError, ParameterError) as error:
            _say_all(lines)
            error.numbers = numbers
            raise
        return Result("\n".join(lines), numbers)
    _say_all(lines)
    try:
        survey_run.make(only=only, products=arguments.products or True)
    except LostExecutorError:
        raise
    except IncompleteRunError as error:
        error.numbers = numbers | _numbers_of_map(SurveyMap(arguments.output), began)
        _say_all(_describe(error.numbers))
        raise
    numbers |= _numbers_of_map(SurveyMap(arguments.output), began)
    return Result("\n".join(_describe(numbers)), numbers, folder=Path(arguments.output))


def _open(arguments, stack):
    """Return the run of the survey, and the region of ``--only``, a SkyMask or None."""
    from lensmap.masks import SkyMask
    from lensmap.survey import open_run

    estimator = make_estimator(arguments)
    if has_parameter(estimator, "network"):
        load_networks()
    mask = read_mask(arguments)
    only = SkyMask(arguments.only) if arguments.only else None
    source, catalog = _source(arguments)
    work = {"workers": arguments.workers}
    if arguments.dask is not None:
        work["executor"], work["workers"] = stack.enter_context(
            dask_executor(arguments.dask, arguments.workers, arguments.output)
        )
    names = (
        "nside", "pixel_scale", "also_map", "subtract_mean", "z_lens", "tile_order", "margin",
        "dither", "update", "take_over",
    )
    survey_run = open_run(
        source, estimator, Path(arguments.output), mask=mask, catalog=catalog,
        progress=show_progress(arguments), large_scales=not arguments.no_large_scales,
        calibrate_by=_parts(arguments.calibrate_by),
        source_redshifts=_redshifts(arguments.source_redshifts), **work,
        **{name: getattr(arguments, name) for name in names},
    )
    return stack.enter_context(survey_run), only


def _parts(words):
    """Return the column or the regions of ``--calibrate-by``; None without the option."""
    from lensmap.masks import SkyMask

    named = _by_name(words, "calibrate_by", "--calibrate-by", "one column", "NAME=FILE")
    if not isinstance(named, dict):
        return named
    return {name: SkyMask(path) for name, path in named.items()}


def _redshifts(words):
    """Return the redshifts of ``--source-redshifts``; None without the option."""
    named = _by_name(words, "source_redshifts", "--source-redshifts", "one redshift or "
                     "distribution", "PART=Z|NAME|FILE")
    if not isinstance(named, dict):
        return None if named is None else _sources(named)
    return {name: _sources(text) for name, text in named.items()}


def _by_name(words, parameter, option, single, pair):
    """Return the value of an option, or its values by name; None without the option.

    ``single`` describes a value for the whole survey, and ``pair`` one for a part.
    """
    pairs = [word.partition("=") for word in words]
    if len(words) == 1 and not pairs[0][1]:
        return str(words[0])
    named = {name.strip(): value for name, _, value in pairs}
    if not all(name and value for name, value in named.items()) or len(named) < len(words):
        raise CombinationError(
            parameter, f"{option} must be {single}, or {pair} with another name for each part, "
            f"not {' and '.join(map(str, words))}",
        )
    return named or None


def _sources(text):
    """Return the redshift or the distribution that a word names, which may be a file."""
    import numpy as np

    from lensmap.cosmology import SourceRedshifts

    if not Path(text).is_file():
        return sources_at(source_redshift(text))
    try:
        z, density = np.loadtxt(text, unpack=True, usecols=(0, 1), ndmin=2)
        return SourceRedshifts(z, density)
    except (ValueError, IndexError) as error:
        raise OptionError(
            "source_redshifts", f"--source-redshifts cannot read {text!r} as two columns, "
            f"redshift and density: {error}",
        ) from error


def _source(arguments):
    """Return the HATS folder or the files of the catalog, and the options to read them."""
    paths = [Path(path) for path in arguments.catalog]
    if len(paths) == 1 and paths[0].is_dir():
        return paths[0], folder_options(arguments, paths[0])
    settings = table_options(arguments) | {"where": arguments.where}
    return paths, {name: value for name, value in settings.items() if value is not None}


def _say_all(lines):
    for line in lines:
        say(line)


# --- the result ---------------------------------------------------------------------------


def _numbers_of_plan(plan, survey_run, tiles, arguments):
    """Return the plan as numbers for a JSON record."""
    folder = Path(arguments.output)
    return {
        "folder": str(folder),
        "dry_run": arguments.dry_run,
        "nside": plan.nside,
        "pixel_scale_arcmin": plan.pixel_scale.to_value("arcmin"),
        "tile_order": plan.tile_order,
        "margin_deg": plan.margin.to_value("deg"),
        "n_tiles": len(plan.tiles),
        "n_requested": len(tiles),
        "n_galaxies": plan.n_galaxies,
        "area_deg2": plan.area.to_value("deg2"),
        "density_per_arcmin2": plan.density,
        "memory_bytes": plan.memory,
        "free_memory_bytes": None if arguments.dask else free_memory(),
        "disk_bytes": survey_run.needed_disk(len(tiles), arguments.products),
        "free_disk_bytes": shutil.disk_usage(folder).free,
        "parts": survey_run.parts,
        "declaration": numbers_of_declaration(survey_run.source),
    }


def _describe_plan(plan, numbers):
    """Return the plan as lines of text for people."""
    n, only = numbers["n_tiles"], numbers["n_requested"]
    selected = "" if only == n else f", of which {only} are mapped"
    free = numbers["free_memory_bytes"]
    in_memory = "" if free is None else f" ({_amount(free)} are free)"
    lines = [
        f"{numbers['n_galaxies']} galaxies on {numbers['area_deg2']:.4g} deg2, "
        f"{numbers['density_per_arcmin2']:.3g} per arcmin2",
        f"{n} tiles of HEALPix order {numbers['tile_order']} with margins of "
        f"{numbers['margin_deg']:g} deg and pixels of {numbers['pixel_scale_arcmin']:.3g} arcmin"
        f"{selected}; a map of nside {numbers['nside']}",
        f"each worker needs {_amount(numbers['memory_bytes'])} of memory{in_memory}, the folder "
        f"{_amount(numbers['disk_bytes'])} of disk space "
        f"({_amount(numbers['free_disk_bytes'])} are free)",
    ]
    lines += [_describe_part(part) for part in numbers["parts"]]
    return lines if plan.smoothed_away is None else [*lines, plan.smoothed_away]


def _describe_part(part):
    """Return the numbers of a part of the survey as a line of text."""
    mean = ""
    if part["mean_g1"] or part["mean_g2"]:
        mean = f", mean shear {part['mean_g1']:.2g}, {part['mean_g2']:.2g} subtracted"
    return (
        f"part {part['part']}: {part['n_galaxies']} galaxies, m {part['m']:.3g}, response "
        f"{part['response']:.4g}, shape noise {part['sigma_e']:.3g} per component{mean}"
    )


def _numbers_of_map(survey, began):
    """Return the finished map as numbers for a JSON record."""
    tiles = survey.tiles
    return {
        "n_done": len(tiles),
        "n_failed": len(survey.failed),
        "n_mapped_galaxies": int(tiles["n_galaxies"].sum()),
        "n_masked": survey.plan["n_masked"],
        "n_left_out": survey.plan["n_left_out"],
        "tile_seconds": float(tiles["seconds"].to_value("s").sum()),
        "seconds": time.monotonic() - began,
        "files": [path.name for path in survey.product_paths],
    }


def _describe(numbers):
    """Return the summary of a map as lines of text for people."""
    n_left = numbers["n_tiles"] - numbers["n_done"] - numbers["n_failed"]
    counts = [f"{numbers['n_done']} of {numbers['n_tiles']}"]
    counts += [f"{numbers['n_failed']} failed"] if numbers["n_failed"] else []
    counts += [f"{n_left} not mapped"] if n_left > 0 else []
    left_out = f", {numbers['n_left_out']} left out" if numbers["n_left_out"] else ""
    rows = {
        "tiles": ", ".join(counts),
        "galaxies": f"{numbers['n_mapped_galaxies']} used, {numbers['n_masked']} masked{left_out}",
        "area": f"{numbers['area_deg2']:.4g} deg2, {numbers['density_per_arcmin2']:.3g} galaxies "
                "per arcmin2",
        "map": f"nside {numbers['nside']}, from pixels of {numbers['pixel_scale_arcmin']:.3g} "
               "arcmin",
        "time": f"{numbers['seconds']:.1f} s, {numbers['tile_seconds']:.1f} s of work on tiles",
        "files": f"{', '.join(numbers['files'])} in {numbers['folder']}",
    }
    return [f"{name:9s} {text}" for name, text in rows.items()]


def _amount(size):
    """Return a number of bytes as text, such as ``3.2 GB``."""
    power = min(4, max(1, int(math.log10(max(size, 1)) // 3)))
    return f"{size / 1000**power:.3g} {'kMGT'[power - 1]}B"
