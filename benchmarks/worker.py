"""A process in which peers are prepared and timed, and how it is asked.

How many threads a framework has, and which backend Keras runs on, is fixed when it is imported: so this module imports neither a
framework nor NumPy, and the process sets its environment first.
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

# What a worker may take to import a framework and to compile a workload, in seconds.
PATIENCE = 600.0


def environment_for(threads: int) -> dict[str, str]:
    """What gives each framework so many threads, and lets those that wait sleep; all of them run on CPUs alone."""
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
    """The process, as who asks it sees it.

    Args:
        environment: variables that are set before anything is imported.
        threads: of each peer, and CPUs of the process, where the system can bind it to some.
    """

    def __init__(self, environment: Mapping[str, str], threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, its_end = context.Pipe()
        arguments = its_end, {**environment_for(threads), **environment}, threads
        self._process = context.Process(target=serve, args=arguments, daemon=True)
        self._process.start()
        its_end.close()

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.is_alive()

    def ask(self, command: str, *arguments: Any, patience: float = PATIENCE) -> Any:
        """What a method of `Bench` returns.

        Raises:
            UnsupportedError, FailedError: it raised so, or anything; or the process ended, or does not answer.
        """
        try:
            self._connection.send((command, arguments))
            if not self._connection.poll(patience):
                self.stop()
                raise FailedError(f"no answer within {patience:.0f} s")
            raised, value = self._connection.recv()
        except (EOFError, OSError) as error:
            self._process.join()
            raise FailedError(f"its process ended with exit code {self._process.exitcode}") from error
        if raised is not None:
            raise raised(value)
        return value

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._connection.close()


def serve(connection: Connection, environment: Mapping[str, str], threads: int) -> None:
    """Answer until nobody asks any more."""
    os.environ.update(environment)
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    bench = Bench(threads)
    with contextlib.suppress(EOFError):
        while True:
            command, arguments = connection.recv()
            connection.send(_answer(bench, command, arguments))


def _answer(bench: Bench, command: str, arguments: tuple[Any, ...]) -> tuple[type[Exception] | None, Any]:
    """What a command returns, or the error to raise of it."""
    try:
        return None, getattr(bench, command)(*arguments)
    except (UnsupportedError, FailedError) as error:
        return type(error), str(error)
    except Exception as error:  # noqa: BLE001  # whatever a framework raises is why its peer is not timed
        said = str(error).strip().partition("\n")[0]
        return FailedError, f"{type(error).__name__}: {said}"


class Bench:
    """What the process holds: prepared peers, by name."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._prepared: dict[str, Any] = {}

    def prepare(self, name: str, module: str, route: str, problem: Any) -> list[Any]:
        """Prepare a peer, and give what it computes."""
        prepared = importlib.import_module(module).prepare(problem, route, self._threads)
        self._prepared[name] = prepared
        return list(prepared.read(prepared.call()))

    def time(self, name: str, seconds: float) -> list[float]:
        """How long calls took, of which so many are made that they take this long together, or one."""
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
        """Let go of all peers."""
        self._prepared.clear()
        gc.collect()
