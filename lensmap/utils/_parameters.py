# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Objects that hold parameters under their own names: what they have in common."""

import inspect

__all__ = ["Parametrized"]


class Parametrized:
    """What holds the parameters of its ``__init__`` under their own names, unchanged."""

    @classmethod
    def _signature(cls):
        if cls.__init__ is object.__init__:
            return []
        return list(inspect.signature(cls.__init__).parameters.values())[1:]

    def get_params(self):
        """Return the parameters by name, in the order of the signature.

        Returns
        -------
        dict
            From names to values.
        """
        return {parameter.name: getattr(self, parameter.name) for parameter in self._signature()}

    def replace(self, **changes):
        """Return an object of the same kind with some parameters changed.

        Parameters
        ----------
        **changes
            The parameters that change; all others stay as they were given.

        Returns
        -------
        object
            A new one of the same class.

        Raises
        ------
        TypeError
            If there is no such parameter.
        """
        return type(self)(**{**self.get_params(), **changes})
