# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The command: its words, exit codes and messages."""

import subprocess
import sys
import warnings

import pytest
from astropy import log

from lensmap.cli import main
from lensmap.cli._exit_codes import ExitCode
from lensmap.cli._result import Result
from lensmap.cli.commands import _check as check
from lensmap.utils import CatalogWarning


@pytest.fixture
def run_as(monkeypatch, tmp_path):
    """Replace the work of ``lensmap check`` on a catalog, ``k.fits``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "k.fits").touch()

    def replace(function):
        monkeypatch.setattr(check, "run", lambda arguments: function())

    return replace


def test_python_m_lensmap_help():
    done = subprocess.run(
        [sys.executable, "-m", "lensmap", "--help"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and done.stderr == ""
    for word in ("reconstruct", "check", "demo", "exit codes"):
        assert word in " ".join(done.stdout.split())


def test_threads_are_limited_before_libraries_make_theirs():
    code = (
        "import sys\n"
        "from lensmap.cli import main\n"
        "assert not {'numpy', 'scipy', 'astropy'} & sys.modules.keys(), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("command", ["demo", "reconstruct", "check"])
def test_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert f"examples:\n  lensmap {command}" in out
    assert max(map(len, out.splitlines())) <= 100


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0 and capsys.readouterr().out.startswith("lensmap ")


@pytest.mark.parametrize("words", [[], ["fly"], ["check"], ["check", "a", "b"]])
def test_wrong_usage(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2 and "usage: lensmap" in capsys.readouterr().err


def test_the_exit_code_is_that_of_the_command(run_as):
    run_as(lambda: Result(code=ExitCode.WRONG))
    assert main(["check", "k.fits"]) == 3


def test_an_error_is_one_line(run_as, capsys):
    def fail():
        raise ValueError("this\n  is   wrong")

    run_as(fail)
    assert main(["check", "k.fits"]) == 1
    assert capsys.readouterr() == ("", "lensmap: error: this is wrong\n")
    with pytest.raises(ValueError, match="this"):
        main(["check", "k.fits", "--debug"])


def test_an_error_without_words(run_as, capsys):
    def fail():
        raise MemoryError

    run_as(fail)
    assert main(["check", "k.fits"]) == 1
    assert capsys.readouterr().err == "lensmap: error: MemoryError\n"


def test_interrupted(run_as, capsys):
    def fail():
        raise KeyboardInterrupt

    run_as(fail)
    assert main(["check", "k.fits"]) == 130
    assert capsys.readouterr().err == "lensmap: interrupted; nothing was left half written\n"


def test_warnings_and_the_log_are_lines(run_as, capsys):
    def talk():
        warnings.simplefilter("always")
        warnings.warn("3 rows\nare left out", CatalogWarning, stacklevel=1)
        warnings.warn("old", FutureWarning, stacklevel=1)
        log.info("lensmap: columns found")
        return Result()

    handlers, show = list(log.handlers), warnings.showwarning
    run_as(talk)
    assert main(["check", "k.fits"]) == 0
    assert capsys.readouterr() == (
        "",
        "lensmap: warning: 3 rows are left out\n"
        "lensmap: warning: FutureWarning: old\n"
        "lensmap: columns found\n",
    )
    assert log.handlers == handlers and warnings.showwarning is show
