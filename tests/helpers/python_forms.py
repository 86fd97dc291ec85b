# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Words of Python in messages of commands, which should name options instead."""

import ast
import re
from functools import cache
from pathlib import Path

import lensmap
from lensmap.utils._exceptions import _PLACEHOLDER

# A setting such as by='kappa'.
_SETTING = re.compile(r"(?<![\w(,-])[a-z]\w*=(?:['\"\[({]|\d|True\b|False\b|None\b)")

# Columns of tables and free parameters of fits, which are called like parameters.
_COLUMNS = {"at_edge", "g_t", "kappa_b", "ln_c200c", "ln_m200c", "n_pairs", "psf_e1", "psf_e2",
            "sigma_e", "sigma_m"}

# The functions and classes whose messages commands can show.
_RAISERS = {"ParameterError", "ParameterTypeError", "RunError", "OutputExistsError", "ValueError",
            "warn_user", "check_memory"}


def python_forms(message):
    """Return the settings and the parameters of Python that a message contains."""
    message = message.replace("ignore_missing_simple=True", "")  # in an error of astropy
    message = re.sub(r"the parameters of \w+ are .*", "", message)  # for --method NAME(...)
    message = re.sub(r"\b\w+\([^()]*(?:\)|\.\.\.)", "", message)  # an estimator with its parameters
    bare = re.sub(r"'[^']*'", "''", message)
    words = set(re.findall(r"(?<![\w/.-])[a-z]+(?:_[a-z0-9]+)+(?![\w/.(])", bare))
    return _SETTING.findall(message) + sorted(words & parameters() - _COLUMNS)


@cache
def parameters():
    """Return all parameters of public functions and methods whose names have several words."""
    found = set()
    for path in Path(lensmap.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and (
                not node.name.startswith("_") or node.name == "__init__"
            ):
                names = [one.arg for one in (*node.args.args, *node.args.kwonlyargs)]
                found |= {name for name in names if "_" in name.strip("_")}
    return found


def settings_in_errors(source):
    """Return the settings of Python that the errors and warnings of a module contain.

    Settings in placeholders, such as ``{by='kappa'}``, are left out: the command line replaces
    these. ``source`` is the text of the module.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in _RAISERS:
            text = " ".join(map(_text, [*node.args, *(pair.value for pair in node.keywords)]))
            found += _SETTING.findall(_PLACEHOLDER.sub("", text))
    return found


def _text(node):
    """Return the text of an expression, with 0 for what is not constant."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(value) for value in node.values)
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    if isinstance(node, ast.IfExp):
        return f"{_text(node.body)} {_text(node.orelse)}"
    return "0"
