# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Sign convention, kind of ellipticity, frame and mean response of a catalog, with their origins.

The user's argument takes precedence over the table's meta, the meta over the documentation of the
survey whose columns the table has, and the survey over the default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import log
from astropy.coordinates import frame_transform_graph
from astropy.io.fits.card import Undefined

from lensmap.catalog._columns import COLUMN_PRESETS, ColumnChoice, choose_columns
from lensmap.catalog._convention import Response, convention_name, convention_signs
from lensmap.catalog._preset import ColumnPreset
from lensmap.utils import (
    ConventionWarning,
    ParameterError,
    check_choice,
    unsuitable_frame,
    warn_user,
)

if TYPE_CHECKING:
    from astropy.table import Table

    from lensmap.catalog.files import TableSource

__all__ = [
    "Declaration", "check_arguments", "declaring_meta", "meta_entries", "settle",
    "survey_documents", "survey_of",
]

# In the order of their precedence.
_ARGUMENT, _FILE, _SURVEY, _DEFAULT = "argument", "file", "survey", "default"

_DEFAULTS = {"convention": "celestial", "kind": "shear", "frame": "icrs", "response": None}

# The properties of e1 and e2 that must be declared, and their keywords in FITS headers.
_META_KEYS = {"convention": "CONVENTN", "kind": "KIND"}

_EFFECT_OF_KIND = "if e1 and e2 are distortions, kappa is about 1.7 times too high"

_REMEDIES = {
    "convention": "`lensmap check` tests the convention on the galaxies",
    "kind": "distortions that are used as shears make kappa about 1.7 times too high, and shears "
            "that are used as distortions make it about 1.7 times too low",
}

_KINDS = ("shear", "distortion")

# The argument that sets the response to None. None itself means that no argument is given.
_NO_RESPONSE = "none"


@dataclass(frozen=True)
class Declaration:
    """The convention, kind, frame and response of a catalog, and the origin of each of the four.

    Attributes
    ----------
    convention : str
        The sign convention of the table's columns.
    kind, frame : str
        As for `ShearCatalog`.
    response : float, tuple or None
        The mean response in the convention of the columns.
    origins : dict
        The origins of ``convention``, ``kind``, ``frame`` and ``response``, keyed by these names:
        ``"argument"``, ``"file"`` (the table's meta), ``"survey"`` or ``"default"``.
    survey : str or None
        The name of the preset of the survey to which e1 and e2 belong. None if it is not known.
    """

    convention: str
    kind: str
    frame: str
    response: Response | None
    origins: dict[str, str] = field(default_factory=dict)
    survey: str | None = None


def check_arguments(**given: Any) -> dict[str, Any]:
    """Check the declarations that a user gives as arguments.

    Parameters
    ----------
    **given
        The arguments ``convention``, ``kind``, ``frame`` and ``response`` of `ShearCatalog`.

    Returns
    -------
    dict
        The values of the arguments that are not None. ``response="none"`` becomes None.

    Raises
    ------
    ValueError
        If a value is not allowed.
    """
    return {name: _CHECKS[name](value) for name, value in given.items() if value is not None}


def meta_entries(table: Table | TableSource) -> dict[str, Any]:
    """Return the declarations in a table's meta, without checking their values.

    Parameters
    ----------
    table : `~astropy.table.Table` or TableSource
        The table.

    Returns
    -------
    dict
        The entries ``convention`` (or ``CONVENTN``, as in FITS headers), ``kind``, ``frame`` and
        ``response``. Entries without a value are left out.
    """
    folded = {str(key).lower(): _plain(value) for key, value in table.meta.items()}
    folded = {key: value for key, value in folded.items() if value is not None}
    if "conventn" in folded:  # FITS keywords have eight characters
        folded.setdefault("convention", folded["conventn"])
    return {name: folded[name] for name in _DEFAULTS if name in folded}


def _plain(value: Any) -> Any:
    """Return an entry of a table's meta as text without outer blanks; None if it is empty.

    Bytes, such as the attributes of HDF5 files, are decoded. Numbers are returned unchanged.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, Undefined):
        return None
    return value.strip() or None if isinstance(value, str) else value


def declaring_meta(kind: str, frame: str, response: Response | None) -> dict[str, Any]:
    """Return the meta of a table whose ellipticities are in the celestial convention.

    Parameters
    ----------
    kind, frame, response
        As for `ShearCatalog`.

    Returns
    -------
    dict
        The meta, as ``meta_entries`` reads it. Its keys are valid FITS header keywords.
    """
    meta: dict[str, Any] = {"CONVENTN": "celestial", "KIND": kind, "FRAME": frame}
    if response is not None:
        numbers = np.ravel(response).tolist()
        meta["RESPONSE"] = response if np.ndim(response) == 0 else " ".join(map(str, numbers))
    return meta


def survey_of(
    choice: ColumnChoice, names: Sequence[str]
) -> tuple[str | None, ColumnPreset | None]:
    """Return the survey that documents the columns e1 and e2 of a table.

    Parameters
    ----------
    choice : ColumnChoice
        The columns of the table that are used.
    names : sequence of str
        All column names of the table.

    Returns
    -------
    name : str or None
        The name of the survey's preset, or the path of its file. None if e1 and e2 are not the
        survey's columns, for example because the user named others.
    entry : ColumnPreset or None
        The preset of the survey. None if ``name`` is None.
    """
    preset, entry = choice.preset, choice.entry
    if preset is None:
        # Whoever names the columns of a survey one by one has the table of that survey.
        try:
            detected = choose_columns(names)
        except ValueError:
            pass
        else:
            preset, entry = detected.preset, detected.entry
    if _documents(entry, choice.mapping):
        return preset, entry
    if _documents(COLUMN_PRESETS["generic"], choice.mapping, documented=False):
        return None, None  # e1 and e2 have names that do not identify a survey
    fits = [name for name, one in COLUMN_PRESETS.items() if _documents(one, choice.mapping)]
    entries = {(COLUMN_PRESETS[name].convention, COLUMN_PRESETS[name].kind) for name in fits}
    return (fits[0], COLUMN_PRESETS[fits[0]]) if len(entries) == 1 else (None, None)


def survey_documents(entry: ColumnPreset | None) -> dict[str, str]:
    """Return the convention and the kind of ellipticity that a survey documents.

    Parameters
    ----------
    entry : ColumnPreset or None
        The preset of the survey. None if the survey is not known.

    Returns
    -------
    dict
        The ``convention``, the ``kind`` and the ``reference`` that documents them. Entries that
        are not documented are left out.
    """
    documented = _documented(entry)
    if "convention" in documented:
        documented["convention"] = convention_name(documented["convention"])
    if entry is not None and entry.reference:
        documented["reference"] = entry.reference
    return documented


def _documents(
    entry: ColumnPreset | None, mapping: Mapping[str, str], documented: bool = True
) -> bool:
    """Return whether a preset has the same names of e1 and e2 as ``mapping``.

    ``mapping`` has the table's column names, keyed by lensmap's column names. If ``documented`` is
    True, the preset must also document the convention or the kind of e1 and e2.
    """
    if entry is None or (documented and entry.convention is None and entry.kind is None):
        return False
    return all(
        mapping[name].lower() in {theirs.lower() for theirs in entry.columns.get(name, ())}
        for name in ("e1", "e2")
    )


def settle(
    given: Mapping[str, Any],
    entries: Mapping[str, Any],
    survey: str | None,
    preset: ColumnPreset | None,
) -> Declaration:
    """Choose the convention, kind, frame and response of a catalog.

    An argument of the user takes precedence over the table's meta, the meta over the survey, and
    the survey over the default.

    Parameters
    ----------
    given : dict
        The user's arguments, as returned by ``check_arguments``.
    entries : dict
        The entries of the table's meta, as returned by ``meta_entries``.
    survey, preset : str and ColumnPreset, or None
        The survey and its preset, as returned by ``survey_of``.

    Returns
    -------
    Declaration
        The values, each with its origin.

    Raises
    ------
    ValueError
        If an entry of the meta is not understood and no argument overrides it.

    Warns
    -----
    ConventionWarning
        If two origins declare different values, or if no origin declares the convention or the
        kind, so that the default is assumed.
    """
    meta = {name: _read_entry(name, value, name in given) for name, value in entries.items()}
    documented = _documented(preset)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, default in _DEFAULTS.items():
        for origin, source in ((_ARGUMENT, given), (_FILE, meta), (_SURVEY, documented)):
            if name in source:
                values[name], origins[name] = source[name], origin
                break
        else:
            values[name], origins[name] = default, _DEFAULT
    result = Declaration(**values, origins=origins, survey=survey)
    _warn_of_file(result, meta)
    _report_survey(result, documented, preset.reference if preset is not None else "")
    _warn_of_defaults(result)
    return result


def _read_entry(name: str, value: Any, overridden: bool) -> Any:
    """Return the checked value of an entry of the table's meta.

    ``name`` is ``"convention"``, ``"kind"``, ``"frame"`` or ``"response"``. If an argument of the
    user overrides the entry, an invalid value is returned as text; otherwise it raises an error.
    """
    try:
        return _CHECKS[name](value.lower() if isinstance(value, str) else value)
    except (ValueError, TypeError) as error:
        if overridden:
            return str(value)
        allowed = getattr(error, "allowed", None) or str(error)
        example = _NO_RESPONSE if name == "response" else _DEFAULTS[name]
        raise ParameterError(
            name,
            allowed,
            f"{value!r}, which the table's meta declares",
            f"correct the meta, or override it, for example with {{{name}={example!r}}}",
        ) from None


def _documented(preset: ColumnPreset | None) -> dict[str, str]:
    if preset is None:
        return {}
    documented = {"convention": preset.convention, "kind": preset.kind}
    return {name: value for name, value in documented.items() if value is not None}


def _differ(name: str, one: Any, other: Any) -> bool:
    if name == "convention":
        try:
            return convention_signs(one) != convention_signs(other)
        except ValueError:  # an entry of the meta that is not understood
            return True
    return one != other


def _phrases(values: Mapping[str, Any]) -> str:
    return " and ".join(f"{name} {value!r}" for name, value in values.items())


def _warn_of_file(result: Declaration, meta: Mapping[str, Any]) -> None:
    """Warn if an argument of the user differs from the declaration in the table's meta."""
    differing = {name: value for name, value in meta.items()
                 if _differ(name, getattr(result, name), value)}
    if differing:
        used = {name: getattr(result, name) for name in differing}
        warn_user(
            f"the table's meta declares {_phrases(differing)}, but the argument"
            f"{'s' if len(used) > 1 else ''} {_phrases(used)} "
            f"take{'' if len(used) > 1 else 's'} precedence",
            ConventionWarning,
            "differs_from_file",
            next(iter(differing)),
        )


def _report_survey(
    result: Declaration, documented: Mapping[str, str], reference: str
) -> None:
    """Log the convention and kind that are taken from the survey's documentation.

    Warn if the user's argument or the table's meta differs from the documentation. ``documented``
    has the documented ``convention`` and ``kind``, and ``reference`` is their source.
    """
    if result.survey is None:
        return
    source = f"the survey {result.survey!r}" + (f" ({reference})" if reference else "")
    used = {n: v for n, v in documented.items() if result.origins[n] == _SURVEY}
    if used:
        log.info(f"lensmap: the columns are those of {source}, whose {_phrases(used)} "
                 f"{'are' if len(used) > 1 else 'is'} used")
    differing = {n: v for n, v in documented.items() if _differ(n, getattr(result, n), v)}
    if differing:
        where = {_ARGUMENT: "the argument", _FILE: "the table's meta"}
        others = " and ".join(
            f"{n} {getattr(result, n)!r} of {where[result.origins[n]]}" for n in differing
        )
        warn_user(
            f"the columns are those of {source}, which documents {_phrases(differing)}, but "
            f"{others} {'take' if len(differing) > 1 else 'takes'} precedence: "
            + "; ".join(_REMEDIES[name] for name in differing),
            ConventionWarning,
            "differs_from_survey",
            next(iter(differing)),
        )


def _warn_of_defaults(result: Declaration) -> None:
    """Warn if nothing declares the convention or the kind, so that the default is assumed."""
    assumed = [name for name in _META_KEYS if result.origins[name] == _DEFAULT]
    if not assumed:
        return
    values = {name: getattr(result, name) for name in assumed}
    are, them = ("are", "them") if len(values) > 1 else ("is", "it")
    text = (
        f"{_phrases(values)} {are} assumed for e1 and e2, because no argument, table meta or "
        f"survey with these column names declares {them}. If this is right, give "
        f"{' and '.join(f'{{{name}={value!r}}}' for name, value in values.items())}"
    )
    if "convention" in assumed:
        text += f" ({_REMEDIES['convention']})"
    if "kind" in assumed:
        text += f"; {_EFFECT_OF_KIND}"
    warn_user(
        text,
        ConventionWarning,
        "undeclared_convention" if "convention" in assumed else "undeclared_kind",
        assumed[0],
        placeholders=True,
    )


def _check_kind(kind: Any) -> str:
    return check_choice(kind, "kind", _KINDS)


def _check_frame(frame: Any) -> str:
    kind = frame_transform_graph.lookup_name(frame) if isinstance(frame, str) else None
    if kind is None:
        raise ParameterError("frame", "the name of an astropy frame", repr(frame))
    why = unsuitable_frame(kind())
    if why is not None:
        raise ParameterError(
            "frame", "one that converts to ICRS, such as icrs, fk5 or galactic", repr(frame),
            f"this frame {why}; convert the positions to ICRS",
        )
    return frame


def _check_response(response: Any) -> Response | None:
    """Check a mean shear response, and return it as a number, a tuple of tuples or None.

    The response is a number or a 2 x 2 matrix. In a str, four numbers are the elements r11, r12,
    r21 and r22, and ``"none"`` is None.
    """
    matrix = np.full(1, np.nan)
    numbers = response
    if isinstance(response, str):
        if response.lower() == _NO_RESPONSE:
            return None
        words = re.split(r"[\s,]+", response.strip())
        numbers = words[0] if len(words) == 1 else [words[:2], words[2:]]
    try:
        matrix = np.asarray(numbers, dtype=float)
    except (TypeError, ValueError):
        pass
    if matrix.shape not in ((), (2, 2)) or not np.all(np.isfinite(matrix)):
        raise ParameterError(
            "response",
            "a finite number, a 2 x 2 matrix (as text 'r11 r12 r21 r22'), or 'none'",
            repr(response),
        )
    if matrix.ndim == 0:
        return float(matrix)
    (r11, r12), (r21, r22) = matrix.tolist()
    return (r11, r12), (r21, r22)


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "convention": convention_name,
    "kind": _check_kind,
    "frame": _check_frame,
    "response": _check_response,
}
