# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Text on the origins of the sign convention and of the kind of ellipticity of a catalog."""

from __future__ import annotations

__all__ = ["origin_text"]


def origin_text(origin: str, survey: str | None) -> str:
    """Return text on the origin of the sign convention or of the kind of ellipticity of a catalog.

    Parameters
    ----------
    origin : str
        ``"argument"`` (given by the user), ``"file"`` (the table's meta), ``"survey"`` (the
        documentation of the survey) or ``"default"``.
    survey : str or None
        The survey whose columns the catalog has. None if it is not known.

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
