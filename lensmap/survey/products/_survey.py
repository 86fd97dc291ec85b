# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The properties of a survey map that all of its products share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from lensmap.utils import ParameterError

__all__ = ["Survey"]


@dataclass(frozen=True)
class Survey:
    """The resolution, the layers and the metadata of a survey map.

    Attributes
    ----------
    nside : int
        The resolution.
    dtypes : dict of str to `numpy.dtype`
        The types of the layers: float32, int32 or bool.
    meta : dict
        The metadata of the map.
    """

    nside: int
    dtypes: dict[str, np.dtype]
    meta: dict = field(default_factory=dict)

    @property
    def order(self) -> int:
        """The order of the pixels."""
        return self.nside.bit_length() - 1

    def check_layers(self, names: Iterable[str]) -> None:
        """Raise a ParameterError unless there are names, each at most once, of its layers."""
        names = list(names)
        if not names:
            raise ParameterError("layers", "the names of one or more layers", "empty")
        for name in names:
            if name not in self.dtypes:
                raise ParameterError(
                    "layers", f"among those of the survey, {', '.join(sorted(self.dtypes))}",
                    repr(name),
                )
            if names.count(name) > 1:
                raise ParameterError("layers", "different from each other", f"{name!r} twice")
