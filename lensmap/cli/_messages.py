# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What a command says besides its results."""

import re
import sys

__all__ = ["say", "with_options"]


def say(text):
    """Say something in one line, apart from what the command gives out."""
    print("lensmap:", *text.removeprefix("lensmap: ").split(), file=sys.stderr)


def with_options(text, options):
    """Name a command's options where a message names parameters of Python.

    Parameters
    ----------
    text : str
        The message of an error.
    options : dict
        From parameters to the command's options, such as ``{'z_lens': '--z-lens'}``.

    Returns
    -------
    str
        With ``--by kappa`` for ``by='kappa'``, ``--z-lens`` for ``z_lens``, and so on.
    """
    for name in ("overwrite", "take_over"):
        text = text.replace(f"{name}=True", f"--{name.replace('_', '-')}")
    for name, option in options.items():
        text = re.sub(rf"\b{name}=\{{([^}}]*)\}}", lambda m, o=option: o + _pairs(m[1]), text)
        text = re.sub(rf"(?<![\w.]){name}=(?:'([^']*)'|(\w[\w.]*))",
                      lambda m, o=option: f"{o} {m[1] or m[2]}", text)
        if not name.isalpha():  # what may be a word of a sentence stays
            text = re.sub(rf"(?<![\w.'\"]){name}(?![\w'\"=(])", option, text)
    return re.sub(r"(--[\w-]+), which is None", r"\1", text)


def _pairs(text):
    """Return what is between the braces of a dict as words: ``ra=...,dec=...``."""
    return " " + ",".join(f"{name}=..." for name in re.findall(r"'(\w+)':", text))
