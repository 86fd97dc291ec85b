# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Column presets of the user, read from TOML files."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lensmap.catalog._preset import OPTIONAL, REQUIRED, VARIANT, ColumnPreset
from lensmap.catalog._surveys import COLUMN_PRESETS, find_preset
from lensmap.utils import ParameterError

if TYPE_CHECKING:
    from lensmap.typing import PathLike

__all__ = ["preset_from_file"]

_TEXTS = ("convention", "kind", "reference", "title", "preset")
_LISTS = ("signature", "selection")


def preset_from_file(path: PathLike) -> ColumnPreset:
    """Read a column preset of the user from a TOML file.

    Parameters
    ----------
    path : path-like
        The file. The table ``[columns]`` has lensmap's column names as keys, each with a name or
        a list of names in order of preference. The other keys, all optional, are ``convention``,
        ``kind``, ``reference``, ``title``, ``signature``, ``selection`` and ``preset``, the name
        of one of lensmap's presets that the file changes.

    Returns
    -------
    ColumnPreset
        The preset.

    Raises
    ------
    ValueError
        If there is no such file, or if it does not hold a preset.
    """
    path = Path(path)
    if not path.is_file():
        raise ParameterError("columns", "an existing TOML file", repr(str(path)))
    try:
        raw = path.read_bytes()
        content = tomllib.loads(raw.decode("utf-8"))
    except (ValueError, OSError) as error:
        raise ParameterError(
            "columns", "the path of a TOML file", repr(str(path)), f"{error}"
        ) from None
    keys = ("columns", *_TEXTS, *_LISTS)
    for key in content:
        if key not in keys:
            raise _wrong(path, f"the key {key!r} is unknown; the keys are {', '.join(keys)}")
    for key in _TEXTS:
        if not isinstance(content.get(key, ""), str):
            raise _wrong(path, f"{key} must be a text")
    columns = content.get("columns", {})
    if not isinstance(columns, dict):
        raise _wrong(path, "[columns] must be a table of names")
    base = ColumnPreset({})
    if "preset" in content:
        base = _base(path, content["preset"])
    named = {ours: _names(path, ours, theirs) for ours, theirs in columns.items()}
    changes: dict[str, Any] = {
        "columns": {**base.columns, **named}, "aliases": (),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }
    changes |= {key: content[key] for key in _TEXTS if key in content and key != "preset"}
    changes |= {key: _names(path, key, content[key]) for key in _LISTS if key in content}
    return replace(base, **changes)


def _base(path: Path, name: str) -> ColumnPreset:
    found = find_preset(name)
    if found is None:
        raise _wrong(path, f"there is no preset {name!r}; there are {', '.join(COLUMN_PRESETS)}")
    return COLUMN_PRESETS[found]


def _names(path: Path, key: str, value: Any) -> tuple[str, ...]:
    allowed = REQUIRED + OPTIONAL + (VARIANT,)
    if key not in allowed and key not in _LISTS:
        raise _wrong(
            path, f"[columns] has {key!r}, which is none of lensmap's columns {', '.join(allowed)}"
        )
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _wrong(path, f"{key} must be a text or a list of texts")
    if key in allowed and not (names and all(name.strip() for name in names)):
        raise _wrong(
            path, f"{key} must name a column, but its text is empty; leave the line out to read "
            "no column"
        )
    return tuple(names)


def _wrong(path: Path, reason: str) -> ParameterError:
    return ParameterError("columns", "a preset file", repr(str(path)), reason)
