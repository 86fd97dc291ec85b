# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Run cases one after the other, and keep the inputs of those that break a law."""

import shlex
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path

from fuzz_cases import RECIPES, make_case, reference_of, remove_case
from fuzz_laws import Limits, broken_laws
from fuzz_observe import observe

from lensmap.cli import main

__all__ = ["Finding", "Runner"]


@dataclass(frozen=True)
class Finding:
    """A case that was run.

    Attributes
    ----------
    index : int
        The number of the case.
    case : Case
        The case.
    seen : Observation
        What the command did.
    faults : list of tuple
        The law and the fault of each broken law.
    command : str
        The command line that reproduces it; empty if no law is broken.
    """

    index: int
    case: object
    seen: object
    faults: list
    command: str

    def to_record(self):
        """Return the finding as plain values for a JSON file."""
        return {
            "index": self.index, "command": self.case.recipe.command, "code": self.seen.code,
            "expect": self.case.expect.name.lower(), "mutations": self.case.mutations,
            "faults": [list(one) for one in self.faults], "reproduce": self.command,
            "cpu_seconds": round(self.seen.seconds, 2), "memory_bytes": self.seen.memory,
            "stderr": self.seen.stderr[-2000:], "raised": self.seen.raised[-3000:],
        }


class Runner:
    """A series of cases.

    Parameters
    ----------
    seed : int
        The seed of the series.
    folder : path-like
        The folder for the inputs; those of cases without faults are removed.
    slow : bool
        Whether slow recipes are drawn.
    limits : Limits or None
        The limits to time and memory.
    program : callable
        The function that runs a command line.
    """

    def __init__(self, seed, folder, *, slow=True, limits=None, program=main):
        self.seed, self.folder, self.slow = seed, Path(folder).resolve(), slow
        self.limits, self.program = limits or Limits(), program
        self._references = {}

    def run(self, index):
        """Run the case with a number, and return its `Finding`."""
        name = f"case-{self.seed}-{index}"
        folder = self.folder / name
        remove_case(folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            case = make_case(self.seed, index, folder, slow=self.slow)
        reference = self._reference(case.recipe)
        seen = self._observe(case.words, folder)
        faults = broken_laws(case, seen, reference=reference, limits=self.limits)
        remove_case(folder)
        command = ""
        if faults:
            # The same case once more, as it was before the command ran.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                make_case(self.seed, index, folder, slow=self.slow)
            command = f"cd {shlex.quote(str(folder))} && lensmap {shlex.join(case.words)}"
            (folder / "reproduce.txt").write_text(command + "\n")
        return Finding(index, case, seen, faults, command)

    def close(self):
        """Remove the folders of the references."""
        for seen in self._references.values():
            shutil.rmtree(seen.folder, ignore_errors=True)
        self._references = {}

    def _reference(self, recipe):
        if recipe not in self._references:
            folder = self.folder / f"reference-{RECIPES.index(recipe)}"
            remove_case(folder)
            case = reference_of(recipe, folder)
            seen = self._observe(case.words, folder)
            if seen.code not in (0, 3, 4):
                raise AssertionError(
                    f"{' '.join(case.words)} fails without mutations: {seen.stderr}{seen.raised}"
                )
            self._references[recipe] = seen
        return self._references[recipe]

    def _observe(self, words, folder):
        with warnings.catch_warnings():
            # As in a new interpreter: commands show the warnings of other packages.
            warnings.resetwarnings()
            warnings.simplefilter("default")
            warnings.simplefilter("ignore", DeprecationWarning)
            return observe(self.program, words, folder, seconds=self.limits.seconds)
