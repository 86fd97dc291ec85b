# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files on the command line are checked before any work, in every command."""

import os
from argparse import Namespace

import pytest
from cli_records import code_of
from writing_commands import commands, output_options

from lensmap.cli import main
from lensmap.cli._file_types import (
    ConfigFile,
    InputFile,
    JsonFile,
    LogFile,
    MaybeFile,
    OutputFile,
    OutputFolder,
    OutputFits,
    OutputSegments,
    OutputTable,
    ResumedTable,
    report_file,
)
from lensmap.cli._files import check_files, open_outputs
from lensmap.cli._messages import OptionError
from lensmap.cli._parser import make_parser

OPTIONS = {
    "catalog": "the catalog", "output": "--output", "plot": "--plot", "mask": "--mask",
    "at": "--at", "json": "--json",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with an input to work in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.fits").write_text("galaxies")
    return tmp_path


def check(overwrite=False, **values):
    check_files(Namespace(overwrite=overwrite, **values), OPTIONS)


def test_what_is_fine(folder):
    (folder / "h.ecsv").touch()
    check(
        catalog=InputFile("cat.fits"), output=OutputFile("k.fits"), mask=[InputFile("cat.fits")],
        at=MaybeFile("150.1,2.2"), plot=OutputFolder("new/folder"), json=report_file("r.json"),
    )
    check(output=ResumedTable("h.ecsv"), plot=OutputFits("m.fits.gz"), json=report_file("-"))
    check(overwrite=True, output=OutputTable("h.ecsv"))


@pytest.mark.parametrize(
    ("values", "code", "message"),
    [
        ({"catalog": InputFile("no.fits")}, "not_found",
         "the catalog: there is no file 'no.fits'"),
        ({"mask": [InputFile("cat.fits"), InputFile("no.reg")]}, "not_found",
         "--mask: there is no file 'no.reg'"),
        ({"catalog": InputFile("s3://survey/cat.fits")}, "not_found",
         "the catalog must be on a local or network file system, not 's3://survey/cat.fits': "
         "object stores and web addresses are neither read nor written: use a local copy"),
        ({"mask": [InputFile("https://x.org/a.reg")]}, "not_found", "--mask must be on a local"),
        ({"output": OutputFolder("gs://survey/map")}, "not_found", "--output must be on a local"),
        ({"json": report_file("s3://survey/a.json")}, "not_found", "--json must be on a local"),
        ({"output": OutputFile("cat.fits")}, "file_exists",
         "--output: the file 'cat.fits' exists; --overwrite replaces it"),
        ({"output": OutputFile("sub")}, "not_a_file", "'sub' is a directory"),
        ({"output": OutputFile("pipe"), "overwrite": True}, "not_a_file",
         "a device, pipe or socket"),
        ({"output": OutputFile("no/k.fits")}, "folder_missing",
         "--output: the directory 'no' does not exist"),
        ({"output": OutputFile("cat.fits/k.fits")}, "folder_missing",
         "the directory 'cat.fits' does not exist"),
        ({"output": OutputTable("k.txt")}, "suffix",
         "--output must end in one of .fits, "),
        ({"output": OutputSegments("k.crtf")}, "suffix",
         "--output must end in .reg or .ds9, not 'k.crtf'"),
        ({"output": ResumedTable("k.fits")}, "suffix", "--output must end in .ecsv, not 'k.fits'"),
        ({"output": OutputFolder("cat.fits")}, "not_a_folder",
         "--output: 'cat.fits' is a file, not a directory"),
        ({"output": OutputFolder("cat.fits/a/b")}, "not_a_folder",
         "'cat.fits/a/b' cannot be made, because 'cat.fits' is a file"),
        ({"output": OutputFile("k.fits"), "plot": OutputFile("./k.fits")}, "same_output",
         "--output and --plot: the file './k.fits' is named twice: give different names"),
        ({"plot": [OutputFile("a.fits"), OutputFile("sub/../a.fits")]}, "same_output",
         "--plot: the file 'sub/../a.fits' is named twice: give different names"),
    ],
)
def test_what_is_refused(values, code, message, folder):
    (folder / "sub").mkdir()
    os.mkfifo(folder / "pipe")
    with pytest.raises(OptionError) as caught:
        check(**values)
    assert message in str(caught.value) and caught.value.code == code
    assert caught.value.to_record()["parameter"] in values


@pytest.mark.parametrize("kind", [OutputFile, OutputTable, ResumedTable, OutputFolder, report_file])
@pytest.mark.parametrize("path", ["cat.fits", "./cat.fits", "link.fits", "hard.fits"])
@pytest.mark.parametrize("name", ["catalog", "at", "mask"])
def test_no_output_is_an_input(kind, path, name, folder):
    os.symlink("cat.fits", folder / "link.fits")
    os.link(folder / "cat.fits", folder / "hard.fits")
    source = {"catalog": InputFile, "at": MaybeFile, "mask": lambda p: [InputFile(p)]}[name]
    with pytest.raises(OptionError, match=f"--output: '{path}' is .*{name}.*, which would be lost"):
        check(overwrite=True, output=kind(path), **{name: source("cat.fits")})


def test_a_folder_without_permission(folder, monkeypatch):
    # A superuser may write anywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    for output in (OutputFile("k.fits"), OutputFolder("new")):
        with pytest.raises(OptionError, match="--output: cannot write to the directory '.'"):
            check(output=output)


@pytest.mark.parametrize(
    ("kind", "end"), [(OutputTable, "ecsv"), (ResumedTable, "ecsv"), (report_file, "json")]
)
def test_links_lead_to_files(kind, end, folder):
    (folder / "store").mkdir()
    (folder / "store" / f"real.{end}").touch()
    for name, target in (("link", "store/real"), ("new", "store/new"), ("lost", "no/new")):
        os.symlink(f"{target}.{end}", folder / f"{name}.{end}")
    os.symlink(os.devnull, folder / f"device.{end}")
    check(overwrite=True, output=kind(f"link.{end}"), plot=kind(f"new.{end}"))
    with pytest.raises(OptionError, match="--output: the directory '.*no' does not exist"):
        check(overwrite=True, output=kind(f"lost.{end}"))
    with pytest.raises(OptionError, match=f"--output: 'device.{end}' is a device, pipe or socket"):
        check(overwrite=True, output=kind(f"device.{end}"))
    with pytest.raises(OptionError, match="--output and --plot: the file .* is named twice"):
        check(overwrite=True, output=kind(f"link.{end}"), plot=kind(f"store/real.{end}"))


# A name of a kind of file that no output of this type may have.
OTHER_KINDS = {
    OutputFits: ["k.png", "k.h5", "k", "k.fits.txt"],
    OutputFolder: ["f.fits", "f.PNG", "f.fits.gz", "f.ecsv", "f.json"],
    ConfigFile: ["c.fits", "c.json", "c.png"],
    JsonFile: ["r.fits", "r.toml", "r.ecsv", "r.html"],
    LogFile: ["l.png", "l.fits", "l.json"],
}


@pytest.mark.parametrize(
    ("kind", "path"), [(kind, path) for kind, paths in OTHER_KINDS.items() for path in paths]
)
def test_suffixes_of_other_kinds_are_refused(kind, path, folder):
    with pytest.raises(OptionError, match=f"^--output must .*'{path}'") as caught:
        check(output=kind(path))
    assert caught.value.code == "suffix"


def test_suffixes_without_another_meaning(folder):
    (folder / "old.fits").mkdir()  # whoever has such a folder may go on with it
    check(
        output=OutputFolder("old.fits"), plot=JsonFile("result.2026"), json=LogFile("run.out"),
        mask=[ConfigFile("map.conf")], at=OutputFolder("new.run"),
    )


def test_every_output_of_every_command_refuses_other_suffixes(folder):
    """No output of a command takes a name that is that of a web page."""
    for command in commands():
        for dest, options in output_options(list(command)).items():
            _, parser = make_parser(list(command))
            (action,) = (action for action in parser._actions if action.dest == dest)
            with pytest.raises(OptionError, match=r"--output .*'new\.html'"):
                check(output=action.type("new.html"))


def test_outputs_appear_together_or_not_at_all(folder):
    arguments = Namespace(
        output=OutputFile("a.fits"), truth=[OutputFile("b.fits")], overwrite=False,
        folder=OutputFolder("c"), at=InputFile("cat.fits"),
    )
    with pytest.raises(ValueError, match="on the way"), open_outputs(arguments) as temporary:
        assert list(temporary) == ["a.fits", "b.fits"]
        temporary["a.fits"].write_text("A")
        raise ValueError("on the way")
    assert os.listdir() == ["cat.fits"]
    with open_outputs(arguments) as temporary:
        for path in temporary.values():
            path.write_text("A")
    assert sorted(os.listdir()) == ["a.fits", "b.fits", "cat.fits"]


SIMULATE = "lensmap.simulate.HaloModelField.draw"
READ = "lensmap.catalog.ShearCatalog.__init__"
HALO = ["--mass", "1e14", "--z-lens", "0.3", "--z-source", "1"]
RADII = ["--at", "1,2", "--radii", "1arcmin", "9arcmin"]
FIELDS = ["simulate", "fields", "-o", "f", "-n", "2"]
SURVEY = ["simulate", "survey", "-o", "c.fits"]
CLUSTER = ["simulate", "cluster", "-o", "c.fits", "--preset", "coma"]


@pytest.mark.parametrize(
    ("words", "work", "message"),
    [
        (["reconstruct", "cat.fits", "-o", "k.fits", "--method", "magic"], READ, "magic"),
        (["reconstruct", "cat.fits", "-o", "k.fits", "--z-source", "1"], READ, "--z-source"),
        (["reconstruct", "cat.fits", "-o", "k.fits", "--plot", "k.doc"], READ, "--plot"),
        (["check", "cat.fits", "--at", "no.txt"], READ, "--at"),
        (["peaks", "cat.fits", "--ring", "1deg", "2deg"], "lensmap.ConvergenceMap.read", "--ring"),
        (["peaks", "cat.fits", "--regions", "p.txt"], "lensmap.ConvergenceMap.read", "--regions"),
        (["filaments", "cat.fits", "--plot", "f.doc"], "lensmap.ConvergenceMap.read", "--plot"),
        (["profile", "cat.fits", *RADII, "--structure"], READ, "--structure"),
        (["profile", "cat.fits", *RADII, "--z-source", "euclid"], READ, "euclid"),
        (["inject", "cat.fits", "-o", "h.ecsv", *HALO, "--method", "magic"], READ, "magic"),
        (["inject", "cat.fits", "-o", "h.fits", *HALO], READ, "--output"),
        ([*FIELDS, "--z-source", "-1"], SIMULATE, "--z-source"),
        ([*FIELDS, "--seed", "-1"], SIMULATE, "--seed"),
        ([*SURVEY, "--density", "1e6"], SIMULATE, "use a lower density"),
        ([*SURVEY, "--random-mask", "1.5"], SIMULATE, "--random-mask"),
        ([*SURVEY, "--measurement-error", "des"], SIMULATE, "--measurement-error"),
        ([*CLUSTER, "--substructure", "2"], "lensmap.simulate.ClusterField.draw", "--substructure"),
        ([*CLUSTER, "--survey", "k.txt"], "lensmap.simulate.ClusterField.draw", "--survey"),
        (["train", "-o", "cat.fits"], "lensmap.cli.commands._train.load_networks", "--output"),
        (["demo", "--output-dir", "cat.fits"], "lensmap.cli.commands._demo.demo_table",
         "--output-dir"),
    ],
)
def test_bad_options_are_told_before_the_work(words, work, message, folder, monkeypatch, capsys):
    monkeypatch.setattr(work, lambda *args, **options: pytest.fail("it began to work"))
    code = main(words)
    error = capsys.readouterr().err
    assert code == code_of(error) and message in error and error.count("\n") == 1
    assert os.listdir() == ["cat.fits"]
