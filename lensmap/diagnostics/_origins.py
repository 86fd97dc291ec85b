# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The origins of the convention and the kind of a catalog, as text."""

from __future__ import annotations

__all__ = ["origin_text"]


def origin_text(origin: str, survey: str | None) -> str:
    """Return the origin of a convention or kind as text.

    Parameters
    ----------
    origin : str
        ``"argument"``, ``"file"``, ``"survey"`` or ``"default"``, as in `lensmap.ShearCatalog`.
    survey : str or None
        The survey whose columns the catalog has.

    Returns
    -------
    str
        The text, such as ``"as given"``.
    """
    return {
        "argument": "as given",
        "file": "as declared in the table's meta",
        "survey": f"as documented for the survey {survey!r}",
        "default": "assumed, not declared",
    }[origin]
