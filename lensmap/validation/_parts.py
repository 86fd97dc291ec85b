# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The parts of a validation, each with its own kind of simulated fields, such as null fields."""

from typing import NamedTuple

__all__ = ["COMA_PARTS", "PARTS", "TRUTH", "Part"]

#: The name of the true map among the names of estimators.
TRUTH = "truth"


class Part(NamedTuple):
    """The words that name the simulated fields of one part of a validation in messages.

    Attributes
    ----------
    one, many : str
        The words for one field and for several fields, such as ``"masked field"`` and
        ``"masked fields"``.
    """

    one: str
    many: str

    def in_words(self, n: int) -> str:
        """Return the number of fields ``n`` as text, such as ``"3 masked fields"``."""
        return f"{n} {self.one if n == 1 else self.many}"


#: The names of the exported mocks of Coma, with the arms and without.
COMA_PARTS = ("coma", "coma_without_arms")

#: All parts by name.
PARTS = {
    "fields": Part("field", "fields"),
    "null": Part("null field (without lensing)", "null fields (without lensing)"),
    "masked": Part("masked field", "masked fields"),
    "coma": Part("mock of Coma", "mocks of Coma"),
    "more": Part("field for slow estimators", "fields for slow estimators"),
}
