# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ShearCatalog`: galaxies with positions, ellipticities and a declared convention."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import log
from astropy import units as u
from astropy.coordinates import SkyCoord, frame_transform_graph
from astropy.table import Table

from lensmap.catalog._background import behind
from lensmap.catalog._cleaning import usable_rows
from lensmap.catalog._columns import OPTIONAL, REQUIRED, check_extra, find_columns
from lensmap.catalog._convention import (
    Convention,
    columns_to_celestial,
    convention_name,
    response_to_celestial,
)
from lensmap.catalog._declarations import DEFAULTS, check_response, warn_of_differences
from lensmap.catalog._tables import column_values, declared_meta, declaring_meta, read_table
from lensmap.utils import (
    CatalogWarning,
    ParameterError,
    ParameterTypeError,
    check_choice,
    warn_user,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lensmap.typing import MaskLike, PathLike

__all__ = ["ShearCatalog"]

_KINDS = ("shear", "distortion")


class ShearCatalog:
    r"""A shear catalog: positions, ellipticities and weights with a declared sign convention.

    Ellipticities, additive biases and responses are converted from the declared convention to the
    celestial one, in which x points to the east and y to the north. Unusable rows (values that
    are not finite, impossible positions, negative weights, too large an ellipticity) are left
    out, and one warning counts them by cause.

    Parameters
    ----------
    table : `~astropy.table.Table` or dict
        One row per galaxy. Masked values count as missing. The catalog shares the memory of
        columns that need no conversion: do not change them afterwards.
    columns : None, str or dict
        The names of the table's columns: the name of a preset (`COLUMN_PRESETS`), or a dict from
        lensmap's names (``ra``, ``dec``, ``e1``, ``e2`` and optionally ``weight``, ``sigma_m``,
        ``sigma_e``, ``redshift``, ``m``, ``c1``, ``c2``, ``r11``, ``r22``, ``r12``, ``r21``) to
        the table's. None chooses the preset from the table's column names, and logs it unless
        all names are lensmap's own.
    convention : str, tuple of int or None
        The sign convention of e1 and e2: ``"celestial"``, ``"euclidean"``, ``"iau"``, or the
        signs ``(s1, s2)`` that convert them to celestial. None takes the convention in the
        table's meta (``convention``, or ``CONVENTN`` as in FITS headers), by default celestial.
        `lensmap.check_convention` tests it.
    kind : {"shear", "distortion"} or None
        ``"shear"``: :math:`|e| = (a - b) / (a + b)`, whose mean is the reduced shear;
        ``"distortion"``: :math:`|e| = (a^2 - b^2) / (a^2 + b^2)`, whose mean is twice the
        responsivity times the shear. None takes the kind in the table's meta, by default shear.
    frame : str or None
        The name in `astropy.coordinates` of the frame of the positions, such as ``"icrs"``,
        ``"fk5"`` or ``"galactic"``. Ellipticities refer to its north. None takes the frame in the
        table's meta, by default ICRS.
    response : float, array_like or None
        A mean shear response that overrides the catalog's columns: a number or a 2 x 2 matrix, in
        ``convention`` as the columns. None takes the response in the table's meta, by default
        the columns.
    max_ellipticity : float
        The largest modulus of the ellipticity of a usable row. Calibrated estimates of noisy
        galaxies exceed 1, and a cut at 1 biases the shear low.
    extra_columns : sequence of str
        Further columns of the table to keep, such as magnitudes, with names other than lensmap's
        own.

    Raises
    ------
    ValueError
        If a column is missing or has a wrong unit, or no usable row is left.
    TypeError
        If ``table`` is not a table, or a column does not hold numbers.

    Warns
    -----
    CatalogWarning
        If rows are left out.
    ConventionWarning
        If the declared convention or kind differs from the one documented for the survey, or
        from the table's meta.

    Examples
    --------
    >>> from lensmap import ShearCatalog
    >>> catalog = ShearCatalog(
    ...     {"ra": [10.0, 10.1], "dec": [45.0, 45.1], "e1": [0.1, 0.0], "e2": [0.0, 0.2]},
    ...     convention="euclidean",
    ... )
    >>> len(catalog)
    2
    >>> print(catalog.e2)
    [-0.  -0.2]
    """

    def __init__(
        self,
        table: Table | Mapping[str, ArrayLike],
        columns: str | Mapping[str, str] | None = None,
        convention: Convention | None = None,
        kind: str | None = None,
        *,
        frame: str | None = None,
        response: float | ArrayLike | None = None,
        max_ellipticity: float = 2.0,
        extra_columns: str | Iterable[str] = (),
    ) -> None:
        if isinstance(table, dict):
            table = Table(table, copy=False)
        if not isinstance(table, Table):
            raise ParameterTypeError(
                "table",
                "an astropy table or a dict of columns",
                type(table).__name__,
                "ShearCatalog.read reads files, Table.from_pandas data frames",
            )
        given = {"convention": convention, "kind": kind, "frame": frame, "response": response}
        given = {name: value for name, value in given.items() if value is not None}
        meta = declared_meta(table)
        declared: dict[str, Any] = DEFAULTS | meta | given
        self._set_declaration(**declared, max_ellipticity=max_ellipticity)
        mapping, preset = find_columns(table.colnames, columns)
        if preset is not None and columns is None and any(a != b for a, b in mapping.items()):
            names = ", ".join(f"{ours}={theirs}" for ours, theirs in mapping.items())
            log.info(f"lensmap: columns of the preset {preset!r}: {names}")
        warn_of_differences(self, preset, meta)
        extras = {name: table[name] for name in check_extra(extra_columns, table.colnames)}
        arrays, masked = {}, {}
        for name in REQUIRED + OPTIONAL:
            if name in mapping:
                arrays[name], mask = column_values(table[mapping[name]], name, mapping[name])
                if mask is not None:
                    masked[name] = mask
        if "redshift" in masked:  # rows without a redshift are kept
            arrays["redshift"] = np.where(masked["redshift"], np.nan, arrays["redshift"])
        good, left_out = usable_rows(arrays, masked, self.max_ellipticity)
        if good is not None:
            arrays = {name: values[good] for name, values in arrays.items()}
            extras = {name: values[good] for name, values in extras.items()}
        self._report_left_out(left_out, len(table), len(arrays["ra"]))
        columns_to_celestial(arrays, declared["convention"])
        self.preset = preset
        self.n_left_out = left_out
        self._arrays = arrays
        self._extras = extras

    def _set_declaration(
        self,
        convention: Convention,
        kind: str,
        frame: str,
        response: float | ArrayLike | None,
        max_ellipticity: float,
    ) -> None:
        self.convention = convention_name(convention)
        self.kind = check_choice(kind, "kind", _KINDS)
        if not isinstance(frame, str) or frame_transform_graph.lookup_name(frame) is None:
            raise ParameterError("frame", "the name of an astropy frame", repr(frame))
        self.frame = frame
        self.response = response_to_celestial(check_response(response), convention)
        if not max_ellipticity > 0:
            raise ParameterError("max_ellipticity", "positive", repr(max_ellipticity))
        self.max_ellipticity = float(max_ellipticity)

    @staticmethod
    def _report_left_out(left_out: dict[str, int], n_total: int, n_good: int) -> None:
        causes = ", ".join(f"{count} {cause}" for cause, count in left_out.items())
        if n_good == 0:
            raise ValueError(
                f"no usable row is left of {n_total}" + (f": {causes}" if causes else "")
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
        columns: str | Mapping[str, str] | None = None,
        convention: Convention | None = None,
        kind: str | None = None,
        *,
        format: str | None = None,
        **kwargs: Any,
    ) -> ShearCatalog:
        """Read a catalog in any format that `astropy.table` reads.

        Parameters
        ----------
        path : path-like
            The file: FITS, ECSV, CSV, Parquet, HDF5, ...
        columns, convention, kind
            As for `ShearCatalog`.
        format : str or None
            The name of its format in `astropy.table`; None determines it from the file.
        **kwargs
            Further parameters of `ShearCatalog`, and those of `astropy.table.Table.read`, such
            as ``hdu=2``, or ``path="catalog"`` for a table in an HDF5 file.

        Returns
        -------
        ShearCatalog
            The catalog.

        Raises
        ------
        FileNotFoundError
            If the file does not exist.
        ValueError
            If the file cannot be read as a table, and as for `ShearCatalog`.
        ImportError
            If its format needs a package that is missing.
        """
        parameters = {
            name: kwargs.pop(name)
            for name in ("frame", "response", "max_ellipticity", "extra_columns")
            if name in kwargs
        }
        table = read_table(path, format=format, **kwargs)
        return cls(table, columns, convention, kind, **parameters)

    def __len__(self) -> int:
        return len(self._arrays["ra"])

    def __repr__(self) -> str:
        names = ", ".join([*self._arrays, *self._extras])
        return (
            f"<ShearCatalog of {len(self)} galaxies; {names}; declared {self.convention!r}, "
            f"kind={self.kind!r}>"
        )

    def __getitem__(self, name: str) -> Any:
        """Return a column by its name; None for an optional column that the catalog lacks."""
        if not isinstance(name, str):
            raise TypeError(
                f"catalog[...] needs the name of a column, not {type(name).__name__}: "
                "select(rows) and within(region) select galaxies"
            )
        if name in self._arrays or name in self._extras:
            return self._arrays.get(name, self._extras.get(name))
        if name in OPTIONAL:
            return None
        raise KeyError(
            f"there is no column {name!r}; there are {', '.join([*self._arrays, *self._extras])}"
        )

    def select(self, rows: slice | ArrayLike) -> ShearCatalog:
        """Return selected galaxies.

        Parameters
        ----------
        rows : slice or array_like
            A slice, one True or False for each galaxy, or indices of galaxies.

        Returns
        -------
        ShearCatalog
            The selected galaxies, with the same declaration.

        Raises
        ------
        TypeError
            If ``rows`` is none of these.
        ValueError
            If a boolean array has another length than the catalog, or no galaxy is selected.
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
            raise ValueError(f"the selection has {len(rows)} rows, the catalog {len(self)}")
        return rows if len(rows) > 0 else rows.astype(int)  # numpy makes [] an array of floats

    def within(self, region: MaskLike, *, inside: bool = True) -> ShearCatalog:
        """Return the galaxies inside or outside a region of the sky.

        Parameters
        ----------
        region : mask-like
            Anything that `lensmap.masks.SkyMask` accepts, except boolean arrays and pixel
            regions. The excluded side of a mask is its inside here.
        inside : bool
            Whether to return the galaxies inside the region, or those outside.

        Returns
        -------
        ShearCatalog
            The selected galaxies, with the same declaration.

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
        return self._with_rows(selected if inside else ~selected)

    def select_background(
        self,
        z_lens: float,
        *,
        margin: float = 0.1,
        pz: str | ArrayLike | None = None,
        z_grid: ArrayLike | None = None,
        min_probability: float = 0.9,
        cut: ArrayLike | Callable[[ShearCatalog], ArrayLike] | None = None,
    ) -> ShearCatalog:
        """Return the galaxies behind a lens.

        Galaxies in and in front of the lens are not lensed, and dilute its shear.

        Parameters
        ----------
        z_lens : float
            The redshift of the lens.
        margin : float
            The smallest difference in redshift between a galaxy and the lens.
        pz : None, str or array_like
            The probability density of each galaxy in redshift, ``(n, n_z)``, or the name of its
            column (one of ``extra_columns``). None takes the column ``redshift``, and leaves out
            galaxies without a redshift.
        z_grid : array_like or None
            The redshifts of ``pz``, ``(n_z,)``. None is allowed without ``pz`` only.
        min_probability : float
            The smallest probability of a galaxy beyond ``z_lens + margin``, according to ``pz``.
        cut : None, array_like or callable
            A further condition: bool, ``(n,)``, or a function of the catalog that returns it,
            such as a cut in color, ``lambda c: c["g"] - c["i"] < 1``. It is required without
            redshifts and ``pz``; then ``z_source`` of the profile or the fit must describe the
            selected galaxies.

        Returns
        -------
        ShearCatalog
            The selected galaxies, with the same declaration.

        Raises
        ------
        ValueError
            If there are neither redshifts nor a cut, or no galaxy is selected.

        References
        ----------
        Medezinski et al. 2018, PASJ 70, 30 (cuts in colors and in p(z)).
        """
        return self._with_rows(
            behind(self, z_lens, margin=margin, pz=pz, z_grid=z_grid,
                   min_probability=min_probability, cut=cut)
        )

    def with_ellipticities(self, e1: ArrayLike, e2: ArrayLike) -> ShearCatalog:
        """Return the same galaxies with other ellipticities.

        Parameters
        ----------
        e1, e2 : array_like
            Ellipticities in the celestial convention, also if another one was declared; ``(n,)``,
            finite. ``max_ellipticity`` does not apply to them.

        Returns
        -------
        ShearCatalog
            The galaxies, which share all other columns with this catalog.

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

    def _with_rows(self, rows: slice | np.ndarray) -> ShearCatalog:
        new = self._copy(
            _arrays={name: values[rows] for name, values in self._arrays.items()},
            _extras={name: values[rows] for name, values in self._extras.items()},
            n_left_out={},  # the constructor has reported them
        )
        if len(new) == 0:
            raise ValueError(f"the selection leaves none of the {len(self)} galaxies")
        return new

    def _copy(self, **attributes: Any) -> ShearCatalog:
        """Return a catalog with other attributes."""
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
        """The weights, ``(n,)``; None without that column, where all weights are 1."""
        return self._arrays.get("weight")

    @cached_property
    def skycoord(self) -> SkyCoord:
        """The positions as a `~astropy.coordinates.SkyCoord`."""
        return SkyCoord(self.ra, self.dec, unit=u.deg, frame=self.frame)

    @property
    def table(self) -> Table:
        """The galaxies as a new `~astropy.table.Table` that shares the data.

        Its meta declares the celestial convention, the kind, the frame and a given response, so
        that the table can be written, read and given to an estimator.
        """
        table = Table(
            {**self._arrays, **self._extras},
            copy=False,
            meta=declaring_meta(self.kind, self.frame, self.response),
        )
        table["ra"].unit = table["dec"].unit = u.deg
        return table
