# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Verification of files and folders that lensmap wrote."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lensmap.provenance._findings import Finding, Verification
from lensmap.provenance._fits_sums import wrong_hdus
from lensmap.provenance._read import is_fits, read_provenance
from lensmap.provenance._schemas import record_violations, settings_violations
from lensmap.utils import (
    NETWORK_SUFFIXES,
    PROVENANCE_SCHEMA,
    RUN_RECORD,
    SETTINGS_FILE,
    file_digest,
    folder_digest,
    is_sealed,
    list_names,
    missing_file,
    package_versions,
    visible_files,
)

if TYPE_CHECKING:
    from lensmap.typing import PathLike

__all__ = ["verify"]

_DIGESTS = ("sha256", "sha256_of_ends")

_DAMAGED = "make it anew or copy it again"


def verify(path: PathLike, *, inputs: PathLike | Iterable[PathLike] = ()) -> Verification:
    """Test whether a file or a run folder of lensmap, and its inputs, are as they were.

    The checks are: the checksum of the file, and of all files in a folder; the version of its form
    (schema) and, for the record and the settings of a run, their entries; the versions of lensmap
    and the packages that made it; the weights of networks; and the digests of the inputs that it
    records. The record of ``--json`` and that of a folder, ``run.json``, list the outputs with
    digests, too, which are tested as well.

    Parameters
    ----------
    path : path-like
        A file (FITS, ECSV, HDF5, Parquet, VOTable, JSON, weights of a network) or the folder of a
        run.
    inputs : path-like or iterable of path-like
        Folders in which the inputs are looked for. They are also looked for at their recorded path,
        in the folder of the product, and in the working directory.

    Returns
    -------
    Verification
        The verdict and the findings: ``"wrong"`` if the file or an input was changed,
        ``"undecided"`` if an input is missing, a version differs, or there is no checksum.

    Raises
    ------
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from astropy.coordinates import SkyCoord
    >>> from lensmap import ConvergenceMap, make_wcs
    >>> from lensmap.provenance import verify
    >>> wcs = make_wcs(SkyCoord([10.0, 10.2], [-0.1, 0.1], unit="deg"), "1 arcmin")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "kappa.fits"
    ...     ConvergenceMap(np.zeros(wcs.array_shape), wcs=wcs).write(path)
    ...     verify(path).verdict
    'right'
    """
    path = Path(path)
    if not path.exists():
        raise missing_file(path, text="there is no file or folder {!r}: check the path")
    folders = [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
    work = _Work([Path(folder) for folder in folders])
    record = work.check_folder(path) if path.is_dir() else work.check_product(path)
    return Verification(str(path), record, work.findings, dict(work.n_checks))


class _Work:
    """The checks of one product, which collect findings.

    ``folders`` are those in which inputs are looked for.
    """

    def __init__(self, folders):
        self._folders = folders
        self.findings: list[Finding] = []
        self.n_checks: Counter = Counter()

    def _find(self, code, verdict, path, message):
        self.findings.append(Finding(code, verdict, str(path), message))

    def check_product(self, path: Path) -> dict[str, Any]:
        """Check a file, what it records, and the inputs and outputs that the record names."""
        try:
            record = read_provenance(path)
        except (OSError, ValueError, ImportError) as error:
            self._find("unreadable", "wrong", path, str(error))
            return {}
        if not self._check_content(path, record):
            return record
        if not record:
            self._find(
                "no_record", "undecided", path,
                f"{str(path)!r} does not record how it was made; verify the --json file of its run"
            )
        elif self._check_schema(path, record):
            if "status" in record:  # the record of a command
                self._check_fields(path, record, record_violations(record))
            self._check_versions(path, record)
            self._check_networks(path, record.get("networks", ()))
            self._check_inputs(path, record.get("inputs", ()))
            self._check_outputs(path.parent, record.get("outputs", ()))
        return record

    def check_folder(self, folder: Path) -> dict[str, Any]:
        """Check the files of a run folder, and the record of the run."""
        record, recorded = {}, set()
        if (folder / RUN_RECORD).is_file():
            record = self.check_product(folder / RUN_RECORD)
            recorded = {item["path"] for item in record.get("outputs", ()) if "bytes" in item}
        else:
            self._find(
                "no_record", "undecided", folder,
                f"{str(folder)!r} has no {RUN_RECORD}, because the run was interrupted or begun "
                "from Python: files without a checksum cannot be checked"
            )
        names = visible_files(folder)
        for name in names:
            if Path(name).name == SETTINGS_FILE:
                self._check_settings(folder / name)
        others = [name for name in names if name not in recorded]
        without = [name for name in others if not self._check_alone(folder / name)]
        if recorded and others:
            self._find(
                "new_files", "undecided", folder,
                f"{str(folder)!r} holds files that {RUN_RECORD} does not name: {list_names(others)}"
            )
        elif without:
            self._find(
                "no_checksum", "undecided", folder,
                f"{str(folder)!r} holds files without a checksum: {list_names(without)}"
            )
        return record

    # --- one file ---------------------------------------------------------------------------

    def _check_alone(self, path):
        """Check a file of a folder without a recorded digest; return whether it has a checksum."""
        n_before = self.n_checks["checksums"]
        if path.suffix == ".npz":
            self.n_checks["checksums"] += 1
            try:
                with zipfile.ZipFile(path) as file:
                    is_right = file.testzip() is None
            except (OSError, zipfile.BadZipFile):
                is_right = False
            if not is_right:
                self._find_changed(path)
        elif path.suffix == ".json":
            try:
                json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                self._find_changed(path)
            self._check_seal(path, {})
        else:
            try:
                self._check_content(path, read_provenance(path))
            except (OSError, ValueError, ImportError) as error:
                self._find("unreadable", "wrong", path, str(error))
                return True
        return self.n_checks["checksums"] > n_before

    def _check_content(self, path, record):
        """Check the checksums within a file; return whether nothing is wrong.

        ``record`` is the provenance of the file, empty if it has none.
        """
        n_before = len(self.findings)
        if is_fits(path):
            self._check_fits(path, record)
        elif not self._check_weights(path):
            self._check_seal(path, record)
        return len(self.findings) == n_before

    def _check_fits(self, path, record):
        try:
            wrong, without = wrong_hdus(path)
        except (OSError, ValueError, EOFError) as error:
            self._find(
                "unreadable", "wrong", path, f"{str(path)!r} is damaged ({error}): {_DAMAGED}"
            )
            return
        self.n_checks["checksums"] += bool(record) or not without
        if record:  # lensmap gives a checksum to every HDU
            wrong += without
        if wrong:
            self._find_changed(path, f" in the HDU {list_names(wrong)}")
        elif without:
            self._find(
                "no_checksum", "undecided", path,
                f"{str(path)!r} has HDUs without a CHECKSUM card: {list_names(without)}"
            )

    def _check_seal(self, path, record):
        right = is_sealed(path)
        self.n_checks["checksums"] += right is not None
        if right is False or (right is None and "seal" in record):
            self._find_changed(path)

    def _check_weights(self, path):
        """Check the weights of a network by the digest in its card; False for other files."""
        card = path.with_suffix(".json")
        if path.suffix not in NETWORK_SUFFIXES or not card.is_file():
            return False
        try:
            digest = json.loads(card.read_text(encoding="utf-8"))["sha256"]
        except (ValueError, KeyError, TypeError):
            return False
        self.n_checks["checksums"] += 1
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            self._find_changed(path, f" since its card {card.name!r} was written")
        return True

    def _find_changed(self, path, where=""):
        self._find(
            "checksum", "wrong", path,
            f"{str(path)!r} was changed{where}, because its checksum is wrong: {_DAMAGED}"
        )

    # --- the record -------------------------------------------------------------------------

    def _check_schema(self, path, record):
        self.n_checks["schema"] += 1
        schema = record.get("schema")
        if schema != PROVENANCE_SCHEMA:
            self._find(
                "schema", "wrong", path,
                f"{str(path)!r} has a record in version {schema} of its form, but the installed "
                f"lensmap reads version {PROVENANCE_SCHEMA} only: use the lensmap that wrote it, "
                f"{record.get('lensmap')}"
            )
        return schema == PROVENANCE_SCHEMA

    def _check_settings(self, path):
        """Check the settings of a run folder against their schema."""
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            return  # the checksum tells it, or the check of files without one
        self.n_checks["schema"] += 1
        self._check_fields(path, settings, settings_violations(settings))

    def _check_fields(self, path, record, violations):
        """Report what is wrong with a record by its schema; another version may have another."""
        if not violations:
            return
        version = record.get("lensmap") if isinstance(record, dict) else None
        is_other = version != package_versions()["lensmap"]
        shown = violations[:3] + ["..."] * (len(violations) > 3)
        by = f", made by lensmap {version}," if is_other else ""
        self._find(
            "schema", "undecided" if is_other else "wrong", path,
            f"{str(path)!r}{by} does not have the form that the installed lensmap writes: "
            f"{'; '.join(shown)}"
        )

    def _check_versions(self, path, record):
        self.n_checks["versions"] += 1
        installed = package_versions()
        other = [
            f"{name} {version} (installed: {installed[name]})"
            for name, version in record.get("versions", {}).items()
            if name in installed and installed[name] != version
        ]
        if other:
            self._find(
                "version", "undecided", path,
                f"{str(path)!r} was made with other versions, whose numbers may differ: "
                f"{', '.join(other)}"
            )

    def _check_networks(self, path, networks):
        """Check whether the installed weights are those of the networks that made a file.

        Weights that do not come with lensmap are inputs of the run.
        """
        for item in networks:
            if item["edition"] is None:
                continue
            from lensmap.networks import network_record

            self.n_checks["networks"] += 1
            edition = item["edition"]
            try:
                installed = network_record(edition)["sha256"]
            except (OSError, ValueError):
                self._find(
                    "network_missing", "undecided", edition,
                    f"{str(path)!r} was made by the network {edition!r}, which the installed "
                    "lensmap does not have"
                )
                continue
            if installed != item["sha256"]:
                self._find(
                    "network_changed", "wrong", edition,
                    f"{str(path)!r} was made by the network {edition!r} with other weights than "
                    f"those installed: their SHA-256 begins with {item['sha256'][:12]}, not "
                    f"{installed[:12]}"
                )

    def _check_inputs(self, path, inputs):
        for item in inputs:
            self.n_checks["inputs"] += 1
            name, words = item["path"], f"the input {item['path']!r} ({item['option']})"
            places = dict.fromkeys(
                place for folder in (*self._folders, path.parent, Path())
                for place in [folder / Path(name).name]
            )
            if Path(name).is_absolute():
                places = {Path(name): None, **places}
            existing = [place for place in places if place.exists()]
            if not existing:
                self._find(
                    "input_missing", "undecided", name,
                    f"{words} of {path.name!r} was not found: name the folder that holds it"
                )
            elif not any(_is_same(place, item) for place in existing):
                self._find(
                    "input_changed", "wrong", existing[0],
                    f"{words} has changed since {path.name!r} was made: "
                    f"{_difference(existing[0], item)}"
                )

    def _check_outputs(self, folder, outputs):
        for item in outputs:
            if "bytes" not in item:
                continue
            self.n_checks["outputs"] += 1
            # Paths are those of the command line, which may have run in another directory.
            places = [folder / item["path"], Path(item["path"]), folder / Path(item["path"]).name]
            existing = [place for place in places if place.is_file()]
            if not existing:
                self._find(
                    "output_missing", "wrong", item["path"],
                    f"the output {item['path']!r} does not exist"
                )
            elif not any(_is_same(place, item) for place in existing):
                self._find(
                    "output_changed", "wrong", existing[0],
                    f"the output {item['path']!r} was changed: {_difference(existing[0], item)}"
                )


def _facts(path):
    return folder_digest(path) if path.is_dir() else file_digest(path)


def _is_same(path, item):
    facts = _facts(path)
    return all(facts.get(name) == item.get(name) for name in ("bytes", *_DIGESTS))


def _difference(path, item):
    """Return how a file differs from the size and the digest in a record, as text."""
    facts = _facts(path)
    if facts["bytes"] != item["bytes"]:
        return f"it has {facts['bytes']} bytes, not {item['bytes']}"
    kind = next((name for name in _DIGESTS if name in item), _DIGESTS[0])
    old, new = (str(values.get(kind))[:12] for values in (item, facts))
    return f"its SHA-256 begins with {new}, not {old}"
