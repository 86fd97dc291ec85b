# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Options that several commands share, and what their words mean."""

import argparse

from lensmap.utils import check_angle

__all__ = [
    "add_catalog_arguments",
    "add_take_over",
    "angle",
    "angle_or_none",
    "count",
    "noise",
    "one_radius",
    "pairs",
    "position",
    "positive",
    "read_catalog",
    "source_redshift",
    "sources_at",
    "two_radii",
]


def angle(text):
    """Return the angle that a word such as ``0.3arcmin`` means."""
    try:
        return check_angle(text, "angle")
    except (TypeError, ValueError):
        raise argparse.ArgumentTypeError(
            f"a positive angle with its unit is needed, such as 0.6arcmin, not {text!r}"
        ) from None


def angle_or_none(text):
    """Return an angle, or None for the word ``none``."""
    return None if text.lower() == "none" else angle(text)


def count(text):
    """Return a whole number that is at least 1."""
    if text.isdecimal() and int(text) >= 1:
        return int(text)
    raise argparse.ArgumentTypeError(f"a whole number of at least 1 is needed, not {text!r}")


def positive(text):
    """Return a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"a number above 0 is needed, not {text!r}")
    return value


def source_redshift(text):
    """Return a redshift of sources as a number, the name of a distribution as it is."""
    try:
        return float(text)
    except ValueError:
        return text


def sources_at(z_source):
    """Return the redshift of sources, or the distribution of a name."""
    if not isinstance(z_source, str):
        return z_source
    from lensmap.cosmology import SourceRedshifts

    return SourceRedshifts.preset(z_source)


def one_radius(text, option):
    """Return the angle or length that a word such as ``0.3Mpc`` means.

    Parameters
    ----------
    text : str
        The word.
    option : str
        Whose it is, for the error message.

    Raises
    ------
    ValueError
        If it means none, or is not positive.
    """
    from astropy import units as u

    try:
        radius = u.Quantity(text)
        if radius.unit.physical_type in ("angle", "length") and 0 < radius.value < float("inf"):
            return radius
    except (TypeError, ValueError):
        pass
    raise ValueError(
        f"{option} must be a positive angle or length, such as 2arcmin or 0.5Mpc, not {text}"
    )


def two_radii(words, option):
    """Return the angles or lengths, rising, that two words mean, in the unit of the first.

    Parameters
    ----------
    words : sequence of str
        Such as ``0.3Mpc`` and ``2.5Mpc``.
    option : str
        Whose they are, for the error message.

    Raises
    ------
    ValueError
        If they are no such pair.
    """
    from astropy import units as u

    try:
        inner, outer = (one_radius(word, option) for word in words)
        radii = u.Quantity([inner, outer.to(inner.unit)])
    except ValueError:
        raise ValueError(
            f"{option} must be two positive angles or two lengths, such as 0.3Mpc 2.5Mpc, not "
            f"{' '.join(words)}"
        ) from None
    if not radii[0] < radii[1]:
        raise ValueError(f"{option} must rise, not {' '.join(words)}")
    return radii


def position(text):
    """Return the `~astropy.coordinates.SkyCoord` that ``150.1,2.2`` means."""
    from astropy.coordinates import SkyCoord

    try:
        ra, dec = map(float, text.split(","))
        return SkyCoord(ra, dec, unit="deg", frame="icrs")
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"a position RA,DEC in degrees is needed, such as 150.1,2.2, not {text!r}"
        ) from None


def noise(text):
    """Return an estimator's parameters for ``100`` (random rotations) or a name, ``name:100``."""
    if text in ("analytic", "posterior", "network"):
        return {"uncertainty": text}
    name, colon, number = text.partition(":")
    if name == "posterior" and number.isdigit() and int(number) >= 2:
        return {"uncertainty": name, "n_realizations": int(number)}
    if text.isdigit() and int(text) >= 2:
        return {"uncertainty": "rotations", "n_realizations": int(text)}
    raise argparse.ArgumentTypeError(
        "a whole number of random rotations (2 or more), analytic, posterior, posterior:N or "
        f"network is needed, not {text!r}"
    )


def pairs(text):
    """Return the dict that ``ra=RA,dec=DEC`` means, or the name of a preset."""
    if "=" not in text:
        return text
    result = {}
    for item in text.split(","):
        ours, equals, theirs = item.partition("=")
        if not (equals and ours.strip() and theirs.strip()):
            raise argparse.ArgumentTypeError(
                f"columns are given as ra=NAME,dec=NAME,..., not {item!r}"
            )
        result[ours.strip()] = theirs.strip()
    return result


def add_catalog_arguments(parser):
    """Add the catalog and how it is to be read."""
    parser.add_argument("catalog", metavar="CAT", help="a table: FITS, ECSV, CSV, Parquet, HDF5")
    group = parser.add_argument_group("the catalog")
    group.add_argument(
        "--columns",
        type=pairs,
        metavar="ra=NAME,...",
        help="the column names as ra=RA,dec=DEC,e1=E1,e2=E2,weight=W, or the name of a preset; "
        "found by themselves where they are known",
    )
    group.add_argument(
        "--convention",
        metavar="NAME",
        help="celestial (x east, y north), euclidean (x west), iau (position angle), or the signs "
        "that bring e1,e2 to celestial as --convention=-1,1; default: what the file says, else "
        "celestial",
    )
    group.add_argument(
        "--kind",
        choices=("shear", "distortion"),
        help="(a-b)/(a+b), or (a^2-b^2)/(a^2+b^2); default: what the file says, else shear",
    )
    group.add_argument("--frame", help="the frame of the positions; default: icrs")
    group.add_argument("--format", help="the file's format by its astropy name, if not obvious")
    group.add_argument("--hdu", help="the table's HDU (FITS): a number or a name")
    group.add_argument("--path", help="the table's path within the file (HDF5)")


def add_take_over(group):
    """Add the option that takes a folder from another run."""
    group.add_argument(
        "--take-over",
        action="store_true",
        help="take the folder from another run that has it; only if that run is dead",
    )


def read_catalog(arguments):
    """Read the catalog that the arguments name."""
    from lensmap.catalog import ShearCatalog, read_table

    options = {}
    if arguments.hdu is not None:
        options["hdu"] = int(arguments.hdu) if arguments.hdu.isdigit() else arguments.hdu
    if arguments.path is not None:
        options["path"] = arguments.path
    table = read_table(arguments.catalog, format=arguments.format, **options)
    return ShearCatalog(
        table, arguments.columns, arguments.convention, arguments.kind, frame=arguments.frame
    )
