# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`HatsCatalog`: a shear catalog in a HATS folder, of which parts are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u

from lensmap.catalog._convention import response_to_celestial
from lensmap.catalog._decision import condition_of, decide
from lensmap.catalog._declarations import check_arguments, survey_documents
from lensmap.catalog._shear_catalog import ShearCatalog
from lensmap.catalog.hats._folder import HatsFolder, Partition
from lensmap.catalog.hats._keys import galaxy_keys
from lensmap.catalog.hats._ranges import ranges_of_circle, ranges_of_pixels
from lensmap.catalog.hats._reader import PartReader
from lensmap.catalog.hats._rows import chunks_of_rows
from lensmap.utils import (
    CatalogWarning,
    ParameterError,
    as_icrs,
    as_skycoord,
    check_angle,
    check_count,
    track,
    warn_user,
)

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from numpy.typing import ArrayLike

    from lensmap.catalog._convention import Convention, Response
    from lensmap.catalog.hats._rows import FileRows
    from lensmap.catalog.hats._versions import MeasuredNumbers
    from lensmap.typing import AngleLike, PathLike, ProgressLike

__all__ = ["HatsCatalog"]


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
        self._response = decision.declared.response
        declared = decision.declared
        decision.choice.warn()
        self.convention, self.kind, self.frame = declared.convention, declared.kind, declared.frame
        self.origins = declared.origins
        self.response = response_to_celestial(declared.response, self.convention)
        self.survey, self.documented = decision.survey, survey_documents(decision.entry)
        self.column_names = dict(decision.choice.mapping)
        self.where = condition_of(where, self._files.meta)
        self.max_ellipticity = float(max_ellipticity)
        self._reader = PartReader(
            self._files, decision, self.where, self.max_ellipticity, extra_columns, units, z_grid
        )

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """The partitions along the nested curve: ``order``, ``pixel``, ``n_rows``, ``paths``."""
        return self._files.partitions

    @property
    def settings(self) -> dict[str, Any]:
        """The settings with which the folder is read, for records of runs."""
        return {
            "columns": self.column_names, "convention": str(self.convention), "kind": self.kind,
            "frame": self.frame, "response": self._response, "where": self.where,
            "max_ellipticity": self.max_ellipticity,
        }

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
        rows = self._files.rows_in(ranges, self._reader.pixels_of)
        return _with_warning(self._reader.catalog_of(rows, extra_columns, keys))

    def chunks_within_pixels(
        self,
        order: int,
        pixels: ArrayLike,
        extra_columns: str | Iterable[str] = (),
        *,
        keys: bool = False,
        max_rows: int = 1 << 20,
    ) -> Iterator[ShearCatalog]:
        """Iterate over the galaxies in HEALPix pixels, in chunks of bounded size.

        Parameters
        ----------
        order, pixels, extra_columns, keys
            As for `within_pixels`.
        max_rows : int
            The largest number of rows of a chunk.

        Yields
        ------
        ShearCatalog
            Usable galaxies with positions in these pixels, in the order of the partitions and of
            their rows. Chunks without any are left out.

        Raises
        ------
        ValueError
            If a file that holds some of the galaxies is damaged; the message names it.

        Warns
        -----
        CatalogWarning
            At the end, if rows were left out.
        """
        rows = self._files.rows_in(ranges_of_pixels(order, pixels), self._reader.pixels_of)
        chunks = chunks_of_rows(rows, check_count(max_rows, "max_rows", minimum=1))
        yield from self._catalogs(chunks, extra_columns, keys)

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
        rows = self._files.rows_in(ranges, self._reader.pixels_of)
        catalog = _with_warning(self._reader.catalog_of(rows, extra_columns, keys))
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
            True shows a progress bar of the partitions. A callable is called as ``progress(done,
            total)``. None or False shows nothing.
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
        parts = track(self.partitions, len(self.partitions), progress, "partitions")
        yield from self._catalogs(map(self._files.rows_of, parts), extra_columns, keys)

    def _catalogs(
        self, chunks: Iterable[list[FileRows]], extra_columns: str | Iterable[str], keys: bool
    ) -> Iterator[ShearCatalog]:
        """Yield the usable galaxies of each chunk of rows; warn at the end of rows left out."""
        left_out: Counter[str] = Counter()
        n_used = 0
        for rows in chunks:
            catalog = self._reader.catalog_of(rows, extra_columns, keys)
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
        versions = self._reader.numbers.versions
        return None if versions is None else versions.measured

    def measured_numbers(self) -> MeasuredNumbers:
        """Return all numbers of the whole catalog with which its parts are read.

        They are the mean response and the dispersion from the sheared versions of the galaxies, and
        the response to a selection. The first call may read all partitions.

        Returns
        -------
        object
            The numbers, for `with_numbers`. They can be pickled.

        Raises
        ------
        ValueError
            As for `measured_response`.
        """
        return self._reader.numbers

    def with_numbers(self, numbers: MeasuredNumbers) -> HatsCatalog:
        """Return the catalog with numbers that were measured before, which are not measured again.

        Parameters
        ----------
        numbers : object
            The result of `measured_numbers`: of this catalog, or of an earlier state of it.

        Returns
        -------
        HatsCatalog
            The catalog.
        """
        new = copy(self)
        new._reader = self._reader.with_numbers(numbers)
        return new

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


def _with_warning(catalog: ShearCatalog | None) -> ShearCatalog | None:
    """Warn about the rows that were left out of a part, and return the part."""
    if catalog is not None:
        _warn_left_out(catalog.n_left_out, len(catalog))
    return catalog


def _warn_left_out(left_out: Mapping[str, int], n_used: int) -> None:
    """Warn about rows that were left out, by cause."""
    if not left_out:
        return
    n_bad = sum(left_out.values())
    causes = ", ".join(f"{count} {cause}" for cause, count in left_out.items())
    warn_user(
        f"{n_bad} of {n_used + n_bad} rows are left out: {causes}", CatalogWarning, "rows_left_out"
    )
