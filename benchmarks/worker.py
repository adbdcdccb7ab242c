"""A process that prepares and times peers, and the requests to it.

The threads of a framework and the backend of Keras are fixed when it is imported. So this module imports no framework and no NumPy,
and the process sets its environment first.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import multiprocessing
import os
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from time import perf_counter
from typing import Any

from benchmarks.errors import FailedError, UnsupportedError

# Seconds that a worker may take to import a framework and to compile a workload.
TIMEOUT = 600.0


def environment_for(threads: int) -> dict[str, str]:
    """Environment variables for that number of threads, without busy waiting, on CPUs only."""
    pools = ("OPENBLAS", "OMP", "MKL")
    return {
        **{f"{pool}_NUM_THREADS": str(threads) for pool in pools},
        "OMP_WAIT_POLICY": "PASSIVE",
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": str(threads),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "NPROC": str(threads),  # of XLA's pool in JAX
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()}",
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "-1",
    }


class Worker:
    """The caller's side of a process.

    Args:
        environment: variables that are set before anything is imported.
        threads: of each peer, and number of CPUs of the process where the system supports that.
    """

    def __init__(self, environment: Mapping[str, str], threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, worker_end = context.Pipe()
        arguments = worker_end, {**environment_for(threads), **environment}, threads
        self._process = context.Process(target=serve, args=arguments, daemon=True)
        self._process.start()
        worker_end.close()

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive()

    def request(self, command: str, *arguments: Any, timeout: float = TIMEOUT) -> Any:
        """Call a method of `Bench` in the process.

        Raises:
            UnsupportedError: the method raised it.
            FailedError: the method raised another error, the process ended, or it does not answer.
        """
        try:
            self._connection.send((command, arguments))
            if not self._connection.poll(timeout):
                self.stop()
                raise FailedError(f"no answer within {timeout:.0f} s")
            error_type, value = self._connection.recv()
        except (EOFError, OSError) as error:
            self._process.join()
            raise FailedError(f"its process ended with exit code {self._process.exitcode}") from error
        if error_type is not None:
            raise error_type(value)
        return value

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._connection.close()


def serve(connection: Connection, environment: Mapping[str, str], threads: int) -> None:
    """Answer requests until the connection is closed."""
    os.environ.update(environment)
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    bench = Bench(threads)
    with contextlib.suppress(EOFError):
        while True:
            command, arguments = connection.recv()
            connection.send(_answer(bench, command, arguments))


def _answer(bench: Bench, command: str, arguments: tuple[Any, ...]) -> tuple[type[Exception] | None, Any]:
    """The result of a command, or the type and message of its error."""
    try:
        return None, getattr(bench, command)(*arguments)
    except (UnsupportedError, FailedError) as error:
        return type(error), str(error)
    except Exception as error:  # noqa: BLE001  # a framework may raise anything
        message = str(error).strip().partition("\n")[0]
        return FailedError, f"{type(error).__name__}: {message}"


class Bench:
    """The prepared peers of the process, by name."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._prepared: dict[str, Any] = {}

    def prepare(self, name: str, module: str, route: str, problem: Any) -> list[Any]:
        """Prepare a peer, and return its results."""
        prepared = importlib.import_module(module).prepare(problem, route, self._threads)
        self._prepared[name] = prepared
        return list(prepared.read(prepared.call()))

    def time(self, name: str, seconds: float) -> list[float]:
        """The durations of calls that take at least this long together."""
        if name not in self._prepared:
            raise FailedError("the process that it shared with another peer has ended, and was replaced")
        call = self._prepared[name].call
        durations: list[float] = []
        gc.disable()
        while sum(durations) < seconds:
            start = perf_counter()
            call()
            durations.append(perf_counter() - start)
        gc.enable()
        return durations

    def release(self) -> None:
        """Forget all peers."""
        self._prepared.clear()
        gc.collect()
