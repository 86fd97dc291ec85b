# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The options that select source galaxies behind a lens, and the redshifts of their p(z)."""

import argparse

from lensmap.cli._file_types import MaybeFile
from lensmap.cli._messages import CombinationError, OptionError
from lensmap.utils import ParameterError

__all__ = [
    "EACH_LENS", "ZGrid", "add_source_arguments", "behind_options", "check_source_arguments",
    "describe_sources", "select_sources",
]

#: The value of ``--behind`` that selects the galaxies behind each lens.
EACH_LENS = "lens"


class ZGrid(MaybeFile):
    """The value of ``--z-grid``: ``START,STOP,N``, or a text file with one redshift per line."""

    def redshifts(self):
        """Return the redshifts, ``(n,)``.

        Raises
        ------
        OptionError
            If the value is neither three numbers nor a file of redshifts.
        """
        import numpy as np

        parts = self.split(",")
        if len(parts) == 3:
            try:
                start, stop, n = float(parts[0]), float(parts[1]), int(parts[2])
            except ValueError:
                start, stop, n = 0.0, 0.0, 0
            if 0 <= start < stop < float("inf") and n >= 2:
                return np.linspace(start, stop, n)
        else:
            try:
                return np.loadtxt(self.file, ndmin=1)
            except ValueError:
                pass
        raise OptionError(
            "z_grid",
            "--z-grid must be START,STOP,N, such as 0,4,401, or a text file with one redshift per "
            f"line, not {str(self)!r}",
        )


def add_source_arguments(parser, *, each_lens):
    """Add the options for the selection of source galaxies.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        The parser of the command.
    each_lens : bool
        Whether ``--behind lens`` selects the galaxies behind each lens of the command.
    """
    group = parser.add_argument_group("source selection")
    group.add_argument(
        "--behind", type=_behind_type(each_lens), metavar="Z|lens" if each_lens else "Z",
        help="use only galaxies behind a lens at the redshift Z: those whose column redshift "
             "exceeds Z by --margin or, with the column pz, those that are beyond Z plus --margin "
             "with at least the probability --min-probability; galaxies without a redshift are "
             "left out"
             + ("; the word lens selects the galaxies behind each lens, by the redshifts of "
                "--z-lens" if each_lens else "")
             + " (default: use all galaxies)",
    )
    group.add_argument(
        "--margin", type=_number_type(0, float("inf"), "a number of at least 0"), metavar="DZ",
        help="the smallest difference between the redshifts of a galaxy and of the lens in "
             "--behind (default 0.1)",
    )
    group.add_argument(
        "--min-probability", type=_number_type(0, 1, "a number from 0 to 1"), metavar="P",
        help="the smallest probability in --behind for galaxies with p(z) (default 0.98)",
    )


def _behind_type(each_lens):
    """Return the function that converts the value of ``--behind``."""
    redshift = _number_type(1e-4, 20, "a redshift" + (" or the word lens" if each_lens else ""))

    def convert(text):
        return text if each_lens and text == EACH_LENS else redshift(text)

    return convert


def _number_type(low, high, allowed):
    """Return a function that converts a word to a number between two limits, inclusive."""

    def convert(text):
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not (low <= value <= high and value < float("inf")):
            raise argparse.ArgumentTypeError(f"the value must be {allowed}, not {text!r}")
        return value

    return convert


def check_source_arguments(arguments):
    """Raise a CombinationError if an option of the selection is given without ``--behind``."""
    for name in ("margin", "min_probability"):
        if getattr(arguments, name) is not None and arguments.behind is None:
            raise CombinationError(name, f"{arguments.option_names[name]} needs --behind")


def behind_options(arguments):
    """Return the given parameters ``margin`` and ``min_probability`` as a dict."""
    values = {name: getattr(arguments, name) for name in ("margin", "min_probability")}
    return {name: value for name, value in values.items() if value is not None}


def select_sources(arguments, catalog, z_lens=None):
    """Select the galaxies behind the lens of ``--behind``.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments, with those that `add_source_arguments` adds.
    catalog : lensmap.ShearCatalog
        The galaxies.
    z_lens : float or None
        The redshift of all lenses, for ``--behind lens``. None selects no galaxies by it.

    Returns
    -------
    lensmap.ShearCatalog
        The selected galaxies; all without ``--behind``.

    Raises
    ------
    OptionError
        If the catalog has no redshifts, or none of its galaxies is behind the lens.
    """
    z = z_lens if arguments.behind == EACH_LENS else arguments.behind
    if z is None:
        return catalog
    if catalog.pz is None and catalog["redshift"] is None:
        raise OptionError(
            "behind",
            "--behind needs the redshifts of the galaxies: name their column by --columns "
            "redshift=NAME, or that of their p(z) by --columns pz=NAME",
        )
    if arguments.min_probability is not None and catalog.pz is None:
        raise OptionError(
            "min_probability",
            "--min-probability needs p(z) of the galaxies: name its column by --columns pz=NAME",
        )
    try:
        return catalog.behind(z, **behind_options(arguments))
    except ParameterError as error:
        if error.parameter != "z_lens":
            raise
        raise OptionError("behind", str(error).replace("z_lens", "--behind", 1)) from error


def describe_sources(facts):
    """Return one line about the selected galaxies as text for people; None without a selection.

    Parameters
    ----------
    facts : dict
        What files record about the selected galaxies of a catalog: the entries ``n_galaxies`` and
        ``source_selection``, which is None or missing without a selection.

    Returns
    -------
    str or None
        The line.
    """
    selection = facts.get("source_selection")
    if selection is None:
        return None
    redshifts, n = selection["redshifts"], selection["n_given"]
    n_selected = facts["n_galaxies"]
    text = (f"sources behind z = {selection['z_lens']:g} (margin {selection['margin']:g}): "
            f"{n_selected} of {n} galaxies")
    if redshifts is None:
        return text
    text += f", mean redshift {redshifts['mean']:.3f}"
    if redshifts["effective"] is not None:
        text += f"; their mean lensing efficiency is that of z = {redshifts['effective']:.3f}"
    return text
