# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ShearCatalog`: galaxies with positions, ellipticities and a declared convention."""

from copy import copy
from functools import cached_property

import numpy as np
from astropy import log
from astropy import units as u
from astropy.coordinates import SkyCoord, frame_transform_graph
from astropy.table import Table

from lensmap.catalog._background import behind
from lensmap.catalog._cleaning import usable_rows
from lensmap.catalog._columns import OPTIONAL, REQUIRED, check_extra, find_columns, preset_doubts
from lensmap.catalog._convention import columns_to_celestial, convention_name, response_to_celestial
from lensmap.catalog._tables import column_values, declared_meta, declaring_meta, read_table
from lensmap.utils import CatalogWarning, ConventionWarning, check_choice, warn_user

__all__ = ["ShearCatalog"]

_KINDS = ("shear", "distortion")


class ShearCatalog:
    r"""A shear catalog: positions, ellipticities, weights, and what their signs mean.

    Ellipticities (and additive biases and responses with them) are held in the celestial
    convention, whatever was declared: x to the east, y to the north. Rows that cannot be used
    (not finite, impossible positions, negative weights, too large an ellipticity) are left out
    with one warning that counts each cause.

    Parameters
    ----------
    table : `~astropy.table.Table` or dict
        One row per galaxy. Masked values count as missing. The catalog shares the memory of
        columns that it can take as they are: do not change them afterwards.
    columns : None, str or dict
        Which columns are which: the name of a preset (`COLUMN_PRESETS`), or a dict from
        lensmap's names (``ra``, ``dec``, ``e1``, ``e2`` and optionally ``weight``, ``sigma_m``,
        ``sigma_e``, ``redshift``, ``m``, ``c1``, ``c2``, ``r11``, ``r22``, ``r12``, ``r21``) to
        the table's, or None, which finds the preset by itself and says so in the log (unless
        all names are lensmap's own).
    convention : str, tuple of int or None
        What the signs of e1 and e2 mean: ``"celestial"``, ``"euclidean"``, ``"iau"``, or the
        signs ``(s1, s2)`` that bring them to celestial. None takes what the table's meta says
        (``convention``, or ``CONVENTN`` as in FITS headers), and celestial where it says nothing.
        `lensmap.check_convention` tests it.
    kind : {"shear", "distortion"} or None
        ``"shear"``: :math:`|e| = (a - b) / (a + b)`, whose mean is the reduced shear;
        ``"distortion"``: :math:`|e| = (a^2 - b^2) / (a^2 + b^2)`, whose mean is twice the
        responsivity times the shear. None takes what the meta says, else shear.
    frame : str or None
        The frame of the positions, and of the north that ellipticities refer to, by its name in
        `astropy.coordinates`, such as ``"icrs"``, ``"fk5"`` or ``"galactic"``. None takes
        what the meta says, else ICRS.
    response : float, array_like or None
        A mean shear response instead of the catalog's columns: a number or a 2 x 2 matrix, in
        ``convention`` as the columns are.
    max_ellipticity : float
        Rows with a larger modulus of the ellipticity are left out. Calibrated estimates of noisy
        galaxies exceed 1, and cutting them there biases the shear low.
    extra_columns : sequence of str
        Further columns of the table to carry along, such as magnitudes; lensmap's own names are
        taken.

    Raises
    ------
    ValueError
        If a column is missing or has a wrong unit, or no usable row is left.
    TypeError
        If ``table`` is no table, or a column does not hold numbers.

    Warns
    -----
    CatalogWarning
        If rows were left out.
    ConventionWarning
        If the declared convention or kind is not the one that is documented for the survey, or
        that the table's meta says.

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
        table,
        columns=None,
        convention=None,
        kind=None,
        *,
        frame=None,
        response=None,
        max_ellipticity=2.0,
        extra_columns=(),
    ):
        if isinstance(table, dict):
            table = Table(table, copy=False)
        if not isinstance(table, Table):
            raise TypeError(
                f"table must be an astropy table or a dict of columns, not {type(table).__name__}; "
                "ShearCatalog.read reads files, Table.from_pandas data frames"
            )
        given = {"convention": convention, "kind": kind, "frame": frame, "response": response}
        declared = {"convention": "celestial", "kind": "shear", "frame": "icrs", "response": None}
        declared |= declared_meta(table)
        declared |= {name: value for name, value in given.items() if value is not None}
        self._check_declarations(**declared, max_ellipticity=max_ellipticity)
        mapping, preset = find_columns(table.colnames, columns)
        if preset is not None and columns is None and any(a != b for a, b in mapping.items()):
            # lensmap's own names go without saying
            what = ", ".join(f"{ours}={theirs}" for ours, theirs in mapping.items())
            log.info(f"lensmap: columns found by the preset {preset!r}: {what}")
        self._say_doubts(preset, table)
        extras = {name: table[name] for name in check_extra(extra_columns, table.colnames)}
        arrays, masked = {}, {}
        for name in REQUIRED + OPTIONAL:
            if name in mapping:
                arrays[name], mask = column_values(table[mapping[name]], name, mapping[name])
                if mask is not None:
                    masked[name] = mask
        if "redshift" in masked:  # the only column whose missing values leave no row out
            arrays["redshift"] = np.where(masked["redshift"], np.nan, arrays["redshift"])
        good, left_out = usable_rows(arrays, masked, self.max_ellipticity)
        if good is not None:
            arrays = {name: values[good] for name, values in arrays.items()}
            extras = {name: values[good] for name, values in extras.items()}
        self._say_left_out(left_out, len(table), len(arrays["ra"]))
        columns_to_celestial(arrays, declared["convention"])
        self.preset = preset
        self.n_left_out = left_out
        self._arrays = arrays
        self._extras = extras

    def _check_declarations(self, convention, kind, frame, response, max_ellipticity):
        self.convention = convention_name(convention)
        self.kind = check_choice(kind, "kind", _KINDS)
        if not isinstance(frame, str) or frame_transform_graph.lookup_name(frame) is None:
            raise ValueError(f"frame must be the name of an astropy frame, not {frame!r}")
        self.frame = frame
        self.response = response_to_celestial(_check_response(response), convention)
        if not max_ellipticity > 0:
            raise ValueError(f"max_ellipticity must be positive, not {max_ellipticity!r}")
        self.max_ellipticity = float(max_ellipticity)

    def _say_doubts(self, preset, table):
        doubts = preset_doubts(preset, self.convention, self.kind)
        if doubts:
            warn_user(
                f"the columns look like those of {preset!r}, for which {' and '.join(doubts)} is "
                "documented; lensmap takes what is declared: `lensmap check` tests the convention",
                ConventionWarning,
                "differs_from_survey",
                "convention",
            )
        differ = self._differing(declared_meta(table))
        if differ:
            warn_user(
                f"the table's meta says {' and '.join(differ)}; lensmap takes what is declared",
                ConventionWarning,
                "differs_from_file",
                "convention",
            )

    def _differing(self, meta):
        """Say where the declaration differs from what a table's meta says of itself."""
        if "convention" in meta:
            meta["convention"] = convention_name(meta["convention"])
        return [
            f"{name}={value!r} (declared: {getattr(self, name)!r})"
            for name, value in meta.items()
            if getattr(self, name) != value
        ]

    @staticmethod
    def _say_left_out(left_out, n_total, n_good):
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
        cls, path, /, columns=None, convention=None, kind=None, *, format=None, **kwargs
    ):
        """Read a catalog in any format that `astropy.table` reads.

        Parameters
        ----------
        path : path-like
            The file: FITS, ECSV, CSV, Parquet, HDF5, ...
        columns, convention, kind
            As for `ShearCatalog`.
        format : str or None
            The format by its name in `astropy.table`; None finds it by the file itself.
        **kwargs
            The other parameters of `ShearCatalog` go there, all others to
            `astropy.table.Table.read` (such as ``hdu=2``, or ``path="catalog"`` within an HDF5
            file).

        Returns
        -------
        ShearCatalog
            The catalog.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file cannot be read as a table; otherwise as `ShearCatalog`.
        ImportError
            If its format needs a package that is missing.
        """
        own = {
            name: kwargs.pop(name)
            for name in ("frame", "response", "max_ellipticity", "extra_columns")
            if name in kwargs
        }
        return cls(read_table(path, format=format, **kwargs), columns, convention, kind, **own)

    def __len__(self):
        return len(self._arrays["ra"])

    def __repr__(self):
        names = ", ".join([*self._arrays, *self._extras])
        return (
            f"<ShearCatalog of {len(self)} galaxies; {names}; declared {self.convention!r}, "
            f"kind={self.kind!r}>"
        )

    def __getitem__(self, name):
        """Return a column by its name: None for an optional one that the catalog does not have."""
        if not isinstance(name, str):
            raise TypeError(
                f"catalog[...] takes the name of a column, not {type(name).__name__}: select(rows) "
                "and within(region) select galaxies"
            )
        if name in self._arrays or name in self._extras:
            return self._arrays.get(name, self._extras.get(name))
        if name in OPTIONAL:
            return None
        raise KeyError(
            f"there is no column {name!r}; there are {', '.join([*self._arrays, *self._extras])}"
        )

    def select(self, rows):
        """Return some of the galaxies.

        Parameters
        ----------
        rows : slice or array_like
            A slice, one True or False for each galaxy, or indices of galaxies.

        Returns
        -------
        ShearCatalog
            The galaxies, all else unchanged.

        Raises
        ------
        TypeError
            If ``rows`` is nothing of that.
        ValueError
            If it has another length than the catalog, or no galaxy is left.
        """
        if not isinstance(rows, slice):
            rows = self._check_rows(np.asarray(rows))
        return self._with_rows(rows)

    def _check_rows(self, rows):
        if rows.ndim != 1 or (rows.dtype.kind not in "biu" and len(rows) > 0):
            raise TypeError(
                "rows must be a slice, a boolean array or an array of indices, not "
                f"{rows!r}: within(region) selects galaxies by their positions"
            )
        if rows.dtype == bool and len(rows) != len(self):
            raise ValueError(f"the selection has {len(rows)} rows, the catalog {len(self)}")
        return rows if len(rows) > 0 else rows.astype(int)  # an empty list is one of floats

    def within(self, region, *, inside=True):
        """Return the galaxies inside (or outside) a region of the sky.

        Parameters
        ----------
        region : object
            What `lensmap.masks.SkyMask` takes, boolean arrays and pixel regions excepted. What a
            mask excludes is its inside here.
        inside : bool
            Whether the galaxies inside are kept, or those outside.

        Returns
        -------
        ShearCatalog
            The galaxies, all else unchanged.

        Raises
        ------
        TypeError
            If the region speaks of the pixels of a map.
        ValueError
            If no galaxy is there.
        """
        from lensmap.masks import SkyMask

        mask = region if isinstance(region, SkyMask) else SkyMask(region)
        found = mask.excluded_sky(self.skycoord)
        return self._with_rows(found if inside else ~found)

    def select_background(
        self, z_lens, *, margin=0.1, pz=None, z_grid=None, min_probability=0.9, cut=None
    ):
        """Return the galaxies behind a lens.

        Galaxies of the lens and in front of it are not lensed, and dilute its shear.

        Parameters
        ----------
        z_lens : float
            The redshift of the lens.
        margin : float
            How far beyond it a galaxy must be.
        pz : None, str or array_like
            The probability density of each galaxy in redshift, ``(n, n_z)``, or the name of the
            column that has it (one of ``extra_columns``). None takes the column ``redshift``;
            galaxies without a redshift are left out.
        z_grid : array_like or None
            The redshifts of ``pz``, ``(n_z,)``.
        min_probability : float
            How much of its ``pz`` a galaxy must have beyond ``z_lens + margin``.
        cut : None, array_like or callable
            Another condition: bool, ``(n,)``, or a function of the catalog that returns it, such
            as a cut in colors, ``lambda c: c["g"] - c["i"] < 1``. Without redshifts and pz, the
            only one: what is behind is declared then by ``z_source`` of the profile or the fit.

        Returns
        -------
        ShearCatalog
            The galaxies, all else unchanged.

        Raises
        ------
        ValueError
            If there is nothing to tell them by, or none is left.

        References
        ----------
        Medezinski et al. 2018, PASJ 70, 30 (cuts in colors and in p(z)).
        """
        return self._with_rows(
            behind(self, z_lens, margin=margin, pz=pz, z_grid=z_grid,
                   min_probability=min_probability, cut=cut)
        )

    def with_ellipticities(self, e1, e2):
        """Return the same galaxies with other ellipticities, none of which is left out.

        Parameters
        ----------
        e1, e2 : array_like
            In the celestial convention, whatever was declared, ``(n,)``, finite.

        Returns
        -------
        ShearCatalog
            All else unchanged; the data are shared.

        Raises
        ------
        ValueError
            If there is not one finite number of each for each galaxy.
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
        new = self._copy(_arrays=arrays)
        if "skycoord" in self.__dict__:
            new.__dict__["skycoord"] = self.skycoord
        return new

    def _with_rows(self, rows):
        new = self._copy(
            _arrays={name: values[rows] for name, values in self._arrays.items()},
            _extras={name: values[rows] for name, values in self._extras.items()},
            n_left_out={},  # they were counted when the catalog was made
        )
        if len(new) == 0:
            raise ValueError(f"the selection leaves none of the {len(self)} galaxies")
        return new

    def _copy(self, **parts):
        """Return a catalog with other parts and without what was worked out of them."""
        new = copy(self)
        new.__dict__.pop("skycoord", None)
        for name, value in parts.items():
            setattr(new, name, value)
        return new

    @property
    def ra(self):
        """The right ascension (or longitude in ``frame``) in degrees, a `numpy.ndarray`."""
        return self._arrays["ra"]

    @property
    def dec(self):
        """The declination (or latitude in ``frame``) in degrees, a `numpy.ndarray`."""
        return self._arrays["dec"]

    @property
    def e1(self):
        """The first component of the ellipticity in the celestial convention."""
        return self._arrays["e1"]

    @property
    def e2(self):
        """The second component of the ellipticity in the celestial convention."""
        return self._arrays["e2"]

    @property
    def weight(self):
        """The weights; None if there is no such column and all weights are 1."""
        return self._arrays.get("weight")

    @cached_property
    def skycoord(self):
        """The positions as a `~astropy.coordinates.SkyCoord`."""
        return SkyCoord(self.ra, self.dec, unit=u.deg, frame=self.frame)

    @property
    def table(self):
        """The galaxies as a new `~astropy.table.Table` that shares the data.

        Its meta says that the ellipticities are celestial now (and the kind, the frame and a
        given response), so that the table can be written, read and given to an estimator.
        """
        table = Table(
            {**self._arrays, **self._extras},
            copy=False,
            meta=declaring_meta(self.kind, self.frame, self.response),
        )
        table["ra"].unit = table["dec"].unit = u.deg
        return table


def _check_response(response):
    """Return a response as a number, a tuple of tuples or None."""
    if response is None:
        return None
    try:
        found = np.asarray(response, dtype=float)
    except (TypeError, ValueError):
        found = np.full(1, np.nan)
    if found.shape not in ((), (2, 2)) or not np.all(np.isfinite(found)):
        raise ValueError(f"response must be a finite number or a 2 x 2 matrix, not {response!r}")
    return float(found) if found.ndim == 0 else tuple(map(tuple, found.tolist()))
