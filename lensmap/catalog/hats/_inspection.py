# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Inspection of all files before they are partitioned: do they belong to one catalog?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lensmap.catalog._decision import Decision
from lensmap.catalog._names import shown
from lensmap.catalog.hats._input import InputFile, InputSettings, inspect_file
from lensmap.catalog.hats._quiet import quiet
from lensmap.utils import ConventionWarning, ParameterError, without_warnings

__all__ = ["Inspection", "inspect_files"]


@dataclass
class Inspection:
    """Facts of input files before their rows are read.

    Attributes
    ----------
    files : list of InputFile
        The files that can be opened.
    decision : Decision
        The declarations of the first one.
    meta : dict
        The meta of its table.
    failed : dict
        The errors of the other files, keyed by their numbers.
    """

    files: list[InputFile]
    decision: Decision
    meta: Mapping[str, Any]
    failed: dict[int, Exception] = field(default_factory=dict)


def inspect_files(paths: Sequence[str], settings: InputSettings) -> Inspection:
    """Choose the columns of all files, and check that they belong to one catalog.

    Parameters
    ----------
    paths : sequence of str
        The files.
    settings : InputSettings
        How files are read.

    Returns
    -------
    Inspection
        The files. Warnings and messages are those about the first one.

    Raises
    ------
    ValueError
        If the files differ in their columns or declarations, or if all are damaged.
    """
    found: Inspection | None = None
    failed: dict[int, Exception] = {}
    for number, path in enumerate(paths):
        try:
            if found is None:
                file, decision, meta = inspect_file(path, number, settings)
                decision.choice.warn()
                found = Inspection([file], decision, meta)
            else:
                with quiet(), without_warnings(ConventionWarning):
                    file, decision, _ = inspect_file(path, number, settings)
                _check_same(found.files[0], found.decision, file, decision)
                found.files.append(file)
        except ParameterError as error:
            if len(paths) == 1 or path in str(error):
                raise
            remedy = f"{error.remedy}; the file is {path!r}" if error.remedy else repr(path)
            raise ParameterError(
                error.parameter, error.allowed, error.found, remedy, verb=error.verb
            ) from error
        except (ValueError, OSError) as error:
            failed[number] = error
    if found is None:
        raise next(iter(failed.values()))
    found.failed = failed
    return found


def _check_same(one: InputFile, first: Decision, file: InputFile, other: Decision) -> None:
    """Raise a ParameterError if two files differ in their columns or declarations."""
    names = [{*item.choice.mapping, *item.kept} for item in (one, file)]
    if names[0] != names[1]:
        lacking, further = sorted(names[0] - names[1]), sorted(names[1] - names[0])
        text = " and ".join(
            f"{verb} {', '.join(map(shown, group))}"
            for verb, group in (("lacks", lacking), ("has", further)) if group
        )
        example = (lacking or further)[0]
        raise ParameterError(
            "files", f"the same columns as the first one, {one.path!r}",
            f"{file.path!r}, which {text}",
            f"leave the column out of all files, as in {{columns={{{example!r}: None}}}}, or "
            "partition these files apart", verb="have",
        )
    for name in ("convention", "kind", "frame", "response"):
        values = [getattr(decision.declared, name) for decision in (first, other)]
        if values[0] != values[1]:
            raise ParameterError(
                "files", f"the {name} {values[0]!r} of the first one, {one.path!r}",
                f"{values[1]!r}, that of {file.path!r}",
                f"give {{{name}}}, or partition these files apart", verb="have",
            )
