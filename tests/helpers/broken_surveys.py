# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Small surveys that are interrupted or damaged, and the content of their folders.

`SurveyKiller` starts one process that imports lensmap once, and forks a child for each run.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

#: The parameters of `lensmap.survey.map_survey` for a survey of some seconds.
SMALL = {
    "pixel_scale": "3 arcmin", "nside": 512, "tile_order": 5, "margin": "0.8 deg",
    "large_scales": False, "workers": 1,
}
SMOOTHING = "6 arcmin"


def write_files(folder, n=2, density=0.6, names=("ra", "dec", "e1", "e2")):
    """Write the galaxies of a small survey to Parquet files, and return their paths."""
    from astropy.table import Table
    from small_survey import galaxies

    table = Table({name: values for name, values in galaxies(side=2.5, density=density).items()
                   if name in names})
    table.meta = {"LMCONV": "celestial", "LMKIND": "shear"}
    paths = []
    for number in range(n):
        paths.append(str(Path(folder, f"part{number}.parquet")))
        table[number::n].write(paths[-1])
    return paths


def map_small(source, folder, estimator=None, **options):
    """Map a small survey; see `lensmap.survey.map_survey`."""
    from lensmap import KaiserSquires
    from lensmap.survey import map_survey

    declared = {} if isinstance(source, str) else {"convention": "celestial", "kind": "shear"}
    if estimator is None:
        estimator = KaiserSquires(smoothing=SMOOTHING)
    return map_survey(source, estimator, folder, **{**SMALL, **declared, **options})


def content(folder, with_scan=True):
    """Return digests of all numbers in the folder of a survey, by their places.

    They are those of the arrays of tiles, scans and models, of the data of HealSparse files, and of
    the partitions. Times and dates are left out.
    """
    from astropy.io import fits

    folder, digests = Path(folder), {}
    patterns = ["tiles/*.npz"]
    if with_scan:
        patterns += ["data/scan/*.npz", "data/frozen/*.npz"]
    for path in (path for pattern in patterns for path in sorted(folder.glob(pattern))):
        with np.load(path) as file:
            for name in file.files:
                if name not in ("facts", "__record__"):
                    digests[f"{path.relative_to(folder)} {name}"] = _digest(file[name])
    for path in sorted(folder.glob("*.hsp")):
        with fits.open(path) as hdus:
            for number, hdu in enumerate(hdus):
                if hdu.data is not None:
                    digests[f"{path.name} {number}"] = _digest(hdu.data)
    for path in sorted(folder.glob("catalog/dataset/**/*.parquet")):
        digests[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digests


def leftovers(folder):
    """Return the names of temporary files and folders, and of locks, below a folder."""
    return [str(path) for path in Path(folder).rglob("*")
            if "-lensmap-" in path.name or path.name.startswith(".lensmap-")]


def _digest(values):
    values = np.ascontiguousarray(values)
    head = f"{values.dtype.descr}{values.shape}".encode()
    return hashlib.sha256(head + values.tobytes()).hexdigest()


class SurveyKiller:
    """A process that maps small surveys in children, which are killed at a given moment.

    A moment is the number of a step: of the flush of a file to the disk, or of the time just before
    or after a file gets its name.
    """

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=True,
        )

    def run(self, source, folder, moment=None, **options):
        """Map a survey, and return the number of steps; minus 1 if the run was killed.

        Parameters
        ----------
        source : str or list of str
            The HATS folder or the files.
        folder : path-like
            The folder of the run.
        moment : int or None
            The step at which the process is killed. None kills nothing.
        **options
            As for `lensmap.survey.map_survey`.
        """
        job = json.dumps([source, str(folder), moment, options])
        self._process.stdin.write(job + "\n")
        self._process.stdin.flush()
        code, n_steps = json.loads(self._process.stdout.readline())
        assert code in (0, -signal.SIGKILL), code
        return n_steps if code == 0 else -1

    def close(self):
        """End the process."""
        self._process.communicate()


def _serve():
    import pyarrow.parquet  # noqa: F401

    import lensmap.survey._map_survey  # noqa: F401

    for line in sys.stdin:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = _run(write, *json.loads(line))
            finally:
                os._exit(code)
        os.close(write)
        _, status = os.waitpid(child, 0)
        with os.fdopen(read) as pipe:
            text = pipe.read()
        print(json.dumps([os.waitstatus_to_exitcode(status), int(text or -1)]), flush=True)


def _run(write, source, folder, moment, options):
    import warnings

    steps = _count_steps(moment)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    warnings.simplefilter("ignore")
    map_small(source, folder, **options)
    os.write(write, str(len(steps)).encode())
    return 0


def _count_steps(moment):
    """Count flushes and renames of files in a list, and kill the process at one of them."""
    steps = []
    replace, flush = os.replace, os.fsync

    def step(name):
        if len(steps) == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        steps.append(name)

    def counted_replace(source, target, **kwargs):
        step("before")
        replace(source, target, **kwargs)
        step("after")

    def counted_flush(number):
        flush(number)
        step("flush")

    os.replace, os.fsync = counted_replace, counted_flush
    return steps


if __name__ == "__main__":
    _serve()
