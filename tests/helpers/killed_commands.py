# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Run commands that the system kills at a given moment.

`Killer` starts one process that imports lensmap once, and forks a child for each command.
"""

import importlib
import json
import os
import signal
import subprocess
import sys


_SHARED_IMPORTS = (
    "astropy.table", "h5py", "matplotlib.backends.backend_agg", "pandas", "pyarrow.parquet",
    "scipy.ndimage", "lensmap.cli._program", "lensmap.filaments", "lensmap.injection",
    "lensmap.peaks", "lensmap.plotting", "lensmap.profiles", "lensmap.simulate", "lensmap.survey",
)


class Killer:
    """A process that runs commands in children, which are killed."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, words, event, which=""):
        """Run a command and kill it; return the number of the signal, or minus the exit code.

        Parameters
        ----------
        words : list of str
            The words of the command.
        event : str
            The moment. ``"half"``: a file has ``which`` bytes; ``"flush"``: the first file whose
            name contains ``which`` is complete, but has its temporary name; ``"rename"``: likewise,
            and it is about to get its name; ``"renamed"``: it has just got its name.
        which : str or int
            See ``event``.
        """
        job = json.dumps([os.getcwd(), words, event, which])
        self._process.stdin.write(job + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self):
        """End the process."""
        self._process.communicate()


def _serve():
    # Imports that commands need; children share them. TensorFlow's threads do not survive a fork.
    for name in _SHARED_IMPORTS:
        importlib.import_module(name)

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(_run(*json.loads(line)))
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        print(-code, flush=True)


def _run(folder, words, event, which):
    from lensmap.cli import main

    os.chdir(folder)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    _arm(event, which)
    return main(words)


def _arm(event, which):
    import resource

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    if event == "half":
        # The system's default is to kill a process that writes beyond the limit.
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (which, which))
        return
    replace, flush = os.replace, os.fsync

    def replace_and_die(source, target):
        if which not in str(target):
            return replace(source, target)
        if event == "renamed":
            replace(source, target)
        die()

    def flush_and_die(number):
        flush(number)
        if which in os.path.basename(os.readlink(f"/proc/self/fd/{number}")):
            die()

    if event == "flush":
        os.fsync = flush_and_die
    else:
        os.replace = replace_and_die


if __name__ == "__main__":
    _serve()
