# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The file is there whole or not at all, and nothing else is left beside it."""

import errno
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lensmap.utils import FITS_SUFFIXES, atomic_write, atomic_writes, has_suffix
from lensmap.utils._leftovers import remove_leftovers, temporary_path
from lensmap.utils._processes import start_time


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


def refuse_to_create(monkeypatch, number):
    """Imitate the system's answer when a temporary file is created."""
    create = os.open

    def refuse(path, *args, **kwargs):
        if "-lensmap-" in str(path):
            raise OSError(number, os.strerror(number))
        return create(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)


# Permissions do not bind the superuser: the system's answer is imitated.
@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_read_only_directory(tmp_path, monkeypatch, number):
    refuse_to_create(monkeypatch, number)
    with pytest.raises(PermissionError, match=f"cannot write to the directory .*{tmp_path.name}"):
        with atomic_write(tmp_path / "kappa.fits"):
            pytest.fail("the body must not run")
    assert names(tmp_path) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_space_for_a_new_file(tmp_path, monkeypatch, number):
    refuse_to_create(monkeypatch, number)
    with pytest.raises(OSError, match="cannot write to .*kappa.fits.*: free some space") as caught:
        with atomic_write(tmp_path / "kappa.fits"):
            pytest.fail("the body must not run")
    assert caught.value.errno == number and not isinstance(caught.value, PermissionError)


def test_the_file_that_was_being_written_is_named(tmp_path):
    """Of several files, and although astropy's writer drops the number of the system's error."""
    paths = [tmp_path / name for name in ("a.fits", "b.fits", "c.fits")]
    paths[2].write_text("old")
    with pytest.raises(OSError, match="cannot write to .*b.fits' .No space left on device, .* MB "):
        with atomic_writes(paths, overwrite=True) as (first, second, third):
            third.write_text("new")
            first.write_text("new")
            second.write_text("half")
            try:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError as error:
                raise OSError(f"Not enough space: {error}")
    assert names(tmp_path) == ["c.fits"] and paths[2].read_text() == "old"


def test_no_file_appears_before_all_are_on_the_disk(tmp_path, monkeypatch):
    """Some file systems report only at the end that the disk is full."""
    sync, left = os.fsync, [1]

    def refuse(number):
        if not left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left.pop()
        sync(number)

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="free some space"):
        with atomic_writes([tmp_path / "a.fits", tmp_path / "b.fits"]) as temporaries:
            for path in temporaries:
                path.write_text("new")
    assert names(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
class TestOtherThanFiles:
    def test_a_link_stays_and_its_file_is_replaced(self, tmp_path):
        (tmp_path / "store").mkdir()
        (tmp_path / "store" / "real.fits").write_text("old")
        (tmp_path / "first.fits").symlink_to("store/real.fits")
        (tmp_path / "second.fits").symlink_to("first.fits")
        for name in ("second.fits", "first.fits"):
            with atomic_write(tmp_path / name, overwrite=True) as temporary:
                assert temporary.parent == tmp_path / "store"
                temporary.write_text(name)
            assert (tmp_path / "store" / "real.fits").read_text() == name
        assert (tmp_path / "first.fits").is_symlink() and (tmp_path / "second.fits").is_symlink()
        assert names(tmp_path / "store") == ["real.fits"]

    def test_a_link_to_nothing_makes_its_file(self, tmp_path):
        (tmp_path / "link.fits").symlink_to("real.fits")
        with atomic_write(tmp_path / "link.fits") as temporary:
            temporary.write_text("new")
        assert (tmp_path / "link.fits").is_symlink()
        assert (tmp_path / "real.fits").read_text() == "new"

    @pytest.mark.parametrize("kind", ["pipe", "socket", "device", "loop"])
    def test_what_is_no_file_is_refused(self, kind, tmp_path):
        path = tmp_path / kind
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "loop":
            path.symlink_to(path)
        elif kind == "device":
            path.symlink_to(os.devnull)
        else:
            server = socket.socket(socket.AF_UNIX)
            server.bind(os.path.relpath(path))
            server.close()
        before = os.lstat(path).st_ino
        with pytest.raises(FileExistsError, match=f"{kind}' is a .*: give another name"):
            with atomic_write(path, overwrite=True):
                pytest.fail("the body must not run")
        assert os.lstat(path).st_ino == before and names(tmp_path) == [kind]
        assert stat.S_ISCHR(os.stat(os.devnull).st_mode)

    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o444])
    @pytest.mark.parametrize("replaces", [False, True])
    def test_a_replaced_file_keeps_its_permissions(self, mode, replaces, tmp_path):
        target = tmp_path / "kappa.fits"
        target.write_text("old")
        target.chmod(mode)
        with atomic_write(target, overwrite=True) as temporary:
            if replaces:  # as astropy does
                temporary.unlink()
            temporary.write_text("new")
        assert stat.S_IMODE(target.stat().st_mode) == mode and target.read_text() == "new"

    def test_the_umask_is_left_alone(self, tmp_path, monkeypatch):
        """It belongs to the whole process: another thread would make files for everybody."""
        monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("it changed the umask"))
        with atomic_write(tmp_path / "kappa.fits") as temporary:
            temporary.write_text("new")


class TestLeftovers:
    def test_the_next_write_to_the_folder_removes_those_of_dead_processes(self, tmp_path):
        code = (
            "import os, signal, sys; from lensmap.utils import atomic_write\n"
            "with atomic_write(sys.argv[1]) as path:\n"
            "    path.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
        )
        dead = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.fits")])
        assert dead.returncode == -signal.SIGKILL
        (left,) = names(tmp_path)
        assert left.startswith(".a-lensmap-") and left.endswith(".fits")
        others = [
            ".mine.fits", ".a-lensmap-abcdefgh.fits",  # not such a name
            temporary_path(tmp_path / "b.fits").name,  # of this process, which is alive
            f".a-lensmap-00000000-{os.getpid()}-1-0123cdef.fits",  # of another machine
        ]
        for name in others:
            (tmp_path / name).write_text("theirs")
        with atomic_write(tmp_path / "c.fits") as temporary:
            temporary.write_text("new")
        assert names(tmp_path) == sorted([*others, "c.fits"])
        assert remove_leftovers(tmp_path, of_other_machines=True) == others[3:]
        assert names(tmp_path) == sorted([*others[:3], "c.fits"])

    def test_of_an_earlier_process_with_the_same_number(self, tmp_path):
        path = temporary_path(tmp_path / "b.fits")
        started = start_time(os.getpid())
        if started is None:
            pytest.skip("the system does not tell when a process started")
        earlier = path.with_name(path.name.replace(f"-{started}-", "-1-"))
        earlier.touch()
        assert remove_leftovers(tmp_path) == [earlier.name]

    def test_without_proc(self, tmp_path, monkeypatch):
        monkeypatch.setattr("lensmap.utils._processes._text", lambda path: None)
        path = temporary_path(tmp_path / "b.fits")
        path.touch()
        process = subprocess.Popen([sys.executable, "-c", ""])
        process.wait()
        dead = path.with_name(path.name.replace(f"-{os.getpid()}--", f"-{process.pid}--"))
        dead.touch()
        assert remove_leftovers(tmp_path) == [dead.name] and path.exists()

    @pytest.mark.parametrize(
        ("name", "suffix"),
        [("k.fits", ".fits"), ("k.fits.gz", ".fits.gz"), ("z0.5.fits", ".fits"), ("k", ".tmp"),
         ("é" * 120 + ".ecsv", ".ecsv")],
    )
    def test_names_fit(self, name, suffix, tmp_path):
        path = temporary_path(tmp_path / name)
        assert path.name.endswith(suffix) and path.name.startswith(".")
        path.touch()  # the system refuses names of more than 255 bytes


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
