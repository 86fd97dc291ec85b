# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Type aliases for arguments that many functions take."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, Union

import numpy as np
from astropy import units as u

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.cosmology import FLRW
    from astropy.io.fits import BinTableHDU, CompImageHDU, HDUList, ImageHDU, PrimaryHDU
    from astropy.nddata import NDData
    from astropy.table import Table
    from healsparse import HealSparseMap
    from mocpy import MOC
    from regions import Region, Regions

    from lensmap.catalog import ShearCatalog
    from lensmap.cosmology import SourceRedshifts
    from lensmap.maps import ConvergenceMap
    from lensmap.masks import SkyMask

__all__ = [
    "AngleLike",
    "CatalogLike",
    "CosmologyLike",
    "MapLike",
    "MaskLike",
    "PathLike",
    "PositionLike",
    "ProgressLike",
    "RNGLike",
    "RedshiftLike",
    "SeedLike",
]

#: An angle with its unit, such as ``0.6 * u.arcmin`` or ``"0.6 arcmin"``.
AngleLike: TypeAlias = u.Quantity | str

#: A table of galaxies with lensmap's column names, or a `~lensmap.ShearCatalog`.
CatalogLike: TypeAlias = Union["ShearCatalog", "Table"]

#: An astropy cosmology, its name, or None for lensmap's default cosmology.
CosmologyLike: TypeAlias = Union["FLRW", str, None]

#: A convergence map, or an array of its values, ``(ny, nx)``.
MapLike: TypeAlias = Union["ConvergenceMap", np.ndarray]

#: A mask: boolean array, regions, image with its WCS, HEALPix or HealSparse map, MOC, table of star
#: holes, file, or a list of these.
MaskLike: TypeAlias = Union[
    "SkyMask", np.ndarray, "Region", "Regions", "NDData", "PrimaryHDU", "ImageHDU", "CompImageHDU",
    "BinTableHDU", "HDUList", "HealSparseMap", "MOC", "Table", str, os.PathLike, Sequence[object],
]

#: The path of a file or folder.
PathLike: TypeAlias = str | os.PathLike

#: Positions on the sky, or a table with columns ``ra`` and ``dec`` in degrees.
PositionLike: TypeAlias = Union["SkyCoord", "Table", Mapping[str, object], Sequence[object]]

#: Progress reports: True shows a progress bar, a callable is called with ``(done, total)``, and
#: None or False shows nothing.
ProgressLike: TypeAlias = bool | Callable[[int, int], object] | None

#: A seed or generator of random numbers; None draws a new seed in each call.
RNGLike: TypeAlias = int | np.random.SeedSequence | np.random.Generator | None

#: One redshift for all sources, or the redshift distribution of the sources.
RedshiftLike: TypeAlias = Union[float, "SourceRedshifts"]

#: The seed of the random numbers of an estimator.
SeedLike: TypeAlias = int | np.random.SeedSequence
