# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The workers of a dask cluster, on which commands run their tasks (``--dask``)."""

import logging
from contextlib import contextmanager

from lensmap.cli._messages import OptionError, say
from lensmap.utils import IncompleteRunError, LostExecutorError, import_optional

__all__ = ["dask_executor"]

# The time in which the scheduler must answer, seconds.
_TIMEOUT_S = 20

# dask sets the levels of these loggers one by one.
_LOGGERS = ("distributed", "distributed.client", "distributed.comm", "distributed.core")


@contextmanager
def dask_executor(address, workers, folder):
    """Connect to a dask scheduler, and give an executor that runs tasks on its workers.

    Parameters
    ----------
    address : str
        The address of the scheduler, such as ``tcp://head:8786``.
    workers : int or None
        The number of workers to wait for; None uses those that are connected, and waits for one.
    folder : str
        The folder of the run, for messages.

    Yields
    ------
    executor : `concurrent.futures.Executor`
        The executor.
    workers : int
        The number of workers.

    Raises
    ------
    ImportError
        If dask is not installed.
    OptionError
        If the scheduler does not answer, or a worker has several threads.
    IncompleteRunError
        If the scheduler or all of its workers are lost while the block runs.
    """
    distributed = import_optional("distributed", purpose="--dask", install="'lensmap[survey]'")
    client = None
    # A command ends with one line about a lost scheduler, in place of the log of the client.
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        client = _connected(distributed, address)
        threads = _workers_of(client, workers, address)
        try:
            yield client.get_executor(pure=False, retries=0), len(threads)
        except Exception as error:
            if isinstance(error, LostExecutorError) or client.status != "running":
                raise IncompleteRunError(
                    f"the dask scheduler at {address} was lost: what is finished is in the folder "
                    f"{folder!r}, and the same command goes on with a scheduler that runs"
                ) from error
            raise
    finally:
        if client is not None:
            client.close(timeout=1)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _connected(distributed, address):
    """Return a client of the scheduler at an address."""
    try:
        return distributed.Client(address, timeout=_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:  # TimeoutError is an OSError
        raise OptionError(
            "dask",
            f"--dask: no dask scheduler answers at {address!r} ({' '.join(str(error).split())}): "
            "give the address that 'dask scheduler' prints, such as tcp://head:8786",
        ) from error


def _workers_of(client, workers, address):
    """Return the numbers of threads of the workers, keyed by address, once they are connected."""
    threads = client.nthreads()
    n_wanted = workers or 1
    if len(threads) < n_wanted:
        say(f"waiting for {n_wanted} workers of {address}; {len(threads)} are connected")
        client.wait_for_workers(n_wanted)
        threads = client.nthreads()
    several = {worker: n for worker, n in threads.items() if n != 1}
    if several:
        worker, n = next(iter(several.items()))
        raise OptionError(
            "dask",
            f"--dask: each worker must have one thread, but {len(several)} of {len(threads)} have "
            f"more, such as {worker} with {n}: start them by 'dask worker {address} --nthreads 1 "
            "--nworkers N', with one worker for each core",
        )
    return threads
