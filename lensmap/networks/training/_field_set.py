# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`FieldSet`: a folder of training fields, stored in half precision."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u

from lensmap.simulate import HaloModelField, LensingField, read_any_field, run_series
from lensmap.typing import AngleLike, PathLike, ProgressLike, RedshiftLike
from lensmap.utils import (
    ParameterError,
    RunFolder,
    atomic_write,
    check_count,
    finish,
    reading,
    to_plain,
)

__all__ = ["FieldSet"]

_KIND, _SCHEMA = "set of fields", 1

# The version of the algorithm, to be increased whenever the same settings give different fields.
_ALGORITHM = 1

_NAME = "{:06d}.npy"


class FieldSet:
    """A folder of training fields with the same pixels and source redshifts.

    Each file holds the fields of one line of sight for one or more source redshifts. It is an array
    ``(n_redshifts, 3, ny, nx)``, in half precision, of kappa, gamma1 and gamma2. The shear is not
    reduced, and is in the basis of the pixel axes. The methods `draw` and `from_files` make a set.
    If one of them is interrupted, the same call resumes it.

    Parameters
    ----------
    folder : path-like
        The folder of the set.

    Raises
    ------
    FileNotFoundError
        If the folder holds no set of fields.
    """

    def __init__(self, folder: PathLike) -> None:
        try:
            run = RunFolder.read(folder, schema=_SCHEMA, kind=_KIND)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{error}: make a set of fields with FieldSet.draw or FieldSet.from_files"
            ) from None
        self.folder, self.settings = run.path, run.settings

    def __repr__(self):
        return f"<FieldSet of {len(self)} files in {str(self.folder)!r}>"

    @classmethod
    def exists(cls, folder: PathLike) -> bool:
        """Return whether a folder holds a set of fields.

        Parameters
        ----------
        folder : path-like
            The folder to check.

        Returns
        -------
        bool
            True if the folder holds a set. False if it does not, or if it does not exist.
        """
        try:
            cls(folder)
        except (OSError, ValueError):
            return False
        return True

    @classmethod
    def draw(
        cls,
        folder: PathLike,
        model: HaloModelField,
        n_fields: int,
        *,
        seed: int = 0,
        workers: int | None = None,
        progress: ProgressLike = None,
        take_over: bool = False,
    ) -> "FieldSet":
        """Draw random fields from a model, and write them to a folder.

        Parameters
        ----------
        folder : path-like
            The folder; created if it does not exist.
        model : `lensmap.simulate.HaloModelField`
            The model of the fields, with one or several source redshifts.
        n_fields : int
            The total number of files, one for each line of sight. A later call with a larger
            number adds fields.
        seed : int
            The seed of the series of fields, as for `lensmap.simulate.draw_fields`.
        workers : int or None
            The number of processes, as for `lensmap.simulate.draw_fields`.
        progress : None, bool or callable
            How to show the progress, as for ``lensmap.utils.track``. None shows no progress.
        take_over : bool
            Whether to take over the folder of a run that was killed. A run that is still alive
            can then no longer write to the folder.

        Returns
        -------
        FieldSet
            The set of fields.

        Raises
        ------
        ValueError
            If the folder holds fields of another model or seed, or a file that is not a field.
        RuntimeError
            If another run is using the folder, or some fields could not be drawn. All other fields
            are kept.
        """
        check_count(n_fields, "n_fields")
        settings = {
            "pixel_scale_arcmin": float(model.pixel_scale.to_value(u.arcmin)),
            "shape": model.shape,
            "z_source": [str(z) for z in np.ravel(np.array(model.z_source, dtype=object))],
            "model": to_plain(model),
            "seed": check_count(seed, "seed"),
        }
        with cls._run(folder, settings, take_over) as run:
            missing = _missing(run, n_fields)
            save = partial(_save_drawn, folder=str(run.path))
            outcomes = run_series(model, missing, seed=seed, workers=workers, progress=progress,
                                  then=save) if missing else ()
            finish(outcomes, "fields", str(run.path))
        return cls(folder)

    @classmethod
    def from_files(
        cls,
        folder: PathLike,
        paths: Sequence[Any],
        *,
        width: AngleLike | None = None,
        pixel_scale: AngleLike | None = None,
        z_source: RedshiftLike | None = None,
        read: Callable[[Path], LensingField] | None = None,
        take_over: bool = False,
    ) -> "FieldSet":
        """Convert files of simulated fields to a set.

        The files are those of ``lensmap simulate fields``, MassiveNuS, kappaTNG or LensTools, or
        convergence maps in FITS, HDF5 or NumPy files, as for `lensmap.simulate.read_field`. A map
        is dimensionless and has the axes ``(ny, nx)``, which are the axes NAXIS2 and NAXIS1 of FITS
        images. The shear of a map is computed from its convergence.

        Parameters
        ----------
        folder : path-like
            The folder; created if it does not exist.
        paths : sequence of path-like
            The files, which must have the same pixels and source redshift. A later call may append
            files to the sequence.
        width, pixel_scale : `~astropy.units.Quantity`, str or None
            The angular side of the maps or of their pixels, if the files do not hold it.
        z_source : float, `lensmap.cosmology.SourceRedshifts` or None
            The redshift of the sources or their redshift distribution, if the files do not hold it.
            It may be unknown.
        read : callable or None
            A function of your own that reads a `lensmap.simulate.LensingField` from a path. None
            reads all files named above.
        take_over : bool
            Whether to take over the folder of a run that was killed. A run that is still alive
            can then no longer write to the folder.

        Returns
        -------
        FieldSet
            The set of fields.

        Raises
        ------
        ValueError
            If ``paths`` is empty, a file cannot be read, pixels or source redshifts differ between
            files, values are not finite, or the folder holds other fields.
        RuntimeError
            If another run is using the folder.
        """
        paths = [Path(path) for path in paths]
        if not paths:
            raise ValueError("paths must contain at least one file, but contains none")
        if read is None:
            read = partial(
                read_any_field, width=width, pixel_scale=pixel_scale, z_source=z_source
            )
        elif not (width is None and pixel_scale is None and z_source is None):
            raise ParameterError(
                "read", "None if {width}, {pixel_scale} or {z_source} is given"
            )
        first = read(paths[0])
        settings = _settings(first) | {"files": [path.resolve() for path in paths], "seed": None}
        with cls._run(folder, settings, take_over) as run:
            for number in _missing(run, len(paths)):
                field = first if number == 0 else read(paths[number])
                if _settings(field) != _settings(first):
                    raise ValueError(
                        "all files in paths must have the same pixels and source redshift, but "
                        f"{str(paths[number])!r} has {_settings(field)}, and the first file, "
                        f"{str(paths[0])!r}, has {_settings(first)}"
                    )
                _check_finite(field, paths[number])
                _save(field, run.path / _NAME.format(number))
        return cls(folder)

    @classmethod
    def _run(cls, folder, settings, take_over):
        return RunFolder(
            folder, settings, schema=_SCHEMA, kind=_KIND, algorithm=_ALGORITHM, addable=("files",),
            products=("[0-9]*.npy",), take_over=take_over,
        )

    @property
    def pixel_scale(self) -> float:
        """The pixel scale in arcminutes."""
        return self.settings["pixel_scale_arcmin"]

    @cached_property
    def files(self) -> list[Path]:
        """The sorted paths of the files. The folder is listed once, at the first access.

        Other files, such as the copy "000001 (1).npy" of a file, do not belong to the set.
        """
        return sorted(
            path for path in self.folder.glob("[0-9]*.npy")
            if path.stem.isdecimal() and path.name == _NAME.format(int(path.stem))
        )

    def __len__(self) -> int:
        return len(self.files)

    def read(self, number: int, redshift: int) -> tuple[np.ndarray, np.ndarray]:
        """Read one field.

        Parameters
        ----------
        number : int
            The index of the file.
        redshift : int
            The index of the source redshift in the file.

        Returns
        -------
        kappa : `numpy.ndarray`
            The convergence, float32, ``(ny, nx)``.
        gamma : `numpy.ndarray`
            The shear (not reduced) in the basis of the pixel axes, complex64, ``(ny, nx)``.
        """
        planes = _planes(self.files[number], self.settings)[redshift].astype(np.float32)
        return planes[0], planes[1] + 1j * planes[2]

    @property
    def n_redshifts(self) -> int:
        """The number of source redshifts in each file."""
        return len(self.settings["z_source"])

    @cached_property
    def variances(self) -> np.ndarray:
        """The variance of kappa for each source redshift, averaged over the first 40 files."""
        return np.mean(
            [_planes(path, self.settings)[:, 0].astype(np.float32).var((-2, -1))
             for path in self.files[:40]],
            axis=0,
        )


def _settings(field):
    """Return a dict of the settings that all fields of a set must share, from one field.

    The settings are the pixel scale, the shape and the source redshift.
    """
    return {
        "pixel_scale_arcmin": round(float(field.kappa.pixel_scale.to_value(u.arcmin)), 4),
        "shape": list(field.shape),
        "z_source": [str(field.z_source)],
    }


def _check_finite(field, path):
    """Raise ValueError if a field has values that cannot be stored in half precision."""
    largest = float(np.finfo(np.float16).max)
    for values in (field.kappa.data, field.gamma.real, field.gamma.imag):
        if not np.all(np.abs(values) < largest):  # False for NaN
            raise ValueError(
                f"the map {str(path)!r} must have finite values of the convergence in all pixels, "
                "but some are NaN, masked or too large: leave out this file, or fill its pixels"
            )


def _missing(run, n):
    """Return the numbers of the files, from 0 to ``n - 1``, that are missing in a set of fields.

    A ValueError is raised if an existing file does not hold fields of the shape of the set.
    """
    return run.missing_files([_NAME], n, lambda path: _planes(path, run.settings))


def _planes(path, settings):
    """Return the memory-mapped array in a file of a set of fields, after a check of its shape."""
    shape = (len(settings["z_source"]), 3, *settings["shape"])
    with reading(path, "training fields", "delete the file and make the set of fields again"):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != np.float16:
            raise ValueError(
                f"{str(path)!r} must hold a float16 array of shape {shape}, but holds a "
                f"{getattr(array, 'dtype', 'different')} array of shape "
                f"{getattr(array, 'shape', 'unknown')}"
            )
        return array


def _save_drawn(fields, seed, folder):
    _save(fields, Path(folder, _NAME.format(seed.spawn_key[0])))


def _save(fields, path):
    fields = fields if isinstance(fields, (list, tuple)) else [fields]
    planes = [[field.kappa.data, field.gamma.real, field.gamma.imag] for field in fields]
    # Half precision has three digits, and its rounding error is a hundredth of the shape noise.
    array = np.array(planes, dtype=np.float16)
    with atomic_write(path, overwrite=True) as temporary:
        with open(temporary, "wb") as file:
            np.save(file, array)
