# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ExternalMaps`: maps that another program made of exported fields, in place of an estimator."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
from astropy.io import fits

from lensmap.grid import ShearGrid
from lensmap.maps import ConvergenceMap, same_pixels
from lensmap.typing import PathLike
from lensmap.utils import (
    LensmapWarning,
    OtherSettingsError,
    ParameterError,
    differences,
    file_digest,
    list_names,
    missing_file,
    reading,
    to_plain,
    without_warnings,
)
from lensmap.validation._exported_grid import identity_of, is_same_field

__all__ = ["INDEX_FILE", "INDEX_KIND", "INDEX_SCHEMA", "ExternalMaps", "check_external_maps",
           "field_name"]

#: The file in the folder of exported fields with their settings and identities.
INDEX_FILE = "export.json"
INDEX_KIND, INDEX_SCHEMA = "exported fields", 1

_SUFFIXES = (".fits", ".fits.gz")


def field_name(part: str, number: int) -> str:
    """Return the name of an exported field, such as ``"fields-0003"``.

    Parameters
    ----------
    part : str
        The part of the validation, such as ``"null"``.
    number : int
        The number of the field in this part.

    Returns
    -------
    str
        The name, which is also that of its maps.
    """
    return f"{part}-{number:04d}"


class ExternalMaps:
    """Maps that another program made of the fields that `export_fields` wrote.

    An object of this class takes the place of an estimator in `validate` and `compare`: it reads
    the map of each field, which it recognizes by the data. The map of the field ``fields-0003`` is
    ``fields-0003.fits``, the convergence as a two-dimensional image with the celestial WCS of the
    field. NaN is allowed in masked pixels. If the file has an extension ``MASK``, which is not 0
    in masked pixels, these are masked as well; an extension ``UNCERT`` is the standard deviation.

    Parameters
    ----------
    folder : path-like
        The folder of the maps, inside the folder of the exported fields or with a copy of its file
        ``export.json``.

    Raises
    ------
    FileNotFoundError
        If the folder or the file ``export.json`` does not exist.
    ValueError
        If the file ``export.json`` is not that of exported fields.
    """

    quantity, linear = "kappa", False

    #: The time to read a map is not the time that the other program took.
    is_timed = False

    def __init__(self, folder: PathLike):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise missing_file(self.folder, "folder", "there is no folder {!r} with maps")
        self._index = _read_index(self.folder)

    def __repr__(self) -> str:
        return f"ExternalMaps({self.folder.name!r})"

    def get_params(self) -> dict:
        """Return the digest of the map of the first field, which identifies the maps.

        Returns
        -------
        dict
            The digest, as ``first_map_sha256``.
        """
        return {"first_map_sha256": self._first_digest}

    @cached_property
    def _first_digest(self):
        return file_digest(self._path(next(iter(self._index["fields"]))))["sha256"]

    def reconstruct(self, grid: ShearGrid) -> ConvergenceMap:
        """Read the map of a field.

        Parameters
        ----------
        grid : ShearGrid
            The binned shear of the field.

        Returns
        -------
        ConvergenceMap
            The map in the file.

        Raises
        ------
        FileNotFoundError
            If there is no map of this field.
        ValueError
            If no exported field has these data; if the map has another shape or WCS, or values that
            are not finite in unmasked pixels; or if it is of another quantity.
        """
        identity = identity_of(grid)
        names = [name for name, other in self._index["fields"].items()
                 if is_same_field(identity, other)]
        if len(names) != 1:
            raise ValueError(
                f"the maps in {str(self.folder)!r} are of other fields: no field that lensmap "
                f"{self._index['lensmap']} exported has the data of this one; export the fields "
                "again, with the set-up of the validation, and map them"
            )
        kappa, is_bad = self._read(names[0], grid.shape)
        _check_pixels(kappa, grid, self._path(names[0]))
        n_bad = np.count_nonzero(is_bad & ~grid.mask)
        if n_bad:
            raise _not_finite(self._path(names[0]), n_bad)
        return kappa

    def _path(self, name):
        """Return the path of the file with the map of a field."""
        paths = [self.folder / f"{name}{suffix}" for suffix in _SUFFIXES]
        found = [path for path in paths if path.is_file()]
        if len(found) > 1:
            raise ValueError(
                f"two files are maps of the field {name!r}, {found[0].name!r} and "
                f"{found[1].name!r} in {str(self.folder)!r}: remove one of them"
            )
        if not found:
            raise missing_file(paths[0], "folder", f"there is no map of the field {name!r}: the "
                               "file would be {!r}")
        return found[0]

    def _read(self, name, shape):
        """Return the map of a field, and where it should be finite and is not, bool.

        ``shape`` is that of the field, ``(ny, nx)``. Where the extension MASK is not 0, the map
        may be NaN.
        """
        path = self._path(name)
        # A program that copies the header of the field copies the checksum of other data.
        with without_warnings(LensmapWarning):
            kappa = ConvergenceMap.read(path)
        if kappa.shape != tuple(shape):
            raise ValueError(
                f"the map {str(path)!r} has the shape {kappa.shape} (ny, nx), but its field "
                f"{tuple(shape)}: write a map of the pixels of the field"
            )
        is_bad = ~np.isfinite(kappa.data)
        if is_bad.any():
            is_bad &= ~_declared_mask(path, kappa.shape)
        quantity = kappa.meta.get("quantity", "kappa")
        if quantity != "kappa":
            raise ValueError(
                f"the map {str(path)!r} is one of {quantity}, but the scores compare maps of kappa "
                "with the true kappa"
            )
        return kappa, is_bad

    def check(self, parts: Mapping[str, int], settings: Mapping) -> None:
        """Check all maps that a validation needs, before it begins.

        Parameters
        ----------
        parts : dict
            The number of fields of each part that is mapped, keyed by the part.
        settings : dict
            The settings of the validation as plain values: ``setup``, ``seed`` and, if there are
            masked fields, ``mask_fraction``.

        Raises
        ------
        FileNotFoundError
            If a map is missing.
        ValueError
            If the maps are of fields of other settings; if fewer fields were exported; or if a map
            has another shape, or more values that are not finite than its field masked pixels.
        """
        exported = {name: self._index["settings"].get(name) for name in settings}
        lines = differences(exported, json.loads(json.dumps(to_plain(settings))))
        if lines:
            raise OtherSettingsError(
                f"the maps in {str(self.folder)!r} are of fields of other settings: "
                f"{'; '.join(lines)}: validate with the settings of the exported fields"
            )
        names = [field_name(part, i) for part, n in parts.items() for i in range(n)]
        fields = self._index["fields"]
        unknown = [name for name in names if name not in fields]
        if unknown:
            raise ValueError(
                f"the maps in {str(self.folder)!r} are of exported fields without "
                f"{list_names(unknown)}: validate fewer fields, or export more of them with the "
                "same settings and map these"
            )
        missing = [name for name in names
                   if not any((self.folder / f"{name}{end}").is_file() for end in _SUFFIXES)]
        if missing:
            raise missing_file(
                self.folder, "folder",
                f"{len(missing)} of {len(names)} maps are missing in the folder {{!r}}: "
                f"{list_names([f'{name}.fits' for name in missing])}",
            )
        for name in names:
            is_bad = self._read(name, fields[name]["shape"])[1]
            # Where the field is masked is not known before it is drawn.
            n_bad = np.count_nonzero(is_bad) - fields[name]["n_masked"]
            if n_bad > 0:
                raise _not_finite(self._path(name), n_bad)


def check_external_maps(
    estimators: Mapping[str, object], parts: Mapping[str, int], settings: Mapping
) -> None:
    """Check the maps of all estimators that are `ExternalMaps`; see `ExternalMaps.check`.

    Parameters
    ----------
    estimators : dict
        The estimators, keyed by name.
    parts, settings : dict
        As for `ExternalMaps.check`.
    """
    for estimator in estimators.values():
        if isinstance(estimator, ExternalMaps):
            estimator.check(parts, settings)


def _read_index(folder):
    """Return the contents of the file ``export.json`` of a folder of maps or of its parent."""
    places = [folder / INDEX_FILE, folder.resolve().parent / INDEX_FILE]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise FileNotFoundError(
            f"there is no file {INDEX_FILE!r} in {str(folder)!r} or the folder above: put the "
            "folder of the maps into the folder of the exported fields, or copy the file"
        )
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        is_index = index["kind"] == INDEX_KIND and bool(index["fields"])
    except (ValueError, KeyError, TypeError):
        is_index = False
    if not is_index:
        raise ValueError(
            f"{str(path)!r} is not the list of fields that lensmap exported: copy that file again"
        )
    if index["schema"] != INDEX_SCHEMA:
        raise ValueError(
            f"{str(path)!r} has version {index['schema']} of the file format, but lensmap reads "
            f"version {INDEX_SCHEMA}: export the fields again with this version of lensmap"
        )
    return index


def _declared_mask(path, shape):
    """Return the mask in the extension MASK of a file, bool, ``(ny, nx)``; False without it."""
    with reading(path, "map"), fits.open(path) as hdus:
        if "MASK" in hdus:
            return np.reshape(hdus["MASK"].data, shape) != 0
    return np.zeros(shape, dtype=bool)


def _check_pixels(kappa, grid, path):
    """Raise an error if the pixels of a map are not at the positions of those of its field."""
    if not same_pixels(kappa.wcs, grid.wcs, grid.shape):
        raise ValueError(
            f"the map {str(path)!r} has another WCS than its field: copy the WCS from the header "
            "of G1 of the field, and keep the order of the axes, [y, x]"
        )


def _not_finite(path, n):
    return ParameterError(
        "maps", "finite in all unmasked pixels", f"NaN or infinite in {n} of {str(path)!r}",
        "if the program masks further pixels, write them as an extension 'MASK' that is 1 there",
    )
