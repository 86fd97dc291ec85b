# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ShearCatalog`: galaxies with positions, ellipticities and a declared convention."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import log
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from lensmap.catalog._behind import selected_behind
from lensmap.catalog._cleaning import check_weights, usable_rows
from lensmap.catalog._columns import OPTIONAL, check_extra, choose_columns, used_columns
from lensmap.catalog._convention import (
    Convention,
    Response,
    columns_to_celestial,
    response_to_celestial,
    versions_to_celestial,
)
from lensmap.catalog._decision import condition_of, decide
from lensmap.catalog._declarations import check_arguments, declaring_meta, survey_documents
from lensmap.catalog._html import html_of_catalog
from lensmap.catalog._loading import load_columns, select_rows
from lensmap.catalog._metadetection import (
    MIN_GALAXIES_OF_PART,
    as_response,
    check_versions,
    checked_version_sums,
    has_all_versions,
    read_versions,
    response_of_part,
    variance_weights,
)
from lensmap.catalog._needed import needed_columns
from lensmap.catalog._no_rows import NoRowsError
from lensmap.catalog._plausible import warn_of_positions, warn_of_shapes
from lensmap.catalog._preset import DENSITY
from lensmap.catalog._redshift_densities import read_densities
from lensmap.catalog._selection_response import add_selection_response, sheared_columns
from lensmap.catalog._source_redshifts import source_redshifts
from lensmap.catalog._unused_columns import ColumnChoice
from lensmap.catalog._values import check_units
from lensmap.catalog._version_names import UNSHEARED, VERSIONS
from lensmap.catalog.files import (
    TableSource,
    are_versions,
    check_no_choice,
    open_table,
    stack_versions,
)
from lensmap.utils import CatalogWarning, ParameterError, ParameterTypeError, warn_user

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lensmap.cosmology import SourceRedshifts
    from lensmap.typing import MaskLike, PathLike

__all__ = ["ShearCatalog"]


def _has_columns(
    columns: PathLike | Mapping[str, str | None] | None, names: list[str]
) -> bool:
    """Return whether a table with the column names ``names`` has the columns of a catalog.

    ``columns`` is the parameter of `ShearCatalog`.
    """
    try:
        choose_columns(names, columns)
    except ParameterError:
        return False
    return True


class ShearCatalog:
    r"""A shear catalog: positions, ellipticities and weights with a known sign convention.

    Ellipticities, additive biases and responses are converted to the celestial convention, in
    which x points to the east and y to the north. Rows are left out if a used value is not finite,
    a placeholder such as -99 or not plausible, or the ellipticity too large. One warning gives the
    number of rows left out for each cause. Redshifts that are missing or not plausible are NaN.

    The convention and the kind of the ellipticities are taken from the arguments, else from the
    table's meta, else from the documentation of the survey whose columns the table has. What is
    taken from the documentation is reported in Astropy's log. If nothing declares the convention or
    the kind, shears in the celestial convention are assumed, with a warning. A warning is also
    given if an argument differs from the meta, or if either of them differs from the documentation
    of the survey.

    Parameters
    ----------
    table : `~astropy.table.Table` or dict
        The galaxies, one per row. Masked values count as missing, and so do words such as
        ``"null"`` in columns of numbers as text. Columns that need no conversion are not copied,
        so the table must not be changed afterwards.
    columns : None, str, path-like or dict
        The names of the table's columns: the name of a preset (`COLUMN_PRESETS`), the path of a
        TOML file with a preset of one's own, a dict from lensmap's column names to the table's,
        or a text that combines a preset and names, such as
        ``"hsc-y3,redshift=photoz_best,m=none"``. Lensmap's names are ``ra``, ``dec``, ``e1``,
        ``e2`` and, optionally, ``weight``, ``sigma_m``, ``sigma_e``, ``redshift``, ``m``, ``c1``,
        ``c2``, ``r11``, ``r22``, ``r12``, ``r21``, ``variant``, which names the sheared version of
        a galaxy to which a row belongs, and ``pz``, a vector column of the redshift probability
        density p(z) of each galaxy, which is read only if it is named here. It takes precedence
        over ``redshift``. The table's name may be an expression, such as
        ``"sqrt(var_e)"``, or an element of a vector column, such as ``"g[0]"``; None leaves a
        column out. If None, the preset is chosen from the table's column names, and is logged
        unless all the names are lensmap's own.
    convention : str, tuple of int or None
        The sign convention of e1 and e2: ``"celestial"``, ``"euclidean"``, ``"iau"``, or the
        signs ``(s1, s2)`` that convert e1 and e2 to the celestial convention. If None, that of
        the table's meta (``convention``, or ``CONVENTN`` as in FITS headers), of the survey, or
        celestial. `lensmap.check_convention` tests the convention on the data.
    kind : {"shear", "distortion"} or None
        The kind of ellipticity. With ``"shear"``, :math:`|e| = (a - b) / (a + b)`, whose mean is
        the reduced shear. With ``"distortion"``, :math:`|e| = (a^2 - b^2) / (a^2 + b^2)`, whose
        mean is twice the responsivity times the shear. If None, that of the table's meta, of the
        survey, or shear.
    where : str or None
        A condition on the columns of the table that selects rows before anything else, such as
        ``"redshift < 1.5 and i_flag == 0"``. It compares columns (names with blanks or special
        characters in backticks) with numbers, texts or other columns by ``<``, ``<=``, ``>``,
        ``>=``, ``==``, ``!=`` and ``in (...)``, joins comparisons by ``and``, ``or`` and ``not``,
        and may use arithmetic, ``abs``, ``sqrt``, ``log10``, ``exp``, ``isnan`` and ``isfinite``.
        Rows without a value (NaN, masked, or a placeholder such as -99) fulfill no comparison. If
        None, all rows are used, unless `partition_catalog` stored a condition in the table's meta;
        ``"none"`` uses all rows in any case.
    frame : str or None
        The name in `astropy.coordinates` of the frame of the positions, such as ``"icrs"``,
        ``"fk5"`` or ``"galactic"``. Ellipticities are measured with respect to the north of this
        frame. If None, that of the table's meta, or ICRS.
    response : float, array_like, "none" or None
        A mean shear response that overrides the response columns: a number or a 2 x 2 matrix, in
        the same convention as the columns. If None, that of the table's meta or, without one, the
        response columns. ``"none"`` uses the response columns whatever the meta declares.
    max_ellipticity : float
        The largest modulus of the ellipticity of a usable row. It should exceed 1: calibrated
        ellipticities of noisy galaxies can be larger than 1, and a cut at 1 biases the shear low.
    extra_columns : sequence of str
        Further columns of the table to keep, such as magnitudes. Their names must differ from
        lensmap's column names.
    units : dict or None
        The units of columns for which the table has none or a wrong one, keyed by lensmap's column
        names, such as ``{"ra": "hourangle"}``. If None, positions are in the unit that the table
        states or, without one, in degrees; right ascensions as text with colons or blanks
        (``"10:00:24.5"``) are in hours.
    z_grid : array_like or None
        The redshifts at which ``pz`` is given, ``(n_z,)``, increasing; p(z) is linear between them,
        in any normalization. If None, the entry ``z_grid`` of the meta of the column or the table.

    Attributes
    ----------
    convention, kind, frame : str
        The sign convention of the table, and the kind and the frame of the catalog.
    response : float, tuple or None
        The mean response in the celestial convention. None if the response columns are used.
    origins : dict
        The origins of ``convention``, ``kind``, ``frame`` and ``response``, keyed by these names:
        ``"argument"``, ``"file"`` (the table's meta), ``"survey"``, ``"measured"`` (the response
        from sheared versions of the galaxies) or ``"default"``.
    column_names : dict
        The table's column names or expressions, keyed by lensmap's column names.
    preset : str or None
        The preset that gave the column names. None if the user named all required columns.
    preset_sha256 : str or None
        The SHA-256 digest of the preset, if it is a file of the user.
    survey : str or None
        The preset of the survey to which e1 and e2 belong, or the path of its file. None if it is
        not known.
    documented : dict
        The ``convention`` and the ``kind`` that the survey documents, and the ``reference``.
        Unknown entries are left out.
    n_left_out : dict
        The number of rows left out for each cause, when the catalog was made or by `behind`.
    z_grid : `numpy.ndarray` or None
        The redshifts of ``pz``, ``(n_z,)``. None without p(z).
    source_selection : dict or None
        The selection by `behind`: ``z_lens``, ``margin``; ``by``, one of ``"redshift"``, ``"pz"``
        and ``"cut"``; ``min_probability``; ``cut``, whether a cut was made, too; and ``n_given``,
        the number of galaxies before the selection. None without a selection.

    Raises
    ------
    ValueError
        If a column is missing or has a wrong unit, or if no usable row is left. If the response
        of the ellipticities to shear, or to the selection by ``where``, cannot be measured, or has
        an error of more than 5 per cent, and ``response`` is not given.
    TypeError
        If ``table`` is not a table, or a column does not hold numbers.

    Warns
    -----
    CatalogWarning
        If rows are left out, if redshifts are not plausible, if a column with a known name is not
        used, if the survey documents a selection that rows do not fulfill, if some galaxies are
        degrees away from all others, or if the positions seem to be in another unit.
    ConventionWarning
        If nothing declares the convention or the kind, so that the default is assumed, or if an
        argument differs from the table's meta, or either of them from the survey's documentation.

    Examples
    --------
    >>> from lensmap import ShearCatalog
    >>> catalog = ShearCatalog(
    ...     {"ra": [10.0, 10.1], "dec": [45.0, 45.1], "e1": [0.1, 0.0], "e2": [0.0, 0.2]},
    ...     convention="euclidean",
    ...     kind="shear",
    ... )
    >>> len(catalog)
    2
    >>> print(catalog.e2)
    [-0.  -0.2]
    >>> catalog.origins["convention"]
    'argument'
    """

    response: Response | None
    max_ellipticity: float

    def __init__(
        self,
        table: Table | Mapping[str, ArrayLike],
        columns: PathLike | Mapping[str, str | None] | ColumnChoice | None = None,
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
        if isinstance(table, dict):
            versions = are_versions(table)
            table = stack_versions(table) if versions else Table(table, copy=False)
        if not isinstance(table, (Table, TableSource)):
            raise ParameterTypeError(
                "table",
                "an astropy table or a dict of columns",
                type(table).__name__,
                "ShearCatalog.read reads files, Table.from_pandas data frames",
            )
        if not max_ellipticity > 0:
            raise ParameterError("max_ellipticity", "positive", repr(max_ellipticity))
        given = check_arguments(
            convention=convention, kind=kind, frame=frame, response=response
        )
        decision = decide(table, columns, given)
        choice, declared, survey = decision.choice, decision.declared, decision.survey
        mapping, preset = choice.mapping, choice.preset
        where = condition_of(where, table.meta)
        self.convention, self.kind, self.frame = declared.convention, declared.kind, declared.frame
        self.response = response_to_celestial(declared.response, declared.convention)
        self.origins, self.survey = declared.origins, survey
        self.documented = survey_documents(decision.entry)
        self.max_ellipticity = float(max_ellipticity)
        choice.warn()
        units = check_units(units, mapping)
        extra_names = check_extra(extra_columns, table.colnames)
        names = used_columns(table.colnames, choice, where, extra_names)
        has_response = self.response is not None
        if not has_response:
            names = [*names, *sheared_columns(table.colnames, choice, where)]
        found = needed_columns(table, names)
        rows = select_rows(found, choice, where)
        codes = read_versions(table, choice, rows, has_response)
        arrays, masked = load_columns(found, mapping, rows, units)
        measure = not has_response and has_all_versions(codes)
        if not has_response and not measure:
            add_selection_response(found, choice, where, arrays, self.max_ellipticity)
        extras = {name: found[name] if rows is None else found[name][rows] for name in extra_names}
        self.z_grid, densities = read_densities(
            found, mapping.get(DENSITY), rows, z_grid, table.meta
        )
        extras |= {} if densities is None else {DENSITY: densities}
        self.source_selection: dict[str, Any] | None = None
        n_all, n_rows = len(next(iter(found.values()))), len(arrays["ra"])
        good, left_out = usable_rows(arrays, masked, self.max_ellipticity, mapping)
        if good is not None:
            arrays = {name: values[good] for name, values in arrays.items()}
            extras = {name: values[good] for name, values in extras.items()}
            codes = None if codes is None else codes[good]
        self._report_left_out(left_out, n_rows, len(arrays["ra"]))
        warn_of_positions(arrays["ra"], arrays["dec"])
        warn_of_shapes(arrays["e1"], arrays["e2"])
        if "weight" in arrays:
            arrays["weight"] = check_weights(arrays["weight"])
        columns_to_celestial(arrays, self.convention)
        self.column_names = dict(mapping)
        self.preset = preset
        self.preset_sha256 = None if choice.entry is None else choice.entry.sha256
        self.where = where
        self.n_not_selected = n_all - n_rows
        self.n_left_out = left_out
        self._arrays = arrays
        self._extras = extras
        self._version_sums: np.ndarray | None = None
        self._sheared: dict[int, ShearCatalog] = {}
        if codes is not None:
            self._keep_unsheared(versions_to_celestial(codes, self.convention), measure)

    def _keep_unsheared(self, codes: np.ndarray, measure: bool) -> None:
        """Keep only the rows measured without artificial shear as the galaxies of the catalog.

        ``codes`` is the sheared version of each row, ``(n,)``, as indices in ``VERSIONS``. If
        ``measure`` is True, the response of the galaxies is measured from the other versions.
        """
        n_rows = np.bincount(codes[codes >= 0], minlength=len(VERSIONS))
        needed = range(len(VERSIONS)) if measure else [UNSHEARED]
        check_versions(n_rows, self.convention, needed)
        if "weight" not in self._arrays and "sigma_m" in self._arrays:
            shapes = (self._arrays[name] for name in ("e1", "e2", "sigma_m"))
            self._arrays["weight"] = variance_weights(codes, *shapes)
        if measure:
            self._version_sums = checked_version_sums(codes, self._arrays, self.convention)
            self.response = as_response(self._version_sums)[0]
            self.origins = self.origins | {"response": "measured"}
        versions = {
            int(code): self._copy(
                _arrays={name: values[codes == code] for name, values in self._arrays.items()},
                _extras={name: values[codes == code] for name, values in self._extras.items()},
            )
            for code in np.unique(codes[codes >= UNSHEARED])
        }
        unsheared = versions.pop(UNSHEARED)
        self._arrays, self._extras = unsheared._arrays, unsheared._extras
        if self._version_sums is not None and len(self) > MIN_GALAXIES_OF_PART:
            self._sheared = versions

    @staticmethod
    def _report_left_out(left_out: dict[str, int], n_total: int, n_good: int) -> None:
        causes = ", ".join(f"{count} {cause}" for cause, count in left_out.items())
        if n_good == 0:
            raise NoRowsError(
                f"the catalog must have usable rows, but no usable row is left of {n_total}"
                + (f": {causes}" if causes else "")
            )
        if left_out:
            warn_user(
                f"{n_total - n_good} of {n_total} rows are left out: {causes}",
                CatalogWarning,
                "rows_left_out",
            )

    @classmethod
    def read(
        cls,
        path: PathLike,
        /,
        columns: PathLike | Mapping[str, str | None] | None = None,
        convention: Convention | None = None,
        kind: str | None = None,
        *,
        format: str | None = None,
        **kwargs: Any,
    ) -> ShearCatalog:
        """Read a catalog in any format that `astropy.table` reads.

        Only the needed columns are read. If a file holds several tables, the only one with the
        needed columns is used.

        Parameters
        ----------
        path : path-like
            The file: FITS, ECSV, CSV, Parquet, VOTable, or HDF5 with a dataset of rows or with a
            group of one dataset per column. Or a HATS folder of Parquet files, all partitions of
            which are read; `HatsCatalog` reads those that are too large for the memory.
        columns, convention, kind
            As for `ShearCatalog`.
        format : str or None
            The name of the file's format in `astropy.table`. If None, the format is determined
            from the name and content of the file.
        **kwargs
            Further parameters of `ShearCatalog`; ``hdu``, the number or name of the HDU in a FITS
            file; ``path``, the path of the dataset or group in an HDF5 file, or the ID, name or
            number of the table in a VOTable; and further parameters of
            `astropy.table.Table.read`, with which the whole table is read.

        Returns
        -------
        ShearCatalog
            The catalog.

        Raises
        ------
        FileNotFoundError
            If the file does not exist.
        ValueError
            If the file cannot be read as a table, if none or several of its tables have the needed
            columns, or if `ShearCatalog` raises a ValueError.
        ImportError
            If the format needs a package that is not installed.
        """
        parameters = {
            name: kwargs.pop(name)
            for name in (
                "where", "frame", "response", "max_ellipticity", "extra_columns", "units", "z_grid",
            )
            if name in kwargs
        }
        if Path(path).is_dir():
            from lensmap.catalog.hats import HatsFolder

            check_no_choice({"format": format, **kwargs}, path)
            return cls(HatsFolder(path).table(), columns, convention, kind, **parameters)
        suits = partial(_has_columns, columns)
        with open_table(path, suits=suits, format=format, **kwargs) as table:
            return cls(table, columns, convention, kind, **parameters)

    def __len__(self) -> int:
        return len(self._arrays["ra"])

    def __repr__(self) -> str:
        names = ", ".join([*self._arrays, *self._extras])
        return (
            f"<ShearCatalog of {len(self)} galaxies; {names}; convention={self.convention!r} "
            f"({self.origins['convention']}), kind={self.kind!r} ({self.origins['kind']})>"
        )

    def _repr_html_(self) -> str:
        return html_of_catalog(self)

    def __getitem__(self, name: str) -> Any:
        """Return a column by name, or None for an optional column that the catalog lacks."""
        if not isinstance(name, str):
            raise TypeError(
                f"catalog[...] needs the name of a column, not {type(name).__name__}: "
                "select(rows) and within(region) select galaxies"
            )
        if name in self._arrays or name in self._extras:
            return self._arrays.get(name, self._extras.get(name))
        if name in (*OPTIONAL, DENSITY):
            return None
        raise KeyError(
            f"there is no column {name!r}; there are {', '.join([*self._arrays, *self._extras])}"
        )

    def select(self, rows: slice | ArrayLike) -> ShearCatalog:
        """Return the catalog of selected galaxies.

        Parameters
        ----------
        rows : slice or array_like
            The galaxies to select: a slice, a boolean array ``(n,)``, or indices of galaxies.

        Returns
        -------
        ShearCatalog
            The selected galaxies, with the same convention, kind, frame and response.

        Raises
        ------
        TypeError
            If ``rows`` is neither a slice nor an array of booleans or integers.
        ValueError
            If the length of a boolean array differs from that of the catalog, or if no galaxy is
            selected.
        """
        if not isinstance(rows, slice):
            rows = self._check_rows(np.asarray(rows))
        return self._with_rows(rows)

    def _check_rows(self, rows: np.ndarray) -> np.ndarray:
        if rows.ndim != 1 or (rows.dtype.kind not in "biu" and len(rows) > 0):
            raise ParameterTypeError(
                "rows",
                "a slice, a boolean array or an array of indices",
                repr(rows),
                "within(region) selects galaxies by their positions",
            )
        if rows.dtype == bool and len(rows) != len(self):
            raise ValueError(
                f"the boolean array has {len(rows)} elements, but the catalog has {len(self)} "
                "galaxies"
            )
        return rows if len(rows) > 0 else rows.astype(int)  # numpy makes [] an array of floats

    def within(self, region: MaskLike, *, inside: bool = True) -> ShearCatalog:
        """Return the galaxies inside or outside a region of the sky.

        Parameters
        ----------
        region : mask-like
            The region: anything that `lensmap.masks.SkyMask` accepts, except boolean arrays and
            pixel regions. If it is a `~lensmap.masks.SkyMask`, the area that the mask excludes
            counts as the inside of the region.
        inside : bool
            Whether to return the galaxies inside (True) or outside (False) the region.

        Returns
        -------
        ShearCatalog
            The selected galaxies, with the same convention, kind, frame and response.

        Raises
        ------
        TypeError
            If the region is defined in the pixels of a map.
        ValueError
            If no galaxy is selected.
        """
        from lensmap.masks import SkyMask

        mask = region if isinstance(region, SkyMask) else SkyMask(region)
        selected = mask.excluded_sky(self.skycoord)
        return self._with_rows(
            selected if inside else ~selected, lambda catalog: catalog.within(mask, inside=inside)
        )

    def behind(
        self,
        z_lens: float,
        *,
        margin: float = 0.1,
        min_probability: float = 0.98,
        cut: ArrayLike | Callable[[ShearCatalog], ArrayLike] | None = None,
    ) -> ShearCatalog:
        """Return the galaxies behind a lens.

        Galaxies in the lens or in front of it are not lensed, so they dilute the mean shear. With
        p(z) (``pz``), galaxies are selected by the probability that they are behind the lens, the
        "P-cut". Without p(z), they are selected by ``redshift``: as photometric redshifts scatter,
        some of these galaxies are in the lens or in front of it nevertheless.

        Parameters
        ----------
        z_lens : float
            The redshift of the lens.
        margin : float
            The smallest difference between the redshift of a selected galaxy and that of the lens.
        min_probability : float
            With p(z), the smallest probability that a selected galaxy lies beyond
            ``z_lens + margin``.
        cut : None, array_like or callable
            A further condition, such as a color cut: a boolean array ``(n,)``, or a function that
            takes the catalog and returns such an array, for example
            ``lambda c: c["g"] - c["i"] < 1``. A cut is required if there are neither redshifts nor
            p(z). In that case, the ``z_source`` given to `lensmap.shear_profile` or
            `lensmap.fit_nfw` must describe the redshifts of the selected galaxies.

        Returns
        -------
        ShearCatalog
            The selected galaxies, with the same convention, kind and frame. The response is the
            same, too; a response from sheared versions of the galaxies is measured anew if at
            least 500 000 galaxies are selected. ``n_left_out`` counts the other galaxies by cause,
            ``source_selection`` describes the selection, and `source_redshifts` returns the
            redshift distribution of the selected galaxies. Maps and files record all three.

        Raises
        ------
        ValueError
            If there are neither redshifts nor a cut, or if no galaxy is selected.

        References
        ----------
        Oguri 2014, MNRAS 444, 147; Medezinski et al. 2018, PASJ 70, 30 (cuts in p(z), with a
        probability of 0.98 and a margin of 0.2, and in colors).
        """
        options: dict[str, Any] = {
            "margin": margin, "min_probability": min_probability, "cut": cut,
        }
        selected, left_out, facts = selected_behind(self, z_lens, **options)
        causes = ", ".join(f"{count} {cause}" for cause, count in left_out.items())
        if not selected.any():
            raise ParameterError(
                "z_lens", "in front of galaxies of the catalog", f"{z_lens:g}",
                f"of {len(self)} galaxies, none is selected: {causes}", verb="lie",
            )
        # An array with a value for each galaxy says nothing of the sheared versions.
        known = cut is None or callable(cut)

        def select(catalog: ShearCatalog) -> ShearCatalog:
            return catalog._with_rows(selected_behind(catalog, z_lens, **options)[0])

        new = self._with_rows(selected, select if known else None)
        new.n_left_out = {**self.n_left_out, **left_out}
        new.source_selection = facts
        log.info(
            f"lensmap: {len(new)} of {len(self)} galaxies are behind z = {z_lens:g}"
            + (f"; left out: {causes}" if causes else "")
        )
        return new

    def source_redshifts(self) -> SourceRedshifts:
        """Return the redshift distribution n(z) of the galaxies, weighted by their weights.

        With p(z), it is the sum of the normalized densities of the galaxies. Without p(z), it is
        the histogram of the column ``redshift``, which is too narrow or too wide if these are
        photometric redshifts with errors. Galaxies without a redshift do not count.

        Returns
        -------
        `lensmap.cosmology.SourceRedshifts`
            The distribution, for the parameter ``z_source`` of maps, fits and masses. Redshifts are
            binned in steps of 0.02, in such a way that their mean stays.

        Raises
        ------
        ValueError
            If the catalog has neither redshifts nor p(z).
        """
        return source_redshifts(self)

    def with_ellipticities(self, e1: ArrayLike, e2: ArrayLike) -> ShearCatalog:
        """Return a catalog of the same galaxies with new ellipticities.

        Parameters
        ----------
        e1, e2 : array_like
            The new ellipticities, ``(n,)``, finite. They must be in the celestial convention, even
            if the table was in another convention. ``max_ellipticity`` is not applied.

        Returns
        -------
        ShearCatalog
            The galaxies with the new ellipticities. All other columns are shared with this
            catalog, not copied.

        Raises
        ------
        ValueError
            If ``e1`` or ``e2`` is not one finite number for each galaxy.
        """
        arrays = dict(self._arrays)
        for name, values in (("e1", e1), ("e2", e2)):
            values = np.asarray(values)
            if values.shape != (len(self),) or not np.all(np.isfinite(values)):
                raise ValueError(
                    f"{name} must be one finite number for each of the {len(self)} galaxies; it is "
                    f"an array of shape {values.shape}"
                )
            arrays[name] = values.astype(arrays[name].dtype, copy=False)
        return self._copy(_arrays=arrays)

    def _with_rows(
        self,
        rows: slice | np.ndarray,
        select: Callable[[ShearCatalog], ShearCatalog] | None = None,
    ) -> ShearCatalog:
        """Return the catalog of the selected rows.

        ``select`` is a function that makes the same selection in a catalog of a sheared version of
        the galaxies, from which their response is measured anew. None keeps the response.
        """
        new = self._copy(
            _arrays={name: values[rows] for name, values in self._arrays.items()},
            _extras={name: values[rows] for name, values in self._extras.items()},
            n_left_out={},  # the rows left out were reported when the catalog was created
        )
        if len(new) == 0:
            raise ValueError(f"the selection leaves none of the {len(self)} galaxies")
        if self._version_sums is not None and len(new) < len(self):
            new.__dict__.update(response_of_part(self, new, select))
        return new

    def _copy(self, **attributes: Any) -> ShearCatalog:
        """Return a shallow copy of the catalog with the given attributes replaced."""
        new = copy(self)
        new.__dict__.update(attributes)
        if new.ra is not self.ra:
            new.__dict__.pop("skycoord", None)
        return new

    @property
    def ra(self) -> np.ndarray:
        """The right ascension (or longitude in ``frame``) in degrees, ``(n,)``."""
        return self._arrays["ra"]

    @property
    def dec(self) -> np.ndarray:
        """The declination (or latitude in ``frame``) in degrees, ``(n,)``."""
        return self._arrays["dec"]

    @property
    def e1(self) -> np.ndarray:
        """The first component of the ellipticity in the celestial convention, ``(n,)``."""
        return self._arrays["e1"]

    @property
    def e2(self) -> np.ndarray:
        """The second component of the ellipticity in the celestial convention, ``(n,)``."""
        return self._arrays["e2"]

    @property
    def weight(self) -> np.ndarray | None:
        """The weights, ``(n,)``. None if there is no weight column; all weights are then 1."""
        return self._arrays.get("weight")

    @property
    def pz(self) -> np.ndarray | None:
        """The redshift probability densities p(z) at the redshifts ``z_grid``, ``(n, n_z)``.

        They are 0 for galaxies without a density. None without the column.
        """
        return self._extras.get(DENSITY)

    @property
    def response_error(self) -> Response | None:
        """The standard error of ``response``, ``((r11, r12), (r21, r22))``.

        None if the response was not measured from sheared versions of the galaxies.
        """
        if self._version_sums is None:
            return None
        return as_response(self._version_sums)[1]

    @cached_property
    def skycoord(self) -> SkyCoord:
        """The positions as a `~astropy.coordinates.SkyCoord`."""
        return SkyCoord(self.ra, self.dec, unit=u.deg, frame=self.frame)

    @property
    def table(self) -> Table:
        """The galaxies as a new `~astropy.table.Table` that shares the data.

        The meta of the table declares the celestial convention, the kind, the frame and, if one
        was given, the response. The table can thus be written to a file, read again, and passed
        to an estimator.
        """
        table = Table(
            {**self._arrays, **self._extras},
            copy=False,
            meta=declaring_meta(self.kind, self.frame, self.response),
        )
        table["ra"].unit = table["dec"].unit = u.deg
        if self.z_grid is not None:
            table.meta["z_grid"] = self.z_grid.tolist()
        return table
