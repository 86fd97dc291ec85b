# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`LensingField`: what a piece of sky does to the galaxies behind it."""

from dataclasses import dataclass, replace

import numpy as np
from astropy.table import QTable

from lensmap.cosmology import check_z_source
from lensmap.flatsky import convergence_to_shear
from lensmap.grid import PixelFrame
from lensmap.halos import check_halos, halo_positions
from lensmap.maps import ConvergenceMap, pixel_anisotropy
from lensmap.simulate.fields._files import read_field_file, write_field_file
from lensmap.utils import check_celestial_wcs

__all__ = ["LensingField", "filled"]

# Shear is right on pixels this far from squares; its error is of this order.
_MAX_ANISOTROPY = 1.03

# The same pixels may be called a little larger: a flat field fits on no sphere exactly.
_SCALE_TOLERANCE = 0.02


@dataclass(frozen=True, eq=False)
class LensingField:
    r"""Convergence and shear on the pixels of a map, and the halos that make them.

    A field is unpacked as a pair: ``kappa, halos = field``.

    Attributes
    ----------
    kappa : ConvergenceMap
        The convergence, ``(ny, nx)``, with its place on the sky.
    gamma : `numpy.ndarray`
        Complex, ``(ny, nx)``: the shear :math:`\gamma_1 + i \gamma_2` (not reduced) in the basis
        of the pixel axes (+x, +y), finite everywhere.
    halos : `~astropy.table.Table` or None
        The halos, with the columns of `lensmap.halos.halo_table`; None becomes a table without
        rows.
    z_source : float, `lensmap.cosmology.SourceRedshifts` or None
        The redshift of the sources that the field is for, their distribution if the field is a
        mean over it, or None where it is not known.

    Raises
    ------
    TypeError
        If a part is of the wrong kind.
    ValueError
        If shapes differ, the shear is not finite, or ``z_source`` is not positive.
    """

    kappa: ConvergenceMap
    gamma: np.ndarray
    halos: QTable = None
    z_source: object = None

    def __post_init__(self):
        if not isinstance(self.kappa, ConvergenceMap):
            raise TypeError(f"kappa must be a ConvergenceMap, not {type(self.kappa).__name__}")
        gamma = np.asarray(self.gamma)
        if gamma.dtype.kind != "c":
            raise TypeError(f"gamma must be complex, gamma1 + i gamma2, not {gamma.dtype}")
        if gamma.shape != self.kappa.shape:
            raise ValueError(
                f"gamma has the shape {gamma.shape}, but kappa has {self.kappa.shape} (ny, nx)"
            )
        if not np.all(np.isfinite(gamma)):
            raise ValueError("gamma must be finite in every pixel, masked ones included")
        z_source = self.z_source if self.z_source is None else check_z_source(self.z_source)
        # The class is frozen for its users; its parts are brought into one form here.
        for name, value in (
            ("gamma", gamma), ("halos", check_halos(self.halos)), ("z_source", z_source)
        ):
            object.__setattr__(self, name, value)

    def __iter__(self):
        return iter((self.kappa, self.halos))

    def __repr__(self):
        ny, nx = self.shape
        return (
            f"<LensingField of {ny} x {nx} pixels; {len(self.halos)} halos; "
            f"z_source={self.z_source!r}>"
        )

    @classmethod
    def from_kappa(cls, kappa, *, z_source=None, halos=None, padding=2.0):
        """Make the shear of a convergence map that comes without.

        The mass outside of the map is not known, and its shear is missing: the map is taken to
        be surrounded by its own mean, so that a constant makes no shear. Masked pixels have the
        mean, too. Of a field of a few degrees some of the rms shear is missing in the middle,
        and most of it at the very edge. Within some five pixels of a cusp that the pixels do not
        resolve, the core of a rich cluster, shear swings by some per cent about the truth.

        Parameters
        ----------
        kappa : ConvergenceMap
            The convergence.
        z_source, halos
            As for `LensingField`.
        padding : float
            The map is surrounded to this multiple of its size, at least 1; 1 takes it as
            periodic, which is right only for a map that is.

        Returns
        -------
        LensingField
            With the precision of ``kappa``.

        Raises
        ------
        TypeError
            If ``kappa`` is no ConvergenceMap.
        ValueError
            If ``padding`` is less than 1, every pixel is masked, or the pixels are no squares.
        """
        if not isinstance(kappa, ConvergenceMap):
            raise TypeError(f"kappa must be a ConvergenceMap, not {type(kappa).__name__}")
        if not (np.isfinite(padding) and padding >= 1):
            raise ValueError(f"padding must be a number of at least 1, not {padding!r}")
        _require_squares(kappa.wcs, kappa.shape, "kappa")
        contrast = filled(kappa)
        contrast = contrast - contrast[~kappa.mask].mean(dtype=float).astype(contrast.dtype)
        gamma = convergence_to_shear(contrast, padding=padding)
        return cls(kappa, gamma, halos, z_source)

    @property
    def shape(self):
        """``(ny, nx)``."""
        return self.kappa.shape

    @property
    def wcs(self):
        """The `~astropy.wcs.WCS` of the pixels."""
        return self.kappa.wcs

    @property
    def reduced_shear(self):
        r"""Complex, ``(ny, nx)``: :math:`\gamma / (1 - \kappa)` in the pixel basis.

        NaN where ``kappa`` is masked; it is not defined where ``kappa`` is 1.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.gamma / (1 - self.kappa.data)

    @property
    def halo_positions(self):
        """Where the halos are, a `~astropy.coordinates.SkyCoord` (ICRS)."""
        return halo_positions(self.halos)

    def to_wcs(self, wcs):
        """Put the same pixels elsewhere on the sky.

        Nothing is resampled. The picture stays as it is, and with it ``gamma``, which is in the
        basis of the pixels: on a WCS of the other handedness the sky is mirrored. Halos move
        along.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`
            A celestial WCS with the ``array_shape`` of the field.

        Returns
        -------
        LensingField
            The field there.

        Raises
        ------
        TypeError, ValueError
            If ``wcs`` is not usable, or its shape differs, or its pixels are no squares, or larger
            or smaller by more than 2 per cent.
        """
        check_celestial_wcs(wcs)
        if tuple(wcs.array_shape) != self.shape:
            raise ValueError(
                f"wcs has the shape {tuple(wcs.array_shape)}, but the field has {self.shape} "
                "(ny, nx): the pixels must be the same"
            )
        _require_squares(wcs, self.shape, "wcs")
        kappa = ConvergenceMap(self.kappa, wcs=wcs)
        ratio = float(kappa.pixel_scale / self.kappa.pixel_scale)
        if not abs(ratio - 1) < _SCALE_TOLERANCE:
            raise ValueError(
                f"wcs has pixels of {kappa.pixel_scale.to('arcmin'):.4g}, but the field has "
                f"{self.kappa.pixel_scale.to('arcmin'):.4g}: they may differ by 2 per cent"
            )
        halos = self.halos.copy()
        if len(halos) > 0:
            sky = self.halo_positions
            x, y = PixelFrame(self.wcs).positions(sky.ra.deg, sky.dec.deg)
            sky = wcs.pixel_to_world(x, y).icrs
            halos["ra"], halos["dec"] = sky.ra, sky.dec
        return replace(self, kappa=kappa, halos=halos)

    def write(self, path, *, overwrite=False, dtype=None):
        """Write the field to a file, whole or not at all.

        FITS is the form of a `~lensmap.maps.ConvergenceMap`, which other programs and
        ``ConvergenceMap.read`` read, with the images GAMMA1 and GAMMA2 and the tables HALOS and,
        if the sources have a distribution, NZ. HDF5 has the same without what a simulated map
        seldom has: the B-mode, the uncertainty and the counts of ``kappa``.

        Parameters
        ----------
        path : path-like
            Where to: ``.fits``, ``.fits.gz``, ``.h5`` or ``.hdf5``.
        overwrite : bool
            Whether an existing file may be replaced.
        dtype : {"float32", "float64"} or None
            The precision of kappa and gamma in the file; None is that which they have.

        Raises
        ------
        FileExistsError
            If the file exists and ``overwrite`` is False.
        ValueError
            If the suffix is none of these.
        ImportError
            If HDF5 is asked for and h5py is missing.
        """
        write_field_file(self, path, overwrite=overwrite, dtype=dtype)

    @classmethod
    def read(cls, path):
        """Read a field that `write` wrote.

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
            If there is no such file.
        ValueError
            If it is of another kind, or holds no shear (`from_kappa` makes one).
        ImportError
            If it is HDF5 and h5py is missing.
        """
        return cls(**read_field_file(path))


def filled(kappa):
    """Return the data of a map with the mean in the place of masked pixels."""
    if not kappa.mask.any():
        return kappa.data
    if kappa.mask.all():
        raise ValueError("every pixel of kappa is masked")
    return np.where(kappa.mask, kappa.data[~kappa.mask].mean(), kappa.data)


def _require_squares(wcs, shape, name):
    anisotropy = pixel_anisotropy(wcs, shape)
    if not anisotropy <= _MAX_ANISOTROPY:
        raise ValueError(
            f"the pixels of {name} are {anisotropy:.2f} : 1, and shear needs squares: reproject "
            "the map first"
        )
