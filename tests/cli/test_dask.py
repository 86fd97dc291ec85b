# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The connection of commands to a dask cluster, and its loss."""

import logging
import sys
from concurrent.futures import BrokenExecutor, CancelledError, Executor
from types import SimpleNamespace

import pytest

from lensmap.cli._dask import dask_executor
from lensmap.cli._messages import OptionError
from lensmap.utils import IncompleteRunError, run_tasks


class LostExecutor(Executor):
    """An executor whose scheduler is gone: all that it is given is canceled."""

    def submit(self, *arguments):
        raise BrokenExecutor("no scheduler")


class Client:
    """A client of a scheduler with two workers; a stand-in for that of dask."""

    threads = {"tcp://a": 1, "tcp://b": 1}
    made = []

    def __init__(self, address, timeout, set_as_default):
        if address == "tcp://nobody:1":
            raise TimeoutError("Timed out trying to connect")
        assert not set_as_default and timeout > 1
        self.status, self.closed, self.waited = "running", False, 0
        self.made.append(self)

    def nthreads(self):
        return dict(list(self.threads.items())[: None if self.waited else 1])

    def wait_for_workers(self, n):
        self.waited = n

    def get_executor(self, *, pure, retries):
        assert pure is False and retries == 0
        return LostExecutor()

    def close(self, timeout):
        self.closed = True


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(Client=Client))
    monkeypatch.setattr(Client, "made", [])
    return Client


def test_workers_are_waited_for(client):
    logger = logging.getLogger("distributed.client")
    level = logger.level
    with dask_executor("tcp://head:8786", 2, "out") as (executor, n):
        assert isinstance(executor, LostExecutor) and n == 2
        assert client.made[0].waited == 2
    assert client.made[0].closed and logger.level == level
    with dask_executor("tcp://head:8786", None, "out") as (_, n):
        assert n == 1 and client.made[1].waited == 0


def test_several_threads_are_refused_with_what_to_type(client, monkeypatch):
    monkeypatch.setattr(client, "threads", {"tcp://a": 4})
    with pytest.raises(OptionError, match="tcp://a with 4: .* --nthreads 1 --nworkers N"):
        with dask_executor("tcp://head:8786", None, "out"):
            pass
    assert client.made[0].closed


def test_no_scheduler(client):
    with pytest.raises(OptionError, match="no dask scheduler answers at 'tcp://nobody:1'"):
        with dask_executor("tcp://nobody:1", None, "out"):
            pass


def test_dask_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"--dask needs .* pip install 'lensmap\[survey\]'"):
        with dask_executor("tcp://head:8786", None, "out"):
            pass


def test_lost_workers_are_one_line_and_the_way_on(client):
    with pytest.raises(IncompleteRunError, match="at tcp://head:8786 was lost: .* 'out'.*command"):
        with dask_executor("tcp://head:8786", None, "out") as (executor, n):
            list(run_tasks(abs, None, range(3), executor=executor, workers=n))


def test_errors_of_a_client_that_has_closed_are_its_loss(client):
    with pytest.raises(IncompleteRunError, match="was lost"):
        with dask_executor("tcp://head:8786", None, "out"):
            client.made[0].status = "closed"
            raise CancelledError
    with pytest.raises(ZeroDivisionError):
        with dask_executor("tcp://head:8786", None, "out"):
            raise ZeroDivisionError
