# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The time and the memory of a survey map, from the records of its run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable

__all__ = ["cost_table"]


def cost_table(
    steps: Mapping[str, float], facts: Iterable[Mapping[str, Any]], area: float
) -> QTable:
    """Return the time and the memory of each step of a survey map.

    Parameters
    ----------
    steps : dict
        The seconds of the steps of the run.
    facts : iterable of dict
        The facts of the tiles.
    area : float
        The area of the survey, square degrees.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each step: ``step``; ``seconds``, its duration, for the steps of tiles summed
        over all tiles; ``seconds_per_deg2``; and ``memory``, the largest memory that a worker had
        used until the end of the step, in GiB, NaN for steps of the run.
    """
    seconds: dict[str, float] = {}
    memory: dict[str, float] = {}
    for one in facts:
        for name, value in one["seconds"].items():
            seconds[name] = seconds.get(name, 0.0) + value
        for name, value in one.get("memory", {}).items():  # earlier versions did not record it
            memory[name] = max(memory.get(name, 0.0), value / 2**30)
    rows = [(name, value, np.nan) for name, value in steps.items()]
    rows += [
        (f"tiles: {name}", value, memory.get(name) or np.nan) for name, value in seconds.items()
    ]
    table = QTable(
        rows=rows or None, names=("step", "seconds", "memory"), dtype=(str, float, float)
    )
    table["seconds"].unit = u.s
    table["memory"].unit = u.GiB
    table["seconds_per_deg2"] = table["seconds"] / (area * u.deg**2)
    return table
