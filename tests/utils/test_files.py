# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The file is there whole or not at all, and nothing else is left beside it."""

import errno
import os
import stat
import tempfile
from pathlib import Path

import pytest

from lensmap.utils import FITS_SUFFIXES, atomic_write, has_suffix


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_new_file(tmp_path):
    target = tmp_path / "kappa.fits.gz"
    with atomic_write(target) as temporary:
        assert temporary.parent == tmp_path  # another disk could not be moved from
        assert temporary.name.endswith(".fits.gz") and temporary != target
        assert not target.exists()
        temporary.write_text("new")
    assert target.read_text() == "new"
    assert names(tmp_path) == ["kappa.fits.gz"]


def test_str_and_no_suffix(tmp_path):
    with atomic_write(str(tmp_path / "kappa")) as temporary:
        temporary.write_text("new")
    assert names(tmp_path) == ["kappa"]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_permissions_are_those_of_any_file(tmp_path):
    (tmp_path / "ordinary").touch()
    with atomic_write(tmp_path / "ours") as temporary:
        temporary.write_text("new")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ordinary", "ours")}
    assert len(modes) == 1


def test_existing_file_is_kept_or_replaced(tmp_path):
    target = tmp_path / "kappa.fits"
    target.write_text("old")
    with pytest.raises(FileExistsError, match="kappa.fits.* exists"):
        with atomic_write(target):
            pytest.fail("the body must not run")
    assert target.read_text() == "old"
    with atomic_write(target, overwrite=True) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert names(tmp_path) == ["kappa.fits"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("existed", [False, True])
def test_interrupted(tmp_path, error, existed):
    target = tmp_path / "kappa.fits"
    if existed:
        target.write_text("old")
    with pytest.raises(error):
        with atomic_write(target, overwrite=True) as temporary:
            temporary.write_text("half")
            raise error
    assert names(tmp_path) == ["kappa.fits"] * existed
    assert not existed or target.read_text() == "old"


def test_made_by_another_in_the_meantime(tmp_path):
    target = tmp_path / "kappa.fits"
    with pytest.raises(FileExistsError):
        with atomic_write(target) as temporary:
            temporary.write_text("ours")
            target.write_text("theirs")
    assert target.read_text() == "theirs"
    assert names(tmp_path) == ["kappa.fits"]


def test_writer_that_removed_the_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        with atomic_write(tmp_path / "kappa.fits") as temporary:
            temporary.unlink()
    assert names(tmp_path) == []


def test_no_directory(tmp_path):
    with pytest.raises(FileNotFoundError, match="directory .*missing.* does not exist"):
        with atomic_write(tmp_path / "missing" / "kappa.fits"):
            pytest.fail("the body must not run")


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_directory_is_no_file(tmp_path, overwrite):
    with pytest.raises(IsADirectoryError):
        with atomic_write(tmp_path, overwrite=overwrite):
            pytest.fail("the body must not run")


# Permissions do not bind the superuser: the system's answer is imitated.
@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_read_only_directory(tmp_path, monkeypatch, number):
    def refuse(*args, **kwargs):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    with pytest.raises(PermissionError, match=f"cannot write to the directory .*{tmp_path.name}"):
        with atomic_write(tmp_path / "kappa.fits"):
            pytest.fail("the body must not run")
    assert names(tmp_path) == []


def test_other_errors_of_the_system_stay_what_they_are(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    with pytest.raises(OSError) as caught:
        with atomic_write(tmp_path / "kappa.fits"):
            pytest.fail("the body must not run")
    assert caught.value.errno == errno.ENOSPC and not isinstance(caught.value, PermissionError)


def test_refused_move_keeps_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "kappa.fits"
    target.write_text("old")

    def refuse(*args):
        raise PermissionError("no")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError):
        with atomic_write(target, overwrite=True) as temporary:
            temporary.write_text("new")
    assert target.read_text() == "old"
    assert names(tmp_path) == ["kappa.fits"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.fits", True), ("b/A.FITS.GZ", True), (Path("c.fit"), True), ("a.fits.bak", False)],
)
def test_suffixes_are_told_in_any_case(name, expected):
    assert has_suffix(name, FITS_SUFFIXES) is expected
