# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""FITS files with checksums, and with cards that record their making."""

from __future__ import annotations

import gzip
import io
import json
import warnings
from collections.abc import Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from astropy.io import fits
from astropy.io.fits.verify import VerifyWarning

from lensmap.utils._provenance import creation_date, provenance

if TYPE_CHECKING:
    from astropy.table import Table

    from lensmap.typing import PathLike

__all__ = [
    "N_HDUS_CARD", "PROVENANCE_CARD", "add_checksums", "check_number_of_hdus", "find_hdus",
    "record_cards", "write_fits_table", "write_hdus",
]

#: The keyword of the card that records, as JSON, how a file was made.
PROVENANCE_CARD = "LMPROV"

#: The keyword of the card with the number of HDUs, without which a file that ends between two HDUs
#: would seem to be complete.
N_HDUS_CARD = "LMNHDUS"


def write_hdus(hdus: Iterable[Any], path: PathLike, **entries: Any) -> None:
    """Write a FITS file with checksums and provenance; an existing file is replaced.

    Parameters
    ----------
    hdus : iterable of HDUs
        The HDUs, of which the first is the primary HDU.
    path : path-like
        The file; if its name ends in ``.gz``, it is compressed.
    **entries
        Further entries of the provenance.
    """
    file = fits.HDUList(list(hdus))
    for key, card in record_cards(**entries).items():
        file[0].header[key] = card
    file[0].header[N_HDUS_CARD] = (len(file), "number of HDUs in this file")
    file.update_extend()  # before the checksums, which include this card
    add_checksums(file)
    with _stream(path) as stream:
        file.writeto(stream)


def check_number_of_hdus(hdus: Any) -> None:
    """Check that a FITS file written by `write_hdus` has all its HDUs.

    Parameters
    ----------
    hdus : `~astropy.io.fits.HDUList`
        The open file. Further HDUs, which another program may have appended, are allowed.

    Raises
    ------
    ValueError
        If HDUs are missing.
    """
    expected = hdus[0].header.get(N_HDUS_CARD, 0)
    if len(hdus) < expected:
        raise ValueError(
            f"it ends too early, after {len(hdus)} of {expected} HDUs: copy the file again from "
            "its source, or make it anew"
        )


def find_hdus(hdus: Any, which: int | str) -> list[int]:
    """Return the indices of the HDUs with an index or a name.

    Parameters
    ----------
    hdus : `~astropy.io.fits.HDUList`
        The open file.
    which : int or str
        The index (negative from the end), or a text: an index, a name (in upper or lower case), or
        a name and the EXTVER of one of several HDUs with this name, as ``"SHAPES,2"``.

    Returns
    -------
    list of int
        The indices; empty if no HDU has this index or name.
    """
    text = str(which).strip()
    if isinstance(which, int) or text.isdigit():
        number = int(which)
        return [number % len(hdus)] if -len(hdus) <= number < len(hdus) else []
    name, _, version = text.partition(",")
    return [
        i for i, hdu in enumerate(hdus)
        if hdu.name.upper() == name.strip().upper()
        and (not version or str(hdu.ver) == version.strip())
    ]


def write_fits_table(table: Table, path: PathLike, **entries: Any) -> None:
    """Write a table to a FITS file with checksums and provenance; an existing file is replaced.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    path : path-like
        The file; if its name ends in ``.gz``, it is compressed.
    **entries
        Further entries of the provenance.
    """
    table = table.copy(copy_data=False)
    table.meta = {**table.meta, **record_cards(**entries)}
    if _is_compressed(path):
        memory = io.BytesIO()
        with _long_keywords():
            table.write(memory, format="fits")
        memory.seek(0)
        with fits.open(memory) as file, _stream(path) as stream:
            add_checksums(file)
            file.writeto(stream)
        return
    with _long_keywords():
        table.write(path, format="fits", overwrite=True)
    with fits.open(path, mode="update") as file:  # astropy's tables have no checksums
        add_checksums(file)


def record_cards(**entries: Any) -> dict[str, str]:
    """Return the cards that record the making of a file, with further ``entries``."""
    record = provenance(**entries)
    return {
        "CREATOR": f"lensmap {record['lensmap']}",
        "DATE": record["date"].removesuffix("+00:00"),
        PROVENANCE_CARD: json.dumps(record),  # ASCII; astropy continues it over many cards
    }


@contextmanager
def _long_keywords():
    """Write entries of a table's meta with long names as HIERARCH cards, without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Keyword name .* HIERARCH", VerifyWarning)
        yield


def add_checksums(file: Any) -> None:
    """Add checksums to all HDUs of an open FITS file."""
    when = creation_date().isoformat().removesuffix("+00:00")
    for hdu in file:
        hdu.add_checksum(when)


def _is_compressed(path):
    return str(path).lower().endswith(".gz")


@contextmanager
def _stream(path):
    """Open a file for writing; compressed files contain no name and date."""
    with open(path, "wb") as file:
        if not _is_compressed(path):
            yield file
            return
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as compressed:
            yield compressed
