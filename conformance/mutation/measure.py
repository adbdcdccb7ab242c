"""Runs cases and probes on a mutant, in a process of its own that imports Keras anew, and records which of them reject it."""

from __future__ import annotations

import builtins
import importlib
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from conformance.adapters.keras.backends import BACKENDS
from conformance.adapters.keras.layer import KerasLayerAdapter
from conformance.cases.case import Case
from conformance.judging.verdict import Result, Verdict
from conformance.known.known_differences import classify, known_differences
from conformance.matrix import CaseOrProbe
from conformance.mutation.mutants import Mutant, mutated, reporting
from conformance.mutation.sources import Source, imported_from
from conformance.probes import run_probe
from conformance.running.runner import run
from lstm_ref import LSTMError

# What a process imports before it makes one process for each mutant, beside the framework: Keras imports it too.
PRELOADED = ("h5py", "ml_dtypes", "namex", "optree", "scipy.signal")
_REPORT = "_report_statement_of_keras"
# Rejections that end the run of a mutant by default: enough to choose among, and an obvious mutant costs little.
ENOUGH = 6
# A run also ends when so many in a row accept a mutant that something has rejected.
PATIENCE = 60
# Seconds of its own processor time that a case may take. Time on a clock would be that of whatever else the machine does.
CPU_SECONDS = 30.0
# Seconds on a clock without a message, after which nothing is known of a mutant.
SILENCE = 900.0
# An UNRESOLVED result says nothing about the mutant.
REJECTING = (Verdict.FAIL, Verdict.ERROR, Verdict.FIXED)


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """The unchanged Keras.

    Attributes:
        environment: of the run.
        results: id of a case or probe → its verdict.
        seconds: id → seconds that it took, alone.
        lines: id → the statements of the recurrent code that it executes, as (file, line).
    """

    environment: Mapping[str, str]
    results: Mapping[str, Verdict]
    seconds: Mapping[str, float]
    lines: Mapping[str, frozenset[tuple[str, int]]] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Rejections:
    """What rejected a mutant.

    Attributes:
        mutant: that ran.
        asked: number of cases and probes that ran.
        rejected_by: ids of those that reject it, in the order in which they ran.
        ended: why the run ended before the last case; "" if it did not.
    """

    mutant: Mutant
    asked: int
    rejected_by: tuple[str, ...]
    ended: str = ""


def observe_baseline(backend: str, planned: Sequence[CaseOrProbe], sources: Sequence[Source]) -> Baseline:
    """Run the unchanged Keras, every case with a new adapter, and note the statements that each executes.

    Raises:
        LSTMError: it cannot be run.
    """
    lines: set[tuple[str, int]] = set()

    def observed(send: Callable[[Any], None]) -> None:
        setattr(builtins, _REPORT, lambda name, line: lines.add((name, line)))
        with ExitStack() as overlays:
            for source in sources:
                overlays.enter_context(imported_from(reporting(source, _REPORT)))
            adapter = KerasLayerAdapter(backend)
            environment = dict(adapter.start())
            send(environment)
            for item in planned:
                lines.clear()
                fresh = KerasLayerAdapter(backend)
                fresh.start()
                started = time.perf_counter()
                result = _judge(item, fresh, environment)
                send((item.id, result.verdict, time.perf_counter() - started, frozenset(lines)))

    environment, *rows = messages = list(_messages(observed))
    if isinstance(messages[-1], _Ended):
        raise LSTMError(f"Keras as it is cannot be run: {messages[-1].reason}")
    return Baseline(
        environment=environment,
        results={name: verdict for name, verdict, _, _ in rows},
        seconds={name: seconds for name, _, seconds, _ in rows},
        lines={name: executed for name, _, _, executed in rows},
    )


def reject(backend: str, source: Source, mutant: Mutant, planned: Sequence[CaseOrProbe], *, enough: int = ENOUGH) -> Rejections:
    """Run cases and probes, in their order, on one mutant until enough reject it. A crash or an endless loop is a rejection."""

    def observed(send: Callable[[Any], None]) -> None:
        _limit_cpu()
        with imported_from(mutated(source, mutant)):
            adapter = KerasLayerAdapter(backend)
            environment = dict(adapter.start())
            for item in planned:
                _limit_cpu()
                send((item.id, None))
                send((item.id, _judge(item, adapter, environment).verdict))

    asked, current, rejected, accepted = 0, "import", list[str](), 0
    for message in _messages(observed):
        if isinstance(message, _Ended):
            by = tuple(rejected) if message.is_silent else (*rejected, current)
            return Rejections(mutant=mutant, asked=asked, rejected_by=by, ended=message.reason)
        current, verdict = message
        asked += verdict is None
        if verdict is None:
            continue
        accepted += 1
        if verdict in REJECTING:
            rejected.append(current)
            accepted = 0
        if len(rejected) == enough or (rejected and accepted == PATIENCE):
            return Rejections(mutant=mutant, asked=asked, rejected_by=tuple(rejected), ended="enough is known")
    return Rejections(mutant=mutant, asked=asked, rejected_by=tuple(rejected))


def _limit_cpu() -> None:
    """From now on, let this process use CPU_SECONDS at most: then a signal ends it."""
    if sys.platform != "win32":  # which cannot fork either
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)


def _judge(item: CaseOrProbe, adapter: KerasLayerAdapter, environment: Mapping[str, str]) -> Result:
    if isinstance(item, Case):
        (result,) = run([item], adapter)
    else:
        result = run_probe(item, adapter.keras)
    return classify(result, environment)


@dataclass(frozen=True)
class _Ended:
    """Why a process ended before its function returned, and whether it was ended because nothing was heard of it."""

    reason: str
    is_silent: bool = False


def _messages(function: Callable[[Callable[[Any], None]], None]) -> Iterator[Any]:
    """What a function sends from a forked process; an _Ended if it dies, raises, or sends nothing for too long."""
    context: Any = multiprocessing.get_context("fork")  # Windows has none, and its type no Process
    receiver, sender = context.Pipe(duplex=False)

    def target() -> None:
        try:
            function(sender.send)
            sender.send(None)
        except Exception as error:  # noqa: BLE001  # a mutant may raise anything while it is imported
            sender.send(_Ended(f"{type(error).__name__}: {error}"))

    process = context.Process(target=target, daemon=True)
    process.start()
    sender.close()
    try:
        yield from _received(receiver)
    finally:
        process.kill()
        process.join()
        receiver.close()


def _received(receiver: Connection) -> Iterator[Any]:
    while True:
        if not receiver.poll(SILENCE):
            yield _Ended(f"no message for {SILENCE:g} s", is_silent=True)
            return
        try:
            message = receiver.recv()
        except EOFError:
            message = _Ended("the process died")
        if message is None:
            return
        yield message
        if isinstance(message, _Ended):
            return


def preload(backend: str) -> None:
    """Import what every mutant's process needs, except Keras."""
    package = BACKENDS[backend].package
    for name in PRELOADED if package == "tensorflow" else (package, *PRELOADED):  # TensorFlow imports Keras itself
        with suppress(ImportError):
            importlib.import_module(name)
    known_differences()
