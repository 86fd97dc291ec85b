# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tasks on workers: in order, the same for any number of them, and whatever fails or dies."""

import os
import pickle
import subprocess
import sys
import time
from concurrent.futures import CancelledError, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import engine_tasks as tasks
import pytest

from lensmap.utils import _engine as engine
from lensmap.utils import _pools as pools
from lensmap.utils import _worker as worker
from lensmap.utils import LostExecutorError, run_tasks


def values(*arguments, **options):
    outcomes = list(run_tasks(*arguments, **options))
    assert all(outcome.error is None for outcome in outcomes)
    return [outcome.value for outcome in outcomes]


here_and_in_threads = pytest.mark.parametrize(
    "options", [{"workers": 1}, {"executor": lambda: ThreadPoolExecutor(2)}],
    ids=["here", "threads"],
)


def attempts(folder):
    return {int(path.name): path.stat().st_size for path in folder.iterdir()}


class TestResults:
    @pytest.mark.slow
    def test_in_order_whichever_is_first(self):
        seen, expected = [], [item**2 for item in range(12)]
        for options in (
            {"workers": 1},
            {"workers": 2, "progress": lambda done, total: seen.append((done, total))},
            {"executor": lambda: ThreadPoolExecutor(3)},
        ):
            assert values(tasks.square, {0: 0.2, 3: 0.1}, range(12), **options) == expected
        assert seen == [(done, 12) for done in range(1, 13)]

    def test_an_executor_of_the_user(self):
        with ThreadPoolExecutor(2) as pool:
            assert values(tasks.square, {}, range(5), executor=pool) == [0, 1, 4, 9, 16]
            assert pool.submit(int, "3").result() == 3  # it is still there

    def test_large_and_small_specifications(self):
        shared = {"large": b"x" * 20_000}
        with ThreadPoolExecutor(2) as pool:
            assert values(tasks.square, shared, range(3), executor=pool) == [0, 1, 4]

    def test_each_worker_builds_the_specification_once(self):
        with ThreadPoolExecutor(1) as pool:
            found = values(tasks.built, {"a": 1}, range(4), executor=pool)
        assert len(set(found)) == 1

    def test_nothing_to_do(self):
        assert list(run_tasks(tasks.square, {}, [])) == []
        assert list(run_tasks(tasks.square, {}, [], executor=ThreadPoolExecutor)) == []

    def test_bounded(self):
        """No more than four for each worker are under way or wait for their turn."""
        begun = []

        class Counting(ThreadPoolExecutor):
            def submit(self, *arguments):
                begun.append(arguments[-1])
                return super().submit(*arguments)

        with Counting(2) as pool:
            outcomes = run_tasks(tasks.square, {}, range(50), executor=pool, workers=2)
            next(outcomes)
            time.sleep(0.1)
            assert len(begun) <= 9
            for _ in range(10):
                next(outcomes)
            time.sleep(0.1)
            assert len(begun) <= 19
            outcomes.close()

    @pytest.mark.slow
    def test_workers_and_threads_share_the_cpus(self, monkeypatch):
        monkeypatch.setattr(pools, "n_cpus", lambda: 4)
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        assert values(tasks.threads, None, range(2), workers=2) == 2 * [
            (min(2, len(os.sched_getaffinity(0))), "2")
        ]

    def test_workers_have_the_threads_of_openmp(self, monkeypatch):
        monkeypatch.setattr(pools, "n_cpus", lambda: 4)
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        assert values(tasks.threads, None, range(2), workers=2) == 2 * [(1, "1")]


class TestFailures:
    @here_and_in_threads
    def test_three_attempts_and_the_rest_goes_on(self, tmp_path, options):
        outcomes = list(run_tasks(tasks.fail, (str(tmp_path), {1, 3}), range(5), **options))
        assert [outcome.value for outcome in outcomes] == [0, None, 2, None, 4]
        assert [str(outcome.error) for outcome in outcomes if outcome.error] == [
            "cannot do 1", "cannot do 3"
        ]
        assert attempts(tmp_path) == {0: 1, 1: 3, 2: 1, 3: 3, 4: 1}

    def test_an_error_of_a_worker_has_its_traceback(self, tmp_path):
        with ThreadPoolExecutor(1) as pool:
            (one,) = run_tasks(tasks.fail, (str(tmp_path), {0}), [0], executor=pool)
        assert isinstance(one.error, ValueError) and "in fail" in one.error.__notes__[0]

    def test_an_error_that_cannot_be_sent(self):
        # Where dask is imported, tblib can send it.
        classes = ("", "PeculiarError: ")
        with ThreadPoolExecutor(1) as pool:
            (one,) = run_tasks(tasks.fail_peculiarly, None, [0], executor=pool)
        assert str(one.error) in [f"{name}this and that" for name in classes]

    def test_an_error_that_passes(self, tmp_path):
        with ThreadPoolExecutor(2) as pool:
            assert values(tasks.fail_once, str(tmp_path), range(3), executor=pool) == [0, 1, 2]

    @here_and_in_threads
    def test_a_full_disk_ends_the_run(self, options):
        with pytest.raises(RuntimeError, match="cannot write"):
            list(run_tasks(tasks.full, None, range(3), **options))

    def test_work_that_cannot_be_sent(self):
        with pytest.raises(TypeError, match="that can be imported .* or use one worker"):
            run_tasks(lambda shared, item: item, None, range(2), workers=2)
        assert values(lambda shared, item: item, None, range(2), workers=1) == [0, 1]

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [({"workers": 0}, ValueError, "workers must be at least 1"),
         ({"executor": 3}, TypeError, "executor must be a concurrent.futures.Executor"),
         ({"progress": 3, "workers": 1}, TypeError, "progress must be")],
    )
    def test_bad_arguments(self, options, error, message):
        with pytest.raises(error, match=message):
            run_tasks(tasks.square, {}, range(2), **options)


class TestUnusableWorkers:
    def specification(self, versions=None, parts=None):
        return pickle.dumps((
            worker._versions() | (versions or {}),
            {},
            pickle.dumps((tasks.square, {})) if parts is None else parts,
            None,
        ))

    @pytest.mark.parametrize(
        ("versions", "parts", "message"),
        [({"numpy": "0.1"}, None, "uses numpy .* run uses numpy 0.1: install the same"),
         ({}, b"cnowhere\nnothing\n.", "cannot load the functions .*ModuleNotFound.*nowhere")],
    )
    def test_end_the_run(self, monkeypatch, versions, parts, message):
        source = self.specification(versions, parts)
        monkeypatch.setattr(engine, "specify", lambda *arguments: source)
        with ThreadPoolExecutor(1) as pool, pytest.raises(RuntimeError, match=message):
            list(run_tasks(tasks.square, {}, range(3), executor=pool))

    def test_without_the_folder_or_with_another_specification(self, tmp_path):
        with pytest.raises(RuntimeError, match="cannot read .* that all machines share"):
            worker.run_task(str(tmp_path / "none"), "digest", None, 0)
        with pytest.raises(RuntimeError, match="received differs from the one at the start"):
            worker.run_task(self.specification(), "digest", None, 0)


@pytest.mark.slow
class TestDeaths:
    def test_one_is_made_good(self, tmp_path):
        assert values(tasks.die, (str(tmp_path), {1: 1}), range(3), workers=2) == [0, 1, 2]
        assert attempts(tmp_path)[1] == 2

    @pytest.mark.slow
    def test_suspects_run_alone_and_the_rest_goes_on(self, tmp_path):
        shared = str(tmp_path), {1: 1, 4: 99}
        outcomes = list(run_tasks(tasks.die, shared, range(6), workers=2))
        assert [outcome.value for outcome in outcomes] == [0, 1, 2, 3, None, 5]
        assert "a worker process ended before its task was done" in str(outcomes[4].error)
        begun = attempts(tmp_path)
        assert begun[4] == 3 and begun[1] == 2
        # Of the innocent, only those that ran beside a culprit were repeated.
        assert sum(begun.values()) <= 6 + 3 + 2 + 2

    def test_of_an_executor_that_a_callable_makes(self, tmp_path):
        made = []

        def make():
            made.append(ProcessPoolExecutor(1, mp_context=get_context("spawn")))
            return made[-1]

        assert values(tasks.die, (str(tmp_path), {0: 1}), range(2), executor=make) == [0, 1]
        assert len(made) == 2

    def test_of_the_executor_of_the_user(self, tmp_path):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            with pytest.raises(LostExecutorError, match="executor have died .* call, which resume"):
                list(run_tasks(tasks.die, (str(tmp_path), {0: 9}), range(2), executor=pool))

    @pytest.mark.slow
    def test_before_any_work(self, tmp_path):
        (tmp_path / "script.py").write_text(
            "from lensmap.utils import run_tasks\n"
            "import engine_tasks\n"
            "list(run_tasks(engine_tasks.square, {}, range(3), workers=2))\n"
        )
        path = os.pathsep.join([str(Path(tasks.__file__).parent), *sys.path])
        done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True,
                              text=True, timeout=60, env=os.environ | {"PYTHONPATH": path})
        assert done.returncode == 1
        last = done.stderr.splitlines()[-1]
        assert 'put the calls of your script under \'if __name__ == "__main__":\'' in last


@pytest.mark.slow
class TestInterrupts:
    def test_nothing_is_pending_in_an_executor_of_the_user(self, monkeypatch):
        monkeypatch.setattr(pools, "_GRACE", 0.05)
        futures = []

        class Remembering(ThreadPoolExecutor):
            def submit(self, *arguments):
                futures.append(super().submit(*arguments))
                return futures[-1]

        with Remembering(1) as pool:
            outcomes = run_tasks(tasks.square, {1: 0.5}, range(9), executor=pool, workers=1)
            assert next(outcomes).value == 0
            outcomes.close()
        assert len(futures) == 5
        for future in futures[2:]:
            with pytest.raises(CancelledError):
                future.result(timeout=5)

    def test_pending_tasks_are_cancelled_and_running_ones_dropped(self, tmp_path, monkeypatch):
        monkeypatch.setattr(pools, "_GRACE", 0.2)
        outcomes = run_tasks(tasks.sleep, str(tmp_path), range(9), workers=2)
        next(outcomes)
        limit = time.monotonic() + 30
        while len(attempts(tmp_path)) < 3 and time.monotonic() < limit:
            time.sleep(0.02)
        start = time.monotonic()
        outcomes.close()
        assert time.monotonic() - start < 15
        assert len(attempts(tmp_path)) == 3

    @pytest.mark.slow
    def test_workers_end_with_a_killed_parent(self, tmp_path):
        script = (
            "import engine_tasks, sys\n"
            "from lensmap.utils import run_tasks\n"
            "if __name__ == '__main__':\n"
            "    list(run_tasks(engine_tasks.report, sys.argv[1], range(2), workers=2))\n"
        )
        (tmp_path / "script.py").write_text(script)
        path = os.pathsep.join([str(Path(tasks.__file__).parent), *sys.path])
        folder = tmp_path / "pids"
        folder.mkdir()
        process = subprocess.Popen([sys.executable, "script.py", str(folder)], cwd=tmp_path,
                                   env=os.environ | {"PYTHONPATH": path})
        limit = time.monotonic() + 60
        while len(list(folder.iterdir())) < 2 and time.monotonic() < limit:
            time.sleep(0.05)
        process.kill()
        process.wait()
        pids = [int(path.name) for path in folder.iterdir()]
        while any(map(_runs, pids)) and time.monotonic() < limit:
            time.sleep(0.05)
        assert len(pids) == 2 and not any(map(_runs, pids))


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
