# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Full disks and kills, in every command that writes: a file is whole, old, or not there."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from cli_records import validated
from killed_commands import Killer
from writing_commands import (
    COMMON,
    HATS_METADATA,
    NOT_WHOLE,
    RUNS,
    commands,
    file_size_limit,
    files_in,
    make_inputs,
    output_options,
    read_whole,
)

from lensmap.cli import main
from lensmap.provenance import read_provenance, verify

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits and signals of POSIX")


def cases():
    """Return the runs of all commands as parameters of pytest."""
    for command, runs in RUNS.items():
        for i, words in enumerate(runs):
            is_slow = words[0] == "slow"
            yield pytest.param(
                [*command.split(), *words[is_slow:], *COMMON],
                marks=pytest.mark.slow if is_slow else (),
                id=f"{command} {i}" if len(runs) > 1 else command,
            )


def test_every_command_and_every_output_has_a_run():
    names = [" ".join(name) for name in commands()]
    assert sorted(names) == sorted(RUNS)
    for name in names:
        given = {word for words in RUNS[name] for word in [*words, *COMMON]}
        options = output_options(name.split())
        assert {"json", "log", "save_config"} <= options.keys(), name
        missing = [dest for dest, option in options.items()
                   if dest not in NOT_WHOLE and not given & set(option)]
        assert not missing, f"{name}: no run in RUNS of writing_commands.py writes {missing}"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with the inputs of all commands."""
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


@pytest.fixture
def work(inputs, tmp_path, monkeypatch):
    """A folder to work in, with the inputs and an empty folder of outputs."""
    for path in inputs.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def killer():
    """A process that runs commands and kills them."""
    killer = Killer()
    yield killer
    killer.close()


# The check is undecided on so few galaxies.
DONE = (0, 4)

# Commands that make their inputs, and files that cannot record how they were made. The JSON record
# has their digests.
WITHOUT_INPUTS = {"demo", "simulate fields", "simulate survey", "simulate cluster", "simulate sky",
                  "validate"}
WITHOUT_RECORD = {".csv", ".html", ".npz", ".npy", ".pdf", ".png", ".reg", ".svg", ".toml",
                  ".txt"}


def check_record(path):
    """Check the JSON record of a run by its schema alone, and the files that it names."""
    record = validated(path)
    assert record["inputs"] or record["command"] in WITHOUT_INPUTS
    assert verify(path).findings == []
    for item in record["outputs"]:
        output = next(p for p in (path.parent / item["path"], Path(item["path"])) if p.exists())
        # The settings and the data of a run folder belong to its record.
        in_run = {"data", "dataset"} & {*output.parts} or output.name in (
            *HATS_METADATA, "hats.properties", "settings.json", "export.json",
        )
        if output.suffix in WITHOUT_RECORD or in_run:
            continue
        made = read_provenance(output)
        for name in ("command_line", "inputs", "arguments", "versions"):
            assert made[name] == record[name], output


@pytest.fixture(scope="module")
def sizes_of():
    """A function that returns the sizes of the files of a command, which runs once in all tests."""
    sizes = {}

    def run_once(words):
        key = tuple(words)
        if key not in sizes:
            sizes[key] = finished(words)
        return sizes[key]

    return run_once


def is_run_folder(words):
    """Return whether a command writes a folder, with which the same command goes on."""
    return "out" in words


def leftovers():
    """Return the temporary files in the folder of outputs."""
    # A survey notes the states of its products in a hidden file.
    return [path for path in files_in("out")
            if path.name.startswith(".") and path.name != ".products.json"]


def finished(words):
    """Run a command to its end; return the sizes of its files, keyed by path."""
    assert main(words) in DONE
    check_record(Path("out/r.json"))
    assert not leftovers()
    return {path: path.stat().st_size for path in files_in("out")}


def old_files(words, sizes):
    """Empty the folder of outputs; put old files in the place of outputs of the command line."""
    shutil.rmtree("out")
    os.mkdir("out")
    old = [path for path in sizes if str(path) in words and path.suffix not in (".json", ".toml")]
    for path in old:
        path.write_bytes(b"old")
    return old


def check_files(sizes, old):
    """Check that each file with a final name is an old one, or whole."""
    for path in files_in("out"):
        if path.name.startswith("."):
            continue
        if path in old and path.read_bytes() == b"old":
            continue
        read_whole(path)
    assert all(path.exists() for path in old)


@pytest.mark.parametrize("words", [*cases()])
@pytest.mark.slow
def test_full_disk(words, work, capsys, sizes_of):
    sizes = sizes_of(words)
    # Records of a run hold times, so that the sizes of two runs differ by some bytes.
    for limit in sorted({max(sizes.values()) * 9 // 10, min(sizes.values()) // 2}):
        old = old_files(words, sizes)
        capsys.readouterr()
        with file_size_limit(limit):
            assert main([*words, "--overwrite"]) == 1
        check_files(sizes, old)
        lines = capsys.readouterr().err.splitlines()
        errors = [line for line in lines if "error:" in line]
        assert errors and len(set(errors)) == len(errors), lines
        for line in errors:
            assert "cannot write to '" in line and "out" in line and "free some space" in line
        assert not leftovers()
    assert finished([*words, "--overwrite"]).keys() == sizes.keys()
    check_files(sizes, [])


# The moments at which a command is killed. Slow ones are killed at two: the quick ones write by the
# same function.
MOMENTS = ("half", "flush", "rename", "renamed")
SLOW_MOMENTS = ("half", "rename")


def kills():
    """Return the runs of all commands, each with the moments at which it is killed.

    A command that writes a folder has a case for each moment, because the next run goes on with
    what is in the folder. Another command is killed at all moments, and then finishes among
    what all of them have left behind.
    """
    for case in cases():
        moments = SLOW_MOMENTS if case.marks else MOMENTS
        groups = [(one,) for one in moments] if is_run_folder(*case.values) else [moments]
        for group in groups:
            yield pytest.param(*case.values, group, id=f"{case.id}-{'-'.join(group)}")


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the tests need /proc")
@pytest.mark.parametrize(("words", "moments"), [*kills()])
def test_kill(words, moments, work, killer, sizes_of):
    sizes = sizes_of(words)
    old = old_files(words, sizes)
    for moment in moments:
        which = max(sizes.values()) // 2 if moment == "half" else ""
        number = killer.run([*words, "--overwrite"], moment, which)
        assert number == (signal.SIGXFSZ if moment == "half" else signal.SIGKILL)
        check_files(sizes, old)
    assert finished([*words, "--overwrite"]).keys() == sizes.keys()
    check_files(sizes, [])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["weights.h5", "weights.json", "curve.ecsv", "checkpoint.npz"])
@pytest.mark.parametrize("moment", ["rename", "renamed"])
def test_a_training_that_was_killed_anywhere_goes_on(name, moment, work, killer):
    (words,) = (case.values[0] for case in cases() if case.id == "train")
    assert killer.run(words, moment, name) == signal.SIGKILL
    finished(words)
    check_files({}, [])
    from lensmap.networks import load_network

    # Weights and card belong together again.
    assert load_network("out/weights.h5").card["training"]["steps_done"] == 4
