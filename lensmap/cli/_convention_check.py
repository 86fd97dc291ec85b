# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The test of the sign convention that commands run before their own work, and its JSON record."""

import logging

import numpy as np

from lensmap.cli._exit_codes import ExitCode
from lensmap.cli._messages import CheckFailure, say
from lensmap.cli._result import numbers_of_table
from lensmap.utils import ConventionWarning, warn_user

__all__ = ["CODES", "add_check_argument", "check_on_the_way", "numbers_of_check", "warn_of_kind"]

# The convention is tested on at most this many galaxies. More of them do not improve the verdict,
# and their test would take longer than the map.
_MAX_GALAXIES = 500_000

#: The exit code of each verdict.
CODES = {"right": ExitCode.DONE, "wrong": ExitCode.WRONG, "undecided": ExitCode.UNDECIDED}

_CHOICES = {
    "convention": "convention",
    "e_excess": "e_excess_sigma",
    "b_excess": "b_excess_sigma",
    "skewness": "skewness_sigma",
    "at_positions": "kappa_at_positions_sigma",
}


def add_check_argument(group):
    """Add the option ``--no-check``, which skips the test of the sign convention."""
    group.add_argument("--no-check", action="store_true",
                       help="skip the test of the sign convention on the galaxies")


def check_on_the_way(arguments, catalog, *, progress, positions=None):
    """Test the sign convention of a catalog, and warn if it is wrong or undecided.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments, with ``no_check`` and ``strict``.
    catalog : lensmap.ShearCatalog
        The galaxies. If there are more than 500 000, a random sample of this size is tested.
    progress : bool or callable
        The result of `show_progress`.
    positions : `~astropy.coordinates.SkyCoord` or None
        The positions of supposed masses, which are used only where the galaxies alone do not
        decide. None uses none.

    Returns
    -------
    dict
        An entry of the JSON record with the key ``"convention_check"``: the numbers of the test,
        or None if there was no test.

    Raises
    ------
    CheckFailure
        If the convention is wrong or undecided, and ``strict`` is set.
    """
    if arguments.no_check:
        return {"convention_check": None}
    warn_of_kind(catalog)
    check, reason = _test(catalog, positions, progress=progress)
    if check is None:
        verdict, code, numbers = "undecided", "not_tested", None
        text = f"the sign convention of the ellipticities could not be tested: {reason}"
    else:
        verdict, numbers = check.verdict, numbers_of_check(check)
        code, text = f"convention_{verdict}", check.conclusion
    if verdict == "right":
        say(text, logging.DEBUG)
    elif arguments.strict:
        raise CheckFailure(text, code, CODES[verdict], {"convention_check": numbers})
    else:
        warn_user(text, ConventionWarning, code, "convention")
    return {"convention_check": numbers}


def warn_of_kind(catalog):
    """Warn if the kind of ellipticity, shear or distortion, of a catalog is doubtful.

    The kind is doubtful if the intrinsic dispersion of the galaxies is typical of the other kind.
    """
    from lensmap.diagnostics import kind_hint

    hint = kind_hint(catalog, only_intrinsic=True)
    if hint is not None:
        warn_user(f"the kind of e1 and e2 is doubtful: {hint}", ConventionWarning, "kind_doubtful",
                  "kind")


def _test(catalog, positions, *, progress):
    """Test the sign convention of a catalog, with positions only if the galaxies do not decide.

    Return the `ConventionCheck`, and None or the error of the test. The `ConventionCheck` is None
    if no test was possible.
    """
    from lensmap.diagnostics import check_convention

    if len(catalog) > _MAX_GALAXIES:
        rows = np.random.default_rng(0).choice(len(catalog), _MAX_GALAXIES, replace=False)
        catalog = catalog.select(np.sort(rows))
    check = reason = None
    # Positions are used only where the galaxies alone do not decide: they need not be masses.
    for at in (None,) if positions is None else (None, positions):
        try:
            check = check_convention(catalog, at, n_rotations=50, rng=0, progress=progress)
        except ValueError as error:  # such as positions that lie outside of the catalog
            reason = reason or error
        if check is not None and check.verdict != "undecided":
            break
    return check, reason


def numbers_of_check(check):
    """Return the result of a convention test as numbers for a JSON record.

    Parameters
    ----------
    check : ConventionCheck
        The result of the test.

    Returns
    -------
    dict
        The convention and the verdict on it; the verdict on its handedness and the verdict on its
        sign, each with its significance; and the test statistics of the four possible conventions.
    """
    return {
        "convention": check.convention,
        "documented_convention": check.documented,
        "verdict": check.verdict,
        "handedness": check.handedness,
        "handedness_sigma": check.handedness_significance,
        "handedness_from": check.handedness_from,
        "power_sigma": check.power_significance,
        "sign": check.sign,
        "sign_sigma": check.sign_significance,
        "sign_from": check.sign_from,
        "n_positions": check.n_positions,
        "possible_conventions": check.suggestions,
        "choices": numbers_of_table(check.choices, _CHOICES),
    }
