# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Results of commands: text for people, numbers for programs, an exit code for the shell."""

from dataclasses import dataclass, field
from pathlib import Path

from lensmap.cli._exit_codes import ExitCode
from lensmap.utils import printable

__all__ = ["Result", "numbers_of_table", "value_in"]

# The units of numbers, by the endings of their names; longer endings come first.
_ENDINGS = {
    "_mpc4_per_msun2": "Mpc4 / solMass2",
    "_msun_per_mpc2": "solMass / Mpc2",
    "_per_arcmin2": "1 / arcmin2",
    "_per_deg2": "1 / deg2",
    "_arcmin": "arcmin",
    "_deg2": "deg2",
    "_deg": "deg",
    "_msun": "solMass",
    "_mpc": "Mpc",
}


@dataclass(frozen=True)
class Result:
    """The result of a command.

    Attributes
    ----------
    text : str
        The result as text for people.
    numbers : dict
        The result as values for programs, keyed by the names in the command's JSON schema.
    outputs : sequence of path-like
        The written files, in the order of the options.
    code : ExitCode
        The exit code.
    folder : `pathlib.Path` or None
        The folder of the run, all of whose files belong to the result; None if there is none.
    """

    text: str = ""
    numbers: dict = field(default_factory=dict)
    outputs: tuple = ()
    code: ExitCode = ExitCode.DONE
    folder: Path | None = None

    def __str__(self):
        written = f"written: {', '.join(map(printable, self.outputs))}" if self.outputs else ""
        return "\n".join(part for part in (self.text, written) if part)


def value_in(name, value):
    """Convert a quantity to numbers in the unit that its name ends with.

    Parameters
    ----------
    name : str
        The name, such as ``"ra_deg"`` or ``"pixel_scale_arcmin"``. If the name ends with no known
        unit, the quantity must be dimensionless.
    value : object
        The quantity; other values are returned unchanged.

    Returns
    -------
    object
        A number, an array, or ``value`` itself.
    """
    if not hasattr(value, "to_value"):
        return value
    unit = next((unit for ending, unit in _ENDINGS.items() if name.endswith(ending)), "")
    return value.to_value(unit)


def numbers_of_table(table, columns):
    """Convert the rows of a table to dicts of numbers, for a JSON record.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        The table.
    columns : dict
        For each column, keyed by its name, the name in the record, which ends with the unit.
        Columns that the table lacks are left out.

    Returns
    -------
    list of dict
        One dict for each row.
    """
    values = {
        name: value_in(name, table[column])
        for column, name in columns.items()
        if column in table.colnames
    }
    return [{name: column[i] for name, column in values.items()} for i in range(len(table))]
