# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`HatsCatalog`: a shear catalog in a HATS folder, of which parts are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u

from lensmap.catalog._columns import check_extra, used_columns
from lensmap.catalog._convention import response_to_celestial
from lensmap.catalog._decision import condition_of, decide
from lensmap.catalog._declarations import check_arguments, survey_documents
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
from lensmap.catalog.hats._folder import HatsFolder, Partition
from lensmap.catalog.hats._keys import GALAXY_KEY, galaxy_keys
from lensmap.catalog.hats._positions import finest_pixels, has_position
from lensmap.catalog.hats._quiet import quiet
from lensmap.catalog.hats._ranges import ranges_of_circle, ranges_of_pixels
from lensmap.catalog.hats._rows import FileRows, stored_pixels
from lensmap.catalog.hats._versions import (
    SurveyNumbers,
    VersionReader,
    measure_selection,
    measure_versions,
)
from lensmap.utils import (
    CatalogWarning,
    ConventionWarning,
    ParameterError,
    as_icrs,
    as_skycoord,
    check_angle,
    track,
    warn_user,
    without_warnings,
)

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from numpy.typing import ArrayLike

    from lensmap.catalog._convention import Convention, Response
    from lensmap.catalog.files import TableSource
    from lensmap.typing import AngleLike, PathLike, ProgressLike

__all__ = ["HatsCatalog"]

# Warnings about a catalog as a whole, which parts of it would draw in vain or again and again.
_OF_WHOLE = (
    "unused_columns", "rows_left_out", "stray_positions", "density_too_low", "density_too_high",
    "ra_in_hours", "same_shapes",
)


class HatsCatalog:
    r"""A shear catalog in a HATS folder of Parquet files by HEALPix pixel, read part by part.

    Rubin and Euclid publish their catalogs in this form; `partition_catalog` makes such a folder
    of other files. Only the names and the footers of the files are read at first. Neither
    ``partition_info.csv`` nor ``_metadata`` nor properties are needed, and partitions may be
    files or folders of files. Of a collection, the main table is read.

    The columns, the convention, the kind and the frame are decided once for the whole folder, as
    for `ShearCatalog`, and each part is a `ShearCatalog` with them. Parts of a table with several
    sheared versions of the galaxies (metadetection) have the response of the whole survey, which
    is measured before the first part is read.

    Parameters
    ----------
    folder : path-like
        The folder: of a HATS catalog, or of a collection.
    columns, convention, kind, where, frame, response, max_ellipticity
        As for `ShearCatalog`.
    extra_columns : sequence of str
        Further columns that all parts keep.
    units, z_grid
        As for `ShearCatalog`.

    Attributes
    ----------
    folder : `pathlib.Path`
        The folder of the main table.
    convention, kind, frame : str
        The sign convention of the columns, and the kind and the frame.
    origins : dict
        The origins of these, as for `ShearCatalog`.
    response : float, tuple or None
        The given mean response in the celestial convention. None if the response columns are used
        or the response is measured.
    survey, documented
        As for `ShearCatalog`.
    column_names : dict
        The columns of the files, keyed by lensmap's column names.
    where : str or None
        The condition on rows.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If the folder holds no partitions, if partitions overlap, if no file can be read, or as for
        `ShearCatalog`.
    ImportError
        If pyarrow or hpgeom is not installed.

    Warns
    -----
    CatalogWarning
        If files are damaged. Reading the partition of such a file raises a ValueError that names
        it.
    ConventionWarning
        As for `ShearCatalog`.

    Examples
    --------
    >>> from lensmap.catalog import HatsCatalog
    >>> survey = HatsCatalog("survey", convention="celestial", kind="shear")  # doctest: +SKIP
    >>> survey.near(SkyCoord("10h00m +2d12m"), 30 * u.arcmin)  # doctest: +SKIP
    """

    def __init__(
        self,
        folder: PathLike,
        columns: PathLike | Mapping[str, str | None] | None = None,
        convention: Convention | None = None,
        kind: str | None = None,
        *,
        where: str | None = None,
        frame: str | None = None,
        response: float | ArrayLike | str | None = None,
        max_ellipticity: float = 2.0,
        extra_columns: str | Iterable[str] = (),
        units: Mapping[str, str] | None = None,
        z_grid: ArrayLike | None = None,
    ) -> None:
        if not max_ellipticity > 0:
            raise ParameterError("max_ellipticity", "positive", repr(max_ellipticity))
        given = check_arguments(convention=convention, kind=kind, frame=frame, response=response)
        self._files = HatsFolder(folder)
        self.folder = self._files.folder
        decision = decide(self._files.table(), columns, given)
        self._choice, self._declared = decision.choice, decision.declared
        self._choice.warn()
        self.convention, self.kind = self._declared.convention, self._declared.kind
        self.frame, self.origins = self._declared.frame, self._declared.origins
        self.response = response_to_celestial(self._declared.response, self.convention)
        self.survey, self.documented = decision.survey, survey_documents(decision.entry)
        self.column_names = dict(self._choice.mapping)
        self.where = condition_of(where, self._files.meta)
        self.max_ellipticity = float(max_ellipticity)
        self._extra = check_extra(extra_columns, self._files.colnames)
        self._units = check_units(units, self._choice.mapping)
        self._z_grid = z_grid
        used_columns(self._files.colnames, self._choice, self.where, self._extra)  # raises errors
        self._warned: tuple[str, ...] = ()

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """The partitions along the nested curve: ``order``, ``pixel``, ``n_rows``, ``paths``."""
        return self._files.partitions

    @property
    def colnames(self) -> list[str]:
        """The names of the columns of the files."""
        return list(self._files.colnames)

    @property
    def n_rows(self) -> int:
        """The number of rows of all partitions, unusable rows included."""
        return len(self._files)

    def __len__(self) -> int:
        return self.n_rows

    def __repr__(self) -> str:
        orders = [part.order for part in self.partitions]
        order = f"order {min(orders)}" + (f" to {max(orders)}" if max(orders) > min(orders) else "")
        return (
            f"<HatsCatalog of {self.n_rows} rows in {len(orders)} partitions of {order}; "
            f"{', '.join(self.column_names)}; convention={self.convention!r} "
            f"({self.origins['convention']}), kind={self.kind!r} ({self.origins['kind']})>"
        )

    def pixels(self, order: int) -> np.ndarray:
        """Return the HEALPix pixels that may hold galaxies, to the precision of the partitions.

        Parameters
        ----------
        order : int
            The HEALPix order.

        Returns
        -------
        `numpy.ndarray`
            The pixels in the nested scheme, sorted, int64, ``(n,)``. A partition of a lower order
            stands for all pixels within it.
        """
        return self._files.pixels(order)

    def within_pixels(
        self,
        order: int,
        pixels: ArrayLike,
        extra_columns: str | Iterable[str] = (),
        *,
        keys: bool = False,
    ) -> ShearCatalog | None:
        """Return the galaxies in HEALPix pixels.

        Parameters
        ----------
        order : int
            The HEALPix order.
        pixels : array_like
            The pixels in the nested scheme (ICRS), ``(n,)``.
        extra_columns : sequence of str
            Further columns to keep.
        keys : bool
            Whether to keep the column ``galaxy_key``, for `galaxy_keys`.

        Returns
        -------
        ShearCatalog or None
            All usable galaxies with positions in these pixels, in the order of the partitions and
            of their rows. None if there are none.

        Raises
        ------
        ValueError
            If a file that holds some of the galaxies is damaged; the message names it.
        """
        ranges = ranges_of_pixels(order, pixels)
        rows = self._files.rows_in(ranges, self._pixels_of)
        return self._with_warning(self._catalog_of(rows, extra_columns, keys))

    def near(
        self,
        center: SkyCoord,
        radius: AngleLike,
        extra_columns: str | Iterable[str] = (),
        *,
        keys: bool = False,
    ) -> ShearCatalog | None:
        """Return the galaxies within an angle of a position.

        Only the partitions that overlap with the circle are read.

        Parameters
        ----------
        center : `~astropy.coordinates.SkyCoord`
            The position.
        radius : `~astropy.units.Quantity` or str
            The angle.
        extra_columns, keys
            As for `within_pixels`.

        Returns
        -------
        ShearCatalog or None
            All usable galaxies within the angle, in the order of the partitions and of their rows.
            None if there are none.

        Raises
        ------
        ValueError
            If a file that holds some of the galaxies is damaged; the message names it.
        """
        sky = as_icrs(as_skycoord(center, "center", scalar=True), "center")
        angle = check_angle(radius, "radius").to_value(u.deg)
        ranges = ranges_of_circle(sky.ra.deg, sky.dec.deg, angle)
        rows = self._files.rows_in(ranges, self._pixels_of)
        catalog = self._with_warning(self._catalog_of(rows, extra_columns, keys))
        if catalog is None:
            return None
        near = catalog.skycoord.icrs.separation(sky).deg <= angle
        return catalog.select(near) if near.any() else None

    def chunks(
        self,
        progress: ProgressLike = None,
        extra_columns: str | Iterable[str] = (),
        *,
        keys: bool = False,
    ) -> Iterator[ShearCatalog]:
        """Iterate over the galaxies, one partition at a time.

        Parameters
        ----------
        progress : None, bool or callable
            Progress report over partitions; see `lensmap.typing`.
        extra_columns, keys
            As for `within_pixels`.

        Yields
        ------
        ShearCatalog
            The usable galaxies of a partition. Partitions without any are left out.

        Raises
        ------
        ValueError
            If a file is damaged; the message names it.

        Warns
        -----
        CatalogWarning
            At the end, if rows were left out.
        """
        left_out: Counter[str] = Counter()
        n_used = 0
        for part in track(self.partitions, len(self.partitions), progress, "partitions"):
            catalog = self._catalog_of(self._files.rows_of(part), extra_columns, keys)
            if catalog is not None:
                left_out.update(catalog.n_left_out)
                n_used += len(catalog)
                yield catalog
        _warn_left_out(left_out, n_used)

    def galaxy_keys(self, catalog: ShearCatalog) -> np.ndarray:
        """Return the key of each galaxy of a part, for random numbers.

        Parameters
        ----------
        catalog : ShearCatalog
            A part that was read with ``keys=True``, or galaxies selected from it.

        Returns
        -------
        `numpy.ndarray`
            The keys, uint64, ``(n,)``: a hash of the HEALPix pixel of order 29, the file and the
            row from which the galaxy came to the folder or, in folders of other programs, its row
            in its partition. A galaxy has the same key in every part.

        Raises
        ------
        ValueError
            If the catalog has no keys.
        """
        return galaxy_keys(catalog)

    def measured_response(self) -> tuple[Response, Response] | None:
        """Return the response that is measured from the sheared versions of all galaxies.

        The first call reads all partitions.

        Returns
        -------
        response, error : tuple
            The mean response in the celestial convention and its standard error,
            ``((r11, r12), (r21, r22))``. None instead of both if the response is given, or the
            catalog has no sheared versions.

        Raises
        ------
        ValueError
            If the error of the response exceeds 5 per cent, or a sheared version is missing.
        """
        numbers = self._numbers
        return None if numbers is None else numbers.measured

    def without(self, numbers: Collection[int]) -> HatsCatalog:
        """Return the catalog without some of its partitions, such as damaged ones.

        Parameters
        ----------
        numbers : sequence of int
            The numbers of the partitions in ``partitions``.

        Returns
        -------
        HatsCatalog
            The catalog of the other partitions.
        """
        new = copy(self)
        new._files = self._files.without(numbers)
        return new

    def digest(self) -> dict[str, Any]:
        """Return a digest of the folder.

        Returns
        -------
        dict
            ``files`` and ``bytes``, the number and the size of the Parquet files, and
            ``sha256_of_footers``, a digest of their names, sizes and footers. Footers hold the
            number of rows and the range of each column, so that nearly every change shows.
        """
        return self._files.digest()

    def partition_digests(self) -> dict[str, str]:
        """Return a digest of each partition, for `changed`.

        Returns
        -------
        dict
            The digests, keyed by order and pixel, such as ``"5/1023"``.
        """
        return self._files.digests()

    def changed(self, old: Mapping[str, str]) -> list[tuple[int, int]]:
        """Return the partitions that differ from an earlier record.

        Parameters
        ----------
        old : dict
            An earlier result of `partition_digests`.

        Returns
        -------
        list of tuple
            ``(order, pixel)`` of partitions that are new, have changed or are gone.
        """
        return self._files.changed(old)

    # --- reading ----------------------------------------------------------------------------

    def _with_warning(self, catalog: ShearCatalog | None) -> ShearCatalog | None:
        """Warn about the rows that were left out of a part, and return the part."""
        if catalog is not None:
            _warn_left_out(catalog.n_left_out, len(catalog))
        return catalog

    def _catalog_of(
        self, rows: Sequence[FileRows], extra_columns: str | Iterable[str], keys: bool
    ) -> ShearCatalog | None:
        """Return the usable galaxies among rows; None if there are none."""
        extra_columns = [extra_columns] if isinstance(extra_columns, str) else list(extra_columns)
        extra = dict.fromkeys([*self._extra, *extra_columns, *([GALAXY_KEY] if keys else [])])
        numbers = self._numbers
        choice, response = self._choice, self._declared.response
        if numbers is not None:
            choice, response = _without_versions(choice, numbers), numbers.response
            rows = [self._unsheared(part) for part in rows]
        elif response is None:
            choice = replace(choice, selection_response=self._selection_response)
        rows = [part for part in rows if len(part) or part.stop == part.start]
        if not rows:
            return None
        try:
            with self._reading():
                catalog = ShearCatalog(
                    self._files.table(rows, self._pixels_of), choice, self.convention, self.kind,
                    where="none" if self.where is None else self.where,
                    frame=self.frame, response="none" if response is None else response,
                    max_ellipticity=self.max_ellipticity, extra_columns=tuple(extra),
                    units=self._units or None, z_grid=self._z_grid,
                )
        except NoRowsError:
            return None
        origins = dict(self.origins)
        if numbers is not None and numbers.measured is not None:
            origins["response"] = "measured"
        catalog.origins, catalog.column_names = origins, dict(self.column_names)
        return catalog

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Issue no warnings and messages that belong to the whole, or that were issued before."""
        with without_warnings(ConventionWarning, *_OF_WHOLE, *self._warned), quiet():
            yield
        # Other warnings are those of the first part.
        self._warned = ("flagged_rows", "implausible_redshifts")

    @cached_property
    def _numbers(self) -> SurveyNumbers | None:
        """The numbers from the sheared versions of all galaxies; None if there are no versions."""
        if VARIANT not in self._choice.mapping:
            return None
        with without_warnings(CatalogWarning):
            return measure_versions(self._reader, self._all_tables, self._declared.response)

    @cached_property
    def _selection_response(self) -> np.ndarray | None:
        """The response of galaxies with response columns to their selection, from all of them."""
        with without_warnings(CatalogWarning):
            return measure_selection(self._reader, self._all_tables)

    @property
    def _reader(self) -> VersionReader:
        return VersionReader(
            self._choice, self.convention, self.where, self._units, self.max_ellipticity
        )

    def _all_tables(self) -> Iterator[TableSource]:
        """Iterate over the tables of all partitions; a warning named the damaged files."""
        for part in self.partitions:
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

    def _pixels_of(self, table: TableSource) -> np.ndarray:
        """Return the HEALPix pixels of order 29 of the rows of a table; -1 without a position."""
        pixels = stored_pixels(table)
        if pixels is not None:
            return pixels
        mapping = self._choice.mapping
        choice = ColumnChoice({name: mapping[name] for name in COORDINATES}, None)
        found = needed_columns(table, used_columns(table.colnames, choice))
        ra, dec = (
            column_values(computed_column(found, mapping[name]), name, mapping[name],
                          self._units.get(name))[0]
            for name in COORDINATES
        )
        good = has_position(ra, dec)
        pixels = np.full(len(ra), -1, dtype=np.int64)
        pixels[good] = finest_pixels(ra[good], dec[good], self.frame)
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


def _warn_left_out(left_out: Mapping[str, int], n_used: int) -> None:
    """Warn about rows that were left out, by cause."""
    if not left_out:
        return
    n_bad = sum(left_out.values())
    causes = ", ".join(f"{count} {cause}" for cause, count in left_out.items())
    warn_user(
        f"{n_bad} of {n_used + n_bad} rows are left out: {causes}", CatalogWarning, "rows_left_out"
    )
