# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Functions that convert the words of options to values."""

import argparse

from lensmap.cli._file_types import ColumnsText
from lensmap.utils import ParameterError, angle_of_text, check_angle, memory_limit

__all__ = [
    "add_take_over",
    "angle",
    "angle_or_image",
    "columns_text",
    "condition",
    "count",
    "memory",
    "one_radius",
    "position",
    "positive",
    "source_redshift",
    "sources_at",
    "two_radii",
    "units_of_columns",
]


def angle(text):
    """Convert a word such as ``0.3arcmin`` to an angle."""
    try:
        return check_angle(text, "angle")
    except (TypeError, ValueError):
        raise argparse.ArgumentTypeError(
            f"the value must be a positive angle with its unit, such as 0.6arcmin, not {text!r}"
        ) from None


def angle_or_image(text):
    """Convert a word such as ``0.3arcmin`` to an angle; return the word ``image`` unchanged."""
    if text == "image":
        return text
    try:
        return check_angle(text, "angle")
    except (TypeError, ValueError):
        raise argparse.ArgumentTypeError(
            "the value must be a positive angle with its unit, such as 0.6arcmin, or the word "
            f"image, not {text!r}"
        ) from None


def count(text):
    """Convert a word to a whole number of at least 1."""
    if text.isdecimal() and int(text) >= 1:
        return int(text)
    raise argparse.ArgumentTypeError(
        f"the value must be a whole number of at least 1, not {text!r}"
    )


def memory(text):
    """Convert a word such as ``8GiB`` to a number of bytes."""
    try:
        return memory_limit(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"the value must be an amount of memory, such as 8GiB, not {text!r}"
        ) from None


def positive(text):
    """Convert a word to a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"the value must be a number above 0, not {text!r}")
    return value


def source_redshift(text):
    """Convert a word to a source redshift; return the name of a redshift distribution unchanged."""
    try:
        return float(text)
    except ValueError:
        return text


def sources_at(z_source):
    """Convert the name of a redshift distribution to `lensmap.cosmology.SourceRedshifts`.

    A number, which is the common redshift of all sources, is returned unchanged. So is None.
    """
    if not isinstance(z_source, str):
        return z_source
    from lensmap.cosmology import SourceRedshifts

    return SourceRedshifts.preset(z_source)


def one_radius(text, parameter):
    """Convert a word such as ``0.3Mpc`` to an angle or a length.

    Parameters
    ----------
    text : str
        The word.
    parameter : str
        The ``dest`` of the option, for the error message.

    Returns
    -------
    `~astropy.units.Quantity`
        The radius.

    Raises
    ------
    ParameterError
        If the word is not a positive angle or length.
    """
    from astropy import units as u

    try:
        radius = u.Quantity(text)
        if radius.unit.physical_type in ("angle", "length") and 0 < radius.value < float("inf"):
            return radius
    except (TypeError, ValueError):
        pass
    raise ParameterError(
        parameter, "a positive angle or length, such as 2arcmin or 0.5Mpc", text
    )


def two_radii(words, parameter):
    """Convert two words to two increasing angles or lengths, in the unit of the first.

    Parameters
    ----------
    words : sequence of str
        The two words, such as ``0.3Mpc`` and ``2.5Mpc``.
    parameter : str
        The ``dest`` of the option, for the error message.

    Returns
    -------
    `~astropy.units.Quantity`
        The radii, ``(2,)``.

    Raises
    ------
    ParameterError
        If the words are not two increasing angles or lengths.
    """
    from astropy import units as u

    try:
        inner, outer = (one_radius(word, parameter) for word in words)
        radii = u.Quantity([inner, outer.to(inner.unit)])
    except ValueError:
        raise ParameterError(
            parameter,
            "two positive angles or two lengths, such as 0.3Mpc 2.5Mpc",
            " ".join(words),
        ) from None
    if not radii[0] < radii[1]:
        raise ParameterError(
            parameter, "the inner radius and then the larger, outer radius", " ".join(words)
        )
    return radii


def position(text):
    """Convert a word such as ``150.1,2.2`` to a `~astropy.coordinates.SkyCoord`.

    Sexagesimal angles are allowed; a right ascension with colons is in hours.
    """
    from astropy.coordinates import SkyCoord

    try:
        ra, dec = text.split(",")
        ra, dec = angle_of_text(ra, longitude=True), angle_of_text(dec, longitude=False)
        return SkyCoord(ra, dec, unit="deg", frame="icrs")
    except ValueError:
        raise argparse.ArgumentTypeError(
            "the value must be a position RA,DEC in degrees, such as 150.1,2.2, or sexagesimal, as "
            f"10:00:24,+02:12:00 (hours, degrees), not {text!r}"
        ) from None


def columns_text(text):
    """Check the form of the value of ``--columns``, and return the value as `ColumnsText`."""
    from lensmap.catalog import read_columns_text

    return ColumnsText(_checked(text, read_columns_text))


def condition(text):
    """Check the form of the value of ``--where``, and return the value unchanged."""
    from lensmap.catalog import RowSelection

    return _checked(text, RowSelection)


def _checked(text, check):
    """Return a text unchanged, after a function has checked it.

    A ParameterError of the function ``check`` becomes an ArgumentTypeError.
    """
    try:
        check(text)
    except ParameterError as error:
        raise argparse.ArgumentTypeError(error.describe(lambda name, value: "it")) from None
    return text


def units_of_columns(text):
    """Convert a word such as ``ra=hourangle,dec=deg`` to a dict from columns to units."""
    result = {}
    for item in text.split(","):
        ours, equals, unit = item.partition("=")
        if not (equals and ours.strip() and unit.strip()):
            raise argparse.ArgumentTypeError(
                f"units are given as ra=UNIT,dec=UNIT, such as ra=hourangle, not {item!r}"
            )
        result[ours.strip()] = unit.strip()
    return result


def add_take_over(group):
    """Add the option ``--take-over``, which resumes in a folder that a dead run has locked."""
    group.add_argument(
        "--take-over",
        action="store_true",
        help="resume in a folder that another run has locked; use this option only if you know "
             "that the other run has ended, because lensmap does not check this",
    )
