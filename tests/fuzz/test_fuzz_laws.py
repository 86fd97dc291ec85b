# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The checker finds a planted fault of each law, and none in commands that obey them."""

import json
import os
import signal
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from fuzz_cases import RECORD, Case, make_case, reference_of
from fuzz_kit import FORMATS, content_of, write_input
from fuzz_laws import Limits, broken_laws
from fuzz_mutation import Expect, mutations_of
from fuzz_observe import observe
from fuzz_options import odd_options
from fuzz_products import difference, fault_of_product
from fuzz_runner import Runner

from lensmap import __version__

COMMANDS = ("check", "reconstruct", "peaks", "profile", "filaments", "inject", "simulate fields",
            "simulate survey", "simulate cluster", "train", "validate", "demo")


def say(text):
    print(f"lensmap: {text}", file=sys.stderr)


def write_record(code, *errors):
    record = {
        "schema": 1, "lensmap": __version__, "command": "peaks",
        "status": {0: "done", 1: "failed"}.get(code, "failed"), "exit_code": code,
        "date": "2026-01-02T03:04:05+00:00", "versions": {}, "command_line": None,
        "seal": "lensmap-sha256:" + 64 * "0",
        "arguments": None, "inputs": [], "outputs": [], "warnings": [],
        "errors": [{"code": "a", "parameter": None, "message": text} for text in errors],
    }
    if code == 0:
        record |= {"n_peaks": 0, "peaks": [], "threshold": 3.0, "by": "snr"}
    Path(RECORD).write_text(json.dumps(record))


def refuse(text="--threshold must be a number, not 'x'", code=1):
    """What a command does with wrong input."""
    say(f"error: {text}")
    write_record(code, text)
    return code


@pytest.fixture
def peaks(tmp_path):
    """The case of a map and its peaks, without mutations."""
    from fuzz_cases import RECIPES

    recipe = next(one for one in RECIPES if one.command == "peaks")
    return reference_of(recipe, tmp_path / "case")


@pytest.fixture
def broken(peaks, tmp_path):
    """Return the laws that a program breaks which stands in for a command."""

    def run(program, *, limits=None, reference=None, **changes):
        for name, value in changes.items():
            setattr(peaks, name, value)
        seen = observe(lambda words: program(), peaks.words, tmp_path / "case", seconds=5)
        # Records of success are tested by the commands themselves.
        faults = broken_laws(peaks, seen, reference=reference, limits=limits)
        return {law: fault for law, fault in faults
                if not (law == "record" and "record is not valid" in fault and seen.code == 0)}

    return run


def test_a_clear_error_breaks_no_law(broken):
    assert broken(refuse) == {}


@pytest.mark.parametrize("error", [KeyError("e1"), KeyboardInterrupt(), RuntimeError("--x")])
def test_exceptions(broken, error):
    def program():
        raise error

    assert "an exception came out" in broken(program)["exit"]


@pytest.mark.parametrize("code", [7, -1, None, True + 5])
def test_exit_codes(broken, code):
    assert ("exit" in broken(lambda: code)) == (code != 5)


def test_a_printed_traceback(broken):
    def program():
        print("Traceback (most recent call last):", file=sys.stderr)
        return refuse()

    assert "traceback" in broken(program)["exit"]


@pytest.mark.parametrize(
    "text",
    ["KeyError: 'map.fits'", "'NoneType' object has no attribute 'map'", "'map'", "",
     "operands could not be broadcast together with shapes (3,) (4,) in map.fits",
     "--threshold: list index out of range", "index 3 is out of bounds for axis 0 of map.fits",
     "--threshold: could not convert string to float: '3x'", "something is wrong",
     "[Errno 21] Is a directory: --threshold", "Header missing END card. --threshold"],
)
def test_errors_of_chance(broken, text):
    assert "message" in broken(lambda: refuse(text))


@pytest.mark.parametrize(
    "text",
    ["--threshold must be at least 0, not -1",
     "'map.fits' is not a FITS file, or the file is damaged: Header missing END card",
     "the column 'e1' must hold numbers"],
)
def test_clear_errors(broken, text):
    assert "message" not in broken(lambda: refuse(text))


def test_lines_of_errors(broken):
    assert "0 lines" in broken(lambda: write_record(1, "a") or 1)["message"]
    assert "2 lines" in broken(lambda: say("error: map") or refuse())["message"]
    assert "exit code is 0" in broken(lambda: say("error: map") or 0)["message"]


def test_lines_of_other_packages(broken):
    def program():
        os.write(2, b"HDF5-DIAG: Error detected\n")  # as a library in C does
        return refuse()

    assert "another package" in broken(program)["message"]


@pytest.mark.parametrize(
    "change, text",
    [
        (lambda: Path("map.fits").unlink(), "'map.fits' is lost"),
        (lambda: Path("map.fits").write_bytes(b""), "'map.fits' was changed"),
        (lambda: Path("map.fits").chmod(0o600), "'map.fits' was changed"),
        (lambda: Path("peaks.ecsv").write_text("half"), "exists after a failure"),
        (lambda: Path(".peaks-lensmap-abcdefgh.ecsv").write_text(""), "was left"),
        (lambda: Path("core").mkdir(), "was left"),
    ],
)
def test_files(broken, change, text):
    def program():
        change()
        return refuse()

    assert text in broken(program)["files"]


def test_a_replaced_output(broken, peaks, tmp_path):
    (tmp_path / "case" / "peaks.ecsv").write_text("precious")

    def program(code):
        Path("peaks.ecsv").write_text("new")
        return refuse() if code else 0

    assert "was changed" in broken(lambda: program(0))["files"]
    peaks.words.append("--overwrite")
    (tmp_path / "case" / "peaks.ecsv").write_text("precious")
    assert "files" not in broken(lambda: program(0))
    (tmp_path / "case" / "peaks.ecsv").write_text("precious")
    assert "was changed" in broken(lambda: program(1))["files"]


def test_a_missing_output(broken):
    assert "does not exist" in broken(lambda: 0)["files"]


@pytest.fixture
def kappa(tmp_path):
    """A map without faults, as a file."""
    hdus = content_of("map")
    hdus[0].data = np.nan_to_num(hdus[0].data)

    def write(change=lambda hdus: None):
        copy = fits.HDUList([hdu.copy() for hdu in hdus])
        change(copy)
        copy.writeto(tmp_path / "kappa.fits", overwrite=True)
        return tmp_path / "kappa.fits"

    return write


def _put(hdu, index, value):
    def change(hdus):
        hdus[hdu].data = hdus[hdu].data.copy()
        hdus[hdu].data[index] = value

    return change


@pytest.mark.parametrize(
    "change, text",
    [
        (_put(0, (9, 9), np.nan), "not finite"),
        (_put("UNCERT", (9, 9), np.inf), "not finite"),
        (_put("UNCERT", (9, 9), 0), "not positive"),
        (_put("MASK", ..., 1), "all pixels are masked"),
        (_put(0, ..., 0), "all unmasked pixels are zero"),
        (lambda hdus: hdus[0].header.remove("CONVENTN"), "lacks CONVENTN"),
        (lambda hdus: hdus[0].header.remove("CTYPE1"), "lacks CTYPE1"),
    ],
)
def test_faults_of_maps(kappa, change, text):
    assert fault_of_product(kappa()) is None
    assert text in fault_of_product(kappa(change))


def test_faults_of_files(tmp_path, broken):
    cut, table = tmp_path / "cut.fits", tmp_path / "t.csv"
    cut.write_bytes(b"SIMPLE")
    assert "cannot be read" in fault_of_product(cut)
    table.write_text("a,b\n1,inf\n")
    assert "infinite numbers in the column 'b'" in fault_of_product(table)
    table.write_text("")
    assert "empty" in fault_of_product(table)
    assert "empty" in broken(lambda: Path("peaks.ecsv").touch() or 0)["product"]


def test_differences(kappa, tmp_path):
    other = tmp_path / "other.fits"
    other.write_bytes(kappa().read_bytes())
    assert difference(kappa(_put(0, (9, 9), 0.3)), other).startswith("PRIMARY differs in 1 of")
    small = kappa(lambda hdus: setattr(hdus[0], "data", np.ones((2, 2))))
    assert "shape" in difference(small, other)
    assert "parts" in difference(kappa(lambda hdus: hdus.pop()), other)
    assert difference(kappa(), other) is None


@pytest.mark.parametrize(
    "expect, program, is_broken",
    [
        (Expect.REFUSED, lambda: 0, True),
        (Expect.REFUSED, refuse, False),
        (Expect.WARNED, lambda: 0, True),
        (Expect.WARNED, lambda: say("warning: known") or 0, True),
        (Expect.WARNED, lambda: say("warning: 3 rows are left out") or 0, False),
        (Expect.WARNED, refuse, False),
        (Expect.FREE, lambda: 0, False),
        (Expect.HARMLESS, refuse, True),
        (Expect.HARMLESS, lambda: Path("peaks.ecsv").write_text("x\n2\n") and 0, False),
        (Expect.HARMLESS, lambda: Path("peaks.ecsv").write_text("x\n3\n") and 0, True),
    ],
)
def test_expectations(broken, peaks, tmp_path, expect, program, is_broken):
    peaks.words = [word.replace(".ecsv", ".csv") for word in peaks.words]

    def rename():
        code = program()
        if Path("peaks.ecsv").exists():
            Path("peaks.ecsv").rename("peaks.csv")
        return code

    (tmp_path / "reference").mkdir()

    def valid(words):
        Path("peaks.csv").write_text("x\n2\n")
        say("warning: known")
        return 0

    reference = observe(valid, [], tmp_path / "reference", seconds=5)
    assert ("expectation" in broken(rename, expect=expect, reference=reference)) == is_broken


def test_time(peaks, tmp_path):
    def spin(words):
        while True:
            pass

    seen = observe(spin, peaks.words, tmp_path / "case", seconds=0.05)
    assert seen.too_long and "CPU-seconds" in dict(broken_laws(peaks, seen))["bounds"]


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_memory(broken):
    # The array is large beside what the garbage collector and the kernel may free meanwhile.
    def program():
        np.ones(2**25)
        return refuse()

    assert "MiB" in broken(program, limits=Limits(memory=2**27))["bounds"]
    assert "bounds" not in broken(program, limits=Limits(memory=2**30))


@pytest.mark.parametrize("character", ["\x1b", "\r", "\x07", "\x9b", "\t"])
def test_control_characters(broken, character):
    assert "terminal" in broken(lambda: print(f"a{character}b") or refuse())
    assert "terminal" in broken(lambda: refuse(f"--threshold is a{character}b"))


@pytest.mark.parametrize(
    "text, fault",
    [("{", "not JSON"), ('{"command": "sing"}', "unknown command"),
     ('{"command": "peaks", "exit_code": 1, "errors": [1]}', "not valid")],
)
def test_records(broken, text, fault):
    assert fault in broken(lambda: refuse() and Path(RECORD).write_text(text) and 1)["record"]


def test_records_of_another_run(broken):
    assert "no record" in broken(lambda: 0)["record"]
    assert "exit code 0" in broken(lambda: refuse() and write_record(0, "a") or 1)["record"]
    assert "0 errors" in broken(lambda: refuse() and write_record(1) or 1)["record"]


@pytest.mark.parametrize(
    "change",
    [lambda: os.umask(0o777), lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
     lambda: setattr(warnings, "showwarning", print), lambda: warnings.simplefilter("error")],
)
def test_what_a_command_leaves_changed(broken, change):
    umask, handler = os.umask(0), signal.getsignal(signal.SIGTERM)
    os.umask(umask)
    try:
        with warnings.catch_warnings():
            assert "process" in broken(lambda: change() and False or refuse())
    finally:
        os.umask(umask)
        signal.signal(signal.SIGTERM, handler)


def test_open_files(broken):
    numbers = []

    def program():
        numbers.append(os.open("map.fits", os.O_RDONLY))
        return refuse()

    assert "map.fits" in broken(program)["process"]
    os.close(numbers[0])


def test_a_case_is_defined_by_its_number(tmp_path):
    for index in range(6):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            one, two = (make_case(3, index, tmp_path / f"{name}{index}", slow=False)
                        for name in "ab")
        assert isinstance(one, Case) and one == two
        for path in (tmp_path / f"a{index}").iterdir():
            # HDF5, VOTable and Parquet hold the time or the version of the writer.
            if path.suffix in (".fits", ".csv", ".reg", ".toml", ".txt") and path.is_file():
                other = tmp_path / f"b{index}" / path.name
                assert path.read_bytes() == other.read_bytes()


def test_every_command_and_option_is_drawn():
    from fuzz_cases import RECIPES

    assert {one.command for one in RECIPES} == set(COMMANDS)
    for command in COMMANDS:
        names = {words.words[0].split("=")[0] for odd in odd_options(command) for words in odd}
        assert {"--overwrite", "--threads", "--log"} <= names, command
    assert {"--smoothing", "--where", "--mask", "--tile-size"} <= {
        one.words[0].split("=")[0] for odd in odd_options("reconstruct") for one in odd
    }


@pytest.mark.parametrize("kind", FORMATS)
def test_mutations_change_their_input(kind, tmp_path):
    """Each mutation of bytes changes a file, and each of content that a format can hold, too."""
    names = [one.name for one in mutations_of(kind)]
    assert len(set(names)) == len(names) >= 4
    rng = np.random.default_rng(0)
    for one in mutations_of(kind):
        content = content_of(kind)
        if not one.bytes_of_file:
            changed = one.apply(content, rng)
            assert changed is not None or content is not content_of(kind), one.name
        else:
            folder = tmp_path / one.name
            folder.mkdir()
            path = folder / f"input{FORMATS[kind][0]}"
            write_input(content, path)
            listing = {name: name.read_bytes() for name in folder.rglob("*") if name.is_file()}
            modes = path.stat().st_mode
            new = one.apply(path, rng) or path
            after = {name: name.read_bytes() for name in folder.rglob("*") if name.is_file()}
            assert after != listing or new.stat().st_mode != modes, one.name


def test_a_finding_can_be_reproduced(tmp_path):
    runner = Runner(4, tmp_path / "series", slow=False, program=lambda words: 7)
    runner._reference = lambda recipe: None
    finding = runner.run(1)
    assert ("exit", "the exit code 7 has no meaning") in finding.faults
    folder = Path(finding.command.split(" && ")[0].removeprefix("cd "))
    assert folder.is_dir() and (folder / "reproduce.txt").read_text().strip() == finding.command
    assert finding.to_record()["code"] == 7
    good = Runner(4, tmp_path / "good", slow=False, program=lambda words: refuse())
    good._reference = lambda recipe: None
    good.run(1)
