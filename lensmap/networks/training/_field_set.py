# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`FieldSet`: convergence and shear on disk, small and quick to read, to train networks on."""

import json
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from astropy import units as u

from lensmap.simulate import LensingField, draw_fields
from lensmap.utils import atomic_write

__all__ = ["FieldSet"]

_DESCRIPTION = "fields.json"


class FieldSet:
    """A folder of fields of one kind, in half precision.

    Each file holds one or more fields of the same matter, for sources at different redshifts, as
    an array ``(n_redshifts, 3, ny, nx)`` of kappa, gamma1 and gamma2 (not reduced, pixel basis).
    Make one with `draw` or `from_files`; both go on where an earlier call stopped.

    Parameters
    ----------
    folder : path-like
        The folder.

    Raises
    ------
    FileNotFoundError
        If there is no set of fields in it.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        description = self.folder / _DESCRIPTION
        if not description.is_file():
            raise FileNotFoundError(
                f"{str(self.folder)!r} holds no set of fields: make one with FieldSet.draw or "
                "FieldSet.from_files"
            )
        self.description = json.loads(description.read_text(encoding="utf-8"))

    def __repr__(self):
        return f"<FieldSet of {len(self)} files in {str(self.folder)!r}>"

    @classmethod
    def draw(cls, folder, model, n_fields, *, seed=0, workers=None, progress=None):
        """Draw fields of a model.

        Parameters
        ----------
        folder : path-like
            Where to; made if need be.
        model : `lensmap.simulate.HaloModelField`
            The model, for one source redshift or several.
        n_fields : int
            How many files there shall be.
        seed : int
            The seed of `lensmap.simulate.draw_fields`: the same fields, in whatever steps.
        workers, progress : object
            As for `lensmap.simulate.draw_fields`.

        Returns
        -------
        FieldSet
            The set.

        Raises
        ------
        ValueError
            If the folder holds fields of another model or seed.
        """
        description = {
            "pixel_scale": float(model.pixel_scale.to_value(u.arcmin)),
            "shape": list(model.shape),
            "z_source": [str(z) for z in np.ravel(np.array(model.z_source, dtype=object))],
            "made_of": {name: str(value) for name, value in model.get_params().items()},
            "seed": int(seed),
        }
        found = cls._described(folder, description)
        there = {int(path.stem) for path in found.files}
        save = partial(_save_drawn, folder=str(found.folder))
        for _ in draw_fields(model, n_fields, seed=seed, skip=there, workers=workers,
                             progress=progress, then=save):
            pass
        return cls(folder)

    @classmethod
    def from_files(cls, folder, paths, *, read=LensingField.read):
        """Take fields from files, such as those of ``lensmap simulate fields`` or MassiveNuS.

        Parameters
        ----------
        folder : path-like
            Where to; made if need be.
        paths : sequence of path-like
            The files, which all have the same pixels.
        read : callable
            Makes a `lensmap.simulate.LensingField` of a path, such as
            `lensmap.simulate.read_massivenus`.

        Returns
        -------
        FieldSet
            The set.

        Raises
        ------
        ValueError
            If there is no file, or pixels differ, or the folder holds other fields.
        """
        paths = [Path(path) for path in paths]
        if not paths:
            raise ValueError("paths must name at least one file, but is empty")
        folder = Path(folder)
        for number, path in enumerate(paths):
            if number > 0 and (folder / _name(number)).exists():
                continue
            field = read(path)
            description = {
                "pixel_scale": round(float(field.kappa.pixel_scale.to_value(u.arcmin)), 4),
                "shape": list(field.shape),
                "z_source": [str(field.z_source)],
                "made_of": {"files": [str(path.resolve()) for path in paths]},
                "seed": None,
            }
            cls._described(folder, description)
            if not (folder / _name(number)).exists():
                _save(field, folder / _name(number))
        return cls(folder)

    @classmethod
    def _described(cls, folder, description):
        """Return the set of a folder, new or of the same description."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / _DESCRIPTION
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            other = [key for key in description if found.get(key) != description[key]]
            if other:
                raise ValueError(
                    f"{str(folder)!r} holds fields of another {other[0]} "
                    f"({found.get(other[0])!r} instead of {description[other[0]]!r}): take a new "
                    "folder"
                )
        else:
            with atomic_write(path) as temporary:
                temporary.write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
        return cls(folder)

    @property
    def pixel_scale(self):
        """The side of a pixel in arcminutes."""
        return self.description["pixel_scale"]

    @cached_property
    def files(self):
        """The files, sorted; those that were there when they were asked for first."""
        return sorted(self.folder.glob("[0-9]*.npy"))

    def __len__(self):
        return len(self.files)

    def read(self, number, redshift):
        """Read a field.

        Parameters
        ----------
        number, redshift : int
            Which file, and which of the redshifts in it.

        Returns
        -------
        kappa, gamma : `numpy.ndarray`
            Float32 and complex64, ``(ny, nx)``.
        """
        planes = np.load(self.files[number], mmap_mode="r")[redshift].astype(np.float32)
        return planes[0], planes[1] + 1j * planes[2]

    @property
    def n_redshifts(self):
        """How many source redshifts there are."""
        return len(self.description["z_source"])

    @cached_property
    def variances(self):
        """The variance of kappa for each source redshift, from the first 40 files."""
        return np.mean(
            [np.load(path)[:, 0].astype(np.float32).var((-2, -1)) for path in self.files[:40]],
            axis=0,
        )


def _name(number):
    return f"{number:06d}.npy"


def _save_drawn(fields, seed, folder):
    _save(fields, Path(folder) / _name(seed.spawn_key[0]))


def _save(fields, path):
    fields = fields if isinstance(fields, (list, tuple)) else [fields]
    planes = [[field.kappa.data, field.gamma.real, field.gamma.imag] for field in fields]
    # Shear to three digits is enough: noise is a hundred times as large as what is lost.
    array = np.array(planes, dtype=np.float16)
    with atomic_write(path, overwrite=True) as temporary:
        with open(temporary, "wb") as file:
            np.save(file, array)
