# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The laws that every command obeys, whatever its inputs are."""

import json
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import jsonschema
from cli_records import SCHEMAS
from fuzz_cases import MEMORY_LIMIT, RECORD
from fuzz_kit import COLUMNS
from fuzz_mutation import Expect
from fuzz_products import difference, fault_of_product

from lensmap.cli._exit_codes import ExitCode

__all__ = ["Limits", "broken_laws"]


@dataclass(frozen=True)
class Limits:
    """The CPU seconds and the bytes of memory that a case may take."""

    seconds: float = 30.0
    memory: int = MEMORY_LIMIT + 2**28


# Texts of exceptions that nobody has written for the user of lensmap.
_ACCIDENTAL = [
    (r"\b(Key|Index|Attribute|Type|Name|ZeroDivision|Unicode\w*|Assertion|Recursion|NotImplemented"
     r"|UnboundLocal|Overflow|FloatingPoint|Lookup|EOF|Memory|BadZipFile|Linalg|LinAlg)Error\b"),
    r"\bTraceback\b|NoneType|<class '|object at 0x|numpy\.\w+|\bufunc\b|dtype\(|nan to integer",
    r"object (has no attribute|is not (subscriptable|iterable|callable))|unexpected keyword",
    r"(could not|cannot) be broadcast|list index|out of range$|index \d+ is out of|out of bounds",
    r"invalid literal for|cannot reshape|unsupported operand",
    r"positional argument|required argument|not enough values|too many values|to unpack",
    r"infs or NaNs|[Ss]ingular matrix|zero-size array|math domain|truth value of|buffer size",
    r"expected str, bytes|cannot convert float|reduction operation|maximum recursion|bad operand",
    r"^'[^']*'$|^\d+$|^$|\(most recent call|Object dtype|allow_pickle|embedded null",
]
# Texts of other packages that are allowed after a message that names the file.
_FOREIGN = [
    r"[Hh]eader missing END|[Ee]mpty or corrupt|[Uu]nable to (synchronously )?open|Errno",
    r"could not convert string|codec can't decode|Expecting value|Extra data|mmap",
    r"truncated file|Magic bytes",
]
_LINE = re.compile(r"lensmap( [a-z ]+)?: ")


def broken_laws(case, seen, *, reference=None, limits=None):
    """Return the laws that a command has broken.

    Parameters
    ----------
    case : Case
        The case.
    seen : Observation
        What the command did.
    reference : Observation or None
        What the command does without mutations.
    limits : Limits or None
        The limits to time and memory; None for the defaults.

    Returns
    -------
    list of tuple
        The name of the law, and what is wrong.
    """
    limits = limits or Limits()
    laws = {
        "exit": _exit(case, seen),
        "message": _message(case, seen),
        "files": _files(case, seen),
        "product": _product(case, seen),
        "expectation": _expectation(case, seen, reference),
        "bounds": _bounds(seen, limits),
        "terminal": _terminal(seen),
        "record": _record(case, seen),
        "process": seen.leaks,
    }
    return [(law, fault) for law, faults in laws.items() for fault in faults]


def _exit(case, seen):
    if seen.raised:
        last = seen.raised.strip().splitlines()[-1]
        yield f"an exception came out of main: {last}"
    elif not seen.too_long and seen.code not in [int(code) for code in ExitCode]:
        yield f"the exit code {seen.code!r} has no meaning"
    if "Traceback (most recent call last)" in seen.stdout + seen.stderr:
        yield "a traceback was printed"


def _errors(seen):
    lines = seen.stderr.splitlines()
    return [line for line in lines if re.match(r"lensmap( [a-z ]+)?: error: ", line)]


def _message(case, seen):
    errors = _errors(seen)
    if seen.code in (1, 2):
        if len(errors) != 1:
            yield f"{len(errors)} lines of errors"
        for line in errors:
            yield from _fault_of_message(case, line.split("error: ", 1)[1])
    elif seen.code == 0 and errors:
        yield f"the exit code is 0 after {errors[0]!r}"
    for line in seen.stderr.splitlines():
        if not _LINE.match(line) and not (seen.code == 2 and re.match(r"usage: | {2}", line)):
            yield f"a line of another package on the terminal: {line[:150]!r}"
            break


def _fault_of_message(case, text):
    for pattern in _ACCIDENTAL:
        if match := re.search(pattern, text):
            yield f"the text of an accidental exception, {match[0]!r}: {text[:300]}"
            return
    if not any(name in text for name in _names(case)):
        yield f"the message names nothing of the command line: {text[:300]}"
    elif not any(name in text for name in _names(case, files=True)):
        for pattern in _FOREIGN:
            if re.search(pattern, text):
                yield f"the text of another package without the name of the file: {text[:300]}"


def _names(case, *, files=False):
    """Return the files of a case, or all names that a message can mention."""
    names = [Path(name).stem for name in (*case.inputs.values(), *case.outputs.values()) if name]
    names += [repr(name)[1:-1] for name in names]
    names += ["noise.dat", "no_such_file", "no_folder", "kept", "pipe", "a_folder", "no.toml"]
    if files:
        return names
    named = [word.split("=")[0].removeprefix("--") for word in case.words
             if word.startswith("--")]
    values = [word.split("=", 1)[1] for word in case.words if "=" in word]
    kinds = ["--", "column", "galax", "kappa", "the catalog", "the map", "the mask", "the field"]
    values += [repr(one)[1:-1] for one in values]
    return [*names, *named, *[one for one in values if len(one) > 2], *COLUMNS, *kinds]


def _files(case, seen):
    outputs = {str(Path(name)) for name in case.outputs.values()}
    done = seen.code in (0, 3, 4, 5)
    yield from _changed(case, seen, outputs if case.overwrites and done else set())
    yield from _left(case, seen, outputs, done)
    if done and seen.code in (0, 5):
        for name in outputs - _run_folders(case):
            if name not in seen.after:
                yield f"the output {name!r} does not exist"


def _changed(case, seen, replaceable):
    """Yield the files that were there before and are not the same now."""
    for path, what in seen.before.items():
        if path not in seen.after:
            yield f"the file {path!r} is lost"
        elif seen.after[path] != what and path not in replaceable | {
            RECORD, case.outputs.get("--log")
        }:
            yield f"the file {path!r} was changed"


def _left(case, seen, outputs, done):
    """Yield the new files that a command must not leave."""
    runs = _run_folders(case)
    reports = {RECORD, case.outputs.get("--log"), case.outputs.get("--save-config")}
    for path in sorted(seen.after.keys() - seen.before.keys()):
        parents = {str(one) for one in (Path(path), *Path(path).parents)}
        if "-lensmap-" in Path(path).name:
            yield f"the temporary file {path!r} was left"
        elif path not in reports and not runs & parents:
            if path not in outputs:
                yield f"the file {path!r} was left"
            elif not done:
                yield f"the output {path!r} exists after a failure"


def _run_folders(case):
    """Return the folders of runs, which a failure leaves behind for the next attempt."""
    command, output = case.recipe.command, case.outputs.get("--output", "")
    if command in ("simulate fields", "train", "validate"):
        folders = [output]
    elif command == "inject":
        folders = [str(Path(output).with_suffix(".run"))]
    elif command == "demo":
        folders = [case.outputs.get("--output-dir", "demo")]
    else:
        folders = []
    return {str(part) for one in folders for part in (Path(one), *Path(one).parents) if one} - {"."}


def _product(case, seen):
    if seen.code == 0:
        for option, name in case.outputs.items():
            path = seen.folder / name
            if path.is_file() and option not in ("--log", "--save-config"):
                fault = fault_of_product(path)
                if fault and not ("warning" in seen.stderr and fault.startswith("all")):
                    yield f"{name!r}: {fault}"


def _expectation(case, seen, reference):
    if seen.too_long or seen.raised or reference is None:
        return
    refused = seen.code in (1, 2, 3, 4, 5)
    if case.expect == Expect.REFUSED and not refused:
        yield "accepted, and must be refused"
    elif case.expect == Expect.WARNED and not refused and not _new_warnings(seen, reference):
        yield "accepted in silence, and must be refused or warned of"
    elif case.expect == Expect.HARMLESS:
        if seen.code != reference.code and not case.kappa_only:
            error = (_errors(seen) or [""])[0]
            yield f"the exit code is {seen.code}, without mutations {reference.code}: {error[:300]}"
        elif seen.code == 0:
            yield from _differences(case, seen, reference)


def _new_warnings(seen, reference):
    def warned(one):
        return {line for line in one.stderr.splitlines() if line.startswith("lensmap: warning: ")}

    return warned(seen) - warned(reference)


def _differences(case, seen, reference):
    for option, name in case.outputs.items():
        one, other = seen.folder / name, reference.folder / name
        is_compared = not case.kappa_only or name == "kappa.fits"
        if option == "--output" and is_compared and one.is_file() and other.is_file():
            text = difference(one, other)
            if text is not None:
                yield f"{name!r} differs from that of the valid inputs: {text}"


def _bounds(seen, limits):
    if seen.too_long or seen.seconds > limits.seconds:
        yield f"took {seen.seconds:.0f} CPU-seconds, or waited"
    if seen.memory is not None and seen.memory > limits.memory:
        yield f"took {seen.memory / 2**20:.0f} MiB of memory"


def _terminal(seen):
    for stream in (seen.stdout, seen.stderr):
        for character in stream:
            if character not in "\n" and unicodedata.category(character) in ("Cc", "Cs"):
                yield f"the control character {character!r} on the terminal"
                return


def _record(case, seen):
    path = seen.folder / RECORD
    if seen.too_long or seen.raised or not path.is_file() or RECORD in case.outputs.values():
        if seen.code == 0 and not path.is_file():
            yield "there is no record"
        return
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        yield f"the record is not JSON: {error}"
        return
    schema = SCHEMAS["$defs"].get(record.get("command"))
    if schema is None:
        yield f"the record is of an unknown command, {record.get('command')!r}"
        return
    validator = jsonschema.Draft202012Validator(schema | {"$defs": SCHEMAS["$defs"]})
    for error in validator.iter_errors(record):
        yield f"the record is not valid: {error.message[:200]}"
    if record["exit_code"] != seen.code:
        yield f"the record has the exit code {record['exit_code']}, not {seen.code}"
    if seen.code in (1, 2) and len(record["errors"]) != 1:
        yield f"the record has {len(record['errors'])} errors"
