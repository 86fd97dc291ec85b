# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""FITS tables of the HEALPix pixels of a part of the sphere, written cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from lensmap.maps import meta_hdus, readable_cards
from lensmap.survey.products._blocks import CELL_ORDER, Cell, is_valid
from lensmap.survey.products._healsparse import UNSEEN
from lensmap.survey.products._survey import Survey
from lensmap.survey.products._streamed_fits import GrowingHDU, hdu_bytes
from lensmap.utils import FITS_SUFFIXES, N_HDUS_CARD, ParameterError, has_suffix, record_cards

if TYPE_CHECKING:
    from lensmap.typing import PathLike

__all__ = ["HealpixTable"]

# The columns that `HealpixMap.read` knows; those of other layers have the names of the layers.
_COLUMNS = {"kappa": "KAPPA", "kappa_b": "KAPPA_B", "error": "UNCERT", "counts": "COUNTS"}


@dataclass(frozen=True)
class HealpixTable:
    """A FITS table of HEALPix pixels with one column for each layer of a survey map.

    The table holds the pixels in which the first layer has data, with their nested index in the
    column PIXEL (INDXSCHM = 'EXPLICIT'). `~lensmap.maps.HealpixMap.read` and ``healpy`` read it.
    The columns of the layers kappa, kappa_b, error and counts are KAPPA, KAPPA_B, UNCERT and
    COUNTS. Pixels without a value of a further layer are NaN or 0.

    Attributes
    ----------
    path : path-like
        The file, which cannot be compressed.
    layers : sequence of str
        The layers of numbers.

    Examples
    --------
    >>> from lensmap.survey import HealpixTable
    >>> HealpixTable("kappa.fits", ["kappa", "error"])
    HealpixTable(path='kappa.fits', layers=['kappa', 'error'])
    """

    path: PathLike
    layers: Sequence[str]

    def _names(self) -> list[str]:
        return [self.layers] if isinstance(self.layers, str) else list(self.layers)

    def _check(self, survey: Survey) -> None:
        """Raise an error unless the survey has the layers, and the file can hold them."""
        suffixes = tuple(suffix for suffix in FITS_SUFFIXES if not suffix.endswith(".gz"))
        if not has_suffix(self.path, suffixes):
            raise ParameterError(
                "path", f"a name that ends in {' or '.join(suffixes)}", repr(str(self.path))
            )
        names = self._names()
        survey.check_layers(names)
        masks = [name for name in names if survey.dtypes[name] == bool]
        if masks:
            raise ParameterError(
                "layers", "layers of numbers", repr(masks[0]),
                "leave the mask out: the table has no masked pixels",
            )

    @contextmanager
    def _writing(self, path: PathLike, survey: Survey) -> Iterator[Callable[[Cell], bool]]:
        """Open the product.

        Yields
        ------
        callable
            A function that writes the rows of a cell, and returns whether it has any.
        """
        names = self._names()
        columns = [_COLUMNS.get(name, name.upper()) for name in names]
        dtype = np.dtype([
            ("PIXEL", np.int64),
            *((column, survey.dtypes[name])
              for column, name in zip(columns, names, strict=True)),
        ])
        n_cell = 4 ** (survey.order - CELL_ORDER)
        with open(path, "rb+") as file:
            tail = meta_hdus(survey.meta)
            primary = fits.PrimaryHDU()
            primary.header.update(record_cards())
            primary.header[N_HDUS_CARD] = (2 + len(tail), "number of HDUs in this file")
            file.write(hdu_bytes(primary))
            table = GrowingHDU(file, _table_header(dtype, survey), "NAXIS2")

            def add(cell: Cell) -> bool:
                row = np.flatnonzero(is_valid(cell.layers[names[0]]))
                rows = np.empty(len(row), dtype)
                rows["PIXEL"] = cell.pixel * n_cell + row
                for column, name in zip(columns, names, strict=True):
                    rows[column] = cell.layers[name][row]
                table.append(rows)
                return len(row) > 0

            yield add
            table.finish()
            if tail:
                file.write(hdu_bytes(*tail))


def _table_header(dtype, survey):
    """Return the header of a table, as `HealpixMap.write` has it."""
    hdu: Any = fits.BinTableHDU(np.zeros(0, dtype), name="KAPPA")
    for key, value, comment in (
        ("PIXTYPE", "HEALPIX", "pixelization"),
        ("ORDERING", "NESTED", "scheme of the pixel indices"),
        ("NSIDE", survey.nside, "resolution"),
        ("INDXSCHM", "EXPLICIT", "the pixel indices are a column"),
        ("OBJECT", "PARTIAL", "part of the sphere"),
        ("COORDSYS", "C", "C equatorial, G galactic, E ecliptic"),
        ("BAD_DATA", UNSEEN, "pixels without data are not in the table"),
        *((key, *card) for key, card in readable_cards(survey.meta).items()),
    ):
        hdu.header[key] = (value, comment)
    return hdu.header
