# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Option`: one estimator parameter, as described by the signature and docstring of its class."""

import ast
import builtins
import inspect
import re
import types
import typing
from typing import TYPE_CHECKING, Literal, NamedTuple

from astropy import units as u

from lensmap.utils import ParameterError, check_angle, check_choice

if TYPE_CHECKING:
    from lensmap.cosmology import SourceRedshifts
    from lensmap.estimators._base import Estimator

__all__ = ["Option", "distribution_named", "read_options"]

# The types that text on a command line can be converted to, the preferred types first.
_TYPES = (u.Quantity, bool, int, float, str)

# The annotation of a parameter that takes a redshift distribution, whose class is imported late.
_SOURCE_REDSHIFTS = typing.ForwardRef("SourceRedshifts")

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class Option(NamedTuple):
    """One parameter of an estimator, for command lines, configuration files and documentation.

    Attributes
    ----------
    name : str
        The name of the parameter.
    type : type or None
        The type: `bool`, `int`, `float`, `str` or `~astropy.units.Quantity`. None if the value
        cannot be given as text.
    unit : `~astropy.units.Unit` or None
        The unit of the default value. None if the default is not a Quantity.
    default : object
        The default value.
    choices : tuple or None
        The allowed values. None if the allowed values are not a fixed list.
    help : str
        One sentence that describes the parameter.
    allow_none : bool
        Whether None is allowed; it is written ``"none"`` on a command line.
    is_source_redshift : bool
        Whether the value is the redshift of the sources: a number or, as text, the name of a
        redshift distribution (`lensmap.cosmology.SourceRedshifts.preset`).
    """

    name: str
    type: builtins.type | None = None
    unit: u.UnitBase | None = None
    default: object = None
    choices: tuple | None = None
    help: str = ""
    allow_none: bool = False
    is_source_redshift: bool = False

    def parse(self, text: str) -> object:
        """Convert text from a command line to a value of the parameter.

        Parameters
        ----------
        text : str
            The text, such as ``"0.6arcmin"``, ``"none"`` or ``"true"``.

        Returns
        -------
        object
            The value of the parameter.

        Raises
        ------
        ParameterError
            If the text cannot be converted, or the value is not allowed.
        """
        if self.allow_none and text.lower() == "none":
            return None
        value = self._converted(text)
        return value if self.choices is None else check_choice(value, self.name, self.choices)

    def _converted(self, text):
        if self.type is u.Quantity:
            return check_angle(text, self.name)
        if self.type is bool:
            if text.lower() not in _TRUE + _FALSE:
                raise ParameterError(self.name, "true or false", repr(text))
            return text.lower() in _TRUE
        if self.type in (int, float):
            try:
                return self.type(text)
            except ValueError:
                if self.is_source_redshift:
                    return distribution_named(text, self.name)
                allowed = "a whole number" if self.type is int else "a number"
                raise ParameterError(self.name, allowed, repr(text)) from None
        if self.type is None:
            raise ParameterError(
                self.name, "set in Python", f"as the text {text!r}",
                "this parameter has no text form",
            )
        return text


def distribution_named(name: str, parameter: str) -> "SourceRedshifts":
    """Return the predefined redshift distribution of a given name.

    Parameters
    ----------
    name : str
        The name, one of `lensmap.cosmology.SourceRedshifts.available_presets`.
    parameter : str
        The parameter that has the name as its value, for the error message.

    Returns
    -------
    lensmap.cosmology.SourceRedshifts
        The distribution.

    Raises
    ------
    ParameterError
        If there is no distribution of this name.
    """
    from lensmap.cosmology import SourceRedshifts

    names = SourceRedshifts.available_presets()
    if name not in names:
        raise ParameterError(
            parameter, f"a redshift or the name of a redshift distribution ({', '.join(names)})",
            repr(name),
        )
    return SourceRedshifts.preset(name)


def read_options(
    cls: "type[Estimator]", declared: tuple[Option, ...] = ()
) -> tuple[Option, ...]:
    """Return the options of an estimator class, in the order of its signature.

    The type of a parameter comes from its annotation or, without one, from its default. The choices
    come from a `Literal`, or from braces in the docstring such as ``name : {"one", "other"}``. The
    help is the first sentence of the parameter's description. The docstring is that of the class
    or, if it does not describe the parameter, that of the nearest base class.

    Parameters
    ----------
    cls : type
        The estimator class, with the attribute ``uncertainties``.
    declared : tuple of Option
        Options that the class declares, which replace the options read from the signature.

    Returns
    -------
    tuple of Option
        One option for each parameter of ``__init__``.

    Raises
    ------
    TypeError
        If an option is declared for a parameter that does not exist.
    """
    given = {option.name: option for option in declared}
    parameters = cls._signature()
    unknown = given.keys() - {parameter.name for parameter in parameters}
    if unknown:
        raise TypeError(
            f"{cls.__name__}.options declares an option {min(unknown)!r}, but {cls.__name__}."
            "__init__ has no parameter of this name"
        )
    descriptions = _descriptions(cls)
    return tuple(
        given.get(parameter.name)
        or _read(cls, parameter, *descriptions.get(parameter.name, ((), "")))
        for parameter in parameters
    )


def _read(cls, parameter, values, text):
    """Return the option of a parameter.

    Parameters
    ----------
    cls : type
        The estimator class.
    parameter : `inspect.Parameter`
        The parameter of ``__init__``.
    values : tuple
        The values listed in braces in the docstring.
    text : str
        The first sentence of the parameter's description.

    Returns
    -------
    Option
        The option.
    """
    default = parameter.default
    namespace = getattr(inspect.unwrap(cls.__init__), "__globals__", {})
    kinds = _kinds(parameter.annotation, default, namespace)
    literals = {kind for kind in kinds if typing.get_origin(kind) is Literal}
    if parameter.name == "uncertainty":
        values = (None, *(kind.name for kind in cls.uncertainties))
    elif literals:
        values = tuple(value for one in literals for value in typing.get_args(one))
    kinds = (kinds - literals) | {type(value) for value in values}
    choices = tuple(value for value in values if value is not None) or None
    return Option(
        name=parameter.name,
        type=next((kind for kind in _TYPES if kind in kinds), None),
        unit=default.unit if isinstance(default, u.Quantity) else None,
        default=default,
        choices=choices,
        help=text,
        allow_none=default is None or types.NoneType in kinds,
        is_source_redshift=_SOURCE_REDSHIFTS in kinds,
    )


def _kinds(annotation, default, namespace):
    """Return the set of types that the annotation of a parameter allows.

    Without an annotation, or with one that cannot be evaluated, the set contains the type of the
    default. ``namespace`` has the names of the module that defines ``__init__``, in which
    annotations are evaluated that are text, as after ``from __future__ import annotations``.
    """
    kinds = set()
    if isinstance(annotation, str):
        kinds = _kinds_of_text(annotation, namespace)
    elif annotation is not inspect.Parameter.empty:
        kinds = _members(annotation)
    if not kinds or any(isinstance(kind, typing.ForwardRef) for kind in kinds):
        kinds |= {u.Quantity if isinstance(default, u.Quantity) else type(default)}
    return kinds


def _members(annotation):
    """Return the set of types in a union; any other annotation is the only one of its set."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return set().union(*map(_members, typing.get_args(annotation)))
    return {types.NoneType if annotation is None else annotation}


def _kinds_of_text(text, namespace):
    """Return the set of types in an annotation that is text.

    A type that is imported for type checkers only is a `typing.ForwardRef` with its name. The set
    is empty for text that is no annotation.
    """
    try:
        value = eval(text, dict(namespace))
        return _kinds_of_text(value, namespace) if isinstance(value, str) else _members(value)
    except Exception:  # any code may stand in an annotation, and raise any error
        pass
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return set()
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return set().union(*(
            _kinds_of_text(ast.unparse(part), namespace) for part in (node.left, node.right)
        ))
    return {typing.ForwardRef(ast.unparse(node))}


def _descriptions(cls):
    """Return the description of each parameter of an estimator class, from its docstring.

    The result is a dict, keyed by the name of the parameter. Its items are pairs: the values listed
    in braces, and the first sentence of the description. Descriptions in the class take precedence
    over those in its base classes.
    """
    descriptions = {}
    for one in cls.__mro__:
        for name, description in _sections(inspect.cleandoc(one.__doc__ or "")).items():
            descriptions.setdefault(name, description)
    return descriptions


def _sections(text):
    """Return the descriptions in the sections Parameters and Attributes of a docstring.

    The result is a dict, keyed by the name of the parameter. Its items are pairs: the values listed
    in braces, and the first sentence of the description.
    """
    descriptions = {}
    for _, body in re.findall(
        r"^(Parameters|Attributes)\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", text, re.M | re.S
    ):
        for names, kind, description in re.findall(
            r"^(\S[^\n]*?)(?: ?: ([^\n]*))?\n((?:[ \t]+[^\n]*\n?|\n)+)", body, re.M
        ):
            for name in names.split(","):
                descriptions[name.strip()] = _in_braces(kind), _first_sentence(description)
    return descriptions


def _in_braces(kind):
    """Return the values in a numpydoc type ``{value, value}``; an empty tuple for other types."""
    try:
        return tuple(ast.literal_eval(f"[{kind[1:-1]}]")) if re.fullmatch("{.*}", kind) else ()
    except (SyntaxError, ValueError):  # the braces hold a description instead of values
        return ()


def _first_sentence(description):
    plain = re.sub(r"``([^`]*)``", r"\1", " ".join(description.split()))
    plain = re.sub(r":\w+:`([^`]*)`", r"\1", plain)
    plain = re.sub(r"`~?(?:[\w.]*\.)?([^`.]*)`", r"\1", plain)
    return re.split(r"(?<=[.!?])\s", plain, maxsplit=1)[0].rstrip(".")
