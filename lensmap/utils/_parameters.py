# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Base class of objects that are fully described by the parameters of their constructor."""

import inspect
from typing import Any, Self

__all__ = ["Parametrized"]


class Parametrized:
    """Base class of objects that keep each parameter of ``__init__``, unchanged, as an attribute.

    The ``__init__`` of a subclass sets an attribute with the name of each of its parameters. The
    methods of this class read these attributes.
    """

    @classmethod
    def _signature(cls) -> list[inspect.Parameter]:
        """Return the parameters of ``__init__`` without ``self``, in order."""
        if cls.__init__ is object.__init__:
            return []
        return list(inspect.signature(cls.__init__).parameters.values())[1:]

    def get_params(self) -> dict[str, Any]:
        """Return the parameters by name, in the order of the signature.

        Returns
        -------
        dict
            The value of each parameter, keyed by the parameter's name.
        """
        return {parameter.name: getattr(self, parameter.name) for parameter in self._signature()}

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some parameters changed.

        Parameters
        ----------
        **changes
            New values of parameters; the other parameters keep their values.

        Returns
        -------
        object
            A new object of the same class.

        Raises
        ------
        TypeError
            If a parameter does not exist.
        """
        return type(self)(**{**self.get_params(), **changes})
