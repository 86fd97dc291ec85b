# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`DeclaredParameters`: the parameters of estimators, declared by one signature."""

import functools
import inspect
import numbers
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from astropy import units as u

from lensmap.estimators._declarations import ROTATIONS, Uncertainty
from lensmap.estimators._options import Option, read_options
from lensmap.utils import Parametrized, check_choice, check_count

__all__ = ["DeclaredParameters"]


class DeclaredParameters(Parametrized):
    """Keyword-only parameters with defaults, from which ``repr``, copies and options are made.

    ``class Other(Estimator, defaults={"name": value})`` has the signature of its base class with
    other defaults.
    """

    options: ClassVar[tuple[Option, ...]] = ()
    uncertainties: ClassVar[tuple[Uncertainty, ...]] = (ROTATIONS,)

    uncertainty: str | None = None
    n_realizations: int = 100
    rng: int | np.random.SeedSequence = 0
    fill_holes: bool = False
    sigma_e: float | None = None
    scheme: str = "nearest"

    def __init_subclass__(cls, defaults: dict[str, object] | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if defaults is not None:
            setattr(cls, "__init__", _with_defaults(cls.__init__, defaults))
        for parameter in cls._signature():
            if parameter.kind is not parameter.KEYWORD_ONLY or parameter.default is parameter.empty:
                raise TypeError(
                    f"{cls.__name__}.__init__ must have keyword-only parameters with defaults; "
                    f"{parameter.name!r} is not one"
                )
            if callable(getattr(cls, parameter.name, None)):
                raise TypeError(
                    f"{cls.__name__}.__init__ must not have the parameter {parameter.name!r}: "
                    "a method has this name"
                )
        cls.options = read_options(cls, cls.__dict__.get("options", ()))

    def __repr__(self) -> str:
        changed = []
        for parameter in self._signature():
            value = getattr(self, parameter.name)
            if repr(value) != repr(parameter.default):
                text = f"{str(value)!r}" if isinstance(value, u.Quantity) else repr(value)
                changed.append(f"{parameter.name}={text}")
        return f"{type(self).__name__}({', '.join(changed)})"

    @property
    def chosen_uncertainty(self) -> Uncertainty | None:
        """The `Uncertainty` that the parameter ``uncertainty`` names; None without one."""
        return next((kind for kind in self.uncertainties if kind.name == self.uncertainty), None)

    def check_parameters(self) -> None:
        """Check the parameters that all estimators share; call it at the end of ``__init__``.

        Raises
        ------
        TypeError, ValueError
            If one of them is not allowed.
        """
        names = tuple(kind.name for kind in self.uncertainties)
        check_choice(self.uncertainty, "uncertainty", (None, *names))
        check_count(self.n_realizations, "n_realizations", minimum=2)
        if not isinstance(self.rng, np.random.SeedSequence):
            check_count(self.rng, "rng")
        check_choice(self.scheme, "scheme", ("nearest", "cloud-in-cell"))

    def describe_params(self) -> dict[str, object]:
        """Return the parameters as the meta of a map keeps them.

        Returns
        -------
        dict
            From names to numbers, strings and other types that a FITS file can hold; other objects
            as their `str`.
        """
        return {
            name: value if _is_plain(value) else str(value)
            for name, value in self.get_params().items()
        }


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, (str, bool, numbers.Number, list, tuple, dict))


def _with_defaults(init: Callable, defaults: dict[str, object]) -> Callable:
    """Return an ``__init__`` that has the same signature with some other defaults."""
    signature = inspect.signature(init)
    unknown = defaults.keys() - signature.parameters.keys()
    if unknown:
        raise TypeError(f"defaults: {min(unknown)!r} is no parameter of {init.__qualname__}")

    @functools.wraps(init)
    def __init__(self, **parameters):
        init(self, **{**defaults, **parameters})

    changed = [
        parameter.replace(default=defaults.get(name, parameter.default))
        for name, parameter in signature.parameters.items()
    ]
    setattr(__init__, "__signature__", signature.replace(parameters=changed))
    return __init__
