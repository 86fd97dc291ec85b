# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The B-mode of methods that are not linear, from maps of shear rotated by 45 degrees."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

__all__ = ["E_AND_B", "b_mode_of", "shear_factors"]

#: The factors of the shear whose maps are the noise of the E-mode and of the B-mode.
E_AND_B = (1, -1j)


class _Solution(Protocol):
    @property
    def kappa(self) -> np.ndarray:
        """The map, ``(ny, nx)``."""


def shear_factors(b_mode: bool) -> tuple[complex, ...]:
    """Return the factors of the shear whose maps give the E-mode and, if wanted, the B-mode."""
    return (1, -1j, 1j) if b_mode else (1,)


def b_mode_of(rotated: Sequence[_Solution]) -> np.ndarray | None:
    """Return the B-mode of the maps after the first of `shear_factors`; None without maps.

    It is half the difference of the maps of the shear rotated by 45 degrees in either direction,
    and changes sign on a mirrored sky.
    """
    return (rotated[0].kappa - rotated[1].kappa) / 2 if rotated else None
