# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap train``: a network learns from simulated skies, and may be stopped at any time."""

import argparse
import hashlib
import sys
from pathlib import Path

from lensmap.cli._field_input import read_field_of
from lensmap.cli._load_networks import load_networks
from lensmap.cli._messages import say
from lensmap.cli._options import add_take_over, count, positive
from lensmap.cli._outputs import check_folder
from lensmap.utils import FITS_SUFFIXES, HDF5_SUFFIXES, check_count, has_suffix

NAME = "train"
SUMMARY = "train or fine-tune a network"
DESCRIPTION = """Train a network on convergence fields: drawn by lensmap's simulator, or your own.
A run that was stopped, in whatever way, goes on with the same command; the same seed
gives the same weights on the same machine. Use the result with
CNNReconstructor(network="RUN/weights.h5") or reconstruct --network RUN/weights.h5."""
EXAMPLES = """examples:
  lensmap train -o run --steps 6000
  lensmap train -o finer --fields my_maps/ --start lensmap --steps 1000 --learning-rate 2e-4
  lensmap train -o paper --network cha2025 --exponent 6 --crop 256 --survey usual --steps 20000

files in RUN: weights.h5 and weights.json (the network at the last check), curve.ecsv and
curve.png (how it learned), checkpoint.npz (to go on from), fields/ (what was drawn)

exit codes: 0 done, 1 an error, 2 wrong usage; what is there is whole in any case"""

# What is drawn where no fields are given.
_REDSHIFTS, _SCALE = [0.75, 1.0, 1.5, 2.5], "0.41 arcmin"


def add_arguments(parser):
    """Add the command's arguments."""
    parser.add_argument(
        "-o", "--output", required=True, metavar="RUN", help="the folder, made if need be"
    )
    parser.add_argument(
        "--network", default="lensmap", metavar="NAME",
        help="lensmap (the default), cha2025 or h21like",
    )
    parser.add_argument(
        "--steps", type=count, default=6000, metavar="N",
        help="how many steps the whole training has (default %(default)s)",
    )
    parser.add_argument(
        "--start", metavar="NAME", help="start from the weights of this network or file"
    )
    group = parser.add_argument_group("what it learns from")
    group.add_argument(
        "--fields", action="append", default=[], metavar="DIR[:PART]",
        help="a folder of maps (lensmap simulate fields, MassiveNuS, kappaTNG, LensTools), and how "
        "large a part of the examples it gives (default 1); repeatable",
    )
    group.add_argument(
        "--draw", type=count, default=200, metavar="N",
        help="without --fields: how many fields are drawn, for four source redshifts each "
        "(default %(default)s)",
    )
    group.add_argument(
        "--survey", choices=("all", "usual"), default="all",
        help="surveys of all depths and with masks (default), or that of Cha et al. 2025 only",
    )
    group.add_argument(
        "--exponent", type=positive, default=0.0, metavar="P",
        help="of the weight of bright pixels in the loss (6: Cha et al. 2025; default 0)",
    )
    group.add_argument(
        "--crop", type=count, metavar="N", help="learn from pieces of N pixels a side"
    )
    group = parser.add_argument_group("how it learns")
    group.add_argument(
        "--learning-rate", type=positive, default=1e-3, metavar="X", help="default %(default)s"
    )
    group.add_argument("--batch-size", type=count, default=1, help="default %(default)s")
    group.add_argument(
        "--check-every", type=count, default=250, metavar="N",
        help="steps between checks on fields that it does not learn from (default %(default)s)",
    )
    group.add_argument("--seed", type=int, default=0, help="default 0")
    group.add_argument(
        "--workers", type=count, metavar="N",
        help="how many processes draw fields (default: one per core)",
    )
    add_take_over(group)
    # so that a test need not train a large network
    parser.add_argument("--options", help=argparse.SUPPRESS)


def run(arguments):
    """Run the command."""
    load_networks()
    from lensmap.networks import SurveyRange, get_architecture, read_card, train

    # What is wrong is told before minutes of drawing.
    get_architecture(arguments.network)
    check_count(arguments.seed, "seed")
    if arguments.start is not None:
        read_card(arguments.start)
    folder, shown = Path(arguments.output), sys.stderr.isatty()
    check_folder(folder)
    sets = _field_sets(arguments, folder, shown)
    survey = SurveyRange.only_usual() if arguments.survey == "usual" else SurveyRange()
    try:
        network = train(
            arguments.network,
            sets,
            folder,
            steps=arguments.steps,
            start=arguments.start,
            options=_options(arguments.options),
            survey=survey,
            exponent=arguments.exponent,
            learning_rate=arguments.learning_rate,
            batch_size=arguments.batch_size,
            crop=arguments.crop,
            held_back=_held_back(sets),
            check_every=arguments.check_every,
            seed=arguments.seed,
            progress=shown,
        )
    except (KeyboardInterrupt, SystemExit):
        say(f"stopped: what was learned is in {str(folder)!r}; the same command goes on from there")
        raise
    print(_describe(network, folder))
    return 0


def _options(text):
    import json

    return None if text is None else json.loads(text)


def _held_back(sets):
    """Return how many fields of each set are for the checks: a tenth, at most 4."""
    return max(1, min(4, min(map(len, sets)) // 10))


def _field_sets(arguments, folder, shown):
    """Return the sets to learn from, and their parts."""
    from lensmap.networks import FieldSet
    from lensmap.simulate import HaloModelField

    if not arguments.fields:
        model = HaloModelField(z_source=_REDSHIFTS, pixel_scale=_SCALE)
        drawn = FieldSet.draw(
            folder / "fields", model, arguments.draw, seed=arguments.seed + 1,
            workers=arguments.workers, progress=shown, take_over=arguments.take_over,
        )
        return {drawn: 1.0}
    return dict(_field_set(text, folder, arguments.take_over) for text in arguments.fields)


def _field_set(text, folder, take_over):
    """Return the set that a word names, and its part."""
    from lensmap.networks import FieldSet

    path, colon, part = text.rpartition(":")
    if not colon or "/" in part:
        path, part = text, "1"
    try:
        part = float(part)
    except ValueError:
        raise ValueError(f"--fields takes DIR or DIR:PART with a number, not {text!r}") from None
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"there is no folder {str(path)!r} of fields")
    if FieldSet.exists(path):
        return FieldSet(path), part
    files = sorted(p for p in path.iterdir() if has_suffix(p, FITS_SUFFIXES + HDF5_SUFFIXES))
    if not files:
        raise ValueError(f"{str(path)!r} holds no maps (.fits, .h5)")
    # Folders of one name in different places are not one set.
    mark = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    name = folder / "fields" / f"{path.resolve().name}-{mark}"
    return FieldSet.from_files(name, files, read=read_field_of, take_over=take_over), part


def _describe(network, folder):
    """Draw the learning curve, and return what there is to say."""
    from lensmap.utils import atomic_write

    curve = network.card["curve"]
    lines = [f"{network.card['training']['steps_done']} steps"]
    if "r" in curve[-1]:
        lines[0] += f"; r = {curve[-1]['r']:.3f} with fields that it did not learn from"
    try:
        from lensmap.plotting import plot_learning_curve

        with atomic_write(folder / "curve.png", overwrite=True) as temporary:
            plot_learning_curve(curve).figure.savefig(temporary, dpi=150)
    except ImportError as error:
        say(f"no picture of the learning curve: {error}")
    return "\n".join([*lines, f"written: {folder / 'weights.h5'}, weights.json, curve.ecsv"])
