# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Full disks are named, and so is the folder of temporary files."""

import errno
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from lensmap.utils import temporary_folder
from lensmap.utils._folder_lock import FolderLock
from lensmap.utils._full_disk import FullDiskError, full_disk_named, is_full_disk


def no_space(*args, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_an_error_with_its_file(tmp_path):
    with pytest.raises(FullDiskError) as caught, full_disk_named(lambda: tmp_path / "k.fits"):
        no_space()
    text = str(caught.value)
    assert text.startswith(f"cannot write to {str(tmp_path / 'k.fits')!r} (No space left on device")
    assert f" MB are free in {str(tmp_path)!r}): free some space, or use another dir" in text
    assert is_full_disk(caught.value)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == text and copy.errno == errno.ENOSPC
    # An outer block knows less.
    with pytest.raises(FullDiskError, match="k.fits"), full_disk_named(lambda: "other"):
        raise copy


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no full device")
def test_numpy_writes_a_part_of_an_array():
    with open("/dev/full", "wb") as device:
        with pytest.raises(FullDiskError, match="cannot write to 'k.npy' .No space left on device"):
            with full_disk_named(lambda: "k.npy"):
                np.zeros(10_000).tofile(device)


@pytest.mark.parametrize("error", [ValueError("no"), PermissionError(errno.EACCES, "no")])
def test_other_errors_propagate(error):
    with pytest.raises(type(error)) as caught, full_disk_named(lambda: "k.fits"):
        raise error
    assert caught.value is error and not is_full_disk(error)


def test_a_temporary_folder_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ValueError, match="no"), temporary_folder("lensmap-") as folder:
        assert os.path.dirname(folder) == str(tmp_path)
        open(os.path.join(folder, "file"), "w").close()
        raise ValueError("no")
    assert os.listdir(tmp_path) == []


def test_the_temporary_folder_of_a_killed_process_is_removed(tmp_path):
    killed = (
        "import os, sys\n"
        "from lensmap.utils import temporary_folder\n"
        "with temporary_folder('.tasks-', sys.argv[1]) as folder:\n"
        "    open(os.path.join(folder, 'file'), 'w').close()\n"
        "    os._exit(3)\n"
    )
    assert subprocess.run([sys.executable, "-c", killed, str(tmp_path)]).returncode == 3
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".tasks-lensmap-")
    with temporary_folder("tasks-", tmp_path) as one, temporary_folder("tasks-", tmp_path) as two:
        # Those of processes that are alive stay.
        assert sorted(os.listdir(tmp_path)) == sorted(map(os.path.basename, (one, two)))
    assert os.listdir(tmp_path) == []


def test_a_full_temporary_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("tempfile.mkdtemp", no_space)
    with pytest.raises(FullDiskError, match=f"{tmp_path.name}.*, or set .* TMPDIR to another"):
        with temporary_folder("lensmap-"):
            pytest.fail("the body must not run")
    monkeypatch.setattr("pathlib.Path.mkdir", no_space)
    with pytest.raises(FullDiskError, match=f"{tmp_path.name}' .No space left.*: free some space$"):
        with temporary_folder("lensmap-", tmp_path):
            pytest.fail("the body must not run")


def test_a_missing_temporary_folder_is_named(monkeypatch):
    def refuse(*args, **kwargs):
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/no/tmp']")

    monkeypatch.setenv("TMPDIR", "/no/tmp")
    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    monkeypatch.setattr("tempfile.gettempdir", refuse)
    with pytest.raises(OSError, match="'/no/tmp' .TMPDIR.*set the environment variable TMPDIR to"):
        with temporary_folder("lensmap-"):
            pytest.fail("the body must not run")


def test_a_lock_on_a_full_disk(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_text", no_space)
        with pytest.raises(FullDiskError, match="cannot write to '.*lensmap-lock'"):
            FolderLock(tmp_path)
    assert os.listdir(tmp_path) == []
    FolderLock(tmp_path).release()
