# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pairs of columns that are mapped like the shear, to test for systematic errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lensmap.survey._quality import QUALITY
from lensmap.utils import ParameterError, ParameterTypeError

__all__ = ["check_also"]

# The names of the other maps of a survey.
_TAKEN = {"kappa", "kappa_b", "error", "counts", "mask", "index", "weight", "outside", *QUALITY}


def check_also(
    also_map: str | Iterable[str] | Mapping[str, tuple[str, str]],
) -> dict[str, tuple[str, str]]:
    """Check pairs of columns, and return them by the names of their maps.

    Parameters
    ----------
    also_map : str, sequence of str or dict
        The pairs: ``"psf_e1,psf_e2"``, or by the name of the map. Without a name, the map has that
        of the first column without the number at its end.

    Returns
    -------
    dict
        The pairs of columns.

    Raises
    ------
    TypeError, ValueError
        If a pair is not two names of columns, or a name is taken.
    """
    if isinstance(also_map, Mapping):
        pairs = list(also_map.items())
    else:
        texts = [also_map] if isinstance(also_map, str) else list(also_map)
        pairs = [(None, text) for text in texts]
    result: dict[str, tuple[str, str]] = {}
    for given, pair in pairs:
        columns = [name.strip() for name in pair.split(",")] if isinstance(pair, str) else pair
        try:
            first, second = columns
        except (TypeError, ValueError):
            raise ParameterTypeError(
                "also_map", "pairs of columns such as 'psf_e1,psf_e2'", repr(pair), verb="hold"
            ) from None
        name = given or (first.rstrip("0123456789_") or first)
        if name in _TAKEN or name in result:
            raise ParameterError(
                "also_map", "maps with names of their own", f"{name!r} twice"
                if name in result else f"{name!r}, which another map has",
                "give a dict from names to pairs", verb="hold",
            )
        if "/" in name:
            raise ParameterError("also_map", "names without '/'", repr(name), verb="hold")
        result[name] = (str(first), str(second))
    return result
