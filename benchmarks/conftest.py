"""Options, the races and what their results say beside the times."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.errors import UnsupportedError
from benchmarks.peers import PEERS
from benchmarks.peers.base import Peer
from benchmarks.race import Budget, Crew, NotTimed, Timed, race
from benchmarks.workloads import WORKLOADS, Workload
from conformance.pytest_plugin import refuse_repetition

HERE = Path(__file__).parent
QUICK = {"benchmark_max_time": 0.1, "benchmark_min_rounds": 3}
NOT_TIMED = pytest.StashKey[dict[tuple[str, str], NotTimed]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of a run of the benchmarks."""
    group = parser.getgroup("benchmarks of LSTMs")
    possible = range(1, (os.cpu_count() or 1) + 1)
    group.addoption("--threads", type=int, choices=possible, default=1, help="threads that each peer may use (default: 1)")
    group.addoption("--quick", action="store_true", help="a few small workloads, briefly")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Time in one process, where nothing else is run."""
    paths = [Path(config.invocation_params.dir, argument.split("::")[0]).resolve() for argument in config.args]
    if all(path.is_relative_to(HERE) for path in paths):
        config.option.numprocesses = 0
    if config.option.quick:
        vars(config.option).update(QUICK)


def pytest_configure(config: pytest.Config) -> None:
    """Options are given once; nothing is known yet of who cannot be timed."""
    refuse_repetition(config, "--threads")
    config.stash[NOT_TIMED] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the workloads out that are not quick."""
    if config.option.quick:
        left = [item for item in items if (workload := _workload_of(item)) is not None and not workload.is_quick]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


def _workload_of(item: pytest.Item) -> Workload | None:
    return WORKLOADS.get(item.callspec.params.get("workload")) if hasattr(item, "callspec") else None


@pytest.fixture(scope="session")
def threads(request: pytest.FixtureRequest) -> int:
    """Of each peer."""
    return int(request.config.option.threads)


@pytest.fixture(scope="session")
def run_race(request: pytest.FixtureRequest, threads: int) -> Iterator[Callable[[Workload], Mapping[str, Timed | NotTimed]]]:
    """The race of a workload, between those of its peers whose tests were selected; the last one is kept."""
    crew, options = Crew(threads), request.config.option
    budget = Budget(seconds=float(options.benchmark_max_time), rounds=options.benchmark_min_rounds)
    kept: dict[str, dict[str, Timed | NotTimed]] = {}

    def run(workload: Workload) -> Mapping[str, Timed | NotTimed]:
        if workload.name not in kept:
            kept.clear()
            peers = _selected(request.session.items, workload)
            expectation = cache(lambda centred: workload.expectation(centred=centred))
            kept[workload.name] = race(workload.problem, lambda peer: expectation(peer.centred), peers, crew, budget)
            not_timed = {(workload.name, name): each for name, each in kept[workload.name].items() if isinstance(each, NotTimed)}
            request.config.stash[NOT_TIMED].update(not_timed)
        return kept[workload.name]

    yield run
    crew.stop()


def _selected(items: Sequence[pytest.Item], workload: Workload) -> list[Peer]:
    of_workload = [item.callspec.params for item in items if _workload_of(item) is workload]  # type: ignore[attr-defined]  # of `Function`
    return [PEERS[params["peer"]] for params in of_workload]


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Say who was there, in which version, on how many threads, and why others were not."""
    found: dict[str, str] = {}
    absent: dict[str, str] = {}
    for name, peer in PEERS.items():
        try:
            found[name] = peer.versions()
        except UnsupportedError as error:
            absent[name] = str(error)
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    not_timed: dict[str, dict[str, str]] = {}
    for (workload, name), outcome in config.stash[NOT_TIMED].items():
        if name not in absent:
            not_timed.setdefault(workload, {})[name] = outcome.reason
    machine_info |= {
        "threads": config.option.threads,
        "absent": absent,
        "peers": found,
        "not_timed": not_timed,
        "blas": f"{blas['name']} {blas['version']}",
    }


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Who was not timed, and why: once where the reason is the same in several workloads."""
    workloads: dict[tuple[str, str], list[str]] = {}
    for (workload, name), outcome in config.stash[NOT_TIMED].items():
        workloads.setdefault((name, outcome.reason), []).append(workload)
    if workloads:
        terminalreporter.section(f"not timed; the others had threads: {config.option.threads}")
    for (name, reason), where in workloads.items():
        terminalreporter.write_line(f"{name}: {reason} ({', '.join(where)})")
