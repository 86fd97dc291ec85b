# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The time and the memory of the steps of a task."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lensmap.utils import peak_memory

__all__ = ["Seconds"]


class Seconds(dict[str, float]):
    """The seconds of the steps of a task, keyed by the name of the step.

    Attributes
    ----------
    memory : dict
        The largest memory of the process until the end of each step, bytes; 0 if it is not known.
    """

    def __init__(self) -> None:
        super().__init__()
        self.memory: dict[str, int] = {}

    @contextmanager
    def of(self, name: str, without: Sequence[str] = ()) -> Iterator[None]:
        """Add the seconds of a ``with`` block to a step.

        Parameters
        ----------
        name : str
            The step.
        without : sequence of str
            Steps within the block, whose seconds do not count.
        """
        start = time.perf_counter()
        before = sum(self.get(inner, 0.0) for inner in without)
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            spent -= sum(self.get(inner, 0.0) for inner in without) - before
            self[name] = round(self.get(name, 0.0) + spent, 3)
            self.memory[name] = peak_memory() or 0
