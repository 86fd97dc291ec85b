# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Odd values for every option of every command, which the parser itself lists."""

from dataclasses import dataclass

from fuzz_mutation import Expect

from lensmap.cli import _file_types
from lensmap.cli._parser import make_parser

__all__ = ["OddOption", "actions_of", "is_output", "odd_options"]

REFUSED, WARNED, FREE = Expect.REFUSED, Expect.WARNED, Expect.FREE

#: Options that change how a run is reported, and not its result.
_REPORTS = ("help", "config", "debug", "json", "verbose", "quiet")
#: Options that state an amount of work, for which a huge number is slow and not wrong.
_WORK = ("n_rotations", "n_bootstrap", "n_realizations", "number", "steps", "draw", "n_fields",
         "n_null", "n_masked", "n_coma", "n_more", "n_tuning", "check_every", "max_iterations",
         "n_halos", "workers", "threads", "reduced_shear_iterations", "batch_size")

_NO_NUMBERS = ["abc", "", "nan", "1e", "0x10", "1,5", "--", "\x1b[31m1"]
_COUNTS = {REFUSED: [*_NO_NUMBERS, "0", "-1", "1.5", "1e3", "inf", "-inf"], FREE: ["1", "2", "7"]}
_INTEGERS = {REFUSED: [*_NO_NUMBERS, "1.5", "inf"], FREE: ["0", "-1", "1", "99", str(2**70)]}
_POSITIVE = {
    REFUSED: [*_NO_NUMBERS, "0", "-1", "inf", "-inf"],
    FREE: ["1e-3", "0.3", "2", "1e300", "1e-300"],
}
_PHYSICAL = {
    REFUSED: [*_NO_NUMBERS, "0", "-1", "inf", "-inf"],
    WARNED: ["1e300", "1e-300"],
    FREE: ["1e-3", "0.3", "2"],
}
_FLOATS = {
    REFUSED: [*_NO_NUMBERS, "inf", "-inf"],
    FREE: ["0", "-1", "0.3", "2", "1e300", "1e-300", "-1e300"],
}
_ANGLES = {
    REFUSED: [*_NO_NUMBERS, "3", "0arcmin", "-1arcmin", "1kg", "1 1arcmin", "arcmin", "nanarcmin",
              "infdeg", "1Mpc", "1arcmin2"],
    WARNED: ["1e30deg"],
    FREE: ["1e-30arcsec", "2arcmin", "0.02deg", "90 arcsec", "0.0006rad", "20deg"],
}
_NAMES = {REFUSED: ["", "no such name", "None", "\x1b[31mred", "../../etc/passwd", "a" * 5000]}
_BY_METAVAR = {
    "N": _INTEGERS, "X": _FLOATS, "ANGLE": _ANGLES, "NAME": _NAMES, "Z": _FLOATS, "M": _FLOATS,
    "C": _POSITIVE, "E": _FLOATS, "S": _POSITIVE, "F": _FLOATS, "VALUE": _FLOATS,
    "MARGIN": _FLOATS, "FRACTION": _FLOATS, "Z|NAME": _POSITIVE, "Z|COLUMN": _POSITIVE,
    "RADIUS": {REFUSED: [*_NO_NUMBERS, "3", "0Mpc", "-1Mpc", "1kg", "infMpc"],
               WARNED: ["1e30Mpc", "1e-30Mpc"], FREE: ["0.3Mpc", "2arcmin"]},
    "INNER": {REFUSED: ["1arcmin 0.5arcmin", "1arcmin 1arcmin", "1Mpc 3arcmin", "0arcmin 1arcmin",
                        "1kg 2kg", "1 2", "nanarcmin 3arcmin", "-1arcmin 2arcmin"],
              FREE: ["1arcmin 5arcmin", "0.1Mpc 1Mpc"], WARNED: ["1e-30arcsec 1e-20arcsec"]},
    "NY": {REFUSED: ["0 0", "-2 4", "3 3", "abc 4", "1.5 2", "1000000 1000000", "2 99999999999"],
           FREE: ["16 24", "2 2"]},
    "SIZE": {REFUSED: [*_NO_NUMBERS, "-1GiB", "0", "0GiB", "1kg", "infGiB", "1Mpc"],
             FREE: ["2GiB", "1e-3GiB", "1"]},
    "RA,DEC": {REFUSED: [*_NO_NUMBERS, "150", "150,2,3", "150,91", "nan,2", "a,b", "10:61:00,2"],
               FREE: ["150.0,2.0", "10:00:00,+02:00:00", "-10,-89.9"]},
    "PRESET,ra=NAME,...": {
        REFUSED: ["", "nosuch", "ra", "ra=", "=ra", "ra=ra,ra=dec", "ra=nowhere", "color=ra",
                  "e1=e1,e2=__import__('os')", "e1=e1**", "e1='x'", "no.toml", "e1=none",
                  "e1=e1[0]", "e1=\x1b[31m", "weight=ra*1e400"],
        WARNED: ["e1=e2,e2=e2", "weight=0*ra+1e-320"],
        FREE: ["generic", "e1=flag", "e1=-e1,e2=e2", "weight=none", "weight=1",
               "hsc_y3", "redshift=none", "weight=sqrt(weight)"]},
    "CONDITION": {
        REFUSED: ["", "nowhere > 3", "redshift >", "redshift = 1", "redshift > 'a'", "1", "e1",
                  "exec('1') == 1", "redshift > 1e9", "ra.__class__ == 1", "redshift < nan",
                  "redshift > 1 and", "(" * 200, "\x1b[31m > 1", "lambda: 1"],
        FREE: ["redshift > 0.8", "flag == 1", "flag in (0, 1)", "not flag == 1", "e1 != e2"]},
    "ra=UNIT,...": {REFUSED: ["", "ra", "ra=kg", "ra=", "color=deg", "ra=deg=deg", "ra=\x1b[31m",
                              "e1=deg", "ra=10**400 deg"],
                    WARNED: ["ra=rad,dec=rad", "ra=hourangle"], FREE: ["ra=deg,dec=deg"]},
    "R|R11,R12,R21,R22": {
        REFUSED: [*_NO_NUMBERS, "0", "-1", "inf", "1,2", "1,0,0,0", "1,1,1,1", "a,b,c,d"],
        WARNED: ["1e300", "1e-300"], FREE: ["0.7", "none", "0.7,0,0,0.7"]},
    "SPEC": {REFUSED: ["", "magic", "ks(", "ks(smoothing)", "ks(smoothing=3)", "ks(color=1)",
                       "wiener(z_source=-1)", "no.py:Class", "ks:nosuch",
                       "ks(smoothing=__import__('os'))", "\x1b[31m", "cnn:nosuch",
                       "os:system", "weights.h5"],
             FREE: ["ks", "ks(smoothing=2arcmin)", "wiener"]},
    "KIND": {REFUSED: [*_NO_NUMBERS, "0", "-5", "1.5", "rotations:", "rotations:0",
                       "rotations:x", "magic", "network", "posterior:0", "analytic:3", "1"],
             FREE: ["analytic", "rotations:20"]},
    "BITS": {REFUSED: ["", "-1", "x", "0,", "0x", "1.5", "99999999999999999999", "NOSUCH", "nan"],
             FREE: ["0", "any", "0x21"]},
    "NAMES": {REFUSED: ["", ",", "magic", "ks150,ks150", "no.h5", "no.py:Class"], FREE: ["ks150"]},
    "DIR[:PART]": {REFUSED: ["", "no_folder", "no_folder:2", "fields:-1", "fields:x", "fields:0"]},
}
_BY_TYPE = {"count": _COUNTS, "int": _INTEGERS, "float": _FLOATS, "positive": _POSITIVE,
            "angle": _ANGLES}
_BY_DEST = {
    "convention": {REFUSED: ["", "martian", "1", "2,1", "1,1,1", "x,y", "\x1b[31m", "nan,1"],
                   FREE: ["celestial", "euclidean", "iau", "-1,1"]},
    "frame": {REFUSED: ["", "martian", "altaz", "\x1b[31m", "gcrs", "itrs", "galactocentric"],
              FREE: ["icrs", "fk5", "galactic"]},
    "hdu": {REFUSED: ["99", "NOSUCH", "-1", "", "1.5"], FREE: ["1"]},
    "path": {REFUSED: ["nosuch", "", "/", "../x"], FREE: ["table"]},
    "format": {REFUSED: ["nosuch", "", "pickle", "\x1b[31m"], FREE: ["fits", "votable"]},
    "cosmology": {REFUSED: ["", "Narnia18", "os.system", "3"], FREE: ["Planck18"]},
    "resolution": {REFUSED: ["", "hd"], FREE: ["massivenus"]},
    "power": {REFUSED: ["", "emulator"], FREE: ["halofit"]},
    "z_source": _PHYSICAL, "z_lens": _PHYSICAL, "m200c": _PHYSICAL, "density": _PHYSICAL,
    "c200c": _PHYSICAL, "concentration": _PHYSICAL,
    "fraction": {REFUSED: [*_NO_NUMBERS, "-0.1", "1", "1.5", "inf"], FREE: ["0.1"]},
}
_OUTPUTS = {
    REFUSED: ["no_folder/{name}", "{kept}", "{folder}", "{input}", "{input_overwritten}", "{pipe}",
              "{record}", ""],
    FREE: ["{kept_overwritten}", "a b\x1b[31m{suffix}", "noend"],
}
_FOLDERS = {REFUSED: ["{kept}", "{kept}/below", "{kept_overwritten}", "{input}"],
            FREE: ["{folder}", "a b\x1b[31m", "deep/folder"]}
_LOGS = {REFUSED: ["no_folder/run.log", "{folder}", "{input}", "{record}", ""], FREE: ["run.log"]}
_CONFIGS = {REFUSED: ["no_folder/{name}", "{kept}", "{folder}", "{input}", ""],
            FREE: ["{kept_overwritten}", "saved.toml"]}


@dataclass(frozen=True)
class OddOption:
    """An option with an odd value.

    Attributes
    ----------
    words : tuple of str
        The option and its values; names in braces stand for files of the case.
    expect : Expect
        What the command must do.
    is_output : bool
        Whether the option names an output, which then replaces that of the command.
    """

    words: tuple
    expect: Expect
    is_output: bool = False


def actions_of(command):
    """Return the actions of the parser of a command, keyed by long option."""
    _, parser = make_parser(command.split())
    return {action.option_strings[-1]: action for action in parser._actions
            if action.option_strings}


def is_output(action):
    """Return whether an action takes the name of an output."""
    kind = action.type
    return isinstance(kind, type) and issubclass(kind, _file_types.Output)


def odd_options(command):
    """Return a list of `OddOption` lists, one for each option of a command."""
    result = []
    for name, action in actions_of(command).items():
        values = [] if action.dest in _REPORTS else _values_of(action)
        odd = [OddOption(_words(name, action, text), expect, is_output(action))
               for expect, texts in values for text in texts
               if not (action.dest in _WORK and text in (str(2**70), "99"))]
        if odd:
            result.append(odd)
    return result


def _words(name, action, text):
    if action.nargs == 0:
        return (name,)
    parts = text.split(" ") if action.nargs == 2 else [text]
    if len(parts) > 1:
        return (name, *parts)
    return (f"{name}={text}",)


def _values_of(action):
    """Return pairs of an expectation and values for an action."""
    if action.nargs == 0:
        return [(FREE, [""])]
    if is_output(action):
        special = {"log": _LOGS, "save_config": _CONFIGS}
        folders = _FOLDERS if action.type is _file_types.OutputFolder else _OUTPUTS
        return special.get(action.dest, folders).items()
    if isinstance(action.type, type) and issubclass(action.type, _file_types.InputFile):
        return [(REFUSED, ["no_such_file", "", "{folder}", "{noise}"])]
    if action.choices:
        return [(REFUSED, ["", "nosuch", "\x1b[31m"]), (FREE, list(action.choices))]
    metavar = action.metavar[0] if isinstance(action.metavar, tuple) else action.metavar
    by_type = _BY_TYPE.get(getattr(action.type, "__name__", None))
    values = _BY_DEST.get(action.dest) or by_type or _BY_METAVAR.get(metavar)
    if values is None and metavar and "|" in metavar:
        values = {REFUSED: ["", "nosuch", "\x1b[31m"], FREE: metavar.split("|")}
    return (values or _NAMES).items()
