# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Look-up of column names, and lists of them in messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from lensmap.utils import MAX_LISTED_NAMES, list_names, printable

__all__ = ["ColumnNames", "listed", "shown"]


class ColumnNames:
    """The column names of a table, looked up exactly or, failing that, ignoring case.

    Parameters
    ----------
    names : iterable of str
        The column names.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)
        self._exact = set(self.names)
        self._folded: dict[str, list[str]] = {}
        for name in self.names:
            self._folded.setdefault(name.lower(), []).append(name)

    def find(self, wanted: str) -> str | None:
        """Return the column name that equals the wanted name, ignoring case if need be.

        Parameters
        ----------
        wanted : str
            The name.

        Returns
        -------
        str or None
            The name as the table spells it. None if there is no such name, or if several names
            differ from it only by case.
        """
        if wanted in self._exact:
            return wanted
        alike = self._folded.get(wanted.lower(), ())
        return alike[0] if len(alike) == 1 else None

    def listed(self, wanted: Sequence[str] = ()) -> str:
        """Return the column names as text for a message, at most a dozen of them.

        If not all names are listed, those most similar to the names ``wanted`` come first.
        """
        return listed(self.names, wanted)


def listed(names: Sequence[str], wanted: Sequence[str] = ()) -> str:
    """Return names as text for a message.

    Parameters
    ----------
    names : sequence of str
        The names.
    wanted : sequence of str
        The names that were looked for. Where not all names are listed, the names nearest to these
        come first.

    Returns
    -------
    str
        At most a dozen names, and the number of the others.
    """
    if not names:
        return "none at all"
    if len(names) <= MAX_LISTED_NAMES:
        return list_names(map(shown, names), quoted=False)
    lowered = {name.lower(): name for name in reversed(names)}
    near = [
        lowered[close]
        for name in wanted
        for close in difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=0.5)
    ]
    return list_names(map(shown, dict.fromkeys([*near, *names])), quoted=False)


def shown(name: str) -> str:
    """Return a column name for a message, with escapes in place of unprintable characters.

    Parameters
    ----------
    name : str
        The name.

    Returns
    -------
    str
        The name, at most 60 characters.
    """
    text = printable(name)
    return text if len(text) <= 60 else f"{text[:57]}..."
