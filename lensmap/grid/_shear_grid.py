# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ShearGrid`: the weighted mean reduced shear of the galaxies in each pixel."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from astropy.wcs import WCS

from lensmap.catalog import Calibration, as_shear_catalog
from lensmap.grid._assignment import MapPixels, PixelAssignment
from lensmap.grid._projection import PixelFrame
from lensmap.grid._sums import (
    SUMS,
    add_galaxies,
    columns_there,
    empty_extra_sums,
    empty_sums,
)

__all__ = ["ShearGrid"]


@dataclass(frozen=True, eq=False)
class ShearGrid:
    r"""Reduced shear on the pixels of a map, in the basis of the pixel axes (+x, +y).

    A grid holds sums over galaxies, so that grids of the same map add up: a catalog that is
    larger than memory streams through `from_chunks`. The calibrated means are made of the sums
    when they are asked for.

    Make one with `from_catalog` or `from_chunks`.

    Attributes
    ----------
    wcs : `~astropy.wcs.WCS`
        The map's WCS, with its ``array_shape``.
    parity : int
        1 if (+x, +y) has the handedness of (east, north), -1 if it is mirrored.
    mask : `numpy.ndarray`
        Bool, ``(ny, nx)``: the pixels whose center is excluded. Galaxies are asked for
        themselves: next to the edge of a region, a masked pixel may hold some.
    sum_we : `numpy.ndarray`
        Complex, ``(ny, nx)``: sums of weight times ellipticity, not calibrated.
    sum_w, sum_w2 : `numpy.ndarray`
        Float, ``(ny, nx)``: sums of weight and of weight squared.
    sum_wc : `numpy.ndarray` or None
        Complex, ``(ny, nx)``: sums of weight times additive bias; None if there is none.
    sum_w2v_m, sum_w2v_e : `numpy.ndarray` or None
        Sums of ``w**2 sigma_m**2`` and of ``w**2 sigma_e**2``; None without that column.
    count : `numpy.ndarray`
        Int, ``(ny, nx)``: the number of galaxies in each pixel.
    calibration : `lensmap.catalog.Calibration`
        Of the whole catalog.
    frame : str
        The frame of the catalog.
    sigma_e : float or None
        The intrinsic dispersion per component that was given; None takes the column or measures.
    scheme : str
        How galaxies were assigned to pixels.
    n_outside, n_masked, n_left_out : int
        How many galaxies fell off the map, into the mask, and were left out of the catalog.
    convention, kind : str
        As declared for the catalog.
    extra : dict
        From the names of sums that were asked for to arrays, ``(ny, nx)``: ``"sum_w2e2"``, of
        weight squared times the squared modulus of the ellipticity, not calibrated.
    """

    wcs: WCS
    parity: int
    mask: np.ndarray
    sum_we: np.ndarray
    sum_w: np.ndarray
    sum_w2: np.ndarray
    sum_wc: np.ndarray | None
    sum_w2v_m: np.ndarray | None
    sum_w2v_e: np.ndarray | None
    count: np.ndarray
    calibration: Calibration
    frame: str = "icrs"
    sigma_e: float | None = None
    scheme: str = "nearest"
    n_outside: int = 0
    n_masked: int = 0
    n_left_out: int = 0
    convention: str = "celestial"
    kind: str = "shear"
    extra: dict = field(default_factory=dict)

    #: What the pixels lie on.
    geometry = "plane"

    def __repr__(self):
        ny, nx = self.shape
        return f"<ShearGrid of {ny} x {nx} pixels; {self.n_used} galaxies>"

    @classmethod
    def from_catalog(
        cls, catalog, wcs, mask=None, *, scheme="nearest", sigma_e=None, extra_sums=()
    ):
        """Bin a catalog.

        Parameters
        ----------
        catalog : ShearCatalog or `~astropy.table.Table`
            The galaxies.
        wcs : `~astropy.wcs.WCS`
            Any celestial WCS with its ``array_shape``.
        mask : object or None
            What `lensmap.masks.SkyMask` takes: galaxies inside are left out and pixels masked.
        scheme : {"nearest", "cloud-in-cell"}
            How galaxies are assigned to pixels.
        sigma_e : float or None
            The intrinsic dispersion of the ellipticities per component. None takes the column
            ``sigma_e`` or, without one, what is measured: the scatter of the ellipticities less
            the column ``sigma_m``.
        extra_sums : sequence of str
            The names of `extra` sums to make.

        Returns
        -------
        ShearGrid
            The sums; a map without a galaxy is a grid of zeros.

        Raises
        ------
        TypeError, ValueError
            If the catalog, the WCS or the mask cannot be used.
        """
        assignment = PixelAssignment(as_shear_catalog(catalog), wcs, mask, scheme=scheme)
        return cls.from_assignment(assignment, sigma_e=sigma_e, extra_sums=extra_sums)

    @classmethod
    def from_assignment(cls, assignment, *, sigma_e=None, extra_sums=()):
        """Sum over galaxies that are assigned to pixels already.

        Parameters
        ----------
        assignment : PixelAssignment
            The galaxies and their pixels.
        sigma_e, extra_sums : object
            As for `from_catalog`.

        Returns
        -------
        ShearGrid
            The sums.
        """
        if sigma_e is not None and not (np.isfinite(sigma_e) and sigma_e > 0):
            raise ValueError(f"sigma_e must be None or a positive number, not {sigma_e!r}")
        catalog = assignment.catalog
        arrays, extra = empty_sums(assignment), empty_extra_sums(assignment, extra_sums)
        add_galaxies(assignment, arrays, extra)
        grid = cls(
            wcs=assignment.frame.wcs,
            parity=assignment.parity,
            mask=assignment.mask,
            **arrays,
            calibration=Calibration.from_catalog(catalog),
            frame=catalog.frame,
            sigma_e=None if sigma_e is None else float(sigma_e),
            scheme=assignment.scheme,
            n_outside=assignment.n_outside,
            n_masked=assignment.n_masked,
            n_left_out=sum(catalog.n_left_out.values()),
            convention=catalog.convention,
            kind=catalog.kind,
            extra=extra,
        )
        grid.__dict__["pixel_frame"] = assignment.frame.without_directions()
        return grid

    @classmethod
    def from_chunks(cls, chunks, wcs, mask=None, **kwargs):
        """Bin a catalog that comes in pieces, one at a time.

        Parameters
        ----------
        chunks : iterable of ShearCatalog or `~astropy.table.Table`
            The pieces; only one is held at a time.
        wcs, mask, **kwargs
            As for `from_catalog`.

        Returns
        -------
        ShearGrid
            The same, to rounding, as of the whole catalog at once.

        Raises
        ------
        ValueError
            If there is no piece, or pieces have different columns, conventions or kinds.
        """
        total = pixels = None
        options = {name: kwargs.pop(name) for name in ("scheme",) if name in kwargs}
        for chunk in chunks:
            catalog = as_shear_catalog(chunk)
            if pixels is None:
                pixels = MapPixels.from_wcs(wcs, mask, catalog.frame)
            elif catalog.frame != total.frame:
                raise _not_of_one("frame", total.frame, catalog.frame)
            assignment = PixelAssignment(catalog, wcs, mask, pixels=pixels, **options)
            if total is None:
                total = cls.from_assignment(assignment, **kwargs)
            else:
                total = total._with_galaxies(assignment)
        if total is None:
            raise ValueError("chunks must hold at least one catalog, but is empty")
        return total

    def _with_galaxies(self, assignment):
        """Return the grid with more galaxies; its arrays are changed, so that they are there once.
        """
        catalog = assignment.catalog
        for name in ("convention", "kind"):
            if getattr(self, name) != getattr(catalog, name):
                raise _not_of_one(name, getattr(self, name), getattr(catalog, name))
        arrays = {name: getattr(self, name) for name in SUMS}
        for name, there in columns_there(assignment).items():
            _check_both(name, arrays[name] is not None, there)
        numbers = {
            "calibration": self.calibration + Calibration.from_catalog(catalog),
            "n_outside": self.n_outside + assignment.n_outside,
            "n_masked": self.n_masked + assignment.n_masked,
            "n_left_out": self.n_left_out + sum(catalog.n_left_out.values()),
        }
        add_galaxies(assignment, arrays, self.extra)
        return replace(self, **numbers)

    def __add__(self, other):
        if not isinstance(other, ShearGrid):
            return NotImplemented
        if not (self.shape == other.shape and _same_wcs(self.wcs, other.wcs)):
            raise ValueError("grids can be added only if they have the same WCS and shape")
        if not np.array_equal(self.mask, other.mask):
            raise ValueError("grids can be added only if they have the same mask")
        for name in ("frame", "sigma_e", "scheme", "convention", "kind"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                raise _not_of_one(name, mine, theirs)
        sums = {}
        for name in SUMS:
            mine, theirs = getattr(self, name), getattr(other, name)
            _check_both(name, mine is not None, theirs is not None)
            sums[name] = None if mine is None else mine + theirs
        for name in self.extra.keys() ^ other.extra.keys():
            _check_both(name, name in self.extra, name in other.extra)
        extra = {name: array + other.extra[name] for name, array in self.extra.items()}
        numbers = {
            name: getattr(self, name) + getattr(other, name)
            for name in ("calibration", "n_outside", "n_masked", "n_left_out")
        }
        return replace(self, **sums, **numbers, extra=extra)

    @property
    def shape(self):
        """``(ny, nx)``."""
        return self.sum_w.shape

    @property
    def n_used(self):
        """The number of galaxies in the grid."""
        return int(self.count.sum())

    @property
    def weight(self):
        """The sum of weights in each pixel, ``(ny, nx)``; 0 where there are no galaxies."""
        return self.sum_w

    @cached_property
    def pixel_frame(self):
        """The `PixelFrame` of the map as seen from the catalog's sky."""
        return PixelFrame(self.wcs, self.frame)

    @cached_property
    def _squared_rotation(self):
        rotation = self.pixel_frame.pixel_rotation().astype(complex)
        return (np.conj(rotation) if self.parity < 0 else rotation) ** 2

    @cached_property
    def sum_wg(self):
        """Complex, ``(ny, nx)``: the sum of weights times the mean reduced shear (pixel basis)."""
        a, b = self.calibration.factors()
        if self.parity < 0:
            # The map conjugates what the sky shows, and the response with it.
            a, b = np.conj(a), np.conj(b)
        anisotropic = abs(b) > 1e-12 * abs(a)
        if a == 1 and not anisotropic and self.sum_wc is None and self.calibration.m == 0:
            return self.sum_we  # of large maps, a copy is a gigabyte
        total = self.sum_we * a
        if anisotropic:
            # An anisotropic response is fixed to the sky: its axes turn with the pixel's.
            total += b * np.conj(self.sum_we) * self._squared_rotation
        if self.sum_wc is not None:
            total -= self.sum_wc
        total /= 1.0 + self.calibration.m
        return total

    @cached_property
    def shear(self):
        """Complex, ``(ny, nx)``: the weighted mean reduced shear g1 + i g2; 0 without galaxies."""
        result = np.zeros(self.shape, dtype=complex)
        np.divide(self.sum_wg, self.sum_w, out=result, where=self.sum_w > 0)
        return result

    @property
    def g1(self):
        """The first component of the mean reduced shear, ``(ny, nx)``; 0 without galaxies."""
        return self.shear.real

    @property
    def g2(self):
        """The second component of the mean reduced shear, ``(ny, nx)``; 0 without galaxies."""
        return self.shear.imag

    @cached_property
    def noise_sum(self):
        r"""The sum over galaxies of weight squared times noise squared, ``(ny, nx)``.

        In units of reduced shear, per component.
        """
        intrinsic, measurement = self.calibration.noise_squares(self.sigma_e)
        total = self.sum_w2v_e if intrinsic is None else intrinsic * self.sum_w2
        if measurement:
            total = total + self.sum_w2v_m
        return total * self._gain**2

    @property
    def _gain(self):
        """How the calibration scales the noise."""
        a, b = self.calibration.factors()
        return float(np.hypot(abs(a), abs(b))) / (1.0 + self.calibration.m)

    @property
    def sigma(self):
        r"""The noise of the mean reduced shear per component, ``(ny, nx)``.

        :math:`\sqrt{\sum w^2 \sigma^2} / \sum w`; infinite where there are no galaxies.
        """
        result = np.full(self.shape, np.inf)
        np.divide(np.sqrt(self.noise_sum), self.sum_w, out=result, where=self.sum_w > 0)
        return result

    def with_ellipticities(self, sum_we):
        """Return the same grid with other ellipticities, such as those of a noise realization.

        Parameters
        ----------
        sum_we : `numpy.ndarray`
            Complex, ``(ny, nx)``; there is no additive bias in it.

        Returns
        -------
        ShearGrid
            All else unchanged.
        """
        new = replace(self, sum_we=sum_we, sum_wc=None)
        # What belongs to the map is worked out once, not for each of many realizations.
        for name in ("pixel_frame", "_squared_rotation"):
            if name in self.__dict__:
                new.__dict__[name] = self.__dict__[name]
        return new


def _same_wcs(one, other):
    """Compare with distortions, which wcslib's own comparison does not see."""
    return one is other or (
        one.wcs.compare(other.wcs)
        and one.to_header_string(relax=True) == other.to_header_string(relax=True)
    )


def _not_of_one(name, mine, theirs):
    return ValueError(f"grids of different {name} cannot be added: {mine!r} and {theirs!r}")


def _check_both(name, mine, theirs):
    """Refuse to add sums of a column to none: c of 0 is not the same as no c."""
    if mine == theirs:
        return
    if name == "sum_wc":
        raise ValueError("one grid has an additive bias (c1, c2) and the other has not")
    raise ValueError(f"one grid has {name} and the other has not: they cannot be added")
