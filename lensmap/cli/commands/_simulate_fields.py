# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap simulate fields``: a folder of convergence fields, which may grow by and by."""

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np

from lensmap.cli._field_options import add_field_arguments, distribution_name, make_model
from lensmap.cli._messages import say
from lensmap.cli._options import count
from lensmap.cli._outputs import check_folder
from lensmap.utils import LensmapWarning, atomic_write, check_count, warn_user

NAME = "fields"
SUMMARY = "draw convergence fields with their shear and halos"
DESCRIPTION = """Draw convergence fields with their shear and halos, each into a file of its own.
A run that was stopped goes on where it was: files that are there are kept. The same
seed makes the same fields, however many there are, and on however many cores."""
EXAMPLES = """examples:
  lensmap simulate fields -o fields -n 100
  lensmap simulate fields -o planes -n 20 --z-source 1.0 2.5 --shape 256 256 --seed 7
  lensmap simulate fields -o lsst -n 1000 --z-source lsst_y10 --cosmology Planck18 --format hdf5

files: field_0000.fits, field_0001.fits, ... (with several source redshifts
field_0000_z1.0.fits, ...), and settings.json, which says how they were made

exit codes: 0 done, 1 an error, 2 wrong usage; what is there is whole in any case"""

_SUFFIXES = {"fits": ".fits", "hdf5": ".h5"}
_SETTINGS = "settings.json"
# Said for the reader of the file; the fields do not depend on it as far as is promised.
_VERSION = "lensmap"


def add_arguments(parser):
    """Add the command's arguments."""
    parser.add_argument(
        "-o", "--output", required=True, metavar="DIR", help="the folder, made if need be"
    )
    parser.add_argument(
        "-n",
        "--number",
        type=count,
        required=True,
        metavar="N",
        help="how many fields there shall be, those that are there included",
    )
    add_field_arguments(parser, several=True)
    group = parser.add_argument_group("how")
    group.add_argument("--format", choices=tuple(_SUFFIXES), default="fits", help="default fits")
    group.add_argument("--seed", type=int, default=0, help="of the series (default 0)")
    group.add_argument(
        "--workers", type=count, metavar="N", help="how many processes (default: one per core)"
    )


def run(arguments):
    """Run the command."""
    from lensmap.simulate import draw_fields

    check_count(arguments.seed, "seed")
    model = make_model(arguments)
    folder = prepare_folder(Path(arguments.output), settings_of(model, arguments))
    names = file_names(model, arguments.format)
    there = {i for i in range(arguments.number) if not missing_files(folder, names, i)}
    fields = draw_fields(
        model,
        arguments.number,
        seed=arguments.seed,
        skip=there,
        workers=arguments.workers,
        progress=sys.stderr.isatty(),
        then=partial(write_field, folder, names),
    ) if len(there) < arguments.number else ()
    try:
        for _ in fields:
            pass
    except (KeyboardInterrupt, SystemExit):
        _say_how_to_go_on(arguments, folder, names)
        raise
    print(describe(model, arguments, folder, names, len(there)))
    return 0


def settings_of(model, arguments):
    """Return what decides how the fields look, in a form that JSON can hold.

    Parameters
    ----------
    model : HaloModelField
        The model.
    arguments : argparse.Namespace
        Those of the command.

    Returns
    -------
    dict
        From names to plain values: all parameters of the model, and the seed and format.
    """
    settings = {name: _plain(value) for name, value in model.get_params().items()}
    settings["z_source"] = distribution_name(arguments) or settings["z_source"]
    settings |= {"seed": arguments.seed, "format": arguments.format}
    return json.loads(json.dumps(settings))  # tuples become lists, as in the file


def _plain(value):
    """Return a parameter as JSON can hold it, equal for equal values in whatever unit."""
    from astropy import units as u

    if isinstance(value, u.Quantity):
        unit = u.arcmin if value.unit.is_equivalent(u.arcmin) else u.solMass
        return f"{value.to_value(unit):.10g} {unit}"
    if hasattr(value, "to_string"):
        return value.to_string("decimal", precision=8)  # a position
    if value is None or isinstance(value, (str, int, float, list, tuple)):
        return value
    return getattr(value, "name", None) or repr(value)


def prepare_folder(folder, settings):
    """Make the folder with its settings, or see that it has the same ones.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    settings : dict
        What `settings_of` gives.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    NotADirectoryError
        If it is a file.
    ValueError
        If it holds fields of other settings, or such as do not say theirs.
    """
    from lensmap import __version__

    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _SETTINGS
    if path.exists():
        _check_settings(folder, settings, __version__)
        return folder
    if any(folder.glob("field_*")):
        raise ValueError(
            f"{str(folder)!r} holds fields but no {_SETTINGS} that says how they were made: give "
            "another directory"
        )
    with atomic_write(path) as temporary:
        text = json.dumps({_VERSION: __version__, **settings}, indent=1)
        temporary.write_text(text + "\n", encoding="utf-8")
    return folder


def _check_settings(folder, settings, version):
    """Raise an error that says which settings differ from those of the folder."""
    path = folder / _SETTINGS
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        made_by = before.pop(_VERSION)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{str(path)!r} is broken, or not of lensmap: give another directory"
        ) from error
    differ = [
        f"{name.replace('_', '-')} was {_said(before.get(name))} and is now "
        f"{_said(settings.get(name))}"
        for name in {**before, **settings}
        if before.get(name) != settings.get(name)
    ]
    if differ:
        raise ValueError(
            f"{str(folder)!r} is for fields of other settings: {'; '.join(differ)}; other "
            "fields need another directory"
        )
    if made_by != version:
        warn_user(
            f"{str(folder)!r} was begun by lensmap {made_by}, and this is {version}: new fields "
            "may be of another kind",
            LensmapWarning,
            "version_changed",
        )


def _said(value):
    return " ".join(map(str, value)) if isinstance(value, list) else str(value).lower()


def file_names(model, kind):
    """Return the names of the files of one field, with a place for its number.

    Parameters
    ----------
    model : HaloModelField
        The model.
    kind : {"fits", "hdf5"}
        The format.

    Returns
    -------
    list of str
        One for each source redshift, such as ``"field_{:04d}.fits"``.
    """
    several = isinstance(model.z_source, (list, tuple, np.ndarray))
    parts = [f"_z{z}" for z in model.z_source] if several else [""]
    return [f"field_{{:04d}}{part}{_SUFFIXES[kind]}" for part in parts]


def missing_files(folder, names, index):
    """Return the positions in ``names`` of a field's files that are not there.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    names : list of str
        What `file_names` gives.
    index : int
        The number of the field.

    Returns
    -------
    list of int
        Empty if the field is complete.
    """
    return [i for i, name in enumerate(names) if not (folder / name.format(index)).exists()]


def write_field(folder, names, field, seed):
    """Write those files of a field that are missing; called in the process that drew it.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    names : list of str
        What `file_names` gives.
    field : LensingField or list of LensingField
        The field for each source redshift.
    seed : `numpy.random.SeedSequence`
        That of the field, which knows its number.
    """
    (index,) = seed.spawn_key
    planes = field if isinstance(field, list) else [field]
    for i in missing_files(folder, names, index):
        # Two runs in one folder make the same files: the later one does no harm.
        planes[i].write(folder / names[i].format(index), overwrite=True)


def _say_how_to_go_on(arguments, folder, names):
    there = sum(not missing_files(folder, names, i) for i in range(arguments.number))
    say(
        f"stopped: {there} of {arguments.number} fields are in {str(folder)!r}; the same command "
        "goes on from there"
    )


def describe(model, arguments, folder, names, n_before):
    """Return what there is to say of the fields, for people."""
    ny, nx = model.shape
    n, first, last = arguments.number, names[0].format(0), names[-1].format(arguments.number - 1)
    sources = model.z_source if isinstance(model.z_source, list) else [model.z_source]
    if distribution_name(arguments):
        sources = [distribution_name(arguments)]
    before = f" ({n_before} of them were there)" if n_before else ""
    return "\n".join(
        [
            f"{n} field{'s' * (n > 1)} of {ny} x {nx} pixels of {model.pixel_scale}{before}",
            f"sources: {', '.join(f'z = {z}' if isinstance(z, float) else z for z in sources)}",
            ("written: " if n_before < n else "there: ")
            + f"{folder / first}" + (f" to {last}" if first != last else ""),
        ]
    )
