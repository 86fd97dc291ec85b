# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Reading of parts of a survey catalog, with the settings and numbers of the whole survey."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lensmap.catalog._columns import check_extra, used_columns
from lensmap.catalog._decision import Decision
from lensmap.catalog._needed import needed_columns
from lensmap.catalog._no_rows import NoRowsError
from lensmap.catalog._preset import VARIANT
from lensmap.catalog._selection import column_of, computed_column, is_computed
from lensmap.catalog._shear_catalog import ShearCatalog
from lensmap.catalog._unused_columns import ColumnChoice
from lensmap.catalog._values import check_units, column_values
from lensmap.catalog._version_names import UNSHEARED, version_codes
from lensmap.catalog.files import open_table
from lensmap.catalog.hats._arrow import COORDINATES
from lensmap.catalog.hats._folder import HatsFolder
from lensmap.catalog.hats._keys import GALAXY_KEY
from lensmap.catalog.hats._positions import finest_pixels, has_position
from lensmap.catalog.hats._quiet import quiet
from lensmap.catalog.hats._rows import FileRows, stored_pixels
from lensmap.catalog.hats._versions import (
    MeasuredNumbers,
    SurveyNumbers,
    VersionReader,
    measure_selection,
    measure_versions,
)
from lensmap.utils import CatalogWarning, ConventionWarning, without_warnings

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lensmap.catalog.files import TableSource

__all__ = ["PartReader"]

# Warnings about a catalog as a whole, which parts of it would draw in vain or again and again.
_OF_WHOLE = (
    "unused_columns", "rows_left_out", "stray_positions", "density_too_low", "density_too_high",
    "ra_in_hours", "same_shapes",
)


class PartReader:
    """A reader of parts of a survey catalog.

    Parameters
    ----------
    files : HatsFolder
        The files.
    decision : Decision
        The columns and the declarations.
    where : str or None
        The condition on rows.
    max_ellipticity, extra_columns, units, z_grid
        As for `ShearCatalog`.

    Raises
    ------
    ValueError
        If the condition or the further columns name a column that the files lack, or a unit does
        not suit its column.
    """

    def __init__(
        self,
        files: HatsFolder,
        decision: Decision,
        where: str | None,
        max_ellipticity: float,
        extra_columns: str | Iterable[str],
        units: Mapping[str, str] | None,
        z_grid: ArrayLike | None,
    ) -> None:
        self._files, self._choice, self._declared = files, decision.choice, decision.declared
        self._where, self._max_ellipticity, self._z_grid = where, max_ellipticity, z_grid
        self._extra = check_extra(extra_columns, files.colnames)
        self._units = check_units(units, self._choice.mapping)
        used_columns(files.colnames, self._choice, where, self._extra)  # raises errors
        self._warned: tuple[str, ...] = ()

    def catalog_of(
        self, rows: Sequence[FileRows], extra_columns: str | Iterable[str], keys: bool
    ) -> ShearCatalog | None:
        """Return the usable galaxies among rows.

        Parameters
        ----------
        rows : sequence of FileRows
            The rows.
        extra_columns : str or iterable of str
            Further columns to keep.
        keys : bool
            Whether to keep the keys of galaxies.

        Returns
        -------
        ShearCatalog or None
            The galaxies. None if there are none.
        """
        extra_columns = [extra_columns] if isinstance(extra_columns, str) else list(extra_columns)
        extra = dict.fromkeys([*self._extra, *extra_columns, *([GALAXY_KEY] if keys else [])])
        numbers, declared = self.numbers.versions, self._declared
        choice, response = self._choice, declared.response
        if numbers is not None:
            choice, response = _without_versions(choice, numbers), numbers.response
            rows = [self._unsheared(part) for part in rows]
        elif response is None:
            selection = self.numbers.selection
            if selection is not None:
                choice = replace(choice, selection_response=np.array(selection))
        rows = [part for part in rows if len(part) or part.stop == part.start]
        if not rows:
            return None
        try:
            with self._reading():
                catalog = ShearCatalog(
                    self._files.table(rows, self.pixels_of), choice, declared.convention,
                    declared.kind,
                    where="none" if self._where is None else self._where,
                    frame=declared.frame, response="none" if response is None else response,
                    max_ellipticity=self._max_ellipticity, extra_columns=tuple(extra),
                    units=self._units or None, z_grid=self._z_grid,
                )
        except NoRowsError:
            return None
        origins = dict(declared.origins)
        if numbers is not None and numbers.measured is not None:
            origins["response"] = "measured"
        catalog.origins, catalog.column_names = origins, dict(self._choice.mapping)
        return catalog

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Issue no warnings and messages that belong to the whole, or that were issued before."""
        with without_warnings(ConventionWarning, *_OF_WHOLE, *self._warned), quiet():
            yield
        # Other warnings are those of the first part.
        self._warned = ("flagged_rows", "implausible_redshifts")

    @cached_property
    def numbers(self) -> MeasuredNumbers:
        """The numbers of the whole survey, for which all partitions may be read."""
        versions = selection = None
        with without_warnings(CatalogWarning):
            if VARIANT in self._choice.mapping:
                versions = measure_versions(
                    self._version_reader, self._all_tables, self._declared.response
                )
            elif self._declared.response is None:
                measured = measure_selection(self._version_reader, self._all_tables)
                if measured is not None:
                    (r11, r12), (r21, r22) = measured.tolist()
                    selection = (r11, r12), (r21, r22)
        return MeasuredNumbers(versions, selection)

    def with_numbers(self, numbers: MeasuredNumbers) -> PartReader:
        """Return a reader with numbers that were measured before."""
        new = copy(self)
        new.__dict__["numbers"] = numbers
        return new

    @property
    def _version_reader(self) -> VersionReader:
        return VersionReader(
            self._choice, self._declared.convention, self._where, self._units,
            self._max_ellipticity,
        )

    def _all_tables(self) -> Iterator[TableSource]:
        """Iterate over the tables of all partitions; a warning named the damaged files."""
        for part in self._files.partitions:
            rows = [file for file in self._files.rows_of(part) if len(file)]
            if rows:
                yield self._files.table(rows)

    def _unsheared(self, rows: FileRows) -> FileRows:
        """Return the rows that are measured without artificial shear."""
        column = self._choice.mapping[VARIANT]
        with open_table(rows.path, format="parquet") as table:
            part = table.part(rows.start, rows.stop)
            codes, _ = version_codes(column_of({column: part[column]}, column).data)
        return rows.selected(codes == UNSHEARED)

    def pixels_of(self, table: TableSource) -> np.ndarray:
        """Return the HEALPix pixels of order 29 of the rows of a table; -1 without a position.

        Parameters
        ----------
        table : TableSource
            The table.
        """
        pixels = stored_pixels(table)
        if pixels is not None:
            return pixels
        mapping = self._choice.mapping
        choice = ColumnChoice({name: mapping[name] for name in COORDINATES}, None)
        found = needed_columns(table, used_columns(table.colnames, choice))
        positions = []
        for name in COORDINATES:
            column = computed_column(found, mapping[name])
            values, mask = column_values(column, name, mapping[name], self._units.get(name))
            positions.append(values if mask is None else np.where(mask, np.nan, values))
        ra, dec = positions
        good = has_position(ra, dec)
        pixels = np.full(len(ra), -1, dtype=np.int64)
        pixels[good] = finest_pixels(
            ra[good], dec[good], self._declared.frame
        )
        return pixels


def _without_versions(choice: ColumnChoice, numbers: SurveyNumbers) -> ColumnChoice:
    """Return the columns for rows of galaxies without artificial shear."""
    mapping = {name: theirs for name, theirs in choice.mapping.items() if name != VARIANT}
    if numbers.dispersion is not None:
        theirs = mapping["sigma_m"]
        error = f"({theirs})" if is_computed(theirs, ()) else f"`{theirs}`"
        mapping["weight"] = f"1 / ({numbers.dispersion**2!r} + {error} * {error})"
    return ColumnChoice(
        mapping, choice.preset, choice.entry, (), choice.left_out | {VARIANT}
    )
