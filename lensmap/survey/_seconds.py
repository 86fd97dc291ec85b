# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The seconds of the steps of a task."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Seconds"]


class Seconds(dict[str, float]):
    """The seconds of the steps of a task, keyed by the name of the step."""

    @contextmanager
    def of(self, name: str, without: str | None = None) -> Iterator[None]:
        """Add the seconds of a ``with`` block to a step.

        Parameters
        ----------
        name : str
            The step.
        without : str or None
            A step within the block, whose seconds do not count. None counts all.
        """
        start = time.perf_counter()
        before = 0.0 if without is None else self.get(without, 0.0)
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            if without is not None:
                spent -= self.get(without, 0.0) - before
            self[name] = round(self.get(name, 0.0) + spent, 3)
