# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The origins of the convention and the kind of a catalog, as text."""

from __future__ import annotations

from lensmap.catalog import COLUMN_PRESETS, convention_name

__all__ = ["documented_by", "origin_text"]


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


def documented_by(survey: str | None) -> dict[str, str]:
    """Return the convention and the kind that a survey documents.

    Parameters
    ----------
    survey : str or None
        The name of its preset. None if it is not known.

    Returns
    -------
    dict
        The ``convention`` and the ``kind``, if they are documented.
    """
    entry = None if survey is None else COLUMN_PRESETS[survey]
    documented = {}
    if entry is not None and entry.convention is not None:
        documented["convention"] = convention_name(entry.convention)
    if entry is not None and entry.kind is not None:
        documented["kind"] = entry.kind
    return documented
