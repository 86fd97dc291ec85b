# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`GivenFields`: true maps that the user brings, in the place of drawn ones."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from astropy import units as u

from lensmap.simulate import LensingField
from lensmap.utils import as_generator

__all__ = ["GivenFields"]


@dataclass(frozen=True, eq=False)
class GivenFields:
    """Fields from files, such as maps of a simulation; all have the same pixels.

    It has ``prepare`` and ``draw`` and may stand where a `lensmap.simulate.HaloModelField` does.

    Attributes
    ----------
    paths : sequence of path-like
        The files, at least one.
    read : callable or None
        Makes a `lensmap.simulate.LensingField` of a path, such as
        `lensmap.simulate.read_massivenus`; importable, where fields are drawn in several
        processes. None is that of LensingField, for files of ``lensmap simulate fields``.

    Raises
    ------
    ValueError
        If there is no file.
    FileNotFoundError
        If one of them is not there.
    """

    paths: tuple
    read: object = None

    def __post_init__(self):
        if self.read is None:
            object.__setattr__(self, "read", LensingField.read)
        paths = tuple(Path(path) for path in self.paths)
        if not paths:
            raise ValueError("paths must name at least one file, but is empty")
        missing = [str(path) for path in paths if not path.is_file()]
        if missing:
            raise FileNotFoundError(f"there is no file {missing[0]!r} of those in paths")
        object.__setattr__(self, "paths", paths)

    def __len__(self):
        return len(self.paths)

    def __repr__(self):
        return f"<GivenFields of {len(self)} files, the first {str(self.paths[0])!r}>"

    def __getitem__(self, which):
        """Return some of them, a slice."""
        return GivenFields(self.paths[which], self.read)

    @cached_property
    def _first(self):
        return self.read(self.paths[0])

    @property
    def wcs(self):
        """The `~astropy.wcs.WCS` of the first, which stands for all."""
        return self._first.wcs

    @property
    def shape(self):
        """``(ny, nx)``."""
        return self._first.shape

    @property
    def pixel_scale(self):
        """The side of a pixel, an angle."""
        return self._first.kappa.pixel_scale.to(u.arcmin)

    def prepare(self):
        """Read the first field.

        Returns
        -------
        GivenFields
            The fields themselves.
        """
        _ = self._first
        return self

    def draw(self, rng=None):
        """Return a field: in a series of `lensmap.simulate.draw_fields` that of the same number.

        Parameters
        ----------
        rng : None, int, `numpy.random.SeedSequence` or `numpy.random.Generator`
            That of the series; by any other, a field is chosen at random.

        Returns
        -------
        LensingField
            The field.

        Raises
        ------
        ValueError
            If there are fewer files than that, or its pixels are not those of the first.
        """
        rng = as_generator(rng)
        key = rng.bit_generator.seed_seq.spawn_key
        number = key[0] if key else int(rng.integers(len(self)))
        if number >= len(self):
            raise ValueError(f"there is no field number {number}: paths names {len(self)} files")
        field = self.read(self.paths[number])
        if field.shape != self.shape or not np.isclose(
            field.kappa.pixel_scale.to_value(u.arcmin), self.pixel_scale.to_value(u.arcmin)
        ):
            raise ValueError(
                f"{str(self.paths[number])!r} has {field.shape} pixels of "
                f"{field.kappa.pixel_scale.to(u.arcmin):.4g}, the first file {self.shape} of "
                f"{self.pixel_scale:.4g}: all must be alike"
            )
        return field
