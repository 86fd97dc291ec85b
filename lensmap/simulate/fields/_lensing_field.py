# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The class `LensingField`: the convergence, shear and halos of one simulated field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from astropy.table import QTable

from lensmap.cosmology import SourceRedshifts, check_z_source
from lensmap.flatsky import convergence_to_shear
from lensmap.grid import PixelFrame
from lensmap.halos import check_halos, halo_positions
from lensmap.maps import ConvergenceMap, check_pixels
from lensmap.simulate.fields._defaults import MAX_SIDE_DEG
from lensmap.simulate.fields._files import read_field_file, write_field_file
from lensmap.utils import ParameterError, ParameterTypeError, check_celestial_wcs

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.wcs import WCS

    from lensmap.typing import PathLike

__all__ = ["LensingField", "filled"]

# A flat field matches no WCS of the curved sky exactly, so pixel scales may differ by this
# fraction.
_SCALE_TOLERANCE = 0.02


@dataclass(frozen=True, eq=False)
class LensingField:
    r"""The convergence and shear of a field on the pixels of a map, and its halos.

    Unpacking a field gives its convergence map and its halo table: ``kappa, halos = field``.

    Attributes
    ----------
    kappa : ConvergenceMap
        The convergence map, ``(ny, nx)``, with its WCS.
    gamma : `numpy.ndarray`
        The complex shear :math:`\gamma_1 + i \gamma_2` (not the reduced shear), ``(ny, nx)``. The
        components refer to the pixel axes (+x, +y). It must be finite in every pixel.
    halos : `~astropy.table.Table` or None
        The halos, with the columns of `lensmap.halos.halo_table`. None becomes a table without
        rows.
    z_source : float, `lensmap.cosmology.SourceRedshifts` or None
        The redshift of the sources, or the redshift distribution over which the field is averaged.
        None if the redshift is unknown.

    Raises
    ------
    TypeError
        If an attribute has the wrong type.
    ValueError
        If the shapes of ``kappa`` and ``gamma`` differ, the shear is not finite, or ``z_source`` is
        not positive.
    """

    kappa: ConvergenceMap
    gamma: np.ndarray
    halos: QTable = None
    z_source: float | SourceRedshifts | None = None

    def __post_init__(self) -> None:
        _require_map(self.kappa)
        gamma = np.asarray(self.gamma)
        if gamma.dtype.kind != "c":
            raise ParameterTypeError(
                "gamma", "an array of complex numbers, gamma1 + 1j * gamma2",
                f"an array of {gamma.dtype}",
            )
        if gamma.shape != self.kappa.shape:
            raise ParameterError(
                "gamma", f"the shape of {{kappa}}, {self.kappa.shape} (ny, nx)", str(gamma.shape),
                verb="have",
            )
        if not np.all(np.isfinite(gamma)):
            n_bad = np.count_nonzero(~np.isfinite(gamma))
            raise ParameterError(
                "gamma", "finite in every pixel, masked pixels included",
                f"NaN or infinite in {n_bad} pixels",
                "LensingField.from_kappa computes it in every pixel",
            )
        z_source = self.z_source if self.z_source is None else check_z_source(self.z_source)
        # This is the only way for a frozen dataclass to normalize its attributes.
        for name, value in (
            ("gamma", gamma), ("halos", check_halos(self.halos)), ("z_source", z_source)
        ):
            object.__setattr__(self, name, value)

    def __iter__(self) -> Iterator[ConvergenceMap | QTable]:
        return iter((self.kappa, self.halos))

    def __repr__(self):
        ny, nx = self.shape
        return (
            f"<LensingField of {ny} x {nx} pixels; {len(self.halos)} halos; "
            f"z_source={self.z_source!r}>"
        )

    @classmethod
    def from_kappa(
        cls,
        kappa: ConvergenceMap,
        *,
        z_source: float | SourceRedshifts | None = None,
        halos: QTable | None = None,
        padding: float = 2.0,
    ) -> LensingField:
        """Make a field from a convergence map, and compute its shear.

        The shear caused by mass outside the map is missing, because that mass is unknown. The map
        is padded with its mean, so that a constant convergence causes no shear. Masked pixels are
        set to the mean, too. In a field of a few degrees, the rms shear is somewhat too small at
        the center and much too small at the very edge. Within about five pixels of an unresolved
        cusp, such as the core of a rich cluster, the shear oscillates by a few percent.

        Parameters
        ----------
        kappa : ConvergenceMap
            The convergence map.
        z_source, halos
            The source redshift or redshift distribution, and the table of halos. None for a
            redshift that is unknown, and for no halos.
        padding : float
            The size of the padded map in units of the size of the map, at least 1. With 1, the
            map is treated as periodic, which is correct only for periodic maps.

        Returns
        -------
        LensingField
            The field, with the floating-point precision of ``kappa``.

        Raises
        ------
        TypeError
            If ``kappa`` is not a ConvergenceMap.
        ValueError
            If ``padding`` is less than 1, every pixel is masked, the pixels are not square, or the
            map is more than 25 deg wide.
        """
        _require_map(kappa)
        if not (np.isfinite(padding) and padding >= 1):
            raise ParameterError("padding", "a number of at least 1", repr(padding))
        side = max(kappa.shape) * kappa.pixel_scale.to_value("deg")
        if side > MAX_SIDE_DEG:
            raise ParameterError(
                "kappa", f"at most {MAX_SIDE_DEG:g} deg wide, for the flat sky",
                f"{side:.1f} deg",
                "correct the size of the map or of its pixels, or cut out a smaller map",
            )
        check_pixels(kappa.wcs, kappa.shape, "kappa")
        contrast = filled(kappa)
        contrast = contrast - contrast[~kappa.mask].mean(dtype=float).astype(contrast.dtype)
        gamma = convergence_to_shear(contrast, padding=padding)
        return cls(kappa, gamma, halos, z_source)

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the field in pixels, ``(ny, nx)``."""
        return self.kappa.shape

    @property
    def wcs(self) -> WCS:
        """The `~astropy.wcs.WCS` of the pixels of the field."""
        return self.kappa.wcs

    @property
    def reduced_shear(self) -> np.ndarray:
        r"""The complex reduced shear :math:`\gamma / (1 - \kappa)`, ``(ny, nx)``.

        Its components refer to the pixel axes (+x, +y). The reduced shear is NaN in
        masked pixels of ``kappa``, and not finite where ``kappa`` is 1.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.gamma / (1 - self.kappa.data)

    @property
    def halo_positions(self) -> SkyCoord:
        """The positions of the halos, a `~astropy.coordinates.SkyCoord` (ICRS)."""
        return halo_positions(self.halos)

    def to_wcs(self, wcs: WCS) -> LensingField:
        """Move the field to another position on the sky, without resampling.

        The arrays do not change, and the halos keep their pixel positions. Because ``gamma`` is in
        the basis of the pixel axes, a WCS of opposite parity mirrors the field on the sky.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`
            A celestial WCS whose ``array_shape`` is the shape of the field.

        Returns
        -------
        LensingField
            The moved field.

        Raises
        ------
        TypeError
            If ``wcs`` is not a WCS.
        ValueError
            If ``wcs`` is not celestial, its shape differs from that of the field, its pixels are
            not square, or its pixel scale differs by more than 2 percent.
        """
        wcs = check_celestial_wcs(wcs)
        if tuple(wcs.array_shape) != self.shape:
            raise ParameterError(
                "wcs", f"the array_shape of the field, {self.shape} (ny, nx)",
                str(tuple(wcs.array_shape)), "to_wcs moves the pixels but does not resample",
                verb="have",
            )
        check_pixels(wcs, self.shape, "wcs")
        kappa = ConvergenceMap(self.kappa, wcs=wcs)
        ratio = float(kappa.pixel_scale / self.kappa.pixel_scale)
        if not abs(ratio - 1) < _SCALE_TOLERANCE:
            raise ParameterError(
                "wcs",
                f"pixels of {self.kappa.pixel_scale.to('arcmin'):.4g}, as the field, to within "
                f"{_SCALE_TOLERANCE:.0%}",
                f"{kappa.pixel_scale.to('arcmin'):.4g}",
                "to_wcs moves the pixels but does not resample",
                verb="have",
            )
        halos = self.halos.copy()
        if len(halos) > 0:
            sky = self.halo_positions
            x, y = PixelFrame(self.wcs).positions(sky.ra.deg, sky.dec.deg)
            sky = wcs.pixel_to_world(x, y).icrs
            halos["ra"], halos["dec"] = sky.ra, sky.dec
        return replace(self, kappa=kappa, halos=halos)

    def write(
        self, path: PathLike, *, overwrite: bool = False, dtype: str | None = None
    ) -> None:
        """Write the field to a FITS or HDF5 file.

        A FITS file has the layout of a `~lensmap.maps.ConvergenceMap` file, so
        ``ConvergenceMap.read`` and other programs can read the convergence. It also has the images
        GAMMA1 and GAMMA2, the table HALOS and, if the sources have a redshift distribution, the
        table NZ. HDF5 is faster, but omits the B-mode, the uncertainty and the galaxy counts per
        pixel of ``kappa``. Simulated maps seldom have these.

        An interrupted write leaves no partial file.

        Parameters
        ----------
        path : path-like
            The file to write, with the suffix ``.fits``, ``.fits.gz``, ``.h5`` or ``.hdf5``.
        overwrite : bool
            Whether an existing file may be replaced.
        dtype : {"float32", "float64"} or None
            The floating-point precision of kappa and gamma in the file. None keeps their precision.

        Raises
        ------
        FileExistsError
            If the file exists and ``overwrite`` is False.
        ValueError
            If the suffix is unknown, or the format is HDF5 and the WCS has distortions.
        ImportError
            If the format is HDF5 and h5py is missing.
        """
        write_field_file(self, path, overwrite=overwrite, dtype=dtype)

    @classmethod
    def read(cls, path: PathLike) -> LensingField:
        """Read a field from a file written by ``write``.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        LensingField
            The field.

        Raises
        ------
        FileNotFoundError
            If the file does not exist.
        ValueError
            If the file does not hold a field. For a convergence map without shear, use
            ``from_kappa``.
        ImportError
            If the file is HDF5 and h5py is missing.
        """
        return cls(**read_field_file(path))


def filled(kappa: ConvergenceMap) -> np.ndarray:
    """Return the convergence of a map, with masked pixels set to the mean of unmasked pixels."""
    if not kappa.mask.any():
        return kappa.data
    if kappa.mask.all():
        raise ValueError("every pixel of kappa is masked: unmask at least one pixel")
    return np.where(kappa.mask, kappa.data[~kappa.mask].mean(), kappa.data)


def _require_map(kappa):
    if not isinstance(kappa, ConvergenceMap):
        raise ParameterTypeError(
            "kappa", "a ConvergenceMap", type(kappa).__name__,
            "ConvergenceMap(array, wcs=wcs) makes one of an array",
        )
