# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The seconds of the steps of a task."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

__all__ = ["Seconds"]


class Seconds(dict[str, float]):
    """The seconds of the steps of a task, keyed by the name of the step."""

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
