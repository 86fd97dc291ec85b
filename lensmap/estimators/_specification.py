# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`make_estimator`: estimators from text, for Python, command lines and configuration files."""

import ast
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lensmap.estimators._base import Estimator
from lensmap.estimators._registry import available_estimators, get_estimator
from lensmap.utils import NETWORK_SUFFIXES, ParameterError, ParameterTypeError, load_code_file

__all__ = ["TUNED", "estimator_class", "file_of_estimator", "given_parameters", "make_estimator"]

#: The variant whose parameters are tuned on simulated fields.
TUNED = "tuned"

# Short names for estimators with parameters. "ks150" is the reference method of Cha et al. 2025.
_SHORT_FORMS = {"ks150": "ks(smoothing=150arcsec, dtype=float32)"}

# The estimator for a text that consists of the name of a network.
_OF_NETWORKS = "cnn"

# The path of a Python file at the beginning of a text.
_PATH = re.compile(r"[^:]*\.py:(?=\s*[^\W\d])")

_SYNTAX = (
    "NAME, NAME:VARIANT, NAME(key=value, ...), the name or the file (.h5, .keras) of a network "
    "or PATH.py:CLASS"
)


def make_estimator(
    spec: str | Estimator | type[Estimator],
    *,
    tune: Callable[[Estimator], Estimator] | None = None,
    **changes: Any,
) -> Estimator:
    """Create an estimator from text, from a class or from another estimator.

    Parameters
    ----------
    spec : str, Estimator or type
        An estimator, an estimator class, or text in one of the forms below. Parameters may follow
        in parentheses, as in ``"wiener(z_source=0.8)"``.

        - ``"NAME"``: one of `available_estimators`;
        - ``"NAME:VARIANT"``: the same estimator with ``VARIANT`` as the value of the parameter that
          `Estimator.variant` names, as in ``"cnn:cha2025"``;
        - ``"NAME:tuned"``: the same estimator with the parameters that are best on simulated
          fields;
        - ``"ks150"``: short for ``"ks(smoothing=150arcsec, dtype=float32)"``, the reference method
          of Cha et al. 2025;
        - ``"NETWORK"``, ``"FILE.h5"`` or ``"FILE.keras"``: short for ``"cnn:NETWORK"`` and so on;
        - ``"PATH.py:NAME"``: an object of the Python file ``PATH.py``. The object is an estimator
          class, a function that returns an estimator, or an estimator. The code of the file is
          executed, so name only files that you trust. While it is executed, it can import the
          modules in its folder.

        Values of parameters are Python literals. Other words are taken as strings, so that
        ``"ks(smoothing=1arcmin)"`` needs no inner quotes.
    tune : callable or None
        A function that takes an estimator and returns it with tuned parameters, for
        ``"NAME:tuned"``. If None, this form is not allowed.
    **changes
        Further parameters, which take precedence over those in ``spec``.

    Returns
    -------
    Estimator
        The estimator.

    Raises
    ------
    TypeError
        If ``spec`` is of another type, or if the class does not have one of the parameters.
    ValueError
        If the text has none of these forms, or if a value is not allowed.

    Examples
    --------
    >>> from lensmap.estimators import make_estimator
    >>> make_estimator("ks(smoothing=1.5arcmin)", padding=3)
    KaiserSquires(smoothing='1.5 arcmin', padding=3)
    >>> make_estimator("cnn:cha2025")
    CNNReconstructor(network='cha2025')
    """
    if not isinstance(spec, str):
        return _from_object(spec, changes)
    head, parameters = _split(spec)
    parameters |= changes
    if _is_of_file(head):
        return _from_object(_load_object(head), parameters)
    name, colon, variant = _full_name(head).partition(":")
    cls = get_estimator(name)
    if variant == TUNED:
        if tune is None:
            raise ParameterError(
                "estimator", "given by its parameters here", repr(spec),
                "only lensmap.validation and the command 'lensmap validate' can tune parameters, "
                f"because they simulate fields; write {name!r} or '{name}(key=value, ...)' instead",
            )
        return tune(_instantiate(cls, parameters))
    if colon:
        if cls.variant is None or not variant:
            raise ParameterError(
                "estimator", f"{name!r} without a variant", repr(spec),
                "this estimator has no variants; write parameters as in "
                f"'{name}(key=value, ...)'" if cls.variant is None
                else f"or write a {cls.variant} after the colon",
            )
        parameters = {cls.variant: variant, **parameters}
    return _instantiate(cls, parameters)


def estimator_class(spec: str | Estimator | type[Estimator]) -> type[Estimator]:
    """Return the class of the estimator that `make_estimator` would create.

    Parameters
    ----------
    spec : str, Estimator or type
        An estimator, an estimator class, or text for `make_estimator`, such as ``"ks(padding=3)"``.

    Returns
    -------
    type
        The estimator class, from which the available options can be read.

    Raises
    ------
    TypeError, ValueError
        As for `make_estimator`.
    """
    if isinstance(spec, type):
        return spec
    if not isinstance(spec, str):
        return type(spec)
    head, _ = _split(spec)
    if _is_of_file(head):
        loaded = _load_object(head)
        return loaded if isinstance(loaded, type) else type(_from_object(loaded, {}))
    return get_estimator(_full_name(head).partition(":")[0])


def given_parameters(spec: str) -> set[str]:
    """Return the names of the parameters in the parentheses of a text for `make_estimator`.

    Parameters
    ----------
    spec : str
        The text, such as ``"wiener(z_source=0.8)"``.

    Returns
    -------
    set of str
        The names of the parameters.
    """
    return set(_split(spec)[1])


def file_of_estimator(spec: str) -> str | None:
    """Return the file that the text for an estimator names.

    Parameters
    ----------
    spec : str
        The text, such as ``"mine.py:Mine(scale=3)"`` or ``"cnn:weights.h5"``.

    Returns
    -------
    str or None
        The path of the Python file or of the file of a network; None if the text names none.
    """
    path = _PATH.match(spec.strip())
    if path:
        return path[0].removesuffix(":")
    try:
        head, parameters = _split(spec)
    except ParameterError:  # it is raised when the estimator is made
        return None
    names = (parameters.get("network"), head.partition(":")[2], head)
    return next(
        (str(name) for name in names if str(name).endswith((*NETWORK_SUFFIXES, ".json"))), None
    )


def _full_name(head: str) -> str:
    """Expand the name or the weights file of a network to the text for its estimator.

    For example, ``"cha2025"`` becomes ``"cnn:cha2025"``. Text that begins with the name of an
    estimator is returned unchanged. Other text raises a `ParameterError`.
    """
    if head.partition(":")[0] in available_estimators():
        return head
    from lensmap.networks import available_networks

    networks = available_networks()
    # An edition that does not exist is an error of its own, which names those that do.
    is_edition = head.rpartition("-")[0] in networks and head.rpartition("-")[2].isdecimal()
    if head in networks or is_edition or head.endswith(NETWORK_SUFFIXES):
        return f"{_OF_NETWORKS}:{head}"
    names = ", ".join([*available_estimators(), *_SHORT_FORMS, *networks])
    raise ParameterError(
        "estimator", f"one of {names}", repr(head),
        f"the possible forms of an estimator are {_SYNTAX}",
    )


def _instantiate(cls: type[Estimator], parameters: dict[str, Any]) -> Estimator:
    unknown = parameters.keys() - {option.name for option in cls.options}
    if unknown:
        names = ", ".join(option.name for option in cls.options)
        raise ParameterTypeError(
            min(unknown),
            f"the name of a parameter of {cls.__name__}",
            remedy=f"the parameters of {cls.__name__} are {names}" if names
            else f"{cls.__name__} has no parameters",
        )
    return cls(**parameters)


def _from_object(spec: Any, changes: dict[str, Any]) -> Estimator:
    """Create an estimator from an estimator, an estimator class or a function that returns one."""
    if isinstance(spec, type) and issubclass(spec, Estimator):
        return _instantiate(spec, changes)
    if isinstance(spec, type) or not hasattr(spec, "reconstruct"):
        if not callable(spec):
            raise ParameterTypeError(
                "estimator",
                f"an Estimator, a subclass of Estimator or a text of the form {_SYNTAX}",
                type(spec).__name__,
            )
        spec = spec(**changes)
        changes = {}
    if not callable(getattr(spec, "reconstruct", None)):
        raise ParameterTypeError(
            "estimator", "an object with the method 'reconstruct', such as a lensmap.Estimator",
            type(spec).__name__,
        )
    return spec.replace(**changes) if changes else spec


# --- parsing of text ----------------------------------------------------------------------------


def _split(spec: str) -> tuple[str, dict[str, Any]]:
    """Split the text for an estimator, such as ``"ks(padding=3)"``, into name and parameters.

    Returns
    -------
    head : str
        The part before the parentheses, such as ``"ks"``. A short form is replaced by its long
        form.
    parameters : dict
        The parameters in the parentheses, keyed by name.
    """
    # A path may have parentheses of its own, as in "copy (1)/mine.py:Mine".
    path = _PATH.match(spec.strip())
    start = path.end() if path else 0
    head, parenthesis, rest = spec.strip()[start:].partition("(")
    head = spec.strip()[:start] + head
    if head.strip() in _SHORT_FORMS:
        parameters = {} if not parenthesis else _split(f"_({rest}")[1]
        head, defaults = _split(_SHORT_FORMS[head.strip()])
        return head, {**defaults, **parameters}
    if not parenthesis:
        return head, {}
    if not rest.endswith(")") or not head.strip():
        raise ParameterError(
            "estimator", f"of the form {_SYNTAX}", repr(spec),
            "write a name before the parentheses and ')' at the end",
        )
    return head.strip(), _parameters(rest[:-1], spec)


def _parameters(text: str, spec: str) -> dict[str, Any]:
    try:
        call = ast.parse(f"_({text}\n)", mode="eval").body
        return {str(keyword.arg): _literal(keyword.value) for keyword in _keywords(call)}
    except (SyntaxError, ValueError):
        pass
    # Words such as 1arcmin are not valid Python.
    parameters = {}
    for item in text.split(","):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not (key.isidentifier() and equals and value) or set(value) & set("()[]{}'\"="):
            raise ParameterError(
                "estimator", "of the form NAME(key=value, ...)", repr(spec),
                "a value is a Python literal or a word, such as 0.8, None or 1arcmin",
            )
        parameters[key] = _word(value)
    return parameters


def _keywords(call: ast.expr) -> list[ast.keyword]:
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise ValueError("more than one pair of parentheses")
    if call.args or any(keyword.arg is None for keyword in call.keywords):
        raise ValueError("only keywords have a meaning")
    return call.keywords


def _literal(node: ast.expr) -> Any:
    """Return the value in a Python syntax tree; a word without quotes is taken as a string."""
    return node.id if isinstance(node, ast.Name) else ast.literal_eval(node)


def _word(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


# --- files --------------------------------------------------------------------------------------


def _is_of_file(head: str) -> bool:
    return ".py:" in head


def _load_object(head: str) -> Any:
    """Return the object NAME of the Python file PATH.py, given the text ``PATH.py:NAME``."""
    path, _, name = head.rpartition(":")
    if not Path(path).is_file():
        raise ParameterError(
            "estimator", "a Python file that exists", repr(path),
            "check the path before the colon", verb="name",
        )
    try:
        module = load_code_file(path)
    except (Exception, SystemExit) as error:  # noqa: BLE001  the code may raise any error
        raise ParameterError(
            "estimator", "a Python file that can be executed", repr(path),
            f"the file raises {type(error).__name__}{_line_of(error, path)}: {error}",
            verb="name",
        ) from error
    if not hasattr(module, name):
        raise ParameterError(
            "estimator", f"an object that the file {path!r} defines", repr(name),
            "check the name after the colon", verb="name",
        )
    return getattr(module, name)


def _line_of(error: BaseException, path: str) -> str:
    """Return the line of a file in which an error arose, as words; empty if it is not known."""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(Path(path).resolve())
    ]
    return f" in line {lines[-1]}" if lines else ""
