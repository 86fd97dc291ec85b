# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The parts of a validation."""

from typing import NamedTuple

__all__ = ["PARTS", "TRUTH", "Part"]

#: The name of the true map where it stands beside those of estimators.
TRUTH = "truth"


class Part(NamedTuple):
    """The words for the fields of a part.

    Attributes
    ----------
    one, many : str
        Singular and plural.
    """

    one: str
    many: str

    def in_words(self, n: int) -> str:
        """Return a number of fields in words."""
        return f"{n} {self.one if n == 1 else self.many}"


#: All parts by name.
PARTS = {
    "fields": Part("field", "fields"),
    "null": Part("null field (without lensing)", "null fields (without lensing)"),
    "masked": Part("masked field", "masked fields"),
    "coma": Part("mock of Coma", "mocks of Coma"),
    "more": Part("field for slow estimators", "fields for slow estimators"),
}
