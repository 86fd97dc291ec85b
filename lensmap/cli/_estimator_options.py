# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Options for the parameters that estimator classes declare, including those of plug-ins."""

import argparse

from lensmap.cli._common import common_names
from lensmap.cli._file_types import EstimatorText, MaybeFile
from lensmap.cli._messages import CombinationError
from lensmap.cli._options import angle
from lensmap.utils import ParameterError, add_provenance

__all__ = [
    "add_estimator_options",
    "add_method_argument",
    "has_parameter",
    "is_given",
    "make_estimator",
    "record_networks",
    "uncertainty_type",
]

# The parameters that --uncertainty and --seed set.
_SET_OTHERWISE = ("uncertainty", "n_realizations", "rng")

_METAVARS = {bool: "yes|no", int: "N", float: "X", str: "NAME"}


def add_method_argument(group):
    """Add the options for the estimator, its uncertainty and its seed."""
    from lensmap.estimators import load_estimators

    classes = load_estimators()
    group.add_argument(
        "--method",
        dest="estimator",
        type=EstimatorText,
        default="ks",
        metavar="SPEC",
        help=f"the estimator of the map: {', '.join(classes)}, NAME:VARIANT such as cnn:cha2025, "
        "'NAME(key=value, ...)' to set parameters, or PATH.py:CLASS for a class in a Python file, "
        "whose code is run (default ks)",
    )
    kinds = _kinds_of_uncertainty(classes)
    described = (
        f"{name}{'' if kind.with_map else '[:N]'} ({', '.join(methods)})"
        for name, (kind, methods) in kinds.items()
    )
    group.add_argument(
        "--uncertainty",
        type=uncertainty_type({name: kind for name, (kind, _) in kinds.items()}),
        default={},
        metavar="KIND",
        help="the kind of uncertainty of the map (in parentheses: the methods that offer it; N: "
        f"the number of random realizations): {', '.join(described)}; N alone stands for "
        f"rotations:N (default: {_default_uncertainties(classes)})",
    )
    group.add_argument("--seed", dest="rng", type=int, metavar="N",
                       help="the seed of all random realizations (default 0)")


def _default_uncertainties(classes):
    """Return text about the kinds of uncertainty that methods have by default.

    ``classes`` is a dict from method names to classes.
    """
    defaults = {
        method: option.default
        for method, cls in classes.items() for option in cls.options
        if option.name == "uncertainty" and option.default is not None
    }
    return "; ".join(["no uncertainty", *(f"for {m}, {name}" for m, name in defaults.items())])


def _kinds_of_uncertainty(classes):
    """Return the kinds of uncertainty that estimator classes offer.

    ``classes`` is a dict from method names to classes. The result is a dict from the name of each
    kind to a tuple: the `lensmap.estimators.Uncertainty`, and the list of methods that offer it.
    """
    kinds = {}
    for method, cls in classes.items():
        for kind in cls.uncertainties:
            kinds.setdefault(kind.name, (kind, []))[1].append(method)
    return kinds


def uncertainty_type(kinds):
    """Return a function that converts the value of ``--uncertainty`` to estimator parameters.

    Parameters
    ----------
    kinds : dict
        The allowed kinds, `lensmap.estimators.Uncertainty`, keyed by name.

    Returns
    -------
    callable
        A function of a word such as ``"analytic"``, ``"rotations:50"`` or ``"50"``. It returns a
        dict of parameters of an estimator.
    """
    counted = [name for name, kind in kinds.items() if not kind.with_map]

    def parse(text):
        if text.lower() == "none":
            return {"uncertainty": None}
        name, colon, number = ("rotations", ":", text) if text.isdecimal() else text.partition(":")
        if name in kinds and not colon:
            return {"uncertainty": name}
        if name in counted and number.isdecimal() and int(number) >= 2:
            return {"uncertainty": name, "n_realizations": int(number)}
        raise argparse.ArgumentTypeError(
            f"the value must be one of {', '.join(kinds)}, none, "
            f"{', '.join(f'{name}:N' for name in counted)} and N (for rotations:N), where N is a "
            f"whole number of at least 2; it is {text!r}"
        )

    return parse


def add_estimator_options(parser, *, mean_redshift=True):
    """Add an option for each parameter that a registered estimator declares.

    Call this after all other options of a command were added. A parameter with the same name as
    one of these gets no option; ``--method 'NAME(key=value)'`` sets such a parameter.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        The parser of the command.
    mean_redshift : bool
        Whether the command takes the mean redshift of the galaxies as the default of ``z_source``.
    """
    from lensmap.estimators import load_estimators

    taken = {action.dest for action in parser._actions} | common_names() | {*_SET_OTHERWISE}
    declared = {}
    for method, cls in load_estimators().items():
        for option in cls.options:
            if option.type is not None and option.name not in taken:
                declared.setdefault(option.name, []).append((method, option))
    group = parser.add_argument_group(
        "estimator options",
        "parameters of the estimator that --method selects; the default of each option names the\n"
        "methods that have this parameter",
    )
    for name, options in declared.items():
        _add_option(group, name, options, mean_redshift)
    methods = {name: [method for method, _ in options] for name, options in declared.items()}
    parser.set_defaults(estimator_options=methods)


def _add_option(group, name, declared, mean_redshift):
    """Add the option for a parameter that one or more estimators declare.

    ``name`` is the name of the parameter, and ``declared`` a list of tuples: the name of a method,
    and the option that its class declares. The value stays text until the estimator class is known.
    ``mean_redshift`` is that of `add_estimator_options`.
    """
    option, help_text = declared[0][1], _help_text(declared, mean_redshift)
    word = f"--{name.replace('_', '-')}"
    common = {"dest": name, "default": argparse.SUPPRESS, "help": help_text}
    if all(one.type is bool for _, one in declared):
        group.add_argument(word, action=argparse.BooleanOptionalAction, **common)
        return
    metavar = "ANGLE" if _is_angle(option) else _METAVARS[option.type]
    if option.is_source_redshift:
        metavar = "Z|NAME"
    if option.choices:
        metavar = "|".join(map(str, option.choices))
    group.add_argument(word, type=_text_type([one for _, one in declared]), metavar=metavar,
                       **common)


def _is_angle(option):
    return option.type not in _METAVARS


def _text_type(options):
    """Return the argparse type of an option that several estimators share.

    ``options`` are the options that the estimators declare. The type is a function that takes a
    word of the command line. It returns the word as a `MaybeFile` if at least one of the options
    can parse it, and otherwise raises an ArgumentTypeError.
    """

    def check(text):
        for option in options:
            try:
                option.parse(text)
            except ParameterError as error:
                message = error.describe(lambda name, value: "the value")
            else:
                return MaybeFile(text)
        if _is_angle(options[0]):
            angle(text)  # raises an error with a better message
        raise argparse.ArgumentTypeError(message)

    return check


def _help_text(declared, mean_redshift):
    """Return the help text of an option: a description, and the default in each method.

    ``declared`` is a list of tuples: the name of a method, and the option that its class declares.
    """
    methods = {}
    for method, option in declared:
        methods.setdefault(_default_text(option, mean_redshift), []).append(method)
    defaults = "; ".join(
        f"default for {'/'.join(names)}: {text}" for text, names in methods.items()
    )
    option = declared[0][1]
    sentence = option.help.replace("None", "'none'")
    if option.is_source_redshift:
        from lensmap.cosmology import SourceRedshifts

        sentence += f"; NAME is one of {', '.join(SourceRedshifts.available_presets())}"
    return f"{sentence[:1].lower()}{sentence[1:]} ({defaults})".strip().replace("%", "%%")


def _default_text(option, mean_redshift):
    """Return the default of an option as text, such as ``"yes"`` or ``"1.5arcmin"``."""
    value = option.default
    if option.is_source_redshift and mean_redshift:
        alone = "'none'" if value is None else value
        return f"the mean of the column redshift, or {alone} without this column"
    if hasattr(value, "unit"):
        return f"{value.value:g}{value.unit}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "'none'" if value is None else str(value)


def make_estimator(arguments):
    """Return the estimator that ``--method`` names, with the parameters that the options set.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments of the command.

    Returns
    -------
    lensmap.estimators.Estimator
        The estimator.

    Raises
    ------
    OptionError
        If an option does not apply to the method.
    ParameterError
        If the method does not exist, or a value is not allowed.
    """
    from lensmap.estimators import estimator_class, make_estimator

    spec = str(arguments.estimator)
    cls = estimator_class(spec)
    options = {option.name: option for option in getattr(cls, "options", ())}
    changes = _check_uncertainty(arguments, cls)
    if arguments.rng is not None:
        changes["rng"] = arguments.rng
    for name in arguments.estimator_options:
        if name in arguments:
            value = getattr(arguments, name)
            is_flag = isinstance(value, bool) or name not in options
            changes[name] = value if is_flag else options[name].parse(value)
    for name in changes.keys() - options.keys():
        _refuse(arguments, name)
    estimator = make_estimator(spec, **changes)
    record_networks([estimator])
    return estimator


def record_networks(estimators):
    """Record the networks of estimators, with the editions and digests of their weights.

    Parameters
    ----------
    estimators : iterable
        Estimators, or names and files of networks.
    """
    from pathlib import Path

    from lensmap.networks import network_record

    names = [getattr(one, "network", one) for one in estimators]
    records = [network_record(name) for name in names if isinstance(name, (str, Path))]
    if records:
        add_provenance(networks=records)


def _refuse(arguments, name):
    """Raise an OptionError about an option that does not apply to the chosen method.

    ``name`` is the name of the estimator parameter that the option sets.
    """
    option, methods = arguments.option_names.get(name), arguments.estimator_options.get(name)
    option = option or "--uncertainty"
    which = f", only to {', '.join(methods)}" if methods else ""
    raise CombinationError(
        name,
        f"{option} does not apply to --method {arguments.estimator}{which}: leave out {option} or "
        "choose another method",
    )


def _check_uncertainty(arguments, cls):
    """Return the estimator parameters that ``--uncertainty`` sets, as a dict.

    An OptionError is raised if the estimator class ``cls`` does not offer this kind of uncertainty.
    """
    kinds, chosen = getattr(cls, "uncertainties", ()), arguments.uncertainty.get("uncertainty")
    if chosen is not None and chosen not in {kind.name for kind in kinds}:
        words = [kind.name + ("" if kind.with_map else "[:N]") for kind in kinds]
        raise CombinationError(
            "uncertainty",
            f"--uncertainty for --method {arguments.estimator} must be "
            f"{' or '.join([*words, 'none'])}, not {chosen}",
        )
    return dict(arguments.uncertainty)


def is_given(arguments, name):
    """Return whether the user has set the estimator's parameter ``name``.

    The user can set a parameter by an option of the same name or within the value of ``--method``.
    """
    from lensmap.estimators import given_parameters

    given = name in arguments.estimator_options and name in arguments
    return given or name in given_parameters(str(arguments.estimator))


def has_parameter(estimator, name):
    """Return whether an estimator, which may be of any class, has a parameter of this name."""
    return name in (estimator.get_params() if hasattr(estimator, "get_params") else {})
