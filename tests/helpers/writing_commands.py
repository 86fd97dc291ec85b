# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""All commands that write files, as words for small runs in a folder of inputs.

All outputs lie in the folder ``out``. ``tests/cli/test_interrupted_writes.py`` interrupts each.
"""

import argparse
import json
import tomllib
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lensmap.cli import main
from lensmap.cli._file_types import Output
from lensmap.cli._parser import _COMMANDS, make_parser
from lensmap.cli.commands._demo import demo_table

HALO = ["--mass", "5e14", "1e15", "--z-lens", "0.3", "--z-source", "1"]
KAPPA = ["peaks", "kappa.fits", "--by", "kappa", "--threshold", "0.05"]
RADII = ["--at", "36.91,12.57", "--radii", "1arcmin", "9arcmin", "--bins", "3"]
FIELD = ["--shape", "16", "16", "--pixel-scale", "3arcmin", "--z-source", "1"]
NETWORK = json.dumps({"widths": [4, 6], "blocks": [1, 1], "details": 4})

# The words of one or several runs of each command; those of a slow run begin with "slow".
RUNS = {
    "demo": [["slow", "--output-dir", "out"]],
    "reconstruct": [
        ["shear.fits", "-o", "out/k.fits", "--plot", "out/k.png", "--no-check",
         "--pixel-scale", "2arcmin"],
        ["shear.fits", "-o", "out/k.fits.gz", "--plot", "out/k.pdf", "--no-check",
         "--pixel-scale", "2arcmin"],
        *(["shear.fits", "-o", f"out/k.{suffix}", "--no-check", "--method", "sphere-ks", "--nside",
           "512", "--smoothing", "15arcmin"] for suffix in ("fits", "hsp")),
    ],
    "check": [["shear.fits", "--rotations", "30"]],
    "peaks": [
        # In a run with one format, the table is the largest file, and the first that fails.
        [*KAPPA[1:], "-o", "out/p.fits", "--regions", "out/p.reg", "--plot", "out/p.png"],
        *([*KAPPA[1:], "-o", f"out/p.{suffix}"]
          for suffix in ("h5", "ecsv", "csv", "parquet", "vot")),
    ],
    "profile": [["shear.fits", *RADII, "--no-check", "-o", "out/p.h5", "--plot", "out/p.svg"]],
    "filaments": [["kappa.fits", "--threshold", "1", "-o", "out/f.h5", "--regions", "out/f.reg",
                   "--plot", "out/f.png"]],
    "inject": [["shear.fits", *HALO, "-n", "2", "--no-check", "--pixel-scale", "2arcmin",
                "--threshold", "2", "-o", "out/h.ecsv", "--plot", "out/h.png"]],
    "partition": [["shear.fits", "-o", "out"]],
    "survey": [["shear.fits", "-o", "out", "--pixel-scale", "2arcmin", "--nside", "1024",
                "--smoothing", "4arcmin", "--tile-order", "5", "--margin", "1deg",
                "--no-large-scales", "--workers", "1", "--products", "fits,moc,picture"]],
    "simulate fields": [["-o", "out", "-n", "2", *FIELD, "--workers", "1"],
                        ["-o", "out", "-n", "2", *FIELD, "--workers", "1", "--format", "hdf5"]],
    "simulate survey": [
        ["-o", "out/s.h5", *FIELD, "--density", "1", "--truth", "out/t.h5", "--truth",
         "out/t.ecsv", "--random-mask", "0.3", "--write-mask", "out/m.fits"],
    ],
    "simulate cluster": [["-o", "out/c.h5", "--mass", "5e14", "--z-lens", "0.3", *FIELD,
                          "--survey", "out/s.parquet"]],
    "simulate sky": [["slow", "-o", "out", "--area", "2", "--density", "0.05", "--z-source", "0.4",
                      "--nside", "256", "--min-mass", "5e14", "--workers", "1"]],
    "train": [["slow", "-o", "out", "--fields", "fields", "--steps", "4", "--check-every", "2",
               "--options", NETWORK]],
    "validate": [["slow", "-o", "out", "-e", "ks150", "-n", "2", "--null", "0", "--masked", "0",
                  "--coma", "0", "--shape", "64", "64", "--workers", "1"],
                 ["slow", "--export-fields", "out", "-n", "2", "--null", "0", "--masked", "0",
                  "--coma", "0", "--shape", "64", "64", "--workers", "1"]],
    "verify": [["kappa.fits"]],
}

# A log may stay incomplete: it is appended to, and its loss ends no run.
COMMON = ["--json", "out/r.json", "--save-config", "out/c.toml"]
NOT_WHOLE = {"log"}


def commands(modules=_COMMANDS, above=()):
    """Yield the name of each command as a tuple of words."""
    for module in modules:
        name = (*above, module.NAME)
        yield from commands(module.COMMANDS, name) if hasattr(module, "COMMANDS") else [name]


def output_options(command):
    """Return the options with which a command writes files, by their ``dest``."""
    _, parser = make_parser(list(command))
    return {
        action.dest: action.option_strings for action in parser._actions if _is_output(action)
    }


def _is_output(action):
    if isinstance(action.type, type):
        return issubclass(action.type, Output)
    if action.type is None or isinstance(action, argparse._SubParsersAction):
        return False
    try:
        return isinstance(action.type("out.fits"), Output)
    except (ValueError, argparse.ArgumentTypeError):
        return False


def make_inputs(folder):
    """Write the inputs of all commands to a folder."""
    table = demo_table()[::40]
    table.write(folder / "shear.fits")
    words = ["reconstruct", str(folder / "shear.fits"), "-o", str(folder / "kappa.fits")]
    assert main([*words, "--no-check", "--pixel-scale", "1.5arcmin", "--smoothing", "2arcmin"]) == 0
    assert main(["simulate", "fields", "-o", str(folder / "fields"), "-n", "3", "--shape", "64",
                 "64", "--pixel-scale", "1arcmin", "--z-source", "1", "--workers", "1"]) == 0


def files_in(folder):
    """Return the paths of all files in a folder and its subfolders, sorted."""
    return sorted(path for path in Path(folder).rglob("*") if path.is_file())


def read_whole(path):
    """Read a file completely by the package of its format; raise an error if it is damaged."""
    name = path.name.lower().removesuffix(".gz")
    if path.name in HATS_METADATA:
        HATS_METADATA[path.name](path)
    else:
        _READERS[name[name.rindex("."):]](path)


def _read_fits(path):
    from astropy.io import fits

    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        for hdu in hdus:
            # Tables may be empty, such as that of the halos of a small sky.
            assert hdu.data is None or not hdu.is_image or len(hdu.data)


def _read_hdf5(path):
    import h5py

    with h5py.File(path) as file:
        file.visititems(lambda name, item: item[()] if hasattr(item, "shape") else None)


def _read_picture(path):
    from PIL import Image

    with Image.open(path) as image:
        image.load()


def _table_reader(name):
    from astropy.table import Table

    return lambda path: Table.read(path, format=name)


def _read_arrays(path):
    with np.load(path) as file:
        for name in file.files:
            assert file[name] is not None


def _ends_with(path, end):
    assert path.read_bytes().endswith(end), path


_READERS = {
    ".fits": _read_fits,
    ".hsp": _read_fits,
    ".h5": _read_hdf5,
    ".png": _read_picture,
    ".ecsv": _table_reader("ascii.ecsv"),
    ".csv": _table_reader("ascii.csv"),
    ".vot": _table_reader("votable"),
    ".parquet": _table_reader("parquet"),
    ".npz": _read_arrays,
    ".npy": np.load,
    ".json": lambda path: json.loads(path.read_text()),
    ".toml": lambda path: tomllib.loads(path.read_text()),
    ".reg": lambda path: _ends_with(path, b"\n"),
    ".pdf": lambda path: _ends_with(path, b"%%EOF\n"),
    ".svg": lambda path: _ends_with(path, b"</svg>\n"),
    ".txt": lambda path: _ends_with(path, b"\n"),
    ".html": lambda path: _ends_with(path, b"</html>"),
    ".properties": lambda path: _ends_with(path, b"\n"),
    ".rows": lambda path: None,  # a temporary file of a run that was interrupted
}


def _read_parquet_footer(path):
    from pyarrow import parquet

    parquet.read_metadata(path)


# The files without a suffix in a HATS folder.
HATS_METADATA = {
    "properties": _READERS[".properties"],
    "_metadata": _read_parquet_footer,
    "_common_metadata": _read_parquet_footer,
}


@contextmanager
def file_size_limit(n_bytes):
    """Let the system refuse to write files beyond a size, as a full disk does."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
