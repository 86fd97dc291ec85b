# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`GivenFields`: true convergence maps read from files instead of simulated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.wcs import WCS

from lensmap.cosmology import check_z_source, get_cosmology
from lensmap.simulate import LensingField
from lensmap.typing import CosmologyLike, PathLike, RedshiftLike, RNGLike
from lensmap.utils import ParameterError, as_generator, missing_file
from lensmap.validation._seeds import seed_sequence

__all__ = ["GivenFields"]


@dataclass(frozen=True, eq=False)
class GivenFields:
    """True convergence maps read from files, such as ray-tracing maps of an N-body simulation.

    All maps must have the same shape and pixel scale.

    Attributes
    ----------
    paths : sequence of path-like
        The files, at least one.
    read : callable
        Function that takes a path and returns a `lensmap.simulate.LensingField`, such as
        `lensmap.simulate.read_massivenus`. It must be importable if several processes read the
        files. The default reads files written by ``lensmap simulate fields``.
    z_source : float or `lensmap.cosmology.SourceRedshifts`
        The source redshift for which the maps were made, or the redshift distribution.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology of the maps, or its name in astropy. If None, lensmap's default cosmology.

    Raises
    ------
    ValueError
        If ``paths`` is empty, or ``z_source`` is not a redshift.
    FileNotFoundError
        If a file does not exist.
    """

    paths: Sequence[PathLike]
    read: Callable[[Path], LensingField] = LensingField.read
    z_source: RedshiftLike = field(kw_only=True)
    cosmology: CosmologyLike = field(default=None, kw_only=True)

    #: None: the pixels alone limit the resolution, see `lensmap.simulate.HaloModelField`.
    resolution = None

    def __post_init__(self):
        paths = tuple(Path(path) for path in self.paths)
        if not paths:
            raise ParameterError("paths", "at least one file", verb="name")
        missing = [path for path in paths if not path.is_file()]
        if missing:
            raise missing_file(
                missing[0], "paths", "there is no file {!r}, which is one of 'paths'"
            )
        check_z_source(self.z_source)
        object.__setattr__(self, "paths", paths)
        object.__setattr__(self, "cosmology", get_cosmology(self.cosmology))

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self):
        return f"<GivenFields of {len(self)} files, the first {str(self.paths[0])!r}>"

    def __getitem__(self, which: slice) -> "GivenFields":
        return self.replace(paths=self.paths[which])

    def replace(self, **changes: Any) -> "GivenFields":
        """Return a copy of these fields with some parameters changed.

        Parameters
        ----------
        **changes
            The new values of the parameters to change.

        Returns
        -------
        GivenFields
            The copy.
        """
        return replace(self, **changes)

    @cached_property
    def _first(self) -> LensingField:
        return self.read(Path(self.paths[0]))

    @property
    def wcs(self) -> WCS:
        """The `~astropy.wcs.WCS` of the first map, used for all maps."""
        return self._first.wcs

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the maps, ``(ny, nx)``."""
        return self._first.shape

    @property
    def pixel_scale(self) -> u.Quantity:
        """The angular side length of a pixel."""
        return self._first.kappa.pixel_scale.to(u.arcmin)

    def prepare(self) -> "GivenFields":
        """Read the first map, whose WCS and shape apply to all maps.

        Returns
        -------
        GivenFields
            This object.
        """
        _ = self._first
        return self

    def draw(self, rng: RNGLike = None) -> LensingField:
        """Read the true convergence map in one of the files.

        `lensmap.simulate.draw_fields` reads file i for field i.

        Parameters
        ----------
        rng : None, int, `numpy.random.SeedSequence` or `numpy.random.Generator`
            Which file to read. With the seed of field i of a series, which ``draw_fields`` sets,
            file i; with any other seed or generator, a random file; with None, another random file
            in each call.

        Returns
        -------
        LensingField
            The true convergence in the file.

        Raises
        ------
        ValueError
            If the series has more fields than there are files, or if the map differs from the first
            map in shape or pixel scale.
        """
        key = seed_sequence(rng).spawn_key
        number = key[0] if key else int(as_generator(rng).integers(len(self)))
        if number >= len(self):
            raise ValueError(
                f"field number {number} needs {number + 1} files, but 'paths' names only "
                f"{len(self)}: give more files or ask for fewer fields"
            )
        lensing = self.read(Path(self.paths[number]))
        if lensing.shape != self.shape or not np.isclose(
            lensing.kappa.pixel_scale.to_value(u.arcmin), self.pixel_scale.to_value(u.arcmin)
        ):
            raise ValueError(
                f"all maps must have the same pixels, but the map in {str(self.paths[number])!r} "
                f"has the shape {lensing.shape} (ny, nx) and pixels of "
                f"{lensing.kappa.pixel_scale.to(u.arcmin):.4g}, and the map in "
                f"{str(self.paths[0])!r} has {self.shape} and {self.pixel_scale:.4g}"
            )
        return lensing
