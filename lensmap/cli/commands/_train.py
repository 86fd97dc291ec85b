# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap train``: train a network on convergence fields."""

import argparse
import hashlib
import logging
from pathlib import Path

from lensmap.cli._estimator_options import record_networks
from lensmap.cli._field_options import refuse_options
from lensmap.cli._file_types import InputFolder, MaybeFile, OutputFolder
from lensmap.cli._messages import OptionError, load_networks, say
from lensmap.cli._options import add_take_over, angle, count, positive, source_redshift, sources_at
from lensmap.cli._progress import show_progress
from lensmap.cli._result import Result
from lensmap.utils import atomic_write, check_count, has_suffix

NAME = "train"
SUMMARY = "train or fine-tune a neural network for mass maps"
DESCRIPTION = """Train a neural network for mass maps on simulated convergence fields, which
lensmap draws, or on convergence maps of your own (--fields). The network is one of
lensmap or a Keras model of your own (--network mine.keras). The same command resumes
an interrupted run; the same seed gives the same weights on the same machine. Use the
trained network in Python as CNNReconstructor(network="RUN/weights.h5"), and on the
command line as 'lensmap reconstruct --method cnn --network RUN/weights.h5'; of a Keras
model of your own, the file is RUN/weights.keras."""
EXAMPLES = """examples:
  lensmap train -o run --steps 6000
  lensmap train -o finer --fields my_maps/ --start lensmap --steps 1000 --learning-rate 2e-4
  lensmap train -o deep --draw 100 --z-source lsst_y10 1.0 --pixel-scale 0.3arcmin --survey wide
  lensmap train -o own --network mine.keras --fields maps/ --width 5deg --optimizer muon
  lensmap train -o paper --network cha2025 --exponent 6 --crop 256 --survey usual --steps 20000

files in RUN: weights.h5 or weights.keras, and weights.json (the network at the last check),
curve.ecsv and curve.png (the learning curve), checkpoint.npz (to resume from), fields/ (the
drawn fields, or the fields of --fields with their shear)"""

# The suffix of whole Keras models.
_KERAS_SUFFIX = ".keras"

# The source redshifts of the fields that are drawn by default.
_REDSHIFTS = [0.75, 1.0, 1.5, 2.5]

_SURVEYS = ("all", "usual", "wide")


def add_arguments(parser):
    """Add the arguments and options of ``lensmap train`` to its parser."""
    parser.add_argument(
        "-o", "--output", type=OutputFolder, required=True, metavar="RUN",
        help="the output folder, created if it does not exist",
    )
    parser.add_argument(
        "--network", type=MaybeFile, default="lensmap", metavar="NAME|FILE",
        help="the architecture of the network: lensmap (the default), cha2025 or h21like; or a "
             "Keras model of your own, a .keras file with its card, as written by save_network",
    )
    parser.add_argument(
        "--steps", type=count, default=6000, metavar="N",
        help="the total number of training steps, those of an interrupted run included (default "
             "%(default)s)",
    )
    parser.add_argument(
        "--start", type=MaybeFile, metavar="NAME",
        help="start from the weights of a network: the name of a bundled network, or a weights "
             "file (default: the initial weights of the architecture)",
    )
    group = parser.add_argument_group("training set options")
    group.add_argument(
        "--fields", type=InputFolder, action="append", default=[], metavar="DIR[:PART]",
        help="train on the convergence maps in this folder, written by 'lensmap simulate fields' "
        "or of MassiveNuS, kappaTNG or LensTools, or any FITS, HDF5 or .npy images (ny, nx); PART "
        "is the relative share of the folder in the training examples (default 1); repeatable",
    )
    group.add_argument(
        "--pixel-scale", type=angle, nargs="+", metavar="ANGLE",
        help="the side of a pixel: of the maps of --fields, if their files do not hold it; or of "
        "the drawn fields (default 0.41arcmin), where N fields are drawn for each of several",
    )
    group.add_argument(
        "--width", "--angle", type=angle, metavar="ANGLE",
        help="the angular side of the maps of --fields, instead of --pixel-scale",
    )
    group.add_argument(
        "--z-source", type=source_redshift, nargs="+", metavar="Z|NAME",
        help="the source redshifts of the drawn fields, each a number or the name of a redshift "
        "distribution such as lsst_y10, all for the same matter (default 0.75 1 1.5 2.5); or the "
        "one of the maps of --fields, if their files do not hold it",
    )
    group.add_argument(
        "--shape", type=int, nargs=2, metavar=("NY", "NX"),
        help="the numbers of pixels along y and x of the drawn fields, both even (default 512 512)",
    )
    group.add_argument(
        "--draw", type=count, default=200, metavar="N",
        help="the number of fields to draw if --fields is not given, each for all source "
        "redshifts (default %(default)s)",
    )
    group.add_argument(
        "--survey", choices=_SURVEYS, default="all",
        help="the mock surveys of the training examples: all (the default) has many depths and "
             "masks, wide the full range of surveys with uneven weights and empty fields, usual "
             "only the survey of Cha et al. 2025, without masks",
    )
    group.add_argument(
        "--exponent", type=positive, default=0.0, metavar="P",
        help="the exponent P of the pixel weights (1 + |kappa| / max kappa)^P in the loss; Cha et "
        "al. 2025 use 6 (default 0, equal weights)",
    )
    group.add_argument(
        "--crop", type=count, metavar="N",
        help="train on random cutouts of N x N pixels, N at least 64 (default: whole fields)",
    )
    group = parser.add_argument_group("run options")
    group.add_argument(
        "--optimizer", choices=("adam", "muon"), default="adam",
        help="the optimizer: adam (the default) or muon, which makes the steps of kernels "
             "orthogonal",
    )
    group.add_argument(
        "--loss", default="map", metavar="NAME",
        help="the loss of the map: map (the default, the weighted square error), or the name of a "
             "loss of Keras, such as mae or huber",
    )
    group.add_argument(
        "--learning-rate", type=positive, default=1e-3, metavar="X",
        help="the learning rate before its decay (default %(default)s)",
    )
    group.add_argument("--batch-size", type=count, default=1, metavar="N",
                       help="the number of examples in one training step (default %(default)s)")
    group.add_argument(
        "--check-every", type=count, default=250, metavar="N",
        help="the number of training steps between checks on held-out fields (default "
             "%(default)s)",
    )
    group.add_argument("--seed", type=int, default=0, metavar="N",
                       help="the seed of all random numbers (default 0)")
    group.add_argument(
        "--workers", type=count, metavar="N",
        help="the number of processes that draw fields (default: one per core)",
    )
    add_take_over(group)
    # Options of the network's architecture, for tests with a small network.
    parser.add_argument("--options", help=argparse.SUPPRESS)


def run(arguments):
    """Run ``lensmap train`` with parsed arguments, and return its `Result`."""
    load_networks()
    from lensmap.networks import SurveyRange, check_training, train

    # These checks raise their errors before fields are drawn, which takes minutes.
    check_training(arguments.network, arguments.loss)
    check_count(arguments.seed, "seed")
    files = [arguments.network] if arguments.network.endswith(_KERAS_SUFFIX) else []
    record_networks([*files, *([] if arguments.start is None else [arguments.start])])
    folder, progress = Path(arguments.output), show_progress(arguments)
    sets = _field_sets(arguments, folder, progress)
    surveys = SurveyRange, SurveyRange.only_usual, SurveyRange.wide
    survey = dict(zip(_SURVEYS, surveys, strict=True))[arguments.survey]()
    try:
        network = train(
            arguments.network,
            sets,
            folder,
            steps=arguments.steps,
            start=arguments.start,
            options=_architecture_options(arguments.options),
            survey=survey,
            loss=arguments.loss,
            exponent=arguments.exponent,
            optimizer=arguments.optimizer,
            learning_rate=arguments.learning_rate,
            batch_size=arguments.batch_size,
            crop=arguments.crop,
            held_back=_held_back(sets),
            check_every=arguments.check_every,
            seed=arguments.seed,
            progress=progress,
            take_over=arguments.take_over,
        )
    except (KeyboardInterrupt, SystemExit):
        say(f"stopped: the network so far is in {str(folder)!r}; the same command resumes")
        raise
    _draw_curve(network.card["curve"], folder)
    return Result(
        _describe(network.card, folder), _numbers(network.card, folder), folder=folder
    )


def _architecture_options(text):
    import json

    return None if text is None else json.loads(text)


def _held_back(sets):
    """Return the number of fields of each training set that are held out for checks.

    It is a tenth of the number of fields in the smallest set, but at least 1 and at most 4.
    """
    return max(1, min(4, min(map(len, sets)) // 10))


def _field_sets(arguments, folder, progress):
    """Return a dict from each training set to its share of the training examples."""
    if not arguments.fields:
        refuse_options(arguments, ["width"], "it applies only to the maps of --fields")
        return _drawn_sets(arguments, folder, progress)
    refuse_options(arguments, ["shape"], "the maps of --fields have a shape")
    given = {"width": arguments.width}
    for name in ("pixel_scale", "z_source"):
        values = getattr(arguments, name) or [None]
        if len(values) > 1:
            option = arguments.option_names[name]
            raise OptionError(
                name, f"{option} must be one value for the maps of --fields, not {len(values)}"
            )
        given[name] = sources_at(values[0])
    return dict(
        _field_set(text, folder, given, arguments.take_over) for text in arguments.fields
    )


def _drawn_sets(arguments, folder, progress):
    """Return a dict from each set of drawn fields, one for each pixel scale, to its share."""
    from astropy import units as u

    from lensmap.networks import FieldSet
    from lensmap.simulate import HaloModelField

    shape = {} if arguments.shape is None else {"shape": tuple(arguments.shape)}
    redshifts = _REDSHIFTS if arguments.z_source is None else arguments.z_source
    for i, z in enumerate(redshifts):
        if z in redshifts[:i]:
            raise OptionError(
                "z_source", f"--z-source must name each redshift once, but {z} is given twice"
            )
    scales = arguments.pixel_scale or [0.41 * u.arcmin]
    # All models are checked before the first field is drawn.
    models = [
        HaloModelField(z_source=[sources_at(z) for z in redshifts], pixel_scale=scale, **shape)
        for scale in scales
    ]
    sets = {}
    for scale, model in zip(scales, models, strict=True):
        several = len(scales) > 1
        name = f"fields/{scale.to_value(u.arcmin):g}arcmin" if several else "fields"
        drawn = FieldSet.draw(
            folder / name, model, arguments.draw, seed=arguments.seed + 1,
            workers=arguments.workers, progress=progress, take_over=arguments.take_over,
        )
        sets[drawn] = 1.0
    return sets


def _field_set(text, folder, given, take_over):
    """Return the training set and its share from a word of ``--fields``, DIR or DIR:PART.

    ``given`` is a dict of the parameters of `FieldSet.from_files` that describe the maps.
    """
    from lensmap.networks import FieldSet
    from lensmap.simulate import FIELD_SUFFIXES

    path, colon, part = text.rpartition(":")
    if not colon or "/" in part:
        path, part = text, "1"
    try:
        part = float(part)
    except ValueError:
        raise OptionError(
            "fields",
            f"--fields must be DIR or DIR:PART, where PART is a number, not {text!r}",
        ) from None
    path = Path(path)
    if not path.is_dir():
        raise OptionError(
            "fields", f"--fields: there is no folder {str(path)!r}", "not_found"
        )
    if FieldSet.exists(path):
        return FieldSet(path), part
    # Hidden files are no maps: they may be files of a killed run, or made by the system.
    files = sorted(
        p for p in path.iterdir()
        if has_suffix(p, FIELD_SUFFIXES) and not p.name.startswith(".")
    )
    if not files:
        suffixes = ", ".join(FIELD_SUFFIXES)
        raise OptionError(
            "fields", f"--fields: the folder {str(path)!r} holds no maps, files in {suffixes}"
        )
    # Folders of the same name in different places are different sets.
    mark = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    name = folder / "fields" / f"{path.resolve().name}-{mark}"
    return FieldSet.from_files(name, files, **given, take_over=take_over), part


def _draw_curve(curve, folder):
    """Plot the learning curve into the folder of the run, if matplotlib is installed."""
    try:
        from lensmap.plotting import plot_learning_curve, write_picture

        with atomic_write(folder / "curve.png", overwrite=True) as temporary:
            write_picture(plot_learning_curve(curve).figure, temporary)
    except ImportError as error:
        say(f"no picture of the learning curve: {error}", logging.WARNING)


def _describe(card, folder):
    """Return the summary of the training as text for people."""
    text = f"{card['training']['steps_done']} steps"
    if "r" in card["curve"][-1]:
        text += f"; r = {card['curve'][-1]['r']:.3f} on held-out fields"
    suffix = ".h5" if "architecture" in card else _KERAS_SUFFIX
    return f"{text}\nwritten: {folder / f'weights{suffix}'}, weights.json, curve.ecsv"


def _numbers(card, folder):
    """Return the summary of the training as numbers for a JSON record."""
    return {
        "folder": str(folder),
        "n_steps": card["training"]["steps_done"],
        "pearson_r": card["curve"][-1].get("r"),
    }
