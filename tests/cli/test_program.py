# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One run of a command: its record, log and exit code, whatever happens to it."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import warnings
from datetime import datetime, timedelta, timezone

import pytest
from astropy import log

from lensmap.cli import main
from lensmap.cli._exit_codes import ExitCode
from lensmap.cli._messages import say
from lensmap.cli._result import Result
from lensmap.cli.commands import _check as check
from lensmap.utils import (
    CatalogWarning,
    IncompleteRunError,
    ParameterError,
    atomic_write,
    check_memory,
    is_sealed,
    n_threads,
    warn_user,
)


# printf galaxies | sha256sum
SHA256_OF_GALAXIES = "ed49013cca0492cc84e1b9244c6d9bafb8196e88d1c3a696fc88ae8006b91be9"


@pytest.fixture
def run_as(monkeypatch, tmp_path):
    """Replace the work of ``lensmap check k.fits``, and run it with some words."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "k.fits").write_text("galaxies")

    def replace(function, *words):
        monkeypatch.setattr(check, "run", lambda arguments: function())
        return main(["check", "k.fits", *words])

    return replace


def fail_with(error):
    def fail():
        raise error

    return fail


def warn():
    warnings.simplefilter("always")
    warn_user("3 rows are left out", CatalogWarning, "rows_left_out", "weight")
    warn_user("3 rows are left out", CatalogWarning, "rows_left_out", "weight")
    warnings.warn("old", FutureWarning, stacklevel=1)
    say("some words")
    return Result("the result", {"kind": "shear"}, ("a.fits",), ExitCode.UNDECIDED)


class TestRecord:
    def test_of_a_result(self, run_as, tmp_path, capsys):
        assert run_as(warn, "--json", "r.json") == 4
        record = json.loads((tmp_path / "r.json").read_text())
        assert record.pop("lensmap") == record["versions"]["lensmap"]
        assert record.pop("versions").keys() >= {"python", "numpy", "astropy"}
        assert record.pop("seal").startswith("lensmap-sha256:") and is_sealed(tmp_path / "r.json")
        when = datetime.fromisoformat(record.pop("date"))
        assert abs(datetime.now(timezone.utc) - when) < timedelta(minutes=1)
        assert record == {
            "schema": 1, "command": "check", "status": "undecided", "exit_code": 4,
            "command_line": "lensmap check k.fits --json r.json",
            "outputs": [{"path": "a.fits"}], "errors": [], "kind": "shear",
            "arguments": record["arguments"],
            "inputs": [
                {"option": "the catalog", "path": "k.fits", "bytes": 8,
                 "sha256": SHA256_OF_GALAXIES}
            ],
            "warnings": [
                {"code": "rows_left_out", "parameter": "weight", "message": "3 rows are left out"},
                {"code": "future", "parameter": None, "message": "old"},
            ],
        }
        out, err = capsys.readouterr()
        assert out == "the result\nwritten: a.fits\n" and "some words" in err

    @pytest.mark.parametrize("full", [False, True])
    def test_of_the_arguments(self, run_as, tmp_path, full):
        (tmp_path / "at.csv").write_text("ra,dec\n1,2\n")
        words = ["--at", "at.csv", "--columns", f"e1=g/x,e2={tmp_path}/g", "--rotations", "9"]
        words += ["--record-paths"] * full
        assert run_as(Result, "--json", "r.json", *words) == 0
        record = json.loads((tmp_path / "r.json").read_text())
        folder = f"{tmp_path}/" if full else ""
        assert [item["path"] for item in record["inputs"]] == [f"{folder}k.fits", f"{folder}at.csv"]
        arguments = record["arguments"]
        assert arguments["rotations"] == 9 and arguments["seed"] == 0
        assert arguments["columns"] == f"e1=g/x,e2={folder}g"

    def test_of_the_files_before_the_run(self, run_as, tmp_path):
        def change():
            (tmp_path / "k.fits").write_text("stars")
            return Result()

        assert run_as(change, "--json", "r.json") == 0
        record = json.loads((tmp_path / "r.json").read_text())
        assert record["inputs"][0]["sha256"] == SHA256_OF_GALAXIES

    def test_alone_on_the_standard_output(self, run_as, capsys):
        assert run_as(warn, "--json", "-") == 4
        out, err = capsys.readouterr()
        assert json.loads(out)["status"] == "undecided"
        assert "lensmap: warning: 3 rows are left out" in err and "the result" not in err

    @pytest.mark.parametrize(
        ("error", "code", "status", "expected"),
        [
            (ParameterError("n_rotations", "at least 30", "3"), 1, "failed",
             {"code": "parameter", "parameter": "n_rotations",
              "message": "--rotations must be at least 30, not 3"}),
            (PermissionError("no\nway"), 1, "failed",
             {"code": "permission", "parameter": None, "message": "no way"}),
            (IncompleteRunError("2 of 9 fields failed"), 5, "partial",
             {"code": "incomplete_run", "parameter": None, "message": "2 of 9 fields failed"}),
            (KeyboardInterrupt(), 130, "interrupted", None),
        ],
    )
    def test_of_a_failure(self, error, code, status, expected, run_as, tmp_path):
        assert run_as(fail_with(error), "--json", "r.json") == code
        record = json.loads((tmp_path / "r.json").read_text())
        assert (record["status"], record["exit_code"]) == (status, code)
        assert record["errors"] == ([] if expected is None else [expected])

    def test_with_a_traceback(self, run_as, tmp_path):
        with pytest.raises(PermissionError):
            run_as(fail_with(PermissionError("no")), "--json", "r.json", "--debug")
        assert json.loads((tmp_path / "r.json").read_text())["status"] == "failed"

    @pytest.mark.parametrize("words", [["check"], ["check", "k.fits", "--rotations", "x"], ["fly"]])
    @pytest.mark.parametrize("where", [["--json", "r.json"], ["--json=-"]])
    def test_of_wrong_usage(self, words, where, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit) as stop:
            main([*words, *where])
        out, err = capsys.readouterr()
        text = out if where == ["--json=-"] else (tmp_path / "r.json").read_text()
        record = json.loads(text)
        assert stop.value.code == record["exit_code"] == 2 and "usage: lensmap" in err
        assert record["status"] == record["errors"][0]["code"] == "usage"
        assert record["command"] == ("check" if words[0] == "check" else None)

    def test_replaces_a_record_and_nothing_else(self, run_as, tmp_path, capsys):
        assert run_as(Result, "--json", "r.json") == 0
        assert run_as(Result, "--json", "r.json") == 0
        for text in ("mine", '{"schema": 1}', "[1]"):
            (tmp_path / "mine.json").write_text(text)
            assert run_as(Result, "--json", "mine.json") == 1
            assert "no lensmap command wrote it as its --json file" in capsys.readouterr().err
            assert (tmp_path / "mine.json").read_text() == text
        assert run_as(Result, "--json", "mine.json", "--overwrite") == 0
        assert "schema" in (tmp_path / "mine.json").read_text()

    @pytest.mark.parametrize("option", ["--json", "--log", "--save-config"])
    def test_is_no_input(self, option, run_as, tmp_path, capsys):
        assert run_as(Result, option, "k.fits", "--overwrite") == 1
        message = f"{option}: 'k.fits' is the catalog, which would be lost: give another name"
        assert message in capsys.readouterr().err
        assert (tmp_path / "k.fits").read_text() == "galaxies"

    def test_needs_its_folder(self, run_as, capsys):
        assert run_as(Result, "--json", "no/r.json") == 1
        assert "--json: the directory 'no' does not exist" in capsys.readouterr().err


class TestMessages:
    def test_quiet(self, run_as, capsys):
        assert run_as(warn, "--quiet") == 4
        out, err = capsys.readouterr()
        assert out == "" and err.splitlines() == [
            "lensmap: warning: 3 rows are left out", "lensmap: warning: 3 rows are left out",
            "lensmap: warning: FutureWarning: old",
        ]

    def test_verbose(self, run_as, capsys):
        def work():
            log.debug("lensmap: details")
            return Result()

        level = log.level
        assert run_as(work, "--verbose") == 0
        lines = capsys.readouterr().err.splitlines()
        assert lines[0] == "lensmap: details" and lines[1].startswith("lensmap: took ")
        assert log.level == level
        assert run_as(work) == 0 and capsys.readouterr().err == ""

    def test_log(self, run_as, tmp_path, capsys):
        for _ in range(2):
            assert run_as(warn, "--log", "run.log", "--quiet") == 4
        lines = (tmp_path / "run.log").read_text().splitlines()
        assert len(lines) == 12 and all(line.startswith("20") for line in lines)
        assert "DEBUG lensmap check k.fits --log run.log" in lines[0]
        assert lines[1].endswith(" WARNING warning: 3 rows are left out")
        assert lines[4].endswith(" INFO some words") and "DEBUG took " in lines[5]
        assert run_as(fail_with(ValueError("bad")), "--log", "run.log") == 1
        assert " ERROR error: bad" in (tmp_path / "run.log").read_text()

    def test_control_characters_are_escaped(self, run_as, tmp_path, capsys):
        def work():
            log.warning("odd \x1b[31m")
            return Result("one\x07\ntwo", {}, ("a\x1b[31m\nb.fits",))

        assert run_as(work, "--log", "run.log") == 0
        assert capsys.readouterr() == (
            "one\\x07\ntwo\nwritten: a\\x1b[31m\\nb.fits\n", "lensmap: odd \\x1b[31m\n"
        )
        assert "\x1b" not in (tmp_path / "run.log").read_text()
        with pytest.raises(SystemExit):
            main(["check", "k.fits", "more\x1b[31m"])
        assert "unrecognized arguments: more\\x1b[31m" in capsys.readouterr().err

    @pytest.mark.parametrize("option", ["--threads", "--at", "--rotations"])
    def test_two_dashes_are_no_value(self, option, run_as, capsys):
        with pytest.raises(SystemExit) as stop:
            run_as(Result, f"{option}=--")
        assert stop.value.code == 2
        error = f"lensmap check: error: argument {option}: the value must not be '--'\n"
        assert capsys.readouterr().err.endswith(error)


def test_memory_limit(run_as, capsys):
    def work():
        check_memory(2 * 2**40, "this map", "larger pixels need less")
        return Result()

    before = os.environ.get("LENSMAP_MEMORY_LIMIT")
    assert run_as(work, "--memory-limit", "3TiB") == 0
    assert run_as(work, "--memory-limit", "1 TiB") == 1
    assert "of the limit of 1 TiB" in capsys.readouterr().err
    assert os.environ.get("LENSMAP_MEMORY_LIMIT") == before
    with pytest.raises(SystemExit, match="2"):
        run_as(work, "--memory-limit", "much")
    error = capsys.readouterr().err
    assert "--memory-limit: the value must be an amount of memory, such as 8GiB" in error


def test_threads(run_as, tmp_path, monkeypatch):
    monkeypatch.setattr("lensmap.utils._threads.n_cpus", lambda: 8)
    seen = []

    def work():
        seen.append((n_threads(), os.environ.get("OMP_NUM_THREADS")))
        return Result()

    (tmp_path / "run.toml").write_text("threads = 3\n")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # the option wins
    before = os.environ.get("OMP_NUM_THREADS")
    assert run_as(work, "--threads", "2") == run_as(work, "--config", "run.toml") == 0
    assert seen == [(2, "2"), (3, "3")] and os.environ.get("OMP_NUM_THREADS") == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("debug", [False, True])
def test_terminated(number, debug, run_as, tmp_path, capsys):
    def work():
        os.kill(os.getpid(), number)

    words = ["--json", "r.json"] + ["--debug"] * debug
    before = signal.signal(number, signal.default_int_handler)  # nohup would ignore SIGHUP
    try:
        assert run_as(work, *words) == 143
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    assert capsys.readouterr().err == "lensmap: terminated; nothing was left half written\n"
    assert json.loads((tmp_path / "r.json").read_text())["status"] == "terminated"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_terminated_twice(run_as, tmp_path, capsys):
    """A closed terminal sends several signals, which must not interrupt the removal of files."""
    def work():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            for number in (signal.SIGHUP, signal.SIGTERM):
                os.kill(os.getpid(), number)
            (tmp_path / "removed").touch()

    before = signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        assert run_as(work) == 143 and (tmp_path / "removed").exists()
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_terminated_before_the_command_began(monkeypatch):
    monkeypatch.setattr(
        "lensmap.cli._program.run_program", lambda words: os.kill(os.getpid(), signal.SIGTERM)
    )
    assert main(["check", "k.fits"]) == 143


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
def test_an_ignored_signal_stays_ignored(run_as):
    """As with nohup."""
    def work():
        os.kill(os.getpid(), signal.SIGHUP)
        return Result()

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run_as(work) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


class FullStream(io.StringIO):
    """A standard output on a full disk."""

    def write(self, text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("words", [[], ["--json", "-"]])
@pytest.mark.parametrize(
    ("result", "end"),
    [
        (Result("text"), "No space left on device"),
        (Result("text", outputs=("a.fits", "b.png")), "; the output is complete: a.fits, b.png"),
        (Result("text", {"folder": "fields"}), "; the output is complete: fields"),
    ],
)
def test_a_full_output_loses_no_files(words, result, end, run_as, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", FullStream())
    assert run_as(lambda: result, *words) == 1
    error = capsys.readouterr().err
    assert error.startswith("lensmap: error: cannot write to the standard output: No space left")
    assert error.endswith(f"{end}\n")


def test_an_output_that_appears_while_the_command_runs(run_as, tmp_path, capsys):
    """As with two runs of one command: the option is named, not the parameter."""
    def work():
        with atomic_write(tmp_path / "k.ecsv") as temporary:
            temporary.write_text("ours")
            (tmp_path / "k.ecsv").write_text("theirs")

    assert run_as(work) == 1 and (tmp_path / "k.ecsv").read_text() == "theirs"
    assert "k.ecsv' exists; --overwrite replaces it\n" in capsys.readouterr().err


SCRIPT = """
import sys
from lensmap.cli import main
from lensmap.cli._result import Result
from lensmap.cli.commands import _check as check
from lensmap.cli._messages import say

def run(arguments):
    say("a message")
    open("done", "w").close()
    return Result("text " * 20000)

check.run = run
sys.exit(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and devices of POSIX")
@pytest.mark.parametrize(
    ("redirection", "code", "error"),
    [
        ("| head -c 5 > out", 0, "lensmap: a message\n"),
        ("> /dev/full", 1, "lensmap: a message\nlensmap: error: cannot write to the standard "
                           "output: No space left on device\n"),
        pytest.param("> out 2>&-", 0, "", marks=pytest.mark.slow),
        (">&- 2>&-", 0, ""),
        pytest.param("2> /dev/full > out", 0, "", marks=pytest.mark.slow),
        pytest.param("--help | head -c 5 > out", 0, "", marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_streams_that_are_closed_or_full(redirection, code, error, tmp_path):
    if "/dev/full" in redirection and not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full")
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "k.fits").touch()
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; '{sys.executable}' script.py check k.fits {redirection}"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )
    assert (done.returncode, done.stderr, done.stdout) == (code, error, "")
    assert (tmp_path / "done").exists() or "--help" in redirection
    if "> out" in redirection:
        text = (tmp_path / "out").read_text()
        assert text.startswith("usage" if "--help" in redirection else "text ")
