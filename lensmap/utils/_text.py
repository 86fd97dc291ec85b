# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Text for messages: control characters escaped, long lists of names shortened."""

from collections.abc import Iterable
from itertools import islice

__all__ = ["MAX_LISTED_NAMES", "list_names", "plain_label", "printable", "printable_lines"]

#: A message lists at most this many names.
MAX_LISTED_NAMES = 12


def printable(text: object) -> str:
    """Return text from a file with its control characters escaped.

    Control characters in a column name, for example, could change the state of a terminal.

    Parameters
    ----------
    text : object
        The text, or anything that `str` converts.

    Returns
    -------
    str
        The text; characters that cannot be printed are written as in Python, such as ``\\x1b``.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in str(text)
    )


def printable_lines(text: str) -> str:
    """Return text of several lines with the control characters in each line escaped.

    Parameters
    ----------
    text : str
        The text.

    Returns
    -------
    str
        The text, with the same line breaks; see `printable`.
    """
    return "\n".join(printable(line) for line in text.replace("\t", "    ").split("\n"))


def plain_label(name: object) -> str:
    """Return a name for a picture, in which matplotlib finds no formula.

    Parameters
    ----------
    name : object
        The name, such as that of an estimator or file.

    Returns
    -------
    str
        The name on one line, with each dollar sign escaped. Otherwise, matplotlib would typeset
        the text between two dollar signs, or fail to draw the picture.
    """
    return printable(name).replace("$", r"\$")


def list_names(
    names: Iterable[object], limit: int = MAX_LISTED_NAMES, *, quoted: bool = True
) -> str:
    """Return names as one phrase for a message, at most ``limit`` of them.

    Parameters
    ----------
    names : iterable
        The names, such as those of the columns of a table.
    limit : int
        The largest number of names in the phrase. The phrase ends with the number of the others.
    quoted : bool
        Whether to put each name in quotes.

    Returns
    -------
    str
        The phrase, such as ``"'ra', 'dec', 'e1' and 740 more"``.
    """
    names = list(names)
    words = map(printable, islice(names, limit))
    text = ", ".join(f"'{word}'" if quoted else word for word in words)
    return text if len(names) <= limit else f"{text} and {len(names) - limit} more"
