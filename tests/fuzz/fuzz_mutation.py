# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A mutation of an input or an option, and what a command must do with it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["Expect", "Mutation", "mutation", "mutations_of", "of_bytes"]


class Expect(IntEnum):
    """What a command must do with a mutation; of several mutations, the largest value decides."""

    HARMLESS = 0  # the same numbers as without the mutation
    FREE = 1  # anything that obeys the laws of all cases
    WARNED = 2  # an error or a warning
    REFUSED = 3  # an error


@dataclass(frozen=True)
class Mutation:
    """A mutation.

    Attributes
    ----------
    name : str
        The name, unique among the mutations of one kind.
    kinds : tuple of str
        The kinds of inputs that it applies to.
    expect : Expect
        What a command must do.
    apply : callable
        ``apply(content, rng)`` returns mutated content or None to change it in place;
        ``apply(path, rng)`` for mutations of bytes changes a file, and returns its new path if that
        is another one.
    bytes_of_file : bool
        Whether the mutation applies to the written file.
    harmless_to_kappa_only : bool
        Whether a harmless mutation changes random numbers, so that only the mean map is the same.
    of_units : bool
        Whether the mutation changes units, which plain text does not hold.
    """

    name: str
    kinds: tuple
    expect: Expect
    apply: Callable
    bytes_of_file: bool = False
    harmless_to_kappa_only: bool = False
    of_units: bool = False


# Keyed by file and name: pytest may import the module of a mutation twice, under two names.
_ALL = {}


def mutation(kinds, expect, **more):
    """Register a function as a mutation of the content of some kinds of inputs."""

    def register(function):
        name = function.__name__.strip("_")
        key = function.__code__.co_filename, name
        _ALL[key] = Mutation(name, tuple(kinds.split()), expect, function, **more)
        return function

    return register


def of_bytes(kinds, expect):
    """Register a function as a mutation of the written files of some kinds of inputs."""
    return mutation(kinds, expect, bytes_of_file=True)


def mutations_of(kind):
    """Return all mutations of a kind of inputs, in the order of their names."""
    return sorted((one for one in _ALL.values() if kind in one.kinds), key=lambda one: one.name)
