"""Options of the benchmarks, the races, and the information that results hold beside the times."""

import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.errors import UnsupportedError
from benchmarks.peers import PEERS
from benchmarks.race import NoTimes, PeerTimes, WorkerPool, race
from benchmarks.workloads import WORKLOADS, Workload
from conformance.pytest_plugin import refuse_repetition

HERE = Path(__file__).parent
QUICK = {"benchmark_max_time": 0.1, "benchmark_min_rounds": 3}
NOT_TIMED = pytest.StashKey[dict[tuple[str, str], NoTimes]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of a run of the benchmarks."""
    group = parser.getgroup("benchmarks of LSTMs")
    possible = range(1, (os.cpu_count() or 1) + 1)
    group.addoption("--threads", type=int, choices=possible, default=1, help="threads that each peer may use (default: 1)")
    group.addoption("--quick", action="store_true", help="a few small workloads, briefly")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Use one process, where only benchmarks run."""
    paths = [Path(config.invocation_params.dir, argument.split("::")[0]).resolve() for argument in config.args]
    if all(path.is_relative_to(HERE) for path in paths):
        config.option.numprocesses = 0
    if config.option.quick:
        vars(config.option).update(QUICK)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse repeated options; prepare the record of peers that cannot be timed."""
    refuse_repetition(config, "--threads")
    config.stash[NOT_TIMED] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the workloads that are not quick."""
    if config.option.quick:
        deselected = [item for item in items if (workload := _workload_of(item)) is not None and not workload.is_quick]
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item not in deselected]


def _workload_of(item: pytest.Item) -> Workload | None:
    return WORKLOADS.get(item.callspec.params.get("workload")) if hasattr(item, "callspec") else None


@pytest.fixture(scope="session")
def threads(request: pytest.FixtureRequest) -> int:
    """The number of threads of each peer."""
    return int(request.config.option.threads)


@pytest.fixture(scope="session")
def run_race(request: pytest.FixtureRequest, threads: int) -> Iterator[Callable[[Workload], Mapping[str, PeerTimes | NoTimes]]]:
    """The race of a workload between the peers whose tests are selected; the last result is cached."""
    workers, options = WorkerPool(threads), request.config.option
    limits = {"seconds": float(options.benchmark_max_time), "rounds": options.benchmark_min_rounds}
    cached: dict[str, dict[str, PeerTimes | NoTimes]] = {}

    def run(workload: Workload) -> Mapping[str, PeerTimes | NoTimes]:
        if workload.name not in cached:
            cached.clear()
            items = [item for item in request.session.items if _workload_of(item) is workload]
            peers = [PEERS[item.callspec.params["peer"]] for item in items if hasattr(item, "callspec")]
            expectation = cache(lambda centred: workload.expectation(centred=centred))
            outcomes = race(workload.problem, lambda peer: expectation(peer.centred), peers, workers, **limits)
            cached[workload.name] = outcomes
            not_timed = {(workload.name, peer): outcome for peer, outcome in outcomes.items() if isinstance(outcome, NoTimes)}
            request.config.stash[NOT_TIMED].update(not_timed)
        return cached[workload.name]

    yield run
    workers.stop()


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Record the peers with their versions and threads, and the reasons why others are absent."""
    versions: dict[str, str] = {}
    absent: dict[str, str] = {}
    for name, peer in PEERS.items():
        try:
            versions[name] = peer.versions()
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
        "peers": versions,
        "not_timed": not_timed,
        "blas": f"{blas['name']} {blas['version']}",
    }


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """List the peers that were not timed, with the reason; one line for several workloads with the same reason."""
    workloads: dict[tuple[str, str], list[str]] = {}
    for (workload, name), outcome in config.stash[NOT_TIMED].items():
        workloads.setdefault((name, outcome.reason), []).append(workload)
    if workloads:
        terminalreporter.section(f"not timed; the others had threads: {config.option.threads}")
    for (name, reason), names in workloads.items():
        terminalreporter.write_line(f"{name}: {reason} ({', '.join(names)})")
