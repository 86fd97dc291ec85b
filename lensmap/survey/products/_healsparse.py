# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""HealSparse files, written cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from lensmap.maps import meta_to_json, readable_cards
from lensmap.survey.products._blocks import CELL_ORDER, Cell, is_valid
from lensmap.survey.products._survey import Survey
from lensmap.survey.products._streamed_fits import GrowingHDU, hdu_bytes
from lensmap.utils import ParameterError, record_cards

if TYPE_CHECKING:
    from lensmap.typing import PathLike

__all__ = ["FRAME_CARD", "LAYER_CARD", "META_CARD", "UNSEEN", "HealSparseFile"]

#: The value of pixels without data in layers of real numbers, and its float32.
UNSEEN = -1.6375e30

#: The cards with the frame, the metadata as JSON, and the name of the layer.
FRAME_CARD, META_CARD, LAYER_CARD = "LMFRAME", "LMMETA", "LMLAYER"

_NSIDE_COVERAGE = 1 << CELL_ORDER
_N_COVERAGE = 12 * _NSIDE_COVERAGE**2


@dataclass(frozen=True)
class HealSparseFile:
    """A HealSparse file of one or more layers of a survey map.

    The file has the format that ``healsparse`` writes without compression, with coverage pixels of
    nside 32. Pixels without data have the value UNSEEN in layers of real numbers, and 0 in a layer
    of integers. A mask becomes its complement, the footprint: pixels are True where the mask is
    False, and all pixels that the file does not hold are False, with one bit for each pixel.

    Attributes
    ----------
    path : path-like
        The file.
    layers : str or sequence of str
        The layer. Several layers of numbers become the fields of one map of structured values.
    primary : str or None
        The layer that determines which pixels of a map of several layers have data. None takes
        the first one.

    References
    ----------
    The format is described by https://healsparse.readthedocs.io.

    Examples
    --------
    >>> from lensmap.survey import HealSparseFile
    >>> HealSparseFile("quality.hsp", ["unmasked_fraction", "density"])
    HealSparseFile(path='quality.hsp', layers=['unmasked_fraction', 'density'], primary=None)
    """

    path: PathLike
    layers: str | Sequence[str]
    primary: str | None = None

    def _names(self) -> list[str]:
        return [self.layers] if isinstance(self.layers, str) else list(self.layers)

    def _check(self, survey: Survey) -> None:
        """Raise an error unless the survey has the layers, of types that the file can hold."""
        names = self._names()
        survey.check_layers(names)
        if self.primary is not None and self.primary not in names:
            raise ParameterError(
                "primary", f"one of the layers {', '.join(names)}", repr(self.primary)
            )
        masks = [name for name in names if survey.dtypes[name] == bool]
        if masks and not isinstance(self.layers, str):
            raise ParameterError(
                "layers", "layers of numbers, if there are several", repr(masks[0]),
                "write the mask to a file of its own",
            )

    @contextmanager
    def _writing(self, path: PathLike, survey: Survey) -> Iterator[Callable[[Cell], bool]]:
        """Open the product.

        Yields
        ------
        callable
            A function that writes a cell, and returns whether it has data.
        """
        with open(path, "rb+") as file:
            writer = _Writer(file, self._names(), self.primary, self.layers, survey)
            yield writer.add
            writer.finish()


class _Writer:
    """The two HDUs of a HealSparse file: the places of the coverage pixels, and their values."""

    def __init__(self, file, names, primary, layers, survey):
        self._file, self._names = file, names
        self._primary = primary or names[0]
        self._is_table = not isinstance(layers, str)
        self._n_cell = 4 ** (survey.order - CELL_ORDER)
        self._empty = self._empty_cell(survey)
        cards = _cards(survey, None if self._is_table else layers)
        # The place of each coverage pixel in the values, less n_cell times its number. The first
        # cell of the values is empty, and the place of all pixels that the map does not hold.
        self._places = -self._n_cell * np.arange(_N_COVERAGE, dtype=np.int64)
        self._coverage = fits.PrimaryHDU(self._places)
        self._coverage.header.update(
            {"EXTNAME": "COV", "PIXTYPE": "HEALSPARSE", "NSIDE": _NSIDE_COVERAGE, **cards}
        )
        self._start = file.tell()
        self._coverage_size = file.write(hdu_bytes(self._coverage))
        header = self._values_header(survey.nside, cards)
        self._values = GrowingHDU(file, header, "NAXIS2" if self._is_table else "NAXIS1")
        self._values.append(self._stored(self._empty))
        self._n_cells = 1

    def _empty_cell(self, survey):
        """Return the values of a cell without data."""
        if not self._is_table:
            dtype = survey.dtypes[self._names[0]]
            # The footprint, which is the complement of a mask, is False where there is no data.
            return np.full(self._n_cell, UNSEEN if dtype == np.float32 else 0, dtype)
        # HealSparse has fields of integers at the smallest integer in pixels without data.
        empty = np.zeros(self._n_cell, [(name, survey.dtypes[name]) for name in self._names])
        for name in self._names:
            is_real = survey.dtypes[name] == np.float32
            empty[name] = UNSEEN if is_real else np.iinfo(np.int32).min
        return empty

    def _values_header(self, nside, cards):
        sample = self._stored(self._empty)[:1]
        hdu: Any = (fits.BinTableHDU if self._is_table else fits.ImageHDU)(sample)
        hdu.name = "SPARSE"
        sentinel = self._empty[self._primary][0] if self._is_table else self._empty[0]
        hdu.header.update({"PIXTYPE": "HEALSPARSE", "NSIDE": nside, **cards})
        # healsparse rounds the number to the type of the values.
        hdu.header["SENTINEL"] = UNSEEN if sentinel.dtype.kind == "f" else sentinel.item()
        if self._is_table:
            hdu.header["PRIMARY"] = self._primary
        elif self._empty.dtype == bool:
            hdu.header["BITPACK"] = True
        return hdu.header

    def _stored(self, values):
        """Return the values of a cell as they are stored: eight pixels of a footprint per byte."""
        return np.packbits(values, bitorder="little") if values.dtype == bool else values

    def add(self, cell):
        """Write a cell, unless it has no data; return whether it has."""
        valid = is_valid(cell.layers[self._primary])
        if not valid.any():
            return False
        values = self._empty.copy()
        if self._is_table:
            for name in self._names:
                layer = cell.layers[name]
                has_value = valid & np.isfinite(layer) if layer.dtype.kind == "f" else valid
                values[name][has_value] = layer[has_value]
        else:
            values[valid] = True if values.dtype == bool else cell.layers[self._primary][valid]
        self._values.append(self._stored(values))
        self._places[cell.pixel] += self._n_cells * self._n_cell
        self._n_cells += 1
        return True

    def finish(self):
        """Complete both HDUs."""
        self._values.finish()
        self._coverage.data = self._places
        coverage = hdu_bytes(self._coverage)
        if len(coverage) != self._coverage_size:  # it would overwrite the values
            raise RuntimeError("the coverage of a HealSparse file has changed its size")
        self._file.seek(self._start)
        self._file.write(coverage)


def _cards(survey, layer):
    """Return the cards of both HDUs; ``layer`` is None for a map of several layers."""
    cards: dict[str, Any] = {key: card[0] for key, card in readable_cards(survey.meta).items()}
    cards |= {**record_cards(), FRAME_CARD: "icrs", META_CARD: meta_to_json(survey.meta)}
    return cards if layer is None else {**cards, LAYER_CARD: layer}
