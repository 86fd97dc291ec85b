# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The pytest plug-in of mutants.py: tries mutants in forks of a process with collected tests."""

import faulthandler
import functools
import gc
import importlib
import importlib.machinery
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType

import coverage
import pytest
from mutant_code import Mutant

__all__ = ["MutantRunner", "KILLED", "SURVIVED", "TIMED_OUT", "UNTESTED"]

KILLED, SURVIVED, TIMED_OUT, UNTESTED = "killed", "survived", "timed out", "untested"
_PASSED_STATUS, _FAILED_STATUS = 0, 1
# An error of this module; pytest has 2 to 5.
_BROKEN_STATUS = 99
# Functions have it, the bodies of modules and classes have not.
_CO_OPTIMIZED = 1
# Functions that are called where they are defined.
_COMPREHENSIONS = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}


@dataclass(frozen=True)
class Result:
    """The outcome of a mutant, the number of tests that were chosen, and the seconds it took."""

    mutant: Mutant
    outcome: str
    n_tests: int
    seconds: float


class MutantRunner:
    """Replaces the loop of pytest over the tests by one over mutants.

    Parameters
    ----------
    mutants : list of Mutant
        The mutants to try.
    limits : dict
        ``seconds``: the CPU-seconds of the tests that are repeated for one mutant, without the
        mutant; tests beyond are left out, the slowest first. ``factor``: a mutant that takes this
        many times as long has timed out. ``memory_gb``: the address space of a fork.
    """

    def __init__(self, mutants: list[Mutant], limits: dict) -> None:
        self.mutants, self.limits = mutants, limits
        self.results: list[Result] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Find which test runs which line, and try the mutants."""
        if session.testsfailed:
            raise session.Interrupted("the tests could not be collected")
        for path in {mutant.path for mutant in self.mutants}:
            importlib.import_module(_module_name(path))
        gc.unfreeze()  # what the run of another module froze could not be found
        functions = _functions()
        seconds, tests_of = _measure(session, {str(mutant.path) for mutant in self.mutants})
        quickest = sorted(session.items, key=lambda item: seconds[item.nodeid])
        gc.freeze()
        for mutant in self.mutants:
            self.results.append(self._try(session, mutant, quickest, seconds, tests_of, functions))
        return True

    def _try(
        self, session: pytest.Session, mutant: Mutant, quickest: list, seconds: dict,
        tests_of: dict, functions: dict,
    ) -> Result:  # fmt: skip
        """Try one mutant in a fork."""
        start = time.perf_counter()
        path = str(mutant.path)
        pairs = list(_changed(_compiled(mutant.source, path), _compiled(mutant.code, path)))
        if not pairs:
            return Result(mutant, KILLED, 0, 0.0)
        outside = None in pairs
        covering = set().union(*(tests_of.get((path, n), ()) for n in mutant.lines))
        items = self._within_limit(
            [item for item in quickest if outside or item.nodeid in covering], seconds
        )
        if not items:
            return Result(mutant, UNTESTED, 0, 0.0)
        total = sum(seconds[item.nodeid] for item in items)

        def attempt() -> int:
            _limit(5.0 + self.limits["factor"] * total, self.limits["memory_gb"])
            if outside:
                return _run_anew(session, mutant, items)
            for old, new in pairs:
                for function in functions[_identity(old)]:
                    function.__code__ = new
            return _run(session, items)

        status = _in_fork(attempt)
        if status == _BROKEN_STATUS:
            raise session.Interrupted(f"line {mutant.line} of {path} could not be changed")
        outcome = {_PASSED_STATUS: SURVIVED, -signal.SIGPROF: TIMED_OUT, -signal.SIGALRM: TIMED_OUT}
        return Result(
            mutant, outcome.get(status, KILLED), len(items), time.perf_counter() - start
        )

    def _within_limit(self, items: list, seconds: dict) -> list:
        """Return the first tests whose CPU-seconds are within the limit, and at least one."""
        total = 0.0
        for i, item in enumerate(items):
            total += seconds[item.nodeid]
            if i and total > self.limits["seconds"]:
                return items[:i]
        return items


# --- runs of tests -----------------------------------------------------------------------------


def _run(session: pytest.Session, items: list) -> int:
    """Run tests until one fails."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return _FAILED_STATUS
    return _PASSED_STATUS


def _run_anew(session: pytest.Session, mutant: Mutant, items: list) -> int:
    """Import lensmap with the mutant and collect tests again: for code outside of functions."""
    original = importlib.machinery.SourceFileLoader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, fullname: str) -> CodeType | None:
        if self.path == str(mutant.path):
            return compile(mutant.code, self.path, "exec", dont_inherit=True)
        return original(self, fullname)

    importlib.machinery.SourceFileLoader.get_code = get_code
    helpers = [str(folder) for folder in session.config.getini("pythonpath")]
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None) or ""
        if name.partition(".")[0] in ("lensmap", "tests") or any(map(path.startswith, helpers)):
            del sys.modules[name]
    arguments = list(session.config.invocation_params.args)
    options = arguments[: len(arguments) - len(session.config.args)]
    return int(pytest.main([*options, "-x", *(item.nodeid for item in items)]))


def _measure(session: pytest.Session, paths: set[str]) -> tuple[dict, dict]:
    """Return the CPU-seconds of each test, and the tests that run each line of the modules."""

    def attempt() -> int:
        seconds = {}
        recorder = coverage.Coverage(data_file=None, include=sorted(paths), config_file=False)
        recorder.start()
        for item in session.items:
            # Each test makes its fixtures and fills the caches itself, so that lines count for all
            # tests that need them.
            for cached in gc.get_objects():
                if isinstance(cached, functools._lru_cache_wrapper) and str(
                    cached.__module__
                ).startswith("lensmap"):
                    cached.cache_clear()
            recorder.switch_context(item.nodeid)
            before = time.process_time()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            seconds[item.nodeid] = time.process_time() - before
            if session.testsfailed:
                Path(file).write_text(item.nodeid)
                return _FAILED_STATUS
        recorder.stop()
        data = recorder.get_data()
        lines = [
            (path, line, contexts)
            for path in data.measured_files()
            for line, contexts in data.contexts_by_lineno(path).items()
        ]
        Path(file).write_text(json.dumps([seconds, lines]))
        return _PASSED_STATUS

    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "measured.json")
        status = _in_fork(attempt)
        text = Path(file).read_text() if Path(file).exists() else f"status {status}"
    if status != _PASSED_STATUS:
        raise session.Interrupted(f"a test fails without a mutant: {text}")
    seconds, lines = json.loads(text)
    total = sum(seconds.values())
    print(f"{len(seconds)} tests take {total:.0f} CPU-seconds", flush=True)
    return seconds, {(path, line): set(contexts) for path, line, contexts in lines}


# --- forks -------------------------------------------------------------------------------------


def _in_fork(attempt: Callable[[], int]) -> int:
    """Call a function in a fork, and return its result or the negative number of a signal."""
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        status = _BROKEN_STATUS
        try:
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), 1)
                os.dup2(nowhere.fileno(), 2)
            faulthandler.disable()  # it would print where a mutant crashes
            status = attempt()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _limit(cpu_seconds: float, memory_gb: float) -> None:
    """End this process after its CPU-seconds, or, if it waits, after ten times as long."""
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    signal.setitimer(signal.ITIMER_REAL, 10.0 * cpu_seconds)
    n_bytes = int(memory_gb * 1e9)
    resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes))


# --- code --------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=2)
def _compiled(text: str, path: str) -> CodeType:
    return compile(text, path, "exec", dont_inherit=True)


def _changed(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType] | None]:
    """Yield the functions of a module that differ; None for a difference outside of functions."""
    if _outline(old) != _outline(new):
        yield None
    for before, after in zip(_nested(old), _nested(new), strict=True):
        if before.co_name in _COMPREHENSIONS and not _same(before, after):
            yield None
        elif not before.co_flags & _CO_OPTIMIZED:
            yield from _changed(before, after)
        elif not _same(before, after):
            yield before, after


def _same(old: CodeType, new: CodeType) -> bool:
    return _outline(old) == _outline(new) and all(
        _same(before, after) for before, after in zip(_nested(old), _nested(new), strict=True)
    )


def _outline(code: CodeType) -> tuple:
    """Return what a code object does itself, without the functions in it."""
    constants = [repr(value) for value in code.co_consts if not isinstance(value, CodeType)]
    return code.co_code, code.co_names, constants


def _nested(code: CodeType) -> list[CodeType]:
    return [value for value in code.co_consts if isinstance(value, CodeType)]


def _identity(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _functions() -> dict[tuple[str, str, int], list[FunctionType]]:
    """Return all functions of lensmap by the place of their code."""
    functions: dict[tuple[str, str, int], list[FunctionType]] = {}
    for function in gc.get_objects():
        if isinstance(function, FunctionType) and str(function.__module__).startswith("lensmap"):
            functions.setdefault(_identity(function.__code__), []).append(function)
    return functions


def _module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[len(parts) - 1 - parts[::-1].index("lensmap") :])
